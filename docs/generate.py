"""The reference pages that are written by a program: out of the very data and types the product runs on.

::

    .venv/bin/python docs/generate.py

writes all of them anew; a test (``tests/docs/test_generated.py``) fails when one of them is not what it should be.
"""

import re
import types
from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import date, datetime
from decimal import Decimal
from enum import Enum
from pathlib import Path
from typing import Any, Literal, Union, get_args, get_origin, get_type_hints

import click
import msgspec
from msgspec import NODEFAULT, Struct

from tieout.cli import COMMANDS, group
from tieout.connectors import KINDS
from tieout.engine.config import DEFAULT_FILE, MEANINGS, PREFIX, Config, TieOut
from tieout.http.facts import ACTION_OF
from tieout.model import events
from tieout.model.cases import CaseClass
from tieout.model.effects import PAYLOADS
from tieout.model.facts import FACTS, Fact
from tieout.model.standings import STANDINGS
from tieout.policy.cases import CASE_RULES
from tieout.policy.dependencies import DEPENDENCIES
from tieout.policy.duties import ACTIONS, CONFLICTS, DUTIES, duty_for
from tieout.policy.policy import Channel, EntityPolicy, Limit, Partner, Policy, Tolerances

HERE = Path(__file__).parent
_WIDTHS: dict[str, Any] = {"terminal_width": 96, "max_content_width": 96}

Lines = Iterator[str]


def _head(title: str, what: str, source: str) -> Lines:
    yield f"# {title}\n"
    yield what
    yield f"This page is generated from {source} by `docs/generate.py`.\n"


def _table(columns: Sequence[str], rows: Iterable[Sequence[str]]) -> Lines:
    yield "| " + " | ".join(columns) + " |"
    yield "| " + " | ".join("---" for _ in columns) + " |"
    for row in rows:
        yield "| " + " | ".join(_cell(text) for text in row) + " |"
    yield ""


def _cell(text: str) -> str:
    return " ".join(text.split()).replace("|", "\\|")


def _plain(text: str | None) -> str:
    """A docstring as Markdown, in one paragraph."""
    text = re.sub(r":\w+:`~?\.?(?:[\w.]+\.)?(\w+)`", r"`\1`", text or "")
    return " ".join(text.replace("``", "`").split())


def _words(name: str) -> str:
    return name.replace("_", " ")


# ── types in plain words ───────────────────────────────────────────────────────────────────────────────────────────

_SIMPLE = {
    str: "text",
    bytes: "bytes (as base64)",
    int: "whole number",
    float: "number",
    bool: "yes or no",
    date: "day",
    datetime: "time",
    Decimal: "decimal",
    type(None): "nothing",
    Any: "anything",
}


def _type(kind: Any, found: dict[str, type[Struct]]) -> str:
    """A type in words. Structs are links into the same page, and are put into ``found``."""
    if kind in _SIMPLE:
        return _SIMPLE[kind]
    origin, inside = get_origin(kind), get_args(kind)
    if origin in (Union, types.UnionType):
        return " or ".join(_type(one, found) for one in inside if one is not type(None))
    if origin is Literal:
        return " or ".join(f"`{one}`" for one in inside)
    if origin is tuple:
        return _several(inside, found)
    if origin is dict:
        return f"{_type(inside[0], found)} → {_type(inside[1], found)}"
    if isinstance(kind, type) and issubclass(kind, Enum):
        return "[class](cases.md)" if kind is CaseClass else _code(kind)
    found[kind.__name__] = kind
    return f"[{kind.__name__}](#{kind.__name__.lower()})"


def _several(inside: tuple[Any, ...], found: dict[str, type[Struct]]) -> str:
    if inside[-1] is Ellipsis:
        return f"list of {_type(inside[0], found)}"
    return ", ".join(_type(one, found) for one in inside)


def _code(kind: type[Enum]) -> str:
    if kind.__name__ == "Code":
        return "[code](problems.md)"
    return " or ".join(f"`{one.value}`" for one in kind)


def _fields(kind: type[Struct], found: dict[str, type[Struct]]) -> str:
    """The fields of a struct with their types; those in round brackets may be left out."""
    hints = get_type_hints(kind)
    parts = []
    for field in msgspec.structs.fields(kind):
        needed = field.default is NODEFAULT and field.default_factory is NODEFAULT
        name = f"`{field.encode_name}`" if needed else f"(`{field.encode_name}`)"
        parts.append(f"{name} {_type(hints[field.name], found)}")
    return ", ".join(parts) or "none"


def _values(found: dict[str, type[Struct]]) -> Lines:
    """A table for each struct that was mentioned, and for those that are mentioned there."""
    told: set[str] = set()
    while open_names := sorted(set(found) - told):
        for name in open_names:
            told.add(name)
            yield f"### {name}\n"
            yield f"{_plain(found[name].__doc__)}\n"
            yield f"{_fields(found[name], found)}\n"


_LEGEND = (
    "Fields in round brackets may be left out. Amounts (`Money`) are whole minor units with an ISO 4217 currency:"
    ' 12.34 EUR is `{"minor": 1234, "currency": "EUR"}`.'
)


# ── facts ──────────────────────────────────────────────────────────────────────────────────────────────────────────

_FACT_DOC = re.compile(r"(Outside|Derived|Timer)(.*?): (.*)")
_GROUPS = {
    "supplier": "Suppliers and bank details",
    "order": "Orders and receipts",
    "invoice": "Invoices",
    "payment": "Payments",
    "payment_run": "Payment runs",
    "interchange": "EDI interchanges",
    "document": "Documents",
    "statement": "Bank statements",
    "ledger": "Ledgers",
    "period": "Close",
    "accrual": "Accruals",
    "effect": "Writes on other systems",
    "case": "Cases",
    "message": "Messages",
    "checkpoint": "Checkpoints",
}


def facts_page() -> Lines:
    """docs/facts.md"""
    yield from _head(
        "Facts",
        "Everything that can be said about the business, in the past tense. A fact is the `data` of an event in the"
        f" log; its full name on the wire is `{events.TYPE_PREFIX}<fact>.v<version>`. `GET /v1/schemas` serves the"
        " JSON Schema of each.\n\n*Outside* facts come from systems and people; *derived* ones are concluded by the"
        " process that is named. *Takes* is the [duty](duties.md) somebody needs to tell the fact over the API (`POST"
        " /v1/events`); without one it is not told there.",
        "`src/tieout/model/facts.py`",
    )
    yield f"{_LEGEND}\n"
    found: dict[str, type[Struct]] = {}
    for prefix, title in _GROUPS.items():
        yield f"## {title}\n"
        rows = [_fact_row(kind, found) for name, kind in FACTS.items() if name.split(".")[0] == prefix]
        yield from _table(("fact", "version", "said by", "takes", "meaning", "fields"), rows)
    yield "## Values\n"
    yield from _values(found)


def _fact_row(kind: type[Fact], found: dict[str, type[Struct]]) -> tuple[str, ...]:
    match = _FACT_DOC.fullmatch(_plain(kind.__doc__))
    assert match, f"the docstring of {kind.__name__} must begin with who says it, such as 'Outside: '"
    who = (match[1] + match[2]).lower()
    takes = duty_for(ACTION_OF[kind]) if kind in ACTION_OF else ""
    return (f"`{kind.type}`", str(kind.version), who, takes, match[3][0].upper() + match[3][1:], _fields(kind, found))


# ── effects ────────────────────────────────────────────────────────────────────────────────────────────────────────

_STATUSES = {
    "ready": "it will be sent, in the order of financial deadlines",
    "parked": "it waits until another write has landed",
    "held": "a person or a dependency that is down holds it",
    "leased": "it is being sent",
    "applied": "the target holds it, and what it holds was read back",
    "refused": "the target said no and holds nothing; the same would be refused again",
    "unknown": "nobody knows yet whether it landed; it is probed, never blindly repeated",
    "probing": "the target is being asked",
    "undecided": "only a person can find out; there is a case",
    "dead": "given up after the last retry: a dead letter; there is a case",
    "cancelled": "a person found out that it must not, or need not, happen",
    "compensated": "it landed and was undone by another write",
}


def effects_page() -> Lines:
    """docs/effects.md"""
    yield from _head(
        "Writes on other systems",
        "What tieout asks of other systems. Each write (*effect*) has a business key; asking twice with the same"
        " connector, operation and key acts once. What a target promises about an operation stands in its connector's"
        " manifest, and [ADR 5](decisions/0005-the-unknown-outcome.md) says what follows from it.",
        "`src/tieout/model/effects.py` and `src/tieout/policy/dependencies.toml`",
    )
    yield "## Operations\n"
    yield f"{_LEGEND} The values are explained with the [facts](facts.md#values).\n"
    elsewhere: dict[str, type[Struct]] = {}
    rows = []
    for name, payload in PAYLOADS.items():
        fields = _fields(payload, elsewhere).replace("](#", "](facts.md#")
        rows.append((f"`{name}`", _plain(payload.__doc__), fields))
    yield from _table(("operation", "meaning", "payload"), rows)
    yield "## Where a write stands\n"
    yield from _table(("status", "meaning"), [(f"`{name}`", text) for name, text in _STATUSES.items()])
    yield "## What waits for what\n"
    yield (
        "A write is held back while another kind of write is in trouble: at once (`hard_stop`), or when the trouble"
        " is older than it tolerates. With `degrade` it goes on, and that is on purpose.\n"
    )
    rules = [rule for several in DEPENDENCIES.values() for rule in several]
    yield from _table(
        ("write", "depends on", "how", "why"),
        [
            (
                f"`{rule.operation}`",
                f"`{rule.on}`",
                f"{rule.kind}{f', {rule.minutes} minutes' if rule.kind == 'tolerate' else ''}",
                rule.why,
            )
            for rule in rules
        ],
    )


# ── cases, duties, standings ───────────────────────────────────────────────────────────────────────────────────────


def cases_page() -> Lines:
    """docs/cases.md"""
    yield from _head(
        "Cases",
        "A case is an exception that somebody must work: one for each class and document, opened and settled by itself"
        " when its cause comes and goes. Days are business days; an action takes a [duty](duties.md).",
        "`src/tieout/policy/cases.toml`",
    )
    for one in CaseClass:
        rule = CASE_RULES[one]
        yield f"## `{one.value}`\n"
        due = _days(rule.target_days)
        yield f"{rule.title}. **Owner:** {rule.owner}. **Severity:** {rule.severity}. **Target:** {due}.\n"
        yield f"**What to do:** {rule.remedy}\n"
        actions = (f"{_words(action)} ({duty_for(action)})" for action in rule.actions)
        yield f"**Actions:** {', '.join(actions)}.\n"


def _days(days: int) -> str:
    return {0: "the same day", 1: "1 day"}.get(days, f"{days} days")


def duties_page() -> Lines:
    """docs/duties.md"""
    yield from _head(
        "Duties",
        "What a person may do is a set of duties: the functions of segregation of duties. Two that conflict are not"
        " granted to one person, and whoever acts on a document is checked against what they did before on *this*"
        " document.",
        "`src/tieout/policy/duties.toml`",
    )
    by_duty: dict[str, list[str]] = {}
    for action, duty in ACTIONS.items():
        by_duty.setdefault(duty, []).append(_words(action))
    yield from _table(
        ("duty", "to", "actions"),
        [(f"`{duty}`", meaning, ", ".join(by_duty.get(duty, ["none yet"]))) for duty, meaning in DUTIES.items()],
    )
    yield "## Conflicts\n"
    yield from _table(
        ("duties", "level", "why"),
        [(" and ".join(_duty(one) for one in rule.duties), rule.level, rule.why) for rule in CONFLICTS],
    )


def _duty(duty: str) -> str:
    return "any other but `RD`" if duty == "*" else f"`{duty}`"


def standings_page() -> Lines:
    """docs/standings.md"""
    yield from _head(
        "Standings",
        "Control totals that are kept with every batch, item by item, for each entity, period and currency: count,"
        " sum, and a hash of the set that does not depend on order. [Month end](month-end.md) says how a period's"
        " readiness follows from those that block.",
        "`src/tieout/model/standings.py`",
    )
    yield from _table(
        ("standing", "what stands in it", "blocks the close"),
        [(f"`{name}`", kind.title, "yes" if kind.blocks_close else "") for name, kind in STANDINGS.items()],
    )


# ── configuration ──────────────────────────────────────────────────────────────────────────────────────────────────

POLICY_MEANINGS: dict[type[Struct], dict[str, str]] = {
    Policy: {
        "entities": "one table for each legal entity, `[entities.DE01]`",
        "partners": "one table for each partner in EDI, `[partners.acme]`",
        "channels": "what may come in by a channel, `[channels.mail]`",
        "tolerances": "named sets of limits, `[tolerances.default]`; the set `default` must be there",
        "bank_change_confirmations": "how many people, other than the requester, must confirm new bank details",
        "signal_age_minutes_max": "how long ago a required source may have been heard of for a period to be ready",
        "accrual_account": "the account that accruals are posted to, as the ERP connector's `accounts` names it",
        "expense_account": "the account that accruals are posted against",
        "effective_from": "from when this release of the policy holds; told, not enforced",
    },
    EntityPolicy: {
        "name": "its legal name",
        "currency": "its own currency (ISO 4217)",
        "country": "where it is (ISO 3166)",
        "tax_ids": "how documents name it: VAT numbers, registrations, network addresses",
        "iban": "the bank account it pays from, and whose statements it gets",
        "bic": "the bank of that account",
        "accounts": "further bank accounts of its own whose statements come, as the banks number them",
        "erp": "the connector of its ERP",
        "ap": "the connector of its AP platform",
        "bank": "the connector of its bank",
        "close": "the connector of its close tool",
        "procurement": "the connector of its procurement system",
        "tolerances": "the set of limits it uses",
    },
    Partner: {
        "name": "what people call it",
        "ids": "the names it goes by in EDI: interchange ids, GLN, DUNS, vendor numbers",
        "tax_id": "its tax registration, if it is a supplier",
        "qualifier": "what kind of id the first of them is (X12 element I05, EDIFACT 0007)",
        "our_id": "the id by which it knows us",
        "our_qualifier": "what kind of id that is",
        "connector": "the channel that acknowledgments and documents go out to it by; without one none are sent",
        "remittance": "`820` or `REMADV`: it is told which invoices a payment settles",
        "acknowledged_within_hours": "when what we send it should be acknowledged; later is a case",
    },
    Channel: {
        "families": "the families of formats it takes, as `tieout formats` lists them; empty: all (but a channel whose"
        " name begins with `mail` or `portal` takes no bank files and ledgers unless they are named)",
    },
    Tolerances: {
        "dialect": "whose reading of tolerances it follows",
        "price": "unit price above the order's",
        "quantity_ordered": "quantity billed above the quantity ordered",
        "quantity_received": "quantity billed above the quantity received",
        "amount": "the line's amount above the order's",
    },
    Limit: {
        "kind": "`off`: no check; `zero`: no variance; `value`: up to percent and amount; `unlimited`: any",
        "percent": "with `value`: at most so many percent",
        "amount": "with `value`: at most so much, in the entity's currency; with both, both must hold",
    },
}
"""What each key of the policy means; a test holds this equal to the types."""

_POLICY_TABLES: dict[type[Struct], str] = {
    Policy: "At the top",
    EntityPolicy: "`[entities.<name>]`",
    Partner: "`[partners.<name>]`",
    Channel: "`[channels.<name>]`",
    Tolerances: "`[tolerances.<name>]`",
    Limit: "`[tolerances.<name>.<limit>]`",
}


def configuration_page() -> Lines:
    """docs/configuration.md"""
    yield from _head(
        "Configuration",
        f"Two files: `{DEFAULT_FILE}` says where things are, and the policy says what is allowed. `tieout init` writes"
        " both, `tieout config explain` shows every setting with its value and where that comes from. Unknown keys are"
        " errors.",
        "`src/tieout/engine/config.py` and `src/tieout/policy/policy.py`",
    )
    yield f"## `{DEFAULT_FILE}`\n"
    yield (
        "The environment overrides the file, except for tables. Relative paths are relative to the file's folder."
        " Secrets are never in the file: a setting that needs one holds a reference, `env:NAME` or `file:PATH`.\n"
    )
    rows = []
    for field in msgspec.structs.fields(Config):
        is_table = field.name in ("connectors", "tie_outs")
        variable = "" if is_table else f"`{PREFIX}{field.name.upper()}`"
        rows.append((f"`{field.name}`", MEANINGS[field.name], _default(field), variable))
    yield from _table(("setting", "meaning", "default", "environment"), rows)
    yield "### `[[tie_outs]]`\n"
    yield f"{_plain(TieOut.__doc__)}\n"
    yield f"{_fields(TieOut, {})}\n"
    yield "### `[connectors.<name>]`\n"
    yield "`kind` says which connector it is; its own page says what else it needs.\n"
    yield from _table(("kind", "connects", "settings"), [_connector(kind, module) for kind, module in KINDS.items()])
    yield "## The policy\n"
    yield (
        "Every decision in the log names the version of the policy it was taken under, a fingerprint of the whole"
        " content. Try a change on the past first: `tieout replay --what-if changed.toml`.\n"
    )
    for kind, title in _POLICY_TABLES.items():
        yield f"### {title}\n"
        meanings = POLICY_MEANINGS[kind]
        yield from _table(
            ("key", "meaning", "default"),
            [(f"`{field.name}`", meanings[field.name], _default(field)) for field in msgspec.structs.fields(kind)],
        )


def _default(field: Any) -> str:
    if field.default_factory is not NODEFAULT:
        made = field.default_factory()
        return "one set named `default`" if made else "none"
    if field.default is NODEFAULT:
        return "must be given"
    match field.default:
        case None | "" | ():
            return "none"
        case Limit(kind=kind):
            return f"`{kind}`"
        case value:
            return f"`{value}`"


def _connector(kind: str, module: str) -> tuple[str, str, str]:
    readme = HERE.parent / "src" / Path(*module.split(".")) / "README.md"
    if not readme.is_file():
        return f"`{kind}`", "", "see its folder"
    title = readme.read_text(encoding="utf-8").splitlines()[0].removeprefix("# ")
    return f"`{kind}`", title, f"[its page](../src/{'/'.join(module.split('.'))}/README.md)"


# ── the command line ───────────────────────────────────────────────────────────────────────────────────────────────


def cli_page() -> Lines:
    """docs/cli.md"""
    yield from _head(
        "Commands",
        "`--config` (or the variable `TIEOUT_CONFIG`) comes before the command. `--json` prints results for programs;"
        " results go to standard output, logs and progress to standard error. Exit codes: 0 done; 1 something is wrong,"
        " and what it is was said; 2 wrong usage.",
        "the commands themselves",
    )
    top = click.Context(group, info_name="tieout", **_WIDTHS, **group.context_settings)
    yield "```text"
    yield group.get_help(top)
    yield "```\n"
    for name in COMMANDS:
        command = group.get_command(top, name)
        assert command is not None
        yield from _command(name, command, top)


def _command(name: str, command: click.Command, above: click.Context) -> Lines:
    context = click.Context(command, info_name=name, parent=above, **_WIDTHS, **command.context_settings)
    yield f"## `{context.command_path}`\n"
    yield "```text"
    yield command.get_help(context)
    yield "```\n"
    if isinstance(command, click.Group):
        for inner in command.list_commands(context):
            found = command.get_command(context, inner)
            assert found is not None
            yield from _command(inner, found, context)


# ── all of them ────────────────────────────────────────────────────────────────────────────────────────────────────

PAGES: dict[str, Callable[[], Lines]] = {
    "facts.md": facts_page,
    "effects.md": effects_page,
    "cases.md": cases_page,
    "duties.md": duties_page,
    "standings.md": standings_page,
    "configuration.md": configuration_page,
    "cli.md": cli_page,
}


def page(name: str) -> str:
    """One page, as it should be."""
    return "\n".join(PAGES[name]()).rstrip("\n") + "\n"


def main() -> None:
    """Write them all."""
    for name in PAGES:
        (HERE / name).write_text(page(name), encoding="utf-8")
        print(f"wrote docs/{name}")


if __name__ == "__main__":
    main()
