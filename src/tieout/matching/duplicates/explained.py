"""What explains that two documents look alike and are two claims all the same: a credit note in between, a rent, an
instalment, or a look-alike that a person has taught."""

import itertools
from collections.abc import Iterable, Sequence
from datetime import date

from tieout.matching.duplicates.fingerprint import Fingerprint
from tieout.matching.duplicates.numbers import ONE_NUMBER, Likeness
from tieout.matching.duplicates.score import days_between, is_one_payee
from tieout.model.documents import InvoiceKind
from tieout.model.duplicates import Candidate, Layer, Lookalike

#: A rent of every month falls 28 to 31 days after the last one; a weekly fee may slip over a holiday.
_SLIP_DAYS = 3
#: What comes more often than every sixth day is not told from one that came twice.
_INTERVAL_MIN = 6
_STEPS_MAX = 4
#: Layers in which supplier and entity are the same.
_ONE_PAYEE: tuple[Layer, ...] = ("exact", "number_less", "three_of_four", "near")


def taught_by(cleared: Candidate, mine: Fingerprint, until: date) -> Lookalike | None:
    """What is taught by clearing this candidate: nothing when supplier, entity or amount are not the same."""
    amount = next((one for one in cleared.criteria if one.name == "amount"), None)
    if cleared.layer not in _ONE_PAYEE or amount is None or amount.mine != amount.other:
        return None
    return Lookalike(
        entity=mine.entity,
        supplier_id=mine.supplier_id,
        currency=mine.currency,
        amount_minor=mine.gross_minor,
        interval_days=cleared.days,
        until=until,
    )


def is_learnt(
    one: Fingerprint, other: Fingerprint, numbers: Likeness, lookalikes: Iterable[Lookalike], today: date
) -> bool:
    """Whether a look-alike that still counts explains the pair."""
    if numbers in ONE_NUMBER or not _same_payment(one, other):
        return False
    subject = (one.entity, one.supplier_id, one.currency, one.gross_minor)
    days = abs(days_between(one, other))
    return any(
        (taught.entity, taught.supplier_id, taught.currency, taught.amount_minor) == subject
        and today <= taught.until
        and _is_multiple(days, taught.interval_days)
        for taught in lookalikes
    )


def is_recurring(one: Fingerprint, other: Fingerprint, numbers: Likeness, series: Sequence[Fingerprint]) -> bool:
    """Whether the pair are two of at least three equal amounts at a regular interval. ``series`` are the payments of
    the same amount, supplier and entity."""
    days = abs(days_between(one, other))
    if numbers in ONE_NUMBER or days < _INTERVAL_MIN or not _same_payment(one, other):
        return False
    for third in series:
        if third.invoice_id in (one.invoice_id, other.invoice_id) or third.number in (one.number, other.number):
            continue
        gaps = (abs(days_between(one, third)), abs(days_between(other, third)))
        if any(gap >= _INTERVAL_MIN and _is_multiple(days, gap) for gap in gaps) and min(gaps) >= _INTERVAL_MIN:
            return True
    return False


def series_of(one: Fingerprint, known: Iterable[Fingerprint]) -> tuple[Fingerprint, ...]:
    """The other invoices of the same amount, supplier and entity that were not cancelled."""
    return tuple(other for other in known if other.status != "cancelled" and _same_payment(one, other))


def is_usual(one: Fingerprint, known: Iterable[Fingerprint]) -> bool:
    """Whether the payee bills this very amount so often that it says little: two others of it, with numbers of their
    own, are known that came within days of each other and are two claims."""
    claims = sorted(
        (other.issued_on, other.number or other.invoice_id)
        for other in known
        if other.status == "open"
        and (other.kind, other.currency, other.gross_minor) == (one.kind, one.currency, one.gross_minor)
        and is_one_payee(one, other)
    )
    return any(
        (later[0] - before[0]).days < _INTERVAL_MIN and later[1] != before[1]
        for before, later in itertools.pairwise(claims)
    )


def _same_payment(one: Fingerprint, other: Fingerprint) -> bool:
    return (one.entity, one.supplier_id, one.kind, one.currency, one.gross_minor) == (
        other.entity,
        other.supplier_id,
        other.kind,
        other.currency,
        other.gross_minor,
    )


def _is_multiple(days: int, interval: int) -> bool:
    """Whether so many days are the interval, or a few times it, give or take what a month or a holiday slips."""
    if not interval:
        return not days
    slip = min(_SLIP_DAYS, interval // 4)
    return any(abs(days - steps * interval) <= slip for steps in range(1, _STEPS_MAX + 1))


def credited(known: Iterable[Fingerprint]) -> dict[tuple[str, str, str, str], int]:
    """What credit notes have taken back, in minor units, by entity, supplier, currency and number of the invoice."""
    sums: dict[tuple[str, str, str, str], int] = {}
    for one in known:
        if one.kind == InvoiceKind.CREDIT_NOTE and one.credits and one.status != "cancelled":
            subject = (one.entity, one.supplier_id, one.currency, one.credits)
            sums[subject] = sums.get(subject, 0) + one.gross_minor
    return sums


def is_credited(one: Fingerprint, taken_back: dict[tuple[str, str, str, str], int]) -> bool:
    """Whether credit notes have taken all of this invoice back."""
    subject = (one.entity, one.supplier_id, one.currency, one.number)
    return bool(one.number) and taken_back.get(subject, 0) >= one.gross_minor > 0
