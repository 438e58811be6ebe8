"""What people say about being away. Nobody is named who could not decide what they would have to."""

from datetime import date
from uuid import uuid4

from msgspec import Struct
from sqlalchemy import Connection

from tieout.engine.people import Person
from tieout.engine.queries.absences import absence_state
from tieout.engine.queries.cases import CaseFilter, CaseItem, list_cases
from tieout.engine.queries.hands import Surroundings, ruling_at_door, surroundings
from tieout.http.callers import Caller, require
from tieout.http.problems import Fault, Trouble
from tieout.http.work.acts import ALWAYS, names_of
from tieout.http.work.desk import SOURCE, Desk, check_reason
from tieout.kernel.ids import derive, fingerprint
from tieout.model import facts as f
from tieout.model.events import Lane, Message
from tieout.policy.cases import CASE_RULES
from tieout.policy.duties import DUTIES, READ, duty_for, may
from tieout.processes.absence import Absence, State, objection
from tieout.processes.absence import told as absence_told

#: What deciding cases takes, beside reading.
_DECIDING = frozenset(duty_for(action) for rule in CASE_RULES.values() for action in rule.actions) - {READ}
#: What is done with a case without deciding it.
_UNDECIDING = frozenset((*ALWAYS, "ask_supplier", "recheck_invoice"))
_LOOKED_AT = 200
_NAMED = 5


class Away(Struct, frozen=True, kw_only=True):
    """Who is away, who stands in, and for which days (both included)."""

    person: str
    by: str
    since: date
    until: date
    reason: str


class Said(Struct, frozen=True, kw_only=True):
    """What was recorded, in words, and the open cases that whoever stands in cannot decide."""

    text: str
    barred: tuple[str, ...] = ()


class AbsenceWork(Desk):
    """Absences: for oneself, or for another as a manager."""

    def say_away(self, caller: Caller, asked: Away, nonce: str = "") -> Said:
        """Say that somebody is away and who stands in; tells what the one who stands in cannot decide."""
        person, by = self._person(asked.person, "/person"), self._person(asked.by, "/by")
        _require_word(caller, person)
        check_reason(asked.reason)
        today, policy = self._door.now().date(), self._door.policy()
        with self._door.database.read() as sql:
            known = absence_state(sql)
            fact = f.AbsenceStated(
                absence_id=_id_of(asked, known, nonce),
                person=person.name,
                by=by.name,
                since=asked.since,
                until=asked.until,
                reason=asked.reason.strip(),
            )
            if why := objection(known, fact, today, policy.substitutes):
                raise Trouble("wrong_state", why)
            _refuse_unfit(person, by)
            barred = self._barred(sql, person, by)
        self._say(caller, fact)
        told = f"{by.display_name} stands in for {person.display_name} from {asked.since} to {asked.until}."
        return Said(text=f"{told}{_told_of(barred, by)}", barred=barred)

    def take_back(self, caller: Caller, absence_id: str, reason: str) -> str:
        """Take an absence back before it is over."""
        with self._door.database.read() as sql:
            found = absence_state(sql).find(absence_id)
        if found is None:
            raise Trouble("not_found", f"there is no absence {absence_id!r}")
        _require_word(caller, self._door.people.person(found.person), found)
        check_reason(reason)
        if found.taken_back_by or found.until < self._door.now().date():
            raise Trouble("wrong_state", f"it is over: {absence_told(found)}")
        self._say(caller, f.AbsenceTakenBack(absence_id=absence_id, reason=reason.strip()))
        return f"Taken back: nobody stands in for {found.person} because of it any more."

    def _person(self, name: str, where: str) -> Person:
        found = self._door.people.person(name.removeprefix("person:"))
        if found is None or not found.active or found.supplier_id:
            raise Trouble(
                "bad_value",
                f"there is no open account {name!r}",
                errors=(Fault(where=where, detail="a person of ours"),),
            )
        return found

    def _barred(self, sql: Connection, person: Person, by: Person) -> tuple[str, ...]:
        """The open cases of today that whoever stands in cannot decide, for what they did on the document before."""
        wanted = CaseFilter(assignee=person.name, limit=_LOOKED_AT)
        around = surroundings(sql, self._door.policy(), self._door.now(), self._door.authorship())
        found = list_cases(sql, wanted, by.reach, self._door.now()).items
        return tuple(case.case_id for case in found if _is_barred(around, case, by))

    def _say(self, caller: Caller, fact: f.AbsenceStated | f.AbsenceTakenBack) -> None:
        actor, home = caller.person.actor, f.absence_home()
        self._offer(
            Message(
                source=SOURCE,
                key=derive("act", type(fact).type, fact.absence_id, actor, fingerprint(f.encode_fact(fact))),
                data=fact,
                home=home,
                subject=home,
                actor=actor,
                lane=Lane.CONTROL,
            )
        )


def _id_of(asked: Away, known: State, nonce: str) -> str:
    """A form that is sent twice says one absence; what was taken back can be said anew."""
    before = sum(one.person == asked.person and bool(one.taken_back_by) for one in known.absences)
    days = (str(asked.since), str(asked.until))
    return derive("absence", asked.person, asked.by, *days, str(before), nonce or uuid4().hex)


def _told_of(barred: tuple[str, ...], by: Person) -> str:
    if not barred:
        return ""
    more = f" and {len(barred) - _NAMED} more" if len(barred) > _NAMED else ""
    what = f"what {by.display_name} did on the document before"
    return f" Give {', '.join(barred[:_NAMED])}{more} to somebody else: {what} does not go with deciding it."


def _require_word(caller: Caller, person: Person | None, absence: Absence | None = None) -> None:
    """A person speaks for themselves; for another a manager does, who sees all the entities that they work for."""
    name = person.name if person else absence.person if absence else ""
    if caller.person.name == name:
        require(caller, "state_absence")
        return
    require(caller, "state_absence_of_others")
    reach = caller.person.reach
    if person and reach is not None and not (person.reach and set(person.reach) <= set(reach)):
        theirs = ", ".join(person.reach) if person.reach else "all entities"
        raise Trouble("entity_not_yours", f"{name} works for {theirs}, and {caller.person.name} for {', '.join(reach)}")


def _refuse_unfit(person: Person, by: Person) -> None:
    """Whoever stands in gets no duty and no entity by it, so must have those that the person's cases take."""
    missing = [one for one in DUTIES if one in _DECIDING and one in person.duties and one not in by.duties]
    if missing:
        told = ", ".join(f"{one} ({DUTIES[one]})" for one in missing)
        raise _unfit(person, by, f"nobody inherits a duty, and {by.name} does not have {told}")
    if by.reach is not None and not (person.reach and set(person.reach) <= set(by.reach)):
        theirs = ", ".join(person.reach) if person.reach else "all entities"
        raise _unfit(person, by, f"{person.name} works for {theirs}, and {by.name} for {', '.join(by.reach)} only")


def _unfit(person: Person, by: Person, why: str) -> Trouble:
    told = f"{by.name} cannot stand in for {person.name}: {why}"
    return Trouble("bad_value", told, errors=(Fault(where="/by", detail="somebody who could decide those cases"),))


def _is_barred(around: Surroundings, case: CaseItem, by: Person) -> bool:
    """Whether somebody has the duty to decide a case, and may not for what they did on its document before."""
    names = [name for name in names_of(case) if name not in _UNDECIDING and may(by.duties, name)]
    rulings = (ruling_at_door(around, by.actor, name, case.case_id, case.entity) for name in names)
    return bool(names) and all(ruling.refused for ruling in rulings)
