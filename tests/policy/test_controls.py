"""Compensating controls: named, dated, expiring, reviewed; and what they never let through."""

from datetime import date, timedelta
from typing import Any

import pytest
from msgspec.structs import replace

from tieout.kernel.errors import ConfigError
from tieout.policy.controls import (
    Control,
    Ruling,
    control_complaints,
    days_left,
    review_due,
    rule,
    standing,
    uncompensated,
)
from tieout.policy.duties import Act, Clash, Conflict, Identity, conflict_between
from tieout.policy.holdings import Finding, Holder, audit_fails, findings, holders
from tieout.policy.load import load_policy

CONTROL = Control(
    name="small site",
    duties=("GR", "IE"),
    person="anna",
    measure="the site manager compares delivery notes each month",
    reviewer="rita",
    valid_from=date(2026, 1, 1),
    valid_until=date(2026, 6, 30),
    review_days=31,
    entities=("DE01",),
)
GR_IE, IE_IA = conflict_between("GR", "IE"), conflict_between("IE", "IA")
assert GR_IE is not None
assert IE_IA is not None
JAN_10 = date(2026, 1, 10)


def clash(conflict: Conflict = GR_IE, person: str = "person:anna") -> Clash:
    return Clash(conflict, person, "enter_invoice", Act("record_receipt", person))


SAID = str(clash())


@pytest.mark.parametrize(
    ("day", "reviews", "stands", "left"),
    [
        ("2025-12-31", {}, "not begun", 32),
        ("2026-01-01", {}, "in force", 31),
        ("2026-02-01", {}, "in force", 0),
        ("2026-02-02", {}, "review overdue", -1),
        ("2026-02-02", {"small site": date(2026, 1, 31)}, "in force", 29),
        ("2026-02-02", {"another": date(2026, 1, 31)}, "review overdue", -1),
        ("2026-02-02", {"small site": date(2025, 12, 1)}, "review overdue", -1),
        ("2026-06-30", {"small site": date(2026, 6, 29)}, "in force", 0),
        ("2026-07-01", {"small site": date(2026, 6, 29)}, "expired", -1),
    ],
)
def test_where_a_control_stands(day: str, reviews: dict[str, date], stands: str, left: int) -> None:
    assert standing(CONTROL, reviews, date.fromisoformat(day)) == stands
    assert days_left(CONTROL, reviews, date.fromisoformat(day)) == left


def test_a_review_is_due_so_many_days_after_the_last_one() -> None:
    assert review_due(CONTROL, {}) == date(2026, 2, 1)
    assert review_due(CONTROL, {"small site": date(2026, 1, 20)}) == date(2026, 2, 20)


@pytest.mark.parametrize(
    ("clashes", "day", "entity", "ruling"),
    [
        pytest.param([], JAN_10, "DE01", Ruling(), id="nothing to rule on"),
        pytest.param([clash()], JAN_10, "DE01", Ruling((), ("small site",)), id="in force"),
        pytest.param([clash(), clash()], JAN_10, "DE01", Ruling((), ("small site",)), id="told once"),
        pytest.param([clash()], JAN_10, "GB01", Ruling((SAID,)), id="another entity"),
        pytest.param([clash()], JAN_10, "", Ruling((SAID,)), id="no entity"),
        pytest.param(
            [clash(person="person:bob")], JAN_10, "DE01", Ruling((str(clash(person="person:bob")),)), id="bob"
        ),
        pytest.param([clash(IE_IA)], JAN_10, "DE01", Ruling((str(clash(IE_IA)),)), id="another pair"),
        pytest.param(
            [clash(), clash(IE_IA)], JAN_10, "DE01", Ruling((str(clash(IE_IA)),), ("small site",)), id="one of two"
        ),
        pytest.param(
            [clash()],
            date(2026, 7, 1),
            "DE01",
            Ruling(
                (
                    f"{SAID} The control 'small site' expired on 2026-06-30; renew it in the policy or ask another"
                    " person.",
                )
            ),
            id="expired",
        ),
        pytest.param(
            [clash()],
            date(2025, 7, 1),
            "DE01",
            Ruling((f"{SAID} The control 'small site' begins only on 2026-01-01.",)),
            id="not begun",
        ),
        pytest.param(
            [clash()],
            date(2026, 3, 1),
            "DE01",
            Ruling(
                (
                    f"{SAID} The control 'small site' should have been reviewed by 2026-02-01; rita must review it"
                    " first.",
                )
            ),
            id="review overdue",
        ),
    ],
)
def test_what_a_control_lets_through(clashes: list[Clash], day: date, entity: str, ruling: Ruling) -> None:
    assert rule(clashes, [CONTROL], {}, day, entity) == ruling


def test_a_control_for_everywhere_covers_what_belongs_to_no_entity() -> None:
    everywhere = replace(CONTROL, entities=())
    assert rule([clash()], [everywhere], {}, JAN_10) == Ruling((), ("small site",))
    assert rule([clash()], [CONTROL], {}, JAN_10) == Ruling((SAID,))


def test_the_control_in_force_counts_where_another_has_run_out() -> None:
    old = replace(CONTROL, name="last year", valid_from=date(2025, 1, 1), valid_until=date(2025, 12, 31))
    assert rule([clash()], [old, CONTROL], {}, JAN_10, "DE01") == Ruling((), ("small site",))


@pytest.mark.parametrize("pair", [("VM", "VB"), ("IE", "IA"), ("PP", "PX"), ("CF", "CA"), ("IE", "IM")])
def test_no_control_lets_anybody_approve_their_own(pair: tuple[str, str]) -> None:
    conflict = conflict_between(*pair)
    assert conflict is not None
    own = replace(CONTROL, duties=pair, entities=())
    assert rule([clash(conflict)], [own], {}, JAN_10) == Ruling((str(clash(conflict)),))
    assert uncompensated([conflict], "anna", [own], {}, JAN_10) == ()


@pytest.mark.parametrize(
    ("entities", "controls", "covered"),
    [
        ((), [], False),
        ((), [CONTROL], False),
        (("DE01",), [CONTROL], True),
        (("DE01", "GB01"), [CONTROL], False),
        (("DE01", "GB01"), [CONTROL, replace(CONTROL, name="b", entities=("GB01", "FR01"))], True),
        ((), [replace(CONTROL, entities=())], True),
        (("DE01",), [replace(CONTROL, entities=())], True),
        (("DE01",), [replace(CONTROL, person="bob")], False),
        (("DE01",), [replace(CONTROL, duties=("IE", "GR"))], True),
        (("DE01",), [replace(CONTROL, duties=("PO", "GR"))], False),
        (("DE01",), [replace(CONTROL, valid_until=date(2026, 1, 9))], False),
    ],
)
def test_duties_in_one_hand_are_covered_wherever_the_person_works(
    entities: tuple[str, ...], controls: list[Control], covered: bool
) -> None:
    assert uncompensated([GR_IE], "Anna", controls, {}, JAN_10, entities) == (() if covered else (GR_IE,))


def test_a_control_is_read_from_the_policy_and_every_mistake_in_it_is_named() -> None:
    text = """
[tolerances.default]
[entities.DE01]
name = "Muster GmbH"
currency = "EUR"
[[identities]]
person = "anna"
system = "ap"
name = "a.lopez"
[[controls]]
name = "small site"
duties = ["GR", "IE"]
person = "anna"
measure = "the site manager compares delivery notes each month"
reviewer = "rita"
valid_from = 2026-01-01
valid_until = 2026-06-30
review_days = 31
entities = ["DE01"]
"""
    policy = load_policy(text)
    assert policy.controls == (CONTROL,)
    assert policy.identities == (Identity(person="anna", system="ap", name="a.lopez"),)
    wrong = (
        text
        + """
[[controls]]
name = "small site"
duties = ["IE", "PP"]
person = "person:anna"
measure = " "
reviewer = "ANNA"
valid_from = 2026-01-01
valid_until = 2025-06-30
review_days = 0
entities = ["XX"]
"""
    )
    with pytest.raises(ConfigError) as error:
        load_policy(wrong.replace('person = "person:anna"', 'person = "anna"'))
    assert str(error.value) == (
        "policy: controls[2].name: every control needs a name of its own; "
        'controls[2].duties: "IE" and "PP" do not conflict; docs/duties.md lists what does; '
        "controls[2].measure: say what is done instead of separating the duties; "
        "controls[2].reviewer: another person than 'anna' must review it; "
        "controls[2].valid_until: 2025-06-30 is before valid_from, 2026-01-01; "
        "controls[2].review_days: from 1 to 366; "
        'controls[2].entities: there is no entity "XX". Correct it and load the policy again.'
    )
    with pytest.raises(ConfigError, match=r'controls\[2\].person: the name of an account without "person:"'):
        load_policy(wrong)
    for left_out in ("name", "person", "reviewer"):
        blank = "\n".join(f'{left_out} = ""' if line.startswith(left_out) else line for line in text.splitlines())
        blank = blank.replace('person = ""\nsystem', 'person = "anna"\nsystem').replace(
            'system = "ap"\nname = ""', 'system = "ap"'
        )
        with pytest.raises(ConfigError, match=rf"controls\[1\].{left_out}: "):
            load_policy(blank)


def holder(name: str, *duties: str, **more: Any) -> Holder:
    return Holder(**{"name": name, "kind": "person", "duties": tuple(sorted((*duties, "RD"))), **more})


def test_a_machine_carries_the_sum_of_its_users_duties() -> None:
    accounts = [
        holder("anna", "VM"), holder("bob", "PX"), holder("carl", "IE"), holder("svc", "RC"),
        holder("key 1 of carl", "IE", kind="key", users=("carl",)),
    ]  # fmt: skip
    identities = [
        Identity(person="Anna", system="tieout", name="SVC"),
        Identity(person="bob", system="tieout", name="svc"),
        Identity(person="anna", system="erp"),
        Identity(person="carl", system="erp"),
        Identity(person="bob", system="ap", name="shared"),
        Identity(person="carl", system="ap", name="shared"),
        Identity(person="bob", system="ap", name="bob.b"),
        Identity(person="nobody", system="tieout", name="gone"),
        Identity(person="nobody", system="bank"),
    ]
    assert holders(accounts, identities) == (
        holder("anna", "VM", "RC"),
        holder("bob", "PX", "RC"),
        holder("carl", "IE"),
        holder("svc", "VM", "PX", "RC", kind="shared account", users=("anna", "bob")),
        holder("key 1 of carl", "IE", kind="key", users=("carl",)),
        holder("erp", "VM", "IE", kind="connection", users=("anna", "carl")),
        holder("ap:shared", "PX", "IE", kind="connection", users=("bob", "carl")),
        holder("bank", kind="connection", users=("nobody",)),
    )


def test_keys_give_their_owner_nothing_and_entities_stay() -> None:
    """A key that bears a person's name is no account; a name elsewhere that is also an account here is another."""
    accounts = [
        holder("anna", "GR", entities=("DE01",)),
        holder("Anna", "PX", kind="key", users=("anna",)),
        holder("bob", "IE"),
    ]
    identities = [Identity(person="bob", system="ap", name="anna")]
    assert holders(accounts, identities) == tuple(accounts)


def test_a_conflict_is_covered_where_its_holder_works() -> None:
    other = replace(CONTROL, name="other site", entities=("GB01",))
    working = [holder("anna", "GR", "IE", entities=("DE01",)), holder("anna", "GR", "IE")]
    told = "small site (in force), other site (in force)"
    assert findings(working, [CONTROL, other], {}, JAN_10) == (
        Finding(holder="anna", kind="person", conflict=GR_IE, compensated=True, control=told),
        Finding(holder="anna", kind="person", conflict=GR_IE, compensated=False, control=told),
    )


def test_every_conflict_of_every_holder_is_found_with_its_control() -> None:
    everywhere = replace(CONTROL, entities=())
    pe_je = conflict_between("PE", "JE")
    assert pe_je is not None
    everybody = [
        holder("anna", "GR", "IE"), holder("bob", "GR", "IE"), holder("carl", "PE", "JE"), holder("dora", "IE"),
        holder("key 1 of anna", "GR", "IE", kind="key", users=("anna",)),
        holder("key 2 of bob", "GR", "IE", kind="key", users=("bob",)),
    ]  # fmt: skip
    found = findings(everybody, [everywhere], {}, JAN_10)
    assert found == (
        Finding(holder="anna", kind="person", conflict=GR_IE, compensated=True, control="small site (in force)"),
        Finding(holder="bob", kind="person", conflict=GR_IE, compensated=False),
        Finding(holder="carl", kind="person", conflict=pe_je, compensated=False),
        Finding(holder="key 1 of anna", kind="key", conflict=GR_IE, compensated=True, control="small site (in force)"),
        Finding(holder="key 2 of bob", kind="key", conflict=GR_IE, compensated=False),
    )
    assert audit_fails(found)
    assert not audit_fails(one for one in found if one.holder in ("anna", "carl", "key 1 of anna"))
    late = findings(everybody[:1], [everywhere], {}, JAN_10 + timedelta(days=90))
    assert late == (
        Finding(holder="anna", kind="person", conflict=GR_IE, compensated=False, control="small site (review overdue)"),
    )


def test_somebody_who_administers_carries_a_conflict_with_each_other_duty_once() -> None:
    found = findings([holder("root", "AD", "IE", "PP")], [], {}, JAN_10)
    assert [(one.conflict.name, one.compensated) for one in found] == [("AD-*", False)]


def test_nobody_grants_a_control_to_themselves() -> None:
    written = {"small site": frozenset({"person:anna", "person:cora"})}
    told = (
        "The control 'small site' was drafted or approved by anna, whom it covers; two other people must write it into"
        " the policy."
    )
    assert rule([clash()], [CONTROL], {}, JAN_10, "DE01", written) == Ruling(refused=(f"{clash()} {told}",))
    other = replace(CONTROL, name="other")
    assert rule([clash()], [CONTROL, other], {}, JAN_10, "DE01", written) == Ruling(under=("other",))
    assert rule([clash()], [CONTROL], {}, JAN_10, "DE01", {"small site": {"person:cora"}}) == Ruling(
        under=("small site",)
    )


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        (
            {"valid_until": date(2027, 1, 3)},
            "valid_until: at most a year after valid_from, 2026-01-01; then write it anew",
        ),
        (
            {"valid_until": date(9999, 12, 31)},
            "valid_until: at most a year after valid_from, 2026-01-01; then write it anew",
        ),
        ({"review_days": 367}, "review_days: from 1 to 366"),
        ({"review_days": 10**9}, "review_days: from 1 to 366"),
        ({"reviewer": "night-run"}, "reviewer: 'night-run' is an account that 'anna' uses, or the other way round"),
    ],
)
def test_a_control_that_never_ends_or_that_one_reviews_oneself_is_none(changes: dict[str, Any], told: str) -> None:
    shared = (Identity(person="anna", system="tieout", name="night-run"),)
    assert list(control_complaints([replace(CONTROL, **changes)], ["DE01"], shared)) == [f"controls[1].{told}"]
    assert list(control_complaints([replace(CONTROL, valid_until=date(2027, 1, 1))], ["DE01"], shared)) == []
