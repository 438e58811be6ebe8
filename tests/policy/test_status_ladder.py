"""The ladder: a claim only rises, and it does not matter in which order or how often a bank says what."""

from functools import reduce

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tieout.policy.status_ladder import STATUSES, Rung, advance, makes_suspect, read_ladder, rung

CODES = st.sampled_from([*STATUSES, "XXXX", "acsc", ""])


@pytest.mark.parametrize(
    ("claim", "reported", "after"),
    [
        pytest.param("", "RCVD", "RCVD", id="the first word"),
        pytest.param("ACTC", "ACSP", "ACSP", id="it rises"),
        pytest.param("ACSC", "ACCP", "ACSC", id="out of order: it does not fall"),
        pytest.param("ACSC", "ACSC", "ACSC", id="repeated"),
        pytest.param("ACCC", "RJCT", "RJCT", id="a rejection ends it, however high it was"),
        pytest.param("RJCT", "ACSC", "RJCT", id="nothing overrides a rejection"),
        pytest.param("CANC", "RJCT", "RJCT", id="the negative ends have an order too"),
        pytest.param("ACSP", "RVNM", "ACSP", id="verification of payee is no rung"),
        pytest.param("ACSP", "ACCT", "ACSP", id="an unknown code is no rung"),
        pytest.param("", "acsc", "", id="codes are read as they are"),
    ],
)
def test_advance(claim: str, reported: str, after: str) -> None:
    assert advance(claim, reported) == after


@given(st.lists(CODES, max_size=8).flatmap(lambda codes: st.tuples(st.permutations(codes), st.just(codes))), st.data())
def test_any_order_and_repetition_gives_the_same_claim(codes: tuple[list[str], list[str]], data: st.DataObject) -> None:
    shuffled, told = codes
    again = data.draw(st.lists(st.sampled_from(told))) if told else []
    assert reduce(advance, shuffled + again, "") == reduce(advance, told, "")


@given(CODES, CODES)
def test_a_claim_never_falls(claim: str, reported: str) -> None:
    assert rung(advance(claim, reported)).rank == max(rung(claim).rank, rung(reported).rank)


def test_an_unknown_code_is_kept_and_flagged() -> None:
    assert rung("PEND") == Rung(kind="unknown", state="unknown", meaning="not a status that we know", flags=True)


def test_the_ladder_is_the_one_of_the_external_code_sets() -> None:
    kinds: dict[str, list[str]] = {}
    for code, step in STATUSES.items():
        kinds.setdefault(step.kind, []).append(code)
    assert kinds == {
        "claim": [
            "RCVD",
            "ACTC",
            "PATC",
            "ACCP",
            "ACFC",
            "ACFW",
            "ACWC",
            "PDNG",
            "ACSP",
            "ACPD",
            "ACSC",
            "ACWP",
            "ACCC",
        ],
        "part": ["PART"],
        "end": ["CANC", "BLCK", "RJCT"],
        "side": ["RCVC", "RVMC", "RVNM", "RVCM", "RVNA", "RVNC", "ACIS", "CPUC", "PRES"],
    }


def test_every_rung_has_a_rank_of_its_own_and_ends_stand_above_claims() -> None:
    ranks = [step.rank for step in STATUSES.values() if step.kind != "side"]
    assert ranks == sorted(set(ranks))
    assert all(step.rank == 0 for step in STATUSES.values() if step.kind == "side")


@pytest.mark.parametrize(
    ("reason", "suspect"),
    [
        ("AC01", True),
        ("AC04", True),
        ("AC06", True),
        ("BE05", True),
        ("R03", True),
        ("AM04", False),
        ("MS03", False),
        ("", False),
    ],
)
def test_return_reasons_that_make_an_account_suspect(reason: str, suspect: bool) -> None:
    assert makes_suspect(reason) is suspect


LADDER = """
[status]
ACSP = { rank = 40, kind = "claim", state = "executing", meaning = "in execution", accepts = true }
[returns]
suspect = ["AC01"]
"""


def test_a_ladder_is_read_from_its_text() -> None:
    ladder = read_ladder(LADDER)
    executing = Rung(kind="claim", state="executing", meaning="in execution", rank=40, accepts=True)
    assert ladder.status == {"ACSP": executing}
    assert ladder.returns.suspect == ("AC01",)


@pytest.mark.parametrize(
    ("right", "wrong"),
    [
        pytest.param("accepts", "acceptz", id="a flag that nobody would look at"),
        pytest.param('"claim"', '"clame"', id="a kind that no rule knows"),
        pytest.param("suspect", "suspects", id="reasons that would make nothing suspect"),
        pytest.param("40", '"40"', id="a rank that does not compare"),
    ],
)
def test_a_slip_in_the_ladder_is_an_error_and_not_a_rule_less(right: str, wrong: str) -> None:
    with pytest.raises(msgspec.ValidationError):
        read_ladder(LADDER.replace(right, wrong))
