"""Talks to the bank: SFTP for files, HTTP for their status. Knows no business.

What matters to a caller is *how sure* we are after a failure:

* :class:`~tieout.kernel.errors.TransientError`: the bank certainly did not get the file; again.
* :class:`AnswerLostError`: the file may have become visible to the bank; look before repeating.
* :class:`~tieout.kernel.errors.ConfigError`: a wrong key, password or folder. A host key that is not the pinned one
  is one of these, and never something to try again.
"""

import posixpath
from collections.abc import Callable, Iterable
from typing import Any, TypeVar

import asyncssh
import httpx2
import msgspec
from msgspec import Struct

from tieout.connectors.bank_sftp.config import BankConfig
from tieout.connectors.channels.trays import AnswerLostError
from tieout.connectors.sftp import Credentials, Server, Work, drop, visit
from tieout.kernel.errors import ConfigError, TransientError

T = TypeVar("T")

__all__ = ["AnswerLostError", "Login", "Mailbox", "RemoteFile", "StatusApi"]


class RemoteFile(Struct, frozen=True, order=True):
    """A file in the bank's folder, by the bank's own clock. They are read in the order in which they were written."""

    modified: int
    name: str
    size: int


class Login(Struct, frozen=True):
    """The secrets behind the references of the configuration."""

    password: str = ""
    private_key: str = ""
    status_password: str = ""


class Mailbox:
    """The bank's SFTP folders. Each call is a connection of its own: banks close idle ones."""

    def __init__(self, config: BankConfig, login: Login) -> None:
        self._config = config
        self._login = login

    # ── sending ─────────────────────────────────────────────────────────────────────────────────────────────────

    def drop(self, name: str, body: bytes) -> str:
        """Make the bank see this file, whole, under this name; returns the folder where it lies.

        It is written under another name first and renamed when it is complete, so the bank never reads half a file. A
        name that is there already (in the folder, or in the archive) is the same file: nothing is sent.
        """
        return self._run(lambda sftp: self._drop(sftp, name, body))

    def find(self, name: str) -> str:
        """The folder where a file we sent lies; empty text when it is nowhere."""
        return self._run(lambda sftp: self._find(sftp, name))

    async def _drop(self, sftp: asyncssh.SFTPClient, name: str, body: bytes) -> str:
        suffix = self._config.unfinished_suffix
        return await self._find(sftp, name) or await drop(
            sftp, self._config.outbox, name, body, unfinished_suffix=suffix, find=self._find
        )

    async def _find(self, sftp: asyncssh.SFTPClient, name: str) -> str:
        """In the order in which the bank moves it: a file cannot slip past from one folder to the next."""
        for folder in filter(None, (self._config.outbox, self._config.archive)):
            if await sftp.exists(posixpath.join(folder, name)):
                return folder
        return ""

    # ── fetching ────────────────────────────────────────────────────────────────────────────────────────────────

    def fetch(self, choose: Callable[[list[RemoteFile]], Iterable[RemoteFile]]) -> dict[RemoteFile, bytes | None]:
        """List what the bank has put out, and read the chosen ones. ``None``: it changed while we read it."""
        return self._run(lambda sftp: self._fetch(sftp, choose))

    async def _fetch(
        self, sftp: asyncssh.SFTPClient, choose: Callable[[list[RemoteFile]], Iterable[RemoteFile]]
    ) -> dict[RemoteFile, bytes | None]:
        listed = [_remote(entry) for entry in await sftp.readdir(self._config.inbox) if _is_file(entry)]
        return {file: await self._read(sftp, file) for file in choose(sorted(listed))}

    async def _read(self, sftp: asyncssh.SFTPClient, file: RemoteFile) -> bytes | None:
        path = posixpath.join(self._config.inbox, file.name)
        try:
            async with sftp.open(path, "rb") as handle:
                body: bytes = await handle.read()
            after = await sftp.stat(path)
        except asyncssh.SFTPNoSuchFile:
            return None  # the bank took it back
        return body if len(body) == file.size == after.size and after.mtime == file.modified else None

    # ── the connection ──────────────────────────────────────────────────────────────────────────────────────────

    def _run(self, work: Work[T]) -> T:
        config = self._config
        server = Server(
            host=config.host,
            port=config.port,
            user=config.user,
            host_key=config.host_key,
            timeout_seconds=config.timeout_seconds,
        )
        with visit(server, Credentials(self._login.password, self._login.private_key)) as bank:
            return bank.do(work)


def _is_file(entry: asyncssh.SFTPName) -> bool:
    return entry.attrs.type == asyncssh.FILEXFER_TYPE_REGULAR


def _remote(entry: asyncssh.SFTPName) -> RemoteFile:
    name = entry.filename.decode() if isinstance(entry.filename, bytes) else entry.filename
    return RemoteFile(entry.attrs.mtime or 0, name, entry.attrs.size or 0)


class StatusApi:
    """The bank's HTTP status API: only questions, so whatever goes wrong may be asked again."""

    def __init__(self, config: BankConfig, login: Login, transport: httpx2.BaseTransport | None = None) -> None:
        self._http = httpx2.Client(
            base_url=f"{config.status_url.rstrip('/')}/v1",
            auth=(config.status_user, login.status_password),
            timeout=config.timeout_seconds,
            transport=transport,
        )

    def close(self) -> None:
        """Hang up."""
        self._http.close()

    def file(self, message_id: str) -> dict[str, Any] | None:
        """What became of a file; ``None`` when the bank says that it never came."""
        return self._ask(f"/files/{message_id}", missing_ok=True)

    def statements(self, iban: str) -> dict[str, Any]:
        """The statements the bank made of an account."""
        found = self._ask(f"/accounts/{iban}/statements")
        assert found is not None, "only a missing file is None"
        return found

    def _ask(self, path: str, *, missing_ok: bool = False) -> dict[str, Any] | None:
        try:
            answer = self._http.get(path)
        except httpx2.HTTPError as error:
            raise TransientError(f"the bank's status API: {type(error).__name__}: {error}") from error
        if answer.status_code == 404 and missing_ok and _is_their_word(answer):
            return None
        if answer.status_code in (401, 403):
            raise ConfigError("the bank's status API: access denied; check status_user and status_password")
        try:
            said = msgspec.json.decode(answer.content, type=dict[str, Any]) if answer.is_success else None
        except msgspec.DecodeError:
            said = None
        if said is None:
            raise TransientError(f"the bank's status API: GET {path}: HTTP {answer.status_code} says nothing of use")
        return said


def _is_their_word(answer: httpx2.Response) -> bool:
    """A 404 of the bank itself, not of a gateway in front of it: that one would pass for "never came"."""
    try:
        said = msgspec.json.decode(answer.content, type=dict[str, Any])
    except msgspec.DecodeError:
        return False
    messages = said.get("tppMessages")
    return isinstance(messages, list) and any(
        isinstance(message, dict) and message.get("code") == "RESOURCE_UNKNOWN" for message in messages
    )
