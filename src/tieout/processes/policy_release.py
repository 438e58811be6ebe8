"""The releases of the policy: drafted by one person, tried on the past, approved by another, in force by date.

::

    PolicyDrafted ──► draft ──PolicyTried──► tried ──PolicyApprovalRequested──► approved (PolicyApproved), in the book
                        ▲ another text            └ refused: same person, no trial, close window (PolicyRefused)
    PolicyRollbackRequested ──► the release before, at once (PolicyRolledBack)

A release is named by the version of its content. The text of every release is kept for ever. Which release is in force
is read off the book (:mod:`tieout.policy.book`) by whoever records an event, at the moment of recording.
"""

from collections.abc import Iterator
from datetime import datetime

from msgspec import Struct
from msgspec.structs import replace

from tieout.kernel.clock import from_micros, to_micros
from tieout.model.events import Event
from tieout.model.facts import (
    PolicyAdopted,
    PolicyApprovalRequested,
    PolicyApproved,
    PolicyDrafted,
    PolicyRefused,
    PolicyRollbackRequested,
    PolicyRolledBack,
    PolicyTried,
    policy_home,
)
from tieout.policy import book as books
from tieout.policy.book import LEAD, Entry
from tieout.policy.duties import Act, is_person, same_actor, same_people
from tieout.policy.policy import Policy
from tieout.processes.process import Emit, Facts, Output, Process, by_subject

SUBJECT = policy_home()
"""All releases stand in one state."""


class Trial(Struct, frozen=True):
    """What playing the past again under a release said, in figures; the whole of it is in the log."""

    by: str
    at: int
    event: str
    invoices: int
    changed: int
    held_before: int
    held_after: int
    touchless_before: int
    touchless_after: int
    start: str = ""
    end: str = ""


class Release(Struct, frozen=True, omit_defaults=True):
    """One release. ``wanted``: when it is to take effect, in microseconds; 0: as soon as it is approved.
    ``drafted_before``: others who drafted the very same content earlier."""

    release: str
    number: int
    drafted_by: str
    drafted_at: int
    wanted: int = 0
    note: str = ""
    trial: Trial | None = None
    approved_by: str = ""
    approved_at: int = 0
    effective_from: int = 0
    rollback: str = ""
    rolled_back_by: str = ""
    rolled_back_at: int = 0
    rolled_back_why: str = ""
    drafted_before: tuple[str, ...] = ()

    @property
    def drafters(self) -> tuple[str, ...]:
        """Everybody who drafted it: saying the same again makes nobody's draft somebody else's."""
        return tuple(dict.fromkeys((*self.drafted_before, self.drafted_by)))

    @property
    def authors(self) -> tuple[Act, ...]:
        """Who drafted and who approved it."""
        acts = (*(Act("draft_policy", one) for one in self.drafters), Act("approve_policy", self.approved_by))
        return tuple(act for act in acts if act.actor)


class State(Struct, frozen=True, omit_defaults=True):
    """Every release by its version, and the book of those that were approved. ``brought_back``: who rolled back, by the
    moment (microseconds) from which the older release is in force again."""

    releases: dict[str, Release] = {}
    book: tuple[Entry, ...] = ()
    brought_back: dict[str, str] = {}

    @property
    def ordered(self) -> tuple[Release, ...]:
        """All releases in the order of their drafting."""
        return tuple(sorted(self.releases.values(), key=lambda release: release.number))

    def in_force(self, moment: datetime) -> str:
        """The release in force at a moment; empty where there is none."""
        return books.in_force(self.book, moment)

    def authors(self, moment: datetime) -> tuple[Act, ...]:
        """Who drafted and approved the release in force at a moment, and who brought it back: they may not pass
        documents under it."""
        release = self.releases.get(self.in_force(moment))
        return (*release.authors, *self.returners(release.release, moment)) if release else ()

    def returners(self, release: str, moment: datetime) -> tuple[Act, ...]:
        """Who brought a release back, until a moment, by rolling back what came after it."""
        micros = to_micros(moment)
        since = (str(one.since) for one in self.book if one.release == release and one.since <= micros)
        return tuple(Act("roll_back_policy", self.brought_back[one]) for one in since if one in self.brought_back)


class Text(Struct, frozen=True):
    """What somebody wrote, as they wrote it first."""

    text: str


def status_of(release: Release, state: State, in_force: str) -> str:
    """Where a release stands: ``draft``, ``tried``, ``coming``, ``in_force``, ``superseded`` or ``rolled_back``."""
    if release.release == in_force:
        return "in_force"
    if not release.approved_at:
        return "tried" if release.trial else "draft"
    if state.book and state.book[-1].release == release.release:
        return "coming"
    return "rolled_back" if release.rolled_back_at else "superseded"


# ── what may not be ────────────────────────────────────────────────────────────────────────────────────────────────


def approval_objection(
    state: State | None, data: PolicyApprovalRequested, actor: str, now: datetime, policy: Policy
) -> str:
    """Why somebody may not approve a release; empty when they may. ``policy`` is the one in force."""
    release = state.releases.get(data.release) if state else None
    if state is None or release is None:
        return f"there is no release {data.release}; `tieout policy list` shows them"
    if not is_person(actor):
        return f"{actor} is not a person; only people approve a policy"
    for drafter in release.drafters:
        if same_people(actor, drafter, policy.identities):
            as_whom = "" if same_actor(actor, drafter) else f", as {drafter},"
            return f"{actor} drafted release {data.release}{as_whom} and cannot approve it; another person must"
    if state.book and state.book[-1].release == data.release:
        return f"release {data.release} is the newest approved one already"
    if release.trial is None:
        return f"release {data.release} was not tried on the past; run `tieout policy try {data.release}` first"
    trial, again = release.trial, f"run `tieout policy try {data.release}` once more"
    if not trial.invoices and (trial.start or trial.end):
        return f"the trial of release {data.release} found no invoice in its dates, so it shows nothing; {again}"
    if newer := _changed_since(state, trial.at):
        return f"release {newer} was {_what_became(state, newer)} after {data.release} was tried; {again}"
    return _window_objection(state, data, effective(release, data, now), policy.close_window_days)


def _changed_since(state: State, micros: int) -> str:
    """A release that was approved or rolled back since a moment: what was compared with then is not in force now."""
    found = (one for one in state.ordered if max(one.approved_at, one.rolled_back_at) > micros)
    return next((one.release for one in found), "")


def _what_became(state: State, release: str) -> str:
    return "rolled back" if state.releases[release].rolled_back_at else "approved"


def states_rollback(state: State, data: PolicyApprovalRequested) -> bool:
    """Whether an approval says in words how it would be rolled back, and to which release that was ever approved."""
    back = state.releases.get(data.rollback_to)
    return bool(data.rollback.strip() and back and back.approved_at and back.release != data.release)


def _window_objection(state: State, data: PolicyApprovalRequested, since: datetime, days: int) -> str:
    window = books.close_window(since.date(), days)
    if not window or states_rollback(state, data):
        return ""
    told = f"release {data.release} would take effect on {since:%Y-%m-%d}, in a close window ({window})"
    return f"{told}; choose a later day, or state how it would be rolled back and to which release"


def rollback_objection(state: State | None, data: PolicyRollbackRequested, actor: str) -> str:
    """Why somebody may not take a release back; empty when they may."""
    if state is None or not state.book:
        return "there is no release to roll back: the first one is in force; `tieout policy list` shows them"
    newest = state.book[-1]
    if not is_person(actor):
        return f"{actor} is not a person; only people roll a policy back"
    if newest.release != data.release:
        return f"{newest.release} is the newest release, not {data.release}; only the newest can be rolled back"
    if not newest.below:
        return f"there is no release before {data.release}"
    return "" if data.reason.strip() else "say why; the reason is kept for ever"


def effective(release: Release, data: PolicyApprovalRequested, now: datetime) -> datetime:
    """When a release takes effect: as the approver says, else as the drafter did, and never before all workers know."""
    wanted = data.effective_from or (from_micros(release.wanted) if release.wanted else now)
    return max(wanted, now + LEAD)


# ── evolve ─────────────────────────────────────────────────────────────────────────────────────────────────────────


def evolve(state: State | None, event: Event) -> State | None:
    """Where the releases stand after an event."""
    state, micros = state or State(), to_micros(event.recorded_at)
    match event.data:
        case PolicyAdopted(release=release) if not state.releases:
            first = Release(release, 0, event.actor, micros, approved_by=event.actor, approved_at=micros)
            return State({release: first}, (Entry(release, 0),))
        case PolicyDrafted(release=release) if release not in state.releases:
            return _with(state, _drafted(event, event.data, len(state.releases)))
        case PolicyDrafted(release=release) if not state.releases[release].approved_at:
            before = state.releases[release]
            return _with(state, _drafted(event, event.data, before.number, before.drafters))
        case PolicyTried(release=release) if release in state.releases:
            return _with(state, replace(state.releases[release], trial=_tried(event, event.data)))
        case PolicyApproved(release=release):
            return _approved(state, event, event.data)
        case PolicyRolledBack(release=release):
            back = replace(
                state.releases[release],
                rolled_back_by=event.actor,
                rolled_back_at=micros,
                rolled_back_why=event.data.reason,
            )
            book = books.rolled_back(state.book, event.data.effective_from)
            brought_back = {**state.brought_back, str(book[-1].since): event.actor}
            return replace(_with(state, back), book=book, brought_back=brought_back)
        case _:
            return state


def _with(state: State, release: Release) -> State:
    return replace(state, releases={**state.releases, release.release: release})


def _drafted(event: Event, data: PolicyDrafted, number: int, before: tuple[str, ...] = ()) -> Release:
    wanted = to_micros(data.effective_from) if data.effective_from else 0
    others = tuple(one for one in before if not same_actor(one, event.actor))
    recorded_at = to_micros(event.recorded_at)
    return Release(data.release, number, event.actor, recorded_at, wanted, data.note, drafted_before=others)


def _tried(event: Event, data: PolicyTried) -> Trial:
    return Trial(
        event.actor,
        to_micros(event.recorded_at),
        event.event_id,
        data.invoices,
        data.changed,
        data.held_before,
        data.held_after,
        data.touchless_before,
        data.touchless_after,
        data.start,
        data.end,
    )


def _approved(state: State, event: Event, data: PolicyApproved) -> State:
    release = replace(
        state.releases[data.release],
        approved_by=event.actor,
        approved_at=to_micros(event.recorded_at),
        effective_from=to_micros(data.effective_from),
        rollback=data.rollback,
        rolled_back_by="",
        rolled_back_at=0,
        rolled_back_why="",
    )
    return replace(_with(state, release), book=books.approved(state.book, data.release, data.effective_from))


# ── decide ─────────────────────────────────────────────────────────────────────────────────────────────────────────


def decide(state: State | None, event: Event, facts: Facts) -> Iterator[Output]:
    """Let an approval or a rollback take effect, or say why it may not."""
    match event.data:
        case PolicyApprovalRequested(release=named) as data:
            objection = approval_objection(state, data, event.actor, facts.now, facts.policy)
            if objection:
                yield Emit(PolicyRefused(release=named, reason=objection))
            elif state is not None:
                since = effective(state.releases[named], data, facts.now)
                stated = f"{data.rollback} (to {data.rollback_to})" if data.rollback else ""
                yield Emit(PolicyApproved(release=named, effective_from=since, rollback=stated))
        case PolicyRollbackRequested(release=named, reason=reason) as asked:
            if objection := rollback_objection(state, asked, event.actor):
                yield Emit(PolicyRefused(release=named, reason=objection))
            elif state is not None:
                since = facts.now + LEAD
                to = state.book[-1].below
                yield Emit(PolicyRolledBack(release=named, to=to, effective_from=since, reason=reason))
        case _:
            return


def _by_release(event: Event) -> tuple[str, ...]:
    return (event.data.release,) if isinstance(event.data, PolicyAdopted | PolicyDrafted) else ()


def _keep(state: Text | None, event: Event) -> Text | None:
    """The text in which a version was drafted first; another text with the same content changes nothing."""
    data = event.data
    return Text(data.text) if state is None and isinstance(data, PolicyAdopted | PolicyDrafted) else state


def _nothing(state: Text | None, event: Event, facts: Facts) -> Iterator[Output]:
    return iter(())


_FACTS = (
    PolicyAdopted,
    PolicyDrafted,
    PolicyTried,
    PolicyApprovalRequested,
    PolicyApproved,
    PolicyRollbackRequested,
    PolicyRolledBack,
)
PROCESS = Process(name="policy", state=State, routes=dict.fromkeys(_FACTS, by_subject), evolve=evolve, decide=decide)
TEXT = Process(
    name="policy_text",
    state=Text,
    routes=dict.fromkeys((PolicyAdopted, PolicyDrafted), _by_release),
    evolve=_keep,
    decide=_nothing,
)
