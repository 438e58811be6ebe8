"""Which facts may be told from outside, what telling them takes, and how a CloudEvent becomes a message."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

import msgspec
from msgspec import Struct, inspect
from sqlalchemy import Connection

from tieout.engine.intake import entity_of
from tieout.engine.queries.database import Reach
from tieout.engine.queries.whereabouts import entity_of_ref, home_in, whereabouts
from tieout.http.callers import Caller, require
from tieout.http.problems import Fault, Trouble
from tieout.kernel.text import parse_decimal
from tieout.model import facts as f
from tieout.model.events import SPEC_VERSION, TYPE_PREFIX, Lane, Message, Ref
from tieout.processes.address import address

ACTION_OF: dict[type[f.Fact], str] = {
    f.SupplierProposed: "propose_supplier",
    f.BankChangeRequested: "request_bank_change",
    f.BankChangeConfirmed: "confirm_bank_change",
    f.BankChangeRejected: "reject_bank_change",
    f.PaymentsHeld: "hold_payments",
    f.PaymentsReleased: "release_hold",
    f.OrderPlaced: "place_order",
    f.OrderResponded: "place_order",
    f.OrderChanged: "place_order",
    f.GoodsDespatched: "record_receipt",
    f.GoodsReceived: "record_receipt",
    f.OrderLineClosed: "close_order_line",
    f.OrderLineReopened: "reopen_order_line",
    f.SettlementRequested: "settle_receipts",
    f.HoldsReported: "report_holds",
    f.InvoiceReceived: "enter_invoice",
    f.DuplicateCleared: "clear_duplicate",
    f.DuplicateOverruled: "overrule_duplicate",
    f.LinesAssigned: "assign_lines",
    f.RecheckRequested: "recheck_invoice",
    f.VarianceAccepted: "accept_variance",
    f.ApprovalDecided: "decide_approval",
    f.InvoiceCancelled: "cancel_invoice",
    f.RunProposed: "propose_payment",
    f.RunReleaseRequested: "release_payment",
    f.RunCancelRequested: "propose_payment",
    f.PaymentStatusReported: "load_statement",
    f.RunStatusReported: "load_statement",
    f.StatementReceived: "load_statement",
    f.EntriesNotified: "load_statement",
    f.ReturnReported: "load_statement",
    f.ChangeNotified: "load_statement",
    f.CancellationAnswered: "load_statement",
    f.RemittanceAdvised: "load_statement",
    f.PaymentProofDecided: "confirm_proof",
    f.InterchangeAcknowledged: "exchange_documents",
    f.DocumentAnswered: "exchange_documents",
    f.SendRequested: "exchange_documents",
    f.JournalRecorded: "record_journal",
    f.GapAccepted: "settle_bank_case",
    f.PeriodOpened: "open_period",
    f.TaskChanged: "change_task",
    f.AccrualRequested: "request_accrual",
    f.CaseAssigned: "assign_case",
    f.CaseCommented: "comment_case",
    f.CaseAsked: "ask_supplier",
    f.CaseSettled: "settle_case",
    f.ControlReviewed: "review_control",
}
"""The facts that may be told from outside, and the action of ``policy/duties.toml`` that telling them is."""

RESERVED_SOURCES = ("tieout", "timer", "delivery", "person", "system")
TEXT_MAX = 512


class CloudEvent(Struct, frozen=True, kw_only=True):
    """A CloudEvent 1.0 in structured JSON form, with our extension attributes.

    ``refsystem`` and ``refid`` name the document by another system's id; ``subject`` names it by ours.
    """

    specversion: str
    id: str
    source: str
    type: str
    data: msgspec.Raw
    subject: str = ""
    time: datetime | None = None
    datacontenttype: str = "application/json"
    entity: str = ""
    correlationid: str = ""
    causationid: str = ""
    refsystem: str = ""
    refid: str = ""


_EVENT = msgspec.json.Decoder(CloudEvent)
_DECODERS: dict[str, msgspec.json.Decoder[Any]] = {name: msgspec.json.Decoder(cls) for name, cls in f.FACTS.items()}


def read_event(body: bytes | msgspec.Raw) -> CloudEvent:
    """Read one CloudEvent. Raises :class:`Trouble` that says what is wrong and where."""
    try:
        return _EVENT.decode(body)
    except msgspec.ValidationError as error:
        raise Trouble("bad_value", "the event does not have the form of a CloudEvent", errors=(fault(error),)) from None
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise Trouble("bad_json", str(error)) from None


def fault(error: Exception, inside: str = "") -> Fault:
    """What a decoder found, with a JSON pointer to it."""
    text = str(error)
    message, _, place = text.partition(" - at `$")
    pointer = place.rstrip("`").replace(".", "/").replace("[...]", "/-").replace("[", "/").replace("]", "")
    return Fault(where=f"{inside}{pointer}" or "/", detail=message)


def to_message(sql: Connection | None, event: CloudEvent, caller: Caller, partitions: int) -> Message:
    """The message of an event, addressed. Raises :class:`Trouble`. Without a connection it addresses what it can
    by the fact alone, and raises ``LookupError`` when the database must be asked."""
    kind = kind_of(event.type)
    require(caller, ACTION_OF[kind])
    _check_attributes(event)
    try:
        _check_decimals(event.data)
        data: f.Fact = _DECODERS[kind.type].decode(event.data)
    except msgspec.ValidationError as error:
        raise Trouble("bad_value", f"`data` is not a {kind.type}", errors=(fault(error, "/data"),)) from None
    except (msgspec.DecodeError, ValueError, RecursionError) as error:
        raise Trouble("bad_value", f"`data` is not a {kind.type}: {error}") from None
    refuse_other_entities((event.entity, entity_of(data)), caller)
    if getattr(data, "change_id", "") and isinstance(data, f.PaymentsHeld | f.PaymentsReleased):
        where = (Fault(where="/data/change_id", detail="leave it out"),)
        raise Trouble("bad_value", "tieout itself holds and releases payments for a bank change", errors=where)
    home, subject, entity, correlation = _address(sql, event, data, caller.person.reach, partitions)
    return Message(
        source=event.source,
        key=event.id,
        data=data,
        home=home,
        subject=subject,
        ref=Ref(event.refsystem, event.refid) if event.refid else None,
        entity=entity,
        correlation=correlation,
        causation=event.causationid,
        actor=caller.person.actor,
        occurred_at=_utc(event.time),
        lane=Lane.NORMAL,
    )


def _decimal_fields(kinds: Iterable[type[Any]]) -> frozenset[str]:
    """The names of all fields, at any depth, whose values are exact decimals."""
    found: set[str] = set()
    seen: set[type] = set()

    def look(kind: Any) -> None:
        match kind:
            case inspect.StructType(cls=cls, fields=fields) if cls not in seen:
                seen.add(cls)
                found.update(field.encode_name for field in fields if _holds_decimal(field.type))
                for field in fields:
                    look(field.type)
            case inspect.UnionType(types=types):
                for one in types:
                    look(one)
            case inspect.VarTupleType(item_type=item) | inspect.ListType(item_type=item):
                look(item)
            case inspect.DictType(value_type=value):
                look(value)

    for kind in inspect.multi_type_info(list(kinds)):
        look(kind)
    return frozenset(found)


def _holds_decimal(kind: Any) -> bool:
    members = kind.types if isinstance(kind, inspect.UnionType) else (kind,)
    return any(isinstance(one, inspect.DecimalType) for one in members)


_PLAIN_DECIMAL = 'must be a text such as "12.50", of at most 28 digits'
_DECIMALS = _decimal_fields(ACTION_OF)


def _check_decimals(data: msgspec.Raw) -> None:
    """Decimals come in as plain text, through the one strict parser: no ``1e400``, ``1_000`` or ``٣``, no floats."""
    faults = tuple(_odd_decimals(msgspec.json.decode(data), "/data"))
    if faults:
        raise Trouble("bad_value", "a number is not a plain decimal", errors=faults)


def _odd_decimals(value: Any, pointer: str) -> Iterator[Fault]:
    match value:
        case dict():
            for name, inner in value.items():
                if name not in _DECIMALS:
                    yield from _odd_decimals(inner, f"{pointer}/{name}")
                elif not isinstance(inner, str) or parse_decimal(inner) is None:
                    yield Fault(where=f"{pointer}/{name}", detail=_PLAIN_DECIMAL)
        case list():
            for number, inner in enumerate(value):
                yield from _odd_decimals(inner, f"{pointer}/{number}")


def refuse_other_entities(entities: Iterable[str], caller: Caller) -> None:
    """Raise :class:`Trouble` (403) when somebody says something about an entity they do not work for, wherever the
    entity stands: in the attributes of an event, or in the document it carries."""
    reach = caller.person.reach
    for entity in filter(None, entities):
        if reach is not None and entity not in reach:
            raise Trouble("entity_not_yours", f"{caller.person.name} works for {', '.join(reach)}, not for {entity}")


def kind_of(type_name: str) -> type[f.Fact]:
    """The fact of a type such as ``org.tieout.invoice.received.v1``. Raises :class:`Trouble`."""
    name, _, version = type_name.removeprefix(TYPE_PREFIX).rpartition(".v")
    kind = f.FACTS.get(name)
    if kind is None or not version.isdecimal() or int(version) != kind.version:
        shown = f"{TYPE_PREFIX}{kind.type}.v{kind.version}" if kind else f"{TYPE_PREFIX}invoice.received.v1"
        raise Trouble("unknown_type", f"there is no event type {type_name!r}; types look like {shown}")
    if kind not in ACTION_OF:
        raise Trouble("derived_fact", f"{kind.type} is not told from outside")
    return kind


def _check_attributes(event: CloudEvent) -> None:
    faults = [
        Fault(where=f"/{name}", detail=f"must have 1 to {TEXT_MAX} characters, none of them a control character")
        for name in ("id", "source")
        if not _plain(getattr(event, name)) or not getattr(event, name)
    ]
    faults += [
        Fault(where=f"/{name}", detail=f"must have at most {TEXT_MAX} characters, none of them a control character")
        for name in ("subject", "entity", "correlationid", "causationid", "refsystem", "refid")
        if not _plain(getattr(event, name))
    ]
    if event.specversion != SPEC_VERSION:
        faults.append(Fault(where="/specversion", detail=f"must be {SPEC_VERSION}, not {event.specversion!r}"))
    if event.datacontenttype.split(";")[0].strip() != "application/json":
        faults.append(Fault(where="/datacontenttype", detail="must be application/json"))
    if bool(event.refsystem) != bool(event.refid):
        faults.append(Fault(where="/refid", detail="refsystem and refid go together"))
    if event.time is not None and event.time.tzinfo is None:
        faults.append(Fault(where="/time", detail="must have an offset, such as 2026-05-31T12:00:00Z"))
    if faults:
        raise Trouble("bad_value", "an attribute of the event is not valid", errors=tuple(faults))
    if event.source in RESERVED_SOURCES or event.source.startswith("system:"):
        raise Trouble("reserved_source", f"{event.source!r} is a source of tieout itself")


def _plain(text: str) -> bool:
    return len(text) <= TEXT_MAX and text.isprintable()


def _utc(moment: datetime | None) -> datetime | None:
    return moment.astimezone(UTC) if moment else None


def _address(
    sql: Connection | None, event: CloudEvent, data: f.Fact, reach: Reach, partitions: int
) -> tuple[str, str, str, str]:
    """Home, subject, entity and correlation of a message."""
    if event.refid:
        if reach is not None:
            _refuse_out_of_reach(sql, event, reach)
        return "", event.subject, event.entity, event.correlationid
    if address(data) is not None:
        return "", "", event.entity, event.correlationid
    if not event.subject:
        raise Trouble("unaddressed", f"a {data.type} must say which document it is about")
    if sql is None:
        raise LookupError(event.subject)
    where = whereabouts(sql, event.subject, reach)
    if where is None:
        raise Trouble("unaddressed", f"there is nothing under our id {event.subject!r}")
    return (
        home_in(where.partition, partitions),
        event.subject,
        event.entity or where.entity,
        event.correlationid or where.correlation,
    )


def _refuse_out_of_reach(sql: Connection | None, event: CloudEvent, reach: tuple[str, ...]) -> None:
    """Raise :class:`Trouble` unless another system's id means a document of an entity within reach. What it will mean
    one day nobody knows, so whoever works for some entities only waits until it is known."""
    if sql is None:
        raise LookupError(event.refid)
    entity = entity_of_ref(sql, event.refsystem, event.refid)
    if entity is None or (entity and entity not in reach):
        told = f"nothing within your reach is known under {event.refid!r} of {event.refsystem} yet"
        raise Trouble("unaddressed", told)


def schema_of(kind: type[f.Fact]) -> dict[str, Any]:
    """The JSON Schema (2020-12) of a fact, out of its type."""
    schema = msgspec.json.schema(kind)
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "$id": f"urn:tieout:schema:{kind.type}:{kind.version}",
        "title": f"{TYPE_PREFIX}{kind.type}.v{kind.version}",
        **schema,
    }


def offered_types() -> Mapping[str, Sequence[str]]:
    """Every type of fact: those from outside, and those that tieout concludes."""
    outside = sorted(kind.type for kind in ACTION_OF)
    return {"outside": outside, "derived": sorted(set(f.FACTS) - set(outside))}


def kind_of_fact(name: str) -> type[f.Fact]:
    """The fact of a name such as ``invoice.received``, or of a full event type. Raises :class:`Trouble`."""
    bare = name.removeprefix(TYPE_PREFIX)
    kind = f.FACTS.get(bare) or f.FACTS.get(bare.rpartition(".v")[0])
    if kind is None:
        raise Trouble("not_found", f"there is no fact {name!r}; `GET /v1/schemas` lists them")
    return kind
