"""Who works a case, how grave it is and by when: rules of the policy, read in order, with every reason told."""

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from tieout.kernel.errors import ConfigError
from tieout.kernel.money import Money
from tieout.model.cases import Case, CaseClass
from tieout.policy.calendars import add_business_hours, is_business_day
from tieout.policy.load import load_policy
from tieout.policy.policy import EntityPolicy, Policy
from tieout.policy.routing import (
    DEFAULT,
    Amounts,
    Desk,
    Escalation,
    Routed,
    Routing,
    Step,
    Substitute,
    Urgency,
    escalate,
    explain,
    is_away,
    misfit,
    route,
    stands_in_for,
    substitute,
)

FRIDAY = datetime(2026, 5, 8, 12, tzinfo=UTC)
MONDAY = datetime(2026, 5, 11, 12, tzinfo=UTC)
BIG = Routing(name="big ones", currency="EUR", amount_from=Decimal(10_000), role="controlling")
STEEL = Routing(name="steel", suppliers=("sup-1",), case_classes=(CaseClass.PRICE_VARIANCE,), person="anna")
MONEY = Urgency(amounts={"EUR": Amounts(high=Decimal(5_000), critical=Decimal(50_000))})
REST = Routing(name="prepayments", categories=("prepayment",), entities=("de",), amount_to=Decimal(5), currency="EUR", role="treasury")  # fmt: skip


def case(**changed: object) -> Case:
    amount = changed.pop("amount", "100")
    known = {"case_class": CaseClass.PRICE_VARIANCE, "document": "inv-1", "entity": "de", "reason": "above the order"}
    money = Money.of(Decimal(str(amount)), "EUR") if amount is not None else None
    return Case(**{**known, "amount": money, **changed})  # type: ignore[arg-type]


# ── routing ────────────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("changed", "rule", "owner", "assignee"),
    [
        pytest.param({}, DEFAULT, "purchasing", "", id="nothing fits: the class's own owner"),
        pytest.param({"amount": "10000"}, "big ones", "controlling", "", id="from the amount on"),
        pytest.param({"amount": "9999.99"}, DEFAULT, "purchasing", "", id="below it"),
        pytest.param({"amount": "-10000"}, "big ones", "controlling", "", id="a credit note is as large"),
        pytest.param({"supplier_id": "sup-1"}, "steel", "purchasing", "anna", id="a person; the role stays"),
        pytest.param(
            {"supplier_id": "sup-1", "amount": "10000"}, "big ones", "controlling", "", id="the first one wins"
        ),
        pytest.param({"category": "prepayment", "amount": "4.99"}, "prepayments", "treasury", "", id="all must fit"),
        pytest.param({"category": "prepayment", "amount": "5"}, DEFAULT, "purchasing", "", id="less than, not up to"),
        pytest.param({"category": "prepayment", "amount": None}, DEFAULT, "purchasing", "", id="no amount fits none"),
    ],
)
def test_the_first_rule_that_fits_takes_the_case(
    changed: dict[str, object], rule: str, owner: str, assignee: str
) -> None:
    found = route(case(**changed), Desk(routing=(BIG, STEEL, REST)), FRIDAY, FRIDAY)
    assert (found.rule, found.owner, found.assignee) == (rule, owner, assignee)


def test_every_rule_before_the_one_that_fits_says_why_it_does_not() -> None:
    told = tuple(explain(case(supplier_id="sup-2"), Desk(routing=(BIG, STEEL, REST))))
    assert told == (
        ("big ones", "100.00 is below 10000 EUR"),
        ("steel", "its supplier is sup-2"),
        ("prepayments", "its category is not known"),
        (DEFAULT, ""),
    )
    assert tuple(explain(case(amount="20000"), Desk(routing=(BIG, STEEL)))) == (("big ones", ""),)


@pytest.mark.parametrize(
    ("rule", "why"),
    [
        (Routing(name="r", case_classes=(CaseClass.BANK_CHANGE,)), "its class is price_variance"),
        (Routing(name="r", entities=("fr", "us")), "its entity is de"),
        (Routing(name="r", categories=("prepayment",)), "its category is not known"),
        (Routing(name="r", suppliers=("sup-1",)), "its supplier is not known"),
        (Routing(name="r", spend_categories=("UNSPSC:43",)), "its spend category is not known"),
        (Routing(name="r", currency="USD"), "it has no amount in USD"),
        (Routing(name="r", currency="EUR", amount_from=Decimal("100.01")), "100.00 is below 100.01 EUR"),
        (Routing(name="r", currency="EUR", amount_to=Decimal(100)), "100.00 is not below 100 EUR"),
        (Routing(name="r", currency="EUR", amount_from=Decimal(100), amount_to=Decimal("100.01")), ""),
        (Routing(name="r", case_classes=(CaseClass.PRICE_VARIANCE,), entities=("de",), currency="EUR"), ""),
        (Routing(name="r"), ""),
    ],
)
def test_a_rule_says_why_it_does_not_take_a_case(rule: Routing, why: str) -> None:
    assert misfit(rule, case()) == why


@pytest.mark.parametrize(
    ("beginnings", "bought", "takes"),
    [
        (("UNSPSC:43",), "UNSPSC:43211503", True),
        (("UNSPSC:43", "UNSPSC:72"), "UNSPSC:72101500", True),
        (("UNSPSC:43211503",), "UNSPSC:43211503", True),
        (("unspsc: 43-21",), "UNSPSC:43211503", True),
        (("eCl@ss:24-01",), "ECLASS:24010203", True),
        (("CPV:30213100-6",), "CPV:30213100", True),
        (("UNSPSC:",), "UNSPSC:43211503", True),
        (("UNSPSC:432115031",), "UNSPSC:43211503", False),
        (("UNSPSC:44",), "UNSPSC:43211503", False),
        (("CPV:43",), "UNSPSC:43211503", False),
        (("UNSPSC:",), "UNSPSCX:43", False),
        (("UNSPSC:43",), "", False),
    ],
)
def test_a_branch_of_what_is_bought_goes_to_its_people(beginnings: tuple[str, ...], bought: str, takes: bool) -> None:
    rule = Routing(name="IT", spend_categories=beginnings, role="IT purchasing")
    found = route(case(spend_category=bought), Desk(routing=(rule,)), FRIDAY, FRIDAY)
    assert found.owner == ("IT purchasing" if takes else "purchasing")
    assert misfit(rule, case(spend_category=bought)) == (
        "" if takes else f"its spend category is {bought or 'not known'}"
    )


def test_the_kind_of_invoice_and_what_it_buys_are_two_conditions() -> None:
    rule = Routing(name="r", categories=("credit_note", "prepayment"), spend_categories=("UNSPSC:43", "CPV:30"))
    bought = {"spend_category": "UNSPSC:43211503"}
    assert misfit(rule, case(category="prepayment", **bought)) == ""
    assert misfit(rule, case(category="invoice", **bought)) == "its category is invoice"
    assert misfit(rule, case(category="prepayment", spend_category="UNSPSC:1")) == "its spend category is UNSPSC:1"


# ── substitution ───────────────────────────────────────────────────────────────────────────────────────────────────


def away(person: str, by: str, since: int = 1, until: int = 31) -> Substitute:
    return Substitute(person=person, by=by, since=date(2026, 5, since), until=date(2026, 5, until))


@pytest.mark.parametrize(
    ("substitutes", "day", "by"),
    [
        ((), 8, "anna"),
        ((away("anna", "ben", 8, 8),), 8, "ben"),
        ((away("anna", "ben", 9, 20),), 8, "anna"),
        ((away("anna", "ben", 1, 7),), 8, "anna"),
        ((away("anna", "ben"), away("ben", "carl")), 8, "carl"),
        ((away("anna", "ben"), away("ben", "anna")), 8, "ben"),
        ((away("ben", "carl"),), 8, "anna"),
    ],
)
def test_whoever_is_away_is_stood_in_for(substitutes: tuple[Substitute, ...], day: int, by: str) -> None:
    assert substitute("anna", substitutes, date(2026, 5, day))[0] == by
    assert ("anna" in stands_in_for(by, substitutes, date(2026, 5, day))) is True


@pytest.mark.parametrize(("day", "absent"), [(7, False), (8, True), (9, True), (10, False)])
def test_both_ends_of_an_absence_are_part_of_it(day: int, absent: bool) -> None:
    said = (away("ben", "carl", 1, 31), away("anna", "ben", 8, 9))
    assert is_away("anna", said, date(2026, 5, day)) is absent
    assert is_away("dora", said, date(2026, 5, day)) is False


def test_what_makes_a_case_graver_is_told_and_it_stays_with_whoever_is_away() -> None:
    desk = Desk(routing=(STEEL,), substitutes=(away("anna", "ben"),), urgency=MONEY)
    found = route(case(supplier_id="sup-1", amount="5000", deadline=FRIDAY), desk, FRIDAY, FRIDAY)
    told = "high from 5000 EUR on; the deadline of 2026-05-08 is near"
    assert (found.assignee, found.why) == ("anna", told)
    chain = (away("anna", "ben"), away("ben", "carl"))
    told = "anna is away, so ben is away, so carl stands in"
    assert substitute("anna", chain, FRIDAY.date()) == ("carl", told)
    assert substitute("dora", chain, FRIDAY.date()) == ("dora", "")
    assert stands_in_for("carl", chain, FRIDAY.date()) == ("carl", "anna", "ben")
    assert stands_in_for("ben", chain, FRIDAY.date()) == ("ben",)


# ── urgency ────────────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("amount", "severity"),
    [("4999.99", "medium"), ("5000", "high"), ("49999.99", "high"), ("50000", "critical"), ("-50000", "critical")],
)
def test_money_makes_a_case_graver(amount: str, severity: str) -> None:
    found = route(case(amount=amount), Desk(urgency=MONEY), FRIDAY, FRIDAY)
    why = {"medium": "", "high": "high from 5000 EUR on", "critical": "critical from 50000 EUR on"}
    assert (found.severity, found.why) == (severity, why[severity])


def test_money_counts_only_where_the_policy_says_how_much() -> None:
    dollars = replace(case(), amount=Money.of(Decimal(99_999), "USD"))
    only_critical = Urgency(amounts={"EUR": Amounts(critical=Decimal(50_000))})
    only_high = Urgency(amounts={"EUR": Amounts(high=Decimal(5_000))})
    for one, rules, severity in (
        (dollars, MONEY, "medium"),
        (case(amount=None), MONEY, "medium"),
        (case(amount="99999"), Urgency(), "medium"),
        (case(amount="49999"), only_critical, "medium"),
        (case(amount="50000"), only_critical, "critical"),
        (case(amount="99999"), only_high, "high"),
    ):
        assert route(one, Desk(urgency=rules), FRIDAY, FRIDAY).severity == severity


@pytest.mark.parametrize(
    ("deadline", "severity", "why"),
    [
        (datetime(2026, 5, 11, 13, tzinfo=UTC), "medium", ""),
        (datetime(2026, 5, 11, 12, tzinfo=UTC), "high", "the payment day of 2026-05-11 is near"),
        (datetime(2026, 5, 9, 13, tzinfo=UTC), "high", "the payment day of 2026-05-09 is near"),
        (datetime(2026, 5, 9, 12, tzinfo=UTC), "critical", "the payment day of 2026-05-09 is near"),
        (FRIDAY, "critical", "the payment day of 2026-05-08 is near"),
        (datetime(2026, 5, 8, 11, tzinfo=UTC), "high", "the payment day of 2026-05-08 is over"),
    ],
)
def test_a_deadline_makes_a_case_graver_the_nearer_it_is(deadline: datetime, severity: str, why: str) -> None:
    found = route(case(deadline=deadline, deadline_name="payment day"), Desk(), FRIDAY, FRIDAY)
    assert (found.severity, found.why) == (severity, why)


def test_a_deadline_without_a_name_is_told_too() -> None:
    found = route(case(deadline=FRIDAY), Desk(), FRIDAY, FRIDAY)
    assert found.why == "the deadline of 2026-05-08 is near"


def test_money_and_deadlines_never_make_a_case_less_grave() -> None:
    grave = case(case_class=CaseClass.BANK_CHANGE, amount="1", deadline=FRIDAY + timedelta(days=300))
    assert route(grave, Desk(urgency=MONEY), FRIDAY, FRIDAY).severity == "critical"


# ── time ───────────────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("country", "begin", "hours", "end"),
    [
        pytest.param("", FRIDAY, 24, MONDAY, id="a business day later is Monday"),
        pytest.param("", FRIDAY, 4, FRIDAY + timedelta(hours=4), id="the same day"),
        pytest.param("", FRIDAY, 12, FRIDAY + timedelta(hours=12), id="to the end of Friday, not to Monday"),
        pytest.param("", FRIDAY + timedelta(days=1), 1, datetime(2026, 5, 11, 1, tzinfo=UTC), id="Saturday begins on Monday"),
        pytest.param("DE", datetime(2026, 5, 13, 12, tzinfo=UTC), 24, datetime(2026, 5, 15, 12, tzinfo=UTC), id="Ascension Day in Germany"),
        pytest.param("US", datetime(2026, 5, 13, 12, tzinfo=UTC), 24, datetime(2026, 5, 14, 12, tzinfo=UTC), id="not in the United States"),
        pytest.param("??", FRIDAY, 24, MONDAY, id="no calendar: Monday to Friday"),
        pytest.param("", FRIDAY, 0, FRIDAY, id="no time at all"),
    ],
)  # fmt: skip
def test_hours_are_counted_on_business_days(country: str, begin: datetime, hours: int, end: datetime) -> None:
    assert add_business_hours(country, begin, hours) == end


@settings(deadline=None)
@given(st.integers(0, 200), st.integers(0, 200), st.integers(0, 24 * 400), st.sampled_from(["", "DE", "US", "AE"]))
def test_time_adds_up(first: int, second: int, start: int, country: str) -> None:
    begin = datetime(2026, 1, 1, tzinfo=UTC) + timedelta(hours=start)
    end = add_business_hours(country, begin, first + second)
    assert add_business_hours(country, add_business_hours(country, begin, first), second) == end
    assert end >= begin
    if first + second:
        assert is_business_day(country, (end - timedelta(microseconds=1)).date())


def test_a_deadline_that_comes_first_is_when_a_case_is_due() -> None:
    soon, late, over = FRIDAY + timedelta(hours=5), FRIDAY + timedelta(days=60), FRIDAY - timedelta(hours=1)
    target = datetime(2026, 5, 12, 12, tzinfo=UTC)
    for deadline, expected in ((soon, soon), (late, target), (over, target), (FRIDAY, target), (None, target)):
        assert route(case(deadline=deadline), Desk(), FRIDAY, FRIDAY).due_at == expected


def test_the_calendar_is_that_of_the_entity() -> None:
    policy = Policy(entities={"de": EntityPolicy(name="Muster GmbH", currency="EUR", country="DE")})
    found = route(case(), policy.desk, datetime(2026, 5, 13, 12, tzinfo=UTC), FRIDAY)
    assert found.due_at == datetime(2026, 5, 18, 12, tzinfo=UTC)


# ── escalation ─────────────────────────────────────────────────────────────────────────────────────────────────────


def test_a_case_that_is_not_worked_goes_up_step_by_step() -> None:
    desk = Desk(
        escalation=(
            Escalation(after_hours=24, person="anna"),
            Escalation(after_hours=24, person="never: the first of an hour counts"),
            Escalation(after_hours=0, case_classes=(CaseClass.BANK_CHANGE,), role="security"),
            Escalation(after_hours=48, entities=("de",), role="controlling"),
            Escalation(after_hours=48, entities=("fr",), role="never: of another entity"),
        ),
        substitutes=(away("anna", "ben"),),
    )
    routed = route(case(), desk, FRIDAY, FRIDAY)
    late = "not worked by 2026-05-12 12:00 UTC"
    first = escalate(case(), desk, routed, 1, routed.due_at)
    assert first == Step(
        owner="purchasing", assignee="", severity="high", next_at=datetime(2026, 5, 13, 12, tzinfo=UTC), why=late
    )
    second = escalate(case(), desk, routed, 2, datetime(2026, 5, 13, 12, tzinfo=UTC))
    assert second == Step(
        owner="purchasing",
        assignee="anna",
        severity="high",
        next_at=datetime(2026, 5, 14, 12, tzinfo=UTC),
        why=f"{late} + 24 h",
    )
    last = Step(owner="controlling", assignee="", severity="high", next_at=None, why=f"{late} + 48 h")
    assert escalate(case(), desk, routed, 3, routed.due_at) == last
    assert escalate(case(), desk, routed, 4, routed.due_at) == last


def routed_to(assignee: str) -> Routed:
    """Due on Wednesday noon in Berlin, the day before Ascension Day."""
    due = datetime.fromisoformat("2026-05-13T12:00:00+02:00")
    return Routed(owner="purchasing", assignee=assignee, severity="medium", due_at=due, rule=DEFAULT, why="")


def test_who_works_a_late_case_keeps_it_unless_a_step_gives_it_to_somebody_else() -> None:
    late = "not worked by 2026-05-13 10:00 UTC"
    same = Step(owner="purchasing", assignee="dora", severity="high", next_at=None, why=late)
    assert escalate(case(), Desk(), routed_to("dora"), 1, MONDAY) == same
    to_role = Desk(escalation=(Escalation(role="controlling"),))
    step = escalate(case(), to_role, routed_to("dora"), 1, MONDAY)
    assert (step.owner, step.assignee) == ("controlling", "")
    to_person = Desk(escalation=(Escalation(person="carl"),))
    step = escalate(case(), to_person, routed_to("dora"), 1, MONDAY)
    assert (step.owner, step.assignee) == ("purchasing", "carl")


def test_steps_wait_on_business_days_of_the_entity_s_country() -> None:
    for country, day in (("DE", 15), ("US", 14)):
        desk = Desk(escalation=(Escalation(after_hours=24, role="controlling"),), countries={"de": country})
        step = escalate(case(), desk, routed_to(""), 1, MONDAY)
        assert step.next_at == datetime(2026, 5, day, 10, tzinfo=UTC)


# ── the policy's own text ──────────────────────────────────────────────────────────────────────────────────────────

TEXT = """
[[routing]]
name = "big ones"
case_classes = ["price_variance", "quantity_variance"]
currency = "EUR"
amount_from = "10000"
role = "controlling"

[[substitutes]]
person = "anna"
by = "ben"
since = 2026-05-01
until = 2026-05-31

[[escalation]]
after_hours = 24
role = "head of finance"

[urgency.amounts.EUR]
high = "5000"
"""


def test_the_rules_are_read_from_the_policy() -> None:
    policy = load_policy(TEXT)
    assert policy.routing[0].amount_from == Decimal(10_000)
    assert policy.substitutes == (away("anna", "ben"),)
    assert policy.urgency.amounts == {"EUR": Amounts(high=Decimal(5_000))}


@pytest.mark.parametrize(
    ("old", "new", "told"),
    [
        ('role = "controlling"', "", 'routing "big ones": say a role, a person, or both'),
        ('currency = "EUR"\n', "", 'routing "big ones": amount_from and amount_to need a currency'),
        ('role = "controlling"', 'role = "c"\ncategories = ["UNSPSC:43"]', "categories are kinds of invoice; 'UNSPSC:43' says what is bought: spend_categories"),
        ('role = "controlling"', 'role = "c"\nspend_categories = ["43"]', "spend_categories name a scheme and a code, such as UNSPSC:43, not '43'"),
        ("price_variance", "prize_variance", "invalid enum value 'prize_variance'"),
        ("until = 2026-05-31", "until = 2026-04-30", "substitutes: anna is away until 2026-04-30, before 2026-05-01"),
        ('by = "ben"', 'by = "anna"', "substitutes: anna cannot stand in for themselves"),
        ("after_hours = 24", "after_hours = -1", "escalation: after_hours must be zero or more, not -1"),
        ('role = "head of finance"', "", "escalation after 24 hours: say a role, a person, or both"),
        ("[[substitutes]]", '[[routing]]\nname = "big ones"\nrole = "x"\n[[substitutes]]', 'routing "big ones": there is another rule of that name'),
    ],
)  # fmt: skip
def test_what_is_wrong_with_them_is_told(old: str, new: str, told: str) -> None:
    with pytest.raises(ConfigError) as error:
        load_policy(TEXT.replace(old, new))
    assert told in str(error.value)
