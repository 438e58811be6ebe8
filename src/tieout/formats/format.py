"""A kind of document: its name, how it is recognised by its beginning, and who reads it. Adding one is adding a row."""

import re
from collections.abc import Callable
from functools import cached_property

from msgspec import Struct

from tieout.formats.reading import Reader
from tieout.formats.source import Source, beginning

#: How much of a document is looked at.
HEAD = 16 * 1024
#: How many elements of an XML document are looked at.
ELEMENTS_MAX = 8

_BOMS = ((b"\xff\xfe", "utf-16-le"), (b"\xfe\xff", "utf-16-be"), (b"\xef\xbb\xbf", "utf-8"))
_COMMENT = re.compile(r"<!--.*?-->", re.DOTALL)
_TAG = re.compile(r"<(?:[\w.-]+:)?([A-Za-z][\w.-]*)")
_ROOT = re.compile(r"<(?:([\w.-]+):)?[A-Za-z][\w.-]*([^>]*)>?", re.DOTALL)


class Head:
    """The beginning of a document, looked at in the ways that tell kinds apart. Nothing in it is trusted."""

    def __init__(self, body: bytes, size: int) -> None:
        self.body = body
        self.size = size

    @classmethod
    def of(cls, source: Source) -> "Head":
        """Look at the beginning of a document."""
        return cls(beginning(source, HEAD), source.size)

    @cached_property
    def text(self) -> str:
        """The beginning as text without a byte order mark, whatever is wrong further on. Bytes that are no UTF-8 are
        read as Latin-1, so that digits and capital letters are what they are in every code page."""
        for mark, encoding in _BOMS:
            if self.body.startswith(mark):
                return self.body[len(mark) :].decode(encoding, "replace")
        if self.body[1:2] == b"\0":
            return self.body.decode("utf-16-le", "replace")
        if self.body[:1] == b"\0":
            return self.body.decode("utf-16-be", "replace")
        try:
            return self.body.decode("utf-8")
        except UnicodeDecodeError:
            return self.body.decode("latin-1")

    @cached_property
    def is_xml(self) -> bool:
        """Whether it begins as XML does."""
        return self.text.lstrip().startswith("<")

    @cached_property
    def elements(self) -> tuple[str, ...]:
        """The local names of the first elements of an XML document, in order; the first one is the root."""
        if not self.is_xml:
            return ()
        found = (match[1] for match in _TAG.finditer(_COMMENT.sub("", self.text)))
        return tuple(name for name, _ in zip(found, range(ELEMENTS_MAX), strict=False))

    @cached_property
    def namespace(self) -> str:
        """The namespace of the root element of an XML document."""
        match = _ROOT.search(_COMMENT.sub("", self.text)) if self.is_xml else None
        if match is None:
            return ""
        attribute = f"xmlns:{re.escape(match[1])}" if match[1] else "xmlns"
        found = re.search(rf"\s{attribute}\s*=\s*[\"']([^\"']*)[\"']", match[2])
        return found[1] if found else ""

    @cached_property
    def lines(self) -> tuple[str, ...]:
        """The first lines, without their ends."""
        return tuple(self.text.splitlines()[:40])


class Format(Struct, frozen=True):
    """A kind of document that can be read. ``recognises`` must be cheap, and true for this kind only.

    ``family`` groups kinds for people: ``e-invoices``, ``procurement``, ``EDI``, ``payments``, ``bank``, ``ledgers``.
    """

    name: str
    title: str
    media_type: str
    family: str
    reader: Reader
    recognises: Callable[[Head], bool]
