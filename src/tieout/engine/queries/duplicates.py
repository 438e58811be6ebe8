"""An invoice beside those it may be a duplicate of: what was compared with which points, and both documents."""

from collections.abc import Iterable
from typing import Any

import msgspec
from msgspec import Struct
from sqlalchemy import Connection, select

from tieout.engine.queries.database import Reach
from tieout.engine.queries.liabilities import InvoiceItem, invoices_by_id
from tieout.engine.queries.records import DocumentItem, documents_by_hash
from tieout.engine.schema import EVENT, STATE
from tieout.model.documents import Invoice
from tieout.model.duplicates import Candidate
from tieout.model.facts import DuplicateStopped, DuplicateSuspected, decode_fact
from tieout.processes import invoice as invoices

_FOUND = (DuplicateStopped.type, DuplicateSuspected.type)
_STATE = msgspec.json.Decoder(invoices.PROCESS.state)


class Side(Struct, frozen=True, kw_only=True):
    """One of the documents. ``original`` is nothing where only data came, or nothing was kept."""

    item: InvoiceItem
    invoice: Invoice
    original: DocumentItem | None


class Pair(Struct, frozen=True, kw_only=True):
    """A known invoice and what speaks for and against it; nothing of it where it is out of the caller's reach."""

    candidate: Candidate
    other: Side | None


class SideBySide(Struct, frozen=True, kw_only=True):
    """An invoice and all that it was stopped or asked about for, the likeliest first."""

    mine: Side
    pairs: tuple[Pair, ...]


def side_by_side(sql: Connection, invoice_id: str, reach: Reach) -> SideBySide | None:
    """What the last search for duplicates found for an invoice; nothing when it found none."""
    candidates = _candidates(sql, invoice_id)
    sides = _sides(sql, (invoice_id, *(one.invoice_id for one in candidates)), reach)
    if not candidates or invoice_id not in sides:
        return None
    pairs = tuple(Pair(candidate=one, other=sides.get(one.invoice_id)) for one in candidates)
    return SideBySide(mine=sides[invoice_id], pairs=pairs)


def _candidates(sql: Connection, invoice_id: str) -> tuple[Candidate, ...]:
    query = (
        select(EVENT.c.type, EVENT.c.data)
        .where(EVENT.c.correlation == invoice_id, EVENT.c.subject == invoice_id, EVENT.c.type.in_(_FOUND))
        .order_by(EVENT.c.position.desc())
        .limit(1)
    )
    row = sql.execute(query).first()
    if row is None:
        return ()
    fact = decode_fact(row.type, row.data)
    assert isinstance(fact, DuplicateStopped | DuplicateSuspected)
    return tuple(one for one in fact.candidates if one.verdict != "none")


def _sides(sql: Connection, invoice_ids: Iterable[str], reach: Reach) -> dict[str, Side]:
    items = invoices_by_id(sql, tuple(dict.fromkeys(invoice_ids)), reach)
    states = _states(sql, items)
    hashes = tuple({state.invoice.document for state in states.values() if state.invoice.document})
    originals = {one.hash: one for one in documents_by_hash(sql, hashes)} if hashes else {}
    return {
        invoice_id: Side(item=items[invoice_id], invoice=state.invoice, original=originals.get(state.invoice.document))
        for invoice_id, state in states.items()
    }


def _states(sql: Connection, invoice_ids: Iterable[str]) -> dict[str, Any]:
    query = select(STATE.c.subject, STATE.c.data).where(
        STATE.c.process == "invoice", STATE.c.subject.in_(list(invoice_ids))
    )
    return {row.subject: _STATE.decode(row.data) for row in sql.execute(query)}
