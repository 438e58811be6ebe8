"""The people of the company: they look at the same views as the pages show, and act on what they see.

Some of them try what they must not do (release their own run, confirm their own change); the product has to refuse.
Everything they say has a key of its own, so a person who was cut off by a crash may say it again.
"""

from collections.abc import Callable, Iterator
from contextlib import suppress
from random import Random
from typing import Any

from tieout.engine.actions import Actions
from tieout.engine.policy_desk import PolicyDesk
from tieout.engine.stores.port import Store
from tieout.kernel.clock import Clock
from tieout.kernel.errors import PermanentError
from tieout.kernel.ids import derive
from tieout.model.documents import BankAccount
from tieout.model.events import Lane, Message
from tieout.model.facts import (
    AccrualRequested,
    BankChangeConfirmed,
    BankChangeRejected,
    CaseSettled,
    DuplicateCleared,
    Fact,
    InvoiceCancelled,
    PaymentsHeld,
    PaymentsReleased,
    RecheckRequested,
    RunItem,
    RunProposed,
    RunReleaseRequested,
    VarianceAccepted,
    account_home,
    supplier_home,
)
from tieout.sim.company import CURRENCY, ENTITY, OUR_IBAN, PERIOD, loaded

VERA, BEA, BO = "person:vera", "person:bea", "person:bo"
PIA, REX, IDA, RAY, CARL = "person:pia", "person:rex", "person:ida", "person:ray", "person:carl"
IRA, PAUL = "person:ira", "person:paul"
_OURS = BankAccount(iban=OUR_IBAN, holder="Muster GmbH")

Row = dict[str, Any]


class People:
    """What the people do when they come by. ``say`` offers a message until it is safely in the inbox."""

    def __init__(
        self,
        store: Store,
        actions: Callable[[], Actions],
        desk: Callable[[], PolicyDesk],
        clock: Clock,
        random: Random,
        say: Callable[[Message], None],
    ) -> None:
        self._store = store
        self._actions = actions
        self._desk = desk
        self._clock = clock
        self._random = random
        self._say = say
        self._runs = 0

    def come_by(self) -> None:
        """One round through all lists."""
        self.mend_refusals()
        self.work_cases()
        self.judge_bank_changes()
        self.release_holds()
        self.release_runs()
        self.propose_run()

    # ── payments ────────────────────────────────────────────────────────────────────────────────────────────────

    def propose_run(self) -> None:
        """Pay what is posted; now and then the same invoice is put into two runs."""
        due = [
            row
            for row in self._view("invoice")
            if row["status"] == "posted" and row["payable_minor"] > 0 and not row["payment_id"]
        ]
        if not due:
            return
        self._runs += 1
        run_id = f"RUN-{self._runs:02d}"
        items = tuple(RunItem(derive("pay", run_id, row["subject"]), row["subject"], row["supplier_id"]) for row in due)
        data = RunProposed(
            run_id=run_id,
            entity=ENTITY,
            debtor=_OURS,
            currency=CURRENCY,
            execute_on=self._clock.now().date(),
            items=items,
        )
        self._tell(PIA, f"propose/{run_id}", data, account_home(OUR_IBAN), run_id)

    def release_runs(self) -> None:
        """Rex releases; Pia, who proposed, sometimes tries to be quicker."""
        for row in self._view("payment_run"):
            if row["status"] != "ready":
                continue
            run_id = row["subject"]
            if self._random.random() < 0.3:
                self._release_run(PIA, run_id)
            self._release_run(REX, run_id)

    def _release_run(self, person: str, run_id: str) -> None:
        key = f"release/{run_id}/{person}/{self._moment()}"
        self._tell(person, key, RunReleaseRequested(run_id=run_id), account_home(OUR_IBAN), run_id)

    def hold_a_supplier(self) -> None:
        """Somebody does not trust a supplier any more."""
        suppliers = [row for row in self._view("supplier") if row["status"] == "active" and not row["hold_reason"]]
        if suppliers:
            supplier_id = self._random.choice(suppliers)["subject"]
            data = PaymentsHeld(supplier_id=supplier_id, reason="goods are in dispute")
            self._tell(RAY, f"hold/{supplier_id}/{self._moment()}", data, supplier_home(supplier_id), supplier_id)

    # ── suppliers ───────────────────────────────────────────────────────────────────────────────────────────────

    def judge_bank_changes(self) -> None:
        """Vera, who entered it, may try; Bea and Bo call the supplier back; one change in four is a fraud."""
        for row in self._view("supplier"):
            if not row["change_id"]:
                continue
            supplier_id, change_id = row["subject"], row["change_id"]
            if Random(change_id).random() < 0.25:
                rejected = BankChangeRejected(change_id=change_id, supplier_id=supplier_id, reason="they never asked")
                self._tell(BEA, f"reject/{change_id}", rejected, supplier_home(supplier_id), supplier_id)
                continue
            for person in self._random.choice(((VERA, BEA), (BEA, BO), (BEA, BEA), (BO,))):
                confirmed = BankChangeConfirmed(change_id=change_id, supplier_id=supplier_id, evidence="called back")
                key = f"confirm/{change_id}/{person}/{self._moment()}"
                self._tell(person, key, confirmed, supplier_home(supplier_id), supplier_id)

    def release_holds(self) -> None:
        """Another person than the one who held looks into it and lets payments go."""
        for row in self._view("supplier"):
            if row["hold_reason"].startswith("held by") and self._random.random() < 0.6:
                supplier_id = row["subject"]
                data = PaymentsReleased(supplier_id=supplier_id, reason="the account was verified")
                key = f"let-go/{supplier_id}/{self._moment()}"
                self._tell(REX, key, data, supplier_home(supplier_id), supplier_id)

    # ── cases ───────────────────────────────────────────────────────────────────────────────────────────────────

    def work_cases(self) -> None:
        """Work the open cases, as far as one can be worked now."""
        invoices = {row["subject"]: row for row in self._view("invoice")}
        for case in self._view("case"):
            if case["status"] == "open":
                self._work(case, invoices.get(case["document"]))

    def _work(self, case: Row, invoice: Row | None) -> None:
        kind, lot = case["case_class"], Random(case["subject"]).random()
        if invoice is not None and kind in ("price_variance", "quantity_variance", "missing_receipt", "order_mismatch"):
            if lot < 0.5 and kind != "missing_receipt":
                self._about(invoice, IDA, VarianceAccepted(reason="agreed with the buyer", about="match"))
            elif lot < 0.6:
                self._about(invoice, IDA, InvoiceCancelled(reason="the supplier sends a new one"))
        elif invoice is not None and kind == "posting_differs":
            self._about(invoice, IDA, VarianceAccepted(reason="corrected in the ERP", about="posting"))
        elif invoice is not None and kind in ("duplicate", "suspected_duplicate"):
            cleared = lot < (0.4 if kind == "suspected_duplicate" else 0.1)
            data: Fact = (
                DuplicateCleared(reason="a second delivery") if cleared else InvoiceCancelled(reason="the same")
            )
            self._about(invoice, IDA, data)
        elif invoice is not None and kind == "rejected_approval" and lot < 0.5:
            self._about(invoice, IDA, InvoiceCancelled(reason="not ours"))
        elif invoice is not None and kind == "quarantine":
            self._about(invoice, IDA, RecheckRequested(reason="does it work now?"))
        elif kind == "unmatched_entry":
            home = account_home(case["document"].partition("/")[0])
            data = CaseSettled(resolution="account fees, booked")
            self._tell(CARL, f"settle/{case['subject']}", data, home, case["subject"])

    def mend_refusals(self) -> None:
        """Integration people mend what a target refused, find out what nobody knows, and have it sent again."""
        for row in self._store.read_table("effect", None):
            if row["status"] in ("refused", "dead", "undecided") and row["operation"] != "send_payment_file":
                with suppress(PermanentError):  # somebody was quicker
                    self._actions().redeliver(row["id"], CARL, "unlocked")

    def requeue_quarantined(self) -> None:
        """The code is mended; what it broke on goes on."""
        for row in self._store.read_table("inbox", None):
            if row["status"] == "quarantined":
                with suppress(PermanentError):
                    self._actions().requeue(row["id"], CARL, "mended in this version")

    def request_accruals(self) -> None:
        """At the end of the month: accrue what came and was not billed."""
        for row in self._view("order"):
            if row["unaccrued_minor"]:
                _, order_id, supplier_id = row["subject"].split("/")
                data = AccrualRequested(entity=ENTITY, period=PERIOD, order_id=order_id, supplier_id=supplier_id)
                key = f"accrue/{row['subject']}/{self._moment()}"
                self._tell(CARL, key, data, supplier_home(supplier_id), row["subject"])

    # ── the policy ──────────────────────────────────────────────────────────────────────────────────────────────

    def govern(self, text: str) -> None:
        """Ira drafts another policy and tries it on the past; Paul approves it. One step each time."""
        desk, version = self._desk(), loaded(text).policy.version if text else ""
        release = desk.policies.releases().releases.get(version)
        with suppress(PermanentError):  # it is said already, or they wait for what they said
            if text and release is None:
                desk.draft(text, IRA)
            elif release is not None and release.trial is None:
                desk.attempt(version, IRA)
            elif release is not None and not release.approved_at:
                desk.approve(version, PAUL)

    # ── saying it ───────────────────────────────────────────────────────────────────────────────────────────────

    def _about(self, invoice: Row, person: str, data: Fact) -> None:
        invoice_id = invoice["subject"]
        key = f"{data.type}/{invoice_id}/{self._moment()}"
        self._tell(person, key, data, supplier_home(invoice["supplier_id"]), invoice_id)

    def _tell(self, person: str, key: str, data: Fact, home: str, subject: str) -> None:
        self._say(
            Message(
                source="person",
                key=key,
                data=data,
                home=home,
                subject=subject,
                entity=ENTITY,
                actor=person,
                lane=Lane.CONTROL,
            )
        )

    def _moment(self) -> str:
        return self._clock.now().isoformat()

    def _view(self, name: str) -> Iterator[Row]:
        return iter(sorted(self._store.read_table(f"view_{name}", None), key=lambda row: str(row["subject"])))
