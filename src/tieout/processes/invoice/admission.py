"""Whether an invoice may go on, as far as other invoices are concerned: asked when it arrives, and once more before it
is posted.

::

    InvoiceReceived ─► first look ─┬─ the number is taken ──► DuplicateStopped ───┐
                                   ├─ it looks like another ► DuplicateSuspected ─┤ a person clears it, or cancels it
                                   └─ nothing, or explained ► InvoiceAdmitted ◄───┘
    about to be posted ─► last look, against everything that is open by now ─► DuplicateSuspected, or it is posted
    a suspect, when what it looks like is cancelled, credited or told apart ─► ComparisonDue ─► another look

Two workers may handle two invoices of two suppliers at one moment, and neither sees the other at the first look. The
last look is made when the invoice's own fingerprint stands in the store as ``open`` for everybody to see; of any two,
the one that becomes so later sees the other (docs/decisions/0009 has the proof).
"""

from collections.abc import Iterator
from datetime import timedelta
from decimal import Decimal

from msgspec.structs import replace

from tieout.kernel.problem import Code, Problem
from tieout.matching.duplicates import Fingerprint, compare, taught_by
from tieout.matching.duplicates.score import is_like_amount
from tieout.model.cases import Case, CaseClass
from tieout.model.documents import Invoice
from tieout.model.duplicates import Candidate, Lookalike
from tieout.model.events import Event
from tieout.model.facts import (
    ComparisonDue,
    DuplicateCleared,
    DuplicateOverruled,
    DuplicateStopped,
    DuplicateSuspected,
    InvoiceAdmitted,
    LookalikeLearnt,
    supplier_home,
)
from tieout.policy.policy import Policy
from tieout.processes import lookalike
from tieout.processes.case import open_case
from tieout.processes.invoice.cases import ALIKE, case_about, same_person, say_again, settle_cases
from tieout.processes.invoice.fingerprints import compared_as
from tieout.processes.invoice.state import State, cleared, objection_to, ready
from tieout.processes.process import Emit, Facts, Output, Send

_NAMED_MAX = 5
"""So many of the invoices that a document looks like are named; a person who has told it from them sees the others."""


def stop(state: State, data: DuplicateStopped | DuplicateSuspected, status: str, reason: str) -> State:
    """It waits for a person to compare it with these."""
    return replace(
        state,
        status=status,
        reason=reason,
        candidates=data.candidates,
        account=data.account,
        parent=data.parent,
    )


def admitted(state: State, data: InvoiceAdmitted) -> State:
    """It goes on where it was stopped: at the beginning, or on its way to the ERP."""
    admitted = replace(
        state,
        status="admitted",
        reason="",
        candidates=(),
        account=data.account or state.account,
        parent=data.parent or state.parent,
        compared=data.compared or state.compared,
        apart=tuple(dict.fromkeys((*state.apart, *data.apart))),
    )
    if not state.clear:
        return admitted
    if state.approval == "denied":
        return replace(admitted, status="rejected", reason=f"{state.decided_by} refused it")
    return ready(replace(admitted, status=cleared(state)))


def first_look(mine: Fingerprint, invoice: Invoice, facts: Facts) -> Iterator[Output]:
    """Compare a new invoice with everything known, what is stopped or cancelled included."""
    known = facts.similar(mine)
    found = compare(mine, known, facts.policy.duplicates, _taught(mine, facts), facts.now.date())
    stopping = tuple(one for one in found if one.verdict == "block")
    if stopping:
        yield Emit(
            DuplicateStopped(
                first_invoice_id=stopping[0].invoice_id,
                candidates=found[:_NAMED_MAX],
                account=mine.account,
                parent=mine.parent,
            )
        )
        first = next(one for one in known if one.invoice_id == stopping[0].invoice_id)
        yield open_case(_stopped_case(mine, invoice, first))
    elif asked := _asked(found):
        yield from suspicion(mine, invoice, asked)
    else:
        yield Emit(
            InvoiceAdmitted(
                account=mine.account, parent=mine.parent, compared=_others(mine, known), explained=found[:_NAMED_MAX]
            )
        )


def last_look(mine: Fingerprint, facts: Facts) -> tuple[Candidate, ...] | None:
    """The invoices that still speak against posting this one; nothing (``None``) when not everybody can see it yet, so
    that it has to be asked again in a later unit of work. What is stopped is looked at when it goes on itself."""
    known = facts.similar(mine)
    if not any(one.invoice_id == mine.invoice_id and one.status == "open" for one in known):
        return None
    going_on = tuple(one for one in known if one.status == "open")
    return _asked(compare(mine, going_on, facts.policy.duplicates, _taught(mine, facts), facts.now.date()))


def suspicion(mine: Fingerprint, invoice: Invoice, asked: tuple[Candidate, ...]) -> Iterator[Output]:
    """Stop it, and have a person compare."""
    yield Emit(DuplicateSuspected(candidates=asked, account=mine.account, parent=mine.parent))
    yield open_case(_suspected_case(mine.invoice_id, invoice, asked))


def look_again(
    mine: Fingerprint, stopped_for: tuple[Candidate, ...], facts: Facts
) -> tuple[tuple[Candidate, ...], InvoiceAdmitted]:
    """The invoices that still speak against a suspect, and what to say when none does. Of those that are stopped
    themselves only the ones that it was stopped for count; the others are looked at when they go on."""
    known, named = facts.similar(mine), {one.invoice_id for one in stopped_for}
    left = tuple(one for one in known if one.status != "stopped" or one.invoice_id in named)
    found = compare(mine, left, facts.policy.duplicates, _taught(mine, facts), facts.now.date())
    admitted = InvoiceAdmitted(
        account=mine.account, parent=mine.parent, compared=_others(mine, left), explained=found[:_NAMED_MAX]
    )
    return _asked(found), admitted


def tell_suspects(mine: Fingerprint, facts: Facts, what: str) -> Iterator[Send]:
    """Have the suspects that look like this one, or like what it credits, compared again, each where it lives: this one
    ``was cancelled``, or the like."""
    about = mine.credits and next(
        (one.printed for one in facts.similar(mine) if one.number == mine.credits), mine.credits
    )
    due = ComparisonDue(reason=f"{about or mine.printed} {what}")
    for one in facts.similar(mine):
        alike = is_like_amount(mine, one, facts.policy.duplicates)
        if one.status == "stopped" and one.invoice_id != mine.invoice_id and alike:
            home = supplier_home(one.supplier_id)
            yield Send(due, one.invoice_id, home, entity=one.entity, correlation=one.invoice_id)


def compare_again(state: State, event: Event, facts: Facts, reason: str) -> Iterator[Output]:
    """Something has changed about what it looks like: when nothing speaks against it any more, it goes on by itself."""
    mine = compared_as(event.subject, state, facts)
    asked, admission = look_again(mine, state.candidates, facts)
    if not asked:
        yield from settle_cases(state, event, facts, ALIKE, reason)
        yield Emit(admission)
    elif {one.invoice_id for one in asked} != {one.invoice_id for one in state.candidates}:
        yield from suspicion(mine, state.invoice, asked)


def clear(state: State, event: Event, data: DuplicateCleared | DuplicateOverruled, facts: Facts) -> Iterator[Output]:
    """A person says that a stopped invoice is a claim of its own: not the one who entered it, nor beyond the limit."""
    objection = objection_to(state, event.actor)
    problem = same_person(event) if objection else _limit_problem(state.invoice, data, facts.policy)
    if problem is None:
        mine = compared_as(event.subject, state, facts)
        yield from _clearance(mine, state.candidates, facts, recurring=data.recurring)
        yield from tell_suspects(mine, facts, f"was told apart by {event.actor}")
        return
    yield from say_again(state, event, facts, ALIKE, problem, objection or str(problem))


def _clearance(
    mine: Fingerprint, stopped_for: tuple[Candidate, ...], facts: Facts, *, recurring: bool
) -> Iterator[Output]:
    """A person has told the invoice apart from what it was stopped for: it goes on, and what recurs is remembered."""
    apart = tuple(one.invoice_id for one in stopped_for)
    yield Emit(InvoiceAdmitted(account=mine.account, parent=mine.parent, apart=apart))
    if recurring:
        until = facts.now.date() + timedelta(days=facts.policy.duplicates.lookalike_days)
        for taught in dict.fromkeys(taught_by(one, mine, until) for one in stopped_for):
            if taught is not None:
                told = LookalikeLearnt(lookalike=taught, invoice_id=mine.invoice_id)
                yield Emit(told, lookalike.subject_of(mine))


def _override_limit(invoice: Invoice, policy: Policy) -> Decimal | None:
    """The amount of its currency above which clearing this invoice takes a manager."""
    return policy.duplicates.override_above.get(invoice.currency)


def _limit_problem(invoice: Invoice, fact: object, policy: Policy) -> Problem | None:
    """Why clearing it is not for whoever did: it is above the limit, and no manager overruled."""
    limit = _override_limit(invoice, policy)
    if limit is None or abs(invoice.gross).amount <= limit or isinstance(fact, DuplicateOverruled):
        return None
    return Problem(Code.OVERRIDE_LIMIT, "gross", f"at most {limit:,} {invoice.currency}", str(invoice.gross))


def _others(mine: Fingerprint, known: tuple[Fingerprint, ...]) -> int:
    return sum(one.invoice_id != mine.invoice_id for one in known)


def _asked(found: tuple[Candidate, ...]) -> tuple[Candidate, ...]:
    return tuple(one for one in found if one.verdict != "none")[:_NAMED_MAX]


def _taught(mine: Fingerprint, facts: Facts) -> Iterator[Lookalike]:
    """What people have taught of its like; only read when something is alike."""
    state = facts.state("lookalike", lookalike.subject_of(mine))
    if isinstance(state, lookalike.State):
        yield from state.patterns


def _stopped_case(mine: Fingerprint, invoice: Invoice, first: Fingerprint) -> Case:
    same = "the same amount" if invoice.gross == first.gross else f"{first.gross}"
    day = lookalike.day_of(first.received_at)
    reason = (
        f"Invoice {invoice.number} of {invoice.supplier_name} ({invoice.gross}) came by {mine.channel}; "
        f"{first.printed} came by {first.channel} on {day} for {same} as {first.invoice_id}."
    )
    problem = Problem(
        Code.DUPLICATE_INVOICE,
        "number",
        f"a number other than {first.printed}",
        invoice.number,
        detail=first.invoice_id,
    )
    return case_about(CaseClass.DUPLICATE, mine.invoice_id, invoice, reason, (problem,))


def _suspected_case(invoice_id: str, invoice: Invoice, asked: tuple[Candidate, ...]) -> Case:
    best = asked[0]
    more = f", and {len(asked) - 1} more" if len(asked) > 1 else ""
    reason = (
        f"Invoice {invoice.number} of {invoice.supplier_name} ({invoice.gross}) looks like {best.printed} "
        f"({best.invoice_id}): {best.reason} ({best.score} of 100){more}."
    )
    problems = tuple(
        Problem(
            Code.SUSPECTED_DUPLICATE,
            one.layer,
            f"a claim other than {one.printed}",
            f"{one.reason} ({one.score} of 100)",
            detail=one.invoice_id,
        )
        for one in asked
    )
    return case_about(CaseClass.SUSPECTED_DUPLICATE, invoice_id, invoice, reason, problems)
