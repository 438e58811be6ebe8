"""The one door for XML from outside.

A DOCTYPE is refused before the parser sees it, so there are no entities to expand and nothing to fetch. The text is
brought to UTF-8 by us, strictly, so a wrong encoding is found with its offset. libxml2 keeps its own limits (nesting
of 256, 10 MB of text in one node), because ``huge_tree`` stays off.

The readers look at local names only: banks and versions differ in the namespace, not in the words.
"""

import codecs
import re
from collections.abc import Iterator, Sequence
from typing import Any

from lxml import etree

from tieout.formats.reading import Limits, quoted
from tieout.kernel.problem import Code, Problem

Element = etree._Element
_ERROR = int(etree.ErrorLevels.ERROR)

CHUNK = 64 * 1024
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
_DECLARED = re.compile(rb"\s*<\?xml\s[^>]{0,200}?encoding\s*=\s*[\"']([^\"']{1,40})[\"']")
#: What may stand before the root element, except for the DOCTYPE that we do not accept.
_PROLOG = re.compile(rb"(?:\s+|<\?.*?\?>|<!--.*?-->)*", re.DOTALL)


def text_of(body: bytes, limits: Limits) -> bytes | Problem:
    """The document as UTF-8 that is safe to parse, or what is wrong with it."""
    if len(body) > limits.bytes_max:
        return Problem(Code.TOO_LARGE, actual=f"{len(body)} bytes", limit=f"{limits.bytes_max} bytes")
    if not body or body.isspace():
        return Problem(Code.UNREADABLE, "byte 0", detail="the document is empty")
    text = _decoded(body)
    return text if isinstance(text, Problem) else _admitted(text, limits)


def _decoded(body: bytes) -> bytes | Problem:
    """The text in UTF-8 without a byte order mark."""
    mark, encoding = _encoding_of(body)
    if not encoding:
        declared = mark.decode("ascii", "replace")
        detail = "the declared encoding is unknown, or the bytes are not in it"
        return Problem(Code.UNREADABLE, "XML declaration", actual=quoted(declared), detail=detail)
    return recode(body, encoding, len(mark))


def _encoding_of(body: bytes) -> tuple[bytes, str]:
    """The byte order mark and the encoding; or the declared name and no encoding when we do not know it."""
    for mark, encoding in _MARKS:
        if body.startswith(mark):
            return (mark if mark[:1] != b"<" and mark[:2] != b"\0<" else b""), encoding
    match = _DECLARED.match(body[:1024])
    if not match:
        return b"", "utf-8"
    known = ENCODINGS.get(match[1].decode("ascii", "replace").lower(), "")
    return (b"", known) if known else (match[1], "")


def recode(body: bytes, encoding: str, start: int = 0) -> bytes | Problem:
    """The bytes from ``start`` in UTF-8, checked piece by piece so that valid UTF-8 is not copied."""
    decoder = codecs.getincrementaldecoder(encoding)("strict")
    copy: list[bytes] | None = None if encoding in ("utf-8", "ascii") else []
    at = start
    try:
        for at in range(start, len(body), CHUNK):
            piece = decoder.decode(body[at : at + CHUNK])
            if copy is not None:
                copy.append(piece.encode())
        decoder.decode(b"", final=True)
    except UnicodeError as error:
        inside = error.start if isinstance(error, UnicodeDecodeError) else 0
        detail = f"the bytes are not {encoding}, which is what the document says or what holds when it says nothing"
        return Problem(Code.UNREADABLE, f"byte {at + inside}", detail=detail)
    text = body[start:] if copy is None else b"".join(copy)
    nul = text.find(b"\0")
    if nul >= 0:
        return Problem(Code.UNREADABLE, f"byte {start + nul}", detail="a NUL byte; the file is damaged or not text")
    return text


def _admitted(text: bytes, limits: Limits) -> bytes | Problem:
    """The text, if it is small enough and has no DOCTYPE."""
    elements = text.count(b"<") - text.count(b"</")
    if elements > limits.elements_max:
        return Problem(Code.TOO_LARGE, actual=f"about {elements} elements", limit=f"{limits.elements_max} elements")
    match = _PROLOG.match(text)
    at = match.end() if match else 0
    following = text[at : at + 9]
    if following.upper() == b"<!DOCTYPE":
        detail = "a DOCTYPE is refused: it could declare entities or have files fetched"
        return Problem(Code.FORBIDDEN_XML, f"byte {at}", detail=detail)
    if following[:1] != b"<":
        actual = quoted(following.decode("utf-8", "replace"))
        return Problem(Code.UNREADABLE, f"byte {at}", actual=actual, detail="this is not XML")
    return text


def tree(body: bytes, limits: Limits) -> Element | Problem:
    """The root of a small document, whole in memory."""
    text = text_of(body, limits)
    if isinstance(text, Problem):
        return text
    parser = etree.XMLParser(
        encoding="utf-8",
        resolve_entities=False,
        no_network=True,
        load_dtd=False,
        dtd_validation=False,
        huge_tree=False,
        remove_comments=True,
        remove_pis=True,
    )
    try:
        return etree.fromstring(text, parser)
    except etree.XMLSyntaxError as error:
        return _syntax_problem(error)


def stream(body: bytes, names: Sequence[str], limits: Limits) -> Iterator[Element | Problem]:
    """The elements with these local names, each when it ends, in constant memory; at last a problem if there is one.

    An element is emptied once the reader asks for the next one, and removed when a sibling of its kind comes; take what
    you need from it at once.
    """
    text = text_of(body, limits)
    if isinstance(text, Problem):
        yield text
        return
    parser = etree.XMLPullParser(
        ("end",),
        tag=[f"{{*}}{name}" for name in names],
        encoding="utf-8",
        resolve_entities=False,
        no_network=True,
        load_dtd=False,
        dtd_validation=False,
        huge_tree=False,
        remove_comments=True,
        remove_pis=True,
    )
    try:
        for start in range(0, len(text), CHUNK):
            parser.feed(text[start : start + CHUNK])
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
