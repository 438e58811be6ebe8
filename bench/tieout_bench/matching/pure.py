"""The rules alone on one core, and beside them the bare hash join of the same rows in DuckDB."""

import csv
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from tieout.matching.orders import OrderPosition
from tieout.matching.three_way import match
from tieout.model.documents import Invoice
from tieout_bench.matching.workload import LINES, document, position
from tieout_bench.measuring import Figure, seconds, tell
from tieout_bench.workload import ENTITY, policy

LINES_PER_SECOND_MIN = 50_000
Case = tuple[Invoice, dict[str, OrderPosition]]

_TABLES = """
CREATE TABLE invoice_line AS FROM read_csv('{folder}/invoice_line.csv', header = true, columns = {{
    'order_id': 'VARCHAR', 'line_id': 'VARCHAR', 'unit': 'VARCHAR', 'quantity': 'DECIMAL(18, 4)',
    'price': 'DECIMAL(18, 4)', 'billed_before': 'DECIMAL(18, 4)'}});
CREATE TABLE order_line AS FROM read_csv('{folder}/order_line.csv', header = true, columns = {{
    'order_id': 'VARCHAR', 'line_id': 'VARCHAR', 'unit': 'VARCHAR', 'ordered': 'DECIMAL(18, 4)',
    'price': 'DECIMAL(18, 4)', 'received': 'DECIMAL(18, 4)'}});
"""
_JOIN = """
SELECT count(*) FROM invoice_line AS i LEFT JOIN order_line AS o USING (order_id, line_id)
WHERE o.line_id IS NULL OR i.unit <> o.unit OR i.price > o.price * 1.02
   OR i.billed_before + i.quantity > o.ordered OR i.billed_before + i.quantity > o.received
"""


def cases(invoices: int) -> list[Case]:
    """Each invoice with where its order stands."""
    found = []
    for number in range(invoices):
        stands = position(number)
        found.append((document(number), {stands.order_id: stands}))
    return found


def mismatched(every: list[Case]) -> int:
    """Match all of them; how many do not pass."""
    tolerances = policy().tolerances_of(ENTITY)
    return sum(not match(invoice, orders, tolerances, "bench").matched for invoice, orders in every)


def measure(invoices: int) -> list[Figure]:
    """Lines a second; both sides must find the same."""
    every = cases(invoices)
    expected = mismatched(every)
    lines = invoices * LINES
    try:
        import duckdb
    except ImportError:
        tell("no duckdb here: its join is left out (`pip install tieout[bulk]`)")
        (ours,) = seconds("rules alone", lambda: mismatched(every))
        return [_figure(lines, ours, "", 0.0)]
    with TemporaryDirectory(prefix="tieout-bench-") as folder, duckdb.connect(config={"threads": 1}) as joined:
        _write(every, Path(folder))
        joined.execute(_TABLES.format(folder=folder))
        found = _join(joined)
        if found != expected:
            raise AssertionError(f"the join finds {found} lines that do not agree, matching {expected} invoices")
        ours, theirs = seconds("rules alone", lambda: mismatched(every), lambda: _join(joined))
    return [_figure(lines, ours, "bare hash join in DuckDB", lines / theirs)]


def _join(joined: Any) -> int:
    return int(joined.execute(_JOIN).fetchone()[0])


def _figure(lines: int, ours: float, beside: str, theirs: float) -> Figure:
    value = lines / ours
    return Figure(
        name="rules alone",
        unit="lines/s",
        value=value,
        beside=beside,
        beside_value=theirs,
        ratio=value / theirs if theirs else 0.0,
        target=f"≥ {LINES_PER_SECOND_MIN:,} lines/s",
        is_met=value >= LINES_PER_SECOND_MIN,
    )


def _write(every: list[Case], folder: Path) -> None:
    billed, ordered = [], {}
    for invoice, orders in every:
        for line in invoice.lines:
            stands = orders[line.order_id].lines.get(line.order_line_id)
            before = stands.billed if stands else 0
            billed.append((line.order_id, line.order_line_id, line.unit, line.quantity, line.unit_price, before))
        for order in orders.values():
            for line_id, stands in order.lines.items():
                row = (order.order_id, line_id, stands.unit, stands.ordered, stands.unit_price, stands.received)
                ordered[order.order_id, line_id] = row
    _rows(folder / "invoice_line.csv", "order_id line_id unit quantity price billed_before", billed)
    _rows(folder / "order_line.csv", "order_id line_id unit ordered price received", list(ordered.values()))


def _rows(path: Path, names: str, rows: list[tuple[Any, ...]]) -> None:
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(names.split())
        writer.writerows(rows)
