"""The peer: an invoice service on DBOS as its documentation has it, one durable workflow for each invoice.

``python -m tieout_bench.peers.dbos_app DATABASE_URL SYSTEM_DATABASE_URL STUB_PORT``, in ``.venv-bench``. An invoice
arrives over HTTP, its event id becomes the workflow's id, and each step of the workflow is checkpointed: decide (check
it, claim its number, match three lines with order and receipt), post to the ERP, record, tell the status.
"""

# mypy: disable-error-code="import-not-found,untyped-decorator"

import json
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from queue import LifoQueue
from typing import Any

import psycopg
import uvicorn
from dbos import DBOS, SetWorkflowID
from fastapi import FastAPI, HTTPException

from tieout_bench.peers import invoices
from tieout_bench.peers.calls import POSTINGS, STATUSES, Stub
from tieout_bench.peers.children import KEPT_SECONDS, free_socket, ready

Sql = psycopg.Connection[tuple[Any, ...]]
Event = dict[str, Any]

_TABLES = """
    CREATE TABLE order_line (
        order_number text, line text, supplier int NOT NULL, currency text NOT NULL, received int NOT NULL,
        price_cents bigint NOT NULL, PRIMARY KEY (order_number, line)
    );
    CREATE TABLE invoice (
        event_id text PRIMARY KEY, supplier int NOT NULL, number text NOT NULL, status text NOT NULL, document text,
        reason text, UNIQUE (supplier, number)
    )
"""
_CLAIM = "INSERT INTO invoice VALUES (%s, %s, %s, 'received') ON CONFLICT DO NOTHING"
_HOLDER = "SELECT event_id FROM invoice WHERE event_id = %s OR (supplier = %s AND number = %s)"
_LINES = "SELECT line, supplier, currency, received, price_cents FROM order_line WHERE order_number = %s"
_RECORD = "UPDATE invoice SET status = %s, document = %s, reason = %s WHERE event_id = %s"
_DATABASE_URL, _SYSTEM_URL, _STUB_PORT = sys.argv[1:4]
_CONNECTIONS = 16


class Pool:
    """A bounded pool of connections."""

    def __init__(self, url: str) -> None:
        self._idle: LifoQueue[Sql] = LifoQueue()
        for _ in range(_CONNECTIONS):
            self._idle.put(psycopg.connect(url, autocommit=True))

    @contextmanager
    def sql(self) -> Iterator[Sql]:
        """A connection for a moment."""
        sql = self._idle.get()
        try:
            yield sql
        finally:
            self._idle.put(sql)


POOL = Pool(_DATABASE_URL)
STUB = Stub(int(_STUB_PORT))
WEB = FastAPI()
DBOS(
    config={
        "name": "invoices",
        "system_database_url": _SYSTEM_URL,
        "log_level": "WARNING",
        "run_admin_server": False,
        "executor_id": "local",
        "application_version": "1",
    }
)


# ── what an invoice is checked for ─────────────────────────────────────────────────────────────────────────────────


def fault(told: Event) -> str:
    """What is wrong with the invoice as it stands on paper; empty when nothing is."""
    invoice = told.get("invoice")
    if not isinstance(invoice, dict) or not told.get("event_id"):
        return "no invoice"
    lines = invoice.get("lines") or []
    if not all(invoice.get(name) for name in ("number", "order", "currency", "gross_cents")) or not lines:
        return "a field is missing"
    if any(line["quantity"] * line["unit_price_cents"] != line["net_cents"] for line in lines):
        return "quantity times price"
    if sum(line["net_cents"] for line in lines) != invoice["net_cents"]:
        return "the sum of the lines"
    return "" if invoice["net_cents"] + invoice["tax_cents"] == invoice["gross_cents"] else "net and tax together"


def difference(invoice: Event, ordered: dict[str, tuple[int, str, int, int]]) -> str:
    """Where the invoice does not agree with order and receipt; empty when it does."""
    for line in invoice["lines"]:
        found = ordered.get(line["order_line"])
        if found is None:
            return "unknown order line"
        supplier, currency, received, price = found
        if (supplier, currency) != (invoice["supplier"], invoice["currency"]):
            return "another supplier or currency"
        if line["quantity"] > received:
            return "quantity over receipt"
        if line["unit_price_cents"] - price > price * invoices.PRICE_TOLERANCE:
            return "price over limit"
    return ""


# ── the workflow ───────────────────────────────────────────────────────────────────────────────────────────────────


@DBOS.step()
def decide(told: Event) -> str:
    """Claim the invoice's number and match it."""
    event_id, invoice = told["event_id"], told["invoice"]
    key = (event_id, invoice["supplier"], invoice["number"])
    with POOL.sql() as sql:
        if not sql.execute(_CLAIM, key).rowcount:
            holder = sql.execute(_HOLDER, key).fetchone()
            if holder and holder[0] != event_id:
                return "duplicate"
        ordered = {row[0]: row[1:] for row in sql.execute(_LINES, (invoice["order"],))}
    return difference(invoice, ordered)


@DBOS.step(retries_allowed=True, max_attempts=20)
def post(told: Event) -> str:
    """Post it to the ERP and return the document's number there."""
    invoice = told["invoice"]
    items = [{name: line[name] for name in ("gl_account", "cost_center", "net_cents")} for line in invoice["lines"]]
    body = {"ref": invoice["number"], "vendor": invoice["supplier"], "gross": invoice["gross_cents"], "items": items}
    return str(STUB.post(POSTINGS, told["event_id"], json.dumps(body).encode())["document"])


@DBOS.step()
def record(event_id: str, status: str, document: str, reason: str) -> None:
    """Note what became of it."""
    with POOL.sql() as sql:
        sql.execute(_RECORD, (status, document, reason, event_id))


@DBOS.step(retries_allowed=True, max_attempts=20)
def tell(event_id: str, status: str, reason: str) -> None:
    """Tell its status."""
    body = {"event_id": event_id, "type": "invoice.status", "status": status, "reason": reason}
    STUB.post(STATUSES, event_id, json.dumps(body).encode())


@DBOS.workflow()
def process(told: Event) -> None:
    """One invoice, from its arrival to its status."""
    event_id, reason = told["event_id"], decide(told)
    if reason == "duplicate":
        return
    if reason:
        record(event_id, "exception", "", reason)
        tell(event_id, "exception", reason)
    else:
        record(event_id, "posted", post(told), "")
        tell(event_id, "posted", "")


@WEB.post("/invoices", status_code=202)
def take(told: Event) -> Event:
    """Take in an invoice; the same event again is the same workflow."""
    if wrong := fault(told):
        raise HTTPException(422, wrong)
    with SetWorkflowID(told["event_id"]):
        DBOS.start_workflow(process, told)
    return {"accepted": told["event_id"]}


# ── the program ────────────────────────────────────────────────────────────────────────────────────────────────────


def _fill() -> None:
    rows = [
        (order.number, line.number, order.supplier, "EUR", line.quantity, line.price)
        for order in map(invoices.order, range(invoices.ORDERS))
        for line in order.lines
    ]
    with POOL.sql() as sql, sql.transaction():
        sql.execute(_TABLES)
        with sql.cursor() as cursor, cursor.copy("COPY order_line FROM STDIN") as copy:
            for row in rows:
                copy.write_row(row)


def main() -> None:
    """Serve until the parent ends."""
    _fill()
    DBOS.launch()
    here = free_socket()
    here.listen(1024)
    ready(here.getsockname()[1])
    config = uvicorn.Config(WEB, log_level="warning", access_log=False, timeout_keep_alive=KEPT_SECONDS)
    uvicorn.Server(config).run(sockets=[here])


if __name__ == "__main__":
    main()
