"""Payments: runs to propose and release, what is on its way, what came back, and our own accounts."""

from datetime import date, timedelta
from typing import Any

from litestar import Response, get, post
from litestar.handlers import HTTPRouteHandler
from litestar.params import FromPath, FromQuery
from msgspec import Struct
from sqlalchemy import Connection

from tieout.engine.queries import payments as q
from tieout.engine.queries.database import Reach
from tieout.http.callers import Caller, Req, caller_of
from tieout.http.problems import Fault, Trouble
from tieout.http.work import RunWish
from tieout.kernel.money import Money, total
from tieout.kernel.text import parse_day
from tieout.policy.calendars import execution_day
from tieout.policy.duties import same_actor
from tieout.web.pages.cases import entities_of
from tieout.web.site import Site, back_to


class Found(Struct, frozen=True, kw_only=True):
    """What the page shows."""

    waiting: tuple[q.RunItem, ...]
    recent: tuple[q.RunItem, ...]
    flights: tuple[q.Flight, ...]
    flying: tuple[q.PaymentItem, ...]
    troubled: tuple[q.PaymentItem, ...]
    accounts: tuple[q.AccountItem, ...]
    inside: dict[str, tuple[q.PaymentItem, ...]]


class Preview(Struct, frozen=True):
    """What a run would pay, and the first day on which banks would settle it."""

    entity: str
    due_until: date
    execute_on: date
    count: int
    total: Money


def routes(site: Site) -> list[HTTPRouteHandler]:
    """GET /payments, POST /payments/propose, POST /payments/{run}/release and …/cancel."""
    door = site.door

    @get("/payments", include_in_schema=False)
    async def show(request: Req, entity: FromQuery[str] = "", due_until: FromQuery[str] = "") -> Response[Any]:
        caller = caller_of(request)
        found = await door.read(_found, caller.person.reach)
        day = parse_day(due_until) or door.now().date() + timedelta(days=7)
        return site.render(
            request,
            "payments.html",
            found=found,
            own={run.run_id for run in found.waiting if same_actor(run.proposed_by, caller.person.actor)},
            entities=entities_of(site, caller),
            preview=await door.write(_preview, site, caller, entity, day) if entity else None,
            entity_chosen=entity,
            due_until=day,
        )

    @post("/payments/propose", include_in_schema=False)
    async def propose(request: Req) -> Response[Any]:
        caller, fields = await site.form(request, "propose_payment")
        wish = RunWish(
            entity=fields.get("entity", ""),
            due_until=_day(fields, "due_until"),
            execute_on=_day(fields, "execute_on") if fields.get("execute_on") else None,
        )
        await door.write(site.work.propose_run, caller, wish)
        return back_to("/payments", "proposed")

    @post("/payments/{run_id:str}/release", include_in_schema=False)
    async def release(request: Req, run_id: FromPath[str]) -> Response[Any]:
        caller, fields = await site.form(request, "release_payment")
        await door.write(site.work.release_run, caller, run_id, fields.get("nonce", ""))
        return back_to("/payments", "released")

    @post("/payments/{run_id:str}/cancel", include_in_schema=False)
    async def cancel(request: Req, run_id: FromPath[str]) -> Response[Any]:
        caller, fields = await site.form(request)
        reason, nonce = fields.get("reason", ""), fields.get("nonce", "")
        await door.write(site.work.cancel_run, caller, run_id, reason, nonce)
        return back_to("/payments", "cancelled")

    return [show, propose, release, cancel]


def _found(sql: Connection, reach: Reach) -> Found:
    waiting = q.list_runs(sql, reach, (*q.WAITING, "calling_off"))
    return Found(
        waiting=waiting,
        recent=q.list_runs(sql, reach, ("released", "delivered", "cancelled"), 12),
        flights=q.flights(sql, reach),
        flying=q.payments_with_status(sql, q.IN_FLIGHT, reach, 50),
        troubled=q.payments_with_status(sql, ("rejected", "returned", "withheld"), reach, 50),
        accounts=q.list_accounts(sql, reach),
        inside={run.run_id: q.payments_of_run(sql, run.run_id, reach, 100) for run in waiting[:20]},
    )


def _preview(site: Site, caller: Caller, entity: str, due_until: date) -> Preview | None:
    settings = site.door.policy().entities.get(entity)
    if settings is None:
        return None
    invoices = site.work.payable(caller, entity, settings.currency, due_until)
    amount = total((invoice.payable for invoice in invoices), settings.currency)
    execute_on = execution_day(settings.currency, site.door.now().date())
    return Preview(entity, due_until, execute_on, len(invoices), amount)


def _day(fields: dict[str, str], name: str) -> date:
    found = parse_day(fields.get(name, ""))
    if found is None:
        raise Trouble("bad_value", "a day is missing", errors=(Fault(where=f"/{name}", detail="such as 2026-05-31"),))
    return found
