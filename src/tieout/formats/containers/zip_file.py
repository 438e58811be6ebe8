"""ZIP archives (PKWARE APPNOTE 6.3), read strictly: two readers of one archive must see the same documents.

The tricks of this format live where its directory at the end and the headers before each member say different things,
or where bytes belong to nobody: members that overlap (the bomb of 46 MB that becomes 4.5 PB), a second directory, a
member that only some programs see. So every byte must belong to exactly one member or to the directory, and whatever
is said twice must be the same. (The library of the language reads only the directory, opens any number of members, and
forgives bytes before and after.) Members stay packed until somebody reads them.
"""

from collections.abc import Iterator

from msgspec import Struct

from tieout.formats.containers.contents import (
    PARTS_MAX,
    Budget,
    Part,
    plain_name,
    swelling,
    tell,
)
from tieout.formats.containers.deflated import Unpacked, inflated, stored, unpacked
from tieout.formats.reading import Findings, quoted
from tieout.formats.source import Source
from tieout.kernel.problem import Code, Problem

MEMBER, EMPTY = b"PK\x03\x04", b"PK\x05\x06"
_DIRECTORY, _END, _END_64, _LOCATOR_64 = b"PK\x01\x02", b"PK\x05\x06", b"PK\x06\x06", b"PK\x06\x07"
_END_LENGTH, _LOCATOR_LENGTH, _END_64_LENGTH, _ENTRY_LENGTH, _LOCAL_LENGTH = 22, 20, 56, 46, 30
_FULL_16, _FULL_32 = 0xFFFF, 0xFFFFFFFF
_ENCRYPTED = 0x1 | 0x40 | 0x2000
_HAS_DESCRIPTOR, _IS_UTF8 = 0x8, 0x800
_STORED, _DEFLATED = 0, 8
_METHODS = {9: "deflate64", 12: "bzip2", 14: "LZMA", 93: "zstandard", 95: "xz", 98: "PPMd", 99: "AES encryption"}
#: What may stand between a member and the next: its sizes and checksum again, of 12 to 24 bytes.
_DESCRIPTOR_MAX = 24
_ZIP64_EXTRA = 0x0001
_UNIX, _LINK = 3, 0o120000
#: What systems put into archives beside the documents.
_DEBRIS = ("__MACOSX/", ".DS_Store", "Thumbs.db", "desktop.ini")


class Member(Struct, frozen=True):
    """One entry of the directory, in the words of APPNOTE 4.3.12."""

    raw_name: bytes
    name: str
    flags: int
    method: int
    crc: int
    packed: int
    size: int
    offset: int
    is_link: bool
    at: int

    @property
    def is_folder(self) -> bool:
        return self.raw_name.endswith((b"/", b"\\"))

    @property
    def where(self) -> str:
        return f"{quoted(self.name)}, byte {self.offset}"


def open_zip(source: Source, budget: Budget, findings: Findings) -> Iterator[Part]:
    """Take out the members, in the order of the archive."""
    body = source.whole()
    members = directory(body)
    if isinstance(members, Problem):
        tell(findings, members, "")
        return
    for member in members:
        if member.is_folder:
            continue
        if any(mark in f"/{member.name}" for mark in (f"/{name}" for name in _DEBRIS)):
            findings.note(Code.UNSUPPORTED_CONTENT, member.where, detail="left by an operating system; not a document")
            continue
        found = member_of(body, member, budget)
        if isinstance(found, Problem):
            findings.refuse(found)
            return
        yield Part(plain_name(member.name) or member.name, "", found)


def member_of(body: bytes, member: Member, budget: Budget) -> Unpacked | Problem:
    """One member, unpacked once to see that it is whole and what it claims to be."""
    if problem := swelling(member.packed, member.size):
        return Problem(problem.code, member.where, actual=problem.actual, limit=problem.limit, detail=problem.detail)
    start = _data_start(body, member)
    view = memoryview(body)[start : start + member.packed]
    pieces = stored if member.method == _STORED else inflated
    found = unpacked(member.packed, lambda: pieces(view), budget)
    if isinstance(found, Problem):
        return Problem(found.code, member.where, actual=found.actual, limit=found.limit, detail=found.detail)
    document, crc = found
    if document.size != member.size:
        expected, actual = f"{member.size} bytes", f"{document.size} bytes"
        return Problem(Code.TOTALS_DISAGREE, member.where, expected, actual, detail="the size the directory declares")
    if crc != member.crc:
        detail = "the checksum the directory declares; the member is damaged"
        return Problem(Code.TOTALS_DISAGREE, member.where, f"{member.crc:08x}", f"{crc:08x}", detail=detail)
    return document


def directory(body: bytes) -> tuple[Member, ...] | Problem:
    """The members of an archive whose every byte is accounted for, in the order in which they lie; or what is wrong."""
    found = _end(body)
    if isinstance(found, Problem):
        return found
    start, stop, count = found
    members: list[Member] = []
    at = start
    for _ in range(count):
        member = _entry(body, at, stop)
        if isinstance(member, Problem):
            return member
        members.append(member)
        at = member.at
    if at != stop:
        return Problem(Code.UNREADABLE, f"byte {at}", detail="bytes in the ZIP directory that belong to no entry")
    members.sort(key=lambda member: member.offset)
    return _wrong_names(members) or _wrong_layout(body, members, start) or tuple(members)


# ── the directory ──────────────────────────────────────────────────────────────────────────────────────────────────


def _number(body: bytes, at: int, length: int) -> int:
    return int.from_bytes(body[at : at + length], "little")


def _end(body: bytes) -> tuple[int, int, int] | Problem:
    """Where the directory starts and stops, and how many entries it has (APPNOTE 4.3.16)."""
    at = body.rfind(_END, max(0, len(body) - _END_LENGTH - _FULL_16))
    if at < 0 or at + _END_LENGTH > len(body):
        return Problem(Code.UNREADABLE, f"byte {len(body)}", detail="a ZIP archive without an end: it was cut off")
    extra = len(body) - at - _END_LENGTH - _number(body, at + 20, 2)
    if extra:
        detail = "bytes beyond the end of the ZIP archive" if extra > 0 else "the comment at the end is cut off"
        return Problem(Code.UNREADABLE, f"byte {at}", actual=f"{abs(extra)} bytes", detail=detail)
    disks, here, count = (
        _number(body, at + 4, 2) | _number(body, at + 6, 2),
        _number(body, at + 8, 2),
        _number(body, at + 10, 2),
    )
    size, start, stop = _number(body, at + 12, 4), _number(body, at + 16, 4), at
    locator = at - _LOCATOR_LENGTH
    if locator >= 0 and body[locator : locator + 4] == _LOCATOR_64:
        found = _end_64(body, locator)
        if isinstance(found, Problem):
            return found
        if any(
            short not in (full, long)
            for short, long, full in zip((count, size, start), found, (_FULL_16, _FULL_32, _FULL_32), strict=True)
        ):
            return Problem(Code.UNREADABLE, f"byte {at}", detail="the ZIP64 record and the short one disagree")
        (count, size, start), stop = found, _number(body, locator + 8, 8)
        disks, here = 0 if disks == _FULL_16 else disks, count
    if disks or here != count:
        return Problem(Code.UNREADABLE, f"byte {at}", detail="an archive in several volumes cannot be opened")
    if count > PARTS_MAX:
        return Problem(Code.TOO_LARGE, f"byte {at}", actual=f"{count} members", limit=f"{PARTS_MAX} members")
    if start + size != stop:
        return Problem(Code.UNREADABLE, f"byte {at}", detail="the ZIP directory is not where the end says it is")
    return start, stop, count


def _end_64(body: bytes, locator: int) -> tuple[int, int, int] | Problem:
    """The same in 64 bits (APPNOTE 4.3.14): count, size and start of the directory."""
    at = _number(body, locator + 8, 8)
    is_there = body[at : at + 4] == _END_64 and at + _number(body, at + 4, 8) + 12 == locator
    if not is_there or _number(body, at + 24, 8) != _number(body, at + 32, 8):
        return Problem(Code.UNREADABLE, f"byte {locator}", detail="the ZIP64 end record is not where its locator says")
    return _number(body, at + 32, 8), _number(body, at + 40, 8), _number(body, at + 48, 8)


def _entry(body: bytes, at: int, stop: int) -> Member | Problem:
    """One entry of the directory (APPNOTE 4.3.12)."""
    if at + _ENTRY_LENGTH > stop or body[at : at + 4] != _DIRECTORY:
        return Problem(Code.UNREADABLE, f"byte {at}", detail="the ZIP directory has fewer entries than it declares")
    names, extras, comment = (_number(body, at + place, 2) for place in (28, 30, 32))
    after = at + _ENTRY_LENGTH + names + extras + comment
    if after > stop:
        return Problem(Code.UNREADABLE, f"byte {at}", detail="an entry reaches beyond the ZIP directory")
    raw_name = body[at + _ENTRY_LENGTH : at + _ENTRY_LENGTH + names]
    extra = body[at + _ENTRY_LENGTH + names : at + _ENTRY_LENGTH + names + extras]
    long = _long_numbers(extra, (_number(body, at + 24, 4), _number(body, at + 20, 4), _number(body, at + 42, 4)))
    if long is None:
        return Problem(Code.UNREADABLE, f"byte {at}", detail="the ZIP64 numbers of an entry are missing or cut off")
    size, packed, offset = long
    flags = _number(body, at + 8, 2)
    name = raw_name.decode("utf-8" if flags & _IS_UTF8 else "cp437", "replace")
    is_link = body[at + 5] == _UNIX and _number(body, at + 40, 2) & 0o170000 == _LINK
    method, crc = _number(body, at + 10, 2), _number(body, at + 16, 4)
    return Member(raw_name, name, flags, method, crc, packed, size, offset, is_link, after)


def _long_numbers(extra: bytes, short: tuple[int, int, int]) -> tuple[int, ...] | None:
    """Size, packed size and offset, those that are full taken from the ZIP64 extra field (APPNOTE 4.5.3)."""
    if _FULL_32 not in short:
        return short
    at = 0
    while at + 4 <= len(extra):
        kind, length = _number(extra, at, 2), _number(extra, at + 2, 2)
        if kind == _ZIP64_EXTRA and length >= 8 * short.count(_FULL_32) and at + 4 + length <= len(extra):
            places = iter(range(at + 4, at + 4 + length, 8))
            return tuple(_number(extra, next(places), 8) if number == _FULL_32 else number for number in short)
        at += 4 + length
    return None


# ── what must not be ───────────────────────────────────────────────────────────────────────────────────────────────


def _wrong_names(members: list[Member]) -> Problem | None:
    """The first member whose name, kind or packing we do not accept."""
    seen: set[str] = set()
    for member in members:
        name = plain_name(member.name)
        if name is None:
            detail = "a name that leaves its folder, or is no name at all"
            return Problem(Code.BAD_VALUE, f"byte {member.offset}", actual=quoted(member.name), detail=detail)
        if name.casefold() in seen:
            detail = "two members have this name; programs differ in which one they take"
            return Problem(Code.BAD_VALUE, member.where, actual=quoted(member.name), detail=detail)
        seen.add(name.casefold())
        if member.flags & _ENCRYPTED:
            return Problem(Code.UNREADABLE, member.where, detail="the member is encrypted and needs a password")
        if member.is_link:
            return Problem(Code.UNREADABLE, member.where, detail="the member is a link to a file, not a document")
        if member.is_folder and (member.size or member.packed > 2):
            return Problem(Code.UNREADABLE, member.where, detail="a folder that has content")
        if member.method not in (_STORED, _DEFLATED):
            actual = _METHODS.get(member.method, f"method {member.method}")
            expected = "stored or deflated"
            return Problem(Code.UNREADABLE, member.where, expected, actual, detail="packed in a way we do not open")
    return None


def _data_start(body: bytes, member: Member) -> int:
    return member.offset + _LOCAL_LENGTH + _number(body, member.offset + 26, 2) + _number(body, member.offset + 28, 2)


def _wrong_layout(body: bytes, members: list[Member], stop: int) -> Problem | None:
    """Members that overlap, contradict the directory, or leave bytes that belong to nobody."""
    at, slack = 0, 0
    for member in members:
        if member.offset < at:
            return Problem(Code.UNREADABLE, member.where, detail="members overlap: a bomb, or two archives in one")
        if member.offset > at + slack:
            detail = f"{member.offset - at} bytes that belong to no member lie before this one"
            return Problem(Code.UNREADABLE, member.where, detail=detail)
        if problem := _wrong_header(body, member):
            return problem
        at = _data_start(body, member) + member.packed
        slack = _DESCRIPTOR_MAX if member.flags & _HAS_DESCRIPTOR else 0
    if not at <= stop <= at + slack:
        detail = "members reach into the directory" if at > stop else "bytes that belong to no member lie before it"
        return Problem(Code.UNREADABLE, f"byte {stop}", detail=f"the ZIP directory: {detail}")
    return None


def _wrong_header(body: bytes, member: Member) -> Problem | None:
    """The header before a member (APPNOTE 4.3.7) must say what the directory says."""
    at = member.offset
    if body[at : at + 4] != MEMBER or at + _LOCAL_LENGTH > len(body):
        return Problem(Code.UNREADABLE, member.where, detail="the directory names a member that is not there")
    name = body[at + _LOCAL_LENGTH : at + _LOCAL_LENGTH + _number(body, at + 26, 2)]
    crc, packed, size = (_number(body, at + place, 4) for place in (14, 18, 22))
    may_be_empty = {0, _FULL_32} if member.flags & _HAS_DESCRIPTOR else {_FULL_32}
    agrees = (
        name == member.raw_name
        and _number(body, at + 8, 2) == member.method
        and _number(body, at + 6, 2) & ~0x6 == member.flags & ~0x6
        and crc in {member.crc, *(may_be_empty - {_FULL_32})}
        and packed in {member.packed, *may_be_empty}
        and size in {member.size, *may_be_empty}
    )
    return None if agrees else Problem(Code.UNREADABLE, member.where, detail="its header and the directory disagree")
