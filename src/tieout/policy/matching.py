"""How far matching looks for the order line of an invoice line that does not name it."""

from msgspec import Struct


class MatchingRules(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """``assign_lines``: a line that names its order but no line of it is given the one that fits, if that is certain.
    ``search_orders``: an invoice that names no order at all is looked for among the supplier's open orders."""

    assign_lines: bool = True
    search_orders: bool = False
