"""A supplier: one record for the whole group, its bank details, and whether it may be paid.

::

    SupplierProposed ──valid──► active ──► upsert to every system (version n) ──EffectSettled──► held there
                     └─not──► refused                ▲
    BankChangeRequested ──► change open, payments held │
        ├─ confirmed by enough people ──► BankAccountChanged (version n+1) ── all systems hold it ──► released
        └─ rejected ──► the old account stays ──► released

New bank details never come in with an ordinary proposal: they open a bank change. An invoice of a supplier nobody
knows waits here (status ``unknown``) and is looked at again when the supplier becomes active.
"""

from tieout.processes.supplier.copies import upsert_id
from tieout.processes.supplier.holding import held
from tieout.processes.supplier.life import PROCESS
from tieout.processes.supplier.state import State

__all__ = ["PROCESS", "State", "held", "upsert_id"]
