"""The one strict parser for text from outside.

``Decimal()`` reads ``NaN``, ``1_000``, ``1e400`` and full-width digits; ``int()`` reads Arabic-Indic ones. None of
these may reach a ledger, so all outside text for amounts, quantities and dates enters here.
"""

import re
from datetime import date
from decimal import Decimal

DIGITS_MAX = 28
_DECIMAL = re.compile(r"[+-]?(?:[0-9]+(?:\.[0-9]*)?|\.[0-9]+)", re.ASCII)
_DAY = re.compile(r"([0-9]{4})-([0-9]{2})-([0-9]{2})", re.ASCII)


def parse_decimal(text: str) -> Decimal | None:
    """Read a plain decimal number such as ``-12.50``; ``None`` when it is anything else.

    No exponents, no separators, no signs at the end, at most 28 digits: what is refused here is reported by the
    caller with the place it stood at.
    """
    text = text.strip(" \t\r\n")
    if len(text) > DIGITS_MAX + 2 or not _DECIMAL.fullmatch(text):
        return None
    value = Decimal(text)
    return value if len(value.as_tuple().digits) <= DIGITS_MAX else None


def parse_day(text: str) -> date | None:
    """Read an ISO 8601 calendar day such as ``2026-05-31``; ``None`` when it is anything else."""
    match = _DAY.fullmatch(text.strip(" \t\r\n"))
    if not match:
        return None
    try:
        return date(int(match[1]), int(match[2]), int(match[3]))
    except ValueError:
        return None
