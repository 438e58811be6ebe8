"""MIME as AS2 uses it (RFC 2045, 2046): headers, parts and encodings, to the byte, since digests are made over them.

Nothing is repaired. What is not well-formed raises :class:`MalformedError`.
"""

import binascii
import re
from base64 import b64decode
from collections.abc import Iterator
from email.message import Message
from hashlib import sha256
from posixpath import basename

from msgspec import Struct

HEAD_MAX = 32_768
PARTS_MAX = 8
_NAME_MAX = 200
_BOUNDARY_MAX = 200
_EMPTY_LINE = re.compile(rb"\r?\n\r?\n")
_FOLDED = re.compile(r"\r?\n[ \t]+")
_AFTER_BOUNDARY = re.compile(rb"(--)?[ \t]*(\r\n|\n|\Z)")
_FIELD = re.compile(r"([!-9;-~]+)[ \t]*:[ \t]*(.*)")


class MalformedError(ValueError):
    """It is not what MIME allows; the text says why. Caught where messages and receipts are opened."""


class Entity(Struct, frozen=True):
    """A body with its headers (in lower case). ``raw`` is all of it as it came; for the outermost entity, whose
    headers are those of HTTP, it is the body alone."""

    headers: dict[str, str]
    body: bytes
    raw: bytes

    @property
    def media_type(self) -> str:
        """The content type without its parameters; empty text when there is none."""
        return _media_type(self.headers.get("content-type", ""))

    def parameter(self, name: str, header: str = "content-type") -> str:
        """A parameter of a header; empty text when it is not there."""
        return parameter(self.headers.get(header, ""), name)

    def content(self) -> bytes:
        """The body without its transfer encoding."""
        encoding = self.headers.get("content-transfer-encoding", "binary").strip().lower()
        try:
            match encoding:
                case "base64":
                    return b64decode(b"".join(self.body.split()), validate=True)
                case "quoted-printable":
                    return binascii.a2b_qp(self.body)
                case "binary" | "8bit" | "7bit":
                    return self.body
                case _:
                    raise MalformedError(f"the transfer encoding {encoding[:40]!r} is unknown")
        except binascii.Error as error:
            raise MalformedError(f"not {encoding}: {error}") from error

    def canonical(self) -> bytes:
        """All of it with the line ends of the network. The body of a binary one has no lines."""
        encoding = self.headers.get("content-transfer-encoding", "binary").strip().lower()
        if encoding != "binary":
            return network_lines(self.raw)
        found = _EMPTY_LINE.search(self.raw)
        end = found.end() if found else 0
        return network_lines(self.raw[:end]) + self.raw[end:]


def entity(head: dict[str, str], body: bytes) -> Entity:
    """An entity of ours: headers are written as they are given, and lines end as on the network."""
    lines = "".join(f"{name}: {value}\r\n" for name, value in head.items())
    raw = lines.encode("ascii") + b"\r\n" + body
    return Entity({name.lower(): value for name, value in head.items()}, body, raw)


def read_entity(raw: bytes) -> Entity:
    """An entity out of its bytes."""
    if raw.startswith((b"\r\n", b"\n")):
        return Entity({}, raw.partition(b"\n")[2], raw)
    found = _EMPTY_LINE.search(raw, 0, HEAD_MAX)
    if not found:
        raise MalformedError("its headers do not end")
    return Entity(read_fields(raw[: found.start()]), raw[found.end() :], raw)


def read_fields(head: bytes) -> dict[str, str]:
    """Headers by their names in lower case. One about the content that is there twice means two things: refused."""
    text = _FOLDED.sub(" ", head.decode("latin-1"))
    fields: dict[str, str] = {}
    for line in filter(None, (line.strip() for line in text.split("\n"))):
        field = _FIELD.fullmatch(line)
        if not field:
            raise MalformedError("a line among the headers is none")
        name = field[1].lower()
        if name in fields and name.startswith("content-"):
            raise MalformedError(f"the header {name[:40]} is there twice")
        fields.setdefault(name, field[2])
    return fields


def parameter(value: str, name: str) -> str:
    """A parameter of a header's value (``boundary``, ``filename`` …), in any of the ways to write one."""
    message = Message()
    message["content-type"] = value.replace("\r", " ").replace("\n", " ")[:HEAD_MAX]
    try:
        found = message.get_param(name, "")
    except (ValueError, LookupError):  # an alphabet that nobody knows
        return ""
    if isinstance(found, tuple):
        found = _in_its_alphabet(found)
    return str(found)


def _in_its_alphabet(found: tuple[str | None, str | None, str]) -> str:
    """A value in the way of RFC 2231: (alphabet, language, text)."""
    try:
        return found[2].encode("latin-1").decode(found[0] or "ascii", "replace")
    except (LookupError, UnicodeEncodeError):
        return found[2]


def _media_type(value: str) -> str:
    return value.partition(";")[0].strip().lower()


def network_lines(content: bytes) -> bytes:
    """Lines that end in CR LF, whatever they ended in."""
    return re.sub(rb"\r\n|\r|\n", b"\r\n", content)


# ── parts ──────────────────────────────────────────────────────────────────────────────────────────────────────────


def join(kind: str, parameters: dict[str, str], parts: list[bytes]) -> Entity:
    """A multipart entity. Its boundary is a digest of what is in it, which therefore cannot contain it."""
    boundary = f"=_{sha256(b''.join(parts)).hexdigest()[:40]}"
    listed = "".join(f'; {name}="{value}"' for name, value in {**parameters, "boundary": boundary}.items())
    mark = b"--" + boundary.encode()
    body = b"".join(mark + b"\r\n" + part + b"\r\n" for part in parts) + mark + b"--\r\n"
    return entity({"Content-Type": f"multipart/{kind}{listed}"}, body)


def split(whole: Entity) -> list[bytes]:
    """The parts of a multipart entity, to the byte. After the last one nothing may follow: nobody signed it."""
    boundary = whole.parameter("boundary").encode("latin-1", "replace")
    if not boundary or len(boundary) > _BOUNDARY_MAX:
        raise MalformedError("a multipart body without a boundary")
    parts: list[bytes] = []
    start, line_end = -1, b""
    for mark in _marks(whole.body, b"--" + boundary):
        if start < 0:
            start, line_end = mark.end, mark.line_end
            continue
        end = mark.start - len(line_end)
        if whole.body[max(end, start - len(line_end)) : mark.start] != line_end:
            continue
        parts.append(whole.body[start : max(start, end)])
        start = mark.end
        if mark.is_last and whole.body[start:].strip():
            raise MalformedError("something follows the last part")
        if mark.is_last:
            return parts
        if len(parts) > PARTS_MAX:
            raise MalformedError(f"more than {PARTS_MAX} parts")
    raise MalformedError("the last part does not end; the message was cut off" if parts or start > 0 else "no parts")


class _Mark(Struct, frozen=True):
    """A line with the boundary in it: where it starts and ends, how, and whether it ends the whole."""

    start: int
    end: int
    line_end: bytes
    is_last: bool


def _marks(body: bytes, boundary: bytes) -> Iterator[_Mark]:
    at = body.find(boundary)
    while at >= 0:
        rest = _AFTER_BOUNDARY.match(body, at + len(boundary))
        if rest and (at == 0 or body[at - 1] == 0x0A):
            yield _Mark(at, rest.end(), rest[2], bool(rest[1]))
        at = body.find(boundary, at + len(boundary))


# ── names of files ─────────────────────────────────────────────────────────────────────────────────────────────────


def attachment(name: str) -> str:
    """The header that names a file (RFC 6266 for names that are not ASCII)."""
    if name.isascii() and name.isprintable() and not set(name) & set('"\\'):
        return f'attachment; filename="{name}"'
    encoded = "".join(chr(byte) if chr(byte).isalnum() and byte < 128 else f"%{byte:02X}" for byte in name.encode())
    return f"attachment; filename*=UTF-8''{encoded}"


def file_name(whole: Entity) -> str:
    """The name that the sender gives a file, without folders and signs that are none; empty text when there is none."""
    named = whole.parameter("filename", "content-disposition") or whole.parameter("name")
    plain = "".join(char for char in basename(named.replace("\\", "/")) if char.isprintable()).strip()
    return plain.lstrip(".")[:_NAME_MAX]
