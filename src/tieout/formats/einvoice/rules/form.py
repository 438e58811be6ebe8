"""Rules on what must be there and how it is written. What breaks them is for the sender to mend; the amounts stand."""

from collections.abc import Callable, Iterable, Iterator
from decimal import Decimal

from tieout.formats.einvoice.rules.rule import ZERO, Check, Rule, Verdict, shown
from tieout.formats.einvoice.semantic import AllowanceCharge, Line, Period, SemanticInvoice, TaxPart
from tieout.kernel.problem import Code

#: Countries whose codes may begin a VAT number (ISO 3166-1, by the first letter), with Kosovo (``1A``, ``XK``),
#: Northern Ireland (``XI``) and Greece's own ``EL``.
_SECOND_LETTERS = {
    "1": "A",
    "A": "DEFGILMNOQRSTUWXZ",
    "B": "ABDEFGHIJLMNOQRSTVWYZ",
    "C": "ACDFGHIKLMNORUVWXYZ",
    "D": "EJKMOZ",
    "E": "CEGHLRST",
    "F": "IJKMOR",
    "G": "ABDEFGHILMNPQRSTUWY",
    "H": "KMNRTU",
    "I": "DELMNOQRST",
    "J": "EMOP",
    "K": "EGHIMNPRWYZ",
    "L": "ABCIKRSTUVY",
    "M": "ACDEFGHKLMNOPQRSTUVWXYZ",
    "N": "ACEFGILOPRUZ",
    "O": "M",
    "P": "AEFGHKLMNRSTWY",
    "Q": "A",
    "R": "EOSUW",
    "S": "ABCDEGHIJKLMNORSTVXYZ",
    "T": "CDFGHJKLMNORTVWZ",
    "U": "AGMSYZ",
    "V": "ACEGINU",
    "W": "FS",
    "X": "IK",
    "Y": "ET",
    "Z": "AMW",
}
COUNTRIES = frozenset(first + second for first, seconds in _SECOND_LETTERS.items() for second in seconds)
#: Means of payment that are transfers to an account (BR-61): credit transfer and SEPA credit transfer.
_TRANSFERS = {"30", "58"}


def tax_point_once(invoice: SemanticInvoice) -> Iterator[Verdict]:
    """BR-CO-03: the VAT point is a day or a code, not both."""
    both = invoice.tax_point is not None and bool(invoice.tax_point_code)
    yield Verdict(invoice.where, not both, invoice.tax_point_code)


def lines_have_category(invoice: SemanticInvoice) -> Iterator[Verdict]:
    """BR-CO-04."""
    for line in invoice.lines:
        yield Verdict(line.where, bool(line.tax and line.tax.category))


def vat_numbers_name_country(invoice: SemanticInvoice) -> Iterator[Verdict]:
    """BR-CO-09."""
    for party in (invoice.seller, invoice.buyer, invoice.tax_representative, invoice.payee):
        if party is not None and party.vat_id:
            yield Verdict(party.where, party.vat_id[:2] in COUNTRIES, party.vat_id, "a country code at the beginning")


def has_breakdown(invoice: SemanticInvoice) -> Iterator[Verdict]:
    """BR-CO-18."""
    yield Verdict(invoice.where, bool(invoice.taxes))


def period_says_something(invoice: SemanticInvoice) -> Iterator[Verdict]:
    """BR-CO-19. In UBL the code of the VAT point (BT-8) stands in the period, too."""
    if invoice.period is not None:
        told = bool(invoice.period.start or invoice.period.end or invoice.tax_point_code)
        yield Verdict(invoice.period.where, told)


def line_periods_say_something(invoice: SemanticInvoice) -> Iterator[Verdict]:
    """BR-CO-20."""
    for line in invoice.lines:
        if line.period is not None:
            yield Verdict(line.period.where, bool(line.period.start or line.period.end))


def when_to_pay(invoice: SemanticInvoice) -> Iterator[Verdict]:
    """BR-CO-25: what is to be paid has a due day or terms (BT-9, BT-20)."""
    if (invoice.totals.payable or ZERO) > 0:
        yield Verdict(invoice.where, invoice.due_on is not None or bool(invoice.payment_terms))


def seller_can_be_identified(invoice: SemanticInvoice) -> Iterator[Verdict]:
    """BR-CO-26."""
    seller = invoice.seller
    named = any(each.scheme != "SEPA" for each in seller.identifiers)
    yield Verdict(seller.where or invoice.where, bool(named or seller.vat_id or seller.legal_id))


def has_lines(invoice: SemanticInvoice) -> Iterator[Verdict]:
    """BR-16."""
    yield Verdict(invoice.where, bool(invoice.lines))


def prices_not_negative(invoice: SemanticInvoice) -> Iterator[Verdict]:
    """BR-27."""
    for line in invoice.lines:
        if line.price is not None:
            yield Verdict(line.where, line.price >= 0, shown(line.price), "zero or more")


def gross_prices_not_negative(invoice: SemanticInvoice) -> Iterator[Verdict]:
    """BR-28."""
    for line in invoice.lines:
        if line.price_gross is not None:
            yield Verdict(line.where, line.price_gross >= 0, shown(line.price_gross), "zero or more")


def period_in_order(invoice: SemanticInvoice) -> Iterator[Verdict]:
    """BR-29."""
    yield from _in_order([invoice.period])


def line_periods_in_order(invoice: SemanticInvoice) -> Iterator[Verdict]:
    """BR-30."""
    yield from _in_order(line.period for line in invoice.lines)


def _in_order(periods: Iterable[Period | None]) -> Iterator[Verdict]:
    for period in periods:
        if period and period.start and period.end:
            yield Verdict(period.where, period.start <= period.end, f"{period.end}", f"{period.start} or later")


def breakdown_has_rates(invoice: SemanticInvoice) -> Iterator[Verdict]:
    """BR-48."""
    for part in invoice.taxes:
        yield Verdict(part.where, part.tax.rate is not None or part.tax.category == "O")


def attachments_are_named(invoice: SemanticInvoice) -> Iterator[Verdict]:
    """BR-52."""
    for attachment in invoice.attachments:
        yield Verdict(attachment.where, bool(attachment.number))


def tax_in_accounting_currency(invoice: SemanticInvoice) -> Iterator[Verdict]:
    """BR-53."""
    if invoice.tax_currency:
        told = invoice.totals.tax_other is not None or invoice.tax_currency == invoice.currency
        yield Verdict(invoice.where, told, "", f"the VAT total in {invoice.tax_currency}")


def preceding_are_numbered(invoice: SemanticInvoice) -> Iterator[Verdict]:
    """BR-55."""
    for reference in invoice.preceding:
        yield Verdict(reference.where, bool(reference.number))


def transfers_have_account(invoice: SemanticInvoice) -> Iterator[Verdict]:
    """BR-61."""
    for payment in invoice.payments:
        if payment.means_code in _TRANSFERS:
            yield Verdict(payment.where, any(transfer.account for transfer in payment.transfers))


# ── allowances and charges ─────────────────────────────────────────────────────────────────────────────────────────

Parts = Callable[[SemanticInvoice], Iterable[AllowanceCharge]]


def _of_document(*, is_charge: bool) -> Parts:
    return lambda invoice: (part for part in invoice.allowances_charges if part.is_charge is is_charge)


def _of_lines(*, is_charge: bool) -> Parts:
    return lambda invoice: (
        part for line in invoice.lines for part in line.allowances_charges if part.is_charge is is_charge
    )


def _has_category(parts: Parts) -> Check:
    def check(invoice: SemanticInvoice) -> Iterator[Verdict]:
        for part in parts(invoice):
            yield Verdict(part.where, bool(part.tax and part.tax.category))

    return check


def _has_reason(parts: Parts) -> Check:
    def check(invoice: SemanticInvoice) -> Iterator[Verdict]:
        for part in parts(invoice):
            yield Verdict(part.where, bool(part.reason or part.reason_code))

    return check


# ── decimals ───────────────────────────────────────────────────────────────────────────────────────────────────────

#: Where amounts stand and what they are: (place, amount) of each.
Amounts = Callable[[SemanticInvoice], Iterable[tuple[str, Decimal | None]]]


def _total(name: str) -> Amounts:
    return lambda invoice: [(invoice.totals.where, getattr(invoice.totals, name))]


def _part(parts: Parts, name: str) -> Amounts:
    return lambda invoice: ((part.where, getattr(part, name)) for part in parts(invoice))


def _tax(read: Callable[[TaxPart], Decimal | None]) -> Amounts:
    return lambda invoice: ((part.where, read(part)) for part in invoice.taxes)


def _line(read: Callable[[Line], Decimal | None]) -> Amounts:
    return lambda invoice: ((line.where, read(line)) for line in invoice.lines)


def two_decimals(amounts: Amounts) -> Check:
    """BR-DEC-nn, as the official rules count them: the digits that are written, zeros included."""

    def check(invoice: SemanticInvoice) -> Iterator[Verdict]:
        for where, amount in amounts(invoice):
            if amount is not None:
                exponent = amount.as_tuple().exponent
                assert isinstance(exponent, int)  # the strict parser lets in finite numbers only
                yield Verdict(where, exponent >= -2, shown(amount), "at most two decimals")

    return check


_DECIMALS: tuple[tuple[str, str, Amounts], ...] = (
    ("01", "BT-92", _part(_of_document(is_charge=False), "amount")),
    ("02", "BT-93", _part(_of_document(is_charge=False), "base")),
    ("05", "BT-99", _part(_of_document(is_charge=True), "amount")),
    ("06", "BT-100", _part(_of_document(is_charge=True), "base")),
    ("09", "BT-106", _total("lines")),
    ("10", "BT-107", _total("allowances")),
    ("11", "BT-108", _total("charges")),
    ("12", "BT-109", _total("net")),
    ("13", "BT-110", _total("tax")),
    ("14", "BT-112", _total("gross")),
    ("15", "BT-111", _total("tax_other")),
    ("16", "BT-113", _total("prepaid")),
    ("17", "BT-114", _total("rounding")),
    ("18", "BT-115", _total("payable")),
    ("19", "BT-116", _tax(lambda part: part.taxable)),
    ("20", "BT-117", _tax(lambda part: part.amount)),
    ("23", "BT-131", _line(lambda line: line.net)),
    ("24", "BT-136", _part(_of_lines(is_charge=False), "amount")),
    ("25", "BT-137", _part(_of_lines(is_charge=False), "base")),
    ("27", "BT-141", _part(_of_lines(is_charge=True), "amount")),
    ("28", "BT-142", _part(_of_lines(is_charge=True), "base")),
)

_GONE = Code.MISSING_FIELD
#: Which rules ask an allowance or a charge for its VAT category and its reason (BR-CO-21 to 24 say the latter again).
_PARTS: tuple[tuple[str, str, Check], ...] = (
    ("BR-32", "VAT category of an allowance (BT-95)", _has_category(_of_document(is_charge=False))),
    ("BR-33", "reason of an allowance (BT-97, BT-98)", _has_reason(_of_document(is_charge=False))),
    ("BR-37", "VAT category of a charge (BT-102)", _has_category(_of_document(is_charge=True))),
    ("BR-38", "reason of a charge (BT-104, BT-105)", _has_reason(_of_document(is_charge=True))),
    ("BR-42", "reason of a line's allowance (BT-139, BT-140)", _has_reason(_of_lines(is_charge=False))),
    ("BR-44", "reason of a line's charge (BT-144, BT-145)", _has_reason(_of_lines(is_charge=True))),
)
RULES = (
    Rule("BR-16", "at least one line (BG-25)", has_lines, code=_GONE),
    Rule("BR-27", "item net price (BT-146)", prices_not_negative),
    Rule("BR-28", "item gross price (BT-148)", gross_prices_not_negative),
    Rule("BR-29", "invoicing period (BG-14)", period_in_order),
    Rule("BR-30", "period of a line (BG-26)", line_periods_in_order),
    Rule("BR-48", "rate of a VAT category (BT-119)", breakdown_has_rates, code=_GONE),
    Rule("BR-52", "reference of a supporting document (BT-122)", attachments_are_named, code=_GONE),
    Rule("BR-53", "VAT total in the accounting currency (BT-111)", tax_in_accounting_currency, code=_GONE),
    Rule("BR-55", "number of a preceding invoice (BT-25)", preceding_are_numbered, code=_GONE),
    Rule("BR-61", "account of a credit transfer (BT-84)", transfers_have_account, code=_GONE),
    Rule("BR-CO-03", "VAT point as a day or a code, not both (BT-7, BT-8)", tax_point_once),
    Rule("BR-CO-04", "VAT category of a line (BT-151)", lines_have_category, code=_GONE),
    Rule("BR-CO-09", "VAT number (BT-31, BT-48, BT-63)", vat_numbers_name_country),
    Rule("BR-CO-18", "VAT breakdown (BG-23)", has_breakdown, code=_GONE),
    Rule("BR-CO-19", "day or code of the invoicing period (BG-14)", period_says_something, code=_GONE),
    Rule("BR-CO-20", "day of a line's period (BG-26)", line_periods_say_something, code=_GONE),
    Rule("BR-CO-25", "due day or terms of payment (BT-9, BT-20)", when_to_pay, code=_GONE),
    Rule("BR-CO-26", "identifier of the seller (BT-29, BT-30, BT-31)", seller_can_be_identified, code=_GONE),
    *(Rule(rule_id, says, check, code=_GONE) for rule_id, says, check in _PARTS),
    *(Rule(f"BR-DEC-{number}", f"decimals of {term}", two_decimals(amounts)) for number, term, amounts in _DECIMALS),
)
