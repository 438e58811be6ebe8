"""Talks to a file system. Knows no business.

Everybody may write into a watched folder, so nothing in it is believed: links are not followed, only plain files are
read, a file that changes while it is copied is left, and one that changed before it was put away is put back.
"""

import errno
import os
import shutil
import stat
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from hashlib import sha256
from pathlib import Path

import structlog

from tieout.connectors.channels import Arrival, FileError, InTray, OutTray, Placed, Spool
from tieout.connectors.channels.names import by_marker, put_away_as
from tieout.connectors.channels.trays import ChannelClient, plain_name
from tieout.connectors.folder.config import FolderConfig
from tieout.formats.source import CHUNK
from tieout.kernel.errors import ConfigError, TransientError
from tieout.ports import Taken

LOG = structlog.get_logger("tieout.connectors.folder")

_DEPTH_MAX = 32
#: Neither following a link that somebody swapped in, nor waiting for the writer of a pipe.
_READ = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK
_FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW


class FolderClient(ChannelClient, InTray, OutTray):
    """The folders of one channel."""

    def __init__(self, config: FolderConfig, base: Path) -> None:
        self._config = config
        self._inbox = base / config.inbox
        self._outbox = base / config.outbox
        self._archive = base / config.archive
        self._done = base / config.done_folder

    @contextmanager
    def receiving(self) -> Iterator[InTray]:
        """Look into the inbox."""
        if not self._inbox.is_dir():
            raise ConfigError(f"the inbox {self._inbox} is not a folder; make it, or correct the setting")
        yield self

    @contextmanager
    def sending(self) -> Iterator[OutTray]:
        """Look into the outbox."""
        if not self._outbox.is_dir():
            raise ConfigError(f"the outbox {self._outbox} is not a folder; make it, or correct the setting")
        with _said(self._outbox):
            yield self

    def close(self) -> None:
        """Nothing to hang up."""

    # ── coming in ───────────────────────────────────────────────────────────────────────────────────────────────

    def listing(self) -> Iterator[Arrival]:
        """Every plain file in the inbox, in its sub-folders if they count; never what was put away."""
        return by_marker(self._walk(str(self._inbox), "", None), self._config.marker)

    def _walk(self, name: str, inside: str, parent: int | None) -> Iterator[Arrival]:
        """Down from folder to folder by open handles, so that a folder that becomes a link leads nowhere else."""
        try:
            descriptor = os.open(name, _FOLDER if parent is not None else os.O_RDONLY | os.O_DIRECTORY, dir_fd=parent)
        except OSError as error:
            if parent is None:
                raise _trouble(self._inbox, error) from error
            LOG.warning("folder_not_readable", folder=plain_name(inside), error=error.strerror)
            return
        try:
            with os.scandir(descriptor) as entries:
                for entry in entries:
                    place = f"{inside}/{entry.name}" if inside else entry.name
                    if entry.is_dir(follow_symlinks=False):
                        if self._looks_into(place):
                            yield from self._walk(entry.name, place, descriptor)
                    elif entry.is_file(follow_symlinks=False):
                        with suppress(FileNotFoundError):  # taken back while we look
                            yield _arrival(place, entry.stat(follow_symlinks=False))
        finally:
            os.close(descriptor)

    def _looks_into(self, place: str) -> bool:
        return self._config.subfolders and place.count("/") < _DEPTH_MAX and self._inbox / place != self._done

    def fetch(self, arrival: Arrival, spool: Spool) -> bool:
        """Copy the file. It must be the one that was listed, and still be so when the last byte is read."""
        path = self._inbox / arrival.place
        try:
            descriptor = os.open(path, _READ)
        except FileNotFoundError:
            return False
        except OSError as error:
            raise FileError(f"{arrival.name}: {error.strerror}") from error
        with open(descriptor, "rb", buffering=0) as file:
            try:
                before = os.fstat(descriptor)
                if not stat.S_ISREG(before.st_mode) or _version(before) != arrival.version:
                    return False
                while chunk := file.read(CHUNK):
                    spool.add(chunk)
                return _version(os.fstat(descriptor)) == arrival.version and spool.size == arrival.size
            except OSError as error:
                raise FileError(f"{arrival.name}: {error.strerror}") from error

    def put_away(self, arrival: Arrival, taken: Taken) -> None:
        """Move or delete it, and its marker after it."""
        path = self._inbox / arrival.place
        try:
            if self._config.after == "keep" or not self._unchanged(path, arrival):
                return
            if self._config.after == "delete":
                path.unlink()
            else:
                self._move(path, arrival, taken.mark)
            if self._config.marker:
                path.with_name(path.name + self._config.marker).unlink(missing_ok=True)
        except OSError as error:
            raise FileError(f"{arrival.name} is taken but cannot be put away: {error.strerror}") from error

    @staticmethod
    def _unchanged(path: Path, arrival: Arrival) -> bool:
        try:
            return _version(path.lstat()) == arrival.version
        except FileNotFoundError:
            return False

    def _move(self, path: Path, arrival: Arrival, mark: str) -> None:
        target = self._done / put_away_as(arrival.place, mark, lambda place: (self._done / place).exists())
        target.parent.mkdir(parents=True, exist_ok=True)
        try:
            path.rename(target)
        except OSError as error:
            if error.errno != errno.EXDEV:
                raise
            _copy(path, target, self._config.unfinished_suffix)  # the done folder lies on another disk
            if self._unchanged(path, arrival):
                path.unlink()
        else:
            if not self._unchanged(target, arrival):  # somebody wrote between our last look and the rename
                target.rename(path.with_name(f"again-{mark[:12]}-{path.name}") if path.exists() else path)

    def ignore(self, arrival: Arrival) -> None:
        """A file stays where it is."""

    def leave(self, arrival: Arrival, seconds: float) -> None:
        """A file waits by itself."""

    def behind(self) -> int:
        """A listing shows everything."""
        return 0

    # ── going out ───────────────────────────────────────────────────────────────────────────────────────────────

    def find(self, name: str, body: bytes) -> Placed | None:
        """In the outbox, then in the archive: in the order in which the partner moves it."""
        for folder in (self._outbox, self._archive) if self._config.archive else (self._outbox,):
            path = folder / name
            with suppress(FileNotFoundError):
                same = path.stat().st_size == len(body) and _hash(path) == sha256(body).digest()
                return Placed(name, same)
        return None

    def place(self, name: str, body: bytes, media_type: str) -> Placed:
        """Write it under another name, make sure that the disk has it, and rename it."""
        final = self._outbox / name
        unfinished = final.with_name(name + self._config.unfinished_suffix)
        with unfinished.open("wb") as file:
            file.write(body)
            file.flush()
            os.fsync(file.fileno())
        unfinished.rename(final)
        _sync_folder(self._outbox)
        return Placed(name)


def _arrival(place: str, seen: os.stat_result) -> Arrival:
    return Arrival(
        name=plain_name(place),
        place=place,
        size=seen.st_size,
        modified=seen.st_mtime_ns // 1000,
        version=_version(seen),
    )


def _version(seen: os.stat_result) -> str:
    return f"{seen.st_dev}:{seen.st_ino}:{seen.st_size}:{seen.st_mtime_ns}"


def _hash(path: Path) -> bytes:
    hashed = sha256()
    with path.open("rb") as file:
        while chunk := file.read(CHUNK):
            hashed.update(chunk)
    return hashed.digest()


def _copy(path: Path, target: Path, suffix: str) -> None:
    """To another disk, whole or not at all."""
    unfinished = target.with_name(target.name + suffix)
    with path.open("rb") as source, unfinished.open("wb") as copy:
        shutil.copyfileobj(source, copy, CHUNK)
        copy.flush()
        os.fsync(copy.fileno())
    unfinished.rename(target)


def _sync_folder(folder: Path) -> None:
    """A rename is on the disk when its folder is. (Some file systems cannot say so.)"""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        with suppress(OSError):
            os.fsync(descriptor)
    finally:
        os.close(descriptor)


@contextmanager
def _said(folder: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise _trouble(folder, error) from error


def _trouble(folder: Path, error: OSError) -> ConfigError | TransientError:
    """What may not be done stays so until somebody changes it; a full or absent disk may be there again."""
    if error.errno in (errno.EACCES, errno.EPERM, errno.EROFS, errno.ENOTDIR, errno.ENOENT):
        return ConfigError(f"{folder}: {error.strerror}; correct its permissions, or the setting")
    return TransientError(f"{folder}: {error.strerror}")
