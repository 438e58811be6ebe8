"""French account statements, CFONB 120 (*relevé de compte sur support informatique*), records of 120 characters.

A statement opens with the old balance (``01``), has entries (``04``) with complements (``05``), and closes with the new
balance (``07``). The last digit of an amount is a letter that has the sign in it; how many decimals there are, each
record says for itself. Proved: old balance + entries = new balance.
"""

from collections.abc import Iterator

from msgspec import Struct, field

from tieout.formats.bank.statements import Account, Names, Record, iban_of, implied, reference, short
from tieout.formats.codes import load
from tieout.formats.format import Head
from tieout.formats.lines import DDMMYY, DIGITS, Field, Layout, Line, lines
from tieout.formats.reading import Context, Findings
from tieout.formats.source import Source
from tieout.kernel.money import Money, is_currency
from tieout.kernel.problem import Code, Problem
from tieout.kernel.text import parse_day
from tieout.model.documents import StatementEntry

NAME = "cfonb120"
WIDTH = 120

_ACCOUNT = (
    Field("bank", 3, 5),
    Field("branch", 12, 5),
    Field("currency", 17, 3),
    Field("decimals", 20, 1, DIGITS),
    Field("account", 22, 11),
)
_BALANCE = (*_ACCOUNT, Field("day", 35, 6, DDMMYY), Field("amount", 91, 14))
OPENING, CLOSING = Layout("01", "01", _BALANCE, WIDTH), Layout("07", "07", _BALANCE, WIDTH)
ENTRY = Layout(
    "04",
    "04",
    (
        *_ACCOUNT,
        Field("own_code", 8, 4),
        Field("operation", 33, 2),
        Field("day", 35, 6, DDMMYY),
        Field("reason", 41, 2),
        Field("value_on", 43, 6, DDMMYY),
        Field("label", 49, 31),
        Field("number", 82, 7),
        Field("amount", 91, 14),
        Field("reference", 105, 16),
    ),
    WIDTH,
)
COMPLEMENT = Layout(
    "05", "05", (*_ACCOUNT, Field("operation", 33, 2), Field("qualifier", 46, 3), Field("text", 49, 70)), WIDTH
)
LAYOUTS = {layout.code: layout for layout in (OPENING, ENTRY, COMPLEMENT, CLOSING)}
"""Every kind of record, by its code."""

#: Which record may follow which.
_NEXT = {
    "": ("01",),
    "01": ("04", "07"),
    "04": ("04", "05", "07"),
    "05": ("04", "05", "07"),
    "07": ("01",),
}
#: The last digit of an amount and its sign: ``A`` to ``I`` and ``{`` for credits, ``J`` to ``R`` and ``}`` for debits.
#: In French code pages the braces turned into accented letters.
_SIGNED = {
    **{letter: (number, 1) for number, letter in enumerate("{ABCDEFGHI")},
    **{letter: (number, -1) for number, letter in enumerate("}JKLMNOPQR")},
    "é": (0, 1),
    "è": (0, -1),
}
#: What the complements say, by their qualifiers; those with no name are known and become remittance text.
_COMPLEMENTS = {
    "NPY": "payer",
    "NBE": "payee",
    "CPY": "payer_account",
    "CBE": "payee_account",
    "RCN": "end_to_end_id",
    "REF": "bank_reference",
    "RET": "reason",
    "NPO": "",
    "NBU": "",
    "IPY": "",
    "IBE": "",
    "LIB": "remittance",
    "LCC": "remittance",
    "LC2": "remittance",
    "LCS": "remittance",
    "RUM": "",
    "MMO": "",
    "COM": "",
    "PDO": "",
    "IPO": "",
    "IBU": "",
    "BDO": "",
    "TPE": "",
}
#: Where the complement has more than one field, the first one ends here.
_END_TO_END_LENGTH = 35

_NO_REASON = "00"
#: Letters of an account number count as these digits in its key.
_KEY_DIGITS = {
    letter: str(digit)
    for letters, first in (("ABCDEFGHI", 1), ("JKLMNOPQR", 1), ("STUVWXYZ", 2))
    for digit, letter in enumerate(letters, start=first)
}
#: More complements of a kind than these are not kept; the texts we keep are shorter anyway.
_COMPLEMENTS_MAX = 50
#: Operations that take something back: cheques, direct debits, bills and card payments unpaid or returned.
_RETURNS = {"03", "10", "12", "26", "27", "33", "34", "38", "98", "A3", "A4", "B3", "B4"}


class _Entry(Struct):
    """An ``04`` whose complements may still follow."""

    values: dict[str, str]
    line: Line
    said: dict[str, list[str]] = field(default_factory=dict)


class _Open(Struct):
    """A statement between its ``01`` and its ``07``."""

    numbers: tuple[str, str, str]
    currency: str
    account: Account
    entry: _Entry | None = None


def recognises(head: Head) -> bool:
    """An old balance of 120 characters: bank, branch and currency where they belong, an amount in the right place."""
    first = head.text.lstrip("\r\n")[:WIDTH]
    return (
        first[:2] == "01"
        and "\n" not in first[:104]
        and first[2:7].strip().isalnum()
        and is_currency(first[16:19])
        and first[19:20].isdigit()
        and first[90:103].isdigit()
        and first[103:104] in {*_SIGNED, *"0123456789"}
    )


def read_cfonb120(source: Source, context: Context, findings: Findings) -> Iterator[Record]:
    """Read a CFONB 120 file with all its statements."""
    reader = _Reader(context, findings)
    last = ""
    for line in lines(source, context.limits, encoding="", width=WIDTH):
        if isinstance(line, Problem):
            findings.refuse(line)
            return
        code = line.text[:2]
        if code not in _NEXT[last]:
            expected = f"a record {' or '.join(_NEXT[last])}"
            findings.fault(Code.BAD_VALUE, line.where, expected=expected, actual=line.text[:20])
            return
        last = code
        yield from reader.take(code, line)
    if last != "07" and findings.complete:
        findings.fault(Code.MISSING_FIELD, "07", expected="a new balance (07)", detail="the file is cut off")


def signed_amount(text: str) -> int | None:
    """The digits of an amount with its sign, which its last letter has. A plain digit there is a credit."""
    last, sign = _SIGNED.get(text[-1:], (None, 1))
    digits = text if last is None else f"{text[:-1]}{last}"
    digits = digits.strip()
    return sign * int(digits) if digits.isascii() and digits.isdigit() else None


class _Reader:
    """Where the reading stands: in which statement, at which entry."""

    def __init__(self, context: Context, findings: Findings) -> None:
        self.findings = findings
        self.names = Names(context)
        self.codes = load("cfonb_codes")
        self.told: set[str] = set()
        self.open: _Open | None = None

    def take(self, code: str, line: Line) -> Iterator[Record]:
        """The next record, which is allowed where it stands."""
        values = LAYOUTS[code].read(line, self.findings)
        numbers = (values["bank"], values["branch"], values["account"])
        if code == "01":
            self._begin(values, numbers, line)
            return
        if self.open is None or not self._is_same(numbers, LAYOUTS[code], line):
            return
        match code:
            case "04":
                yield from self._flush()
                self.open.entry = _Entry(values, line)
            case "05":
                self._complement(values, line)
            case _:
                yield from self._flush()
                yield from self._end(values, line)

    def _is_same(self, numbers: tuple[str, str, str], layout: Layout, line: Line) -> bool:
        """Branch and account are those of the old balance. Banks of a group may name each other in entries."""
        assert self.open is not None
        if numbers == self.open.numbers:
            return True
        expected, actual = "/".join(self.open.numbers), "/".join(numbers)
        if numbers[1:] == self.open.numbers[1:]:
            if actual not in self.told:
                self.told.add(actual)
                detail = "another bank than that of the account"
                where = layout.place(line, "bank")
                self.findings.note(Code.BAD_VALUE, where, expected=expected, actual=actual, detail=detail)
            return True
        self.findings.fault(Code.BAD_VALUE, layout.place(line, "account"), expected=expected, actual=actual)
        self.open = None
        return False

    def _begin(self, values: dict[str, str], numbers: tuple[str, str, str], line: Line) -> None:
        """``01``: the account and what it opens with. Its name is its IBAN, which the French key makes certain."""
        self.open = None
        opening, day = self._amount(values, OPENING, line), parse_day(values["day"])
        if day is None:
            self.findings.fault(Code.MISSING_FIELD, OPENING.place(line, "day"), expected="the day of the old balance")
        if opening is None or day is None:
            return
        number = french_account(*numbers)
        name = self.names.statement_id(number, values["currency"], day.isoformat())
        self.open = _Open(numbers, values["currency"], Account(name, number, self.names, opening, day))

    def _amount(self, values: dict[str, str], layout: Layout, line: Line) -> Money | None:
        """The signed amount of a record in its currency."""
        place, text = layout.place(line, "amount"), values["amount"]
        digits = signed_amount(text)
        if digits is None:
            expected = "digits, the last of which has the sign (A to I, J to R, { or })"
            self.findings.fault(Code.BAD_VALUE, place, expected=expected, actual=text)
            return None
        return implied(digits, int(values["decimals"] or "2"), values["currency"], place, self.findings)

    def _complement(self, values: dict[str, str], line: Line) -> None:
        """``05``: more about the entry before it."""
        assert self.open is not None
        if self.open.entry is None:
            return
        qualifier = values["qualifier"]
        name = _COMPLEMENTS.get(qualifier)
        if name is None and qualifier not in self.told:
            self.told.add(qualifier)
            expected = "a known qualifier such as LIB, NPY, NBE or RCN"
            place = COMPLEMENT.place(line, "qualifier")
            self.findings.note(Code.UNKNOWN_CODE, place, expected=expected, actual=qualifier)
        said = self.open.entry.said.setdefault(name if name is not None else "remittance", [])
        if len(said) < _COMPLEMENTS_MAX:
            said.append(values["text"])

    def _flush(self) -> Iterator[Record]:
        """The entry is complete: no complement follows any more."""
        assert self.open is not None
        if self.open.entry is None:
            return
        entry, self.open.entry = self.open.entry, None
        values, line, said = entry.values, entry.line, entry.said
        amount, booked_on = self._amount(values, ENTRY, line), parse_day(values["day"])
        if booked_on is None:
            self.findings.fault(Code.MISSING_FIELD, ENTRY.place(line, "day"), expected="a booking day")
        if amount is None or booked_on is None:
            return
        if amount.currency != self.open.currency:
            place = ENTRY.place(line, "currency")
            self.findings.fault(Code.CURRENCY_MISMATCH, place, expected=self.open.currency, actual=amount.currency)
            return
        operation = values["operation"]
        if operation not in self.codes and operation not in self.told:
            self.told.add(operation)
            expected, place = "an interbank operation code", ENTRY.place(line, "operation")
            self.findings.note(Code.UNKNOWN_CODE, place, expected=expected, actual=operation)
        side = "payee" if amount.minor < 0 else "payer"
        first = {name: texts[0] for name, texts in said.items()}
        reason = short(first.get("reason", "")) or values["reason"].replace(_NO_REASON, "")
        yield from self.open.account.add(
            StatementEntry(
                entry_id=self.open.account.next_entry_id,
                amount=amount,
                booked_on=booked_on,
                value_on=parse_day(values["value_on"]),
                end_to_end_id=reference(first.get("end_to_end_id", "")[:_END_TO_END_LENGTH]),
                bank_reference=reference(values["reference"])
                or reference(first.get("bank_reference", "")[:_END_TO_END_LENGTH])
                or reference(values["number"]),
                counterparty=short(first.get(side, "")),
                counterparty_iban=short(first.get(f"{side}_account", "")[:34]),
                remittance=short(" ".join([values["label"], *said.get("remittance", [])])),
                return_reason=reason or (f"CFONB {operation}" if operation in _RETURNS else ""),
                type_code=f"CFONB {operation}/{values['own_code']}".removesuffix("/"),
            )
        )

    def _end(self, values: dict[str, str], line: Line) -> Iterator[Record]:
        """``07``: what the account closes with."""
        assert self.open is not None
        account, self.open = self.open.account, None
        closing, day = self._amount(values, CLOSING, line), parse_day(values["day"])
        if day is None:
            self.findings.fault(Code.MISSING_FIELD, CLOSING.place(line, "day"), expected="the day of the new balance")
        if closing is not None and day is not None:
            yield from account.close(closing, day, CLOSING.place(line, "amount"), self.findings)


def french_account(bank: str, branch: str, account: str) -> str:
    """The IBAN of a French account, whose national key (*clé RIB*) follows from its numbers."""
    number = f"{bank}/{branch}/{account}"
    digits = "".join(_KEY_DIGITS.get(sign, sign) for sign in account.upper())
    if len(account) != 11 or not (bank + branch + digits).isdigit() or len(bank) != 5 or len(branch) != 5:
        return number
    key = 97 - (89 * int(bank) + 15 * int(branch) + 3 * int(digits)) % 97
    return iban_of("FR", f"{bank}{branch}{account.upper()}{key:02}", number)
