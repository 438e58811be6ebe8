"""The peer: a workflow engine that gives each invoice a durable workflow of its own, on the same PostgreSQL."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from secrets import token_hex

from msgspec import Struct

from tieout.engine.clock import SystemClock
from tieout.engine.people import People
from tieout_bench import canonical, stores
from tieout_bench.drive import Load, drive
from tieout_bench.loop import Loop
from tieout_bench.measuring import tell
from tieout_bench.peers import invoices
from tieout_bench.peers.calls import Stub
from tieout_bench.peers.children import NotStarted, child, peer_python

WORKERS = 1
"""Processes of tieout that handle messages and send effects; the API is another one."""
BATCH = 50
"""Invoices in one call, where a sender uses tieout's batches."""
_BATCHED_FROM = 1_000_000
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
    python = peer_python("dbos")
    if not python:
        tell("no DBOS here: left out; `make bench` installs it into .venv-bench and measures")
        return None
    tell(_durability(server))
    try:
        theirs = _dbos(server, str(python))
        ours, batched = _tieout(server)
    except (NotStarted, OSError, ExceptionGroup) as error:  # what was measured before this must not be lost with it
        tell("no comparison: " + "; ".join(map(repr, getattr(error, "exceptions", (error,)))))
        return None
    return Comparison(
        ours=ours.invoices_per_second,
        theirs=theirs.invoices_per_second,
        batched=batched.invoices_per_second,
        sides=(theirs, ours, batched),
    )


def _durability(server: str) -> str:
    import psycopg

    with psycopg.connect(server) as sql:
        rows = sql.execute(
            "SELECT name, setting FROM pg_settings WHERE name IN ('server_version', 'fsync', 'synchronous_commit')"
        )
        return "PostgreSQL: " + ", ".join(f"{name} {setting}" for name, setting in sorted(rows.fetchall()))


# ── DBOS ───────────────────────────────────────────────────────────────────────────────────────────────────────────


def _dbos(server: str, python: str) -> Side:
    """A status event for every invoice, posted or not, ends it."""
    with ExitStack() as stack:
        stub = Stub(stub_port := stack.enter_context(child("tieout_bench.stub")))
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
        load = Load(port=port, path="/invoices", body=invoices.event)
        return _measured("DBOS", load, stub, lambda: stub.counts()["told"])


# ── tieout ─────────────────────────────────────────────────────────────────────────────────────────────────────────


def _tieout(server: str) -> tuple[Side, Side]:
    """A status event ends a posted invoice; an exception ends as ``mismatched`` in the list people see."""
    with ExitStack() as stack:
        stub = Stub(stub_port := stack.enter_context(child("tieout_bench.stub")))
        url = stack.enter_context(stores.postgres(server))
        key = _prepared(url)
        port = stack.enter_context(child("tieout_bench.serving", "api", url))
        for _ in range(WORKERS):
            stack.enter_context(child("tieout_bench.serving", "worker", url, str(stub_port)))
        mismatched = stack.enter_context(_mismatched(url))

        def count() -> int:
            return stub.counts()["told"] + mismatched()

        headers = {"Authorization": f"Bearer {key}"}
        single = Load(port=port, path="/v1/events", body=canonical.event, headers=headers)
        batched = Load(
            port=port,
            path="/v1/events:batch",
            body=_batch,
            headers=headers,
            first=_BATCHED_FROM,
            invoices_per_call=BATCH,
            connections=4,
        )
        return (
            _measured("tieout", single, stub, count),
            _measured(f"tieout, told {BATCH} in a call", batched, stub, count),
        )


def _prepared(url: str) -> str:
    """Masters are in; somebody may tell of invoices with the key that is returned."""
    loop = Loop(stores.opened(url))
    loop.offer(list(canonical.masters()))
    loop.run()
    loop.store.close()
    people = People(url, SystemClock())
    people.add_person("capture", "AP capture", token_hex(), ("IE",))
    key = people.add_key("capture", ("IE",))
    people.close()
    return key


def _batch(first: int) -> bytes:
    return b"[" + b",".join(map(canonical.event, range(first, first + BATCH))) + b"]"


@contextmanager
def _mismatched(url: str) -> Iterator[Callable[[], int]]:
    """Says how many exceptions people see."""
    import psycopg

    with psycopg.connect(url, autocommit=True) as sql:
        asked = "SELECT count(*) FROM view_invoice WHERE status = 'mismatched'"
        yield lambda: sum(row[0] for row in sql.execute(asked))


# ── either ─────────────────────────────────────────────────────────────────────────────────────────────────────────


def _measured(name: str, load: Load, stub: Stub, count: Callable[[], int]) -> Side:
    """Drive one side and say what it did."""
    before, start = stub.counts(), count()
    driven = drive(load, lambda: count() - start)
    counts = {what: number - before[what] for what, number in stub.counts().items()}
    side = Side(
        name=name,
        invoices_per_second=driven.done / driven.seconds,
        invoices=driven.done,
        seconds=driven.seconds,
        sent=driven.sent,
        missing=driven.missing,
        double_postings=counts["postings"] - counts["posted"],
        double_statuses=counts["statuses"] - counts["told"],
    )
    tell(
        f"{name}: {side.invoices_per_second:,.0f} invoices/s ({side.invoices:,} in {side.seconds:.1f} s); "
        f"of {side.sent:,} sent {side.missing:,} missing, {side.double_postings} posted twice, "
        f"{side.double_statuses} told twice"
    )
    return side
