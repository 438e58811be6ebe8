"""Whoever proposes, releases or proves a payment is held to their duties for this very payment."""

from collections.abc import Iterator

from tieout.kernel.problem import Code, Problem
from tieout.model.facts import DutiesCompensated
from tieout.policy.controls import Ruling
from tieout.processes import hands
from tieout.processes.process import Emit, Facts, Output


def ruling_for(action: str, actor: str, payment_id: str, facts: Facts, entity: str) -> Ruling:
    """Whether whoever proposes or releases the run may do so for this payment (its supplier and invoice count too), and
    whether whoever told of an entry may prove it."""
    return hands.ruling_on(action, actor, hands.stands_on(facts.state, payment_id, action), facts, entity)


def forbidden(ruling: Ruling, payment_id: str) -> tuple[Problem, ...]:
    """What the duties refuse, as something that speaks against paying."""
    return tuple(Problem(Code.SAME_PERSON, payment_id, "another person", detail=reason) for reason in ruling.refused)


def compensated(action: str, ruling: Ruling) -> Iterator[Output]:
    """The log says under which compensating control it was let through."""
    if ruling.under:
        yield Emit(DutiesCompensated(action=action, controls=ruling.under))
