"""Standings: the control totals that are kept up to date with every batch, item by item.

A process *stands* in a standing as long as its state says so; the unit of work adds and removes the item, its amount
and its digest in the same transaction as the state. Those that block are what "is the period ready?" is computed from.
"""

from msgspec import Struct


class StandingKind(Struct, frozen=True):
    """What a standing counts, and whether one item of it keeps a period from being ready."""

    title: str
    blocks_close: bool


STANDINGS: dict[str, StandingKind] = {
    "unposted": StandingKind("Invoices that arrived and are not posted", True),
    "payable": StandingKind("Posted invoices that no booked payment settles (approved-but-unpaid)", False),
    "on_hold": StandingKind(
        "Posted invoices on hold, of those above, which nothing pays before they are released", False
    ),
    "in_flight": StandingKind("Payments sent to a bank and not yet booked", False),
    "unaccrued": StandingKind("Received-not-invoiced order lines without an accrual", True),
    "unknown_effect": StandingKind("Writes whose outcome is not known", True),
    "unsynced": StandingKind("Writes that were refused or given up", True),
    "statement_gap": StandingKind("Bank statements that do not continue the one before", True),
    "unmatched_entry": StandingKind("Bank statement entries that explain no payment of ours", True),
}
