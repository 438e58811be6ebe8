"""The peer: a workflow engine that gives each invoice a durable workflow of its own, on the same PostgreSQL."""

import os
import sys
from collections.abc import Callable
from contextlib import ExitStack
from functools import partial
from pathlib import Path

import psycopg
from msgspec import Struct

from tieout.engine.clock import SystemClock
from tieout.engine.people import People
from tieout_bench import canonical, stores
from tieout_bench.drive import Load, drive
from tieout_bench.loop import Loop
from tieout_bench.peers import invoices
from tieout_bench.peers.calls import Stub
from tieout_bench.peers.children import NotStarted, child

WORKERS = 1
"""Processes of tieout that handle messages and send effects."""
BATCH = 50
"""Invoices in one call, where a sender uses tieout's batches."""
_BENCH = Path(__file__).parents[1]


class Side(Struct, frozen=True, kw_only=True):
    """What one side did. ``missing`` were accepted and not done; doubles are calls beyond one for each key."""

    name: str
    invoices_per_second: float
    invoices: int
    seconds: float
    sent: int
    missing: int
    double_postings: int
    double_statuses: int


class Comparison(Struct, frozen=True, kw_only=True):
    """The same work over HTTP, invoices a second. ``batched`` is tieout when a sender tells 50 invoices in a call."""

    ours: float
    theirs: float
    batched: float = 0.0
    sides: tuple[Side, ...] = ()

    @property
    def ratio(self) -> float:
        """How many times as fast."""
        return self.ours / self.theirs


def compare(server: str) -> Comparison | None:
    """Measure both on the same PostgreSQL, one after the other. About a minute."""
    python = Path(os.environ.get("BENCH_VENV") or _BENCH.parent / ".venv-bench") / "bin" / "python"
    if not python.exists():
        _tell("no DBOS here: left out; `make bench` installs it into .venv-bench and measures")
        return None
    _tell(_durability(server))
    try:
        theirs = _told(_dbos(server, str(python)))
        ours = _told(_tieout(server, 1))
        batched = _told(_tieout(server, BATCH))
    except (NotStarted, OSError, ExceptionGroup) as error:  # what was measured before this must not be lost with it
        _tell("no comparison: " + "; ".join(map(repr, getattr(error, "exceptions", (error,)))))
        return None
    return Comparison(
        ours=ours.invoices_per_second,
        theirs=theirs.invoices_per_second,
        batched=batched.invoices_per_second,
        sides=(theirs, ours, batched),
    )


def _tell(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


def _told(side: Side) -> Side:
    _tell(
        f"{side.name}: {side.invoices_per_second:,.0f} invoices/s ({side.invoices:,} in {side.seconds:.1f} s); "
        f"of {side.sent:,} sent {side.missing:,} missing, {side.double_postings} posted twice, "
        f"{side.double_statuses} told twice"
    )
    return side


def _durability(server: str) -> str:
    with psycopg.connect(server) as sql:
        rows = sql.execute(
            "SELECT name, setting FROM pg_settings WHERE name IN ('server_version', 'fsync', 'synchronous_commit')"
        )
        return "PostgreSQL: " + ", ".join(f"{name} {setting}" for name, setting in sorted(rows.fetchall()))


# ── DBOS ───────────────────────────────────────────────────────────────────────────────────────────────────────────


def _dbos(server: str, python: str) -> Side:
    """A status event for every invoice, posted or not, ends it."""
    with ExitStack() as stack:
        stub_port = stack.enter_context(child("tieout_bench.stub"))
        application, system = (stack.enter_context(stores.empty_database(server)) for _ in range(2))
        port = stack.enter_context(
            child(
                "tieout_bench.peers.dbos_app",
                application,
                system,
                str(stub_port),
                python=python,
                environment={"PYTHONPATH": str(_BENCH)},
            )
        )
        stub = Stub(stub_port)
        load = Load(port=port, path="/invoices", body=invoices.event)
        return _measured("DBOS", load, stub, lambda: stub.counts()["told"])


# ── tieout ─────────────────────────────────────────────────────────────────────────────────────────────────────────


def _tieout(server: str, invoices_per_call: int) -> Side:
    """A status event ends a posted invoice; an exception ends as ``mismatched`` in the list people see."""
    with ExitStack() as stack:
        stub_port = stack.enter_context(child("tieout_bench.stub"))
        url = stack.enter_context(stores.postgres(server))
        key = _prepared(url)
        port = stack.enter_context(child("tieout_bench.serving", "api", url))
        for _ in range(WORKERS):
            stack.enter_context(child("tieout_bench.serving", "worker", url, str(stub_port)))
        sql = stack.enter_context(psycopg.connect(url, autocommit=True))
        stub = Stub(stub_port)
        one = invoices_per_call == 1
        load = Load(
            port=port,
            path="/v1/events" if one else "/v1/events:batch",
            body=canonical.event if one else partial(_batch, invoices_per_call),
            headers={"Authorization": f"Bearer {key}"},
            invoices_per_call=invoices_per_call,
            connections=32 if one else 4,
        )
        name = "tieout" if one else f"tieout, {invoices_per_call} invoices a call"
        return _measured(name, load, stub, lambda: stub.counts()["told"] + _mismatched(sql))


def _prepared(url: str) -> str:
    """Masters are in; somebody may tell of invoices with the key that is returned."""
    loop = Loop(stores.opened(url))
    loop.offer(list(canonical.masters()))
    loop.run()
    loop.store.close()
    people = People(url, SystemClock())
    people.add_person("capture", "AP capture", "only for this benchmark", ("IE",))
    key = people.add_key("capture", ("IE",))
    people.close()
    return key


def _batch(size: int, first: int) -> bytes:
    return b"[" + b",".join(canonical.event(number) for number in range(first, first + size)) + b"]"


def _mismatched(sql: psycopg.Connection[tuple[int]]) -> int:
    row = sql.execute("SELECT count(*) FROM view_invoice WHERE status = 'mismatched'").fetchone()
    return row[0] if row else 0


def _measured(name: str, load: Load, stub: Stub, count: Callable[[], int]) -> Side:
    driven, counts = drive(load, count), stub.counts()
    return Side(
        name=name,
        invoices_per_second=driven.done / driven.seconds,
        invoices=driven.done,
        seconds=driven.seconds,
        sent=driven.sent,
        missing=driven.missing,
        double_postings=counts["postings"] - counts["posted"],
        double_statuses=counts["statuses"] - counts["told"],
    )
