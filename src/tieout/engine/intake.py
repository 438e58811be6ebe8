"""Intake: what comes from outside is kept as it came, read, translated, and put into the inbox exactly once.

Back-pressure starts here: each lane of the inbox has room for so many messages. Beyond it a caller over HTTP is asked
to come again (429), and files and pulls simply wait. Nothing that was accepted is ever lost.
"""

from collections.abc import Callable, Sequence
from datetime import datetime

import msgspec
from msgspec import Struct

from tieout.engine.originals import Originals
from tieout.engine.stores.port import Receipt, Store
from tieout.engine.stores.rows import UNRESOLVED, DocumentRow, InboxRow
from tieout.kernel.clock import Clock, to_micros
from tieout.kernel.errors import TieoutError
from tieout.kernel.ids import derive, fingerprint, partition_of
from tieout.kernel.problem import Code, Problem
from tieout.model.events import Message
from tieout.model.facts import Fact, InvoiceReceived, encode_fact
from tieout.processes.address import address

CAPACITY = 200_000
"""How many messages may wait in one lane of the inbox."""

_SAMPLE_SECONDS = 1.0


class Full(TieoutError):
    """A lane of the inbox is full. Nothing of this call was accepted; come again later."""

    def __init__(self, lane: int, retry_after_seconds: int) -> None:
        super().__init__(f"the inbox lane {lane} is full; try again in {retry_after_seconds} seconds")
        self.retry_after_seconds = retry_after_seconds


class Answer(Struct, frozen=True):
    """What became of one offered message. ``subject`` is our id of what it is about, if that is known already."""

    receipt: Receipt
    source: str
    key: str
    subject: str
    problem: Problem | None = None


class Delivery(Struct, frozen=True):
    """What a format made of a document: messages, what is wrong with it, and whether it proved itself."""

    format: str
    messages: tuple[Message, ...]
    problems: tuple[Problem, ...]
    proved: bool


class DocumentAnswer(Struct, frozen=True):
    """What became of a document: ``accepted``, ``quarantined`` or ``duplicate`` (nothing in it was new)."""

    hash: str
    status: str
    format: str
    problems: tuple[Problem, ...]
    answers: tuple[Answer, ...]


#: Reads a document: (bytes, hash, name, channel) → what it says.
DocumentReader = Callable[[bytes, str, str, str], Delivery]


class Intake:
    """The one way in, for HTTP, files, pulls and people alike."""

    def __init__(
        self,
        store: Store,
        originals: Originals,
        clock: Clock,
        *,
        partitions: int,
        read_document: DocumentReader,
        capacity: int = CAPACITY,
    ) -> None:
        self._store = store
        self._originals = originals
        self._clock = clock
        self._partitions = partitions
        self._read_document = read_document
        self._capacity = capacity
        self._depth: dict[int, tuple[datetime, int]] = {}

    # ── messages ────────────────────────────────────────────────────────────────────────────────────────────────

    def offer(self, messages: Sequence[Message]) -> list[Answer]:
        """Put messages into the inbox, durably and each once. A key used before for another body is answered so.

        Nothing of the call is accepted when a lane is full (:class:`Full`), or when nothing says where one of the
        messages belongs (``ValueError``: a mistake of the caller's).
        """
        if not messages:
            return []
        self._make_room(messages)
        micros = to_micros(self._clock.now())
        rows = [self.to_row(message, micros) for message in messages]
        receipts = self._store.accept(rows)
        return [_answer(row, receipt) for row, receipt in zip(rows, receipts, strict=True)]

    def to_row(self, message: Message, micros: int) -> InboxRow:
        """The message as the inbox keeps it. Raises ``ValueError`` when nothing says where it belongs."""
        data = encode_fact(message.data)
        home, subject = self._address(message)
        ref = message.ref
        correlation = message.correlation or subject
        return InboxRow(
            0,
            message.source,
            message.key,
            fingerprint(data),
            partition_of(home, self._partitions) if home else UNRESOLVED,
            ref.system if ref else "",
            ref.external_id if ref else "",
            subject,
            type(message.data).type,
            message.entity or entity_of(message.data),
            data,
            correlation,
            message.causation,
            message.actor,
            to_micros(message.occurred_at) if message.occurred_at else micros,
            micros,
            message.lane,
            max(1, to_micros(message.due_at)) if message.due_at else 0,
        )

    @staticmethod
    def _address(message: Message) -> tuple[str, str]:
        if message.ref is not None:
            return "", message.subject
        if message.home:
            return message.home, message.subject
        found = address(message.data)
        if found is None:
            kind = type(message.data).type
            raise ValueError(f"a {kind} must say what it is about: give a reference to the document (system and id)")
        home, subject = found
        if isinstance(message.data, InvoiceReceived):
            subject = invoice_id(message.source, message.key)
        return home, message.subject or subject

    def _make_room(self, messages: Sequence[Message]) -> None:
        now = self._clock.now()
        by_lane: dict[int, int] = {}
        for message in messages:
            by_lane[message.lane] = by_lane.get(message.lane, 0) + 1
        for lane, count in by_lane.items():
            at, depth = self._depth.get(lane, (None, 0))
            if at is None or (now - at).total_seconds() >= _SAMPLE_SECONDS or depth + count > self._capacity:
                at, depth = now, self._store.depth(lane)
            if depth + count > self._capacity:
                raise Full(lane, retry_after_seconds=5)
            self._depth[lane] = (at, depth + count)

    # ── documents ───────────────────────────────────────────────────────────────────────────────────────────────

    def keep(self, body: bytes, *, name: str, media_type: str, channel: str) -> str:
        """Keep an original as it came and return its SHA-256. (The ``Documents`` port of connectors.)"""
        return self._originals.keep(body)

    def document(self, body: bytes, *, name: str, media_type: str, channel: str) -> DocumentAnswer:
        """Take in a document: bytes first, reading second. What cannot be read or does not prove is quarantined
        with its original; nothing of it goes further until it has proved itself."""
        mark = self._originals.keep(body)
        self._note(mark, body, name, media_type, channel, "received")
        found = self._read_document(body, mark, name, channel)
        if not found.proved or not found.messages:
            problems = found.problems or (Problem(Code.UNREADABLE, where=name),)
            self._note(mark, body, name, media_type, channel, "quarantined", found.format, problems)
            return DocumentAnswer(mark, "quarantined", found.format, problems, ())
        answers = tuple(self.offer(found.messages))
        self._note(mark, body, name, media_type, channel, "accepted", found.format, found.problems, len(answers))
        new = any(answer.receipt is Receipt.ACCEPTED for answer in answers)
        return DocumentAnswer(mark, "accepted" if new else "duplicate", found.format, found.problems, answers)

    def _note(
        self,
        mark: str,
        body: bytes,
        name: str,
        media_type: str,
        channel: str,
        status: str,
        format_name: str = "",
        problems: tuple[Problem, ...] = (),
        events: int = 0,
    ) -> None:
        self._store.put_document(
            DocumentRow(
                mark,
                name,
                media_type,
                channel,
                len(body),
                to_micros(self._clock.now()),
                status,
                format_name,
                msgspec.json.encode(problems).decode(),
                events,
            )
        )


def invoice_id(source: str, key: str) -> str:
    """Our id of an invoice, derived from how it arrived: the same arrival is always the same invoice."""
    return derive("inv", source, key)


def entity_of(data: Fact) -> str:
    """The legal entity a fact names itself, wherever it carries it."""
    for holder in (data, *(getattr(data, name, None) for name in ("invoice", "order", "receipt", "task"))):
        entity = getattr(holder, "entity", "")
        if entity:
            return str(entity)
    return ""


def _answer(row: InboxRow, receipt: Receipt) -> Answer:
    problem = None
    if receipt is Receipt.CONFLICT:
        problem = Problem(
            Code.KEY_REUSED,
            where=f"{row.source} {row.key}",
            detail="this key was used before for another body; give the new one a key of its own",
        )
    return Answer(receipt, row.source, row.key, row.subject, problem)
