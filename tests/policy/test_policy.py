"""A policy is read strictly: what is wrong is named with its place, and nothing is guessed."""

from decimal import Decimal

import pytest
from msgspec.structs import replace

from tieout.kernel.errors import ConfigError
from tieout.policy.dialect import DIALECTS, DIGESTS, content_digest
from tieout.policy.duplicates import DuplicateRules
from tieout.policy.load import load, load_policy
from tieout.policy.policy import Policy
from tieout.policy.tolerances import Limit, Tolerances

GOOD = """
bank_change_confirmations = 3
effective_from = "2026-01-01"

[entities.de]
name = "Muster GmbH"
currency = "EUR"
iban = "DE89370400440532013000"
erp = "tryton"

[entities.us]
name = "Sample Inc"
currency = "USD"
tolerances = "loose"

[tolerances.default]

[tolerances.loose]
price = { kind = "value", percent = 2.5, amount = "0.10" }
quantity_ordered = { kind = "unlimited" }
amount = { kind = "off" }
"""


def test_a_policy_is_read_with_exact_decimals() -> None:
    policy = load_policy(GOOD)
    loose = policy.tolerances_of("us")
    assert loose.price == Limit(kind="value", percent=Decimal("2.5"), amount=Decimal("0.10"))
    assert (loose.quantity_received, loose.dialect) == (None, "generic")
    assert policy.tolerances_of("de").price is None
    assert policy.tolerances_of("not known") == policy.tolerances["default"]
    assert policy.supplier_systems == ("ap", "erp", "tryton")


def test_a_dialect_that_decides_otherwise_is_another_version(monkeypatch: pytest.MonkeyPatch) -> None:
    """Of the dialects in use: those of sets, and those that an entity names itself."""
    policy = load_policy(GOOD)
    own = replace(next(iter(policy.entities.values())), tolerances=Tolerances(dialect="ariba"))
    policy = replace(policy, entities={"A": own}, tolerances={"default": Tolerances(dialect="sap")})
    before = policy.version
    for dialect, changed in (("sap", True), ("ariba", True), ("erpnext", False)):
        with monkeypatch.context() as patch:
            patch.setitem(DIGESTS, dialect, "another")
            assert (policy.version != before) is changed, dialect
    assert policy.version == before


def test_what_decides_in_a_dialect() -> None:
    tables = {"title": "SAP", "source": "a page", "blank": "off", "checks": {"price": {"hold": "P"}}}
    assert content_digest(tables) == content_digest({**tables, "title": "S/4", "source": "another page"})
    assert content_digest(tables) != content_digest({**tables, "blank": "zero"})
    assert content_digest(tables) != content_digest({**tables, "checks": {"price": {"hold": "Q"}}})
    assert DIGESTS.keys() == DIALECTS.keys()
    assert len(set(DIGESTS.values())) == len(DIGESTS)


def test_any_change_changes_the_version() -> None:
    versions = {load_policy(text).version for text in (GOOD, GOOD.replace("2.5", "2.6"), GOOD.replace("= 3", "= 2"))}
    assert len(versions) == 3
    assert load_policy(GOOD).version == load_policy("\n".join(["# a remark", GOOD])).version


def test_how_duplicates_are_searched_for_is_policy() -> None:
    text = """
[duplicates]
layers = ["exact", "near"]
window_days = 366
amount_percent = 0.5
edit_distance = 3
suspect_score = 50
lookalike_days = 1
override_above = { EUR = 10_000, JPY = 0 }
"""
    assert load_policy(text).duplicates == DuplicateRules(
        layers=("exact", "near"),
        window_days=366,
        amount_percent=Decimal("0.5"),
        edit_distance=3,
        suspect_score=50,
        lookalike_days=1,
        override_above={"EUR": Decimal(10_000), "JPY": Decimal(0)},
    )
    edges = "[duplicates]\nwindow_days = 1\namount_percent = 10\nedit_distance = 0\nsuspect_score = 100"
    assert load_policy(edges).duplicates.window_days == 1
    assert load_policy("[duplicates]\namount_percent = 0").duplicates.amount_percent == 0


def test_an_empty_policy_is_the_strict_one() -> None:
    assert load_policy("") == Policy()


DE = "[entities.de]\nname = 'x'\n"


@pytest.mark.parametrize(
    ("text", "told"),
    [
        (
            "entities = ",
            "policy.toml: the policy: is not TOML: Invalid value (at end of document)",
        ),
        ("colour = 1", "policy.toml, line 1: colour = 1: there is no such key"),
        (
            DE + "currency = 'EUR'\nerpp = 'y'",
            'policy.toml, line 4: entities.de.erpp = "y": there is no such key; did you mean "erp"?',
        ),
        (
            DE,
            "policy.toml, line 1: entities.de.currency: is missing and must be said, here or in its region or the group",
        ),
        ("[entities.de]\ncurrency = 'EUR'", "policy.toml, line 1: entities.de.name: is missing and must be said"),
        (
            DE + "currency = 'Euro'",
            'policy.toml, line 3: entities.de.currency = "Euro": is not an ISO 4217 code such as EUR',
        ),
        (
            DE + "currency = 'EUR'\niban = 'DE00'",
            'policy.toml, line 4: entities.de.iban = "DE00": is not a valid IBAN; check its digits',
        ),
        (
            DE + "currency = 'EUR'\ntolerances = 'q'",
            'policy.toml, line 4: entities.de.tolerances = "q": there is no set of that name; sets of this policy:'
            " default",
        ),
        (
            DE + "currency = 'EUR'\nregion = 'emea'",
            'policy.toml, line 4: entities.de.region = "emea": there is no table [regions.emea]; regions of this'
            " policy: none",
        ),
        (
            "[group]\niban = 'DE89370400440532013000'",
            'policy.toml, line 2: group.iban = "DE89370400440532013000": belongs to one legal entity and cannot be'
            " inherited; say it in [entities.<name>]",
        ),
        ("regions = 1", "policy.toml, line 1: regions = 1: must be tables, [regions.<name>]"),
        ("[entities]\nde = 1", "policy.toml, line 2: entities.de = 1: must be a table, [entities.de]"),
        ("[tolerances.loose]", 'policy.toml, line 1: tolerances: the set named "default" is missing'),
        (
            "[tolerances.default]\nprice = { kind = 'value' }",
            'policy.toml, line 2: tolerances.default.price: kind "value" needs a percent, an amount, or both; for no'
            ' variance say kind "zero"',
        ),
        (
            "[tolerances.default]\nprice = { kind = 'zero', percent = 0 }",
            'policy.toml, line 2: tolerances.default.price: kind "zero" takes neither percent nor amount; say kind'
            ' "value"',
        ),
        (
            "[tolerances.default]\nprice = { kind = 'value', percent = -1 }",
            "policy.toml, line 2: tolerances.default.price: percent and amount must be plain numbers of zero or more",
        ),
        (
            "[tolerances.default]\nprice = { kind = 'value', percent = nan }",
            "policy.toml, line 2: tolerances.default.price: percent and amount must be plain numbers of zero or more",
        ),
        (
            "[tolerances.default.price]\nkind = 'vlue'",
            'policy.toml, line 2: tolerances.default.price.kind = "vlue": must be one of off, zero, value, unlimited;'
            ' did you mean "value"?',
        ),
        (
            "bank_change_confirmations = 0",
            "policy.toml, line 1: bank_change_confirmations = 0: at least 1 person must confirm a bank change",
        ),
        (
            "close_window_days = 26",
            "policy.toml, line 1: close_window_days = 26: must be from 0 to 25 days",
        ),
        (
            "close_window_days = -1",
            "policy.toml, line 1: close_window_days = -1: must be from 0 to 25 days",
        ),
        (
            "signal_age_minutes_max = 0",
            "policy.toml, line 1: signal_age_minutes_max = 0: must be at least 1 minute",
        ),
        ("approval_days = -1", "policy.toml, line 1: approval_days = -1: must be zero or more"),
        (
            "approval_days = 1e99999999999999999999",
            "policy.toml: the policy: holds a number that is not a plain decimal",
        ),
        (
            "bank_change_confirmations = '2'",
            'policy.toml, line 1: bank_change_confirmations = "2": expected `int`, got `str`',
        ),
        (
            "colour = 1\nbank_change_confirmations = true",
            "policy.toml, line 1: colour = 1: there is no such key; policy.toml, line 2: bank_change_confirmations = true:"
            " expected `int`, got `bool`",
        ),
        (
            "[duplicates]\nlayers = ['near']",
            'policy.toml, line 2: duplicates.layers: "exact" must be among them; the same number is always stopped',
        ),
        (
            "[duplicates]\nlayers = ['exact', 'far']",
            "policy.toml, line 1: duplicates.layers[1] = ['exact', 'far']: invalid enum value 'far'",
        ),
        ("[duplicates]\nwindow_days = 0", "policy.toml, line 2: duplicates.window_days: must be from 1 to 366"),
        ("[duplicates]\nwindow_days = 367", "policy.toml, line 2: duplicates.window_days: must be from 1 to 366"),
        ("[duplicates]\namount_percent = 10.1", "policy.toml, line 2: duplicates.amount_percent: must be from 0 to 10"),
        ("[duplicates]\namount_percent = -1", "policy.toml, line 2: duplicates.amount_percent: must be from 0 to 10"),
        ("[duplicates]\namount_percent = nan", "policy.toml, line 2: duplicates.amount_percent: must be from 0 to 10"),
        ("[duplicates]\nedit_distance = 4", "policy.toml, line 2: duplicates.edit_distance: must be from 0 to 3"),
        ("[duplicates]\nedit_distance = -1", "policy.toml, line 2: duplicates.edit_distance: must be from 0 to 3"),
        ("[duplicates]\nsuspect_score = 49", "policy.toml, line 2: duplicates.suspect_score: must be from 50 to 100"),
        ("[duplicates]\nsuspect_score = 101", "policy.toml, line 2: duplicates.suspect_score: must be from 50 to 100"),
        ("[duplicates]\nlookalike_days = 0", "policy.toml, line 2: duplicates.lookalike_days: must be from 1 to 1098"),
        (
            "[duplicates.override_above]\nEuro = 1",
            'policy.toml, line 1: duplicates.override_above: "Euro" is not an ISO 4217 code such as EUR',
        ),
        (
            "[duplicates.override_above]\nEUR = -1",
            "policy.toml, line 2: duplicates.override_above.EUR: must be a plain amount of zero or more",
        ),
        (
            "[duplicates.override_above]\nEUR = inf",
            "policy.toml, line 2: duplicates.override_above.EUR: must be a plain amount of zero or more",
        ),
    ],
)
def test_what_is_wrong_is_told_with_its_place_its_value_and_what_was_expected(text: str, told: str) -> None:
    with pytest.raises(ConfigError) as error:
        load_policy(text)
    end = "" if told.endswith("?") else "."
    assert str(error.value) == f"policy: {told}{end} Correct it and load the policy again."


def test_the_least_that_may_be_said_is_read() -> None:
    text = "bank_change_confirmations = 1\nsignal_age_minutes_max = 1\napproval_days = 0\nclose_window_days = 0\n"
    loaded = load(text)
    assert loaded.text == text
    assert loaded.policy == Policy(
        bank_change_confirmations=1, signal_age_minutes_max=1, approval_days=0, close_window_days=0
    )


def test_regions_and_entities_are_tables_of_tables() -> None:
    for name in ("regions", "entities"):
        with pytest.raises(ConfigError) as told:
            load_policy(f"{name} = 7")
        assert f"{name} = 7: must be tables, [{name}.<name>]" in str(told.value)
