"""The life of a case: it goes to whoever the policy names, is worked in time or escalates, and settles by itself."""

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

from msgspec.structs import replace
from tests.processes.company import POLICY, SUPPLIER_ID, bill, receive, story
from tests.processes.story import START, Story

from tieout.kernel.clock import to_micros
from tieout.kernel.money import Money
from tieout.model.cases import Case, CaseClass
from tieout.model.documents import CashDiscount, Invoice, InvoiceKind
from tieout.model.facts import (
    ApprovalDecided,
    CaseAssigned,
    CaseDue,
    CaseEscalated,
    CaseOpened,
    CaseRouted,
    CaseSettled,
)
from tieout.policy.routing import DEFAULT, Amounts, Escalation, Routing, Urgency
from tieout.processes.case import case_id

KEY = case_id(CaseClass.TIE_OUT_BREAK, "d1")
#: The class has a day; Monday, 4 May 2026, 8:00, and a day later.
DUE = datetime(2026, 5, 5, 8, tzinfo=UTC)
POLICY_WITH = replace(
    POLICY,
    routing=(Routing(name="Berlin", entities=("de",), currency="EUR", amount_from=Decimal(500), role="team Berlin"),),
    escalation=(Escalation(after_hours=24, person="anna"),),
    urgency=Urgency(amounts={"EUR": Amounts(critical=Decimal(1_000))}),
)


def opened(amount: str = "100", reason: str = "they differ", deadline: datetime | None = None) -> CaseOpened:
    return CaseOpened(
        case=Case(
            case_class=CaseClass.TIE_OUT_BREAK,
            document="d1",
            entity="de",
            reason=reason,
            amount=Money.of(Decimal(amount), "EUR"),
            supplier_id=SUPPLIER_ID,
            deadline=deadline,
            deadline_name="payment day" if deadline else "",
        )
    )


def told_with(*facts: object, policy: object = POLICY_WITH) -> Story:
    told = story()
    told.policy = policy  # type: ignore[assignment]
    for fact in facts:
        told.tell(fact, KEY, "close/de")  # type: ignore[arg-type]
    return told


def routed(told: Story) -> list[CaseRouted]:
    return [event.data for event in told.events if isinstance(event.data, CaseRouted)]


def row(told: Story) -> tuple[str, str, str, int]:
    shown = told.rows("case")[KEY]
    return shown["owner_role"], shown["assignee"], shown["severity"], shown["level"]


def fire_all(told: Story) -> None:
    """Let the reminders of the case go off until none is left."""
    while keys := [key for key, (_, subject, _) in told.timers.items() if subject == KEY]:
        told.fire(keys[0])


def test_a_case_goes_to_its_owner_and_is_due_after_its_target_time() -> None:
    told = told_with(opened(), policy=POLICY)
    assert routed(told) == [CaseRouted(owner="controlling", severity="high", due_at=DUE, rule=DEFAULT)]
    assert told.rows("case")[KEY]["due_at"] == to_micros(DUE)


def test_a_rule_of_the_policy_takes_it_and_is_named() -> None:
    told = told_with(opened("1000"))
    assert routed(told) == [
        CaseRouted(owner="team Berlin", severity="critical", due_at=DUE, rule="Berlin", why="critical from 1000 EUR on")
    ]
    assert told.rows("case")[KEY]["rule"] == "Berlin"


def test_opening_it_again_says_only_what_has_changed() -> None:
    told = told_with(opened(), opened(reason="they still differ"), opened("1000"), opened("10"))
    assert [(one.owner, one.severity) for one in routed(told)] == [
        ("controlling", "high"),
        ("team Berlin", "critical"),
        ("controlling", "critical"),  # it belongs to others again, and does not become less grave behind their backs
    ]


def test_a_deadline_that_comes_nearer_is_when_it_is_due_and_the_old_reminder_is_nothing() -> None:
    told = told_with(opened(), opened(deadline=START + timedelta(hours=3)))
    assert row(told)[2] == "critical"
    first, second = sorted(
        (timer for _, subject, timer in told.timers.values() if subject == KEY), key=lambda one: one.due_at
    )
    assert (first.due_at, second.due_at) == (START + timedelta(hours=3), DUE)
    told.fire(first.key)
    assert row(told)[3] == 1
    told.fire(second.key)
    assert row(told)[3] == 1


def test_it_escalates_at_the_target_time_and_then_step_by_step() -> None:
    told = told_with(opened())
    fire_all(told)
    assert [event.data for event in told.events if isinstance(event.data, CaseEscalated)] == [
        CaseEscalated(
            level=1,
            owner="controlling",
            severity="critical",
            next_at=DUE + timedelta(days=1),
            why="not worked by 2026-05-05 08:00 UTC",
        ),
        CaseEscalated(
            level=2,
            owner="controlling",
            severity="critical",
            assignee="anna",
            why="not worked by 2026-05-05 08:00 UTC + 24 h",
        ),
    ]
    assert row(told) == ("controlling", "anna", "critical", 2)


def test_what_was_settled_in_time_does_not_escalate() -> None:
    told = told_with(opened(), CaseSettled(resolution="they agree again"))
    fire_all(told)
    assert not [event for event in told.events if isinstance(event.data, CaseEscalated)]


def test_whom_a_person_names_keeps_it_until_it_escalates() -> None:
    told = told_with(opened(), CaseAssigned(assignee="carla"), opened("1000"))
    assert row(told) == ("team Berlin", "carla", "critical", 0)
    fire_all(told)
    assert row(told) == ("team Berlin", "anna", "critical", 2)


def test_opened_again_it_has_its_time_anew() -> None:
    told = told_with(opened(), CaseSettled(resolution="done"))
    fire_all(told)
    told.now = later = DUE + timedelta(days=1)
    told.tell(opened(), KEY)
    assert told.rows("case")[KEY]["due_at"] == to_micros(later + timedelta(days=1))
    assert told.rows("case")[KEY]["opened_count"] == 2


def test_a_reminder_of_a_case_that_is_not_there_does_nothing() -> None:
    assert told_with(CaseDue()).state("case", KEY) is None


# ── an approval that does not come ─────────────────────────────────────────────────────────────────────────────────


def waiting() -> tuple[Story, str, str]:
    """An invoice that matches and waits for its approver, with the key of the reminder."""
    told = story()
    invoice_id = receive(told, bill())
    assert told.state("invoice", invoice_id).status == "matched"
    (key,) = (key for key in told.timers if key.startswith(f"{invoice_id}/approval/"))
    return told, invoice_id, key


def test_an_approval_that_does_not_come_is_a_case_until_it_comes() -> None:
    told, invoice_id, key = waiting()
    assert told.timers[key][2].due_at == START + timedelta(days=7)  # five business days
    told.fire(key)
    assert told.cases() == {f"approval_overdue {invoice_id}": "open"}
    told.tell(ApprovalDecided(approved=True, approver="vera"), invoice_id)
    assert told.cases() == {f"approval_overdue {invoice_id}": "settled"}


def test_a_refusal_settles_it_too_and_is_a_case_of_its_own() -> None:
    told, invoice_id, key = waiting()
    told.fire(key)
    told.tell(ApprovalDecided(approved=False, approver="vera", reason="not ordered"), invoice_id)
    assert told.cases() == {f"approval_overdue {invoice_id}": "settled", f"rejected_approval {invoice_id}": "open"}


def test_who_decides_in_time_is_not_reminded() -> None:
    told, invoice_id, key = waiting()
    told.tell(ApprovalDecided(approved=True, approver="vera"), invoice_id)
    assert told.fire(key) == []
    assert told.cases() == {}


def test_without_a_limit_nobody_is_reminded() -> None:
    told = story()
    told.policy = replace(POLICY, approval_days=0)
    invoice_id = receive(told, bill())
    assert not [key for key in told.timers if key.startswith(f"{invoice_id}/approval/")]


# ── deadlines of an invoice ────────────────────────────────────────────────────────────────────────────────────────


def deadline_of(document: Invoice) -> tuple[datetime | None, str]:
    """The deadline of the case about an invoice whose price is too high."""
    told = story()
    receive(told, document)
    (case,) = (event.data.case for event in told.events if isinstance(event.data, CaseOpened))
    return case.deadline, case.deadline_name


def discount(day: int) -> CashDiscount:
    return CashDiscount(until=date(2026, 5, day), amount=Money.of(Decimal(2), "EUR"))


def noon(month: int, day: int) -> datetime:
    return datetime(2026, month, day, 12, tzinfo=UTC)


def test_a_case_should_be_worked_before_the_next_discount_is_lost_else_before_the_payment_day() -> None:
    dear = bill(price="20")
    assert deadline_of(dear) == (noon(6, 2), "payment day")
    assert deadline_of(replace(dear, discounts=(discount(20), discount(10)))) == (noon(5, 10), "discount day")
    assert deadline_of(replace(dear, discounts=(discount(3), discount(20)))) == (noon(5, 20), "discount day")
    assert deadline_of(replace(dear, discounts=(discount(3),))) == (noon(6, 2), "payment day")


def test_nothing_is_lost_by_a_credit_note_that_waits() -> None:
    assert deadline_of(bill(kind=InvoiceKind.CREDIT_NOTE, quantity="20")) == (None, "")
