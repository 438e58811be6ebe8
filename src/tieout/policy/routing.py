"""Who works a case, how urgent it is, and to whom it goes when nobody has worked it in time.

All of it is data of the policy: ``[[routing]]`` rules of which the first that fits takes the case, ``[[substitutes]]``
for people who are away, ``[[escalation]]`` steps after the target time, and ``[urgency]`` for money and deadlines.
Time is counted in hours of business days of the entity's own calendar (24 to a day), so a case that comes on Friday
noon with a target of one business day is due on Monday noon.
"""

from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

from msgspec import Struct

from tieout.model.cases import Case, CaseClass
from tieout.model.commodity import begins, normal
from tieout.policy.calendars import add_business_hours
from tieout.policy.cases import CASE_RULES, CaseRule, Severity, graver, raised

#: The rule that takes what no rule of the policy takes.
DEFAULT = "the class's own owner"


class Routing(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One rule: cases that fit all of its conditions go to a role, a person, or both. What is empty fits everything.

    ``categories`` are kinds of invoice (``credit_note``). ``spend_categories`` are beginnings of what is mostly bought,
    by its code in a classification: ``UNSPSC:43`` takes all IT equipment, ``UNSPSC:`` all that has a code of UNSPSC.
    ``amount_from`` (at least) and ``amount_to`` (less than) are sizes in ``currency``; a case without an amount in that
    currency does not fit a rule that has one.
    """

    name: str
    case_classes: tuple[CaseClass, ...] = ()
    entities: tuple[str, ...] = ()
    categories: tuple[str, ...] = ()
    spend_categories: tuple[str, ...] = ()
    suppliers: tuple[str, ...] = ()
    currency: str = ""
    amount_from: Decimal | None = None
    amount_to: Decimal | None = None
    role: str = ""
    person: str = ""


class Substitute(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """From ``since`` to ``until``, both included, ``by`` works what is with ``person``: cases stay where they are, and
    are the person's again when the days are over. What people say themselves counts before what the policy says."""

    person: str
    by: str
    since: date
    until: date


class Escalation(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A case that is still open ``after_hours`` hours of business days after its target time goes to somebody else."""

    after_hours: int = 0
    case_classes: tuple[CaseClass, ...] = ()
    entities: tuple[str, ...] = ()
    role: str = ""
    person: str = ""


class Amounts(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """From which amount of a currency on a case is at least high, and critical."""

    high: Decimal | None = None
    critical: Decimal | None = None


class Urgency(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What makes a case graver than its class: money (by currency), and a deadline.

    One within ``critical_hours`` is critical, since money can still be saved; one within ``high_hours``, or over, is
    high.
    """

    amounts: dict[str, Amounts] = {}
    high_hours: int = 72
    critical_hours: int = 24


class Desk(Struct, frozen=True, kw_only=True):
    """The rules of a policy that say who works what by when. ``countries``: entity → where it is, for its calendar."""

    routing: tuple[Routing, ...] = ()
    substitutes: tuple[Substitute, ...] = ()
    escalation: tuple[Escalation, ...] = ()
    urgency: Urgency = Urgency()
    countries: dict[str, str] = {}


class Routed(Struct, frozen=True, kw_only=True):
    """Who works a case and by when. ``rule`` took it; ``why`` says what made it graver."""

    owner: str
    assignee: str
    severity: Severity
    due_at: datetime
    rule: str
    why: str


class Step(Struct, frozen=True, kw_only=True):
    """One escalation: what a case becomes now, and when the next step is due (never: ``None``)."""

    owner: str
    assignee: str
    severity: Severity
    next_at: datetime | None
    why: str


# ── routing ────────────────────────────────────────────────────────────────────────────────────────────────────────


def route(case: Case, desk: Desk, opened_at: datetime, now: datetime) -> Routed:
    """Who works a case, how grave it is, and by when: the first rule that fits takes it."""
    own = CASE_RULES[case.case_class]
    rule = next((rule for rule in desk.routing if not misfit(rule, case)), None)
    severity, reasons = urgency(case, own, desk.urgency, now)
    return Routed(
        owner=(rule.role if rule else "") or own.owner,
        assignee=rule.person if rule else "",
        severity=severity,
        due_at=due(case, own, desk, opened_at),
        rule=rule.name if rule else DEFAULT,
        why="; ".join(reasons),
    )


def misfit(rule: Routing, case: Case) -> str:
    """Why a rule does not take a case; empty when it does."""
    for what, wanted, actual in (
        ("class", rule.case_classes, case.case_class.value),
        ("entity", rule.entities, case.entity),
        ("category", rule.categories, case.category),
        ("supplier", rule.suppliers, case.supplier_id),
    ):
        if wanted and actual not in wanted:
            return f"its {what} is {actual or 'not known'}"
    if rule.spend_categories and not any(begins(case.spend_category, one) for one in rule.spend_categories):
        return f"its spend category is {case.spend_category or 'not known'}"
    return _amount_misfit(rule, case)


def _amount_misfit(rule: Routing, case: Case) -> str:
    if not rule.currency:
        return ""
    if case.amount is None or case.amount.currency != rule.currency:
        return f"it has no amount in {rule.currency}"
    size = abs(case.amount.amount)
    if rule.amount_from is not None and size < rule.amount_from:
        return f"{size} is below {rule.amount_from} {rule.currency}"
    if rule.amount_to is not None and size >= rule.amount_to:
        return f"{size} is not below {rule.amount_to} {rule.currency}"
    return ""


def explain(case: Case, desk: Desk) -> Iterator[tuple[str, str]]:
    """Every rule up to the one that takes the case, with why it does not take it (empty: it does)."""
    for rule in desk.routing:
        reason = misfit(rule, case)
        yield rule.name, reason
        if not reason:
            return
    yield DEFAULT, ""


def substitute(person: str, substitutes: tuple[Substitute, ...], day: date) -> tuple[str, str]:
    """Who stands in for a person on a day (the person, when nobody does), and in words why.

    A substitute who is away too is stood in for as well; a circle of absences ends with its first member.
    """
    present, passed = person, [person]
    while found := next((one for one in substitutes if one.person == present and one.since <= day <= one.until), None):
        if found.by in passed:
            break
        present = found.by
        passed.append(present)
    return present, f"{' is away, so '.join(passed[:-1])} is away, so {present} stands in" if present != person else ""


def is_away(person: str, substitutes: tuple[Substitute, ...], day: date) -> bool:
    """Whether somebody is away on a day."""
    return any(one.person == person and one.since <= day <= one.until for one in substitutes)


def stands_in_for(person: str, substitutes: tuple[Substitute, ...], day: date) -> tuple[str, ...]:
    """The people whose work a person does on a day, themselves first."""
    away = {one.person for one in substitutes}
    return (person, *sorted(one for one in away - {person} if substitute(one, substitutes, day)[0] == person))


# ── urgency ────────────────────────────────────────────────────────────────────────────────────────────────────────


def urgency(case: Case, own: CaseRule, rules: Urgency, now: datetime) -> tuple[Severity, tuple[str, ...]]:
    """How grave a case is: as its class says, or more for its money or its deadline; with what made it graver."""
    by_money, by_time = _by_amount(case, rules), _by_deadline(case, rules, now)
    reasons = tuple(why for level, why in (by_money, by_time) if graver(level, own.severity) != own.severity)
    return graver(own.severity, graver(by_money[0], by_time[0])), reasons


def _by_amount(case: Case, rules: Urgency) -> tuple[Severity, str]:
    limits = rules.amounts.get(case.amount.currency) if case.amount else None
    if case.amount is None or limits is None:
        return "medium", ""
    size = abs(case.amount.amount)
    if limits.critical is not None and size >= limits.critical:
        return "critical", f"critical from {limits.critical} {case.amount.currency} on"
    if limits.high is not None and size >= limits.high:
        return "high", f"high from {limits.high} {case.amount.currency} on"
    return "medium", ""


def _by_deadline(case: Case, rules: Urgency, now: datetime) -> tuple[Severity, str]:
    if case.deadline is None:
        return "medium", ""
    left, name = case.deadline - now, case.deadline_name or "deadline"
    if left < timedelta(0):
        return "high", f"the {name} of {case.deadline:%Y-%m-%d} is over"
    near = f"the {name} of {case.deadline:%Y-%m-%d} is near"
    if left <= timedelta(hours=rules.critical_hours):
        return "critical", near
    return ("high", near) if left <= timedelta(hours=rules.high_hours) else ("medium", "")


def due(case: Case, own: CaseRule, desk: Desk, opened_at: datetime) -> datetime:
    """When a case should be worked: within the target time of its class, and before its deadline if that is still to
    come and sooner."""
    target = add_business_hours(desk.countries.get(case.entity, ""), opened_at, own.target)
    return min(target, case.deadline) if case.deadline and case.deadline > opened_at else target


# ── escalation ─────────────────────────────────────────────────────────────────────────────────────────────────────


def escalate(case: Case, desk: Desk, routed: Routed, level: int, now: datetime) -> Step:
    """What becomes of a case that is not worked in time. ``level`` 1 is the target time itself."""
    rules = [rule for rule in desk.escalation if _concerns(rule, case)]
    moments = sorted({0, *(rule.after_hours for rule in rules)})
    hours = moments[min(level, len(moments)) - 1]
    rule = next((rule for rule in rules if rule.after_hours == hours), None)
    assignee = rule.person if rule else ""
    country = desk.countries.get(case.entity, "")
    late = f"not worked by {routed.due_at.astimezone(UTC):%Y-%m-%d %H:%M} UTC" + (f" + {hours} h" if hours else "")
    return Step(
        owner=(rule.role if rule else "") or routed.owner,
        assignee=assignee or ("" if rule and rule.role else routed.assignee),
        severity=raised(routed.severity),
        next_at=add_business_hours(country, routed.due_at, moments[level]) if level < len(moments) else None,
        why=late,
    )


def _concerns(rule: Escalation, case: Case) -> bool:
    return (not rule.case_classes or case.case_class in rule.case_classes) and (
        not rule.entities or case.entity in rule.entities
    )


# ── checks ─────────────────────────────────────────────────────────────────────────────────────────────────────────


def complaints(desk: Desk) -> Iterator[str]:
    """What the types cannot say of these rules."""
    names = [rule.name for rule in desk.routing]
    for number, rule in enumerate(desk.routing):
        place = f'routing "{rule.name}"'
        if names.index(rule.name) != number:
            yield f"{place}: there is another rule of that name"
        if not (rule.role or rule.person):
            yield f"{place}: say a role, a person, or both"
        if (rule.amount_from is not None or rule.amount_to is not None) and not rule.currency:
            yield f"{place}: amount_from and amount_to need a currency"
        for kind in rule.categories:
            if ":" in kind:
                yield f"{place}: categories are kinds of invoice; {kind!r} says what is bought: spend_categories"
        for beginning in rule.spend_categories:
            if not normal(beginning):
                yield f"{place}: spend_categories name a scheme and a code, such as UNSPSC:43, not {beginning!r}"
    for away in desk.substitutes:
        if away.until < away.since:
            yield f"substitutes: {away.person} is away until {away.until}, before {away.since}"
        if away.person == away.by:
            yield f"substitutes: {away.person} cannot stand in for themselves"
    for step in desk.escalation:
        if not (step.role or step.person):
            yield f"escalation after {step.after_hours} hours: say a role, a person, or both"
        if step.after_hours < 0:
            yield f"escalation: after_hours must be zero or more, not {step.after_hours}"
