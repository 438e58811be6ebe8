"""What invoices looked like at any moment of the past, to whoever compared others with them then.

The store keeps each fingerprint as it is now. Of an invoice that was ever stopped, told apart from another or
cancelled, its life is read again, and every fingerprint that it had is known with the moment from which it had it.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence

import msgspec
from msgspec import Struct

from tieout.engine.derived import to_event
from tieout.engine.stores.port import Store
from tieout.engine.stores.rows import EventRow
from tieout.matching.duplicates import Fingerprint, Index, Look
from tieout.processes.process import Process

_DECODE = msgspec.json.Decoder(Fingerprint).decode
_LIVES = 500
_PAGE = 5_000


class Version(Struct, frozen=True, gc=False):
    """How an invoice looked from a moment on (microseconds)."""

    since: int
    one: Fingerprint


class Former:
    """The fingerprints of a store as they stood at any moment."""

    def __init__(self, now: Iterable[Fingerprint] = (), lives: Mapping[str, Sequence[Version]] | None = None) -> None:
        self._lives = dict(lives or {})
        self._indexes = [Index(now)]
        for versions in self._lives.values():
            for number, version in enumerate(versions):
                if number == len(self._indexes):
                    self._indexes.append(Index())
                self._indexes[number].add(version.one)

    def under(self, places: Sequence[Look]) -> Iterator[tuple[str, Sequence[Version]]]:
        """The invoices that are found there, as they are or were, with all that they looked like."""
        found: dict[str, Fingerprint] = {}
        for index in self._indexes:
            found |= index.under(places)
        for name, one in found.items():
            yield name, self._lives.get(name) or (Version(one.received_at, one),)


def former(store: Store, processes: tuple[Process, ...]) -> Former:
    """All fingerprints that a store keeps, and those it kept before, in memory."""
    printing = tuple(process for process in processes if process.prints)
    kept: dict[str, Fingerprint] = {}
    homes: dict[str, int] = {}
    for row in store.read_table("fingerprint", None):
        one = kept[row["subject"]] = _DECODE(row["data"])
        if one.status != "open" or one.apart:
            homes[row["subject"]] = row["partition"]
    lives = _lives(_by_correlation(store, tuple(homes)), printing, homes)
    lost = {name: home for name, home in homes.items() if name not in lives or lives[name][-1].one != kept[name]}
    lives |= _lives(_by_partition(store, sorted(set(lost.values())), printing), printing, lost)
    return Former(kept.values(), lives)


def _by_correlation(store: Store, names: Sequence[str]) -> Iterator[EventRow]:
    """The lives of invoices, which as a rule bear the name of their invoice."""
    for at in range(0, len(names), _LIVES):
        yield from store.read_lives(names[at : at + _LIVES])


def _by_partition(store: Store, numbers: Iterable[int], processes: tuple[Process, ...]) -> Iterator[EventRow]:
    """Everything these processes hear in some partitions, for invoices whose lives bear other names."""
    types = tuple(sorted({fact.type for process in processes for fact in process.routes}))
    for number in numbers:
        after = 0
        while page := store.read_log(number, after, _PAGE, types):
            yield from page
            after = page[-1].position


def _lives(
    rows: Iterable[EventRow], processes: tuple[Process, ...], homes: Mapping[str, int]
) -> dict[str, list[Version]]:
    """What became of the fingerprints of these invoices, out of their events in the order of the log."""
    states: dict[str, object] = {}
    lives: dict[str, list[Version]] = {}
    for row in rows:
        if homes.get(row.subject) != row.partition:
            continue
        event = to_event(row)
        for process in processes:
            route = process.routes.get(type(event.data))
            for subject in route(event) if route else ():
                before = states.get(subject)
                after = states[subject] = process.evolve(before, event)
                assert process.prints is not None
                if one := process.prints(subject, before, after):
                    lives.setdefault(subject, []).append(Version(row.recorded_at, one))
    return lives
