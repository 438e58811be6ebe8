"""Originals: the bytes of every document as they came, by their SHA-256, in an object store (by default a folder)."""

from collections.abc import Iterator
from contextlib import suppress
from hashlib import sha256
from typing import Any

from tieout.engine.sources import FileSource
from tieout.formats.source import Bytes, Source
from tieout.kernel.errors import PermanentError

#: A larger document is kept piece by piece, never whole in memory.
_WHOLE_MAX = 4 * 1024 * 1024


class Originals:
    """Keeps bytes under their hash; keeping the same bytes twice keeps them once."""

    def __init__(self, store: Any) -> None:
        self._store = store

    @classmethod
    def at(cls, url: str) -> "Originals":
        """Open an object store: ``file:///…``, ``memory:///``, ``s3://bucket`` … (whatever obstore can reach)."""
        from obstore.store import from_url

        return cls(from_url(url, mkdir=True) if url.startswith("file:") else from_url(url))

    def keep(self, document: Source | bytes) -> str:
        """Keep a document and return its SHA-256 in hex. One in a file is never whole in memory."""
        import obstore

        source = Bytes(document) if isinstance(document, bytes) else document
        mark = source.mark
        if source.size <= _WHOLE_MAX:
            with suppress(obstore.exceptions.AlreadyExistsError):
                obstore.put(self._store, _path(mark), source.whole(), mode="create")
        elif not self.has(mark):
            obstore.put(self._store, _path(mark), source.path if isinstance(source, FileSource) else source.chunks())
        return mark

    def has(self, mark: str) -> bool:
        """Whether the document is there."""
        import obstore

        try:
            obstore.head(self._store, _path(mark))
        except FileNotFoundError:
            return False
        return True

    def source(self, mark: str) -> Source:
        """The document with this hash, to be read piece by piece. Raises ``PermanentError`` when it is missing, and
        while it is read when it is no longer what it was."""
        import obstore

        try:
            size = obstore.head(self._store, _path(mark))["size"]
        except FileNotFoundError as error:
            raise _missing(mark) from error
        return _Kept(self._store, mark, size)

    def fetch(self, mark: str) -> bytes:
        """The bytes with this hash. Raises ``PermanentError`` when they are missing or no longer what they were."""
        return self.source(mark).whole()


class _Kept:
    """An original in the store, as a ``Source``. Its bytes are checked against its name each time they are read."""

    def __init__(self, store: Any, mark: str, size: int) -> None:
        self._store = store
        self.mark = mark
        self.size = size

    def chunks(self) -> Iterator[bytes]:
        import obstore

        hashed = sha256()
        try:
            for chunk in obstore.get(self._store, _path(self.mark)).stream():
                hashed.update(chunk)
                yield bytes(chunk)
        except FileNotFoundError as error:
            raise _missing(self.mark) from error
        if hashed.hexdigest() != self.mark:
            raise PermanentError(f"the original {self.mark} has been changed since it was received")

    def whole(self) -> bytes:
        return b"".join(self.chunks())


def _missing(mark: str) -> PermanentError:
    return PermanentError(f"the original {mark} is not in the object store; restore it from a backup")


def _path(mark: str) -> str:
    return f"{mark[:2]}/{mark}"
