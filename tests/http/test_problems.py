"""Whatever is sent, the answer says what is wrong, where, and what to do next; and it is never our failure."""

import json
import shutil
from collections.abc import Iterator, Mapping
from types import MappingProxyType
from typing import Any, NamedTuple

import msgspec
import pytest
from litestar.testing import TestClient
from tests.http.events import event, having, received, rows, without
from tests.web.books import Books
from tests.web.fixtures import Client, key_of
from tests.web.serving import CHEAP, PASSWORD, app_of

from tieout.engine.people import People
from tieout.http.problems import KINDS, MEDIA_TYPE, ProblemDetails
from tieout.policy.duties import DUTIES

JSON = {"Content-Type": "application/json"}
NDJSON = {"Content-Type": "application/x-ndjson"}
WRONG = (None, True, 7, -1.5, "", "nonsense", [], [1], {}, {"a": 1})


class Broken(NamedTuple):
    """One request that is wrong."""

    name: str
    method: str
    path: str
    body: bytes = b""
    headers: Mapping[str, str] = MappingProxyType({})
    status: int = 0
    code: str = ""


def _json(value: Any) -> bytes:
    return json.dumps(value).encode()


def of_events() -> Iterator[Broken]:
    """Events whose envelope or data is wrong in one place."""
    good = received()

    def told(name: str, body: Any, status: int = 422, code: str = "bad_value") -> Broken:
        return Broken(f"event {name}", "POST", "/v1/events", _json(body), JSON, status, code)

    for field in ("specversion", "id", "source", "type", "data"):
        yield told(f"without {field}", without(good, field))
    for field in ("specversion", "id", "source", "type", "subject", "time", "entity", "correlationid", "refid"):
        for wrong in (None, 7, [], {}, True):
            if (field, wrong) != ("time", None):
                yield told(f"{field}={wrong!r}", having(good, wrong, field))
    for wrong in WRONG:
        yield told(f"data={wrong!r}", having(good, wrong, "data"))
    for field in ("id", "source"):
        yield told(f"empty {field}", having(good, "", field))
        yield told(f"endless {field}", having(good, "x" * 600, field))
        yield told(f"{field} with a line break", having(good, "a\nb", field))
        yield told(f"{field} with NUL", having(good, "a\x00b", field))
    for source in ("tieout", "timer", "delivery", "person", "system", "system:bank"):
        yield told(f"source {source}", having(good, source, "source"), 422, "reserved_source")
    for time in ("yesterday", "2026-05-14", "2026-05-14T10:00:00", "2026-13-01T00:00:00Z", "1e9"):
        yield told(f"time {time}", having(good, time, "time"))
    for name in ("", "x", "invoice.received", "org.tieout.invoice.received", "org.tieout.invoice.received.v2"):
        yield told(f"type {name!r}", having(good, name, "type"), 422, "unknown_type")
    for name in ("org.tieout.invoice.eaten.v1", "org.tieout.invoice.received.v1.v1", "com.acme.invoice.v1", "…"):
        yield told(f"type {name!r}", having(good, name, "type"), 422, "unknown_type")
    for name in ("invoice.posted", "payment.booked", "period.ready", "effect.settled", "checkpoint.signed"):
        yield told(f"derived {name}", having(good, f"org.tieout.{name}.v1", "type"), 422, "derived_fact")
    deep = _json(good).replace(_json(good["data"]), b"[" * 3000 + b"]" * 3000)
    yield Broken("event with a very deep nest", "POST", "/v1/events", deep, JSON)
    yield told("only half a reference", having(good, "erp", "refsystem"))
    yield told("specversion 0.3", having(good, "0.3", "specversion"))
    yield told("data as XML", having(good, "application/xml", "datacontenttype"))
    decided = event("invoice.duplicate_cleared", {"reason": "x"})
    yield told("about nothing", decided, 422, "unaddressed")
    yield told("about something unknown", having(decided, "inv-nothing", "subject"), 422, "unaddressed")


def of_documents_in_events() -> Iterator[Broken]:
    """Invoices that no type lets through."""
    good = received()
    for path in (
        ("kind",),
        ("number",),
        ("entity",),
        ("supplier_id",),
        ("currency",),
        ("issued_on",),
        ("due_on",),
        ("lines",),
        ("net",),
        ("gross",),
        ("lines", 0, "quantity"),
        ("lines", 0, "unit_price"),
        ("lines", 0, "net"),
        ("net", "minor"),
        ("net", "currency"),
    ):
        for wrong in (None, 1.25, "12,5", "NaN", "1e400", "٣", {"minor": "1"}, [None]):
            if path[-1] in ("number", "entity", "supplier_id", "currency") and isinstance(wrong, str):
                continue  # any text is one; what it means is for the processes to judge
            body = having(good, wrong, "data", "invoice", *path)
            name = f"invoice {'.'.join(map(str, path))}={wrong!r}"
            yield Broken(name, "POST", "/v1/events", _json(body), JSON, 422, "bad_value")


def of_bodies() -> Iterator[Broken]:
    """Bodies that are no JSON, or not of the right type or size, on every route that takes one."""
    routes = (
        "/v1/events",
        "/v1/events:batch",
        "/v1/cases/case-x/actions",
        "/v1/effects/eff-x/redeliver",
        "/v1/payment-runs",
    )
    bad = {
        "nothing": b"",
        "half an object": b'{"a": ',
        "two objects": b"{}{}",
        "not UTF-8": b'{"id": "\xff\xfe"}',
        "a bare word": b"hello",
        "single quotes": b"{'a': 1}",
        "a very deep nest": b"[" * 5000 + b"]" * 5000,
        "NaN": b'{"id": NaN}',
        "a byte order mark": b"\xef\xbb\xbf{}",
        "NUL": b"\x00",
    }
    for path in routes:
        for name, body in bad.items():
            yield Broken(f"{path} {name}", "POST", path, body, JSON)
        for media_type in ("text/plain", "application/xml", "multipart/form-data", ""):
            headers = {"Content-Type": media_type} if media_type else {}
            yield Broken(f"{path} as {media_type or 'nothing'}", "POST", path, b"{}", headers, 415, "media_type")
        yield Broken(f"{path} too long", "POST", path, b" " * (17 << 20), JSON, 413, "too_large")
    for wrong in (b"7", b"null", b'"x"', b"{}"):
        yield Broken(f"a batch that is {wrong!r}", "POST", "/v1/events:batch", wrong, JSON, 422, "bad_value")
    many = b"{}\n" * 5001
    yield Broken("a batch of too many", "POST", "/v1/events:batch", many, NDJSON, 413, "too_large")


def of_decisions() -> Iterator[Broken]:
    """Decisions that miss something."""
    for wrong in WRONG:
        for path, field in (
            ("/v1/cases/CASE/actions", "action"),
            ("/v1/cases/CASE/actions", "reason"),
            ("/v1/effects/EFFECT/redeliver", "reason"),
            ("/v1/payment-runs", "entity"),
            ("/v1/payment-runs", "due_until"),
            ("/v1/payment-runs", "execute_on"),
            ("/v1/payment-runs/RUN/release", "force"),
        ):
            if field == "execute_on" and wrong is None:
                continue
            good = {
                "/v1/cases/CASE/actions": {"action": "accept_variance", "reason": "agreed"},
                "/v1/effects/EFFECT/redeliver": {"reason": "mended"},
                "/v1/payment-runs": {"entity": "DE01", "due_until": "2026-06-30"},
            }.get(path, {})
            body = _json({**good, field: wrong})
            status = 0 if field in ("action", "reason", "entity") else 422
            if field == "reason" and wrong == "nonsense":
                continue  # a reason, if a poor one
            yield Broken(f"{path} {field}={wrong!r}", "POST", path, body, JSON, status)
    yield Broken(
        "an unknown field",
        "POST",
        "/v1/payment-runs",
        _json({"entity": "DE01", "due_until": "2026-06-30", "all": 1}),
        JSON,
        422,
        "bad_value",
    )
    yield Broken(
        "a day that is over",
        "POST",
        "/v1/payment-runs",
        _json({"entity": "DE01", "due_until": "2026-06-30", "execute_on": "2020-01-01"}),
        JSON,
        422,
        "bad_value",
    )
    yield Broken(
        "no such entity",
        "POST",
        "/v1/payment-runs",
        _json({"entity": "XX01", "due_until": "2026-06-30"}),
        JSON,
        422,
        "bad_value",
    )
    yield Broken(
        "nothing due",
        "POST",
        "/v1/payment-runs",
        _json({"entity": "DE01", "due_until": "2001-06-30"}),
        JSON,
        409,
        "wrong_state",
    )
    yield Broken("no such run", "POST", "/v1/payment-runs/run-x/release", b"{}", JSON, 404, "not_found")
    yield Broken(
        "no such effect", "POST", "/v1/effects/eff-x/redeliver", _json({"reason": "x"}), JSON, 404, "not_found"
    )
    yield Broken(
        "no such case",
        "POST",
        "/v1/cases/case-x/actions",
        _json({"action": "comment", "text": "x"}),
        JSON,
        404,
        "not_found",
    )
    yield Broken(
        "not offered",
        "POST",
        "/v1/cases/CASE/actions",
        _json({"action": "requeue_message", "reason": "x"}),
        JSON,
        409,
        "wrong_state",
    )
    yield Broken(
        "nobody",
        "POST",
        "/v1/cases/CASE/actions",
        _json({"action": "assign", "assignee": "nobody"}),
        JSON,
        422,
        "bad_value",
    )
    yield Broken(
        "too long a remark",
        "POST",
        "/v1/cases/CASE/actions",
        _json({"action": "comment", "text": "x" * 3000}),
        JSON,
        422,
        "bad_value",
    )


def of_questions() -> Iterator[Broken]:
    """Questions that cannot be answered."""
    for path in (
        "/v1/trace/nothing",
        "/v1/trace/a%00b",
        "/v1/trace/" + "x" * 5000,
        "/v1/trace/..%2f..%2fetc",
        "/v1/cases/case-x",
        "/v1/schemas/nothing",
        "/v1/webhooks/nobody",
        "/v1/nothing",
        "/v1/",
        "/v2/events",
    ):
        yield Broken(path[:60], "GET" if "webhooks" not in path else "POST", path, status=404, code="not_found")
    for path in ("/v1/cases", "/v1/effects", "/v1/invoices", "/v1/payment-runs", "/v1/payments/in-flight"):
        for limit in ("0", "-1", "501", "many", "1.5", ""):
            yield Broken(f"{path} limit {limit!r}", "GET", f"{path}?limit={limit}", status=400, code="bad_request")
    for query in ("sort=random", "offset=-1", "offset=100001", "offset=x"):
        yield Broken(f"cases {query}", "GET", f"/v1/cases?{query}", status=400, code="bad_request")
    for query in ("due_until=soon", "due_from=2026-13-01", "payable=perhaps"):
        yield Broken(f"invoices {query}", "GET", f"/v1/invoices?{query}", status=400, code="bad_request")
    for query in ("after=x", "after=12", "after=1/..", "after=" + "9" * 40 + "/a"):
        yield Broken(f"effects {query[:20]}", "GET", f"/v1/effects?{query}", status=400, code="bad_request")
    yield Broken("find nothing", "GET", "/v1/find?q=", status=400, code="bad_request")
    yield Broken("find without a question", "GET", "/v1/find", status=400, code="bad_request")
    for method, path in (
        ("DELETE", "/v1/cases"),
        ("PUT", "/v1/events"),
        ("GET", "/v1/events"),
        ("PATCH", "/v1/payment-runs"),
        ("POST", "/v1/readiness"),
        ("DELETE", "/healthz"),
    ):
        yield Broken(f"{method} {path}", method, path, b"{}", JSON, 405, "method_not_allowed")


def of_documents() -> Iterator[Broken]:
    """Documents that cannot be taken."""
    yield Broken("an empty document", "POST", "/v1/documents", status=422, code="bad_value")
    yield Broken("an endless name", "POST", "/v1/documents?name=" + "x" * 300, b"x", status=400, code="bad_request")
    yield Broken("an odd channel", "POST", "/v1/documents?channel=A%20B", b"x", status=400, code="bad_request")


def of_keys() -> Iterator[Broken]:
    """Calls by nobody."""
    for path in ("/v1/cases", "/v1/effects", "/v1/trace/x", "/v1/readiness", "/v1/totals", "/v1/liabilities"):
        yield Broken(f"{path} by nobody", "GET", path, headers={"Authorization": "-"}, status=401, code="not_signed_in")
    for key in (
        "Bearer",
        "Bearer x",
        "Bearer tieout_0123456789abcdef_" + "a" * 43,
        "Basic YTpi",
        "tieout_x",
        "Bearer ✗",
    ):
        yield Broken(
            f"by {key[:20]!r}", "GET", "/v1/cases", headers={"Authorization": key}, status=401, code="key_not_valid"
        )


ALL = [
    *of_events(),
    *of_documents_in_events(),
    *of_bodies(),
    *of_decisions(),
    *of_questions(),
    *of_documents(),
    *of_keys(),
]


@pytest.fixture(scope="module")
def everybody(
    month_played: Any, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[tuple[Client, dict[str, str], Books]]:
    """One client for all, with the key of somebody who may do everything."""
    folder = tmp_path_factory.mktemp("broken")
    shutil.copy(month_played[0], folder / "books.db")
    books = Books(f"sqlite:///{folder / 'books.db'}", folder / "originals", start=month_played[1])
    people = People(books.url, books.clock, hasher=CHEAP)
    people.add_person("eve", "Eve", PASSWORD, DUTIES, accept_conflicts=True)
    people.close()
    headers = key_of(books, "eve", *DUTIES)
    with TestClient(app_of(books), raise_server_exceptions=False) as client:
        yield client, headers, books


def test_there_are_enough_of_them() -> None:
    assert len(ALL) >= 400
    assert len({broken.name for broken in ALL}) == len(ALL)


@pytest.mark.parametrize("broken", ALL, ids=[broken.name[:80].replace("::", ":") for broken in ALL])
def test_a_broken_request_gets_a_clear_answer(broken: Broken, everybody: tuple[Client, dict[str, str], Books]) -> None:
    client, key, books = everybody
    headers = {**key, **broken.headers}
    if headers["Authorization"] == "-":
        del headers["Authorization"]
    names = {
        "CASE": next(row["subject"] for row in rows(books, "view_case") if row["case_class"] == "price_variance"),
        "EFFECT": next(row["id"] for row in rows(books, "effect") if row["status"] == "refused"),
        "RUN": next(row["subject"] for row in rows(books, "view_payment_run") if row["status"] == "ready"),
    }
    path = broken.path
    for name, found in names.items():
        path = path.replace(name, found)
    before = len(rows(books, "inbox"))
    answer = client.request(
        broken.method,
        path,
        content=broken.body,
        headers={name: value.encode() for name, value in headers.items()},  # type: ignore[arg-type]
    )
    assert 400 <= answer.status_code < 500, answer.text
    assert answer.headers["content-type"] == MEDIA_TYPE
    details = msgspec.json.decode(answer.content, type=ProblemDetails, strict=True)
    assert details.status == answer.status_code
    assert details.code in KINDS
    assert details.type == f"urn:tieout:problem:{details.code}"
    assert all((details.title, details.detail, details.remedy, details.owner, details.correlation, details.instance))
    assert details.outcome == "none"
    if details.code in ("bad_value", "bad_request") and "empty" not in broken.name:
        assert details.errors, details
        assert all(fault.where and fault.detail for fault in details.errors)
    if broken.status:
        assert answer.status_code == broken.status, answer.text
    if broken.code:
        assert details.code == broken.code, answer.text
    assert len(rows(books, "inbox")) == before, "a refused request left something behind"


def test_what_nobody_foresaw_is_told_without_details(
    new_books: Books, new_client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fall_over(messages: object) -> None:
        raise RuntimeError("the password is hunter2")

    monkeypatch.setattr(new_books.intake, "offer", fall_over)
    answer = new_client.post("/v1/events", json=received(), headers=key_of(new_books, "paula"))
    assert answer.status_code == 500
    found = answer.json()
    assert (found["code"], found["retry"], found["outcome"]) == ("failed", "probe_first", "unknown")
    assert "hunter2" not in answer.text
    assert found["correlation"] == answer.headers["x-correlation-id"]


def test_a_callers_correlation_is_kept_unless_it_is_odd(new_books: Books, new_client: Client) -> None:
    kept = new_client.get("/v1/cases", headers={"X-Correlation-ID": "order-66"})
    assert (kept.headers["x-correlation-id"], kept.json()["correlation"]) == ("order-66", "order-66")
    odd = new_client.get("/v1/cases", headers={"X-Correlation-ID": "a b<script>"})
    assert odd.headers["x-correlation-id"] not in ("", "a b<script>")
