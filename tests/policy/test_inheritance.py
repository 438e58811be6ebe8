"""What an entity does not say it takes from its region, then from the group; a policy may be a folder of files."""

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tieout.policy.files import joined, separated
from tieout.policy.load import PolicyError, load, load_policy
from tieout.policy.matching import MatchingRules
from tieout.policy.policy import EntityPolicy
from tieout.policy.tolerances import Limit, Tolerances

LEVELS = """
[group]
currency = "EUR"
erp = "sap"
tolerances = "strict"

[regions.emea]
ap = "basware"
country = "DE"

[regions.americas]
currency = "USD"
tolerances.price = { kind = "value", percent = 3 }

[entities.DE01]
name = "Northwind Handels GmbH"
region = "emea"

[entities.FR01]
name = "Northwind SARL"
region = "emea"
country = "FR"
erp = "sage"

[entities.US01]
name = "Northwind Inc"
region = "americas"
tolerances.quantity_received = { kind = "unlimited" }

[tolerances.default]

[tolerances.strict]
amount = { kind = "zero" }
"""


def test_what_an_entity_does_not_say_it_takes_from_its_region_then_from_the_group() -> None:
    loaded = load(LEVELS)
    assert loaded.policy.entities == {
        "DE01": EntityPolicy(
            name="Northwind Handels GmbH",
            currency="EUR",
            region="emea",
            country="DE",
            erp="sap",
            ap="basware",
            tolerances="strict",
        ),
        "FR01": EntityPolicy(
            name="Northwind SARL",
            currency="EUR",
            region="emea",
            country="FR",
            erp="sage",
            ap="basware",
            tolerances="strict",
        ),
        "US01": EntityPolicy(
            name="Northwind Inc",
            currency="USD",
            region="americas",
            erp="sap",
            tolerances=Tolerances(
                price=Limit(kind="value", percent=Decimal(3)),
                quantity_received=Limit(kind="unlimited"),
                amount=Limit(kind="zero"),
            ),
        ),
    }
    assert loaded.origins["FR01"] == {
        "name": "entity FR01",
        "region": "entity FR01",
        "currency": "group",
        "country": "entity FR01",
        "erp": "entity FR01",
        "ap": "region emea",
        "tolerances": "group",
    }
    assert loaded.origins["US01"] == {
        "name": "entity US01",
        "region": "entity US01",
        "currency": "region americas",
        "erp": "group",
        "tolerances.price": "region americas",
        "tolerances.quantity_received": "entity US01",
        "tolerances.amount": "set strict",
    }


def test_a_limit_is_taken_whole() -> None:
    """A percent of the group does not slip into a limit of the entity that has only an amount."""
    policy = load_policy(
        """
        [group.tolerances]
        price = { kind = "value", percent = 5 }
        [entities.de]
        name = "x"
        currency = "EUR"
        tolerances.price = { kind = "value", amount = 1 }
        """
    )
    assert policy.tolerances_of("de").price == Limit(kind="value", amount=Decimal(1))


def test_matching_is_inherited_key_by_key_from_the_top_on() -> None:
    policy = load_policy(
        LEVELS
        + """
        [matching]
        assign_lines = false
        [regions.emea.matching]
        search_orders = true
        [entities.FR01.matching]
        assign_lines = true
        """
    )
    assert policy.matching_of("US01") == MatchingRules(assign_lines=False)
    assert policy.matching_of("DE01") == MatchingRules(assign_lines=False, search_orders=True)
    assert policy.matching_of("FR01") == MatchingRules(assign_lines=True, search_orders=True)
    assert policy.matching_of("nobody") == MatchingRules(assign_lines=False)


def test_a_name_of_a_set_begins_anew() -> None:
    """What the group changes of its own set is not carried into the set that the entity names."""
    policy = load_policy(
        """
        [group.tolerances]
        price = { kind = "unlimited" }
        [entities.de]
        name = "x"
        currency = "EUR"
        tolerances = "strict"
        [tolerances.default]
        [tolerances.strict]
        """
    )
    assert policy.tolerances_of("de") == Tolerances()


def test_the_same_rules_have_the_same_version_however_they_are_written() -> None:
    flat = """
    [entities.DE01]
    name = "x"
    region = "emea"
    currency = "EUR"
    [regions.emea]
    """
    levels = """
    [group]
    currency = "EUR"
    [regions.emea]
    [entities.DE01]
    name = "x"
    region = "emea"
    """
    assert load_policy(flat).version == load_policy(levels).version


FILES = {
    "group.toml": '[group]\ncurrency = "EUR"\n[tolerances.default]\n',
    "regions/emea.toml": 'erp = "sap"\n',
    "entities/DE01.toml": 'name = "Northwind Handels GmbH"\nregion = "emea"\n[tolerances.price]\nkind = "unlimited"\n',
}


def test_a_folder_is_one_text_and_can_be_told_apart_again() -> None:
    text = joined(FILES)
    assert separated(text) == FILES
    policy = load_policy(text)
    assert policy.entities["DE01"] == EntityPolicy(
        name="Northwind Handels GmbH",
        currency="EUR",
        region="emea",
        erp="sap",
        tolerances=Tolerances(price=Limit(kind="unlimited")),
    )


def test_a_folder_is_read_from_the_whole_to_the_parts() -> None:
    """Top-level tables come first, then regions, then entities; in each of them by name."""
    names = ["group.toml", "partners.toml", "regions/apac.toml", "regions/emea.toml", "entities/AT01.toml"]
    text = joined({name: f"  # {name}\n\n\n" for name in reversed(names)})
    assert text == "".join(f"#:file {name}\n  # {name}\n\n" for name in names)


@pytest.mark.parametrize(
    ("name", "content", "told"),
    [
        (
            "entities/DE01.toml",
            'name = "x"\n\ncurency = "EUR"\n',
            'entities/DE01.toml, line 3: entities.DE01.curency = "EUR": there is no such key; did you mean "currency"?',
        ),
        (
            "regions/emea.toml",
            'name = "x"\n',
            'regions/emea.toml, line 1: regions.emea.name = "x": belongs to one legal entity and cannot be inherited;'
            " say it in [entities.<name>]",
        ),
        (
            "entities/US01.toml",
            'currency = "USD"\n',
            "entities/US01.toml, line 1: entities.US01.name: is missing and must be said",
        ),
        (
            "more.toml",
            "[tolerances.default]\n",
            "more.toml: tolerances: is said in another file of the policy already; say it once",
        ),
        (
            "more.toml",
            "[",
            "more.toml: the policy: is not TOML: Unexpected end of file, expected key",
        ),
    ],
)
def test_a_fault_in_a_folder_names_its_file(name: str, content: str, told: str) -> None:
    with pytest.raises(PolicyError) as error:
        load(joined({**FILES, name: content}))
    found = str(error.value.faults[0])
    assert found == told or (name == "more.toml" and found.startswith("more.toml: the policy: is not TOML"))


WORDS = st.sampled_from(["sap", "sage", "oracle"])
SAID = st.dictionaries(st.sampled_from(["erp", "ap", "bank", "close", "procurement"]), WORDS)


@given(group=SAID, region=SAID, entity=SAID)
def test_the_nearest_level_that_says_a_key_counts(
    group: dict[str, str], region: dict[str, str], entity: dict[str, str]
) -> None:
    def table(head: str, said: dict[str, str]) -> str:
        return "\n".join([head, *(f'{key} = "{value}"' for key, value in said.items())])

    own = {"name": "x", "currency": "EUR", "region": "r", **entity}
    loaded = load("\n".join([table("[group]", group), table("[regions.r]", region), table("[entities.e]", own)]))
    found = loaded.policy.entities["e"]
    for key in ("erp", "ap", "bank", "close", "procurement"):
        nearest = [(name, said[key]) for name, said in (("group", group), ("region r", region), ("entity e", entity)) if key in said]  # fmt: skip
        expected = nearest[-1] if nearest else (None, key)
        assert (loaded.origins["e"].get(key), getattr(found, key)) == expected
