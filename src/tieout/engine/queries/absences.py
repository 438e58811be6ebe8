"""Who is away, and who stands in."""

from datetime import date

import msgspec
from sqlalchemy import Connection, select

from tieout.engine.schema import STATE
from tieout.policy.policy import Policy
from tieout.policy.routing import Substitute
from tieout.processes.absence import PROCESS, SUBJECT, Absence, State
from tieout.processes.absence import away as away_of

_STATE = msgspec.json.Decoder(State)


def absence_state(sql: Connection) -> State:
    """All absences that people said."""
    query = select(STATE.c.data).where(STATE.c.process == PROCESS.name, STATE.c.subject == SUBJECT)
    found = sql.execute(query).scalar()
    return _STATE.decode(found) if found else State()


def absences(sql: Connection, today: date, *, everything: bool = False) -> tuple[Absence, ...]:
    """Absences of today and of days to come, the earliest first; with those that are over or were taken back, too."""
    found = absence_state(sql).absences
    wanted = (one for one in found if everything or (one.until >= today and not one.taken_back_by))
    return tuple(sorted(wanted, key=lambda one: (one.since, one.person)))


def away(sql: Connection, policy: Policy) -> tuple[Substitute, ...]:
    """Who is away and who stands in, by what people said and then by the policy."""
    return away_of(absence_state(sql), policy.substitutes)
