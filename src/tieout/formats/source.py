"""A document's bytes, read from the beginning as often as a reader needs, without all of them in memory."""

from collections.abc import Iterator
from functools import cached_property
from typing import Protocol

from tieout.kernel.ids import fingerprint

#: How much is handed on at once: large enough for the parsers, small beside any budget of memory.
CHUNK = 64 * 1024


class Source(Protocol):
    """What a reader is given. ``mark`` is the SHA-256 of the bytes as they were *received*: the evidence, also when the
    document was taken out of an envelope, a PDF or a signature."""

    @property
    def size(self) -> int:
        """How many bytes there are."""
        ...

    @property
    def mark(self) -> str:
        """The SHA-256 (hex) of what was received."""
        ...

    def chunks(self) -> Iterator[bytes]:
        """All bytes from the beginning, each time anew, in pieces of about :data:`CHUNK`."""
        ...

    def whole(self) -> bytes:
        """All bytes at once, for documents that are small by nature. Callers have checked the size."""
        ...


class Bytes(Source):
    """A document that is in memory already. ``mark`` is given where it was taken out of something else."""

    def __init__(self, body: bytes, mark: str = "") -> None:
        self._body = body
        self._mark = mark

    @property
    def size(self) -> int:
        """How many bytes there are."""
        return len(self._body)

    @cached_property
    def mark(self) -> str:
        """The SHA-256 (hex) of what was received."""
        return self._mark or fingerprint(self._body)

    def chunks(self) -> Iterator[bytes]:
        """The bytes in pieces."""
        return (self._body[start : start + CHUNK] for start in range(0, len(self._body), CHUNK))

    def whole(self) -> bytes:
        """All bytes at once."""
        return self._body


def beginning(source: Source, count: int) -> bytes:
    """The first ``count`` bytes, or all if there are fewer."""
    found = b""
    for chunk in source.chunks():
        found += chunk
        if len(found) >= count:
            break
    return found[:count]
