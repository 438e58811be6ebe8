"""The verdict does not depend on what comes first, and at the end of a period nothing that came is forgotten."""

from datetime import date
from decimal import Decimal
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace
from tests.processes.company import (
    ORDER,
    ORDER_SUBJECT,
    POLICY,
    SUPPLIER_ID,
    bill,
    receipt,
    receive,
    refold,
    states_of,
    story,
)

from tieout.model.documents import InvoiceKind
from tieout.model.effects import PostJournal
from tieout.model.facts import (
    AccrualProposed,
    AccrualRequested,
    GoodsReceived,
    InvoiceCancelled,
    OrderPlaced,
    Outcome,
)
from tieout.policy.duplicates import DuplicateRules

#: Invoices are told apart by their numbers alone.
RULES = replace(POLICY, duplicates=DuplicateRules(layers=("exact",)))
CREDIT = InvoiceKind.CREDIT_NOTE
PAPERS: tuple[Any, ...] = (
    OrderPlaced(order=ORDER),
    *(GoodsReceived(receipt=receipt(quantity, f"GR-{quantity}")) for quantity in ("2", "3", "5")),
    *(bill(quantity, number=f"R-{quantity}") for quantity in ("1", "4", "5")),
    bill("2", number="C-1", kind=CREDIT),
    bill("1", "5", number="C-2", kind=CREDIT, purpose="value_only"),
)
"""An order, its goods, what is billed of it, two pieces that are credited, and a rebate."""


@settings(max_examples=60, deadline=None)
@given(st.permutations(PAPERS))
def test_what_adds_up_is_matched_whatever_comes_first(papers: list[Any]) -> None:
    told = story(order=False, received="0", policy=RULES)
    invoices = []
    for paper in papers:
        if isinstance(paper, OrderPlaced | GoodsReceived):
            told.tell(paper, entity="de")
        else:
            invoices.append(receive(told, paper))
    assert {told.state("invoice", one).status for one in invoices} == {"matched"}
    line = told.state("order", ORDER_SUBJECT).position.lines["1"]
    assert (line.received, line.billed, line.billed_minor) == (10, 8, 7500)
    assert set(told.cases().values()) <= {"settled"}
    assert refold(told) == states_of(told)


MAY, JUNE = date(2026, 5, 20), date(2026, 6, 20)
steps = st.lists(
    st.one_of(
        st.tuples(st.just("receive"), st.integers(1, 4)),
        st.tuples(st.sampled_from(["bill in May", "bill in June"]), st.integers(1, 4)),
        st.tuples(st.just("cancel"), st.integers(0, 2)),
        st.tuples(st.sampled_from(["accrue", "accrue at once", "applied", "refused"]), st.just(0)),
    ),
    max_size=14,
)


class Month:
    """Goods that come in May, what is billed of them, and their accrual by an ERP that is slow and may refuse."""

    def __init__(self) -> None:
        self.told = story(order=False, received="0", policy=RULES)
        line = replace(ORDER.lines[0], quantity=Decimal(99))
        self.told.tell(OrderPlaced(order=replace(ORDER, lines=(line,))), entity="de")
        self.invoices: list[str] = []
        self.asked: list[AccrualProposed] = []
        self.came = self.accrued = 0

    def do(self, number: int, what: str, size: int) -> None:
        match what:
            case "receive":
                self.told.tell(GoodsReceived(receipt=receipt(str(size), f"GR-{number}", MAY)), entity="de")
                self.came += 1000 * size
            case "bill in May" | "bill in June":
                day = MAY if what.endswith("May") else JUNE
                document = bill(str(size), number=f"R-{number}", issued_on=day, due_on=date(2026, 8, 1))
                self.invoices.append(receive(self.told, document))
            case "cancel" if size < len(self.invoices):
                self.told.tell(InvoiceCancelled(reason="no"), self.invoices[size], entity="de", actor="person:bea")
            case "accrue":
                fact = AccrualRequested(entity="de", period="2026-05", order_id="PO-1", supplier_id=SUPPLIER_ID)
                self.asked += [one for one in self.told.tell(fact, entity="de") if isinstance(one, AccrualProposed)]
            case "accrue at once":
                self.do(number, "accrue", 0)
                self.do(number, "applied", 0)
            case "applied" if self.asked:
                proposed = self.asked.pop()
                for journal in (proposed.journal, proposed.reversal):
                    self.told.settle(PostJournal, journal.journal_id, Outcome(status="applied", reference="J"))
                self.accrued += proposed.journal.lines[0].amount.minor
            case "refused" if self.asked:
                self.told.settle(PostJournal, self.asked.pop().journal.journal_id, Outcome(status="refused"))

    @property
    def billed(self) -> int:
        """What is billed in May, in minor units."""
        states = (self.told.state("invoice", one) for one in self.invoices)
        live = (one for one in states if one.clear and one.status != "cancelled" and one.post_on <= date(2026, 5, 31))
        return sum(one.invoice.net.minor for one in live)

    @property
    def stands(self) -> int:
        """What stands as received and neither billed nor accrued at the end of May, in minor units."""
        found = {period: amount for name, _, period, _, amount in self.told.standings() if name == "unaccrued"}
        return int(found.get("2026-05", "0.00 EUR").removesuffix(" EUR").replace(",", "").replace(".", ""))


@settings(max_examples=150, deadline=None)
@given(steps)
def test_what_came_by_the_end_of_a_period_is_billed_accrued_or_stands(steps: list[tuple[str, int]]) -> None:
    month = Month()
    for number, (what, size) in enumerate(steps):
        month.do(number, what, size)
        assert month.billed + month.accrued + month.stands == month.came
