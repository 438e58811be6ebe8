"""What each system holds of a supplier: every version is written to all of them, in order, and each answers."""

from collections.abc import Iterator

from msgspec.structs import replace

from tieout.model.documents import Supplier
from tieout.model.effects import UpsertSupplier, effect_id
from tieout.model.facts import EffectSettled
from tieout.processes.process import Intent, Output
from tieout.processes.supplier.state import Copy, State


def upsert_id(state: State | None, supplier_id: str, connector: str) -> str:
    """The effect that must have landed before a system can take a document of this supplier; empty when it has.

    For a supplier nobody has proposed yet it is the first one there will be.
    """
    copy = state.copies.get(connector) if state else None
    if copy and copy.held == copy.asked:
        return ""
    return _write_id(connector, supplier_id, copy.asked if copy else 1)


def _write_id(connector: str, supplier_id: str, version: int) -> str:
    return effect_id(connector, UpsertSupplier.operation, _key(supplier_id, version))


def _key(supplier_id: str, version: int) -> str:
    return f"{supplier_id}/v{version}"


def _version(key: str) -> int | None:
    number = key.rpartition("/v")[2]
    return int(number) if number.isdecimal() else None


def failed_systems(state: State) -> list[str]:
    """The systems whose last write failed."""
    return [name for name, copy in state.copies.items() if copy.failed]


def systems_behind(state: State) -> list[str]:
    """The systems that do not hold yet what was asked of them."""
    return [name for name, copy in state.copies.items() if copy.held < copy.asked]


def propagated(state: State, supplier: Supplier, systems: tuple[str, ...]) -> State:
    """A new version of the record, which every system is to hold."""
    version = state.version + 1
    copies = {name: _next_copy(state.copies.get(name), version) for name in systems}
    return replace(state, name=supplier.name, supplier=supplier, version=version, copies=copies)


def _next_copy(copy: Copy | None, version: int) -> Copy:
    if copy is None:
        return Copy(version)
    on_its_way = copy.held < copy.asked and not copy.failed
    return Copy(version, copy.held, copy.asked if on_its_way else 0)


def settled(state: State, data: EffectSettled) -> State:
    """A system has answered: it holds a version, or the write of its latest one failed."""
    copy = state.copies.get(data.connector)
    version = _version(data.key)
    if copy is None or version is None:
        return state
    match data.outcome.status:
        case "applied":
            still_failed = copy.failed and version < copy.asked
            copy = replace(copy, held=max(copy.held, version), failed=still_failed)
        case "refused" | "dead" if version == copy.asked:
            copy = replace(copy, failed=True)
        case _:
            return state
    return replace(state, copies={**state.copies, data.connector: copy}, rechecking=())


def upserts(state: State, supplier: Supplier) -> Iterator[Output]:
    """Ask every system to hold this version, each after the write that is still on its way there."""
    for name, copy in state.copies.items():
        yield Intent(
            connector=name,
            payload=UpsertSupplier(supplier=supplier),
            key=_key(supplier.supplier_id, state.version),
            after=_write_id(name, supplier.supplier_id, copy.behind) if copy.behind else "",
            priority=2,
        )
