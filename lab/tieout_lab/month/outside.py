"""The hands of the outside world: what suppliers, buyers, approvers and the bank do in their own systems."""

import base64
from collections.abc import Generator, Iterator, Mapping
from datetime import date
from typing import Any

import httpx2

from tieout.model.documents import GoodsReceipt, Invoice, InvoiceKind, PurchaseOrder, Supplier
from tieout_lab.landscape import Lab
from tieout_lab.month.plan import PlannedReceipt


class Outside:
    """Everything that happens in the counterpart systems without tieout."""

    def __init__(self, lab: Lab) -> None:
        ap, procurement, bank, close = (lab[name] for name in ("ap", "procurement", "bank", "close"))
        self._lab = lab
        self._ap = _client(ap.url, {"Authorization": f"Bearer {ap.secrets['api_key']}"})
        self._procurement = _client(procurement.url, {"X-Api-Key": procurement.secrets["api_key"]})
        basic = base64.b64encode(f"{bank.more['user']}:{bank.secrets['api_password']}".encode()).decode()
        self._bank = _client(bank.url, {"Authorization": f"Basic {basic}"})
        self._close = _client(close.url, {}, _Tokens(close))

    def faults(self, system: str, rules: Mapping[str, Mapping[str, Any] | None], *, reset: bool = False) -> None:
        """Turn the switchboard of a system."""
        client = {"ap": self._ap, "procurement": self._procurement, "bank": self._bank, "close": self._close}[system]
        _ok(client.post("/_lab/faults", json={"rules": dict(rules), "reset": reset}))

    def struck(self) -> dict[str, int]:
        """How often which fault really struck, over all systems."""
        counts: dict[str, int] = {}
        for client in (self._ap, self._procurement, self._bank, self._close):
            for faults in _ok(client.get("/_lab/faults"))["struck"].values():
                for name, count in faults.items():
                    counts[name] = counts.get(name, 0) + count
        return counts

    # ── procurement ─────────────────────────────────────────────────────────────────────────────────────────────

    def add_vendor(self, supplier: Supplier) -> None:
        account = supplier.bank_account
        body = {
            "name": supplier.name,
            "tax_id": supplier.tax_id,
            "street": supplier.address.street,
            "postal_code": supplier.address.postal_code,
            "town": supplier.address.town,
            "country": supplier.address.country,
            "email": supplier.email,
            "terms_days": supplier.payment_terms_days,
            "iban": account.iban if account else "",
            "account_holder": account.holder if account else "",
        }
        _ok(self._procurement.put(f"/v1/vendors/{supplier.tax_id}", json=body))

    def place_order(self, order: PurchaseOrder, supplier: Supplier) -> None:
        lines = [
            {
                "line_no": line.line_id,
                "item": line.item,
                "quantity": str(line.quantity),
                "unit": line.unit,
                "price": str(line.unit_price),
                "text": line.description,
                "tax_rate": str(line.tax_rate),
                "receipt_required": line.receipt_required,
            }
            for line in order.lines
        ]
        body = {
            "po_number": order.order_id,
            "company": order.entity,
            "vendor": {"tax_id": supplier.tax_id},
            "currency": order.currency,
            "ordered_on": order.ordered_on.isoformat(),
            "lines": lines,
        }
        _ok(self._procurement.post("/v1/orders", json=body))

    def receive(self, planned: PlannedReceipt) -> None:
        receipt: GoodsReceipt = planned.receipt
        body = {
            "po_number": receipt.order_id,
            "receipt_no": receipt.receipt_id,
            "received_on": receipt.received_on.isoformat(),
            "held": planned.late,
            "lines": [{"po_line": line.order_line_id, "quantity": str(line.quantity)} for line in receipt.lines],
        }
        _ok(self._procurement.post("/v1/receipts", json=body))

    def release_late_receipts(self) -> None:
        """The warehouse keys in what it had left lying."""
        _ok(self._procurement.post("/_lab/receipts/release"))

    # ── the AP platform ─────────────────────────────────────────────────────────────────────────────────────────

    def register_webhook(self, url: str) -> None:
        """Have the AP platform call us."""
        _ok(self._ap.post("/v1/webhook-endpoints", json={"url": url}))

    def approval_limits(self, limits: Mapping[str, str]) -> None:
        """Below these amounts matched invoices are approved by rule; above, people decide."""
        _ok(self._ap.put("/_lab/approval-rule", json={"limits": dict(limits), "delayMs": 50}))

    def capture(self, invoice: Invoice) -> None:
        """An invoice comes in through the AP platform's own mail room."""
        _ok(self._ap.post("/v1/captures", json=_capture(invoice)))

    def waiting_for_approval(self) -> Iterator[str]:
        """The platform's ids of invoices that wait for a person."""
        after = ""
        while True:
            params = {"state": "in_approval", "limit": "100", **({"after": after} if after else {})}
            page = _ok(self._ap.get("/v1/invoices", params=params))
            yield from (invoice["id"] for invoice in page["items"])
            after = page["next"]
            if not after:
                return

    def approve(self, invoice_id: str, by: str) -> None:
        _ok(self._ap.post(f"/v1/invoices/{invoice_id}/approval", json={"decision": "approve", "by": by}))

    # ── the bank ────────────────────────────────────────────────────────────────────────────────────────────────

    def bank_day(self, day: date) -> None:
        _ok(self._bank.post("/_lab/day", json={"date": day.isoformat()}))

    def close_bank_day(self, to: date) -> None:
        """The bank's end of day: statements go out."""
        _ok(self._bank.post("/_lab/close-day", json={"to": to.isoformat()}))

    def creditor(self, iban: str, behaviour: str, reason: str, after_days: int = 1) -> None:
        body = {"iban": iban, "behaviour": behaviour, "reason": reason, "afterDays": after_days}
        _ok(self._bank.post("/_lab/creditors", json=body))

    def return_payment(self, creditor_iban: str) -> None:
        """The supplier's bank sends one payment to this account back."""
        paid = [one for one in self._payments_to(creditor_iban) if one["bookedOn"] and not one.get("returned")]
        _ok(self._bank.post("/_lab/returns", json={"endToEndId": paid[0]["endToEndId"], "reason": "AC04"}))

    def _payments_to(self, iban: str) -> list[dict[str, Any]]:
        ids = list(self.ledger()["payments"])
        found = [_ok(self._bank.get("/v1/payments", params={"end_to_end_id": one}))["payments"] for one in ids]
        return [payment for payments in found for payment in payments if payment["creditorIban"] == iban]

    def book_fee(self, iban: str, amount: str) -> None:
        _ok(self._bank.post("/_lab/fees", json={"iban": iban, "amount": amount, "text": "Account fees May"}))

    def ledger(self) -> dict[str, Any]:
        """What the bank really did."""
        found: dict[str, Any] = _ok(self._bank.get("/_lab/ledger"))
        return found

    # ── the close tool ──────────────────────────────────────────────────────────────────────────────────────────

    def open_period(self, entity: str, period: str) -> None:
        _ok(self._close.post("/v1/periods", json={"entityCode": entity, "periodName": period}))

    def complete_tasks(self, entity: str, period: str) -> int:
        """The people of the close do what is theirs to do; checkpoints are a system's to prove. Returns how many
        tasks were open when they came."""
        tasks = _ok(self._close.get("/v1/tasks", params={"entity": entity, "period": period}))["result"]
        todo = [task for task in tasks if task["status"] == "OPEN"]
        for task in todo:
            if not task.get("checkpoint"):  # one that must wait for others is refused; they will come again
                self._close.post(f"/v1/tasks/{task['taskId']}/complete", json={"by": task.get("owner") or "controller"})
        return len(todo)


def _client(url: str, headers: Mapping[str, str], auth: httpx2.Auth | None = None) -> httpx2.Client:
    return httpx2.Client(base_url=url, headers=dict(headers), timeout=30, auth=auth)


class _Tokens(httpx2.Auth):
    """The close tool's tokens live for five minutes, and on a slow machine a month takes longer: a new one is fetched
    when the old one is refused."""

    requires_response_body = True

    def __init__(self, card: Any) -> None:
        self._url = f"{card.url}/oauth/token"
        self._form = {
            "grant_type": "client_credentials",
            "client_id": card.more["client_id"],
            "client_secret": card.secrets["client_secret"],
        }
        self._token = ""

    def auth_flow(self, request: httpx2.Request) -> Generator[httpx2.Request, httpx2.Response, None]:
        if self._token:
            request.headers["Authorization"] = f"Bearer {self._token}"
            answer = yield request
            if answer.status_code != 401:
                return
        self._token = _ok((yield httpx2.Request("POST", self._url, data=self._form)))["access_token"]
        request.headers["Authorization"] = f"Bearer {self._token}"
        yield request


def _ok(response: httpx2.Response) -> Any:
    """The body of an answer, which must be a good one: the driver of a rehearsal has no excuse."""
    body = response.json() if response.content else {}
    if response.status_code >= 400 or (isinstance(body, dict) and body.get("ok") is False):
        raise RuntimeError(f"{response.request.method} {response.request.url}: {response.status_code} {response.text}")
    return body


def _capture(invoice: Invoice) -> dict[str, Any]:
    def money(amount: Any) -> dict[str, str]:
        return {"amount": str(amount.amount), "currency": amount.currency}

    return {
        "entity": invoice.entity,
        "documentType": "CREDIT_NOTE" if invoice.kind is InvoiceKind.CREDIT_NOTE else "INVOICE",
        "invoiceNumber": invoice.number,
        "supplier": {"name": invoice.supplier_name, "taxId": invoice.supplier_tax_id},
        "invoiceDate": invoice.issued_on.isoformat(),
        "dueDate": invoice.due_on.isoformat(),
        "creditedInvoiceNumber": invoice.credits_number,
        "net": money(invoice.net),
        "tax": money(invoice.tax),
        "gross": money(invoice.gross),
        "channel": "mail",
        "file": {
            "fileName": f"{invoice.number}.txt",
            "mediaType": "text/plain",
            "content": base64.b64encode(f"Invoice {invoice.number}".encode()).decode(),
        },
        "lines": [
            {
                "lineNumber": line.line_id,
                "quantity": str(line.quantity),
                "unit": line.unit,
                "unitPrice": str(line.unit_price),
                "net": money(line.net),
                "description": line.description,
                "taxRate": str(line.tax_rate),
                "poNumber": line.order_id,
                "poLine": line.order_line_id,
            }
            for line in invoice.lines
        ],
    }
