"""The door: messages that are offered at the same time share one commit, and nobody pays for another's mistake."""

import asyncio
import threading
from collections.abc import Sequence

import pytest
from tests.web.books import Books
from tests.web.serving import door_of

from tieout.engine.intake import Answer, Full
from tieout.engine.stores.port import Receipt
from tieout.http.door import Door
from tieout.model.events import Lane, Message
from tieout.model.facts import CaseCommented

BAD, NO_ROOM = "bad", "no room"


class Counting:
    """An intake that takes as long as the test says, and remembers what was offered together."""

    def __init__(self) -> None:
        self.calls: list[list[str]] = []
        self.begun, self.go_on = threading.Event(), threading.Event()

    def offer(self, messages: Sequence[Message]) -> list[Answer]:
        self.calls.append([message.key for message in messages])
        self.begun.set()
        assert self.go_on.wait(10)
        for message in messages:
            if message.key.startswith(BAD):
                raise ValueError(message.key)
        for message in messages:
            if message.key.startswith(NO_ROOM):
                raise Full(message.lane, 5)
        return [Answer(Receipt.ACCEPTED, message.source, message.key, message.subject) for message in messages]


def message(key: str, lane: int = Lane.NORMAL) -> Message:
    return Message(source="test", key=key, data=CaseCommented(text=key), home="x", subject="x", lane=Lane(lane))


@pytest.fixture
def door(new_books: Books) -> Door:
    return door_of(new_books)


def offered(door: Door, *messages: Message) -> tuple[list[Answer | BaseException], list[list[str]]]:
    """Offer the first alone, the others while it is being accepted; their answers, and what was offered together."""
    intake = Counting()
    door.intake = intake  # type: ignore[assignment]

    async def all_of_them() -> list[Answer | BaseException]:
        tasks = [asyncio.create_task(door.offer(messages[0]))]
        while not intake.begun.is_set():
            await asyncio.sleep(0)
        tasks += [asyncio.create_task(door.offer(one)) for one in messages[1:]]
        await asyncio.sleep(0)
        intake.go_on.set()
        return await asyncio.gather(*tasks, return_exceptions=True)

    answers = asyncio.run(all_of_them())
    door.close()
    return answers, intake.calls


def told(answers: list[Answer | BaseException]) -> list[str]:
    return [answer.key if isinstance(answer, Answer) else type(answer).__name__ for answer in answers]


def test_what_comes_while_one_is_being_accepted_shares_the_next_commit(door: Door) -> None:
    keys = [str(number) for number in range(50)]
    answers, calls = offered(door, *map(message, keys))
    assert told(answers) == keys, "each has its own answer"
    assert calls == [["0"], keys[1:]], "the first did not wait, and all others waited together"


def test_a_mistake_hurts_only_the_one_who_made_it(door: Door) -> None:
    answers, calls = offered(door, *map(message, ("0", "1", "bad", "2")))
    assert told(answers) == ["0", "1", "ValueError", "2"]
    assert calls == [["0"], ["1", "bad", "2"], ["1"], ["bad"], ["2"]]


def test_a_full_lane_stops_nobody_who_has_room_and_is_asked_once(door: Door) -> None:
    crowd = (
        message("0"),
        message("1"),
        message("no room 1", Lane.BULK),
        message("no room 2", Lane.BULK),
        message("2", Lane.CONTROL),
    )
    answers, calls = offered(door, *crowd)
    assert told(answers) == ["0", "1", "Full", "Full", "2"]
    assert calls[2:] == [["1"], ["no room 1"], ["2"]]
