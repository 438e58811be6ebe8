"""ASN.1 as it comes over the wire (BER, X.690) in the one spelling that signatures are made over (DER).

Programs that sign large files write them in pieces: lengths that are not known beforehand (8.1.3.6) and octet strings
in fragments (8.7.3). Both are legal and common in Italian ``.p7m`` files. Here they become definite and whole.
"""

_OCTETS, _FRAGMENTS = b"\x04", b"\x24"
_BUILT, _LONG_TAG, _INDEFINITE = 0x20, 0x1F, 0x80
_END_OF_CONTENTS = b"\0\0"
DEPTH_MAX = 48
#: More values than any chain of certificates has, and than the largest file in fragments of 1,000 bytes.
VALUES_MAX = 500_000


class MalformedError(ValueError):
    """The bytes are not what they should be; the text says at which byte. Caught where the file is opened."""


def definite(body: bytes) -> bytes:
    """The value in ``body`` in its definite spelling. Only blanks and NULs may follow it."""
    tag, content, end = _Reader(body).value(0, len(body), 0)
    if body[end:].strip(b"\0\r\n\t "):
        raise MalformedError(f"byte {end}: bytes follow the end of the signed file")
    return spelled(tag, content)


def spelled(tag: bytes, content: bytes) -> bytes:
    """A value with its tag and its length."""
    count = len(content)
    if count < _INDEFINITE:
        return tag + bytes([count]) + content
    length = count.to_bytes((count.bit_length() + 7) // 8, "big")
    return tag + bytes([_INDEFINITE | len(length)]) + length + content


class _Reader:
    def __init__(self, body: bytes) -> None:
        self.body = body
        self.values = 0

    def value(self, at: int, stop: int, depth: int) -> tuple[bytes, bytes, int]:
        """The value that starts here: its tag, its content spelled out, and where it ends."""
        self.values += 1
        if depth > DEPTH_MAX or self.values > VALUES_MAX:
            raise MalformedError(f"byte {at}: nested too deep, or too many values")
        tag, start = self._tag(at, stop)
        length, start = self._length(start, stop)
        if tag[0] & _BUILT:
            content, end = self._parts(tag, start, None if length is None else start + length, stop, depth + 1)
            return (_OCTETS if tag == _FRAGMENTS else tag), content, end
        if length is None:
            raise MalformedError(f"byte {at}: a plain value without a length")
        return tag, self.body[start : start + length], start + length

    def _parts(self, outer: bytes, at: int, end: int | None, stop: int, depth: int) -> tuple[bytes, int]:
        """What a built value is built of; of an octet string in fragments only the octets."""
        parts: list[bytes] = []
        while at < (stop if end is None else end):
            if end is None and self.body[at : at + 2] == _END_OF_CONTENTS:
                return b"".join(parts), at + 2
            tag, content, at = self.value(at, stop if end is None else end, depth)
            if outer == _FRAGMENTS and tag != _OCTETS:
                raise MalformedError(f"byte {at}: a fragment of an octet string that is none")
            parts.append(content if outer == _FRAGMENTS else spelled(tag, content))
        if end is None:
            raise MalformedError(f"byte {at}: a value without an end; the file was cut off")
        return b"".join(parts), at

    def _tag(self, at: int, stop: int) -> tuple[bytes, int]:
        end = at + 1
        if at < stop and self.body[at] & _LONG_TAG == _LONG_TAG:
            while end < min(stop, at + 5) and self.body[end] & 0x80:
                end += 1
            end += 1
        if end > stop:
            raise MalformedError(f"byte {at}: the file ends within a value")
        return self.body[at:end], end

    def _length(self, at: int, stop: int) -> tuple[int | None, int]:
        """A length, or none where it is not known beforehand."""
        if at >= stop:
            raise MalformedError(f"byte {at}: the file ends within a value")
        first = self.body[at]
        if first == _INDEFINITE:
            return None, at + 1
        count = first & 0x7F if first & 0x80 else 0
        length = int.from_bytes(self.body[at + 1 : at + 1 + count], "big") if count else first
        if count > 8 or at + 1 + count + length > stop:
            raise MalformedError(f"byte {at}: a length of {length} reaches beyond the end of what holds it")
        return length, at + 1 + count
