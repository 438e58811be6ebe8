"""What goes out: orders (850) and remittance advices (820), each as a complete interchange of version 004010.

X12 has no release character, so the separators are chosen among the usual ones that the data does not have. The same
input gives the same bytes; what cannot be written rightly is not written, and says why.
"""

from collections.abc import Iterable, Iterator, Sequence
from decimal import Decimal
from functools import reduce

from msgspec import Struct

from tieout.formats.fields import one_line, plain
from tieout.formats.outgoing import Envelope, advice_of
from tieout.formats.price_unit import for_units
from tieout.formats.written import Written
from tieout.formats.x12.invoice import UNSPSC
from tieout.formats.x12.message import UNITS
from tieout.kernel.money import EXACT, Money, total
from tieout.kernel.problem import Code, Problem
from tieout.model.documents import OrderLine, PaymentRun, PurchaseOrder, RemittanceAdvice, RemittanceLine

MEDIA_TYPE = "application/edi-x12"
_ENCODING = "latin-1"
#: Separators in the order in which they are tried: elements, components, segments, repetitions.
_SIGNS = ("*|\x1d", ">:\x1f", "~'\x1c", "^!\x1e")
VERSION_4010, VERSION_5010 = "00401", "00501"
#: Lengths of elements: interchange ids, control numbers, order numbers, line numbers, products.
_ID_MAX, _CONTROL_MAX, _ORDER_MAX, _LINE_MAX, _PRODUCT_MAX = 15, 9, 22, 20, 48
#: Names, references, pieces of text, hash totals.
_NAME_MAX, _REFERENCE_MAX, _TEXT_MAX, _HASH_MAX = 60, 30, 80, 10
_NUMBER_MAX, _RATE_MIN, _RATE_MAX, _CODE_MAX = 15, 4, 10, 12
#: The qualifier of an id that is as agreed between the two (element I05).
AS_AGREED = "ZZ"
#: From our units (recommendation 20) to element 355.
_UNITS: dict[str, str] = {meaning: code for code, meaning in UNITS.codes.items()}
Row = tuple[str, ...]


class Party(Struct, frozen=True):
    """A company as it stands in ``N1``; ``qualifier`` is of element 66, such as ``1`` (DUNS) or ``UL`` (GLN)."""

    name: str = ""
    qualifier: str = ""
    identifier: str = ""


#: A party that the envelope already names.
NOBODY = Party()


def write_850(order: PurchaseOrder, envelope: Envelope, buyer: Party = NOBODY, seller: Party = NOBODY) -> Written:
    """Order something. Without ``seller`` the partner of the interchange is the supplier. Of the categories of lines
    only UNSPSC has a place in X12; others are for ourselves and left out."""
    parties = (("BY", buyer), ("SE", seller))
    problems = [*envelope_problems(envelope), *_party_problems(parties), *_order_problems(order)]
    return interchange("PO", [("850", _order(order, parties))], envelope, problems)


def write_820(settled: RemittanceAdvice | PaymentRun, envelope: Envelope) -> Written:
    """Say which documents a payment settles, or each payment of a run that settles any."""
    if isinstance(settled, RemittanceAdvice):
        advices = [settled]
    else:
        payer, paid_on = settled.debtor.holder or settled.entity, settled.execute_on
        advices = [advice_of(payment, payer, paid_on) for payment in settled.payments if payment.invoices]
    problems = [*envelope_problems(envelope)]
    if not advices:
        detail = "no payment of the run says what it settles"
        problems.append(Problem(Code.MISSING_FIELD, "payments", expected="invoices", detail=detail))
    for advice in advices:
        problems += _advice_problems(advice)
    return interchange("RA", [("820", _advice(advice)) for advice in advices], envelope, problems)


# ── the interchange ────────────────────────────────────────────────────────────────────────────────────────────────


def interchange(
    group: str,
    sets: Sequence[tuple[str, Iterable[Row]]],
    envelope: Envelope,
    problems: Iterable[Problem] = (),
    *,
    version: str = VERSION_4010,
    release: str = "004010",
    service: Sequence[Row] = (),
) -> Written:
    """The envelope around the bodies of transaction sets of one group. ``service``: segments before the group."""
    found = list(problems)
    if found:
        return Written(problems=tuple(found))
    bodies = [(kind, list(body)) for kind, body in sets]
    rows = [row for _, body in bodies for row in body] + list(service)
    signs = _signs(rows)
    if signs is None:
        detail = "the data has all signs that could divide it, or letters beyond Latin-1"
        return Written(problems=(Problem(Code.BAD_VALUE, "separators", detail=detail),))
    written = [*service]
    if bodies:
        written += _group(group, bodies, envelope, release)
    written.append(("IEA", "1" if bodies else "0", _control(envelope)))
    element, component, terminator, repetition = signs
    isa = _isa(envelope, version, repetition if version >= VERSION_5010 else "U", component)
    lines = [element.join(isa), *(element.join(_short(row)) for row in written)]
    return Written("".join(f"{line}{terminator}\n" for line in lines).encode(_ENCODING))


def _group(group: str, bodies: Sequence[tuple[str, list[Row]]], envelope: Envelope, release: str) -> Iterator[Row]:
    """``GS`` to ``GE``; the sets are numbered from 1."""
    made, control = envelope.prepared_at, envelope.control.lstrip("0")
    yield ("GS", group, envelope.sender, envelope.receiver, f"{made:%Y%m%d}", f"{made:%H%M}", control, "X", release)
    for number, (kind, body) in enumerate(bodies, start=1):
        yield ("ST", kind, f"{number:04}")
        yield from body
        yield ("SE", str(len(body) + 2), f"{number:04}")
    yield ("GE", str(len(bodies)), control)


def _isa(envelope: Envelope, version: str, repetition: str, component: str) -> Row:
    """``ISA``, with its fixed lengths."""
    made = envelope.prepared_at
    return (
        *("ISA", "00", " " * 10, "00", " " * 10),
        *(envelope.sender_qualifier or AS_AGREED, envelope.sender.ljust(15), envelope.receiver_qualifier or AS_AGREED),
        *(envelope.receiver.ljust(15), f"{made:%y%m%d}", f"{made:%H%M}", repetition, version, _control(envelope)),
        *("0", "T" if envelope.test else "P", component),
    )


def _control(envelope: Envelope) -> str:
    return envelope.control.zfill(_CONTROL_MAX)


def _short(row: Row) -> Row:
    """Without empty elements at the end."""
    end = len(row)
    while not row[end - 1]:
        end -= 1
    return row[:end]


def _signs(rows: Iterable[Row]) -> tuple[str, ...] | None:
    """Separators that the data does not have."""
    used = {sign for row in rows for text in row for sign in text}
    if any(ord(sign) > 0xFF or not sign.isprintable() for sign in used):
        return None
    chosen = tuple(next((sign for sign in choice if sign not in used), "") for choice in _SIGNS)
    return chosen if all(chosen) else None


def envelope_problems(envelope: Envelope) -> Iterator[Problem]:
    """Ids and control numbers that fit into ``ISA``."""
    for where, text in (("sender", envelope.sender), ("receiver", envelope.receiver)):
        yield from _text_problems(where, text, _ID_MAX)
        if text and (not text.isascii() or any(sign in text for choice in _SIGNS for sign in choice)):
            yield Problem(Code.BAD_VALUE, where, "letters and digits", text)
    for where, text in (
        ("qualifier", envelope.sender_qualifier or AS_AGREED),
        ("qualifier", envelope.receiver_qualifier or AS_AGREED),
    ):
        if len(text) != 2 or not (text.isascii() and text.isalnum()):
            yield Problem(Code.BAD_VALUE, where, "two letters or digits", text)
    control = envelope.control
    if not (control.isascii() and control.isdigit() and control.strip("0") and len(control) <= _CONTROL_MAX):
        yield Problem(Code.BAD_VALUE, "control", "a number of at most nine digits", control)


def _text_problems(where: str, text: str, length_max: int) -> Iterator[Problem]:
    """A text that has to come back to us unchanged."""
    if not text or text != one_line(text):
        yield Problem(Code.BAD_VALUE, where, "a text on one line", text)
    elif len(text) > length_max:
        yield Problem(Code.TOO_LARGE, where, actual=text, limit=f"{length_max} characters")


def _party_problems(parties: Iterable[tuple[str, Party]]) -> Iterator[Problem]:
    for code, party in parties:
        if party.name:
            yield from _text_problems(f"N1*{code} name", party.name, _NAME_MAX)
        if party.identifier or party.qualifier:
            yield from _text_problems(f"N1*{code} identifier", party.identifier, _TEXT_MAX)
            yield from _text_problems(f"N1*{code} qualifier", party.qualifier, 2)


# ── orders ─────────────────────────────────────────────────────────────────────────────────────────────────────────


#: Price basis codes (element 639) of prices for several units.
_BASES = {Decimal(1): "", Decimal(10): "PN", Decimal(100): "HP", Decimal(1000): "TP"}


def _order_problems(order: PurchaseOrder) -> Iterator[Problem]:
    yield from _text_problems("order_id", order.order_id, _ORDER_MAX)
    if not order.lines:
        yield Problem(Code.MISSING_FIELD, "lines", expected="an order line")
    if order.conversion_rate is not None:
        yield from _rate_problems(order, order.conversion_rate)
    if len({line.line_id for line in order.lines}) < len(order.lines):
        yield Problem(Code.BAD_VALUE, "lines", detail="line number used twice")
    for line in order.lines:
        where = f"line {line.line_id}"
        yield from _text_problems(f"{where}: line_id", line.line_id, _LINE_MAX)
        yield from _text_problems(f"{where}: item", line.item, _PRODUCT_MAX)
        for name, number in (
            ("quantity", line.quantity),
            ("unit_price", for_units(line.unit_price, line.price_per)[0]),
        ):
            if len(str(plain(number)).lstrip("-").replace(".", "")) > _NUMBER_MAX:
                yield Problem(Code.TOO_LARGE, f"{where}: {name}", actual=str(number), limit=f"{_NUMBER_MAX} digits")
        if for_units(line.unit_price, line.price_per)[1] not in _BASES:
            expected = "a price with an end, or for 1, 10, 100 or 1000 units"
            yield Problem(Code.BAD_VALUE, f"{where}: price_per", expected, str(line.price_per))
        if len(_unit(line.unit)) > 2:
            yield Problem(Code.UNKNOWN_CODE, f"{where}: unit", "a unit with an X12 code", line.unit)
        if line.category.startswith("UNSPSC:") and len(line.category) > len("UNSPSC:") + _CODE_MAX:
            yield Problem(Code.TOO_LARGE, f"{where}: category", actual=line.category, limit=f"{_CODE_MAX} characters")
        if line.description != one_line(line.description):
            yield Problem(Code.BAD_VALUE, f"{where}: description", "a text on one line", line.description)
        if any(len(part) > _TEXT_MAX for part in _parts(line.description)):
            yield Problem(Code.TOO_LARGE, f"{where}: description", limit=f"{_TEXT_MAX} characters without a blank")


def _rate_problems(order: PurchaseOrder, rate: Decimal) -> Iterator[Problem]:
    """``CUR03`` multiplies one unit of the order's currency, and has at most ten digits (element 280)."""
    if rate <= 0 or order.conversion_per != 1:
        expected = f"a rate above zero, for one {order.currency}"
        yield Problem(Code.BAD_VALUE, "conversion_rate", expected, f"{rate} for {order.conversion_per}")
    elif len(_number(rate).replace(".", "")) > _RATE_MAX:
        yield Problem(Code.TOO_LARGE, "conversion_rate", actual=str(rate), limit=f"{_RATE_MAX} digits")
    if not order.converted_to:
        yield Problem(Code.MISSING_FIELD, "converted_to", "the currency that the rate leads to")


def _rate(rate: Decimal) -> str:
    """``CUR03``, with four digits at least."""
    whole, _, decimals = _number(rate).partition(".")
    decimals = decimals.ljust(_RATE_MIN - len(whole), "0")
    return f"{whole}.{decimals}" if decimals else whole


def _order(order: PurchaseOrder, parties: Iterable[tuple[str, Party]]) -> Iterator[Row]:
    yield ("BEG", "00", "SA", order.order_id, "", f"{order.ordered_on:%Y%m%d}")
    rate = (_rate(order.conversion_rate), "BY", order.converted_to) if order.conversion_rate is not None else ()
    yield ("CUR", "BY", order.currency, *rate)
    yield from _names(parties)
    for line in order.lines:
        yield from _order_line(line)
    hashed = _number(reduce(EXACT.add, (line.quantity for line in order.lines)))
    yield ("CTT", str(len(order.lines)), hashed if len(hashed) <= _HASH_MAX else "")


def _names(parties: Iterable[tuple[str, Party]]) -> Iterator[Row]:
    for code, party in parties:
        if party != NOBODY:
            yield ("N1", code, party.name, party.qualifier, party.identifier)


def _order_line(line: OrderLine) -> Iterator[Row]:
    price, units = for_units(line.unit_price, line.price_per)
    row = (line.line_id, _number(line.quantity), _unit(line.unit), _number(price), _BASES[units], "BP", line.item)
    yield ("PO1", *row)
    for part in _parts(line.description):
        yield ("PID", "F", "", "", "", part)
    scheme, _, code = line.category.partition(":")
    if scheme == "UNSPSC":
        yield ("PID", "S", *UNSPSC, code, "", "", "SPSC")
    if line.tax_rate:
        yield ("TXI", "TX", "", _number(line.tax_rate))


def _number(value: Decimal) -> str:
    """Type R: no exponent, no zeros that say nothing."""
    return str(plain(value))


def _unit(unit: str) -> str:
    """Our unit by its X12 code; one that has none goes as it is, if it fits."""
    return _UNITS.get(unit, unit)


def _parts(text: str) -> list[str]:
    """A long text in pieces, divided at blanks."""
    parts: list[str] = []
    for word in text.split():
        if parts and len(parts[-1]) + 1 + len(word) <= _TEXT_MAX:
            parts[-1] += f" {word}"
        else:
            parts.append(word)
    return parts


# ── remittance advices ─────────────────────────────────────────────────────────────────────────────────────────────


def _advice_problems(advice: RemittanceAdvice) -> Iterator[Problem]:
    """It names the documents, and they sum to the payment."""
    where = f"advice {advice.advice_id}"
    for name, text, length in (
        ("advice_id", advice.advice_id, _REFERENCE_MAX),
        ("reference", advice.reference or advice.advice_id, _REFERENCE_MAX),
        ("payer", advice.payer, _NAME_MAX),
        ("payee", advice.payee, _NAME_MAX),
    ):
        yield from _text_problems(f"{where}: {name}", text, length)
    currency = advice.amount.currency
    amounts = [money for line in advice.lines for money in (line.paid, line.gross, line.deducted) if money is not None]
    if any(money.currency != currency for money in amounts):
        yield Problem(Code.CURRENCY_MISMATCH, where, expected=f"all amounts in {currency}")
        return
    summed = total((line.paid for line in advice.lines), currency)
    if not advice.lines:
        yield Problem(Code.MISSING_FIELD, where, expected="documents that are settled")
    elif summed != advice.amount or summed.minor < 0:
        yield Problem(Code.TOTALS_DISAGREE, where, str(summed), str(advice.amount), detail="what is settled")
    for line in advice.lines:
        yield from _text_problems(f"{where}: number", line.number, _REFERENCE_MAX)
        if line.gross is not None and line.gross - line.paid != (line.deducted or Money.zero(currency)):
            detail = "what is paid and deducted is not the whole"
            yield Problem(Code.TOTALS_DISAGREE, f"{where}: {line.number}", str(line.gross), detail=detail)


def _advice(advice: RemittanceAdvice) -> Iterator[Row]:
    paid_on = f"{advice.paid_on:%Y%m%d}" if advice.paid_on else ""
    reference = advice.reference or advice.advice_id
    yield ("BPR", "I", str(advice.amount.amount), "C", "NON", *[""] * 11, paid_on)
    yield ("TRN", "1", reference)
    yield ("CUR", "PR", advice.amount.currency)
    if advice.advice_id != reference:
        yield ("REF", "RA", advice.advice_id)
    yield ("N1", "PR", advice.payer)
    yield ("N1", "PE", advice.payee)
    yield ("ENT", "1")
    for line in advice.lines:
        yield from _settled(line)


def _settled(line: RemittanceLine) -> Iterator[Row]:
    qualifier = "CM" if line.paid.minor < 0 else "IV"
    gross, deducted = (str(money.amount) if money is not None else "" for money in (line.gross, line.deducted))
    yield ("RMR", qualifier, line.number, "", str(line.paid.amount), gross, deducted)
    if line.issued_on:
        yield ("DTM", "003", f"{line.issued_on:%Y%m%d}")
