"""The procurement system keeps its promises: orders, revisions, receipts (early, late, returned), feed, CSV, totals."""

from typing import Any

import httpx2
import pytest
from tests.lab.kit import ok, order


def refusal(answer: httpx2.Response) -> tuple[int, str]:
    return answer.status_code, answer.json()["error_code"]


def place(http: httpx2.Client, **more: Any) -> Any:
    return ok(http.post("/v1/orders", json=order(**more)))


def receive(http: httpx2.Client, quantity: str = "40", **more: Any) -> Any:
    lines = [{"po_line": "10", "quantity": quantity}]
    body = {"po_number": "4500000001", "received_on": "2026-09-10", "lines": lines, **more}
    return ok(http.post("/v1/receipts", json=body))


def numbers(http: httpx2.Client) -> list[tuple[str, str]]:
    return [(row["kind"], row["number"]) for row in ok(http.get("/v1/changes"))["rows"]]


def test_a_wrong_key_opens_nothing(procurement_http: httpx2.Client) -> None:
    answer = procurement_http.get("/v1/changes", headers={"x-api-key": "wrong"})
    assert refusal(answer) == (401, "UNAUTHORIZED")


def test_an_order_is_placed_and_told(procurement_http: httpx2.Client) -> None:
    placed = place(procurement_http)
    assert (placed["po_number"], placed["revision"]) == ("4500000001", 1)
    page = ok(procurement_http.get("/v1/changes"))
    assert page["rows"][0]["document"] == placed
    assert (page["last_seq"], page["has_more"]) == (1, False)


def test_a_change_is_a_revision_and_the_same_again_is_none(procurement_http: httpx2.Client) -> None:
    place(procurement_http)
    again = place(procurement_http, po_number="4500000001")
    changed = place(procurement_http, po_number="4500000001", status="closed")
    assert (again["revision"], changed["revision"], changed["status"]) == (1, 2, "closed")
    assert place(procurement_http)["po_number"] == "4500000002"
    assert [number for _, number in numbers(procurement_http)] == ["4500000001", "4500000001", "4500000002"]


def test_the_vendor_is_completed_from_the_register(procurement_http: httpx2.Client) -> None:
    vendor = {"name": "Papier Müller GmbH", "tax_id": "DE123456788", "iban": "NL91ABNA0417164300"}
    first = procurement_http.put("/v1/vendors/sup_1", json=vendor)
    again = procurement_http.put("/v1/vendors/sup_1", json=vendor)
    assert (first.status_code, again.status_code, again.json()) == (201, 200, first.json())
    assert place(procurement_http)["vendor"] == {
        "vendor_no": "V100001",
        "tax_id": "DE123456788",
        "name": "Papier Müller GmbH",
        "external_ref": "sup_1",
    }
    assert ok(procurement_http.get("/v1/vendors", params={"external_ref": "sup_1"})) == [first.json()]


def test_a_vendor_that_buyers_added_is_taken_over_not_doubled(procurement_http: httpx2.Client) -> None:
    vendor = {"name": "Papier Müller GmbH", "tax_id": "DE123456788"}
    made = ok(procurement_http.post("/v1/vendors", json=vendor))
    assert (made["external_ref"], made["changed_by"]) == ("", "buyer")
    held = ok(procurement_http.put("/v1/vendors/sup_1", json=vendor))
    assert (held["vendor_no"], held["external_ref"], held["changed_by"]) == (made["vendor_no"], "sup_1", "api")
    assert ok(procurement_http.get("/v1/vendors")) == [held]


def test_a_receipt_counts_once(procurement_http: httpx2.Client) -> None:
    place(procurement_http)
    first = receive(procurement_http, receipt_no="GR-7")
    assert receive(procurement_http, receipt_no="GR-7") == first
    other = {"po_number": "4500000001", "received_on": "2026-09-10", "receipt_no": "GR-7", "lines": []}
    assert refusal(procurement_http.post("/v1/receipts", json=other)) == (200, "RECEIPT_EXISTS")
    assert numbers(procurement_http)[1:] == [("goods_receipt", "GR-7")]


@pytest.mark.parametrize(
    ("wrong", "code"),
    [
        ({"po_number": "4599999999"}, "PO_NOT_FOUND"),
        ({"lines": [{"po_line": "99", "quantity": "1"}]}, "PO_LINE_NOT_FOUND"),
    ],
)
def test_a_business_refusal_is_answered_200(procurement_http: httpx2.Client, wrong: Any, code: str) -> None:
    place(procurement_http)
    body = {"po_number": "4500000001", "received_on": "2026-09-10", "lines": [{"po_line": "10", "quantity": "1"}]}
    answer = procurement_http.post("/v1/receipts", json={**body, **wrong})
    assert refusal(answer) == (200, code)
    assert answer.json()["ok"] is False


def test_an_unreadable_body_is_a_400(procurement_http: httpx2.Client) -> None:
    assert refusal(procurement_http.post("/v1/orders", json={"company": "DE01"})) == (400, "BAD_REQUEST")


def test_a_late_receipt_is_told_when_it_is_keyed_in(procurement_http: httpx2.Client) -> None:
    place(procurement_http)
    assert receive(procurement_http, held=True)["receipt_no"] == "GR-000001"
    receive(procurement_http, "5", held=True)
    assert refusal(procurement_http.get("/v1/receipts/GR-000001")) == (200, "GR_NOT_FOUND")
    assert numbers(procurement_http) == [("purchase_order", "4500000001")]
    released = ok(procurement_http.post("/_lab/receipts/release", json=["GR-000002"]))
    assert released == {"receipt_nos": ["GR-000002"], "still_held": 1}
    assert ok(procurement_http.post("/_lab/receipts/release"))["receipt_nos"] == ["GR-000001"]
    assert numbers(procurement_http)[1:] == [("goods_receipt", "GR-000002"), ("goods_receipt", "GR-000001")]
    told = ok(procurement_http.get("/v1/changes"))["rows"][2]["document"]
    assert (told["received_on"], told["company"], "held" in told) == ("2026-09-10", "DE01", False)


def test_totals_value_receipts_at_order_prices(procurement_http: httpx2.Client) -> None:
    place(procurement_http)
    receive(procurement_http)
    receive(procurement_http, "-15")
    rows = ok(procurement_http.get("/v1/totals", params={"company": "DE01", "currency": "EUR"}))["rows"]
    assert rows == [
        {"kind": "goods_receipt", "company": "DE01", "currency": "EUR", "count": 2, "value_minor": 6250},
        {"kind": "purchase_order", "company": "DE01", "currency": "EUR", "count": 1, "value_minor": 45025},
    ]


def test_the_nightly_files_prove_that_they_are_whole(procurement_http: httpx2.Client) -> None:
    place(procurement_http)
    receive(procurement_http, delivery_note="LS 1; Teil 2")
    receive(procurement_http, "-15.5")
    orders = procurement_http.get("/v1/export/orders.csv")
    assert orders.headers["content-type"].startswith("text/csv")
    assert orders.content.startswith(b"\xef\xbb\xbfPO;REV;")
    lines = orders.content.decode("utf-8-sig").split("\r\n")
    assert lines[1].startswith("4500000001;1;DE01;;DE123456788;EUR;01.09.2026;open;10;PAPER-A4;;100;C62;250,00;100;0;X")
    assert lines[2:] == [
        "4500000001;1;DE01;;DE123456788;EUR;01.09.2026;open;20;TONER;;2,5;C62;80,10;1;0;X",
        "#END;2;102,5",
        "",
    ]
    receipts = procurement_http.get("/v1/export/receipts.csv").content.decode("utf-8-sig").split("\r\n")
    assert receipts[1] == 'GR-000001;4500000001;10;DE01;;DE123456788;10.09.2026;40;"LS 1; Teil 2"'
    assert receipts[3] == "#END;2;24,5"
