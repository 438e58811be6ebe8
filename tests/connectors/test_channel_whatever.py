"""Whatever happens in whatever order: what a partner left and did not take back comes in, and is read as it was left.

The place is in memory here, so that Hypothesis can go through thousands of bad days; it counts as a client like any.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from tieout.conformance.channel import Desk, Killed
from tieout.connectors.channels import Arrival, Channel, FileError, Habits, InTray, OutTray, Spool, WatchedConfig
from tieout.connectors.channels.names import by_marker, put_away_as
from tieout.connectors.channels.trays import ChannelClient
from tieout.kernel.clock import VirtualClock, to_micros
from tieout.kernel.errors import TieoutError, TransientError
from tieout.ports import Taken

NAMES = ("a.xml", "b.xml", "c.xml")
#: Where a client may go wrong, and how.
TROUBLES: dict[str, Any] = {"file": FileError("no"), "gone": TransientError("cut"), "killed": Killed()}


class Shelf(ChannelClient, InTray):
    """Files in memory; the next step goes wrong when told to."""

    def __init__(self, clock: VirtualClock, keeps: bool) -> None:
        self.clock, self.keeps = clock, keeps
        self.files: dict[str, tuple[int, bytes]] = {}
        self.trouble: dict[str, Any] = {}
        self.meanwhile: Any = None

    @contextmanager
    def receiving(self) -> Iterator[InTray]:
        yield self

    @contextmanager
    def sending(self) -> Iterator[OutTray]:
        raise AssertionError("nothing goes out")
        yield

    def close(self) -> None: ...

    def put(self, name: str, body: bytes) -> None:
        self.files[name] = (to_micros(self.clock.now()), body)

    def _go_wrong(self, step: str) -> None:
        if step in self.trouble:
            raise self.trouble.pop(step)

    def listing(self) -> Iterator[Arrival]:
        self._go_wrong("listing")
        for name, (modified, body) in list(self.files.items()):
            yield Arrival(name=name, place=name, size=len(body), modified=modified, version=str(hash(body)))

    def _unchanged(self, arrival: Arrival) -> bool:
        modified, body = self.files.get(arrival.place, (0, b""))
        return (modified, str(hash(body))) == (arrival.modified, arrival.version)

    def fetch(self, arrival: Arrival, spool: Spool) -> bool:
        self._go_wrong("fetch")
        if not self._unchanged(arrival):
            return False
        spool.add(self.files[arrival.place][1])
        return True

    def put_away(self, arrival: Arrival, taken: Taken) -> None:
        self._go_wrong("put_away")
        if not self.keeps and self._unchanged(arrival):
            del self.files[arrival.place]

    def ignore(self, arrival: Arrival) -> None: ...
    def leave(self, arrival: Arrival, seconds: float) -> None: ...

    def behind(self) -> int:
        self._go_wrong("behind")
        return 0


put = st.tuples(st.just("put"), st.sampled_from(NAMES), st.binary(max_size=3))
take_back = st.tuples(st.just("take back"), st.sampled_from(NAMES))
wait = st.tuples(st.just("wait"), st.sampled_from([0.5, 3.0, 100.0, 4000.0]))
wrong = st.tuples(
    st.just("wrong"), st.sampled_from(["listing", "fetch", "put_away", "behind"]), st.sampled_from(sorted(TROUBLES))
)
desk_wrong = st.tuples(st.just("desk"), st.sampled_from(["before it was kept", "after it was kept", "broken", "full"]))
pull = st.tuples(st.just("pull"), st.booleans())


@settings(max_examples=400, deadline=None)
@given(
    days=st.lists(st.one_of(put, take_back, wait, wrong, desk_wrong, pull), max_size=30),
    keeps=st.booleans(),
    size=st.integers(1, 3),
)
def test_nothing_is_lost_and_nothing_half_is_read(days: list[Any], keeps: bool, size: int) -> None:
    clock = VirtualClock(datetime(2026, 9, 15, tzinfo=UTC))
    shelf, desk = Shelf(clock, keeps), Desk()
    config = WatchedConfig(inbox="in", files_per_pull=size, settle_seconds=2.0, after="keep" if keeps else "move")
    cursor, left = "", set[bytes]()

    def once(stored: bool) -> Any:
        nonlocal cursor
        channel = Channel(config, Habits.watched("Shelf", config), shelf, desk, clock, system="shelf")
        page = channel.pull(cursor)
        cursor = page.cursor if stored else cursor
        return page

    for day in days:
        match day:
            case ("put", name, body):
                shelf.put(name, body)
                left.add(body)
            case ("take back", name):
                shelf.files.pop(name, None)
            case ("wait", seconds):
                clock.move(timedelta(seconds=seconds))
            case ("wrong", step, how):
                shelf.trouble[step] = TROUBLES[how]
            case ("desk", "broken"):
                desk.broken = {NAMES[0]}
            case ("desk", "full"):
                desk.room = len(desk.names)
            case ("desk", moment):
                desk.killed = moment
            case ("pull", stored):
                try:
                    once(stored)
                except (TieoutError, Killed):
                    desk.killed = ""
    shelf.trouble, desk.killed, desk.broken, desk.room = {}, "", set(), None
    there = {body for _, body in shelf.files.values()}
    for _ in range(12):  # good days again
        clock.move(timedelta(hours=2))
        while once(True).more:
            pass
    assert there <= set(desk.bodies.values()) <= left, "lost, or something that nobody left whole"
    assert once(True).observed_at == clock.now(), "everything has been heard"
    assert set(shelf.files) == (set(shelf.files) if keeps else set())
    heard = len(desk.names)
    once(True)
    assert len(desk.names) == heard, "read again without need"


def test_a_marker_says_finished_when_it_is_not_older() -> None:
    def at(place: str, modified: int) -> Arrival:
        return Arrival(name=place, place=place, size=1, modified=modified)

    files = [at("a", 5), at("a.ok", 5), at("b", 5), at("b.ok", 4), at("c", 5)]
    assert {file.place: file.finished for file in by_marker(files, ".ok")} == {"a": True, "b": False, "c": False}
    assert list(by_marker(files, "")) == files


def test_the_name_under_which_a_file_is_put_away() -> None:
    mark = "0123456789abcdef"
    assert put_away_as("s/a.xml", mark, lambda _: False) == "s/a.xml"
    assert put_away_as("s/a.tar.gz", mark, lambda _: True) == "s/a-0123456789ab.tar.gz"
    assert put_away_as("README", mark, lambda _: True) == "README-0123456789ab"
