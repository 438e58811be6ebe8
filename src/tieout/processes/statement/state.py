"""Where an account stands: the end of its chain, what is remembered of it, and what waits behind a gap."""

from datetime import date

import msgspec
from msgspec import Struct

from tieout.kernel.ids import fingerprint
from tieout.kernel.money import Money
from tieout.model.documents import BankStatement

#: So many statements may wait for a missing one: a month of days.
WAITING_MAX = 31
#: So many accepted statements are remembered, to know a repetition from a statement that we never saw.
KNOWN_MAX = 93
#: The status of an entry that counts in the balance.
BOOKED = "BOOK"


class Known(Struct, frozen=True, array_like=True):
    """An accepted statement: its content's fingerprint, how it ended, and who told it."""

    statement_id: str
    mark: str
    closed_on: date
    closing: Money
    told_by: str = ""


class State(Struct, frozen=True, omit_defaults=True):
    """Where an account stands: the end of the chain, what waits behind a gap, and what was refused (id → its day).

    ``known`` are the last accepted ones, the newest first.
    ``moved_by`` is the event that last brought a new statement: a repetition is told by it. ``told_by`` says who told
    those that wait (id → actor); ``retold_by`` is the event that last told an accepted one by somebody else.
    ``overruled`` are files of people that the bank contradicted, until its own are accepted in their place.
    """

    entity: str
    currency: str
    statement_id: str = ""
    closing: Money | None = None
    closed_on: date | None = None
    known: tuple[Known, ...] = ()
    waiting: tuple[BankStatement, ...] = ()
    refused: dict[str, date] = {}
    unmatched: int = 0
    moved_by: str = ""
    told_by: dict[str, str] = {}
    retold_by: str = ""
    overruled: tuple[Known, ...] = ()


def known_as(statement: BankStatement, teller: str) -> Known:
    """What is remembered of a statement once it is accepted."""
    return Known(statement.statement_id, mark_of(statement), statement.closed_on, statement.closing, teller)


def mark_of(statement: BankStatement) -> str:
    """The fingerprint of its content, which tells a repetition from another content under the same id."""
    return fingerprint(msgspec.json.encode(statement))[:16]


def told_before(state: State, statement_id: str) -> Known | None:
    """What we hold under this id, accepted or waiting, and who told it."""
    for known in state.known:
        if known.statement_id == statement_id:
            return known
    for one in state.waiting:
        if one.statement_id == statement_id:
            return known_as(one, state.told_by.get(statement_id, ""))
    return None


def held_mark(state: State, statement_id: str) -> str:
    """The fingerprint of the statement that we hold under this id, accepted or waiting; empty when there is none."""
    held = told_before(state, statement_id)
    return held.mark if held else ""
