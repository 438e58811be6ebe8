"""The spool: where a document lies while it is read. Small ones in memory, large ones in a file of ours.

A file that others can write to is never read in place: it could change between hashing and keeping.
"""

import tempfile
from pathlib import Path
from types import TracebackType
from typing import IO

from tieout.engine.sources import FileSource
from tieout.formats.source import Bytes, Source
from tieout.kernel.errors import TieoutError

IN_MEMORY = 1 << 20
"""Up to so many bytes stay in memory."""


class TooLargeError(TieoutError):
    """More bytes came than the channel takes."""


class Spool:
    """Takes the bytes of one document and gives them back as a source. Ends with the ``with`` block."""

    def __init__(self, bytes_max: int) -> None:
        self._bytes_max = bytes_max
        self._memory = bytearray()
        self._file: IO[bytes] | None = None
        self._size = 0

    def __enter__(self) -> "Spool":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._file is not None:
            self._file.close()

    @property
    def size(self) -> int:
        """How many bytes have come so far."""
        return self._size

    def add(self, chunk: bytes) -> None:
        """The next bytes. Raises :class:`TooLargeError` when they are too many."""
        self._size += len(chunk)
        if self._size > self._bytes_max:
            raise TooLargeError(f"it has more than {self._bytes_max} bytes")
        if self._file is None and self._size <= IN_MEMORY:
            self._memory += chunk
            return
        if self._file is None:
            self._file = tempfile.NamedTemporaryFile(prefix="tieout-")  # noqa: SIM115  (ends with this spool)
            self._file.write(self._memory)
            self._memory.clear()
        self._file.write(chunk)

    def source(self) -> Source:
        """Everything that came."""
        if self._file is None:
            return Bytes(bytes(self._memory))
        self._file.flush()
        return FileSource(Path(self._file.name))
