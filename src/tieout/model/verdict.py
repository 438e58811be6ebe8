"""The verdict of matching an invoice with its orders and receipts: every check, passed or failed."""

from decimal import Decimal

from msgspec import Struct

from tieout.kernel.money import Money
from tieout.kernel.problem import Problem


class Allocation(Struct, frozen=True):
    """How much of an order line an invoice line bills. Negative quantities come from credit notes."""

    order_id: str
    order_line_id: str
    quantity: Decimal
    net: Money


class Verdict(Struct, frozen=True):
    """The outcome of matching: allocations when it passes, and every failing check when it does not."""

    matched: bool
    problems: tuple[Problem, ...]
    allocations: tuple[Allocation, ...]
    policy: str
    waits_for_receipt: bool = False
