"""The month, act by act. The outside acts in its own systems, people through tieout's API; tieout does the rest."""

from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

from tieout.formats.einvoice.ubl_write import Parties, write_ubl
from tieout.model.documents import BankAccount, Invoice, Supplier
from tieout_lab.month.eyes import Eyes
from tieout_lab.month.outside import Outside
from tieout_lab.month.people import Person, Refused
from tieout_lab.month.plan import Channel, Month, PlannedInvoice, Story, expected_posts, spare_iban
from tieout_lab.month.stage import Stage
from tieout_lab.tryton.faults import Faults
from tieout_lab.wait import until

ENTITIES = ("DE01", "GB01")
_BUYERS = {
    "DE01": ("DE136695976", "Northwind Handels GmbH", "DE"),
    "GB01": ("GB980780684", "Northwind Trading Ltd", "GB"),
}
_LONG = 300.0

#: Methods of the ERP whose answers are dropped and refused while the month runs: the writes.
_ERP_WRITES = ("model.*.create", "model.*.write", "model.*.post", "model.*.do", "model.*.confirm", "wizard.*.execute")


class Play:
    """Plays one month on one stage."""

    def __init__(self, stage: Stage, month: Month, tell: Callable[[str], None]) -> None:
        self._stage = stage
        self._month = month
        self._tell = tell
        self._outside = Outside(stage.lab)
        self._people = {name: Person(stage.url, key) for name, key in stage.keys.items()}
        self._suppliers = {supplier.supplier_id: supplier for supplier in month.suppliers}
        self._period = month.period
        self._tomorrow = month.pay_on + timedelta(days=1)
        self._due_until = month.pay_on + timedelta(days=90)
        self.eyes = Eyes(stage.database)
        self.refusals: list[str] = []
        self.handed_in = 0

    @property
    def outside(self) -> Outside:
        """The hands of the outside world."""
        return self._outside

    def run(self) -> None:
        """All acts, in order."""
        for title, act in (
            ("suppliers", self._act_suppliers),
            ("orders and receipts", self._act_orders),
            ("invoices, while answers are lost and a worker is killed", self._act_invoices),
            ("late receipts, credit notes, duplicates", self._act_second_wave),
            ("people work cases and approvals", self._act_people),
            ("payment runs, a bank change in the middle", self._act_payments),
            ("the bank: rejects, statements, a half-written file", self._act_bank),
            ("the changed account is confirmed and paid; a payment comes back", self._act_second_run),
            ("accruals and the close", self._act_close),
        ):
            self._tell(title)
            act()

    # ── acts ────────────────────────────────────────────────────────────────────────────────────────────────────

    def _act_suppliers(self) -> None:
        self._outside.register_webhook(f"{self._stage.url}/v1/webhooks/ap")
        self._outside.approval_limits({"EUR": "25000", "GBP": "20000"})
        for entity in ENTITIES:
            self._outside.open_period(entity, self._period)
            self._people["paul"].tell(
                "period.opened",
                f"open/{entity}/{self._period}",
                {"entity": entity, "period": self._period, "required_sources": ["ap", "procurement", "bank", "erp"]},
            )
        self._outside.bank_day(self._month.pay_on)
        for supplier in self._month.suppliers:
            self._outside.add_vendor(supplier)
        self._until(
            "all suppliers are active",
            lambda: self.eyes.by_status("supplier")["active"] == len(self._month.suppliers),
        )

    def _act_orders(self) -> None:
        self._outside.faults("procurement", {"changes.list": {"fail_every": 7}})
        for order in self._month.orders:
            self._outside.place_order(order, self._suppliers[order.supplier_id])
        for receipt in self._month.receipts:
            self._outside.receive(receipt)
        self._until("all orders are known", lambda: self.eyes.count("order") == len(self._month.orders))

    def _act_invoices(self) -> None:
        self._break_things()
        first = [one for one in self._month.invoices if one.wave == 1]
        half = len(first) // 2
        self._send_in(first[:half])
        self._until("the first invoices are posted", lambda: self.eyes.by_status("invoice")["posted"] >= 10)
        self._stage.kill_worker()
        self._send_in(first[half:])
        self._stage.start_worker()
        self._outside.faults("ap", {"invoices.posting": {"storm": 12}})
        self._until("every invoice has arrived", lambda: self.eyes.count("invoice") == len(first))

    def _act_second_wave(self) -> None:
        self._outside.release_late_receipts()
        self._send_in([one for one in self._month.invoices if one.wave == 2])
        self._until("every document has arrived", lambda: self.eyes.count("invoice") == len(self._month.invoices))

    def _act_people(self) -> None:
        disputed = [one for one in self._month.invoices if one.story in _ACCEPTED]
        self._until("the variances have cases", lambda: all(self._cases_of(one, "accept_variance") for one in disputed))
        for case_id in [case_id for one in disputed for case_id in self._cases_of(one, "accept_variance")[:1]]:
            self._people["erin"].act(case_id, "accept_variance", reason="agreed with the buyer")
        alike = [one for one in self._month.invoices if one.story is Story.LOOK_ALIKE]
        self._until("the look-alike has a case", lambda: any(self._cases_of(one, "clear_duplicate") for one in alike))
        for case_id in [case_id for one in alike for case_id in self._cases_of(one, "clear_duplicate")]:
            self._people["erin"].act(case_id, "clear_duplicate", reason="two deliveries, each with its own note")
        self._until("everything that can be posted is posted", self._all_posted, every=0.5)

    def _act_payments(self) -> None:
        month = self._month
        assert month.rejected_by_bank.bank_account
        self._outside.creditor(month.rejected_by_bank.bank_account.iban, "reject", "AC01")
        runs = [
            self._people["sam"].propose_run(entity, self._due_until, self._month.pay_on)["run_id"]
            for entity in ENTITIES
        ]
        self._until("the runs are ready", lambda: self.eyes.by_status("payment_run")["ready"] == len(runs))
        self._request_change(month.bank_change)
        for run_id in runs:
            try:
                self._people["sam"].release_run(run_id)
            except Refused as refusal:
                self.refusals.append(str(refusal))
            self._people["bob"].release_run(run_id)
        self._until("the files are at the bank", lambda: self.eyes.by_status("payment_run")["delivered"] == len(runs))

    def _act_bank(self) -> None:
        self._outside.faults("bank", {"files.write": {"half_written_every": 2, "half_written_pause_ms": 700}})
        self._until("the bank has answered", lambda: not self.eyes.ids("payment_run", claim=""))
        self._outside.book_fee("DE89370400440532013000", "12.50")
        self._outside.close_bank_day(self._tomorrow)
        self._until("the statements are booked", lambda: not self.eyes.by_status("payment")["claimed"])

    def _act_second_run(self) -> None:
        month = self._month
        change_id = f"change-{month.bank_change.tax_id}"
        for name in ("carol", "dave"):
            self._people[name].tell(
                "supplier.bank_change_confirmed",
                f"{change_id}/{name}",
                {
                    "change_id": change_id,
                    "supplier_id": month.bank_change.supplier_id,
                    "evidence": "called back on the number known before",
                },
            )
        self._until("the hold is over", lambda: not self._held(month.bank_change))
        assert month.returned_by_bank.bank_account
        run_id = self._people["alice"].propose_run("DE01", self._due_until, self._tomorrow)["run_id"]
        self._until("the second run is ready", lambda: run_id in self.eyes.ids("payment_run", status="ready"))
        self._people["bob"].release_run(run_id)
        self._until(
            "the second file is at the bank", lambda: run_id in self.eyes.ids("payment_run", status="delivered")
        )
        self._until("the bank has answered", lambda: not self.eyes.by_status("payment")["released"])
        self._outside.return_payment(month.returned_by_bank.bank_account.iban)
        self._outside.close_bank_day(self._tomorrow + timedelta(days=1))
        self._until("the statements are booked", lambda: not self.eyes.by_status("payment")["claimed"])
        self._until("the return is known", lambda: self.eyes.by_status("payment")["returned"] > 0)

    def _act_close(self) -> None:
        self._accrue()
        self._settle_unmatched()
        self._mend_things()
        self._until("all is quiet", self.eyes.quiet)
        self._until("the tasks are done", self._tasks_done, every=1.0)
        self._until(
            "a period is ready", lambda: "ready" in self.eyes.by_status("period", entity="GB01", period=self._period)
        )
        self._until("the books agree", lambda: self.eyes.quiet() and all(self.eyes.tie_outs()))

    # ── parts ───────────────────────────────────────────────────────────────────────────────────────────────────

    def _send_in(self, invoices: list[PlannedInvoice]) -> None:
        files: list[Path] = []
        for one in invoices:
            self.handed_in += 1
            match one.channel:
                case Channel.AP:
                    self._outside.capture(one.invoice)
                case Channel.PORTAL:
                    name = f"{one.invoice.number}.xml"
                    self._people["portal"].hand_in(_ubl(one.invoice, self._suppliers), name, "portal")
                case Channel.FOLDER:
                    file = self._stage.folder / "post" / f"{one.invoice.supplier_tax_id}-{one.invoice.number}.xml"
                    file.parent.mkdir(exist_ok=True)
                    file.write_bytes(_ubl(one.invoice, self._suppliers))
                    files.append(file)
        if files:
            self._stage.run("receive", "--channel", "folder", *map(str, files))

    def _break_things(self) -> None:
        """From now on answers get lost, calls are refused and messages come twice or in the wrong order."""
        self._stage.erp_faults(Faults(drop_answer_every=8, only_methods=_ERP_WRITES))
        self._outside.faults(
            "ap",
            {
                "webhooks.deliver": {"duplicate_every": 4, "reorder_every": 5, "lose_every": 11},
                "invoices.submit": {"drop_answer_every": 6, "fail_every": 10},
                "invoices.posting": {"drop_answer_every": 7},
                "invoices.payment": {"error_500_after_work_every": 9},
            },
        )

    def _mend_things(self) -> None:
        self._stage.erp_faults(Faults())
        for system in ("ap", "bank", "procurement"):
            self._outside.faults(system, dict.fromkeys(_RULES[system]))

    def _all_posted(self) -> bool:
        for number, invoice_id in enumerate(self._outside.waiting_for_approval()):
            self._outside.approve(invoice_id, ("frank", "grace")[number % 2])
        expected = sum(1 for _ in expected_posts(self._month))
        counts = self.eyes.by_status("invoice")
        return sum(counts[status] for status in _POSTED) >= expected

    def _cases_of(self, planned: PlannedInvoice, action: str) -> list[str]:
        """The open cases of an invoice that allow this."""
        asked = {"number": planned.invoice.number, "supplier_id": planned.invoice.supplier_id}
        found = self._people["erin"].get("/v1/invoices", **asked)["items"]
        return [
            case["case_id"]
            for invoice in found
            for case in self._people["erin"].get("/v1/cases", document=invoice["invoice_id"])["items"]
            if action in case["actions"]
        ]

    def _request_change(self, supplier: Supplier) -> None:
        account = BankAccount(iban=spare_iban(), holder=supplier.name, currency="EUR")
        self._people["mia"].request_bank_change(supplier.supplier_id, f"change-{supplier.tax_id}", account)
        self._until("payments to the supplier are held", lambda: self._held(supplier))

    def _held(self, supplier: Supplier) -> bool:
        return supplier.supplier_id not in self.eyes.ids("supplier", hold_reason="")

    def _tasks_done(self) -> bool:
        """DE01 keeps what waits for its disputed invoices; GB01 has nothing left to do."""
        return [self._outside.complete_tasks(entity, self._period) for entity in ENTITIES][-1] == 0

    def _accrue(self) -> None:
        """The general ledger accrues whatever was received and not invoiced at the end of the period."""
        for entity in ENTITIES:
            path = f"/v1/readiness/{entity}/{self._period}/unaccrued"
            for item in self._people["jane"].get(path)["items"]:
                _, order_id, supplier_id = item["item"].split("/")
                data = {
                    "entity": entity,
                    "period": self._period,
                    "order_id": order_id,
                    "supplier_id": supplier_id,
                }
                self._people["jane"].tell("accrual.requested", f"accrue/{order_id}", data)

    def _settle_unmatched(self) -> None:
        """The bank's fee is explained by a person."""
        for case in self._people["rita"].get("/v1/cases", case_class="unmatched_entry", limit=50)["items"]:
            self._people["rita"].act(case["case_id"], "settle_bank_case", reason="account fee, booked to bank charges")

    def _until(self, what: str, holds: Callable[[], bool], *, every: float = 0.1) -> None:
        until(what, holds, _LONG, every=every)


_ACCEPTED = {Story.PRICE_ACCEPTED, Story.QUANTITY_ACCEPTED}
_POSTED = ("posted", "reserved", "paid", "closed")
_RULES = {
    "ap": ("webhooks.deliver", "invoices.submit", "invoices.posting", "invoices.payment"),
    "bank": ("files.write",),
    "procurement": ("changes.list",),
}


def _ubl(invoice: Invoice, suppliers: dict[str, Supplier]) -> bytes:
    """The invoice as its supplier would send it."""
    supplier = suppliers.get(invoice.supplier_id)
    tax_id, name, country = _BUYERS[invoice.entity]
    parties = Parties(
        seller_country=supplier.address.country if supplier else "DE",
        buyer_tax_id=tax_id,
        buyer_name=name,
        buyer_country=country,
    )
    return write_ubl(invoice, parties)
