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
from tieout.formats.convert import WRITERS
from tieout.formats.detect import FORMATS
from tieout.http.facts import ACTION_OF
from tieout.model import events
from tieout.model.cases import CaseClass
from tieout.model.effects import PAYLOADS
from tieout.model.facts import (
    FACTS,
    CancellationAnswered,
    ChangeNotified,
    DocumentAnswered,
    EntriesNotified,
    Fact,
    GoodsDespatched,
    GoodsReceived,
    InterchangeAcknowledged,
    InterchangeReceived,
    InvoiceReceived,
    JournalRecorded,
    OrderChanged,
    OrderPlaced,
    OrderResponded,
    PaymentStatusReported,
    RemittanceAdvised,
    ReturnReported,
    RunStatusReported,
    StatementReceived,
)
from tieout.model.standings import STANDINGS
from tieout.policy.cases import CASE_RULES, CaseRule
from tieout.policy.controls import Control
from tieout.policy.dependencies import DEPENDENCIES
from tieout.policy.duplicates import DuplicateRules
from tieout.policy.duties import ACTIONS, CONFLICTS, DUTIES, Identity, duty_for
from tieout.policy.matching import MatchingRules
from tieout.policy.policy import Channel, EntityPolicy, Partner, Policy
from tieout.policy.routing import Amounts, Escalation, Routing, Substitute, Urgency
from tieout.policy.settling import SettlementRules
from tieout.policy.tolerances import CHECKS, Limit, Tolerances

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


def _values(found: dict[str, type[Struct]], told: Iterable[str] = ()) -> Lines:
    """A paragraph for each struct that was mentioned, and for those that are mentioned there; but for those told."""
    done = set(told)
    while open_names := sorted(set(found) - done):
        for name in open_names:
            done.add(name)
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
    "prepayment": "Prepayments",
    "settlement": "Settlement on receipt",
    "payment": "Payments",
    "payment_run": "Payment runs",
    "interchange": "EDI interchanges",
    "document": "Documents",
    "mail": "Mails",
    "statement": "Bank statements",
    "ledger": "Ledgers",
    "period": "Close",
    "accrual": "Accruals",
    "policy": "The policy",
    "effect": "Writes on other systems",
    "case": "Cases",
    "message": "Messages",
    "checkpoint": "Checkpoints",
    "duties": "Segregation of duties",
    "control": "Compensating controls",
    "absence": "Absences",
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


# ── formats ────────────────────────────────────────────────────────────────────────────────────────────────────────


class Family(Struct, frozen=True, kw_only=True):
    """What is said by hand about a family of formats."""

    title: str
    becomes: dict[type[Fact], str]
    proved: tuple[str, ...]
    refused: tuple[str, ...]


FAMILIES: dict[str, Family] = {
    "e-invoices": Family(
        title="E-invoices",
        becomes={
            InvoiceReceived: "each invoice and each credit note",
            DocumentAnswered: "what a buyer or a network thinks of an invoice that we, or a supplier, sent",
            InterchangeAcknowledged: "whether a message of ours could be read (Peppol, SdI)",
        },
        proved=(
            "European invoices (UBL, CII, the XML in a Factur-X or ZUGFeRD PDF): the sums of EN 16931 (BR-CO-10 to"
            " BR-CO-17), each amount of a line, and the VAT of each category, each within what the official rules let"
            " pass. What breaks a rule of form only is told, and the amounts stand.",
            "FatturaPA: its summary and totals, with the slack of SdI's own controls. The simplified invoice has no"
            " totals to prove.",
            "Signed documents (`.p7m`): the digest of the content and the signature of the certificate inside.",
            "Tables and OCR results: lines to `net`, `net` and `tax` to `gross`.",
        ),
        refused=(
            "**Proforma invoices** (325), and what a buyer issues to itself for VAT (TD16 to TD23, TD27 to TD29): they"
            " ask nobody for money.",
            "**A credit note below zero**: some senders mean a credit by it, others a debit. (An invoice below zero is"
            " taken as a credit note, and told.)",
            "**A plain PDF**, which is a picture. A capture tool hands in an [OCR result](ocr-result.md); tieout reads"
            " no pictures. Two structured invoices in one PDF are refused as well: nobody can say which one counts.",
            "**An OCR result** in which a field that decides about money has a confidence below 0.90.",
            "**Encrypted signed files**, and signatures that do not hold. Whether a certificate can be trusted (its"
            " chain, whether it was revoked) is not judged, and that is said with every file.",
            "**A signed file or PDF around anything but** an e-invoice or a document of procurement.",
        ),
    ),
    "procurement": Family(
        title="Procurement",
        becomes={
            OrderPlaced: "each new order",
            OrderChanged: "a change or a cancellation; the lines as they stand from now on",
            OrderResponded: "what the supplier answers; a change or a refusal is a case for purchasing",
            GoodsDespatched: "goods on their way, one for each order; it opens no capacity for billing",
            GoodsReceived: "goods that came in, one for each order",
            InvoiceReceived: "a cXML invoice, or a workbook of invoices",
            DocumentAnswered: "a cXML status of a document that was sent",
        },
        proved=(
            "Orders: each line, and the totals where the document has them. Despatch advices, receipts and answers"
            " declare no sums; of them every line must be readable.",
            "cXML invoices: lines to `net`, `net` and tax to `gross`.",
            "Tables and workbooks: that no row is missing, and that rows of one document agree about it.",
        ),
        refused=(
            "**Catalogues, quotations and shops** of UBL and cXML, each by name.",
            "**A copy for information, and a cXML document that takes back another one**: they wait for a person.",
            "**Old workbooks** (`.xls`), those with a password, and a formula without a saved result: computing it is"
            " not our business.",
            "**A cXML document that says it is a test** (`deploymentMode`).",
        ),
    ),
    "EDI": Family(
        title="EDI interchanges",
        becomes={
            InterchangeReceived: "each interchange, whole or refused; the partner is answered by it",
            InterchangeAcknowledged: "997, 999, TA1, CONTRL about what we sent",
            InvoiceReceived: "810, INVOIC",
            OrderPlaced: "850, ORDERS",
            OrderChanged: "860",
            OrderResponded: "855, 865, ORDRSP",
            GoodsDespatched: "856, DESADV",
            GoodsReceived: "861, RECADV; only what was accepted",
            RemittanceAdvised: "820, REMADV",
            DocumentAnswered: "824, APERAK",
        },
        proved=(
            "Every level counts what is in it and repeats its control number at its end.",
            "Each message by its own arithmetic: `TDS01` and what leads to it, `MOA` of the totals, `CTT` and `CNT`,"
            " `BPR02` and what it settles.",
        ),
        refused=(
            "**One message by itself**, when it is broken, unknown or does not add up: the rest of the interchange"
            " stands, and the partner is told which one and why.",
            "**A group or interchange that does not count right**: the whole document.",
            "**A control number that was used before** for another document"
            " ([ADR 7](decisions/0007-control-numbers-gate-an-interchange.md)), and **a test**, which is answered.",
            "**The XML form of EDIFACT**, and messages that are not listed above.",
        ),
    ),
    "payments": Family(
        title="Payment files",
        becomes={
            ReturnReported: "a return of a payment of ours",
            ChangeNotified: "a notification of change; it changes nothing until people confirm it",
            EntriesNotified: "entries for an account of ours: earlier word of what a statement will prove",
            DocumentAnswered: "an acknowledgment of a payment (ACK, ATX)",
        },
        proved=("Counts, the hash of routing numbers, both totals, batches and blocks, of each batch and each file.",),
        refused=(
            "**A file that somebody originated**: it is read and proved, says nothing to us, and waits in quarantine.",
            "**pain.001, pain.008** and other payment files of ISO 20022, each by name.",
        ),
    ),
    "bank": Family(
        title="Banks",
        becomes={
            StatementReceived: "a booked statement of one of the policy's accounts",
            EntriesNotified: "interim reports, notifications and what is not booked: earlier word",
            PaymentStatusReported: "a status of one payment (pain.002)",
            RunStatusReported: "a status of a whole file (pain.002)",
            CancellationAnswered: "the answer to a request to cancel a payment (camt.029)",
        },
        proved=(
            "Opening balance and booked entries give the closing balance; so it is with CFONB 120, Norma 43, MT940 and"
            " MT950, and a BAI2 account that states both balances.",
            "What the file declares beside that: numbers and sums of entries (camt `TxsSummry`, MT942 `:90D:` and"
            " `:90C:`, Norma 43), every trailer of BAI2, the total and the numbering of a CFONB 240 list.",
            "Arithmetic is the gate, not the schema: what a bank leaves out is filled in, told, and then proved.",
        ),
        refused=(
            "**An account that no entity of the policy has**: add it to `iban` or `accounts` of the"
            " [entity](configuration.md#entitiesname-regionsname-and-group), then have the document read again.",
            "**A BAI2 group that deletes** what was sent before, and a CFONB 240 list with an operation code we do not"
            " know: nobody could say which way the money went.",
            "**All other ISO 20022 messages**, each by name (`iso-20022` below), and check images (`x9.37`).",
        ),
    ),
    "ledgers": Family(
        title="Ledgers",
        becomes={
            JournalRecorded: "each journal entry; entries and debits are counted for the entity, and nothing is posted"
        },
        proved=(
            "Each entry sums to zero in each currency, and so does the file.",
            "SAF-T: the number of entries, both totals, and for each account that opening balance and movements give"
            " the closing balance.",
        ),
        refused=(
            "**An id that comes twice**, and an entry that does not balance.",
            "Suppliers and customers of an audit export are counted and told, and proposed to nobody's master data; so"
            " are foreign amounts, and analyses that are no cost centre.",
        ),
    ),
}
"""By the family's name in :data:`FORMATS`; a test holds the two equal."""

#: What of :data:`WRITERS` goes out by itself, and when; a test holds that they are there.
SENT: dict[str, str] = {
    "pain.001": "a released run, by the connector `bank_sftp`",
    "ach": 'a released run, with `payment_format = "ach"`',
    "bacs": 'a released run, with `payment_format = "bacs"`',
    "x12-997": "back to each [partner](documents.md#partners) that has a connector",
    "x12-999": "back to partners who speak version 005010",
    "edifact-contrl": "back to partners, for EDIFACT",
    "x12-850": "on `interchange.send_requested`",
    "x12-820": "once the bank accepts or books the payment, to partners with `remittance`",
    "edifact-remadv": "once the bank accepts or books the payment, to partners with `remittance`",
}


def formats_page() -> Lines:
    """docs/formats.md"""
    yield from _head(
        "Formats",
        f"The {len(FORMATS)} kinds of document that can be read, as `tieout formats` lists them. Which one a document"
        " is is decided by what it says at its beginning, never by its name. Of each family this page says what becomes"
        " of it (the [fact](facts.md)), what is proved before anything is handed on, and what is refused."
        " [Documents](documents.md) says how one comes in, waits and is read again, and how containers are opened.",
        "`src/tieout/formats/detect.py`, `src/tieout/formats/convert.py` and the words in `docs/generate.py`,",
    )
    yield (
        "Of all of them holds: unknown codes are handed on and told (`unknown_code`); what is left out is told"
        " (`unsupported_content`); what is filled in is told (`assumed_value`); a number or a day that is not one is"
        " refused. The code lists (`src/tieout/formats/codes/`) name their source and their date; some were written"
        " from general knowledge of the standard and not from its text, so report a code that reads wrong.\n"
    )
    for name, family in FAMILIES.items():
        yield f"## {family.title}\n"
        yield from _table(
            ("format", "what it is"), [(f"`{one.name}`", one.title) for one in FORMATS.values() if one.family == name]
        )
        yield "**What becomes of it**\n"
        yield from _table(("fact", "of what"), [(f"`{fact.type}`", what) for fact, what in family.becomes.items()])
        yield from _list("What is proved", family.proved)
        yield from _list("What is refused", family.refused)
    yield "## What we write\n"
    yield (
        "`tieout convert` alone lists these with their settings, and writes them out of a document or out of canonical"
        " JSON. A writer gives a document that is right, or the reasons why there is none; the same input gives the"
        " same bytes. FatturaPA is read, not written; a request to cancel payments is written (camt.056) and sent by"
        " nothing yet, and there is no camt.055.\n"
    )
    yield from _table(
        ("format", "what it is", "out of", "goes out by itself"),
        [(f"`{one.name}`", one.title, one.takes.__name__, SENT.get(one.name, "")) for one in WRITERS.values()],
    )
    yield "## Is a reader of yours as good?\n"
    yield (
        "`ReaderConformance` (`tieout.conformance.formats`) breaks your documents in many ways: cut off, attacked by"
        " entities, in the wrong encoding, nested, with numbers that are none. A reader must answer each with problems,"
        " and never raise. `tieout fuzz` does it with files of your own, for as long as you like:\n"
    )
    yield "```console\n$ tieout fuzz samples --minutes 20\n```\n"


def _list(title: str, items: Iterable[str]) -> Lines:
    yield f"**{title}**\n"
    for item in items:
        yield f"- {item}"
    yield ""


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


def _told_with_facts() -> frozenset[str]:
    """The values that are explained on the page of facts."""
    return frozenset(re.findall(r"^### (\w+)$", "\n".join(facts_page()), re.MULTILINE))


def _elsewhere(text: str, told: Iterable[str]) -> str:
    """Links to values that are told with the facts lead there."""
    for name in told:
        text = text.replace(f"[{name}](#", f"[{name}](facts.md#")
    return text


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
    found: dict[str, type[Struct]] = {}
    told = _told_with_facts()
    rows = []
    for name, payload in PAYLOADS.items():
        rows.append((f"`{name}`", _plain(payload.__doc__), _elsewhere(_fields(payload, found), told)))
    yield from _table(("operation", "meaning", "payload"), rows)
    for line in _values(found, told):
        yield _elsewhere(line, told)
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
        " when its cause comes and goes. Targets count business days of the entity's own calendar. The policy may say"
        " who else works a case, when it is graver, and to whom it goes when it is not worked in time"
        " ([`[[routing]]`, `[urgency]`, `[[escalation]]`](configuration.md)). An action takes a [duty](duties.md).",
        "`src/tieout/policy/cases.toml`",
    )
    for one in CaseClass:
        rule = CASE_RULES[one]
        yield f"## `{one.value}`\n"
        yield f"{rule.title}. **Owner:** {rule.owner}. **Severity:** {rule.severity}. **Target:** {_target(rule)}.\n"
        yield f"**What to do:** {rule.remedy}\n"
        yield "\n".join(f"{number}. {step}" for number, step in enumerate(rule.playbook, 1)) + "\n"
        yield f"**Settles** {rule.settles}.\n"
        actions = (f"{_words(action)} ({duty_for(action)})" for action in rule.actions)
        yield f"**Actions:** {', '.join(actions)}.\n"


def _target(rule: CaseRule) -> str:
    days = f"{rule.target_days} day{'s' if rule.target_days != 1 else ''}" if rule.target_days else ""
    return " and ".join(filter(None, (days, f"{rule.target_hours} hours" if rule.target_hours else "")))


def duties_page() -> Lines:
    """docs/duties.md"""
    yield from _head(
        "Duties",
        "What a person may do is a set of duties: the functions of segregation of duties. Two that conflict are not"
        " granted to one person or given to one key, and whoever acts on a document is checked against what they did"
        " before on *this* document and on what it stands on: its orders, its supplier, its payment, the policy."
        " [Segregation of duties](segregation.md) says how, and what compensating controls can do.",
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
        ("duties", "level", "a control can let it through", "why"),
        [
            (
                " and ".join(_duty(one) for one in rule.duties),
                rule.level,
                "yes" if rule.compensable else "never on one document",
                rule.why,
            )
            for rule in CONFLICTS
        ],
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
        "matching": "how far matching looks for the order line of an invoice line, `[matching]`, for every entity"
        " that says nothing else",
        "duplicates": "how invoices are compared with those that came before, `[duplicates]`",
        "bank_change_confirmations": "how many people, other than the requester, must confirm new bank details",
        "signal_age_minutes_max": "how long ago a required source may have been heard of for a period to be ready",
        "credit_expected_days": "so many days after goods went back, a credit note that has not come is a case",
        "close_window_days": "from the last day of a month until so many days into the next no release of the policy"
        " takes effect unless its rollback is stated; 0: there is no such window",
        "accrual_account": "the account that accruals are posted to, as the ERP connector's `accounts` names it",
        "expense_account": "the account that accruals are posted against",
        "routing": "who works which cases, `[[routing]]`; the first rule that fits takes a case",
        "substitutes": "who stands in for whom, `[[substitutes]]`; what people say themselves counts before it",
        "escalation": "to whom a case goes that is not worked in time, `[[escalation]]`",
        "urgency": "from which amount, and how long before a deadline, a case is graver than its class",
        "approval_days": "after so many business days without a decision an approval is a case; 0: never",
        "identities": "who stands behind a name in another system, `[[identities]]`, once for each person and name",
        "controls": "compensating controls for duties that conflict, `[[controls]]`",
        "effective_from": "from when this release of the policy holds; told, not enforced",
    },
    Identity: {
        "person": "the account here, without `person:`",
        "system": "the connector of the other system; `tieout` for an account here that several people use",
        "name": "the name that is used there; without one the connection's own user",
    },
    Control: {
        "name": "what it is called on every event that it let through",
        "duties": "the two duties that conflict",
        "person": "the account that holds both, of a person or a machine",
        "measure": "what is done instead of separating the duties",
        "reviewer": "the other person who looks at what was done under it",
        "valid_from": "its first day",
        "valid_until": "its last day",
        "review_days": "it must be reviewed again within so many days, or it is not in force",
        "entities": "the legal entities it holds for; all when left out",
    },
    EntityPolicy: {
        "name": "its legal name",
        "currency": "its own currency (ISO 4217)",
        "region": "what it does not say it takes from `[regions.<region>]`, then from `[group]`",
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
        "tolerances": "the set of limits it uses, or limits of its own that change the set `default`",
        "matching": "how far matching looks for the order line of an invoice line; not given: as `[matching]` says",
        "settlement": "when it bills itself for what came",
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
        "answers_per_day": "so many mails of one sender are answered in a day when something in them could not be taken"
        " in; 0: none. The channel needs `answers` in its connector's settings",
        "capture_to": "the channel by which PDFs without a structured invoice go on to be captured; without one they"
        " wait in quarantine",
    },
    Routing: {
        "name": "how the case and `tieout cases route` name it",
        "case_classes": "only cases of these [classes](cases.md); empty: all",
        "entities": "only cases of these entities; empty: all",
        "categories": "only cases about these kinds of invoice: `invoice`, `credit_note`, `prepayment`, `value_only`,"
        " `retainage_release`, `self_billed`; empty: all",
        "spend_categories": "only cases about invoices that mostly buy this, by the beginning of its code with the"
        ' scheme in front: `"UNSPSC:43"` takes all IT equipment, `"CPV:45"` all works; empty: all',
        "suppliers": "only cases about these suppliers (`sup-…`); empty: all",
        "currency": "the currency of `amount_from` and `amount_to`",
        "amount_from": "only cases with an amount of at least this, whatever its sign",
        "amount_to": "only cases with an amount below this",
        "role": "the role or team that works them; without one the class's own owner does",
        "person": "the person they are given to, by the name of the account",
    },
    Substitute: {
        "person": "who is away, by the name of the account",
        "by": "who stands in; somebody who is away too is stood in for in turn",
        "since": "the first day",
        "until": "the last day",
    },
    Escalation: {
        "after_hours": "so many hours of business days (24 to a day) after the target time",
        "case_classes": "only cases of these classes; empty: all",
        "entities": "only cases of these entities; empty: all",
        "role": "the role or team that gets them",
        "person": "the person that gets them",
    },
    Urgency: {
        "amounts": "by currency, `[urgency.amounts.EUR]`",
        "high_hours": "a deadline within so many hours, or over, makes a case at least high",
        "critical_hours": "a deadline within so many hours makes it critical",
    },
    Amounts: {
        "high": "from this amount on a case is at least high",
        "critical": "from this amount on it is critical",
    },
    MatchingRules: {
        "assign_lines": "an invoice line that names its order but no line of it is given the line that fits, where that"
        " is certain",
        "search_orders": "an invoice that names no order is looked for among the supplier's last hundred orders",
    },
    SettlementRules: {
        "receipts": "goods of order lines that are settled on receipt: `at_once`, `weekly`, `month_end` or `by_hand`."
        " A week or month is settled on the first business day after it, in the country of the entity; a week ends with"
        " its month",
        "consignments": "what was withdrawn from a consignment, in the same rhythms",
    },
    Tolerances: {
        "dialect": "whose reading of limits it follows and whose holds it predicts: [matching](matching.md) lists them."
        " A limit that is not given is what the dialect makes of a blank one",
        "price": "unit price above the order's",
        "price_under": "unit price below the order's",
        "price_estimated": "unit price above an estimated one",
        "quantity_ordered": "quantity billed above the quantity ordered",
        "quantity_received": "quantity billed above the quantity received",
        "quantity_accepted": "quantity billed above the quantity that passed inspection",
        "quantity_value": "the excess quantity at the order's price",
        "quantity_unreceived": "all that is billed at the order's price while nothing was received",
        "amount": "the line's amount above the order's",
        "amount_under": "the line's amount below the order's",
        "item_amount": "the amount of a single line, however well it matches",
        "amount_ordered": "a service billed above the amount ordered",
        "amount_received": "a service billed above the amount accepted",
        "schedule_amount": "all that was billed on an order line above the line's whole value",
        "schedule_total": "the same, for all order lines of the invoice together",
        "total": "the net of the invoice above what its quantities cost at the orders' prices",
        "total_under": "the net of the invoice below it",
        "blanket_value": "all that was billed on a blanket line above its limit",
        "blanket_time": "days outside the validity of a blanket line",
        "date_value": "the amount times the days it is billed before the agreed delivery",
        "freight": "freight and charges above what the order agreed to",
        "unplanned": "freight and charges that the order does not know, in percent of the goods or as an amount",
        "tax": "tax above what the order lines' rates come to",
        "tax_under": "tax below it",
        "conversion_rate": "what the invoice's conversion rate adds, in the entity's currency",
        "unplanned_charges": "what becomes of charges the order does not know: a person decides (`refuse`), they are"
        " `spread` over the goods, or booked on an `account` of their own; not given: as the dialect does",
        "on_variance": "what becomes of an invoice outside a limit: it has to `wait`, or it goes on to approval and is"
        " posted on hold (`post_on_hold`), which blocks its payment until the hold is released",
    },
    DuplicateRules: {
        "layers": "which comparisons are made; `exact` always is",
        "window_days": "how many days two documents may be apart and still be compared (1 to 366); twice as many where"
        " one number is the other with something added, as on a reminder",
        "amount_percent": "how many percent their gross amounts may be apart (0 to 10)",
        "edit_distance": "how many characters of two near numbers may differ (0 to 3)",
        "suspect_score": "from how many points of 100 a person is asked (50 to 100)",
        "override_above": "above which gross amount a manager has to clear a stopped invoice, by currency;"
        " a currency that is not named has no such limit",
        "lookalike_days": "how many days a learnt look-alike counts",
    },
    Limit: {
        "kind": "`off`: no check; `zero`: no variance; `value`: up to percent and amount; `unlimited`: any",
        "percent": "with `value`: at most so many percent",
        "amount": "with `value`: at most so much, in the currency or unit of what is checked",
        "combine": "with both: `all` must hold, `any` of them is enough, or `each` is a check of its own",
        "base": "what the percent is of: the value of the `order`, the `receipt` or the `invoice`; not given: of what"
        " is compared with",
        "absolute": "whether the amount limits the `difference`, or the value on the `invoice`",
    },
}
"""What each key of the policy means; a test holds this equal to the types."""

_POLICY_TABLES: dict[type[Struct], str] = {
    Policy: "At the top",
    EntityPolicy: "`[entities.<name>]`, `[regions.<name>]` and `[group]`",
    Partner: "`[partners.<name>]`",
    Channel: "`[channels.<name>]`",
    Routing: "`[[routing]]`",
    Substitute: "`[[substitutes]]`",
    Escalation: "`[[escalation]]`",
    Urgency: "`[urgency]`",
    Amounts: "`[urgency.amounts.<currency>]`",
    Tolerances: "`[tolerances.<name>]`",
    MatchingRules: "`[matching]`, and `matching` of an entity, a region or the group",
    SettlementRules: "`settlement` of an entity, a region or the group",
    DuplicateRules: "`[duplicates]`",
    Limit: "`[tolerances.<name>.<limit>]`",
    Identity: "`[[identities]]`",
    Control: "`[[controls]]`",
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
        case None if field.name in CHECKS or field.name == "unplanned_charges":
            return "the dialect's"
        case None | "" | ():
            return "none"
        case Limit(kind=kind):
            return f"`{kind}`"
        case Struct():
            return "as below"
        case tuple(several):
            return ", ".join(f"`{one}`" for one in several)
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
    "formats.md": formats_page,
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
