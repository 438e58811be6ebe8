"""A bank change: payments are held until enough people confirmed it and every system holds it, or it is rejected."""

from collections.abc import Iterable, Iterator

from msgspec.structs import replace

from tieout.kernel.ids import derive
from tieout.kernel.problem import Code, Problem
from tieout.model.cases import Case, CaseClass
from tieout.model.documents import Supplier
from tieout.model.facts import (
    BankAccountChanged,
    BankChangeRejected,
    BankChangeRequested,
    PaymentsHeld,
    PaymentsReleased,
)
from tieout.policy.duties import Identity, is_person, same_actor, same_people
from tieout.policy.identifiers import account_problems, masked_iban, normal_iban
from tieout.policy.policy import Policy
from tieout.processes.case import open_case, settle_case
from tieout.processes.process import Emit, Output
from tieout.processes.supplier.copies import systems_behind, upserts
from tieout.processes.supplier.state import Change, State


def requested(open_change: Change | None, data: BankChangeRequested, actor: str) -> Change:
    """The newest request counts. The same one told again keeps its confirmations, another account loses them, and has
    an id of its own: whoever is about to confirm the account they have seen does not confirm this one."""
    if open_change is None:
        return Change(data.change_id, data.account, actor, data.channel)
    own = derive("chg", data.change_id, normal_iban(data.account.account_id))
    if open_change.account == data.account and open_change.change_id in (data.change_id, own):
        return open_change
    former = tuple(dict.fromkeys((*open_change.former, open_change.change_id)))
    change_id = own if data.change_id in former else data.change_id
    return Change(change_id, data.account, actor, data.channel, former=former)


def confirmed_by(change: Change, actor: str) -> Change:
    """One confirmation more, or the reason why it does not count."""
    if not is_person(actor):
        return replace(change, note=f"{actor} is not a person; only people confirm bank changes")
    if same_actor(actor, change.requested_by):
        return replace(change, note=f"{actor} requested the change and cannot confirm it")
    if any(same_actor(actor, other) for other in change.confirmed_by):
        return replace(change, note=f"{actor} confirmed before; the same person counts once")
    return replace(change, confirmed_by=(*change.confirmed_by, actor), note="")


def let_go(state: State, change_id: str) -> State:
    """A bank change lets payments go only when it was rejected, or when every system holds the new details."""
    if state.change and state.change.change_id == change_id and state.change.rejected:
        return replace(state, change=None)
    if state.syncing == change_id and not systems_behind(state):
        return replace(state, syncing="")
    return state


def ask(state: State, change: Change, supplier_id: str, policy: Policy) -> Iterator[Output]:
    """A change is asked for: no payment leaves, and people are to confirm the account."""
    reason = f"bank change {change.change_id} is not confirmed"
    yield Emit(PaymentsHeld(supplier_id=supplier_id, reason=reason, change_id=change.change_id))
    yield open_case(_change_case(state, change, supplier_id, policy))


def confirm(state: State, change: Change, supplier_id: str, policy: Policy) -> Iterator[Output]:
    """Change the account when enough people have confirmed; otherwise say who is still missing and why."""
    complete = people_among(change.confirmed_by, policy.identities) >= policy.bank_change_confirmations
    if complete and state.supplier and not tuple(account_problems(change.account)):
        record = replace(state.supplier, bank_account=change.account)
        yield Emit(BankAccountChanged(change_id=change.change_id, supplier=record, systems=policy.supplier_systems))
        return
    yield open_case(_change_case(state, change, supplier_id, policy))


def carry_out(state: State, supplier: Supplier, change_id: str) -> Iterator[Output]:
    """The account has changed: every system is to hold it."""
    yield from upserts(state, supplier)
    people = "enough people confirmed it"
    yield settle_case(CaseClass.BANK_CHANGE, supplier.supplier_id, f"{change_id} changed the account: {people}")
    yield from release(state, supplier.supplier_id)


def turn_down(data: BankChangeRejected, actor: str) -> Iterator[Output]:
    """The change is rejected: the old account stays, and payments may leave again."""
    told = f"{data.change_id} rejected by {actor}: {data.reason}"
    yield settle_case(CaseClass.BANK_CHANGE, data.supplier_id, told)
    yield Emit(PaymentsReleased(supplier_id=data.supplier_id, reason=told, change_id=data.change_id))


def release(state: State, supplier_id: str) -> Iterator[Output]:
    """A confirmed change lets payments go when every system holds the new details, not before."""
    if state.syncing and not systems_behind(state):
        reason = f"bank change {state.syncing} is held by {', '.join(state.copies) or 'no system'}"
        yield Emit(PaymentsReleased(supplier_id=supplier_id, reason=reason, change_id=state.syncing))


def people_among(actors: Iterable[str], identities: tuple[Identity, ...]) -> int:
    """How many people these actors are at least: two accounts of one human being are one."""
    apart: list[str] = []
    for actor in actors:
        if not any(same_people(actor, other, identities) for other in apart):
            apart.append(actor)
    return len(apart)


def _change_case(state: State, change: Change, supplier_id: str, policy: Policy) -> Case:
    """The case about an open bank change: what is to change, who confirmed, and why the last one did not count."""
    name, wanted = state.name or supplier_id, masked_iban(change.account.account_id)
    old = state.supplier.bank_account.account_id if state.supplier and state.supplier.bank_account else ""
    confirmed = people_among(change.confirmed_by, policy.identities)
    progress = f"{confirmed} of {policy.bank_change_confirmations} people confirmed"
    people = f" ({', '.join(change.confirmed_by)})" if change.confirmed_by else ""
    note = f" {change.note}." if change.note else ""
    problems = tuple(account_problems(change.account))
    if change.note:
        problems += (Problem(Code.SAME_PERSON, "actor", "another person", change.note),)
    return Case(
        case_class=CaseClass.BANK_CHANGE,
        document=supplier_id,
        reason=(
            f"{name} is to be paid to {wanted} instead of {masked_iban(old) or 'nothing'}; "
            f"requested by {change.requested_by}. {progress}{people}.{note}"
        ),
        problems=problems,
        supplier_id=supplier_id,
    )
