"""What-if on logs with duplicates: under the same policy nothing changes, whatever became of the others later.

Two suppliers of two partitions are paid to one account, so their invoices are compared with each other; and an invoice
that is cancelled, stopped or cleared later was seen otherwise by those that came before.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace
from tests.engine.test_duplicates import PARTITIONS, TWIN, Company, of_twin
from tests.processes.company import POLICY, SUPPLIER, without_order

from tieout.engine import former as module
from tieout.engine.rebuild import rebuild
from tieout.engine.stores.open import memory_store
from tieout.engine.stores.sqlite import SqliteUnit
from tieout.engine.what_if import WhatIf, what_if
from tieout.kernel.ids import partition_of
from tieout.model.documents import BankAccount
from tieout.model.facts import (
    ApprovalDecided,
    DuplicateCleared,
    Fact,
    InvoiceCancelled,
    InvoiceReceived,
    SupplierProposed,
    supplier_home,
)
from tieout.policy.duplicates import DuplicateRules
from tieout.policy.policy import Policy
from tieout.processes.registry import PROCESSES

MINUTE = timedelta(minutes=1)
HOMES = {SUPPLIER.supplier_id: False, TWIN.supplier_id: True}
NUMBERS = ("R-1012", "R-1021")


def under(made: Company, policy: Policy = POLICY, now: Policy | None = None, **span: object) -> WhatIf:
    return what_if(made.store, policy, partitions=PARTITIONS, now=now, **span)  # type: ignore[arg-type]


def same(made: Company) -> WhatIf:
    """What-if under the policy of then, which must change nothing."""
    found = under(made)
    assert found.after == found.before
    assert (found.changes, found.changed, found.undecided) == ((), 0, 0)
    return found


class Office(Company):
    """Two suppliers that are paid to one account, in two partitions; each deed is handled in a minute of its own."""

    def __init__(self) -> None:
        super().__init__(memory_store())
        for supplier in (SUPPLIER, TWIN):
            self.tell(SupplierProposed(supplier=supplier), supplier.supplier_id, supplier.supplier_id)
        self.run()

    def arrives(self, name: str, number: str, *, twin: bool = False) -> None:
        invoice = without_order(number=number)
        invoice = of_twin(invoice) if twin else invoice
        self.tell(InvoiceReceived(invoice=invoice, channel="email"), invoice.supplier_id, name)

    def says(self, name: str, fact: Fact, actor: str = "person:bea", *, twin: bool = False) -> None:
        self.tell(fact, TWIN.supplier_id if twin else SUPPLIER.supplier_id, name, actor)

    def passes(self, minutes: int = 5) -> None:
        self.run()
        self.clock.move(minutes * MINUTE)


def test_the_two_suppliers_live_apart() -> None:
    assert len({partition_of(supplier_home(one), PARTITIONS) for one in HOMES}) == 2


def test_what_is_cancelled_later_was_open_then() -> None:
    office = Office()
    office.arrives("inv-a", "R-1012")
    office.passes()
    office.arrives("inv-b", "R-1012", twin=True)
    office.passes()
    office.says("inv-a", InvoiceCancelled(reason="it never was"))
    office.passes()
    assert office.statuses() == {"inv-a": "cancelled", "inv-b": "valid"}, "a suspect goes on by itself"
    assert same(office).after.classes["suspected_duplicate"].documents == 1


def test_what_was_stopped_then_and_cleared_later() -> None:
    """The third is only asked about the second at the last look: before, that was stopped."""
    office = Office()
    office.arrives("inv-a", "R-1012")
    office.passes()
    office.arrives("inv-b", "R-1012", twin=True)
    office.passes()
    office.says("inv-a", ApprovalDecided(approved=True, approver="cora"))
    office.passes()
    office.says("inv-b", DuplicateCleared(reason="two deliveries"), twin=True)
    office.passes()
    assert office.statuses() == {"inv-a": "posting", "inv-b": "valid"}
    same(office)


def test_what_one_unit_of_work_handled_of_two_partitions() -> None:
    """The time of their recording does not tell which of them saw the other; what was found does."""
    for first, second in (("inv-a", "inv-b"), ("inv-b", "inv-a")):
        office = Office()
        office.arrives(first, "R-1012")
        office.arrives(second, "R-1012", twin=True)
        office.passes()
        assert office.statuses() == {first: "valid", second: "suspect"}
        same(office)


@contextmanager
def side_by_side() -> Iterator[None]:
    """Nobody sees what others have not committed."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(SqliteUnit, "similar", lambda self, looks: {})
        yield


def test_two_that_workers_handled_side_by_side() -> None:
    """Neither saw the other when it arrived: what was not committed was not there."""
    office = Office()
    office.arrives("inv-a", "R-1012")
    office.arrives("inv-b", "R-1012", twin=True)
    with side_by_side():
        for home in HOMES:
            office.worker().run(100, [partition_of(supplier_home(home), PARTITIONS)])
            office.clock.move(timedelta(milliseconds=1))
    assert office.statuses() == {"inv-a": "valid", "inv-b": "valid"}
    office.says("inv-a", ApprovalDecided(approved=True, approver="cora"))
    office.passes()
    assert office.statuses() == {"inv-a": "suspect", "inv-b": "valid"}
    same(office)


def test_it_is_posted_by_a_later_unit_of_work_and_sees_what_came_between() -> None:
    office = Office()
    office.told_and_approved("inv-a", without_order(number="R-1012"))
    office.worker().run(100)
    office.clock.move(MINUTE)
    office.arrives("inv-b", "R-1012", twin=True)
    with side_by_side():
        office.worker().run(100, [partition_of(supplier_home(TWIN.supplier_id), PARTITIONS)])
    office.clock.move(MINUTE)
    office.passes()
    assert office.statuses() == {"inv-a": "suspect", "inv-b": "valid"}
    same(office)


def test_a_bank_account_that_changes_between() -> None:
    """It was found under the account that it had."""
    office = Office()
    office.arrives("inv-a", "R-1012")
    office.passes()
    office.arrives("inv-b", "R-1012", twin=True)
    office.passes()
    moved = replace(TWIN, bank_account=BankAccount(iban="FR1420041010050500013M02606", holder=TWIN.name))
    office.tell(SupplierProposed(supplier=moved), TWIN.supplier_id, TWIN.supplier_id, "person:bea")
    office.passes()
    office.says("inv-b", DuplicateCleared(reason="two deliveries"), twin=True)
    office.says("inv-a", InvoiceCancelled(reason="it never was"))
    office.passes()
    same(office)


def test_lives_that_bear_another_name_are_found(monkeypatch: pytest.MonkeyPatch) -> None:
    office = Office()
    office.arrives("inv-a", "R-1012")
    office.passes()
    office.arrives("inv-b", "R-1012", twin=True)
    office.passes()
    office.says("inv-a", InvoiceCancelled(reason="it never was"))
    office.passes()
    monkeypatch.setattr(module, "_by_correlation", lambda store, names: iter(()))
    same(office)


def test_stricter_and_looser_rules_show_their_difference() -> None:
    office = Office()
    for name, number, twin in (("inv-a", "R-1012", False), ("inv-b", "R-7788", False), ("inv-c", "R-1012", True)):
        office.arrives(name, number, twin=twin)
    office.passes()
    assert office.statuses() == {"inv-a": "valid", "inv-b": "suspect", "inv-c": "suspect"}
    loose = replace(POLICY, duplicates=DuplicateRules(layers=("exact",)))
    found = under(office, loose, POLICY)
    assert {one.invoice_id: (one.before.result, one.after.result) for one in found.changes} == {
        "inv-b": ("suspect", "valid"),
        "inv-c": ("suspect", "valid"),
    }
    (inv_b, _) = sorted(found.changes, key=lambda one: one.invoice_id)
    assert "looks like" not in inv_b.after.words
    assert inv_b.before.problems[0].code == "suspected_duplicate"
    assert found.before.classes["suspected_duplicate"].documents == 2
    assert "suspected_duplicate" not in found.after.classes


def test_by_stricter_rules_the_later_of_two_is_stopped_even_if_one_unit_of_work_took_both() -> None:
    office = Office()
    office.arrives("inv-a", "R-1012")
    office.arrives("inv-b", "R-1012", twin=True)
    loose = replace(POLICY, duplicates=DuplicateRules(layers=("exact",)))
    worker = office.worker()
    worker._policies = loose
    while worker.run(100):
        pass
    assert office.statuses() == {"inv-a": "valid", "inv-b": "valid"}
    assert under(office, loose, loose).changed == 0
    found = under(office, POLICY, loose)
    assert [one.invoice_id for one in found.changes] in (["inv-a"], ["inv-b"])


#: What happens, to which of the invoices, and how long nothing does afterwards (0: what comes next is handled with it).
deeds = st.tuples(
    st.sampled_from(("arrives", "arrives", "approve", "deny", "cancel", "clear")),
    st.integers(0, 3),
    st.sampled_from((0, 1, 5, 5, 30)),
)
FACTS: dict[str, Fact] = {
    "approve": ApprovalDecided(approved=True, approver="cora"),
    "deny": ApprovalDecided(approved=False, approver="cora"),
    "cancel": InvoiceCancelled(reason="it never was"),
    "clear": DuplicateCleared(reason="two deliveries"),
}


def played(story: list[tuple[str, int, int]]) -> Office:
    office, arrived = Office(), list[tuple[str, bool]]()
    for deed, what, minutes in story:
        if deed == "arrives":
            name, twin = f"inv-{len(arrived) * 5 % 7}{len(arrived)}", bool(what & 1)
            arrived.append((name, twin))
            office.arrives(name, NUMBERS[what >> 1], twin=twin)
        elif arrived:
            name, twin = arrived[what % len(arrived)]
            office.says(name, FACTS[deed], twin=twin)
        if minutes:
            office.passes(minutes)
    office.passes()
    return office


@settings(max_examples=100, deadline=None)
@given(story=st.lists(deeds, min_size=2, max_size=16))
def test_whatever_happens_the_same_policy_changes_nothing(story: list[tuple[str, int, int]]) -> None:
    office = played(story)
    same(office)
    assert rebuild(office.store, PROCESSES).differences == ()
    found = under(office, start=office.clock.now() - 20 * MINUTE)
    assert (found.after, found.changes) == (found.before, ())
