"""The verdict of matching an invoice with its orders and receipts: every check, passed or failed."""

from decimal import Decimal

from msgspec import Struct

from tieout.kernel.money import Money
from tieout.kernel.problem import Problem


class Allocation(Struct, frozen=True, omit_defaults=True, gc=False):
    """How much of an order line an invoice line bills. Negative quantities come from credit notes.

    ``receipt_id``: the receipt it bills, where the line is matched to receipts. An allocation with a ``charge_id``
    bills a condition of the order (planned freight) instead of a line. ``retained`` is withheld of ``net``.
    ``prepaid``: it bills nothing, ``net`` is asked for on the order in advance.
    """

    order_id: str
    order_line_id: str
    quantity: Decimal
    net: Money
    receipt_id: str = ""
    charge_id: str = ""
    retained: Money | None = None
    prepaid: bool = False


class Check(Struct, frozen=True, omit_defaults=True, gc=False):
    """One check of matching: what was expected, what was seen, and where the limit lies, all three in ``unit``.

    ``rule`` names it as ``docs/matching.md`` does; ``where`` are the invoice lines it looked at, ``about`` the order
    and its line. ``limit`` is the last value that passes; nothing when any does. ``hold`` is what the ERP calls the
    hold that it places when the check fails, and ``allowed`` what the policy says of a check that failed, in words.
    """

    rule: str
    where: str
    about: str
    expected: Decimal
    actual: Decimal
    unit: str
    passed: bool
    limit: Decimal | None = None
    hold: str = ""
    allowed: str = ""


class Component(Struct, frozen=True, omit_defaults=True, gc=False):
    """One reason why an invoice line bills an order line, such as ``price``: its points, and what was seen."""

    name: str
    points: int
    seen: str = ""


class OrderLineChoice(Struct, frozen=True, omit_defaults=True, gc=False):
    """An order line that an invoice line may bill, and why."""

    order_id: str
    order_line_id: str
    points: int
    components: tuple[Component, ...] = ()

    def __str__(self) -> str:
        return f"order {self.order_id} line {self.order_line_id}"


class AssignedLine(Struct, frozen=True, omit_defaults=True, gc=False):
    """The order line that was found for an invoice line which names none. ``rule`` is told where others were just as
    good and it made no difference to money which of them was taken."""

    line_id: str
    choice: OrderLineChoice
    rule: str = ""


class LineAssignment(Struct, frozen=True, gc=False):
    """The order line that a person chose for an invoice line."""

    line_id: str
    order_id: str
    order_line_id: str


class AmbiguousLine(Struct, frozen=True, omit_defaults=True, gc=False):
    """An invoice line that several order lines fit equally well; a person has to choose."""

    line_id: str
    alternatives: tuple[OrderLineChoice, ...]
    reason: str


class Verdict(Struct, frozen=True, omit_defaults=True, gc=False):
    """The outcome of matching: allocations when it passes, and every failing check when it does not.

    ``problems`` say in words what failed and what would make it pass; ``checks`` are all that were made, passed ones
    included. ``holds`` are the names of the holds that the ERP of this ``dialect`` is expected to place.
    ``assigned``: lines that name no order line and were found one; ``ambiguous``: a person has to choose theirs.
    """

    matched: bool
    problems: tuple[Problem, ...]
    allocations: tuple[Allocation, ...]
    policy: str
    waits_for_receipt: bool = False
    dialect: str = ""
    checks: tuple[Check, ...] = ()
    holds: tuple[str, ...] = ()
    assigned: tuple[AssignedLine, ...] = ()
    ambiguous: tuple[AmbiguousLine, ...] = ()
