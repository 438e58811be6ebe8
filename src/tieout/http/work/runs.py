"""What people decide about payment runs: to propose, to release, to call off."""

from datetime import date

import msgspec
from msgspec import Struct
from sqlalchemy import Connection

from tieout.engine.queries.liabilities import InvoiceFilter, InvoiceItem, list_invoices
from tieout.engine.queries.payments import RunItem, run_by_id
from tieout.http.callers import Caller, require
from tieout.http.problems import Fault, Trouble
from tieout.http.work.desk import SOURCE, Desk, check_reason
from tieout.kernel.ids import derive
from tieout.kernel.money import Money, total
from tieout.model import facts as f
from tieout.model.documents import BankAccount
from tieout.model.events import Lane, Message
from tieout.policy.calendars import execution_day
from tieout.policy.duties import same_actor
from tieout.processes.payment_run import PAYMENTS_MAX


class Proposed(Struct, frozen=True, kw_only=True):
    """A payment run that was proposed. It collects its payments now and is then ready for another person's release."""

    run_id: str
    count: int
    total: Money
    execute_on: date
    trace: str


class RunWish(Struct, frozen=True, kw_only=True):
    """What a run is to pay: everything of an entity and currency that is posted and due until a day."""

    entity: str
    due_until: date
    currency: str = ""
    execute_on: date | None = None
    supplier_id: str = ""


class RunWork(Desk):
    """Decisions about payment runs."""

    def propose_run(self, caller: Caller, wish: RunWish) -> Proposed:
        """Propose to pay what is due."""
        require(caller, "propose_payment")
        if caller.person.reach is not None and wish.entity not in caller.person.reach:
            raise Trouble("not_found", f"there is no entity {wish.entity!r}")
        settings = self._door.policy().entities.get(wish.entity)
        if settings is None or not settings.iban:
            detail = "has no bank account in the policy" if settings else "is no entity of the policy"
            raise Trouble("bad_value", f"{wish.entity!r} {detail}", errors=(Fault(where="/entity", detail=detail),))
        today = self._door.now().date()
        currency = wish.currency or settings.currency
        execute_on = wish.execute_on or execution_day(currency, today)
        if execute_on < today:
            fault = Fault(where="/execute_on", detail=f"must not be before {today}")
            raise Trouble("bad_value", f"{execute_on} is over", errors=(fault,))
        invoices = self.payable(caller, wish.entity, currency, wish.due_until, wish.supplier_id)
        if not invoices:
            raise Trouble("wrong_state", f"nothing in {currency} is posted, unpaid and due by {wish.due_until}")
        ids = [invoice.invoice_id for invoice in invoices]
        run_id = derive("run", wish.entity, settings.iban, currency, str(execute_on), *ids)
        fact = f.RunProposed(
            run_id=run_id,
            entity=wish.entity,
            debtor=BankAccount(iban=settings.iban, holder=settings.name, bic=settings.bic, currency=currency),
            currency=currency,
            execute_on=execute_on,
            items=tuple(
                f.RunItem(
                    payment_id=derive("pay", run_id, invoice.invoice_id),
                    invoice_id=invoice.invoice_id,
                    supplier_id=invoice.supplier_id,
                )
                for invoice in invoices
            ),
        )
        self._offer(
            Message(
                source=SOURCE,
                key=f"propose/{run_id}",
                data=fact,
                entity=wish.entity,
                actor=caller.person.actor,
                lane=Lane.CONTROL,
            )
        )
        amount = total((invoice.payable for invoice in invoices), currency)
        return Proposed(run_id=run_id, count=len(ids), total=amount, execute_on=execute_on, trace=f"/v1/trace/{run_id}")

    def payable(
        self, caller: Caller, entity: str, currency: str, due_until: date, supplier_id: str = ""
    ) -> tuple[InvoiceItem, ...]:
        """The invoices a run would pay: posted, with money to pay, those due first; as many as a run can have."""
        found: list[InvoiceItem] = []
        wanted = InvoiceFilter(
            status="posted",
            entity=entity,
            currency=currency,
            supplier_id=supplier_id,
            due_until=due_until,
            limit=500,
        )
        with self._door.database.read() as sql:
            while len(found) < PAYMENTS_MAX:
                page = list_invoices(sql, wanted, caller.person.reach)
                found += [invoice for invoice in page.items if invoice.payable.minor > 0]
                if not page.next:
                    break
                wanted = msgspec.structs.replace(wanted, after=page.next)
        return tuple(found[:PAYMENTS_MAX])

    def release_run(self, caller: Caller, run_id: str, nonce: str = "") -> str:
        """Release a run that another person proposed."""
        require(caller, "release_payment")
        with self._door.database.read() as sql:
            run = self._run(sql, caller, run_id)
            if same_actor(run.proposed_by, caller.person.actor):
                raise Trouble(
                    "same_person",
                    f"you proposed this run; somebody else must release it ({run.count} payments, {run.total})",
                )
            if run.status != "ready":
                raise Trouble("wrong_state", f"the run is {run.status}; only a run that is ready can be released")
            self._refuse_conflict_on(sql, caller, "release_payment", (run_id,), run.entity)
            self._tell(sql, caller, f.RunReleaseRequested(run_id=run_id), run_id, nonce)
        return "The release has been asked for; holds are looked at a last time before the file goes out."

    def cancel_run(self, caller: Caller, run_id: str, reason: str, nonce: str = "") -> str:
        """Call a run off that has not been released. Its proposer may, and whoever could release it."""
        if not caller.may("release_payment"):
            require(caller, "propose_payment")
        check_reason(reason)
        with self._door.database.read() as sql:
            run = self._run(sql, caller, run_id)
            if run.status != "ready":
                raise Trouble("wrong_state", f"the run is {run.status}; only a run that is ready can be called off")
            self._tell(sql, caller, f.RunCancelRequested(run_id=run_id, reason=reason), run_id, nonce)
        return "The run is being called off; its invoices are payable again."

    @staticmethod
    def _run(sql: Connection, caller: Caller, run_id: str) -> RunItem:
        run = run_by_id(sql, run_id, caller.person.reach)
        if run is None:
            raise Trouble("not_found", f"there is no payment run {run_id!r}")
        return run
