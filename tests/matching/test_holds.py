"""What an invoice is held for by the ERP's names, whether it may be booked all the same, and released by hand."""

from decimal import Decimal

import pytest
from msgspec.structs import replace

from tieout.kernel.problem import Code, Problem
from tieout.matching.holds import barred, holds_of, postable
from tieout.model.verdict import Check, Verdict
from tieout.policy.dialect import DIALECTS, Dialect, Hold

ORACLE, GENERIC = DIALECTS["oracle_fusion"], DIALECTS["generic"]


def check(rule: str, hold: str = "", *, passed: bool = False) -> Check:
    return Check(rule, "1", "order PO-1 line 1", Decimal(1), Decimal(2), "EA", passed, hold=hold)


def verdict(checks: tuple[Check, ...], *codes: Code) -> Verdict:
    """What failed: checks against limits, and findings that have none."""
    return Verdict(False, tuple(Problem(code) for code in codes), (), "v1", checks=checks)


PRICE, RECEIVED = check("price", "PRICE"), check("quantity_received", "QTY REC")
OVER, UNRECEIVED = Code.PRICE_OVER_LIMIT, Code.QUANTITY_OVER_RECEIVED


@pytest.mark.parametrize(("dialect", "found", "holds", "may"), [
    pytest.param(ORACLE, verdict((PRICE, RECEIVED), OVER, UNRECEIVED), ("PRICE", "QTY REC"), True, id="variances"),
    pytest.param(ORACLE, verdict((PRICE, PRICE), OVER, OVER), ("PRICE",), True, id="each once"),
    pytest.param(ORACLE, verdict((check("price", "PRICE", passed=True), RECEIVED), UNRECEIVED), ("QTY REC",), True,
                 id="what passed holds nothing"),
    pytest.param(GENERIC, verdict((check("quantity_received"),), UNRECEIVED), ("quantity received",), True,
                 id="the name of the check where the ERP has none"),
    pytest.param(ORACLE, verdict((PRICE,), OVER, Code.CURRENCY_MISMATCH), ("PRICE", "CURRENCY DIFFERENCE"), False,
                 id="another currency beside a variance"),
    pytest.param(ORACLE, verdict((), Code.UNKNOWN_ORDER), ("unknown order",), False, id="an order nobody knows"),
    pytest.param(ORACLE, verdict((PRICE,), OVER, OVER), ("PRICE", "price over limit"), False,
                 id="the code of a check, found without a limit"),
    pytest.param(replace(ORACLE, holds={"PRICE": Hold(accounting_allowed=False)}), verdict((PRICE, RECEIVED), OVER,
                 UNRECEIVED), ("PRICE", "QTY REC"), False, id="one hold forbids accounting"),
    pytest.param(replace(ORACLE, holds={"CURRENCY DIFFERENCE": Hold()}), verdict((), Code.CURRENCY_MISMATCH),
                 ("CURRENCY DIFFERENCE",), True, id="the dialect lists the hold of a finding"),
    pytest.param(replace(ORACLE, holds={"CURRENCY DIFFERENCE": Hold(accounting_allowed=False)}),
                 verdict((), Code.CURRENCY_MISMATCH), ("CURRENCY DIFFERENCE",), False, id="and forbids accounting"),
])  # fmt: skip
def test_what_holds_it_and_whether_it_may_be_booked(
    dialect: Dialect, found: Verdict, holds: tuple[str, ...], may: bool
) -> None:
    assert (holds_of(found, dialect), postable(found, dialect)) == (holds, may)


def test_a_hold_is_released_by_hand_unless_the_dialect_says_otherwise() -> None:
    strict = replace(ORACLE, holds={"QTY REC": Hold(release_allowed=False)})
    assert barred(("PRICE", "QTY REC"), strict) == ("QTY REC",)
    assert barred(("PRICE", "QTY REC"), ORACLE) == ()
