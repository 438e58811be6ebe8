"""Which known invoices may be the same claim as a new one, how sure that is, and why.

A number that this supplier has used in this entity stops a document; everything else only asks a person. A document
that a credit note has taken back, a rent, and what a person has taught are named with the reason and not asked about.
"""

from collections.abc import Iterable
from datetime import date

from tieout.matching.duplicates.explained import (
    credited,
    is_credited,
    is_learnt,
    is_recurring,
    is_usual,
    series_of,
)
from tieout.matching.duplicates.fingerprint import Fingerprint, fingerprint_of
from tieout.matching.duplicates.numbers import Likeness
from tieout.matching.duplicates.score import (
    days_between,
    is_like_amount,
    is_one_payee,
    is_swapped,
    layer_of,
    number_likeness,
    said,
    score,
    with_values,
)
from tieout.model.documents import Invoice
from tieout.model.duplicates import Candidate, Lookalike, Ruling
from tieout.policy.duplicates import DuplicateRules

#: A reminder is written when the invoice is due and carries its number with something added, so one amount under such a
#: number is looked for over so many windows; the index is asked for no more than two.
REMINDED = 2
_RANK: dict[Ruling, int] = {"block": 0, "suspect": 1, "none": 2}


def candidates(
    invoice: Invoice,
    known: Iterable[Fingerprint],
    rules: DuplicateRules,
    lookalikes: Iterable[Lookalike] = (),
) -> tuple[Candidate, ...]:
    """The known invoices that may be the same claim, the best first; among equals the one that came first."""
    mine = fingerprint_of("", invoice, 0)
    return compare(mine, known, rules, lookalikes, invoice.issued_on)


def compare(
    mine: Fingerprint,
    known: Iterable[Fingerprint],
    rules: DuplicateRules,
    lookalikes: Iterable[Lookalike],
    today: date,
) -> tuple[Candidate, ...]:
    """As :func:`candidates`, of a fingerprint. Look-alikes count if they have not expired by ``today``."""
    pool = tuple(other for other in known if other.invoice_id != mine.invoice_id)
    alike = [(other, numbers) for other in pool if (numbers := _comparable(mine, other, rules)) is not None]
    if not alike:
        return ()
    usual = is_usual(mine, pool)
    taken_back, series, taught = credited(pool), series_of(mine, pool), tuple(lookalikes)

    def explained(other: Fingerprint, numbers: Likeness) -> str:
        if is_credited(other, taken_back) or is_credited(mine, taken_back):
            return "a credit note has taken one of them back"
        if is_learnt(mine, other, numbers, taught, today):
            return "a person has taught that this amount comes again"
        return "equal amounts at a regular interval" if is_recurring(mine, other, numbers, series) else ""

    found = []
    for other, numbers in alike:
        seen = said(mine, other, numbers, usual=usual)
        layer, points = layer_of(mine, other, numbers), score(seen)
        if layer != "exact" and (points < rules.suspect_score or layer not in rules.layers):
            continue
        why = explained(other, numbers) if layer != "exact" else ""
        verdict: Ruling = "block" if layer == "exact" else "none" if why else "suspect"
        candidate = Candidate(
            invoice_id=other.invoice_id,
            printed=other.printed,
            score=100 if layer == "exact" else points,
            layer=layer,
            verdict=verdict,
            criteria=with_values(mine, other, seen),
            days=abs(days_between(mine, other)),
            explained=why,
        )
        place = (_RANK[verdict], -candidate.score, other.status != "open", other.received_at, other.invoice_id)
        found.append((*place, candidate))
    return tuple(one[-1] for one in sorted(found, key=lambda one: one[:-1]))


def _comparable(one: Fingerprint, other: Fingerprint, rules: DuplicateRules) -> Likeness | None:
    """How the numbers relate, if the two can be one claim at all: of one kind, for one payee, and near in amount and
    date (on a reminder the date may be further off); or, whatever the date, with one number and near in amount for one
    supplier, or with one number and amount."""
    if one.kind != other.kind or one.claim != other.claim:
        return None
    if other.invoice_id in one.apart or one.invoice_id in other.apart:
        return None
    if one.number and (one.number, one.supplier_id, one.entity) == (other.number, other.supplier_id, other.entity):
        return Likeness.SAME
    if other.status == "cancelled" or not is_like_amount(one, other, rules):
        return None
    same_amount = one.gross_minor == other.gross_minor
    if one.number and one.number == other.number and (one.supplier_id == other.supplier_id or same_amount):
        return Likeness.SAME
    days = abs(days_between(one, other))
    near = days <= rules.window_days or is_swapped(one, other)
    if not (near or (same_amount and days <= REMINDED * rules.window_days)) or not is_one_payee(one, other):
        return None
    numbers = number_likeness(one, other, rules)
    return numbers if near or numbers is Likeness.EXTENDED else None
