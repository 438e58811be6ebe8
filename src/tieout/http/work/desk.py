"""Where people's decisions are told to the processes, and refused when duties forbid them."""

from uuid import uuid4

from sqlalchemy import Connection

from tieout.engine.intake import Answer, Full
from tieout.engine.queries.cases import CaseItem
from tieout.engine.queries.hands import ruling_at_door, surroundings
from tieout.engine.queries.whereabouts import Whereabouts, home_in, whereabouts
from tieout.engine.stores.port import Receipt
from tieout.http.callers import Caller
from tieout.http.door import Door
from tieout.http.events import full
from tieout.http.problems import Fault, Trouble
from tieout.http.work.acts import REASON_MAX
from tieout.kernel.ids import derive, fingerprint
from tieout.model import facts as f
from tieout.model.events import Lane, Message

SOURCE = "person"


def check_reason(reason: str) -> None:
    """Raise :class:`Trouble` when nobody could read why something was done."""
    if not reason.strip() or len(reason) > REASON_MAX:
        fault = Fault(where="/reason", detail=f"1 to {REASON_MAX:,} characters; kept and shown to auditors")
        raise Trouble("bad_value", "give a reason", errors=(fault,))


class Desk:
    """What every decision needs: to look at who did what before, and to be told."""

    def __init__(self, door: Door) -> None:
        self._door = door

    def _refuse_conflict_on(
        self, sql: Connection, caller: Caller, action: str, subjects: tuple[str, ...], entity: str
    ) -> None:
        """Refuse what does not go with what the caller did on this document, or on what it stands on."""
        around = surroundings(sql, self._door.policy(), self._door.now(), self._door.authorship())
        for subject in dict.fromkeys(filter(None, subjects)):
            ruling = ruling_at_door(around, caller.person.actor, action, subject, entity)
            if ruling.refused:
                raise Trouble("same_person", " ".join(ruling.refused))

    def _tell(
        self,
        sql: Connection,
        caller: Caller,
        fact: f.Fact,
        subject: str,
        nonce: str,
        *,
        instead: CaseItem | None = None,
    ) -> Answer:
        """Offer a fact about one of our subjects. ``instead``: the case it comes from, where the subject lives too."""
        where = whereabouts(sql, subject, caller.person.reach)
        if where is None and instead is not None:
            where = Whereabouts(
                kind="case",
                subject=subject,
                partition=instead.partition,
                entity=instead.entity,
                correlation=instead.document,
            )
        if where is None:
            raise Trouble("not_found", f"there is nothing under {subject!r}")
        person, told = caller.person.actor, fingerprint(f.encode_fact(fact))
        return self._offer(
            Message(
                source=SOURCE,
                key=derive("act", type(fact).type, subject, person, nonce or uuid4().hex, told),
                data=fact,
                home=home_in(where.partition, self._door.partitions),
                subject=subject,
                entity=where.entity,
                correlation=where.correlation,
                actor=person,
                lane=Lane.CONTROL,
            )
        )

    def _offer(self, message: Message) -> Answer:
        try:
            answer = self._door.intake.offer([message])[0]
        except Full as error:
            raise full(error) from None
        if answer.receipt is Receipt.CONFLICT:
            raise Trouble("key_reused", "the same form was sent before with other content")
        return answer
