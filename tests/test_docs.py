"""The pages run: every Python block of the textbook is executed, and what it prints is what the page shows."""

import contextlib
import io
import re
from pathlib import Path

import pytest

DOCS = Path(__file__).parents[1] / "docs" / "textbook"
PAGES = sorted(DOCS.glob("*/*.md"))

_FENCE = re.compile(r"^```(\w+)\n(.*?)^```$", re.MULTILINE | re.DOTALL)


def blocks(page: Path) -> list[tuple[str, str]]:
    """(language, content) of every fenced block, in order."""
    return _FENCE.findall(page.read_text(encoding="utf-8"))


def name_of(page: Path) -> str:
    return str(page.relative_to(DOCS))


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_a_page_prints_what_it_shows(page: Path) -> None:
    namespace: dict[str, object] = {}
    found = blocks(page)
    assert [language for language, _ in found] == ["python", "text"] * (len(found) // 2), "each block shows its output"
    for (_, code), (_, shown) in zip(found[::2], found[1::2], strict=True):
        printed = io.StringIO()
        with contextlib.redirect_stdout(printed):
            exec(compile(code, str(page), "exec"), namespace)
        assert printed.getvalue().rstrip() == shown.rstrip()


def test_there_is_a_page_for_each_chapter_in_both_languages() -> None:
    names = {language: [page.name for page in PAGES if page.parent.name == language] for language in ("en", "zh")}
    assert len(names["en"]) == 4
    assert names["en"] == names["zh"]
    assert len(PAGES) == 8


@pytest.mark.parametrize("page", [page for page in PAGES if page.parent.name == "en"], ids=name_of)
def test_both_languages_run_the_same_code(page: Path) -> None:
    def without_comments(path: Path) -> list[str]:
        return [re.sub(r"\s*#.*", "", content) for _, content in blocks(path)]

    assert without_comments(page) == without_comments(DOCS / "zh" / page.name)


@pytest.mark.parametrize("page", [DOCS / "README.md", *PAGES], ids=name_of)
def test_every_link_leads_somewhere(page: Path) -> None:
    links = re.findall(r"\]\(([^)#:]+)\)", page.read_text(encoding="utf-8"))
    for link in links:
        assert (page.parent / link).exists(), link


def test_the_pages_show_every_figure_of_the_gallery() -> None:
    from thalweg.figures import FIGURES

    for language in ("en", "zh"):
        text = "".join(page.read_text(encoding="utf-8") for page in PAGES if page.parent.name == language)
        assert {name for name in FIGURES if f"../figures/{name}.svg" in text} == set(FIGURES)
