"""Workbooks (Office Open XML, ``.xlsx``) as rows: through our own ZIP limits and our own door for XML.

A cell is text here, exactly as a spreadsheet shows it. Numbers are stored in binary, so ``0.1 + 0.2`` stands in the
file as ``0.30000000000000004``; a spreadsheet shows 15 significant digits, and these are what people have seen and
approved (ECMA-376 part 1, 18.3.1.96 and 18.18.11). Days are numbers with the format of a day. A formula counts with the
result that was saved; one without is refused, because computing it is not our business.
"""

import re
from collections.abc import Iterator
from datetime import date, datetime, timedelta
from decimal import ROUND_HALF_EVEN, Decimal
from decimal import Context as DecimalContext

from msgspec import Struct

from tieout.formats.containers.contents import Budget, within
from tieout.formats.containers.deflated import Unpacked
from tieout.formats.containers.zip_file import directory, member_of
from tieout.formats.reading import Context, Findings, Limits
from tieout.formats.source import Source
from tieout.formats.xml import Element, child, children, pieces, stream, tree
from tieout.kernel.problem import Code, Problem

#: The widest sheet there is (column XFD).
COLUMNS_MAX = 16_384
#: What one part of the file may unpack to; a sheet of a million cells stays below.
PART_MAX = 128 * 2**20
_SHOWN = DecimalContext(prec=15, rounding=ROUND_HALF_EVEN)
_DIGITS_SHOWN = 15
_NUMBER = re.compile(r"[+-]?[0-9]+(?:\.[0-9]+)?(?:[eE][+-]?[0-9]{1,3})?", re.ASCII)
_REFERENCE = re.compile(r"([A-Z]{1,3})([0-9]{1,7})", re.ASCII)
#: Built-in number formats that show a day or a time (18.8.30); those from 27 to 58 do in East Asian editions.
_DAY_FORMATS = {*range(14, 23), *range(27, 37), *range(45, 48), *range(50, 59)}
#: Parts of a number format that are shown as they are, so their letters mean nothing.
_LITERAL = re.compile(r"\"[^\"]*\"|\\.|_.|\*.|\[[^\]]*\]")
_DAY_LETTERS = re.compile(r"[ymdhs]", re.IGNORECASE)
#: The day before day 1, from March 1900 on: spreadsheets believe in a 29 February 1900, which is day 60.
_EPOCH, _LEAP_DAY = date(1899, 12, 30), 60
_EPOCH_1904 = date(1904, 1, 1)
_SECONDS = 24 * 60 * 60
_MAIN, _SHARED, _STYLES = "xl/workbook.xml", "xl/sharedStrings.xml", "xl/styles.xml"
_IDENTIFIER = "{http://schemas.openxmlformats.org/officeDocument/2006/relationships}id"
_IDENTIFIER_STRICT = "{http://purl.oclc.org/ooxml/officeDocument/relationships}id"
_TRUE = {"1", "true"}


class Sheet(Struct, frozen=True):
    """One visible sheet, with the part of the file that holds it."""

    name: str
    part: str


class Cells(Struct, frozen=True):
    """One row of a sheet: its number, and the texts of its cells by column (from 0). ``wrong`` are cells that cannot be
    read, which matters only in a column that is asked for."""

    number: int
    texts: dict[int, str]
    wrong: dict[int, Problem]
    is_hidden: bool = False


class Workbook:
    """An open workbook. ``decimal`` is the sign that numbers are to be written with."""

    def __init__(self, parts: dict[str, Unpacked], decimal: str, limits: Limits) -> None:
        self._parts = parts
        self._decimal = decimal
        self._limits = limits
        self._shared: list[str] = []
        self._is_day: list[bool] = []
        self._is_1904 = False
        self.sheets: tuple[Sheet, ...] = ()

    def load(self, findings: Findings) -> bool:
        """Read what the sheets refer to: their names, the shared texts, and the formats of numbers."""
        main = self._tree(_MAIN, findings)
        links = self._tree("xl/_rels/workbook.xml.rels", findings)
        if main is None or links is None:
            return False
        properties = child(main, "workbookPr")
        self._is_1904 = properties is not None and properties.get("date1904", "") in _TRUE
        targets = {link.get("Id", ""): link.get("Target", "") for link in children(links, "Relationship")}
        self.sheets = tuple(self._visible(main, targets, findings))
        self._load_styles(findings)
        self._load_shared(findings)
        return findings.complete

    def _tree(self, name: str, findings: Findings) -> Element | None:
        part = self._parts.get(name.lower())
        if part is None:
            findings.fault(Code.UNREADABLE, name, detail="this is no workbook: the part is missing")
            return None
        root = tree(part, self._limits)
        if isinstance(root, Problem):
            findings.refuse(within(root, name))
            return None
        return root

    def _visible(self, main: Element, targets: dict[str, str], findings: Findings) -> Iterator[Sheet]:
        for sheet in children(child(main, "sheets"), "sheet"):
            name = sheet.get("name", "")
            if sheet.get("state", "visible") != "visible":
                findings.note(Code.UNSUPPORTED_CONTENT, f"sheet {name}", detail="a hidden sheet is not read")
                continue
            target = targets.get(sheet.get(_IDENTIFIER) or sheet.get(_IDENTIFIER_STRICT) or "", "")
            yield Sheet(name, target.lstrip("/") if target.startswith("/") else f"xl/{target}")

    def _load_styles(self, findings: Findings) -> None:
        """Which cell formats show a day (18.8.10, 18.8.30)."""
        if _STYLES.lower() not in self._parts:
            return
        root = self._tree(_STYLES, findings)
        own = {
            found.get("numFmtId", ""): _shows_day(found.get("formatCode", ""))
            for found in children(child(root, "numFmts"), "numFmt")
        }
        for found in children(child(root, "cellXfs"), "xf"):
            number = found.get("numFmtId", "0")
            self._is_day.append(own.get(number, number.isdigit() and int(number) in _DAY_FORMATS))

    def _load_shared(self, findings: Findings) -> None:
        """The texts that cells refer to by number (18.4.9)."""
        part = self._parts.get(_SHARED.lower())
        if part is None:
            return
        for found in stream(part, ("si",), self._limits):
            if isinstance(found, Problem):
                findings.refuse(within(found, _SHARED))
                return
            self._shared.append(_rich_text(found))

    def rows(self, sheet: Sheet, findings: Findings) -> Iterator[Cells]:
        """The rows of a sheet that hold anything."""
        part = self._parts.get(sheet.part.lower())
        if part is None:
            findings.fault(Code.UNREADABLE, f"sheet {sheet.name}", detail="the sheet is missing in the file")
            return
        number = 0
        for row in stream(part, ("row",), self._limits):
            if isinstance(row, Problem):
                findings.refuse(within(row, f"sheet {sheet.name}"))
                return
            text = row.get("r", "")
            number = int(text) if text.isascii() and text.isdigit() and len(text) <= 7 else number + 1
            cells = self._cells(row, sheet, number)
            if cells.texts or cells.wrong:
                yield cells

    def _cells(self, row: Element, sheet: Sheet, number: int) -> Cells:
        texts: dict[int, str] = {}
        wrong: dict[int, Problem] = {}
        column = -1
        for cell in children(row, "c"):
            column = _column(cell.get("r", ""), column + 1)
            found = self._text(cell)
            if isinstance(found, Problem):
                where = f"sheet {sheet.name}, row {number}, cell {cell.get('r', '') or column + 1}"
                wrong[column] = Problem(found.code, where, found.expected, found.actual, detail=found.detail)
            elif found.strip():
                texts[column] = found.strip()
        return Cells(number, texts, wrong, row.get("hidden", "") in _TRUE)

    def _text(self, cell: Element) -> str | Problem:
        """What a cell shows (18.3.1.4): by its type a text, a shared text, yes or no, an error, a day or a number."""
        kind = cell.get("t", "n")
        parts = {str(part.tag).rpartition("}")[2]: part for part in cell}
        if kind == "inlineStr":
            return _rich_text(parts["is"]) if "is" in parts else ""
        text = (parts["v"].text or "").strip() if "v" in parts else ""
        if not text and kind != "str":
            detail = "a formula whose result was not saved; open and save the workbook in a spreadsheet"
            return Problem(Code.MISSING_FIELD, detail=detail) if "f" in parts else ""
        match kind:
            case "s":
                return self._shared_text(text)
            case "b":
                return "true" if text in _TRUE else "false"
            case "e":
                return Problem(Code.BAD_VALUE, expected="a value", actual=text, detail="the cell shows an error")
            case "n":
                return self._number(text, self._is_day_style(cell.get("s", "0")))
            case _:
                return text

    def _is_day_style(self, style: str) -> bool:
        index = int(style) if style.isascii() and style.isdigit() and len(style) < 6 else 0
        return index < len(self._is_day) and self._is_day[index]

    def _shared_text(self, number: str) -> str | Problem:
        if number.isascii() and number.isdigit() and len(number) < 10 and int(number) < len(self._shared):
            return self._shared[int(number)]
        return Problem(Code.UNREADABLE, actual=number, detail="no such shared text in the workbook")

    def _number(self, text: str, is_day: bool) -> str | Problem:
        """A number as it is shown, or the day that it stands for."""
        value = Decimal(text) if _NUMBER.fullmatch(text) and len(text) <= 40 else None
        if value is None or abs(value.adjusted()) > 28:
            return Problem(Code.BAD_VALUE, expected="a number", actual=text)
        shown = _SHOWN.plus(value)
        if is_day:
            return _day(shown, self._is_1904)
        if shown == shown.to_integral_value() and shown.adjusted() >= _DIGITS_SHOWN:
            detail = "a spreadsheet keeps 15 digits of a number; a longer identifier must be stored as text"
            return Problem(Code.BAD_VALUE, expected="at most 15 digits", actual=text, detail=detail)
        plain = f"{shown:f}"
        plain = plain.rstrip("0").rstrip(".") if "." in plain else plain
        return plain.replace(".", self._decimal)


def open_workbook(source: Source, context: Context, findings: Findings) -> Workbook | None:
    """Open a workbook, if it is a sound archive with sound XML in it."""
    members = directory(source.whole())
    if isinstance(members, Problem):
        findings.refuse(members)
        return None
    budget = Budget(context.limits)
    body = source.whole()
    parts: dict[str, Unpacked] = {}
    for member in members:
        if member.is_folder:
            continue
        part = member_of(body, member, budget)
        problem = part if isinstance(part, Problem) else _unsound(member.name, part, context.limits)
        if problem is not None or isinstance(part, Problem):
            assert problem is not None
            findings.refuse(problem)
            return None
        parts[member.name.lower()] = part
        if member.name.lower().endswith("vbaproject.bin"):
            findings.note(Code.UNSUPPORTED_CONTENT, member.where, detail="the workbook has macros; they are not run")
    workbook = Workbook(parts, context.csv.decimal, context.limits)
    return workbook if workbook.load(findings) else None


def _unsound(name: str, part: Unpacked, limits: Limits) -> Problem | None:
    """What is wrong with a part: too large, or XML with a DOCTYPE, wherever in the workbook it stands."""
    if part.size > PART_MAX:
        return Problem(Code.TOO_LARGE, name, actual=f"{part.size} bytes", limit=f"{PART_MAX} bytes")
    if not name.lower().endswith((".xml", ".rels", ".vml")):
        return None
    problem = next((piece for piece in pieces(part, limits) if isinstance(piece, Problem)), None)
    return within(problem, name) if problem is not None else None


def _rich_text(element: Element) -> str:
    """A text, whole or in runs of different looks; readings for East Asian names (``rPh``) are not part of it."""
    texts: list[str] = []
    for part in element:
        name = str(part.tag).rpartition("}")[2]
        if name == "t":
            texts.append(part.text or "")
        elif name == "r":
            texts += [text.text or "" for text in children(part, "t")]
    return "".join(texts)


def _shows_day(code: str) -> bool:
    """Whether a number format shows a day or a time: it has a letter for one outside quotes, escapes and brackets."""
    first = code.partition(";")[0]
    return bool(_DAY_LETTERS.search(_LITERAL.sub("", first))) and "general" not in first.lower()


def _column(reference: str, following: int) -> int:
    """The column of a cell reference such as ``AB12``, from 0."""
    found = _REFERENCE.fullmatch(reference)
    if not found:
        return following
    number = 0
    for letter in found[1]:
        number = number * 26 + ord(letter) - 64
    return min(number, COLUMNS_MAX) - 1


def _day(serial: Decimal, is_1904: bool) -> str | Problem:
    """The day, and the time if there is one, that a serial number stands for."""
    whole = int(serial)
    if serial < 1 or whole > 2_958_465 or (whole == _LEAP_DAY and not is_1904):
        return Problem(Code.BAD_VALUE, expected="a day", actual=str(serial), detail="no such day in a calendar")
    before_march = whole < _LEAP_DAY and not is_1904
    start = (_EPOCH_1904 if is_1904 else _EPOCH) + timedelta(days=1 if before_march else 0)
    seconds = int(((serial - whole) * _SECONDS).to_integral_value())
    if not seconds:
        return (start + timedelta(days=whole)).isoformat()
    moment = datetime(start.year, start.month, start.day) + timedelta(days=whole, seconds=seconds)
    return moment.isoformat()
