"""What matching predicted an ERP would hold, and what it held."""

from typing import Any

import pytest
from msgspec.structs import replace
from tests.processes.company import POLICY, PROCESSES, approve, bill, post, posting, receive, refold, states_of, story
from tests.processes.story import Story

from tieout.model.facts import HoldsCompared, HoldsReported, VarianceAccepted
from tieout.policy.tolerances import Limit, Tolerances
from tieout.processes import prediction

ORACLE = replace(POLICY, tolerances={"default": Tolerances(dialect="oracle_fusion", quantity_received=Limit())})


def company(received: str = "10") -> Story:
    told = story(policy=ORACLE, received=received)
    told.processes = (*PROCESSES, prediction.PROCESS)
    return told


def posted(told: Story, holds: tuple[str, ...] | None, quantity: str = "10") -> str:
    """An invoice that is accepted, if it must be, approved and posted."""
    document = bill(quantity)
    invoice_id = receive(told, document)
    told.tell(VarianceAccepted(reason="urgent"), invoice_id, entity="de", actor="person:bea")
    approve(told, invoice_id)
    post(told, invoice_id, posting(document, holds=holds))
    return invoice_id


def compared(told: Story) -> list[HoldsCompared]:
    return [event.data for event in told.events if isinstance(event.data, HoldsCompared)]


@pytest.mark.parametrize(("received", "holds", "row"), [
    ("10", (), (0, 0, 0, 1)),
    ("6", ("QTY REC",), (1, 0, 0, 0)),
    ("6", (), (0, 1, 0, 0)),
    ("10", ("PRICE",), (0, 0, 1, 0)),
    ("6", ("PRICE", "QTY REC"), (1, 0, 1, 0)),
])  # fmt: skip
def test_each_hold_was_foreseen_or_not(received: str, holds: tuple[str, ...], row: tuple[int, ...]) -> None:
    told = company(received)
    invoice_id = posted(told, holds)
    shown: dict[str, Any] = told.rows("prediction")[invoice_id]
    assert (shown["entity"], shown["dialect"]) == ("de", "oracle_fusion")
    assert tuple(shown[name] for name in list(shown)[2:]) == row
    assert refold(told) == states_of(told)


def test_an_erp_that_does_not_tell_is_not_counted() -> None:
    told = company()
    invoice_id = posted(told, None)
    assert compared(told) == []
    told.tell(HoldsReported(holds=("AMOUNT",)), invoice_id, entity="de")
    assert compared(told) == [HoldsCompared(dialect="oracle_fusion", actual=("AMOUNT",))]


def test_the_last_word_of_the_erp_counts() -> None:
    told = company("6")
    invoice_id = posted(told, ())
    told.tell(HoldsReported(holds=("QTY REC",)), invoice_id, entity="de")
    assert told.rows("prediction")[invoice_id]["predicted_placed"] == 1
    assert len(told.rows("prediction")) == 1
