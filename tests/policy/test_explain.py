"""Each setting with its value and the level that says it; and in what two policies differ."""

from decimal import Decimal
from typing import Any

import pytest
from msgspec import Struct
from msgspec.structs import replace

from tieout.policy.explain import Difference, Setting, differences, flat, holding, limit_words, settings, warnings
from tieout.policy.load import load, load_policy
from tieout.policy.tolerances import Limit, Tolerances

TEXT = """
bank_change_confirmations = 3
[group]
currency = "EUR"
[regions.emea]
tolerances.price = { kind = "value", percent = 2, amount = 5 }
[entities.DE01]
name = "Northwind"
region = "emea"
tax_ids = ["DE1", "DE2"]
[entities.US01]
name = "Northwind Inc"
tolerances = "loose"
[tolerances.default]
[tolerances.loose]
amount = { kind = "unlimited" }
"""


GENERIC = "(what dialect generic makes of a limit that is not given)"
#: What the dialect "generic" checks beside the price, each at zero.
CHECKED = (
    *("quantity_ordered", "quantity_received", "quantity_accepted", "amount_ordered", "amount_received"),
    *("blanket_value", "blanket_time", "freight", "unplanned"),
)


def test_the_settings_of_an_entity() -> None:
    assert settings(load(TEXT), "DE01") == (
        Setting("name", "Northwind", "entity DE01"),
        Setting("currency", "EUR", "group"),
        Setting("region", "emea", "entity DE01"),
        Setting("country", "", "default"),
        Setting("tax_ids", "DE1, DE2", "entity DE01"),
        Setting("iban", "", "default"),
        Setting("bic", "", "default"),
        Setting("accounts", "", "default"),
        Setting("erp", "erp", "default"),
        Setting("ap", "ap", "default"),
        Setting("bank", "bank", "default"),
        Setting("close", "close", "default"),
        Setting("procurement", "procurement", "default"),
        Setting("tolerances.dialect", "generic", "default"),
        Setting("tolerances.price", "value: percent 2, amount 5", "region emea"),
        *(Setting(f"tolerances.{check}", f"zero {GENERIC}", "dialect") for check in CHECKED),
        Setting("tolerances.unplanned_charges", "refuse (of dialect generic)", "dialect"),
        Setting("tolerances.on_variance", "wait", "default"),
        Setting("matching.assign_lines", "true", "default"),
        Setting("matching.search_orders", "false", "default"),
        Setting("settlement.receipts", "at_once", "default"),
        Setting("settlement.consignments", "month_end", "default"),
        *(one for one in settings(load(TEXT)) if not one.key.startswith("matching.")),
    )


def test_what_holds_everywhere() -> None:
    assert settings(load(TEXT + "[duplicates]\nwindow_days = 40\n")) == (
        Setting("matching.assign_lines", "true", "default"),
        Setting("matching.search_orders", "false", "default"),
        Setting(
            "duplicates.layers",
            "exact, number_less, three_of_four, near, cross_entity, cross_supplier",
            "default",
        ),
        Setting("duplicates.window_days", "40", "policy"),
        Setting("duplicates.amount_percent", "1", "default"),
        Setting("duplicates.edit_distance", "2", "default"),
        Setting("duplicates.suspect_score", "70", "default"),
        Setting("duplicates.lookalike_days", "365", "default"),
        Setting("bank_change_confirmations", "3", "policy"),
        Setting("signal_age_minutes_max", "60", "default"),
        Setting("credit_expected_days", "14", "default"),
        Setting("close_window_days", "5", "default"),
        Setting("accrual_account", "accrued_liabilities", "default"),
        Setting("expense_account", "expense", "default"),
        Setting("routing", "", "default"),
        Setting("substitutes", "", "default"),
        Setting("escalation", "", "default"),
        Setting("urgency.high_hours", "72", "default"),
        Setting("urgency.critical_hours", "24", "default"),
        Setting("approval_days", "5", "default"),
        Setting("identities", "", "default"),
        Setting("controls", "", "default"),
        Setting("effective_from", "", "default"),
    )


def test_a_rule_of_a_list_is_said_by_the_policy() -> None:
    text = TEXT + "[[identities]]\nperson = 'anna'\nsystem = 'erp'\n"
    found = {one.key: one.level for one in settings(load(text))}
    assert {level for key, level in found.items() if key.startswith("identities.1.")} == {"policy"}


def test_tables_of_their_own_are_no_settings() -> None:
    """Partners, channels and sets of tolerances are looked up by name, not set."""
    more = "[partners.p]\nname = 'P'\n[channels.mail]\nanswers_per_day = 1\n"
    assert settings(load(TEXT + more)) == settings(load(TEXT))


def test_an_entity_that_names_a_set_has_its_limits() -> None:
    found = {one.key: one for one in settings(load(TEXT), "US01")}
    assert found["tolerances.amount"] == Setting("tolerances.amount", "unlimited", "set loose")
    assert found["tolerances.price"] == Setting("tolerances.price", f"zero {GENERIC}", "dialect")
    with pytest.raises(KeyError):
        settings(load(TEXT), "XX01")


SEARCHING = """
[matching]
assign_lines = false
[group.matching]
assign_lines = true
[regions.emea.matching]
search_orders = true
"""


def test_matching_comes_from_the_level_that_says_it() -> None:
    found = {one.key: one for one in settings(load(TEXT + SEARCHING), "DE01")}
    assert found["matching.assign_lines"] == Setting("matching.assign_lines", "true", "group")
    assert found["matching.search_orders"] == Setting("matching.search_orders", "true", "region emea")
    only_top = {one.key: one for one in settings(load(TEXT + "[matching]\nsearch_orders = true\n"), "US01")}
    assert only_top["matching.search_orders"] == Setting("matching.search_orders", "true", "policy")
    assert only_top["matching.assign_lines"] == Setting("matching.assign_lines", "true", "default")


def test_a_change_of_matching_is_told_for_each_entity_that_it_concerns() -> None:
    after = load_policy(TEXT + "[matching]\nsearch_orders = true\n[entities.DE01.matching]\nsearch_orders = false\n")
    assert differences(load_policy(TEXT), after) == (
        Difference("entities.US01.matching.search_orders", "false", "true"),
        Difference("matching.search_orders", "false", "true"),
    )


def test_in_what_two_policies_differ() -> None:
    after = TEXT.replace("percent = 2", "percent = 3").replace("confirmations = 3", "confirmations = 2")
    after = after.replace('amount = { kind = "unlimited" }', 'price = { kind = "off" }') + "[partners.p]\nname='P'\n"
    assert differences(load_policy(TEXT), load_policy(after)) == (
        Difference("bank_change_confirmations", "3", "2"),
        Difference("entities.DE01.tolerances.price", "value: percent 2, amount 5", "value: percent 3, amount 5"),
        Difference("entities.US01.tolerances.amount", "unlimited", ""),
        Difference("entities.US01.tolerances.price", f"zero {GENERIC}", "off"),
        Difference("partners.p.acknowledged_within_hours", "", "24"),
        Difference("partners.p.name", "", "P"),
        Difference("tolerances.loose.amount", "unlimited", ""),
        Difference("tolerances.loose.price", f"zero {GENERIC}", "off"),
    )
    assert differences(load_policy(TEXT), load_policy(TEXT)) == ()


def test_another_dialect_differs_in_all_that_holds() -> None:
    before = load_policy(TEXT.replace("[tolerances.loose]", "[tolerances.loose]\ndialect = 'generic'"))
    after = load_policy(TEXT.replace("[tolerances.loose]", "[tolerances.loose]\ndialect = 'erpnext'"))
    found = {one.key: (one.before, one.after) for one in differences(before, after)}
    assert found["tolerances.loose.dialect"] == ("generic", "erpnext")
    blank = "(what dialect erpnext makes of a limit that is not given)"
    assert found["tolerances.loose.price"] == (f"zero {GENERIC}", f"off {blank}")
    assert found["entities.US01.tolerances.price"] == found["tolerances.loose.price"]
    assert not any("DE01" in key for key in found)


def told(**limits: Any) -> dict[str, str]:
    return dict(holding(Tolerances(**limits)))


def test_what_an_erp_makes_of_its_limits() -> None:
    blank = "(what dialect {} makes of a limit that is not given)".format
    assert told(dialect="sap", price=Limit(kind="value", percent=Decimal(2)), tax=Limit()) == {
        "dialect": "sap",
        "price": "value: percent 2",
        **dict.fromkeys(("price_under", "price_estimated"), f"off {blank('sap')}"),
        **dict.fromkeys(("quantity_value", "quantity_unreceived", "item_amount"), f"off {blank('sap')}"),
        **dict.fromkeys(("blanket_value", "blanket_time", "date_value", "freight"), f"off {blank('sap')}"),
        "quantity_accepted": f"zero {blank('sap')}",
        "tax": "zero",
        "unplanned_charges": "spread (of dialect sap)",
        "on_variance": "wait",
    }
    assert told(dialect="oracle_fusion", unplanned_charges="refuse")["price"] == f"unlimited {blank('oracle_fusion')}"
    assert told(dialect="oracle_fusion", unplanned_charges="refuse")["unplanned_charges"] == "refuse"
    ebs = told(dialect="oracle_ebs", price=Limit(kind="zero"), tax=Limit(kind="value", percent=Decimal(1)))
    assert (ebs["price"], ebs["tax"]) == ("zero (never held in dialect oracle_ebs)", "value: percent 1")
    assert ebs["quantity_accepted"] == f"zero {blank('oracle_ebs')}"


def test_charges_of_the_policy_are_not_the_dialects() -> None:
    text = TEXT.replace("[tolerances.loose]", "[tolerances.loose]\nunplanned_charges = 'spread'")
    found = {one.key: one for one in settings(load(text), "US01")}
    assert found["tolerances.unplanned_charges"] == Setting("tolerances.unplanned_charges", "spread", "set loose")


def test_it_is_told_which_level_has_invoices_posted_on_hold() -> None:
    text = TEXT.replace("[tolerances.loose]", "[tolerances.loose]\non_variance = 'post_on_hold'")
    found = {one.key: one for one in settings(load(text), "US01")}
    assert found["tolerances.on_variance"] == Setting("tolerances.on_variance", "post_on_hold", "set loose")
    before, after = load(TEXT).policy, load(text).policy
    assert Difference("entities.US01.tolerances.on_variance", "wait", "post_on_hold") in differences(before, after)


def test_an_erps_dialect_without_limits_is_warned_of() -> None:
    text = TEXT.replace("[tolerances.default]", "[tolerances.default]\ndialect = 'oracle_fusion'")
    more = "[entities.US02]\nname = 'x'\n[entities.US03]\nname = 'x'\ntolerances = { dialect = 'ariba' }\n"
    policy = load_policy(text + more + "[entities.AT01]\nname = 'x'\n")
    assert warnings(policy, policy.entities) == (
        "US02, AT01: the tolerances name the dialect oracle_fusion and give no limit, so that only quantity_accepted is"
        " held, as in Oracle Fusion Payables. Give the limits that are set there, or name the dialect generic.",
        "US03: the tolerances name the dialect ariba and give no limit, so that only quantity_ordered,"
        " quantity_received, amount_ordered, amount_received, freight and unplanned are held, as in SAP Ariba. Give the"
        " limits that are set there, or name the dialect generic.",
    )
    assert warnings(policy, ["US01", "DE01"]) == ()
    assert "US02:" in warnings(policy, ["US02"])[0]


@pytest.mark.parametrize("dialect", ["generic", "generic_lenient", "generic_strict", "dynamics365", "erpnext"])
def test_where_a_limit_that_is_not_given_holds_nobody_is_warned(dialect: str) -> None:
    policy = load_policy(TEXT)
    policy = replace(policy, entities={"A": replace(policy.entities["DE01"], tolerances=Tolerances(dialect=dialect))})
    assert warnings(policy, ["A"]) == ()


def test_an_entity_that_is_gone_differs_in_all_it_said() -> None:
    before = TEXT + "[entities.FR01]\nname = 'F'\n"
    keys = {one.key for one in differences(load_policy(before), load_policy(TEXT))}
    assert "entities.FR01.name" in keys
    assert all(key.startswith("entities.FR01.") for key in keys)


class Inner(Struct, frozen=True):
    """Something nested."""

    on: bool
    names: tuple[str, ...] = ()


def test_values_are_flat() -> None:
    value = {"a": (Inner(True, ("x", "y")), Inner(False)), "b": None, "c": Limit(kind="off")}
    assert list(flat(value, "t")) == [
        ("t.a.1.on", "true"),
        ("t.a.1.names", "x, y"),
        ("t.a.2.on", "false"),
        ("t.a.2.names", ""),
        ("t.b", ""),
        ("t.c", "off"),
    ]
    assert limit_words(Limit(kind="value", amount=Decimal("0.10"))) == "value: amount 0.10"


def test_a_rule_of_routing_is_told_with_what_it_names() -> None:
    rule = '[[routing]]\nname = "IT"\nspend_categories = ["UNSPSC:43", "CPV:302"]\nrole = "it"\n'
    told = {one.key: (one.value, one.level) for one in settings(load(rule))}
    assert told["routing.1.spend_categories"] == ("UNSPSC:43, CPV:302", "policy")
