"""Suppliers: who may be paid, who is on hold and why, and which bank changes are open."""

from datetime import datetime
from typing import Any

from litestar import Response, get, post
from litestar.handlers import HTTPRouteHandler
from litestar.params import FromPath, FromQuery
from sqlalchemy import Connection

from tieout.engine.queries.cases import CaseFilter, list_cases
from tieout.engine.queries.records import SupplierList, list_suppliers, suppliers_on_hold
from tieout.http.callers import Caller, Req, caller_of
from tieout.model.cases import CaseClass
from tieout.web.site import Site, back_to


def routes(site: Site) -> list[HTTPRouteHandler]:
    """GET /suppliers, POST /suppliers/{id}/hold and …/release."""
    door = site.door

    @get("/suppliers", include_in_schema=False)
    async def show(
        request: Req,
        only: FromQuery[str] = "",
        name: FromQuery[str] = "",
        after: FromQuery[str] = "",
    ) -> Response[Any]:
        caller = caller_of(request)
        found, counts, changes = await door.read(_found, caller, only, name.strip()[:100], after, door.now())
        return site.render(request, "suppliers.html", found=found, counts=counts, changes=changes, only=only, name=name)

    @post("/suppliers/{supplier_id:str}/hold", include_in_schema=False)
    async def hold(request: Req, supplier_id: FromPath[str]) -> Response[Any]:
        caller, fields = await site.form(request, "hold_payments")
        reason, nonce = fields.get("reason", ""), fields.get("nonce", "")
        await door.write(site.work.hold_supplier, caller, supplier_id, reason, release=False, nonce=nonce)
        return back_to("/suppliers", "held")

    @post("/suppliers/{supplier_id:str}/release", include_in_schema=False)
    async def release(request: Req, supplier_id: FromPath[str]) -> Response[Any]:
        caller, fields = await site.form(request, "release_hold")
        reason, nonce = fields.get("reason", ""), fields.get("nonce", "")
        await door.write(site.work.hold_supplier, caller, supplier_id, reason, release=True, nonce=nonce)
        return back_to("/suppliers", "unheld")

    return [show, hold, release]


def _found(
    sql: Connection, caller: Caller, only: str, name: str, after: str, now: datetime
) -> tuple[SupplierList, tuple[int, int], dict[str, str]]:
    """The page, how many are held and changing, and the case of every open bank change by supplier."""
    wanted = CaseFilter(case_class=CaseClass.BANK_CHANGE.value, limit=200)
    changes = {case.supplier_id: case.case_id for case in list_cases(sql, wanted, caller.person.reach, now).items}
    return list_suppliers(sql, name=name, only=only, after=after), suppliers_on_hold(sql), changes
