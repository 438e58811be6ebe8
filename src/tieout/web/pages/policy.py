"""The policy: what is in force and which level says so, its releases, and what a draft would have done to the past."""

from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from typing import Any

from litestar import Response, get, post
from litestar.datastructures import UploadFile
from litestar.handlers import HTTPRouteHandler
from litestar.params import FromPath, FromQuery
from msgspec import Struct
from msgspec.structs import replace

from tieout.engine.policies import Ruling
from tieout.engine.policy_desk import PolicyDesk
from tieout.engine.queries.database import Reach
from tieout.engine.trials import Trials
from tieout.engine.what_if import MOVED_TO, Sum, WhatIf
from tieout.http.callers import Caller, Req, caller_of, check_form, require
from tieout.http.problems import Trouble
from tieout.kernel.clock import from_micros
from tieout.kernel.errors import ConfigError, PermanentError
from tieout.kernel.money import Money
from tieout.policy.explain import Difference, Setting, differences, settings, warnings
from tieout.policy.files import Fault, separated
from tieout.policy.identifiers import masked_iban
from tieout.policy.levels import DEFAULT
from tieout.policy.load import PolicyError
from tieout.policy.policy import Policy
from tieout.processes.policy_release import Release, State, status_of
from tieout.web.moves import moves_of
from tieout.web.site import Site, back_to

SHOWN = 50
#: What the settings are about, by the beginning of their keys, in the order of the page; the rest is of the entity.
GROUPS = (
    ("Limits of matching", ("tolerances.", "matching.")),
    ("Duplicates", ("duplicates.",)),
    ("Cases: who works them and by when", ("routing", "substitutes", "escalation", "urgency.", "approval_days")),
    ("Segregation of duties", ("controls", "identities", "bank_change_confirmations")),
    ("Settlement on receipt", ("settlement.",)),
    ("Close and accruals", ("signal_age", "credit_expected", "close_window", "accrual_", "expense_")),
)
_OTHERS = "The entity and its systems"
_TEXT_MAX = 1_000_000
#: Own bank accounts are recognised by their ends, as everywhere on pages.
_MASKED = ("iban", "accounts")


class Row(Struct, frozen=True):
    """One release in the timeline."""

    release: Release
    status: str
    since: datetime | None


class Group(Struct, frozen=True):
    """Settings that belong together; ``said`` are those that somebody has written, the others hold by themselves."""

    title: str
    said: tuple[Setting, ...]
    silent: tuple[Setting, ...]


class Line(Struct, frozen=True):
    """One line of a draft, with what is wrong in it."""

    number: int
    text: str
    faults: tuple[Fault, ...]


class Bar(Struct, frozen=True):
    """One class of cases, before and after."""

    name: str
    before: Sum
    after: Sum

    @property
    def same(self) -> bool:
        """Whether the class is as it was."""
        return self.before == self.after

    @staticmethod
    def money(one: Sum) -> tuple[Money, ...]:
        """The money in it, by currency."""
        return tuple(Money(minor, currency) for currency, minor in one.money.items())


def routes(site: Site) -> list[HTTPRouteHandler]:
    """The pages of the policy, and what people do on them."""
    door = site.door

    @get("/policy", include_in_schema=False)
    async def show(request: Req, entity: FromQuery[str] = "") -> Response[Any]:
        return await _show(site, request, entity)

    @post("/policy/drafts", include_in_schema=False, request_max_body_size=4 * _TEXT_MAX)
    async def draft(request: Req) -> Response[Any]:
        caller = caller_of(request)
        form = await request.form()
        check_form(caller, str(form.get("form_token", "")))
        require(caller, "draft_policy")
        text = await _text_of(form)
        wanted = _moment(str(form.get("effective", "")))
        note = str(form.get("note", ""))[:2000]
        desk = _desk(site)
        try:
            release = await door.write(lambda: desk.draft(text, caller.person.actor, effective_from=wanted, note=note))
        except PolicyError as error:
            return await _show(site, request, "", text=text, faults=error.faults, note=note)
        except PermanentError as error:
            raise Trouble("wrong_state", str(error)) from None
        return back_to(f"/policy/releases/{release}", "drafted")

    @get("/policy/releases/{release:str}", include_in_schema=False)
    async def show_release(
        request: Req,
        release: FromPath[str],
        offset: FromQuery[int] = 0,
        then: FromQuery[str] = "",
        now: FromQuery[str] = "",
    ) -> Response[Any]:
        caller = caller_of(request)
        page = await door.write(_release, site, caller, release, max(0, offset), (then, now))
        return site.render(request, "policy_release.html", **page)

    @get("/policy/releases/{release:str}/changes/{invoice_id:str}", include_in_schema=False)
    async def show_change(request: Req, release: FromPath[str], invoice_id: FromPath[str]) -> Response[Any]:
        caller = caller_of(request)
        found = await door.write(_result, _desk(site), release, caller.person.reach)
        change = next((one for one in found.changes if one.invoice_id == invoice_id), None) if found else None
        if change is None:
            raise Trouble("not_found", f"the trial of release {release} keeps no change of {invoice_id}")
        return site.render(request, "policy_change.html", release=release, change=change)

    @post("/policy/releases/{release:str}/{what:str}", include_in_schema=False)
    async def act(request: Req, release: FromPath[str], what: FromPath[str]) -> Response[Any]:
        actions = {
            "try": "try_policy",
            "call-off": "try_policy",
            "approve": "approve_policy",
            "roll-back": "roll_back_policy",
        }
        if what not in actions:
            raise Trouble("not_found", f"there is no action {what!r}")
        caller, fields = await site.form(request, actions[what])
        try:
            said = await door.write(_act, site, caller, release, what, fields)
        except PermanentError as error:
            raise Trouble("wrong_state", str(error)) from None
        return back_to(f"/policy/releases/{release}", said)

    return [show, draft, show_release, show_change, act]


def _desk(site: Site) -> PolicyDesk:
    if site.door.policy_desk is None:
        raise Trouble("not_found", "releases of the policy are not kept here")
    return site.door.policy_desk


def _trials(site: Site) -> Trials:
    _desk(site)
    assert site.door.trials is not None
    return site.door.trials


# ── what is in force ───────────────────────────────────────────────────────────────────────────────────────────────


async def _show(
    site: Site, request: Req, entity: str, text: str = "", faults: tuple[Fault, ...] = (), note: str = ""
) -> Response[Any]:
    caller = caller_of(request)
    page = await site.door.write(_in_force, site, caller, entity)
    page |= {"faults": faults, "note": note, "lines": _lines(text, faults) if faults else ()}
    page["draft_text"] = text or (page["text"] if caller.may("draft_policy") else "")
    return site.render(request, "policy.html", status_code=422 if faults else 200, **page)


def _in_force(site: Site, caller: Caller, entity: str) -> dict[str, Any]:
    ruling, now = _desk(site).policies, site.door.now()
    loaded = ruling.loaded_at(now)
    entities = _within(loaded.policy, caller.person.reach)
    if entity and entity not in entities:
        raise Trouble("not_found", f"there is no entity {entity!r} here")
    chosen = entity or (entities[0] if entities else "")
    state = ruling.releases()
    return {
        "entities": entities,
        "entity": chosen,
        "groups": _grouped(map(_shown, settings(loaded, chosen))),
        "version": loaded.policy.version,
        "release": state.releases.get(state.in_force(now)),
        "warnings": warnings(loaded.policy, (chosen,) if chosen else ()),
        "rows": _rows(state, now),
        "text": loaded.text if _reads_text(caller) else "",
    }


def _within(policy: Policy, reach: Reach) -> tuple[str, ...]:
    return tuple(name for name in sorted(policy.entities) if reach is None or name in reach)


def _reads_text(caller: Caller) -> bool:
    """The text names all entities and their accounts: it is for those who write and approve policies of all of them."""
    return caller.person.reach is None and (caller.may("draft_policy") or caller.may("approve_policy"))


def _grouped(found: Iterable[Setting]) -> tuple[Group, ...]:
    """Settings by what they are about. What holds for a limit is always shown, also where nobody has said it."""
    kept: dict[str, list[Setting]] = {title: [] for title in (*(title for title, _ in GROUPS), _OTHERS)}
    for one in found:
        title = next((title for title, keys in GROUPS if one.key.startswith(keys)), _OTHERS)
        kept[title].append(one)
    return tuple(
        Group(
            title,
            tuple(one for one in members if one.level != DEFAULT),
            tuple(one for one in members if one.level == DEFAULT),
        )
        for title, members in kept.items()
    )


def _shown(setting: Setting) -> Setting:
    if setting.key not in _MASKED:
        return setting
    words = ", ".join(masked_iban(one) for one in setting.value.split(", "))
    return Setting(setting.key, words, setting.level)


def _rows(state: State, now: datetime) -> tuple[Row, ...]:
    in_force = state.in_force(now)
    since = {entry.release: from_micros(entry.since) if entry.since else None for entry in state.book}
    found = (Row(one, status_of(one, state, in_force), since.get(one.release)) for one in state.ordered)
    return tuple(reversed(tuple(found)))


# ── drafts ─────────────────────────────────────────────────────────────────────────────────────────────────────────


async def _text_of(form: Any) -> str:
    """The text of a draft: of the file that was chosen, or as it was written."""
    file = form.get("file")
    if isinstance(file, UploadFile) and file.filename:
        body = await file.read(_TEXT_MAX + 1)
    else:
        body = str(form.get("text", "")).replace("\r\n", "\n").encode()
    if len(body) > _TEXT_MAX:
        raise Trouble("too_large", f"a policy may have {_TEXT_MAX:,} bytes")
    try:
        return body.decode("utf-8-sig")
    except UnicodeDecodeError:
        raise Trouble("bad_value", "the policy is not UTF-8 text") from None


def _moment(text: str) -> datetime | None:
    if not text:
        return None
    try:
        return datetime.fromisoformat(text).replace(tzinfo=UTC)
    except ValueError:
        raise Trouble("bad_value", f"{text!r} is no moment such as 2026-06-08T00:00") from None


def _lines(text: str, faults: tuple[Fault, ...]) -> tuple[Line, ...]:
    """The draft line by line, with each fault at its place; those of no line stand above."""
    found: list[Line] = []
    for name, content in separated(text).items():
        said = [fault for fault in faults if fault.file == name]
        for number, line in enumerate(content.splitlines(), start=1):
            found.append(Line(number, line, tuple(fault for fault in said if fault.line == number)))
    return tuple(found)


# ── one release ────────────────────────────────────────────────────────────────────────────────────────────────────


def _release(site: Site, caller: Caller, name: str, offset: int, move: tuple[str, str]) -> dict[str, Any]:
    desk, now = _desk(site), site.door.now()
    state = desk.policies.releases()
    release = state.releases.get(name)
    ruling, in_force = desk.policies.loaded_at(now).policy, state.in_force(now)
    running = _trials(site).of(name)
    found = _result(desk, name, caller.person.reach) if release else None
    bars = _bars(found) if found else ()
    moved = moves_of(found) if found else ()
    chosen = next((one for one in moved if (one.then, one.now) == move), None)
    changes = [one for one in found.changes if chosen is None or one.move == MOVED_TO.join(move)] if found else []
    return {
        "name": name,
        "release": release,
        "status": status_of(release, state, in_force) if release else "being recorded",
        "newest": bool(state.book) and state.book[-1].release == name,
        "below": state.book[-1].below if state.book else "",
        "ruling": in_force,
        "warnings": _warned(desk.policies, name, caller.person.reach) if release else (),
        "differs": _differs(desk.policies, ruling, name, caller.person.reach) if release else (),
        "text": desk.policies.text(name) if release and _reads_text(caller) else "",
        "running": running,
        "found": found,
        "bars": bars,
        "most": max((max(bar.before.documents, bar.after.documents) for bar in bars), default=0),
        "moved": moved,
        "chosen": chosen,
        "changes": changes[offset : offset + SHOWN],
        "kept": len(changes),
        "changed": chosen.sum.documents if chosen else found.changed if found else 0,
        "offset": offset,
        "shown": SHOWN,
        "others": tuple(one for one in state.ordered if one.approved_at and one.release != name),
    }


def _differs(ruling: Ruling, now: Policy, name: str, reach: Reach) -> tuple[Difference, ...]:
    """In what the release differs from what is in force; a release that can no longer be read differs in nothing."""
    try:
        found = differences(now, ruling.release(name).policy)
    except ConfigError:
        return ()
    return tuple(one for one in found if _reaches(one.key, reach))


def _warned(ruling: Ruling, name: str, reach: Reach) -> tuple[str, ...]:
    """What is surely not meant in a release, for entities within reach."""
    try:
        policy = ruling.release(name).policy
    except ConfigError:
        return ()
    return warnings(policy, _within(policy, reach))


def _reaches(key: str, reach: Reach) -> bool:
    return reach is None or not key.startswith("entities.") or key.split(".")[1] in reach


def _result(desk: PolicyDesk, name: str, reach: Reach) -> WhatIf | None:
    """The last trial of a release; of its documents those within reach."""
    release = desk.policies.releases().releases.get(name)
    found = desk.result(release) if release else None
    if found is None or reach is None:
        return found
    return replace(found, changes=tuple(one for one in found.changes if one.entity in reach))


def _bars(found: WhatIf) -> tuple[Bar, ...]:
    """Classes of cases, before and after, the most frequent first."""
    names = {*found.before.classes, *found.after.classes}
    bars = [Bar(name, found.before.classes.get(name, Sum()), found.after.classes.get(name, Sum())) for name in names]
    return tuple(sorted(bars, key=lambda bar: (-bar.before.documents - bar.after.documents, bar.name)))


def _act(site: Site, caller: Caller, name: str, what: str, fields: dict[str, str]) -> str:
    desk, by = _desk(site), caller.person.actor
    match what:
        case "try":
            start, end = _moment(fields.get("start", "")), _moment(fields.get("end", ""))
            desk.policies.release(name)
            _trials(site).begin(name, by, start, end + timedelta(days=1) if end else None)
            return "trying"
        case "call-off":
            _trials(site).call_off(name)
            return "called-off"
        case "approve":
            desk.approve(
                name,
                by,
                effective_from=_moment(fields.get("effective", "")),
                rollback=fields.get("rollback", ""),
                rollback_to=fields.get("rollback_to", ""),
            )
            return "policy-approved"
        case _:
            desk.roll_back(name, by, fields.get("reason", ""))
            return "policy-rolled-back"
