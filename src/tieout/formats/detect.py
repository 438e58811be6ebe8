"""What is this file? Decided by what it says at its beginning, never by its name."""

import csv
import io
import re
from collections.abc import Callable
from typing import Any

from msgspec import Struct

from tieout.formats.csv_documents import ORDERS, RECEIPTS, header_of, read_orders, read_receipts
from tieout.formats.iso20022.camt import NOTIFICATION, REPORT, STATEMENT, read_camt
from tieout.formats.iso20022.pain002 import FORMAT as PAIN_002
from tieout.formats.iso20022.pain002 import read_pain_002
from tieout.formats.reading import Context, CsvShape, Reading, quoted, refused
from tieout.formats.ubl import CREDIT_NOTE, INVOICE, read_ubl
from tieout.kernel.problem import Code, Problem

UNKNOWN = "unknown"
#: How much of a document is looked at.
HEAD = 16 * 1024

Reader = Callable[[bytes, Context], Reading[Any]]


class Format(Struct, frozen=True):
    """A kind of document that can be read."""

    name: str
    title: str
    media_type: str
    reader: Reader


_XML, _CSV = "application/xml", "text/csv"
FORMATS: dict[str, Format] = {
    format.name: format
    for format in (
        Format(INVOICE, "UBL 2.1 invoice (EN 16931, Peppol BIS, XRechnung)", _XML, read_ubl),
        Format(CREDIT_NOTE, "UBL 2.1 credit note (EN 16931, Peppol BIS, XRechnung)", _XML, read_ubl),
        Format(PAIN_002, "ISO 20022 payment status report", _XML, read_pain_002),
        Format(STATEMENT, "ISO 20022 account statement", _XML, read_camt),
        Format(NOTIFICATION, "ISO 20022 debit and credit notification", _XML, read_camt),
        Format(REPORT, "ISO 20022 interim account report", _XML, read_camt),
        Format(ORDERS.format, "Purchase orders as a table", _CSV, read_orders),
        Format(RECEIPTS.format, "Goods receipts as a table", _CSV, read_receipts),
    )
}
"""Every kind of document that can be read, by name."""

#: Elements that only one kind of document begins with. ISO 20022 has them under ``Document``, alone or in an envelope.
_ELEMENTS = {
    "CstmrPmtStsRpt": PAIN_002,
    "BkToCstmrStmt": STATEMENT,
    "BkToCstmrDbtCdtNtfctn": NOTIFICATION,
    "BkToCstmrAcctRpt": REPORT,
    "Invoice": INVOICE,
    "CreditNote": CREDIT_NOTE,
}
#: Documents people send us that we know and do not read, so that the refusal can say what it is.
_STRANGERS = {
    "CrossIndustryInvoice": "a UN/CEFACT cross industry invoice (CII)",
    "FatturaElettronica": "a FatturaPA invoice",
    "CstmrCdtTrfInitn": "an ISO 20022 payment file (pain.001), which we write and do not read",
    "CstmrDrctDbtInitn": "an ISO 20022 direct debit file (pain.008)",
    "Order": "a UBL order",
    "cXML": "a cXML document",
}
_COMMENT = re.compile(r"<!--.*?-->", re.DOTALL)
_TAG = re.compile(r"<(?:[\w.-]+:)?([A-Za-z][\w.-]*)")


def detect(body: bytes, context: Context | None = None) -> str:
    """The name of the format, or ``unknown``."""
    return _recognise(body, (context or Context()).csv)[0]


def read(body: bytes, name_hint: str = "", context: Context | None = None) -> Reading[Any]:
    """Find out what a document is and read it. Never raises on data.

    ``name_hint`` is the name of a format (see :data:`FORMATS`) that settles it where the document is too broken to be
    recognised; a document that can be recognised goes by what it is.
    """
    context = context or Context()
    if len(body) > context.limits.bytes_max:
        actual, limit = f"{len(body)} bytes", f"{context.limits.bytes_max} bytes"
        return refused(UNKNOWN, Problem(Code.TOO_LARGE, actual=actual, limit=limit))
    name, detail = _recognise(body, context.csv)
    found = FORMATS.get(name) or FORMATS.get(name_hint)
    if found is None:
        expected = "one of " + ", ".join(FORMATS)
        return refused(UNKNOWN, Problem(Code.UNKNOWN_FORMAT, "byte 0", expected=expected, detail=detail))
    return found.reader(body, context)


def _recognise(body: bytes, shape: CsvShape) -> tuple[str, str]:
    """The name of the format, or ``unknown`` and why."""
    if not body or body.isspace():
        return UNKNOWN, "the document is empty"
    text = _head(body)
    if text.lstrip().startswith("<"):
        return _recognise_xml(text)
    return _recognise_table(text, shape)


def _head(body: bytes) -> str:
    """The beginning as text, whatever is wrong further on."""
    for mark, encoding in ((b"\xff\xfe", "utf-16-le"), (b"\xfe\xff", "utf-16-be"), (b"\xef\xbb\xbf", "utf-8")):
        if body.startswith(mark):
            return body[len(mark) : HEAD].decode(encoding, "replace")
    if body[1:2] == b"\0":
        return body[:HEAD].decode("utf-16-le", "replace")
    return body[:HEAD].decode("utf-16-be" if body[:1] == b"\0" else "utf-8", "replace")


def _recognise_xml(text: str) -> tuple[str, str]:
    first = ""
    for match in _TAG.finditer(_COMMENT.sub("", text)):
        name = match[1]
        if name.startswith("BkToCstmr"):
            name = re.sub(r"V[0-9]+$", "", name)  # as it was in version 1
        if name in _ELEMENTS:
            return _ELEMENTS[name], ""
        if name in _STRANGERS:
            return UNKNOWN, f"this is {_STRANGERS[name]}, which cannot be read"
        first = first or name
    return UNKNOWN, f"an XML document that begins with {quoted(first) or 'no element'}"


def _recognise_table(text: str, shape: CsvShape) -> tuple[str, str]:
    """A table goes by its columns: one with receipt numbers is of receipts, which name their orders too."""
    try:
        _, columns = header_of(io.StringIO(text, newline="").readline().rstrip("\r\n"), shape)
    except (csv.Error, TypeError):
        columns = ()
    fitting = [contract for contract in (RECEIPTS, ORDERS) if contract.key in columns and len(columns) > 1]
    if fitting:
        return fitting[0].format, ""
    return UNKNOWN, f"no XML, and no table of orders or receipts: it begins with {quoted(text[:200]) or 'nothing'}"
