"""French lists of operations, CFONB 240 (*relevé d'opérations*), records of 240 characters.

A list opens with ``31`` (our account), has one ``34`` for each operation, and ends with ``39`` and their sum. It tells
what single payments an entry of the account statement stands for: :class:`EntriesNotified`. Which way the money went
follows from the operation code alone; a list with a code that we do not know is refused.

Proved: the records of a list are numbered without a gap, and its operations sum to its total.
"""

from collections.abc import Iterator

from msgspec import Struct

from tieout.formats.bank.cfonb120 import french_account
from tieout.formats.bank.statements import Account, Names, Record, implied, reference, short
from tieout.formats.format import Head
from tieout.formats.lines import AMOUNT, DDMMYY, Field, Layout, Line, lines
from tieout.formats.reading import Context, Findings
from tieout.formats.source import Source
from tieout.kernel.problem import Code, Problem
from tieout.kernel.text import parse_day
from tieout.model.documents import StatementEntry

NAME = "cfonb240"
WIDTH = 240

_HEAD = (
    Field("number", 3, 6, AMOUNT),
    Field("operation", 9, 2),
    Field("day", 11, 6, DDMMYY),
    Field("currency", 17, 1),
    Field("bank", 22, 5),
    Field("branch", 27, 5),
    Field("account", 32, 11),
    Field("name", 43, 24),
)
OPENING = Layout("31", "31", _HEAD, WIDTH)
OPERATION = Layout(
    "34",
    "34",
    (
        *_HEAD,
        Field("issuer", 67, 6),
        Field("own_bank", 78, 5),
        Field("own_branch", 83, 5),
        Field("own_account", 88, 11),
        Field("own_name", 99, 24),
        Field("reference", 123, 6),
        Field("text", 129, 88),
        Field("first_settled_on", 217, 6, DDMMYY),
        Field("first_reference", 223, 6),
        Field("amount", 229, 12, AMOUNT),
    ),
    WIDTH,
)
CLOSING = Layout("39", "39", (*_HEAD, Field("amount", 229, 12, AMOUNT)), WIDTH)
LAYOUTS = {layout.code: layout for layout in (OPENING, OPERATION, CLOSING)}
"""Every kind of record, by its code."""

#: Which record may follow which.
_NEXT = {"": ("31",), "31": ("34", "39"), "34": ("34", "39"), "39": ("31",)}
#: What an operation does to our account: 20 is a transfer received.
_DIRECTIONS = {"20": 1}
_CURRENCIES = {"E": "EUR", "": "EUR"}
_DECIMALS = 2


class _List(Struct):
    """A list between its ``31`` and its ``39``."""

    account: Account
    number: int
    sum: int = 0


def recognises(head: Head) -> bool:
    """A header record of 240 characters, numbered, with a day and a currency where they belong."""
    first = head.text.lstrip("\r\n")[:WIDTH]
    fits = first[:2] == "31" and first[2:8].isdigit() and first[10:16].isdigit() and first[16:17] in "EF "
    return fits and len(first.rstrip("\r\n")) >= 98 and first[17:21].isspace() and first[21:31].isdigit()


def read_cfonb240(source: Source, context: Context, findings: Findings) -> Iterator[Record]:
    """Read a CFONB 240 file with all its lists."""
    reader = _Reader(context, findings)
    last = ""
    for line in lines(source, context.limits, encoding="", width=WIDTH):
        if isinstance(line, Problem):
            findings.refuse(line)
            return
        code = line.text[:2]
        if code not in _NEXT[last]:
            expected = f"a record {' or '.join(_NEXT[last])}"
            findings.fault(Code.BAD_VALUE, line.where, expected=expected, actual=line.text[:20])
            return
        last = code
        yield from reader.take(code, line)
    if last != "39" and findings.complete:
        findings.fault(Code.MISSING_FIELD, "39", expected="a total (39)", detail="the file is cut off")


class _Reader:
    """Where the reading stands: in which list."""

    def __init__(self, context: Context, findings: Findings) -> None:
        self.findings = findings
        self.names = Names(context)
        self.open: _List | None = None

    def take(self, code: str, line: Line) -> Iterator[Record]:
        """The next record, which is allowed where it stands."""
        layout = LAYOUTS[code]
        values = layout.read(line, self.findings)
        if code == "31":
            self._begin(values, line)
            return
        if self.open is None:
            return
        self.open.number += 1
        if values["number"] != str(self.open.number):
            place, expected = layout.place(line, "number"), f"record {self.open.number} of the list"
            self.findings.fault(Code.BAD_VALUE, place, expected=expected, actual=values["number"])
        if code == "34":
            yield from self._operation(values, line)
        else:
            yield from self._end(values, line)

    def _begin(self, values: dict[str, str], line: Line) -> None:
        """``31``: the account and the kind of operation."""
        self.open = None
        day = parse_day(values["day"])
        if values["operation"] not in _DIRECTIONS:
            detail = "which way the money went cannot be told"
            place, known = OPENING.place(line, "operation"), "20 (transfers received)"
            self.findings.fault(Code.UNKNOWN_CODE, place, expected=known, actual=values["operation"], detail=detail)
            return
        if day is None:
            self.findings.fault(Code.MISSING_FIELD, OPENING.place(line, "day"), expected="the day of the list")
            return
        number = french_account(values["bank"], values["branch"], values["account"])
        name = self.names.statement_id(number, values["operation"], day.isoformat())
        self.open = _List(Account(name, number, self.names, None, day), int(values["number"] or 0))

    def _operation(self, values: dict[str, str], line: Line) -> Iterator[Record]:
        """``34``: one operation. The other side stands first, our account second."""
        assert self.open is not None
        booked_on, place = parse_day(values["day"]), OPERATION.place(line, "amount")
        currency = _CURRENCIES.get(values["currency"], "")
        if booked_on is None or not values["amount"] or not currency:
            expected = "a day, an amount and the currency E (euro)"
            self.findings.fault(Code.MISSING_FIELD, place, expected=expected)
            return
        self.open.sum += int(values["amount"])
        direction = _DIRECTIONS.get(values["operation"], 0)
        if not direction:
            where = OPERATION.place(line, "operation")
            self.findings.fault(Code.UNKNOWN_CODE, where, actual=values["operation"])
            return
        amount = implied(direction * int(values["amount"]), _DECIMALS, currency, place, self.findings)
        if amount is None:
            return
        yield from self.open.account.add(
            StatementEntry(
                entry_id=self.open.account.next_entry_id,
                amount=amount,
                booked_on=booked_on,
                value_on=parse_day(values["first_settled_on"]),
                bank_reference=reference(values["reference"]) or reference(values["first_reference"]),
                counterparty=short(values["name"]),
                counterparty_iban=french_account(values["bank"], values["branch"], values["account"]),
                remittance=short(values["text"]),
                type_code=f"CFONB {values['operation']}",
            )
        )

    def _end(self, values: dict[str, str], line: Line) -> Iterator[Record]:
        """``39``: the sum."""
        assert self.open is not None
        ended, self.open = self.open, None
        place, total = CLOSING.place(line, "amount"), str(ended.sum)
        self.findings.claim("sum of the operations", place, values["amount"], total, values["amount"] == total)
        yield from ended.account.notify()
