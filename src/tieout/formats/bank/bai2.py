"""BAI2 cash reporting (BAI Cash Management Balance Reporting Specifications, version 2), and BTRS, which follows it.

File (``01`` … ``99``) of groups (``02`` … ``98``), one bank and day each, of accounts (``03`` … ``49``) with their
details (``16``). ``88`` goes on with the record before it. Amounts are integers in minor units of the currency.

* A previous-day account with opening (``010``) and closing (``015``) ledger balance becomes a
  :class:`BankStatement`; everything else that has details, :class:`EntriesNotified`.
* Every trailer is proved: the sum of all amounts written below it, the number of accounts or groups, and the number of
  records. A trailer that says nothing claims nothing.
* The direction of a detail is that of the range its type code stands in; a minus in front turns it round.
* A group that deletes what was sent before is for people to act on; one that is a test gives no records.
"""

import re
from collections.abc import Iterator
from datetime import date

from msgspec import Struct, field

from tieout.formats.bank.statements import Account, Names, Record, reference, short
from tieout.formats.codes import load
from tieout.formats.format import Head
from tieout.formats.lines import YYMMDD, lines
from tieout.formats.reading import Context, Findings, quoted
from tieout.formats.source import Source
from tieout.kernel.money import Money
from tieout.kernel.problem import Code, Problem
from tieout.kernel.text import parse_day
from tieout.model.documents import StatementEntry

NAME = "bai2"
#: No record with its continuations has more parts than this.
PARTS_MAX = 5_000

#: Which record may follow which. ``88`` may follow any.
_NEXT = {
    "": ("01",),
    "01": ("02", "99"),
    "02": ("03", "98"),
    "03": ("16", "49"),
    "16": ("16", "49"),
    "49": ("03", "98"),
    "98": ("02", "99"),
    "99": ("01",),
}
#: So many further fields come with a funds type: a value date and time, or three amounts by availability.
_FUNDS = {"": 0, "0": 0, "1": 0, "2": 0, "Z": 0, "V": 2, "S": 3}
#: The first and last type code of each range, and what it does to the account.
_DIRECTIONS = ((100, 399, 1), (400, 699, -1), (720, 723, 1), (760, 760, -1), (920, 959, 1), (960, 999, -1))
_OPENING, _CLOSING, _CREDITS, _DEBITS, _NOT_MONEY = "010", "015", "100", "400", "890"
#: Items that came back, and reversals.
_RETURNS = {"252", "255", "257", "258", "552", "555", "557", "558"}
_NACHA_REASON = re.compile(r"\bR[0-9]{2}\b")
_DELETION, _CORRECTION, _TEST = "2", "3", "4"
#: As-of-date modifiers of the previous day, final: the only ones that make a statement. Nothing said means that too.
_FINAL = ("", "2")
_AMOUNT = re.compile(r"[+-]?[0-9]{1,18}", re.ASCII)
_TYPE = re.compile(r"[0-9]{3}", re.ASCII)
_BEGINNING = re.compile(r"\s*01,[^,\r\n]*,[^,\r\n]*,[0-9]{6},[^,\r\n]*,")


class _Record(Struct):
    """A record with its continuations. ``parts``: each line without its code and end."""

    code: str
    parts: list[str]
    number: int
    lines: int = 1

    @property
    def where(self) -> str:
        """The place, as people and pages find it."""
        return f"{self.code}, line {self.number}"

    def fields(self, count: int) -> list[str]:
        """At least ``count`` fields in order, with those of the continuations."""
        found = [text.strip() for part in self.parts for text in part.split(",")]
        return found + [""] * (count - len(found))


class _Level(Struct):
    """What has been counted and summed up below a header: of records, of accounts or groups, of amounts."""

    records: int = 0
    parts: int = 0
    total: int = 0


class _Group(Struct, frozen=True):
    """``02``: one bank's report of one day. ``is_live``: it is no test."""

    originator: str
    day: date
    currency: str
    is_statement: bool
    is_live: bool


class _Summary(Struct):
    """``03``: what an account says before its details. Balances by type code, in minor units."""

    currency: str
    balances: dict[str, int] = field(default_factory=dict)


def recognises(head: Head) -> bool:
    """A file header with its date in the fourth field."""
    return _BEGINNING.match(head.text) is not None


def read_bai2(source: Source, context: Context, findings: Findings) -> Iterator[Record]:
    """Read one or more BAI2 files that stand one after the other."""
    reader = _Reader(context, findings)
    last = ""
    for record in _records(source, context, findings):
        if record.code not in _NEXT[last]:
            expected = " or ".join(_NEXT[last])
            findings.fault(Code.BAD_VALUE, record.where, expected=f"a record {expected}", actual=record.code)
            return
        last = record.code
        yield from reader.take(record)
    if last != "99" and findings.complete:
        findings.fault(Code.MISSING_FIELD, "99", expected="a file trailer (99)", detail="the file is cut off")


def _records(source: Source, context: Context, findings: Findings) -> Iterator[_Record]:
    """Records with their continuations; after a line that cannot be read there are no more."""
    record: _Record | None = None
    for line in lines(source, context.limits, encoding=""):
        if isinstance(line, Problem):
            findings.refuse(line)
            return
        text = line.text.strip()
        code, part = text[:2], text[3:].removesuffix("/")
        if code == "88" and record is not None and text[2:3] in (",", ""):
            record.lines += 1
            record.parts.append(part)
            if record.lines > PARTS_MAX:
                findings.fault(Code.TOO_LARGE, record.where, limit=f"{PARTS_MAX} lines in one record")
                return
            continue
        if record is not None:
            yield record
        if code not in _NEXT or text[2:3] != ",":
            findings.fault(Code.BAD_VALUE, line.where, expected="a BAI2 record (01, 02, 03, 16 …)", actual=text)
            return
        record = _Record(code, [part], line.number)
    if record is not None:
        yield record
    else:
        findings.fault(Code.MISSING_FIELD, "line 1", expected="a file header (01)")


class _Reader:
    """Where the reading stands: in which file, group and account, and what was counted in each."""

    def __init__(self, context: Context, findings: Findings) -> None:
        self.findings = findings
        self.names = Names(context)
        self.types = load("bai_types")
        self.told: set[str] = set()
        self.file, self.group, self.below = _Level(), _Level(), _Level()
        self.head: _Group | None = None
        self.summary = _Summary("USD")
        self.account: Account | None = None
        self.details = {1: 0, -1: 0}

    def take(self, record: _Record) -> Iterator[Record]:
        """The next record, which is allowed where it stands."""
        self.below.records += record.lines
        match record.code:
            case "01":
                self.file = _Level()
                self.below = _Level(records=record.lines)
                self._file(record)
            case "02":
                self.file.records += self.below.records - record.lines
                self.group, self.below = _Level(), _Level(records=record.lines)
                self.head = self._group(record)
            case "03":
                self.group.records += self.below.records - record.lines
                self.below = _Level(records=record.lines)
                self._account(record)
            case "16":
                yield from self._detail(record)
            case "49":
                yield from self._account_trailer(record)
            case "98":
                self._group_trailer(record)
            case _:
                self._file_trailer(record)

    # ── headers ────────────────────────────────────────────────────────────────────────────────────────────────────

    def _file(self, record: _Record) -> None:
        version = record.fields(8)[7]
        if version not in ("", "2", "3"):
            self.findings.note(Code.UNKNOWN_CODE, f"{record.where}, version", expected="2 or 3", actual=version)

    def _group(self, record: _Record) -> _Group | None:
        _, originator, status, day_text, _, currency, modifier, *_ = record.fields(7)
        day = parse_day(YYMMDD.read(day_text) or "")
        if day is None:
            self.findings.fault(Code.BAD_VALUE, record.where, expected="an as-of date (YYMMDD)", actual=day_text)
            return None
        if status == _DELETION:
            detail = "the bank deletes what it sent before; somebody must look at what it was"
            self.findings.fault(Code.UNSUPPORTED_CONTENT, record.where, actual="group status 2", detail=detail)
        elif status in (_CORRECTION, _TEST):
            detail = "a correction of what was sent before" if status == _CORRECTION else "a test: it is not taken over"
            self.findings.note(Code.UNSUPPORTED_CONTENT, record.where, actual=f"group status {status}", detail=detail)
        elif status != "1":
            self.findings.note(Code.UNKNOWN_CODE, record.where, expected="a group status 1 to 4", actual=status)
        if modifier not in ("", "1", "2", "3", "4"):
            self.findings.note(Code.UNKNOWN_CODE, record.where, expected="an as-of modifier 1 to 4", actual=modifier)
        is_live = status not in (_DELETION, _TEST)
        return _Group(short(originator), day, currency, modifier in _FINAL, is_live)

    def _account(self, record: _Record) -> None:
        """``03``: the account with its balances and summaries, and whether it opens a statement."""
        number, currency, *rest = record.fields(2)
        currency = currency or (self.head.currency if self.head else "")
        if not currency:
            currency = "USD"
            self.findings.assume("the currency of an account", "USD, as BAI2 has it", record.where)
        self.account, self.details = None, {1: 0, -1: 0}
        if not re.fullmatch(r"[A-Z]{3}", currency):
            self.findings.fault(Code.BAD_VALUE, record.where, expected="an ISO 4217 currency code", actual=currency)
            return
        if not number:
            self.findings.fault(Code.MISSING_FIELD, record.where, expected="an account number")
            return
        self.summary = self._summary(rest, currency, record)
        if self.head is not None:
            opening = self.summary.balances.get(_OPENING) if self._is_statement() else None
            money = Money(opening, currency) if opening is not None else None
            name = self.names.statement_id(self.head.originator, number, currency, self.head.day.isoformat())
            self.account = Account(name, short(number), self.names, money, self.head.day)

    def _is_statement(self) -> bool:
        balances = self.summary.balances
        return self.head is not None and self.head.is_statement and _OPENING in balances and _CLOSING in balances

    def _summary(self, rest: list[str], currency: str, record: _Record) -> _Summary:
        """Type code, amount, item count and funds type, over and over. All of them may be empty."""
        summary = _Summary(currency)
        at = 0
        while at < len(rest):
            if not rest[at]:
                at += 1
                continue
            code, amount, _, funds = (rest[at : at + 4] + [""] * 3)[:4]
            extra = _extra_fields(funds, rest[at + 4 : at + 5])
            if extra is None or not _TYPE.fullmatch(code):
                expected = "a funds type (0 1 2 S V D Z)" if extra is None else "a type code of three digits"
                actual = funds if extra is None else code
                self.findings.fault(Code.BAD_VALUE, record.where, expected=expected, actual=actual)
                break
            if amount and (minor := self._minor(amount, record)) is not None:
                self.below.total += minor
                summary.balances.setdefault(code, minor)
            self._check_type(code, record)
            at += 4 + extra
        return summary

    def _check_type(self, code: str, record: _Record) -> None:
        """Tell each unknown code once. From 900 on they are the bank's own."""
        if code not in self.types and int(code) < 900 and code not in self.told:
            self.told.add(code)
            self.findings.note(Code.UNKNOWN_CODE, record.where, expected="a BAI2 type code", actual=code)

    def _minor(self, text: str, record: _Record) -> int | None:
        if not _AMOUNT.fullmatch(text):
            expected = "an amount in minor units (digits only)"
            self.findings.fault(Code.BAD_VALUE, record.where, expected=expected, actual=text)
            return None
        return int(text)

    # ── details ────────────────────────────────────────────────────────────────────────────────────────────────────

    def _detail(self, record: _Record) -> Iterator[Record]:
        """``16``: one entry."""
        values, text = _detail_fields(record)
        if values is None:
            expected = "a funds type (0 1 2 S V D Z) with its fields"
            self.findings.fault(Code.BAD_VALUE, record.where, expected=expected, actual=quoted(record.parts[0]))
            return
        code, amount, funds, *extra, bank_reference, customer_reference = values
        minor = self._minor(amount, record) if amount else None
        self.below.total += minor or 0
        direction = self._direction(code, record)
        if not direction or self.account is None or self.head is None:
            return
        if minor is None:
            if not amount:
                self.findings.fault(Code.MISSING_FIELD, record.where, expected="an amount")
            return
        self._check_type(code, record)
        self.details[direction] += minor
        entry = StatementEntry(
            entry_id=self.account.next_entry_id,
            amount=Money(direction * minor, self.summary.currency),
            booked_on=self.head.day,
            value_on=self._value_day(funds, extra, record),
            end_to_end_id=reference(customer_reference),
            bank_reference=reference(bank_reference),
            remittance=short(text),
            return_reason=_return_reason(code, text),
            type_code=f"BAI {code}",
        )
        yield from self.account.add(entry)

    def _direction(self, code: str, record: _Record) -> int:
        """+1 for credits, -1 for debits; nothing for what moves no money, or cannot be told."""
        if code == _NOT_MONEY:
            detail = "information that is no entry"
            self.findings.note(Code.UNSUPPORTED_CONTENT, record.where, actual=f"type code {code}", detail=detail)
            return 0
        if _TYPE.fullmatch(code):
            for first, last, direction in _DIRECTIONS:
                if first <= int(code) <= last:
                    return direction
        expected = "a type code of a credit (100 to 399) or a debit (400 to 699)"
        self.findings.fault(Code.BAD_VALUE, record.where, expected=expected, actual=code)
        return 0

    def _value_day(self, funds: str, extra: list[str], record: _Record) -> date | None:
        if funds != "V" or not extra[0]:
            return None
        day = parse_day(YYMMDD.read(extra[0]) or "")
        if day is None:
            self.findings.fault(Code.BAD_VALUE, record.where, expected="a value date (YYMMDD)", actual=extra[0])
        return day

    # ── trailers ───────────────────────────────────────────────────────────────────────────────────────────────────

    def _account_trailer(self, record: _Record) -> Iterator[Record]:
        """``49``: the account's own proof, and then what there is of it."""
        total, count, *_ = record.fields(2)
        self._prove("sum of all amounts of the account", total, self.below.total, record)
        self._prove("number of records of the account", count, self.below.records, record)
        self.group.records += self.below.records
        self.group.total += self.below.total
        self.group.parts += 1
        self.below = _Level()
        account, self.account = self.account, None
        if account is None or self.head is None or not self.head.is_live:
            return
        if not self._is_statement():
            self._compare_summary(record)
            yield from account.notify()
            return
        balances = self.summary.balances
        if not account.count and balances[_OPENING] != balances[_CLOSING]:
            detail = "balances without the entries between them prove nothing; they are not taken over"
            self.findings.note(Code.UNSUPPORTED_CONTENT, record.where, actual="a summary report", detail=detail)
            return
        closing = Money(balances[_CLOSING], self.summary.currency)
        yield from account.close(closing, self.head.day, record.where, self.findings)

    def _compare_summary(self, record: _Record) -> None:
        """Total credits (100) and debits (400) of an account whose details need not be all there are."""
        for code, direction in ((_CREDITS, 1), (_DEBITS, -1)):
            declared = self.summary.balances.get(code)
            if declared is not None and self.details[direction] not in (0, declared):
                self.findings.note(
                    Code.TOTALS_DISAGREE,
                    record.where,
                    expected=str(Money(declared, self.summary.currency)),
                    actual=str(Money(self.details[direction], self.summary.currency)),
                    detail=f"the details listed are not the total that type code {code} names",
                )

    def _group_trailer(self, record: _Record) -> None:
        """``98``: the sum of its accounts."""
        total, parts, count, *_ = record.fields(3)
        records = self.group.records + self.below.records
        self._prove("sum of all accounts of the group", total, self.group.total, record)
        self._prove("number of accounts of the group", parts, self.group.parts, record)
        self._prove("number of records of the group", count, records, record)
        self.file.records += records
        self.file.total += self.group.total
        self.file.parts += 1
        self.below = _Level()

    def _file_trailer(self, record: _Record) -> None:
        """``99``: the sum of its groups."""
        total, parts, count, *_ = record.fields(3)
        self._prove("sum of all groups of the file", total, self.file.total, record)
        self._prove("number of groups of the file", parts, self.file.parts, record)
        self._prove("number of records of the file", count, self.file.records + self.below.records, record)

    def _prove(self, name: str, declared: str, computed: int, record: _Record) -> None:
        if not declared:
            self.findings.note(Code.MISSING_FIELD, record.where, expected=name, detail="this cannot be proved")
            return
        holds = _AMOUNT.fullmatch(declared) is not None and int(declared) == computed
        self.findings.claim(name, record.where, declared, str(computed), holds)


def _extra_fields(funds: str, following: list[str]) -> int | None:
    """How many fields follow a funds type; for ``D`` the next one says how many pairs of days and amounts."""
    if funds != "D":
        return _FUNDS.get(funds)
    pairs = following[0] if following else ""
    return 1 + 2 * int(pairs) if re.fullmatch(r"[0-9]{1,3}", pairs, re.ASCII) else None


def _detail_fields(record: _Record) -> tuple[list[str] | None, str]:
    """The fields of a detail up to its customer reference, and its text.

    The text runs to the end of the record, with all commas and slashes in it, and goes on in continuations.
    """
    values: list[str] = []
    text: list[str] = []
    wanted = 5
    for part in record.parts:
        if len(values) >= wanted:
            text.append(part)
            continue
        values += part.split(",")
        if len(values) == 3 and values[2].strip() == "D":
            wanted = 6
        elif len(values) >= 3:
            extra = _extra_fields(values[2].strip(), values[3:4])
            if extra is None:
                return None, ""
            wanted = 5 + extra
        if len(values) > wanted:
            text.append(",".join(values[wanted:]))
            del values[wanted:]
    values += [""] * (wanted - len(values))
    return [value.strip() for value in values], " ".join(text)


def _return_reason(code: str, text: str) -> str:
    """Why an item came back: the reason of the ACH rules where the text has one, else the type code."""
    if code not in _RETURNS:
        return ""
    found = _NACHA_REASON.search(text)
    return found[0] if found else f"BAI {code}"
