"""CloudEvents for tests: right ones, and the pieces they are made of."""

import copy
from datetime import date, timedelta
from typing import Any

from tests.web.books import Books

from tieout.processes.address import supplier_id_of

TAX_ID = "US123456789"
SUPPLIER_ID = supplier_id_of(TAX_ID)


def event(
    type_name: str, data: dict[str, Any], *, id: str = "1", source: str = "acme-ap", **more: str
) -> dict[str, Any]:
    return {
        "specversion": "1.0",
        "id": id,
        "source": source,
        "type": f"org.tieout.{type_name}.v1",
        "time": "2026-05-14T10:00:00Z",
        "datacontenttype": "application/json",
        "data": data,
        **more,
    }


def invoice(number: str = "A-1", gross: int = 11_900) -> dict[str, Any]:
    net = gross * 100 // 119
    return {
        "kind": "invoice",
        "number": number,
        "entity": "DE01",
        "supplier_id": SUPPLIER_ID,
        "supplier_tax_id": TAX_ID,
        "supplier_name": "Acme Inc.",
        "currency": "EUR",
        "issued_on": "2026-05-14",
        "due_on": str(date(2026, 5, 14) + timedelta(days=14)),
        "lines": [
            {
                "line_id": "1",
                "quantity": "1",
                "unit": "EA",
                "unit_price": f"{net / 100:.2f}",
                "net": {"minor": net, "currency": "EUR"},
                "tax_rate": "19",
            }
        ],
        "net": {"minor": net, "currency": "EUR"},
        "tax": {"minor": gross - net, "currency": "EUR"},
        "gross": {"minor": gross, "currency": "EUR"},
    }


def received(number: str = "A-1", *, id: str = "", gross: int = 11_900, source: str = "acme-ap") -> dict[str, Any]:
    data = {"invoice": invoice(number, gross), "channel": "api"}
    return event("invoice.received", data, id=id or f"inv/{number}", source=source)


def without(value: dict[str, Any], *path: str) -> dict[str, Any]:
    """A copy without one field."""
    changed = copy.deepcopy(value)
    at: Any = changed
    for name in path[:-1]:
        at = at[name]
    del at[path[-1]]
    return changed


def having(value: dict[str, Any], new: object, *path: str | int) -> dict[str, Any]:
    """A copy with one field changed."""
    changed = copy.deepcopy(value)
    at: Any = changed
    for name in path[:-1]:
        at = at[name]
    at[path[-1]] = new
    return changed


def rows(books: Books, table: str) -> list[dict[str, Any]]:
    return list(books.store.read_table(table, None))
