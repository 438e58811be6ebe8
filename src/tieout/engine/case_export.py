"""The case queue as a file for spreadsheets."""

from collections.abc import Iterator
from datetime import datetime
from pathlib import Path

from sqlalchemy import Connection

from tieout.engine.exports import Cell, Format, write
from tieout.engine.queries.cases import CaseFilter, CaseItem, every_case
from tieout.engine.queries.database import Reach
from tieout.policy.cases import CASE_RULES

COLUMNS = (
    *(
        "case",
        "class",
        "title",
        "severity",
        "status",
        "owner",
        "assignee",
        "stands in",
        "entity",
        "supplier id",
        "supplier",
    ),
    *("document", "reason", "amount", "currency", "opened (UTC)", "age in days", "due (UTC)", "overdue", "deadline"),
    *("deadline is the", "escalated", "times opened", "rule", "settled (UTC)", "resolution", "spend category"),
)
_TITLES = {one.value: rule.title for one, rule in CASE_RULES.items()}


def export_cases(sql: Connection, wanted: CaseFilter, reach: Reach, now: datetime, format: Format, file: Path) -> int:
    """Write all cases of a filter to a file, from one snapshot of the database; says how many."""
    rows = (tuple(_row(case, now)) for case in every_case(sql, wanted, reach, now))
    return write(format, file, "Cases", COLUMNS, rows)


def _row(case: CaseItem, now: datetime) -> Iterator[Cell]:
    yield from (case.case_id, case.case_class, _TITLES.get(case.case_class, ""), case.severity, case.status)
    yield from (case.owner_role, case.assignee, case.stand_in, case.entity, case.supplier_id, case.supplier_name)
    yield from (case.document, case.reason)
    yield from (case.amount.amount, case.amount.currency) if case.amount else (None, "")
    yield from (case.opened_at, (now - case.opened_at).days, case.due_at, "yes" if case.overdue(now) else "no")
    yield from (case.deadline, case.deadline_name, case.level, case.opened_count, case.rule)
    yield from (case.settled_at, case.resolution, case.spend_category)
