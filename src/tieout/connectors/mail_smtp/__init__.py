"""A server for incoming mail: a mail is answered with 250 when it is kept, and not before.

How to set it up and what it cannot do: ``README.md``.
"""

import asyncio
import re
import threading
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import Any

import structlog

from tieout.connectors.channels import Spool
from tieout.connectors.channels.metrics import BYTES, DOCUMENTS, ERRORS
from tieout.connectors.mail import MailAnswers, read_letter
from tieout.connectors.mail.config import check_name
from tieout.connectors.mail.letter import mail_name
from tieout.connectors.mail.senders import fits
from tieout.connectors.mail.tls import server_context
from tieout.connectors.mail_smtp.config import SmtpConfig, read_config
from tieout.connectors.mail_smtp.pace import Pace
from tieout.connectors.mail_smtp.server import FAILED, Conversation, Hooks
from tieout.engine.clock import SystemClock
from tieout.engine.intake import Full
from tieout.engine.secrets import read_secret
from tieout.kernel.clock import Clock
from tieout.kernel.errors import ConfigError, TieoutError
from tieout.kernel.problem import Code, Problem
from tieout.model.documents import Total
from tieout.ports import (
    Connector,
    Documents,
    Effect,
    Finding,
    Listener,
    Manifest,
    Page,
    Refused,
    Result,
    Scope,
    Unknown,
)

__all__ = ["SmtpConfig", "SmtpInbox", "connect"]

LOG = structlog.get_logger("tieout.connectors.mail")

_READY_SECONDS = 10.0
#: So long a mail that is being kept may take when we are told to end.
_ENDING_SECONDS = 30.0
_TAKEN_AT_ONCE = 4
_PLAIN = re.compile(r"[!-;=?-~]{0,320}")


class SmtpInbox(Connector, Listener):
    """Takes mail for a few addresses, and answers it."""

    def __init__(
        self,
        config: SmtpConfig,
        documents: Documents,
        clock: Clock,
        *,
        system: str,
        base: Path = Path(),
        answers: MailAnswers | None = None,
    ) -> None:
        self._config = config
        self._documents = documents
        self._clock = clock
        self._system = system
        self._base = base
        self._answers = answers
        self._pace = Pace(clock, config.per_minute, config.per_minute_of_one)
        self._lock = threading.Lock()
        self._running: _Running | None = None
        self._manifest = Manifest(
            system=system,
            title="Mail server (SMTP)",
            operations=(answers.operation,) if answers else (),
            pulls=False,
        )

    @property
    def manifest(self) -> Manifest:
        """The promise."""
        return self._manifest

    @property
    def port(self) -> int:
        """Where it listens; 0 when it does not."""
        return self._running.port if self._running else 0

    # ── listening ───────────────────────────────────────────────────────────────────────────────────────────────

    def listen(self) -> None:
        """Listen, in a thread of its own, if we do not already. Raises ``ConfigError`` when that cannot be done."""
        with self._lock:
            if self._running is None:
                self._running = _Running(self._config, self._base, self)
                LOG.info("listening", system=self._system, host=self._config.host, port=self._running.port)

    def close(self) -> None:
        """Take no more calls, finish what is being kept, and hang up."""
        with self._lock:
            if self._running is not None:
                self._running.end()
            self._running = None

    # ── what the server asks ────────────────────────────────────────────────────────────────────────────────────

    def sender(self, caller: str, address: str, mails: int) -> str:
        """May this one send a mail?"""
        if not _PLAIN.fullmatch(address):
            return "553 5.1.7 the address of the sender is not valid"
        if not self._config.senders.admit(address):
            ERRORS.labels(self._system, "sender_refused").inc()
            return "550 5.7.1 mail from this sender is not taken here"
        if mails >= self._config.mails_per_connection:
            return "451 4.7.0 too many mails on one connection; make another one"
        if not self._pace.allows(caller):
            ERRORS.labels(self._system, "too_fast").inc()
            return "451 4.7.0 too many mails in a minute; come again later"
        return ""

    def recipient(self, address: str, recipients: int) -> str:
        """Is this one of ours? Nothing is ever passed on to anybody else."""
        if not fits(address, self._config.recipients):
            ERRORS.labels(self._system, "recipient_unknown").inc()
            return "550 5.1.1 nobody here has this address"
        if recipients >= self._config.recipients_per_mail:
            return "452 4.5.3 too many recipients"
        return ""

    def mail(self, spool: Spool, sender: str, caller: str) -> str:
        """Keep it and take it in. The first line says whom it came from (RFC 5321, section 4.4); all else is as it was
        received, so that the same mail again is the same document."""
        with Spool(self._config.bytes_max + _RETURN_PATH_MAX) as whole:
            whole.add(f"Return-Path: <{sender}>\r\n".encode())
            for chunk in spool.source().chunks():
                whole.add(chunk)
            source = whole.source()
            name = mail_name(read_letter(source).subject)
            try:
                taken = self._documents.take(source, name=name, media_type="message/rfc822", channel=self._system)
            except Full as error:
                ERRORS.labels(self._system, "inbox_full").inc()
                LOG.info("inbox_full", system=self._system, file=name, retry_after=error.retry_after_seconds)
                return f"451 4.3.1 no room; come again in {error.retry_after_seconds} seconds"
            except Exception as error:  # the sender keeps the mail and comes again
                self._not_taken(name, caller, error)
                return FAILED
            DOCUMENTS.labels(self._system, taken.status).inc()
            BYTES.labels(self._system).inc(source.size)
            log = LOG.warning if taken.status == "quarantined" else LOG.info
            log("mail_taken", system=self._system, file=name, sender=sender, caller=caller, status=taken.status,
                kept_as=taken.mark, size=source.size)  # fmt: skip
            return f"250 2.0.0 kept as {taken.mark[:16]}"

    def failed(self, error: Exception) -> None:
        """A mistake of ours about a command."""
        self._not_taken("", "", error)

    def _not_taken(self, name: str, caller: str, error: Exception) -> None:
        ERRORS.labels(self._system, "not_taken").inc()
        LOG.warning(
            "mail_not_taken",
            system=self._system,
            file=name,
            caller=caller,
            error=f"{type(error).__name__}: {error}",
            exc_info=not isinstance(error, TieoutError),
        )

    # ── the other verbs ─────────────────────────────────────────────────────────────────────────────────────────

    def pull(self, cursor: str) -> Page:
        """There is nothing to pull: mail comes by itself."""
        return Page(messages=(), cursor=cursor)

    def apply(self, effects: Sequence[Effect]) -> Sequence[Result]:
        """Send answers."""
        if self._answers is not None:
            return self._answers.apply(effects)
        detail = f"the mail channel {self._system} has no [connectors.{self._system}.answers], so it can send none"
        return [Refused(problems=(Problem(Code.EFFECT_REFUSED, detail=detail),))] * len(effects)

    def probe(self, effect: Effect) -> Finding:
        """Was the answer sent?"""
        return self._answers.probe(effect) if self._answers else Unknown(reason="this channel sends no answers")

    def totals(self, scope: Scope) -> Total:
        """A mail channel holds no totals."""
        raise ConfigError(f"a mail channel has no totals; {self._system} cannot tell {scope.name!r}")


#: The longest first line: an address of 320 characters.
_RETURN_PATH_MAX = 400


class _Running:
    """The server while it listens: its thread, its loop, and those who call."""

    def __init__(self, config: SmtpConfig, base: Path, inbox: SmtpInbox) -> None:
        tls = server_context(config.certificate_file, config.key_file, base) if config.certificate_file else None
        self._loop = asyncio.new_event_loop()
        self._open: set[Conversation] = set()
        self._threads = ThreadPoolExecutor(_TAKEN_AT_ONCE, thread_name_prefix="mail")
        self._thread = threading.Thread(target=self._loop.run_forever, name="mail-smtp", daemon=True)
        self._thread.start()
        make = partial(
            Conversation,
            Hooks(inbox),
            self._open,
            self._threads,
            config.connections_max,
            config.bytes_max,
            config.data_seconds,
            hostname=config.name or None,
            ident="ESMTP",
            tls_context=tls,
            require_starttls=config.require_tls,
            timeout=config.timeout_seconds,
            loop=self._loop,
        )
        try:
            served = asyncio.run_coroutine_threadsafe(
                self._loop.create_server(make, config.host, config.port), self._loop
            )
            self._server = served.result(_READY_SECONDS)
        except (OSError, OverflowError) as error:
            self._stop()
            reason = str(error).partition(" (while")[0]
            raise ConfigError(
                f"cannot listen for mail at {config.host}, port {config.port}: {reason}; free it, or correct `port`"
            ) from None
        self.port = int(self._server.sockets[0].getsockname()[1])

    def end(self) -> None:
        asyncio.run_coroutine_threadsafe(self._end(), self._loop).result(_ENDING_SECONDS + _READY_SECONDS)
        self._stop()

    async def _end(self) -> None:
        self._server.close()
        until = self._loop.time() + _ENDING_SECONDS
        while any(call.busy for call in self._open) and self._loop.time() < until:
            await asyncio.sleep(0.02)
        for call in tuple(self._open):
            call.end()
        await asyncio.sleep(0)

    def _stop(self) -> None:
        self._threads.shutdown(wait=True)
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()


def connect(name: str, settings: dict[str, Any], folder: Path, documents: Documents) -> SmtpInbox:
    """The connector out of its table in the configuration. Raises ``ConfigError`` that says what is wrong with it."""
    check_name(name)
    config = read_config(settings)
    clock, answers = SystemClock(), None
    if config.answers is not None:
        password = read_secret(config.answers.password, folder) if config.answers.password else ""
        answers = MailAnswers(config.answers, password, clock, system=name, base=folder)
    return SmtpInbox(config, documents, clock, system=name, base=folder, answers=answers)
