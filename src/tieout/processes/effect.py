"""A write whose outcome is not as it should be: kept in sight until it is known and right, then forgotten.

::

    (nothing) ──unknown──► unknown ──undecided──► undecided     stand as "unknown_effect"
        └──refused, dead──► unsynced                            stands as "unsynced"
    any ──applied──► (nothing); also when a person cancels the effect

Ordinary outcomes never come here. A posting that the ERP refused belongs to its invoice, and a payment file that the
bank's server refused to its run; they open their own cases and count there.
"""

from collections.abc import Iterator

from msgspec import Struct
from msgspec.structs import replace

from tieout.kernel.clock import period_of
from tieout.kernel.money import Money
from tieout.kernel.problem import Problem
from tieout.model.cases import Case, CaseClass
from tieout.model.effects import PostInvoice, SendPaymentFile, UpsertSupplier
from tieout.model.events import Event
from tieout.model.facts import EffectHandled, EffectSettled
from tieout.processes.case import is_open, open_case, settle_case
from tieout.processes.process import Facts, Output, Process, Standing

#: Their own processes tell people when these are refused or given up.
_OWNED = frozenset({PostInvoice.operation, SendPaymentFile.operation})
_LOST = ("unknown", "undecided")
_FAILED = ("refused", "dead")
#: A write has no amount of its own; XXX is the currency code for "no currency" (ISO 4217).
_NOTHING = Money.zero("XXX")


class State(Struct, frozen=True, omit_defaults=True):
    """A write that is not settled as it should be."""

    status: str
    effect_id: str
    operation: str
    entity: str
    period: str


def subject_of(data: EffectSettled | EffectHandled, about: str) -> str:
    """One subject for each effect. Versions of a supplier record share one: a later version mends an earlier one."""
    if data.operation == UpsertSupplier.operation:
        return f"{data.connector}/{data.operation}/{about}"
    return data.effect_id


def _route(event: Event) -> tuple[str, ...]:
    data = event.data
    if isinstance(data, EffectHandled):
        return (subject_of(data, event.subject),) if data.action == "cancelled" else ()
    if not isinstance(data, EffectSettled):
        return ()
    status = data.outcome.status
    if status == "applied" and not data.outcome.cleared and data.operation != UpsertSupplier.operation:
        return ()
    return (subject_of(data, event.subject),)


def evolve(state: State | None, event: Event) -> State | None:
    """Remember what is not right; forget it when it is."""
    data = event.data
    if isinstance(data, EffectSettled):
        status, known = data.outcome.status, data.operation not in _OWNED
        if status in _LOST or (status in _FAILED and known):
            if state is not None:
                return replace(state, status=status, effect_id=data.effect_id)
            return State(status, data.effect_id, data.operation, event.entity, period_of(event.recorded_at.date()))
    return None


def decide(state: State | None, event: Event, facts: Facts) -> Iterator[Output]:
    """Call people when only they can help, and tell them when it is over."""
    data = event.data
    if not isinstance(data, EffectSettled | EffectHandled):
        return
    document = subject_of(data, event.subject)
    if isinstance(data, EffectSettled) and state is not None and state.status != "unknown":
        one = CaseClass.OUTCOME_UNKNOWN if state.status == "undecided" else CaseClass.SYNC_FAILED
        yield open_case(_case(one, document, event, data))
    elif state is None:
        told = f"cancelled by {event.actor}" if isinstance(data, EffectHandled) else f"{data.outcome.status} now"
        for one in (CaseClass.OUTCOME_UNKNOWN, CaseClass.SYNC_FAILED):
            if is_open(facts, one, document):
                yield settle_case(one, document, told)


def _case(one: CaseClass, document: str, event: Event, data: EffectSettled) -> Case:
    problems: tuple[Problem, ...] = data.outcome.problems
    told = "; ".join(map(str, problems)) or "no reason given"
    words = "nobody knows whether it landed" if one is CaseClass.OUTCOME_UNKNOWN else data.outcome.status
    return Case(
        case_class=one,
        document=document,
        entity=event.entity,
        reason=f"{data.operation} {data.key} at {data.connector}: {words}. {told}",
        problems=problems,
    )


def stands(subject: str, state: State) -> Iterator[Standing]:
    """It counts in the period in which it went wrong."""
    name = "unknown_effect" if state.status in _LOST else "unsynced"
    yield Standing(name, state.entity, state.period, subject, _NOTHING)


PROCESS = Process(
    name="effect",
    state=State,
    routes={EffectSettled: _route, EffectHandled: _route},
    evolve=evolve,
    decide=decide,
    stands=stands,
)
