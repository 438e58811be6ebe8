"""A verdict in sentences for an accountant: what was checked, against what, how far it may differ, and what follows."""

from tieout.kernel.problem import Problem
from tieout.matching.plan import CODES
from tieout.matching.words import passes, told
from tieout.model.verdict import Check, Verdict
from tieout.policy.dialect import DIALECTS

SENTENCES = {
    "price": "unit price {actual}, in the order {expected}",
    "price_under": "unit price {actual}, in the order {expected}",
    "price_estimated": "unit price {actual}, estimated in the order at {expected}",
    "quantity_ordered": "billed in all {actual}, ordered {expected}",
    "quantity_received": "billed in all {actual}, received {expected}",
    "quantity_accepted": "billed in all {actual}, passed inspection {expected}",
    "quantity_value": "billed now for {actual} at the order's price, open for {expected}",
    "quantity_unreceived": "billed for {actual} at the order's price, and nothing was received",
    "amount": "net amount {actual}, at the order's price {expected}",
    "amount_under": "net amount {actual}, at the order's price {expected}",
    "item_amount": "net amount of the line {actual}",
    "amount_ordered": "billed in all {actual}, ordered for {expected}",
    "amount_received": "billed in all {actual}, accepted for {expected}",
    "schedule_amount": "billed on the order line in all {actual}, ordered for {expected}",
    "schedule_total": "billed on the order lines in all {actual}, ordered for {expected}",
    "total": "net of the invoice {actual}, at the orders' prices {expected}",
    "total_under": "net of the invoice {actual}, at the orders' prices {expected}",
    "blanket_value": "billed in all {actual}, limit of the blanket order {expected}",
    "blanket_time": "{actual} outside the validity of the blanket order",
    "date_value": "billed before the agreed delivery, amount times days {actual}",
    "freight": "charge billed in all {actual}, agreed {expected}",
    "unplanned": "charges of {actual} that were not agreed",
    "tax": "tax {actual}, by the rates {expected}",
    "tax_under": "tax {actual}, by the rates {expected}",
    "conversion_rate": "worth {actual} at the invoice's rate, {expected} at the order's",
}
"""What each check says; a test holds this equal to the checks there are."""

_WHERE = {"tax": "Tax", "net": "The invoice", "conversion_rate": "Conversion rate"}


def explain(verdict: Verdict) -> tuple[str, ...]:
    """The verdict in sentences: the outcome first, then what failed with its remedy, then what passed."""
    failed = [check for check in verdict.checks if not check.passed]
    told_by_checks = {(CODES[check.rule], check.where) for check in failed}
    others = [problem for problem in verdict.problems if (problem.code, problem.where) not in told_by_checks]
    sentences = [_outcome(verdict)]
    sentences += [_failed(check) for check in failed]
    sentences += [_other(problem) for problem in others]
    sentences += [_passed(check) for check in verdict.checks if check.passed]
    return tuple(sentences)


def sentence(check: Check) -> str:
    """One check in words, without its outcome."""
    said = SENTENCES[check.rule].format(actual=told(check, check.actual), expected=told(check, check.expected))
    return f"{_WHERE.get(check.where) or f'Line {check.where}'}: {said}" + (f" ({check.about})" if check.about else "")


def _outcome(verdict: Verdict) -> str:
    title = DIALECTS[verdict.dialect].title if verdict.dialect in DIALECTS else verdict.dialect or "no dialect"
    under = f"under policy {verdict.policy}, read as {title}"
    if verdict.matched and not verdict.problems:
        return f"Matched {under}: {_number(len(verdict.checks), 'check')} passed."
    found = _number(len(verdict.problems), "problem")
    outcome = "Accepted by a person" if verdict.matched else "Not matched"
    holds = f" The ERP is expected to hold it as {', '.join(verdict.holds)}." if verdict.holds else ""
    waits = " It is matched again when a receipt comes." if verdict.waits_for_receipt else ""
    return f"{outcome} {under}: {found}.{holds}{waits}"


def _failed(check: Check) -> str:
    hold = f", held as {check.hold}" if check.hold else ""
    return f"{sentence(check)}. Fails at a limit of {check.allowed}{hold}; passes at {passes(check)}."


def _passed(check: Check) -> str:
    limit = f"up to {told(check, check.limit)}" if check.limit is not None else "without a limit"
    if check.limit is not None and check.rule.endswith("_under"):
        limit = f"down to {told(check, check.limit)}"
    return f"{sentence(check)}. Passes, {limit}."


def _other(problem: Problem) -> str:
    remedy = f" Passes when {problem.passes}." if problem.passes else ""
    said = str(problem)
    return f"{said[0].upper()}{said[1:]}.{remedy}"


def _number(count: int, what: str) -> str:
    return f"{count} {what}" + ("" if count == 1 else "s")
