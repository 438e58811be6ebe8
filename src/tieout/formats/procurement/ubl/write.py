"""Write a purchase order as UBL 2.1, valid against its schema and by the rules of Peppol BIS ordering.

What :mod:`tieout.formats.procurement.ubl.orders` reads from it is the order again.
"""

from collections.abc import Iterator
from decimal import Decimal
from typing import Any

from lxml import etree
from msgspec import Struct

from tieout.formats import fields
from tieout.formats.einvoice.ubl_rate import unwritable, write_rate
from tieout.formats.einvoice.ubl_write import CAC, CBC, category_problems, conversion_of, write_classification
from tieout.formats.procurement.prices import line_amount
from tieout.formats.procurement.ubl.orders import RECEIPT_REQUIRED
from tieout.formats.unwritable import prose, unfit
from tieout.formats.written import Written
from tieout.formats.xml import Element
from tieout.kernel.money import Money, is_currency, total
from tieout.kernel.problem import Code, Problem
from tieout.kernel.text import parse_decimal
from tieout.model.documents import OrderLine, PurchaseOrder
from tieout.model.identity import supplier_id_of

NAMESPACE = "urn:oasis:names:specification:ubl:schema:xsd:Order-2"
CUSTOMIZATION = "urn:fdc:peppol.eu:poacc:trns:order:3"
PROFILE = "urn:fdc:peppol.eu:poacc:bis:ordering:3"
#: An order (UNTDID 1001).
_ORDER = "220"


class Party(Struct, frozen=True, kw_only=True):
    """What an order on paper says about one side. ``endpoint``: its address in the network, with the scheme in front
    (``0088:7300010000001``)."""

    name: str
    tax_id: str
    country: str = ""
    endpoint: str = ""


def write_order(order: PurchaseOrder, buyer: Party, seller: Party) -> Written:
    """The order in UTF-8. The same order gives the same bytes; one that would not be read back equal gives problems."""
    problems = tuple(_obstacles(order, buyer, seller))
    if problems:
        return Written(problems=problems)
    spaces: Any = {None: NAMESPACE, "cac": CAC, "cbc": CBC}
    root = etree.Element(f"{{{NAMESPACE}}}Order", nsmap=spaces)
    for name, text in (
        ("CustomizationID", CUSTOMIZATION),
        ("ProfileID", PROFILE),
        ("ID", order.order_id),
        ("IssueDate", order.ordered_on.isoformat()),
        ("OrderTypeCode", _ORDER),
        ("DocumentCurrencyCode", order.currency),
    ):
        _basic(root, name, text)
    _party(root, "BuyerCustomerParty", buyer)
    _party(root, "SellerSupplierParty", seller)
    write_rate(root, order.currency, conversion_of(order))
    amounts = [line_amount(line.quantity, line.unit_price, order.currency, line.price_per) for line in order.lines]
    totals = _aggregate(root, "AnticipatedMonetaryTotal")
    for name in ("LineExtensionAmount", "PayableAmount"):
        _amount(totals, name, total(amounts, order.currency))
    for line, amount in zip(order.lines, amounts, strict=True):
        _line(root, line, amount)
    return Written(etree.tostring(root, xml_declaration=True, encoding="UTF-8", pretty_print=True))


def _obstacles(order: PurchaseOrder, buyer: Party, seller: Party) -> Iterator[Problem]:
    """Why the order cannot be written, or would be read back as another one."""
    texts = [("order_id", order.order_id), ("buyer", buyer.name), ("seller", seller.name)]
    texts += [("buyer's tax registration", buyer.tax_id), ("seller's tax registration", seller.tax_id)]
    texts += [(f"line {line.line_id}", line.line_id) for line in order.lines]
    yield from (problem for where, text in texts if (problem := unfit(text, where)))
    for line in order.lines:
        for name, text in (("item", line.item), ("unit", line.unit), ("description", line.description)):
            if problem := unfit(text, f"line {line.line_id}, {name}", is_required=False):
                yield problem
        for number in (line.quantity, line.unit_price, line.price_per, line.tax_rate):
            if parse_decimal(f"{number:f}") is None:
                yield Problem(Code.BAD_VALUE, f"line {line.line_id}", limit="28 digits", actual=str(number))
    if len({line.line_id for line in order.lines}) < len(order.lines) or not order.lines:
        yield Problem(Code.BAD_VALUE, "lines", expected="at least one, and each with a number of its own")
    if not is_currency(order.currency):
        yield Problem(Code.BAD_VALUE, "currency", expected="an ISO 4217 code", actual=order.currency)
    elif any(
        abs(line_amount(line.quantity, line.unit_price, order.currency, line.price_per).minor) > fields.MINOR_MAX
        for line in order.lines
    ):
        yield Problem(Code.BAD_VALUE, "lines", limit=str(Money(fields.MINOR_MAX, order.currency)))
    yield from unwritable(conversion_of(order))
    yield from category_problems(order.lines)
    if supplier_id_of(seller.tax_id) != order.supplier_id:
        yield Problem(Code.WRONG_SUPPLIER, "supplier_id", expected=order.supplier_id, actual=seller.tax_id)


def _aggregate(parent: Element, name: str) -> Element:
    return etree.SubElement(parent, f"{{{CAC}}}{name}")


def _basic(parent: Element, name: str, text: str, **attributes: str) -> None:
    element = etree.SubElement(parent, f"{{{CBC}}}{name}", attributes)
    element.text = text


def _amount(parent: Element, name: str, money: Money) -> None:
    _basic(parent, name, f"{money.amount:f}", currencyID=money.currency)


def _party(root: Element, role: str, side: Party) -> None:
    """A party with its address in the network, its country, its VAT number and its name."""
    party = _aggregate(_aggregate(root, role), "Party")
    scheme, _, number = side.endpoint.rpartition(":")
    if number:
        _basic(party, "EndpointID", prose(number), **({"schemeID": prose(scheme)} if scheme else {}))
    if side.country:
        _basic(_aggregate(_aggregate(party, "PostalAddress"), "Country"), "IdentificationCode", prose(side.country))
    scheme_of_tax = _aggregate(party, "PartyTaxScheme")
    _basic(scheme_of_tax, "CompanyID", side.tax_id)
    _basic(_aggregate(scheme_of_tax, "TaxScheme"), "ID", "VAT")
    _basic(_aggregate(party, "PartyLegalEntity"), "RegistrationName", side.name)


def _line(root: Element, line: OrderLine, amount: Money) -> None:
    """One line. What it needs no receipt for is said by a property of its item."""
    item = _aggregate(_aggregate(root, "OrderLine"), "LineItem")
    _basic(item, "ID", line.line_id)
    _basic(item, "Quantity", f"{line.quantity:f}", **({"unitCode": line.unit} if line.unit else {}))
    _amount(item, "LineExtensionAmount", amount)
    price = _aggregate(item, "Price")
    _basic(price, "PriceAmount", f"{line.unit_price:f}", currencyID=amount.currency)
    if line.price_per != 1:
        _basic(price, "BaseQuantity", f"{line.price_per:f}", **({"unitCode": line.unit} if line.unit else {}))
    article = _aggregate(item, "Item")
    if line.description:
        _basic(article, "Name", line.description)
    if line.item:
        _basic(_aggregate(article, "BuyersItemIdentification"), "ID", line.item)
    write_classification(article, line.category)
    if line.tax_rate:
        _tax(article, line.tax_rate)
    if not line.receipt_required:
        said = _aggregate(article, "AdditionalItemProperty")
        _basic(said, "Name", RECEIPT_REQUIRED)
        _basic(said, "Value", "false")


def _tax(article: Element, rate: Decimal) -> None:
    category = _aggregate(article, "ClassifiedTaxCategory")
    _basic(category, "ID", "S" if rate else "Z")
    _basic(category, "Percent", f"{rate:f}")
    _basic(_aggregate(category, "TaxScheme"), "ID", "VAT")
