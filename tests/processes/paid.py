"""Suppliers with posted invoices that wait to be paid, and the steps of a run: the setting of the payment stories."""

from datetime import date
from decimal import Decimal

from tests.processes.story import Home, Story

from tieout.kernel.ids import derive
from tieout.kernel.money import Money
from tieout.kernel.problem import Problem
from tieout.model.documents import (
    Address,
    BankAccount,
    Invoice,
    InvoiceKind,
    InvoiceLine,
    Payment,
    RemittanceLine,
    StatementEntry,
    Supplier,
)
from tieout.model.effects import SendPaymentFile
from tieout.model.facts import (
    Fact,
    Outcome,
    PaymentWithheld,
    RunItem,
    RunProposed,
    RunReleaseRequested,
    RunStatusReported,
    SupplierProposed,
    account_home,
    supplier_home,
)
from tieout.policy.policy import EntityPolicy, Policy
from tieout.processes import case, invoice, payment, payment_run, statement, supplier
from tieout.processes.address import supplier_id_of

OURS = BankAccount(iban="DE89370400440532013000", holder="Acme GmbH", bic="COBADEFFXXX")
ACCOUNT = account_home(OURS.iban)
POLICY = Policy(
    entities={
        "de": EntityPolicy(name="Acme GmbH", currency="EUR", iban=OURS.iban, erp="tryton", ap="ap", bank="dresdner")
    }
)
PROCESSES = (
    supplier.PROCESS,
    invoice.PROCESS,
    payment.PROCESS,
    payment_run.PROCESS,
    statement.PROCESS,
    statement.ENTRY,
    case.PROCESS,
)
RUN = "run_1"
DAY = date(2026, 5, 12)
ALICE, BOB = "person:alice", "person:bob"
IBANS = ("FR1420041010050500013M02606", "NL91ABNA0417164300", "AT611904300234573201")
ONE = Decimal(1)
TAX_IDS = ("FR40303265045", "NL004495445B01", "ATU13585627")


class Paid:
    """One supplier with one posted invoice, and the payment that is to settle it."""

    def __init__(self, number: int, minor: int, currency: str = "EUR") -> None:
        self.supplier_id = supplier_id_of(TAX_IDS[number])
        self.invoice_id = f"inv_{number}"
        self.payment_id = derive("pay", RUN, self.invoice_id)
        self.amount = Money(minor, currency)
        self.account = BankAccount(iban=IBANS[number], holder=f"Supplier {number}")
        self.supplier = Supplier(
            supplier_id=self.supplier_id,
            name=f"Supplier {number}",
            tax_id=TAX_IDS[number],
            address=Address(town="Town", country=TAX_IDS[number][:2]),
            bank_account=self.account,
        )
        line = InvoiceLine(line_id="1", quantity=ONE, unit="EA", unit_price=self.amount.amount, net=self.amount)
        self.invoice = Invoice(
            kind=InvoiceKind.INVOICE,
            number=f"R-{number}",
            entity="de",
            supplier_id=self.supplier_id,
            supplier_tax_id=TAX_IDS[number],
            supplier_name=f"Supplier {number}",
            currency=currency,
            issued_on=date(2026, 5, 1),
            due_on=DAY,
            lines=(line,),
            net=self.amount,
            tax=Money.zero(currency),
            gross=self.amount,
        )
        self.home = supplier_home(self.supplier_id)
        self.item = RunItem(self.payment_id, self.invoice_id, self.supplier_id)

    @property
    def payment(self) -> Payment:
        return Payment(
            payment_id=self.payment_id,
            run_id=RUN,
            invoice_id=self.invoice_id,
            entity="de",
            supplier_id=self.supplier_id,
            amount=self.amount,
            creditor=self.account,
            remittance=self.invoice.number,
            creditor_address=self.supplier.address,
            invoices=(RemittanceLine(number=self.invoice.number, paid=self.amount, gross=self.amount),),
        )

    def entry(self, minor: int = 0, entry_id: str = "E1", **more: str) -> StatementEntry:
        amount = Money(minor or -self.amount.minor, self.amount.currency)
        return StatementEntry(entry_id=entry_id, amount=amount, booked_on=DAY, end_to_end_id=self.payment_id, **more)


A, B = Paid(0, 11_900), Paid(1, 5_000)


def world(*paid: Paid) -> Story:
    """Active suppliers with posted invoices. How they got there is told in other tests."""
    story = Story(POLICY, PROCESSES)
    for one in paid:
        story.tell(SupplierProposed(supplier=one.supplier))
        home: Home = story.homes[one.home]
        home.states["invoice", one.invoice_id] = invoice.State(one.invoice, "ap", 0, 0, status="posted")
    story.events.clear()
    return story


def propose(story: Story, *paid: Paid, actor: str = ALICE, currency: str = "EUR") -> list[Fact]:
    proposal = RunProposed(
        run_id=RUN,
        entity="de",
        debtor=OURS,
        currency=currency,
        execute_on=DAY,
        items=tuple(one.item for one in paid),
    )
    return story.tell(proposal, entity="de", actor=actor)


def release(story: Story, actor: str = BOB) -> list[Fact]:
    return story.tell(RunReleaseRequested(run_id=RUN), RUN, ACCOUNT, entity="de", actor=actor)


def deliver(story: Story, outcome: Outcome) -> list[Fact]:
    return story.settle(SendPaymentFile, RUN, outcome, "dresdner")


def report(story: Story, status: str, reason: str = "") -> list[Fact]:
    return story.tell(RunStatusReported(run_id=RUN, status=status, reason=reason), RUN, ACCOUNT, entity="de")


def released(*paid: Paid) -> Story:
    story = world(*paid)
    propose(story, *paid)
    release(story)
    return story


def kinds(facts: list[Fact]) -> list[type[Fact]]:
    return [type(fact) for fact in facts]


def statuses(story: Story, view: str) -> dict[str, str]:
    return {subject: row["status"] for subject, row in story.rows(view).items()}


def withheld(one: Paid, *problems: Problem) -> PaymentWithheld:
    return PaymentWithheld(payment_id=one.payment_id, run_id=RUN, problems=problems)
