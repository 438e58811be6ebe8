"""SWIFT MT statements (940, 950), interim reports (942), confirmations (900, 910) and balance reports (941).

* A statement is what stands between an opening (``:60F:``, ``:60M:``) and a closing balance (``:62F:``, ``:62M:``);
  each one stands alone and is proved alone. Intermediate balances are the ends of pages that follow each other.
* What has no balances becomes :class:`EntriesNotified`, proved by the counts and sums it states (``:90D:``, ``:90C:``).
* ``RC`` and ``RD`` take an entry back: the amount has the sign of what that does to the account.
* What the other side wrote, and who that is, stands in ``:86:``: see :mod:`tieout.formats.bank.swift.details`.
"""

import re
from collections.abc import Iterator
from datetime import date

from msgspec import Struct, field

from tieout.formats.bank.statements import Account, Names, Record, reference, short
from tieout.formats.bank.swift.details import Details, details, numbered_lines
from tieout.formats.bank.swift.messages import Tag, tags
from tieout.formats.bank.swift.values import (
    Balance,
    StatementLine,
    read_advice,
    read_balance,
    read_floor,
    read_line,
    read_sum,
)
from tieout.formats.codes import load
from tieout.formats.format import Head
from tieout.formats.reading import Context, Findings
from tieout.formats.source import Source
from tieout.kernel.money import Money, is_currency
from tieout.kernel.problem import Code, Problem
from tieout.model.documents import StatementEntry

NAME = "swift-mt"

_BEGINNING = re.compile(
    r"^(?:\x01)?(?:\{1:|:(?:20|25P?|28[CD]?|60[FM]|61|62[FM]|64|86|13D|34F|90[CD]|NS):)", re.MULTILINE
)
#: Messages we read.
_KINDS = {"", "900", "910", "940", "941", "942", "950"}
#: Messages we know and do not read.
_STRANGERS = {
    "101": "an order to pay",
    "103": "a customer's credit transfer",
    "104": "a direct debit order",
    "202": "a transfer between banks",
    "199": "free text",
    "999": "free text",
}
#: Words in ``:61:`` that say that the reference stands in ``:86:``.
_REFERENCE_ELSEWHERE = {"EREF", "KREF", "PREF", "EREF+", "KREF+", "PREF+", "MARF", "NREF"}
_IBAN = re.compile(r"[A-Z]{2}[0-9]{2}[A-Z0-9]{11,30}")
#: An account of the Dutch giro, as it stands in the second line of an entry.
_GIRO = re.compile(r"P[0-9]{9}")
_RETURNED_ITEM = "RTI"


class _Open(Struct):
    """An entry whose details may still follow."""

    line: StatementLine
    where: str
    details: list[str] = field(default_factory=list)
    numbered: list[str] = field(default_factory=list)


class _Message(Struct):
    """One message while its fields go by."""

    kind: str
    where: str
    reference: str = ""
    related: str = ""
    account: str = ""
    number: str = ""
    stamp: str = ""
    currency: str = ""
    opening: Balance | None = None
    closing: Balance | None = None
    closing_where: str = ""
    advice: tuple[date, Money] | None = None
    party: str = ""
    party_account: str = ""
    has_orderer: bool = False
    open: _Open | None = None
    entries: Account | None = None
    sums: dict[str, tuple[int, Money]] = field(default_factory=dict)
    counted: dict[str, tuple[int, int]] = field(default_factory=lambda: {"C": (0, 0), "D": (0, 0)})
    is_wrong: bool = False


def recognises(head: Head) -> bool:
    """A SWIFT block, or one of the fields that statements have, at the beginning of a line."""
    return not head.is_xml and _BEGINNING.search("\n".join(head.lines)) is not None


def read_swift(source: Source, context: Context, findings: Findings) -> Iterator[Record]:
    """Read all messages of a file."""
    names = Names(context)
    reader: _Reader | None = None
    for tag in tags(source, context):
        if isinstance(tag, Problem):
            findings.refuse(tag)
            return
        if tag.kind not in _KINDS or tag.name == "28D":
            kind = tag.kind or "101"
            what = _STRANGERS.get(kind, "a message about something else")
            detail = f"this is {what}, no statement and no advice; it is not read"
            findings.fault(Code.UNSUPPORTED_CONTENT, tag.where, actual=f"MT{kind}", detail=detail)
            return
        if tag.begins or reader is None:
            if reader is not None:
                yield from reader.finish()
            reader = _Reader(_Message(tag.kind, f"line {tag.number}"), names, findings, reader)
        yield from reader.take(tag)
    if reader is None:
        findings.fault(Code.MISSING_FIELD, "line 1", expected="the fields of a SWIFT message (:20:, :25: …)")
    else:
        yield from reader.finish()


class _Reader:
    """Reads one message. It takes nothing over from the one before it but codes that were told as unknown."""

    def __init__(self, message: _Message, names: Names, findings: Findings, before: "_Reader | None") -> None:
        self.message = message
        self.names = names
        self.findings = findings
        self.types, self.gvc = load("swift_types"), load("gvc")
        self.told: set[str] = before.told if before else set()

    def take(self, tag: Tag) -> Iterator[Record]:
        """The next field."""
        message, text = self.message, tag.text.strip()
        match tag.name:
            case "86" | "NS":
                self._detail(tag)
                return
            case "20":
                message.reference = short(text)
            case "21":
                message.related = short(text)
            case "25" | "25P":
                self._account(text, tag)
            case "28" | "28C":
                message.number = short(text)
            case "13" | "13D":
                message.stamp = short(text)
            case "34F":
                message.currency = read_floor(text, tag.where, self.findings) or message.currency
            case "60F" | "60M":
                self._opening(text, tag)
            case "61":
                yield from self._flush()
                self._line(tag)
            case "62F" | "62M":
                yield from self._flush()
                self._closing(text, tag)
            case "90C" | "90D":
                yield from self._flush()
                if found := read_sum(text, tag.where, self.findings):
                    message.sums[tag.name[2]] = found
            case "32A":
                message.advice = read_advice(text, tag.where, self.findings)
            case "64" | "65" | "72":
                yield from self._flush()
            case name if name[:2] in ("50", "52", "56"):
                self._party(tag)
            case name:
                self.findings.note(
                    Code.UNSUPPORTED_CONTENT, tag.where, actual=text, detail=f"field {name} is not known"
                )

    # ── heads ──────────────────────────────────────────────────────────────────────────────────────────────────────

    def _account(self, text: str, tag: Tag) -> None:
        if self.message.account:
            self._wrong(tag, "one account in a message", text)
        elif not text:
            self.findings.fault(Code.MISSING_FIELD, tag.where, expected="an account")
        self.message.account = self.message.account or short(text)

    def _opening(self, text: str, tag: Tag) -> None:
        message = self.message
        if message.opening is not None or message.entries is not None:
            self._wrong(tag, "one opening balance, before the entries", text)
            return
        balance = read_balance(text, "", tag.where, self.findings)
        if balance is None:
            message.is_wrong = True
            return
        message.opening = balance
        message.currency = balance.amount.currency

    def _closing(self, text: str, tag: Tag) -> None:
        message = self.message
        if message.closing is not None:
            self._wrong(tag, "one closing balance in a message", text)
            return
        message.closing = read_balance(text, message.currency, tag.where, self.findings)
        message.closing_where = tag.where
        message.is_wrong = message.is_wrong or message.closing is None

    def _party(self, tag: Tag) -> None:
        """The ordering customer (50) or bank (52) of a confirmation: an account after a slash, then a name."""
        if tag.name.startswith("56"):
            return
        is_orderer = tag.name.startswith("50")
        if self.message.party and not is_orderer:
            return
        rows = [row.strip() for row in tag.lines if row.strip()]
        account = rows.pop(0).lstrip("/") if rows and rows[0].startswith("/") else ""
        self.message.party_account = account
        self.message.party = short(re.sub(r"^[1-8]/", "", rows[0])) if rows else ""
        self.message.has_orderer = self.message.has_orderer or is_orderer

    def _wrong(self, tag: Tag, expected: str, actual: str) -> None:
        self.message.is_wrong = True
        self.findings.fault(Code.BAD_VALUE, tag.where, expected=expected, actual=actual)

    # ── entries ────────────────────────────────────────────────────────────────────────────────────────────────────

    def _detail(self, tag: Tag) -> None:
        """What belongs to the entry before it; without one, to the whole statement, which we do not keep."""
        entry = self.message.open
        if entry is not None:
            (entry.numbered if tag.name == "NS" else entry.details).extend(tag.lines)

    def _line(self, tag: Tag) -> None:
        message = self.message
        if message.closing is not None:
            self._wrong(tag, "no entries after the closing balance", tag.text)
            return
        if message.entries is None and not self._begin(tag):
            return
        line = read_line(tag.lines, message.currency, tag.where, self.findings)
        if line is not None:
            message.open = _Open(line, tag.where)

    def _begin(self, tag: Tag) -> bool:
        """The first entry: by now the account, its currency and its opening balance must be known."""
        message = self.message
        if message.is_wrong:
            return False
        if not message.currency:
            expected = "an opening balance (:60F:) or a limit (:34F:) before the entries"
            self._missing(tag.where, expected)
            return False
        if not message.account:
            self._missing(tag.where, "an account (:25:)")
            return False
        opening = message.opening
        day = opening.day.isoformat() if opening and opening.day else message.stamp
        number = message.number if message.number.strip("0/ ") else ""
        interim = "" if opening else "interim"
        account = account_name(message.account, message.currency)
        name = self.names.statement_id(account, interim, day, number or message.reference)
        message.entries = Account(
            name, account, self.names, opening.amount if opening else None, opening.day if opening else None
        )
        return True

    def _missing(self, where: str, expected: str) -> None:
        self.message.is_wrong = True
        self.findings.fault(Code.MISSING_FIELD, where, expected=expected)

    def _flush(self) -> Iterator[Record]:
        """The entry is complete: nothing that belongs to it follows any more."""
        message, entry = self.message, self.message.open
        message.open = None
        if entry is None or message.entries is None:
            return
        side = "D" if entry.line.amount.minor < 0 else "C"
        count, minor = message.counted[side]
        message.counted[side] = (count + 1, minor + abs(entry.line.amount.minor))
        found = details(entry.details) if entry.details else numbered_lines(entry.numbered)
        yield from message.entries.add(self._entry(entry, found, message.entries.next_entry_id))

    def _entry(self, entry: _Open, found: Details, entry_id: str) -> StatementEntry:
        line = entry.line
        account, text = _second_line(line.text)
        own = "" if line.customer_reference.upper() in _REFERENCE_ELSEWHERE else reference(line.customer_reference)
        reason = found.return_reason
        if not reason and line.type_code[1:] == _RETURNED_ITEM:
            reason = f"SWIFT {line.type_code}"
        elif not reason and line.mark.startswith("R"):
            reason = line.mark
        return StatementEntry(
            entry_id=entry_id,
            amount=line.amount,
            booked_on=line.booked_on,
            value_on=line.value_on,
            status="PDNG" if line.mark.startswith("E") else "BOOK",
            end_to_end_id=found.end_to_end_id or own or found.customer_reference,
            bank_reference=reference(line.bank_reference),
            counterparty=found.counterparty or short(line.party),
            counterparty_iban=found.account or account,
            remittance=found.remittance or short(text) or found.text,
            return_reason=reason,
            type_code=self._type_code(found.code, line.type_code, entry.where),
        )

    def _type_code(self, gvc: str, swift: str, where: str) -> str:
        """The German code says more than SWIFT's. Codes of digits are the banks' own."""
        kind = swift[1:]
        code = f"GVC {gvc}" if gvc else f"SWIFT {swift}"
        is_known = gvc in self.gvc if gvc else kind in self.types or kind.isdigit() or not kind.strip()
        if not is_known and code not in self.told:
            self.told.add(code)
            self.findings.note(Code.UNKNOWN_CODE, where, expected="a listed transaction code", actual=code)
        return code if gvc or swift else ""

    # ── ends ───────────────────────────────────────────────────────────────────────────────────────────────────────

    def finish(self) -> Iterator[Record]:
        """The message has ended."""
        yield from self._flush()
        message = self.message
        if message.is_wrong:
            return
        if not message.account:
            self._missing(message.where, "an account (:25:)")
        elif message.advice is not None:
            yield from self._confirmation(message.advice)
        elif message.opening is not None or message.closing is not None:
            yield from self._statement()
        elif message.currency:
            self._prove_sums()
            if message.entries is not None:
                yield from message.entries.notify()
        else:
            self._missing(message.where, "balances (:60F:, :62F:), a limit (:34F:) or an amount (:32A:)")

    def _statement(self) -> Iterator[Record]:
        message = self.message
        if message.opening is None or message.closing is None:
            missing = "opening balance (:60F:)" if message.opening is None else "closing balance (:62F:)"
            self._missing(message.where, f"an {missing}" if message.opening is None else f"a {missing}")
            return
        opening, closing = message.opening, message.closing
        if message.entries is None and message.sums:
            self._balance_report(opening, closing)
            return
        if message.entries is None:
            self._begin(Tag("62F", "", 0, message.kind, False))
        assert message.entries is not None
        self._prove_sums()
        day = closing.day or opening.day
        if day is None:
            self._missing(message.closing_where, "a day of the closing balance")
            return
        yield from message.entries.close(closing.amount, day, message.closing_where, self.findings)

    def _balance_report(self, opening: Balance, closing: Balance) -> None:
        """MT941: balances, and sums instead of entries. It proves itself, and has nothing to take over."""
        message = self.message
        currency = opening.amount.currency
        change = {side: sums[1] for side, sums in message.sums.items()}
        if any(money.currency != currency for money in (closing.amount, *change.values())):
            self.findings.fault(Code.CURRENCY_MISMATCH, message.where, expected=f"all amounts in {currency}")
            return
        zero = Money.zero(currency)
        computed = opening.amount + change.get("C", zero) - change.get("D", zero)
        name = "opening balance + sums of credits and debits = closing balance"
        holds = computed == closing.amount
        self.findings.claim(name, message.closing_where, str(closing.amount), str(computed), holds)
        detail = "a balance report (MT941) has no entries to take over"
        self.findings.note(Code.UNSUPPORTED_CONTENT, message.where, actual="MT941", detail=detail)

    def _prove_sums(self) -> None:
        """``:90D:`` and ``:90C:``: how many debits and credits there are, and their sums."""
        message = self.message
        for side, (count, amount) in message.sums.items():
            counted, minor = message.counted[side]
            where, word = f"{message.where}, :90{side}:", "debits" if side == "D" else "credits"
            self.findings.claim(f"number of {word}", where, str(count), str(counted), count == counted)
            computed = Money(minor, message.currency) if is_currency(message.currency) else amount
            self.findings.claim(f"sum of {word}", where, str(amount), str(computed), amount == computed)

    def _confirmation(self, advice: tuple[date, Money]) -> Iterator[Record]:
        """MT900 confirms a debit, MT910 a credit. Only the latter names who ordered it."""
        message = self.message
        kind = message.kind or ("910" if message.has_orderer else "")
        if kind not in ("900", "910"):
            self._missing(message.where, "a header block that says whether this is a debit (900) or a credit (910)")
            return
        day, amount = advice
        account = account_name(message.account, amount.currency)
        name = self.names.statement_id(account, kind, message.reference)
        entry = StatementEntry(
            entry_id=f"{name}/1",
            amount=amount if kind == "910" else -amount,
            booked_on=day,
            value_on=day,
            end_to_end_id=reference(message.related),
            bank_reference=reference(message.reference),
            counterparty=message.party,
            counterparty_iban=message.party_account,
            type_code=f"SWIFT {kind}",
        )
        notified = Account(name, account, self.names, None, day)
        yield from notified.add(entry)
        yield from notified.notify()


def account_name(text: str, currency: str) -> str:
    """The account as the bank names it, without the currency that some put behind it; an IBAN after a bank's code."""
    stem = text.removesuffix(currency).rstrip()
    name = stem if stem != text and stem[-1:].isdigit() else text
    compact = re.sub(r"\s", "", name)
    after = compact.rpartition("/")[2]
    return next((candidate for candidate in (compact, after) if _IBAN.fullmatch(candidate)), name)


def _second_line(text: str) -> tuple[str, str]:
    """The text of a statement line: an account of the other side, as Dutch banks write it there, or words."""
    first, _, rest = text.partition("\n")
    if _IBAN.fullmatch(first.strip()) or _GIRO.fullmatch(first.strip()):
        return first.strip(), rest
    return "", text
