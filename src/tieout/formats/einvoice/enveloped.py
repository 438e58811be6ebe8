"""Documents in an envelope that is part of the evidence: attached to a PDF, or signed as a whole (``.p7m``).

What is inside is read as what it is. Its mark is that of the envelope, because that is what was received.

The structured part of a PDF (Factur-X, ZUGFeRD, XRechnung, Order-X) is the document and the pages are its rendering;
where both are there, the structured one counts. A PDF without one is a picture of an invoice: we do not guess at it.
"""

from collections.abc import Callable, Iterator
from types import ModuleType
from typing import Any

from tieout.formats.containers import BUNDLES, Contents, Part, kind_of, unpack
from tieout.formats.containers.contents import within
from tieout.formats.format import Format, Head
from tieout.formats.reading import Context, Findings
from tieout.formats.source import Source
from tieout.kernel.problem import Code, Problem

PDF, P7M = "pdf", "p7m"
#: Names that the standards prescribe for the structured part, without regard to case (Factur-X 1.0.07 section 6.2.2).
NAMES = frozenset(("factur-x.xml", "xrechnung.xml", "zugferd-invoice.xml", "order-x.xml", "cida.xml"))
#: The relationship (``/AFRelationship``) of what only adds to the pages, and the families that an original may be of.
SUPPLEMENT, FAMILIES = "Supplement", ("e-invoices", "procurement")
PLAIN = "a plain PDF: hand it to the AP platform for capture"


def read_pdf(source: Source, context: Context, findings: Findings) -> Iterator[Any]:
    """Read the structured original that is attached to a PDF."""
    part = _structured(_opened(source, context, findings), findings)
    if part is not None:
        yield from _read(part, context, findings)


def read_signed(source: Source, context: Context, findings: Findings) -> Iterator[Any]:
    """Read what was signed, if every signature holds."""
    for part in _opened(source, context, findings).parts:
        yield from _read(part, context, findings)


def _opened(source: Source, context: Context, findings: Findings) -> Contents:
    """What is in the envelope; what there is to say about the envelope itself is told."""
    contents = unpack(source, context)
    if contents.kind not in (PDF, P7M):
        findings.fault(Code.UNREADABLE, "byte 0", detail="neither a PDF nor a signed file")
    say = findings.note if contents.complete else findings.fault
    for problem in contents.diagnostics:
        say(
            problem.code,
            problem.where,
            expected=problem.expected,
            actual=problem.actual,
            limit=problem.limit,
            detail=problem.detail,
        )
    return contents


def _structured(contents: Contents, findings: Findings) -> Part | None:
    """The one attachment that is the document: by a name of the standards, or because it is XML that we can read."""
    if not findings.complete:
        return None
    named = [part for part in contents.parts if part.name.lower() in NAMES]
    found = named or [part for part in contents.parts if _is_original(part)]
    if not found:
        names = ", ".join(part.name for part in contents.parts)
        findings.fault(Code.UNKNOWN_FORMAT, "byte 0", expected="an invoice attached as XML", actual=names, detail=PLAIN)
        return None
    if len({part.source.whole() for part in found}) > 1:
        names = ", ".join(part.name for part in found)
        detail = "more than one structured invoice is attached; nobody can say which one counts"
        findings.fault(Code.BAD_VALUE, "byte 0", actual=names, detail=detail)
        return None
    return found[0]


def _is_original(part: Part) -> bool:
    """Whether an attachment without a prescribed name is XML that we read as an invoice or an order."""
    head = Head.of(part.source)
    if not head.is_xml or part.role == SUPPLEMENT:
        return False
    found = _detect().recognise(head)
    return found is not None and found.family in FAMILIES


def _detect() -> ModuleType:
    from tieout.formats import detect  # it lists this module, so it cannot be imported before it

    return detect


def _read(part: Part, context: Context, findings: Findings) -> Iterator[Any]:
    """Read a part as what it is. Nothing but a PDF is opened any further."""
    kind = kind_of(Head.of(part.source))
    if kind in BUNDLES:
        detail = f"inside is a {kind} container, which is not opened here"
        findings.fault(Code.UNKNOWN_FORMAT, part.name, expected="one document", detail=detail)
        return
    found = _detect().find(part.source, "", context)
    if isinstance(found, Problem):
        findings.refuse(within(found, part.name))
        return
    if found.family not in FAMILIES:
        detail = f"inside is {found.title}: such files are taken on their own, from those who may send them"
        findings.fault(Code.UNSUPPORTED_CONTENT, part.name, actual=found.name, detail=detail)
        return
    yield from found.reader(part.source, context, findings)


def _begins(kind: str) -> Callable[[Head], bool]:
    return lambda head: kind_of(head) == kind


_HYBRID = "PDF with a structured invoice attached (Factur-X, ZUGFeRD)"
FORMATS = (
    Format(PDF, _HYBRID, "application/pdf", "e-invoices", read_pdf, _begins(PDF)),
    Format(P7M, "Signed document (CAdES, .p7m)", "application/pkcs7-mime", "e-invoices", read_signed, _begins(P7M)),
)
