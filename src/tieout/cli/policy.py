"""Commands about the policy: what it says and why, its releases, and what another one would have done."""

import getpass
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

import click
from msgspec import Struct

from tieout.cli.company import Company, misread, policy_text, read_policy
from tieout.cli.output import CONSOLE, JSON, print_json, print_table, progress
from tieout.kernel.clock import from_micros, to_micros
from tieout.kernel.errors import ConfigError
from tieout.kernel.ids import partition_of
from tieout.kernel.money import Money
from tieout.model.facts import policy_home
from tieout.policy.explain import Difference, differences, settings, warnings
from tieout.policy.levels import FOR_ALL
from tieout.policy.load import PolicyError
from tieout.policy.policy import Policy
from tieout.processes.policy_release import State, status_of

if TYPE_CHECKING:
    from tieout.engine.queries.trace import Step
    from tieout.engine.what_if import Change, Side, Sum, WhatIf

_DAY = click.DateTime(["%Y-%m-%d"])
_MOMENT = click.DateTime(["%Y-%m-%d", "%Y-%m-%dT%H:%M"])
_FROM = click.option(
    "--from", "start", type=_DAY, help="The first day (UTC) whose invoices are compared; default: all."
)
_TO = click.option("--to", "end", type=_DAY, help="The last day whose invoices are compared; default: until now.")
_SHOWN = 50


@click.command()
@click.option(
    "--what-if",
    "policy_file",
    type=click.Path(exists=True, path_type=Path),
    required=True,
    help="The changed policy: a file, or a folder of files.",
)
@_FROM
@_TO
@JSON
@click.pass_obj
def replay(config: Path, policy_file: Path, start: datetime | None, end: datetime | None, as_json: bool) -> None:
    """Play the recorded past again under a changed policy. Effects are captured and never sent.

    Prints how many invoices would be held then and now, what share passes without a human being, how many cases of each
    class there would be with their money, and each invoice with another verdict. Nothing is kept: `tieout policy draft`
    and `try` keep it for another person's approval.

    \b
    cp policy.toml looser.toml; edit it; tieout replay --what-if looser.toml
    tieout replay --what-if looser.toml --from 2026-10-01 --to 2026-10-31 --json
    """
    company = Company.at(config)
    found = play(company, read_policy(policy_file), start, end)
    if as_json:
        print_json(found)
    else:
        show(found, f"policy {company.policy.version} → {found.policy}")


def play(company: Company, policy: Policy, start: datetime | None, end: datetime | None) -> "WhatIf":
    """The past of a span of days under a policy, with a progress bar. Ctrl-C calls it off."""
    from tieout.engine.what_if import span_of, what_if

    begin, until = _span(start, end)
    events = sum(span_of(company.store).heads.values())
    with progress("playing the past again", events) as advance:
        return what_if(
            company.store,
            policy,
            partitions=company.settings.config.partitions,
            now=company.policy,
            start=begin,
            end=until,
            on_progress=advance,
        )


def show(found: "WhatIf", title: str) -> None:
    """What a trial found, for people."""
    before, after = found.before, found.after
    CONSOLE.print(
        f"{title}: {found.invoices:,} invoices; {before.held:,} held then, {after.held:,} held under the changed"
        f" policy; changed verdicts: {found.changed:,}; {found.effects_captured:,} effects captured, none sent"
    )
    CONSOLE.print(
        f"touchless: {found.touchless_before:.1f} % then, {found.touchless_after:.1f} % under the changed policy"
        + (f" (up to {found.touchless_after_max:.1f} %: {_asked_nobody(found)})" if found.undecided else "")
    )
    if found.set_aside:
        CONSOLE.print(f"  {found.set_aside:,} messages could not be played: a process failed on them; the rest counts")
    for what, sums in (("would now pass", found.passing), ("would now be stopped", found.stopping)):
        for amount in _amounts(sums):
            CONSOLE.print(f"  {amount} in invoices that {what}")
    if lost := _discounts(found):
        CONSOLE.print(lost)
    print_table("Cases by class", ("class", "then#", "money then#", "now#", "money now#"), _classes(before, after))
    print_table("Moves", ("then", "under the changed policy", "invoices#", "money#"), _moves(found))
    print_table(
        "Changed verdicts",
        ("invoice", "number", "amount#", "then", "under the changed policy"),
        [_row(change) for change in found.changes[:_SHOWN]],
    )
    if found.changed > _SHOWN:
        CONSOLE.print(f"{found.changed - _SHOWN:,} more; --json has {len(found.changes):,} of them")


def _discounts(found: "WhatIf") -> str:
    """What was lost of cash discounts, then and under the changed policy; nothing where no document offers any."""
    before, after, may_be_kept = found.before.discounts_lost, found.after.discounts_lost, found.discounts_open
    if not (before.documents or after.documents):
        return ""
    told = f"discounts lost: {_lost(before)} then, {_lost(after)} under the changed policy"
    if not may_be_kept.documents:
        return told
    return f"{told} ({_lost(may_be_kept)} of it only if those whom nobody asked then would have been too late)"


def _lost(one: "Sum") -> str:
    if not one.documents:
        return "none"
    return f"{', '.join(map(str, _amounts(one.money)))} on {one.documents:,} invoice{'s' * (one.documents != 1)}"


def _asked_nobody(found: "WhatIf") -> str:
    return f"of {found.undecided:,} that would pass now nobody was asked then"


def _amounts(sums: Mapping[str, int]) -> list[Money]:
    return [Money(minor, currency) for currency, minor in sums.items()]


def _classes(before: "Side", after: "Side") -> Iterator[tuple[object, ...]]:
    for name in sorted({*before.classes, *after.classes}):
        yield name, *_cells(before.classes.get(name)), *_cells(after.classes.get(name))


def _moves(found: "WhatIf") -> Iterator[tuple[object, ...]]:
    from tieout.engine.what_if import MOVED_TO

    for name, one in sorted(found.moves.items(), key=lambda move: (-move[1].documents, move[0])):
        yield *name.split(MOVED_TO), *_cells(one)


def _cells(one: "Sum | None") -> tuple[object, object]:
    return (one.documents, ", ".join(map(str, _amounts(one.money)))) if one else (0, "")


def _row(change: "Change") -> tuple[object, ...]:
    words = (f"{side.result}: {side.words}" if side.problems else side.result for side in (change.before, change.after))
    return change.invoice_id, change.number, change.amount, *words


# ── releases ───────────────────────────────────────────────────────────────────────────────────────────────────────


@click.group()
def policy() -> None:
    """The policy: what is in force and why, its releases, and what another one would have done.

    \b
    tieout policy draft looser.toml --note "prices of steel"    one person writes a draft
    tieout policy try 6030fff85db2                              and plays the past again under it
    tieout policy approve 6030fff85db2 --as paul                another person approves it
    tieout policy rollback 6030fff85db2 --reason "too loose"    one step takes it back
    """


_PERSON = click.option("--as", "person", default=getpass.getuser, help="Who does it (default: your login name).")


@policy.command("list")
@JSON
@click.pass_obj
def list_releases(config: Path, as_json: bool) -> None:
    """List all releases, and which one is in force now.

    A release is a draft, then tried, then approved (coming until its date), in force, then replaced or rolled back.
    """
    company = Company.at(config)
    state, now = company.policies.releases(), company.clock.now()
    if as_json:
        in_force = state.in_force(now) or company.policy.version
        print_json({"in_force": in_force, "releases": state.ordered, "book": state.book})
        return
    if not state.releases:
        place = company.settings.path(company.settings.config.policy)
        CONSOLE.print(f"no releases yet: {place} is the policy, version {company.policy.version}")
        return
    print_table(
        "Releases of the policy",
        ("number#", "release", "status", "drafted by", "approved by", "effective from", "note"),
        [
            (
                one.number,
                one.release,
                status_of(one, state, state.in_force(now)).replace("_", " "),
                one.drafted_by,
                one.approved_by,
                f"{from_micros(one.effective_from):%Y-%m-%d %H:%M:%S}" if one.effective_from else "",
                one.note,
            )
            for one in state.ordered
        ],
    )


@policy.command("show")
@click.argument("release", default="")
@click.pass_obj
def show_text(config: Path, release: str) -> None:
    """Print a release as it was written (default: the one in force)."""
    company = Company.at(config)
    text = company.policies.text(release) if release else company.policies.loaded_at(company.clock.now()).text
    click.echo(text.rstrip())


@policy.command()
@click.argument("before")
@click.argument("after")
@JSON
@click.pass_obj
def diff(config: Path, before: str, after: str, as_json: bool) -> None:
    """Say in which settings two policies differ. Each is a release, a file, or a folder of files.

    \b
    tieout policy diff policy.toml looser.toml
    tieout policy diff 6030fff85db2 looser.toml      a release against what you are writing
    """
    company = Company.at(config)
    found = differences(_named(company, before), _named(company, after))
    if as_json:
        print_json(found)
    else:
        print_table(
            f"{before} → {after}",
            ("setting", before, after),
            [(one.key, one.before, one.after) for one in found],
        )


def _named(company: Company, name: str) -> Policy:
    if Path(name).exists():
        return read_policy(Path(name))
    if name not in company.policies.releases().releases:
        raise ConfigError(f"{name!r} is neither a file nor a release; `tieout policy list` shows the releases")
    return company.policies.release(name).policy


@policy.command("explain")
@click.option("--entity", default="", help="A legal entity; default: the document's, or what holds everywhere.")
@click.option("--key", default="", help="Only this setting, or those below it, such as tolerances.price.")
@click.option("--date", "day", type=_DAY, help="As of the end of this day (UTC); default: now.")
@click.option("--document", default="", help="Any id a document has anywhere: which policy decided what about it.")
@JSON
@click.pass_obj
def explain_policy(config: Path, entity: str, key: str, day: datetime | None, document: str, as_json: bool) -> None:
    """Say what each setting is, which level of the policy says so, since when, and who approved it.

    Of limits it says what holds: those that are given, and for other checks what the dialect makes of a limit that is
    not given (level "dialect").

    \b
    tieout policy explain --entity DE01 --key tolerances
    tieout policy explain --document INV-2026-0117        under which version each of its decisions was taken
    """
    company = Company.at(config)
    moment = day.replace(tzinfo=UTC) + timedelta(days=1) if day else company.clock.now()
    if document:
        _explain_document(company, document, key, as_json)
        return
    loaded = company.policies.loaded_at(moment)
    if entity and entity not in loaded.policy.entities:
        known = ", ".join(sorted(loaded.policy.entities)) or "none"
        raise ConfigError(f"there is no entity {entity!r} in policy {loaded.policy.version}; it has {known}")
    found = [one for one in settings(loaded, entity) if _below(one.key, key)]
    if key and not found:
        raise ConfigError(f"there is no setting {key!r}; `tieout policy explain` without --key lists them all")
    version = loaded.policy.version
    release = company.policies.release_at(moment) or version
    whence, warned = _whence(company, release), warnings(loaded.policy, [entity] if entity else loaded.policy.entities)
    if as_json:
        told = {"release": release, "version": version, **whence, "entity": entity}
        print_json({**told, "settings": found, "warnings": warned})
        return
    CONSOLE.print(f"{_named_policy(release, version)}, {_whence_words(whence)}")
    for one in warned:
        CONSOLE.print(f"warning: {one}")
    title = f"What holds for {entity}" if entity else "What holds everywhere"
    print_table(title, ("setting", "value", "from"), [(one.key, one.value, one.level) for one in found])


def _named_policy(release: str, version: str) -> str:
    """A policy by its release, and by its version where that is another one since a dialect changed."""
    return f"policy {version}" if version == release else f"policy {version} (release {release})"


def _below(key: str, wanted: str) -> bool:
    return not wanted or key == wanted or key.startswith(wanted + ".")


def _whence(company: Company, version: str) -> dict[str, str]:
    """Who made a policy what it is, and since when."""
    state = company.policies.releases()
    release = state.releases.get(version)
    if release is None:
        return {"file": str(company.settings.path(company.settings.config.policy))}
    since = f"{from_micros(release.effective_from):%Y-%m-%d %H:%M:%S}" if release.effective_from else ""
    return {"drafted_by": release.drafted_by, "approved_by": release.approved_by, "effective_from": since}


def _whence_words(whence: Mapping[str, str]) -> str:
    if "file" in whence:
        return f"from {whence['file']} (no releases yet)"
    since = f"in force from {whence['effective_from']}" if whence["effective_from"] else "the first release"
    return f"{since}, drafted by {whence['drafted_by']}, approved by {whence['approved_by'] or 'nobody yet'}"


class Decided(Struct, frozen=True):
    """Decisions about a document that were taken under one version of the policy, the release that it was a version of
    (empty: a file, before there were releases), and what is said otherwise today."""

    version: str
    release: str
    first: datetime
    last: datetime
    decisions: tuple[str, ...]
    today: tuple[Difference, ...]


def _explain_document(company: Company, document: str, key: str, as_json: bool) -> None:
    from tieout.engine.queries.database import Database
    from tieout.engine.queries.trace import lanes_of, trace

    _ = company.store
    with Database(company.settings.database).read() as sql:
        found = trace(sql, document, None, lanes_of(company.policy))
    if found is None:
        raise ConfigError(f"nothing is known under {document!r}; try the supplier's number or an id of the ERP")
    decided = _decisions(company, [step for step in found.steps if step.type in _DECISIONS], found.entity, key)
    if as_json:
        print_json({"subject": found.subject, "title": found.title, "entity": found.entity, "decisions": decided})
        return
    CONSOLE.print(f"{found.title}  {found.subject}  {found.entity}")
    for one in decided:
        whence = _whence_words(_whence(company, one.release or one.version))
        CONSOLE.print(f"{_named_policy(one.release or one.version, one.version)}, {whence}:")
        for line in one.decisions:
            CONSOLE.print(f"  {line}")
        if one.today:
            print_table("  today", ("setting", "then", "today"), [(d.key, d.before, d.after) for d in one.today])
    if not decided:
        CONSOLE.print("nothing was decided about it by a rule of the policy")


_DECISIONS = frozenset(
    (
        *("invoice.admitted", "invoice.duplicate_stopped", "invoice.validated", "invoice.found_invalid"),
        *("invoice.matched", "invoice.match_failed", "supplier.activated", "supplier.refused", "case.opened"),
    )
)


def _decisions(company: Company, steps: "Sequence[Step]", entity: str, key: str) -> list[Decided]:
    found = []
    today, state = company.policy, company.policies.releases()
    for version in dict.fromkeys(step.policy for step in steps):
        mine = [step for step in steps if step.policy == version]
        others: tuple[Difference, ...] = ()
        if release := _release_of(state, version, mine[0].recorded_at):
            then = company.policies.release(release).policy
            others = tuple(one for one in differences(then, today) if _concerns(one.key, entity, key))
        lines = tuple(f"{step.recorded_at:%Y-%m-%d %H:%M:%S} {step.headline} {step.detail}".rstrip() for step in mine)
        found.append(Decided(version, release, mine[0].recorded_at, mine[-1].recorded_at, lines, others))
    return found


def _release_of(state: State, version: str, moment: datetime) -> str:
    """The release that something was decided under; nothing when that was a file, before there were releases."""
    if version in state.releases:
        return version
    found = state.in_force(moment)
    release = state.releases.get(found)
    return found if release and release.approved_at <= to_micros(moment) else ""


def _concerns(name: str, entity: str, key: str) -> bool:
    """Whether a difference is about this entity, or about everybody."""
    own = f"entities.{entity}."
    if name.startswith("entities."):
        return name.startswith(own) and _below(name.removeprefix(own), key)
    by_entity = tuple(f"{one}." for one in FOR_ALL) if entity else ()
    return not name.startswith(("tolerances.", "partners.", *by_entity)) and _below(name, key)


@policy.command()
@click.argument("place", type=click.Path(exists=True, path_type=Path))
@click.option("--effective", type=_MOMENT, help="When it is to take effect (UTC); default: as soon as it is approved.")
@click.option("--note", default="", help="What it changes and why; kept for ever.")
@_PERSON
@click.pass_obj
def draft(config: Path, place: Path, effective: datetime | None, note: str, person: str) -> None:
    """Propose a policy: a file, or a folder of files. Nothing changes until another person has approved it.

    \b
    tieout policy draft looser.toml --as cora --effective 2026-06-08 --note "prices of steel"
    """
    company = Company.at(config)
    try:
        release = company.policy_desk.draft(
            policy_text(place), f"person:{person}", effective_from=_utc(effective), note=note
        )
    except PolicyError as error:
        raise misread(place, error) from None
    _settle(company)
    click.echo(f"drafted release {release}\nnext: tieout policy try {release}")


@policy.command("try")
@click.argument("release")
@_FROM
@_TO
@_PERSON
@JSON
@click.pass_obj
def attempt(
    config: Path, release: str, start: datetime | None, end: datetime | None, person: str, as_json: bool
) -> None:
    """Play the past again under a draft, and keep what comes of it with the draft. Ctrl-C calls it off.

    Nothing is sent to any system. It prints how many verdicts change, what that comes to in money, and the invoices.

    \b
    tieout policy try 6030fff85db2 --from 2026-04-01 --to 2026-05-31
    """
    from tieout.engine.what_if import span_of

    company = Company.at(config)
    begin, until = _span(start, end)
    events = sum(span_of(company.store).heads.values())
    with progress("playing the past again", events) as advance:
        found = company.policy_desk.attempt(release, f"person:{person}", start=begin, end=until, on_progress=advance)
    _settle(company)
    if as_json:
        print_json(found)
        return
    show(found, f"policy {company.policy.version} → {release}")
    click.echo(f"next: another person says `tieout policy approve {release}`")


@policy.command()
@click.argument("release")
@click.option("--effective", type=_MOMENT, help="When it takes effect (UTC); default: as the draft says, or at once.")
@click.option("--rollback", default="", help="In a close window: how it would be rolled back, in words.")
@click.option("--rollback-to", default="", help="In a close window: the release that would be rolled back to.")
@_PERSON
@click.pass_obj
def approve(
    config: Path, release: str, effective: datetime | None, rollback: str, rollback_to: str, person: str
) -> None:
    """Let a draft that was tried take effect. Another person than the drafter must do so.

    While a period is being closed it must be said how it would be rolled back, and to which release.

    \b
    tieout policy approve 6030fff85db2 --as paul --effective 2026-06-08
    tieout policy approve 6030fff85db2 --as paul --rollback "the limits of before" --rollback-to 25d025335449
    """
    company = Company.at(config)
    company.policy_desk.approve(
        release,
        f"person:{person}",
        effective_from=_utc(effective),
        rollback=rollback,
        rollback_to=rollback_to,
    )
    _settle(company)
    found = company.policies.releases().releases[release]
    if not found.effective_from:
        raise ConfigError(f"release {release} was not approved; `tieout policy list` shows how things stand")
    click.echo(f"release {release} takes effect at {from_micros(found.effective_from):%Y-%m-%d %H:%M:%S} UTC")


@policy.command()
@click.argument("release")
@click.option("--reason", required=True, help="Why; kept for ever.")
@_PERSON
@click.pass_obj
def rollback(config: Path, release: str, reason: str, person: str) -> None:
    """Take the newest release back. The one before is in force again ten seconds later.

    \b
    tieout policy rollback 6030fff85db2 --as cora --reason "holds nothing any more"
    """
    company = Company.at(config)
    company.policy_desk.roll_back(release, f"person:{person}", reason)
    _settle(company)
    newest, now = company.policies.releases().book[-1], company.clock.now()
    since = from_micros(newest.since)
    told = f"is in force again from {since:%Y-%m-%d %H:%M:%S} UTC" if since > now else "stays in force"
    click.echo(f"release {newest.release} {told}")


def _settle(company: Company) -> None:
    """Have what was said recorded, whether or not a worker runs: the log's key keeps two from doing it both."""
    partition = partition_of(policy_home(), company.settings.config.partitions)
    work = company.unit_of_work()
    while work.run(100, [partition]):
        pass


def _utc(moment: datetime | None) -> datetime | None:
    return moment.replace(tzinfo=UTC) if moment else None


def _span(start: datetime | None, end: datetime | None) -> tuple[datetime | None, datetime | None]:
    """The days from one to the other, both included. Raises ``ConfigError`` where the first is after the last."""
    if start and end and start > end:
        raise ConfigError(f"--from {start:%Y-%m-%d} is after --to {end:%Y-%m-%d}; no day lies between them")
    return _utc(start), _day_after(end)


def _day_after(day: datetime | None) -> datetime | None:
    return day.replace(tzinfo=UTC) + timedelta(days=1) if day else None
