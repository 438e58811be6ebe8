"""Canonical records as JSON and back, and every writer through the one door."""

from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

import pytest
from msgspec import Struct
from msgspec.structs import replace

from tieout.formats.convert import RECORDS, WRITERS, convert, from_json, to_json
from tieout.formats.detect import read
from tieout.formats.iso20022.camt_cancellation import CancellationRequest, CancelledPayment
from tieout.formats.positive_pay.write import Check
from tieout.formats.reading import Context
from tieout.kernel.money import Money
from tieout.kernel.problem import Code, Problem
from tieout.model.documents import (
    Address,
    BankAccount,
    BusinessResponse,
    EnvelopeGroup,
    EnvelopePart,
    GoodsReceipt,
    Interchange,
    Invoice,
    InvoiceKind,
    InvoiceLine,
    JournalEntry,
    JournalLine,
    OrderLine,
    Payment,
    PaymentRun,
    PurchaseOrder,
    ReceiptLine,
    RemittanceAdvice,
    RemittanceLine,
)
from tieout.model.identity import supplier_id_of

AT = datetime(2026, 5, 12, 9, 30, tzinfo=UTC)
DAY = date(2026, 5, 12)
TAX_ID = "DE129273398"
SUPPLIER = supplier_id_of(TAX_ID)
OURS = Context(entities_by_tax_id={"DE136695976": "de", "ACME": "de"}, currencies={"de": "EUR"})


def eur(text: str) -> Money:
    return Money.of(Decimal(text), "EUR")


INVOICE = Invoice(
    kind=InvoiceKind.INVOICE,
    number="R-1",
    entity="de",
    supplier_id=SUPPLIER,
    supplier_tax_id=TAX_ID,
    supplier_name="Schrauben AG",
    currency="EUR",
    issued_on=DAY,
    due_on=DAY,
    lines=(
        InvoiceLine(
            line_id="1", quantity=Decimal(10), unit="C62", unit_price=Decimal(10), net=eur("100"), tax_rate=Decimal(19)
        ),
    ),
    net=eur("100"),
    tax=eur("19"),
    gross=eur("119"),
)
ORDER = PurchaseOrder(
    order_id="PO-1",
    entity="de",
    supplier_id=SUPPLIER,
    currency="EUR",
    ordered_on=DAY,
    lines=(OrderLine(line_id="1", item="bolt", quantity=Decimal(10), unit="C62", unit_price=Decimal("1.25")),),
)
RECEIPT = GoodsReceipt(
    receipt_id="GR-1",
    order_id="PO-1",
    entity="de",
    supplier_id=SUPPLIER,
    received_on=DAY,
    lines=(ReceiptLine(order_line_id="1", quantity=Decimal(10)),),
)
ADVICE = RemittanceAdvice(
    advice_id="pay-1",
    payer="Acme",
    payee="Schrauben AG",
    paid_on=DAY,
    amount=eur("119"),
    reference="pay-1",
    lines=(RemittanceLine(number="R-1", paid=eur("119"), gross=eur("119")),),
)
RECEIVED = Interchange(
    standard="x12",
    sender="PARTNER",
    receiver="ACME",
    control="000000905",
    groups=(EnvelopeGroup(kind="IN", control="7", version="004010", declared=1, counted=1),),
    parts=(EnvelopePart(kind="810", control="0001", group="7"),),
)
JOURNAL = JournalEntry(
    journal_id="J/1",
    entity="de",
    posted_on=DAY,
    text="accrual",
    lines=(JournalLine(account="4000", amount=eur("5")), JournalLine(account="1600", amount=eur("-5"))),
)


def run(currency: str, debtor: BankAccount, creditor: BankAccount) -> PaymentRun:
    payment = Payment(
        payment_id="pay-1",
        run_id="run-1",
        invoice_id="inv-1",
        entity="de",
        supplier_id=SUPPLIER,
        amount=Money(11_900, currency),
        creditor=creditor,
        remittance="R-1",
        creditor_address=Address(street="Ring 1", postal_code="10115", town="Berlin", country="DE"),
        invoices=(RemittanceLine(number="R-1", paid=Money(11_900, currency)),),
    )
    return PaymentRun(
        run_id="run-1", entity="de", debtor=debtor, execute_on=DAY, payments=(payment,), currency=currency
    )


SEPA = run(
    "EUR",
    BankAccount(iban="DE89370400440532013000", holder="Acme GmbH", bic="COBADEFFXXX"),
    BankAccount(iban="FR1420041010050500013M02606", holder="Schrauben AG"),
)
US = run(
    "USD",
    BankAccount(iban="", holder="Acme Inc", number="12345678", clearing="USABA021000021", kind="checking"),
    BankAccount(iban="", holder="Bolts Inc", number="87654321", clearing="USABA011000015", kind="checking"),
)
UK = run(
    "GBP",
    BankAccount(iban="", holder="Acme Ltd", number="12345678", clearing="GBDSC200415"),
    BankAccount(iban="", holder="Bolts Ltd", number="87654321", clearing="GBDSC400530"),
)
PARTNERS = {"sender": "ACME", "receiver": "PARTNER", "control": "42"}
#: What each writer is given here: records, and its settings.
GIVEN: dict[str, tuple[Struct, dict[str, Any]]] = {
    "ubl-invoice": (INVOICE, {"buyer_tax_id": "DE136695976", "buyer_name": "Acme GmbH"}),
    "peppol-invoice-response": (
        BusinessResponse(
            response_id="RE-1",
            about_kind="380",
            about_number="R-1",
            status="AP",
            sender="9930:DE136695976",
            receiver="9930:DE129273398",
            responded_on=DAY,
        ),
        {"buyer_name": "Acme GmbH", "seller_name": "Schrauben AG"},
    ),
    "csv-invoices": (INVOICE, {}),
    "ubl-order": (
        ORDER,
        {
            "buyer": {"name": "Acme GmbH", "tax_id": "DE136695976", "country": "DE"},
            "seller": {"name": "Schrauben AG", "tax_id": TAX_ID, "country": "DE"},
        },
    ),
    "csv-orders": (ORDER, {}),
    "csv-receipts": (RECEIPT, {}),
    "x12-850": (ORDER, PARTNERS),
    "x12-820": (ADVICE, PARTNERS),
    "x12-997": (RECEIVED, PARTNERS),
    "x12-999": (RECEIVED, PARTNERS),
    "edifact-contrl": (replace(RECEIVED, standard="edifact", groups=(), control="905"), PARTNERS),
    "edifact-remadv": (ADVICE, PARTNERS),
    "pain.001": (SEPA, {"profile": "sepa"}),
    "camt.056": (
        CancellationRequest(
            case_id="C-1",
            original_message_id="run-1",
            creator="Acme GmbH",
            assigner_bic="COBADEFFXXX",
            assignee_bic="DEUTDEFFXXX",
            reason="DUPL",
            payments=(CancelledPayment(end_to_end_id="pay-1", amount=eur("119")),),
        ),
        {},
    ),
    "ach": (
        US,
        {
            "destination": "021000021",
            "destination_name": "Bank",
            "origin": "1123456789",
            "origin_name": "Acme Inc",
            "company_id": "1123456789",
            "company_name": "Acme Inc",
        },
    ),
    "bacs": (UK, {"number": "123456", "name": "ACME LTD", "serial": "000001"}),
    "positive-pay": (Check(account="12345678", number="1001", amount=Money(100, "USD"), issued_on=DAY), {}),
    "csv-journals": (JOURNAL, {}),
    "saf-t": (
        JOURNAL,
        {
            "company": {
                "entity": "de",
                "registration_number": "974760673",
                "name": "Acme AS",
                "contact_first_name": "Anna",
                "contact_last_name": "Arne",
                "currency": "EUR",
            },
            "accounts": [
                {
                    "account_id": account,
                    "name": account,
                    "opening": {"minor": 0, "currency": "EUR"},
                    "closing": {"minor": minor, "currency": "EUR"},
                    "grouping_category": "RF",
                    "grouping_code": "4000",
                }
                for account, minor in (("4000", 500), ("1600", -500))
            ],
            "starts_on": date(2026, 5, 1),
            "ends_on": date(2026, 5, 31),
            "created_on": DAY,
        },
    ),
}
#: What we write for banks that we do not read ourselves.
WRITE_ONLY = {"pain.001", "camt.056", "bacs", "positive-pay"}


def test_every_writer_is_tried() -> None:
    assert set(GIVEN) == set(WRITERS)


@pytest.mark.parametrize("name", GIVEN)
def test_a_writer_writes_what_a_reader_proves(name: str) -> None:
    record, settings = GIVEN[name]
    written = convert([record], name, settings, AT)
    assert written.problems == ()
    assert written == convert([record], name, settings, AT), "the same input gives the same bytes"
    if name not in WRITE_ONLY:
        reading = read(written.body, context=OURS)
        assert reading.proof.holds, reading.diagnostics


@pytest.mark.parametrize("name", ["csv-invoices", "csv-orders", "csv-receipts", "csv-journals"])
def test_what_is_written_is_read_back_equal(name: str) -> None:
    record, settings = GIVEN[name]
    (back,) = read(convert([record], name, settings, AT).body, context=OURS).records
    # An invoice that was read names the document it came in.
    assert (replace(back, document="") if isinstance(back, Invoice) else back) == record


def test_canonical_json_gives_the_same_records_again() -> None:
    records = tuple(record for record, _ in GIVEN.values())
    assert {type(record).__name__ for record in records} <= set(RECORDS)
    assert from_json(to_json(records)) == records


@pytest.mark.parametrize(
    ("body", "where"),
    [
        (b"", ""),
        (b"[]", ""),
        (b'{"tieout": 1, "records": [{"record": "Invoice"}]}', ""),
        (b'{"tieout": 1, "records": [{"record": "Dream", "data": {}}]}', "records, 1"),
        (b'{"tieout": 1, "records": [{"record": "Invoice", "data": {}}]}', "records, 1"),
        (b"[" * 100_000, ""),
    ],
)
def test_what_is_no_canonical_json_is_told(body: bytes, where: str) -> None:
    found = from_json(body)
    assert isinstance(found, Problem)
    assert found.where == where


@pytest.mark.parametrize(
    ("records", "name", "settings", "code"),
    [
        pytest.param([ORDER], "pain.001", {}, Code.MISSING_FIELD, id="nothing that fits"),
        pytest.param([ORDER, ORDER], "ubl-order", GIVEN["ubl-order"][1], Code.BAD_VALUE, id="one document, two orders"),
        pytest.param([ORDER], "x12-850", {"sender": "ACME"}, Code.BAD_VALUE, id="settings missing"),
        pytest.param([ORDER], "x12-850", PARTNERS | {"colour": "red"}, Code.BAD_VALUE, id="settings unknown"),
    ],
)
def test_what_cannot_be_written_is_told(records: list[Struct], name: str, settings: dict[str, Any], code: Code) -> None:
    written = convert(records, name, settings, AT)
    assert (written.body, [problem.code for problem in written.problems]) == (b"", [code])
