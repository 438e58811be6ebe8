"""The bank's files to our messages, and which files are still to be read. Pure."""

from collections.abc import Iterable, Sequence
from datetime import date
from hashlib import blake2b
from typing import Any

import msgspec
from msgspec import Struct

from tieout.connectors.bank_sftp.client import RemoteFile
from tieout.engine.documents import facts_of
from tieout.formats.detect import read
from tieout.formats.reading import Context
from tieout.kernel.clock import period_of
from tieout.kernel.money import Money
from tieout.kernel.problem import Code, Problem
from tieout.kernel.text import parse_decimal
from tieout.model.documents import PaymentRun
from tieout.model.events import Message

_DAY_SECONDS = 86_400
#: How files of a payment format end.
_ENDINGS = {"pain.001": "xml", "ach": "ach", "bacs": "txt"}


# ── the cursor ─────────────────────────────────────────────────────────────────────────────────────────────────────


class Cursor(Struct, frozen=True, omit_defaults=True):
    """What was read. ``seen`` holds short digests of name, size and time of files not older than ``since``; older ones
    are not looked at. So a file is read once, and again only when the bank wrote another one under its name."""

    since: int = 0
    seen: tuple[str, ...] = ()

    @classmethod
    def of(cls, text: str) -> "Cursor":
        """Out of the text the engine keeps; empty text is the beginning."""
        return msgspec.json.decode(text, type=cls) if text else cls()

    def __str__(self) -> str:
        return msgspec.json.encode(self).decode()

    def unread(self, files: Iterable[RemoteFile]) -> list[RemoteFile]:
        """The files that are still to be read, oldest first."""
        seen = frozenset(self.seen)
        return sorted(file for file in files if file.modified >= self.since and digest_of(file) not in seen)

    def after(
        self, listed: Sequence[RemoteFile], done: Iterable[RemoteFile], left: Iterable[RemoteFile], remember_days: int
    ) -> "Cursor":
        """Where we stand when some were read and some had to be left. What is left must not be forgotten."""
        newest = max((file.modified for file in listed), default=self.since)
        oldest_left = min((file.modified for file in left), default=newest)
        since = max(self.since, min(newest - remember_days * _DAY_SECONDS, oldest_left))
        known = frozenset(self.seen) | {digest_of(file) for file in done}
        there = {digest_of(file) for file in listed if file.modified >= since}
        return Cursor(since, tuple(sorted(known & there)))


def digest_of(file: RemoteFile) -> str:
    """A short name of a file as it stands now."""
    return blake2b(f"{file.name}\x1f{file.size}\x1f{file.modified}".encode(), digest_size=6).hexdigest()


# ── reading ────────────────────────────────────────────────────────────────────────────────────────────────────────


class Contents(Struct, frozen=True):
    """What a file states. With problems it states nothing: it is unfinished, does not prove itself, or is not ours."""

    messages: tuple[Message, ...] = ()
    problems: tuple[Problem, ...] = ()


def read_file(system: str, accounts: dict[str, str], body: bytes, mark: str) -> Contents:
    """Read a file of the bank: all of it, or nothing. ``mark`` is the SHA-256 of its bytes, which names the messages,
    so that the same bytes under another name say nothing twice."""
    context = Context(entities_by_iban=accounts)
    reading = read(body, context=context)
    if not reading.proof.holds:
        return Contents(problems=reading.diagnostics or (Problem(Code.UNREADABLE),))
    problems: list[Problem] = []
    stated = [each for record in reading.records for each in facts_of(record, mark, system, context, problems)]
    if problems:
        return Contents(problems=tuple(problems))
    return Contents(
        tuple(
            Message(
                source=system,
                key=f"{mark}/{number}",
                data=fact,
                ref=about,
                entity=entity,
                actor=f"system:{system}",
            )
            for number, (about, fact, entity) in enumerate(stated)
        )
    )


# ── asking and telling ─────────────────────────────────────────────────────────────────────────────────────────────


def file_name(run: PaymentRun, payment_format: str) -> str:
    """The name of a payment file at the bank: the run's own id, which is also its MsgId in ISO 20022."""
    return f"{run.run_id}.{_ENDINGS.get(payment_format, 'txt')}"


def closing_balance(statements: dict[str, Any], period: str) -> Money | None:
    """What the last statement up to the end of a period (or of all) closed with; ``None`` without a currency.

    ``statements`` is what the status API says of an account.
    """
    last = None
    for statement in statements["statements"]:
        if not period or period_of(date.fromisoformat(statement["day"])) <= period:
            last = statement
    if last is None:
        return None
    amount = parse_decimal(last["closing"])
    if amount is None:
        raise ValueError(f"{last['closing']!r} is not a plain decimal number")
    return Money.of(amount, last["currency"])
