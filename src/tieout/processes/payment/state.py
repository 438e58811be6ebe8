"""Where a payment stands: its status, what the bank claims of it, and the entry that proved it."""

from datetime import date, datetime

from msgspec import Struct

from tieout.kernel.problem import Problem
from tieout.model.cases import CaseClass
from tieout.model.documents import Payment, StatementEntry

#: The bank may have it and no booked entry has spoken yet.
IN_FLIGHT = ("released", "claimed")
#: It never went to the bank.
AT_HOME = ("requested", "reserved", "withheld")
#: Cases about an invoice that was not paid: they are settled when a payment takes it, or was booked after all.
MENDED = (CaseClass.PAYMENT_WITHHELD, CaseClass.PAYMENT_REJECTED, CaseClass.PAYMENT_RETURNED)
#: So many odd statuses are kept with a payment; all of them are in the log.
NOTES_MAX = 16


class Unproved(Struct, frozen=True, omit_defaults=True):
    """A booked entry that was told by whoever proposed or released the payment. ``rejected``: a person found no such
    entry with the bank; it counts when the bank's own channel tells it all the same."""

    entry: StatementEntry
    statement_id: str
    told_by: str
    rejected: bool = False


class State(Struct, frozen=True, omit_defaults=True):
    """Where a payment stands. ``recorded``: the ERP was asked to record it. The entry is the one that proved it."""

    status: str
    run_id: str
    invoice_id: str
    supplier_id: str
    entity: str
    debtor_iban: str
    execute_on: date
    changed_at: datetime
    payment: Payment | None = None
    claim: str = ""
    notes: tuple[str, ...] = ()
    recorded: bool = False
    booked_on: date | None = None
    entry_id: str = ""
    statement_id: str = ""
    bank_reference: str = ""
    reason: str = ""
    unproved: tuple[Unproved, ...] = ()


def details(state: State) -> Payment:
    """Its amount, creditor and remittance, which a payment has from its reservation on."""
    assert state.payment is not None, "a payment that was released has its details"
    return state.payment


def text_of(problems: tuple[Problem, ...]) -> str:
    """The problems as one line for people."""
    return "; ".join(str(problem) for problem in problems)
