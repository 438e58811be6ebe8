"""Intake: each message once, conflicts told, back-pressure before anything is taken, originals kept first."""

from collections.abc import Sequence
from datetime import timedelta
from pathlib import Path

import msgspec
import obstore
import pytest
from obstore.store import MemoryStore
from tests.engine.kit import Engine, comment

from tieout.engine.intake import Delivery as Reading
from tieout.engine.intake import DocumentReader, Full
from tieout.engine.originals import Originals
from tieout.engine.sources import FileSource
from tieout.engine.stores.port import Receipt
from tieout.formats.source import Bytes, Source
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

    def read(source: Source, name: str, channel: str) -> Reading:
        mark = source.mark
        assert bytes(obstore.get(kept, f"{mark[:2]}/{mark}").bytes()) == source.whole(), "bytes first, reading second"
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
        read=lambda source, name, channel: Reading("csv", (comment("1", channel),), (), True), originals=kept
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
    assert [row.type for row in engine.inbox()] == ["document.quarantined"]
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


# ── what is taken whole or not at all ───────────────────────────────────────────────────────────────────────────────


def engine_of(read: DocumentReader, capacity: int = 10_000) -> Engine:
    return Engine(read=read, originals=Originals(MemoryStore()), capacity=capacity)


def test_a_long_document_is_proved_before_its_second_reading_is_handed_on() -> None:
    """Only the beginning is ever held; whatever more there is comes from reading it again."""
    many = tuple(comment(str(number), "line") for number in range(1_700))
    engine = engine_of(lambda source, name, channel: Reading("csv", many[:10], (), True, again=lambda: iter(many)))
    answer = document(engine)
    assert (answer.status, len(answer.answers)) == ("accepted", 1_700)  # type: ignore[attr-defined]
    assert len(engine.inbox()) == 1_700


def gated(control: str, *messages: Message, proved: bool = True) -> DocumentReader:
    """An interchange under a control number; its envelope is told whatever becomes of it."""

    def read(source: Source, name: str, channel: str) -> Reading:
        gate = comment(f"control/{control}", source.mark)
        wrong = () if proved else (Problem(Code.TOTALS_DISAGREE, "byte 9"),)
        return Reading(
            "x12",
            messages,
            wrong,
            proved,
            refusals=wrong,
            gates=(gate,),
            envelopes=lambda refused: (comment(f"envelope/{source.mark}", "; ".join(map(str, refused)) or "taken"),),
        )

    return read


def texts(engine: Engine) -> list[str]:
    return [msgspec.json.decode(row.data).get("text", "") for row in engine.inbox()]


def test_a_control_number_that_was_used_for_another_document_refuses_this_one_and_says_so_to_the_partner() -> None:
    engine = engine_of(gated("7", comment("order", "an order")))
    first, again, other = document(engine), document(engine), document(engine, b"other bytes")
    assert [one.status for one in (first, again, other)] == [  # type: ignore[attr-defined]
        "accepted",
        "duplicate",
        "quarantined",
    ]
    assert [problem.code for problem in other.problems] == [Code.KEY_REUSED]  # type: ignore[attr-defined]
    told = [text for text in texts(engine) if text]
    assert sorted(told[:3]) == sorted([fingerprint(b"a;b;c"), "taken", "an order"])
    assert told[3].startswith("key reused, at test control/7")
    assert len(told) == 4


def test_an_interchange_that_does_not_prove_itself_is_answered_and_nothing_of_it_goes_on() -> None:
    engine = engine_of(gated("7", comment("order", "an order"), proved=False))
    assert document(engine).status == "quarantined"  # type: ignore[attr-defined]
    assert [text for text in texts(engine) if text] == [fingerprint(b"a;b;c"), "totals disagree, at byte 9"]


def test_what_holds_documents_gives_each_of_them_its_own_fate() -> None:
    parts = {b"good": comment("1", "good"), b"bad": None}

    def read(source: Source, name: str, channel: str) -> Reading:
        if source.whole() == b"zip":
            return Reading("zip", (), (), True, parts=tuple((str(body), Bytes(body)) for body in parts))
        found = parts[source.whole()]
        return Reading("csv", (found,) if found else (), (), found is not None)

    engine = engine_of(read)
    answer = engine.intake.document(b"zip", name="all.zip", media_type="application/zip", channel="mail")
    assert (answer.status, [part.status for part in answer.parts]) == ("unpacked", ["accepted", "quarantined"])
    rows = {row["name"]: row["status"] for row in engine.store.read_table("document", None)}
    assert rows == {"all.zip": "unpacked", "all.zip/b'good'": "accepted", "all.zip/b'bad'": "quarantined"}


def test_a_document_in_quarantine_is_read_again_after_the_mapping_was_mended() -> None:
    readings = [Reading("csv", (), (Problem(Code.UNKNOWN_ENTITY, "line 3"),), False)] * 2
    engine = engine_of(lambda source, name, channel: readings.pop(0) if readings else mended)
    mended = Reading("csv", (comment("1", "hello"),), (), True)
    mark = document(engine).hash  # type: ignore[attr-defined]
    assert engine.intake.retry(mark, "person:ann", "try").status == "quarantined"
    assert engine.intake.retry(mark, "person:ann", "entity added").status == "accepted"
    engine.settle_down()
    types = [row["type"] for row in engine.store.read_table("event", None)]
    assert sorted(types) == ["case.commented", "document.quarantined", "document.read"]
    (row,) = engine.store.read_table("document", None)
    assert (row["status"], row["name"]) == ("accepted", "a.csv")


def test_a_reading_that_was_interrupted_is_taken_up_again() -> None:
    engine = reading(comment("1", "a"), comment("2", "b"))
    engine.intake._capacity = 1
    with pytest.raises(Full):
        document(engine)
    engine.intake._capacity = 10
    assert engine.intake.resume(engine.clock.now()) == 0
    engine.clock.move(timedelta(minutes=6))
    assert engine.intake.resume(engine.clock.now()) == 1
    (row,) = engine.store.read_table("document", None)
    assert (row["status"], row["events"]) == ("accepted", 2)


def test_a_large_document_is_kept_piece_by_piece(tmp_path: Path) -> None:
    """The same whether it comes in a file, in memory, or out of something else."""
    body = bytes(range(256)) * 40_000
    file = tmp_path / "large"
    file.write_bytes(body)
    for source in (FileSource(file), Bytes(body)):
        originals = Originals(MemoryStore())
        mark = originals.keep(source)
        assert (mark, originals.keep(source)) == (fingerprint(body), mark)
        assert originals.fetch(mark) == body
