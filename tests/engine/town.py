"""The engine with every process and one small company, for telling who does what on its documents."""

from collections.abc import Iterator
from datetime import date, timedelta
from typing import Any

import msgspec
from obstore.store import MemoryStore
from tests.engine.authored import Authored
from tests.engine.kit import START, _unread, memory_store
from tests.processes.company import IBAN, ORDER, ORDER_SUBJECT, POLICY, SUPPLIER, SUPPLIER_ID, bill, receipt

from tieout.engine.derived import to_event
from tieout.engine.intake import Intake, invoice_id
from tieout.engine.originals import Originals
from tieout.engine.rebuild import rebuild
from tieout.engine.seal import read_partition
from tieout.engine.unit_of_work import UnitOfWork
from tieout.kernel.clock import VirtualClock
from tieout.model import facts as f
from tieout.model.documents import BankAccount
from tieout.model.events import Event, Message
from tieout.model.facts import Fact, account_home, supplier_home
from tieout.policy.duties import Act
from tieout.policy.policy import Policy
from tieout.processes.address import address
from tieout.processes.registry import PROCESSES

PARTITIONS = 3
INVOICE = invoice_id("mail", "R-100")
RUN = "run-1"
PAYMENT = "pay-1"
OTHER = BankAccount(iban="FR1420041010050500013M02606", holder="Schrauben AG")
EFFECT = {"effect_id": "eff-1", "connector": "erp", "operation": "post_invoice"}

#: What can be done on one chain of documents: the name of it → the fact and its subject.
DEEDS: dict[str, tuple[Fact, str]] = {
    "propose_supplier": (f.SupplierProposed(supplier=SUPPLIER), SUPPLIER_ID),
    "request_bank_change": (
        f.BankChangeRequested(change_id="chg-1", supplier_id=SUPPLIER_ID, account=OTHER),
        SUPPLIER_ID,
    ),
    "confirm_bank_change": (f.BankChangeConfirmed(change_id="chg-1", supplier_id=SUPPLIER_ID), SUPPLIER_ID),
    "hold_payments": (f.PaymentsHeld(supplier_id=SUPPLIER_ID, reason="r"), SUPPLIER_ID),
    "release_hold": (f.PaymentsReleased(supplier_id=SUPPLIER_ID, reason="r"), SUPPLIER_ID),
    "place_order": (f.OrderPlaced(order=ORDER), ORDER_SUBJECT),
    "record_receipt": (f.GoodsReceived(receipt=receipt()), ORDER_SUBJECT),
    "enter_invoice": (f.InvoiceReceived(invoice=bill(), channel="mail"), INVOICE),
    "recheck_invoice": (f.RecheckRequested(reason="r"), INVOICE),
    "clear_duplicate": (f.DuplicateCleared(reason="r"), INVOICE),
    "accept_variance": (f.VarianceAccepted(reason="r"), INVOICE),
    "cancel_invoice": (f.InvoiceCancelled(reason="r"), INVOICE),
    "handle_effect": (f.EffectHandled(action="redelivered", reason="r", **EFFECT), INVOICE),
    "requeue_message": (f.MessageRequeued(inbox_id=1, reason="r"), INVOICE),
    "propose_payment": (
        f.RunProposed(
            run_id=RUN,
            entity="de",
            debtor=BankAccount(iban=IBAN, holder="Muster GmbH"),
            currency="EUR",
            execute_on=date(2026, 5, 12),
            items=(f.RunItem(PAYMENT, INVOICE, SUPPLIER_ID),),
        ),
        RUN,
    ),
    "release_payment": (f.RunReleaseRequested(run_id=RUN), RUN),
}


class Town:
    """Tell deeds; each is handled at once. ``authors`` wrote the policy."""

    def __init__(self, policy: Policy = POLICY, authors: tuple[Act, ...] = ()) -> None:
        self.store, self.clock = memory_store(), VirtualClock(START)
        self.intake = Intake(
            self.store, Originals(MemoryStore()), self.clock, partitions=PARTITIONS, read_document=_unread
        )
        self.policy, self.authors = policy, authors
        self._told = 0

    def do(self, deed: str, actor: str, source: str = "person", approver: str = "") -> list[Event]:
        """Somebody does something; returns what stands in the log because of it."""
        fact, subject = DEEDS[deed] if deed != "decide_approval" else (_approval(approver or actor), INVOICE)
        return self.tell(fact, subject, actor, source)

    def tell(self, fact: Fact, subject: str, actor: str, source: str = "person") -> list[Event]:
        """A fact comes in by whatever way."""
        before = {event.event_id for event in self.events()}
        self._told += 1
        key = "R-100" if isinstance(fact, f.InvoiceReceived) else str(self._told)
        found = address(fact)
        home = found[0] if found else account_home(IBAN) if subject == RUN else supplier_home(SUPPLIER_ID)
        source = "mail" if isinstance(fact, f.InvoiceReceived) else source
        message = Message(source=source, key=key, data=fact, home=home, subject=subject, entity="de", actor=actor)
        self.intake.offer([message])
        work = UnitOfWork(
            self.store,
            PROCESSES,
            Authored(self.policy, self.authors),
            self.clock,
            partitions=PARTITIONS,
            lane_of=lambda connector, operation, entity: connector,
        )
        while work.run(100):
            pass
        return [event for event in self.events() if event.event_id not in before]

    def state(self, process: str, subject: str) -> Any:
        """Where a document stands."""
        (kept,) = (one for one in PROCESSES if one.name == process)
        found = self.store.states([(process, subject)]).get((process, subject))
        return None if found is None else msgspec.json.decode(found, type=kept.state)

    def days_pass(self, days: int) -> None:
        self.clock.move(timedelta(days=days))

    def events(self) -> list[Event]:
        return list(self._events())

    def _events(self) -> Iterator[Event]:
        for partition in sorted(self.store.log_heads()):
            yield from map(to_event, read_partition(self.store, partition))

    def refused(self) -> list[f.DutiesRefused]:
        return [event.data for event in self.events() if isinstance(event.data, f.DutiesRefused)]

    def compensated(self) -> list[f.DutiesCompensated]:
        return [event.data for event in self.events() if isinstance(event.data, f.DutiesCompensated)]

    def rebuilds(self) -> bool:
        """Whether folding the log again gives what is there."""
        return rebuild(self.store, PROCESSES).differences == ()

    def cases(self) -> list[str]:
        """Class and reason of every case about duties."""
        rows = self.store.read_table("view_case", None)
        return [row["reason"] for row in rows if row["case_class"] == "duties_conflict"]


def _approval(approver: str) -> f.ApprovalDecided:
    return f.ApprovalDecided(approved=True, approver=approver)
