"""What the doors stand on: the store's parts, the people, and threads for whatever may wait."""

import asyncio
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime
from pathlib import Path
from tempfile import mkdtemp
from threading import Lock
from typing import Concatenate, ParamSpec, Protocol, TypeVar, cast

from msgspec import Struct
from sqlalchemy import Connection

from tieout.engine.intake import Answer, DocumentAnswer, Full
from tieout.engine.people import People
from tieout.engine.policies import Policies
from tieout.engine.policy_desk import PolicyDesk
from tieout.engine.queries.database import Database
from tieout.engine.trials import Trials
from tieout.formats.source import Source
from tieout.kernel.clock import Clock
from tieout.model.events import Message
from tieout.policy.authorship import Authorship
from tieout.policy.policy import Policy

P = ParamSpec("P")
T = TypeVar("T")

_ANSWERS_MAX = 200
_TOGETHER_MAX = 500

#: What a webhook says: (system, headers in lower case, raw body) → messages. Raises ``ValueError`` when it cannot tell.
WebhookReader = Callable[[str, Mapping[str, str], bytes], Sequence[Message]]


class IntakeDoor(Protocol):
    """The one way in (:class:`tieout.engine.intake.Intake`)."""

    def offer(self, messages: Sequence[Message]) -> list[Answer]: ...

    def keep(self, body: bytes, *, name: str, media_type: str, channel: str) -> str: ...

    def document(
        self, document: Source | bytes, *, name: str, media_type: str, channel: str, actor: str = ""
    ) -> DocumentAnswer: ...

    def original(self, mark: str) -> Source: ...

    def retry(self, mark: str, actor: str, reason: str) -> DocumentAnswer: ...


class ActionsDoor(Protocol):
    """What people may do to effects and quarantined messages (:class:`tieout.engine.actions.Actions`)."""

    def redeliver(self, effect_id: str, person: str, reason: str) -> None: ...

    def hold(self, effect_id: str, person: str, reason: str) -> None: ...

    def release(self, effect_id: str, person: str, reason: str) -> None: ...

    def cancel(self, effect_id: str, person: str, reason: str) -> None: ...

    def requeue(self, inbox_id: int, person: str, reason: str, *, home: str = "", document: str = "") -> None: ...


class Webhook(Struct, frozen=True, kw_only=True):
    """One system that may call us: the secret it signs with (``whsec_…``) and the reader of what it says."""

    secret: str
    reader: WebhookReader


class Limits(Struct, frozen=True, kw_only=True):
    """How much a caller may send at once."""

    body_bytes_max: int = 16 * 1024 * 1024
    document_bytes_max: int = 64 * 1024 * 1024
    batch_max: int = 5_000
    upload_bytes_max: int = 1024 * 1024 * 1024
    uploads_open_max: int = 64
    upload_hours: int = 24
    sign_in_attempts_max: int = 8
    sign_in_seconds: int = 300


class Door:
    """Everything a handler needs. Handlers are coroutines; whatever waits for a disk runs in a thread of ours."""

    def __init__(
        self,
        *,
        intake: IntakeDoor,
        actions: ActionsDoor,
        database: Database,
        people: People,
        clock: Clock,
        policies: Policies,
        partitions: int,
        webhooks: Mapping[str, Webhook] | None = None,
        company: str = "",
        limits: Limits | None = None,
        spool: Path | None = None,
        policy_desk: PolicyDesk | None = None,
    ) -> None:
        self.intake = intake
        self.actions = actions
        self.database = database
        self.people = people
        self.clock = clock
        self.policies = policies
        self.partitions = partitions
        self.webhooks = webhooks or {}
        self.company = company
        self.limits = limits or Limits()
        self.spool = spool or Path(mkdtemp(prefix="tieout-"))
        self.spool.mkdir(parents=True, exist_ok=True)
        self.policy_desk = policy_desk
        self.trials = Trials(policy_desk) if policy_desk else None
        self._offered: list[tuple[Message, asyncio.Future[Answer]]] = []
        self._offering: asyncio.Task[None] | None = None
        self._answers: dict[object, tuple[str, object]] = {}
        self._answers_lock = Lock()
        self._readers = ThreadPoolExecutor(6, "tieout-read")
        self._writers = ThreadPoolExecutor(4, "tieout-write")
        self._slow = ThreadPoolExecutor(2, "tieout-hash")

    def policy(self) -> Policy:
        """The policy in force."""
        return self.policies.at(self.now())

    def authorship(self) -> Authorship:
        """Who stands behind it."""
        return self.policies.authorship_at(self.now())

    def token(self) -> str:
        """A text that is another one after anything has changed that pages show."""
        return self.database.token() + (f" {self.trials.token}" if self.trials else "")

    def now(self) -> datetime:
        """The time now, in UTC."""
        return self.clock.now()

    async def read(self, ask: Callable[Concatenate[Connection, P], T], *args: P.args, **kwargs: P.kwargs) -> T:
        """Ask the database something, in a transaction of its own."""

        def asked() -> T:
            with self.database.read() as sql:
                return ask(sql, *args, **kwargs)

        return await asyncio.get_running_loop().run_in_executor(self._readers, asked)

    async def read_once(self, ask: Callable[Concatenate[Connection, P], T], *args: P.args, **kwargs: P.kwargs) -> T:
        """Like :meth:`read`, for questions that cost something: the answer is kept until the log has moved on.

        However many people watch the same page, the database is asked once for each state of the log.
        """
        key = (ask, args, tuple(sorted(kwargs.items())))

        def asked() -> T:
            token = self.database.token()
            with self._answers_lock:
                kept = self._answers.get(key)
            if kept is not None and kept[0] == token:
                return cast(T, kept[1])
            with self.database.read() as sql:
                answer = ask(sql, *args, **kwargs)
            with self._answers_lock:
                if len(self._answers) >= _ANSWERS_MAX:
                    self._answers.clear()
                self._answers[key] = (token, answer)
            return answer

        return await asyncio.get_running_loop().run_in_executor(self._readers, asked)

    async def write(self, do: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        """Do something that writes."""
        return await asyncio.get_running_loop().run_in_executor(self._writers, lambda: do(*args, **kwargs))

    async def slowly(self, do: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        """Do something that takes a processor for a tenth of a second (a password hash)."""
        return await asyncio.get_running_loop().run_in_executor(self._slow, lambda: do(*args, **kwargs))

    async def offer(self, message: Message) -> Answer:
        """Offer one message. Those that come at the same time share one transaction, and each has its own answer."""
        answered: asyncio.Future[Answer] = asyncio.get_running_loop().create_future()
        self._offered.append((message, answered))
        if self._offering is None or self._offering.done():
            self._offering = asyncio.create_task(self._offer_all())
        return await answered

    async def _offer_all(self) -> None:
        while self._offered:
            together, self._offered = self._offered[:_TOGETHER_MAX], self._offered[_TOGETHER_MAX:]
            try:
                answers = await self.write(self.intake.offer, [message for message, _ in together])
            except Exception:
                await self._offer_each(together)
            else:
                for (_, answered), answer in zip(together, answers, strict=True):
                    _tell(answered, answer)

    async def _offer_each(self, offered: Sequence[tuple[Message, "asyncio.Future[Answer]"]]) -> None:
        """One of them is to blame, or not all have room: each by itself. A full lane is asked once, not by each."""
        full: dict[int, Full] = {}
        for message, answered in offered:
            if message.lane in full:
                _tell(answered, full[message.lane])
                continue
            try:
                _tell(answered, (await self.write(self.intake.offer, [message]))[0])
            except Full as error:
                full[message.lane] = error
                _tell(answered, error)
            except Exception as error:
                _tell(answered, error)

    def close(self) -> None:
        for pool in (self._readers, self._writers, self._slow):
            pool.shutdown(wait=False, cancel_futures=True)


def _tell(answered: "asyncio.Future[Answer]", answer: Answer | Exception) -> None:
    """Answer a caller who may have gone away meanwhile."""
    if answered.done():
        return
    if isinstance(answer, Exception):
        answered.set_exception(answer)
    else:
        answered.set_result(answer)
