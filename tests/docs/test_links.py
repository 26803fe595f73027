"""Every relative link in a page leads somewhere."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.docs.markdown import REPOSITORY, anchors, links, pages


def broken(page: Path) -> list[str]:
    """Return the links of a page that lead nowhere."""
    found = []
    for link in links(page.read_text("utf-8")):
        if "://" in link or link.startswith("mailto:"):
            continue
        name, _, anchor = link.partition("#")
        target = page.parent / name if name else page
        if not target.exists() or (anchor and anchor not in anchors(target.read_text("utf-8"))):
            found.append(link)
    return found


@pytest.mark.parametrize("page", pages(), ids=lambda p: str(p.relative_to(REPOSITORY)))
def test_links_resolve(page: Path) -> None:
    assert broken(page) == []


def test_a_broken_link_is_noticed(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text(
        "# A title\n[x](gone.md) [x](page.md#a-title) [x](#no-such) [x](https://example.invalid/) `[x](in_code.md)`"
    )

    assert broken(page) == ["gone.md", "#no-such"]
