"""What counts as a duplicate invoice: the settings of the search. How alike two documents are is scored in
``matching/duplicates``; from which score on a person is asked, and what a person may overrule, is policy."""

from collections.abc import Iterator
from decimal import Decimal

from msgspec import Struct

from tieout.kernel.money import is_currency
from tieout.model.duplicates import LAYERS, Layer

#: What recurs is looked at by a person again every third year at the latest.
LOOKALIKE_DAYS_MAX = 3 * 366


class DuplicateRules(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How invoices are compared with those that came before.

    ``layers``: which comparisons are made; ``exact`` always is. Two documents are compared when their dates are no
    more than ``window_days`` apart (twice that where one number has something added, as on a reminder) or one is the
    other with day and month in each other's place, and their gross amounts are no more than ``amount_percent`` apart or
    one is what the other comes to before tax; or when their numbers are the same. Numbers are near up to
    ``edit_distance`` changed characters. From ``suspect_score`` (of 100) a person is asked. ``override_above``: gross
    amounts, in major units by currency, above which a manager has to clear a stopped invoice; a currency that is not
    named has no such limit. ``lookalike_days``: so long a learnt look-alike counts.
    """

    layers: tuple[Layer, ...] = LAYERS
    window_days: int = 30
    amount_percent: Decimal = Decimal(1)
    edit_distance: int = 2
    suspect_score: int = 70
    override_above: dict[str, Decimal] = {}
    lookalike_days: int = 365


def duplicate_complaints(rules: DuplicateRules) -> Iterator[str]:
    """What would make the search for duplicates blind or endless."""
    if "exact" not in rules.layers:
        yield 'duplicates.layers: "exact" must be among them; the same number is always stopped'
    if not 1 <= rules.window_days <= 366:
        yield "duplicates.window_days: must be from 1 to 366"
    if not (rules.amount_percent.is_finite() and 0 <= rules.amount_percent <= 10):
        yield "duplicates.amount_percent: must be from 0 to 10"
    if not 0 <= rules.edit_distance <= 3:
        yield "duplicates.edit_distance: must be from 0 to 3"
    if not 50 <= rules.suspect_score <= 100:
        yield "duplicates.suspect_score: must be from 50 to 100"
    if not 1 <= rules.lookalike_days <= LOOKALIKE_DAYS_MAX:
        yield f"duplicates.lookalike_days: must be from 1 to {LOOKALIKE_DAYS_MAX}"
    for currency, amount in rules.override_above.items():
        if not is_currency(currency):
            yield f'duplicates.override_above: "{currency}" is not an ISO 4217 code such as EUR'
        if not amount.is_finite() or amount < 0:
            yield f"duplicates.override_above.{currency}: must be a plain amount of zero or more"
