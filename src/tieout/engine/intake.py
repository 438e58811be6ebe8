"""Intake: what comes from outside is kept as it came, read, translated, and put into the inbox exactly once.

Back-pressure starts here: each lane of the inbox has room for so many messages. Beyond it a caller over HTTP is asked
to come again (429), and files and pulls simply wait. Nothing that was accepted is ever lost.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import datetime
from itertools import islice
from typing import Literal

import msgspec
from msgspec import Struct

from tieout.engine.originals import Originals
from tieout.engine.stores.port import Receipt, Store
from tieout.engine.stores.rows import UNRESOLVED, DocumentRow, InboxRow
from tieout.formats.source import Bytes, Source
from tieout.kernel.clock import Clock, to_micros
from tieout.kernel.errors import TieoutError
from tieout.kernel.ids import derive, fingerprint, partition_of
from tieout.kernel.problem import Code, Problem
from tieout.model.effects import Letter
from tieout.model.events import Message
from tieout.model.facts import (
    DocumentHandedIn,
    DocumentQuarantined,
    DocumentRead,
    EntriesNotified,
    Fact,
    InvoiceReceived,
    MailOpened,
    MailPart,
    StatementReceived,
    document_home,
    encode_fact,
    mail_home,
)
from tieout.policy.duties import is_person
from tieout.ports import Taken
from tieout.processes import hands
from tieout.processes.address import address

CAPACITY = 200_000
"""How many messages may wait in one lane of the inbox."""

_SAMPLE_SECONDS = 1.0
#: So many messages of a long document go in one transaction.
_BATCH = 500
_HANDS = msgspec.json.Decoder(hands.State)
#: What proves payments. Who tells it matters (:mod:`tieout.processes.payment`).
_OF_THE_BANK = (StatementReceived, EntriesNotified)
#: So many problems of a document in quarantine are told in the log; all of them stand beside the document.
_TOLD_MAX = 20


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
    """What a format made of a document: messages, what is wrong with it, and whether it proved itself.

    ``gates`` are messages that must be new, or of this very document, for it to be taken at all: the control numbers of
    its envelopes. ``envelopes`` gives what is told whatever becomes of the document, since partners are answered either
    way; it is called with ``refusals``, those of the problems that refuse the whole. ``set_aside`` counts parts that
    were refused by themselves.
    ``again``: there are more messages than ``messages`` holds; it reads the document anew and gives all of them, so
    that no document has to be in memory as a whole. ``parts`` are documents that this one only holds. ``letter``: it is
    a mail, and its sender may get an answer.
    """

    format: str
    messages: tuple[Message, ...]
    problems: tuple[Problem, ...]
    proved: bool
    refusals: tuple[Problem, ...] = ()
    gates: tuple[Message, ...] = ()
    envelopes: Callable[[tuple[Problem, ...]], tuple[Message, ...]] | None = None
    set_aside: int = 0
    again: Callable[[], Iterator[Message]] | None = None
    parts: tuple[tuple[str, Source], ...] = ()
    letter: Letter | None = None


DocumentStatus = Literal["accepted", "partly", "unpacked", "quarantined", "duplicate"]


class DocumentAnswer(Struct, frozen=True):
    """What became of a document: ``accepted``, ``partly`` (parts were refused by themselves), ``unpacked`` (it held
    ``parts``), ``quarantined`` or ``duplicate`` (nothing in it was new)."""

    hash: str
    status: DocumentStatus
    format: str
    problems: tuple[Problem, ...]
    answers: tuple[Answer, ...]
    parts: tuple["DocumentAnswer", ...] = ()


#: Reads a document: (its bytes, name, channel) → what it says.
DocumentReader = Callable[[Source, str, str], Delivery]


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
        """Keep what a system told as it came and return its SHA-256. (The ``Documents`` port of connectors.)"""
        return self._originals.keep(body)

    def take(self, document: Source | bytes, *, name: str, media_type: str, channel: str) -> Taken:
        """Take in a document and say what became of it. (The ``Documents`` port of connectors.)"""
        return _taken(self.document(document, name=name, media_type=media_type, channel=channel))

    def document(
        self, document: Source | bytes, *, name: str, media_type: str, channel: str, actor: str = ""
    ) -> DocumentAnswer:
        """Take in a document: bytes first, reading second. What cannot be read or does not prove is quarantined
        with its original; nothing of it goes further until it has proved itself.

        ``actor`` hands it in: a person tells what the document states, and is held to it by their duties.
        """
        source = Bytes(document) if isinstance(document, bytes) else document
        self._originals.keep(source)
        known = _Known(source.mark, name, media_type, channel, source.size, actor)
        if is_person(actor):
            handed_in = DocumentHandedIn(mark=known.mark, name=name, channel=channel)
            self.offer([_about(known, handed_in, f"handed-in/{actor}", actor)])
        self._note(known, "received")
        return self._read(source, known)

    def original(self, mark: str) -> Source:
        """A document as it came. Raises ``PermanentError`` when we do not have it."""
        return self._originals.source(mark)

    def retry(self, mark: str, actor: str, reason: str) -> DocumentAnswer:
        """Read a document again that is in quarantine, or whose reading was interrupted: a mapping was mended, a
        reader added, room made. Raises ``PermanentError`` when we do not have it.

        What it states is told by whoever handed it in, not by whoever has it read again.
        """
        row = self._store.document(mark)
        source = self._originals.source(mark)
        name, media_type, channel = (row.name, row.media_type, row.channel) if row else ("", "", "retry")
        found = self._store.states([(hands.PROCESS.name, mark)]).values()
        handed_in_by = next((hands.handed_in_by(_HANDS.decode(data)) for data in found), "")
        teller = handed_in_by or (actor if is_person(actor) else "")
        return self._read(source, _Known(mark, name, media_type, channel, source.size, teller), actor, reason)

    def resume(self, older_than: datetime, limit: int = 20) -> int:
        """Read the documents whose reading was interrupted by a crash or a full inbox. Returns how many were read."""
        marks = self._store.interrupted_documents(to_micros(older_than), limit)
        for mark in marks:
            self.retry(mark, "system:intake", "its reading was interrupted")
        return len(marks)

    def _read(self, source: Source, known: "_Known", actor: str = "", reason: str = "") -> DocumentAnswer:
        found = self._read_document(source, known.name, known.channel)
        if found.parts:
            return self._unpack(found, known)
        gates = self.offer(found.gates)
        used = tuple(answer.problem for answer in gates if answer.problem)
        if found.envelopes:
            self.offer(found.envelopes(used or found.refusals))
        problems = found.problems + used
        if used or not found.proved or not found.messages:
            problems = problems or (Problem(Code.UNREADABLE, where=known.name),)
            self._note(known, "quarantined", found.format, problems)
            self.offer([_quarantined(known, found.format, problems)])
            answer = DocumentAnswer(known.mark, "quarantined", found.format, problems, ())
            self._tell_of_mail(found, known, (MailPart(known.name, known.mark, answer.status, problems[:_TOLD_MAX]),))
            return answer
        answers = tuple(self._deliver(found, known.actor))
        self._note(known, "partly" if found.set_aside else "accepted", found.format, problems, len(answers))
        if actor:
            read = DocumentRead(mark=known.mark, format=found.format, facts=len(answers), reason=reason)
            self.offer([_about(known, read, f"read/{len(answers)}", actor)])
        new = any(answer.receipt is Receipt.ACCEPTED for answer in (*gates, *answers))
        status: DocumentStatus = "duplicate" if not new else "partly" if found.set_aside else "accepted"
        return DocumentAnswer(known.mark, status, found.format, problems, answers)

    def _deliver(self, found: Delivery, actor: str) -> Iterator[Answer]:
        """A document that was held whole goes in one transaction; a larger one, which has proved itself, in many."""
        if found.again is None:
            yield from self.offer(list(_told_by(actor, found.messages)))
            return
        messages = _told_by(actor, found.again())
        while batch := list(islice(messages, _BATCH)):
            yield from self.offer(batch)

    def _unpack(self, found: Delivery, known: "_Known") -> DocumentAnswer:
        """Each document that this one holds is taken by itself: kept, read, and refused or not."""
        parts = tuple(
            self.document(source, name=f"{known.name}/{name}", media_type="", channel=known.channel, actor=known.actor)
            for name, source in found.parts
        )
        self._note(known, "unpacked", found.format, found.problems, sum(len(part.answers) for part in parts))
        told = tuple(
            MailPart(name, part.hash, part.status, part.problems[:_TOLD_MAX])
            for (name, _), part in zip(found.parts, parts, strict=True)
        )
        self._tell_of_mail(found, known, told)
        return DocumentAnswer(known.mark, "unpacked", found.format, found.problems, (), parts)

    def _tell_of_mail(self, found: Delivery, known: "_Known", parts: tuple[MailPart, ...]) -> None:
        """Word of a mail and its documents, for whoever answers. The same outcome again is not told again."""
        if found.letter is None or not found.letter.reply_to:
            return
        fact = MailOpened(mark=known.mark, channel=known.channel, letter=found.letter, parts=parts)
        sender = found.letter.reply_to
        key = f"mail/{fingerprint(encode_fact(fact))[:16]}"
        message = msgspec.structs.replace(
            _about(known, fact, key, "system:intake"), home=mail_home(sender), subject=sender
        )
        self.offer([message])

    def _note(
        self,
        known: "_Known",
        status: str,
        format_name: str = "",
        problems: tuple[Problem, ...] = (),
        events: int = 0,
    ) -> None:
        self._store.put_document(
            DocumentRow(
                known.mark,
                known.name,
                known.media_type,
                known.channel,
                known.size,
                to_micros(self._clock.now()),
                status,
                format_name,
                msgspec.json.encode(problems).decode(),
                events,
            )
        )


def _taken(answer: DocumentAnswer) -> Taken:
    """What became of a document, as connectors see it."""
    return Taken(
        mark=answer.hash,
        status=answer.status,
        format=answer.format,
        problems=answer.problems,
        parts=tuple(map(_taken, answer.parts)),
    )


def _told_by(actor: str, messages: Iterable[Message]) -> Iterator[Message]:
    """The facts of a document as told by the person who handed it in; by its channel when nobody did.

    What the bank says counts by who told it: the same statement by hand and by the bank's own channel is told twice.
    """
    for message in messages:
        if not actor:
            yield message
        else:
            key = f"{message.key}/by/{actor}" if isinstance(message.data, _OF_THE_BANK) else message.key
            yield msgspec.structs.replace(message, actor=actor, key=key)


class _Known(Struct, frozen=True):
    """What is known of a document before it is read."""

    mark: str
    name: str
    media_type: str
    channel: str
    size: int
    actor: str = ""


def _quarantined(known: _Known, format_name: str, problems: tuple[Problem, ...]) -> Message:
    """Word of a document that waits for somebody. Refused for the same reasons again, it is not told again."""
    told = problems[:_TOLD_MAX]
    fact = DocumentQuarantined(
        mark=known.mark, name=known.name, channel=known.channel, format=format_name, problems=told
    )
    return _about(known, fact, f"quarantined/{fingerprint(encode_fact(fact))[:16]}", "system:intake")


def _about(known: _Known, fact: Fact, key: str, actor: str) -> Message:
    return Message(
        source="intake",
        key=f"{known.mark}/{key}",
        data=fact,
        home=document_home(known.mark),
        subject=known.mark,
        correlation=known.mark,
        actor=actor,
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
