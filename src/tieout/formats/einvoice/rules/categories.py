"""The rules that EN 16931 repeats for each VAT category (BR-S-01 to BR-AG-10), as one table and a few checks.

A category asks four things: that the breakdown has it (01), that the parties are registered for it (02 to 04, for
lines, allowances and charges), which rates it allows (05 to 07, likewise), that its base is the sum of what it taxes
(08) and its VAT follows (09), and that an exemption is explained or absent (10).
"""

from collections.abc import Callable, Iterable, Iterator
from decimal import Decimal

from msgspec import Struct

from tieout.formats.einvoice.rules.rule import ONE, ZERO, Check, Rule, Verdict, Weight, add, negated, shown
from tieout.formats.einvoice.rules.sums import tax_at
from tieout.formats.einvoice.semantic import Party, SemanticInvoice, Tax
from tieout.kernel.money import EXACT

#: What a category asks of the registrations of seller and buyer.
Registered = Callable[[SemanticInvoice], bool]


class Category(Struct, frozen=True):
    """One VAT category: its code (UNTDID 5305), how its rules are named, and what it asks."""

    code: str
    prefix: str
    name: str
    registered: Registered
    is_taxed: bool = False
    "VAT is charged, at one or several rates"
    may_be_zero: bool = False
    "a taxed category whose rate may be zero (Canary Islands, Ceuta and Melilla)"
    explains: bool = False
    "the breakdown says why no VAT is charged"


def _seller_is_registered(invoice: SemanticInvoice) -> bool:
    """A VAT number or another tax registration (BT-31, BT-32), or a representative's (BT-63)."""
    return bool(invoice.seller.vat_id or invoice.seller.tax_id or _represented(invoice))


def _seller_has_vat_id(invoice: SemanticInvoice) -> bool:
    return bool(invoice.seller.vat_id or _represented(invoice))


def _represented(invoice: SemanticInvoice) -> str:
    representative: Party | None = invoice.tax_representative
    return representative.vat_id if representative else ""


def _buyer_is_known(invoice: SemanticInvoice) -> bool:
    """Reverse charge: the buyer owes the VAT, so it must be named (BT-48 or BT-47)."""
    legal = invoice.buyer.legal_id
    return _seller_is_registered(invoice) and bool(invoice.buyer.vat_id or (legal and legal.value))


def _both_have_vat_ids(invoice: SemanticInvoice) -> bool:
    return _seller_has_vat_id(invoice) and bool(invoice.buyer.vat_id)


def _nobody_has_vat_id(invoice: SemanticInvoice) -> bool:
    return not (_seller_has_vat_id(invoice) or invoice.buyer.vat_id)


CATEGORIES = (
    Category("S", "BR-S", "standard rated", _seller_is_registered, is_taxed=True),
    Category("Z", "BR-Z", "zero rated", _seller_is_registered),
    Category("E", "BR-E", "exempt from VAT", _seller_is_registered, explains=True),
    Category("AE", "BR-AE", "reverse charge", _buyer_is_known, explains=True),
    Category("K", "BR-IC", "intra-community supply", _both_have_vat_ids, explains=True),
    Category("G", "BR-G", "export outside the EU", _seller_has_vat_id, explains=True),
    Category("O", "BR-O", "not subject to VAT", _nobody_has_vat_id, explains=True),
    Category("L", "BR-AF", "IGIC (Canary Islands)", _seller_is_registered, is_taxed=True, may_be_zero=True),
    Category("M", "BR-AG", "IPSI (Ceuta, Melilla)", _seller_is_registered, is_taxed=True, may_be_zero=True),
)


# ── what is taxed ──────────────────────────────────────────────────────────────────────────────────────────────────

Taxed = Callable[[SemanticInvoice], Iterable[tuple[str, Tax | None]]]


def _lines(invoice: SemanticInvoice) -> Iterable[tuple[str, Tax | None]]:
    return ((line.where, line.tax) for line in invoice.lines)


def _allowances(invoice: SemanticInvoice) -> Iterable[tuple[str, Tax | None]]:
    return ((part.where, part.tax) for part in invoice.allowances_charges if not part.is_charge)


def _charges(invoice: SemanticInvoice) -> Iterable[tuple[str, Tax | None]]:
    return ((part.where, part.tax) for part in invoice.allowances_charges if part.is_charge)


#: The number of a rule of its kind stands for what it looks at: 02 lines, 03 allowances, 04 charges; 05 to 07 likewise.
_LOOKS_AT: tuple[tuple[str, Taxed], ...] = (("lines", _lines), ("allowances", _allowances), ("charges", _charges))


def categories_of(invoice: SemanticInvoice) -> set[str]:
    """The VAT categories that occur anywhere in the invoice."""
    found = {line.tax.category for line in invoice.lines if line.tax}
    found.update(part.tax.category for part in invoice.allowances_charges if part.tax)
    found.update(part.tax.category for part in invoice.taxes)
    return found


class Base(Struct):
    """What a VAT category taxes: the sum of lines, what charges less allowances of the document add, how many parts."""

    lines: Decimal = ZERO
    extras: Decimal = ZERO
    count: int = 0


#: A category, and for a taxed one its rate.
Key = tuple[str, Decimal | None]
_BY_RATE = {category.code for category in CATEGORIES if category.is_taxed}


def key_of(tax: Tax | None) -> Key:
    """What is added up together: a taxed category by its rate, any other as a whole."""
    if tax is None:
        return "", None
    return tax.category, tax.rate if tax.category in _BY_RATE else None


def bases_of(invoice: SemanticInvoice) -> dict[Key, Base]:
    """What the lines and the document's own charges and allowances sum to."""
    bases: dict[Key, Base] = {}
    for line in invoice.lines:
        base = bases.setdefault(key_of(line.tax), Base())
        base.lines, base.count = add((base.lines, line.net)), base.count + 1
    for part in invoice.allowances_charges:
        base = bases.setdefault(key_of(part.tax), Base())
        amount = part.amount if part.is_charge else negated(part.amount)
        base.extras, base.count = add((base.extras, amount)), base.count + 1
    return bases


# ── the checks ─────────────────────────────────────────────────────────────────────────────────────────────────────


def _is_in_breakdown(category: Category) -> Check:
    """01: what is taxed in a category stands in the breakdown, once if there is one rate; and nothing else does."""

    def check(invoice: SemanticInvoice) -> Iterator[Verdict]:
        parts = sum(1 for part in invoice.taxes if part.tax.category == category.code)
        is_used = any(
            tax and tax.category == category.code for _, taxed in _LOOKS_AT for _, tax in taxed(invoice)
        ) or bool(parts and not category.is_taxed)
        right = parts > 0 if category.is_taxed else parts == 1
        expected = "one part of the breakdown" if is_used else "none"
        yield Verdict(invoice.where, right if is_used else parts == 0, f"{parts} of {category.code}", expected)

    return check


def _is_registered(category: Category, taxed: Taxed) -> Check:
    """02 to 04: the registrations that the category asks for."""

    def check(invoice: SemanticInvoice) -> Iterator[Verdict]:
        where = next((where for where, tax in taxed(invoice) if tax and tax.category == category.code), None)
        if where is not None:
            yield Verdict(where, category.registered(invoice))

    return check


def _has_right_rate(category: Category, taxed: Taxed) -> Check:
    """05 to 07: above zero, zero, or none at all."""

    def is_right(rate: Decimal | None) -> bool:
        if category.code == "O":
            return rate is None
        if category.is_taxed:
            return rate is not None and (rate >= 0 if category.may_be_zero else rate > 0)
        return rate == 0

    def check(invoice: SemanticInvoice) -> Iterator[Verdict]:
        for where, tax in taxed(invoice):
            if tax and tax.category == category.code:
                yield Verdict(where, is_right(tax.rate), shown(tax.rate))

    return check


def _base_is_sum(category: Category) -> Check:
    """08: the base is the sum of what it taxes. A taxed category may be off by less than one unit, as in the official
    rule; any other is exact."""

    def check(invoice: SemanticInvoice) -> Iterator[Verdict]:
        bases = bases_of(invoice)
        for part in invoice.taxes:
            tax = part.tax
            if tax.category != category.code or (category.is_taxed and tax.rate is None):
                continue
            base = bases.get(key_of(tax), Base())
            computed = EXACT.add(base.lines, base.extras)
            difference = EXACT.subtract(part.taxable or ZERO, computed).copy_abs()
            right = part.taxable is not None and (difference < ONE if category.is_taxed else difference == 0)
            right = right and bool(invoice.lines) and (category.code != "S" or base.count > 0)
            declared = shown(part.taxable, invoice.currency)
            yield Verdict(part.where, right, declared, shown(computed, invoice.currency))

    return check


def _tax_follows(category: Category) -> Check:
    """09: VAT is base by rate, or nothing."""

    def check(invoice: SemanticInvoice) -> Iterator[Verdict]:
        for part in invoice.taxes:
            if part.tax.category != category.code:
                continue
            computed = ZERO
            if category.is_taxed:
                computed = tax_at(part.taxable or ZERO, part.tax.rate or ZERO, invoice.currency)
            right = part.amount is not None and (
                EXACT.subtract(part.amount, computed).copy_abs() < ONE if category.is_taxed else part.amount == 0
            )
            declared = shown(part.amount, invoice.currency)
            yield Verdict(part.where, right, declared, shown(computed, invoice.currency))

    return check


def _exemption_is_told(category: Category) -> Check:
    """10: why no VAT is charged (BT-120, BT-121), where the category says so by itself not at all."""

    def check(invoice: SemanticInvoice) -> Iterator[Verdict]:
        for part in invoice.taxes:
            if part.tax.category == category.code:
                told = bool(part.tax.exemption or part.tax.exemption_code)
                yield Verdict(part.where, told is category.explains, part.tax.exemption or part.tax.exemption_code)

    return check


def _rules_of(category: Category) -> Iterator[Rule]:
    code, prefix, name = category.code, category.prefix, category.name
    yield Rule(f"{prefix}-01", f"{name} VAT stands in the breakdown", _is_in_breakdown(category), category=code)
    for number, (what, taxed) in enumerate(_LOOKS_AT, 2):
        says = f"registrations that {name} {what} ask for (BT-31, BT-32, BT-48, BT-63)"
        yield Rule(f"{prefix}-{number:02}", says, _is_registered(category, taxed), category=code)
    for number, (what, taxed) in enumerate(_LOOKS_AT, 5):
        says = f"a rate that {name} {what} may have"
        yield Rule(f"{prefix}-{number:02}", says, _has_right_rate(category, taxed), category=code)
    says = f"base of the VAT that is {name} (BT-116)"
    yield Rule(f"{prefix}-08", says, _base_is_sum(category), Weight.SUM, category=code)
    says = f"VAT that is {name} (BT-117)"
    weight = Weight.REPEAT if category.is_taxed else Weight.SUM
    yield Rule(f"{prefix}-09", says, _tax_follows(category), weight, category=code)
    says = f"{name} VAT {'says why none is charged' if category.explains else 'has no reason for exemption'}"
    yield Rule(f"{prefix}-10", says, _exemption_is_told(category), category=code)


# ── what single categories ask beyond that ─────────────────────────────────────────────────────────────────────────


def delivery_of_supply(invoice: SemanticInvoice) -> Iterator[Verdict]:
    """BR-IC-11: when goods cross a border within the EU, the day or the period (BT-72, BG-14)."""
    if any(part.tax.category == "K" for part in invoice.taxes):
        delivered = invoice.delivery is not None and invoice.delivery.delivered_on is not None
        yield Verdict(invoice.where, delivered or _has_period(invoice))


def _has_period(invoice: SemanticInvoice) -> bool:
    period = invoice.period
    return bool(period and (period.start or period.end)) or bool(invoice.tax_point_code)


def country_of_supply(invoice: SemanticInvoice) -> Iterator[Verdict]:
    """BR-IC-12: and the country they go to (BT-80)."""
    if any(part.tax.category == "K" for part in invoice.taxes):
        address = invoice.delivery.address if invoice.delivery else None
        yield Verdict(invoice.where, bool(address and address.country))


def _stands_alone(taxed: Taxed) -> Check:
    """BR-O-11 to 14: where something is not subject to VAT, nothing is."""

    def check(invoice: SemanticInvoice) -> Iterator[Verdict]:
        if any(part.tax.category == "O" for part in invoice.taxes):
            for where, tax in taxed(invoice):
                yield Verdict(where, tax is None or tax.category in ("", "O"), tax.category if tax else "", "O")

    return check


def _breakdown(invoice: SemanticInvoice) -> Iterable[tuple[str, Tax | None]]:
    return ((part.where, part.tax) for part in invoice.taxes)


_ALONE = (("breakdown", _breakdown), *_LOOKS_AT)
RULES = (
    *(rule for category in CATEGORIES for rule in _rules_of(category)),
    Rule("BR-IC-11", "day or period of an intra-community supply (BT-72, BG-14)", delivery_of_supply, category="K"),
    Rule("BR-IC-12", "country an intra-community supply goes to (BT-80)", country_of_supply, category="K"),
    *(
        Rule(f"BR-O-{number}", f"{what} without any other VAT category", _stands_alone(taxed), category="O")
        for number, (what, taxed) in enumerate(_ALONE, 11)
    ),
)
