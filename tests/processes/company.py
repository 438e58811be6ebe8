"""A small company to tell stories about: one entity, one supplier, one order; every document can be varied."""

from datetime import date
from decimal import Decimal
from typing import Any

from msgspec.structs import replace
from tests.processes.story import Story

from tieout.kernel.money import Money
from tieout.model.documents import (
    Address,
    BankAccount,
    GoodsReceipt,
    Invoice,
    InvoiceKind,
    InvoiceLine,
    OrderLine,
    Posting,
    PurchaseOrder,
    ReceiptLine,
    Supplier,
)
from tieout.model.effects import PostInvoice, UpsertSupplier
from tieout.model.facts import (
    ApprovalDecided,
    GoodsReceived,
    InvoiceReceived,
    OrderPlaced,
    Outcome,
    SupplierProposed,
)
from tieout.model.identity import supplier_id_of
from tieout.policy.policy import EntityPolicy, Policy
from tieout.processes import case, effect, invoice, lookalike, order, supplier
from tieout.processes.address import order_subject

PROCESSES = (supplier.PROCESS, order.PROCESS, invoice.PROCESS, lookalike.PROCESS, effect.PROCESS, case.PROCESS)
POLICY = Policy(entities={"de": EntityPolicy(name="Muster GmbH", currency="EUR", country="DE")})
TAX_ID = "DE136695976"
SUPPLIER_ID = supplier_id_of(TAX_ID)
IBAN, OTHER_IBAN = "DE89370400440532013000", "FR1420041010050500013M02606"
SUPPLIER = Supplier(
    supplier_id=SUPPLIER_ID,
    name="Schrauben AG",
    tax_id=TAX_ID,
    address=Address(street="Ring 1", postal_code="10115", town="Berlin", country="DE"),
    bank_account=BankAccount(iban=IBAN, holder="Schrauben AG"),
)
ORDER = PurchaseOrder(
    order_id="PO-1",
    entity="de",
    supplier_id=SUPPLIER_ID,
    currency="EUR",
    ordered_on=date(2026, 4, 20),
    lines=(OrderLine(line_id="1", item="bolt", quantity=Decimal(10), unit="EA", unit_price=Decimal(10)),),
)
ORDER_SUBJECT = order_subject("de", "PO-1", SUPPLIER_ID)


def eur(amount: str) -> Money:
    return Money.of(Decimal(amount), "EUR")


def receipt(quantity: str = "10", receipt_id: str = "GR-1", on: date = date(2026, 5, 2)) -> GoodsReceipt:
    """A delivery against the only line of the order."""
    lines = (ReceiptLine(order_line_id="1", quantity=Decimal(quantity)),)
    return GoodsReceipt(
        receipt_id=receipt_id, order_id="PO-1", entity="de", supplier_id=SUPPLIER_ID, received_on=on, lines=lines
    )


def bill(quantity: str = "10", price: str = "10", number: str = "R-100", **changes: Any) -> Invoice:
    """An invoice for so many pieces of the only order line, with 19 % tax."""
    net = Money.rounded(Decimal(quantity) * Decimal(price), "EUR")
    tax = Money.rounded(net.amount * 19 / 100, "EUR")
    line = InvoiceLine(
        line_id="1",
        quantity=Decimal(quantity),
        unit="EA",
        unit_price=Decimal(price),
        net=net,
        tax_rate=Decimal(19),
        order_id=changes.pop("order_id", "PO-1"),
        order_line_id=changes.pop("order_line_id", "1"),
    )
    whole = Invoice(
        kind=InvoiceKind.INVOICE,
        number=number,
        entity="de",
        supplier_id=SUPPLIER_ID,
        supplier_tax_id=TAX_ID,
        supplier_name="Schrauben AG",
        currency="EUR",
        issued_on=date(2026, 5, 3),
        due_on=date(2026, 6, 2),
        lines=(line,),
        net=net,
        tax=tax,
        gross=net + tax,
    )
    return replace(whole, **changes)


def without_order(**changes: Any) -> Invoice:
    return bill(order_id="", order_line_id="", **changes)


def story(*, supplier: bool = True, order: bool = True, received: str = "10", policy: Policy = POLICY) -> Story:
    """The company with its supplier (held by both systems), its order and a delivery."""
    told = Story(policy, PROCESSES)
    if supplier:
        told.tell(SupplierProposed(supplier=SUPPLIER))
        for system in policy.supplier_systems:
            told.settle(UpsertSupplier, f"{SUPPLIER_ID}/v1", Outcome(status="applied", reference="S1"), system)
    if order:
        told.tell(OrderPlaced(order=ORDER), entity="de")
    if Decimal(received):
        told.tell(GoodsReceived(receipt=receipt(received)), entity="de")
    return told


def receive(told: Story, document: Invoice, system_id: str = "", actor: str = "system") -> str:
    """Tell that an invoice arrived, and give its id."""
    fact = InvoiceReceived(invoice=document, channel="email", system_id=system_id or f"ap-{document.number}")
    told.tell(fact, entity=document.entity, actor=actor)
    return told.links["ap", fact.system_id][1]


def approve(told: Story, invoice_id: str, *, approved: bool = True, approver: str = "anna", reason: str = "") -> None:
    told.tell(ApprovalDecided(approved=approved, approver=approver, reason=reason), invoice_id, entity="de")


def posting(document: Invoice, number: str = "2026/001", **changes: Any) -> Posting:
    """What an honest ERP holds."""
    day = document.issued_on
    held = Posting(number=number, posted_on=day, period=f"{day:%Y-%m}", gross=document.gross, tax=document.tax)
    return replace(held, **changes)


def post(told: Story, invoice_id: str, held: Posting) -> None:
    told.settle(PostInvoice, invoice_id, Outcome(status="applied", reference=f"erp-{held.number}", posting=held))


def names(facts: Any) -> list[str]:
    return [type(fact).__name__ for fact in facts]


def refold(told: Story) -> dict[tuple[str, str], Any]:
    """All states out of the events alone, as a rebuild does it. Subjects are unique over all homes."""
    states: dict[tuple[str, str], Any] = {}
    for event in told.events:
        for process in told.processes:
            route = process.routes.get(type(event.data))
            for subject in route(event) if route else ():
                states[process.name, subject] = process.evolve(states.get((process.name, subject)), event)
    return {key: state for key, state in states.items() if state is not None}


def states_of(told: Story) -> dict[tuple[str, str], Any]:
    """All states as they are."""
    found = (pair for home in told.homes.values() for pair in home.states.items())
    return {key: state for key, state in found if state is not None}
