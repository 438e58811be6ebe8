"""The positive pay file of checks, in any declared layout; valid or not written at all.

Amounts are in US dollars, never rounded and never cut: a value that does not fit its column is a problem. The count is
that of the checks in the file, the sum that of their amounts, voided and stopped ones among them.
"""

import re
from collections.abc import Iterator, Sequence
from datetime import date

from msgspec import Struct

from tieout.formats.iso20022.charset import latin
from tieout.formats.payment_files import PaymentFile
from tieout.formats.positive_pay.layout import Action, Column, IssueLayout
from tieout.formats.reading import quoted
from tieout.kernel.money import Money, total
from tieout.kernel.problem import Code, Problem

CURRENCY = "USD"
Value = str | Money | date
_NUMBER = re.compile(r"[0-9]{1,18}", re.ASCII)
_ACCOUNT = re.compile(r"[A-Za-z0-9-]{1,34}", re.ASCII)


class Check(Struct, frozen=True, kw_only=True):
    """A check as the bank has to know it: drawn on which account, and what we did with it."""

    account: str
    number: str
    amount: Money
    issued_on: date
    payee: str = ""
    action: Action = "issue"


def write(layout: IssueLayout, checks: Sequence[Check], created_on: date) -> PaymentFile:
    """Write the file, or say what is wrong. The same input gives the same bytes."""
    problems = tuple(_problems(layout, checks))
    if problems:
        return PaymentFile(problems=problems)
    whole = total((check.amount for check in checks), CURRENCY)
    accounts = {check.account for check in checks}
    about: dict[str, Value] = {
        "account": accounts.pop() if len(accounts) == 1 else "",
        "count": str(len(checks)),
        "sum": whole,
        "created_on": created_on,
    }
    rows = (
        _record(layout, f"checks, row {number}", layout.row, _values(layout, check))
        for number, check in enumerate(checks, 1)
    )
    written = [
        *([_record(layout, "header", layout.header, about)] if layout.header else ()),
        *rows,
        *([_record(layout, "trailer", layout.trailer, about)] if layout.trailer else ()),
    ]
    problems = tuple(line for line in written if isinstance(line, Problem))
    if problems:
        return PaymentFile(problems=problems)
    body = "".join(f"{line}{layout.line_end}" for line in written).encode("ascii")
    return PaymentFile(body, (), len(checks), whole.amount, tuple((check.number, check.number) for check in checks))


def _problems(layout: IssueLayout, checks: Sequence[Check]) -> Iterator[Problem]:
    if not checks:
        yield Problem(Code.MISSING_FIELD, "checks", expected="at least one check")
    seen: set[tuple[str, str, str]] = set()
    for number, check in enumerate(checks, 1):
        where = f"checks, row {number}"
        if check.amount.currency != CURRENCY:
            yield Problem(Code.CURRENCY_MISMATCH, where, expected=CURRENCY, actual=check.amount.currency)
        elif check.amount.minor <= 0:
            yield Problem(Code.BAD_VALUE, where, expected="more than zero", actual=str(check.amount))
        if not _NUMBER.fullmatch(check.number):
            yield Problem(Code.BAD_VALUE, where, expected="a check number of digits", actual=quoted(check.number))
        if not _ACCOUNT.fullmatch(check.account):
            yield Problem(Code.BAD_VALUE, where, expected="an account number", actual=quoted(check.account))
        if check.action not in layout.actions:
            expected = f"an action of the layout: {', '.join(layout.actions)}"
            yield Problem(Code.BAD_VALUE, where, expected=expected, actual=check.action)
        key = (check.account, check.number, check.action)
        if key in seen:
            yield Problem(Code.BAD_VALUE, where, actual=check.number, detail="the check is in the file twice")
        seen.add(key)
    is_about_one = any(column.field == "account" for column in (*layout.header, *layout.trailer))
    if is_about_one and len({check.account for check in checks}) > 1:
        yield Problem(Code.BAD_VALUE, "checks", detail="the layout is for the checks of one account")


def _values(layout: IssueLayout, check: Check) -> dict[str, Value]:
    return {
        "account": check.account,
        "number": check.number,
        "amount": check.amount,
        "issued_on": check.issued_on,
        "payee": check.payee,
        "action": layout.actions[check.action],
    }


def _record(layout: IssueLayout, where: str, columns: Sequence[Column], values: dict[str, Value]) -> str | Problem:
    """One line, or the first value that does not fit."""
    cells = []
    for column in columns:
        text = _text(column, values.get(column.field, column.constant))
        if layout.kind == "delimited" and (layout.delimiter in text or '"' in text):
            text = text.replace(layout.delimiter, " ").replace('"', " ")
        if column.length and len(text) > column.length:
            limit = f"{column.length} characters ({column.field or column.constant})"
            return Problem(Code.TOO_LARGE, where, limit=limit, actual=quoted(text))
        if column.length:
            pad = text.rjust if column.align == "right" else text.ljust
            text = pad(column.length, column.fill)
        cells.append(text)
    return "".join(cells).ljust(layout.width) if layout.kind == "fixed" else layout.delimiter.join(cells)


def _text(column: Column, value: Value) -> str:
    """A value as the column wants it."""
    match value:
        case Money():
            return str(value.minor) if column.decimals == "implied" else f"{value.amount:f}"
        case date():
            parts = {"YYYY": "%Y", "YY": "%y", "MM": "%m", "DD": "%d"}
            return value.strftime(re.sub("YYYY|YY|MM|DD", lambda found: parts[found[0]], column.date))
        case str() if column.field == "payee":
            return latin(value, column.length_max or 1_000)
        case str():
            return value
