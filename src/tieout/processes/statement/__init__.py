"""The statements of one of our own bank accounts: an unbroken chain in which every entry finds its payment or a person.

::

    StatementReceived ─► right in itself? ─► waiting ─► continues the last one? ─► accepted: entries to payments,
                             │ no                          │ no                            statement to the ERP
                             └─► refused, gap case         └─► gap case; kept (at most 31) until the missing one
                                                               arrives or a person accepts the gap

The first statement of an account is taken as it is. A statement continues the last accepted one when it opens with
the balance that one closed with, and not before that day. Balances cannot tell that a statement is missing which
opens and closes with the same balance (a day without movement, a pooled account that is swept to zero). When such a
one comes late it is *inserted* where it belongs, and its entries are taken like any other's.

A person may load a statement when the bank's own channel is silent. What the bank then tells otherwise under the same
number *overrules* it: the bank's takes its place, or, when the balances differ, that file leaves the chain together
with what files of people were built on it. A case says so either way. A person overrules nobody and the bank does not
overrule itself: the first stands, and the other is a case.

Every booked entry that carries one of our payment ids (``pay-…``) goes to that payment. Any other is *unmatched*: a
second small process, ``entry``, has one state for each, under the id of its case, until the case is settled.

``book_statement`` is asked of the ERP for every accepted statement in order, each after the one before it. Its
payments may still be on their way there: the connector answers ``Retry`` until the ERP knows a payment that an entry
names, so nothing here has to list up to thousands of effects to wait for.
"""

from tieout.processes.statement.entries import OURS
from tieout.processes.statement.life import PROCESS
from tieout.processes.statement.unmatched import ENTRY

__all__ = ["ENTRY", "OURS", "PROCESS"]
