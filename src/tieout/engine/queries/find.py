"""Finding what somebody means by an id: one of ours, any other system's, or an invoice number."""

from collections.abc import Callable, Iterator
from typing import Literal

from msgspec import Struct
from msgspec.structs import replace
from sqlalchemy import Connection, select

from tieout.engine.queries.cases import case_by_id
from tieout.engine.queries.database import Reach, within
from tieout.engine.queries.effects import effects_by_id
from tieout.engine.queries.liabilities import invoices_by_id, invoices_like
from tieout.engine.queries.payments import payment_by_id, run_by_id
from tieout.engine.queries.records import documents_by_hash, supplier_by_id
from tieout.engine.queries.words import write_name
from tieout.engine.schema import EVENT, LINK, TOTAL, VIEW_TABLES

Kind = Literal[
    "invoice", "payment", "payment_run", "supplier", "order", "case", "period", "account", "effect", "document", "other"
]

INVOICE = VIEW_TABLES["invoice"]
ORDER = VIEW_TABLES["order"]
PERIOD = VIEW_TABLES["period"]
ACCOUNT = VIEW_TABLES["account"]
TEXT_MAX = 200


class Hit(Struct, frozen=True, kw_only=True):
    """Something that an id may mean. ``through`` says how it was found: ``erp id 4711``."""

    kind: Kind
    subject: str
    title: str
    entity: str = ""
    status: str = ""
    through: str = ""


def find(sql: Connection, text: str, reach: Reach, *, limit: int = 20) -> tuple[Hit, ...]:
    """What this text may mean, the surest first: our own id, another system's id, an invoice or order number."""
    text = text.strip()[:TEXT_MAX]
    if not text or "\x00" in text:
        return ()
    found: dict[tuple[str, str], Hit] = {}
    for search in (own, linked, numbered, part_of, correlated):
        for hit in search(sql, text, reach):
            found.setdefault((hit.kind, hit.subject), hit)
        if found and search is not linked:
            break
    return tuple(found.values())[:limit]


def own(sql: Connection, text: str, reach: Reach) -> Iterator[Hit]:
    """The text as one of our own ids."""
    for look in _OWN:
        if hit := look(sql, text, reach):
            yield hit
            return


def linked(sql: Connection, text: str, reach: Reach) -> Iterator[Hit]:
    """The text as another system's id."""
    rows = sql.execute(
        select(LINK.c.system, LINK.c.subject, LINK.c.entity)
        .where(LINK.c.external_id == text, within(reach, LINK.c.entity, shared=True))
        .order_by(LINK.c.system)
        .limit(20)
    ).all()
    for system, subject, entity in rows:
        hit = next(own(sql, subject, reach), None) or Hit(kind="other", subject=subject, title=subject, entity=entity)
        yield Hit(
            kind=hit.kind,
            subject=hit.subject,
            title=hit.title,
            entity=hit.entity,
            status=hit.status,
            through=f"{system} id {text}",
        )


def numbered(sql: Connection, text: str, reach: Reach) -> Iterator[Hit]:
    """The text as the number on an invoice (or its beginning), or on an order."""
    for invoice in invoices_like(sql, text, reach, 20):
        title = f"Invoice {invoice.number}, {invoice.supplier_name}"
        through = "" if invoice.number == text else f"number begins with {text}"
        yield Hit(
            kind="invoice",
            subject=invoice.invoice_id,
            title=title,
            entity=invoice.entity,
            status=invoice.status,
            through=through,
        )
    yield from _orders(sql, text, reach)


def _orders(sql: Connection, text: str, reach: Reach) -> Iterator[Hit]:
    entities = reach if reach is not None else tuple(sql.execute(select(TOTAL.c.entity).distinct()).scalars())
    for entity in entities:
        # The subject of an order is entity/number/supplier; "0" follows "/" in the alphabet.
        rows = sql.execute(
            select(ORDER.c.subject, ORDER.c.entity)
            .where(ORDER.c.subject >= f"{entity}/{text}/", ORDER.c.subject < f"{entity}/{text}0")
            .limit(5)
        )
        for subject, found_in in rows:
            yield Hit(kind="order", subject=subject, title=f"Order {text}", entity=found_in)


def part_of(sql: Connection, text: str, reach: Reach) -> Iterator[Hit]:
    """The text as the name of a part: an entry of a statement of an account, a tie-out of a period."""
    whole, _, _ = text.rpartition("/")
    while whole:
        if hit := next(own(sql, whole, reach), None):
            yield replace(hit, through=f"{text}, a part of {whole}")
            return
        whole, _, _ = whole.rpartition("/")


def correlated(sql: Connection, text: str, reach: Reach) -> Iterator[Hit]:
    """The text as a correlation id that no view knows."""
    row = sql.execute(
        select(EVENT.c.subject, EVENT.c.entity)
        .where(EVENT.c.correlation == text, within(reach, EVENT.c.entity, shared=True))
        .limit(1)
    ).first()
    if row:
        yield Hit(kind="other", subject=text, title=text, entity=row.entity)


# ── our own ids, kind by kind ──────────────────────────────────────────────────────────────────────────────────────


def _invoice(sql: Connection, text: str, reach: Reach) -> Hit | None:
    invoice = invoices_by_id(sql, (text,), reach).get(text)
    if invoice is None:
        return None
    title = f"Invoice {invoice.number}, {invoice.supplier_name}"
    return Hit(kind="invoice", subject=text, title=title, entity=invoice.entity, status=invoice.status)


def _payment(sql: Connection, text: str, reach: Reach) -> Hit | None:
    payment = payment_by_id(sql, text, reach)
    if payment is None:
        return None
    title = f"Payment of invoice {payment.invoice_number or payment.invoice_id}"
    return Hit(kind="payment", subject=text, title=title, entity=payment.entity, status=payment.status)


def _run(sql: Connection, text: str, reach: Reach) -> Hit | None:
    run = run_by_id(sql, text, reach)
    if run is None:
        return None
    title = f"Payment run of {run.execute_on}, {run.total}"
    return Hit(kind="payment_run", subject=text, title=title, entity=run.entity, status=run.status)


def _case(sql: Connection, text: str, reach: Reach) -> Hit | None:
    case = case_by_id(sql, text, reach)
    if case is None:
        return None
    title = f"Case: {case.case_class.replace('_', ' ')}"
    return Hit(kind="case", subject=text, title=title, entity=case.entity, status=case.status)


def _supplier(sql: Connection, text: str, reach: Reach) -> Hit | None:
    supplier = supplier_by_id(sql, text)
    if supplier is None:
        return None
    return Hit(kind="supplier", subject=text, title=f"Supplier {supplier.name}", status=supplier.status)


def _effect(sql: Connection, text: str, reach: Reach) -> Hit | None:
    effect = next(iter(effects_by_id(sql, (text,), reach)), None)
    if effect is None:
        return None
    title = f"{write_name(effect.operation)} to {effect.connector}"
    return Hit(kind="effect", subject=text, title=title, entity=effect.entity, status=effect.status)


def _document(sql: Connection, text: str, reach: Reach) -> Hit | None:
    if len(text) != 64:
        return None
    document = next(iter(documents_by_hash(sql, (text.lower(),))), None)
    if document is None:
        named = sql.execute(select(INVOICE.c.subject).where(INVOICE.c.document == text.lower()).limit(1)).scalar()
        return _invoice(sql, named, reach) if named else None
    return Hit(kind="document", subject=document.hash, title=document.name, status=document.status)


def _order(sql: Connection, text: str, reach: Reach) -> Hit | None:
    row = sql.execute(
        select(ORDER.c.subject, ORDER.c.entity).where(ORDER.c.subject == text, within(reach, ORDER.c.entity))
    ).first()
    return Hit(kind="order", subject=text, title=f"Order {text.split('/')[1]}", entity=row.entity) if row else None


def _period(sql: Connection, text: str, reach: Reach) -> Hit | None:
    row = sql.execute(
        select(PERIOD.c.entity, PERIOD.c.period, PERIOD.c.status).where(
            PERIOD.c.subject == text, within(reach, PERIOD.c.entity)
        )
    ).first()
    if row is None:
        return None
    return Hit(
        kind="period", subject=text, title=f"{row.entity}, period {row.period}", entity=row.entity, status=row.status
    )


def _account(sql: Connection, text: str, reach: Reach) -> Hit | None:
    iban = text.replace(" ", "").upper()
    row = sql.execute(
        select(ACCOUNT.c.entity).where(ACCOUNT.c.subject == iban, within(reach, ACCOUNT.c.entity))
    ).first()
    return Hit(kind="account", subject=iban, title=f"Account {iban}", entity=row.entity) if row else None


_OWN: tuple[Callable[[Connection, str, Reach], Hit | None], ...] = (
    _invoice,
    _payment,
    _run,
    _case,
    _supplier,
    _effect,
    _document,
    _order,
    _period,
    _account,
)
