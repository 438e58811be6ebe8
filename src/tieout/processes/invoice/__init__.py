"""The life of one invoice: from its arrival to the day it is paid and every system has been told.

::

    received ─admitted─► admitted ─► valid ─► matched ─approved─► posting ─► posted ─► reserved ─► paid ─► closed
        │                   │          │         ▲   └denied─► rejected        ▲ ▲        │          │
        ▼                   ▼          ▼         │             │  ▲            │ └────────┴──────────┘
    duplicate, suspect   invalid   mismatched ───┘             ▼  │            │      liability reopened
     (cleared: admitted)  (recheck)  (recheck, accepted)    approved anew   posting_unknown, posting_failed

An invoice without an order has nothing to match and waits as ``valid`` for its approval; when an order comes that it
may bill, it is matched after all. Where the policy says so, a mismatched one goes on to be posted on hold
(``holding``). An approval that comes before the match is remembered. ``cancelled`` can be reached until posting begins,
and again when the ERP has refused it. Nothing counts as posted before it was read back from the ERP, nor as paid before
the bank booked it. It is compared with all other invoices when it arrives and once more when it is about to be posted;
what looks like one of them waits as ``suspect`` for a person, from either place (``admission`` says more).
"""

from tieout.processes.invoice.fingerprints import payee_of, prints
from tieout.processes.invoice.life import PROCESS
from tieout.processes.invoice.state import Due, State, obstacle, payable

__all__ = ["PROCESS", "Due", "State", "obstacle", "payable", "payee_of", "prints"]
