"""The conformance kit of readers: what every reader of outside documents promises, and almost valid documents to ask.

Inherit from :class:`ReaderConformance` in a test module and say which documents are valid and which of their fields
matter. The kit breaks them in many ways; a reader must answer each with problems that say what is wrong and where,
must not raise, must not hold the proof, and must not take long.
"""

import re
from collections.abc import Iterator, Mapping
from typing import Any, ClassVar

from msgspec import Struct

from tieout.formats.reading import Context, Limits, Reader, Reading, gather

#: What people and programs write where a number or a day belongs. None of these may reach a ledger.
NOT_NUMBERS = (
    "",
    "NaN",
    "-Infinity",
    "1e400",
    "1_000",
    "1,234.50",
    "12.5.0",
    "\uff11\uff12",
    "\u0663",
    "0x1F",
    "twelve",
    "9" * 40,
)
NOT_DAYS = (
    "",
    "2026-02-30",
    "2026-13-01",
    "05/04/2026",
    "2026-5-4",
    "\uff12\uff10\uff12\uff16-05-04",
    "0000-00-00",
    "soon",
)

LAUGHS = "".join(f'<!ENTITY l{n} "{f"&l{n - 1};" * 10}">' for n in range(1, 10))
#: Document type declarations that attack a careless parser, each with a reference to what it declares.
ATTACKS = {
    "billion laughs": (f'<!DOCTYPE x [<!ENTITY l0 "lol">{LAUGHS}]>', "&l9;"),
    "quadratic blow-up": (f'<!DOCTYPE x [<!ENTITY a "{"a" * 50_000}">]>', "&a;" * 50),
    "file by entity": ('<!DOCTYPE x [<!ENTITY f SYSTEM "file:///etc/passwd">]>', "&f;"),
    "network by entity": ('<!DOCTYPE x [<!ENTITY n SYSTEM "http://127.0.0.1:9/x">]>', "&n;"),
    "parameter entity": ('<!DOCTYPE x [<!ENTITY % p SYSTEM "http://127.0.0.1:9/x">%p;]>', ""),
    "external subset": ('<!DOCTYPE x SYSTEM "http://127.0.0.1:9/x.dtd">', ""),
    "small letters": ("<!doctype html>", ""),
    "empty": ("<!DOCTYPE x>", ""),
}


class Broken(Struct, frozen=True):
    """A document that no reader may accept, and how it was made."""

    how: str
    body: bytes


def truncated(body: bytes, points: int) -> Iterator[Broken]:
    """The document cut off at evenly spread places. For XML: every cut is an error."""
    whole = len(body.rstrip()) - 1
    for at in sorted({whole * number // points for number in range(points)}):
        yield Broken(f"cut at byte {at}", body[:at])


def attacked(body: bytes) -> Iterator[Broken]:
    """XML with document type declarations and entities."""
    text = body.decode()
    head, rest = _after_declaration(text)
    for how, (doctype, reference) in ATTACKS.items():
        yield Broken(how, f"{head}{doctype}{_with_text(rest, reference)}".encode())
        yield Broken(f"{how}, in UTF-16", f"{doctype}{_with_text(rest, reference)}".encode("utf-16"))
    yield Broken("an entity nobody declared", f"{head}{_with_text(rest, '&secret;')}".encode())
    yield Broken("a DOCTYPE after comments", f"{head}<!-- a --><?b c?>\n<!DOCTYPE x>{rest}".encode())


def misencoded(body: bytes) -> Iterator[Broken]:
    """XML whose bytes are not what it says they are."""
    text = body.decode()
    _, rest = _after_declaration(text)
    for declared in ("UTF-16", "UTF-7", "EBCDIC-CP-US", "UCS-4", "no-such", "utf_8_but_not"):
        yield Broken(f"declared {declared}", f'<?xml version="1.0" encoding="{declared}"?>{rest}'.encode())
    if not text.isascii():
        yield Broken("Latin-1 without a declaration", rest.encode("latin-1", "replace"))
        yield Broken("Latin-1 declared as UTF-8", text.encode("latin-1", "replace"))
        yield Broken("UTF-8 declared as ASCII", f'<?xml version="1.0" encoding="US-ASCII"?>{rest}'.encode())
    yield Broken("UTF-16 cut in the middle of a sign", rest.encode("utf-16")[:-3])
    yield Broken("UTF-16 under a UTF-8 mark", b"\xef\xbb\xbf" + rest.encode("utf-16-le"))
    for at in range(0, len(body), max(1, len(body) // 12)):
        yield Broken(f"a NUL at byte {at}", body[:at] + b"\0" + body[at:])
        yield Broken(f"a lone continuation at byte {at}", body[:at] + b"\xff\x80" + body[at:])


def deep(body: bytes) -> Iterator[Broken]:
    """XML nested beyond reason, closed properly and not."""
    head, rest = _after_declaration(body.decode())
    start, end = _root_tag_end(rest), rest.rindex("</")
    for levels in (300, 5_000, 100_000):
        nest, unnest = "<a>" * levels, "</a>" * levels
        yield Broken(f"{levels} levels", f"{head}{rest[:start]}{nest}{unnest}{rest[start:]}".encode())
        yield Broken(f"{levels} levels, open", f"{head}{rest[:end]}{nest}".encode())


def mistyped(body: bytes, element: str, values: tuple[str, ...]) -> Iterator[Broken]:
    """XML with wrong values in the first element of that name, and without the element."""
    text = body.decode()
    match = re.search(rf"<((?:\w+:)?{element})(\s[^>]*)?>([^<]*)</\1>", text)
    assert match, f"the valid document has no {element} with a text"
    for value in values:
        yield Broken(f"{element} is {value[:20]!r}", (text[: match.start(3)] + value + text[match.end(3) :]).encode())
    yield Broken(f"{element} is missing", (text[: match.start()] + text[match.end() :]).encode())
    inside = f"<b>{match[3]}</b>"
    yield Broken(f"{element} holds an element", (text[: match.start(3)] + inside + text[match.end(3) :]).encode())


def no_xml_at_all() -> Iterator[Broken]:
    """Things that arrive in a file with the right name."""
    junk = {
        "nothing": b"",
        "blanks": b" \n\t\r\n",
        "a byte order mark": b"\xef\xbb\xbf",
        "a UTF-16 mark": b"\xff\xfe",
        "NULs": b"\0" * 64,
        "a PDF": b"%PDF-1.7\n%\xe2\xe3\xcf\xd3\n1 0 obj",
        "a ZIP": b"PK\x03\x04\x14\0\0\0\x08\0",
        "gzip": b"\x1f\x8b\x08\0\0\0\0\0",
        "HTML": b"<html><body>502 Bad Gateway</body></html>",
        "JSON": b'{"invoice": 1}',
        "an angle": b"<",
        "a declaration alone": b'<?xml version="1.0"?>',
        "text before": b"OK <Document/>",
        "a comment that never ends": b"<!-- " + b"x" * 1000,
        "two roots": b"<Document/><Document/>",
    }
    for how, body in junk.items():
        yield Broken(how, body)


def _after_declaration(text: str) -> tuple[str, str]:
    match = re.match(r"\s*<\?xml.*?\?>\s*", text)
    return (text[: match.end()], text[match.end() :]) if match else ("", text)


def _root_tag_end(text: str) -> int:
    return text.index(">") + 1


def _with_text(rest: str, reference: str) -> str:
    at = _root_tag_end(rest)
    return f"{rest[:at]}{reference}{rest[at:]}"


class ReaderConformance:
    """Inherit, give ``documents``, and for XML ``numbers``, ``days`` and ``texts``: the fields that must be right."""

    #: The reader under test (as a ``staticmethod``).
    reader: ClassVar[Reader]
    numbers: tuple[str, ...] = ()
    days: tuple[str, ...] = ()
    texts: tuple[str, ...] = ()
    is_xml = True
    #: At how many places each document is cut off.
    cuts = 60

    def documents(self) -> Mapping[str, bytes]:
        """Small valid documents by name."""
        raise NotImplementedError

    def read(self, body: bytes, context: Context) -> Reading[Any]:
        """What the reader under test makes of a document."""
        return gather(type(self).reader, body, context)

    def context(self) -> Context:
        """What the reader is told about us."""
        return Context()

    def broken(self) -> Iterator[Broken]:
        """Documents that must be refused."""
        for name, body in self.documents().items():
            for found in self._broken(body):
                yield Broken(f"{name}: {found.how}", found.body)
        if self.is_xml:
            yield from no_xml_at_all()

    def _broken(self, body: bytes) -> Iterator[Broken]:
        if not self.is_xml:
            return
        yield from truncated(body, self.cuts)
        yield from attacked(body)
        yield from misencoded(body)
        yield from deep(body)
        for names, values in ((self.numbers, NOT_NUMBERS), (self.days, NOT_DAYS), (self.texts, ("", " \n"))):
            for name in names:
                yield from mistyped(body, name, values)

    def test_valid_documents_are_read_and_proved(self) -> None:
        """Every valid document gives records and its proof holds."""
        for name, body in self.documents().items():
            reading = self.read(body, self.context())
            assert reading.records, (name, reading.diagnostics)
            assert reading.proof.holds, (name, reading.diagnostics, reading.proof)

    def test_reading_twice_gives_the_same(self) -> None:
        """A reader has no memory and no clock."""
        for body in self.documents().values():
            assert self.read(body, self.context()) == self.read(body, self.context())

    def test_broken_documents_give_problems_and_no_crash(self) -> None:
        """Each broken document gets a problem with a code and a place or a reason, and the proof does not hold."""
        for found in self.broken():
            reading = self.read(found.body, self.context())
            assert not reading.proof.holds, found.how
            assert reading.diagnostics, found.how
            assert all(problem.where or problem.detail or problem.expected for problem in reading.diagnostics), (
                found.how
            )

    def test_budgets_are_kept(self) -> None:
        """A document beyond the budget is refused, whatever is in it."""
        for body in self.documents().values():
            for limits in (Limits(bytes_max=len(body) - 1), Limits(elements_max=3)):
                context = Context(limits=limits)
                reading = self.read(body, context)
                assert not reading.proof.holds
                assert [problem.code.value for problem in reading.diagnostics] == ["too_large"]
