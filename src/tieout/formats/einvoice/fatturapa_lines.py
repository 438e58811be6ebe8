"""The lines of a FatturaPA invoice (2.2.1), with the orders they are for (2.1.2) and the prices they really have."""

from collections.abc import Iterator, Mapping
from decimal import ROUND_HALF_UP, Decimal
from decimal import Context as DecimalContext

from msgspec import Struct

from tieout.formats import fields
from tieout.formats.codes import load
from tieout.formats.commodity import category_of
from tieout.formats.einvoice.italian import Node
from tieout.kernel.money import Money
from tieout.kernel.problem import Code
from tieout.model.commodity import scheme_name
from tieout.model.documents import InvoiceLine

NATURE = load("fatturapa_natura")
SURCHARGE, DISCOUNT = "MG", "SC"
#: SdI control 00423: a line may be one cent off.
_LINE_SLACK = Decimal("0.01")
#: Shares of shares of a price have digits without end; sixty are more than any cent depends on.
_WIDE = DecimalContext(prec=60, rounding=ROUND_HALF_UP, traps=[])
_PRICE_DIGITS, _DIGITS_MAX = Decimal("1e-10"), 28
#: Kinds of codes (2.2.1.3.1, a free text) that classify what is bought; the standard names CPV and TARIC.
_CLASSIFICATIONS = frozenset(("CPV", "TARIC", "UNSPSC", "ECLASS"))
#: No line and no price is larger than this; there is room for sums.
_AMOUNT_MAX = Decimal(10) ** 15


class Taxed(Struct, frozen=True):
    """A line with the VAT class it belongs to: its rate, and why there is none. ``exact`` may have eight decimals."""

    line: InvoiceLine
    exact: Decimal
    rate: Decimal
    nature: str


class Order(Struct, frozen=True):
    """The order of the buyer that a line is for (2.1.2)."""

    order_id: str = ""
    order_line_id: str = ""


def orders_by_line(body: Node) -> Mapping[str, Order]:
    """The order of each line by its number; that of the whole document under the empty number."""
    found: dict[str, Order] = {}
    for block in body.nodes("DatiGenerali", "DatiOrdineAcquisto"):
        order = Order(block.text("IdDocumento"), block.optional("NumItem"))
        numbers = [node.raw() for node in block.nodes("RiferimentoNumeroLinea")] or [""]
        for number in numbers:
            if found.setdefault(number, order) != order:
                what = f"line {number}" if number else "the whole document"
                block.note(Code.UNSUPPORTED_CONTENT, "IdDocumento", detail=f"a second order for {what} is not kept")
    return found


def vat_class(node: Node) -> tuple[Decimal, str] | None:
    """The rate and the nature of a line, a contribution or a summary; zero needs a reason, others have none."""
    rate, nature = node.number("AliquotaIVA"), node.optional("Natura")
    if rate is None:
        return None
    if nature and nature not in NATURE:
        node.note(Code.UNKNOWN_CODE, "Natura", actual=nature)
    if bool(nature) == bool(rate):
        detail = "a rate of zero needs a reason, and only that (SdI 00400, 00401, 00413, 00414, 00429, 00430)"
        node.note(Code.BAD_VALUE, "Natura", actual=f"{rate} % {nature}", detail=detail)
    return fields.plain(rate), nature


def lines_of(body: Node, currency: str) -> Iterator[Taxed]:
    """2.2.1, in the order of the document; numbers that come again are told apart."""
    orders = orders_by_line(body)
    times: dict[str, int] = {}
    elements = list(body.nodes("DatiBeniServizi", "DettaglioLinee"))
    if not elements:
        body.fault(Code.MISSING_FIELD, "DatiBeniServizi", "DettaglioLinee", expected="at least one line")
    for element in elements:
        number = element.text("NumeroLinea")
        times[number] = times.get(number, 0) + 1
        line_id = number if times[number] == 1 else f"{number}/{times[number]}"
        if times[number] > 1:
            element.note(Code.BAD_VALUE, "NumeroLinea", actual=number, detail=f"used before; kept as {line_id}")
        if found := _line(element, line_id, orders.get(number, orders.get("", Order())), currency):
            yield found


def _line(node: Node, line_id: str, order: Order, currency: str) -> Taxed | None:
    exact, price, taxed = node.number("PrezzoTotale"), unit_price(node), vat_class(node)
    quantity = node.number_or(Decimal(1), "Quantita")
    if exact is None or price is None or quantity is None or taxed is None:
        return None
    if abs(exact) > _AMOUNT_MAX or abs(price) > _AMOUNT_MAX:
        node.findings.fault(Code.BAD_VALUE, node.where("PrezzoTotale"), limit=f"{_AMOUNT_MAX:f}", actual=f"{exact:f}")
        return None
    _check_total(node, quantity, price, exact)
    line = InvoiceLine(
        line_id=line_id,
        quantity=quantity,
        unit=node.optional("UnitaMisura"),
        unit_price=_short(price, node),
        net=Money.rounded(exact, currency),
        description=node.optional("Descrizione"),
        tax_rate=taxed[0],
        order_id=order.order_id,
        order_line_id=order.order_line_id,
        category=_classified(node),
    )
    return Taxed(line, exact, *taxed)


def _classified(node: Node) -> str:
    """What kind of thing it is: the best of its codes (2.2.1.3) whose kind is a classification; others are the
    supplier's own and number the thing itself."""
    codes = ((each.optional("CodiceTipo"), each.optional("CodiceValore")) for each in node.nodes("CodiceArticolo"))
    return category_of((kind, code, "") for kind, code in codes if scheme_name(kind) in _CLASSIFICATIONS)


def unit_price(node: Node) -> Decimal | None:
    """The price of one unit after the discounts and surcharges on it, one after the other (2.2.1.9, 2.2.1.10)."""
    price = node.number("PrezzoUnitario")
    for part in node.nodes("ScontoMaggiorazione"):
        change = price_change(part, price)
        if change is None or price is None:
            return None
        price = _WIDE.add(price, change)
    return price


def price_change(part: Node, base: Decimal | None) -> Decimal | None:
    """What a discount (negative) or a surcharge makes of a base: its amount, or else its share of the base."""
    kind = part.raw("Tipo")
    if kind not in (DISCOUNT, SURCHARGE):
        part.fault(Code.BAD_VALUE, "Tipo", expected="SC (discount) or MG (surcharge)", actual=kind)
        return None
    if part.has("Importo"):
        amount = part.number("Importo")
    elif part.has("Percentuale"):
        share = part.number("Percentuale")
        amount = None if share is None or base is None else _WIDE.multiply(base, _WIDE.scaleb(share, -2))
    else:
        part.fault(Code.MISSING_FIELD, "Importo", expected="an amount or a percentage (SdI 00437, 00438)")
        return None
    return amount if amount is None or kind == SURCHARGE else -amount


def _check_total(node: Node, quantity: Decimal, price: Decimal, exact: Decimal) -> None:
    """SdI 00423: a line is its quantity by its price, to the cent."""
    computed = _WIDE.multiply(quantity, price)
    if _WIDE.abs(_WIDE.subtract(exact, computed)) > _LINE_SLACK:
        name = "SdI 00423: total of a line = price after discounts × quantity"
        shown = _WIDE.quantize(computed, _PRICE_DIGITS).normalize(_WIDE)
        node.findings.claim(name, node.where("PrezzoTotale"), f"{exact:f}", f"{shown:f}", False)


def _short(price: Decimal, node: Node) -> Decimal:
    """A price with as many digits as we keep. Shares of shares of a price of eight decimals have more."""
    if len(price.normalize(_WIDE).as_tuple().digits) <= _DIGITS_MAX:
        return fields.plain(price)
    detail = "the price after its discounts is kept to ten decimals"
    node.note(Code.ASSUMED_VALUE, "PrezzoUnitario", actual=f"{price:f}", detail=detail)
    return fields.plain(_WIDE.quantize(price, _PRICE_DIGITS))
