"""What people decide about suppliers: to hold payments, to let them go, and whether new bank details are true."""

from collections.abc import Iterator
from typing import Any

from sqlalchemy import Connection, select

from tieout.engine.queries.records import supplier_by_id
from tieout.engine.schema import EVENT
from tieout.http.callers import Caller, require
from tieout.http.problems import Trouble
from tieout.http.work.acts import ACTS, values_of
from tieout.http.work.desk import Desk
from tieout.model import facts as f
from tieout.policy.duties import is_person, same_actor


class SupplierWork(Desk):
    """Decisions about suppliers."""

    def hold_supplier(self, caller: Caller, supplier_id: str, reason: str, *, release: bool, nonce: str = "") -> str:
        """Hold payments to a supplier, or release them."""
        action = "release_hold" if release else "hold_payments"
        require(caller, action)
        values = values_of(ACTS[action], {"reason": reason})
        kind = f.PaymentsReleased if release else f.PaymentsHeld
        with self._door.database.read() as sql:
            if supplier_by_id(sql, supplier_id) is None:
                raise Trouble("not_found", f"there is no supplier {supplier_id!r}")
            if release:
                self._refuse_own_hold(sql, caller, supplier_id)
            self._tell(sql, caller, kind(supplier_id=supplier_id, reason=values["reason"]), supplier_id, nonce)
        return ACTS[action].done

    @staticmethod
    def _open_change(sql: Connection, supplier_id: str, seen: str = "") -> str:
        """The open change; ``seen`` is the one that whoever decides has before them, if they say so."""
        supplier = supplier_by_id(sql, supplier_id)
        if supplier is None or not supplier.change_id:
            raise Trouble("wrong_state", "no bank change of this supplier is open any more")
        if seen and seen != supplier.change_id:
            raise Trouble("wrong_state", "another account was asked for since you looked; look at the case again")
        return supplier.change_id

    def _refuse_second_confirmation(self, sql: Connection, caller: Caller, supplier_id: str) -> None:
        change_id = self._open_change(sql, supplier_id)
        for actor, fact in _told(sql, supplier_id, f.BankChangeConfirmed):
            if fact.change_id == change_id and same_actor(actor, caller.person.actor):
                raise Trouble("same_person", "you have confirmed this change; a second person must confirm it")

    @staticmethod
    def _refuse_own_hold(sql: Connection, caller: Caller, supplier_id: str) -> None:
        held = [actor for actor, _ in _told(sql, supplier_id, f.PaymentsHeld) if is_person(actor)]
        if held and same_actor(held[-1], caller.person.actor):
            raise Trouble("same_person", "you held payments to this supplier; somebody else must release them")


def _told(sql: Connection, correlation: str, kind: type[Any]) -> Iterator[tuple[str, Any]]:
    """Facts of one kind in a correlation, the oldest first, with their actors."""
    rows = sql.execute(
        select(EVENT.c.actor, EVENT.c.data)
        .where(EVENT.c.correlation == correlation, EVENT.c.type == kind.type)
        .order_by(EVENT.c.recorded_at, EVENT.c.position)
    )
    for actor, data in rows:
        yield actor, f.decode_fact(kind.type, data)
