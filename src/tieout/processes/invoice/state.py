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
OPEN = frozenset({"received", "admitted", "invalid", "valid", "mismatched", "matched", "held", "rejected"}) | STOPPED
CANCELLABLE = OPEN | {"posting_failed"}
POSTING = frozenset({"posting", "posting_unknown", "posting_failed"})
UNPOSTED = CANCELLABLE | POSTING | {"cancelled"}
OWED = frozenset({"posted", "posted_on_hold", "reserved"})
#: What is on hold here is in the ERP, or on its way, and stays on hold whatever else is found.
BOOKED_ON_HOLD = POSTING | {"posted_on_hold"}
#: The source of messages that processes send; nobody outside can use it.
_OURSELVES = "tieout"


class State(Struct, frozen=True, omit_defaults=True, gc=False):
    """Where an invoice stands, and what has to be known to go on. ``flagged`` are the classes of case that were ever
    opened about it, so that an invoice without trouble need not look for any.

    ``ours``: we wrote it for what we received. ``predicted``: the holds that an ERP of this ``dialect`` should place,
    ``holds`` those it told of. ``account`` (a digest) and ``parent`` are the supplier's when the invoice was compared
    with others; ``compared`` is with how many. ``candidates`` are those it was stopped for last, ``apart`` those that a
    person has told from it. ``hold``: it does not agree with its orders and goes on all the same; these holds keep it
    from being paid. ``handed``: the approvers have it with an earlier verdict. ``passed_under`` is the version of the
    policy under which it went on to its posting.
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
    hold: tuple[str, ...] = ()
    handed: bool = False
    passed_under: str = ""

    @property
    def searchable(self) -> bool:
        """Whether it names no order and nobody has decided about it, so that an order that comes now may be its own."""
        return undecided(self) and self.status == "valid" and not self.searched


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


def obstacle(state: State | None) -> str:
    """Why nothing can be paid of it now; empty when it can."""
    if payable(state) is not None or state is None:
        return "" if state else "an invoice nobody knows"
    if state.status == "posted_on_hold":
        return f"{state.invoice.number} is posted on hold: {', '.join(state.hold)}"
    if state.differs:
        return f"{state.invoice.number} is held otherwise by the ERP: {state.reason}"
    if state.status == "reserved":
        return f"{state.invoice.number} is in payment {state.payment_id}"
    return f"{state.invoice.number} is {state.status.replace('_', ' ')}"


def received(data: InvoiceReceived, event: Event) -> State:
    """An invoice that has come in."""
    moment = to_micros(event.recorded_at)
    ours = data.invoice.purpose == "self_billed" and event.source == _OURSELVES
    post_on = data.post_on if ours else None
    return State(data.invoice, data.channel, moment, moment, entered_by=event.actor, post_on=post_on, ours=ours)


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


def disagrees(state: State) -> bool:
    """Whether it does not agree with its orders, be it that it waits or that it goes on on hold."""
    return unmatched(state) or bool(state.hold)


def undecided(state: State) -> bool:
    """Whether it was handed to the approvers and none of them has said anything."""
    return state.clear and not state.approval and state.status in ("valid", "matched", "held")


def cleared(state: State) -> str:
    """Where it stands when nothing but an approval is missing."""
    if state.hold:
        return "held"
    return "matched" if has_orders(state.invoice) else "valid"


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


def held_for(state: State) -> str:
    """What holds it, as one reason that people read."""
    return f"on hold: {', '.join(state.hold)}"


def text_of(problems: tuple[Problem, ...]) -> str:
    """Problems as one reason that people read."""
    return "; ".join(map(str, problems))
