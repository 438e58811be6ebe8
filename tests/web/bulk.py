"""Very many rows, written straight into the tables: to see that pages stay quick."""

import random
from datetime import UTC, date, datetime, timedelta
from typing import Any

from sqlalchemy import create_engine, insert

from tieout.engine.schema import EFFECT, EVENT, LINK, STANDING, TOTAL, VIEW_TABLES
from tieout.engine.stores.open import prepare
from tieout.kernel.clock import to_micros
from tieout.kernel.ids import derive
from tieout.model.facts import InvoiceAdmitted, encode_fact

NOW = datetime(2026, 5, 28, 12, tzinfo=UTC)
ENTITIES = ("DE01", "FR01", "US01", "JP01")
_CURRENCY = {"DE01": "EUR", "FR01": "EUR", "US01": "USD", "JP01": "JPY"}
_STATUSES = ("closed",) * 60 + ("posted",) * 20 + ("reserved",) * 5 + ("matched",) * 8 + ("mismatched",) * 7


def fill(url: str, invoices: int, *, seed: int = 1) -> None:
    """A year of invoices with their events, links, effects, standings and cases."""
    prepare(url)
    engine = create_engine(url)
    dice = random.Random(seed)
    rows: dict[str, list[dict[str, Any]]] = {
        name: [] for name in ("invoice", "case", "event", "link", "effect", "standing")
    }
    totals: dict[tuple[str, str, str, str], list[int]] = {}
    with engine.begin() as sql:
        sql.execute(insert(VIEW_TABLES["supplier"]), [_supplier(number) for number in range(2_000)])
        sql.execute(insert(VIEW_TABLES["period"]), [_period(entity) for entity in ENTITIES])
        for number in range(invoices):
            _invoice(number, dice, rows, totals)
            if len(rows["invoice"]) == 5_000 or number == invoices - 1:
                for name, kept in rows.items():
                    table = {"event": EVENT, "link": LINK, "effect": EFFECT, "standing": STANDING}.get(name)
                    if kept:
                        sql.execute(insert(table if table is not None else VIEW_TABLES[name]), kept)
                        kept.clear()
        sql.execute(
            insert(TOTAL),
            [
                {
                    "name": name,
                    "entity": entity,
                    "period": period,
                    "currency": currency,
                    "count": count,
                    "sum_minor": minor,
                    "digest": 0,
                }
                for (name, entity, period, currency), (count, minor) in totals.items()
            ],
        )
    engine.dispose()


def _supplier(number: int) -> dict[str, Any]:
    return {
        "subject": derive("sup", str(number)),
        "partition": number % 64,
        "name": f"Supplier {number:05d}",
        "tax_id": f"DE{number:09d}",
        "country": "DE",
        "status": "active",
        "hold_reason": "" if number % 97 else "held by person:ray: in dispute",
        "iban_masked": "DE •••• 0000",
        "change_id": "",
        "systems": "ap, erp",
    }


def _period(entity: str) -> dict[str, Any]:
    return {
        "subject": f"{entity}/2026-05",
        "partition": 0,
        "entity": entity,
        "period": "2026-05",
        "status": "not_ready",
        "blockers": '{"unposted":1500}',
        "signals": "{}",
        "tie_outs": "{}",
        "tasks": "{}",
        "evaluated_at": to_micros(NOW),
    }


def _invoice(
    number: int,
    dice: random.Random,
    rows: dict[str, list[dict[str, Any]]],
    totals: dict[tuple[str, str, str, str], list[int]],
) -> None:
    subject, entity, status = derive("inv", str(number)), dice.choice(ENTITIES), dice.choice(_STATUSES)
    currency, minor, partition = _CURRENCY[entity], dice.randint(1_000, 5_000_000), number % 64
    issued = date(2026, 5, 28) - timedelta(days=dice.randint(0, 300))
    received, supplier = to_micros(NOW) - dice.randint(0, 10**13), derive("sup", str(dice.randint(0, 1_999)))
    rows["invoice"].append(
        {
            "subject": subject,
            "partition": partition,
            "entity": entity,
            "supplier_id": supplier,
            "supplier_name": f"Supplier {number % 2000:05d}",
            "number": f"INV-{number:07d}",
            "kind": "invoice",
            "status": status,
            "reason": "",
            "currency": currency,
            "payable_minor": minor,
            "issued_on": str(issued),
            "due_on": str(issued + timedelta(days=60)),
            "period": str(issued)[:7],
            "channel": "mail",
            "erp_number": f"ER-{number:07d}",
            "payment_id": "",
            "document": "",
            "received_at": received,
            "changed_at": received,
        }
    )
    standing = {"posted": "payable", "reserved": "payable", "matched": "unposted", "mismatched": "unposted"}.get(status)
    if standing:
        key = (standing, entity, str(issued)[:7], currency)
        sums = totals.setdefault(key, [0, 0])
        sums[0], sums[1] = sums[0] + 1, sums[1] + minor
        rows["standing"].append(
            {
                "name": standing,
                "entity": entity,
                "period": str(issued)[:7],
                "item": subject,
                "currency": currency,
                "amount_minor": minor,
                "partition": partition,
                "since": received,
            }
        )
    if status == "mismatched":
        rows["case"].append(_case(subject, entity, supplier, currency, minor, received, partition))
    for step in range(8):
        rows["event"].append(_event(number, step, subject, entity, received, partition))
    rows["link"].append(
        {
            "system": "erp",
            "external_id": f"ER-{number:07d}",
            "subject": subject,
            "partition": partition,
            "correlation": subject,
            "entity": entity,
        }
    )
    for operation in ("post_invoice", "report_posting"):
        rows["effect"].append(_effect(number, operation, subject, entity, received, partition))


def _case(
    subject: str, entity: str, supplier: str, currency: str, minor: int, at: int, partition: int
) -> dict[str, Any]:
    return {
        "subject": derive("case", "price_variance", subject),
        "partition": partition,
        "case_class": "price_variance",
        "severity": "medium",
        "owner_role": "purchasing",
        "entity": entity,
        "document": subject,
        "supplier_id": supplier,
        "reason": "the price is over the limit",
        "problems": "[]",
        "remedy": "agree on the price",
        "actions": "accept_variance",
        "status": "open",
        "assignee": "",
        "resolution": "",
        "currency": currency,
        "amount_minor": minor,
        "opened_at": at,
        "due_at": 0,
        "deadline": "",
        "deadline_name": "",
        "spend_category": "UNSPSC:43211503",
        "level": 0,
        "rule": "",
        "opened_count": 1,
        "settled_at": 0,
    }


def _event(number: int, step: int, subject: str, entity: str, at: int, partition: int) -> dict[str, Any]:
    return {
        "partition": partition,
        "position": (number // 64) * 8 + step + 1,
        "type": InvoiceAdmitted.type,
        "version": 1,
        "subject": subject,
        "entity": entity,
        "data": encode_fact(InvoiceAdmitted()),
        "correlation": subject,
        "causation": "",
        "actor": "system:mail",
        "occurred_at": at + step,
        "recorded_at": at + step,
        "policy": "p",
        "source": "mail" if step == 0 else None,
        "key": f"k{number}" if step == 0 else None,
        "fingerprint": "f" if step == 0 else None,
        "hash": b"h" * 32,
    }


def _effect(number: int, operation: str, subject: str, entity: str, at: int, partition: int) -> dict[str, Any]:
    return {
        "id": derive("eff", operation, subject),
        "connector": "erp",
        "operation": operation,
        "key": subject,
        "lane": f"erp/{entity}",
        "partition": partition,
        "subject": subject,
        "entity": entity,
        "correlation": subject,
        "causation": "",
        "payload": b"{}" * 600,
        "status": "dead" if number % 211 == 0 else "ready" if number % 37 == 0 else "applied",
        "priority": 5,
        "deadline": 0,
        "after": "",
        "not_before": 0,
        "attempts": 1,
        "probes": 0,
        "owner": "",
        "lease_until": 0,
        "outcome": b"",
        "error": "",
        "created_at": at,
        "changed_at": at,
    }
