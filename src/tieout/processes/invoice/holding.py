"""An invoice that does not agree with its orders and is posted all the same, on hold, where the policy says so.

::

    MatchFailed on hold ─► held ─approved─► posting ─► posted on hold ─InvoiceMatched─► posted, payable
                             │                                          a receipt, an order or a credit note mends it,
                             └─ MatchReleased ─► mismatched             or a person accepts how it does not agree
                                it can no longer be posted so

From the first moment it is billed on its orders, so nothing else can bill the same goods; only its payment waits. SAP
posts such an invoice with payment block R, Oracle Payables with its matching holds.
"""

from collections.abc import Iterator

from msgspec.structs import replace

from tieout.kernel.problem import Code, Problem
from tieout.matching.assignment import filled
from tieout.matching.holds import barred, holds_of, postable
from tieout.model.events import Event
from tieout.model.facts import InvoiceMatched, MatchFailed
from tieout.model.verdict import Verdict
from tieout.policy.dialect import DIALECTS
from tieout.policy.tolerances import Tolerances
from tieout.processes.invoice.cases import MISMATCH, say_again
from tieout.processes.invoice.state import BOOKED_ON_HOLD, State, held_for, ready, text_of
from tieout.processes.process import Facts, Output

GIVEN_BACK = "given back by credit notes"
"""What holds an invoice of which nothing is left to be paid."""


def holds_on(state: State, verdict: Verdict, tolerances: Tolerances) -> tuple[str, ...]:
    """What it is posted on hold for; nothing when it has to wait. Credit notes wait, which ask for no money that a hold
    could keep here, and so does what we wrote ourselves. What the ERP has on hold stays so until it is released."""
    dialect = DIALECTS[verdict.dialect]
    if state.hold and state.status in BOOKED_ON_HOLD:
        return holds_of(verdict, dialect)
    wanted = state.hold or tolerances.on_variance == "post_on_hold"
    if not wanted or state.ours or state.invoice.sign < 0 or not postable(verdict, dialect):
        return ()
    return holds_of(verdict, dialect)


def put_on_hold(state: State, data: MatchFailed) -> State:
    """The first time it goes on from here, to the ERP when it is approved; later only what holds it is another."""
    held = replace(
        state,
        invoice=filled(state.invoice, data.verdict.assigned),
        hold=data.on_hold,
        allocations=data.verdict.allocations,
    )
    if not state.hold:
        status = "rejected" if state.approval == "denied" else "held"
        held = ready(
            replace(held, status=status, clear=True, handed=True, post_on=data.post_on or state.invoice.issued_on)
        )
    if held.status == "held":
        return replace(held, reason=": ".join(filter(None, (held_for(held), text_of(data.verdict.problems)))))
    return replace(held, reason=held_for(held)) if held.status == "posted_on_hold" and not held.differs else held


def taken_back(state: State) -> State:
    """It can no longer go on on hold: it waits as any other that does not agree, and bills nothing."""
    if not state.hold or state.status in BOOKED_ON_HOLD:
        return state
    status = "mismatched" if state.status == "held" else state.status
    return replace(state, status=status, hold=(), clear=False, allocations=(), post_on=None)


def released(state: State, data: InvoiceMatched) -> State:
    """It agrees now, or a person has accepted how it does not: nothing holds it any more. Where it has got to, it
    stays; what the ERP holds otherwise than it should is another question."""
    status = {"held": "matched", "posted_on_hold": "posted"}.get(state.status, state.status)
    return replace(
        state,
        invoice=filled(state.invoice, data.verdict.assigned),
        status=status,
        reason=state.reason if status == state.status or state.differs else "",
        hold=(),
        allocations=data.verdict.allocations,
        accepted_by=data.accepted_by,
        dialect=data.verdict.dialect,
        predicted=data.verdict.holds,
    )


def stay(state: State, event: Event, facts: Facts) -> Iterator[Output]:
    """What is in the ERP is not cancelled here: the open cases say what takes it back."""
    number = state.posting.number if state.posting else ""
    problem = Problem(Code.ALREADY_POSTED, "invoice", "one that is not posted yet", f"posted as {number}")
    told = f"it is in the ERP as {number}, on hold; a credit note takes it back"
    yield from say_again(state, event, facts, MISMATCH, problem, told)


def unreleasable(state: State) -> Problem | None:
    """Why nobody may release what it is on hold for by hand, where that is so in the ERP."""
    fixed = barred(state.hold, DIALECTS[state.dialect]) if state.hold else ()
    fixed += tuple(one for one in state.hold if one == GIVEN_BACK)
    if not fixed:
        return None
    return Problem(Code.HOLD_NOT_RELEASABLE, "hold", "a hold that may be released by hand", ", ".join(fixed))
