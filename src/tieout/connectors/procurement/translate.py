"""The procurement system's shapes to ours and back. Pure."""

from collections.abc import Callable, Mapping
from datetime import date, datetime
from decimal import Decimal, DecimalException
from typing import Any

from tieout.formats.price_unit import for_units
from tieout.kernel.text import parse_day, parse_decimal
from tieout.model.commodity import category
from tieout.model.documents import (
    Address,
    BankAccount,
    GoodsReceipt,
    OrderLine,
    PurchaseOrder,
    ReceiptLine,
    Supplier,
)
from tieout.model.events import Message
from tieout.model.facts import Fact, GoodsReceived, OrderPlaced, SupplierProposed
from tieout.model.identity import supplier_id_of

Values = dict[str, Any]
#: Our legal entity for a company of theirs.
EntityName = Callable[[str], str]
#: Who changes vendors in our name.
US = "api"


class UnreadableError(ValueError):
    """The system told us something that we cannot read. Says what, and where it stands."""


def message_of(system: str, entity_name: EntityName, change: Mapping[str, Any]) -> Message | None:
    """What a row of the feed states; ``None`` when it is nothing new to us. Raises :class:`UnreadableError`."""
    try:
        found = _fact(change["kind"], change["document"], entity_name)
        if found is None:
            return None
        key, fact, entity, actor = found
        at = datetime.fromisoformat(change["changed_at"])
        return Message(source=system, key=key, data=fact, entity=entity, actor=f"{system}:{actor}", occurred_at=at)
    except (KeyError, TypeError, ValueError, DecimalException) as error:
        missing = f"{error.args[0]} is missing" if isinstance(error, KeyError) else str(error) or type(error).__name__
        raise UnreadableError(f"{change.get('kind')} {change.get('number')}: {missing}") from error


def _fact(kind: str, document: Values, entity_name: EntityName) -> tuple[str, Fact, str, str] | None:
    """The key, the fact, the entity and who did it. Keys name the document and its revision, not the row."""
    match kind:
        case "purchase_order":
            order = to_order(document, entity_name)
            key = f"order/{document['po_number']}/{document['revision']}"
            return key, OrderPlaced(order=order), order.entity, document.get("buyer") or "buyer"
        case "goods_receipt":
            receipt = to_receipt(document, entity_name)
            return f"receipt/{receipt.receipt_id}", GoodsReceived(receipt=receipt), receipt.entity, "warehouse"
        case "vendor" if document.get("tax_id") and not _is_echo(document):
            key = f"vendor/{document['vendor_no']}/{document['version']}"
            return key, SupplierProposed(supplier=to_supplier(document)), "", document["changed_by"]
        case _:
            return None


def _is_echo(vendor: Values) -> bool:
    """A record that carries our id and was last changed by us says nothing that we did not say."""
    return bool(vendor["changed_by"] == US and vendor["external_ref"] == supplier_id_of(vendor["tax_id"]))


def to_order(document: Values, entity_name: EntityName) -> PurchaseOrder:
    """A purchase order of theirs. Prices are brought down to one unit where that has an end; the rate that its buyer
    fixed leads into the company's own currency."""
    return PurchaseOrder(
        order_id=document["po_number"],
        entity=entity_name(document["company"]),
        supplier_id=_supplier_id(document),
        currency=document["currency"],
        ordered_on=_day(document["ordered_on"]),
        lines=tuple(_line(line) for line in document["lines"]),
        conversion_rate=_rate(document),
    )


def _rate(document: Values) -> Decimal | None:
    """What one unit of the order's currency was planned to cost; nothing where nobody fixed it."""
    rate = _decimal(document.get("exchange_rate", "0"))
    if rate < 0:
        raise ValueError(f"exchange_rate must not be below zero, but is {rate}")
    return rate or None


def _line(line: Values) -> OrderLine:
    price, per = for_units(_decimal(line["price"]), _units(line))
    return OrderLine(
        line_id=line["line_no"],
        item=line["item"],
        quantity=_decimal(line["quantity"]),
        unit=line["unit"],
        unit_price=price,
        price_per=per,
        description=line.get("text", ""),
        tax_rate=_decimal(line.get("tax_rate", "0")),
        receipt_required=line.get("receipt_required", True),
        category=category(line.get("commodity_scheme", ""), line.get("commodity_code", "")),
    )


def _units(line: Values) -> Decimal:
    """How many units the price is for."""
    units = _decimal(line.get("price_unit", "1"))
    if units <= 0:
        raise ValueError(f"price_unit must be more than zero, not {units}")
    return units


def to_receipt(document: Values, entity_name: EntityName) -> GoodsReceipt:
    """A goods receipt of theirs."""
    return GoodsReceipt(
        receipt_id=document["receipt_no"],
        order_id=document["po_number"],
        entity=entity_name(document["company"]),
        supplier_id=_supplier_id(document),
        received_on=_day(document["received_on"]),
        lines=tuple(
            ReceiptLine(order_line_id=line["po_line"], quantity=_decimal(line["quantity"]))
            for line in document["lines"]
        ),
    )


def _supplier_id(document: Values) -> str:
    tax_id = document["vendor"].get("tax_id", "")
    if not tax_id:
        raise ValueError("the vendor has no tax id, so nobody can tell which supplier it is")
    return supplier_id_of(tax_id)


def to_supplier(vendor: Values) -> Supplier:
    """A vendor record of theirs."""
    iban = vendor.get("iban", "")
    return Supplier(
        supplier_id=supplier_id_of(vendor["tax_id"]),
        name=vendor["name"],
        tax_id=vendor["tax_id"],
        address=Address(
            street=vendor.get("street", ""),
            postal_code=vendor.get("postal_code", ""),
            town=vendor.get("town", ""),
            country=vendor.get("country", ""),
        ),
        bank_account=BankAccount(
            iban=iban, holder=vendor.get("account_holder") or vendor["name"], bic=vendor.get("bic", "")
        )
        if iban
        else None,
        payment_terms_days=vendor.get("terms_days", 30),
        email=vendor.get("email", ""),
    )


def from_supplier(supplier: Supplier) -> Values:
    """A supplier record as they take it."""
    account = supplier.bank_account
    return {
        "name": supplier.name,
        "tax_id": supplier.tax_id,
        "street": supplier.address.street,
        "postal_code": supplier.address.postal_code,
        "town": supplier.address.town,
        "country": supplier.address.country,
        "email": supplier.email,
        "terms_days": supplier.payment_terms_days,
        "iban": account.iban if account else "",
        "bic": account.bic if account else "",
        "account_holder": account.holder if account else "",
    }


def _decimal(text: str) -> Decimal:
    value = parse_decimal(text)
    if value is None:
        raise ValueError(f"{text!r} is not a plain decimal number")
    return value


def _day(text: str) -> date:
    value = parse_day(text)
    if value is None:
        raise ValueError(f"{text!r} is not a day such as 2026-05-31")
    return value
