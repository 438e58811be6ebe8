"""The systems of a small company: an ERP, an AP platform, a bank and a close tool, each as its kind behaves.

===========  ==================================================================================================
ERP          no idempotency key: what is sent twice is booked twice. It can be searched by our reference.
AP platform  takes an idempotency key. It decides about invoices and tells so under its own ids.
Bank         refuses a second file with the same number. Statuses are claims; only statements prove.
Close tool   takes an idempotency key.
===========  ==================================================================================================
"""

from collections.abc import Callable
from datetime import date
from decimal import Decimal
from itertools import count

from tieout.kernel.clock import period_of
from tieout.kernel.ids import fingerprint
from tieout.kernel.money import Money, multiply
from tieout.kernel.problem import Code, Problem
from tieout.model.documents import BankStatement, Invoice, PaymentRun, Posting, StatementEntry
from tieout.model.effects import (
    BookStatement,
    CreateOrder,
    PostInvoice,
    RecordPayment,
    RecordReturn,
    ReportReadiness,
    SendPaymentFile,
    SubmitInvoice,
)
from tieout.model.events import Message, Ref
from tieout.model.facts import (
    ApprovalDecided,
    EntriesNotified,
    Fact,
    InvoiceReceived,
    PaymentStatusReported,
    RunStatusReported,
    StatementReceived,
)
from tieout.ports import Applied, Effect, Manifest, Operation, Refused, Retry, Scope
from tieout.sim.target import LATE_SECONDS, Surroundings, Target

Chance = Callable[[str, str], float]
"""A number from 0 to 1 for a question about a document: the same question always gets the same answer."""


def chance(seed: int) -> Chance:
    """The business chances of one seed."""

    def ask(question: str, document: str) -> float:
        return int(fingerprint(f"{seed}/{question}/{document}".encode())[:8], 16) / 16**8

    return ask


class Erp(Target):
    """A ledger. ``payable`` is what it owes by invoice, ``cash`` what it believes to have at the bank. One that
    ``tells_holds`` blocks invoices at prices above the order by more than 2 %, as SAP does (P), and says so."""

    OPERATIONS = (
        "upsert_supplier",
        "create_order",
        "record_receipt",
        "post_invoice",
        "record_payment",
        "record_return",
        "book_statement",
        "post_journal",
    )

    def __init__(self, surroundings: Surroundings, ask: Chance, *, tells_holds: bool = False) -> None:
        operations = tuple(
            Operation(name=name, lookup=True, landing_seconds=LATE_SECONDS + 1, batch_size=5, lane="entity")
            for name in self.OPERATIONS
        )
        super().__init__(Manifest(system="erp", title="ERP", operations=operations, totals=("payable",)), surroundings)
        self._ask = ask
        self._tells_holds = tells_holds
        self._prices: dict[tuple[str, str], Decimal] = {}
        self._numbers = count(1)
        self._refused: set[str] = set()
        self.posted: dict[str, int] = {}
        self.payable: dict[str, int] = {}
        self.payments: set[str] = set()
        self.cash = 0

    def _take(self, effect: Effect) -> Applied | Refused | Retry:
        match effect.payload:
            case CreateOrder(order=order):
                self._prices |= {(order.order_id, line.line_id): line.unit_price for line in order.lines}
            case PostInvoice(invoice_id=invoice_id, invoice=invoice, post_on=post_on):
                return self._post(effect.key, invoice_id, invoice, post_on)
            case RecordPayment(payment=payment):
                self.payable[payment.invoice_id] -= payment.amount.minor
                self.payments.add(payment.payment_id)
            case RecordReturn(payment=payment):
                self.payable[payment.invoice_id] += payment.amount.minor
            case BookStatement(statement=statement):
                named = {entry.end_to_end_id for entry in statement.entries if entry.end_to_end_id}
                if not named <= self.payments:
                    return Retry(reason="the ERP does not know a payment of this statement yet", after_seconds=20.0)
                self.cash += statement.closing.minor - statement.opening.minor
            case _:
                pass
        return Applied(reference=f"{effect.operation}-{next(self._numbers)}")

    def _post(self, key: str, invoice_id: str, invoice: Invoice, post_on: date) -> Applied | Refused:
        if self._ask("the account is locked", key) < 0.10 and key not in self._refused:
            self._refused.add(key)
            return Refused(problems=(Problem(Code.POSTING_REFUSED, "account", detail="the account is locked"),))
        if self._ask("the ERP moves the date", key) < 0.05:
            post_on = date(post_on.year, post_on.month % 12 + 1, 1)
        self.posted[invoice_id] = self.posted.get(invoice_id, 0) + invoice.payable.minor
        self.payable[invoice_id] = self.payable.get(invoice_id, 0) + invoice.payable.minor
        number = f"ER-{next(self._numbers):05d}"
        posting = Posting(
            number=number,
            posted_on=post_on,
            period=period_of(post_on),
            gross=invoice.gross,
            tax=invoice.tax,
            holds=self._holds(invoice) if self._tells_holds else None,
        )
        return Applied(reference=number, posting=posting)

    def _holds(self, invoice: Invoice) -> tuple[str, ...]:
        for line in invoice.lines:
            ordered = self._prices.get((line.order_id, line.order_line_id))
            if ordered is not None and line.unit_price > multiply(ordered, Decimal("1.02")):
                return ("P",)
        return ()

    def _items(self, scope: Scope) -> dict[str, int]:
        return {invoice_id: minor for invoice_id, minor in self.payable.items() if minor}


class ApPlatform(Target):
    """Approvers at work. Decisions are told under the platform's own ids, sometimes twice, sometimes not at all."""

    def __init__(self, surroundings: Surroundings, ask: Chance) -> None:
        names = ("upsert_supplier", "submit_invoice", "report_posting", "report_payment")
        operations = tuple(Operation(name=name, native_key=True, batch_size=4) for name in names)
        manifest = Manifest(system="ap", title="AP platform", operations=operations, pulls=True)
        super().__init__(manifest, surroundings)
        self._ask = ask
        self._numbers = count(1)
        self._scanned: dict[str, str] = {}
        self._decided: set[str] = set()

    def _take(self, effect: Effect) -> Applied | Refused | Retry:
        match effect.payload:
            case SubmitInvoice(invoice=invoice):
                known = self._scanned.get(f"{invoice.supplier_id}/{invoice.number}")
                ap_id = known or f"ap-{next(self._numbers):06d}"
                if ap_id not in self._decided:
                    self.decide(ap_id)
                return Applied(reference=ap_id, links={"ap": ap_id})
            case _:
                return Applied(reference=f"{effect.operation}-{next(self._numbers)}")

    def scan(self, message: Message) -> None:
        """An invoice reaches us through the platform, which may have decided about it before it tells us of it."""
        data = message.data
        assert isinstance(data, InvoiceReceived)
        number = data.invoice.number
        self._scanned[f"{data.invoice.supplier_id}/{number}"] = data.system_id
        if self._ask("decided at once", data.system_id) < 0.4:
            self.decide(data.system_id)
        self._tell(message)

    def decide(self, ap_id: str) -> None:
        """What the approvers make of an invoice."""
        ask = self._ask
        self._decided.add(ap_id)
        if ask("denied", ap_id) < 0.10:
            self._say(ap_id, "1", ApprovalDecided(approved=False, approver="person:ann", reason="not ordered by us"))
            if ask("denied for good", ap_id) < 0.3:
                return
        approved = ApprovalDecided(approved=True, approver="person:ann")
        self._say(ap_id, "2", approved)
        if ask("told twice", ap_id) < 0.15:  # by its webhook and by its feed, which do not share keys
            self._say(ap_id, "2/webhook", approved)

    def _say(self, ap_id: str, number: str, data: Fact) -> None:
        message = Message(
            source="ap", key=f"decision/{ap_id}/{number}", data=data, ref=Ref("ap", ap_id), actor="system:ap"
        )
        self._tell(message)


class Bank(Target):
    """One account. Files are executed at once and booked at the end of the day; some payments fail or come back."""

    def __init__(self, surroundings: Surroundings, ask: Chance, *, iban: str, entity: str, opening: Money) -> None:
        file = Operation(name="send_payment_file", unique_number=True)
        super().__init__(Manifest(system="bank", title="Bank", operations=(file,), pulls=True), surroundings)
        self._ask = ask
        self._iban = iban
        self._entity = entity
        self._statements = count(1)
        self._entries = count(1)
        self._today: list[StatementEntry] = []
        self._tomorrow: list[StatementEntry] = []
        self._untold: list[Message] = []
        self.balance = opening
        self.opening = opening
        self.debits: dict[str, list[Money]] = {}
        self.returns: dict[str, Money] = {}

    def _take(self, effect: Effect) -> Applied | Refused | Retry:
        payload = effect.payload
        assert isinstance(payload, SendPaymentFile)
        run = payload.run
        if self._ask("the file is refused", run.run_id) < 0.04:
            return Refused(problems=(Problem(Code.EFFECT_REFUSED, "file", detail="the cut-off has passed"),))
        told = [self._about_run(run.run_id, "ACTC")]
        for payment in run.payments:
            told += self._execute(run, payment.payment_id, payment.amount)
        self._tell(*told)
        return Applied(reference=f"file/{run.run_id}")

    def _execute(self, run: PaymentRun, payment_id: str, amount: Money) -> list[Message]:
        if self._ask("rejected", payment_id) < 0.10:
            return [self._about(payment_id, "RJCT", "AC04")]
        debit = StatementEntry(
            entry_id=f"E{next(self._entries)}",
            amount=-amount,
            booked_on=self._around.clock.now().date(),
            end_to_end_id=payment_id,
        )
        self._today.append(debit)
        self.debits.setdefault(payment_id, []).append(amount)
        if self._ask("comes back", payment_id) < 0.12:
            self._tomorrow.append(
                StatementEntry(
                    entry_id=f"E{next(self._entries)}",
                    amount=amount,
                    booked_on=self._around.clock.now().date(),
                    end_to_end_id=payment_id,
                    return_reason="AC04" if self._ask("the account is closed", payment_id) < 0.5 else "MS03",
                )
            )
            self.returns[payment_id] = amount
        claims = [self._about(payment_id, status) for status in ("ACCP", "ACSP", "ACSC")]
        return claims[: 1 + int(self._ask("claims", payment_id) * 3)]

    def _about(self, payment_id: str, status: str, reason: str = "") -> Message:
        data = PaymentStatusReported(status=status, reason=reason)
        return Message(source="bank", key=f"{payment_id}/{status}", data=data, ref=Ref("bank", payment_id))

    def _about_run(self, run_id: str, status: str) -> Message:
        data = RunStatusReported(run_id=run_id, status=status)
        return Message(source="bank", key=f"{run_id}/{status}", data=data, ref=Ref("bank", run_id))

    def end_day(self) -> None:
        """Book the day and write its statement. Now and then a statement is delivered a day late, after the next."""
        number = next(self._statements)
        entries, self._today, self._tomorrow = self._today, self._tomorrow, []
        if self._ask("a bank fee", str(number)) < 0.3:
            fee = Money(-350, self.balance.currency)
            entries.append(self._fee(fee))
        today = self._around.clock.now().date()
        opening = self.balance
        for entry in entries:
            self.balance += entry.amount
        statement = BankStatement(
            statement_id=f"S{number:03d}",
            iban=self._iban,
            currency=opening.currency,
            opening=opening,
            closing=self.balance,
            opened_on=today,
            closed_on=today,
            entries=tuple(entries),
        )
        data = StatementReceived(statement=statement, entity=self._entity)
        told = [Message(source="bank", key=f"statement/{statement.statement_id}", data=data), *self._untold]
        self._untold = []
        if self._ask("delivered late", statement.statement_id) < 0.25 and number > 1:
            self._untold, told = told[:1], told[1:]
        elif self._ask("notified first", statement.statement_id) < 0.4:
            notified = EntriesNotified(iban=self._iban, entity=self._entity, entries=tuple(entries))
            told.insert(0, Message(source="bank", key=f"notified/{statement.statement_id}", data=notified))
        self._tell(*told)

    def tell_the_rest(self) -> None:
        """Deliver what was held back."""
        self._tell(*self._untold)
        self._untold = []

    def _fee(self, amount: Money) -> StatementEntry:
        return StatementEntry(
            entry_id=f"E{next(self._entries)}",
            amount=amount,
            booked_on=self._around.clock.now().date(),
            remittance="account fees",
        )


class CloseTool(Target):
    """Shows whether a period is ready."""

    def __init__(self, surroundings: Surroundings) -> None:
        operation = Operation(name="report_readiness", native_key=True)
        manifest = Manifest(system="close", title="Close tool", operations=(operation,), pulls=True)
        super().__init__(manifest, surroundings)
        self.ready: dict[str, bool] = {}

    def _take(self, effect: Effect) -> Applied | Refused | Retry:
        payload = effect.payload
        assert isinstance(payload, ReportReadiness)
        self.ready[payload.period] = payload.ready
        return Applied(reference=effect.key)
