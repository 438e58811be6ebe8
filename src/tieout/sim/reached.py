"""Which marks of the business a run has reached, read from its log when it is over."""

from collections import Counter, defaultdict
from collections.abc import Iterable

from tieout.kernel.problem import Code
from tieout.model.cases import CaseClass
from tieout.model.events import Event
from tieout.model.facts import (
    ApprovalDecided,
    CaseEscalated,
    CaseOpened,
    DuplicateStopped,
    DuplicateSuspected,
    EffectHandled,
    EffectSettled,
    EntryExplained,
    Fact,
    HoldsCompared,
    InvoiceAdmitted,
    InvoiceClosed,
    InvoiceFoundInvalid,
    InvoiceMatched,
    InvoicePaid,
    InvoicePosted,
    InvoiceReceived,
    InvoiceValidated,
    LiabilityReopened,
    MatchFailed,
    MessageQuarantined,
    PaymentRejected,
    PaymentWithheld,
    PeriodReady,
    RunReleaseRefused,
    SelfBillDrafted,
    StatementGapFound,
    VarianceAccepted,
)
from tieout.sim.marks import Marks

_SIMPLE: dict[type[Fact], str] = {
    CaseEscalated: "case escalated",
    DuplicateStopped: "duplicate invoice stopped",
    EntryExplained: "unmatched entry settled",
    InvoiceClosed: "invoice closed",
    MessageQuarantined: "poison quarantined",
    PaymentRejected: "payment rejected by the bank",
    PeriodReady: "period turned ready",
    RunReleaseRefused: "own release refused",
    SelfBillDrafted: "settled on receipt",
    StatementGapFound: "statement out of order",
}


def note_reached(events: Iterable[Event], marks: Marks) -> None:
    """Reach the marks that the log tells of."""
    approvals: Counter[str] = Counter()
    policies: set[str] = set()
    seen: defaultdict[str, set[type[Fact]]] = defaultdict(set)
    for event in events:
        kind = type(event.data)
        if name := _SIMPLE.get(kind):
            marks.reach(name)
        before = seen[event.subject]
        if kind is InvoiceReceived:
            policies.add(event.policy)
        if isinstance(event.data, InvoiceMatched) and event.data.released and InvoicePosted in before:
            marks.reach("posted on hold, then released")
        match event.data:
            case DuplicateSuspected() if InvoiceAdmitted in before:
                marks.reach("last look stopped one")
            case DuplicateSuspected():
                marks.reach("suspected duplicate stopped")
            case InvoiceAdmitted(apart=apart) if apart and DuplicateSuspected in before:
                marks.reach("suspected duplicate cleared")
            case HoldsCompared(predicted=predicted, actual=actual) if set(predicted) & set(actual):
                marks.reach("hold predicted")
            case ApprovalDecided(approved=True):
                approvals[event.subject] += 1
                if approvals[event.subject] > 1:
                    marks.reach("duplicate approval ignored")
            case InvoiceMatched(accepted_by=person) if person:
                marks.reach("variance accepted by a person")
            case InvoiceMatched() if MatchFailed in before and VarianceAccepted not in before:
                marks.reach("receipt mended a mismatch")
            case InvoiceValidated() if InvoiceFoundInvalid in before:
                marks.reach("unknown supplier onboarded")
            case PaymentWithheld(problems=problems):
                if any(problem.code is Code.BANK_CHANGE_OPEN for problem in problems):
                    marks.reach("bank change stopped a payment")
            case LiabilityReopened(reason=reason) if reason.startswith("returned"):
                marks.reach("return reopened a liability")
            case InvoicePaid() if InvoicePaid in before and LiabilityReopened in before:
                marks.reach("paid again after a return")
            case CaseOpened(case=case) if case.case_class is CaseClass.POSTING_DIFFERS:
                marks.reach("posting differs")
            case EffectSettled(outcome=outcome) if outcome.status == "applied" and EffectHandled in before:
                marks.reach("refusal mended and redelivered")
            case _:
                pass
        before.add(kind)
    if len(policies) > 1:
        marks.reach("policy released in between")
