"""What counts as a duplicate invoice: the settings of the search. How alike two documents are is scored in
``matching/duplicates``; from which score on a person is asked, and what a person may overrule, is policy."""

from decimal import Decimal

from msgspec import Struct

from tieout.model.duplicates import LAYERS, Layer


class DuplicateRules(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How invoices are compared with those that came before.

    ``layers``: which comparisons are made; ``exact`` always is. Two documents are compared when their dates are no
    more than ``window_days`` and their gross amounts no more than ``amount_percent`` apart, or their numbers are the
    same. Numbers are near up to ``edit_distance`` changed characters. From ``suspect_score`` (of 100) a person is
    asked. ``override_above``: gross amounts, in major units by currency, above which a manager has to clear a stopped
    invoice; a currency that is not named has no such limit. ``lookalike_days``: so long a learnt look-alike counts.
    """

    layers: tuple[Layer, ...] = LAYERS
    window_days: int = 30
    amount_percent: Decimal = Decimal(1)
    edit_distance: int = 2
    suspect_score: int = 70
    override_above: dict[str, Decimal] = {}
    lookalike_days: int = 365
