"""Single cells of a table, each through the strict parser."""

from datetime import date
from decimal import Decimal

from tieout.formats import fields
from tieout.formats.exchange_rate import NONE, Conversion
from tieout.formats.reading import CsvShape, Findings
from tieout.formats.tables.contract import Row
from tieout.kernel.money import Money, is_currency
from tieout.kernel.problem import Code
from tieout.model.commodity import normal
from tieout.model.identity import supplier_id_of

_TRUE, _FALSE = {"true", "yes", "1"}, {"false", "no", "0"}
#: A supplier is named by its id or by its tax registration, from which the id is derived.
SUPPLIER = ("supplier_id", "supplier_tax_id")


def text(row: Row, column: str, findings: Findings) -> str:
    """A text that must be there."""
    return fields.read_text(row.text(column), row.where(column), findings)


def optional(row: Row, column: str, findings: Findings) -> str:
    """A text that may be missing."""
    return fields.read_optional(row.text(column), row.where(column), findings)


def number(row: Row, column: str, shape: CsvShape, findings: Findings, default: str = "") -> Decimal:
    """A plain number in the declared spelling."""
    spelling = _plain(row, column, shape, findings, default)
    value = fields.read_decimal(spelling, row.where(column), findings) if spelling is not None else None
    return value or Decimal(0)


def money(row: Row, column: str, currency: str, shape: CsvShape, findings: Findings) -> Money | None:
    """An amount in the currency of the document."""
    spelling = _plain(row, column, shape, findings, "")
    return fields.read_money(spelling, currency, row.where(column), findings) if spelling is not None else None


def _plain(row: Row, column: str, shape: CsvShape, findings: Findings, default: str) -> str | None:
    """A number with a decimal point."""
    spelling = row.text(column) or default
    if shape.decimal == "," and "." in spelling:
        findings.fault(Code.BAD_VALUE, row.where(column), expected="a decimal comma and no points", actual=spelling)
        return None
    return spelling.replace(shape.decimal, ".")


def day(row: Row, column: str, findings: Findings) -> date:
    """A day that must be there."""
    return fields.read_day(row.text(column), row.where(column), findings) or date.min


def flag(row: Row, column: str, findings: Findings) -> bool:
    """Yes or no; yes when nothing is said."""
    said = row.text(column).lower()
    if said and said not in _TRUE | _FALSE:
        findings.fault(Code.BAD_VALUE, row.where(column), expected="true or false", actual=said)
    return said not in _FALSE


def category(row: Row, findings: Findings) -> str:
    """What is bought, by its code with the scheme in front; one without a scheme would say nothing."""
    said = optional(row, "category", findings)
    found = normal(said)
    if said and (not found or found.endswith(":")):
        expected = "a scheme and a code, such as UNSPSC:43211503"
        findings.fault(Code.BAD_VALUE, row.where("category"), expected=expected, actual=said)
    return found


def currency(row: Row, findings: Findings) -> str:
    """The currency of the document."""
    found = row.text("currency")
    if not is_currency(found):
        findings.fault(Code.BAD_VALUE, row.where("currency"), expected="an ISO 4217 code", actual=found)
    return found


def conversion(row: Row, shape: CsvShape, findings: Findings) -> Conversion:
    """The rate into our own currency: ``conversion_rate`` units of ``converted_to`` (ours, where it is empty) for
    ``conversion_per`` units of the document's currency (one, where it is empty)."""
    if not row.text("conversion_rate"):
        return NONE
    rate = _above_zero(row, "conversion_rate", shape, findings)
    per = _above_zero(row, "conversion_per", shape, findings)
    to = row.text("converted_to")
    if to and not is_currency(to):
        findings.fault(Code.BAD_VALUE, row.where("converted_to"), expected="an ISO 4217 code", actual=to)
    return Conversion(rate, per, to)


def _above_zero(row: Row, column: str, shape: CsvShape, findings: Findings) -> Decimal:
    """A number that something is divided by; one where nothing is said."""
    found = number(row, column, shape, findings, default="1")
    if found <= 0:
        findings.fault(Code.BAD_VALUE, row.where(column), expected="more than zero", actual=row.text(column))
        return Decimal(1)
    return found


def supplier(row: Row, findings: Findings) -> str:
    """The supplier's id, derived from its tax registration where that is given."""
    supplier_id, tax_id = (row.text(column) for column in SUPPLIER)
    if supplier_id and tax_id and supplier_id != supplier_id_of(tax_id):
        detail = "the tax registration belongs to another supplier id"
        findings.fault(Code.BAD_VALUE, row.where(SUPPLIER[0]), actual=supplier_id, detail=detail)
    if not (supplier_id or tax_id):
        findings.fault(Code.MISSING_FIELD, row.where(" or ".join(SUPPLIER)))
    return fields.read_optional(supplier_id, row.where(SUPPLIER[0]), findings) or supplier_id_of(tax_id)


def check_unique(ids: list[str], rows: list[Row], column: str, findings: Findings) -> None:
    """Each line of a document is there once."""
    seen: set[str] = set()
    for line_id, row in zip(ids, rows, strict=True):
        if line_id in seen:
            findings.fault(Code.BAD_VALUE, row.where(column), actual=line_id, detail="the line is there twice")
        seen.add(line_id)
