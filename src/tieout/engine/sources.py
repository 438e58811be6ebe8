"""Documents that are too large to be held in memory: in a file of ours, or in the object store."""

from collections.abc import Iterator
from functools import cached_property
from hashlib import sha256
from pathlib import Path

from tieout.formats.source import CHUNK, Source


class FileSource(Source):
    """A document in a file that nobody writes to while it is read."""

    def __init__(self, path: Path) -> None:
        self.path = path

    @cached_property
    def size(self) -> int:
        """How many bytes there are."""
        return self.path.stat().st_size

    @cached_property
    def mark(self) -> str:
        """The SHA-256 (hex) of the bytes."""
        hashed = sha256()
        for chunk in self.chunks():
            hashed.update(chunk)
        return hashed.hexdigest()

    def chunks(self) -> Iterator[bytes]:
        """The bytes in pieces."""
        with self.path.open("rb") as file:
            while chunk := file.read(CHUNK):
                yield chunk

    def whole(self) -> bytes:
        """All bytes at once."""
        return self.path.read_bytes()
