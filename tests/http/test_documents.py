"""Documents and webhooks: the bytes are kept first, whatever they turn out to be."""

import io
import json
import zipfile
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path

import pytest
from litestar.testing import TestClient
from standardwebhooks import Webhook as Signer
from tests.http.events import received, rows
from tests.web.books import Books
from tests.web.fixtures import Client, key_of
from tests.web.serving import door_of

from tieout.http.door import Webhook
from tieout.kernel.ids import fingerprint
from tieout.model.events import Message
from tieout.model.facts import decode_fact
from tieout.web.app import create_site

JOURNALS = (Path(__file__).parents[1] / "formats" / "data" / "ledger" / "saft.xml").read_bytes()
SECRET = "whsec_" + "c2VjcmV0LXNlY3JldC1zZWNyZXQtc2VjcmV0"


def read(system: str, headers: Mapping[str, str], body: bytes) -> Sequence[Message]:
    """What the connector of a system makes of its calls."""
    told = json.loads(body)
    if "invoice" not in told:
        raise ValueError("it says nothing of an invoice")
    fact = decode_fact("invoice.received", json.dumps(told).encode())
    return [Message(source=system, key=headers["webhook-id"], data=fact, actor=f"system:{system}")]


@pytest.fixture
def called(new_books: Books) -> Iterator[Client]:
    door = door_of(new_books, {"acme": Webhook(secret=SECRET, reader=read)})
    with TestClient(create_site(door), raise_server_exceptions=False) as client:
        yield client


def signed(body: bytes, id: str = "msg_1", at: datetime | None = None) -> dict[str, str]:
    moment = at or datetime.now(UTC)
    return {
        "webhook-id": id,
        "webhook-timestamp": str(int(moment.timestamp())),
        "webhook-signature": Signer(SECRET).sign(id, moment, body.decode()),
        "content-type": "application/json",
    }


BODY = json.dumps(received()["data"]).encode()


def test_a_signed_call_is_kept_read_and_taken_once(new_books: Books, called: Client) -> None:
    first = called.post("/v1/webhooks/acme", content=BODY, headers=signed(BODY))
    assert (first.status_code, first.json()["events"], first.json()["duplicates"]) == (202, 1, 0)
    again = called.post("/v1/webhooks/acme", content=BODY, headers=signed(BODY))
    assert (again.status_code, again.json()["duplicates"]) == (202, 1)
    assert new_books.originals.fetch(first.json()["hash"]) == BODY
    assert [row["actor"] for row in rows(new_books, "inbox")] == ["system:acme"]


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"webhook-signature": "v1,bm90IGl0"}, "signature_not_valid"),
        ({"webhook-id": "msg_2"}, "signature_not_valid"),
        ({"webhook-timestamp": "1"}, "signature_not_valid"),
        ({"webhook-timestamp": "soon"}, "signature_not_valid"),
        ({"webhook-signature": ""}, "signature_not_valid"),
        ({"webhook-id": ""}, "signature_not_valid"),
    ],
)
def test_a_call_that_is_not_signed_right_is_refused(
    new_books: Books, called: Client, change: dict[str, str], code: str
) -> None:
    answer = called.post("/v1/webhooks/acme", content=BODY, headers={**signed(BODY), **change})
    assert (answer.status_code, answer.json()["code"]) == (401, code)
    assert rows(new_books, "inbox") == []


def test_a_changed_body_is_refused(called: Client) -> None:
    answer = called.post("/v1/webhooks/acme", content=BODY.replace(b"A-1", b"A-2"), headers=signed(BODY))
    assert answer.json()["code"] == "signature_not_valid"


def test_a_signed_body_that_is_no_json_or_makes_no_sense_says_so(called: Client) -> None:
    for body, status, code in ((b"hello", 400, "bad_json"), (b'{"a":1}', 422, "bad_value")):
        answer = called.post("/v1/webhooks/acme", content=body, headers=signed(body))
        assert (answer.status_code, answer.json()["code"]) == (status, code)


# ── documents ──────────────────────────────────────────────────────────────────────────────────────────────────────

ORDERS = b"order_id;entity;supplier_tax_id;currency;ordered_on;line_id;item;description;quantity;unit;unit_price;tax_rate\r\n"


def test_a_document_nobody_can_read_is_kept_in_quarantine(new_books: Books, new_client: Client) -> None:
    answer = new_client.post(
        "/v1/documents?name=scan.xml&channel=mail",
        content=b"<half an invoice",
        headers={**key_of(new_books, "paula"), "content-type": "application/xml"},
    )
    assert answer.status_code == 422
    told = answer.json()
    assert told["status"] == "quarantined"
    assert told["problems"]
    assert told["hash"] == fingerprint(b"<half an invoice")
    assert new_books.originals.fetch(told["hash"]) == b"<half an invoice"
    (document,) = rows(new_books, "document")
    assert (document["name"], document["channel"], document["status"]) == ("scan.xml", "mail", "quarantined")


def test_name_and_channel_may_come_in_headers(new_books: Books, new_client: Client) -> None:
    new_client.post(
        "/v1/documents",
        content=b"x",
        headers={**key_of(new_books, "carl"), "X-Document-Name": "a.txt", "X-Document-Channel": "portal"},
    )
    assert [(row["name"], row["channel"]) for row in rows(new_books, "document")] == [("a.txt", "portal")]


def test_handing_in_documents_takes_a_duty(new_books: Books, new_client: Client) -> None:
    answer = new_client.post("/v1/documents", content=b"x", headers=key_of(new_books, "otto"))
    assert (answer.status_code, answer.json()["code"]) == (403, "duty_missing")
    assert rows(new_books, "document") == []


def test_a_document_takes_the_duty_of_what_it_says_also_in_an_archive(new_books: Books, new_client: Client) -> None:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        archive.writestr("journals.xml", JOURNALS)
    for body in (JOURNALS, out.getvalue()):
        answer = new_client.post("/v1/documents", content=body, headers=key_of(new_books, "paula"))
        assert (answer.status_code, answer.json()["code"]) == (403, "duty_missing")
        assert "record journal takes the duty JE" in answer.json()["detail"]
    assert rows(new_books, "document") == []
