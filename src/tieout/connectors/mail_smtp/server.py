"""Speaks SMTP (RFC 5321), by aiosmtpd. Knows no business: what becomes of a mail is said by a :class:`Desk`.

A mail is spooled while it comes, so that its size is no matter of memory, and answered only when its desk has answered.
What it says about lines ends only with CRLF . CRLF: anything else would let a mail smuggle in another one.
"""

import asyncio
import logging
from concurrent.futures import Executor
from typing import Any, Protocol

from aiosmtpd.smtp import SMTP, Envelope, Session, syntax

from tieout.connectors.channels import Spool, TooLargeError

TOO_LARGE = "552 5.3.4 the message is larger than {limit} bytes"
TOO_MANY = b"421 4.7.0 too many connections; come again later\r\n"
FAILED = "451 4.3.0 it could not be kept; come again later"
#: It says at level INFO who sends what to whom; our own log says what is worth knowing.
logging.getLogger("mail.log").setLevel(logging.ERROR)


class Desk(Protocol):
    """Decides, command by command. Each answer is a reply of SMTP; ``""`` goes on."""

    def sender(self, caller: str, address: str, mails: int) -> str:
        """Somebody wants to send a mail, the so-manyth of the connection."""
        ...

    def recipient(self, address: str, recipients: int) -> str:
        """It is for this address, besides so many others."""
        ...

    def mail(self, spool: Spool, sender: str, caller: str) -> str:
        """This is the mail. Called in a thread of its own; the answer is the final one."""
        ...

    def failed(self, error: Exception) -> None:
        """A mistake of ours was answered with 451."""
        ...


class Hooks:
    """What aiosmtpd calls."""

    def __init__(self, desk: Desk) -> None:
        self.desk = desk

    async def handle_EHLO(  # noqa: N802  (aiosmtpd's name, as below)
        self, server: SMTP, session: Session, envelope: Envelope, name: str, replies: list[str]
    ) -> list[str]:
        """Say what we can do. Nobody logs in here."""
        session.host_name = name
        return [reply for reply in replies if not reply[4:].startswith("AUTH")]

    async def handle_MAIL(  # noqa: N802
        self, server: "Conversation", session: Session, envelope: Envelope, address: str, options: list[str]
    ) -> str:
        """Remember the sender, if there may be a mail."""
        if refused := self.desk.sender(server.caller, _plain(address), server.mails):
            return refused
        server.mails += 1
        envelope.mail_from = address
        envelope.mail_options.extend(options)
        return "250 2.1.0 go on"

    async def handle_RCPT(  # noqa: N802
        self, server: "Conversation", session: Session, envelope: Envelope, address: str, options: list[str]
    ) -> str:
        """Remember the recipient, if it is one of ours."""
        if refused := self.desk.recipient(address, len(envelope.rcpt_tos)):
            return refused
        envelope.rcpt_tos.append(address)
        envelope.rcpt_options.extend(options)
        return "250 2.1.5 go on"

    async def handle_VRFY(self, server: SMTP, session: Session, envelope: Envelope, address: str) -> str:  # noqa: N802
        """Nobody is told who has a mailbox here."""
        return "252 2.5.0 send something, and see"

    async def handle_exception(self, error: Exception) -> str:
        """Whatever went wrong with us is no fault of the mail."""
        self.desk.failed(error)
        return FAILED


class Conversation(SMTP):
    """One connection."""

    def __init__(
        self, hooks: Hooks, open_ones: "set[Conversation]", threads: Executor, connections_max: int, bytes_max: int,
        data_seconds: float, **settings: Any,
    ) -> None:  # fmt: skip
        super().__init__(hooks, data_size_limit=bytes_max, auth_exclude_mechanism=("LOGIN", "PLAIN"), **settings)
        self.hooks = hooks
        self.mails = 0
        self.busy = False
        self._open = open_ones
        self._threads = threads
        self._connections_max = connections_max
        self._bytes_max = bytes_max
        self._data_seconds = data_seconds
        self._refused = False

    @property
    def caller(self) -> str:
        """The address of the network that calls."""
        peer = self.session.peer if self.session else None
        return str(peer[0]) if isinstance(peer, tuple) and peer else "local"

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Take the call, if there is room. (It is called again when the connection becomes encrypted.)"""
        if self not in self._open and len(self._open) >= self._connections_max:
            assert isinstance(transport, asyncio.WriteTransport)
            transport.write(TOO_MANY)
            self._refused = True
            transport.close()
            return
        self._open.add(self)
        super().connection_made(transport)

    def eof_received(self) -> bool | None:
        """The caller has nothing more to say."""
        return None if self._refused else super().eof_received()

    def connection_lost(self, error: Exception | None) -> None:
        """The call is over."""
        self._open.discard(self)
        if not self._refused:
            super().connection_lost(error)

    def end(self) -> None:
        """Hang up."""
        if self.transport is not None:
            self.transport.close()

    @syntax("DATA")
    async def smtp_DATA(self, arg: str) -> None:  # noqa: N802
        """Spool the mail, hand it to the desk, and answer as the desk does."""
        if await self.check_helo_needed():
            return
        assert self.envelope is not None
        if not self.envelope.rcpt_tos:
            await self.push("503 5.5.1 first say whom it is for (RCPT)")
            return
        if arg:
            await self.push("501 5.5.4 DATA stands alone")
            return
        await self.push("354 go on; end with a dot on a line by itself")
        self._reset_timeout(self._data_seconds)
        sender, caller = _plain(self.envelope.mail_from or ""), self.caller
        with Spool(self._bytes_max) as spool:
            fits = await self._spool(spool)
            self.envelope = self._create_envelope()
            if fits:
                self.busy = True
                try:
                    loop = asyncio.get_running_loop()
                    kept = loop.run_in_executor(self._threads, self.hooks.desk.mail, spool, sender, caller)
                    answer = await asyncio.shield(kept)
                except asyncio.CancelledError:
                    await asyncio.wait((kept,))  # the caller is gone; the spool must not be, before the mail is kept
                    raise
                finally:
                    self.busy = False
            else:
                answer = TOO_LARGE.format(limit=self._bytes_max)
        self._reset_timeout()
        await self.push(answer)

    async def _spool(self, spool: Spool) -> bool:
        """Read the mail to its end. ``False``: it is too large; the rest of it is read and thrown away."""
        begins, fits = True, True
        while True:
            try:
                chunk = await self._reader.readuntil(b"\r\n")
                ends = True
            except asyncio.LimitOverrunError as error:  # a long line comes in pieces
                chunk = await self._reader.readexactly(error.consumed)
                ends = False
            if begins and ends and chunk == b".\r\n":
                return fits
            if begins and chunk.startswith(b"."):
                chunk = chunk[1:]
            begins = ends
            if fits:
                try:
                    spool.add(chunk)
                except TooLargeError:
                    fits = False


def _plain(sender: str) -> str:
    """The sender of a bounce is empty, and aiosmtpd tells it as ``<>``."""
    return "" if sender == "<>" else sender
