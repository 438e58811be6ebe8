"""Two-, three- and four-way matching of an invoice with its orders and receipts, over cumulative quantities.

Lines that bill the same order line are judged together, with all that was billed before: one received unit never
justifies two billed units, in whichever order partial invoices come. All rules run; each names what it expected, what
it saw and the limit. ``docs/matching.md`` explains them one by one.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping

from tieout.kernel.money import Money
from tieout.kernel.problem import Code, Problem
from tieout.matching import words
from tieout.matching.assignment import assign
from tieout.matching.claims import NOTHING, Claim, Kind, Pairing, counted, pair
from tieout.matching.limits import ZERO
from tieout.matching.orders import OrderPosition
from tieout.matching.plan import Plan, plan_of
from tieout.matching.rules import amount, document, price, quantity, standing
from tieout.matching.rules.document import Whole, payable_in_full
from tieout.matching.rules.prepayment import asked_in_advance, prepayment_within_order
from tieout.model.documents import Invoice
from tieout.model.verdict import Allocation, Check, Verdict
from tieout.policy.matching import MatchingRules
from tieout.policy.tolerances import Charges, Tolerances

Found = Iterable[Check | Problem]
Rule = Callable[[Claim, Plan], Iterator[Check] | Iterator[Problem] | Iterator[Check | Problem]]
WholeRule = Callable[[Whole, Plan], Iterator[Check] | Iterator[Problem] | Iterator[Check | Problem]]

_STANDING: tuple[Rule, ...] = (standing.line_is_open, standing.not_settled_on_receipt, standing.not_in_consignment)
RULES: dict[Kind, tuple[Rule, ...]] = {
    "goods": (
        *_STANDING,
        price.price_within_limit,
        price.price_not_below_limit,
        price.given_back_at_price,
        quantity.quantity_within_ordered,
        quantity.quantity_within_received,
        quantity.quantity_within_accepted,
        quantity.quantity_value_within_limit,
        amount.amount_within_limit,
        amount.schedule_within_limit,
        amount.item_amount_within_ceiling,
        amount.value_of_early_days_within_limit,
        quantity.credit_within_billed,
        amount.credit_within_value,
        amount.retainage_as_agreed,
    ),
    "amount": (
        *_STANDING,
        amount.service_within_ordered,
        amount.service_within_accepted,
        amount.blanket_within_value,
        amount.blanket_within_time,
        amount.item_amount_within_ceiling,
        amount.credit_within_value,
        amount.retainage_as_agreed,
    ),
    "value_only": (standing.line_is_open, price.value_within_price),
    "retainage_release": (amount.release_within_retained,),
}
"""The rules for each kind of claim, in the order we want their findings read."""

WHOLE_RULES: tuple[WholeRule, ...] = (
    document.planned_charges_within_limit,
    document.unplanned_charges_within_ceiling,
    document.allowance_given,
    document.tax_within_limit,
    document.total_within_limit,
    document.schedules_within_limit,
    document.conversion_rate_within_limit,
)
"""The rules for the invoice as a whole."""

_RULES = MatchingRules()
#: What the next receipt, inspection or acceptance may mend.
_WAITING = frozenset(
    {Code.QUANTITY_OVER_RECEIVED, Code.QUANTITY_OVER_ACCEPTED, Code.AMOUNT_OVER_RECEIVED, Code.UNKNOWN_RECEIPT}
)


def match(
    invoice: Invoice,
    orders: Mapping[str, OrderPosition],
    tolerances: Tolerances,
    policy_version: str,
    rules: MatchingRules = _RULES,
) -> Verdict:
    """Compare an invoice with its orders and receipts. ``orders`` holds those that are known, by order id. Lines that
    name no order line are given theirs first, where that is certain."""
    plan = plan_of(tolerances)
    found = assign(invoice, orders, rules)
    invoice = found.invoice
    pairing = pair(invoice, orders) if invoice.purpose != "prepayment" else NOTHING
    whole = Whole(invoice, pairing)
    problems: list[Problem] = [*found.problems, *found.untold(pairing.problems), *payable_in_full(invoice)]
    checks: list[Check] = []
    advance: tuple[Allocation, ...] = ()
    if invoice.purpose == "prepayment":
        problems += prepayment_within_order(invoice, orders)
        advance = tuple(asked_in_advance(invoice, orders))
    else:
        for claim in pairing.claims:
            for rule in RULES[claim.kind]:
                _sort(rule(claim, plan), checks, problems, claim)
        for whole_rule in WHOLE_RULES:
            _sort(whole_rule(whole, plan), checks, problems)
    name = plan.dialect.name
    if not problems:
        return Verdict(
            True,
            (),
            advance or _allocations(pairing, plan.unplanned_charges),
            policy_version,
            False,
            name,
            tuple(checks),
            assigned=found.assigned,
        )
    waits = any(problem.code in _WAITING for problem in problems)
    return Verdict(
        False,
        tuple(problems),
        (),
        policy_version,
        waits,
        name,
        tuple(checks),
        _holds(problems, checks, plan),
        found.assigned,
        found.ambiguous,
    )


def _sort(found: Found, checks: list[Check], problems: list[Problem], claim: Claim | None = None) -> None:
    for one in found:
        if isinstance(one, Check):
            checks.append(one)
            if not one.passed:
                problems.append(words.problem(one, claim))
        else:
            problems.append(one)


def _holds(problems: list[Problem], checks: list[Check], plan: Plan) -> tuple[str, ...]:
    """The names of the holds the ERP is expected to place, each once."""
    names = [plan.dialect.findings.get(problem.code, "") for problem in problems]
    names += [check.hold for check in checks if not check.passed]
    return tuple(dict.fromkeys(name for name in names if name))


# ── allocations ────────────────────────────────────────────────────────────────────────────────────────────────────


def allocate(
    invoice: Invoice,
    orders: Mapping[str, OrderPosition],
    tolerances: Tolerances | None = None,
    rules: MatchingRules = _RULES,
) -> tuple[Allocation, ...]:
    """What the invoice bills of its orders, as far as its lines can be paired, whether or not it is within limits. A
    prepayment bills nothing of an order. ``tolerances`` say whether charges nobody agreed to are spread."""
    if invoice.purpose == "prepayment":
        return tuple(asked_in_advance(invoice, orders))
    charges = plan_of(tolerances).unplanned_charges if tolerances else "refuse"
    return _allocations(pair(assign(invoice, orders, rules).invoice, orders, accepted=True), charges)


def _allocations(pairing: Pairing, charges: Charges) -> tuple[Allocation, ...]:
    """Charges bill the condition that was agreed; those that are spread raise the value of the goods."""
    unplanned = sum(one.minor for one in pairing.charges if one.charge is None) if charges == "spread" else 0
    extra = _spread(unplanned, pairing.claims) if unplanned else (0,) * len(pairing.claims)
    found: list[Allocation] = []
    for claim, more in zip(pairing.claims, extra, strict=True):
        found += _of_claim(claim, more)
    for one in pairing.charges:
        if one.charge and one.order:
            net = Money(one.minor, one.order.currency)
            found.append(Allocation(one.order.order_id, "", ZERO, net, charge_id=one.charge.charge_id))
    return tuple(found)


def _of_claim(claim: Claim, more: int) -> Iterator[Allocation]:
    order_id, line_id, currency = claim.order.order_id, claim.order_line_id, claim.invoice.currency
    if claim.kind == "retainage_release":
        released = Money(-claim.minor, currency)
        yield Allocation(order_id, line_id, ZERO, Money.zero(currency), retained=released)
        return
    retained = Money(claim.retained, currency) if claim.retained else None
    if len(claim.parts) <= 1:
        receipt_id = claim.parts[0].receipt_id if claim.parts else ""
        net = Money(claim.minor + more, currency)
        yield Allocation(order_id, line_id, claim.quantity, net, receipt_id, retained=retained)
        return
    for number, part in enumerate(claim.parts):
        quantity = counted(part.scaled, claim.scale)
        net = Money(part.minor + (0 if number else more), currency)
        yield Allocation(order_id, line_id, quantity, net, part.receipt_id, retained=None if number else retained)


def _spread(minor: int, claims: tuple[Claim, ...]) -> tuple[int, ...]:
    """An amount spread over the claims by their value, to the minor unit: what is left over goes to the largest."""
    whole = sum(claim.minor for claim in claims)
    if not whole:
        return tuple(minor if not number else 0 for number in range(len(claims)))
    shares = [minor * claim.minor // whole for claim in claims]
    largest = max(range(len(claims)), key=lambda number: claims[number].minor)
    shares[largest] += minor - sum(shares)
    return tuple(shares)
