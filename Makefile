# Needs Python 3.11+ and make, nothing else. `make` alone lists the targets.
SHELL := bash
.SHELLFLAGS := -euo pipefail -c
.DELETE_ON_ERROR:
.DEFAULT_GOAL := help
MAKEFLAGS += --no-print-directory

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
UV := $(BIN)/uv
READY := $(VENV)/.ready
SQL_VENV := .venv-sql
SQL_READY := $(SQL_VENV)/.ready
PYTEST_ARGS ?=

# The same everywhere: nothing reports home, every clock is UTC.
export DBT_SEND_ANONYMOUS_USAGE_STATS := false
export AIRFLOW__USAGE_DATA_COLLECTION__ENABLED := False
export TZ := UTC
export PIP_DISABLE_PIP_VERSION_CHECK := 1
export UV_HTTP_TIMEOUT ?= 180
# An environment somebody has active must not be the one uv writes to.
unexport VIRTUAL_ENV

COMPILE := $(UV) pip compile --universal --python-version 3.11 --no-emit-index-url --no-header --quiet
PYTHON_PATHS := $(wildcard include plugins dags tests scripts benchmarks deploy)
TYPED_PATHS := $(wildcard include plugins)

.PHONY: help
help: ## list the targets
	@grep -hE '^[a-z][a-z-]*:.*## ' $(MAKEFILE_LIST) | sort | awk -F ':.*## ' '{printf "  make %-12s %s\n", $$1, $$2}'

# ---- environments -------------------------------------------------------------------------------------------

.PHONY: setup
setup: $(READY) ## create or refresh .venv from requirements.lock

$(UV):
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' \
		|| { echo "NightWatt needs Python 3.11 or newer; '$(PYTHON)' is $$($(PYTHON) --version 2>&1). Try: make PYTHON=python3.11 setup" >&2; exit 1; }
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet uv

$(READY): requirements.lock pyproject.toml | $(UV)
	$(UV) pip install --quiet --python $(BIN)/python -r requirements.lock
	$(UV) pip install --quiet --python $(BIN)/python --no-deps -e .
	@touch $@

$(SQL_READY): requirements-sql.lock | $(UV)
	$(UV) venv --quiet --clear --python $(BIN)/python $(SQL_VENV)
	$(UV) pip install --quiet --python $(SQL_VENV)/bin/python -r requirements-sql.lock
	@touch $@

.PHONY: lock
lock: $(UV) ## resolve both lock files again (UPGRADE=1 takes newer versions)
	$(COMPILE) $(if $(UPGRADE),--upgrade) --all-extras pyproject.toml -o requirements.lock
	$(COMPILE) $(if $(UPGRADE),--upgrade) requirements-sql.in -o requirements-sql.lock

.PHONY: check-lock
check-lock: $(UV) ## fail if a lock file no longer answers its input file
	@scratch=$$(mktemp -d); trap 'rm -rf "$$scratch"' EXIT; \
	cp requirements.lock requirements-sql.lock "$$scratch"; \
	$(COMPILE) --all-extras pyproject.toml -o "$$scratch/requirements.lock"; \
	$(COMPILE) requirements-sql.in -o "$$scratch/requirements-sql.lock"; \
	for lock in requirements.lock requirements-sql.lock; do \
		diff -u "$$lock" "$$scratch/$$lock" || { echo "$$lock is out of date: run make lock and commit it" >&2; exit 1; }; \
	done

.PHONY: clean
clean: ## remove environments, caches and what runs wrote (var/)
	rm -rf $(VENV) $(SQL_VENV) var build dist dbt_project/target dbt_project/logs .hypothesis
	rm -rf .pytest_cache .mypy_cache .ruff_cache
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

# ---- use it -------------------------------------------------------------------------------------------------

.PHONY: run
run: $(READY) ## one night end to end on simulated data, from nothing
	$(BIN)/python scripts/run_night.py

.PHONY: ui
ui: $(READY) ## Airflow in the browser, with the same home
	$(BIN)/python scripts/ui.py

.PHONY: bench
bench: $(READY) ## benchmarks: ratios against floors and peers
	$(BIN)/python -m benchmarks

.PHONY: docs
docs: $(READY) ## build the documentation
	$(BIN)/python scripts/docs.py

# ---- check it -----------------------------------------------------------------------------------------------

# Two workers, a file to one of them, files in the order in which tests/conftest.py puts them.
PARALLEL := -n 2 --dist loadfile --no-loadscope-reorder

.PHONY: test
test: $(READY) ## every test that needs nothing from the operating system
	$(BIN)/pytest $(PARALLEL) $(PYTEST_ARGS)

.PHONY: test-long
test-long: $(READY) ## the tests that take minutes, left out of `make test`
	$(BIN)/pytest $(PARALLEL) --long -m long $(PYTEST_ARGS)

.PHONY: test-system
test-system: $(READY) ## the tests that need sshd, PostgreSQL and Chromium; as root
	$(BIN)/pytest $(PARALLEL) --system -m system $(PYTEST_ARGS)

.PHONY: lint
lint: $(READY) $(SQL_READY) ## ruff (rules, format) and sqlfluff; changes nothing
	$(BIN)/ruff check $(PYTHON_PATHS)
	$(BIN)/ruff format --check $(PYTHON_PATHS)
	@if [ -d dbt_project ]; then set -x; $(SQL_VENV)/bin/sqlfluff lint --disable-progress-bar dbt_project; fi

.PHONY: types
types: $(READY) ## mypy, strict, on include/ and plugins/
	$(BIN)/mypy $(TYPED_PATHS)

.PHONY: format
format: $(READY) ## let ruff rewrite the Python files
	$(BIN)/ruff check --fix-only --quiet $(PYTHON_PATHS)
	$(BIN)/ruff format $(PYTHON_PATHS)
