"""What the tests of the lab share: clients, a webhook receiver, sample documents, and waiting without sleeping."""

import asyncio
import base64
import threading
import time
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from decimal import Decimal
from hashlib import sha256
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, TypeVar

import asyncssh
import httpx2
from standardwebhooks import Webhook

from tieout_lab.serving import Card

T = TypeVar("T")
EUR_IBAN = "DE89370400440532013000"
GBP_IBAN = "GB29NWBK60161331926819"
SUPPLIER_IBAN = "NL91ABNA0417164300"
OTHER_IBAN = "FR1420041010050500013M02606"


def eventually(look: Callable[[], T], seconds: float = 60.0) -> T:
    """Look until there is something true to see, or fail."""
    deadline = time.monotonic() + seconds
    while not (seen := look()):
        assert time.monotonic() < deadline, "it did not happen in time"
        time.sleep(0.005)
    return seen


def client(card: Card, timeout: float = 10.0) -> httpx2.Client:
    """An HTTP client that is logged in the way the server wants it."""
    headers = {}
    match card.name:
        case "ap":
            headers["authorization"] = f"Bearer {card.secrets['api_key']}"
        case "procurement":
            headers["x-api-key"] = card.secrets["api_key"]
        case "bank":
            login = f"{card.more['user']}:{card.secrets['api_password']}"
            headers["authorization"] = "Basic " + base64.b64encode(login.encode()).decode()
        case "close":
            headers["authorization"] = f"Bearer {token(card)}"
    return httpx2.Client(base_url=card.url, headers=headers, timeout=timeout, trust_env=False)


def token(card: Card) -> str:
    form = {
        "grant_type": "client_credentials",
        "client_id": card.more["client_id"],
        "client_secret": card.secrets["client_secret"],
    }
    answer = httpx2.post(f"{card.url}/oauth/token", data=form, trust_env=False)
    assert answer.status_code == 200, answer.text
    return str(answer.json()["access_token"])


def ok(answer: httpx2.Response) -> Any:
    """The JSON of a good answer."""
    assert answer.is_success, f"{answer.status_code} {answer.text}"
    return answer.json() if answer.content else None


def set_faults(http: httpx2.Client, **rules: Any) -> None:
    """``set_faults(http, invoices__submit={"storm": 2})``"""
    ok(http.post("/_lab/faults", json={"rules": {name.replace("__", "."): rule for name, rule in rules.items()}}))


def struck(http: httpx2.Client) -> dict[str, dict[str, int]]:
    """How often which fault really struck."""
    counts: dict[str, dict[str, int]] = ok(http.get("/_lab/faults"))["struck"]
    return counts


class Receiver:
    """Takes webhooks in. Checks every signature, keeps (id, body), and answers what it is told to."""

    def __init__(self, secret: str) -> None:
        self.got: list[tuple[str, Any]] = []
        self.answers: list[int] = []
        receiver, verifier = self, Webhook(secret)

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["content-length"]))
                data = verifier.verify(body, dict(self.headers.items()))
                status = receiver.answers.pop(0) if receiver.answers else 204
                if 200 <= status < 300:
                    receiver.got.append((self.headers["webhook-id"], data))
                self.send_response(status)
                self.send_header("content-length", "0")
                self.end_headers()

            def log_message(self, format: str, *args: Any) -> None:
                """Quiet."""

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._server.server_port}/hook"

    @property
    def ids(self) -> list[str]:
        return [message_id for message_id, _ in self.got]


@contextmanager
def receiving(secret: str) -> Iterator[Receiver]:
    receiver = Receiver(secret)
    thread = threading.Thread(target=receiver._server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
    thread.start()
    try:
        yield receiver
    finally:
        receiver._server.shutdown()
        receiver._server.server_close()


def money(amount: str, currency: str = "EUR") -> dict[str, str]:
    return {"amount": amount, "currency": currency}


def invoice(number: str = "R-1001", net: str = "100.00", tax: str = "19.00", **more: Any) -> dict[str, Any]:
    """An invoice as the AP platform takes it."""
    gross = f"{Decimal(net) + Decimal(tax):f}"
    return {
        "entity": "DE01",
        "invoiceNumber": number,
        "supplier": {"name": "Papier Müller GmbH", "taxId": "DE123456788"},
        "invoiceDate": "2026-09-01",
        "dueDate": "2026-10-01",
        "lines": [
            {
                "lineNumber": "1",
                "quantity": "10",
                "unit": "C62",
                "unitPrice": "10.00",
                "net": money(net),
                "poNumber": "4500000001",
                "poLine": "10",
            }
        ],
        "net": money(net),
        "tax": money(tax),
        "gross": money(gross),
        **more,
    }


def order(**more: Any) -> dict[str, Any]:
    """A purchase order as the procurement system takes it."""
    return {
        "company": "DE01",
        "vendor": {"tax_id": "DE123456788", "name": "Papier Müller GmbH"},
        "currency": "EUR",
        "ordered_on": "2026-09-01",
        "lines": [
            {
                "line_no": "10",
                "item": "PAPER-A4",
                "quantity": "100",
                "unit": "C62",
                "price": "250.00",
                "price_unit": "100",
            },
            {"line_no": "20", "item": "TONER", "quantity": "2.5", "unit": "C62", "price": "80.10"},
        ],
        **more,
    }


def transfer(e2e: str, amount: str, iban: str = SUPPLIER_IBAN, currency: str = "EUR", name: str = "Supplier") -> str:
    return (
        f"<CdtTrfTxInf><PmtId><InstrId>{e2e}</InstrId><EndToEndId>{e2e}</EndToEndId></PmtId>"
        f'<Amt><InstdAmt Ccy="{currency}">{amount}</InstdAmt></Amt><Cdtr><Nm>{name}</Nm></Cdtr>'
        f"<CdtrAcct><Id><IBAN>{iban}</IBAN></Id></CdtrAcct><RmtInf><Ustrd>invoice {e2e}</Ustrd></RmtInf></CdtTrfTxInf>"
    )


def payment_file(
    message_id: str, *transfers: str, debtor: str = EUR_IBAN, on: str = "2026-09-15", batch_booking: bool = False,
    count: int | None = None, total: str | None = None, currency: str = "EUR",
) -> bytes:  # fmt: skip
    """A pain.001.001.09, written by hand so that nothing of tieout stands behind it."""
    amounts = [Decimal(part.split(">")[1].split("<")[0]) for text in transfers for part in text.split("<InstdAmt")[1:]]
    head = f"<NbOfTxs>{len(transfers) if count is None else count}</NbOfTxs><CtrlSum>{total or sum(amounts)}</CtrlSum>"
    return (
        '<?xml version="1.0" encoding="UTF-8"?>'
        '<Document xmlns="urn:iso:std:iso:20022:tech:xsd:pain.001.001.09"><CstmrCdtTrfInitn>'
        f"<GrpHdr><MsgId>{message_id}</MsgId><CreDtTm>2026-09-15T08:00:00</CreDtTm>{head}"
        "<InitgPty><Nm>Northwind</Nm></InitgPty></GrpHdr>"
        f"<PmtInf><PmtInfId>{message_id}-1</PmtInfId><PmtMtd>TRF</PmtMtd><BtchBookg>{str(batch_booking).lower()}</BtchBookg>"
        f"<ReqdExctnDt><Dt>{on}</Dt></ReqdExctnDt><Dbtr><Nm>Northwind</Nm></Dbtr>"
        f"<DbtrAcct><Id><IBAN>{debtor}</IBAN></Id></DbtrAcct><DbtrAgt><FinInstnId><Othr><Id>NOTPROVIDED</Id></Othr>"
        f"</FinInstnId></DbtrAgt>{''.join(transfers)}</PmtInf></CstmrCdtTrfInitn></Document>"
    ).encode()


class Kept:
    """Originals of a connector, in memory."""

    def __init__(self) -> None:
        self.bodies: dict[str, bytes] = {}

    def keep(self, body: bytes, *, name: str, media_type: str, channel: str) -> str:
        mark = sha256(body).hexdigest()
        self.bodies[mark] = body
        return mark


class Unruly(httpx2.HTTPTransport):
    """A network that goes wrong on every write, in one of the ways of the connectors' conformance kit."""

    def __init__(self) -> None:
        super().__init__()
        self.how: str | None = None

    def handle_request(self, request: httpx2.Request) -> httpx2.Response:
        if self.how == "unavailable":
            raise httpx2.ConnectError("refused")
        if self.how is None or request.method == "GET" or request.url.path == "/oauth/token":
            return super().handle_request(request)
        if self.how == "answer lost before the work":
            raise httpx2.ReadError("cut")
        answer = super().handle_request(request)
        answer.read()
        if self.how == "answer lost after the work":
            raise httpx2.ReadTimeout("too late")
        return httpx2.Response(200, content=b"<html>", request=request)

    @contextmanager
    def going_wrong(self, how: str) -> Iterator[None]:
        """In this way, for a while."""
        self.how = how
        try:
            yield
        finally:
            self.how = None


class Sftp:
    """A plain, synchronous SFTP client that pins the bank's host key."""

    def __init__(self, card: Card, password: str | None = None) -> None:
        self._card, self._password = card, password
        self._runner = asyncio.Runner()
        self._connection: asyncssh.SSHClientConnection | None = None

    async def _session(self) -> asyncssh.SFTPClient:
        more = self._card.more
        if self._connection is None or self._connection.is_closed():
            login: dict[str, Any] = {
                "client_keys": [asyncssh.import_private_key(self._card.secrets["sftp_client_key"])]
            }
            if self._password is not None:
                login = {"password": self._password, "client_keys": None}
            host = f"[{more['sftp_host']}]:{more['sftp_port']}"
            self._connection = await asyncssh.connect(
                more["sftp_host"],
                int(more["sftp_port"]),
                username=more["user"],
                known_hosts=asyncssh.import_known_hosts(f"{host} {more['sftp_host_key']}\n"),
                config=None,
                agent_path=None,
                **login,
            )
        return await self._connection.start_sftp_client()

    def do(self, work: Callable[[asyncssh.SFTPClient], Awaitable[T]]) -> T:
        async def run() -> T:
            async with await self._session() as sftp:
                return await work(sftp)

        return self._runner.run(run())

    def write(self, path: str, body: bytes) -> None:
        async def work(sftp: asyncssh.SFTPClient) -> None:
            async with sftp.open(path, "wb") as file:
                await file.write(body)

        self.do(work)

    def put(self, name: str, body: bytes) -> None:
        """As a careful client does: under another name first."""
        self.write(f"in/{name}.part", body)
        self.rename(f"in/{name}.part", f"in/{name}")

    def rename(self, old: str, new: str) -> None:
        self.do(lambda sftp: sftp.rename(old, new))

    def read(self, path: str) -> bytes:
        async def work(sftp: asyncssh.SFTPClient) -> bytes:
            async with sftp.open(path, "rb") as file:
                body: bytes = await file.read()
                return body

        return self.do(work)

    def names(self, folder: str) -> list[str]:
        found = self.do(lambda sftp: sftp.listdir(folder))
        return sorted(name for name in found if name not in (".", ".."))

    def close(self) -> None:
        if self._connection is not None:
            self._connection.abort()
        self._runner.close()
