"""The fault switchboard: what goes wrong on purpose, where, and how often it really struck.

One switchboard per server, used by its HTTP API, its webhooks and its files alike. It counts; it throws no dice: with
the same rules and the same calls the same calls fail. Rules and counts outlive a restart of the server.

A rule is given for an *operation* (``invoices.submit``), a family (``invoices.*``) or everything (``*``); the most
particular rule wins. ``…_every: 3`` strikes the third, sixth, ninth … call that the rule covers; 0 never strikes.
"""

import asyncio
from collections.abc import Mapping, Sequence
from typing import Annotated, Any, Literal, cast

import msgspec
from litestar import Router, delete, get, post
from litestar.enums import ScopeType
from litestar.middleware import ASGIMiddleware
from litestar.params import JSONBody
from litestar.types import ASGIApp, Message, Receive, Scope, Send
from msgspec import Meta, Struct

from tieout_lab.db import Db

Count = Annotated[int, Meta(ge=0)]
After = Literal["answer", "drop_answer", "error_500_after_work"]


class Rule(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """What goes wrong with the calls it covers. Everything is off until it is given a number.

    Calls: ``delay_ms`` waits before the work (a caller that gives up sees the work land late). ``fail_every`` refuses
    before the work, with ``fail_status`` and Retry-After. ``storm`` refuses the next so many calls with 503.
    ``drop_answer_every`` does the work and cuts the connection without an answer. ``error_500_after_work_every`` does
    the work and answers 500. Webhooks: ``duplicate_every``, ``reorder_every`` (held back and sent after the next),
    ``lose_every``. Files: ``half_written_every`` writes half of a file under its final name and the rest after
    ``half_written_pause_ms`` (0: when told to). ``strikes_max`` ends the rule after so many strikes (0: never).
    """

    delay_ms: Count = 0
    fail_every: Count = 0
    fail_status: Literal[429, 503] = 503
    retry_after_s: Count = 1
    storm: Count = 0
    drop_answer_every: Count = 0
    error_500_after_work_every: Count = 0
    duplicate_every: Count = 0
    reorder_every: Count = 0
    lose_every: Count = 0
    half_written_every: Count = 0
    half_written_pause_ms: Count = 300
    strikes_max: Count = 0


class Plan(Struct, frozen=True, kw_only=True):
    """What becomes of one call."""

    delay_ms: int = 0
    refuse: Literal[0, 429, 503] = 0
    retry_after_s: int = 1
    after: After = "answer"
    duplicate: bool = False
    reorder: bool = False
    lose: bool = False
    half_written: bool = False
    half_written_pause_ms: int = 0


CLEAR = Plan()


class SetFaults(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """New rules by operation. ``null`` takes a rule away. ``reset`` first forgets all rules and counts."""

    rules: dict[str, Rule | None] = {}
    reset: bool = False


class FaultReport(Struct, frozen=True, kw_only=True):
    """The rules in force, the calls each of them has covered, and the strikes by operation and fault."""

    rules: dict[str, Rule]
    calls: dict[str, int]
    struck: dict[str, dict[str, int]]
    operations: list[str]


_SCHEMA = """
CREATE TABLE IF NOT EXISTS lab_fault (operation TEXT PRIMARY KEY, rule BLOB NOT NULL, calls INTEGER NOT NULL,
  strikes INTEGER NOT NULL, storm INTEGER NOT NULL);
CREATE TABLE IF NOT EXISTS lab_strike (operation TEXT, fault TEXT, n INTEGER NOT NULL, PRIMARY KEY (operation, fault));
"""


class Switchboard:
    """Decides for each call what goes wrong, and keeps the score."""

    def __init__(self, db: Db, operations: Sequence[str] = ()) -> None:
        self._db = db
        self.operations = sorted(operations)
        db.script(_SCHEMA)
        rules = db.rows("SELECT operation, rule FROM lab_fault")
        self._rules = {row["operation"]: msgspec.json.decode(row["rule"], type=Rule) for row in rules}

    def set(self, change: SetFaults) -> None:
        """Put rules in force. A rule that is given anew starts counting from zero."""
        with self._db.unit():
            if change.reset:
                self._db.run("DELETE FROM lab_fault")
                self._db.run("DELETE FROM lab_strike")
                self._rules.clear()
            for operation, rule in change.rules.items():
                if rule is None:
                    self._db.run("DELETE FROM lab_fault WHERE operation = ?", operation)
                    self._rules.pop(operation, None)
                else:
                    encoded = msgspec.json.encode(rule)
                    self._db.run(
                        "INSERT OR REPLACE INTO lab_fault VALUES (?, ?, 0, 0, ?)", operation, encoded, rule.storm
                    )
                    self._rules[operation] = rule

    def report(self) -> FaultReport:
        """What is in force and what has struck."""
        struck: dict[str, dict[str, int]] = {}
        for row in self._db.rows("SELECT operation, fault, n FROM lab_strike ORDER BY operation, fault"):
            struck.setdefault(row["operation"], {})[row["fault"]] = row["n"]
        calls = {row["operation"]: row["calls"] for row in self._db.rows("SELECT operation, calls FROM lab_fault")}
        return FaultReport(rules=dict(self._rules), calls=calls, struck=struck, operations=self.operations)

    def plan(self, operation: str) -> Plan:
        """Count this call and say what becomes of it."""
        covering = self._covering(operation)
        if covering is None:
            return CLEAR
        rule = self._rules[covering]
        with self._db.unit():
            self._db.run("UPDATE lab_fault SET calls = calls + 1 WHERE operation = ?", covering)
            row = self._db.row("SELECT calls, strikes, storm FROM lab_fault WHERE operation = ?", covering)
            assert row is not None
            if rule.strikes_max and row["strikes"] >= rule.strikes_max:
                return CLEAR
            if row["storm"]:
                self._db.run("UPDATE lab_fault SET storm = storm - 1 WHERE operation = ?", covering)
                self._strike(covering, operation, "storm")
                return Plan(refuse=503, retry_after_s=rule.retry_after_s)
            plan = _plan(rule, row["calls"])
            for fault in _faults_of(plan):
                self._strike(covering, operation, fault)
        return plan

    def _covering(self, operation: str) -> str | None:
        """The most particular rule that covers an operation: itself, then its families from long to short, then all."""
        if not self._rules:
            return None
        parts = operation.split(".")
        names = [operation, *(".".join([*parts[:end], "*"]) for end in range(len(parts) - 1, 0, -1)), "*"]
        return next((name for name in names if name in self._rules), None)

    def _strike(self, covering: str, operation: str, fault: str) -> None:
        self._db.run("UPDATE lab_fault SET strikes = strikes + 1 WHERE operation = ?", covering)
        self._db.run(
            "INSERT INTO lab_strike VALUES (?, ?, 1) ON CONFLICT (operation, fault) DO UPDATE SET n = n + 1",
            operation,
            fault,
        )


def _plan(rule: Rule, call: int) -> Plan:
    def strikes(every: int) -> bool:
        return every > 0 and call % every == 0

    if strikes(rule.fail_every):
        return Plan(delay_ms=rule.delay_ms, refuse=rule.fail_status, retry_after_s=rule.retry_after_s)
    after: After = "answer"
    if strikes(rule.drop_answer_every):
        after = "drop_answer"
    elif strikes(rule.error_500_after_work_every):
        after = "error_500_after_work"
    return Plan(
        delay_ms=rule.delay_ms,
        after=after,
        duplicate=strikes(rule.duplicate_every),
        reorder=strikes(rule.reorder_every),
        lose=strikes(rule.lose_every),
        half_written=strikes(rule.half_written_every),
        half_written_pause_ms=rule.half_written_pause_ms,
    )


def _faults_of(plan: Plan) -> list[str]:
    """The names of what strikes. A delay alone is no strike: it would use up ``strikes_max`` unseen."""
    names = [f"fail_{plan.refuse}"] if plan.refuse else []
    names += [plan.after] if plan.after != "answer" else []
    return names + [name for name in ("duplicate", "reorder", "lose", "half_written") if getattr(plan, name)]


class FaultMiddleware(ASGIMiddleware):
    """Lets the switchboard strike on every route with a dotted name; the name is the operation."""

    scopes = (ScopeType.HTTP,)

    def __init__(self, switchboard: Switchboard) -> None:
        self._switchboard = switchboard

    async def handle(self, scope: Scope, receive: Receive, send: Send, next_app: ASGIApp) -> None:
        """Delay, refuse, or do the work and then spoil the answer."""
        operation = getattr(scope["route_handler"], "name", None)
        if not operation or "." not in operation:
            return await next_app(scope, receive, send)
        plan = self._switchboard.plan(operation)
        if plan.delay_ms:
            receive = await _read_ahead(receive)
            await asyncio.sleep(plan.delay_ms / 1000)
        if plan.refuse:
            return await _answer(send, plan.refuse, {"retry-after": str(plan.retry_after_s)})
        if plan.after == "answer":
            return await next_app(scope, receive, send)

        async def swallow(_message: Message) -> None:
            """The work is done; nobody hears of it."""

        await next_app(scope, receive, swallow)
        if plan.after == "drop_answer":
            cast(dict[str, Any], scope)["extensions"]["tieout_lab.cut"]()
            await asyncio.sleep(0.001)  # lets uvicorn see that the connection is gone
            return None
        return await _answer(send, 500, {})


async def _read_ahead(receive: Receive) -> Receive:
    """Read the whole body now, so that the work lands even when the caller gives up during the delay."""
    messages = [await receive()]
    while messages[-1].get("more_body"):
        messages.append(await receive())

    async def replay() -> Any:
        return messages.pop(0) if messages else await receive()

    return replay


async def _answer(send: Send, status: int, headers: Mapping[str, str]) -> None:
    """What a gateway in front of a product answers: no JSON, little help."""
    body = {429: b"Too Many Requests", 500: b"Internal Server Error", 503: b"Service Unavailable"}[status]
    raw = [(name.encode(), value.encode()) for name, value in headers.items()]
    raw += [(b"content-type", b"text/plain"), (b"content-length", str(len(body)).encode())]
    await send({"type": "http.response.start", "status": status, "headers": raw})
    await send({"type": "http.response.body", "body": body, "more_body": False})


def fault_routes(switchboard: Switchboard) -> Router:
    """``GET``, ``POST`` and ``DELETE /_lab/faults``. They have no operation name, so they never fail themselves."""

    @get("/", sync_to_thread=False)
    def read() -> FaultReport:
        return switchboard.report()

    @post("/", status_code=200, sync_to_thread=False)
    def change(data: JSONBody[SetFaults]) -> FaultReport:
        switchboard.set(data)
        return switchboard.report()

    @delete("/", status_code=200, sync_to_thread=False)
    def clear() -> FaultReport:
        switchboard.set(SetFaults(reset=True))
        return switchboard.report()

    return Router("/_lab/faults", route_handlers=[read, change, clear])
