"""A channel as a connector: the four verbs around a client, the same for folders, SFTP, buckets and streams.

Coming in::

    listed → (ignored | too large: told once, left) → unfinished: watched → taken → put away
                                                                     └── not taken: later again, the others go on

A crash between any two steps leaves the file where it is, and it is taken again: the same bytes say nothing twice.

Going out: one name, one document. What lies at the partner under the name already is compared by its bytes; it is never
written over.
"""

import heapq
from collections.abc import Iterator, Sequence
from datetime import datetime
from fnmatch import fnmatchcase
from mimetypes import MimeTypes
from posixpath import basename
from typing import Literal

import structlog
from msgspec import Struct

from tieout.connectors.channels.config import ChannelConfig, WatchedConfig
from tieout.connectors.channels.ledger import Ledger, Note
from tieout.connectors.channels.metrics import BYTES, DOCUMENTS, ERRORS, OLDEST, SENT, WAITING
from tieout.connectors.channels.spool import Spool, TooLargeError
from tieout.connectors.channels.trays import AnswerLostError, Arrival, ChannelClient, FileError, InTray, Placed
from tieout.engine.intake import Full
from tieout.kernel.clock import Clock, to_micros
from tieout.kernel.errors import ConfigError, PermanentError, TieoutError, TransientError
from tieout.kernel.problem import Code, Problem
from tieout.model.documents import Total
from tieout.model.effects import SendDocument
from tieout.ports import (
    Absent,
    Applied,
    Connector,
    Documents,
    Effect,
    Finding,
    Manifest,
    Operation,
    Page,
    Refused,
    Result,
    Retry,
    Scope,
    Taken,
    Unknown,
)

LOG = structlog.get_logger("tieout.connectors.channels")

_MISTAKES_IN_A_ROW = 3
"""After so many failures of the intake in a row something is wrong with us, and not with the files."""
_SOON_SECONDS = 1.0
_LATER_SECONDS = 3600.0
_NAME_BYTES_MAX = 200
_SECOND = 1_000_000
#: Python's own table only: what the machine believes differs from machine to machine.
_TYPES = MimeTypes(filenames=())


class Habits(Struct, frozen=True, kw_only=True):
    """How a kind of channel behaves, beyond its settings."""

    title: str
    receives: bool
    sends: bool
    #: The partner shows what it took, so that a document that is nowhere was never there.
    shows_taken: bool = False
    settle_seconds: float = 0.0
    keeps: bool = False
    unfinished: tuple[str, ...] = ()
    unfinished_suffix: str = ""
    #: After so many days the names of files that stay are forgotten, where the source's clock can be trusted.
    remember_days: int | None = None

    @classmethod
    def watched(cls, title: str, config: WatchedConfig) -> "Habits":
        """Of folders into which others write."""
        return cls(
            title=title,
            receives=bool(config.inbox),
            sends=bool(config.outbox),
            shows_taken=bool(config.archive),
            settle_seconds=config.settle_seconds,
            keeps=config.after == "keep",
            unfinished=config.unfinished,
            unfinished_suffix=config.unfinished_suffix,
        )


def manifest_of(config: ChannelConfig, habits: Habits, system: str) -> Manifest:
    """The promise. Where the partner takes documents away and shows them nowhere, nobody can say that one is *not*
    there; unless the partner refuses doubles, a person then finds out what became of a lost answer."""
    lookup = habits.shows_taken or not config.taken_away
    send = Operation(
        name=SendDocument.operation,
        unique_number=lookup or config.refuses_doubles,
        lookup=lookup,
        landing_seconds=config.landing_seconds,
    )
    return Manifest(
        system=system,
        title=habits.title,
        operations=(send,) if habits.sends else (),
        pulls=habits.receives,
        timeout_seconds=config.timeout_seconds,
    )


#: How an attempt to take a document ended; ``mistake``: of ours, ``stop``: the others would fare no better.
_End = Literal["taken", "left", "mistake", "stop"]


class _Look(Struct):
    """What one look at the tray found. ``waiting``: when those were written that are not taken this time."""

    chosen: list[tuple[Arrival, Note]]
    waiting: list[int]
    more: bool


class Channel(Connector):
    """The four verbs. Threads may share it."""

    def __init__(
        self,
        config: ChannelConfig,
        habits: Habits,
        client: ChannelClient,
        documents: Documents,
        clock: Clock,
        *,
        system: str,
    ) -> None:
        self._config = config
        self._habits = habits
        self._client = client
        self._documents = documents
        self._clock = clock
        self._system = system
        self._manifest = manifest_of(config, habits, system)

    @property
    def manifest(self) -> Manifest:
        """The promise."""
        return self._manifest

    def close(self) -> None:
        """Hang up."""
        self._client.close()

    # ── pull: looking ───────────────────────────────────────────────────────────────────────────────────────────

    def pull(self, cursor: str) -> Page:
        """Take in what is finished, oldest first. The documents go in at once, so the page holds no messages.

        As long as something waits (unfinished, unreadable, too large) the partner has not been heard to the end, and
        there is no watermark.
        """
        asked_at = self._clock.now()
        ledger = Ledger(cursor)
        with self._client.receiving() as tray:
            look = self._look(tray, ledger, asked_at)
            left = self._take_all(tray, ledger, look.chosen)
            behind = tray.behind()
        waiting = look.waiting + [arrival.modified for arrival in left]
        self._measure(waiting, behind, asked_at)
        return Page(
            messages=(),
            cursor=ledger.text(waiting, self._habits.remember_days),
            more=look.more and len(left) < len(look.chosen),
            observed_at=None if waiting or behind or look.more else asked_at,
        )

    def _look(self, tray: InTray, ledger: Ledger, now: datetime) -> _Look:
        """Choose whose turn it is: those that never failed before those that did, and of these the oldest."""
        waiting: list[int] = []
        limit = self._config.files_per_pull
        ready = self._ready(tray, ledger, to_micros(now), waiting)
        chosen = heapq.nsmallest(limit + 1, ready, key=lambda pair: (pair[1].tries, pair[0].modified, pair[0].name))
        return _Look(chosen[:limit], waiting, len(chosen) >= limit)

    def _ready(self, tray: InTray, ledger: Ledger, now: int, waiting: list[int]) -> Iterator[tuple[Arrival, Note]]:
        """What can be taken now. What has to wait is noted in the ledger."""
        for arrival in tray.listing():
            if self._ignored(arrival.name):
                tray.ignore(arrival)
                continue
            if ledger.knows(arrival):
                continue
            note = ledger.note(arrival, now)
            if now < note.again_at or not (note.mark or self._finished(arrival, note, now)):
                waiting.append(arrival.modified)
                ledger.watch(arrival, note)
            elif arrival.size > self._config.bytes_max:
                waiting.append(arrival.modified)
                self._too_large(tray, ledger, arrival, note)
            else:
                if note.tries or note.mark or self._settles(arrival):  # if its turn does not come, nothing is forgotten
                    ledger.watch(arrival, note)
                yield arrival, note

    def _ignored(self, name: str) -> bool:
        def fits(patterns: Sequence[str]) -> bool:
            return any(fnmatchcase(text, pattern) for pattern in patterns for text in (name, basename(name)))

        return not fits(self._config.only) or fits(self._config.ignore) or fits(self._habits.unfinished)

    def _settles(self, arrival: Arrival) -> bool:
        return arrival.finished is None and self._habits.settle_seconds > 0

    def _finished(self, arrival: Arrival, note: Note, now: int) -> bool:
        """The source says so, or nothing about the file has changed for a while (seen twice, by our own clock: times
        that a copying program sets prove nothing)."""
        if arrival.finished is not None:
            return arrival.finished
        return now - note.since >= self._habits.settle_seconds * _SECOND

    def _too_large(self, tray: InTray, ledger: Ledger, arrival: Arrival, note: Note) -> None:
        """Tell it once, loudly, and leave it."""
        if not note.tries and not arrival.tries:
            ERRORS.labels(self._system, "too_large").inc()
            advice = f"[connectors.{self._system}] bytes_max is {self._config.bytes_max}; raise it, or ignore the file"
            LOG.error("file_too_large", system=self._system, file=arrival.name, size=arrival.size, advice=advice)
        ledger.watch(arrival, Note(arrival.stamp, note.since, 1))
        self._leave(tray, [arrival], _LATER_SECONDS)

    # ── pull: taking ────────────────────────────────────────────────────────────────────────────────────────────

    def _take_all(self, tray: InTray, ledger: Ledger, chosen: Sequence[tuple[Arrival, Note]]) -> list[Arrival]:
        """Take one after the other; returns those that had to be left. A file that cannot be taken stops no other."""
        left: list[Arrival] = []
        mistakes = 0
        for number, (arrival, note) in enumerate(chosen, start=1):
            end = self._attempt(tray, ledger, arrival, note)
            mistakes = mistakes + 1 if end == "mistake" else 0
            if end != "taken":
                left.append(arrival)
            if end == "stop" or mistakes == _MISTAKES_IN_A_ROW:
                rest = [each for each, _ in chosen[number:]]
                self._leave(tray, rest, _SOON_SECONDS)
                return left + rest
        return left

    def _attempt(self, tray: InTray, ledger: Ledger, arrival: Arrival, note: Note) -> _End:
        """Try to take one. A connection that breaks, and an inbox without room, end the visit."""
        try:
            if self._take(tray, ledger, arrival, note):
                return "taken"
            ledger.watch(arrival, Note(arrival.stamp, to_micros(self._clock.now())))
            self._leave(tray, [arrival], _SOON_SECONDS)
            return "left"
        except Full as error:
            LOG.info("inbox_full", system=self._system, file=arrival.name, retry_after=error.retry_after_seconds)
            self._leave(tray, [arrival], error.retry_after_seconds)
            return "stop"
        except TooLargeError:
            self._too_large(tray, ledger, arrival, note)
            return "left"
        except ConfigError:
            raise
        except TransientError as error:
            self._failed(tray, ledger, arrival, note, "unreachable", error)
            return "stop"
        except FileError as error:
            self._failed(tray, ledger, arrival, note, "unreadable", error)
            return "left"
        except Exception as error:  # a mistake of ours about one document must not stop the others
            self._failed(tray, ledger, arrival, note, "not_taken", error)
            return "mistake"

    def _take(self, tray: InTray, ledger: Ledger, arrival: Arrival, note: Note) -> bool:
        """Take one in and put it away. ``False``: it changed while we looked."""
        if note.mark:
            taken = Taken(mark=note.mark, status="duplicate")
        else:
            with Spool(self._config.bytes_max) as spool:
                if not tray.fetch(arrival, spool):
                    return False
                taken = self._documents.take(
                    spool.source(),
                    name=arrival.name,
                    media_type=arrival.media_type or _TYPES.guess_type(arrival.name)[0] or "application/octet-stream",
                    channel=self._system,
                )
                self._tell(arrival, taken, spool.size)
            ledger.took(arrival, taken.mark)
        tray.put_away(arrival, taken)
        if self._habits.keeps:
            ledger.keep(arrival)
        else:
            ledger.forget(arrival)
        return True

    def _tell(self, arrival: Arrival, taken: Taken, size: int) -> None:
        DOCUMENTS.labels(self._system, taken.status).inc()
        BYTES.labels(self._system).inc(size)
        log = LOG.warning if taken.status == "quarantined" else LOG.info
        problems = "; ".join(str(problem) for problem in taken.problems[:3])
        log("document_taken", system=self._system, file=arrival.name, status=taken.status, kept_as=taken.mark,
            size=size, problems=problems)  # fmt: skip

    def _failed(self, tray: InTray, ledger: Ledger, arrival: Arrival, note: Note, kind: str, error: Exception) -> None:
        seconds = ledger.failed(arrival, note, to_micros(self._clock.now()))
        ERRORS.labels(self._system, kind).inc()
        LOG.warning(
            "file_left",
            system=self._system,
            file=arrival.name,
            reason=kind,
            error=f"{type(error).__name__}: {error}",
            again_in_seconds=seconds,
            exc_info=not isinstance(error, TieoutError),
        )
        self._leave(tray, [arrival], seconds)

    @staticmethod
    def _leave(tray: InTray, arrivals: Sequence[Arrival], seconds: float) -> None:
        """Tell the source, if it is still there to be told; if not, it offers them again by itself."""
        try:
            for arrival in arrivals:
                tray.leave(arrival, seconds)
        except TieoutError as error:
            LOG.info("source_not_told", error=str(error))

    def _measure(self, waiting: Sequence[int], behind: int, now: datetime) -> None:
        age = (to_micros(now) - min(waiting)) / _SECOND if waiting else 0.0
        WAITING.labels(self._system).set(len(waiting) + behind)
        OLDEST.labels(self._system).set(max(0.0, age))

    # ── apply and probe ─────────────────────────────────────────────────────────────────────────────────────────

    def apply(self, effects: Sequence[Effect]) -> Sequence[Result]:
        """Lay documents out for the partner, one after the other."""
        results: list[Result] = []
        for effect in effects:
            try:
                result = self._send(effect)
            except ConfigError as error:
                if not results:
                    raise
                result = Retry(reason=str(error), after_seconds=60.0)
            SENT.labels(self._system, type(result).__name__.lower()).inc()
            results.append(result)
        return results

    def _send(self, effect: Effect) -> Result:
        payload = effect.payload
        if not isinstance(payload, SendDocument) or not self._habits.sends:
            return _refused(f"the channel {self._system} cannot do {effect.operation}")
        if wrong := self._wrong_name(payload.name):
            return _refused(wrong)
        try:
            with self._client.sending() as tray:
                body = self._body(payload)
                placed = tray.find(payload.name, body)
                placed = placed or tray.place(payload.name, body, payload.media_type)
        except PermanentError as error:
            return _refused(str(error))
        except (TransientError, FileError) as error:
            return Retry(reason=str(error))
        except AnswerLostError as error:
            return Unknown(reason=str(error))
        return _placed(placed)

    def _body(self, payload: SendDocument) -> bytes:
        """What is to be sent: bytes of ours, or a document as it came in."""
        return self._documents.original(payload.original).whole() if payload.original else payload.body

    def _wrong_name(self, name: str) -> str:
        """Why no document can have this name at a partner; empty text when it can."""
        if not name or "/" in name or "\\" in name or name.startswith((".", "~")) or not name.isprintable():
            return f"{name!r} cannot be the name of a document: it must be printable text without / and a leading dot"
        if len(name.encode()) > _NAME_BYTES_MAX:
            return f"the name {name[:40]}… is longer than {_NAME_BYTES_MAX} bytes"
        suffix = self._habits.unfinished_suffix
        if suffix and name.endswith(suffix):
            return f"{name!r} ends in {suffix}, which partners take for an unfinished file"
        return ""

    def probe(self, effect: Effect) -> Finding:
        """Does the document lie at the partner? Absent only where the partner shows what it took."""
        payload = effect.payload
        if not isinstance(payload, SendDocument) or not self._habits.sends or self._wrong_name(payload.name):
            return Absent()
        try:
            with self._client.sending() as tray:
                placed = tray.find(payload.name, self._body(payload))
        except (TieoutError, OSError) as error:
            return Unknown(reason=str(error))
        if placed is None:
            known = self._habits.shows_taken or not self._config.taken_away
            return Absent() if known else Unknown(reason="it is not there, and the partner may have taken it away")
        if not placed.same:
            return Absent()  # sending it again is refused, with the reason
        return Applied(reference=placed.reference)

    def totals(self, scope: Scope) -> Total:
        """A channel holds no totals."""
        raise ConfigError(f"a channel has no totals; {self._system} cannot tell {scope.name!r}")


def _placed(placed: Placed) -> Result:
    if placed.same:
        return Applied(reference=placed.reference)
    problem = Problem(
        Code.KEY_REUSED,
        actual=placed.reference,
        detail="another document lies at the partner under this name; it is not written over",
    )
    return Refused(problems=(problem,))


def _refused(detail: str) -> Refused:
    return Refused(problems=(Problem(Code.EFFECT_REFUSED, detail=detail),))
