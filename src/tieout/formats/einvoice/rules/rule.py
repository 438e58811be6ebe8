"""What a rule of EN 16931 is here, and the arithmetic that rules share."""

from collections.abc import Callable, Iterable, Iterator
from decimal import ROUND_FLOOR, Decimal
from enum import StrEnum

from msgspec import Struct

from tieout.formats.einvoice.semantic import SemanticInvoice
from tieout.kernel.money import EXACT, minor_digits
from tieout.kernel.problem import Code

ZERO, ONE, HALF = Decimal(0), Decimal(1), Decimal("0.5")


class Weight(StrEnum):
    """What it means when a rule does not hold."""

    SUM = "sum"
    "arithmetic: the document disagrees with itself, so its proof fails"
    FORM = "form"
    "form: the sender should mend it, and the amounts stand"
    REPEAT = "repeat"
    "the same arithmetic as another rule, which speaks for both"


class Verdict(Struct, frozen=True, gc=False):
    """One answer of a rule at one place of the document."""

    where: str
    holds: bool
    declared: str = ""
    computed: str = ""


Check = Callable[[SemanticInvoice], Iterator[Verdict]]


class Rule(Struct, frozen=True):
    """A rule by its id. ``category``: the VAT category without which there is nothing to check."""

    rule_id: str
    says: str
    check: Check
    weight: Weight = Weight.FORM
    code: Code = Code.BAD_VALUE
    category: str = ""


def holds(rule: Rule, invoice: SemanticInvoice) -> bool:
    """Whether the rule holds everywhere in the invoice."""
    return all(verdict.holds for verdict in rule.check(invoice))


def add(amounts: Iterable[Decimal | None]) -> Decimal:
    """The exact sum; what is missing counts for nothing."""
    total = ZERO
    for amount in amounts:
        if amount is not None:
            total = EXACT.add(total, amount)
    return total


def negated(amount: Decimal | None) -> Decimal | None:
    """The same amount the other way, exactly (a unary minus would round in Python's own context)."""
    return None if amount is None else amount.copy_negate()


def rounded(amount: Decimal, currency: str) -> Decimal:
    """Rounded half up to two decimals, as the rules say, or to what the currency has beyond that.

    XPath rounds a half towards plus infinity, also below zero.
    """
    places = max(2, minor_digits(currency))
    scaled = EXACT.add(EXACT.scaleb(amount, places), HALF).to_integral_value(ROUND_FLOOR)
    return EXACT.scaleb(scaled, -places)


def shown(amount: Decimal | None, currency: str = "") -> str:
    """An amount for people."""
    return "nothing" if amount is None else f"{amount:,f} {currency}".rstrip()


def compare(where: str, declared: Decimal | None, computed: Decimal | None, currency: str) -> Verdict:
    """Equal or not; nothing equals only nothing."""
    return Verdict(where, declared == computed, shown(declared, currency), shown(computed, currency))
