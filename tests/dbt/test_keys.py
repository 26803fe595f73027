"""External ids: built from system, object and native key, at full width, and never from a part that is not there."""

from __future__ import annotations

from typing import Any

import duckdb
import jinja2
import pytest
from tests.dbt.scratch import PROJECT


class _Refused(Exception):
    """What dbt raises at compile time."""


def _key(call: str, row: str, *, with_client: bool = False) -> Any:
    def refuse(message: str) -> None:
        raise _Refused(message)

    class Exceptions:
        raise_compiler_error = staticmethod(refuse)

    source = (PROJECT / "macros" / "keys.sql").read_text(encoding="utf-8")
    known = {"var": {"isu_prefix_with_client": with_client}.__getitem__, "exceptions": Exceptions}
    sql = jinja2.Environment(autoescape=False).from_string(f"{source}{{{{ {call} }}}}", globals=known).render()
    with duckdb.connect() as con:
        return con.execute(f"select {sql.strip()} as key from (select {row})").fetchall()[0][0]


@pytest.mark.parametrize(
    ("call", "row", "key"),
    [
        ("external_id('CCB', 'PER', 'person_id')", "'0012345678' as person_id", "CCB|PER|0012345678"),
        ("external_id('CCB', 'AP', 'a', 'p')", "'0000000001' as a, '0000000002' as p", "CCB|AP|0000000001|0000000002"),
        ("external_id('CCB', 'AP', 'a', 'p')", "'0000000001' as a, null::varchar as p", None),
        ("external_id('ISU', 'BP', 'p')", "'0012345678' as p, '100' as client", "ISU|BP|0012345678"),
    ],
)
def test_a_key_is_system_object_and_native_key(call: str, row: str, key: str | None) -> None:
    """Zeros stay; a missing part makes no key."""
    assert _key(call, row) == key


def test_the_client_joins_the_prefix_where_a_deployment_says_so() -> None:
    """Two clients may use the same number; a join names whose client is meant."""
    row = "'1' as p, '100' as client, '200' as other"
    assert _key("external_id('ISU', 'BP', 'p')", row, with_client=True) == "ISU100|BP|1"
    assert _key("external_id('ISU', 'BP', 'p', client='other')", row, with_client=True) == "ISU200|BP|1"
    assert _key("external_id('CCB', 'PER', 'p')", row, with_client=True) == "CCB|PER|1"


def test_a_key_without_a_key_part_is_refused() -> None:
    """All rows would share it."""
    with pytest.raises(_Refused, match="no key"):
        _key("external_id('CCB', 'PER')", "1 as one")
