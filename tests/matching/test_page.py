"""docs/matching.md has an entry for every rule, check and dialect, and no other; the dialects are as it says."""

import re
from pathlib import Path

import msgspec
import pytest

from tieout.kernel.errors import ConfigError
from tieout.matching.rules import document, prepayment
from tieout.matching.three_way import RULES, WHOLE_RULES
from tieout.policy.dialect import DIALECTS, NAMES, Hold
from tieout.policy.load import load_policy
from tieout.policy.tolerances import CHECKS

PAGE = (Path(__file__).parents[2] / "docs" / "matching.md").read_text(encoding="utf-8")

#: Rules whose entries stand under the checks they make.
MAKES_CHECKS = {
    "price_within_limit",
    "price_not_below_limit",
    "quantity_within_ordered",
    "quantity_within_received",
    "quantity_within_accepted",
    "quantity_value_within_limit",
    "amount_within_limit",
    "schedule_within_limit",
    "item_amount_within_ceiling",
    "value_of_early_days_within_limit",
    "service_within_ordered",
    "service_within_accepted",
    "blanket_within_value",
    "blanket_within_time",
    "planned_charges_within_limit",
    "unplanned_charges_within_ceiling",
    "tax_within_limit",
    "total_within_limit",
    "schedules_within_limit",
    "conversion_rate_within_limit",
}


def entries(section: str) -> list[str]:
    _, _, rest = PAGE.partition(f"## {section}\n")
    return re.findall(r"^### `(\w+)`$", rest.partition("\n## ")[0], re.MULTILINE)


def test_every_check_has_its_entry() -> None:
    assert entries("Checks with a limit") == list(CHECKS)


def test_every_rule_has_its_entry() -> None:
    rules = [rule for several in RULES.values() for rule in several] + list(WHOLE_RULES)
    names = {rule.__name__ for rule in rules}
    names |= {prepayment.prepayment_within_order.__name__, prepayment.prepayment_taken_off.__name__}
    names |= {document.payable_in_full.__name__}
    assert names >= MAKES_CHECKS
    assert set(entries("Rules without a limit")) == names - MAKES_CHECKS


@pytest.mark.parametrize("name", NAMES)
def test_every_dialect_has_its_row_and_its_sources(name: str) -> None:
    (row,) = re.findall(rf"^\| `{name}` \| (.+) \|$", PAGE, re.MULTILINE)
    blank, zero, combined, _ = row.split(" | ")
    dialect = DIALECTS[name]
    assert blank.split(";")[0] == {"off": "no check", "zero": "zero", "unlimited": "infinite"}[dialect.blank]
    assert zero.strip("*") == {"none": "none", "never_held": "never held"}[dialect.zero]
    assert combined.split()[0] == dialect.combine
    assert (dialect.name, bool(dialect.title), len(dialect.source) > 40) == (name, True, True)


def test_no_dialect_but_the_generic_ones_checks_without_a_name_for_the_hold() -> None:
    nameless = {
        f"{name}.{key}"
        for name, dialect in DIALECTS.items()
        for key, check in dialect.checks.items()
        if not check.hold and not (check.default and check.default.kind == "off")
    }
    assert {one for one in nameless if not one.startswith("generic")} == set()


def test_matching_holds_may_be_booked_and_released_by_hand_unless_the_dialect_says_otherwise() -> None:
    oracle = DIALECTS["oracle_fusion"]
    assert oracle.hold("QTY REC") == Hold(accounting_allowed=True, release_allowed=True)
    strict = msgspec.structs.replace(oracle, holds={"QTY REC": Hold(release_allowed=False)})
    assert strict.hold("QTY REC") == Hold(release_allowed=False)


def test_an_unknown_dialect_is_named_with_those_there_are() -> None:
    with pytest.raises(ConfigError) as told:
        load_policy('[tolerances.default]\ndialect = "peoplesoft"')
    assert str(told.value).startswith(
        'policy: policy.toml, line 2: tolerances.default.dialect = "peoplesoft": there is no such dialect;'
        " there are generic, "
    )


def test_the_examples_of_the_page_load() -> None:
    limits, on_hold, settlement = (load_policy(text) for text in re.findall(r"```toml\n(.+?)```", PAGE, re.DOTALL))
    assert limits.tolerances["default"].dialect == "sap"
    assert on_hold.tolerances["default"].on_variance == "post_on_hold"
    assert settlement.settlement_of("any").consignments == "month_end"


def test_every_limit_is_looked_at_when_a_policy_is_read() -> None:
    for name in CHECKS:
        with pytest.raises(ConfigError, match=rf"tolerances\.default\.{name}: kind \"value\" needs a percent"):
            load_policy(f"[tolerances.default]\n{name} = {{ kind = 'value' }}")
