"""The AP platform's HTTP API. ``Authorization: Bearer <api key>``; errors are ``{"error": {"code", "message"}}``."""

import base64
import secrets
from collections.abc import Sequence
from hmac import compare_digest
from pathlib import Path
from typing import Annotated, Any

from litestar import Response, Router, delete, get, post, put
from litestar.connection import ASGIConnection
from litestar.handlers import BaseRouteHandler
from litestar.params import FromPath, FromQuery, HeaderParameter, JSONBody, QueryParameter
from litestar.types import ControllerRouterHandler

from tieout_lab.ap.store import Store
from tieout_lab.ap.wire import (
    ApprovalRule,
    Capture,
    Decision,
    ErrorBody,
    ErrorDetail,
    Invoice,
    InvoicePage,
    MatchReport,
    PaymentReport,
    PostingReport,
    PutSupplier,
    RegisterEndpoint,
    Submission,
    Supplier,
    SupplierPage,
    Totals,
)
from tieout_lab.db import Db
from tieout_lab.faults import Switchboard
from tieout_lab.feed import ChangePage, Feed
from tieout_lab.serving import Refusal, Service, make_app, secret
from tieout_lab.webhooks import OPERATION, Endpoint, Sender

TITLE = "Inkwell AP"
Limit = Annotated[int, QueryParameter(ge=1, le=500)]


def build(folder: Path) -> Service:
    """The AP platform in a folder."""
    api_key = secret(folder, "api_key")
    webhook_secret = secret(
        folder, "webhook_secret", lambda: "whsec_" + base64.b64encode(secrets.token_bytes(24)).decode()
    )
    db = Db(folder / "ap.sqlite")
    switchboard = Switchboard(db, [OPERATION])
    feed = Feed(db, "evt")
    sender = Sender(db, feed, switchboard, webhook_secret)
    store = Store(db, feed, sender.announce)
    return Service(
        name="ap",
        title=TITLE,
        folder=folder,
        app=make_app(TITLE, _handlers(store, feed, sender, api_key), switchboard, _error),
        jobs=[sender.run, store.run_rule],
        secrets={"api_key": api_key, "webhook_secret": webhook_secret},
        close=db.close,
    )


def _error(status: int, code: str, message: str) -> tuple[int, ErrorBody]:
    return status, ErrorBody(error=ErrorDetail(code=code, message=message))


def _handlers(store: Store, feed: Feed, sender: Sender, api_key: str) -> Sequence[ControllerRouterHandler]:
    def authorised(connection: ASGIConnection[Any, Any, Any, Any], _handler: BaseRouteHandler) -> None:
        said = connection.headers.get("authorization", "")
        if not compare_digest(said.encode(), f"Bearer {api_key}".encode()):
            raise Refusal(401, "unauthorized", "send the API key as 'Authorization: Bearer ...'")

    @put("/suppliers/{reference:str}", name="suppliers.put", sync_to_thread=False)
    def put_supplier(
        reference: FromPath[str],
        data: JSONBody[PutSupplier],
        user: Annotated[str, HeaderParameter(name="X-User")] = "api",
    ) -> Response[Supplier]:
        supplier, new = store.put_supplier(reference, data, user)
        return Response(supplier, status_code=201 if new else 200)

    @post("/suppliers", name="suppliers.add", sync_to_thread=False)
    def add_supplier(
        data: JSONBody[PutSupplier], user: Annotated[str, HeaderParameter(name="X-User")] = "user"
    ) -> Supplier:
        return store.add_supplier(data, user)

    @get("/suppliers", name="suppliers.find", sync_to_thread=False)
    def find_suppliers(
        reference: FromQuery[str | None] = None, tax_id: Annotated[str | None, QueryParameter(name="taxId")] = None
    ) -> SupplierPage:
        return SupplierPage(items=store.suppliers(reference, tax_id))

    @post("/captures", name="captures.create", sync_to_thread=False)
    def capture(data: JSONBody[Capture]) -> Invoice:
        return store.capture(data)

    @post("/invoices", name="invoices.submit", sync_to_thread=False)
    def submit(
        data: JSONBody[Submission], key: Annotated[str, HeaderParameter(name="Idempotency-Key")] = ""
    ) -> Response[Invoice]:
        if not key:
            raise Refusal(400, "idempotency_key_required", "send a header Idempotency-Key")
        invoice, repeated = store.submit(key, data)
        return Response(invoice, status_code=201, headers={"Idempotent-Replayed": "true"} if repeated else None)

    @get("/invoices", name="invoices.find", sync_to_thread=False)
    def find(
        reference: FromQuery[str | None] = None,
        number: Annotated[str | None, QueryParameter(name="invoiceNumber")] = None,
        tax_id: Annotated[str | None, QueryParameter(name="supplierTaxId")] = None,
        entity: FromQuery[str | None] = None,
        invoice_state: Annotated[str | None, QueryParameter(name="state")] = None,
        after: FromQuery[str] = "",
        limit: Limit = 100,
    ) -> InvoicePage:
        return store.find(reference, number, tax_id, entity, invoice_state, after, limit)

    @get("/invoices/{invoice_id:str}", name="invoices.read", sync_to_thread=False)
    def read(invoice_id: FromPath[str]) -> Invoice:
        return store.get(invoice_id)

    @get("/invoices/{invoice_id:str}/file", name="invoices.file", sync_to_thread=False)
    def file(invoice_id: FromPath[str]) -> Response[bytes]:
        media_type, content = store.file(invoice_id)
        return Response(content, media_type=media_type)

    @put("/invoices/{invoice_id:str}/match", name="invoices.match", sync_to_thread=False)
    def report_match(invoice_id: FromPath[str], data: JSONBody[MatchReport]) -> Invoice:
        return store.report_match(invoice_id, data)

    @post("/invoices/{invoice_id:str}/approval", status_code=200, name="invoices.approval", sync_to_thread=False)
    def decide(invoice_id: FromPath[str], data: JSONBody[Decision]) -> Invoice:
        return store.decide(invoice_id, data)

    @put("/invoices/{invoice_id:str}/posting", name="invoices.posting", sync_to_thread=False)
    def report_posting(invoice_id: FromPath[str], data: JSONBody[PostingReport]) -> Invoice:
        return store.report_posting(invoice_id, data)

    @put("/invoices/{invoice_id:str}/payment", name="invoices.payment", sync_to_thread=False)
    def report_payment(invoice_id: FromPath[str], data: JSONBody[PaymentReport]) -> Invoice:
        return store.report_payment(invoice_id, data)

    @get("/changes", name="changes.list", sync_to_thread=False)
    def changes(after: FromQuery[int] = 0, limit: Limit = 100) -> ChangePage:
        return feed.page(after, limit)

    @get("/totals", name="totals.read", sync_to_thread=False)
    def totals(
        entity: FromQuery[str | None] = None,
        currency: FromQuery[str | None] = None,
        invoice_state: Annotated[str | None, QueryParameter(name="state")] = None,
    ) -> Totals:
        return store.totals(entity, currency, invoice_state)

    @post("/webhook-endpoints", sync_to_thread=False)
    def register(data: JSONBody[RegisterEndpoint]) -> Endpoint:
        return sender.register(data.url)

    @get("/webhook-endpoints", sync_to_thread=False)
    def endpoints() -> list[Endpoint]:
        return sender.endpoints()

    @delete("/webhook-endpoints/{endpoint_id:str}", sync_to_thread=False)
    def remove(endpoint_id: FromPath[str]) -> None:
        if not sender.remove(endpoint_id):
            raise Refusal(404, "not_found", f"there is no endpoint {endpoint_id}")

    @get("/_lab/approval-rule", sync_to_thread=False)
    def read_rule() -> ApprovalRule:
        return store.rule()

    @put("/_lab/approval-rule", sync_to_thread=False)
    def set_rule(data: JSONBody[ApprovalRule]) -> ApprovalRule:
        store.set_rule(data)
        return store.rule()

    @get("/_lab/webhooks", sync_to_thread=False)
    def backlog() -> dict[str, int]:
        return sender.backlog()

    api = Router(
        "/v1",
        guards=[authorised],
        route_handlers=[
            put_supplier, add_supplier, find_suppliers, capture, submit, find, read, file, report_match, decide,
            report_posting, report_payment, changes, totals, register, endpoints, remove,
        ],
    )  # fmt: skip
    return [api, read_rule, set_rule, backlog]
