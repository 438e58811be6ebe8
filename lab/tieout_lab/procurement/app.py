"""The procurement system's HTTP API. Header ``X-Api-Key``.

Its habit: a business refusal is answered **200** with ``{"ok": false, "error_code", "error_text"}``; only the log-in,
addresses that do not exist and unreadable bodies get an HTTP status of their own.
"""

from collections.abc import Sequence
from hmac import compare_digest
from pathlib import Path
from typing import Annotated, Any

from litestar import Response, Router, get, post, put
from litestar.connection import ASGIConnection
from litestar.handlers import BaseRouteHandler
from litestar.params import FromPath, FromQuery, JSONBody, QueryParameter
from litestar.types import ControllerRouterHandler

from tieout_lab.db import Db
from tieout_lab.faults import Switchboard
from tieout_lab.feed import Feed
from tieout_lab.procurement.export import orders_csv, receipts_csv
from tieout_lab.procurement.store import Store
from tieout_lab.procurement.wire import (
    HeldOrder,
    HeldReceipt,
    HeldVendor,
    Items,
    Order,
    Receipt,
    Released,
    Totals,
    Vendor,
)
from tieout_lab.serving import Refusal, Service, make_app, secret

TITLE = "Requisite Procurement"


def build(folder: Path) -> Service:
    """The procurement system in a folder."""
    api_key = secret(folder, "api_key")
    db = Db(folder / "procurement.sqlite")
    switchboard = Switchboard(db)
    store = Store(db, Feed(db, "chg"))
    return Service(
        name="procurement",
        title=TITLE,
        folder=folder,
        app=make_app(TITLE, _handlers(store, api_key), switchboard, _error),
        secrets={"api_key": api_key},
        close=db.close,
    )


def _error(status: int, code: str, message: str) -> tuple[int, Any]:
    business = status in (404, 409, 422) and code.isupper()
    return (200 if business else status), {"ok": False, "error_code": code.upper(), "error_text": message}


def _handlers(store: Store, api_key: str) -> Sequence[ControllerRouterHandler]:
    def authorised(connection: ASGIConnection[Any, Any, Any, Any], _handler: BaseRouteHandler) -> None:
        if not compare_digest(connection.headers.get("x-api-key", "").encode(), api_key.encode()):
            raise Refusal(401, "unauthorized", "send the API key in the header X-Api-Key")

    @put("/vendors/{external_ref:str}", name="vendors.put", sync_to_thread=False)
    def put_vendor(external_ref: FromPath[str], data: JSONBody[Vendor]) -> Response[HeldVendor]:
        vendor, new = store.put_vendor(external_ref, data)
        return Response(vendor, status_code=201 if new else 200)

    @post("/vendors", name="vendors.add", sync_to_thread=False)
    def add_vendor(data: JSONBody[Vendor]) -> HeldVendor:
        return store.add_vendor(data)

    @get("/vendors", name="vendors.find", sync_to_thread=False)
    def find_vendors(
        external_ref: FromQuery[str | None] = None, tax_id: FromQuery[str | None] = None
    ) -> list[HeldVendor]:
        return store.vendors(external_ref, tax_id)

    @post("/orders", name="orders.place", sync_to_thread=False)
    def place(data: JSONBody[Order]) -> HeldOrder:
        return store.place(data)

    @get("/orders/{number:str}", name="orders.read", sync_to_thread=False)
    def order(number: FromPath[str]) -> HeldOrder:
        return store.order(number)

    @post("/receipts", name="receipts.create", sync_to_thread=False)
    def receive(data: JSONBody[Receipt]) -> HeldReceipt:
        return store.receive(data)

    @get("/receipts/{number:str}", name="receipts.read", sync_to_thread=False)
    def receipt(number: FromPath[str]) -> HeldReceipt:
        return store.receipt(number)

    @get("/changes", name="changes.list", sync_to_thread=False)
    def changes(after: FromQuery[int] = 0, limit: Annotated[int, QueryParameter(ge=1, le=200)] = 50) -> Items:
        return store.changes(after, limit)

    @get("/totals", name="totals.read", sync_to_thread=False)
    def totals(company: FromQuery[str | None] = None, currency: FromQuery[str | None] = None) -> Totals:
        return store.totals(company, currency)

    @get("/export/orders.csv", name="export.orders", media_type="text/csv", sync_to_thread=False)
    def orders_file() -> bytes:
        return orders_csv(store.all_orders())

    @get("/export/receipts.csv", name="export.receipts", media_type="text/csv", sync_to_thread=False)
    def receipts_file() -> bytes:
        return receipts_csv(store.all_receipts())

    @post("/_lab/receipts/release", status_code=200, sync_to_thread=False)
    def release(data: JSONBody[tuple[str, ...] | None] = None) -> Released:
        return store.release(data)

    api = Router(
        "/v1",
        guards=[authorised],
        route_handlers=[
            put_vendor, add_vendor, find_vendors, place, order, receive, receipt, changes, totals, orders_file,
            receipts_file,
        ],
    )  # fmt: skip
    return [api, release]
