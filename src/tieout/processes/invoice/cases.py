"""The cases about an invoice: their classes, what they say, and until when they should be worked."""

from collections.abc import Callable, Iterator
from datetime import date, datetime

from msgspec.structs import replace

from tieout.kernel.problem import Code, Problem
from tieout.model.cases import Case, CaseClass
from tieout.model.commodity import main_category
from tieout.model.documents import Invoice, InvoiceLine
from tieout.model.events import Event
from tieout.processes import order as orders
from tieout.processes.address import order_subject
from tieout.processes.case import is_open, open_case, settle_case
from tieout.processes.invoice.state import CUT_OFF, State, text_of
from tieout.processes.process import Facts, Output

#: Which class of case a finding of matching belongs to.
_CLASS_OF = {
    Code.PRICE_OVER_LIMIT: CaseClass.PRICE_VARIANCE,
    Code.PRICE_UNDER_LIMIT: CaseClass.PRICE_VARIANCE,
    Code.AMOUNT_OVER_LIMIT: CaseClass.PRICE_VARIANCE,
    Code.AMOUNT_UNDER_LIMIT: CaseClass.PRICE_VARIANCE,
    Code.TOTAL_OVER_LIMIT: CaseClass.PRICE_VARIANCE,
    Code.QUANTITY_OVER_ORDERED: CaseClass.QUANTITY_VARIANCE,
    Code.AMOUNT_OVER_ORDERED: CaseClass.QUANTITY_VARIANCE,
    Code.CREDIT_OVER_BILLED: CaseClass.QUANTITY_VARIANCE,
    Code.CREDIT_UNDER_PRICE: CaseClass.PRICE_VARIANCE,
    Code.QUANTITY_OVER_RECEIVED: CaseClass.MISSING_RECEIPT,
    Code.UNKNOWN_RECEIPT: CaseClass.MISSING_RECEIPT,
    Code.QUANTITY_OVER_ACCEPTED: CaseClass.MISSING_ACCEPTANCE,
    Code.AMOUNT_OVER_RECEIVED: CaseClass.MISSING_ACCEPTANCE,
    Code.UNKNOWN_ORDER: CaseClass.NO_ORDER,
    Code.CURRENCY_MISMATCH: CaseClass.CURRENCY,
    Code.RATE_OVER_LIMIT: CaseClass.CURRENCY,
    Code.TAX_DIFFERS: CaseClass.TAX_VARIANCE,
    Code.CHARGE_OVER_AGREED: CaseClass.FREIGHT,
    Code.CHARGE_NOT_AGREED: CaseClass.FREIGHT,
    Code.LINE_CLOSED: CaseClass.CLOSED_LINE,
    Code.RETAINAGE_DIFFERS: CaseClass.RETAINAGE,
    Code.SETTLED_ON_RECEIPT: CaseClass.SELF_BILLING_CONFLICT,
    Code.CONSIGNMENT_BILLED: CaseClass.SELF_BILLING_CONFLICT,
    Code.PARTLY_PAYABLE: CaseClass.PARTLY_PAYABLE,
    Code.PREPAYMENT_OPEN: CaseClass.PREPAYMENT_OPEN,
}
#: The same for what keeps an invoice from being matched, and for what the ERP says when it refuses it.
_ELSEWHERE = {
    Code.UNKNOWN_SUPPLIER: CaseClass.UNKNOWN_SUPPLIER,
    Code.PERIOD_NOT_OPEN: CaseClass.CUT_OFF,
    Code.CODING_REFUSED: CaseClass.CODING,
}
ALIKE = (CaseClass.DUPLICATE, CaseClass.SUSPECTED_DUPLICATE)
INVALID = (CaseClass.UNKNOWN_SUPPLIER, CaseClass.INVALID_INVOICE)
MISMATCH = tuple(dict.fromkeys((*_CLASS_OF.values(), CaseClass.ORDER_MISMATCH)))
REFUSED = (CaseClass.CUT_OFF, CaseClass.CODING, CaseClass.POSTING_FAILED)


def classes_of(problems: tuple[Problem, ...], question: tuple[CaseClass, ...]) -> tuple[CaseClass, ...]:
    """The classes of case for the problems, among those that belong to the question being asked."""
    return tuple(dict.fromkeys(_class_of(problem, question) for problem in problems))


def _class_of(problem: Problem, question: tuple[CaseClass, ...]) -> CaseClass:
    """The last class of a question is for what has none of its own."""
    found = _CLASS_OF.get(problem.code) or _ELSEWHERE.get(problem.code)
    return found if found in question else question[-1]


def open_cases(
    state: State, event: Event, facts: Facts, problems: tuple[Problem, ...], question: tuple[CaseClass, ...]
) -> Iterator[Output]:
    """Open a case for each class of problem. Other cases about the same question are settled: it has changed."""
    classes = classes_of(problems, question)
    others = tuple(one for one in question if one not in classes)
    yield from settle_cases(state, event, facts, others, "the problem is another one now")
    for one in classes:
        found = tuple(problem for problem in problems if _class_of(problem, question) is one)
        yield open_case(_dated_case(state, event, facts, one, found, text_of(found)))


def _open_now(state: State, event: Event, facts: Facts, classes: tuple[CaseClass, ...]) -> Iterator[CaseClass]:
    for one in classes:
        if one in state.flagged and is_open(facts, one, event.subject):
            yield one


def settle_cases(
    state: State, event: Event, facts: Facts, classes: tuple[CaseClass, ...], resolution: str
) -> Iterator[Output]:
    """Settle those cases of these classes that are open."""
    if state.flagged:
        for one in _open_now(state, event, facts, classes):
            yield settle_case(one, event.subject, resolution)


def same_person(event: Event) -> Problem:
    """What is wrong when somebody decides about an invoice of their own."""
    return Problem(Code.SAME_PERSON, "actor", "a person who did not enter it", event.actor)


def say_again(
    state: State, event: Event, facts: Facts, question: tuple[CaseClass, ...], problem: Problem, reason: str
) -> Iterator[Output]:
    """The open cases of a question say why what somebody has just decided about it does not count."""
    for one in _open_now(state, event, facts, question):
        yield open_case(_dated_case(state, event, facts, one, (problem,), reason))


def case_about(one: CaseClass, document: str, invoice: Invoice, reason: str, problems: tuple[Problem, ...]) -> Case:
    """A case about an invoice that no day presses."""
    return Case(
        case_class=one,
        document=document,
        entity=invoice.entity,
        reason=reason,
        problems=problems,
        amount=invoice.gross,
        supplier_id=invoice.supplier_id,
        category=invoice.purpose or invoice.kind.value,
        spend_category=spend_category(invoice),
    )


def spend_category(invoice: Invoice, ordered: Callable[[InvoiceLine], str] = lambda line: "") -> str:
    """What an invoice mostly buys, which is what a case about it is routed by: of its lines' categories the one with
    the largest net amount, all lines of one code together; of equal ones the first by its code.

    A line that names none has that of the order line it bills (``ordered``). Lines without either count for none, so
    freight and charges never decide, and neither does what nobody has classified.
    """
    return main_category((line.category or ordered(line), line.net.minor) for line in invoice.lines)


def ordered_category(invoice: Invoice, facts: Facts) -> Callable[[InvoiceLine], str]:
    """Of a line the category of the order line that it names, where that is known here."""
    ids = {line.order_id for line in invoice.lines if line.order_id and not line.category}
    subjects = {order_id: order_subject(invoice.entity, order_id, invoice.supplier_id) for order_id in ids}
    known = {order_id: orders.position(facts.state("order", subject)) for order_id, subject in subjects.items()}

    def of_line(line: InvoiceLine) -> str:
        order = known.get(line.order_id)
        found = order.lines.get(line.order_line_id) if order else None
        return found.category if found else ""

    return of_line


def _dated_case(
    state: State, event: Event, facts: Facts, one: CaseClass, problems: tuple[Problem, ...], reason: str
) -> Case:
    invoice = state.invoice
    told = f"Invoice {invoice.number} of {invoice.supplier_name}: {reason}"
    deadline, name = _deadline(invoice, event.recorded_at.date())
    return replace(
        case_about(one, event.subject, invoice, told, problems),
        spend_category=spend_category(invoice, ordered_category(invoice, facts)),
        deadline=datetime.combine(deadline, CUT_OFF) if deadline else None,
        deadline_name=name,
    )


def _deadline(invoice: Invoice, today: date) -> tuple[date | None, str]:
    """Until when a case about it should be worked: the next day on which a discount is lost, else the payment day.
    Nothing is lost by a credit note that waits."""
    if invoice.payable.minor <= 0:
        return None, ""
    open_discounts = [discount.until for discount in invoice.discounts if discount.until >= today]
    return (min(open_discounts), "discount day") if open_discounts else (invoice.due_on, "payment day")
