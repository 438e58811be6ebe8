"""What is this file? Decided by what it says at its beginning, never by its name."""

import re
from typing import Any

from tieout.formats import ach, bank, edifact, iso20022, ledger, procurement, tables, x12
from tieout.formats.einvoice import european, national
from tieout.formats.format import Format, Head
from tieout.formats.reading import Context, Reading, gather, over_budget, quoted, refused
from tieout.formats.source import Bytes, Source
from tieout.kernel.problem import Code, Problem

UNKNOWN = "unknown"

#: Every family of formats. Within a family, and among families, the first that recognises a document reads it.
FAMILIES: tuple[tuple[Format, ...], ...] = (
    european.EUROPEAN,
    iso20022.FORMATS,
    tables.FORMATS,
    bank.FORMATS,
    edifact.FORMATS,
    x12.FORMATS,
    national.NATIONAL,
    ach.FORMATS,
    procurement.FORMATS,
    ledger.FORMATS,
)
FORMATS: dict[str, Format] = {format.name: format for family in FAMILIES for format in family}
"""Every kind of document that can be read, by name, in the order in which they are tried."""

#: Documents people send us that we know and do not read, so that the refusal can say what it is.
_STRANGERS = {
    "CstmrCdtTrfInitn": "an ISO 20022 payment file (pain.001), which we write and do not read",
    "CstmrDrctDbtInitn": "an ISO 20022 direct debit file (pain.008)",
}


def detect(source: Source | bytes) -> str:
    """The name of the format, or ``unknown``."""
    found = recognise(Head.of(_source(source)))
    return found.name if found else UNKNOWN


def recognise(head: Head) -> Format | None:
    """The kind of document that begins like this."""
    return next((format for format in FORMATS.values() if format.recognises(head)), None)


def find(source: Source, name_hint: str, context: Context) -> Format | Problem:
    """The format a document is to be read as, or why there is none."""
    if problem := over_budget(source, context.limits):
        return problem
    head = Head.of(source)
    found = recognise(head) or FORMATS.get(name_hint)
    if found is not None:
        return found
    return Problem(Code.UNKNOWN_FORMAT, "byte 0", expected="a format of `tieout formats`", detail=_what_it_is(head))


def read(source: Source | bytes, name_hint: str = "", context: Context | None = None) -> Reading[Any]:
    """Find out what a document is and read it, whole in memory. Never raises on data.

    ``name_hint`` is the name of a format (see :data:`FORMATS`) that settles it where the document is too broken to be
    recognised; a document that can be recognised goes by what it is.
    """
    context, source = context or Context(), _source(source)
    found = find(source, name_hint, context)
    if isinstance(found, Problem):
        return refused(UNKNOWN, found)
    return gather(found.reader, source, context, found.name)


def _source(source: Source | bytes) -> Source:
    return Bytes(source) if isinstance(source, bytes) else source


def _what_it_is(head: Head) -> str:
    if not head.text.strip():
        return "the document is empty"
    for name in head.elements:
        name = re.sub(r"V[0-9]+$", "", name)
        if name in _STRANGERS:
            return f"this is {_STRANGERS[name]}, which cannot be read"
    if head.is_xml:
        return f"an XML document that begins with {quoted(head.elements[0]) if head.elements else 'no element'}"
    return f"it begins with {quoted(head.text[:200]) or 'nothing'}"
