"""What became of each invoice, read off the facts about it: of those that were recorded, and of those of a trial.

The same reading of both is what makes them comparable. *Touched* means that a human being did something about the
invoice, or about a case of it, between its arrival and its posting (the release of its hold, where it was posted on
hold); what people did about a case that a trial never opens was not needed there and is not counted.
"""

from typing import Any

from msgspec import Struct

from tieout.kernel.clock import from_micros
from tieout.kernel.money import Money
from tieout.kernel.problem import Problem
from tieout.model.cases import Case, CaseClass
from tieout.model.documents import CashDiscount, Invoice
from tieout.model.facts import (
    ApprovalDecided,
    CaseOpened,
    CaseSettled,
    DuplicateStopped,
    DuplicateSuspected,
    Fact,
    InvoiceAdmitted,
    InvoiceCancelled,
    InvoiceFoundInvalid,
    InvoiceMatched,
    InvoicePosted,
    InvoiceReceived,
    InvoiceValidated,
    MatchFailed,
)
from tieout.model.verdict import Verdict
from tieout.policy.duties import is_person

#: What is read here; other facts count only when a person said them.
READ = frozenset(
    one.type
    for one in (
        InvoiceReceived,
        InvoiceValidated,
        InvoiceMatched,
        MatchFailed,
        InvoiceFoundInvalid,
        DuplicateStopped,
        DuplicateSuspected,
        InvoiceAdmitted,
        InvoiceCancelled,
        InvoicePosted,
        CaseOpened,
        CaseSettled,
    )
)

#: Cases about an invoice that payments open, which a trial does not play.
_PAYING = frozenset((CaseClass.PAYMENT_WITHHELD, CaseClass.PAYMENT_REJECTED, CaseClass.PAYMENT_RETURNED))


_STOPPED = frozenset(("duplicate", "suspect"))
_ALIKE = frozenset((CaseClass.DUPLICATE, CaseClass.SUSPECTED_DUPLICATE))
_NEVER_PAID = frozenset(("cancelled", "duplicate"))


class Life(Struct, gc=False):
    """One invoice as far as it came. Moments are microseconds, 0 for never: when it arrived, when it last came through
    by itself, when the ERP had it, when the hold with which the ERP had it was released. ``stopped_as``: how it stood
    when it was stopped as a duplicate. ``denied``: the last word of an approver was no."""

    number: str
    supplier: str
    entity: str
    amount: Money
    received_at: int
    discounts: tuple[CashDiscount, ...] = ()
    status: str = "received"
    stopped_as: str = ""
    held: bool = False
    denied: bool = False
    passed_at: int = 0
    posted_at: int = 0
    released_at: int = 0
    touches: int = 0
    problems: tuple[Problem, ...] = ()
    verdict: Verdict | None = None
    classes: tuple[CaseClass, ...] = ()
    open_classes: tuple[CaseClass, ...] = ()

    @property
    def result(self) -> str:
        """Its verdict in a word. ``released``: it was held first and matched later, by itself."""
        return "released" if self.status == "matched" and self.held else self.status

    @property
    def posted(self) -> bool:
        """Whether the ERP holds it."""
        return self.posted_at > 0

    @property
    def payable_at(self) -> int:
        """Since when the ERP holds it without a hold, so that it can be paid; 0 when it does not."""
        return 0 if not self.posted_at or self.status == "on_hold" else max(self.posted_at, self.released_at)

    def discount_lost(self, ready_at: int) -> int:
        """What may no longer be taken off if it could be paid from a moment on, in minor units: the best discount that
        was open when it arrived, less the best that is open then. A discount is open to the end of its day (UTC)."""
        if self.status in _NEVER_PAID or (self.denied and not self.posted):
            return 0
        arrived, ready = from_micros(self.received_at).date(), from_micros(ready_at).date()
        best = max((one.amount.minor for one in self.discounts if one.until >= arrived), default=0)
        return best - max((one.amount.minor for one in self.discounts if one.until >= max(ready, arrived)), default=0)

    @property
    def touchless(self) -> bool:
        """Whether the ERP holds it, free to be paid, and no human being had to do anything for that."""
        return self.payable_at > 0 and not self.touches


class Tally:
    """The lives of all invoices that arrive while it is told facts."""

    def __init__(self) -> None:
        self.lives: dict[str, Life] = {}
        self._cases: dict[str, tuple[str, CaseClass]] = {}

    def note(self, subject: str, data: Fact, moment: int) -> None:
        """Take in a fact that was recorded at a moment (microseconds), or that would have been."""
        match data:
            case InvoiceReceived(invoice=invoice):
                if subject not in self.lives:
                    self.lives[subject] = _life(invoice, moment)
            case CaseOpened(case=case):
                self._opened(subject, case)
            case CaseSettled():
                self._settled(subject)
            case _:
                if (life := self.lives.get(subject)) is not None:
                    _advance(life, data, moment)

    def _opened(self, case_id: str, case: Case) -> None:
        document, case_class = case.document, case.case_class
        life = self.lives.get(document)
        if life is None or case_class in _PAYING:
            return
        self._cases[case_id] = document, case_class
        if case_class in _ALIKE and life.status in _STOPPED:
            life.problems = case.problems
        if case_class not in life.classes:
            life.classes = (*life.classes, case_class)
        if case_class not in life.open_classes:
            life.open_classes = (*life.open_classes, case_class)

    def _settled(self, case_id: str) -> None:
        if found := self._cases.get(case_id):
            life = self.lives[found[0]]
            life.open_classes = tuple(one for one in life.open_classes if one is not found[1])

    def document_of(self, subject: str) -> str:
        """The invoice that a subject is, or whose case it is; nothing for any other."""
        if subject in self.lives:
            return subject
        found = self._cases.get(subject)
        return found[0] if found else ""

    def touch(self, document: str) -> None:
        """A human being did something about it."""
        life = self.lives[document]
        if not life.payable_at:
            life.touches += 1


def is_touch(actor: str, data: Fact) -> bool:
    """Whether a fact from outside is a human being's work on an invoice; handing it in is not."""
    return is_person(actor) and not isinstance(data, InvoiceReceived)


def _life(invoice: Invoice, moment: int) -> Life:
    discounts = invoice.discounts if invoice.payable.minor > 0 else ()
    return Life(invoice.number, invoice.supplier_name, invoice.entity, invoice.gross, moment, discounts)


def _advance(life: Life, data: Any, moment: int) -> None:
    match data:
        case InvoiceMatched(verdict=verdict, accepted_by=accepted_by, released=released):
            life.status, life.passed_at = "accepted" if accepted_by else "matched", moment
            life.released_at = moment if released else life.released_at
            life.verdict = verdict
            life.problems = verdict.problems
        case MatchFailed(verdict=verdict, on_hold=on_hold):
            if life.status not in ("matched", "accepted"):
                life.status, life.held = "on_hold" if on_hold else "held", True
                life.verdict, life.problems = verdict, verdict.problems
        case InvoiceFoundInvalid(problems=problems):
            life.status, life.problems = "invalid", problems
        case DuplicateStopped():
            _stop(life, "duplicate")
        case DuplicateSuspected():
            _stop(life, "suspect")
        case InvoiceAdmitted():
            if life.status in _STOPPED:
                life.status, life.stopped_as = life.stopped_as, ""
                life.problems = life.verdict.problems if life.verdict else ()
        case InvoiceValidated():
            if life.status not in ("held", "on_hold"):
                life.status, life.problems, life.passed_at = "valid", (), moment
        case ApprovalDecided(approved=approved):
            life.denied = not approved
        case InvoiceCancelled():
            life.status = "cancelled"
        case InvoicePosted():
            life.posted_at = life.posted_at or moment


def _stop(life: Life, status: str) -> None:
    """It looks like another one and waits, from wherever it stood."""
    if life.status not in _STOPPED:
        life.stopped_as = life.status
    life.status = status
