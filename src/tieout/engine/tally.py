"""What became of each invoice, read off the facts about it: of those that were recorded, and of those of a trial.

The same reading of both is what makes them comparable. *Touched* means that a human being did something about the
invoice, or about a case of it, between its arrival and its posting; what people did about a case that a trial never
opens was not needed there and is not counted.
"""

from typing import Any

from msgspec import Struct

from tieout.kernel.money import Money
from tieout.kernel.problem import Problem
from tieout.model.cases import CaseClass
from tieout.model.facts import (
    CaseOpened,
    CaseSettled,
    DuplicateCleared,
    DuplicateStopped,
    Fact,
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
        DuplicateCleared,
        InvoiceCancelled,
        InvoicePosted,
        CaseOpened,
        CaseSettled,
    )
)

#: Cases about an invoice that payments open, which a trial does not play.
_PAYING = frozenset((CaseClass.PAYMENT_WITHHELD, CaseClass.PAYMENT_REJECTED, CaseClass.PAYMENT_RETURNED))


class Life(Struct, gc=False):
    """One invoice as far as it came."""

    number: str
    supplier: str
    entity: str
    amount: Money
    status: str = "received"
    held: bool = False
    posted: bool = False
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
    def touchless(self) -> bool:
        """Whether the ERP holds it and no human being had to do anything for that."""
        return self.posted and not self.touches


class Tally:
    """The lives of all invoices that arrive while it is told facts."""

    def __init__(self) -> None:
        self.lives: dict[str, Life] = {}
        self._cases: dict[str, tuple[str, CaseClass]] = {}

    def note(self, subject: str, data: Fact) -> None:
        """Take in a fact that was recorded, or that would have been."""
        match data:
            case InvoiceReceived(invoice=invoice):
                if subject not in self.lives:
                    self.lives[subject] = Life(invoice.number, invoice.supplier_name, invoice.entity, invoice.gross)
            case CaseOpened(case=case):
                self._opened(subject, case.document, case.case_class)
            case CaseSettled():
                self._settled(subject)
            case _:
                if (life := self.lives.get(subject)) is not None:
                    _advance(life, data)

    def _opened(self, case_id: str, document: str, case_class: CaseClass) -> None:
        life = self.lives.get(document)
        if life is None or case_class in _PAYING:
            return
        self._cases[case_id] = document, case_class
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
        if not life.posted:
            life.touches += 1


def is_touch(actor: str, data: Fact) -> bool:
    """Whether a fact from outside is a human being's work on an invoice; handing it in is not."""
    return is_person(actor) and not isinstance(data, InvoiceReceived)


def _advance(life: Life, data: Any) -> None:
    match data:
        case InvoiceMatched(verdict=verdict, accepted_by=accepted_by):
            life.status = "accepted" if accepted_by else "matched"
            life.verdict = verdict
            life.problems = verdict.problems
        case MatchFailed(verdict=verdict):
            if life.status not in ("matched", "accepted"):
                life.status, life.held, life.verdict, life.problems = "held", True, verdict, verdict.problems
        case InvoiceFoundInvalid(problems=problems):
            life.status, life.problems = "invalid", problems
        case DuplicateStopped():
            life.status = "duplicate"
        case InvoiceValidated():
            if life.status != "held":
                life.status, life.problems = "valid", ()
        case InvoiceCancelled():
            life.status = "cancelled"
        case InvoicePosted():
            life.posted = True
