"""Whose hands a document has been in: who did what on it, kept beside it, and asked before anybody does more.

An invoice stands on its orders, its supplier, its payment and its cases, and what somebody did there counts as well; so
does for an order what was done on the invoices that wait for its goods. The unit of work asks :func:`judge` before it
lets any fact from outside count, whatever way it came: a page, a key, a connector, a file. What must not be is kept as
:class:`DutiesRefused` and opens a case. Payments, which live apart from their run and their statement, ask
:func:`ruling_on` themselves: when they are reserved, when they are released, and when an entry is to prove them.
"""

from collections.abc import Callable, Iterator
from typing import Any

from msgspec import Struct

from tieout.matching.assignment import assign
from tieout.model.cases import Case, CaseClass
from tieout.model.documents import Invoice
from tieout.model.events import Event
from tieout.model.facts import (
    ApprovalDecided,
    BankChangeConfirmed,
    BankChangeRejected,
    BankChangeRequested,
    CancellationAnswered,
    CaseSettled,
    ChangeNotified,
    DocumentHandedIn,
    DuplicateCleared,
    DuplicateOverruled,
    DutiesRefused,
    EffectHandled,
    Fact,
    GapAccepted,
    GoodsReceived,
    InvoiceCancelled,
    InvoiceMatched,
    InvoiceReceived,
    LinesAssigned,
    MessageRequeued,
    OrderChanged,
    OrderLineClosed,
    OrderLineReopened,
    OrderPlaced,
    PaymentEntryBooked,
    PaymentProofDecided,
    PaymentReleaseRequested,
    PaymentRequested,
    PaymentsHeld,
    PaymentsReleased,
    PaymentStatusReported,
    RecheckRequested,
    ReturnReported,
    RunProposed,
    RunReleaseRequested,
    RunStatusReported,
    SettlementRequested,
    StatementReceived,
    SupplierProposed,
    VarianceAccepted,
)
from tieout.policy.controls import Ruling, rule
from tieout.policy.duties import (
    SYSTEM,
    Act,
    Clash,
    Identity,
    conflicts_on_document,
    duty_for,
    real_actors,
    same_actor,
    same_people,
    shown,
)
from tieout.processes.address import order_subject
from tieout.processes.case import case_id, open_case
from tieout.processes.open_orders import open_orders
from tieout.processes.process import Facts, Grounds, Output, Process

#: What telling a fact about a document is, as ``duties.toml`` names it.
ACTION_OF: dict[type[Fact], str] = {
    SupplierProposed: "propose_supplier",
    BankChangeRequested: "request_bank_change",
    BankChangeConfirmed: "confirm_bank_change",
    BankChangeRejected: "reject_bank_change",
    PaymentsHeld: "hold_payments",
    PaymentsReleased: "release_hold",
    OrderPlaced: "place_order",
    OrderChanged: "place_order",
    OrderLineClosed: "close_order_line",
    OrderLineReopened: "reopen_order_line",
    SettlementRequested: "settle_receipts",
    GoodsReceived: "record_receipt",
    DocumentHandedIn: "hand_in_document",
    InvoiceReceived: "enter_invoice",
    RecheckRequested: "recheck_invoice",
    DuplicateCleared: "clear_duplicate",
    DuplicateOverruled: "overrule_duplicate",
    LinesAssigned: "assign_lines",
    VarianceAccepted: "accept_variance",
    ApprovalDecided: "decide_approval",
    InvoiceCancelled: "cancel_invoice",
    RunProposed: "propose_payment",
    RunReleaseRequested: "release_payment",
    StatementReceived: "load_statement",
    PaymentStatusReported: "load_statement",
    RunStatusReported: "load_statement",
    ReturnReported: "load_statement",
    CancellationAnswered: "load_statement",
    ChangeNotified: "load_statement",
    PaymentProofDecided: "confirm_proof",
    GapAccepted: "settle_bank_case",
    CaseSettled: "settle_case",
    EffectHandled: "handle_effect",
    MessageRequeued: "requeue_message",
}
#: Where messages come from that follow from others: nobody tells them.
_FOLLOWING = frozenset({"", "tieout", "timer", "delivery"})

_RECONCILING = "RC"

_IN_MASSES = (InvoiceReceived, ApprovalDecided, PaymentEntryBooked, PaymentStatusReported, RunStatusReported)

Load = Callable[[str, str], Any]


class State(Struct, frozen=True, omit_defaults=True, gc=False):
    """Who did what, each once, in the order in which it was first done; and whom duties forbade something here."""

    acts: tuple[Act, ...] = ()
    refused: tuple[str, ...] = ()


# ── what an event says about hands ─────────────────────────────────────────────────────────────────────────────────


def acts_of(event: Event) -> tuple[Act, ...]:
    """Who does what by telling this. An approval is an act of the approver it names and of whoever tells of it."""
    match event.data:
        case PaymentRequested(proposed_by=person):
            return (Act("propose_payment", person),)
        case PaymentReleaseRequested(released_by=person):
            return (Act("release_payment", person),)
        case InvoiceMatched(accepted_by=person):
            return (Act("accept_variance", person),) if person else ()
        case PaymentEntryBooked(told_by=teller):
            return (Act("load_statement", teller or event.actor),)
    action = ACTION_OF.get(type(event.data))
    if action is None or event.source in _FOLLOWING:
        return ()
    act = Act(action, event.actor, event.source)
    approver = event.data.approver if isinstance(event.data, ApprovalDecided) else event.actor
    return (act,) if approver in (event.actor, "") else (act, Act(action, approver, event.source))


def _kept(event: Event) -> tuple[Act, ...]:
    """The acts that a document remembers: those behind which somebody can be.

    What connections do in masses, entering invoices and passing on approvals by rule, is not written down a second
    time: an invoice itself knows who entered it (so it does not count against later orders and receipts that no
    invoice waits for), and an approval by rule is nobody's.
    """
    acts = acts_of(event)
    if isinstance(event.data, _IN_MASSES):
        return tuple(act for act in acts if not act.actor.startswith(SYSTEM))
    return tuple(act for act in acts if act.actor not in ("", "system"))


def _subjects(event: Event) -> tuple[str, ...]:
    """The documents that remember it."""
    if not _kept(event):
        return ()
    match event.data:
        case InvoiceReceived(invoice=invoice):
            return tuple(dict.fromkeys((event.subject, *_under(invoice))))
        case PaymentRequested(supplier_id=supplier_id) | PaymentReleaseRequested(supplier_id=supplier_id):
            return (event.subject, supplier_id)
        case InvoiceMatched(orders=orders):
            return orders
        case _:
            return (event.subject,)


def _under(invoice: Invoice) -> Iterator[str]:
    """What an invoice stands on: its supplier and its orders."""
    yield invoice.supplier_id
    for order_id in dict.fromkeys(line.order_id for line in invoice.lines if line.order_id):
        yield order_subject(invoice.entity, order_id, invoice.supplier_id)


def handed_in_by(state: State | None) -> str:
    """The person who handed a document in first; empty when it came by a channel alone."""
    return next((act.actor for act in (state.acts if state else ()) if act.action == "hand_in_document"), "")


# ── what a document stands on ──────────────────────────────────────────────────────────────────────────────────────


def stands_on(load: Load, subject: str, action: str) -> tuple[str, ...]:
    """A document and everything whose hands count when somebody does this to it, as far as ``load`` (process, subject →
    state) knows them. Reconciling is about this payment or run alone, not about others of the same supplier."""
    case = load("case", subject)
    found = [subject]
    if case is not None:
        subject = case.case.document
        found.append(subject)
    if duty_for(action) == _RECONCILING:
        return tuple(dict.fromkeys(found))
    if (invoice := load("invoice", subject)) is not None:
        found += [*_under(invoice.invoice), invoice.payment_id]
        found += [case_id(one, subject) for one in invoice.flagged]
    elif (payment := load("payment", subject)) is not None:
        found += [payment.supplier_id, payment.invoice_id]
    elif (order := load("order", subject)) is not None:
        found += [*order.waiting, *order.credits_waiting]
    return tuple(dict.fromkeys(filter(None, found)))


def acted(load: Load, subjects: tuple[str, ...]) -> tuple[Act, ...]:
    """Who did what on these documents, by whatever way."""
    found: list[Act] = []
    for subject in subjects:
        state = load("hands", subject)
        found += state.acts if state is not None else ()
        invoice = load("invoice", subject)
        if invoice is not None and invoice.entered_by:
            found.append(Act("enter_invoice", invoice.entered_by, ""))
    return tuple(dict.fromkeys(found))


# ── judging ────────────────────────────────────────────────────────────────────────────────────────────────────────


def judge(event: Event, facts: Grounds) -> Ruling:
    """Whether a fact from outside may count: what everybody behind it did before, on all that the document stands on,
    and on the policy it is decided under."""
    acts = acts_of(event) if type(event.data) in ACTION_OF else ()
    identities = facts.policy.identities
    if not any(real_actors(act.actor, identities, act.system) for act in acts):
        return Ruling()
    subjects = stands_on(facts.state, event.subject, ACTION_OF[type(event.data)])
    subjects = tuple(dict.fromkeys((*subjects, *_comes_to_stand_on(event, facts))))
    own = _own_hold(event, facts)
    if isinstance(event.data, CaseSettled):
        own = own_refusal(facts.state, event.subject, event.actor, identities)
    return Ruling(refused=(own,)) if own else _rule(acts, subjects, facts, event.entity)


def own_refusal(load: Load, case: str, actor: str, identities: tuple[Identity, ...]) -> str:
    """Why somebody may not settle a case about duties: it was them who were refused."""
    known = load("case", case)
    if known is None or known.case.case_class is not CaseClass.DUTIES_CONFLICT:
        return ""
    state: State | None = load("hands", known.case.document)
    if not any(same_people(actor, one, identities) for one in (state.refused if state else ())):
        return ""
    return f"{shown(actor)} was refused on this document; somebody else must settle the case about it"


def _own_hold(event: Event, facts: Grounds) -> str:
    """Why somebody may not let payments to a supplier go: they held them, under another name. (Under the same name the
    supplier's own process does not heed them.)"""
    data = event.data
    supplier = facts.state("supplier", event.subject) if isinstance(data, PaymentsReleased) else None
    hold = supplier.hold if supplier is not None else None
    if hold is None or same_actor(event.actor, hold.placed_by):
        return ""
    if not same_people(event.actor, hold.placed_by, facts.policy.identities):
        return ""
    return f"{shown(event.actor)} held payments to this supplier, as {shown(hold.placed_by)}; somebody else must let go"


def _comes_to_stand_on(event: Event, facts: Grounds) -> Iterator[str]:
    """The orders that an invoice will stand on when this counts: those it names, those a person chooses for it, and
    those that matching would find for it because it names none."""
    known = facts.state("invoice", event.subject)
    match event.data:
        case InvoiceReceived(invoice=invoice):
            yield from _under(invoice)
            yield from _found_for(invoice, facts)
        case LinesAssigned(assignments=chosen) if known is not None:
            invoice = known.invoice
            yield from (order_subject(invoice.entity, one.order_id, invoice.supplier_id) for one in chosen)
        case _ if known is not None:
            yield from _found_for(known.invoice, facts)


def _found_for(invoice: Invoice, facts: Grounds) -> Iterator[str]:
    """The orders of its supplier that an invoice without any order may bill."""
    rules = facts.policy.matching
    if not rules.search_orders or any(line.order_id for line in invoice.lines):
        return
    found = assign(invoice, open_orders(invoice, facts), rules)
    choices = [one.choice for one in found.assigned]
    choices += [choice for line in found.ambiguous for choice in line.alternatives]
    yield from (order_subject(invoice.entity, one.order_id, invoice.supplier_id) for one in choices)


def ruling_on(action: str, actor: str, subjects: tuple[str, ...], facts: Grounds, entity: str) -> Ruling:
    """Whether this actor may do this, given what they did on these documents."""
    return _rule((Act(action, actor),), subjects, facts, entity)


def _rule(acts: tuple[Act, ...], subjects: tuple[str, ...], facts: Grounds, entity: str) -> Ruling:
    governance, identities = facts.governance, facts.policy.identities
    before = (*acted(facts.state, subjects), *governance.authors, *_passed_under(subjects, facts))
    clashes = _clashes(acts, before, facts)
    written_by = {
        name: frozenset(person for act in acts for person in real_actors(act.actor, identities))
        for name, acts in governance.granted.items()
    }
    return rule(clashes, facts.policy.controls, governance.reviewed, facts.now.date(), entity, written_by)


def _passed_under(subjects: tuple[str, ...], facts: Grounds) -> Iterator[Act]:
    """Who stands behind the policy under which an invoice was let through, whatever is in force by now."""
    for subject in subjects:
        invoice = facts.state("invoice", subject)
        if invoice is not None and invoice.passed_under:
            yield from facts.governance.behind.get(invoice.passed_under, ())


def _clashes(acts: tuple[Act, ...], before: tuple[Act, ...], facts: Grounds) -> list[Clash]:
    identities = facts.policy.identities
    return [
        clash for act in acts for clash in conflicts_on_document(act.actor, act.action, before, identities, act.system)
    ]


# ── the process ────────────────────────────────────────────────────────────────────────────────────────────────────


def evolve(state: State | None, event: Event) -> State | None:
    """Whose hands it has been in after an event."""
    before = state or State()
    acts = tuple(dict.fromkeys((*before.acts, *_kept(event))))
    more = (event.actor,) if isinstance(event.data, DutiesRefused) else ()
    after = State(acts, tuple(dict.fromkeys((*before.refused, *more))))
    return state if after == before else after


def decide(state: State | None, event: Event, facts: Facts) -> Iterator[Output]:
    """A case for what was refused."""
    if isinstance(event.data, DutiesRefused):
        yield open_case(_case(event, event.data.reasons))


def _case(event: Event, reasons: tuple[str, ...]) -> Case:
    return Case(
        case_class=CaseClass.DUTIES_CONFLICT, document=event.subject, entity=event.entity, reason=" ".join(reasons)
    )


def _refused(event: Event) -> tuple[str, ...]:
    return (event.subject,)


def _reads(event: Event) -> Iterator[tuple[str, str]]:
    """What the ruling on somebody behind a fact looks at first, whatever it is about."""
    if _kept(event):
        yield from (("hands", event.subject), ("case", event.subject), ("invoice", event.subject))


PROCESS = Process(
    name="hands",
    state=State,
    routes={
        **dict.fromkeys(ACTION_OF, _subjects),
        PaymentRequested: _subjects,
        PaymentReleaseRequested: _subjects,
        InvoiceMatched: _subjects,
        PaymentEntryBooked: _subjects,
        DutiesRefused: _refused,
    },
    evolve=evolve,
    decide=decide,
    reads=_reads,
)
