"""Whose hands a document has been in, and what somebody may therefore still do: asked at the doors, before a fact is
told. It is the same question that the unit of work asks when the fact arrives (:func:`tieout.processes.hands.judge`);
here it sees all partitions, so that a person is refused at once and in words, not by a case a moment later."""

from datetime import date, datetime
from typing import Any

import msgspec
from msgspec import Struct
from sqlalchemy import Connection, select

from tieout.engine.schema import STATE
from tieout.model.events import Event, Message
from tieout.model.facts import control_home
from tieout.policy.authorship import Authorship
from tieout.policy.cases import SETTLE
from tieout.policy.controls import Control, Ruling
from tieout.policy.policy import Policy
from tieout.processes import control, hands
from tieout.processes.process import Governance, governance_of
from tieout.processes.registry import PROCESSES

_DECODERS = {process.name: msgspec.json.Decoder(process.state) for process in PROCESSES}


_NOBODY = Authorship()


class Surroundings(Struct, frozen=True):
    """What a judgement at a door stands on: the :class:`tieout.processes.process.Grounds` out of the database."""

    sql: Connection
    policy: Policy
    now: datetime
    governance: Governance

    def state(self, process: str, subject: str) -> Any:
        """The present state of a process, in whatever partition."""
        found = self.sql.execute(
            select(STATE.c.data).where(STATE.c.process == process, STATE.c.subject == subject)
        ).scalar()
        return None if found is None else _DECODERS[process].decode(found)


def surroundings(sql: Connection, policy: Policy, now: datetime, authorship: Authorship = _NOBODY) -> Surroundings:
    """The surroundings of a judgement under this policy, behind which these people stand."""
    return Surroundings(sql, policy, now, governance_of(authorship, reviews(sql, policy.controls)))


def reviews(sql: Connection, controls: tuple[Control, ...]) -> dict[str, date]:
    """The day on which each control of a policy was last reviewed by its reviewer, by its name."""
    if not controls:
        return {}
    homes = [control_home(one.name) for one in controls]
    rows = sql.execute(
        select(STATE.c.subject, STATE.c.data).where(STATE.c.process == "control", STATE.c.subject.in_(homes))
    )
    states: dict[str, Any] = {subject: _DECODERS["control"].decode(data) for subject, data in rows}
    return control.reviewed(controls, states)


def ruling_at_door(around: Surroundings, actor: str, action: str, subject: str, entity: str) -> Ruling:
    """Whether somebody may do this on a document, given who did what on it and on all that it stands on."""
    if action == SETTLE and (own := hands.own_refusal(around.state, subject, actor, around.policy.identities)):
        return Ruling(refused=(own,))
    subjects = hands.stands_on(around.state, subject, action)
    return hands.ruling_on(action, actor, (*subjects, *_paid_by(around, subject)), around, entity)


def ruling_on_message(around: Surroundings, message: Message) -> Ruling:
    """Whether a message may count: what :func:`tieout.processes.hands.judge` will say, as far as is known now."""
    event = Event(
        "",
        message.subject,
        message.data,
        message.entity,
        message.correlation or message.subject,
        message.causation,
        message.actor,
        message.occurred_at or around.now,
        around.now,
        around.policy.version,
        message.source,
        message.key,
    )
    return hands.judge(event, around)


def _paid_by(around: Surroundings, run_id: str) -> tuple[str, ...]:
    """The suppliers that a payment run pays: whoever maintains one of them neither proposes nor releases it."""
    run = around.state("payment_run", run_id)
    return tuple(dict.fromkeys(item.supplier_id for item in run.items.values())) if run is not None else ()
