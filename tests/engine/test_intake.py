"""Intake: each message once, conflicts told, back-pressure before anything is taken, originals kept first."""

from collections.abc import Sequence
from datetime import timedelta

import obstore
import pytest
from obstore.store import MemoryStore
from tests.engine.kit import Engine, comment

from tieout.engine.intake import Delivery as Reading
from tieout.engine.intake import Full
from tieout.engine.originals import Originals
from tieout.engine.stores.port import Receipt
from tieout.kernel.ids import fingerprint
from tieout.kernel.problem import Code, Problem
from tieout.model.events import Message
from tieout.model.facts import ApprovalDecided


def test_each_message_gets_its_own_answer() -> None:
    engine = Engine()
    engine.offer(comment("1", "hello"))
    answers = engine.offer(comment("1", "hello"), comment("1", "other"), comment("2", "new"), comment("2", "new"))
    assert [answer.receipt for answer in answers] == [
        Receipt.DUPLICATE,
        Receipt.CONFLICT,
        Receipt.ACCEPTED,
        Receipt.DUPLICATE,
    ]
    assert answers[1].problem == Problem(
        Code.KEY_REUSED,
        where="test 1",
        detail="this key was used before for another body; give the new one a key of its own",
    )
    assert len(engine.inbox()) == 2


def test_a_key_means_the_same_for_ever() -> None:
    engine = Engine()
    engine.offer(comment("1", "hello"))
    engine.settle_down()
    assert engine.inbox() == []
    same, other = engine.offer(comment("1", "hello"), comment("1", "bye"))
    assert (same.receipt, other.receipt) == (Receipt.DUPLICATE, Receipt.CONFLICT)


def test_a_full_lane_takes_nothing_of_the_call_and_another_lane_goes_on() -> None:
    engine = Engine(capacity=3)
    engine.offer(comment("1", "a"), comment("2", "b"))
    with pytest.raises(Full) as refused:
        engine.offer(comment("3", "c"), comment("4", "d"))
    assert refused.value.retry_after_seconds == 5
    assert len(engine.inbox()) == 2
    engine.offer(comment("5", "a person decides", lane=0))
    engine.settle_down()
    engine.clock.move(timedelta(seconds=2))
    assert len(engine.offer(comment("3", "c"), comment("4", "d"))) == 2


def test_messages_that_say_nothing_of_what_they_are_about_are_told_so() -> None:
    engine = Engine()
    with pytest.raises(ValueError, match="must say what it is about"):
        engine.offer(Message(source="ap", key="1", data=ApprovalDecided(approved=True, approver="ann")))
    assert engine.inbox() == []


# ── documents ───────────────────────────────────────────────────────────────────────────────────────────────────


def reading(*messages: Message, proved: bool = True, problems: Sequence[Problem] = ()) -> Engine:
    kept = MemoryStore()

    def read(body: bytes, mark: str, name: str, channel: str) -> Reading:
        assert bytes(obstore.get(kept, f"{mark[:2]}/{mark}").bytes()) == body, "bytes first, reading second"
        return Reading("csv", messages, tuple(problems), proved)

    return Engine(read=read, originals=Originals(kept))


def document(engine: Engine, body: bytes = b"a;b;c") -> object:
    return engine.intake.document(body, name="a.csv", media_type="text/csv", channel="sftp")


def test_a_document_that_proves_itself_is_taken_and_its_repetition_noticed() -> None:
    engine = reading(comment("1", "hello"))
    first, second = document(engine), document(engine)
    assert (first.status, second.status) == ("accepted", "duplicate")  # type: ignore[attr-defined]
    (row,) = engine.store.read_table("document", None)
    assert (row["hash"], row["status"], row["events"], row["size"]) == (fingerprint(b"a;b;c"), "accepted", 1, 5)


def test_the_same_bytes_through_another_channel_are_a_repetition() -> None:
    """The channel is part of what an invoice says, so its messages are in conflict; yet nothing of it is new."""
    kept = Originals(MemoryStore())
    engine = Engine(
        read=lambda body, mark, name, channel: Reading("csv", (comment("1", channel),), (), True), originals=kept
    )
    first, second = (
        engine.intake.document(b"a;b;c", name="a.csv", media_type="text/csv", channel=channel)
        for channel in ("sftp", "mail")
    )
    assert (first.status, second.status) == ("accepted", "duplicate")
    assert [answer.receipt for answer in second.answers] == [Receipt.CONFLICT]


@pytest.mark.parametrize("proved", [True, False])
def test_what_does_not_prove_itself_is_quarantined_with_its_original(proved: bool) -> None:
    """Nothing of it goes further, not even the lines that could be read."""
    wrong = Problem(Code.TOTALS_DISAGREE, where="trailer")
    engine = reading(*[] if proved else [comment("1", "hello")], proved=proved, problems=[wrong])
    answer = document(engine)
    assert (answer.status, answer.problems) == ("quarantined", (wrong,))  # type: ignore[attr-defined]
    assert engine.inbox() == []
    (row,) = engine.store.read_table("document", None)
    assert (row["status"], row["problems"]) == ("quarantined", '[{"code":"totals_disagree","where":"trailer"}]')


def test_a_full_inbox_leaves_the_document_for_later() -> None:
    engine = reading(comment("1", "a"), comment("2", "b"))
    engine.intake._capacity = 1
    with pytest.raises(Full):
        document(engine)
    (row,) = engine.store.read_table("document", None)
    assert row["status"] == "received"


def test_an_original_that_was_changed_is_noticed() -> None:
    kept = MemoryStore()
    originals = Originals(kept)
    mark = originals.keep(b"paper")
    assert originals.keep(b"paper") == mark
    assert originals.fetch(mark) == b"paper"
    obstore.put(kept, f"{mark[:2]}/{mark}", b"forged")
    with pytest.raises(Exception, match="has been changed"):
        originals.fetch(mark)
    with pytest.raises(Exception, match="restore it from a backup"):
        originals.fetch(fingerprint(b"never kept"))
