"""How much speaks for two invoices being one claim: points for each thing that agrees, with both values beside it.

The points are of 100. They are set so that three of number, supplier, date and total reach the usual threshold of 70
by themselves, that a near number needs the other three at least nearly, and that what is normal between two good
invoices (another order, another number of the series with other contents) takes it below again.
"""

from collections.abc import Iterable, Iterator
from datetime import date
from decimal import Decimal

from tieout.matching.duplicates.fingerprint import Fingerprint
from tieout.matching.duplicates.numbers import Likeness, likeness
from tieout.model.duplicates import Criterion, Layer
from tieout.policy.duplicates import DuplicateRules

NUMBER_POINTS = {
    Likeness.SAME: 40,
    Likeness.MISREAD: 32,
    Likeness.EXTENDED: 32,
    Likeness.TRANSPOSED: 30,
    Likeness.EDITED: 30,
    Likeness.MISSING: 15,
    Likeness.NEXT: 5,
    Likeness.FOLLOWING: 0,
    Likeness.APART: 0,
    Likeness.OTHER: 0,
}
#: Words and points for one thing that was compared, by its name.
Said = tuple[str, str, int]
SAME_SUPPLIER, SAME_ACCOUNT, SAME_PARENT = 25, 20, 15
OTHER_ENTITY = -20
SAME_AMOUNT, SAME_NET, USUAL_AMOUNT, NEAR_AMOUNT = 25, 15, 10, 8
#: With numbers like these it says nothing that the lines are the same: so are those of every delivery on call. Whether
#: the order line is already fully billed is what matching finds.
_REPEATS = (Likeness.NEXT, Likeness.FOLLOWING, Likeness.APART)
#: With numbers like these it says much that the lines are others: an instalment, a part of a delivery.
_PARTS = (Likeness.NEXT, Likeness.APART)
#: Points by how many days the documents are apart at most.
DATE_POINTS = ((0, 20), (3, 14), (7, 10))
IN_WINDOW = 4
#: 3 August for 8 March: the commonest slip where some write the day first and others the month.
SWAPPED_DATE = 14
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
    Likeness.APART: "two numbers of one series",
    Likeness.OTHER: "other numbers",
}


def days_between(one: Fingerprint, other: Fingerprint) -> int:
    """How many days the other document is dated after the one; less than 0 when before."""
    return (other.issued_on - one.issued_on).days


def is_swapped(one: Fingerprint, other: Fingerprint) -> bool:
    """Whether the amounts are the same, and the date of one is that of the other with day and month in each other's
    place."""
    same = (one.currency, one.gross_minor) == (other.currency, other.gross_minor)
    return same and one.issued_on != other.issued_on and swapped(one.issued_on) == other.issued_on


def swapped(day: date) -> date | None:
    """The date that is read when day and month are taken for each other; nothing after the twelfth."""
    return day.replace(month=day.day, day=day.month) if day.day <= 12 else None


def is_near_amount(one: Fingerprint, other: Fingerprint, percent: Decimal) -> bool:
    """Whether the gross amounts are in one currency and no further apart than so many per cent of the larger."""
    if one.currency != other.currency:
        return False
    apart = abs(one.gross_minor - other.gross_minor)
    return 100 * apart <= percent * max(abs(one.gross_minor), abs(other.gross_minor))


def is_net(one: Fingerprint, other: Fingerprint) -> bool:
    """Whether one of two documents of one supplier has a total without tax (left out, or the net total typed as the
    gross one) and that is what the other comes to before its tax. It says less than one total: a price list makes one
    net total many times."""
    if (one.supplier_id, one.currency) != (other.supplier_id, other.currency):
        return False
    if bool(one.net_minor) == bool(other.net_minor):
        return False
    return (one.net_minor or one.gross_minor) == (other.net_minor or other.gross_minor)


def is_like_amount(one: Fingerprint, other: Fingerprint, rules: DuplicateRules) -> bool:
    """Whether the amounts may be those of one claim: nearly the same, or one with tax and one without."""
    return is_near_amount(one, other, rules.amount_percent) or is_net(one, other)


def number_likeness(one: Fingerprint, other: Fingerprint, rules: DuplicateRules) -> Likeness:
    """How the numbers of two invoices relate."""
    if one.number == other.number:
        return Likeness.SAME if one.number else Likeness.MISSING
    days = 0 if is_swapped(one, other) else days_between(one, other)
    return likeness(one.printed, other.printed, days, rules.edit_distance)


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


def said(one: Fingerprint, other: Fingerprint, numbers: Likeness, *, usual: bool = False) -> tuple[Said, ...]:
    """Everything that speaks for or against the two being one claim, without the values: most pairs that are compared
    are not worth writing out. ``usual``: the supplier bills this amount often, so that it says little."""
    return (
        ("number", _NUMBER_WORDS[numbers], NUMBER_POINTS[numbers]),
        _payee(one, other),
        _amount(one, other, usual=usual),
        _date(one, other),
        *_circumstances(one, other, numbers, usual=usual),
    )


def score(found: Iterable[Said]) -> int:
    """The points together, from 0 to 100."""
    return max(0, min(100, sum(points for _, _, points in found)))


def with_values(one: Fingerprint, other: Fingerprint, found: Iterable[Said]) -> tuple[Criterion, ...]:
    """What was said, with what stands on either document beside it."""
    mine, its = _values(one), _values(other)
    return tuple(
        Criterion(name=name, words=words, points=points, mine=mine.get(name, ""), other=its.get(name, ""))
        for name, words, points in found
    )


def _values(one: Fingerprint) -> dict[str, str]:
    return {
        "number": one.printed,
        "supplier": one.supplier_id,
        "amount": str(one.gross),
        "date": one.issued_on.isoformat(),
        "entity": one.entity,
        "channel": one.channel,
    }


def _payee(one: Fingerprint, other: Fingerprint) -> Said:
    if one.supplier_id == other.supplier_id:
        return "supplier", "the same supplier", SAME_SUPPLIER
    if one.account and one.account == other.account:
        return "supplier", "suppliers that are paid to one account", SAME_ACCOUNT
    if _is_one_group(one, other):
        return "supplier", "suppliers of one group", SAME_PARENT
    return "supplier", "other suppliers", 0


def is_one_payee(one: Fingerprint, other: Fingerprint) -> bool:
    """Whether the money of both goes to one hand: one supplier, one account, or one group."""
    return _payee(one, other)[2] > 0


def _is_one_group(one: Fingerprint, other: Fingerprint) -> bool:
    """Whether one supplier is the parent of the other, or both have the same."""
    left, right = {one.parent, one.supplier_id}, {other.parent, other.supplier_id}
    return bool((left & right) - {""})


def _amount(one: Fingerprint, other: Fingerprint, *, usual: bool) -> Said:
    if is_net(one, other):
        return "amount", "the total of one is that of the other without tax", SAME_NET
    if one.gross_minor != other.gross_minor:
        return "amount", "nearly the same amount", NEAR_AMOUNT
    if usual:
        return "amount", "the same amount, as often from this supplier", USUAL_AMOUNT
    return "amount", "the same amount", SAME_AMOUNT


def _date(one: Fingerprint, other: Fingerprint) -> Said:
    days = abs(days_between(one, other))
    points = next((points for most, points in DATE_POINTS if days <= most), IN_WINDOW)
    if points < SWAPPED_DATE and is_swapped(one, other):
        return "date", "day and month of the date changed places", SWAPPED_DATE
    words = "the same date" if not days else f"{days} day{'' if days == 1 else 's'} apart"
    return "date", words, points


def _circumstances(one: Fingerprint, other: Fingerprint, numbers: Likeness, *, usual: bool) -> Iterator[Said]:
    """What is only compared where both documents say it."""
    if one.entity != other.entity:
        yield "entity", "billed to another entity", OTHER_ENTITY
    if one.basis and other.basis:
        if one.basis != other.basis:
            yield "order", "other order lines or receipts", OTHER_BASIS
        elif numbers not in _REPEATS:
            yield "order", "the same order lines and receipts", SAME_BASIS
    if one.content and other.content:
        if one.content == other.content and numbers not in (*_REPEATS, Likeness.OTHER) and not usual:
            yield "content", "lines that say the same", SAME_CONTENT
        elif one.content != other.content and numbers in _PARTS:
            yield "content", "lines that say other things", OTHER_CONTENT
    if one.channel != other.channel and one.channel and other.channel:
        yield "channel", "came by another channel", 0
