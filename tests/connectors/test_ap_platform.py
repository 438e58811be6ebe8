"""The AP platform's connector against the lab's AP platform: real HTTP, and every way in which an answer gets lost."""

import json
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import httpx2
import pytest
from msgspec.structs import replace
from structlog.testing import capture_logs
from tests.lab.kit import client, eventually, ok, receiving, set_faults, struck
from tests.lab.kit import invoice as paper

from tieout.conformance.connector import ConnectorConformance, Misbehaviour
from tieout.connectors.ap_platform import ApConfig, ApPlatform, connect
from tieout.engine.intake import invoice_id as intake_invoice_id
from tieout.kernel.clock import VirtualClock
from tieout.kernel.errors import ConfigError
from tieout.kernel.ids import fingerprint
from tieout.kernel.money import Money
from tieout.kernel.problem import Code, Problem
from tieout.kernel.setdigest import add_digest
from tieout.model.documents import (
    Address,
    BankAccount,
    Invoice,
    InvoiceKind,
    InvoiceLine,
    Posting,
    Supplier,
    Total,
)
from tieout.model.effects import Payload, ReportPayment, ReportPosting, SubmitInvoice, UpsertSupplier, effect_id
from tieout.model.events import Message, Ref
from tieout.model.facts import ApprovalDecided, InvoiceReceived, SupplierProposed, encode_fact
from tieout.model.identity import supplier_id_of
from tieout.model.verdict import Verdict
from tieout.ports import Absent, Applied, Connector, Effect, Finding, Refused, Retry, Scope, Unknown
from tieout_lab import ap as ap_server
from tieout_lab.serving import Card, Hosted

NOW = datetime(2026, 9, 15, 8, 0, tzinfo=UTC)
TAX_ID = "DE123456788"
SUPPLIER = Supplier(
    supplier_id=supplier_id_of(TAX_ID),
    name="Papier Müller GmbH",
    tax_id=TAX_ID,
    address=Address(street="Ring 1", postal_code="10115", town="Berlin", country="DE"),
    bank_account=BankAccount(iban="NL91ABNA0417164300", holder="Papier Müller GmbH"),
)
MATCHED = Verdict(True, (), (), "v1")
NO_ORDER = Verdict(False, (), (), "v1")


class Kept:
    """Originals, in memory."""

    def __init__(self) -> None:
        self.bodies: dict[str, bytes] = {}

    def keep(self, body: bytes, *, name: str, media_type: str, channel: str) -> str:
        mark = fingerprint(body)
        self.bodies[mark] = body
        return mark


@pytest.fixture
def card(tmp_path: Path) -> Iterator[Card]:
    with Hosted(ap_server.build, tmp_path / "ap") as server:
        yield server.card


@pytest.fixture
def http(card: Card) -> Iterator[httpx2.Client]:
    """The door of the people on the platform."""
    with client(card) as session:
        yield session


@pytest.fixture
def kept() -> Kept:
    return Kept()


def open_ap(
    card: Card, kept: Kept | None = None, transport: httpx2.BaseTransport | None = None, **more: Any
) -> ApPlatform:
    config = ApConfig(**{"url": card.url, "api_key": "env:UNUSED", **more})
    return ApPlatform(config, card.secrets["api_key"], kept or Kept(), VirtualClock(NOW), transport=transport)


@pytest.fixture
def ap(card: Card, kept: Kept) -> Iterator[ApPlatform]:
    connector = open_ap(card, kept)
    yield connector
    connector.close()


def eur(amount: str) -> Money:
    return Money.of(Decimal(amount), "EUR")


def bill(number: str = "R-1", net: str = "100.00", *, entity: str = "DE01", **changes: Any) -> Invoice:
    """An invoice over ten reams, with 19 % tax."""
    amount = eur(net)
    tax = Money.rounded(amount.amount * 19 / 100, "EUR")
    line = InvoiceLine(
        line_id="1",
        quantity=Decimal(10),
        unit="C62",
        unit_price=amount.amount / 10,
        net=amount,
        tax_rate=Decimal(19),
        order_id="4500000001",
        order_line_id="10",
    )
    whole = Invoice(
        kind=InvoiceKind.INVOICE,
        number=number,
        entity=entity,
        supplier_id=SUPPLIER.supplier_id,
        supplier_tax_id=TAX_ID,
        supplier_name=SUPPLIER.name,
        currency="EUR",
        issued_on=date(2026, 9, 1),
        due_on=date(2026, 10, 1),
        lines=(line,),
        net=amount,
        tax=tax,
        gross=amount + tax,
    )
    return replace(whole, **changes)


def effect(payload: Payload, key: str) -> Effect:
    operation = payload.operation
    return Effect(
        effect_id=effect_id("ap", operation, key),
        operation=operation,
        key=key,
        entity="DE01",
        subject=key,
        correlation=key,
        payload=payload,
    )


def submitting(invoice_id: str = "inv-1", invoice: Invoice | None = None, verdict: Verdict = MATCHED) -> Effect:
    return effect(
        SubmitInvoice(invoice_id=invoice_id, invoice=invoice or bill(invoice_id), verdict=verdict), invoice_id
    )


def posting(invoice_id: str = "inv-1", invoice: Invoice | None = None) -> Effect:
    gross = (invoice or bill(invoice_id)).gross
    held = Posting(number=f"E-{invoice_id}", posted_on=date(2026, 9, 3), period="2026-09", gross=gross)
    return effect(ReportPosting(invoice_id=invoice_id, posting=held), invoice_id)


def paying(
    invoice_id: str = "inv-1", payment_id: str = "pay-1", status: str = "booked", on: date = date(2026, 9, 20)
) -> Effect:
    payload = ReportPayment(invoice_id=invoice_id, payment_id=payment_id, status=status, on=on)
    return effect(payload, f"{payment_id}/{status}")


def upserting(supplier: Supplier = SUPPLIER, version: int = 1) -> Effect:
    return effect(UpsertSupplier(supplier=supplier), f"{supplier.supplier_id}/v{version}")


def only(results: Sequence[Any]) -> Any:
    (result,) = results
    return result


def invoices(http: httpx2.Client, **by: str) -> list[Any]:
    found: list[Any] = ok(http.get("/v1/invoices", params=by))["items"]
    return found


def capture(http: httpx2.Client, **more: Any) -> Any:
    return ok(http.post("/v1/captures", json=paper(**more)))


def decide(http: httpx2.Client, ap_id: str, decision: str = "approve", by: str = "erin", comment: str = "") -> Any:
    body = {"decision": decision, "by": by, "comment": comment}
    return ok(http.post(f"/v1/invoices/{ap_id}/approval", json=body))


def told(ap: ApPlatform, cursor: str = "") -> list[Message]:
    return list(ap.pull(cursor).messages)


class TestSetUp:
    def test_the_secret_comes_by_reference_and_is_shown_nowhere(self, card: Card, tmp_path: Path) -> None:
        (tmp_path / "key").write_text(card.secrets["api_key"])
        settings = {"url": card.url, "api_key": "file:key", "webhook_secret": "file:key"}
        connector = connect("inkwell", settings, tmp_path, Kept())
        assert connector.manifest.system == "inkwell"
        assert connector.pull("").messages == ()
        assert card.secrets["api_key"] not in f"{connector!r} {connector.manifest!r}"

    @pytest.mark.parametrize(
        ("wrong", "told"),
        [
            ({"url": "ftp://ap"}, "url must be"),
            ({"api-key": "x"}, "api-key"),
            ({"api_key": "hunter2"}, "must be a reference"),
            ({"entities": {"1": "DE01", "2": "DE01"}}, "entity of its own"),
            ({"timeout_seconds": 0}, "timeout_seconds"),
        ],
    )
    def test_a_wrong_setting_is_named(self, tmp_path: Path, wrong: dict[str, Any], told: str) -> None:
        with pytest.raises(ConfigError, match=told):
            connect("ap", {"url": "https://ap", "api_key": "env:NONE", **wrong}, tmp_path, Kept())

    def test_a_wrong_key_calls_an_operator(self, card: Card) -> None:
        connector = ApPlatform(ApConfig(url=card.url, api_key=""), "wrong-key", Kept(), VirtualClock(NOW))
        with pytest.raises(ConfigError, match="api_key") as error:
            connector.apply([submitting()])
        assert "wrong-key" not in str(error.value)

    def test_a_wrong_address_calls_an_operator(self, card: Card) -> None:
        """Somebody else answers there, in words that are not the platform's."""
        elsewhere = httpx2.MockTransport(lambda _request: httpx2.Response(404, content=b"<html>no such page</html>"))
        with pytest.raises(ConfigError, match="check the url"):
            open_ap(card, transport=elsewhere).apply([submitting()])


class TestSubmitting:
    def test_it_is_handed_over_with_its_verdict(self, ap: ApPlatform, http: httpx2.Client) -> None:
        result = only(ap.apply([submitting()]))
        assert result == Applied(reference="ap-000001")
        (held,) = invoices(http)
        assert (held["reference"], held["state"], held["gross"]) == (
            "inv-1",
            "in_approval",
            {"amount": "119.00", "currency": "EUR"},
        )
        assert held["match"]["verdict"] == "matched"
        assert held["lines"][0]["poLine"] == "10"

    def test_twice_is_once(self, ap: ApPlatform, http: httpx2.Client) -> None:
        assert only(ap.apply([submitting()])) == only(ap.apply([submitting()]))
        assert len(invoices(http)) == 1

    def test_what_names_no_order_is_left_to_people(self, ap: ApPlatform, http: httpx2.Client) -> None:
        ok(http.put("/_lab/approval-rule", json={"limits": {"EUR": "1000.00"}}))
        ap.apply([submitting("inv-1", verdict=NO_ORDER), submitting("inv-2")])
        eventually(lambda: invoices(http, reference="inv-2")[0]["state"] == "approved")
        (held,) = invoices(http, reference="inv-1")
        assert (held["state"], held["match"]["verdict"]) == ("in_approval", "discrepant")
        assert [found["code"] for found in held["match"]["discrepancies"]] == ["no_order"]

    def test_accepted_problems_are_told_with_their_evidence(self, ap: ApPlatform, http: httpx2.Client) -> None:
        problem = Problem(Code.PRICE_OVER_LIMIT, "line 1", "10.00 EUR", "11.00 EUR", detail="accepted by a person")
        ap.apply([submitting(verdict=Verdict(True, (problem,), (), "v1"))])
        assert invoices(http)[0]["match"]["discrepancies"] == [
            {
                "code": "price_over_limit",
                "where": "line 1",
                "expected": "10.00 EUR",
                "actual": "11.00 EUR",
                "text": "accepted by a person",
            }
        ]

    def test_approvers_see_the_holds_it_will_be_posted_with_and_that_it_agrees_later(
        self, ap: ApPlatform, http: httpx2.Client
    ) -> None:
        problem = Problem(Code.QUANTITY_OVER_RECEIVED, "line 1", "5 EA", "10 EA")
        failed = Verdict(False, (problem,), (), "v1", holds=("QTY REC",))
        told = SubmitInvoice(invoice_id="inv-1", invoice=bill("inv-1"), verdict=failed, hold=failed.holds)
        ap.apply([effect(told, "inv-1")])
        held = invoices(http)[0]["match"]
        assert (held["verdict"], held["holds"]) == ("discrepant", ["QTY REC"])
        ap.apply([effect(replace(told, verdict=MATCHED, hold=()), "inv-1/matched")])
        (invoice,) = invoices(http)
        assert (invoice["match"]["verdict"], invoice["match"].get("holds", [])) == ("matched", [])

    def test_a_credit_note_stays_one(self, ap: ApPlatform, http: httpx2.Client) -> None:
        ap.apply([submitting(invoice=bill(kind=InvoiceKind.CREDIT_NOTE, credits_number="R-0"))])
        (held,) = invoices(http)
        assert (held["documentType"], held["creditedInvoiceNumber"]) == ("CREDIT_NOTE", "R-0")

    def test_one_it_captured_gets_its_verdict_and_no_double(self, ap: ApPlatform, http: httpx2.Client) -> None:
        captured = capture(http)
        (message,) = told(ap)
        assert isinstance(message.data, InvoiceReceived)
        invoice_id = intake_invoice_id(message.source, message.key)
        result = only(ap.apply([submitting(invoice_id, message.data.invoice)]))
        assert result == Applied(reference=captured["id"])
        (held,) = invoices(http)
        assert (held["reference"], held["state"]) == (invoice_id, "in_approval")

    def test_another_capture_with_its_number_is_not_it(self, ap: ApPlatform, http: httpx2.Client) -> None:
        """The one that came to us by another channel is first; what the platform captured later is a duplicate."""
        captured = capture(http, number="R-1")
        result = only(ap.apply([submitting("inv-from-elsewhere", bill("R-1"))]))
        assert isinstance(result, Applied)
        assert result.reference != captured["id"]
        assert [held.get("reference", "") for held in invoices(http)] == ["", "inv-from-elsewhere"]

    def test_the_second_of_two_captures_is_found_among_many(self, card: Card, http: httpx2.Client) -> None:
        ap = open_ap(card, page_size=1)
        capture(http)
        second = capture(http)
        messages = [*told(ap, "0"), *told(ap, "1")]
        invoice_id = intake_invoice_id("ap", messages[1].key)
        data = messages[1].data
        assert isinstance(data, InvoiceReceived)
        assert only(ap.apply([submitting(invoice_id, data.invoice)])) == Applied(reference=second["id"])

    def test_our_entities_are_called_by_their_names(self, card: Card, http: httpx2.Client) -> None:
        ap = open_ap(card, entities={"0100": "DE01"})
        ap.apply([submitting()])
        assert invoices(http)[0]["entity"] == "0100"


class TestReports:
    def test_posting_and_payment(self, ap: ApPlatform, http: httpx2.Client) -> None:
        ap.apply([submitting()])
        assert only(ap.apply([posting()])) == Applied(reference="ap-000001")
        (held,) = invoices(http)
        assert (held["state"], held["posting"]["documentNumber"]) == ("posted", "E-inv-1")
        assert only(ap.apply([paying()])) == Applied(reference="ap-000001")
        assert invoices(http)[0]["state"] == "paid"
        assert only(ap.apply([paying(status="returned", on=date(2026, 9, 22))])) == Applied(reference="ap-000001")
        (held,) = invoices(http)
        assert (held["state"], held["payment"]["status"]) == ("posted", "returned")

    def test_an_older_report_does_not_win(self, ap: ApPlatform, http: httpx2.Client) -> None:
        """Its answer was lost, the payment came back, and only then it is sent again."""
        ap.apply([submitting()])
        ap.apply([paying(status="returned", on=date(2026, 9, 22))])
        assert only(ap.apply([paying(on=date(2026, 9, 20))])) == Applied(reference="ap-000001")
        assert invoices(http)[0]["payment"]["status"] == "returned"

    def test_what_it_does_not_know_is_refused(self, ap: ApPlatform) -> None:
        for unknown in (posting("inv-9"), paying("inv-9")):
            result = only(ap.apply([unknown]))
            assert isinstance(result, Refused)
            assert result.problems[0].code is Code.LINK_UNKNOWN

    def test_its_own_refusal_is_told_in_its_words(self, ap: ApPlatform, http: httpx2.Client) -> None:
        ap.apply([submitting()])
        decide(http, "ap-000001", "reject")
        result = only(ap.apply([posting()]))
        assert isinstance(result, Refused)
        assert "invoice_rejected" in result.problems[0].detail


class TestSuppliers:
    def test_a_supplier_is_held_with_our_details(self, ap: ApPlatform, http: httpx2.Client) -> None:
        assert only(ap.apply([upserting()])) == Applied(reference="sup-000001")
        (held,) = ok(http.get("/v1/suppliers"))["items"]
        assert (held["reference"], held["changedBy"]) == (SUPPLIER.supplier_id, "tieout")
        assert held["bankAccounts"] == [{"iban": "NL91ABNA0417164300", "holder": "Papier Müller GmbH"}]

    def test_an_older_version_is_not_taken_for_the_newer(self, ap: ApPlatform) -> None:
        newer = upserting(replace(SUPPLIER, bank_account=None), 2)
        ap.apply([upserting()])
        assert isinstance(ap.probe(upserting()), Applied)
        assert ap.probe(newer) == Absent()
        ap.apply([newer])
        assert isinstance(ap.probe(newer), Applied)
        assert ap.probe(upserting()) == Absent()

    def test_our_own_echo_is_no_news_and_what_others_do_is_a_proposal(
        self, ap: ApPlatform, http: httpx2.Client
    ) -> None:
        ap.apply([upserting()])
        assert told(ap) == []
        account = {"iban": "FR1420041010050500013M02606", "holder": "Mallory"}
        changed = {"name": SUPPLIER.name, "taxId": TAX_ID, "bankAccounts": [account]}
        ok(http.put(f"/v1/suppliers/{SUPPLIER.supplier_id}", json=changed, headers={"X-User": "mallory"}))
        (message,) = told(ap)
        assert (message.key, message.actor) == ("supplier/sup-000001/2", "person:mallory")
        assert isinstance(message.data, SupplierProposed)
        assert message.data.supplier.bank_account == BankAccount(**account)


#: What is written, where the answer to it is lost, and what must be there before.
WRITES = [
    pytest.param(upserting(), "suppliers.put", [], id="supplier"),
    pytest.param(submitting(), "invoices.match", [], id="verdict"),
    pytest.param(posting(), "invoices.posting", [submitting()], id="posting"),
    pytest.param(paying(), "invoices.payment", [submitting(), posting()], id="payment"),
]
LOST = [
    pytest.param({"drop_answer_every": 1, "strikes_max": 1}, id="cut connection"),
    pytest.param({"error_500_after_work_every": 1, "strikes_max": 1}, id="500 after work"),
]


class TestLostAnswers:
    @pytest.mark.parametrize("fault", LOST)
    @pytest.mark.parametrize(("write", "operation", "before"), WRITES)
    def test_unknown_then_found(
        self, ap: ApPlatform, http: httpx2.Client, write: Effect, operation: str, before: list[Effect], fault: Any
    ) -> None:
        for each in before:
            assert isinstance(only(ap.apply([each])), Applied)
        set_faults(http, **{operation: fault})
        assert isinstance(only(ap.apply([write])), Unknown)
        assert sum(struck(http)[operation].values()) == 1
        found = ap.probe(write)
        assert isinstance(found, Applied)
        assert only(ap.apply([write])) == found
        assert len(invoices(http)) == (0 if operation == "suppliers.put" else 1)
        assert len(ok(http.get("/v1/suppliers"))["items"]) == (1 if operation == "suppliers.put" else 0)

    @pytest.mark.parametrize("fault", LOST)
    def test_handed_over_without_an_answer_goes_on_where_it_was_cut_off(
        self, ap: ApPlatform, http: httpx2.Client, fault: Any
    ) -> None:
        """The invoice landed, its verdict was never sent: not yet applied, and never handed over twice."""
        set_faults(http, invoices__submit=fault)
        assert isinstance(only(ap.apply([submitting()])), Unknown)
        assert ap.probe(submitting()) == Absent()
        result = only(ap.apply([submitting()]))
        assert result == Applied(reference="ap-000001")
        assert ap.probe(submitting()) == result
        (held,) = invoices(http)
        assert held["state"] == "in_approval"

    @pytest.mark.parametrize(("write", "operation", "before"), WRITES)
    def test_it_lands_after_we_gave_up_waiting(
        self, card: Card, http: httpx2.Client, write: Effect, operation: str, before: list[Effect]
    ) -> None:
        patient, hasty = open_ap(card), open_ap(card, timeout_seconds=0.15)
        patient.apply(before[:1])
        patient.apply(before[1:])
        set_faults(http, **{operation: {"delay_ms": 400, "strikes_max": 1}})
        assert isinstance(only(hasty.apply([write])), Unknown)
        assert isinstance(eventually(lambda: _applied(patient.probe(write))), Applied)

    @pytest.mark.parametrize(("write", "operation", "before"), WRITES)
    def test_a_storm_is_waited_out(
        self, ap: ApPlatform, http: httpx2.Client, write: Effect, operation: str, before: list[Effect]
    ) -> None:
        ap.apply(before[:1])
        ap.apply(before[1:])
        set_faults(http, **{operation: {"storm": 2, "retry_after_s": 7}})
        for _ in range(2):
            result = only(ap.apply([write]))
            assert isinstance(result, Retry)
            assert result.after_seconds == 7.0
        assert isinstance(only(ap.apply([write])), Applied)

    def test_too_many_calls_are_waited_out(self, ap: ApPlatform, http: httpx2.Client) -> None:
        set_faults(http, **{"*": {"fail_every": 1, "fail_status": 429, "retry_after_s": 3, "strikes_max": 1}})
        result = only(ap.apply([submitting()]))
        assert isinstance(result, Retry)
        assert result.after_seconds == 3.0

    def test_nobody_there_means_nothing_was_sent(self, card: Card) -> None:
        ap = open_ap(card, url="http://127.0.0.1:1")
        results = ap.apply([submitting("inv-1"), submitting("inv-2")])
        assert [type(result) for result in results] == [Retry, Retry]
        assert isinstance(ap.probe(submitting()), Unknown)

    def test_a_bad_row_does_not_hide_the_good_ones(self, ap: ApPlatform, http: httpx2.Client) -> None:
        bad = bill("R-2", gross=eur("1.00"))
        results = ap.apply([submitting("inv-1"), submitting("inv-2", bad), submitting("inv-3")])
        assert [type(result) for result in results] == [Applied, Refused, Applied]
        assert "sums_differ" in results[1].problems[0].detail  # type: ignore[union-attr]
        assert [held["reference"] for held in invoices(http)] == ["inv-1", "inv-3"]


def _applied(finding: Finding) -> Finding | None:
    return finding if isinstance(finding, Applied) else None


class TestPull:
    def test_a_capture_is_an_invoice_with_its_original(self, ap: ApPlatform, http: httpx2.Client, kept: Kept) -> None:
        file = {"fileName": "r.pdf", "mediaType": "application/pdf", "content": "JVBERi0xLjc="}
        capture(http, number="R-7", file=file)
        page = ap.pull("")
        (message,) = page.messages
        assert (message.source, message.key, message.actor) == ("ap", "capture/ap-000001", "system:ap")
        data = message.data
        assert isinstance(data, InvoiceReceived)
        assert (data.system_id, data.channel) == ("ap-000001", "ap")
        mark = fingerprint(b"%PDF-1.7")
        assert data.invoice == Invoice(
            kind=InvoiceKind.INVOICE,
            number="R-7",
            entity="DE01",
            supplier_id=SUPPLIER.supplier_id,
            supplier_tax_id=TAX_ID,
            supplier_name=SUPPLIER.name,
            currency="EUR",
            issued_on=date(2026, 9, 1),
            due_on=date(2026, 10, 1),
            lines=(
                InvoiceLine(
                    line_id="1",
                    quantity=Decimal(10),
                    unit="C62",
                    unit_price=Decimal("10.00"),
                    net=eur("100.00"),
                    order_id="4500000001",
                    order_line_id="10",
                ),
            ),
            net=eur("100.00"),
            tax=eur("19.00"),
            gross=eur("119.00"),
            document=mark,
        )
        assert kept.bodies == {mark: b"%PDF-1.7"}
        assert (page.more, page.observed_at) == (False, NOW)

    def test_the_feed_is_observed_only_to_its_end(self, card: Card, http: httpx2.Client) -> None:
        ap = open_ap(card, page_size=1)
        capture(http)
        capture(http)
        first = ap.pull("")
        second = ap.pull(first.cursor)
        assert (first.more, first.observed_at) == (True, None)
        assert (second.more, second.observed_at) == (False, NOW)
        assert ap.pull("") == first
        assert ap.pull(second.cursor).cursor == second.cursor

    @pytest.mark.parametrize(("decision", "approved"), [("approve", True), ("reject", False)])
    def test_a_person_decides(self, ap: ApPlatform, http: httpx2.Client, decision: str, approved: bool) -> None:
        ap.apply([submitting()])
        decide(http, "ap-000001", decision, "erin", "so be it")
        (message,) = told(ap)
        assert (message.ref, message.actor) == (Ref("ap", "ap-000001"), "person:erin")
        assert isinstance(message.data, ApprovalDecided)
        assert (message.data.approved, message.data.approver, message.data.reason) == (
            approved,
            "person:erin",
            "so be it",
        )
        assert message.data.decided_at is not None

    def test_a_rule_decides_and_is_no_person(self, ap: ApPlatform, http: httpx2.Client) -> None:
        ok(http.put("/_lab/approval-rule", json={"limits": {"EUR": "1000.00"}}))
        ap.apply([submitting()])
        (message,) = eventually(lambda: told(ap))
        assert message.actor == "system:ap"
        assert isinstance(message.data, ApprovalDecided)
        assert (message.data.approved, message.data.approver) == (True, "rule: low value")

    def test_each_decision_is_a_message_of_its_own(self, ap: ApPlatform, http: httpx2.Client) -> None:
        ap.apply([submitting()])
        decide(http, "ap-000001", "reject")
        decide(http, "ap-000001", "approve")
        first, second = told(ap)
        assert first.key != second.key

    def test_a_row_that_cannot_be_read_is_kept_and_does_not_hide_the_others(
        self, ap: ApPlatform, http: httpx2.Client, kept: Kept
    ) -> None:
        capture(http, number="R-1")
        capture(http, number="R-2", invoiceDate="2026-02-31")
        capture(http, number="R-3")
        with capture_logs() as logs:
            messages = told(ap)
        numbers = [message.data.invoice.number for message in messages if isinstance(message.data, InvoiceReceived)]
        assert numbers == ["R-1", "R-3"]
        (log,) = logs
        assert "ap-000002: invoiceDate" in log["error"]
        assert json.loads(kept.bodies[log["kept_as"]])["data"]["invoiceNumber"] == "R-2"

    def test_a_supplier_without_a_tax_id_is_for_people_to_find_out(self, ap: ApPlatform, http: httpx2.Client) -> None:
        capture(http, supplier={"name": "Nobody Ltd"})
        (message,) = told(ap)
        assert isinstance(message.data, InvoiceReceived)
        assert message.data.invoice.supplier_tax_id == ""
        assert message.data.invoice.supplier_id == supplier_id_of("Nobody Ltd")

    def test_an_original_that_is_gone_does_not_stop_the_feed(self, card: Card, http: httpx2.Client, kept: Kept) -> None:
        capture(http, file={"fileName": "r.pdf", "mediaType": "application/pdf", "content": "JVBERi0xLjc="})

        class Gone(httpx2.HTTPTransport):
            def handle_request(self, request: httpx2.Request) -> httpx2.Response:
                if request.url.path.endswith("/file"):
                    return httpx2.Response(404, json={"error": {"code": "no_file", "message": "it is gone"}})
                return super().handle_request(request)

        with capture_logs() as logs:
            messages = told(open_ap(card, kept, Gone()))
        assert len(messages) == 1
        assert [log["event"] for log in logs] == ["original_missing"]


class TestWebhooks:
    def test_the_feed_tells_what_the_webhooks_told(self, card: Card, ap: ApPlatform, http: httpx2.Client) -> None:
        file = {"fileName": "r.pdf", "mediaType": "application/pdf", "content": "JVBERi0xLjc="}
        with receiving(card.secrets["webhook_secret"]) as receiver:
            ok(http.post("/v1/webhook-endpoints", json={"url": receiver.url}))
            capture(http, file=file)
            ap.apply([upserting(), submitting()])
            decide(http, "ap-000002")
            decide(http, "ap-000001", "reject")
            eventually(lambda: len(receiver.got) == 5)
            calls = list(receiver.got)
        heard = [message for call in calls for message in ap.read_webhook({"webhook-id": call[0]}, _bytes(call[1]))]
        fed = told(ap)
        assert [_identity(message) for message in heard] == [_identity(message) for message in fed]
        assert heard == fed
        assert len(fed) == 3

    @pytest.mark.parametrize(
        "body",
        [
            b"",
            b"\xff",
            b"[]",
            b'"text"',
            b"{}",
            b'{"type": "capture.completed", "timestamp": "2026-09-01T00:00:00Z", "data": {"id": 7}}',
            b'{"type": "capture.completed", "timestamp": "2026-09-01T00:00:00Z", "data": null}',
        ],
    )
    def test_what_cannot_be_read_is_a_value_error(self, ap: ApPlatform, body: bytes) -> None:
        with pytest.raises(ValueError):
            ap.read_webhook({}, body)

    def test_what_is_none_of_our_business_is_nothing(self, ap: ApPlatform) -> None:
        body = {"type": "coffee.ready", "timestamp": "2026-09-01T00:00:00Z", "data": {}}
        assert ap.read_webhook({}, _bytes(body)) == ()


def _bytes(body: Any) -> bytes:
    return json.dumps(body).encode()


def _identity(message: Message) -> tuple[str, str, str]:
    """What the inbox recognises a message by."""
    return message.source, message.key, fingerprint(encode_fact(message.data))


class TestTotals:
    def test_open_items_are_what_is_approved_or_posted_and_not_paid(self, ap: ApPlatform, http: httpx2.Client) -> None:
        credit = bill("inv-3", "10.00", kind=InvoiceKind.CREDIT_NOTE)
        notes = {"inv-1": bill("inv-1"), "inv-2": bill("inv-2", "50.00"), "inv-3": credit, "inv-4": bill("inv-4")}
        ap.apply([submitting(name, invoice) for name, invoice in notes.items()])
        ap.apply([submitting("other", bill("other", entity="GB01"))])
        for ap_id in ("ap-000001", "ap-000002", "ap-000005"):
            decide(http, ap_id)
        ap.apply([posting("inv-2", notes["inv-2"]), posting("inv-3", credit), posting("inv-4")])
        ap.apply([paying("inv-4")])
        open_now = {"inv-1": 11900, "inv-2": 5950, "inv-3": -1190}
        assert ap.totals(Scope(name="open_items", entity="DE01", currency="EUR")) == _total(open_now)
        posted = {"inv-2": 5950, "inv-3": -1190}
        assert ap.totals(Scope(name="payable", entity="DE01", currency="EUR", period="2026-09")) == _total(posted)
        assert ap.totals(Scope(name="open_items", entity="DE01", currency="GBP")).count == 0

    def test_a_capture_counts_under_the_id_it_has_with_us(self, ap: ApPlatform, http: httpx2.Client) -> None:
        capture(http)
        decide(http, "ap-000001")
        invoice_id = intake_invoice_id("ap", "capture/ap-000001")
        assert ap.totals(Scope(name="open_items", entity="DE01", currency="EUR")) == _total({invoice_id: 11900})

    def test_it_reads_page_after_page(self, card: Card, http: httpx2.Client) -> None:
        ap = open_ap(card, page_size=2)
        names = [f"inv-{number}" for number in range(5)]
        ap.apply([submitting(name) for name in names])
        ap.apply([posting(name) for name in names])
        total = ap.totals(Scope(name="open_items", entity="DE01", currency="EUR"))
        assert total == _total(dict.fromkeys(names, 11900))

    def test_an_unknown_name_is_named(self, ap: ApPlatform) -> None:
        with pytest.raises(ConfigError, match="cash"):
            ap.totals(Scope(name="cash", entity="DE01", currency="EUR"))


def _total(items: dict[str, int]) -> Total:
    digest = 0
    for item, minor in items.items():
        digest = add_digest(digest, item, minor)
    return Total(count=len(items), sum_minor=sum(items.values()), currency="EUR", set_hash=digest, as_of=NOW)


class Unruly(httpx2.HTTPTransport):
    """A network that goes wrong on every write, in one way. A verdict is the last write of a submission, so that is
    where the answer of one is lost."""

    def __init__(self) -> None:
        super().__init__()
        self.how: Misbehaviour | None = None

    def handle_request(self, request: httpx2.Request) -> httpx2.Response:
        if self.how == "unavailable":
            raise httpx2.ConnectError("refused")
        if self.how is None or request.method == "GET":
            return super().handle_request(request)
        if self.how == "answer lost before the work":
            raise httpx2.ReadError("cut")
        answer = super().handle_request(request)
        answer.read()
        if self.how == "answer lost after the work" and request.method == "PUT":
            raise httpx2.ReadTimeout("too late")
        return httpx2.Response(200, content=b"<html>") if self.how == "nonsense" else answer


class TestConformance(ConnectorConformance):
    """Each connector made works for an entity of its own, so one server will do for all of them."""

    @pytest.fixture(autouse=True)
    def _serve(self, card: Card, http: httpx2.Client) -> None:
        self._card, self._http, self._round = card, http, 0
        self.secrets = (card.secrets["api_key"],)
        self._unruly: list[tuple[Connector, Unruly]] = []

    def make(self) -> Connector:
        self._round += 1
        transport = Unruly()
        connector = open_ap(self._card, transport=transport)
        self._unruly.append((connector, transport))
        return connector

    @property
    def _entity(self) -> str:
        return f"E{self._round}"

    def _invoice(self, number: int) -> tuple[str, Invoice]:
        name = f"inv-{self._round}-{number}"
        return name, bill(name, entity=self._entity)

    def effects(self, operation: str, count: int) -> Sequence[Effect]:
        return [self._effect(operation, number) for number in range(count)]

    def _effect(self, operation: str, number: int) -> Effect:
        name, invoice = self._invoice(number)
        match operation:
            case "upsert_supplier":
                supplier_id = supplier_id_of(name)
                return upserting(replace(SUPPLIER, supplier_id=supplier_id, tax_id=name))
            case "submit_invoice":
                return submitting(name, invoice)
            case "report_posting":
                return posting(name, invoice)
            case _:
                return paying(name, f"pay-{name}")

    def prepare(self, connector: Connector, effects: Sequence[Effect]) -> None:
        if effects[0].operation in ("report_posting", "report_payment"):
            for number in range(len(effects)):
                assert isinstance(connector.apply([submitting(*self._invoice(number))])[0], Applied)

    def refused(self, operation: str) -> Effect:
        match operation:
            case "upsert_supplier":
                return upserting(replace(SUPPLIER, supplier_id="sup-nameless", name=""))
            case "submit_invoice":
                return submitting("inv-bad", bill("inv-bad", gross=eur("1.00")))
            case "report_posting":
                return posting("inv-bad")
            case _:
                return paying("inv-bad")

    @contextmanager
    def misbehaving(self, connector: Connector, how: Misbehaviour) -> Iterator[None]:
        transport = next(transport for made, transport in self._unruly if made is connector)
        transport.how = how
        try:
            yield
        finally:
            transport.how = None

    def held(self, connector: Connector, effect: Effect) -> int:
        payload = effect.payload
        if isinstance(payload, UpsertSupplier):
            by = {"reference": payload.supplier.supplier_id}
            return len(ok(self._http.get("/v1/suppliers", params=by))["items"])
        assert isinstance(payload, SubmitInvoice | ReportPosting | ReportPayment)
        found = invoices(self._http, reference=payload.invoice_id)
        part = {"submit_invoice": "id", "report_posting": "posting", "report_payment": "payment"}[effect.operation]
        return sum(part in one for one in found)

    def totals_of(self, effects: Sequence[Effect]) -> dict[Scope, Total]:
        operation = effects[0].operation
        names = [self._invoice(number)[0] for number in range(len(effects))]
        open_now = dict.fromkeys(names, 11900) if operation == "report_posting" else {}
        return {Scope(name="open_items", entity=self._entity, currency="EUR"): _total(open_now)}
