"""Matching: the invoices that do not agree with their orders, and the workbench on which one is looked at."""

from pathlib import PurePosixPath
from typing import Any

from litestar import Response, get
from litestar.handlers import HTTPRouteHandler
from litestar.params import FromPath, FromQuery

from tieout.engine.queries.dialects import dialect_accuracy
from tieout.engine.queries.liabilities import InvoiceFilter, invoices_by_status, list_invoices
from tieout.engine.queries.workbench import workbench
from tieout.http.callers import Req, caller_of
from tieout.http.problems import Trouble
from tieout.matching.explain import explain
from tieout.model.verdict import Verdict
from tieout.policy.dialect import DIALECTS
from tieout.policy.duties import DUTIES, duty_for
from tieout.web.pages.cases import entities_of
from tieout.web.site import Site

#: What the list can be narrowed to, and what it is called.
WAITING = {
    "mismatched": "Do not agree",
    "held": "Do not agree, to be posted on hold",
    "posted_on_hold": "Posted on hold",
    "matched": "Agree, wait for approval",
    "rejected": "Approval refused",
}
#: Those that only a policy which posts on hold brings about.
_ON_HOLD = ("held", "posted_on_hold")

_CHOOSE = "assign_lines"


def routes(site: Site) -> list[HTTPRouteHandler]:
    """GET /matching and GET /matching/{id}."""

    @get("/matching", include_in_schema=False)
    async def show_list(
        request: Req, status: FromQuery[str] = "mismatched", entity: FromQuery[str] = "", after: FromQuery[str] = ""
    ) -> Response[Any]:
        caller = caller_of(request)
        status = status if status in WAITING else "mismatched"
        wanted = InvoiceFilter(status=status, entity=entity, after=after, limit=50)
        found = await site.door.read(list_invoices, wanted, caller.person.reach)
        counts = await site.door.read_once(invoices_by_status, caller.person.reach)
        foretold = await site.door.read_once(dialect_accuracy, caller.person.reach)
        return site.render(
            request,
            "matching.html",
            found=found,
            wanted=wanted,
            status=status,
            waiting=[
                (name, label, counts.get(name, 0))
                for name, label in WAITING.items()
                if name not in _ON_HOLD or name == status or counts.get(name)
            ],
            entities=entities_of(site, caller),
            foretold=foretold,
            dialects=DIALECTS,
        )

    @get("/matching/{id:path}", include_in_schema=False)
    async def show(request: Req, id: FromPath[PurePosixPath]) -> Response[Any]:
        caller = caller_of(request)
        invoice_id = str(id).removeprefix("/")
        bench = await site.door.read(workbench, invoice_id, caller.person.reach)
        if bench is None:
            raise Trouble("not_found", f"there is no invoice {invoice_id!r}")
        return site.render(
            request,
            "workbench.html",
            bench=bench,
            sentences=explain(bench.verdict) if bench.verdict else (),
            dialect=DIALECTS.get(bench.verdict.dialect) if bench.verdict else None,
            dialect_holds=_names_holds(bench.verdict),
            chooses=next((case for case in bench.cases if _CHOOSE in case.actions), None),
            may_choose=caller.may(_CHOOSE),
            duty=DUTIES[duty_for(_CHOOSE)],
        )

    return [show_list, show]


def _names_holds(verdict: Verdict | None) -> bool:
    """Whether the ERP whose limits these are places holds by names of its own."""
    dialect = DIALECTS.get(verdict.dialect) if verdict else None
    return dialect is not None and any(check.hold for check in dialect.checks.values())
