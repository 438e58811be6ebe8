"""The one door for XML from outside.

A DOCTYPE is refused before the parser sees it, so there are no entities to expand and nothing to fetch; a reader may
name those of its standard that are merely taken away (``doctypes``). The text is brought to UTF-8 by us, strictly, so
a wrong encoding is found with its offset. libxml2 keeps its own limits (nesting of 256, 10 MB of text in one node),
because ``huge_tree`` stays off. All of it goes on while the document streams by, in constant memory.

The readers look at local names only: banks and versions differ in the namespace, not in the words.
"""

import codecs
import re
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from lxml import etree

from tieout.formats.reading import Limits, over_budget, quoted
from tieout.formats.source import Bytes, Source, beginning
from tieout.kernel.problem import Code, Problem

Element = etree._Element
_ERROR = int(etree.ErrorLevels.ERROR)

#: Encodings that a declaration may name, those that banks and invoice senders really use. ``UTF-7`` and friends are
#: ways around a scanner; UTF-16 shows itself by its bytes, and a declaration of it that can be read as ASCII is false.
ENCODINGS = {
    name: codecs.lookup(name).name
    for name in (
        *("utf-8", "utf8", "us-ascii", "ascii", "iso-8859-1", "latin1", "iso-8859-2", "iso-8859-15"),
        *("windows-1250", "windows-1252", "cp1252"),
    )
}
_MARKS = (
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF32_LE, "utf-32-le"),
    (codecs.BOM_UTF32_BE, "utf-32-be"),
    (codecs.BOM_UTF16_LE, "utf-16-le"),
    (codecs.BOM_UTF16_BE, "utf-16-be"),
    (b"<\0?\0", "utf-16-le"),
    (b"\0<\0?", "utf-16-be"),
)
#: Encodings whose text is UTF-8 as it stands.
_AS_IT_IS = ("utf-8", "ascii")
_WIDTHS = {"utf-16-le": 2, "utf-16-be": 2, "utf-32-le": 4, "utf-32-be": 4}
_DECLARED = re.compile(rb"\s*<\?xml\s[^>]{0,200}?encoding\s*=\s*[\"']([^\"']{1,40})[\"']")
#: What may stand before the root element, except for a DOCTYPE.
_PROLOG = re.compile(rb"(?:\s+|<\?.*?\?>|<!--.*?-->)*", re.DOTALL)
_PROLOG_MAX = 2**20
#: A DOCTYPE that names a definition outside and declares nothing itself.
_DOCTYPE = re.compile(
    rb"<!DOCTYPE\s+[\w:.-]+\s+(?:SYSTEM|PUBLIC\s+(?:\"([^\"<>&]*)\"|'([^'<>&]*)'))\s+(?:\"([^\"<>&]*)\"|'([^'<>&]*)')\s*>"
)
_DOCTYPE_MAX = 1_000

#: Public or system identifiers of document types, each matched in full.
Doctypes = Sequence[re.Pattern[str]]


# ── the text ───────────────────────────────────────────────────────────────────────────────────────────────────────


def pieces(source: Source, limits: Limits, doctypes: Doctypes = ()) -> Iterator[bytes | Problem]:
    """The document as UTF-8 that is safe to parse, piece by piece; at last what is wrong with it, if anything is.

    The first piece is what stands before the root element, and may be empty. A DOCTYPE is not in it.
    """
    if problem := over_budget(source, limits):
        yield problem
        return
    prolog: _Prolog | None = _Prolog(doctypes)
    elements, is_open = 0, False
    for text in _decoded(source):
        if isinstance(text, Problem):
            yield text
            return
        if text:  # a tag may be cut between "<" and "/"; then it counts with the next piece
            ends_open = text.endswith(b"<")
            elements += text.count(b"<") - text.count(b"</") - ends_open + (is_open and text[:1] != b"/")
            is_open = ends_open
        if elements > limits.elements_max:
            yield Problem(Code.TOO_LARGE, actual=f"about {elements} elements", limit=f"{limits.elements_max} elements")
            return
        if prolog is None:
            yield text
        elif prolog.read(text):
            yield from prolog.parts()
            prolog = None
    if prolog is not None:
        prolog.read(b"", is_last=True)
        yield from prolog.parts()


def text_of(source: Source | bytes, limits: Limits, doctypes: Doctypes = ()) -> bytes | Problem:
    """The whole document as UTF-8 that is safe to parse, or what is wrong with it."""
    found = []
    for piece in pieces(_source(source), limits, doctypes):
        if isinstance(piece, Problem):
            return piece
        found.append(piece)
    return b"".join(found)


def recode(body: bytes, encoding: str, start: int = 0) -> bytes | Problem:
    """The bytes from ``start`` in UTF-8, decoded strictly."""
    found = []
    for piece in _utf8(Bytes(body), encoding, start):
        if isinstance(piece, Problem):
            return piece
        found.append(piece)
    return b"".join(found)


def _source(source: Source | bytes) -> Source:
    return Bytes(source) if isinstance(source, bytes) else source


def _decoded(source: Source) -> Iterator[bytes | Problem]:
    """The text in UTF-8 without a byte order mark."""
    mark, encoding = _encoding_of(beginning(source, 1024))
    if encoding:
        yield from _utf8(source, encoding, len(mark))
        return
    detail = "the declared encoding is unknown, or the bytes are not in it"
    actual = quoted(mark.decode("ascii", "replace"))
    yield Problem(Code.UNREADABLE, "XML declaration", actual=actual, detail=detail)


def _encoding_of(head: bytes) -> tuple[bytes, str]:
    """The byte order mark and the encoding; or the declared name and no encoding when we do not know it."""
    for mark, encoding in _MARKS:
        if head.startswith(mark):
            return (mark if mark[:1] != b"<" and mark[:2] != b"\0<" else b""), encoding
    match = _DECLARED.match(head)
    if not match:
        return b"", "utf-8"
    known = ENCODINGS.get(match[1].decode("ascii", "replace").lower(), "")
    return (b"", known) if known else (match[1], "")


def _utf8(source: Source, encoding: str, skip: int) -> Iterator[bytes | Problem]:
    """The bytes after the first ``skip`` in UTF-8; a NUL or a byte that does not belong there ends them."""
    decoder = codecs.getincrementaldecoder(encoding)("strict")
    at = 0
    try:
        for chunk in source.chunks():
            if at < skip:
                chunk, at = chunk[skip - at :], min(skip, at + len(chunk))
            held = len(decoder.getstate()[0])  # bytes of a sign that began in the piece before
            text = decoder.decode(chunk)
            nul = text.find("\0")
            if nul >= 0:
                before = chunk.find(b"\0") if encoding in _AS_IT_IS else nul * _WIDTHS.get(encoding, 1) - held
                detail = "a NUL byte; the file is damaged or not text"
                yield Problem(Code.UNREADABLE, f"byte {at + before}", detail=detail)
                return
            yield chunk if encoding in _AS_IT_IS else text.encode()
            at += len(chunk)
        decoder.decode(b"", final=True)
    except UnicodeDecodeError as error:
        held = len(decoder.getstate()[0])
        detail = f"the bytes are not {encoding}, which is what the document says or what holds when it says nothing"
        yield Problem(Code.UNREADABLE, f"byte {at - held + error.start}", detail=detail)


class _Prolog:
    """What stands before the root element: gathered until it is clear that no DOCTYPE can follow."""

    def __init__(self, doctypes: Doctypes) -> None:
        self._doctypes = doctypes
        self._text = b""
        self._root_at = 0
        self._problem: Problem | None = None

    def parts(self) -> Iterator[bytes | Problem]:
        """The prolog and what was read beyond it, or what is wrong."""
        if self._problem:
            yield self._problem
            return
        yield self._text[: self._root_at]
        yield self._text[self._root_at :]

    def read(self, text: bytes, *, is_last: bool = False) -> bool:
        """Take the next piece; true when the beginning is known to be good or bad."""
        self._text += text
        while (at := self._end(is_last)) is not None:
            self._root_at = at
            following = self._text[at : at + 9]
            if following.upper() == b"<!DOCTYPE":
                if self._take_away(at):
                    continue
                if not is_last and b">" not in self._text[at:] and len(self._text) - at < _DOCTYPE_MAX:
                    return False
                detail = "a DOCTYPE is refused: it could declare entities or have files fetched"
                self._problem = Problem(Code.FORBIDDEN_XML, f"byte {at}", detail=detail)
            elif not self._text.strip():
                self._problem = Problem(Code.UNREADABLE, "byte 0", detail="the document is empty")
            elif following[:1] != b"<":
                actual = quoted(following.decode("utf-8", "replace"))
                self._problem = Problem(Code.UNREADABLE, f"byte {at}", actual=actual, detail="this is not XML")
            return True
        if len(self._text) > _PROLOG_MAX:
            self._problem = Problem(Code.TOO_LARGE, "byte 0", limit=f"{_PROLOG_MAX} bytes before the root element")
        return self._problem is not None

    def _end(self, is_last: bool) -> int | None:
        """Where the root element or a DOCTYPE begins; nothing while that cannot be said."""
        match = _PROLOG.match(self._text)
        at = match.end() if match else 0
        following = self._text[at : at + 9]
        is_cut = any(start.startswith(following.upper()) for start in (b"<!--", b"<?", b"<!DOCTYP"))
        if not is_last and (is_cut or following.startswith((b"<!--", b"<?"))):
            return None
        return at

    def _take_away(self, at: int) -> bool:
        """Put blanks for a DOCTYPE that the reader knows; it stays unread, and lines keep their numbers."""
        match = _DOCTYPE.match(self._text, at)
        names = [name.decode("utf-8", "replace") for name in match.groups() if name] if match else []
        if match is None or not any(known.fullmatch(name) for known in self._doctypes for name in names):
            return False
        self._text = self._text[:at] + re.sub(rb"[^\n]", b" ", match[0]) + self._text[match.end() :]
        return True


# ── the parser ─────────────────────────────────────────────────────────────────────────────────────────────────────

_SAFE: dict[str, Any] = {
    "encoding": "utf-8",
    "resolve_entities": False,
    "no_network": True,
    "load_dtd": False,
    "dtd_validation": False,
    "huge_tree": False,
    "remove_comments": True,
    "remove_pis": True,
}


def tree(source: Source | bytes, limits: Limits, doctypes: Doctypes = ()) -> Element | Problem:
    """The root of a small document, whole in memory."""
    text = text_of(source, limits, doctypes)
    if isinstance(text, Problem):
        return text
    try:
        return etree.fromstring(text, etree.XMLParser(**_SAFE))
    except etree.XMLSyntaxError as error:
        return _syntax_problem(error)


def stream(
    source: Source | bytes, names: Sequence[str], limits: Limits, doctypes: Doctypes = ()
) -> Iterator[Element | Problem]:
    """The elements with these local names, each when it ends, in constant memory; at last a problem if there is one.

    An element is emptied once the reader asks for the next one, and removed when a sibling of its kind comes; take what
    you need from it at once.
    """
    return elements(pieces(_source(source), limits, doctypes), names)


def elements(text: Iterable[bytes | Problem], names: Sequence[str]) -> Iterator[Element | Problem]:
    """The same as :func:`stream`, out of :func:`pieces`."""
    parser = etree.XMLPullParser(("end",), tag=[f"{{*}}{name}" for name in names], **_SAFE)
    try:
        for piece in text:
            if isinstance(piece, Problem):
                yield piece
                return
            parser.feed(piece)
            if problem := _silent_problem(parser):
                yield problem
                return
            yield from _finished(parser)
        parser.close()
        if problem := _silent_problem(parser):
            yield problem
            return
        yield from _finished(parser)
    except etree.XMLSyntaxError as error:
        yield _syntax_problem(error)


def _finished(parser: etree.XMLPullParser) -> Iterator[Element]:
    for _, element in parser.read_events():
        assert isinstance(element, Element)  # we asked for the ends of elements and nothing else
        previous, parent = element.getprevious(), element.getparent()
        if previous is not None and parent is not None and previous.tag == element.tag:
            parent.remove(previous)
        yield element
        element.clear()


def _silent_problem(parser: etree.XMLPullParser) -> Problem | None:
    """The first error since the last piece, if any.

    After an entity that nobody declared lxml raises nothing, forgets the document and takes the next piece for the
    beginning of another one. What follows could then be any document at all.
    """
    log: Any = parser.feed_error_log  # a sequence of entries, which its type stub does not know
    return next((_problem(entry.message, entry.line, entry.column) for entry in log if entry.level >= _ERROR), None)


def _syntax_problem(error: etree.XMLSyntaxError) -> Problem:
    return _problem(str(error.msg).partition(", line ")[0], *error.position)


def _problem(message: str, line: int, column: int) -> Problem:
    code = Code.UNREADABLE
    if "XML_PARSE_HUGE" in message or "depth" in message.lower() or "too long" in message.lower():
        code = Code.TOO_LARGE
    elif message.startswith("Entity"):
        code = Code.FORBIDDEN_XML
    return Problem(code, f"line {line}, column {column}", detail=quoted(message))


# ── finding one's way ──────────────────────────────────────────────────────────────────────────────────────────────


def local(element: Element) -> str:
    """The name of an element without its namespace."""
    return str(element.tag).rpartition("}")[2]


def namespace(element: Element) -> str:
    """The namespace of an element, empty for none."""
    return str(element.tag)[1:].rpartition("}")[0]


def child(element: Element | None, *path: str) -> Element | None:
    """The first element at the end of a path of local names."""
    for name in path:
        if element is None:
            return None
        element = next(element.iterchildren(f"{{*}}{name}"), None)
    return element


def children(element: Element | None, name: str) -> Iterator[Element]:
    """All children with a local name."""
    if element is not None:
        yield from element.iterchildren(f"{{*}}{name}")


def text_at(element: Element | None, *path: str) -> str:
    """The text at the end of a path of local names, stripped; empty when there is none."""
    found = child(element, *path)
    return (found.text or "").strip() if found is not None else ""


def leaves(element: Element) -> dict[str, str]:
    """All texts below an element by their path of local names, the first of each: ``{"Refs/EndToEndId": "pay-1"}``.

    Attributes stand under ``path@name``. One walk over a small element is far faster than many searches in it.
    """
    found: dict[str, str] = {}
    _gather(element, "", found)
    return found


def _gather(element: Element, prefix: str, found: dict[str, str]) -> None:
    for below in element:
        path = prefix + below.tag.rpartition("}")[2]
        if path not in found:
            found[path] = (below.text or "").strip()
            for name, value in below.attrib.items():
                found[f"{path}@{name!s}"] = str(value)
        if len(below):
            _gather(below, f"{path}/", found)


def place(element: Element) -> str:
    """Where an element stands, for people: ``Invoice/InvoiceLine[2]/ID, line 40``."""
    steps = [_step(element), *(_step(ancestor) for ancestor in element.iterancestors())]
    return f"{'/'.join(reversed(steps))}, line {element.sourceline}"


def _step(element: Element) -> str:
    number = 1 + sum(1 for _ in element.itersiblings(element.tag, preceding=True))
    is_alone = number == 1 and next(element.itersiblings(element.tag), None) is None
    return local(element) if is_alone else f"{local(element)}[{number}]"
