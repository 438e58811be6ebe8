"""Where an invoice stands, what that allows, and who may say something about it."""

from datetime import UTC, date, time

from msgspec import Struct
from msgspec.structs import replace

from tieout.kernel.clock import to_micros
from tieout.kernel.money import Money
from tieout.kernel.problem import Problem
from tieout.model.cases import CaseClass
from tieout.model.documents import Invoice, Posting
from tieout.model.duplicates import Candidate
from tieout.model.events import Event
from tieout.model.facts import InvoiceReceived
from tieout.model.verdict import Allocation
from tieout.policy.duties import PERSON, is_person, same_actor

#: Work is ordered by financial deadline; an invoice should be in the ERP at noon UTC of the day it is due.
CUT_OFF = time(12, tzinfo=UTC)
#: Until here nobody but us knows of it.
STOPPED = frozenset({"duplicate", "suspect"})
OPEN = frozenset({"received", "admitted", "invalid", "valid", "mismatched", "matched", "rejected"}) | STOPPED
CANCELLABLE = OPEN | {"posting_failed"}
POSTING = frozenset({"posting", "posting_unknown", "posting_failed"})
UNPOSTED = CANCELLABLE | POSTING | {"cancelled"}
OWED = frozenset({"posted", "reserved"})
#: The source of messages that processes send; nobody outside can use it.
_OURSELVES = "tieout"


class State(Struct, frozen=True, omit_defaults=True):
    """Where an invoice stands, and what has to be known to go on. ``flagged`` are the classes of case that were ever
    opened about it, so that an invoice without trouble need not look for any.

    ``ours``: we wrote it for what we received. ``predicted``: the holds that an ERP of this ``dialect`` should place,
    ``holds`` those it told of. ``account`` (a digest) and ``parent`` are the supplier's when the invoice was compared
    with others; ``compared`` is with how many. ``candidates`` are those it was stopped for last, ``apart`` those that a
    person has told from it. ``passed_under`` is the version of the policy under which it went on to its posting.
    """

    invoice: Invoice
    channel: str
    received_at: int
    changed_at: int
    status: str = "received"
    reason: str = ""
    entered_by: str = ""
    clear: bool = False
    approval: str = ""
    decided_by: str = ""
    accepted_by: str = ""
    allocations: tuple[Allocation, ...] = ()
    post_on: date | None = None
    submitted: bool = False
    posting: Posting | None = None
    differs: bool = False
    cancelled: bool = False
    payment_id: str = ""
    flagged: tuple[CaseClass, ...] = ()
    ours: bool = False
    searched: bool = False
    dialect: str = ""
    predicted: tuple[str, ...] = ()
    holds: tuple[str, ...] | None = None
    account: str = ""
    parent: str = ""
    compared: int = 0
    candidates: tuple[Candidate, ...] = ()
    apart: tuple[str, ...] = ()
    passed_under: str = ""


class Due(Struct, frozen=True):
    """What may be paid of an invoice, by when, and what the supplier should read on the bank statement."""

    amount: Money
    due_on: date
    remittance: str


def payable(state: State | None) -> Due | None:
    """What may be paid now: posted in the ERP as it should be, not taken by another payment, more than nothing, and not
    collected by the supplier itself."""
    if state is None or state.status != "posted" or state.differs or state.invoice.collected:
        return None
    invoice = state.invoice
    return Due(invoice.payable, invoice.due_on, invoice.number) if invoice.payable.minor > 0 else None


def received(data: InvoiceReceived, event: Event) -> State:
    """An invoice that has come in."""
    moment = to_micros(event.recorded_at)
    ours = data.invoice.purpose == "self_billed" and event.source == _OURSELVES
    return State(data.invoice, data.channel, moment, moment, entered_by=event.actor, ours=ours)


def ready(state: State) -> State:
    """What is clear and approved goes to the ERP."""
    if state.status in STOPPED or not state.clear or state.approval != "approved":
        return state
    return replace(state, status="posting", reason="")


def flagged(state: State, *classes: CaseClass) -> State:
    """Remember which cases are opened now."""
    new = tuple(one for one in classes if one not in state.flagged)
    return replace(state, flagged=(*state.flagged, *new)) if new else state


def unmatched(state: State) -> bool:
    """Whether matching failed, and nobody has accepted what it found."""
    return not state.clear and state.status in ("mismatched", "rejected")


def has_orders(invoice: Invoice) -> bool:
    """Whether it names an order on any of its lines."""
    return any(line.order_id for line in invoice.lines)


def entered_by(state: State, actor: str) -> bool:
    """Whether this person entered the invoice. Approvers of other systems come without ``person:``."""
    entered = state.entered_by
    return is_person(entered) and (same_actor(actor, entered) or same_actor(PERSON + actor, entered))


def objection_to(state: State, actor: str) -> str:
    """Why somebody may not accept what is wrong with the invoice; empty when they may."""
    if not is_person(actor):
        return f"{actor} is not a person and cannot accept a variance"
    return f"{actor} entered this invoice and cannot accept its variance" if entered_by(state, actor) else ""


def text_of(problems: tuple[Problem, ...]) -> str:
    """Problems as one reason that people read."""
    return "; ".join(map(str, problems))
