"""Fields of SWIFT statements with a form of their own: balances, sums, and the statement line ``:61:``."""

import re
from collections.abc import Iterable
from datetime import date

from msgspec import Struct

from tieout.formats.fields import read_money
from tieout.formats.lines import century
from tieout.formats.reading import Findings
from tieout.kernel.money import Money
from tieout.kernel.problem import Code

_BALANCE = re.compile(r"([CD])([0-9]{6})([A-Z]{3})?([0-9]{1,18}(?:,[0-9]*)?)", re.ASCII)
_SUM = re.compile(r"([0-9]{1,5})([A-Z]{3})([0-9]{1,18}(?:,[0-9]*)?)", re.ASCII)
_FLOOR = re.compile(r"([A-Z]{3})[CD]?[0-9]+(?:,[0-9]*)?", re.ASCII)
_ADVICE = re.compile(r"([0-9]{6})([A-Z]{3})([0-9]{1,18}(?:,[0-9]*)?)", re.ASCII)
_LINE = re.compile(
    r"(?P<value>[0-9]{6})(?P<entry>[0-9]{4})?(?P<mark>R?[CD]|E[CD])(?P<funds>[A-Z])?"
    r"(?P<amount>[0-9]{1,18}(?:,[0-9]*)?)(?:(?P<type>[A-Z][A-Z0-9 ]{3})(?P<rest>.*))?",
    re.ASCII | re.DOTALL,
)
#: What each mark does to the account. ``RC`` takes a credit back, ``RD`` a debit; ``EC`` and ``ED`` are expected.
MARKS = {"C": 1, "D": -1, "RC": -1, "RD": 1, "EC": 1, "ED": -1}
#: The customer's reference ends here, whatever follows.
_REFERENCE_LENGTH = 16


class Balance(Struct, frozen=True):
    """``:60F:`` and its like: a signed amount and its day, which a bank without one writes as zeros."""

    amount: Money
    day: date | None


class StatementLine(Struct, frozen=True):
    """``:61:``, one entry. ``text`` are its further lines; ``party`` a name that old Dutch banks put at its end."""

    amount: Money
    mark: str
    value_on: date
    booked_on: date
    type_code: str
    customer_reference: str
    bank_reference: str
    party: str
    text: str


def read_day(digits: str, where: str, findings: Findings) -> date | None:
    """``YYMMDD``. Banks that count interest by months of thirty days have a 30th of February: its last day."""
    year, month, day = century(int(digits[:2])), int(digits[2:4]), int(digits[4:6])
    try:
        return date(year, month, day)
    except ValueError:
        if month == 2 and day in (29, 30):
            findings.note(Code.BAD_VALUE, where, actual=digits, detail="taken as the last day of February")
            return date(year, 3, 1).replace(month=2, day=29 if _is_leap(year) else 28)
    findings.fault(Code.BAD_VALUE, where, expected="a day (YYMMDD)", actual=digits)
    return None


def _is_leap(year: int) -> bool:
    return year % 4 == 0 and (year % 100 != 0 or year % 400 == 0)


def read_amount(digits: str, currency: str, where: str, findings: Findings) -> Money | None:
    """An amount with its decimal comma."""
    return read_money(digits.replace(",", "."), currency, where, findings)


def read_balance(text: str, currency: str, where: str, findings: Findings) -> Balance | None:
    """A balance. Where it names no currency, it has that of the opening balance."""
    match = _BALANCE.fullmatch(text.strip())
    if match is None:
        findings.fault(Code.BAD_VALUE, where, expected="a balance such as C260531EUR1234,56", actual=text)
        return None
    sign, digits, named, amount = match.groups()
    if not named and currency:
        findings.assume("the currency of a balance", f"that of the opening balance ({currency})", where)
    money = read_amount(amount, named or currency, where, findings)
    day = read_day(digits, where, findings) if digits.strip("0") else None
    if money is None or (day is None and digits.strip("0")):
        return None
    return Balance(-money if sign == "D" else money, day)


def read_sum(text: str, where: str, findings: Findings) -> tuple[int, Money] | None:
    """``:90D:`` and ``:90C:``, how many entries there are and their sum."""
    match = _SUM.fullmatch(text.strip())
    if match is None:
        findings.fault(Code.BAD_VALUE, where, expected="a count and a sum such as 3EUR0,03", actual=text)
        return None
    money = read_amount(match[3], match[2], where, findings)
    return (int(match[1]), money) if money is not None else None


def read_floor(text: str, where: str, findings: Findings) -> str:
    """The currency of ``:34F:``, from which amount on entries are told. The amount itself does not matter to us."""
    match = _FLOOR.fullmatch(text.strip())
    if match is None:
        findings.fault(Code.BAD_VALUE, where, expected="a limit such as EURD0,00", actual=text)
        return ""
    return match[1]


def read_advice(text: str, where: str, findings: Findings) -> tuple[date, Money] | None:
    """``:32A:``, the value date, currency and amount of a confirmation."""
    match = _ADVICE.fullmatch(text.strip())
    if match is None:
        findings.fault(Code.BAD_VALUE, where, expected="a day, currency and amount: 260531EUR12,34", actual=text)
        return None
    day, money = read_day(match[1], where, findings), read_amount(match[3], match[2], where, findings)
    return (day, money) if day is not None and money is not None else None


def read_line(lines: Iterable[str], currency: str, where: str, findings: Findings) -> StatementLine | None:
    """One entry. Some banks break the line in the middle of its fields."""
    first, *more = lines
    match = _LINE.fullmatch(first.strip())
    if match is None and more:
        match, more = _LINE.fullmatch(f"{first.strip()}{more[0].strip()}"), more[1:]
    if match is None:
        expected = "a statement line such as 2605310531D12,34NTRFNONREF"
        findings.fault(Code.BAD_VALUE, where, expected=expected, actual=first)
        return None
    value_on = read_day(match["value"], where, findings)
    amount = read_amount(match["amount"], currency, where, findings)
    if value_on is None or amount is None:
        return None
    booked_on = _entry_day(match["entry"], value_on, where, findings)
    if booked_on is None:
        return None
    customer, bank, party = _references(match["rest"] or "")
    return StatementLine(
        amount=Money(MARKS[match["mark"]] * amount.minor, currency),
        mark=match["mark"],
        value_on=value_on,
        booked_on=booked_on,
        type_code=(match["type"] or "").strip(),
        customer_reference=customer,
        bank_reference=bank,
        party=party,
        text="\n".join(more).strip(),
    )


def _entry_day(digits: str | None, value_on: date, where: str, findings: Findings) -> date | None:
    """``MMDD``: of all years the one that is nearest to the value date. Without it both days are the same."""
    if not digits:
        return value_on
    near: list[date] = []
    for year in (value_on.year - 1, value_on.year, value_on.year + 1):
        try:
            near.append(date(year, int(digits[:2]), int(digits[2:])))
        except ValueError:
            continue
    if near:
        return min(near, key=lambda day: abs(day - value_on))
    return read_day(f"{value_on.year % 100:02}{digits}", where, findings)


def _references(rest: str) -> tuple[str, str, str]:
    """``<customer>//<bank>``; without the slashes, whatever follows sixteen characters is a name."""
    customer, slashes, bank = rest.partition("//")
    if slashes:
        return customer.strip(), bank.strip(), ""
    return rest[:_REFERENCE_LENGTH].strip(), "", rest[_REFERENCE_LENGTH:].strip()
