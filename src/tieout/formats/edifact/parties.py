"""Who is meant: the parties of a message (``NAD`` with the references behind it), as our supplier and our entity."""

from collections.abc import Iterator

from msgspec import Struct

from tieout.formats.edifact.message import Message, part
from tieout.formats.edifact.tree import Node
from tieout.formats.fields import one_line
from tieout.kernel.problem import Code
from tieout.model.identity import normal_tax_id, supplier_id_of

#: Party qualifiers (3035) in which a supplier may stand, the best first: supplier, seller, issuer of the invoice.
SUPPLIER = ("SU", "SE", "II", "SR")
#: The same for the buyer: invoicee, bill-to (Odette), buyer, and who gets the goods' papers.
BUYER = ("IV", "BT", "BY", "OB")
#: References (1153) that identify a company to the tax office or the register, the best first: VAT, goods and
#: services tax, tax, fiscal number, government reference (in EN 16931 the legal registration), company register.
_VAT = ("VA", "AMT")
_REGISTRATIONS = (*_VAT, "AHP", "FC", "GN", "XA")


class Seller(Struct, frozen=True):
    """A supplier as a message names it."""

    supplier_id: str
    tax_id: str
    name: str


def identifiers(message: Message, node: Node) -> Iterator[tuple[str, str]]:
    """What may identify a party, the best first: its registrations, then the id of ``NAD`` (GLN, DUNS, vendor)."""
    for code in _REGISTRATIONS:
        for group in node.under("RFF", code):
            if text := message.text(group.segment, 1, 2):
                yield code, text
    if text := message.text(node.segment, 2, 1):
        yield "NAD", text


def name_of(message: Message, node: Node) -> str:
    """The name of a party: structured (C080), else the free lines (C058)."""
    for element in (4, 3):
        lines = [message.text(node.segment, element, component) for component in range(1, 6)]
        if name := one_line(" ".join(line for line in lines if line)):
            return name
    return ""


def supplier(message: Message, partner: str) -> Seller | None:
    """The supplier, by its VAT number or the next best name it goes by. ``partner`` is the interchange id of the side
    on which the supplier stands, for messages that leave the supplier out."""
    nodes = [node for one in SUPPLIER for node in message.root.under("NAD", one)]
    named = [(code, text, node) for node in nodes for code, text in identifiers(message, node)]
    name = next((found for node in nodes if (found := name_of(message, node))), "")
    where = message.where(nodes[0].segment if nodes else message.root.segment)
    known = message.names.suppliers
    for tax_id in (text for code, text, _ in named if code in _VAT):
        return Seller(supplier_id_of(tax_id), tax_id, name)
    for text in (*(text for _, text, _ in named), partner):
        if tax_id := known.get(normal_tax_id(text), ""):
            return Seller(supplier_id_of(tax_id), tax_id, name)
    if named:
        code, text, _ = min(named, key=lambda found: (*_REGISTRATIONS, "NAD").index(found[0]))
        message.findings.assume("the supplier's VAT number (RFF+VA)", f"its identifier ({code})", where)
        return Seller(supplier_id_of(text), text, name)
    if partner and not nodes and normal_tax_id(partner) not in message.names.entities:
        message.findings.assume("the supplier (NAD+SU)", "the partner of the interchange", where)
        return Seller(supplier_id_of(partner), partner, name)
    expected = "the supplier's VAT number or another identifier (NAD+SU)"
    message.findings.fault(Code.MISSING_FIELD, where, expected=expected)
    return None


def entity(message: Message, *partners: str) -> str:
    """Which of our legal entities is the buyer, by any name it goes by; ``partners``: interchange ids it may have."""
    known = message.names.entities
    nodes = [node for one in BUYER for node in message.root.under("NAD", one)]
    seen = [text for node in nodes for _, text in identifiers(message, node)]
    for text in (*seen, *partners):
        if found := known.get(normal_tax_id(text), ""):
            return found
    where = message.where(nodes[0].segment if nodes else message.root.segment)
    actual = ", ".join(dict.fromkeys((*seen, *partners)))
    message.findings.note(Code.UNKNOWN_ENTITY, where, expected="a buyer that is one of us", actual=actual)
    return ""


def party_name(message: Message, *qualifiers: str) -> str:
    """The name or the id of the first of these parties."""
    for one in qualifiers:
        for node in message.root.under("NAD", one):
            if found := name_of(message, node) or part(node.segment, 2):
                return found
    return ""
