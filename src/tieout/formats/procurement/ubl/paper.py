"""One UBL document being read: its root, its parties, and the values all of its kinds have."""

from collections.abc import Iterator
from datetime import date
from decimal import Decimal

from tieout.formats import fields
from tieout.formats.einvoice.node import Node
from tieout.formats.procurement import parties
from tieout.formats.procurement.parties import Known, Name, Seller
from tieout.formats.procurement.prices import exact_price
from tieout.formats.reading import Context, Findings
from tieout.kernel.money import Money, is_currency
from tieout.kernel.problem import Code

#: ``NA`` is what Peppol has people write where a reference is mandatory and there is none.
_NO_REFERENCE = {"", "NA", "N/A"}
_TRUE, _FALSE = {"true", "1"}, {"false", "0"}
#: The numbers of an item, the best first: GTIN, of the seller, of the buyer, of the maker.
_ITEM_NUMBERS = ("StandardItem", "SellersItem", "BuyersItem", "ManufacturersItem", "CatalogueItem", "AdditionalItem")


class Paper:
    """A document with the findings about it; ``currency`` is that of its amounts, empty where it has none."""

    def __init__(self, root: Node, context: Context) -> None:
        self.root = root
        self.findings: Findings = root.findings
        self.context = context
        self.known = Known.of(context)
        self.currency = root.text("DocumentCurrencyCode")

    # ── values that must be there ──────────────────────────────────────────────────────────────────────────────────

    def must(self, node: Node, *path: str) -> str:
        """A text that must be there."""
        text = node.text(*path)
        if not text:
            self.findings.fault(Code.MISSING_FIELD, f"{node.where}: {'/'.join(path)}", expected="a text")
        return text

    def must_number(self, node: Node, *path: str) -> Decimal | None:
        """A number that must be there."""
        if node.leaf(*path) is None:
            self.findings.fault(Code.MISSING_FIELD, f"{node.where}: {'/'.join(path)}", expected="a number")
        return node.number(*path)

    def must_day(self, node: Node, *path: str) -> date | None:
        """A day that must be there."""
        if node.leaf(*path) is None:
            self.findings.fault(Code.MISSING_FIELD, f"{node.where}: {'/'.join(path)}", expected="a day")
        return node.day(*path)

    def flag(self, node: Node, name: str) -> bool | None:
        """An ``xs:boolean``; nothing where there is none."""
        text = node.text(name)
        if text and text not in _TRUE | _FALSE:
            self.findings.fault(Code.BAD_VALUE, f"{node.where}: {name}", expected="true or false", actual=text)
        return None if not text else text in _TRUE

    def money(self, node: Node, *path: str) -> Money | None:
        """An amount in the currency of the document, where there is one."""
        amount = node.amount(self.currency, *path)
        if amount is None:
            return None
        return fields.read_money(f"{amount:f}", self.currency, f"{node.where}: {'/'.join(path)}", self.findings)

    def check_currency(self, *places: Node | None) -> bool:
        """The currency of the document, or that of the first amount where the document names none."""
        if not self.currency:
            named = (node.attribute("currencyID", *path) for node in places if node for path in _AMOUNTS)
            self.currency = next((text for text in named if text), "")
            if self.currency:
                self.findings.assume("the currency of the document", "that of its amounts", self.root.where)
        if is_currency(self.currency):
            return True
        where = f"{self.root.where}: DocumentCurrencyCode"
        self.findings.fault(Code.BAD_VALUE, where, expected="an ISO 4217 code", actual=self.currency)
        return False

    # ── parties ────────────────────────────────────────────────────────────────────────────────────────────────────

    def buyer(self, *roles: str) -> str:
        """Which of our entities is the buyer, by the first of these roles that is there."""
        holder = self._holder(roles)
        names = list(_names(holder)) if holder else []
        return parties.entity(self.known, names, holder.where if holder else self.root.where, self.findings)

    def seller(self, *roles: str) -> Seller | None:
        """The supplier, by the first of these roles that is there."""
        holder = self._holder(roles)
        names = list(_names(holder)) if holder else []
        return parties.supplier(self.known, names, holder.where if holder else self.root.where, self.findings)

    def _holder(self, roles: tuple[str, ...]) -> Node | None:
        return next((found for role in roles if (found := self.root.get(role))), None)

    # ── references and lines ───────────────────────────────────────────────────────────────────────────────────────

    def note_unread(self, node: Node, name: str, detail: str) -> None:
        """Something that changes what is to be paid or delivered and has no place in our document."""
        for found in node.all(name):
            self.findings.note(Code.UNSUPPORTED_CONTENT, found.where, detail=detail)

    def unit(self, node: Node, name: str) -> str:
        """The unit of a quantity (UN/ECE recommendation 20 and 21)."""
        return fields.one_line(node.attribute("unitCode", name))

    def unit_price(self, item: Node) -> tuple[Decimal, Decimal] | None:
        """The price and the units it is for, where there is one: ``PriceAmount`` by ``BaseQuantity``; of one unit,
        where that has an end."""
        price = item.get("Price")
        if price is None:
            return None
        amount = price.amount(self.currency, "PriceAmount")
        if amount is None:
            if price.leaf("PriceAmount") is None:
                self.findings.fault(Code.MISSING_FIELD, f"{price.where}: PriceAmount")
            return None
        base = price.number("BaseQuantity") if "BaseQuantity" in price else Decimal(1)
        if base is None:
            return None
        other = self.unit(price, "BaseQuantity")
        rate = price.number("OrderableUnitFactorRate")
        if rate is None and other and other != self.unit(item, "Quantity") and "Quantity" in item:
            detail = "the price is for another unit than is ordered, and how many they make is not said"
            self.findings.note(Code.UNIT_MISMATCH, price.where, actual=other, detail=detail)
        return exact_price(amount, base, price.where, self.findings, rate if rate is not None else Decimal(1))


#: Where an amount is looked for that names the currency.
_AMOUNTS = (
    ("LineExtensionAmount",),
    ("PayableAmount",),
    ("LineItem", "LineExtensionAmount"),
    ("LineItem", "Price", "PriceAmount"),
)


def _names(holder: Node) -> Iterator[Name]:
    """What identifies a party, the best first: VAT, other taxes, the register, its ids, its address in the network, and
    the account under which the other side keeps it."""
    party = holder.group("Party")
    schemes = list(party.all("PartyTaxScheme"))
    for scheme in sorted(schemes, key=lambda scheme: not _is_vat(scheme)):
        if text := scheme.text("CompanyID"):
            yield Name("tax registration", text, _is_vat(scheme))
    for legal in party.all("PartyLegalEntity"):
        yield from _with_scheme("legal registration", legal, "CompanyID")
    for identification in party.all("PartyIdentification"):
        yield from _with_scheme("identifier", identification, "ID")
    yield from _with_scheme("network address", party, "EndpointID")
    for name in ("CustomerAssignedAccountID", "SupplierAssignedAccountID"):
        if text := holder.text(name):
            yield Name("account number", text)


def _is_vat(scheme: Node) -> bool:
    return "VAT" in (scheme.text("TaxScheme", "ID"), scheme.text("TaxScheme", "TaxTypeCode"))


def _with_scheme(kind: str, node: Node, name: str) -> Iterator[Name]:
    """An identifier alone, and with its scheme in front, as networks write it (``0088:7300010000001``)."""
    if text := node.text(name):
        yield Name(kind, text)
        if scheme := node.attribute("schemeID", name):
            yield Name(kind, f"{scheme}:{text}")


def item_number(item: Node) -> str:
    """Which item a line is about."""
    numbers = (item.text(f"{name}Identification", "ID") for name in _ITEM_NUMBERS)
    return next((number for number in numbers if number), "")


def description(item: Node) -> str:
    """What a line calls its item: the name before the long text."""
    return item.text("Name") or item.text("Description")


def reference(node: Node, *path: str) -> str:
    """A reference to another document or line, unless it says that there is none."""
    text = node.text(*path)
    return "" if text.upper() in _NO_REFERENCE else text


def last_day(node: Node, *path: str) -> date | None:
    """The end of a period, which is the day that can be relied on; its beginning where it has no end."""
    period = node.get(*path)
    if period is None:
        return None
    return period.day("EndDate") or period.day("StartDate")
