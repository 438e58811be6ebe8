"""Records what the engine writes, so that the same rows can be written again without the engine: the floor."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from tieout.engine.stores.port import Receipt, Store
from tieout.engine.stores.rows import InboxRow, Settlement

_WRITES = (
    "append", "put_states", "drop_states", "put_effects", "put_links", "put_inbox", "drop_inbox", "defer_inbox",
    "put_views", "drop_views", "change_standings", "change_totals",
)  # fmt: skip

Call = tuple[str, tuple[Any, ...]]


class _Unit:
    """A unit that notes every write."""

    def __init__(self, unit: Any, calls: list[Call]) -> None:
        self._unit = unit
        self._calls = calls

    def __getattr__(self, name: str) -> Any:
        method = getattr(self._unit, name)
        if name not in _WRITES:
            return method

        def noted(*arguments: Any) -> Any:
            self._calls.append((name, arguments))
            return method(*arguments)

        return noted


class Recorder:
    """A store that notes every transaction it makes."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self.transactions: list[tuple[str, Any]] = []

    def __getattr__(self, name: str) -> Any:
        return getattr(self._store, name)

    @contextmanager
    def unit(self) -> Iterator[Any]:
        calls: list[Call] = []
        with self._store.unit() as unit:
            yield _Unit(unit, calls)
        self.transactions.append(("unit", calls))

    def accept(self, rows: Sequence[InboxRow]) -> list[Receipt]:
        self.transactions.append(("accept", rows))
        return self._store.accept(rows)

    def settle(self, settlements: Sequence[Settlement], messages: Sequence[InboxRow]) -> int:
        self.transactions.append(("settle", (settlements, messages)))
        return self._store.settle(settlements, messages)

    def lease_effects(self, lane: str, owner: str, until: int, limit: int, now: int) -> Any:
        self.transactions.append(("lease_effects", (lane, owner, until, limit, now)))
        return self._store.lease_effects(lane, owner, until, limit, now)


def write_again(store: Store, transactions: Sequence[tuple[str, Any]]) -> None:
    """Write what was recorded: the same rows, the same batches, the same durability, and nothing else."""
    for kind, content in transactions:
        if kind == "accept":
            store.accept(content)
        elif kind == "settle":
            store.settle(*content)
        elif kind == "lease_effects":
            store.lease_effects(*content)
        else:
            with store.unit() as unit:
                for name, arguments in content:
                    getattr(unit, name)(*arguments)
