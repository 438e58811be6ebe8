"""The records of an ACH file as tables (Nacha Operating Rules, appendix three). Every record has 94 characters."""

from typing import Final

from tieout.formats.lines import AMOUNT, DIGITS, YYMMDD, Field, Kind, Layout, Line

WIDTH: Final = 94
#: Records come in blocks of ten; the last block is filled with records of nines.
BLOCK: Final = 10
PADDING: Final = "9" * WIDTH


def _anything(text: str) -> str:
    return text.strip()


def _right_blank(text: str, length: int) -> str:
    """A routing number stands at the right end, after a blank (``b`` in the rules)."""
    return text.rjust(length)


ROUTING: Final = Kind("a routing number", _anything, _right_blank)

FILE_HEADER: Final = Layout(
    "file header",
    "1",
    (
        Field("priority", 2, 2),
        Field("destination", 4, 10, ROUTING),
        Field("origin", 14, 10, ROUTING),
        Field("created_on", 24, 6, YYMMDD),
        Field("created_at", 30, 4),
        Field("modifier", 34, 1),
        Field("record_size", 35, 3),
        Field("blocking", 38, 2),
        Field("format", 40, 1),
        Field("destination_name", 41, 23),
        Field("origin_name", 64, 23),
        Field("reference", 87, 8),
    ),
    WIDTH,
)

BATCH_HEADER: Final = Layout(
    "batch header",
    "5",
    (
        Field("service_class", 2, 3),
        Field("company", 5, 16),
        Field("discretionary", 21, 20),
        Field("company_id", 41, 10),
        Field("sec", 51, 3),
        Field("description", 54, 10),
        Field("descriptive_date", 64, 6),
        Field("effective_on", 70, 6),
        Field("settled_on", 76, 3),
        Field("status", 79, 1),
        Field("odfi", 80, 8),
        Field("batch", 88, 7),
    ),
    WIDTH,
)

ENTRY: Final = Layout(
    "entry",
    "6",
    (
        Field("transaction", 2, 2, DIGITS),
        Field("routing", 4, 9, DIGITS),
        Field("account", 13, 17),
        Field("amount", 30, 10, AMOUNT),
        Field("identification", 40, 15),
        Field("name", 55, 22),
        Field("discretionary", 77, 2),
        Field("addenda", 79, 1, DIGITS),
        Field("trace", 80, 15, DIGITS),
    ),
    WIDTH,
)

#: CTX, and what is built like it: the number of addenda stands where the name would begin.
CORPORATE_ENTRY: Final = Layout(
    "entry",
    "6",
    (
        *ENTRY.fields[:5],
        Field("addenda_count", 55, 4, DIGITS),
        Field("name", 59, 16),
        *ENTRY.fields[6:],
    ),
    WIDTH,
)

PAYMENT_ADDENDUM: Final = Layout(
    "addendum 05",
    "705",
    (Field("information", 4, 80), Field("sequence", 84, 4, DIGITS), Field("entry", 88, 7, DIGITS)),
    WIDTH,
)

BATCH_CONTROL: Final = Layout(
    "batch control",
    "8",
    (
        Field("service_class", 2, 3),
        Field("count", 5, 6, AMOUNT),
        Field("hash", 11, 10, AMOUNT),
        Field("debit", 21, 12, AMOUNT),
        Field("credit", 33, 12, AMOUNT),
        Field("company_id", 45, 10),
        Field("authentication", 55, 19),
        Field("odfi", 80, 8),
        Field("batch", 88, 7),
    ),
    WIDTH,
)

FILE_CONTROL: Final = Layout(
    "file control",
    "9",
    (
        Field("batches", 2, 6, AMOUNT),
        Field("blocks", 8, 6, AMOUNT),
        Field("count", 14, 8, AMOUNT),
        Field("hash", 22, 10, AMOUNT),
        Field("debit", 32, 12, AMOUNT),
        Field("credit", 44, 12, AMOUNT),
    ),
    WIDTH,
)

#: Accounting advices have wider totals, and the operator's own data instead of the company.
ADVICE_BATCH_CONTROL: Final = Layout(
    "batch control",
    "8",
    (
        *BATCH_CONTROL.fields[:3],
        Field("debit", 21, 20, AMOUNT),
        Field("credit", 41, 20, AMOUNT),
        Field("operator", 61, 19),
        *BATCH_CONTROL.fields[7:],
    ),
    WIDTH,
)
ADVICE_FILE_CONTROL: Final = Layout(
    "file control",
    "9",
    (*FILE_CONTROL.fields[:4], Field("debit", 32, 20, AMOUNT), Field("credit", 52, 20, AMOUNT)),
    WIDTH,
)

CHANGE: Final = Layout(
    "addendum 98",
    "798",
    (
        Field("code", 4, 3),
        Field("original_trace", 7, 15),
        Field("original_rdfi", 28, 8),
        Field("corrected", 36, 44),
        Field("trace", 80, 15),
    ),
    WIDTH,
)

RETURN: Final = Layout(
    "addendum 99",
    "799",
    (
        Field("code", 4, 3),
        Field("original_trace", 7, 15),
        Field("died_on", 22, 6),
        Field("original_rdfi", 28, 8),
        Field("information", 36, 44),
        Field("trace", 80, 15),
    ),
    WIDTH,
)
#: An international return repeats the amount of the entry before the words.
INTERNATIONAL_RETURN: Final = Layout(
    "addendum 99",
    "799",
    (*RETURN.fields[:4], Field("amount", 36, 10), Field("information", 46, 34), RETURN.fields[5]),
    WIDTH,
)
#: A return that our bank refuses names the return it refuses.
DISHONORED: Final = Layout(
    "addendum 99 (dishonored)",
    "799",
    (
        *RETURN.fields[:2],
        RETURN.fields[3],
        Field("return_trace", 39, 15),
        Field("return_settled_on", 54, 3),
        Field("return_code", 57, 2),
        Field("information", 59, 21),
        RETURN.fields[5],
    ),
    WIDTH,
)
#: The other bank's answer to that names both.
CONTESTED: Final = Layout(
    "addendum 99 (contested)",
    "799",
    (
        *RETURN.fields[:2],
        Field("returned_on", 22, 6),
        RETURN.fields[3],
        Field("settled_on", 36, 3),
        *DISHONORED.fields[3:6],
        Field("dishonored_trace", 59, 15),
        Field("dishonored_settled_on", 74, 3),
        Field("dishonored_code", 77, 2),
        RETURN.fields[5],
    ),
    WIDTH,
)


def at(line: Line, record: str, field: str, column: int) -> str:
    """Where a field stands in the document, by its column (from 1)."""
    return f"{record}/{field}, byte {line.offset + column - 1}"
