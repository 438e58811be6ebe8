"""The close tool's HTTP API: OAuth 2 client credentials, short-lived tokens, errors as RFC 9457 problems."""

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any

from litestar import Router, get, post, put
from litestar.connection import ASGIConnection
from litestar.handlers import BaseRouteHandler
from litestar.params import FromPath, FromQuery, JSONBody, QueryParameter, URLEncodedBody
from litestar.types import ControllerRouterHandler

from tieout_lab.close.store import Store
from tieout_lab.close.wire import (
    Completion,
    Events,
    Evidence,
    HeldPeriod,
    NewPeriod,
    NewTask,
    Periods,
    Problem,
    Readiness,
    SetState,
    Settings,
    Task,
    Tasks,
    Token,
    Totals,
)
from tieout_lab.db import Db
from tieout_lab.faults import Switchboard
from tieout_lab.feed import Feed
from tieout_lab.serving import Refusal, Service, make_app, secret

TITLE = "Calends Close"
CLIENT_ID = "tieout"


def build(folder: Path) -> Service:
    """The close tool in a folder."""
    client_secret = secret(folder, "client_secret")
    db = Db(folder / "close.sqlite")
    switchboard = Switchboard(db)
    store = Store(db, Feed(db, "evt"))
    return Service(
        name="close",
        title=TITLE,
        folder=folder,
        app=make_app(TITLE, _handlers(store, client_secret), switchboard, _error),
        secrets={"client_secret": client_secret},
        more={"client_id": CLIENT_ID},
        close=db.close,
    )


def _error(status: int, code: str, message: str) -> tuple[int, Problem]:
    return status, Problem(title=code.replace("_", " "), status=status, detail=message, code=code)


def _handlers(store: Store, client_secret: str) -> Sequence[ControllerRouterHandler]:
    def authorised(connection: ASGIConnection[Any, Any, Any, Any], _handler: BaseRouteHandler) -> None:
        if not store.valid(connection.headers.get("authorization", "").removeprefix("Bearer ")):
            raise Refusal(401, "invalid_token", "the access token is missing, wrong or expired")

    @post("/oauth/token", status_code=200, name="oauth.token", sync_to_thread=False)
    def token(data: URLEncodedBody[dict[str, str]]) -> Token:
        if data.get("grant_type") != "client_credentials":
            raise Refusal(400, "unsupported_grant_type", "only client_credentials is supported")
        return store.grant(data.get("client_id", ""), data.get("client_secret", ""), CLIENT_ID, client_secret)

    @post("/periods", name="periods.open", sync_to_thread=False)
    def open_period(data: JSONBody[NewPeriod]) -> HeldPeriod:
        return store.open_period(data)

    @get("/periods", name="periods.find", sync_to_thread=False)
    def periods(entity: FromQuery[str | None] = None, period: FromQuery[str | None] = None) -> Periods:
        return Periods(result=store.periods(entity, period))

    @get("/periods/{entity:str}/{period:str}", name="periods.read", sync_to_thread=False)
    def read_period(entity: FromPath[str], period: FromPath[str]) -> HeldPeriod:
        return store.period(entity, period)

    @put("/periods/{entity:str}/{period:str}/readiness", name="periods.readiness", sync_to_thread=False)
    def report_readiness(entity: FromPath[str], period: FromPath[str], data: JSONBody[Readiness]) -> HeldPeriod:
        return store.report_readiness(entity, period, data)

    @put("/periods/{entity:str}/{period:str}/state", name="periods.state", sync_to_thread=False)
    def set_state(entity: FromPath[str], period: FromPath[str], data: JSONBody[SetState]) -> HeldPeriod:
        return store.set_state(entity, period, data)

    @post("/periods/{entity:str}/{period:str}/tasks", name="tasks.add", sync_to_thread=False)
    def add(entity: FromPath[str], period: FromPath[str], data: JSONBody[NewTask]) -> Task:
        return store.add(entity, period, data)

    @get("/tasks", name="tasks.find", sync_to_thread=False)
    def tasks(entity: FromQuery[str | None] = None, period: FromQuery[str | None] = None) -> Tasks:
        return Tasks(result=store.tasks(entity, period))

    @get("/tasks/{task_id:str}", name="tasks.read", sync_to_thread=False)
    def read_task(task_id: FromPath[str]) -> Task:
        return store.task(task_id)

    @post("/tasks/{task_id:str}/complete", status_code=200, name="tasks.complete", sync_to_thread=False)
    def complete(task_id: FromPath[str], data: JSONBody[Completion]) -> Task:
        return store.complete(task_id, data)

    @post("/tasks/{task_id:str}/reopen", status_code=200, name="tasks.reopen", sync_to_thread=False)
    def reopen(task_id: FromPath[str], data: JSONBody[Completion]) -> Task:
        return store.reopen(task_id, data)

    @put("/tasks/{task_id:str}/evidence", name="tasks.evidence", sync_to_thread=False)
    def report_evidence(task_id: FromPath[str], data: JSONBody[Evidence]) -> Task:
        return store.report_evidence(task_id, data)

    @get("/changes", name="changes.list", sync_to_thread=False)
    def changes(after: FromQuery[int] = 0, limit: Annotated[int, QueryParameter(ge=1, le=500)] = 100) -> Events:
        return store.changes(after, limit)

    @get("/totals", name="totals.read", sync_to_thread=False)
    def totals(entity: FromQuery[str | None] = None, period: FromQuery[str | None] = None) -> Totals:
        return store.totals(entity, period)

    @put("/_lab/settings", sync_to_thread=False)
    def settings(data: JSONBody[Settings]) -> Settings:
        store.change_settings(data)
        return data

    @post("/_lab/tokens/revoke", status_code=200, sync_to_thread=False)
    def revoke() -> dict[str, int]:
        return {"revoked": store.revoke_all()}

    api = Router(
        "/v1",
        guards=[authorised],
        route_handlers=[
            open_period, periods, read_period, report_readiness, set_state, add, tasks, read_task, complete, reopen,
            report_evidence, changes, totals,
        ],
    )  # fmt: skip
    return [token, api, settings, revoke]
