"""Two companies on two servers talk AS2: real HTTP, real books, every document in the inbox once."""

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx2
import pytest
import uvicorn
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from litestar import Litestar
from msgspec.structs import replace
from tests.connectors.as2_kit import EDI, A, B, effect, identity
from tests.http.events import rows
from tests.web.books import Books
from tests.web.serving import door_of

from tieout.connectors.as2 import As2, Ledger, mdn
from tieout.connectors.as2.config import As2Config, OwnKey
from tieout.connectors.as2.keys import load_keys
from tieout.connectors.as2.message import Wrapping, build
from tieout.engine.clock import SystemClock
from tieout.http import as2
from tieout.http.app import create_app
from tieout.kernel.ids import fingerprint
from tieout.ports import Applied, Refused, Unknown

STATEMENT = (Path(__file__).parents[1] / "formats" / "data" / "statement.xml").read_bytes()


class Company:
    """One company: its books, its server, and its connector to the other."""

    def __init__(self, name: str, partner: str, folder: Path) -> None:
        self.name, self.partner, self.folder = name, partner, folder
        folder.mkdir()
        self.books = Books(f"sqlite:///{folder / 'books.db'}", folder / "originals")
        self.partners: dict[str, as2.Partner] = {}
        self.door = door_of(self.books)
        self.app = create_app(self.door, partners=self.partners)
        self.url = ""

    def connects(self, url: str, **more: Any) -> As2:
        """Connect to the other, as the configuration would."""
        defaults: dict[str, Any] = {"url": f"{url}/as2/other", "landing_seconds": 0.0, "timeout_seconds": 10.0}
        config = As2Config(
            our_name=self.name,
            partner_name=self.partner,
            keys=(OwnKey(key=f"file:{self.name[0]}.key", certificate=f"file:{self.name[0]}.crt"),),
            partner_certificates=(f"file:{self.partner[0]}.crt",),
            **defaults | more,
        )
        keys = load_keys(config, self.folder.parent)
        ledger = Ledger.at((self.folder / "as2").as_uri())
        connector = As2(config, keys, self.books.intake, ledger, self.books.clock, system="other")
        self.partners["other"] = connector
        return connector

    def documents(self) -> list[tuple[str, str]]:
        """The documents that came, and by which channel."""
        return [(row["name"], row["channel"]) for row in rows(self.books, "document")]


@contextmanager
def serving(app: Litestar) -> Iterator[str]:
    server = uvicorn.Server(
        uvicorn.Config(app, host="127.0.0.1", port=0, log_level="error", timeout_graceful_shutdown=1)
    )
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    deadline = time.monotonic() + 20
    while not server.started and time.monotonic() < deadline:
        time.sleep(0.01)
    yield f"http://127.0.0.1:{server.servers[0].sockets[0].getsockname()[1]}"
    server.should_exit = True
    thread.join(10)


@pytest.fixture
def companies(tmp_path: Path) -> Iterator[tuple[Company, Company]]:
    for name, own in (("N", identity("a", days=(-4000, 40_000))), ("P", identity("b", days=(-4000, 40_000)))):
        pem = own.key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
        (tmp_path / f"{name}.key").write_bytes(pem)
        (tmp_path / f"{name}.crt").write_bytes(own.certificate.public_bytes(Encoding.PEM))
    a, b = Company(A, B, tmp_path / "a"), Company(B, A, tmp_path / "b")
    with serving(a.app) as a.url, serving(b.app) as b.url:
        yield a, b
    a.books.store.close()
    b.books.store.close()


def eventually(ask: Any) -> Any:
    """What comes to be true within a few seconds; the other server works in threads of its own."""
    deadline = time.monotonic() + 10
    while not (answer := ask()) and time.monotonic() < deadline:
        time.sleep(0.02)
    return answer


_PLAIN = {"sign": "", "encrypt": "", "receipt_signed": False}


@pytest.mark.parametrize(
    ("how", "receipt"),
    [
        pytest.param({}, "sync", id="signed and encrypted"),
        pytest.param({"compress": "before_signing"}, "sync", id="compressed, signed, encrypted"),
        pytest.param(
            {"compress": "after_signing", "encrypt": "aes128_cbc", "sign": "sha512"},
            "sync",
            id="signed, compressed, encrypted",
        ),
        pytest.param({"encrypt": ""}, "sync", id="signed"),
        pytest.param({"sign": ""}, "sync", id="encrypted"),
        pytest.param(_PLAIN | {"compress": "before_signing"}, "sync", id="compressed"),
        pytest.param(_PLAIN, "sync", id="plain"),
        pytest.param({}, "async", id="receipt later"),
        pytest.param(_PLAIN, "async", id="plain, receipt later"),
    ],
)
def test_a_document_goes_from_one_company_to_the_other_and_is_confirmed(
    companies: tuple[Company, Company], how: dict[str, Any], receipt: str
) -> None:
    a, b = companies
    more = {"receipt": receipt, "receipt_url": f"{a.url}/as2/other"}
    sender = a.connects(b.url, **how, **more)
    b.connects(a.url, require_signature=how.get("sign") != "", require_encryption=how.get("encrypt") != "")
    sent = effect(STATEMENT, name="May statement.xml", media_type="application/xml")
    (result,) = sender.apply([sent])
    if receipt == "async":
        assert isinstance(result, Unknown), result
        result = eventually(lambda: found if isinstance(found := sender.probe(sent), Applied) else None)
    assert isinstance(result, Applied), result
    assert sender.apply([replace(sent, attempt=2)]) == [result]
    assert b.documents() == [("May statement.xml", "other")]
    assert b.books.originals.fetch(fingerprint(STATEMENT)) == STATEMENT


def test_both_at_once_in_both_directions_and_many(companies: tuple[Company, Company]) -> None:
    a, b = companies
    sides = [a.connects(b.url), b.connects(a.url)]
    results: list[Any] = []

    def send(side: As2, number: int) -> None:
        results.extend(side.apply([effect(b"%d" % number * 1000, name=f"{number}.edi")]))

    threads = [threading.Thread(target=send, args=(side, number)) for side in sides for number in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert [type(result) for result in results] == [Applied] * 12
    assert [len(side.documents()) for side in companies] == [6, 6]


def test_a_refusal_comes_back_with_its_reason(companies: tuple[Company, Company]) -> None:
    a, b = companies
    sender = a.connects(b.url, sign="", receipt_signed=True)
    b.connects(a.url)
    (result,) = sender.apply([effect(EDI)])
    assert isinstance(result, Refused)
    assert result.problems[0].actual.startswith("processed/error: ")
    assert b.documents() == []


def test_a_lost_answer_is_unknown_and_sending_again_says_nothing_twice(companies: tuple[Company, Company]) -> None:
    a, b = companies
    receiver = b.connects(a.url)

    class Slow:
        """A partner who takes the message and answers too late."""

        message_bytes_max = receiver.message_bytes_max
        hand_over = receiver.hand_over

        def receive(self, headers: Any, body: bytes) -> Any:
            reply = receiver.receive(headers, body)
            time.sleep(1.0)
            return reply

    b.partners["other"] = Slow()
    hasty = a.connects(b.url, timeout_seconds=0.5)
    (result,) = hasty.apply([effect(EDI)])
    assert isinstance(result, Unknown), result
    assert eventually(b.documents)
    b.partners["other"] = receiver
    (again,) = a.connects(b.url).apply([effect(EDI, attempt=2)])
    assert isinstance(again, Applied), again
    assert len(b.documents()) == 1


def test_nobody_there_is_tried_again(companies: tuple[Company, Company]) -> None:
    a, _ = companies
    (result,) = a.connects("http://127.0.0.1:9").apply([effect(EDI)])
    assert type(result).__name__ == "Retry"


# ── the door ───────────────────────────────────────────────────────────────────────────────────────────────────────


def call(company: Company, body: bytes = EDI, name: str = "other", **more: str) -> httpx2.Response:
    headers = {
        "AS2-Version": "1.2",
        "AS2-From": mdn.quoted_name(company.partner),
        "AS2-To": mdn.quoted_name(company.name),
        "Message-ID": "<1@a>",
        "Content-Type": "application/edifact",
        **{key.replace("_", "-"): value for key, value in more.items()},
    }
    return httpx2.post(f"{company.url}/as2/{name}", content=body, headers=headers)


def test_the_door_is_open_to_partners_without_a_key_and_to_nobody_else(companies: tuple[Company, Company]) -> None:
    a, b = companies
    b.connects(a.url, require_signature=False, require_encryption=False)
    assert call(b, name="nobody").status_code == 404
    assert httpx2.get(f"{b.url}/as2/other").status_code == 405
    answer = call(b, Disposition_Notification_To="x@example.com")
    assert answer.status_code == 200
    assert answer.headers["content-type"].startswith("multipart/report; report-type=")
    assert answer.headers["as2-from"] == mdn.quoted_name(B)
    assert b"automatic-action/MDN-sent-automatically; processed\r\n" in answer.content
    assert call(b, Message_ID="<2@a>").content == b""
    assert b.documents() == [("1@a", "other")]


def test_what_is_too_large_is_not_read(companies: tuple[Company, Company]) -> None:
    a, b = companies
    b.connects(a.url, require_signature=False, require_encryption=False, message_bytes_max=1000)
    assert call(b, b"x" * 1001).status_code == 413
    assert call(b, b"x" * 1000).status_code == 200


def test_a_receipt_is_fetched_by_nobody_but_the_partner(companies: tuple[Company, Company]) -> None:
    """The address of a receipt is the sender's word: it must not make us call anybody else."""
    a, b = companies
    b.connects(a.url, require_signature=False, require_encryption=False)
    called = threading.Event()

    class Victim:
        message_bytes_max = 1000

        def receive(self, headers: Any, body: bytes) -> Any:
            called.set()
            raise AssertionError("somebody was made to call here")

        def hand_over(self, owed: Any) -> None: ...

    b.partners["victim"] = Victim()
    for address in (
        f"{b.url}/as2/victim",
        "http://169.254.169.254/",
        "file:///etc/passwd",
        f"http://user@127.0.0.1:{a.url[-5:]}/",
    ):
        answer = call(b, Disposition_Notification_To="x@example.com", Receipt_Delivery_Option=address)
        assert b"failed/failure: receipt address not agreed" in answer.content
    assert not called.wait(0.2)
    assert b.documents() == []


def test_the_same_message_again_gets_the_same_answer(companies: tuple[Company, Company]) -> None:
    a, b = companies
    b.connects(a.url)
    now = SystemClock().now()
    wrapping = Wrapping(
        identity("a", days=(-4000, 40_000)), "sha256", identity("b", days=(-4000, 40_000)).certificate, "aes256_cbc", ""
    )
    built = build("orders.edi", "application/edifact", EDI, wrapping, now)
    more = {key.replace("-", "_"): value for key, value in built.headers.items()}
    asked = {"Disposition_Notification_To": "x@example.com"}
    first, second = (call(b, built.body, **asked, **more) for _ in range(2))
    assert (first.status_code, first.content) == (200, second.content)
    assert b.documents() == [("orders.edi", "other")]


def test_the_application_describes_its_door(new_books: Books) -> None:
    door = door_of(new_books)
    described = create_app(door).openapi_schema.to_schema()["paths"]
    assert "/as2/{name}" in described
