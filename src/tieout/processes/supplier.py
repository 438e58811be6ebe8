"""A supplier: one record for the whole group, its bank details, and whether it may be paid.

::

    SupplierProposed ──valid──► active ──► upsert to every system (version n) ──EffectSettled──► held there
                     └─not──► refused                ▲
    BankChangeRequested ──► change open, payments held │
        ├─ confirmed by enough people ──► BankAccountChanged (version n+1) ── all systems hold it ──► released
        └─ rejected ──► the old account stays ──► released

New bank details never come in with an ordinary proposal: they open a bank change. An invoice of a supplier nobody
knows waits here (status ``unknown``) and is looked at again when the supplier becomes active.
"""

from collections.abc import Iterable, Iterator

from msgspec import Struct
from msgspec.structs import replace

from tieout.kernel.ids import derive
from tieout.kernel.problem import Code, Problem
from tieout.model.cases import Case, CaseClass
from tieout.model.documents import BankAccount, Supplier
from tieout.model.effects import UpsertSupplier, effect_id
from tieout.model.events import Event
from tieout.model.facts import (
    BankAccountChanged,
    BankChangeConfirmed,
    BankChangeRejected,
    BankChangeRequested,
    EffectSettled,
    InvoiceFoundInvalid,
    PaymentsHeld,
    PaymentsReleased,
    RecheckRequested,
    SupplierActivated,
    SupplierProposed,
    SupplierRefused,
    supplier_home,
)
from tieout.policy.duties import Identity, is_person, same_actor, same_people
from tieout.policy.identifiers import account_problems, masked_iban, normal_iban, supplier_problems
from tieout.policy.policy import Policy
from tieout.processes.case import is_open, open_case, settle_case
from tieout.processes.process import Emit, Facts, Intent, Output, Process, Row, Send, by_subject

WAITING_MAX = 200
"""So many invoices of an unknown supplier are looked at again by themselves; the rest a person rechecks."""


class Copy(Struct, frozen=True, omit_defaults=True):
    """What one system holds: the version asked of it, the version it is known to hold, whether the last write failed.

    ``behind`` is the version whose write must land first, if one is still on its way.
    """

    asked: int
    held: int = 0
    behind: int = 0
    failed: bool = False


class Change(Struct, frozen=True, omit_defaults=True):
    """A bank change that is open. ``note`` says why the last confirmation did not count; ``former`` are the ids under
    which another account was asked for before."""

    change_id: str
    account: BankAccount
    requested_by: str
    channel: str = ""
    confirmed_by: tuple[str, ...] = ()
    note: str = ""
    rejected: bool = False
    former: tuple[str, ...] = ()


class Hold(Struct, frozen=True, omit_defaults=True):
    """A hold that a person placed."""

    reason: str
    placed_by: str
    note: str = ""


class State(Struct, frozen=True, omit_defaults=True):
    """Where a supplier stands. ``syncing`` is the confirmed bank change that not every system holds yet."""

    status: str = "unknown"
    name: str = ""
    supplier: Supplier | None = None
    version: int = 0
    copies: dict[str, Copy] = {}
    change: Change | None = None
    syncing: str = ""
    hold: Hold | None = None
    waiting: tuple[str, ...] = ()
    rechecking: tuple[str, ...] = ()


# ── what other processes ask ───────────────────────────────────────────────────────────────────────────────────────


def held(state: State | None) -> str:
    """Why no payment to this supplier may be released now; an empty text when it may."""
    if state is None or state.status != "active":
        return "the supplier is not active"
    if state.hold:
        note = f" ({state.hold.note})" if state.hold.note else ""
        return f"held by {state.hold.placed_by}: {state.hold.reason}{note}"
    if state.change:
        return f"bank change {state.change.change_id} is not confirmed"
    if failed := _failed(state):
        return f"{', '.join(failed)} did not take the supplier's latest details"
    if state.syncing and (behind := _behind(state)):
        return f"bank change {state.syncing} has not reached {', '.join(behind)} yet"
    return ""


def upsert_id(state: State | None, supplier_id: str, connector: str) -> str:
    """The effect that must have landed before a system can take a document of this supplier; empty when it has.

    For a supplier nobody has proposed yet it is the first one there will be.
    """
    copy = state.copies.get(connector) if state else None
    if copy and copy.held == copy.asked:
        return ""
    return _upsert_id(connector, supplier_id, copy.asked if copy else 1)


def _upsert_id(connector: str, supplier_id: str, version: int) -> str:
    return effect_id(connector, UpsertSupplier.operation, _key(supplier_id, version))


def _key(supplier_id: str, version: int) -> str:
    return f"{supplier_id}/v{version}"


def _failed(state: State) -> list[str]:
    return [name for name, copy in state.copies.items() if copy.failed]


def _behind(state: State) -> list[str]:
    return [name for name, copy in state.copies.items() if copy.held < copy.asked]


# ── evolve ─────────────────────────────────────────────────────────────────────────────────────────────────────────


def evolve(state: State | None, event: Event) -> State | None:
    """Where the supplier stands after an event."""
    state = state or State()
    match event.data:
        case SupplierProposed(supplier=supplier):
            return state if state.status == "active" else replace(state, status="proposed", name=supplier.name)
        case SupplierRefused():
            return state if state.status == "active" else replace(state, status="refused")
        case SupplierActivated(supplier=supplier, systems=systems):
            state = _propagate(state, supplier, systems)
            return replace(state, status="active", waiting=(), rechecking=state.waiting)
        case BankAccountChanged(change_id=change_id, supplier=supplier, systems=systems):
            return replace(_propagate(state, supplier, systems), change=None, syncing=change_id)
        case BankChangeRequested():
            return replace(state, change=_requested(state.change, event.data, event.actor))
        case BankChangeConfirmed(change_id=change_id) if state.change and state.change.change_id == change_id:
            return replace(state, change=_confirmed(state.change, event.actor))
        case BankChangeRejected(change_id=change_id) if state.change and state.change.change_id == change_id:
            return replace(state, change=replace(state.change, rejected=True))
        case PaymentsHeld(change_id="", reason=reason) if state.hold is None:
            return replace(state, hold=Hold(reason, event.actor))
        case PaymentsReleased(change_id="") if state.hold:
            return replace(state, hold=_lifted(state.hold, event.actor))
        case PaymentsReleased(change_id=change_id) if change_id:
            return _let_go(state, change_id)
        case EffectSettled():
            return _settled(state, event.data)
        case InvoiceFoundInvalid() if state.status != "active" and event.subject not in state.waiting:
            return replace(state, waiting=(*state.waiting, event.subject)[:WAITING_MAX])
        case _:
            return state


def _propagate(state: State, supplier: Supplier, systems: tuple[str, ...]) -> State:
    version = state.version + 1
    copies = {name: _next_copy(state.copies.get(name), version) for name in systems}
    return replace(state, name=supplier.name, supplier=supplier, version=version, copies=copies)


def _next_copy(copy: Copy | None, version: int) -> Copy:
    if copy is None:
        return Copy(version)
    on_its_way = copy.held < copy.asked and not copy.failed
    return Copy(version, copy.held, copy.asked if on_its_way else 0)


def _requested(open_change: Change | None, data: BankChangeRequested, actor: str) -> Change:
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


def _confirmed(change: Change, actor: str) -> Change:
    if not is_person(actor):
        return replace(change, note=f"{actor} is not a person; only people confirm bank changes")
    if same_actor(actor, change.requested_by):
        return replace(change, note=f"{actor} requested the change and cannot confirm it")
    if any(same_actor(actor, other) for other in change.confirmed_by):
        return replace(change, note=f"{actor} confirmed before; the same person counts once")
    return replace(change, confirmed_by=(*change.confirmed_by, actor), note="")


def _lifted(hold: Hold, actor: str) -> Hold | None:
    if not is_person(actor):
        return replace(hold, note=f"release by {actor} refused: not a person")
    if same_actor(actor, hold.placed_by):
        return replace(hold, note=f"release by {actor} refused: another person than the one who held must release")
    return None


def _let_go(state: State, change_id: str) -> State:
    """A bank change lets payments go only when it was rejected, or when every system holds the new details."""
    if state.change and state.change.change_id == change_id and state.change.rejected:
        return replace(state, change=None)
    if state.syncing == change_id and not _behind(state):
        return replace(state, syncing="")
    return state


def _settled(state: State, data: EffectSettled) -> State:
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


def _version(key: str) -> int | None:
    number = key.rpartition("/v")[2]
    return int(number) if number.isdecimal() else None


# ── decide ─────────────────────────────────────────────────────────────────────────────────────────────────────────


def decide(state: State | None, event: Event, facts: Facts) -> Iterator[Output]:
    """What to ask of the world now."""
    if state is None:
        return
    match event.data:
        case SupplierProposed(supplier=supplier):
            yield from _judge(state, supplier, facts.policy)
        case SupplierRefused(problems=problems):
            yield open_case(_refusal(state, event, problems))
        case SupplierActivated(supplier=supplier):
            yield from _upserts(state, supplier)
            if is_open(facts, CaseClass.UNKNOWN_SUPPLIER, supplier.supplier_id):
                yield settle_case(CaseClass.UNKNOWN_SUPPLIER, supplier.supplier_id, "the supplier is active")
            for invoice_id in state.rechecking:
                recheck = RecheckRequested(reason="the supplier is active now")
                yield Send(recheck, invoice_id, supplier_home(supplier.supplier_id), correlation=invoice_id)
        case BankChangeRequested(supplier_id=supplier_id) if state.change:
            change_id = state.change.change_id
            reason = f"bank change {change_id} is not confirmed"
            yield Emit(PaymentsHeld(supplier_id=supplier_id, reason=reason, change_id=change_id))
            yield open_case(_change_case(state, state.change, supplier_id, facts.policy))
        case BankChangeConfirmed() if state.change and state.change.change_id == event.data.change_id:
            yield from _confirm(state, state.change, event.data.supplier_id, facts.policy)
        case BankAccountChanged(supplier=supplier, change_id=change_id):
            yield from _upserts(state, supplier)
            people = "enough people confirmed it"
            yield settle_case(CaseClass.BANK_CHANGE, supplier.supplier_id, f"{change_id} changed the account: {people}")
            yield from _release(state, supplier.supplier_id)
        case BankChangeRejected(supplier_id=supplier_id, change_id=change_id, reason=reason) if (
            state.change and state.change.change_id == change_id
        ):
            told = f"{change_id} rejected by {event.actor}: {reason}"
            yield settle_case(CaseClass.BANK_CHANGE, supplier_id, told)
            yield Emit(PaymentsReleased(supplier_id=supplier_id, reason=told, change_id=change_id))
        case EffectSettled():
            yield from _release(state, event.subject)


def _judge(state: State, proposed: Supplier, policy: Policy) -> Iterator[Output]:
    """Refuse a bad record, take a good one, and never let new bank details slip in with it."""
    problems = tuple(supplier_problems(proposed))
    if problems:
        yield Emit(SupplierRefused(problems=problems))
        return
    known = state.supplier
    record = replace(proposed, bank_account=known.bank_account) if known else proposed
    if record != known:
        yield Emit(SupplierActivated(supplier=record, systems=policy.supplier_systems))
    account = proposed.bank_account
    if known and account and not _same_account(account, known.bank_account):
        change_id = derive("chg", proposed.supplier_id, normal_iban(account.account_id))
        if state.change is None or state.change.change_id != change_id:
            yield Emit(
                BankChangeRequested(
                    change_id=change_id, supplier_id=proposed.supplier_id, account=account, channel="supplier proposal"
                )
            )


def _same_account(one: BankAccount, other: BankAccount | None) -> bool:
    return other is not None and normal_iban(one.account_id) == normal_iban(other.account_id)


def _refusal(state: State, event: Event, problems: tuple[Problem, ...]) -> Case:
    return Case(
        case_class=CaseClass.UNKNOWN_SUPPLIER,
        document=event.subject,
        entity=event.entity,
        reason=f"The record of supplier {state.name or event.subject} cannot be used: " + "; ".join(map(str, problems)),
        problems=problems,
        supplier_id=event.subject,
    )


def _upserts(state: State, supplier: Supplier) -> Iterator[Output]:
    for name, copy in state.copies.items():
        yield Intent(
            connector=name,
            payload=UpsertSupplier(supplier=supplier),
            key=_key(supplier.supplier_id, state.version),
            after=_upsert_id(name, supplier.supplier_id, copy.behind) if copy.behind else "",
            priority=2,
        )


def people_among(actors: Iterable[str], identities: tuple[Identity, ...]) -> int:
    """How many people these actors are at least: two accounts of one human being are one."""
    apart: list[str] = []
    for actor in actors:
        if not any(same_people(actor, other, identities) for other in apart):
            apart.append(actor)
    return len(apart)


def _confirm(state: State, change: Change, supplier_id: str, policy: Policy) -> Iterator[Output]:
    """Change the account when enough people have confirmed; otherwise say who is still missing and why."""
    complete = people_among(change.confirmed_by, policy.identities) >= policy.bank_change_confirmations
    if complete and state.supplier and not tuple(account_problems(change.account)):
        record = replace(state.supplier, bank_account=change.account)
        yield Emit(BankAccountChanged(change_id=change.change_id, supplier=record, systems=policy.supplier_systems))
        return
    yield open_case(_change_case(state, change, supplier_id, policy))


def _change_case(state: State, change: Change, supplier_id: str, policy: Policy) -> Case:
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


def _release(state: State, supplier_id: str) -> Iterator[Output]:
    """A confirmed change lets payments go when every system holds the new details, not before."""
    if state.syncing and not _behind(state):
        reason = f"bank change {state.syncing} is held by {', '.join(state.copies) or 'no system'}"
        yield Emit(PaymentsReleased(supplier_id=supplier_id, reason=reason, change_id=state.syncing))


# ── what pages see ─────────────────────────────────────────────────────────────────────────────────────────────────


def show(subject: str, state: State) -> Row | None:
    """The row of the supplier list, with the account masked. Suppliers nobody proposed are not shown."""
    if state.status == "unknown":
        return None
    supplier = state.supplier
    account = supplier.bank_account if supplier else None
    return {
        "name": state.name,
        "tax_id": supplier.tax_id if supplier else "",
        "country": supplier.address.country if supplier else "",
        "status": state.status,
        "hold_reason": held(state) if state.status == "active" else "",
        "iban_masked": masked_iban(account.account_id) if account else "",
        "change_id": state.change.change_id if state.change else "",
        "systems": ", ".join(sorted(name for name, copy in state.copies.items() if copy.held)),
    }


def _route_effect(event: Event) -> tuple[str, ...]:
    data = event.data
    return (event.subject,) if isinstance(data, EffectSettled) and data.operation == UpsertSupplier.operation else ()


def _route_waiting(event: Event) -> tuple[str, ...]:
    data = event.data
    return (data.waits_for_supplier,) if isinstance(data, InvoiceFoundInvalid) and data.waits_for_supplier else ()


PROCESS = Process(
    name="supplier",
    state=State,
    routes={
        SupplierProposed: by_subject,
        SupplierActivated: by_subject,
        SupplierRefused: by_subject,
        BankChangeRequested: by_subject,
        BankChangeConfirmed: by_subject,
        BankChangeRejected: by_subject,
        BankAccountChanged: by_subject,
        PaymentsHeld: by_subject,
        PaymentsReleased: by_subject,
        EffectSettled: _route_effect,
        InvoiceFoundInvalid: _route_waiting,
    },
    evolve=evolve,
    decide=decide,
    view="supplier",
    show=show,
)
