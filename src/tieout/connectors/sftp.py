"""SFTP with a pinned host key, for banks and partners alike. Knows no business.

A visit is one connection: many servers close idle ones, and limit how many there are. How sure we are after a failure
is in the error's class, as for every channel (:mod:`tieout.connectors.channels.trays`). A host key that is not the
pinned one is a ``ConfigError``, and never something to try again.
"""

import asyncio
import posixpath
import re
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from typing import Any, TypeVar

import asyncssh
from msgspec import Struct

from tieout.connectors.channels.trays import AnswerLostError
from tieout.kernel.errors import ConfigError, TransientError

T = TypeVar("T")
Work = Callable[[asyncssh.SFTPClient], Awaitable[T]]
#: Where a document of ours lies: the folder, or empty text when it is nowhere.
Finder = Callable[[asyncssh.SFTPClient, str], Awaitable[str]]

_BROKEN = (asyncssh.SFTPConnectionLost, asyncssh.SFTPNoConnection)
_KEY = re.compile(r"(?:ssh-|ecdsa-|sk-)\S+ \S+")
_FINGERPRINT = re.compile(r"SHA256:[A-Za-z0-9+/]{43}=?")


class SaidNoError(TransientError):
    """The server answers, and says no to this one step."""


class GoneError(SaidNoError):
    """There is no such file."""


class Server(Struct, frozen=True, kw_only=True):
    """Where it is, and by what it is recognised: public keys as ``known_hosts`` has them (one a line, with or without
    the host), or their ``SHA256:`` fingerprints."""

    host: str
    port: int
    user: str
    host_key: str
    timeout_seconds: float = 30.0

    @property
    def address(self) -> str:
        """As people write it."""
        return f"{self.user}@{self.host}:{self.port}"

    @property
    def keys(self) -> list[str]:
        """The pinned public keys."""
        return [found.group() for line in self.host_key.splitlines() if (found := _KEY.search(line))]

    @property
    def fingerprints(self) -> list[str]:
        """The pinned fingerprints."""
        return [found.rstrip("=") for found in _FINGERPRINT.findall(self.host_key)]


class Credentials(Struct, frozen=True):
    """What we show: a password, a private key, or both. They appear in nothing that is shown."""

    password: str = ""
    private_key: str = ""

    def __repr__(self) -> str:
        return "Credentials(…)"


def is_host_key(text: str) -> bool:
    """Does this pin a host key? Every line must."""
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    return bool(lines) and all(
        not line.startswith("@") and (_KEY.search(line) or _FINGERPRINT.fullmatch(line)) for line in lines
    )


class Visit:
    """One connection. The event loop runs during calls only, so whoever visits stays synchronous."""

    def __init__(self, runner: asyncio.Runner, sftp: asyncssh.SFTPClient, server: Server) -> None:
        self._runner = runner
        self._sftp = sftp
        self._server = server

    def do(self, work: Work[T]) -> T:
        """Do a piece of work, within the time-out."""

        async def timed() -> T:
            async with asyncio.timeout(self._server.timeout_seconds):
                return await work(self._sftp)

        with said(self._server.address):
            return self._runner.run(timed())


@contextmanager
def visit(server: Server, credentials: Credentials) -> Iterator[Visit]:
    """Connect, and hang up in the end."""
    with asyncio.Runner() as runner:
        with said(server.address):
            connection, sftp = runner.run(_connected(server, credentials))
        try:
            yield Visit(runner, sftp, server)
        finally:
            runner.run(_ended(connection, sftp))


@contextmanager
def said(where: str) -> Iterator[None]:
    """What went wrong on the way, in the words of the engine."""
    try:
        yield
    except asyncssh.HostKeyNotVerifiable as error:
        raise ConfigError(
            f"{where}: the server does not have the pinned host key. Do not accept another one before its owner has "
            "confirmed it on a way you know"
        ) from error
    except (asyncssh.PermissionDenied, asyncssh.SFTPPermissionDenied) as error:
        raise ConfigError(f"{where}: access denied ({error}); check user, key and folders") from error
    except asyncssh.KeyImportError as error:
        raise ConfigError(f"{where}: the private key, or the pinned host key, cannot be read: {error}") from error
    except asyncssh.SFTPNoSuchFile as error:
        raise GoneError(f"{where}: there is no such file ({error})") from error
    except (asyncssh.Error, OSError, TimeoutError) as error:
        broken = not isinstance(error, asyncssh.SFTPError) or isinstance(error, _BROKEN)
        raise (TransientError if broken else SaidNoError)(f"{where}: {type(error).__name__}: {error}") from error


async def _connected(server: Server, credentials: Credentials) -> tuple[Any, asyncssh.SFTPClient]:
    keys = [asyncssh.import_private_key(credentials.private_key)] if credentials.private_key else None
    lines = "".join(f"[{server.host}]:{server.port} {key}\n" for key in server.keys)
    async with asyncio.timeout(server.timeout_seconds):
        connection = await asyncssh.connect(
            server.host,
            server.port,
            client_factory=lambda: _Pinned(server.fingerprints),
            username=server.user,
            password=credentials.password or None,
            client_keys=keys,
            known_hosts=asyncssh.import_known_hosts(lines),
            config=None,
            agent_path=None,
            connect_timeout=server.timeout_seconds,
            login_timeout=server.timeout_seconds,
        )
        try:
            return connection, await connection.start_sftp_client(path_errors="surrogateescape")
        except BaseException:
            connection.abort()
            raise


async def _ended(connection: Any, sftp: asyncssh.SFTPClient) -> None:
    """Hang up. A server that does not answer any more is not waited for."""
    try:
        async with asyncio.timeout(2.0):
            sftp.exit()
            connection.close()
            await connection.wait_closed()
    except (asyncssh.Error, OSError, TimeoutError):
        connection.abort()


class _Pinned(asyncssh.SSHClient):
    """Asked about keys that are not in ``known_hosts``: one with a pinned fingerprint will do."""

    def __init__(self, fingerprints: list[str]) -> None:
        self._fingerprints = fingerprints

    def validate_host_public_key(self, host: str, addr: str, port: int, key: asyncssh.SSHKey) -> bool:
        """Is it one of the pinned?"""
        return key.get_fingerprint("sha256").rstrip("=") in self._fingerprints


# ── laying out ─────────────────────────────────────────────────────────────────────────────────────────────────────


async def drop(
    sftp: asyncssh.SFTPClient, folder: str, name: str, body: bytes, *, unfinished_suffix: str, find: Finder
) -> str:
    """Make the other side see this file, whole, under this name; returns the folder where it lies.

    It is written under another name first and renamed when it is complete, so nobody reads half a file. Until the
    rename nothing can be seen, so whatever fails before it is certain not to have been sent.
    """
    final = posixpath.join(folder, name)
    unfinished = final + unfinished_suffix
    async with sftp.open(unfinished, "wb") as file:
        await file.write(body)
    if (await sftp.stat(unfinished)).size != len(body):
        raise TransientError(f"{unfinished}: the server did not keep all of it; it is written again")
    try:
        await sftp.rename(unfinished, final)
    except asyncssh.SFTPPermissionDenied:
        raise
    except asyncssh.SFTPError as error:
        if isinstance(error, _BROKEN):
            raise AnswerLostError(f"{final}: the connection broke while it was renamed") from error
        return await _after_failed_rename(sftp, name, unfinished, find, error)
    except (asyncssh.Error, OSError, TimeoutError, asyncio.CancelledError) as error:
        raise AnswerLostError(f"{final}: the connection broke while it was renamed") from error
    return folder


async def _after_failed_rename(
    sftp: asyncssh.SFTPClient, name: str, unfinished: str, find: Finder, error: asyncssh.SFTPError
) -> str:
    """An error does not prove that nothing was done; where the file lies does."""
    try:
        place = await find(sftp, name)
        waiting = not place and await sftp.exists(unfinished)
    except (asyncssh.Error, OSError) as lost:
        raise AnswerLostError(f"{name}: the rename failed ({error.reason}), and then the connection") from lost
    if place:
        return place
    if waiting:
        raise TransientError(f"{name}: the server did not rename it: {error.reason}")
    raise AnswerLostError(f"{name}: the rename failed ({error.reason}), and the file is nowhere to be seen")
