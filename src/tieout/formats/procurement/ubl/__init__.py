"""UBL documents of procurement (OASIS UBL 2.0 to 2.3, Peppol BIS 3): orders, answers, despatch and receipt advices.

Requests for quotation, catalogues and all other kinds are recognised by their namespace and refused with what they are.
"""

from collections.abc import Callable, Iterator
from typing import Any

from msgspec import Struct

from tieout.formats.einvoice.node import Node
from tieout.formats.format import Format, Head
from tieout.formats.procurement.ubl.answers import read_order_response, read_order_response_simple
from tieout.formats.procurement.ubl.goods import read_despatch_advice, read_receipt_advice
from tieout.formats.procurement.ubl.orders import read_order, read_order_cancellation, read_order_change
from tieout.formats.procurement.ubl.paper import Paper
from tieout.formats.reading import Context, Findings
from tieout.formats.source import Source
from tieout.formats.xml import local, namespace, place, tree
from tieout.kernel.problem import Code, Problem

__all__ = ["FORMATS", "read_ubl"]

PREFIX = "urn:oasis:names:specification:ubl:schema:xsd:"


class Kind(Struct, frozen=True):
    """One kind of document that is read."""

    format: str
    title: str
    read: Callable[[Paper], Iterator[Any]]


#: What is read, by the name of its root.
KINDS = {
    "Order": Kind("ubl-order", "UBL order (Peppol BIS ordering)", read_order),
    "OrderChange": Kind("ubl-order-change", "UBL change of an order", read_order_change),
    "OrderCancellation": Kind("ubl-order-cancellation", "UBL cancellation of an order", read_order_cancellation),
    "OrderResponse": Kind("ubl-order-response", "UBL answer to an order (Peppol BIS ordering)", read_order_response),
    "OrderResponseSimple": Kind("ubl-order-response-simple", "UBL yes or no to an order", read_order_response_simple),
    "DespatchAdvice": Kind("ubl-despatch-advice", "UBL despatch advice (Peppol BIS)", read_despatch_advice),
    "ReceiptAdvice": Kind("ubl-receipt-advice", "UBL receipt advice", read_receipt_advice),
}
#: What is known and not read. A document of UBL that is not even listed is refused by its own name.
STRANGERS = {
    "CallForTenders": "a call for tenders",
    "Catalogue": "a catalogue of what a supplier offers",
    "CatalogueDeletion": "the end of a catalogue",
    "CatalogueItemSpecificationUpdate": "a change of a catalogue",
    "CataloguePricingUpdate": "new prices of a catalogue",
    "CatalogueRequest": "a request for a catalogue",
    "DebitNote": "a debit note",
    "Forecast": "a forecast of demand",
    "FreightInvoice": "an invoice for freight",
    "FulfilmentCancellation": "a cancellation of a despatch",
    "InventoryReport": "a report of stock",
    "Quotation": "a quotation",
    "Reminder": "a reminder of what is due",
    "RemittanceAdvice": "a remittance advice",
    "RequestForQuotation": "a request for quotation",
    "SelfBilledCreditNote": "a self-billed credit note",
    "SelfBilledInvoice": "a self-billed invoice",
    "Statement": "a statement of account of a supplier",
    "TransactionConditions": "terms of trade",
}
#: These have readers in other families.
_OTHERS = frozenset(("ApplicationResponse", "CreditNote", "Invoice"))
OTHER = "ubl-other"


def read_ubl(source: Source, context: Context, findings: Findings) -> Iterator[Any]:
    """Read one document of procurement in UBL."""
    root = tree(source.whole(), context.limits)
    if isinstance(root, Problem):
        findings.refuse(root)
        return
    name, own = local(root), namespace(root)
    if own != f"{PREFIX}{name}-2" or name not in KINDS:
        expected = f"a UBL 2 {', '.join(KINDS)}"
        detail = f"this is {STRANGERS[name]}, which is not read" if name in STRANGERS else ""
        actual = f"{name} in {own or 'no namespace'}"
        findings.fault(Code.UNKNOWN_FORMAT, place(root), expected=expected, actual=actual, detail=detail)
        return
    yield from KINDS[name].read(Paper(Node(root, findings), context))


def _is(name: str) -> Callable[[Head], bool]:
    return lambda head: head.elements[:1] == (name,) and head.namespace == f"{PREFIX}{name}-2"


def _is_other(head: Head) -> bool:
    return head.namespace.startswith(PREFIX) and _OTHERS.isdisjoint(head.elements[:1])


_OTHER_TITLE = "Other UBL documents, which are named and refused"
FORMATS = (
    *(
        Format(kind.format, kind.title, "application/xml", "procurement", read_ubl, _is(name))
        for name, kind in KINDS.items()
    ),
    Format(OTHER, _OTHER_TITLE, "application/xml", "procurement", read_ubl, _is_other),
)
