"""Decisions of people, by key or session."""

from datetime import date
from typing import Literal

from litestar import post
from litestar.handlers import HTTPRouteHandler
from litestar.params import FromPath
from msgspec import Struct

from tieout.http.bodies import body_of, decoded, json_body
from tieout.http.callers import Req, caller_of
from tieout.http.door import Door
from tieout.http.work import Proposed, RunWish, Work

JSON = ("application/json",)


class CaseAction(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What is to be done with a case. What an action asks for is the one text it needs besides."""

    action: str
    reason: str = ""
    assignee: str = ""
    text: str = ""
    evidence: str = ""
    effect_id: str = ""
    found: str = ""
    lines: str = ""
    change_id: str = ""


class Reason(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Why. It is kept for ever and shown to auditors."""

    reason: str


class NoBody(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Nothing."""


class RunProposal(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Pay everything of an entity (and a currency, by default its own) that is posted and due until a day."""

    entity: str
    due_until: date
    currency: str = ""
    execute_on: date | None = None
    supplier_id: str = ""


class Recorded(Struct, frozen=True, kw_only=True):
    """The decision is durable. What follows from it, follows in order; `GET /v1/trace` tells."""

    recorded: Literal[True]
    detail: str


def _recorded(detail: str) -> Recorded:
    return Recorded(recorded=True, detail=detail)


def routes(door: Door) -> list[HTTPRouteHandler]:
    """POST routes under /v1 for decisions."""
    work = Work(door)
    bytes_max = 1024 * 1024

    @post(
        "/cases/{case_id:str}/actions",
        operation_id="actOnCase",
        summary="Do something with a case",
        tags=["cases"],
        status_code=202,
        operation_class=json_body(CaseAction, *JSON),
    )
    async def act_on_case(request: Req, case_id: FromPath[str]) -> Recorded:
        """`action` is one of the case's `actions`, or `assign`, `comment`. With an `Idempotency-Key` header the same
        decision is recorded once however often it is sent."""
        caller = caller_of(request)
        asked = decoded(await body_of(request, JSON, bytes_max), CaseAction)
        given = {
            "reason": asked.reason,
            "assignee": asked.assignee,
            "text": asked.text,
            "evidence": asked.evidence,
            "effect_id": asked.effect_id,
            "found": asked.found,
            "lines": asked.lines,
            "change_id": asked.change_id,
        }
        return _recorded(await door.write(work.act, caller, case_id, asked.action, given, _nonce(request)))

    @post(
        "/effects/{effect_id:str}/redeliver",
        operation_id="redeliverEffect",
        summary="Send a write again, under the same key",
        tags=["effects"],
        status_code=202,
        operation_class=json_body(Reason, *JSON),
    )
    async def redeliver(request: Req, effect_id: FromPath[str]) -> Recorded:
        caller = caller_of(request)
        asked = decoded(await body_of(request, JSON, bytes_max), Reason)
        return _recorded(await door.write(work.handle_effect, caller, effect_id, "redeliver", asked.reason))

    @post(
        "/payment-runs",
        operation_id="proposePaymentRun",
        summary="Propose to pay what is due",
        tags=["payments"],
        status_code=202,
        operation_class=json_body(RunProposal, *JSON),
    )
    async def propose(request: Req) -> Proposed:
        """The same invoices on the same day are the same run: proposing twice proposes once."""
        caller = caller_of(request)
        asked = decoded(await body_of(request, JSON, bytes_max), RunProposal)
        wish = RunWish(
            entity=asked.entity,
            due_until=asked.due_until,
            currency=asked.currency,
            execute_on=asked.execute_on,
            supplier_id=asked.supplier_id,
        )
        return await door.write(work.propose_run, caller, wish)

    @post(
        "/payment-runs/{run_id:str}/release",
        operation_id="releasePaymentRun",
        summary="Release a run that another person proposed",
        tags=["payments"],
        status_code=202,
        operation_class=json_body(NoBody, *JSON),
    )
    async def release(request: Req, run_id: FromPath[str]) -> Recorded:
        caller = caller_of(request)
        decoded(await body_of(request, JSON, bytes_max), NoBody)
        return _recorded(await door.write(work.release_run, caller, run_id, _nonce(request)))

    return [act_on_case, redeliver, propose, release]


def _nonce(request: Req) -> str:
    return request.headers.get("idempotency-key", "")[:200]
