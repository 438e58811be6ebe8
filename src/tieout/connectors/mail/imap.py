"""Talks IMAP (RFC 3501; MOVE: RFC 6851; UIDPLUS: RFC 4315). Knows no business.

Nothing here marks a message as read: bodies are only ever peeked at. Every command has an end: a server that has gone
silent, or that drips, is hung up on.
"""

import imaplib
import re
import socket
import ssl
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from typing import Any

from msgspec import Struct

from tieout.kernel.errors import ConfigError, TransientError

#: So much of a message is asked for at once.
PART = 256 * 1024
#: A command as a whole may take so many times as long as one answer.
_PATIENCE = 4
_UID = re.compile(rb"\bUID (\d+)")
_SIZE = re.compile(rb"\bRFC822\.SIZE (\d+)")
_DATE = re.compile(rb'\bINTERNALDATE "([^"]+)"')
_VALIDITY = re.compile(rb"\d+")
#: Refusals of a log-in that pass by themselves (RFC 5530).
_NOT_NOW = (b"[UNAVAILABLE]", b"[INUSE]", b"[LIMIT]", b"[SERVERBUG]")


class Account(Struct, frozen=True, kw_only=True):
    """Where a mailbox is and how it is opened: with a password, or with a token (XOAUTH2)."""

    host: str
    port: int
    user: str
    password: str = ""
    token: str = ""
    timeout_seconds: float = 30.0


class Listed(Struct, frozen=True):
    """A message as the server lists it: its UID, size, when it was stored (UTC) and the headers that were asked for."""

    uid: int
    size: int
    stored_at: datetime
    headers: bytes


class Session:
    """One connection, for one thread at a time. After any error it is of no more use."""

    def __init__(self, account: Account, tls: ssl.SSLContext) -> None:
        self._account = account
        self._place = f"the mailbox of {account.user} at {account.host}:{account.port}"
        try:
            self._imap = imaplib.IMAP4_SSL(account.host, account.port, ssl_context=tls, timeout=account.timeout_seconds)
        except ssl.SSLCertVerificationError as error:
            reason = f"its certificate is not valid: {error.verify_message}"
            raise ConfigError(f"{self._place}: {reason}; correct `host`, or give `ca_file`") from None
        except (OSError, imaplib.IMAP4.error) as error:
            raise TransientError(f"{self._place} is not there: {error}") from error
        try:
            self._log_in()
        except BaseException:
            self.close()
            raise

    def _log_in(self) -> None:
        account = self._account
        with self._talking():
            try:
                if account.token:
                    spoken = f"user={account.user}\x01auth=Bearer {account.token}\x01\x01".encode()
                    challenges: list[bytes] = []

                    def answer(challenge: bytes) -> bytes:
                        """First the token; a second challenge tells why it was refused and wants an empty answer."""
                        challenges.append(challenge)
                        return spoken if len(challenges) == 1 else b""

                    self._imap.authenticate("XOAUTH2", answer)
                else:
                    self._imap.login(account.user, account.password)
            except imaplib.IMAP4.abort:
                raise
            except imaplib.IMAP4.error as error:
                if any(sign.decode() in str(error) for sign in _NOT_NOW):
                    raise TransientError(f"{self._place} cannot be opened now") from None
                how = "token" if account.token else "password"
                raise ConfigError(f"{self._place} refuses the user or the {how}; correct `user` or `{how}`") from None

    def close(self) -> None:
        """Hang up."""
        self._cut()
        with suppress(OSError, ValueError, imaplib.IMAP4.error):
            self._imap.shutdown()

    def _cut(self) -> None:
        """End the connection under whoever waits for it in another thread."""
        with suppress(OSError, ValueError):
            self._imap.sock.shutdown(socket.SHUT_RDWR)

    # ── folders ─────────────────────────────────────────────────────────────────────────────────────────────────

    def select(self, folder: str, *, read_only: bool = False) -> int:
        """Open a folder. Returns its UIDVALIDITY: under another one, the same UID is another message."""
        with self._talking():
            kind, said = self._imap.select(_quoted(folder), readonly=read_only)
            if kind != "OK":
                raise ConfigError(f"{self._place} has no folder {folder!r} that can be opened: {_words(said)}")
            found = _VALIDITY.search((self._imap.response("UIDVALIDITY")[1] or [b""])[0] or b"")
        if found is None:
            raise ConfigError(f"{self._place}: the folder {folder!r} has no UIDVALIDITY; such mail cannot be read")
        return int(found[0])

    def uids(self, *criteria: str) -> list[int]:
        """The UIDs of the messages in the open folder that fit, oldest first."""
        said = self._uid("SEARCH", *criteria)
        return sorted(int(each) for line in said if isinstance(line, bytes) for each in line.split())

    # ── messages ────────────────────────────────────────────────────────────────────────────────────────────────

    def listed(self, uids: Sequence[int], headers: Sequence[str]) -> Iterator[Listed]:
        """Size, time and some headers of messages. Those that are gone are left out."""
        asked = f"(UID RFC822.SIZE INTERNALDATE BODY.PEEK[HEADER.FIELDS ({' '.join(headers)})])"
        for said, literal in _responses(self._uid("FETCH", ",".join(map(str, uids)), asked)):
            uid, size, date = _UID.search(said), _SIZE.search(said), _DATE.search(said)
            if uid and size and date:
                yield Listed(int(uid[1]), int(size[1]), _moment(date[1]), literal)

    def part(self, uid: int, start: int) -> bytes | None:
        """The bytes of a message from a place on, :data:`PART` at most; ``None`` when it is gone."""
        said = self._uid("FETCH", str(uid), f"(BODY.PEEK[]<{start}.{PART}>)")
        return next((literal for _, literal in _responses(said)), None)

    def flag(self, uid: int, *flags: str) -> None:
        """Put flags or keywords on a message."""
        self._uid("STORE", str(uid), "+FLAGS.SILENT", f"({' '.join(flags)})")

    def move(self, uid: int, folder: str) -> None:
        """Move a message to another folder, which is made if it is not there."""
        moves = self._can("MOVE")
        verb = "MOVE" if moves else "COPY"
        try:
            self._uid(verb, str(uid), _quoted(folder))
        except _RefusedError as error:
            if b"TRYCREATE" not in error.words:
                raise
            self._make(folder)
            self._uid(verb, str(uid), _quoted(folder))
        if not moves:
            self.flag(uid, r"\Deleted")
            if self._can("UIDPLUS"):  # a plain EXPUNGE would remove what others have marked
                self._uid("EXPUNGE", str(uid))

    def _can(self, capability: str) -> bool:
        return capability in self._imap.capabilities

    def holds(self, message_id: str) -> bool:
        """Whether the open folder has a message with this id."""
        return bool(self.uids("HEADER", "Message-ID", _quoted(message_id)))

    def _make(self, folder: str) -> None:
        with self._talking():
            kind, said = self._imap.create(_quoted(folder))
            if kind != "OK" and b"ALREADYEXISTS" not in b" ".join(each for each in said if isinstance(each, bytes)):
                raise ConfigError(f"{self._place} does not let us make the folder {folder!r}: {_words(said)}")
            self._imap.subscribe(_quoted(folder))

    # ── the wire ────────────────────────────────────────────────────────────────────────────────────────────────

    def _uid(self, command: str, *arguments: str) -> list[Any]:
        with self._talking():
            kind, said = self._imap.uid(command, *arguments)
        if kind != "OK":
            raise _RefusedError(f"{self._place} refuses {command}: {_words(said)}", said)
        return said

    @contextmanager
    def _talking(self) -> Iterator[None]:
        """While this lasts the connection may be silent for a while, and all in all take a while, but not for ever."""
        watch = threading.Timer(self._account.timeout_seconds * _PATIENCE, self._cut)
        watch.daemon = True
        watch.start()
        try:
            yield
        except (OSError, imaplib.IMAP4.abort, AttributeError, ValueError) as error:  # a closed or senseless connection
            raise TransientError(f"{self._place}: the connection broke: {error}") from error
        except imaplib.IMAP4.error as error:
            raise TransientError(f"{self._place} does not understand: {error}") from error
        finally:
            watch.cancel()


class _RefusedError(TransientError):
    """The server said NO to one command; the connection stands."""

    def __init__(self, message: str, said: list[Any]) -> None:
        super().__init__(message)
        self.words = b" ".join(each for each in said if isinstance(each, bytes))


def _responses(said: list[Any]) -> Iterator[tuple[bytes, bytes]]:
    """What FETCH answered, message by message: the words around the literal, and the literal. (Attributes come in any
    order, also behind the literal; flags that somebody else set come in between, without one.)"""
    for number, item in enumerate(said):
        if isinstance(item, tuple):
            after = said[number + 1] if number + 1 < len(said) else b""
            yield item[0] + b" " + (after if isinstance(after, bytes) else b""), item[1]


def _moment(text: bytes) -> datetime:
    """An INTERNALDATE; one that makes no sense is the beginning of time, so that the message is taken first."""
    try:
        return datetime.strptime(text.decode().strip(), "%d-%b-%Y %H:%M:%S %z").astimezone(UTC)
    except (ValueError, OverflowError):
        return datetime.fromtimestamp(0, UTC)


def _quoted(text: str) -> str:
    escaped = text.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'


def _words(said: list[Any]) -> str:
    return b" ".join(each for each in said if isinstance(each, bytes)).decode("utf-8", "replace")[:300]
