"""Journal entries as a table: one row for each side, read and written in constant memory.

The rows of one entry lie together. What belongs to the whole entry stands in each of its rows and is the same in all
of them. An amount stands in ``debit`` or ``credit``, or signed in ``amount`` (a debit is positive). Each entry sums to
zero in each of its currencies, and so does the file. A bad row takes its entry with it, never another one. The only
thing that grows with the file is the list of the entries' ids, so that none of them comes twice.
"""

import codecs
import csv
import io
from collections.abc import Iterable, Iterator
from itertools import groupby

from tieout.formats import fields
from tieout.formats.format import Format, Head
from tieout.formats.reading import COMMA, Context, CsvShape, Findings
from tieout.formats.source import Source, beginning
from tieout.formats.tables import cells
from tieout.formats.tables.contract import Column, Contract, Row, Told, check_header
from tieout.formats.tables.csv_table import header_of
from tieout.formats.unwritable import unfit
from tieout.formats.written import Written
from tieout.kernel.money import Money
from tieout.kernel.problem import Code, Problem
from tieout.model.documents import JournalEntry, JournalLine
from tieout.model.identity import normal_tax_id

_BOMS = ((codecs.BOM_UTF8, "utf-8"), (codecs.BOM_UTF16_LE, "utf-16-le"), (codecs.BOM_UTF16_BE, "utf-16-be"))
#: No line of a table is longer than this.
_LINE_MAX = 2**20
_MARK_MAX = 4


# ── an entry ───────────────────────────────────────────────────────────────────────────────────────────────────────


def _entry(rows: list[Row], told: Told, findings: Findings) -> JournalEntry | None:
    """One entry out of its rows."""
    first = rows[0]
    lines = [_line(row, told, findings) for row in rows]
    read = [line for line in lines if line is not None]
    text = cells.optional(first, "journal_text", findings)
    entry = JournalEntry(
        journal_id=cells.text(first, "journal_id", findings),
        entity=_entity(first, told, findings),
        posted_on=cells.day(first, "posted_on", findings),
        text=text or ("" if "journal_text" in first.cells else next((line.text for line in read if line.text), "")),
        lines=tuple(read),
        reverses=cells.optional(first, "reverses", findings),
    )
    return entry if findings.complete else None


def _entity(row: Row, told: Told, findings: Findings) -> str:
    """Our own name for the entity, or its tax registration."""
    said = cells.text(row, "entity", findings)
    return told.entities.get(normal_tax_id(said), said)


def _line(row: Row, told: Told, findings: Findings) -> JournalLine | None:
    """One row: a debit, a credit, or a signed amount."""
    currency = cells.currency(row, findings)
    said = [name for name in ("debit", "credit", "amount") if row.text(name)]
    read = {name: cells.money(row, name, currency, told.shape, findings) for name in said} if findings.complete else {}
    if not said:
        findings.fault(Code.MISSING_FIELD, row.where("debit, credit or amount"))
    amounts = {name: money for name, money in read.items() if money is not None}
    if len(said) > 1 and sum(1 for money in amounts.values() if money) > 1:
        actual = ", ".join(said)
        findings.fault(Code.BAD_VALUE, row.where("debit"), expected="one of debit, credit and amount", actual=actual)
    if not amounts or not findings.complete:
        return None
    name, money = max(amounts.items(), key=lambda each: bool(each[1]))
    return JournalLine(
        account=cells.text(row, "account", findings),
        amount=-money if name == "credit" else money,
        text=cells.optional(row, "text", findings),
        cost_centre=cells.optional(row, "cost_centre", findings),
        tax_code=cells.optional(row, "tax_code", findings),
    )


JOURNALS = Contract(
    "csv-journals",
    "Journal entries as a table",
    "ledgers",
    ("journal_id",),
    (
        Column("journal_id"),
        Column("entity"),
        Column("posted_on"),
        Column("journal_text", is_required=False),
        Column("reverses", is_required=False),
        Column("account", is_line=True),
        Column("debit", is_line=True, is_required=False),
        Column("credit", is_line=True, is_required=False),
        Column("amount", is_line=True, is_required=False),
        Column("currency", is_line=True),
        Column("text", is_line=True, is_required=False),
        Column("cost_centre", is_line=True, is_required=False),
        Column("tax_code", is_line=True, is_required=False),
    ),
    _entry,
    (("debit", "amount"), ("credit", "amount")),
)
_KNOWN = frozenset(JOURNALS.names)


# ── the table ──────────────────────────────────────────────────────────────────────────────────────────────────────


def read_journals(source: Source, context: Context, findings: Findings) -> Iterator[JournalEntry]:
    """Read journal entries, one after the other."""
    entities = {normal_tax_id(key): entity for key, entity in context.entities_by_tax_id.items()}
    told = Told(context.csv, entities, source.mark)
    proof, seen = _Proof(), set[str]()
    for journal_id, rows in groupby(_rows(source, context, findings), lambda row: row.text("journal_id")):
        group = list(rows)
        proof.rows += len(group)
        own = Findings()
        if journal_id in seen:
            detail = "rows of this entry came before; the rows of one entry must lie together"
            own.fault(Code.BAD_VALUE, group[0].where("journal_id"), actual=journal_id, detail=detail)
        seen.add(journal_id)
        _check_heads(group, own)
        is_whole = own.complete and all(row.is_whole for row in group)
        entry = _entry(group, told, own) if is_whole else None
        if entry is not None:
            proof.add(entry, group[0].where("journal_id"), own)
        findings.adopt(own)
        if entry is not None:
            yield entry
    if not proof.rows and findings.complete:
        # A file that was cut off after its header looks just like this.
        findings.fault(Code.MISSING_FIELD, "row 2", expected="at least one row below the header")
    proof.tell(findings)


def _check_heads(group: list[Row], findings: Findings) -> None:
    """What belongs to the whole entry is the same in all of its rows."""
    first = group[0]
    for row in group[1:]:
        for name in JOURNALS.head:
            if row.text(name) != first.text(name):
                expected = f"{first.text(name)} as in row {first.number}"
                findings.fault(Code.BAD_VALUE, row.where(name), expected=expected, actual=row.text(name))


class _Proof:
    """The sums of the file as they grow."""

    def __init__(self) -> None:
        self.rows = self.lines = 0
        self._sides: dict[str, tuple[int, int]] = {}

    def add(self, entry: JournalEntry, where: str, findings: Findings) -> None:
        """Take an entry, which must sum to zero in each currency."""
        self.lines += len(entry.lines)
        sums: dict[str, int] = {}
        for line in entry.lines:
            minor, currency = line.amount.minor, line.amount.currency
            sums[currency] = sums.get(currency, 0) + minor
            debit, credit = self._sides.get(currency, (0, 0))
            self._sides[currency] = (debit + max(minor, 0), credit - min(minor, 0))
        for currency, minor in sums.items():
            zero = str(Money.zero(currency))
            name = f"the lines of an entry sum to zero in {currency}"
            findings.claim(name, where, zero, str(Money(minor, currency)), minor == 0)

    def tell(self, findings: Findings) -> None:
        """The claims of the whole file."""
        for currency, (debit, credit) in sorted(self._sides.items()):
            name, sides = (
                f"debits = credits of the file in {currency}",
                (Money(debit, currency), Money(credit, currency)),
            )
            findings.claim(name, "table", str(sides[0]), str(sides[1]), debit == credit)
        if self.rows:
            holds = self.rows == self.lines
            findings.claim("rows of the table = lines of the entries", "table", str(self.rows), str(self.lines), holds)


# ── rows ───────────────────────────────────────────────────────────────────────────────────────────────────────────


def _rows(source: Source, context: Context, findings: Findings) -> Iterator[Row]:
    """The rows below the header. A row that cannot be read is told and stands for itself, with what it has."""
    lines = _lines(source, context.csv, findings)
    try:
        delimiter, columns, header_row = header_of(lines, context.csv, _KNOWN)
    except (csv.Error, TypeError) as error:
        findings.fault(Code.UNREADABLE, "row 1", detail=str(error))
        return
    if not findings.complete or not check_header(columns, JOURNALS, f"row {header_row}", findings):
        return
    reader = csv.reader(lines, delimiter=delimiter, strict=True)
    budget = context.limits.elements_max
    try:
        for row in reader:
            number = header_row + reader.line_num
            budget -= len(columns)
            if budget < 0:
                findings.fault(Code.TOO_LARGE, f"row {number}", limit=f"{context.limits.elements_max} cells")
                return
            if any(cell.strip() for cell in row):
                yield _row(number, row, columns, findings)
    except csv.Error as error:
        findings.fault(Code.UNREADABLE, f"row {header_row + reader.line_num}", detail=str(error))


def _row(number: int, row: list[str], columns: tuple[str, ...], findings: Findings) -> Row:
    if len(row) != len(columns):
        expected, actual = f"{len(columns)} cells", f"{len(row)} cells"
        findings.fault(Code.BAD_VALUE, f"row {number}", expected=expected, actual=actual)
    named = {name: cell.strip() for name, cell in zip(columns, row, strict=False) if name}
    return Row(number, named, len(row) == len(columns))


def _lines(source: Source, shape: CsvShape, findings: Findings) -> Iterator[str]:
    """The text in lines with their ends; a byte order mark says more than a declaration."""
    head = beginning(source, _MARK_MAX)
    encoding = next((name for mark, name in _BOMS if head.startswith(mark)), shape.encoding)
    rest, at = "", 0
    try:
        decoder = codecs.getincrementaldecoder(encoding)("strict")
        for chunk in source.chunks():
            rest += decoder.decode(chunk).removeprefix("" if at else "\ufeff")
            at += len(chunk)
            if "\0" in rest or len(rest) > _LINE_MAX + len(chunk):
                detail = "a NUL, or a line without an end, before this place"
                findings.fault(Code.UNREADABLE, f"byte {at}", detail=detail)
                return
            whole = rest.rfind("\n") + 1
            yield from io.StringIO(rest[:whole], newline="")
            rest = rest[whole:]
        yield from io.StringIO(rest + decoder.decode(b"", final=True), newline="")
    except LookupError:
        findings.fault(Code.UNREADABLE, "encoding", actual=shape.encoding, detail="no such encoding")
    except UnicodeDecodeError as error:
        findings.fault(Code.UNREADABLE, f"byte {at + error.start}", detail=f"the bytes are not {encoding}")


# ── writing ────────────────────────────────────────────────────────────────────────────────────────────────────────

_WRITTEN = tuple(name for name in JOURNALS.names if name != "amount")


def write_journals(entries: Iterable[JournalEntry], shape: CsvShape = COMMA) -> Written:
    """The table that is read back as the same entries; problems for what would not be."""
    pieces: list[bytes] = []
    for piece in journal_pieces(entries, shape):
        if isinstance(piece, Problem):
            return Written(problems=(piece,))
        pieces.append(piece)
    return Written(b"".join(pieces))


def journal_pieces(entries: Iterable[JournalEntry], shape: CsvShape = COMMA) -> Iterator[bytes | Problem]:
    """The same piece by piece, for any number of entries; a problem ends it, and what came before is of no use."""
    yield ((shape.delimiter or ",").join(_WRITTEN) + "\r\n").encode(shape.encoding)
    seen: set[str] = set()
    for entry in entries:
        problem = _obstacle(entry, seen)
        seen.add(entry.journal_id)
        out = io.StringIO(newline="")
        csv.writer(out, delimiter=shape.delimiter or ",", lineterminator="\r\n").writerows(_cells(entry, shape))
        try:
            piece = out.getvalue().encode(shape.encoding)
        except UnicodeEncodeError as error:
            problem = Problem(
                Code.BAD_VALUE, entry.journal_id, expected=shape.encoding, actual=ascii(error.object)[:80]
            )
        if problem:
            yield problem
            return
        yield piece


def _obstacle(entry: JournalEntry, seen: set[str]) -> Problem | None:
    """Why an entry would not be read back as it is."""
    where = f"entry {entry.journal_id}"
    must = [("journal_id", entry.journal_id), ("entity", entry.entity)]
    may = [("text", entry.text), ("reverses", entry.reverses)]
    for number, line in enumerate(entry.lines, 1):
        must.append((f"line {number}, account", line.account))
        may += [(f"line {number}, {name}", getattr(line, name)) for name in ("text", "cost_centre", "tax_code")]
    for texts, is_required in ((must, True), (may, False)):
        for name, text in texts:
            if problem := unfit(text, f"{where}, {name}", is_required=is_required):
                return problem
    if entry.journal_id in seen:
        return Problem(Code.BAD_VALUE, where, actual=entry.journal_id, detail="the entry is there twice")
    if not entry.lines:
        return Problem(Code.MISSING_FIELD, where, expected="at least one line")
    if any(abs(line.amount.minor) > fields.MINOR_MAX for line in entry.lines):
        return Problem(Code.BAD_VALUE, where, limit=str(Money(fields.MINOR_MAX, entry.lines[0].amount.currency)))
    return None


def _cells(entry: JournalEntry, shape: CsvShape) -> Iterator[list[str]]:
    head = [entry.journal_id, entry.entity, entry.posted_on.isoformat(), entry.text, entry.reverses]
    for line in entry.lines:
        amount = f"{abs(line.amount).amount:f}".replace(".", shape.decimal)
        sides = ["", amount] if line.amount.minor < 0 else [amount, ""]
        yield [*head, line.account, *sides, line.amount.currency, line.text, line.cost_centre, line.tax_code]


# ── recognising ────────────────────────────────────────────────────────────────────────────────────────────────────


def _is(head: Head) -> bool:
    if head.is_xml or not head.lines:
        return False
    try:
        columns = header_of(head.lines, CsvShape(), _KNOWN)[1]
    except (csv.Error, TypeError):
        return False
    return {"journal_id", "account"} <= set(columns)


FORMATS = (Format(JOURNALS.format, JOURNALS.title, "text/csv", JOURNALS.family, read_journals, _is),)
