"""Whatever comes, in whichever order: what must hold of suppliers, orders and invoices together."""

from datetime import date
from decimal import Decimal
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st
from tests.processes.company import (
    ORDER,
    ORDER_SUBJECT,
    POLICY,
    PROCESSES,
    SUPPLIER,
    SUPPLIER_ID,
    bill,
    posting,
    receipt,
    refold,
    states_of,
)
from tests.processes.story import Story

from tieout.model.documents import InvoiceKind
from tieout.model.effects import PostInvoice
from tieout.model.facts import (
    AccrualRequested,
    ApprovalDecided,
    DuplicateCleared,
    EffectSettled,
    GoodsReceived,
    InvoiceCancelled,
    InvoiceReceived,
    OrderPlaced,
    Outcome,
    RecheckRequested,
    SupplierProposed,
    VarianceAccepted,
)

NUMBERS = ("R-1", "R-2", "C-1")
PEOPLE = ("person:anna", "person:bea", "system")


def arrived(number: str, quantity: int, price: str) -> InvoiceReceived:
    kind = InvoiceKind.CREDIT_NOTE if number.startswith("C") else InvoiceKind.INVOICE
    return InvoiceReceived(invoice=bill(str(quantity), price, number, kind=kind), channel="email", system_id=number)


about = st.one_of(
    st.builds(ApprovalDecided, approved=st.booleans(), approver=st.just("cora")),
    st.builds(VarianceAccepted, reason=st.just("fine")),
    st.builds(InvoiceCancelled, reason=st.just("no")),
    st.builds(RecheckRequested, reason=st.just("again")),
    st.builds(DuplicateCleared, reason=st.just("both")),
)
steps = st.one_of(
    st.builds(lambda email: SupplierProposed(supplier=SUPPLIER), st.none()),
    st.builds(lambda n: OrderPlaced(order=ORDER), st.none()),
    st.builds(
        lambda n, q, day: GoodsReceived(receipt=receipt(str(q), f"GR-{n}", date(2026, 5, day))),
        st.integers(1, 4), st.integers(1, 8), st.integers(1, 31),
    ),
    st.builds(arrived, st.sampled_from(NUMBERS), st.integers(1, 8), st.sampled_from(["10", "10.01"])),
    st.tuples(st.sampled_from(NUMBERS), about),
    st.tuples(st.sampled_from(NUMBERS), st.sampled_from(["applied", "refused", "unknown", "dead"])),
    st.builds(
        lambda period: AccrualRequested(entity="de", period=period, order_id="PO-1", supplier_id=SUPPLIER_ID),
        st.sampled_from(["2026-05", "2026-06"]),
    ),
)  # fmt: skip


BEGINNING = [(SupplierProposed(supplier=SUPPLIER), "system"), (OrderPlaced(order=ORDER), "system")]


def step(told: Story, what: Any, actor: str) -> None:
    match what:
        case (str(number), str(status)):
            answer(told, number, status)
        case (str(number), fact):
            if link := told.links.get(("ap", number)):
                told.tell(fact, link[1], entity="de", actor=actor)
        case InvoiceReceived(system_id=number) if ("ap", number) in told.links:
            pass  # the inbox takes the same message once
        case _:
            told.tell(what, entity="de", actor=actor)


def answer(told: Story, number: str, status: str) -> None:
    """The ERP answers a posting that was asked for. What it took once it never refuses again."""
    invoice_id = told.links.get(("ap", number), ("", ""))[1]
    state = told.state("invoice", invoice_id) if invoice_id else None
    asked = {intent.key for intent in told.asked(PostInvoice)}
    if state is not None and invoice_id in asked and state.posting is None:
        held = posting(state.invoice, period=f"{state.post_on:%Y-%m}") if status == "applied" else None
        told.settle(
            PostInvoice, invoice_id, Outcome(status=status, posting=held, reference=f"erp-{number}" if held else "")
        )


@settings(max_examples=60, deadline=None)
@given(st.sampled_from([[], BEGINNING]), st.lists(st.tuples(steps, st.sampled_from(PEOPLE)), max_size=30))
def test_whatever_happens(beginning: list[tuple[Any, str]], then: list[tuple[Any, str]]) -> None:
    told = Story(POLICY, PROCESSES)
    for what, actor in (*beginning, *then):
        step(told, what, actor)
        check(told)
    assert refold(told) == states_of(told), "a replay of the log must give the same states"


def check(told: Story) -> None:
    invoices = {key: state for (name, key), state in states_of(told).items() if name == "invoice"}
    posted = {event.subject for event in told.events if type(event.data).__name__ == "InvoicePosted"}
    read_back = {e.subject for e in told.events if isinstance(e.data, EffectSettled) and e.data.outcome.posting}
    assert posted <= read_back, "nothing is posted before it was read back"
    for key, state in invoices.items():
        if key in {intent.key for intent in told.asked(PostInvoice)}:
            assert state.clear, "nothing goes to the ERP unmatched"
            assert state.decided_by == "cora", "nothing goes to the ERP without an approval"
    bills_within_receipts(told, invoices)
    standing_once(told, invoices)


def bills_within_receipts(told: Story, invoices: dict[str, Any]) -> None:
    """What an order counts as billed is what its matched invoices bill. It is more than was received only when a person
    accepted that, or cancelled the credit note that had made room."""
    order = told.state("order", ORDER_SUBJECT)
    if order is None or order.position is None:
        return
    line = order.position.lines["1"]
    allocated = sum((a.quantity for state in invoices.values() for a in state.allocations), Decimal(0))
    assert line.billed == allocated
    responsible = (state.accepted_by or (state.cancelled and state.invoice.sign < 0) for state in invoices.values())
    if not any(responsible):
        assert line.billed <= min(line.received, line.ordered)


def standing_once(told: Story, invoices: dict[str, Any]) -> None:
    """An invoice is unposted, or payable, or out of the way: never two of these."""
    names = [(item, name) for name, _, _, item, _ in told.standings() if name in ("unposted", "payable")]
    assert len({item for item, _ in names}) == len(names)
    for item, name in names:
        assert (name == "payable") == (invoices[item].status == "posted")
