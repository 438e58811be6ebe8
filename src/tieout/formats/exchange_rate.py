"""The rate at which a document is converted into our own currency, whatever the document is written in.

A rate is only kept where it says for certain what becomes of what: it names the document's currency on one side and
our own on the other. It may be quoted either way round, and for 1, 100 or 1000 units. It is kept as so many units of
our own currency for so many of the document's, so that a quotation such as 1 EUR for 1.1 USD stays exact.

No rate is ever worked out of amounts in two currencies (the VAT totals BT-110 and BT-111 of EN 16931, the alternate
amounts of cXML): both are rounded, so their quotient is not the rate that anybody agreed on.
"""

from collections.abc import Iterable, Mapping
from decimal import Decimal

from msgspec import Struct

from tieout.formats import fields
from tieout.formats.price_unit import for_units
from tieout.formats.reading import Findings
from tieout.kernel.money import EXACT, is_currency, multiply
from tieout.kernel.problem import Code
from tieout.kernel.text import DIGITS_MAX, parse_decimal

_ONE = Decimal(1)
#: Nothing is quoted for more units of a currency than these.
_UNITS_MAX = Decimal(1_000_000)


class Quote(Struct, frozen=True, kw_only=True):
    """A rate as it stands in a document. An amount in ``source``, counted in ``source_units``, times ``rate`` (or, when
    it ``divides``, by it) is the amount in ``target``, counted in ``target_units``. Numbers are texts as they stand."""

    source: str
    target: str
    rate: str
    where: str
    source_units: str = ""
    target_units: str = ""
    divides: bool = False


class Conversion(Struct, frozen=True):
    """``rate`` units of the currency ``to`` for ``per`` units of the document's; nothing where it states no rate."""

    rate: Decimal | None = None
    per: Decimal = _ONE
    to: str = ""


NONE = Conversion()


def own_currency(currencies: Mapping[str, str], entity: str) -> str:
    """The currency of one of our entities; where it is not known which one, that of all of them, if they share one."""
    common = set(currencies.values())
    return currencies.get(entity, "") or (common.pop() if len(common) == 1 else "")


def conversion(quotes: Iterable[Quote], currency: str, own: str, findings: Findings) -> Conversion:
    """The rate from the document's currency into our own, by the first of the quotes that leads there. Where our own
    is not known (empty), every quote of the document's currency does, if all lead to the same."""
    if own == currency:
        return NONE
    found, unfit = [], []
    for quote in quotes:
        other = _other(quote, currency)
        if not other or (own and other != own):
            unfit.append(quote)
        elif (read := _read(quote, currency, other, findings)) is not None:
            found.append((read, quote.where))
    if unfit and not found:
        quote = unfit[0]
        stated = f"from {quote.source or 'no currency'} to {quote.target or 'no currency'}"
        detail = f"the rate {stated} is not kept, since it does not lead from {currency} to {own or 'our currency'}"
        findings.note(Code.UNSUPPORTED_CONTENT, quote.where, actual=quote.rate, detail=detail)
    return _first(found, findings)


def _other(quote: Quote, currency: str) -> str:
    """The currency on the other side of the document's; empty where there is none."""
    sides = {quote.source, quote.target}
    others = sides - {currency}
    return others.pop() if currency in sides and len(others) == 1 else ""


def _first(found: list[tuple[Conversion, str]], findings: Findings) -> Conversion:
    """One of several rates: the first, which is told where another one differs; none where they lead elsewhere."""
    rates = list(dict.fromkeys(read for read, _ in found))
    if not rates:
        return NONE
    if len(rates) > 1:
        where, said = found[1][1], ", ".join(_said(rate) for rate in rates)
        is_elsewhere = len({rate.to for rate in rates}) > 1
        kept = "none is kept, since nobody says which currency is ours" if is_elsewhere else "the first is kept"
        findings.note(Code.BAD_VALUE, where, actual=said, detail=f"more than one rate: {kept}")
        return NONE if is_elsewhere else rates[0]
    return rates[0]


def _said(rate: Conversion) -> str:
    return f"{rate.rate:f} {rate.to}" + (f" for {rate.per:f}" if rate.per != _ONE else "")


def _read(quote: Quote, currency: str, other: str, findings: Findings) -> Conversion | None:
    """The quote the way we keep it, or nothing where it is no rate. A wrong rate does not refuse a document: nothing is
    paid by it."""
    rate, source_units, target_units = _number(quote.rate), _units(quote.source_units), _units(quote.target_units)
    kept = None
    if rate is not None and source_units is not None and target_units is not None and is_currency(other):
        source, target = source_units, multiply(rate, target_units)
        if quote.divides:
            source, target = multiply(rate, source_units), target_units
        kept = _kept(*((target, source) if quote.source == currency else (source, target)), other)
    if kept is None or not (_fits(kept.rate) and _fits(kept.per)):
        expected = "a rate above zero between two currencies, for 1, 10, 100 or 1000 units"
        actual = " / ".join(filter(None, (quote.rate, quote.source_units, quote.target_units, other)))
        findings.note(Code.BAD_VALUE, quote.where, expected=expected, actual=actual, detail="the rate is not kept")
        return None
    return kept


def _fits(number: Decimal | None) -> bool:
    """Whether our documents can hold it."""
    return number is not None and len(number.as_tuple().digits) <= DIGITS_MAX and abs(number.adjusted()) < DIGITS_MAX


def _kept(ours: Decimal, theirs: Decimal, other: str) -> Conversion:
    """For one unit of the document's currency, where that has an end; else for what one unit of ours costs, where that
    has; else both as they stand."""
    rate, per = for_units(ours, theirs)
    if per != _ONE:
        turned, whole = for_units(theirs, ours)
        rate, per = (_ONE, turned) if whole == _ONE else (rate, per)
    return Conversion(rate, per, other)


def _number(text: str) -> Decimal | None:
    """A number above zero that a document can hold."""
    value = parse_decimal(text)
    return fields.plain(value) if value is not None and value > 0 else None


def _units(text: str) -> Decimal | None:
    """For how many units a rate is: one where nothing is said, else a power of ten. Other numbers would be no units but
    a second rate, of which nobody says how it is meant."""
    value = _number(text) if text else _ONE
    is_units = value is not None and _ONE <= value <= _UNITS_MAX and value.normalize(EXACT).as_tuple().digits == (1,)
    return value if is_units else None
