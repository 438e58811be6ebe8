"""Questions: what happened, what needs a person, what is owed, what is on its way, what keeps a period open."""

from datetime import date
from pathlib import PurePosixPath
from typing import Annotated

from litestar import get
from litestar.handlers import HTTPRouteHandler
from litestar.params import FromPath, FromQuery, QueryParameter
from msgspec import Struct

from tieout.engine.queries import close, effects, liabilities, payments, trace
from tieout.engine.queries.find import Hit, find
from tieout.engine.queries.liabilities import Due
from tieout.http.callers import Req, caller_of, require
from tieout.http.door import Door
from tieout.http.problems import Trouble

Limit = Annotated[int, QueryParameter(ge=1, le=500)]
Offset = Annotated[int, QueryParameter(ge=0, le=100_000)]


class Runs(Struct, frozen=True, kw_only=True):
    """Payment runs."""

    items: tuple[payments.RunItem, ...]


class InFlight(Struct, frozen=True, kw_only=True):
    """Payments on their way: sums by status, and the payments themselves, those that wait longest first."""

    sums: tuple[payments.Flight, ...]
    items: tuple[payments.PaymentItem, ...]


class Liabilities(Struct, frozen=True, kw_only=True):
    """Approved-but-unpaid: control totals, and by due date."""

    totals: tuple[liabilities.Sum, ...]
    due: tuple[Due, ...]


class Periods(Struct, frozen=True, kw_only=True):
    """Readiness of periods."""

    items: tuple[close.Readiness, ...]


class Totals(Struct, frozen=True, kw_only=True):
    """Control totals as they stand."""

    items: tuple[close.Standing, ...]


class Hits(Struct, frozen=True, kw_only=True):
    """What an id may mean."""

    items: tuple[Hit, ...]


def routes(door: Door) -> list[HTTPRouteHandler]:
    """GET routes under /v1 that answer from the views."""

    @get(
        "/trace/{id:path}",
        operation_id="trace",
        summary="The life of anything, by any id of any system",
        tags=["trace"],
    )
    async def get_trace(request: Req, id: FromPath[PurePosixPath]) -> trace.Trace:
        """Takes our ids, any other system's id, or an invoice or order number."""
        caller = caller_of(request)
        require(caller, "read")
        text = str(id).removeprefix("/")
        found = await door.read(trace.trace, text, caller.person.reach, trace.lanes_of(door.policy()))
        if found is None:
            raise Trouble("not_found", f"nothing is known under {text!r}")
        return found

    @get("/find", operation_id="find", summary="What an id may mean", tags=["trace"])
    async def get_find(request: Req, q: Annotated[str, QueryParameter(min_length=1, max_length=200)]) -> Hits:
        caller = caller_of(request)
        return Hits(items=await door.read(find, q, caller.person.reach))

    @get("/effects", operation_id="listEffects", summary="Writes on other systems", tags=["effects"])
    async def get_effects(
        request: Req,
        status: FromQuery[str] = "person",
        connector: FromQuery[str] = "",
        operation: FromQuery[str] = "",
        entity: FromQuery[str] = "",
        after: Annotated[str, QueryParameter(max_length=120, pattern=r"^([0-9]{1,17}/[a-z0-9_-]{1,60})?$")] = "",
        limit: Limit = 50,
    ) -> effects.EffectList:
        """`status`: one status, `person` for those that need one, or empty for all that are open."""
        caller = caller_of(request)
        wanted = effects.EffectFilter(
            status=status, connector=connector, operation=operation, entity=entity, after=after, limit=limit
        )
        return await door.read(effects.list_effects, wanted, caller.person.reach)

    @get("/invoices", operation_id="listInvoices", summary="Invoices by due date", tags=["invoices"])
    async def get_invoices(
        request: Req,
        status: FromQuery[str] = "",
        entity: FromQuery[str] = "",
        currency: FromQuery[str] = "",
        supplier_id: FromQuery[str] = "",
        number: FromQuery[str] = "",
        period: FromQuery[str] = "",
        payable: FromQuery[bool] = False,
        due_until: FromQuery[date | None] = None,
        due_from: FromQuery[date | None] = None,
        after: Annotated[str, QueryParameter(max_length=120)] = "",
        limit: Limit = 50,
    ) -> liabilities.InvoiceList:
        caller = caller_of(request)
        wanted = liabilities.InvoiceFilter(
            status=status,
            entity=entity,
            currency=currency,
            supplier_id=supplier_id,
            number=number,
            period=period,
            payable=payable,
            due_until=due_until,
            due_from=due_from,
            after=after,
            limit=limit,
        )
        return await door.read(liabilities.list_invoices, wanted, caller.person.reach)

    @get("/liabilities", operation_id="getLiabilities", summary="Approved-but-unpaid", tags=["invoices"])
    async def get_liabilities(request: Req) -> Liabilities:
        caller = caller_of(request)
        today = door.now().date()
        return Liabilities(
            totals=await door.read(liabilities.totals_of, "payable", caller.person.reach),
            due=await door.read_once(liabilities.payable_by_due, today, caller.person.reach),
        )

    @get("/payment-runs", operation_id="listPaymentRuns", summary="Payment runs", tags=["payments"])
    async def get_runs(request: Req, status: FromQuery[str] = "", limit: Limit = 100) -> Runs:
        caller = caller_of(request)
        statuses = (status,) if status else ()
        return Runs(items=await door.read(payments.list_runs, caller.person.reach, statuses, limit))

    @get("/payments/in-flight", operation_id="listInFlight", summary="Payments on their way", tags=["payments"])
    async def get_in_flight(request: Req, limit: Limit = 100) -> InFlight:
        caller = caller_of(request)
        return InFlight(
            sums=await door.read(payments.flights, caller.person.reach),
            items=await door.read(payments.payments_with_status, payments.IN_FLIGHT, caller.person.reach, limit),
        )

    @get("/readiness", operation_id="getReadiness", summary="Is the period ready to close?", tags=["close"])
    async def get_readiness(request: Req, entity: FromQuery[str] = "", period: FromQuery[str] = "") -> Periods:
        caller = caller_of(request)
        return Periods(items=await door.read(close.readiness, caller.person.reach, entity, period))

    @get(
        "/readiness/{entity:str}/{period:str}/{name:str}",
        operation_id="listBlockers",
        summary="The exact documents that stand there",
        tags=["close"],
    )
    async def get_blockers(
        request: Req,
        entity: FromPath[str],
        period: FromPath[str],
        name: FromPath[str],
        after: Annotated[str, QueryParameter(max_length=200)] = "",
        limit: Limit = 100,
    ) -> close.BlockerList:
        """`name` is one of the standings that `/v1/readiness` lists, such as `unposted`."""
        caller = caller_of(request)
        reach = caller.person.reach
        return await door.read(close.blocking_documents, name, entity, period, reach, after=after, limit=limit)

    @get("/totals", operation_id="getTotals", summary="Control totals", tags=["close"])
    async def get_totals(
        request: Req,
        entity: FromQuery[str] = "",
        period: FromQuery[str] = "",
        name: FromQuery[str] = "",
    ) -> Totals:
        caller = caller_of(request)
        return Totals(items=await door.read(close.totals, caller.person.reach, entity, period, name))

    return [
        get_trace,
        get_find,
        get_effects,
        get_invoices,
        get_liabilities,
        get_runs,
        get_in_flight,
        get_readiness,
        get_blockers,
        get_totals,
    ]
