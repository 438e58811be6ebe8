"""Each setting with its value and the level that says it; and in what two policies differ."""

from decimal import Decimal

import pytest
from msgspec import Struct

from tieout.policy.explain import Difference, Setting, differences, flat, limit_words, settings
from tieout.policy.load import load, load_policy
from tieout.policy.tolerances import Limit

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
        Setting("tolerances.quantity_ordered", "zero", "default"),
        Setting("tolerances.quantity_received", "zero", "default"),
        Setting("tolerances.amount", "off", "default"),
        *settings(load(TEXT)),
    )


def test_what_holds_everywhere() -> None:
    assert settings(load(TEXT)) == (
        Setting("bank_change_confirmations", "3", "policy"),
        Setting("signal_age_minutes_max", "60", "default"),
        Setting("close_window_days", "5", "default"),
        Setting("accrual_account", "accrued_liabilities", "default"),
        Setting("expense_account", "expense", "default"),
        Setting("effective_from", "", "default"),
    )


def test_tables_of_their_own_are_no_settings() -> None:
    """Partners, channels and sets of tolerances are looked up by name, not set."""
    more = "[partners.p]\nname = 'P'\n[channels.mail]\nanswers_per_day = 1\n"
    assert settings(load(TEXT + more)) == settings(load(TEXT))


def test_an_entity_that_names_a_set_has_its_limits() -> None:
    found = {one.key: one for one in settings(load(TEXT), "US01")}
    assert found["tolerances.amount"] == Setting("tolerances.amount", "unlimited", "set loose")
    assert found["tolerances.price"] == Setting("tolerances.price", "zero", "default")
    with pytest.raises(KeyError):
        settings(load(TEXT), "XX01")


def test_in_what_two_policies_differ() -> None:
    after = TEXT.replace("percent = 2", "percent = 3").replace("confirmations = 3", "confirmations = 2")
    after = after.replace('amount = { kind = "unlimited" }', 'price = { kind = "off" }') + "[partners.p]\nname='P'\n"
    assert differences(load_policy(TEXT), load_policy(after)) == (
        Difference("bank_change_confirmations", "3", "2"),
        Difference("entities.DE01.tolerances.price", "value: percent 2, amount 5", "value: percent 3, amount 5"),
        Difference("entities.US01.tolerances.amount", "unlimited", "off"),
        Difference("entities.US01.tolerances.price", "zero", "off"),
        Difference("partners.p.acknowledged_within_hours", "", "24"),
        Difference("partners.p.name", "", "P"),
        Difference("tolerances.loose.amount", "unlimited", "off"),
        Difference("tolerances.loose.price", "zero", "off"),
    )
    assert differences(load_policy(TEXT), load_policy(TEXT)) == ()


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
