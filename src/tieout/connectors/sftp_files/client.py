"""Talks to an SFTP server: lists, reads, renames, writes. Knows no business."""

import posixpath
from collections.abc import Iterator
from contextlib import contextmanager
from hashlib import sha256
from typing import Any

import asyncssh

from tieout.connectors.channels import Arrival, FileError, InTray, OutTray, Placed, Spool
from tieout.connectors.channels.names import by_marker, put_away_as
from tieout.connectors.channels.trays import ChannelClient, plain_name
from tieout.connectors.sftp import Credentials, GoneError, SaidNoError, Server, Visit, drop, visit
from tieout.connectors.sftp_files.config import SftpConfig
from tieout.kernel.errors import ConfigError
from tieout.ports import Taken

_DEPTH_MAX = 16
_PIECE = 1 << 20
"""So much is read within one time-out; asyncssh asks for many blocks of it at once."""


class SftpFiles(ChannelClient):
    """A partner's folders. Each visit is a connection of its own."""

    def __init__(self, config: SftpConfig, credentials: Credentials) -> None:
        self._config = config
        self._credentials = credentials
        self._server = Server(
            host=config.host,
            port=config.port,
            user=config.user,
            host_key=config.host_key,
            timeout_seconds=config.timeout_seconds,
        )

    @contextmanager
    def receiving(self) -> Iterator[InTray]:
        """Connect and look into the inbox."""
        with visit(self._server, self._credentials) as there:
            yield SftpInTray(self._config, there)

    @contextmanager
    def sending(self) -> Iterator[OutTray]:
        """Connect and look into the outbox."""
        with visit(self._server, self._credentials) as there:
            yield SftpOutTray(self._config, there)

    def close(self) -> None:
        """Every visit hangs up by itself."""


class SftpInTray(InTray):
    """The folder in which a partner's files arrive."""

    def __init__(self, config: SftpConfig, there: Visit) -> None:
        self._config = config
        self._there = there
        self._done = posixpath.normpath(config.done_folder)
        self._made: set[str] = set()

    def listing(self) -> Iterator[Arrival]:
        """Every plain file; links are not followed."""
        return by_marker(self._walk(self._config.inbox, "", 0), self._config.marker)

    def _walk(self, folder: str, inside: str, depth: int) -> Iterator[Arrival]:
        try:
            entries = self._there.do(lambda sftp: sftp.readdir(folder))
        except (GoneError, ConfigError) as error:
            if depth == 0:
                raise ConfigError(f"the inbox {folder!r} cannot be listed: {error}") from error
            return  # a folder that is not for us, or gone while we looked
        for entry in entries:
            name = (
                entry.filename if isinstance(entry.filename, str) else entry.filename.decode("utf-8", "surrogateescape")
            )
            place = posixpath.join(inside, name)
            if entry.attrs.type == asyncssh.FILEXFER_TYPE_REGULAR:
                yield _arrival(place, entry.attrs)
            elif entry.attrs.type == asyncssh.FILEXFER_TYPE_DIRECTORY and name not in (".", ".."):
                below = posixpath.join(folder, name)
                if self._config.subfolders and depth < _DEPTH_MAX and posixpath.normpath(below) != self._done:
                    yield from self._walk(below, place, depth + 1)

    def fetch(self, arrival: Arrival, spool: Spool) -> bool:
        """Read the file piece by piece. It must be as it was listed before, and still be so afterwards."""
        path = posixpath.join(self._config.inbox, arrival.place)
        try:
            handle = self._there.do(lambda sftp: sftp.open(path, "rb"))
            try:
                while piece := self._there.do(lambda _: _read(handle)):
                    spool.add(piece)
            finally:
                self._there.do(lambda _: handle.close())
            return spool.size == arrival.size and self._unchanged(path, arrival)
        except GoneError:
            return False
        except (ConfigError, SaidNoError) as error:
            raise FileError(str(error)) from error

    def _unchanged(self, path: str, arrival: Arrival) -> bool:
        try:
            seen = self._there.do(lambda sftp: sftp.lstat(path))
        except GoneError:
            return False
        return _arrival(arrival.place, seen).stamp == arrival.stamp

    def put_away(self, arrival: Arrival, taken: Taken) -> None:
        """Move or delete it, and its marker after it."""
        path = posixpath.join(self._config.inbox, arrival.place)
        try:
            if self._config.after == "keep" or not self._unchanged(path, arrival):
                return
            if self._config.after == "delete":
                self._there.do(lambda sftp: sftp.remove(path))
            else:
                self._move(path, arrival.place, taken.mark)
            if self._config.marker and self._exists(path + self._config.marker):
                self._there.do(lambda sftp: sftp.remove(path + self._config.marker))
        except (ConfigError, SaidNoError) as error:
            raise FileError(f"{arrival.name} is taken but cannot be put away: {error}") from error

    def _move(self, path: str, place: str, mark: str) -> None:
        plain = posixpath.join(self._done, place)
        target = put_away_as(plain, mark, self._exists)
        folder = posixpath.dirname(target)
        if folder not in self._made:
            self._there.do(lambda sftp: sftp.makedirs(folder, exist_ok=True))
            self._made.add(folder)
        if target != plain and self._exists(target):  # the same bytes, put away before
            self._there.do(lambda sftp: sftp.remove(target))
        self._there.do(lambda sftp: sftp.rename(path, target))

    def _exists(self, path: str) -> bool:
        return bool(self._there.do(lambda sftp: sftp.exists(path)))

    def ignore(self, arrival: Arrival) -> None:
        """A file stays where it is."""

    def leave(self, arrival: Arrival, seconds: float) -> None:
        """A file waits by itself."""

    def behind(self) -> int:
        """A listing shows everything."""
        return 0


class SftpOutTray(OutTray):
    """The folder in which a partner looks for ours."""

    def __init__(self, config: SftpConfig, there: Visit) -> None:
        self._config = config
        self._there = there

    def find(self, name: str, body: bytes) -> Placed | None:
        """In the outbox, then in the archive: in the order in which the partner moves it."""
        folder = self._there.do(lambda sftp: self._find(sftp, name))
        if not folder:
            return None
        path = posixpath.join(folder, name)
        try:
            return Placed(path, self._there.do(lambda sftp: _same(sftp, path, body)))
        except GoneError:  # moved on while we looked
            return self.find(name, body) if folder == self._config.outbox and self._config.archive else None

    async def _find(self, sftp: asyncssh.SFTPClient, name: str) -> str:
        for folder in filter(None, (self._config.outbox, self._config.archive)):
            if await sftp.exists(posixpath.join(folder, name)):
                return folder
        return ""

    def place(self, name: str, body: bytes, media_type: str) -> Placed:
        """Write it under another name, and rename it when the server has every byte."""
        suffix = self._config.unfinished_suffix
        folder = self._there.do(
            lambda sftp: drop(sftp, self._config.outbox, name, body, unfinished_suffix=suffix, find=self._find)
        )
        return Placed(posixpath.join(folder, name))


async def _read(handle: Any) -> bytes:
    """The next piece."""
    piece: bytes = await handle.read(_PIECE)
    return piece


async def _same(sftp: asyncssh.SFTPClient, path: str, body: bytes) -> bool:
    """Does it hold our bytes?"""
    if (await sftp.stat(path)).size != len(body):
        return False
    async with sftp.open(path, "rb") as file:
        there: bytes = await file.read()
    return sha256(there).digest() == sha256(body).digest()


def _arrival(place: str, seen: Any) -> Arrival:
    return Arrival(
        name=plain_name(place),
        place=place,
        size=seen.size or 0,
        modified=(seen.mtime or 0) * 1_000_000 + (getattr(seen, "mtime_ns", 0) or 0) // 1000,
    )
