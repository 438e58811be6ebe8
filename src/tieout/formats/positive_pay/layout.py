"""The layout of a positive pay file, as a declaration in TOML that is checked when it is read.

::

    title = "how people know it"
    kind = "delimited"              # or "fixed", then with a width
    delimiter = ","

    [actions]                       # what the bank calls them; an action that is missing cannot be written
    issue = "I"
    void = "V"

    [[row]]                         # the columns of a check, in order; [[header]] and [[trailer]] are optional
    field = "amount"                # or constant = "…"
    decimals = "implied"            # cents without a point, or "explicit"

Columns: ``account``, ``number``, ``amount``, ``issued_on``, ``payee`` and ``action`` in rows; ``count``, ``sum``,
``created_on`` and ``account`` in headers and trailers. Dates are written like ``MM/DD/YYYY``.
"""

import re
import tomllib
from collections.abc import Iterator
from importlib.resources import files
from typing import Literal

import msgspec
from msgspec import Struct

from tieout.formats.positive_pay import layouts
from tieout.kernel.problem import Code, Problem

Action = Literal["issue", "void", "stop"]
SAMPLES = ("delimited", "fixed")

_DATE = re.compile(r"(?:YYYY|YY|MM|DD|[/.-])+")
_IN_ROWS = frozenset(("account", "number", "amount", "issued_on", "payee", "action"))
_IN_TOTALS = frozenset(("count", "sum", "created_on", "account"))


class Column(Struct, frozen=True, forbid_unknown_fields=True):
    """One column: a constant, or a field of the check (or of the whole) and how it is written.

    ``length_max`` is where a payee's name may be cut; every other value must fit, or the file is not written.
    """

    field: str = ""
    constant: str = ""
    length: int = 0
    length_max: int = 0
    align: Literal["left", "right"] = "left"
    fill: str = " "
    decimals: Literal["implied", "explicit"] = "explicit"
    date: str = "YYYYMMDD"


class IssueLayout(Struct, frozen=True, forbid_unknown_fields=True):
    """A whole layout."""

    title: str
    kind: Literal["delimited", "fixed"]
    row: tuple[Column, ...]
    actions: dict[Action, str]
    header: tuple[Column, ...] = ()
    trailer: tuple[Column, ...] = ()
    delimiter: str = ","
    width: int = 0
    line_end: Literal["\n", "\r\n"] = "\r\n"


def sample(name: str) -> IssueLayout:
    """A layout that comes with the package: one of :data:`SAMPLES`."""
    found = parse(files(layouts).joinpath(f"{name}.toml").read_text("utf-8"))
    assert isinstance(found, IssueLayout), found
    return found


def parse(text: str) -> IssueLayout | Problem:
    """A declared layout, or what is wrong with it."""
    try:
        layout = msgspec.convert(tomllib.loads(text), IssueLayout)
    except (tomllib.TOMLDecodeError, msgspec.ValidationError) as error:
        return Problem(Code.BAD_VALUE, "layout", detail=str(error))
    return next(_problems(layout), layout)


def _problems(layout: IssueLayout) -> Iterator[Problem]:
    parts = (
        ("header", layout.header, _IN_TOTALS),
        ("row", layout.row, _IN_ROWS),
        ("trailer", layout.trailer, _IN_TOTALS),
    )
    for name, columns, known in parts:
        for number, column in enumerate(columns, 1):
            yield from _column_problems(f"layout/{name}, row {number}", column, known, layout)
        if layout.kind == "fixed" and sum(column.length for column in columns) > layout.width:
            yield Problem(Code.TOO_LARGE, f"layout/{name}", limit=f"{layout.width} characters (width)")
    if not {"number", "amount"} <= {column.field for column in layout.row}:
        yield Problem(Code.MISSING_FIELD, "layout/row", expected="a number and an amount")
    if layout.kind == "delimited" and not layout.delimiter:
        yield Problem(Code.MISSING_FIELD, "layout/delimiter")
    if not "".join((layout.delimiter, *layout.actions.values())).isascii():
        yield Problem(Code.BAD_VALUE, "layout", expected="ASCII in the delimiter and the actions")


def _column_problems(where: str, column: Column, known: frozenset[str], layout: IssueLayout) -> Iterator[Problem]:
    if bool(column.field) == bool(column.constant):
        yield Problem(Code.BAD_VALUE, where, expected="either a field or a constant")
    elif column.field and column.field not in known:
        yield Problem(Code.BAD_VALUE, where, expected=", ".join(sorted(known)), actual=column.field)
    if layout.kind == "fixed" and column.length <= 0:
        yield Problem(Code.MISSING_FIELD, f"{where}/length", expected="a length, since the width is fixed")
    if len(column.fill) != 1 or not (column.fill + column.constant).isascii():
        yield Problem(Code.BAD_VALUE, where, expected="one character to fill with, and all of it ASCII")
    if not _DATE.fullmatch(column.date):
        yield Problem(Code.BAD_VALUE, f"{where}/date", expected="such as MM/DD/YYYY", actual=column.date)
