"""Questions are answered from the views, for machines as for people."""

from typing import Any

import jsonschema
import pytest
from openapi_spec_validator import validate
from prometheus_client.parser import text_string_to_metric_families
from tests.http.events import received, rows
from tests.web.books import Books
from tests.web.fixtures import Client, key_of

from tieout.http.facts import ACTION_OF, schema_of
from tieout.model.facts import FACTS, Fact
from tieout.policy.duties import ACTIONS


@pytest.fixture
def reading(books: Books) -> dict[str, str]:
    return key_of(books, "otto")


def invoice_row(books: Books, number: str) -> dict[str, Any]:
    return next(row for row in rows(books, "view_invoice") if row["number"] == number)


def test_the_same_life_is_found_by_any_id_of_any_system(books: Books, client: Client, reading: dict[str, str]) -> None:
    row = invoice_row(books, "AW-26-0417")
    payment = next(one for one in rows(books, "view_payment") if one["invoice_id"] == row["subject"])
    links = [one["external_id"] for one in rows(books, "link") if one["subject"] == row["subject"]]
    effect = next(one["id"] for one in rows(books, "effect") if one["subject"] == row["subject"])
    ids = [row["subject"], row["number"], row["erp_number"], payment["subject"], row["document"], effect, *links]
    assert len(links) >= 2
    lives = [client.get(f"/v1/trace/{one}", headers=reading).json() for one in ids if one]
    assert {life["subject"] for life in lives} == {row["subject"]}


def test_a_life_reaches_from_arrival_to_the_banks_entry(books: Books, client: Client, reading: dict[str, str]) -> None:
    life = client.get("/v1/trace/2026-88120", headers=reading).json()
    types = [step["type"] for step in life["steps"]]
    order = [
        "invoice.received",
        "invoice.matched",
        "invoice.approval_decided",
        "invoice.posted",
        "payment_run.proposed",
        "payment.reserved",
        "payment_run.release_requested",
        "payment.released",
        "payment_run.delivered",
        "payment.booked",
        "invoice.paid",
        "invoice.closed",
    ]
    assert [one for one in types if one in order and types.count(one) == 1] == order
    assert {step["lane"] for step in life["steps"]} >= {"ap", "tieout", "erp", "bank", "people"}
    assert {write["effect"]["status"] for write in life["writes"]} == {"applied"}
    assert {write["effect"]["operation"] for write in life["writes"]} >= {
        "submit_invoice",
        "post_invoice",
        "report_posting",
        "send_payment_file",
        "record_payment",
        "report_payment",
    }
    assert [payment["status"] for payment in life["payments"]] == ["booked"]
    # Another invoice of the same run is not part of it.
    other = invoice_row(books, "AW-26-0417")["subject"]
    assert other not in {step["subject"] for step in life["steps"]}


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        ("Adler", None),
        ("PO-1001", "order"),
        ("DE01/2026-05", "period"),
        ("DE94500105170000004711", "account"),
        ("CS-105", None),
        ("no such thing", None),
    ],
)
def test_finding(client: Client, reading: dict[str, str], text: str, kind: str | None) -> None:
    hits = client.get("/v1/find", params={"q": text}, headers=reading).json()["items"]
    if kind:
        assert hits[0]["kind"] == kind
    if text == "CS-105":
        assert [hit["title"] for hit in hits] == [
            "Invoice CS-10551, Castellan Steel Ltd",
            "Invoice CS-10552, Castellan Steel Ltd",
        ]
    if text == "no such thing":
        assert hits == []


def test_liabilities_agree_with_the_invoices_they_are_made_of(
    books: Books, client: Client, reading: dict[str, str]
) -> None:
    found = client.get("/v1/liabilities", headers=reading).json()
    owed = [row for row in rows(books, "view_invoice") if row["status"] in ("posted", "reserved")]
    sums: dict[str, int] = {}
    for row in owed:
        sums[row["currency"]] = sums.get(row["currency"], 0) + row["payable_minor"]
    assert {one["amount"]["currency"]: one["amount"]["minor"] for one in found["totals"]} == sums
    by_due: dict[str, int] = {}
    for one in found["due"]:
        by_due[one["currency"]] = by_due.get(one["currency"], 0) + one["amount"]["minor"]
    assert by_due == sums
    listed = client.get("/v1/invoices?payable=true", headers=reading).json()["items"]
    assert {one["invoice_id"] for one in listed} == {row["subject"] for row in owed}


def test_pages_of_a_list_join_without_gap_or_overlap(client: Client, reading: dict[str, str]) -> None:
    whole = client.get("/v1/invoices?limit=500", headers=reading).json()
    assert whole["next"] == ""
    seen, after = [], ""
    while True:
        page = client.get("/v1/invoices", params={"limit": 4, "after": after}, headers=reading).json()
        seen += page["items"]
        if not (after := page["next"]):
            break
    assert seen == whole["items"]
    cases = client.get("/v1/cases?status=&limit=200", headers=reading).json()
    paged = [
        case
        for offset in range(0, cases["total"], 5)
        for case in client.get(f"/v1/cases?status=&limit=5&offset={offset}", headers=reading).json()["items"]
    ]
    assert paged == cases["items"]


def test_readiness_names_the_exact_documents(books: Books, client: Client, reading: dict[str, str]) -> None:
    (period,) = client.get("/v1/readiness?entity=DE01", headers=reading).json()["items"]
    assert (period["status"], period["blockers"]["unposted"]) == ("not_ready", 7)
    found = client.get("/v1/readiness/DE01/2026-05/unposted", headers=reading).json()["items"]
    assert len(found) == 7
    statuses = {row["subject"]: row["status"] for row in rows(books, "view_invoice")}
    assert {statuses[one["item"]] for one in found} <= {"mismatched", "suspect", "posting_failed", "invalid"}
    standing = next(one for one in period["standings"] if one["name"] == "unposted")
    assert (standing["count"], standing["amount"]["minor"]) == (7, sum(one["amount"]["minor"] for one in found))


def test_effects_that_need_a_person_come_with_their_reason(client: Client, reading: dict[str, str]) -> None:
    found = client.get("/v1/effects", headers=reading).json()["items"]
    assert {one["status"] for one in found} == {"refused", "undecided"}
    assert all(one["error"] for one in found)
    assert client.get("/v1/effects?status=applied", headers=reading).json()["items"] == []


def test_health_and_readiness_need_no_account(client: Client) -> None:
    assert client.get("/healthz").json() == {"status": "alive"}
    assert client.get("/readyz").json() == {"status": "ready"}


def test_metrics_are_well_formed_and_tell_the_business(books: Books, client: Client) -> None:
    families = {family.name: family for family in text_string_to_metric_families(client.get("/metrics").text)}
    cases = families["tieout_cases_open"].samples
    assert sum(sample.value for sample in cases) == sum(row["status"] == "open" for row in rows(books, "view_case"))
    late = families["tieout_cases_overdue"].samples
    assert 0 < sum(sample.value for sample in late) <= sum(sample.value for sample in cases)
    by_age = families["tieout_cases_by_age"].samples
    assert sum(sample.value for sample in by_age) == sum(sample.value for sample in cases)
    ages = {
        s.labels["quantile"]: s.value for s in families["tieout_cases_age_seconds"].samples if not s.labels["class"]
    }
    assert 0 < ages["0.5"] <= ages["0.9"]
    ready = {sample.labels["entity"]: sample.value for sample in families["tieout_period_ready"].samples}
    assert ready == {"DE01": 0, "JP01": 0, "US01": 0}
    payable = {
        s.labels["currency"]: s.value
        for s in families["tieout_standing_amount"].samples
        if s.labels["name"] == "payable"
    }
    assert payable == {"EUR": 76916.57, "JPY": 1176000, "USD": 8892}
    labels = {name for family in families.values() for sample in family.samples for name in sample.labels}
    assert labels <= {
        *("lane", "connector", "status", "class", "severity", "name", "currency", "entity", "period"),
        *("channel", "kind", "result", "bucket", "quantile", "dialect", "outcome"),
    }


# ── the contract ───────────────────────────────────────────────────────────────────────────────────────────────────


def test_the_api_describes_itself(client: Client) -> None:
    document = client.get("/openapi.json").json()
    validate(document)
    assert document["openapi"].startswith("3.1")
    operations = [
        operation
        for path in document["paths"].values()
        for method, operation in path.items()
        if method in ("get", "post")
    ]
    names = [operation["operationId"] for operation in operations]
    assert len(names) == len(set(names))
    assert all(operation.get("summary") for operation in operations)
    assert {"offerEvent", "offerEvents", "offerDocument", "trace", "actOnCase", "releasePaymentRun"} <= set(names)
    assert not any(path.startswith(("/cases", "/sign-in", "/live", "/static")) for path in document["paths"])
    body = document["paths"]["/v1/events"]["post"]["requestBody"]["content"]["application/json"]["schema"]
    assert {"id", "source", "type", "data", "specversion"} <= set(body["properties"])


def test_every_fact_has_a_schema_and_its_events_agree_with_it(client: Client) -> None:
    listed = client.get("/v1/schemas").json()["types"]
    assert sorted([*listed["outside"], *listed["derived"]]) == sorted(FACTS)
    for name in FACTS:
        schema = client.get(f"/v1/schemas/{name}").json()
        jsonschema.Draft202012Validator.check_schema(schema)
    jsonschema.validate(received()["data"], schema_of(FACTS["invoice.received"]))


def test_what_may_be_told_from_outside_is_what_the_facts_say_of_themselves() -> None:
    def says_outside(kind: type[Fact]) -> bool:
        said = (kind.__doc__ or "").partition("\n")[0]
        return said.startswith(("Outside", "Timer")) or "or outside" in said

    #: Told through routes of their own, or by the schedule.
    elsewhere = {
        *("message.requeued", "effect.handled", "case.answered", "case.attached"),
        *("period.evaluation_due", "interchange.acknowledgment_due", "invoice.approval_due", "case.due"),
        *("order.credit_due", "order.settlement_due", "absence.stated", "absence.taken_back"),
        *("policy.adopted", "policy.drafted", "policy.tried", "policy.approval_requested", "policy.rollback_requested"),
    }
    #: Derived as a rule, but a person may conclude it too.
    besides = {"case.settled"}
    outside = {kind.type for kind in FACTS.values() if says_outside(kind)}
    assert {kind.type for kind in ACTION_OF} - besides == outside - elsewhere
    assert set(ACTION_OF.values()) <= set(ACTIONS)
