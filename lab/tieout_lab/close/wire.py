"""What goes over the wire of the close tool: camelCase, lists wrapped in ``result``, task ids such as ``T-00012``."""

from typing import Literal

from msgspec import Raw, field

from tieout_lab.wire import Name, Natural, Period
from tieout_lab.wire import Wire as AnyWire


class Wire(AnyWire, rename="camel"):
    """Root of all bodies of this product."""


class NewTask(Wire):
    """A task to add. ``checkpoint`` names what a system must prove; without it a person completes the task.

    ``after`` are the keys of tasks of the same period that must be done first.
    """

    key: Name
    name: Name
    owner: str = ""
    checkpoint: str = ""
    after: tuple[str, ...] = ()


class Evidence(Wire):
    """What a system says about a checkpoint. ``asOf`` orders reports: one older than what we hold is refused."""

    report_id: Name
    verdict: Literal["proven", "broken"]
    parameters: dict[str, str] = field(default_factory=dict)
    message: str = ""
    as_of: str = ""


class Task(NewTask, kw_only=True):
    """A task as we hold it."""

    task_id: str
    entity_code: str
    period_name: str
    status: Literal["OPEN", "DONE"]
    changed_at: str
    completed_by: str = ""
    evidence: Evidence | None = None


class Tasks(Wire):
    """Tasks found."""

    result: tuple[Task, ...]


class Completion(Wire):
    """Who completes (or reopens) a task."""

    by: Name
    comment: str = ""


class NewPeriod(Wire):
    """A period of an entity to close. Without tasks it gets the standard ones."""

    entity_code: Name
    period_name: Period
    tasks: tuple[NewTask, ...] = ()


class Readiness(Wire):
    """What a system says about a period."""

    report_id: Name
    ready: bool
    blockers: tuple[str, ...] = ()
    message: str = ""
    as_of: str = ""


class SetState(Wire):
    """Move a period. ``closed`` needs every task done and readiness reported; going back to ``open`` forgets it."""

    state: Literal["open", "closed"]
    by: Name


class HeldPeriod(Wire):
    """A period as we hold it."""

    entity_code: str
    period_name: str
    state: Literal["open", "closed"]
    changed_at: str
    reopened: Natural = 0
    readiness: Readiness | None = None


class Periods(Wire):
    """Periods found."""

    result: tuple[HeldPeriod, ...]


class Event(Wire):
    """One change."""

    seq: int
    type: str
    at: str
    document: Raw


class Events(Wire):
    """A page of changes."""

    result: tuple[Event, ...]
    cursor: int
    more: bool


class Total(Wire):
    """How many tasks of an entity and period are open and done."""

    entity_code: str
    period_name: str
    open: int
    done: int


class Totals(Wire):
    """All totals at one moment."""

    result: tuple[Total, ...]
    as_of: str


class Token(AnyWire):
    """An OAuth 2 access token (RFC 6749 names)."""

    access_token: str
    token_type: str
    expires_in: int


class Settings(Wire):
    """How long an access token lives."""

    token_seconds: Natural = 300


class Problem(AnyWire, kw_only=True):
    """An error (RFC 9457)."""

    type: str = "about:blank"
    title: str
    status: int
    detail: str
    code: str


STANDARD_TASKS = (
    NewTask(key="cutoff", name="Confirm goods receipt cut-off", owner="warehouse"),
    NewTask(key="invoices_posted", name="All invoices posted", owner="ap", checkpoint="invoices_posted"),
    NewTask(key="accruals", name="Accruals for goods received, not invoiced", owner="gl", after=("cutoff",)),
    NewTask(key="bank", name="Bank statements tied out", owner="treasury", checkpoint="bank_tied_out"),
    NewTask(key="ap_subledger", name="AP subledger agrees with the AP platform", owner="ap", checkpoint="ap_tied_out"),
    NewTask(
        key="review",
        name="Controller's review",
        owner="controller",
        after=("invoices_posted", "accruals", "bank", "ap_subledger"),
    ),
)
