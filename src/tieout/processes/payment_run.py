"""A payment run: invoices proposed by one person and released by another become exactly one file at the bank.

::

    collecting ─► ready ─► releasing ─► released ─► delivered
        │           │          │           │
        └───────────┴──────────┴───────────┴─► cancelled

It lives in the partition of our own bank account and asks each payment, in its supplier's partition, twice: to be
reserved (``collecting``) and to be released (``releasing``). The run goes on when all have answered; those that were
withheld fall out. The file holds exactly the released payments, in the order in which they were proposed. A run that
is not released yet can be called off. A file that the bank's server refused rejects all its payments; one whose
outcome is unknown leaves the run ``released``, with the reason, until that is known.
"""

from collections.abc import Iterator
from datetime import UTC, date, datetime, time

from msgspec import Struct
from msgspec.structs import replace

from tieout.kernel.clock import period_of
from tieout.kernel.money import Money, total
from tieout.kernel.problem import Code, Problem
from tieout.model.cases import Case, CaseClass
from tieout.model.documents import BankAccount, Payment, PaymentRun
from tieout.model.effects import SendPaymentFile
from tieout.model.events import Event
from tieout.model.facts import (
    CancellationAnswered,
    EffectHandled,
    EffectSettled,
    Outcome,
    PaymentCancelRequested,
    PaymentReleased,
    PaymentReleaseRequested,
    PaymentRequested,
    PaymentReserved,
    PaymentStatusReported,
    PaymentWithheld,
    RunCancelled,
    RunCancelRequested,
    RunDelivered,
    RunProposed,
    RunReady,
    RunReleased,
    RunReleaseRefused,
    RunReleaseRequested,
    RunStatusReported,
    supplier_home,
)
from tieout.policy.duties import same_actor
from tieout.policy.status_ladder import advance, rung
from tieout.processes.case import is_open, open_case, settle_case
from tieout.processes.payment import systems_of
from tieout.processes.process import Emit, Facts, Intent, Link, Output, Process, Row, Send, Standing, by_subject

#: More payments than this are proposed as several runs.
PAYMENTS_MAX = 2_000
#: Until a policy names the cut-off of each bank: files should be there at noon UTC of the day of execution.
CUT_OFF = time(12, tzinfo=UTC)
PERSON = "person:"


class Item(Struct, frozen=True, omit_defaults=True, array_like=True):
    """One payment of the run: whom it pays, and its details from its reservation until the file is written."""

    supplier_id: str
    invoice_id: str = ""
    answered: bool = False
    payment: Payment | None = None


class State(Struct, frozen=True, omit_defaults=True):
    """Where a run stands. ``moved_by`` is the event that last changed it: only that one is answered.

    ``dead``: the delivery of its file was given up; a person sends it again or calls it off.
    """

    status: str
    entity: str
    debtor: BankAccount
    currency: str
    execute_on: date
    proposed_by: str
    moved_by: str
    items: dict[str, Item]
    waiting: int
    count: int
    total: Money
    released_by: str = ""
    claim: str = ""
    reason: str = ""
    dead: bool = False


# ── where it stands ────────────────────────────────────────────────────────────────────────────────────────────────


def evolve(state: State | None, event: Event) -> State | None:
    """Where the run stands after an event."""
    if state is None:
        return _proposed(event, event.data) if isinstance(event.data, RunProposed) else None
    after = _evolved(state, event)
    return state if after is state else replace(after, moved_by=event.event_id)


def _proposed(event: Event, data: RunProposed) -> State:
    items = {item.payment_id: Item(item.supplier_id, item.invoice_id) for item in data.items}
    kept = items if len(items) <= PAYMENTS_MAX else {}
    return State(
        "collecting",
        data.entity,
        data.debtor,
        data.currency,
        data.execute_on,
        event.actor,
        event.event_id,
        kept,
        len(kept),
        len(items),
        Money.zero(data.currency),
    )


def _evolved(state: State, event: Event) -> State:
    match event.data:
        case PaymentReserved(payment=payment) if state.status == "collecting":
            return _answered(state, payment.payment_id, payment)
        case PaymentReleased(payment=payment) if state.status == "releasing":
            return _answered(state, payment.payment_id, payment)
        case PaymentWithheld(payment_id=payment_id) if state.status in ("collecting", "releasing"):
            return _fallen_out(state, payment_id)
        case RunReady(count=count, total=amount):
            return replace(state, status="ready", count=count, total=amount)
        case RunReleaseRequested() if not _objections(state, event):
            items = {payment_id: replace(item, answered=False) for payment_id, item in state.items.items()}
            return replace(state, status="releasing", released_by=event.actor, items=items, waiting=len(items))
        case RunCancelRequested() if state.status == "ready":
            return replace(state, status="calling_off")
        case RunCancelled(reason=reason):
            return replace(state, status="cancelled", reason=reason, waiting=0, dead=False)
        case RunReleased(run=run):
            items = {payment.payment_id: Item(payment.supplier_id) for payment in run.payments}
            amount = total((payment.amount for payment in run.payments), state.currency)
            return replace(state, status="released", items=items, count=len(items), total=amount)
        case RunDelivered():
            return replace(state, status="delivered", reason="", dead=False)
        case EffectSettled(outcome=outcome) if state.status == "released":
            return replace(state, reason=_uncertain(outcome), dead=outcome.status == "dead")
        case RunStatusReported(status=status) if state.status in ("released", "delivered"):
            claim = advance(state.claim, status)
            return state if claim == state.claim else replace(state, claim=claim)
        case _:
            return state


def _answered(state: State, payment_id: str, payment: Payment) -> State:
    item = state.items.get(payment_id)
    if item is None or item.answered:
        return state
    items = {**state.items, payment_id: replace(item, answered=True, payment=payment)}
    return replace(state, items=items, waiting=state.waiting - 1)


def _fallen_out(state: State, payment_id: str) -> State:
    item = state.items.get(payment_id)
    if item is None or item.answered:
        return state
    items = {known: item for known, item in state.items.items() if known != payment_id}
    return replace(state, items=items, waiting=state.waiting - 1)


def _uncertain(outcome: Outcome) -> str:
    if outcome.status == "dead":
        return "the delivery of the file was given up"
    certain = outcome.status in ("applied", "refused")
    return "" if certain else f"nobody knows yet whether the bank has the file: {outcome.status}"


def _objections(state: State, event: Event) -> tuple[Problem, ...]:
    """What speaks against a release by the actor of this event: proposing and releasing are duties of two people."""
    return tuple(_objecting(state, event.actor, event.subject))


def _objecting(state: State, actor: str, run_id: str) -> Iterator[Problem]:
    if not actor.startswith(PERSON):
        yield Problem(Code.DUTY_MISSING, run_id, "a person", actor)
    if same_actor(actor, state.proposed_by):
        yield Problem(Code.SAME_PERSON, run_id, f"a person other than {state.proposed_by}", actor)
    if state.status != "ready":
        yield Problem(Code.NOT_PAYABLE, run_id, "a run that is ready", state.status)


# ── what to do ─────────────────────────────────────────────────────────────────────────────────────────────────────


def decide(state: State | None, event: Event, facts: Facts) -> Iterator[Output]:
    """What to ask of the world after an event. Late and repeated events ask for nothing."""
    if state is None:
        return
    moved = state.moved_by == event.event_id
    match event.data:
        case RunReleaseRequested() if not moved:
            yield Emit(RunReleaseRefused(problems=_objections(state, event)))
        case RunCancelRequested(reason=reason) if moved:
            yield from _call_off(state, event.subject, reason)
        case RunStatusReported() as data:
            yield from _hear(state, event.subject, data, moved)
        case CancellationAnswered(answer=answer):
            for payment_id, item in state.items.items():
                own = CancellationAnswered(answer=replace(answer, payment_ref=payment_id))
                yield _to_payment(state, payment_id, item, own)
        case EffectSettled(outcome=outcome) if state.status == "released":
            yield from _delivered(state, event.subject, outcome, facts)
        case EffectHandled(action="cancelled", reason=reason) if state.status == "released":
            yield from _undo(state, event.subject, f"{event.actor} called the file off: {reason}", facts)
        case _ if moved:
            yield from _go_on(state, event, facts)


def _go_on(state: State, event: Event, facts: Facts) -> Iterator[Output]:
    match event.data:
        case RunProposed():
            yield from _collect(state, event.subject)
        case PaymentReserved() | PaymentReleased() | PaymentWithheld() if state.waiting == 0:
            yield _complete(state, event.subject)
        case RunReleaseRequested():
            for payment_id, item in state.items.items():
                request = PaymentReleaseRequested(
                    run_id=event.subject, supplier_id=item.supplier_id, released_by=state.released_by
                )
                yield _to_payment(state, payment_id, item, request)
        case RunReleased(run=run):
            yield from _send_file(state, run, facts)
        case _:
            return


def _collect(state: State, run_id: str) -> Iterator[Output]:
    """Ask every payment to be reserved, each in its supplier's partition."""
    if not state.items:
        too_many = f"a run has at most {PAYMENTS_MAX:,} payments, not {state.count:,}; propose it as several runs"
        yield Emit(RunCancelled(reason=too_many if state.count else "there is nothing to pay"))
    for payment_id, item in state.items.items():
        request = PaymentRequested(
            run_id=run_id,
            invoice_id=item.invoice_id,
            supplier_id=item.supplier_id,
            entity=state.entity,
            debtor_iban=state.debtor.account_id,
            currency=state.currency,
            proposed_by=state.proposed_by,
            execute_on=state.execute_on,
        )
        yield _to_payment(state, payment_id, item, request)


def _complete(state: State, run_id: str) -> Emit:
    """All have answered: the run is ready for release, or its file can be written."""
    run = _run(state, run_id)
    if not run.payments:
        return Emit(RunCancelled(reason="nothing is left to pay: every payment was withheld"))
    if state.status == "collecting":
        amount = total((payment.amount for payment in run.payments), state.currency)
        return Emit(RunReady(count=len(run.payments), total=amount))
    return Emit(RunReleased(run=run))


def _send_file(state: State, run: PaymentRun, facts: Facts) -> Iterator[Output]:
    """One file, under the run's own id; the bank's answers about it find their way back by that id."""
    yield Link("bank", run.run_id)
    yield Intent(
        connector=systems_of(facts.policy, state.entity).bank,
        payload=SendPaymentFile(run=run),
        key=run.run_id,
        entity=state.entity,
        deadline=datetime.combine(state.execute_on, CUT_OFF),
        priority=1,
    )


def _run(state: State, run_id: str) -> PaymentRun:
    """The run as it goes to the bank: what is left of it, in the order in which it was proposed."""
    return PaymentRun(
        run_id=run_id,
        entity=state.entity,
        debtor=state.debtor,
        execute_on=state.execute_on,
        payments=tuple(item.payment for item in state.items.values() if item.payment is not None),
        currency=state.currency,
    )


def _delivered(state: State, run_id: str, outcome: Outcome, facts: Facts) -> Iterator[Output]:
    """The file is there, or it is certain that it is not; whatever is not certain stays as it is."""
    why = "; ".join(str(problem) for problem in outcome.problems)
    if outcome.status == "applied":
        yield Emit(RunDelivered(reference=outcome.reference))
        if is_open(facts, CaseClass.SYNC_FAILED, run_id):
            yield settle_case(CaseClass.SYNC_FAILED, run_id, "the bank's server has the file now")
    elif outcome.status == "refused":
        yield from _undo(state, run_id, "file refused by the bank's server" + (f": {why}" if why else ""), facts)
    elif outcome.status == "dead":
        yield _case(
            state, CaseClass.SYNC_FAILED, run_id, f"{state.reason}{f': {why}' if why else ''}", outcome.problems
        )


def _undo(state: State, run_id: str, reason: str, facts: Facts) -> Iterator[Output]:
    """The bank never got the file: every payment is rejected, so that its liability is open again."""
    yield Emit(RunCancelled(reason=reason))
    yield from _to_all(state, run_id, "RJCT", reason)
    if is_open(facts, CaseClass.SYNC_FAILED, run_id):
        yield settle_case(CaseClass.SYNC_FAILED, run_id, reason)


def _hear(state: State, run_id: str, data: RunStatusReported, moved: bool) -> Iterator[Output]:
    """A group status covers every payment of the file, except "some of them", which says nothing about any one."""
    step = rung(data.status)
    if step.kind == "unknown" and state.status in ("released", "delivered"):
        problem = Problem(Code.UNKNOWN_CODE, run_id, "a group status of ISO 20022", data.status, detail=data.reason)
        yield _case(state, CaseClass.PAYMENT_DIFFERS, run_id, str(problem), (problem,))
    elif moved and step.kind != "part":
        yield from _to_all(state, run_id, data.status, data.reason)


def _call_off(state: State, run_id: str, reason: str) -> Iterator[Output]:
    yield Emit(RunCancelled(reason=reason))
    for payment_id, item in state.items.items():
        request = PaymentCancelRequested(run_id=run_id, supplier_id=item.supplier_id, reason=reason)
        yield _to_payment(state, payment_id, item, request)


def _case(state: State, case_class: CaseClass, run_id: str, reason: str, problems: tuple[Problem, ...]) -> Emit:
    case = Case(
        case_class=case_class,
        document=run_id,
        entity=state.entity,
        reason=reason,
        problems=problems,
        amount=state.total,
        deadline=datetime.combine(state.execute_on, CUT_OFF),
        deadline_name="bank cut-off",
    )
    return open_case(case)


def _to_all(state: State, run_id: str, status: str, reason: str) -> Iterator[Output]:
    report = PaymentStatusReported(status=status, reason=reason, level="group", original_message_id=run_id)
    for payment_id, item in state.items.items():
        yield _to_payment(state, payment_id, item, report)


def _to_payment(
    state: State,
    payment_id: str,
    item: Item,
    data: PaymentRequested
    | PaymentReleaseRequested
    | PaymentCancelRequested
    | PaymentStatusReported
    | CancellationAnswered,
) -> Send:
    return Send(data, subject=payment_id, home=supplier_home(item.supplier_id), entity=state.entity)


# ── what people see ────────────────────────────────────────────────────────────────────────────────────────────────


def show(subject: str, state: State) -> Row:
    """The row of the list of runs."""
    return {
        "entity": state.entity,
        "iban": state.debtor.account_id,
        "currency": state.currency,
        "execute_on": state.execute_on.isoformat(),
        "status": state.status,
        "count": state.count,
        "total_minor": state.total.minor,
        "proposed_by": state.proposed_by,
        "released_by": state.released_by,
        "claim": state.claim,
        "reason": state.reason,
    }


def stands(subject: str, state: State) -> Iterator[Standing]:
    """A file whose delivery was given up keeps its period from closing."""
    if state.dead:
        yield Standing("unsynced", state.entity, period_of(state.execute_on), subject, state.total)


def _own(event: Event) -> tuple[str, ...]:
    """Answers of payments: only those that were told to the run, under its id, in the account's partition."""
    match event.data:
        case PaymentReserved(payment=payment) | PaymentReleased(payment=payment):
            run_id = payment.run_id
        case PaymentWithheld(run_id=named):
            run_id = named
        case _:
            return ()
    return (event.subject,) if event.subject == run_id else ()


def _of_file(event: Event) -> tuple[str, ...]:
    data = event.data
    known = isinstance(data, EffectSettled | EffectHandled) and data.operation == SendPaymentFile.operation
    return (event.subject,) if known else ()


PROCESS = Process(
    name="payment_run",
    state=State,
    routes={
        RunProposed: by_subject,
        PaymentReserved: _own,
        PaymentWithheld: _own,
        PaymentReleased: _own,
        RunReady: by_subject,
        RunReleaseRequested: by_subject,
        RunCancelRequested: by_subject,
        RunCancelled: by_subject,
        RunReleased: by_subject,
        RunDelivered: by_subject,
        RunStatusReported: by_subject,
        CancellationAnswered: by_subject,
        EffectSettled: _of_file,
        EffectHandled: _of_file,
    },
    evolve=evolve,
    decide=decide,
    view="payment_run",
    show=show,
    stands=stands,
)
