"""What a document is, whether it proves itself, and what would come of it, without taking it in."""

from collections.abc import Iterator
from typing import Any

import msgspec
from msgspec import Struct

from tieout.engine.documents import A_TEST, context_of, facts_of, wrong_channel
from tieout.engine.queries.words import Words, count, say
from tieout.formats.containers import BUNDLES, kind_of, unpack
from tieout.formats.detect import UNKNOWN, find
from tieout.formats.format import Head
from tieout.formats.reading import Claim, Context, Findings
from tieout.formats.source import Source
from tieout.kernel.money import Money
from tieout.kernel.problem import Problem
from tieout.model.documents import Interchange
from tieout.policy.identifiers import masked_iban
from tieout.policy.policy import Policy

#: So many records are shown one by one; all are counted.
RECORDS_MAX = 50
#: Fields that name a bank account are shown so that people recognise it and cannot copy it.
_MASKED = frozenset(("iban", "counterparty_iban"))


class Record(Struct, frozen=True, kw_only=True):
    """One thing that the document says: what kind of thing, its fields, and what would follow from it."""

    kind: str
    fields: dict[str, Any]
    facts: tuple[Words, ...] = ()


class Inspection(Struct, frozen=True, kw_only=True):
    """Everything there is to know about a document before it is taken in. ``outcome``: ``accepted``, ``partly``,
    ``unpacked`` (then each of its ``parts`` has its own) or ``quarantined``; ``would`` says it in words."""

    mark: str
    size: int
    format: str
    title: str
    family: str
    outcome: str
    would: str
    proved: bool
    claims: tuple[Claim, ...]
    claims_held: int
    problems: tuple[Problem, ...]
    records: tuple[Record, ...]
    record_counts: dict[str, int]
    facts: int
    parts: dict[str, "Inspection"] = {}


def inspect(source: Source, policy: Policy, channel: str = "inspection") -> Inspection:
    """Read a document as intake would, and hand nothing on."""
    context = context_of(policy)
    if (kind := kind_of(Head.of(source))) in BUNDLES:
        return _bundle(kind, source, context, policy, channel)
    found = find(source, "", context)
    if isinstance(found, Problem):
        return _refused(source, "no kind of document that can be read", (found,))
    wrong = wrong_channel(policy, found, channel)
    findings, problems = Findings(), [wrong] if wrong else []
    records: list[Record] = []
    counts: dict[str, int] = {}
    facts = 0
    for record in found.reader(source, context, findings):
        kind = type(record).__name__
        if isinstance(record, Interchange) and record.test:
            problems.append(A_TEST)
        counts[kind] = counts.get(kind, 0) + 1
        stated = tuple(_stated(record, source, channel, context, problems))
        facts += len(stated)
        if len(records) < RECORDS_MAX:
            records.append(Record(kind=kind, fields=_fields(record), facts=stated))
    proof = findings.proof
    proved = proof.holds and not problems and facts > 0
    outcome = "quarantined" if not proved else "partly" if proof.set_aside else "accepted"
    return Inspection(
        mark=source.mark,
        size=source.size,
        format=found.name,
        title=found.title,
        family=found.family,
        outcome=outcome,
        would=_would(outcome, facts, proof.set_aside),
        proved=proof.holds,
        claims=proof.claims,
        claims_held=proof.more + sum(claim.holds for claim in proof.claims),
        problems=(*findings.diagnostics(), *problems),
        records=tuple(records),
        record_counts=counts,
        facts=facts,
    )


def _bundle(kind: str, source: Source, context: Context, policy: Policy, channel: str) -> Inspection:
    """An archive or a mail, with what is to be said about each document in it."""
    contents = unpack(source, context)
    whole = _refused(source, f"a bundle of documents ({kind})", contents.diagnostics, kind)
    if not (contents.complete and contents.parts):
        return whole
    parts = {part.name: inspect(part.source, policy, channel) for part in contents.parts}
    refused = sum(part.outcome == "quarantined" for part in parts.values())
    return msgspec.structs.replace(
        whole,
        outcome="unpacked",
        would=f"it would be opened: {count(len(parts), 'document')}, {refused} of which would wait in quarantine",
        proved=True,
        facts=sum(part.facts for part in parts.values()),
        parts=parts,
    )


def _refused(source: Source, title: str, problems: tuple[Problem, ...], format: str = UNKNOWN) -> Inspection:
    return Inspection(
        mark=source.mark,
        size=source.size,
        format=format,
        title=title,
        family="",
        outcome="quarantined",
        would=_would("quarantined", 0, 0),
        proved=False,
        claims=(),
        claims_held=0,
        problems=problems,
        records=(),
        record_counts={},
        facts=0,
    )


def _stated(record: Any, source: Source, channel: str, context: Context, problems: list[Problem]) -> Iterator[Words]:
    if isinstance(record, Interchange):
        return
    for _, fact, _ in facts_of(record, source.mark, channel, context, problems):
        yield say(fact)


def _would(outcome: str, facts: int, set_aside: int) -> str:
    match outcome:
        case "quarantined":
            return "it would wait in quarantine, with its original; nothing of it would go on"
        case "partly":
            return f"{count(facts, 'fact')} would be handed on; {count(set_aside, 'part')} of it would be refused"
        case _:
            return f"it would be taken: {count(facts, 'fact')} would be handed on"


def _fields(record: Any) -> dict[str, Any]:
    """The fields of a record for people: nothing empty, amounts in major units, accounts masked."""
    shown: dict[str, Any] = _plain(msgspec.to_builtins(record))
    return shown


def _plain(value: Any, name: str = "") -> Any:
    match value:
        case {"minor": int(), "currency": str()} if len(value) == 2:
            return str(msgspec.convert(value, Money))
        case dict():
            return {key: _plain(inner, key) for key, inner in value.items() if inner not in ("", None, [], (), {})}
        case list() | tuple():
            return [_plain(inner, name) for inner in value]
        case str() if name in _MASKED:
            return masked_iban(value)
        case _:
            return value
