"""Single values out of documents: amounts, quantities, days and names, each through the strict parser."""

import re
from datetime import date
from decimal import Decimal

from tieout.formats.reading import Findings
from tieout.kernel.money import EXACT, Money, is_currency, minor_digits
from tieout.kernel.problem import Code
from tieout.kernel.text import parse_day, parse_decimal

#: No identifier, name or line of text we keep is longer than this.
TEXT_MAX = 1_000
#: Amounts are kept as 64-bit integers of minor units; this leaves room for sums.
MINOR_MAX = 10**17
#: What may follow the day in an ``xs:date`` or ``xs:dateTime``.
_AFTER_DAY = re.compile(r"(?:T[0-9:.]+)?(?:Z|[+-][0-9]{2}:[0-9]{2})?", re.ASCII)


def one_line(text: str) -> str:
    """A name or description on one line, blanks folded, as people compare it."""
    return " ".join(text.split())


def read_text(text: str, where: str, findings: Findings) -> str:
    """A text that must be there."""
    line = one_line(text)
    if not line:
        findings.fault(Code.MISSING_FIELD, where, expected="a text")
    return read_optional(line, where, findings)


def read_optional(text: str, where: str, findings: Findings) -> str:
    """A text that may be missing."""
    line = one_line(text)
    if len(line) > TEXT_MAX:
        findings.fault(Code.TOO_LARGE, where, limit=f"{TEXT_MAX} characters", actual=line)
        return line[:TEXT_MAX]
    return line


def read_decimal(text: str, where: str, findings: Findings) -> Decimal | None:
    """A plain decimal number that must be there."""
    if not text.strip():
        findings.fault(Code.MISSING_FIELD, where, expected="a number")
        return None
    value = parse_decimal(text)
    if value is None:
        findings.fault(Code.BAD_VALUE, where, expected="a plain decimal number such as 12.50", actual=text)
    return value


def read_money(text: str, currency: str, where: str, findings: Findings) -> Money | None:
    """An amount with its currency, both of which must be there; never rounded."""
    value = read_decimal(text, where, findings)
    if value is None:
        return None
    if not is_currency(currency):
        findings.fault(Code.BAD_VALUE, where, expected="an ISO 4217 currency code such as EUR", actual=currency)
        return None
    try:
        money = Money.of(value, currency)
    except ValueError:
        expected = f"at most {minor_digits(currency)} decimals in {currency}"
        findings.fault(Code.BAD_VALUE, where, expected=expected, actual=text)
        return None
    if abs(money.minor) > MINOR_MAX:
        findings.fault(Code.BAD_VALUE, where, limit=str(Money(MINOR_MAX, currency)), actual=text)
        return None
    return money


def plain(value: Decimal) -> Decimal:
    """The same number without trailing zeros and without an exponent."""
    short = value.normalize(EXACT)
    whole = short == short.to_integral_value()
    return EXACT.quantize(short, Decimal(1)) if whole else short


def day_of(text: str) -> date | None:
    """The calendar day of an ``xs:date`` or ``xs:dateTime``, as it was where it was written."""
    text = text.strip()
    return parse_day(text[:10]) if _AFTER_DAY.fullmatch(text[10:]) else None


def read_day(text: str, where: str, findings: Findings) -> date | None:
    """A day that must be there."""
    if not text.strip():
        findings.fault(Code.MISSING_FIELD, where, expected="a day such as 2026-05-31")
        return None
    value = day_of(text)
    if value is None:
        findings.fault(Code.BAD_VALUE, where, expected="a day such as 2026-05-31", actual=text)
    return value
