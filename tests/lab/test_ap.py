"""The AP platform keeps its promises: captures, idempotent submissions, approvals, webhooks, feed, totals."""

from typing import Any

import httpx2
import pytest
from tests.lab.kit import client, eventually, invoice, money, ok, receiving, set_faults, struck

from tieout_lab.serving import Card

SUPPLIER = {
    "name": "Papier Müller GmbH",
    "taxId": "DE123456788",
    "country": "DE",
    "bankAccounts": [{"iban": "NL91ABNA0417164300", "holder": "Papier Müller GmbH"}],
}


def submit(http: httpx2.Client, key: str, body: dict[str, Any]) -> httpx2.Response:
    return http.post("/v1/invoices", json=body, headers={"Idempotency-Key": key})


def matched(http: httpx2.Client, invoice_id: str, **more: Any) -> Any:
    report = {"reportId": f"match/{invoice_id}", "verdict": "matched", **more}
    return ok(http.put(f"/v1/invoices/{invoice_id}/match", json=report))


def events(http: httpx2.Client, after: int = 0) -> list[str]:
    return [item["type"] for item in ok(http.get("/v1/changes", params={"after": after}))["items"]]


def test_a_wrong_key_opens_nothing(ap: Card) -> None:
    answer = httpx2.get(f"{ap.url}/v1/invoices", headers={"authorization": "Bearer wrong"}, trust_env=False)
    assert (answer.status_code, answer.json()["error"]["code"]) == (401, "unauthorized")


def test_a_capture_becomes_an_invoice_and_an_event(ap_http: httpx2.Client) -> None:
    ok(ap_http.put("/v1/suppliers/sup_1", json=SUPPLIER))
    content = {"fileName": "r1001.pdf", "mediaType": "application/pdf", "content": "JVBERi0xLjc="}
    captured = ok(ap_http.post("/v1/captures", json=invoice(file=content, confidence="0.93")))
    assert captured["id"] == "ap-000001"
    assert captured["state"] == "captured"
    assert captured["supplier"]["reference"] == "sup_1"
    assert ap_http.get("/v1/invoices/ap-000001/file").content == b"%PDF-1.7"
    page = ok(ap_http.get("/v1/changes"))
    assert [(item["type"], item["data"]["id"]) for item in page["items"]] == [
        ("supplier.changed", "sup-000001"),
        ("capture.completed", "ap-000001"),
    ]


@pytest.mark.parametrize(
    ("wrong", "code"),
    [
        ({"gross": money("1.00")}, "sums_differ"),
        ({"tax": money("19.00", "USD")}, "mixed_currencies"),
        ({"net": money("100.001"), "tax": money("18.999")}, "bad_amount"),
    ],
)
def test_impossible_amounts_are_refused(ap_http: httpx2.Client, wrong: dict[str, Any], code: str) -> None:
    answer = ap_http.post("/v1/captures", json={**invoice(), **wrong})
    assert (answer.status_code, answer.json()["error"]["code"]) == (422, code)


class TestSubmission:
    def test_the_same_key_gives_the_same_answer(self, ap_http: httpx2.Client) -> None:
        body = invoice(reference="inv_1")
        first = submit(ap_http, "key-1", body)
        again = submit(ap_http, "key-1", body)
        assert (first.status_code, again.status_code) == (201, 201)
        assert again.json() == first.json()
        assert again.headers["idempotent-replayed"] == "true"
        assert events(ap_http) == ["invoice.received"]

    def test_the_same_key_with_another_body_is_refused(self, ap_http: httpx2.Client) -> None:
        submit(ap_http, "key-1", invoice(reference="inv_1"))
        answer = submit(ap_http, "key-1", invoice(reference="inv_1", net="101.00"))
        assert (answer.status_code, answer.json()["error"]["code"]) == (422, "idempotency_key_reused")

    def test_a_key_is_required(self, ap_http: httpx2.Client) -> None:
        answer = ap_http.post("/v1/invoices", json=invoice(reference="inv_1"))
        assert (answer.status_code, answer.json()["error"]["code"]) == (400, "idempotency_key_required")

    def test_a_reference_names_one_invoice(self, ap_http: httpx2.Client) -> None:
        submit(ap_http, "key-1", invoice(reference="inv_1"))
        answer = submit(ap_http, "key-2", invoice(reference="inv_1"))
        assert (answer.status_code, answer.json()["error"]["code"]) == (409, "reference_taken")

    def test_it_can_be_found_by_reference_after_a_lost_answer(self, ap_http: httpx2.Client) -> None:
        set_faults(ap_http, invoices__submit={"drop_answer_every": 1})
        with pytest.raises(httpx2.RemoteProtocolError):
            submit(ap_http, "key-1", invoice(reference="inv_1"))
        found = ok(ap_http.get("/v1/invoices", params={"reference": "inv_1"}))["items"]
        assert [each["id"] for each in found] == ["ap-000001"]
        assert ok(ap_http.get("/v1/invoices", params={"reference": "inv_2"}))["items"] == []


class TestApproval:
    def test_people_decide_by_default(self, ap_http: httpx2.Client) -> None:
        ok(ap_http.post("/v1/captures", json=invoice()))
        assert matched(ap_http, "ap-000001")["state"] == "in_approval"
        decision = {"decision": "approve", "by": "m.keller", "comment": "fine"}
        approved = ok(ap_http.post("/v1/invoices/ap-000001/approval", json=decision))
        assert approved["state"] == "approved"
        assert approved["approval"]["by"] == "m.keller"
        assert "rule" not in approved["approval"]
        ok(ap_http.post("/v1/invoices/ap-000001/approval", json=decision))
        assert events(ap_http) == ["capture.completed", "approval.changed"]

    def test_a_rule_approves_what_is_below_its_limit(self, ap_http: httpx2.Client) -> None:
        rule = {"limits": {"EUR": "119.01"}, "delayMs": 10, "approver": "rule: small"}
        ok(ap_http.put("/_lab/approval-rule", json=rule))
        ok(ap_http.post("/v1/captures", json=invoice("R-1")))
        ok(ap_http.post("/v1/captures", json=invoice("R-2", tax="19.01")))
        matched(ap_http, "ap-000001")
        matched(ap_http, "ap-000002")
        eventually(lambda: ok(ap_http.get("/v1/invoices/ap-000001"))["state"] == "approved")
        first, second = ok(ap_http.get("/v1/invoices"))["items"]
        assert (first["approval"]["by"], first["approval"]["rule"]) == ("rule: small", "below_limit")
        assert second["state"] == "in_approval"

    def test_a_rule_never_approves_a_discrepancy(self, ap_http: httpx2.Client) -> None:
        ok(ap_http.put("/_lab/approval-rule", json={"limits": {"EUR": "1000000"}}))
        ok(ap_http.post("/v1/captures", json=invoice("R-1")))
        ok(ap_http.post("/v1/captures", json=invoice("R-2")))
        problem = {"code": "price_over_limit", "expected": "10.00 EUR", "actual": "10.50 EUR"}
        report = {"reportId": "m1", "verdict": "discrepant", "discrepancies": [problem]}
        ok(ap_http.put("/v1/invoices/ap-000001/match", json=report))
        matched(ap_http, "ap-000002")
        eventually(lambda: ok(ap_http.get("/v1/invoices/ap-000002"))["state"] == "approved")
        waiting = ok(ap_http.get("/v1/invoices/ap-000001"))
        assert (waiting["state"], waiting["match"]["discrepancies"]) == ("in_approval", [problem])

    def test_after_posting_it_is_too_late_to_reject(self, ap_http: httpx2.Client) -> None:
        ok(ap_http.post("/v1/captures", json=invoice()))
        posting = {"reportId": "p1", "status": "posted", "documentNumber": "5100000017", "period": "2026-09"}
        assert ok(ap_http.put("/v1/invoices/ap-000001/posting", json=posting))["state"] == "posted"
        answer = ap_http.post("/v1/invoices/ap-000001/approval", json={"decision": "reject", "by": "m.keller"})
        assert (answer.status_code, answer.json()["error"]["code"]) == (409, "already_posted")

    def test_a_rejected_invoice_is_not_posted(self, ap_http: httpx2.Client) -> None:
        ok(ap_http.post("/v1/captures", json=invoice()))
        ok(ap_http.post("/v1/invoices/ap-000001/approval", json={"decision": "reject", "by": "m.keller"}))
        answer = ap_http.put("/v1/invoices/ap-000001/posting", json={"reportId": "p1", "status": "posted"})
        assert (answer.status_code, answer.json()["error"]["code"]) == (409, "invoice_rejected")


class TestReports:
    def test_a_match_report_gives_a_captured_invoice_our_reference(self, ap_http: httpx2.Client) -> None:
        ok(ap_http.post("/v1/captures", json=invoice("R-1")))
        ok(ap_http.post("/v1/captures", json=invoice("R-2")))
        assert matched(ap_http, "ap-000001", reference="inv_1")["reference"] == "inv_1"
        answer = ap_http.put(
            "/v1/invoices/ap-000002/match", json={"reportId": "x", "verdict": "matched", "reference": "inv_1"}
        )
        assert (answer.status_code, answer.json()["error"]["code"]) == (409, "reference_taken")

    def test_the_same_report_again_changes_nothing(self, ap_http: httpx2.Client) -> None:
        ok(ap_http.post("/v1/captures", json=invoice()))
        report = {"reportId": "p1", "status": "paid", "paidOn": "2026-09-30"}
        first = ok(ap_http.put("/v1/invoices/ap-000001/payment", json=report))
        assert first["state"] == "paid"
        assert ok(ap_http.put("/v1/invoices/ap-000001/payment", json=report)) == first

    def test_an_older_report_that_arrives_late_does_not_win(self, ap_http: httpx2.Client) -> None:
        ok(ap_http.post("/v1/captures", json=invoice()))
        newer = {"reportId": "p2", "status": "returned", "asOf": "2026-09-30T12:00:00Z"}
        older = {"reportId": "p1", "status": "paid", "asOf": "2026-09-29T12:00:00Z"}
        ok(ap_http.put("/v1/invoices/ap-000001/payment", json=newer))
        answer = ap_http.put("/v1/invoices/ap-000001/payment", json=older)
        assert (answer.status_code, answer.json()["error"]["code"]) == (409, "stale_report")
        assert ok(ap_http.get("/v1/invoices/ap-000001"))["payment"] == newer


class TestSuppliers:
    def test_the_same_record_again_is_no_change(self, ap_http: httpx2.Client) -> None:
        first = ap_http.put("/v1/suppliers/sup_1", json=SUPPLIER)
        again = ap_http.put("/v1/suppliers/sup_1", json=SUPPLIER)
        assert (first.status_code, again.status_code) == (201, 200)
        assert again.json() == first.json()
        assert events(ap_http) == ["supplier.changed"]

    def test_a_change_says_who_made_it(self, ap_http: httpx2.Client) -> None:
        ok(ap_http.put("/v1/suppliers/sup_1", json=SUPPLIER))
        changed = {**SUPPLIER, "bankAccounts": [{"iban": "FR1420041010050500013M02606"}]}
        held = ok(ap_http.put("/v1/suppliers/sup_1", json=changed, headers={"X-User": "j.doe"}))
        assert (held["revision"], held["changedBy"], held["id"]) == (2, "j.doe", "sup-000001")
        assert ok(ap_http.get("/v1/suppliers", params={"reference": "sup_1"}))["items"] == [held]
        assert ok(ap_http.get("/v1/suppliers", params={"taxId": "DE1"}))["items"] == []

    def test_a_record_that_people_made_is_taken_over_not_doubled(self, ap_http: httpx2.Client) -> None:
        made = ok(ap_http.post("/v1/suppliers", json=SUPPLIER, headers={"X-User": "j.doe"}))
        assert (made["reference"], made["changedBy"]) == ("", "j.doe")
        held = ok(ap_http.put("/v1/suppliers/sup_1", json=SUPPLIER))
        assert (held["id"], held["reference"], held["changedBy"]) == (made["id"], "sup_1", "api")
        assert len(ok(ap_http.get("/v1/suppliers"))["items"]) == 1


class TestWebhooks:
    def test_every_event_is_told_and_the_feed_replays_it(self, ap: Card, ap_http: httpx2.Client) -> None:
        with receiving(ap.secrets["webhook_secret"]) as receiver:
            ok(ap_http.post("/v1/webhook-endpoints", json={"url": receiver.url}))
            ok(ap_http.post("/v1/captures", json=invoice()))
            eventually(lambda: receiver.got)
            feed = ok(ap_http.get("/v1/changes"))["items"]
            told = [(i["id"], {"type": i["type"], "timestamp": i["timestamp"], "data": i["data"]}) for i in feed]
            assert receiver.got == told

    def test_a_refused_delivery_comes_again_under_the_same_id(self, ap: Card, ap_http: httpx2.Client) -> None:
        with receiving(ap.secrets["webhook_secret"]) as receiver:
            receiver.answers = [500, 503]
            ok(ap_http.post("/v1/webhook-endpoints", json={"url": receiver.url}))
            ok(ap_http.post("/v1/captures", json=invoice()))
            eventually(lambda: receiver.got)
            assert receiver.ids == ["evt_00000001"]
            assert receiver.answers == []

    def test_gone_means_gone(self, ap: Card, ap_http: httpx2.Client) -> None:
        with receiving(ap.secrets["webhook_secret"]) as receiver:
            receiver.answers = [410]
            ok(ap_http.post("/v1/webhook-endpoints", json={"url": receiver.url}))
            ok(ap_http.post("/v1/captures", json=invoice()))
            eventually(lambda: not ok(ap_http.get("/v1/webhook-endpoints"))[0]["active"])
            assert ok(ap_http.get("/_lab/webhooks")) == {"given_up": 1}

    def test_doubled_late_and_lost(self, ap: Card, ap_http: httpx2.Client) -> None:
        with receiving(ap.secrets["webhook_secret"]) as receiver:
            ok(ap_http.post("/v1/webhook-endpoints", json={"url": receiver.url}))

            def play(rule: dict[str, int], numbers: list[str], count: int) -> list[str]:
                receiver.got.clear()
                set_faults(ap_http, webhooks__deliver=rule)
                for number in numbers:
                    ok(ap_http.post("/v1/captures", json=invoice(number)))
                eventually(lambda: len(receiver.got) >= count)
                return [body["data"]["invoiceNumber"] for _, body in receiver.got]

            assert play({"duplicate_every": 2}, ["A", "B", "C"], 4) == ["A", "B", "B", "C"]
            assert play({"reorder_every": 2, "strikes_max": 1}, ["D", "E", "F"], 3) == ["D", "F", "E"]
            assert play({"lose_every": 2}, ["G", "H", "I"], 2) == ["G", "I"]
            assert struck(ap_http) == {"webhooks.deliver": {"duplicate": 1, "lose": 1, "reorder": 1}}
            feed = ok(ap_http.get("/v1/changes"))["items"]
            assert [item["data"]["invoiceNumber"] for item in feed] == list("ABCDEFGHI")


class TestFeed:
    def test_the_same_cursor_gives_the_same_page(self, ap_http: httpx2.Client) -> None:
        for number in "ABC":
            ok(ap_http.post("/v1/captures", json=invoice(number)))
        first = ok(ap_http.get("/v1/changes", params={"limit": 2}))
        assert (len(first["items"]), first["next"], first["more"]) == (2, 2, True)
        assert ok(ap_http.get("/v1/changes", params={"limit": 2})) == first
        rest = ok(ap_http.get("/v1/changes", params={"after": 2}))
        assert ([item["seq"] for item in rest["items"]], rest["next"], rest["more"]) == ([3], 3, False)
        assert ok(ap_http.get("/v1/changes", params={"after": 3}))["next"] == 3


def test_totals_count_what_is_held(ap_http: httpx2.Client) -> None:
    ok(ap_http.post("/v1/captures", json=invoice("A")))
    ok(ap_http.post("/v1/captures", json=invoice("B", net="0.10", tax="0.00")))
    ok(ap_http.post("/v1/captures", json=invoice("C", documentType="CREDIT_NOTE")))
    for invoice_id in ("ap-000001", "ap-000003"):
        ok(ap_http.post(f"/v1/invoices/{invoice_id}/approval", json={"decision": "approve", "by": "m.keller"}))
    totals = ok(ap_http.get("/v1/totals", params={"entity": "DE01"}))["items"]
    assert totals == [
        {"entity": "DE01", "currency": "EUR", "state": "approved", "count": 2, "sumMinor": 0},
        {"entity": "DE01", "currency": "EUR", "state": "captured", "count": 1, "sumMinor": 10},
    ]
    assert ok(ap_http.get("/v1/totals", params={"state": "approved"}))["items"] == totals[:1]


def test_invoices_can_be_listed_page_by_page(ap: Card) -> None:
    with client(ap) as http:
        for number in "ABC":
            ok(http.post("/v1/captures", json=invoice(number)))
        first = ok(http.get("/v1/invoices", params={"limit": 2}))
        assert [each["id"] for each in first["items"]] == ["ap-000001", "ap-000002"]
        rest = ok(http.get("/v1/invoices", params={"limit": 2, "after": first["next"]}))
        assert [each["id"] for each in rest["items"]] == ["ap-000003"]
        assert rest["next"] == ""
        assert http.get("/v1/invoices/ap-9").json()["error"]["code"] == "not_found"
        assert http.get("/v1/invoices/nonsense").status_code == 404
