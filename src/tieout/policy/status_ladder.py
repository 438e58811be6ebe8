"""What a bank's status says about a payment: a ladder on which a claim only rises, as data in ``status_ladder.toml``.

Banks repeat statuses, send them out of order and at two levels. So the claim of a payment is the *highest* rung that
was ever reported, with the negative ends above all the others: any order and any repetition gives the same claim.
"""

import tomllib
from importlib.resources import files
from typing import Literal

import msgspec
from msgspec import Struct


class Rung(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How we read one status code. The fields are explained at the head of the data file."""

    kind: Literal["claim", "end", "part", "side", "unknown"]
    state: str
    meaning: str
    rank: int = 0
    accepts: bool = False
    flags: bool = False
    freezes: bool = False


class _Returns(Struct, frozen=True, forbid_unknown_fields=True):
    suspect: tuple[str, ...]


class Ladder(Struct, frozen=True, forbid_unknown_fields=True):
    """The whole ladder, and the return reasons that make an account suspect."""

    status: dict[str, Rung]
    returns: _Returns


def read_ladder(text: str) -> Ladder:
    """The ladder in a TOML text. Raises ``msgspec.ValidationError`` for a kind or a key that we do not know."""
    return msgspec.convert(tomllib.loads(text), Ladder)


_LADDER = read_ladder(files("tieout.policy").joinpath("status_ladder.toml").read_text("utf-8"))
STATUSES = _LADDER.status
"""Every status code that we know."""
_UNKNOWN = Rung(kind="unknown", state="unknown", meaning="not a status that we know", flags=True)
_SUSPECT = tuple(code.removesuffix("*") for code in _LADDER.returns.suspect if code.endswith("*"))


def rung(status: str) -> Rung:
    """How to read a status. An unknown code is a rung too, of the kind ``unknown``: flagged, never dropped."""
    return STATUSES.get(status, _UNKNOWN)


def advance(claim: str, reported: str) -> str:
    """The claim after a report: the higher of the two. What is no rung of the ladder changes nothing."""
    return reported if rung(reported).rank > rung(claim).rank else claim


def makes_suspect(reason: str) -> bool:
    """Whether a return for this reason means that the supplier's account details are probably wrong."""
    return reason in _LADDER.returns.suspect or (bool(reason) and reason.startswith(_SUSPECT))
