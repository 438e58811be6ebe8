"""What people decide about writes on other systems, about messages that were set aside, and about unread documents."""

from collections.abc import Mapping
from typing import Any

from sqlalchemy import Connection, select

from tieout.engine.queries.cases import CaseItem
from tieout.engine.queries.effects import EffectItem, effects_by_id, open_effects_of
from tieout.engine.queries.records import set_aside_by_id
from tieout.engine.queries.whereabouts import home_in
from tieout.engine.schema import INBOX
from tieout.engine.stores.rows import UNRESOLVED
from tieout.http.callers import Caller, require
from tieout.http.problems import Fault, Trouble
from tieout.http.work.acts import ACTS
from tieout.http.work.desk import Desk, check_reason
from tieout.kernel.errors import PermanentError


class WriteWork(Desk):
    """Decisions about writes, messages and documents."""

    def handle_effect(self, caller: Caller, effect_id: str, what: str, reason: str) -> str:
        """Redeliver, hold, release or cancel a write."""
        require(caller, "redeliver")
        check_reason(reason)
        with self._door.database.read() as sql:
            effect = next(iter(effects_by_id(sql, (effect_id,), caller.person.reach)), None)
            if effect is None:
                raise Trouble("not_found", f"there is no effect {effect_id!r}")
            self._refuse_conflict_on(sql, caller, "redeliver", (effect.subject, effect.correlation), effect.entity)
        return self._handle(caller, effect_id, what, reason)

    def _handle(self, caller: Caller, effect_id: str, what: str, reason: str) -> str:
        actions = self._door.actions
        do = {
            "redeliver": actions.redeliver,
            "hold": actions.hold,
            "release": actions.release,
            "cancel": actions.cancel,
        }[what]
        try:
            do(effect_id, caller.person.actor, reason)
        except PermanentError as error:
            raise Trouble("wrong_state", str(error)) from None
        return {
            "redeliver": "It will be sent again under the same key.",
            "hold": "It is held until somebody releases it.",
            "release": "It will be sent.",
            "cancel": "It has been given up.",
        }[what]

    def requeue(self, caller: Caller, inbox_id: int, reason: str) -> str:
        """Send a message that was set aside on its way again."""
        require(caller, "requeue_message")
        check_reason(reason)
        with self._door.database.read() as sql:
            row = set_aside_by_id(sql, inbox_id, caller.person.reach)
            if row is None:
                raise Trouble("not_found", f"no message {inbox_id} is set aside")
            self._refuse_conflict_on(sql, caller, "requeue_message", (row.subject, row.correlation), row.entity)
        try:
            self._requeue(caller, row, reason)
        except PermanentError as error:
            raise Trouble("wrong_state", str(error)) from None
        return ACTS["requeue_message"].done

    def retry_document(self, caller: Caller, mark: str, reason: str) -> str:
        """Read a document in quarantine again, now that its cause is mended; and say what came of it."""
        require(caller, "retry_document")
        check_reason(reason)
        try:
            answer = self._door.intake.retry(mark, caller.person.actor, reason)
        except PermanentError as error:
            raise Trouble("not_found", str(error)) from None
        if answer.status == "quarantined":
            why = "; ".join(map(str, answer.problems[:3]))
            raise Trouble("wrong_state", f"it still cannot be taken: {why}")
        return ACTS["retry_document"].done

    def _decide_effect(
        self, sql: Connection, caller: Caller, action: str, case: CaseItem, values: Mapping[str, str]
    ) -> None:
        candidates = {effect.effect_id: effect for effect in effects_of_case(sql, case, caller)}
        chosen = values["effect_id"] or (next(iter(candidates)) if len(candidates) == 1 else "")
        if chosen not in candidates:
            listed = ", ".join(candidates) or "none"
            fault = Fault(where="/effect_id", detail=f"one of the writes of this case: {listed}")
            raise Trouble("bad_value", "say which write is meant", errors=(fault,))
        needless = action == "decide_outcome" and values["found"] == "needless"
        self._handle(caller, chosen, "cancel" if needless else "redeliver", values["reason"])

    def _requeue_of(self, sql: Connection, caller: Caller, case: CaseItem, reason: str) -> None:
        row = sql.execute(
            select(INBOX).where(INBOX.c.status == "quarantined", INBOX.c.subject == case.document).limit(1)
        ).first()
        if row is None:
            raise Trouble("wrong_state", "the message of this case is not set aside any more")
        self._requeue(caller, row, reason)

    def _requeue(self, caller: Caller, row: Any, reason: str) -> None:
        home = "" if row.partition == UNRESOLVED else home_in(row.partition, self._door.partitions)
        self._door.actions.requeue(row.id, caller.person.actor, reason, home=home, document=row.subject)


def effects_of_case(sql: Connection, case: CaseItem, caller: Caller) -> tuple[EffectItem, ...]:
    """The writes a case is about, that a person can do something with."""
    ids = (case.document,)
    found = {effect.effect_id: effect for effect in open_effects_of(sql, ids, ids, caller.person.reach)}
    found |= {effect.effect_id: effect for effect in effects_by_id(sql, ids, caller.person.reach)}
    return tuple(effect for effect in found.values() if effect.status in ("undecided", "dead", "refused", "held"))
