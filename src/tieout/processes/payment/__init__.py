"""One payment of one invoice: from the proposal of a run to the booked entry that alone proves it, and back.

::

    requested ─► reserved ─► released ─► claimed ─► booked ─► returned
        │            │           └──────────┴─► rejected        ▲
        └► withheld ◄┘           (a credit that names it) ──────┘

What the bank *claims* (``claim``, the highest status it ever reported) is kept apart from what is *booked*: a status
never makes a payment booked, and a booked entry outranks every status, so statuses and entries may come in any order.
Holds are looked at twice, in the supplier's own partition: when the payment is reserved, and a last time when it is
released, so a bank change that comes in between stops exactly this payment.

Nobody proves their own payment: an entry that was told by whoever proposed or released it (a statement loaded by hand)
is kept as ``unproved`` and counts when the bank's own channel, or somebody else, tells the same.

An invoice that could not be paid is a case about the *invoice*, settled by itself when a payment takes it; a bank
that contradicts itself or us is a case about the payment.

The ERP is told (``record_payment``: liability to clearing account) when the bank accepts the payment or books it,
whichever comes first, under the same key.
"""

from tieout.processes.payment.life import PROCESS
from tieout.processes.payment.telling import systems_of

__all__ = ["PROCESS", "systems_of"]
