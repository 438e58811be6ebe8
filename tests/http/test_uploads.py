"""Documents that come in pieces, are looked at, fetched and read again."""

import base64
from pathlib import Path

import pytest
from tests.http.events import rows
from tests.web.books import Books
from tests.web.fixtures import Client, key_of
from tests.web.serving import app_of

from tieout.kernel.ids import fingerprint

STATEMENT = (Path(__file__).parents[1] / "formats" / "data" / "statement.xml").read_bytes()


def said(**values: str) -> str:
    return ",".join(f"{name} {base64.b64encode(value.encode()).decode()}" for name, value in values.items())


def begin(client: Client, headers: dict[str, str], size: int = len(STATEMENT)) -> str:
    more = {"Upload-Length": str(size), "Upload-Metadata": said(filename="may.xml", channel="portal")}
    answer = client.post("/v1/uploads", headers=headers | more)
    assert answer.status_code == 201, answer.text
    location: str = answer.headers["location"]
    return location


def send(client: Client, location: str, headers: dict[str, str], at: int, body: bytes) -> int:
    more = {"Upload-Offset": str(at), "Content-Type": "application/offset+octet-stream"}
    return int(client.patch(location, headers=headers | more, content=body).status_code)


def test_an_upload_goes_on_after_a_lost_connection_and_a_restart(new_books: Books, new_client: Client) -> None:
    paula = key_of(new_books, "paula")
    location = begin(new_client, paula)
    assert send(new_client, location, paula, 0, STATEMENT[:1000]) == 204
    assert new_client.head(location, headers=paula).headers["upload-offset"] == "1000"
    assert send(new_client, location, paula, 500, STATEMENT[500:]) == 409
    assert send(new_client, location, paula, 1000, STATEMENT[1000:]) == 204
    told = new_client.get(location, headers=paula).json()
    assert (told["offset"], told["document"]["hash"]) == (len(STATEMENT), fingerprint(STATEMENT))
    (row,) = rows(new_books, "document")
    assert (row["name"], row["channel"], row["size"]) == ("may.xml", "portal", len(STATEMENT))
    assert send(new_client, location, paula, len(STATEMENT), b"") == 204
    assert new_books.originals.fetch(fingerprint(STATEMENT)) == STATEMENT


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({"Upload-Length": "ten"}, 422),
        ({"Upload-Length": "0"}, 422),
        ({"Upload-Length": str(1 << 40)}, 413),
        ({"Upload-Length": "5", "Upload-Metadata": "filename %%%"}, 422),
    ],
)
def test_what_is_no_beginning(new_books: Books, new_client: Client, headers: dict[str, str], status: int) -> None:
    assert new_client.post("/v1/uploads", headers=key_of(new_books, "paula") | headers).status_code == status


def test_no_more_bytes_than_were_announced(new_books: Books, new_client: Client) -> None:
    paula = key_of(new_books, "paula")
    location = begin(new_client, paula, size=10)
    assert send(new_client, location, paula, 0, b"x" * 11) == 413


def test_an_upload_is_its_owners(new_books: Books, new_client: Client) -> None:
    location = begin(new_client, key_of(new_books, "paula"))
    other = key_of(new_books, "carl")
    assert new_client.get(location, headers=other).status_code == 404
    assert new_client.post("/v1/uploads", headers=key_of(new_books, "bea") | {"Upload-Length": "5"}).status_code == 403


# ── asking of a document afterwards ─────────────────────────────────────────────────────────────────────────────────


def hand_in(client: Client, headers: dict[str, str], body: bytes) -> str:
    mark: str = client.post("/v1/documents?name=may%20%22statement%22.xml", content=body, headers=headers).json()[
        "hash"
    ]
    return mark


def test_a_document_can_be_looked_at_and_fetched(new_books: Books, new_client: Client) -> None:
    paula = key_of(new_books, "paula", "IE", "RD")
    mark = hand_in(new_client, paula, STATEMENT)
    life = new_client.get(f"/v1/documents/{mark}", headers=paula).json()
    assert (life["document"]["status"], life["document"]["format"]) == ("quarantined", "camt.053")
    fetched = new_client.get(f"/v1/documents/{mark}/original", headers=paula)
    assert fetched.content == STATEMENT
    assert fetched.headers["content-disposition"] == 'attachment; filename="may _statement_.xml"'
    assert fetched.headers["content-type"] == "application/octet-stream"
    looked = new_client.get(f"/v1/documents/{mark}/inspection", headers=paula).json()
    assert (looked["proved"], looked["outcome"], looked["record_counts"]["BankStatement"]) == (True, "quarantined", 1)
    assert looked["records"][0]["fields"]["iban"] == "DE •••• 3000"
    assert new_client.get(f"/v1/documents/{'0' * 64}", headers=paula).status_code == 404


def test_reading_again_takes_the_duty_and_a_reason_and_says_what_is_still_wrong(
    new_books: Books, new_client: Client
) -> None:
    mark = hand_in(new_client, key_of(new_books, "paula"), STATEMENT)
    address, why = f"/v1/documents/{mark}/retry", {"reason": "the account was added"}
    assert new_client.post(address, json=why, headers=key_of(new_books, "paula")).status_code == 403
    ines = key_of(new_books, "ines")
    assert new_client.post(address, json={"reason": ""}, headers=ines).status_code == 422
    again = new_client.post(address, json=why, headers=ines)
    assert (again.status_code, "unknown entity" in again.json()["detail"]) == (409, True)


def test_the_application_describes_its_uploads(new_books: Books) -> None:
    described = app_of(new_books).openapi_schema.to_schema()["paths"]
    assert {"/v1/uploads", "/v1/uploads/{id}", "/v1/documents/{mark}"} <= set(described)
