"""Spanish account statements, AEB / CSB Norma 43 (also called N43), records of 80 characters.

An account opens with ``11``, has entries (``22``) with up to five complements (``23``) and an amount in another
currency (``24``), and ends with its totals (``33``). ``88`` ends the file with the number of records before it.
Amounts have two decimals, whatever the currency.

Proved: opening balance + entries = closing balance; the number and sum of debits and of credits; the number of records.
"""

from collections.abc import Iterator
from datetime import date

from msgspec import Struct, field
from stdnum.es import ccc

from tieout.formats.bank.statements import Account, Names, Record, iban_of, implied, reference, short
from tieout.formats.codes import load
from tieout.formats.format import Head
from tieout.formats.lines import AMOUNT, DIGITS, YYMMDD, Field, Layout, Line, lines
from tieout.formats.reading import Context, Findings
from tieout.formats.source import Source
from tieout.kernel.problem import Code, Problem
from tieout.kernel.text import parse_day
from tieout.model.documents import StatementEntry

NAME = "aeb43"
WIDTH = 80
_DECIMALS = 2

_ACCOUNT = (Field("entity", 3, 4, DIGITS), Field("office", 7, 4, DIGITS), Field("account", 11, 10, DIGITS))
OPENING = Layout(
    "11",
    "11",
    (
        *_ACCOUNT,
        Field("opened_on", 21, 6, YYMMDD),
        Field("closed_on", 27, 6, YYMMDD),
        Field("sign", 33, 1),
        Field("balance", 34, 14, AMOUNT),
        Field("currency", 48, 3, DIGITS),
        Field("mode", 51, 1),
        Field("holder", 52, 26),
    ),
    WIDTH,
)
ENTRY = Layout(
    "22",
    "22",
    (
        Field("office", 7, 4),
        Field("booked_on", 11, 6, YYMMDD),
        Field("value_on", 17, 6, YYMMDD),
        Field("concept", 23, 2, DIGITS),
        Field("own_concept", 25, 3),
        Field("sign", 28, 1),
        Field("amount", 29, 14, AMOUNT),
        Field("document", 43, 10),
        Field("reference_1", 53, 12),
        Field("reference_2", 65, 16),
    ),
    WIDTH,
)
COMPLEMENT = Layout("23", "23", (Field("number", 3, 2, DIGITS), Field("text_1", 5, 38), Field("text_2", 43, 38)), WIDTH)
EQUIVALENT = Layout(
    "24", "24", (Field("number", 3, 2, DIGITS), Field("currency", 5, 3, DIGITS), Field("amount", 8, 14, AMOUNT)), WIDTH
)
CLOSING = Layout(
    "33",
    "33",
    (
        *_ACCOUNT,
        Field("debits", 21, 5, AMOUNT),
        Field("debits_sum", 26, 14, AMOUNT),
        Field("credits", 40, 5, AMOUNT),
        Field("credits_sum", 45, 14, AMOUNT),
        Field("sign", 59, 1),
        Field("balance", 60, 14, AMOUNT),
        Field("currency", 74, 3, DIGITS),
    ),
    WIDTH,
)
END = Layout("88", "88", (Field("nines", 3, 18), Field("records", 21, 6, AMOUNT)), WIDTH)
LAYOUTS = {layout.code: layout for layout in (OPENING, ENTRY, COMPLEMENT, EQUIVALENT, CLOSING, END)}
"""Every kind of record, by its code."""

#: Which record may follow which.
_NEXT = {
    "": ("11",),
    "11": ("22", "33"),
    "22": ("22", "23", "24", "33"),
    "23": ("22", "23", "24", "33"),
    "24": ("22", "23", "33"),
    "33": ("11", "88"),
    "88": (),
}
_SIGNS = {"1": -1, "2": 1}
"""1 is a debit (*debe*), 2 a credit (*haber*), of entries and of balances."""
#: Common concepts of what came back, or was taken back.
_RETURNS = {"14", "98"}
#: Currencies by their ISO 4217 number, as far as accounts have come in them.
_CURRENCIES = {
    "978": "EUR",
    "840": "USD",
    "826": "GBP",
    "756": "CHF",
    "392": "JPY",
    "036": "AUD",
    "124": "CAD",
    "156": "CNY",
    "203": "CZK",
    "208": "DKK",
    "344": "HKD",
    "348": "HUF",
    "484": "MXN",
    "504": "MAD",
    "578": "NOK",
    "946": "RON",
    "949": "TRY",
    "985": "PLN",
    "752": "SEK",
    "986": "BRL",
    "724": "ESP",
}


class _Entry(Struct):
    """A ``22`` whose complements may still follow."""

    values: dict[str, str]
    line: Line
    texts: list[str] = field(default_factory=list)


class _Open(Struct):
    """An account between its ``11`` and its ``33``."""

    numbers: tuple[str, str, str]
    currency: str
    account: Account
    closed_on: date
    entry: _Entry | None = None
    counts: dict[int, int] = field(default_factory=lambda: {1: 0, -1: 0})
    sums: dict[int, int] = field(default_factory=lambda: {1: 0, -1: 0})


def recognises(head: Head) -> bool:
    """An account header: digits from its code up to its currency, without a separator between them."""
    first = head.text.lstrip("\r\n")[:50]
    return first[:2] == "11" and len(first) == 50 and first.isascii() and first.isdigit()


def read_aeb43(source: Source, context: Context, findings: Findings) -> Iterator[Record]:
    """Read a Norma 43 file with all its accounts."""
    reader = _Reader(context, findings)
    last = ""
    for line in lines(source, context.limits, encoding="", width=WIDTH):
        if isinstance(line, Problem):
            findings.refuse(line)
            return
        code = line.text[:2]
        if code not in _NEXT[last]:
            expected = f"a record {' or '.join(_NEXT[last])}" if _NEXT[last] else "nothing after the end record (88)"
            findings.fault(Code.BAD_VALUE, line.where, expected=expected, actual=line.text[:20])
            return
        last = code
        yield from reader.take(code, line)
    if last != "88" and findings.complete:
        findings.fault(Code.MISSING_FIELD, "88", expected="the end record (88)", detail="the file is cut off")


class _Reader:
    """Where the reading stands: in which account, at which entry, after how many records."""

    def __init__(self, context: Context, findings: Findings) -> None:
        self.findings = findings
        self.names = Names(context)
        self.concepts = load("aeb_codes")
        self.told: set[str] = set()
        self.open: _Open | None = None
        self.records = 0

    def take(self, code: str, line: Line) -> Iterator[Record]:
        """The next record, which is allowed where it stands."""
        values = LAYOUTS[code].read(line, self.findings)
        if code == "88":
            declared = values["records"]
            self.findings.claim(
                "number of records before the end record",
                END.place(line, "records"),
                declared,
                str(self.records),
                declared == str(self.records),
            )
            return
        self.records += 1
        match code:
            case "11":
                self._begin(values, line)
            case "22":
                yield from self._flush()
                if self.open is not None:
                    self.open.entry = _Entry(values, line)
            case "23" if self.open is not None and self.open.entry is not None:
                self.open.entry.texts += [values["text_1"], values["text_2"]]
            case "24" if self.open is not None and self.open.entry is not None:
                detail = "the amount in the original currency is not taken over"
                actual = f"{values['amount']} {values['currency']}"
                self.findings.note(Code.UNSUPPORTED_CONTENT, line.where, actual=actual, detail=detail)
            case "33":
                yield from self._flush()
                yield from self._end(values, line)

    def _begin(self, values: dict[str, str], line: Line) -> None:
        """``11``: the account and what it opens with."""
        self.open = None
        currency = self._currency(values, OPENING, line)
        sign = self._sign(values, OPENING, line)
        opened_on, closed_on = parse_day(values["opened_on"]), parse_day(values["closed_on"])
        if opened_on is None or closed_on is None:
            self.findings.fault(
                Code.MISSING_FIELD, OPENING.place(line, "opened_on"), expected="the days of the statement"
            )
            return
        if not values["balance"]:
            self.findings.fault(Code.MISSING_FIELD, OPENING.place(line, "balance"), expected="an opening balance")
            return
        if not currency or not sign:
            return
        opening = implied(
            sign * int(values["balance"]), _DECIMALS, currency, OPENING.place(line, "balance"), self.findings
        )
        numbers = (values["entity"], values["office"], values["account"])
        digits = ccc.calc_check_digits("".join((numbers[0], numbers[1], "00", numbers[2])))
        iban = iban_of("ES", f"{numbers[0]}{numbers[1]}{digits}{numbers[2]}", "/".join(numbers))
        if opening is None:
            return
        name = self.names.statement_id(iban, currency, opened_on.isoformat(), closed_on.isoformat())
        self.open = _Open(numbers, currency, Account(name, iban, self.names, opening, opened_on), closed_on)

    def _currency(self, values: dict[str, str], layout: Layout, line: Line) -> str:
        currency = _CURRENCIES.get(values["currency"], "")
        if not currency:
            place = layout.place(line, "currency")
            self.findings.fault(
                Code.BAD_VALUE, place, expected="an ISO 4217 number such as 978", actual=values["currency"]
            )
        return currency

    def _sign(self, values: dict[str, str], layout: Layout, line: Line) -> int:
        sign = _SIGNS.get(values["sign"], 0)
        if not sign:
            expected = "1 (debit) or 2 (credit)"
            self.findings.fault(Code.BAD_VALUE, layout.place(line, "sign"), expected=expected, actual=values["sign"])
        return sign

    def _flush(self) -> Iterator[Record]:
        """The entry is complete: no complement follows any more."""
        if self.open is None or self.open.entry is None:
            return
        entry, self.open.entry = self.open.entry, None
        values, line = entry.values, entry.line
        sign = self._sign(values, ENTRY, line)
        booked_on = parse_day(values["booked_on"])
        if booked_on is None or not values["amount"]:
            name = "amount" if booked_on else "booked_on"
            self.findings.fault(Code.MISSING_FIELD, ENTRY.place(line, name), expected="a booking day and an amount")
            return
        if not sign:
            return
        digits = int(values["amount"])
        self.open.counts[sign] += 1
        self.open.sums[sign] += digits
        place = ENTRY.place(line, "amount")
        amount = implied(sign * digits, _DECIMALS, self.open.currency, place, self.findings)
        if amount is None:
            return
        if values["concept"] not in self.concepts and values["concept"] not in self.told:
            self.told.add(values["concept"])
            expected = "a common concept of Norma 43"
            self.findings.note(
                Code.UNKNOWN_CODE, ENTRY.place(line, "concept"), expected=expected, actual=values["concept"]
            )
        references = [reference(values[name]) for name in ("document", "reference_1", "reference_2")]
        bank_reference = next((text for text in references if text), "")
        more = (text for text in references if text and text != bank_reference)
        yield from self.open.account.add(
            StatementEntry(
                entry_id=self.open.account.next_entry_id,
                amount=amount,
                booked_on=booked_on,
                value_on=parse_day(values["value_on"]),
                bank_reference=bank_reference,
                remittance=short(" ".join([*entry.texts, *more])),
                return_reason=f"AEB {values['concept']}" if values["concept"] in _RETURNS else "",
                type_code=f"AEB {values['concept']}/{values['own_concept']}".removesuffix("/"),
            )
        )

    def _end(self, values: dict[str, str], line: Line) -> Iterator[Record]:
        """``33``: what the account closes with, and its totals."""
        if self.open is None:
            return
        account, self.open = self.open, None
        if (values["entity"], values["office"], values["account"]) != account.numbers:
            actual = "/".join((values["entity"], values["office"], values["account"]))
            self.findings.fault(
                Code.BAD_VALUE, CLOSING.place(line, "entity"), expected="/".join(account.numbers), actual=actual
            )
            return
        currency = self._currency(values, CLOSING, line)
        sign = self._sign(values, CLOSING, line)
        for side, name in ((-1, "debits"), (1, "credits")):
            self._prove(f"number of {name}", values[name], account.counts[side], CLOSING.place(line, name))
            where = CLOSING.place(line, f"{name}_sum")
            self._prove(f"sum of {name}", values[f"{name}_sum"], account.sums[side], where)
        if not currency or not sign or not values["balance"]:
            if not values["balance"]:
                self.findings.fault(Code.MISSING_FIELD, CLOSING.place(line, "balance"), expected="a closing balance")
            return
        where = CLOSING.place(line, "balance")
        closing = implied(sign * int(values["balance"]), _DECIMALS, currency, where, self.findings)
        if closing is None:
            return
        yield from account.account.close(closing, account.closed_on, where, self.findings)

    def _prove(self, name: str, declared: str, computed: int, where: str) -> None:
        self.findings.claim(name, where, declared, str(computed), declared == str(computed))
