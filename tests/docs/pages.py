"""Every page of documentation, taken apart: links, headings, commands."""

import re
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).parents[2]
DOCS = ROOT / "docs"
PAGES = sorted(
    (
        *ROOT.glob("*.md"),
        *DOCS.rglob("*.md"),
        ROOT / "lab" / "README.md",
        *(ROOT / "src" / "tieout" / "connectors").glob("*/README.md"),
    )
)

_FENCE = re.compile(r"^```(\w*)\n(.*?)^```$", re.DOTALL | re.MULTILINE)
_LINK = re.compile(r"\[[^\]]*\]\(([^)\s]+)\)")
_INLINE = re.compile(r"`([^`\n]+)`")


def name(page: Path) -> str:
    return str(page.relative_to(ROOT))


def text(page: Path) -> str:
    return page.read_text(encoding="utf-8")


def fences(page: Path, language: str) -> list[str]:
    """The insides of the code blocks of a language."""
    return [inside for kind, inside in _FENCE.findall(text(page)) if kind == language]


def prose(page: Path) -> str:
    """The page without its code blocks."""
    return _FENCE.sub("", text(page))


def links(page: Path) -> list[str]:
    return _LINK.findall(prose(page))


def inline(page: Path) -> list[str]:
    """Everything in backquotes outside of code blocks."""
    return _INLINE.findall(prose(page))


def anchors(page: Path) -> set[str]:
    """The anchors of a page's headings, as GitHub makes them."""
    found: set[str] = set()
    for line in prose(page).splitlines():
        if line.startswith("#"):
            words = line.lstrip("#").strip().lower()
            found.add(re.sub(r"[^\w\- ]", "", words).replace(" ", "-"))
    return found


def console(page: Path) -> Iterator[tuple[str, list[str]]]:
    """The commands of a page's console blocks in order, each with the output it is shown with."""
    for block in fences(page, "console"):
        command, shown = "", list[str]()
        for line in block.splitlines():
            if line.startswith("$ "):
                if command:
                    yield command, shown
                command, shown = line[2:], []
            else:
                shown.append(line)
        if command:
            yield command, shown
