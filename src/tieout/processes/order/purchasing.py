"""What an order asks of the ERP and of people in purchasing."""

from collections.abc import Iterator

from msgspec.structs import replace

from tieout.kernel.problem import Code, Problem
from tieout.model.cases import Case, CaseClass
from tieout.model.documents import (
    GoodsReceipt,
    OrderResponse,
    PurchaseOrder,
)
from tieout.model.effects import CreateOrder, RecordReceipt, effect_id
from tieout.processes.case import is_open, open_case, settle_case
from tieout.processes.order.receiving import RECEIVED_BY, receipt_problems
from tieout.processes.order.state import State, spend_category
from tieout.processes.order.units import as_counted, refusals
from tieout.processes.process import Facts, Intent, Output
from tieout.processes.supplier import upsert_id


def answered(state: State, subject: str, response: OrderResponse, facts: Facts) -> Iterator[Output]:
    """The supplier takes the order as it is, or somebody in purchasing has to look at what it offers."""
    differing = [line for line in response.lines if line.status != "accepted"]
    if response.status in ("accepted", "received") and not differing:
        if is_open(facts, CaseClass.ORDER_RESPONSE, subject):
            yield settle_case(CaseClass.ORDER_RESPONSE, subject, f"{response.response_id} accepts the order")
        return
    lines = ", ".join(f"line {line.order_line_id} {line.status}" for line in differing[:10])
    words = "; ".join(part for part in (lines, response.note) if part)
    told = f"the supplier answers order {response.order_id} with {response.status}"
    case = Case(
        case_class=CaseClass.ORDER_RESPONSE,
        document=subject,
        entity=response.entity,
        supplier_id=response.supplier_id,
        reason=f"{told}: {words or 'no reason given'}",
        spend_category=spend_category(state),
    )
    yield open_case(case)


def create(state: State, subject: str, order: PurchaseOrder, facts: Facts) -> Iterator[Output]:
    settings = facts.policy.entities.get(order.entity)
    if settings is None:
        yield open_case(_unknown_entity(state, subject, order))
        return
    if is_open(facts, CaseClass.ORDER_MISMATCH, subject):
        yield settle_case(CaseClass.ORDER_MISMATCH, subject, "the entity is in the policy now")
    if state.refused or state.position is None:
        return  # the ERP is not told of an order that we do not take as it is
    before = _order_key(subject, state.version - 1)
    supplier = facts.state("supplier", order.supplier_id)
    yield Intent(
        connector=settings.erp,
        payload=CreateOrder(order=as_counted(order, state.position)),
        key=_order_key(subject, state.version),
        entity=order.entity,
        after=effect_id(settings.erp, CreateOrder.operation, before)
        if state.version > 1
        else upsert_id(supplier, order.supplier_id, settings.erp),
    )


def _order_key(subject: str, version: int) -> str:
    return f"{subject}/v{version}"


def _unknown_entity(state: State, subject: str, order: PurchaseOrder) -> Case:
    return Case(
        case_class=CaseClass.ORDER_MISMATCH,
        document=subject,
        entity=order.entity,
        reason=f"Order {order.order_id} is of entity {order.entity!r}, which the policy does not know.",
        problems=(Problem(Code.UNKNOWN_ENTITY, "entity", "an entity of the policy", order.entity),),
        supplier_id=order.supplier_id,
        spend_category=spend_category(state),
    )


def record(state: State, subject: str, facts: Facts) -> Iterator[Output]:
    """The ERP records, after the order, what was counted: in the units of the order, and only quantities. An inspection
    moves nothing there; what waits in a consignment is the supplier's own."""
    for receipt in state.counted:
        settings = facts.policy.entities.get(receipt.entity)
        lines = tuple(line for line in receipt.lines if line.amount is None)
        if settings is None or not lines or receipt.kind == "inspection" or not _counts(state, receipt):
            continue
        yield Intent(
            connector=settings.erp,
            payload=RecordReceipt(receipt=replace(receipt, lines=lines)),
            key=f"{subject}/{receipt.receipt_id}",
            entity=receipt.entity,
            after=effect_id(settings.erp, CreateOrder.operation, _order_key(subject, max(1, state.version))),
        )


def _counts(state: State, receipt: GoodsReceipt) -> bool:
    lines = state.position.lines if state.position else {}
    return any(receipt.kind in RECEIVED_BY[lines[line.order_line_id].kind] for line in receipt.lines)


def misfits(state: State, subject: str, facts: Facts) -> Iterator[Output]:
    """A receipt of a line or a unit that the order does not know is a case until the order does; so is a change to a
    unit that what came cannot be counted in."""
    if not state.misfit:
        return
    unknown = tuple(one for receipt in state.uncounted for one in receipt_problems(state.position, receipt))
    refused = tuple(refusals(state))
    if (unknown or refused) and state.position:
        case = Case(
            case_class=CaseClass.RECEIPT_MISMATCH,
            document=subject,
            entity=state.entity,
            supplier_id=state.position.supplier_id,
            reason=" ".join(_does_not_fit(state.position.order_id, unknown, refused)),
            problems=unknown + refused,
            spend_category=spend_category(state),
        )
        yield open_case(case)
    elif is_open(facts, CaseClass.RECEIPT_MISMATCH, subject):
        yield settle_case(CaseClass.RECEIPT_MISMATCH, subject, "the order knows the line and the unit now")


def _does_not_fit(order_id: str, unknown: tuple[Problem, ...], refused: tuple[Problem, ...]) -> Iterator[str]:
    if unknown:
        named = ", ".join(dict.fromkeys(one.where.removeprefix("receipt ") for one in unknown))
        yield f"Order {order_id} does not know what came with {named}; nothing of it counts yet."
    for one in refused:
        yield (
            f"The unit of {one.where} cannot be changed from {one.expected} to {one.actual}: goods were counted in "
            f"{one.expected}, and the order does not say exactly how the two convert. The line stays as it was."
        )
