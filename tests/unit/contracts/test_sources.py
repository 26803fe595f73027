"""Where feeds come from: what a source is called, and where its files lie."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest
from tests.support.arrival import make_feed

from nightwatt.contracts.sources import HttpSource, SftpSource

SFTP = {"kind": "sftp", "connection": "mdm", "folder": "/out/reads"}


@pytest.mark.parametrize(
    ("source", "place"),
    [({"kind": "local"}, "the inbound folder mdm"), (SFTP, "/out/reads on sftp:mdm")],
)
def test_files_lie_in_a_folder_here_or_on_a_server(source: dict[str, Any], place: str) -> None:
    assert make_feed(arrival={"source": source}).arrival.place == place


def test_feeds_of_one_connection_share_a_name_and_those_of_other_folders_no_place() -> None:
    one, other = (make_feed(arrival={"source": SFTP | {"folder": folder}}).arrival for folder in ("/a", "/b"))

    assert isinstance(one.source, SftpSource) and isinstance(other.source, SftpSource)
    assert one.source.name == other.source.name == "sftp:mdm"
    assert one.place != other.place


@pytest.mark.parametrize(
    ("form", "text"),
    [
        ("{since:%Y-%m-%dT%H:%M:%SZ}", "2026-03-09T00:00:00Z"),
        ("edited >= TIMESTAMP '{since:%Y-%m-%d %H:%M:%S}'", "edited >= TIMESTAMP '2026-03-09 00:00:00'"),
        ("{since_ms}", "1773014400000"),
    ],
)
def test_a_time_is_asked_from_in_the_services_own_words(form: str, text: str) -> None:
    source = HttpSource(
        kind="http", connection="gis", path="rows", changed_at="edited", changed_since_parameter="q", changed_since=form
    )

    assert source.since_text(datetime(2026, 3, 9, tzinfo=UTC)) == text


@pytest.mark.parametrize("form", ["{when}", "{since", "{0}", "{since.nothing}"])
def test_a_form_that_asks_for_something_else_is_refused(form: str) -> None:
    with pytest.raises(ValueError, match="changed_since may hold"):
        HttpSource(
            kind="http", connection="gis", path="rows", changed_at="e", changed_since_parameter="q", changed_since=form
        )
