"""What each problem code means, what to do, and who can. The data stands in ``kernel/problems.toml``."""

import tomllib
from collections.abc import Iterator
from importlib import resources

import msgspec
from msgspec import Struct

from tieout.kernel.problem import Code


class Explanation(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One code in plain words. ``owner`` is who can mend it."""

    meaning: str
    remedy: str
    owner: str


_TEXT = resources.files("tieout.kernel").joinpath("problems.toml").read_text(encoding="utf-8")
EXPLANATIONS: dict[Code, Explanation] = msgspec.convert(tomllib.loads(_TEXT), dict[Code, Explanation])
"""Every code has its explanation; a test holds the two lists equal."""


def explain(code: Code) -> Explanation:
    """What a code means, what to do, and who can."""
    return EXPLANATIONS[code]


def page() -> str:
    """The documentation page of all codes, as Markdown."""
    return "\n".join(_page())


def _page() -> Iterator[str]:
    yield "# Problem codes"
    yield ""
    yield "What can be wrong with data, what to do, and who can. Codes are never renamed or reused."
    yield "This page is generated from `src/tieout/kernel/problems.toml`."
    for code in Code:
        told = EXPLANATIONS[code]
        yield f"\n## `{code.value}`\n"
        yield f"{told.meaning}\n"
        yield f"**What to do:** {told.remedy}\n"
        yield f"**Who can:** {told.owner}"
    yield ""
