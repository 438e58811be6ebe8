"""How much speaks for two invoices being one claim: points for each thing that agrees, with both values beside it.

The points are of 100. They are set so that three of number, supplier, date and total reach the usual threshold of 70
by themselves, that a near number needs the other three at least nearly, and that what is normal between two good
invoices (another order, the next number with other contents) takes it below again.
"""

from collections.abc import Iterator
from decimal import Decimal

from tieout.matching.duplicates.fingerprint import Fingerprint
from tieout.matching.duplicates.numbers import Likeness, likeness
from tieout.model.duplicates import Criterion, Layer
from tieout.policy.duplicates import DuplicateRules

NUMBER_POINTS = {
    Likeness.SAME: 40,
    Likeness.MISREAD: 32,
    Likeness.TRANSPOSED: 30,
    Likeness.EDITED: 30,
    Likeness.EXTENDED: 30,
    Likeness.MISSING: 15,
    Likeness.NEXT: 5,
    Likeness.FOLLOWING: 0,
    Likeness.OTHER: 0,
}
SAME_SUPPLIER, SAME_ACCOUNT, SAME_PARENT = 25, 20, 15
OTHER_ENTITY = -20
SAME_AMOUNT, USUAL_AMOUNT, NEAR_AMOUNT = 25, 10, 8
#: With numbers like these it says nothing that the lines are the same: so are those of every delivery on call.
_REPEATS = (Likeness.NEXT, Likeness.FOLLOWING)
#: Points by how many days the documents are apart at most.
DATE_POINTS = ((0, 20), (3, 14), (7, 10))
IN_WINDOW = 4
SAME_BASIS, OTHER_BASIS = 12, -25
SAME_CONTENT, OTHER_CONTENT = 8, -15
_NUMBER_WORDS = {
    Likeness.SAME: "the same number",
    Likeness.MISREAD: "numbers that are read for each other",
    Likeness.TRANSPOSED: "two characters of the number changed places",
    Likeness.EDITED: "nearly the same number",
    Likeness.EXTENDED: "the same number with something added",
    Likeness.MISSING: "a document without a number",
    Likeness.NEXT: "neighbouring numbers",
    Likeness.FOLLOWING: "numbers that follow with the date",
    Likeness.OTHER: "other numbers",
}


def days_between(one: Fingerprint, other: Fingerprint) -> int:
    """How many days the other document is dated after the one; less than 0 when before."""
    return (other.issued_on - one.issued_on).days


def is_near_amount(one: Fingerprint, other: Fingerprint, percent: Decimal) -> bool:
    """Whether the gross amounts are in one currency and no further apart than so many per cent of the larger."""
    if one.currency != other.currency:
        return False
    apart = abs(one.gross_minor - other.gross_minor)
    return 100 * apart <= percent * max(abs(one.gross_minor), abs(other.gross_minor))


def number_likeness(one: Fingerprint, other: Fingerprint, rules: DuplicateRules) -> Likeness:
    """How the numbers of two invoices relate."""
    return likeness(one.printed, other.printed, days_between(one, other), rules.edit_distance)


def layer_of(one: Fingerprint, other: Fingerprint, numbers: Likeness) -> Layer:
    """Which comparison finds this pair."""
    if one.supplier_id != other.supplier_id:
        return "cross_supplier"
    if one.entity != other.entity:
        return "cross_entity"
    if numbers is Likeness.SAME:
        return "exact"
    if numbers is Likeness.MISSING:
        return "number_less"
    same = one.issued_on == other.issued_on and one.gross_minor == other.gross_minor
    return "three_of_four" if same else "near"


def criteria(one: Fingerprint, other: Fingerprint, numbers: Likeness, *, usual: bool = False) -> tuple[Criterion, ...]:
    """Everything that speaks for or against the two being one claim. ``usual``: the supplier bills this amount often,
    so that it says little."""
    return (
        _said("number", _NUMBER_WORDS[numbers], NUMBER_POINTS[numbers], one.printed, other.printed),
        _payee(one, other),
        _amount(one, other, usual=usual),
        _date(one, other),
        *_circumstances(one, other, numbers, usual=usual),
    )


def score(found: tuple[Criterion, ...]) -> int:
    """The points together, from 0 to 100."""
    return max(0, min(100, sum(one.points for one in found)))


def _said(name: str, words: str, points: int, mine: str, other: str) -> Criterion:
    return Criterion(name=name, words=words, points=points, mine=mine, other=other)


def _payee(one: Fingerprint, other: Fingerprint) -> Criterion:
    if one.supplier_id == other.supplier_id:
        words, points = "the same supplier", SAME_SUPPLIER
    elif one.account and one.account == other.account:
        words, points = "suppliers that are paid to one account", SAME_ACCOUNT
    elif _is_one_group(one, other):
        words, points = "suppliers of one group", SAME_PARENT
    else:
        words, points = "other suppliers", 0
    return _said("supplier", words, points, one.supplier_id, other.supplier_id)


def is_one_payee(one: Fingerprint, other: Fingerprint) -> bool:
    """Whether the money of both goes to one hand: one supplier, one account, or one group."""
    return _payee(one, other).points > 0


def _is_one_group(one: Fingerprint, other: Fingerprint) -> bool:
    """Whether one supplier is the parent of the other, or both have the same."""
    left, right = {one.parent, one.supplier_id}, {other.parent, other.supplier_id}
    return bool((left & right) - {""})


def _amount(one: Fingerprint, other: Fingerprint, *, usual: bool) -> Criterion:
    if one.gross_minor != other.gross_minor:
        words, points = "nearly the same amount", NEAR_AMOUNT
    elif usual:
        words, points = "the same amount, as often from this supplier", USUAL_AMOUNT
    else:
        words, points = "the same amount", SAME_AMOUNT
    return _said("amount", words, points, str(one.gross), str(other.gross))


def _date(one: Fingerprint, other: Fingerprint) -> Criterion:
    days = abs(days_between(one, other))
    points = next((points for most, points in DATE_POINTS if days <= most), IN_WINDOW)
    words = "the same date" if not days else f"{days} day{'' if days == 1 else 's'} apart"
    return _said("date", words, points, one.issued_on.isoformat(), other.issued_on.isoformat())


def _circumstances(one: Fingerprint, other: Fingerprint, numbers: Likeness, *, usual: bool) -> Iterator[Criterion]:
    """What is only compared where both documents say it."""
    if one.entity != other.entity:
        yield _said("entity", "billed to another entity", OTHER_ENTITY, one.entity, other.entity)
    if one.basis and other.basis:
        if one.basis != other.basis:
            yield _said("order", "other order lines or receipts", OTHER_BASIS, "", "")
        elif numbers not in _REPEATS:
            yield _said("order", "the same order lines and receipts", SAME_BASIS, "", "")
    if one.content and other.content:
        if one.content == other.content and numbers not in (*_REPEATS, Likeness.OTHER) and not usual:
            yield _said("content", "lines that say the same", SAME_CONTENT, "", "")
        elif one.content != other.content and numbers is Likeness.NEXT:
            yield _said("content", "lines that say other things", OTHER_CONTENT, "", "")
    if one.channel != other.channel and one.channel and other.channel:
        yield _said("channel", "came by another channel", 0, one.channel, other.channel)
