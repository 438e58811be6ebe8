"""One cXML document being read: its envelope, its parties, and the values all of its kinds have.

The header holds a password (``SharedSecret``). No code here looks at it, and what the parser says about a document that
is not well-formed is not quoted, since it could be a piece of the password.
"""

import re
from collections.abc import Iterator, Sequence
from datetime import date
from decimal import Decimal

from tieout.formats import fields
from tieout.formats.codes import load
from tieout.formats.commodity import category_of
from tieout.formats.einvoice.node import Node
from tieout.formats.procurement import parties
from tieout.formats.procurement.parties import Known, Name, Seller
from tieout.formats.procurement.prices import exact_price
from tieout.formats.reading import Context, Findings
from tieout.kernel.money import Money, is_currency
from tieout.kernel.problem import Code

#: The document types of cXML, by where their definitions are published; nothing is ever fetched.
DOCTYPES = (
    re.compile(
        r"(?:https?://xml\.cxml\.org/(?:current/|schemas/cXML/[0-9.]{1,12}/)?)?"
        r"(?:cXML|Catalog|Fulfill|InvoiceDetail|Logistics|PaymentRemittance|QualityManagement|Quote|Trading)\.dtd",
        re.IGNORECASE,
    ),
)
DOMAINS = load("cxml_domains")
_TAX_IDS = ("VAT number", "tax registration")
_RANKS = {domain: rank for rank, domain in enumerate(DOMAINS.codes)}


class Paper:
    """A document with the findings about it. ``body`` is its request; ``currency`` that of its amounts."""

    def __init__(self, root: Node, body: Node, context: Context) -> None:
        self.root = root
        self.body = body
        self.findings: Findings = root.findings
        self.known = Known.of(context)
        self.currency = ""

    @property
    def payload_id(self) -> str:
        """The name of the document, which its sender never gives twice."""
        return self.root.attribute("payloadID")

    # ── values ─────────────────────────────────────────────────────────────────────────────────────────────────────

    def must(self, node: Node, name: str) -> str:
        """An attribute that must be there."""
        text = self.attribute(node, name)
        if not text:
            self.findings.fault(Code.MISSING_FIELD, f"{node.where}: {name}", expected="a text")
        return text

    def attribute(self, node: Node, name: str) -> str:
        """An attribute that may be missing."""
        return fields.read_optional(node.attribute(name), f"{node.where}: {name}", self.findings)

    def number(self, node: Node, name: str) -> Decimal | None:
        """A number in an attribute that must be there."""
        return fields.read_decimal(node.attribute(name), f"{node.where}: {name}", self.findings)

    def day(self, node: Node, name: str) -> date | None:
        """A day in an attribute that may be missing."""
        text = node.attribute(name)
        return fields.read_day(text, f"{node.where}: {name}", self.findings) if text else None

    def must_day(self, node: Node, name: str) -> date | None:
        """A day in an attribute that must be there."""
        return fields.read_day(node.attribute(name), f"{node.where}: {name}", self.findings)

    def group(self, node: Node, name: str) -> Node:
        """A group that must be there."""
        found = node.get(name)
        if found is None:
            self.findings.fault(Code.MISSING_FIELD, f"{node.where}: {name}")
        return node.group(name)

    # ── money ──────────────────────────────────────────────────────────────────────────────────────────────────────

    def check_currency(self, *holders: Node | None) -> bool:
        """The currency of the document is that of the first amount."""
        for holder in holders:
            money = holder.get("Money") if holder is not None else None
            if money is not None and (currency := money.attribute("currency")):
                self.currency = currency
                break
        if is_currency(self.currency):
            return True
        expected = "an amount with an ISO 4217 currency"
        self.findings.fault(Code.BAD_VALUE, self.body.where, expected=expected, actual=self.currency)
        return False

    def amount(self, holder: Node | None) -> Decimal | None:
        """The number in ``Money``, in the currency of the document, with all of its decimals."""
        if holder is None:
            return None
        money = holder.get("Money")
        if money is None:
            self.findings.fault(Code.MISSING_FIELD, f"{holder.where}: Money")
            return None
        currency = money.attribute("currency")
        if currency != self.currency:
            self.findings.fault(Code.CURRENCY_MISMATCH, money.where, expected=self.currency, actual=currency)
            return None
        if money.attribute("alternateAmount"):
            detail = "an amount in a second currency is not kept"
            self.findings.note(
                Code.UNSUPPORTED_CONTENT, money.where, actual=money.attribute("alternateCurrency"), detail=detail
            )
        # Money has no currencyID, so nothing but the number is looked at here.
        return holder.number("Money")

    def money(self, holder: Node | None) -> Money | None:
        """An amount, where there is one; cXML allows more decimals than the currency has, which are refused."""
        amount = self.amount(holder)
        if amount is None or holder is None:
            return None
        return fields.read_money(f"{amount:f}", self.currency, holder.where, self.findings)

    def unit_price(self, item: Node) -> tuple[Decimal, Decimal] | None:
        """The price and the units it is for (``UnitPrice`` by ``PriceBasisQuantity``, where there is one); of one unit
        of what is ordered, where that has an end."""
        price = self.amount(item.get("UnitPrice"))
        basis = item.get("PriceBasisQuantity")
        if price is None or basis is None:
            return None if price is None else (price, Decimal(1))
        quantity = self.number(basis, "quantity")
        factor = self.number(basis, "conversionFactor") if basis.attribute("conversionFactor") else Decimal(1)
        if quantity is None or factor is None:
            return None
        return exact_price(price, quantity, basis.where, self.findings, factor)

    # ── parties ────────────────────────────────────────────────────────────────────────────────────────────────────

    def credentials(self, side: str) -> list[Name]:
        """The names of the sender (``From``) or the receiver (``To``), the best first."""
        found = self.root.group("Header", side).all("Credential")
        return ranked((each.attribute("domain"), each.text("Identity")) for each in found)

    def buyer(self, names: Sequence[Name]) -> str:
        """Which of our entities is the buyer."""
        return parties.entity(self.known, names, self.root.group("Header").where, self.findings)

    def seller(self, names: Sequence[Name]) -> Seller | None:
        """The supplier."""
        return parties.supplier(self.known, names, self.root.group("Header").where, self.findings)

    # ── references ─────────────────────────────────────────────────────────────────────────────────────────────────

    def is_withdrawn(self, node: Node) -> bool:
        """Whether a document only takes back an earlier one, which a person has to see to."""
        if node.attribute("operation") != "delete":
            return False
        detail = "it takes back an earlier document; a person has to see to that"
        self.findings.fault(Code.UNSUPPORTED_CONTENT, node.where, actual="delete", detail=detail)
        return True

    def order_id(self, node: Node) -> str:
        """The number of the order that is referred to; empty where there is none."""
        for name in ("OrderReference", "OrderIDInfo"):
            found = node.get(name)
            if found is not None and (order_id := self.attribute(found, "orderID")):
                return order_id
        return ""

    def must_order_id(self, node: Node) -> str:
        """The number of the order, which must be there."""
        order_id = self.order_id(node)
        if not order_id:
            expected = "the number of the order (OrderReference orderID)"
            self.findings.fault(Code.MISSING_FIELD, node.where, expected=expected)
        return order_id


def ranked(named: Iterator[tuple[str, str]]) -> list[Name]:
    """Names by their domains, those first that identify a company best."""
    known = [(domain.lower(), text) for domain, text in named if text]
    known.sort(key=lambda name: _RANKS.get(name[0], len(_RANKS)))
    return [
        Name(f"{DOMAINS.meaning(domain) or 'identity'}", text, DOMAINS.meaning(domain) in _TAX_IDS)
        for domain, text in known
    ]


def words(node: Node, name: str) -> str:
    """A text that may have a ``ShortName`` in it, which is then the better one."""
    found = node.get(name)
    if found is None:
        return ""
    return found.text("ShortName") or node.text(name)


def classified(holder: Node) -> str:
    """What kind of thing a line is about: the best of its ``Classification``, by ``code`` or by its text."""
    return category_of(
        (each.attribute("domain"), each.attribute("code") or " ".join((each.element.text or "").split()), "")
        for each in holder.all("Classification")
    )


def item_number(holder: Node) -> str:
    """Which item a line is about: the supplier's number of it, or ours."""
    item = holder.group("ItemID")
    return item.text("SupplierPartID") or item.text("BuyerPartID") or holder.text("ManufacturerPartID")
