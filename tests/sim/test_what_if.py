"""What-if: the past under another policy. Under the same policy nothing changes, whatever went wrong on the way."""

from collections.abc import Iterator

import pytest
from msgspec.structs import replace
from structlog.testing import capture_logs

from tieout.engine.what_if import WhatIf, what_if
from tieout.policy.policy import Policy
from tieout.policy.tolerances import Limit, Tolerances
from tieout.sim.company import OURS, loaded
from tieout.sim.play import PARTITIONS, Play

POLICY = loaded(OURS).policy
LAX = replace(POLICY, tolerances={"default": Tolerances(price=Limit(kind="unlimited"))})
STRICT = replace(POLICY, tolerances={"default": Tolerances(price=Limit(kind="zero"))})


@pytest.fixture(autouse=True)
def quiet() -> Iterator[None]:
    with capture_logs():
        yield


@pytest.fixture(scope="module")
def months() -> list[Play]:
    """Companies whose month is over, and who had one policy all the time."""
    with capture_logs():
        plays = [one for one in map(Play, range(30)) if not one.company.next_policy]
        for one in plays:
            one.run()
    return plays


@pytest.fixture(scope="module")
def ours(months: list[Play]) -> list[Play]:
    """Those under the same policy."""
    return [one for one in months if one.company.policy == OURS]


def under(policy: Policy, month: Play) -> WhatIf:
    return what_if(month.store, policy, partitions=PARTITIONS)


@pytest.mark.slow
def test_under_the_same_policy_nothing_changes(months: list[Play]) -> None:
    """What followed from a message has to come before the next one, as it did then."""
    for month in months:
        found = under(loaded(month.company.policy).policy, month)
        assert found.changes == (), f"seed {month.seed}"
        assert found.after == found.before, f"seed {month.seed}"
        assert (found.changed, found.undecided, found.passing, found.stopping) == (0, 0, {}, {})
        assert found.invoices > 0


@pytest.mark.slow
def test_another_policy_shows_the_difference_and_the_money_in_it(ours: list[Play]) -> None:
    lax, strict = [under(LAX, month) for month in ours], [under(STRICT, month) for month in ours]
    assert sum(one.after.held for one in lax) < sum(one.before.held for one in lax)
    assert sum(one.after.held for one in strict) >= sum(one.before.held for one in strict)
    assert "price_variance" not in {name for one in lax for name in one.after.classes}
    passing = [change for one in lax for change in one.changes if change.before.result == "held"]
    reasons = {change.before.words.split(",")[0] for change in passing if change.after.result == "matched"}
    assert reasons - {"credit over billed"} == {"price over limit"}, "a credit note follows the invoice that it credits"


@pytest.mark.slow
def test_nothing_is_ever_sent(months: list[Play]) -> None:
    month = months[0]
    before = {key: len(held) for target in (month.erp, month.ap) for key, held in target.documents.items()}
    found = under(LAX, month)
    assert found.effects_captured > 0
    assert {key: len(held) for target in (month.erp, month.ap) for key, held in target.documents.items()} == before
