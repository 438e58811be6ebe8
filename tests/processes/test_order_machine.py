"""Whatever happens to an order, in whatever sequence: its books agree with its invoices, and nothing waits in vain."""

from decimal import Decimal
from typing import Any

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule
from msgspec.structs import replace
from tests.processes.company import (
    ORDER,
    ORDER_SUBJECT,
    POLICY,
    SUPPLIER_ID,
    bill,
    eur,
    receipt,
    receive,
    refold,
    states_of,
    story,
)

from tieout.kernel.money import Money
from tieout.model.documents import InvoiceKind, InvoiceLine, OrderCharge, OrderLine, ReceiptLine, UnitFactor
from tieout.model.facts import (
    GoodsReceived,
    InvoiceCancelled,
    OrderLineClosed,
    OrderLineReopened,
    OrderPlaced,
    RecheckRequested,
    VarianceAccepted,
)
from tieout.policy.duplicates import DuplicateRules

PERSON = "person:bea"
#: Invoices are told apart by their numbers alone, so that the same goods may be billed over and over.
RULES = replace(POLICY, duplicates=DuplicateRules(layers=("exact",)))
LINES = (
    OrderLine(line_id="1", item="bolt", quantity=Decimal(10), unit="EA", unit_price=Decimal(10)),
    OrderLine(
        line_id="2",
        item="nut",
        quantity=Decimal(12),
        unit="BX",
        unit_price=Decimal(12),
        units=(UnitFactor(unit="EA", factor=Decimal(1), per=Decimal(12)),),
        matched_to="receipt",
        retainage_percent=Decimal(10),
    ),
    OrderLine(
        line_id="3", item="", quantity=Decimal(1), unit="EA", unit_price=Decimal(1), kind="service", limit=eur("10")
    ),
)
CHARGES = (OrderCharge(charge_id="F", kind="freight", amount=eur("20.00")),)
PRICES = {("1", "EA"): Decimal(10), ("2", "BX"): Decimal(12), ("2", "EA"): Decimal(1), ("3", "EA"): Decimal(1)}

line_ids = st.sampled_from(["1", "2", "2", "3"])
amounts = st.integers(1, 5).map(Decimal)
billed_lines = st.lists(
    st.tuples(st.sampled_from(sorted(PRICES)), amounts, st.sampled_from(["", "", "GR-1", "GR-2"])),
    min_size=1,
    max_size=2,
)
#: Most documents are right; the others find their way to a person.
mostly_not = st.sampled_from([False, False, False, True])
mostly_nothing = st.sampled_from([0, 0, 0, 5, 12])


class Purchase(RuleBasedStateMachine):
    """One order with a line of goods, one that is billed by receipt, and a service; and all that may be told about it."""

    def __init__(self) -> None:
        super().__init__()
        self.number = self.receipts = 0
        self.invoices: list[str] = []
        self.excess: dict[str, Decimal] = {}

    @initialize()
    def begin(self) -> None:
        self.told = story(order=False, received="0", policy=RULES)
        self.place(Decimal(10))

    def next_number(self, kind: str) -> str:
        self.number += 1
        return f"{kind}-{self.number}"

    @property
    def position(self) -> Any:
        return self.told.state("order", ORDER_SUBJECT).position

    def _may_exceed(self) -> None:
        """What was just done may leave more billed than received."""
        self.excess = {key: max(line.billed - line.received, Decimal(0)) for key, line in self.position.lines.items()}

    def _waiting(self) -> list[str]:
        return [one for one in self.invoices if self.told.state("invoice", one).status == "mismatched"]

    def _live(self) -> list[Any]:
        states = (self.told.state("invoice", one) for one in self.invoices)
        return [state for state in states if state.clear and state.status != "cancelled"]

    # ── what happens ───────────────────────────────────────────────────────────────────────────────────────────────

    @rule(quantity=st.integers(2, 15).map(Decimal))
    def place(self, quantity: Decimal) -> None:
        """The order is placed, or changed."""
        lines = (replace(LINES[0], quantity=quantity), *LINES[1:])
        self.told.tell(OrderPlaced(order=replace(ORDER, lines=lines, charges=CHARGES)), entity="de")
        self._may_exceed()

    @rule(line_id=line_ids, quantity=amounts, back=mostly_not, kind=st.sampled_from(["receipt", "return"]))
    def move(self, line_id: str, quantity: Decimal, back: bool, kind: Any) -> None:
        """Goods come, go back, or had never come."""
        self.receipts += 1
        amount = quantity.copy_negate() if back else quantity
        line = ReceiptLine(order_line_id=line_id, quantity=amount)
        known = self.position.lines["2"].receipts
        came = replace(
            receipt(receipt_id=f"GR-{self.receipts}"),
            lines=(line,),
            kind=kind if back else "receipt",
            returns=next(iter(known), "") if kind == "return" and quantity > 2 else "",
        )
        self.told.tell(GoodsReceived(receipt=came), entity="de")
        if back:
            self._may_exceed()

    @rule(lines=billed_lines, credit=mostly_not, freight=mostly_nothing, wrong=mostly_not)
    def bill(self, lines: Any, credit: bool, freight: int, wrong: bool) -> None:
        """An invoice or a credit note comes."""
        made = [self._line(at, *one) for at, one in enumerate(lines, 1)]
        if not wrong:
            kept = [one for one in made if one.order_line_id == "2"]
            made += [self._beside(f"r{one.line_id}", "retainage", "2", -one.net.minor // 10) for one in kept]
        if freight:
            made.append(self._beside("f", "freight", "", 100 * freight))
        net = Money(sum(one.net.minor for one in made), "EUR")
        kind = InvoiceKind.CREDIT_NOTE if credit else InvoiceKind.INVOICE
        document = replace(
            bill(), number=self.next_number("R"), kind=kind, lines=tuple(made), net=net, tax=eur("0"), gross=net
        )
        self.invoices.append(receive(self.told, document))

    def _line(self, at: int, of: tuple[str, str], quantity: Decimal, receipt_id: str) -> InvoiceLine:
        line_id, unit = of
        return InvoiceLine(
            line_id=str(at),
            quantity=quantity,
            unit=unit,
            unit_price=PRICES[of],
            net=Money.of(quantity * PRICES[of], "EUR"),
            order_id="PO-1",
            order_line_id=line_id,
            receipt_id=receipt_id if line_id == "2" else "",
        )

    def _beside(self, line_id: str, kind: Any, order_line_id: str, minor: int) -> InvoiceLine:
        net = Money(minor, "EUR")
        return InvoiceLine(
            line_id=line_id, quantity=Decimal(1), unit="EA", unit_price=net.amount, net=net, kind=kind,
            order_id="PO-1", order_line_id=order_line_id,
        )  # fmt: skip

    @precondition(lambda self: self.invoices)
    @rule(which=st.integers(0, 20))
    def cancel(self, which: int) -> None:
        one = self.invoices[which % len(self.invoices)]
        self.told.tell(InvoiceCancelled(reason="a mistake"), one, entity="de", actor=PERSON)
        self._may_exceed()

    @precondition(lambda self: self._waiting())
    @rule(which=st.integers(0, 20))
    def accept(self, which: int) -> None:
        waiting = self._waiting()
        self.told.tell(VarianceAccepted(reason="agreed"), waiting[which % len(waiting)], entity="de", actor=PERSON)
        self._may_exceed()

    @rule(line_id=line_ids, closed=mostly_not)
    def close(self, line_id: str, closed: bool) -> None:
        told = {"entity": "de", "order_id": "PO-1", "supplier_id": SUPPLIER_ID, "line_id": line_id}
        fact = OrderLineClosed(**told, reason="done") if closed else OrderLineReopened(**told, reason="not yet")
        self.told.tell(fact, entity="de", actor=PERSON)

    # ── what always holds ──────────────────────────────────────────────────────────────────────────────────────────

    @invariant()
    def the_order_has_billed_what_its_invoices_bill(self) -> None:
        allocations = [one for state in self._live() for one in state.allocations]
        for line_id, line in self.position.lines.items():
            own = [one for one in allocations if one.order_line_id == line_id]
            assert abs(line.billed - sum((one.quantity for one in own), Decimal(0))) < Decimal("1e-15")
            assert line.billed_minor == sum(one.net.minor for one in own)
            assert line.retained_minor == sum(one.retained.minor for one in own if one.retained)
            named = sum((one.billed for one in line.receipts.values()), Decimal(0))
            assert abs(named - sum((one.quantity for one in own if one.receipt_id), Decimal(0))) < Decimal("1e-15")
        charged = sum(one.net.minor for one in allocations if one.charge_id)
        assert self.position.charged_minor.get("F", 0) == charged

    @invariant()
    def no_more_is_billed_than_came_unless_a_person_said_so(self) -> None:
        for line_id in ("1", "2"):
            line = self.position.lines[line_id]
            excess = max(line.billed - line.received, Decimal(0))
            assert excess <= self.excess.get(line_id, Decimal(0))
            self.excess[line_id] = excess

    @invariant()
    def nothing_waits_that_would_match(self) -> None:
        for one in self._waiting():
            self.told.tell(RecheckRequested(reason="to see"), one, entity="de")
            assert self.told.state("invoice", one).status == "mismatched", one

    def teardown(self) -> None:
        assert refold(self.told) == states_of(self.told)


TestPurchase = Purchase.TestCase
TestPurchase.settings = settings(max_examples=60, stateful_step_count=25, deadline=None)
