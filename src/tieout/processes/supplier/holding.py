"""Whether a supplier may be paid, and who may lift the hold that a person placed."""

from msgspec.structs import replace

from tieout.policy.duties import is_person, same_actor
from tieout.processes.supplier.copies import failed_systems, systems_behind
from tieout.processes.supplier.state import Hold, State


def held(state: State | None) -> str:
    """Why no payment to this supplier may be released now; an empty text when it may."""
    if state is None or state.status != "active":
        return "the supplier is not active"
    if state.hold:
        note = f" ({state.hold.note})" if state.hold.note else ""
        return f"held by {state.hold.placed_by}: {state.hold.reason}{note}"
    if state.change:
        return f"bank change {state.change.change_id} is not confirmed"
    if failed := failed_systems(state):
        return f"{', '.join(failed)} did not take the supplier's latest details"
    if state.syncing and (behind := systems_behind(state)):
        return f"bank change {state.syncing} has not reached {', '.join(behind)} yet"
    return ""


def lifted(hold: Hold, actor: str) -> Hold | None:
    """A person's hold is lifted by another person; otherwise it stays, and says why."""
    if not is_person(actor):
        return replace(hold, note=f"release by {actor} refused: not a person")
    if same_actor(actor, hold.placed_by):
        return replace(hold, note=f"release by {actor} refused: another person than the one who held must release")
    return None
