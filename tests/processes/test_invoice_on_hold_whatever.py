"""Whatever comes, in whichever order: what must hold of invoices that a policy posts on hold."""

from collections.abc import Iterator
from datetime import date
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace
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

from tieout.kernel.ids import derive
from tieout.model.documents import BankAccount, InvoiceKind
from tieout.model.effects import PostInvoice, UpsertSupplier
from tieout.model.facts import (
    ApprovalDecided,
    GoodsReceived,
    InvoiceCancelled,
    InvoicePaid,
    InvoiceReceived,
    InvoiceReserved,
    OrderLineClosed,
    OrderLineReopened,
    OrderPlaced,
    Outcome,
    RecheckRequested,
    RunItem,
    RunProposed,
    SupplierProposed,
    VarianceAccepted,
)
from tieout.policy.tolerances import Limit, Tolerances
from tieout.processes import payment, payment_run
from tieout.processes.invoice import payable

ZERO = Limit(kind="zero")
LIMITS = Tolerances(
    dialect="oracle_fusion", price=ZERO, quantity_ordered=ZERO, quantity_received=ZERO, on_variance="post_on_hold"
)
HOLDING = replace(POLICY, tolerances={"default": LIMITS})
PAYING = (*PROCESSES, payment.PROCESS, payment_run.PROCESS)
OURS = BankAccount(iban="DE75512108001245126199", holder="Muster GmbH", currency="EUR")
NUMBERS = ("A-11", "B-23", "D-37", "C-51")


def arrived(number: str, quantity: str, price: str = "10") -> InvoiceReceived:
    kind = InvoiceKind.CREDIT_NOTE if number.startswith("C") else InvoiceKind.INVOICE
    return InvoiceReceived(invoice=bill(quantity, price, number, kind=kind), channel="email", system_id=number)


def came(number: int, quantity: int) -> GoodsReceived:
    return GoodsReceived(receipt=receipt(str(quantity), f"GR-{number}", date(2026, 5, 2)))


def ordered(price: str, quantity: int = 10) -> OrderPlaced:
    line = replace(ORDER.lines[0], unit_price=Decimal(price), quantity=Decimal(quantity))
    return OrderPlaced(order=replace(ORDER, lines=(line,)))


def company() -> Story:
    told = Story(HOLDING, PAYING)
    told.tell(SupplierProposed(supplier=SUPPLIER))
    for system in HOLDING.supplier_systems:
        told.settle(UpsertSupplier, f"{SUPPLIER_ID}/v1", Outcome(status="applied", reference="S1"), system)
    return told


def id_of(told: Story, number: str) -> str:
    return told.links.get(("ap", number), ("", ""))[1]


def answer(told: Story, number: str) -> None:
    """The ERP takes a posting that was asked for."""
    invoice_id = id_of(told, number)
    state = told.state("invoice", invoice_id) if invoice_id else None
    if state is not None and state.posting is None and any(one.key == invoice_id for one in told.asked(PostInvoice)):
        held = posting(state.invoice, number, period=f"{state.post_on:%Y-%m}")
        told.settle(PostInvoice, invoice_id, Outcome(status="applied", posting=held, reference=f"erp-{number}"))


def pay(told: Story, run: int) -> None:
    """Somebody puts everything into a run, whether it may be paid or not."""
    invoice_ids = [found for number in NUMBERS if (found := id_of(told, number))]
    items = tuple(RunItem(derive("pay", f"run-{run}", one), one, SUPPLIER_ID) for one in invoice_ids)
    if items:
        run_id = f"run-{run}"
        proposed = RunProposed(
            run_id=run_id, entity="de", debtor=OURS, currency="EUR", execute_on=date(2026, 6, 1), items=items
        )
        told.tell(proposed, entity="de", actor="person:pia")


# ── nothing on hold is ever paid ───────────────────────────────────────────────────────────────────────────────────

about = st.one_of(
    st.builds(ApprovalDecided, approved=st.sampled_from([True, True, False]), approver=st.just("cora")),
    st.builds(VarianceAccepted, reason=st.just("fine"), about=st.sampled_from(["both", "match", "posting"])),
    st.builds(InvoiceCancelled, reason=st.just("no")),
    st.builds(RecheckRequested, reason=st.just("again")),
)
closing = st.builds(
    lambda kind: kind(order_id="PO-1", line_id="1", entity="de", supplier_id=SUPPLIER_ID, reason="r"),
    st.sampled_from([OrderLineClosed, OrderLineReopened]),
)
steps = st.one_of(
    st.builds(ordered, st.sampled_from(["10", "11"]), st.sampled_from([8, 10, 20])),
    st.builds(came, st.integers(1, 4), st.integers(1, 8)),
    st.builds(arrived, st.sampled_from(NUMBERS), st.sampled_from(["3", "5", "8"]), st.sampled_from(["10", "10.50"])),
    st.tuples(st.sampled_from(NUMBERS), about),
    st.tuples(st.just("answer"), st.sampled_from(NUMBERS)),
    st.tuples(st.just("pay"), st.integers(1, 3)),
    closing,
)


def step(told: Story, what: Any) -> None:
    match what:
        case ("answer", str(number)):
            answer(told, number)
        case ("pay", int(run)):
            pay(told, run)
        case (str(number), fact):
            if invoice_id := id_of(told, number):
                told.tell(fact, invoice_id, entity="de", actor="person:bea")
        case InvoiceReceived(system_id=number) if id_of(told, number):
            pass  # the inbox takes the same message once
        case _:
            told.tell(what, entity="de", actor="person:paul")


def on_hold(told: Story) -> dict[str, Any]:
    return {key: state for (name, key), state in states_of(told).items() if name == "invoice" and state.hold}


@settings(max_examples=40, deadline=None)
@given(st.lists(steps, max_size=30))
def test_nothing_on_hold_is_reserved_or_paid(then: list[Any]) -> None:
    told = company()
    told.tell(ordered("10"), entity="de")
    for what in then:
        first, held = len(told.events), on_hold(told)
        step(told, what)
        paid = {one.subject for one in told.events[first:] if isinstance(one.data, InvoiceReserved | InvoicePaid)}
        assert not paid & held.keys()
        for state in on_hold(told).values():
            assert state.clear
            assert payable(state) is None
            assert state.status not in ("posted", "reserved", "paid", "closed", "cancelled", "mismatched", "matched")
        billed_once(told)
    assert refold(told) == states_of(told), "a replay of the log must give the same states"


def billed_once(told: Story) -> None:
    """What an order counts as billed is what its invoices bill, each once; and it knows which of them are on hold."""
    order = told.state("order", ORDER_SUBJECT)
    invoices = {key: state for (name, key), state in states_of(told).items() if name == "invoice"}
    assert order.position.lines["1"].billed == sum(_quantities(invoices.values()), Decimal(0))
    assert set(order.held) == set(on_hold(told))
    for key, mine in order.held.items():
        assert mine.allocations == invoices[key].allocations


def _quantities(states: Any) -> Iterator[Decimal]:
    return (one.quantity for state in states for one in state.allocations)


# ── the order of arrival makes no difference ───────────────────────────────────────────────────────────────────────


def outcome(told: Story) -> dict[str, Any]:
    """How everything stands in the end."""
    order = told.state("order", ORDER_SUBJECT).position.lines["1"]
    still_open = sorted(name for name, status in told.cases().items() if status == "open")
    found: dict[str, Any] = {"billed": order.billed, "billed_minor": order.billed_minor, "cases": still_open}
    for number in NUMBERS:
        if invoice_id := id_of(told, number):
            state = told.state("invoice", invoice_id)
            found[number] = (state.status, state.hold, state.allocations, payable(state))
    return found


def interleaved(draw: Any, sources: list[list[Any]]) -> Iterator[Any]:
    left = [list(source) for source in sources if source]
    while left:
        source = draw(st.sampled_from(left))
        yield source.pop(0)
        left = [one for one in left if one]


@st.composite
def documents(draw: Any) -> list[Any]:
    """Some invoices of different sizes, perhaps a credit note among them that fits behind the first, and gives back
    enough at every price of the order."""
    sizes = draw(st.lists(st.sampled_from(["3", "5", "8"]), min_size=1, max_size=3, unique=True))
    found = [
        arrived(number, size, draw(st.sampled_from(["10", "10", "10.50"])))
        for number, size in zip(NUMBERS, sizes, strict=False)
    ]
    if draw(st.booleans()):
        found.insert(draw(st.integers(1, len(found))), arrived("C-51", draw(st.sampled_from(["2", "3"])), "10.50"))
    return found


@settings(max_examples=40, deadline=None)
@given(st.data())
def test_messages_of_different_sources_may_come_in_any_order(data: st.DataObject) -> None:
    invoices = data.draw(documents())
    receipts = [came(n, q) for n, q in enumerate(data.draw(st.lists(st.sampled_from([2, 5, 6]), max_size=3)))]
    orders = [ordered("10"), *([ordered("10.50")] if data.draw(st.booleans()) else [])]
    straight = play([orders[0], *orders[1:], *receipts, *invoices])
    mixed = play(list(interleaved(data.draw, [orders, receipts, invoices])))
    assert mixed == straight


def play(messages: list[Any]) -> dict[str, Any]:
    """All of it, then every approval and every answer of the ERP."""
    told = company()
    for message in messages:
        told.tell(message, entity="de", actor="system")
    for number in NUMBERS:
        if invoice_id := id_of(told, number):
            told.tell(ApprovalDecided(approved=True, approver="cora"), invoice_id, entity="de")
            answer(told, number)
    return outcome(told)


@pytest.mark.parametrize("first", [True, False])
def test_both_kinds_of_holds_are_met(first: bool) -> None:
    """The properties above are about something."""
    messages = [ordered("10"), arrived("A-11", "8"), arrived("B-23", "5", "10.50"), came(1, 8)]
    found = play(messages if first else [messages[0], messages[3], *messages[1:3]])
    assert found["A-11"][:2] == ("posted", ())
    assert found["B-23"][:2] == ("posted_on_hold", ("PRICE", "QTY ORD", "QTY REC"))
