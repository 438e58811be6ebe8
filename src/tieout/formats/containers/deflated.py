"""Data packed with deflate: unpacked in pieces, as often as somebody reads it, never all of it in memory."""

import hashlib
import zlib
from collections.abc import Callable, Iterator

from tieout.formats.containers.contents import Budget, swelling
from tieout.formats.source import CHUNK, Source
from tieout.kernel.problem import Code, Problem

RAW, GZIP = -zlib.MAX_WBITS, zlib.MAX_WBITS | 16
#: How many streams may follow each other in one gzip file; each costs time however little is in it.
STREAMS_MAX = 1_000


class Unpacked(Source):
    """A document that stays packed; whoever reads it unpacks it. It was unpacked once before, so it is known whole."""

    def __init__(self, pieces: Callable[[], Iterator[bytes]], size: int, mark: str) -> None:
        self._pieces = pieces
        self._size = size
        self._mark = mark

    @property
    def size(self) -> int:
        """How many bytes there are, unpacked."""
        return self._size

    @property
    def mark(self) -> str:
        """The SHA-256 (hex) of the unpacked bytes: a document taken out of an archive is evidence by itself."""
        return self._mark

    def chunks(self) -> Iterator[bytes]:
        """The unpacked bytes in pieces."""
        return self._pieces()

    def whole(self) -> bytes:
        """All unpacked bytes at once."""
        return b"".join(self._pieces())


def unpacked(
    packed: int, pieces: Callable[[], Iterator[bytes | Problem]], budget: Budget
) -> tuple[Unpacked, int] | Problem:
    """Unpack once to the end within the budget, and give the document with its CRC-32; or what is wrong."""
    size, crc, digest = 0, 0, hashlib.sha256()
    for piece in pieces():
        if isinstance(piece, Problem):
            return piece
        size += len(piece)
        if problem := swelling(packed, size) or budget.spend(len(piece)):
            return problem
        crc = zlib.crc32(piece, crc)
        digest.update(piece)

    def again() -> Iterator[bytes]:
        return (piece for piece in pieces() if isinstance(piece, bytes))

    return Unpacked(again, size, digest.hexdigest()), crc


def stored(body: memoryview) -> Iterator[bytes | Problem]:
    """Data that was put in as it is."""
    return (bytes(body[start : start + CHUNK]) for start in range(0, len(body), CHUNK))


class _Stream:
    """One deflate stream at the beginning of some data; ``end`` is where it ended, or -1 while it has not."""

    def __init__(self, body: memoryview, form: int) -> None:
        self._body = body
        self._form = form
        self.end = -1

    def pieces(self) -> Iterator[bytes | Problem]:
        """What comes out, in pieces of bounded size."""
        stream = zlib.decompressobj(self._form)
        try:
            for start in range(0, len(self._body), CHUNK):
                packed = bytes(self._body[start : start + CHUNK])
                while packed and not stream.eof:
                    yield stream.decompress(packed, CHUNK)
                    packed = stream.unconsumed_tail
                if stream.eof:
                    self.end = min(start + CHUNK, len(self._body)) - len(stream.unused_data)
                    return
            yield from self._rest(stream)
        except zlib.error as error:
            yield Problem(Code.UNREADABLE, f"byte {start}", detail=f"the packed data is damaged: {error}")

    def _rest(self, stream: "zlib._Decompress") -> Iterator[bytes]:
        """What the end of the data still holds back."""
        while piece := stream.decompress(b"", CHUNK):
            yield piece
        if stream.eof:
            self.end = len(self._body)


def inflated(body: memoryview) -> Iterator[bytes | Problem]:
    """One raw deflate stream that ends exactly where the data ends."""
    stream = _Stream(body, RAW)
    yield from stream.pieces()
    if stream.end < 0:
        yield Problem(Code.UNREADABLE, f"byte {len(body)}", detail="the packed data ends too early")
    elif stream.end < len(body):
        yield Problem(Code.UNREADABLE, f"byte {stream.end}", detail="bytes follow the end of the packed data")


def gunzipped(body: bytes) -> Iterator[bytes | Problem]:
    """The streams of a gzip file, one after the other (RFC 1952, section 2.2); padding of NULs may follow."""
    at = 0
    for _ in range(STREAMS_MAX):
        stream = _Stream(memoryview(body)[at:], GZIP)
        yield from stream.pieces()
        if stream.end < 0:
            yield Problem(Code.UNREADABLE, f"byte {len(body)}", detail="the gzip stream ends too early")
            return
        at += stream.end
        if body[at : at + 1] in (b"", b"\0") and not body[at:].strip(b"\0"):
            return
        if body[at : at + 2] != b"\x1f\x8b":
            yield Problem(Code.UNREADABLE, f"byte {at}", detail="bytes that are no gzip follow the gzip stream")
            return
    yield Problem(Code.TOO_LARGE, limit=f"{STREAMS_MAX} gzip streams", detail="too many streams follow each other")
