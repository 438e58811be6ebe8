"""The labels and records of Bacs Standard 18 as tables.

Labels have 80 characters, payments 106: a file of several processing days, where each payment has its own day in the
last six. Sources: Bank of Ireland, "BACS File Specification"; HSBC, "Message Implementation Guide BACS Standard 18"
(August 2012); Bacs, "ISO 20022/Bacs translation guide" (November 2017), all of them public.
"""

from typing import Final

from tieout.formats.lines import AMOUNT, DIGITS, YYDDD, Field, Layout

LABEL: Final = 80
RECORD: Final = 106
#: Records of a block, in the words of tapes: the length of a block must be a multiple of that of a record.
PER_BLOCK: Final = 20

VOLUME: Final = Layout(
    "VOL1", "VOL1", (Field("serial", 5, 6), Field("service_user", 42, 6, DIGITS), Field("level", 80, 1)), LABEL
)


def _header(name: str) -> Layout:
    """The first label of a file, and its echo at the end."""
    fields = (
        Field("identifier", 5, 1),
        Field("service_user", 6, 6, DIGITS),
        Field("standard", 12, 1),
        Field("section", 15, 1),
        Field("owner", 16, 6, DIGITS),
        Field("set", 22, 6),
        Field("file_section", 28, 4, DIGITS),
        Field("file_sequence", 32, 4, DIGITS),
        Field("created_on", 42, 6, YYDDD),
        Field("expires_on", 48, 6, YYDDD),
        Field("block_count", 55, 6, DIGITS),
    )
    return Layout(name, name, fields, LABEL)


def _sizes(name: str) -> Layout:
    """The second label of a file, and its echo at the end: fixed records, and how long they are."""
    fields = (
        Field("format", 5, 1),
        Field("block_length", 6, 5, DIGITS),
        Field("record_length", 11, 5, DIGITS),
        Field("buffer_offset", 51, 2, DIGITS),
    )
    return Layout(name, name, fields, LABEL)


HEADER, HEADER_END = _header("HDR1"), _header("EOF1")
SIZES, SIZES_END = _sizes("HDR2"), _sizes("EOF2")

#: The receiving party 999999 is Bacs; the work code says that payments have processing days of their own.
USER_HEADER: Final = Layout(
    "UHL1",
    "UHL1",
    (
        Field("processed_on", 5, 6, YYDDD),
        Field("receiver", 11, 10),
        Field("currency", 21, 2, DIGITS),
        Field("country", 23, 6, DIGITS),
        Field("work", 29, 9),
        Field("file", 38, 3, DIGITS),
    ),
    LABEL,
)
USER_TRAILER: Final = Layout(
    "UTL1",
    "UTL1",
    (
        Field("debit", 5, 13, AMOUNT),
        Field("credit", 18, 13, AMOUNT),
        Field("debit_count", 31, 7, AMOUNT),
        Field("credit_count", 38, 7, AMOUNT),
    ),
    LABEL,
)

PAYMENT: Final = Layout(
    "payment",
    "",
    (
        Field("sort_code", 1, 6, DIGITS),
        Field("account", 7, 8, DIGITS),
        Field("account_type", 15, 1, DIGITS),
        Field("transaction", 16, 2),
        Field("own_sort_code", 18, 6, DIGITS),
        Field("own_account", 24, 8, DIGITS),
        Field("free", 32, 4),
        Field("amount", 36, 11, AMOUNT),
        Field("own_name", 47, 18),
        Field("reference", 65, 18),
        Field("name", 83, 18),
        Field("processed_on", 101, 6, YYDDD),
    ),
    RECORD,
)
