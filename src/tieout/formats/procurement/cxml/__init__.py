"""cXML 1.2: orders, confirmations, ship notices, receipts, invoices and statuses, one request in one document.

Everything else of cXML (shops, catalogues, profiles, quotations) is recognised and refused with what it is.
"""

from collections.abc import Callable, Iterator
from typing import Any

from msgspec import structs

from tieout.formats.codes import load
from tieout.formats.einvoice.node import Node
from tieout.formats.format import Format, Head
from tieout.formats.procurement.cxml.answers import read_confirmation, read_status_update
from tieout.formats.procurement.cxml.goods import read_receipt, read_ship_notice
from tieout.formats.procurement.cxml.invoice import read_invoice
from tieout.formats.procurement.cxml.orders import read_order
from tieout.formats.procurement.cxml.paper import DOCTYPES, Paper
from tieout.formats.reading import Context, Findings
from tieout.formats.source import Source
from tieout.formats.xml import Element, children, local, place, tree
from tieout.kernel.problem import Code, Problem

__all__ = ["FORMATS", "read_cxml"]

DOCUMENTS = load("cxml_documents")
ROOT = "cXML"
#: What is read, by the element below ``Request``.
READERS: dict[str, Callable[[Paper], Iterator[Any]]] = {
    "OrderRequest": read_order,
    "ConfirmationRequest": read_confirmation,
    "ShipNoticeRequest": read_ship_notice,
    "ReceiptRequest": read_receipt,
    "StatusUpdateRequest": read_status_update,
}
INVOICE = "InvoiceDetailRequest"
#: Roots of the same family of document types.
_OTHER_ROOTS = ("Index", "Contract", "Supplier", "Catalog")


def read_cxml(source: Source, context: Context, findings: Findings) -> Iterator[Any]:
    """Read one cXML document."""
    root = tree(source.whole(), context.limits, DOCTYPES)
    if isinstance(root, Problem):
        findings.refuse(_unquoted(root))
        return
    body = _body(root, findings)
    if body is None:
        return
    paper = Paper(Node(root, findings), Node(body, findings), context)
    if not paper.payload_id:
        findings.fault(Code.MISSING_FIELD, f"{place(root)}: payloadID", expected="the name of the document")
    if "Header" not in paper.root:
        findings.fault(Code.MISSING_FIELD, f"{place(root)}: Header", expected="who sends it to whom")
    holder = body.getparent()
    if holder is not None and holder.get("deploymentMode") == "test":
        detail = "the document says that it is a test (deploymentMode)"
        findings.fault(Code.TEST_DOCUMENT, place(holder), actual="test", detail=detail)
    if local(body) == INVOICE:
        yield from read_invoice(paper, source.mark)
    else:
        yield from READERS[local(body)](paper)


def _unquoted(problem: Problem) -> Problem:
    """Without the parser's words: they may quote what stands in the header, where the password is."""
    if not problem.where.startswith("line "):
        return problem
    detail = "the document is not well-formed XML; it is not quoted, since it holds a password"
    return structs.replace(problem, actual="", detail=detail)


def _body(root: Element, findings: Findings) -> Element | None:
    """The one request of the document, if it is one that is read."""
    expected = f"cXML with one of {', '.join((*READERS, INVOICE))}"
    name = local(root)
    if name != ROOT:
        detail = f"this is {DOCUMENTS.meaning(name)}, which is not read" if name in DOCUMENTS else ""
        findings.fault(Code.UNKNOWN_FORMAT, place(root), expected=expected, actual=name, detail=detail)
        return None
    requests = [each for holder in children(root, "Request") for each in holder]
    known = [each for each in requests if local(each) in READERS or local(each) == INVOICE]
    if len(known) == 1:
        return known[0]
    others = [each for kind in ("Message", "Response") for holder in children(root, kind) for each in holder]
    name = next((local(each) for each in (*requests, *others) if local(each) != "Status"), "")
    if not name and any(local(holder) == "Response" for holder in root):
        detail = "this is the answer to a call, which says nothing without the call"
    else:
        detail = f"this is {DOCUMENTS.meaning(name)}, which is not read" if name in DOCUMENTS else ""
    findings.fault(Code.UNKNOWN_FORMAT, place(root), expected=expected, actual=name, detail=detail)
    return None


def _is(head: Head) -> bool:
    if head.elements[:1] == (ROOT,):
        return True
    return head.elements[:1] != () and head.elements[0] in _OTHER_ROOTS and "cxml.org" in head.text[:1_000].lower()


_TITLE = "cXML orders, confirmations, ship notices, receipts, invoices and statuses"
FORMATS = (Format("cxml", _TITLE, "application/xml", "procurement", read_cxml, _is),)
