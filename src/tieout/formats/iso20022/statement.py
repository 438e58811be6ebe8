"""What a statement, notification or report says beside its entries, and the proof that its entries are all there.

A camt.053 is proved by its own arithmetic: opening balance and booked entries give the closing balance. What the bank
declares in ``TxsSummry`` (numbers and sums of entries) is compared too.

A statement of more than :data:`PAGE` entries is handed on in pages while it is read. Each opens with what the one
before it closed with, and on the day that one closed; the last one closes with the balance that the bank declares. Our
number of the page is added to its id. That needs the opening balance before the entries, as the schema has it. Where
balances come last the entries are kept until then.
"""

from collections.abc import Iterator
from datetime import date
from decimal import Decimal

from msgspec import Struct

from tieout.formats import fields
from tieout.formats.iso20022.entry_texts import account_of, first
from tieout.formats.reading import Context, Findings
from tieout.formats.xml import Element, child, children, leaves, local, text_at
from tieout.kernel.money import EXACT, Money, minor_digits
from tieout.kernel.problem import Code
from tieout.kernel.text import parse_decimal
from tieout.model.documents import BankStatement, StatementEntry
from tieout.model.facts import EntriesNotified
from tieout.model.identity import normal_tax_id

STATEMENT, NOTIFICATION, REPORT = "camt.053", "camt.054", "camt.052"
#: The parts of each kind of message, by the element that holds them.
PARTS = {"Stmt": STATEMENT, "Ntfctn": NOTIFICATION, "Rpt": REPORT}
BOOKED = "BOOK"
#: So many entries are handed on at once.
PAGE = 5_000

#: Balances that entries lead from and to, the best first. The interim one stands between the pages of a statement.
_OPENING, _CLOSING, _INTERIM = ("OPBD", "PRCD"), ("CLBD",), "ITBD"
#: What a few banks give instead, without any booked balance. Whether they lead from one to the other is proved alike.
_AVAILABLE = {"OPAV": "OPBD", "CLAV": "CLBD"}

Record = BankStatement | EntriesNotified


class _Balance(Struct, frozen=True):
    """``Bal``, a booked balance: its ISO code, signed amount and day."""

    code: str
    amount: Money
    day: date | None


class _Tally(Struct):
    """How many entries there were, and their sums in minor units of whatever currency they have."""

    count: int = 0
    credit_count: int = 0
    credits: int = 0
    debits: int = 0

    def add(self, amount: Money) -> None:
        """One entry more, with its sign."""
        self.count += 1
        if amount.minor < 0:
            self.debits -= amount.minor
        else:
            self.credit_count += 1
            self.credits += amount.minor

    def figures(self) -> dict[str, int]:
        """By the name of the figure in ``TxsSummry``; the first three are counts."""
        return {
            "TtlNtries/NbOfNtries": self.count,
            "TtlCdtNtries/NbOfNtries": self.credit_count,
            "TtlDbtNtries/NbOfNtries": self.count - self.credit_count,
            "TtlNtries/Sum": self.credits + self.debits,
            "TtlCdtNtries/Sum": self.credits,
            "TtlDbtNtries/Sum": self.debits,
            "net": self.credits - self.debits,
        }


class Part:
    """A statement, notification or report while its entries go by. ``Stmt[2]`` is the second part of its message."""

    def __init__(self, number: int, context: Context, findings: Findings) -> None:
        self.number = number
        self.kind = ""
        self.id = ""
        self.entry_count = 0
        self.has_charges = False
        self._every = _Tally()
        self._turned = _Tally()
        self._context = context
        self._findings = findings
        self._day: date | None = None
        self._booked: list[StatementEntry] = []
        self._set_apart: list[StatementEntry] = []
        self._booked_tally = _Tally()
        self._moved: dict[str, int] = {}
        self._pages = 0
        self._balances_follow = False
        self._page_opening: Money | None = None
        self._page_opened_on: date | None = None

    # ── entries ────────────────────────────────────────────────────────────────────────────────────────────────────

    def begin_entry(self, entry: Element) -> None:
        """The next ``Ntry`` is to be added. The id of its part stands before all of them."""
        self.entry_count += 1
        if not self.kind:
            container = entry.getparent()
            assert container is not None
            self.kind, self.id = local(container), fields.one_line(text_at(container, "Id"))[: fields.TEXT_MAX]

    def day_for_undated(self, entry: Element) -> date | None:
        """A day for entries without one: of the closing balance, the end of the period, or the message's making."""
        if self._day is None:
            container = entry.getparent()
            days = {_code(leaves(balance)): balance for balance in children(container, "Bal")}
            closing = next((days[code] for code in (*_CLOSING, _INTERIM) if code in days), None)
            texts = (
                text_at(closing, "Dt", "Dt"),
                text_at(closing, "Dt", "DtTm"),
                text_at(container, "FrToDt", "ToDtTm"),
                text_at(container, "CreDtTm"),
            )
            self._day = next((day for text in texts if text and (day := fields.day_of(text))), None)
        return self._day

    def add(self, entries: list[StatementEntry], whole: Money, *, is_reversal: bool) -> None:
        """One ``Ntry``, or the transactions it stands for, whose sum it is."""
        self._every.add(whole)
        self._turned.add(-whole if is_reversal else whole)
        if entries[0].status != BOOKED:
            self._set_apart += entries
            return
        self._booked_tally.add(whole)
        if self.kind == "Stmt":
            self._booked += entries
            self._moved[whole.currency] = self._moved.get(whole.currency, 0) + whole.minor
        else:
            self._set_apart += entries

    @property
    def is_full(self) -> bool:
        """Whether there is more than a page to hand on."""
        return (len(self._booked) > PAGE and not self._balances_follow) or len(self._set_apart) > PAGE

    def pages(self, entry: Element) -> Iterator[Record]:
        """The pages that are full, if all that belongs on them is known by now."""
        container = entry.getparent()
        assert container is not None
        while len(self._booked) > PAGE and (page := self._full_page(container)):
            yield page
        while len(self._set_apart) > PAGE:
            yield self._notified(container, self._set_apart[:PAGE])
            del self._set_apart[:PAGE]

    def _full_page(self, statement: Element) -> BankStatement | None:
        """The next page, if the statement's opening balance is known by now."""
        if self._page_opening is None:
            balances = _balances(statement, "", Findings())
            opening, opened_on = _opening(balances), _opened_on(statement, balances)
            if opening is None or opened_on is None:
                self._balances_follow = True
                return None
            self._page_opening, self._page_opened_on = opening.amount, opened_on
        if set(self._moved) != {self._page_opening.currency} or not text_at(statement, "Id"):
            return None
        closed_on = max(self._page_opened_on or date.min, max(entry.booked_on for entry in self._booked[:PAGE]))
        last_day = _closed_on(statement, _balances(statement, "", Findings()))
        return self._page(statement, PAGE, None, min(closed_on, last_day or closed_on))

    def _page(self, statement: Element, size: int, closing: Money | None, closed_on: date) -> BankStatement:
        """The next entries, led from the balance where the page before ended."""
        opening, opened_on = self._page_opening, self._page_opened_on
        assert opening is not None
        entries = tuple(self._booked[:size])
        del self._booked[:size]
        is_only = self._pages == 0 and closing is not None
        self._pages += 1
        moved = sum(entry.amount.minor for entry in entries)
        closing = Money(opening.minor + moved, opening.currency) if closing is None else closing
        page = BankStatement(
            statement_id=_id(statement) if is_only else f"{_id(statement)}/{self._pages}",
            iban=_account(statement),
            currency=opening.currency,
            opening=opening,
            closing=closing,
            opened_on=min(opened_on or closed_on, closed_on),
            closed_on=closed_on,
            entries=entries,
        )
        self._page_opening, self._page_opened_on = closing, closed_on
        return page

    def _notified(self, container: Element, entries: list[StatementEntry]) -> EntriesNotified:
        account = _account(container)
        known = {normal_tax_id(iban): entity for iban, entity in self._context.entities_by_iban.items()}
        return EntriesNotified(iban=account, entity=known.get(normal_tax_id(account), ""), entries=tuple(entries))

    # ── the end ────────────────────────────────────────────────────────────────────────────────────────────────────

    def end(self, element: Element) -> Iterator[Record]:
        """``Stmt``, ``Ntfctn`` or ``Rpt`` has ended: its entries are known, what is left of it is its head."""
        findings, where = self._findings, f"{local(element)}[{self.number}]"
        line = f"line {element.sourceline}"
        if not text_at(element, "Id"):
            findings.fault(Code.MISSING_FIELD, f"{where}/Id, {line}")
        if not _account(element):
            expected = "an IBAN or another account number"
            findings.fault(Code.MISSING_FIELD, f"{where}/Acct/Id, {line}", expected=expected)
        self._prove_summary(element, f"{where}/TxsSummry, {line}")
        copy = text_at(element, "CpyDplctInd")
        if copy in ("DUPL", "CODU"):
            detail = "the bank says that it sent this before"
            findings.note(Code.UNSUPPORTED_CONTENT, f"{where}/CpyDplctInd, {line}", actual="duplicate", detail=detail)
        if local(element) == "Stmt":
            note_more_pages(element, "StmtPgntn", findings)
            yield from self._statement(element, where, line)
        if self._set_apart:
            yield self._notified(element, self._set_apart)

    def _statement(self, element: Element, where: str, line: str) -> Iterator[BankStatement]:
        """The statement, or the rest of its pages, and whether the entries lead from one balance to the other."""
        findings = self._findings
        balances = _balances(element, where, findings)
        opening, closing = _opening(balances), _closing(balances)
        if opening is None or closing is None:
            missing = "opening (OPBD, PRCD)" if opening is None else "closing (CLBD)"
            detail = "without both balances a statement proves nothing"
            expected = f"a booked {missing} balance"
            findings.fault(Code.MISSING_FIELD, f"{where}/Bal, {line}", expected=expected, detail=detail)
            return
        currency = opening.amount.currency
        strangers = sorted({closing.amount.currency, *self._moved} - {currency})
        if strangers:
            expected = f"all amounts in {currency}"
            actual = f"amounts in {', '.join(strangers)}"
            findings.fault(Code.CURRENCY_MISMATCH, f"{where}, {line}", expected=expected, actual=actual)
            return
        computed = Money(opening.amount.minor + self._moved.get(currency, 0), currency)
        name = "opening balance + booked entries = closing balance"
        holds = closing.amount == computed
        findings.claim(name, f"{where}, {line}", str(closing.amount), str(computed), holds)
        opened_on, closed_on = _opened_on(element, balances), _closed_on(element, balances)
        if opened_on is None or closed_on is None:
            findings.fault(Code.MISSING_FIELD, f"{where}/Bal/Dt, {line}", expected="the day of the balances")
            return
        if self._page_opening is None:
            self._page_opening, self._page_opened_on = opening.amount, opened_on
        while len(self._booked) > PAGE:
            yield self._page(element, PAGE, None, closed_on)
        yield self._page(element, PAGE, closing.amount, closed_on)

    def _prove_summary(self, element: Element, where: str) -> None:
        """``TxsSummry``: how many entries the bank says there are, and their sums.

        Some banks count all entries, some only the booked ones, and some take a reversal off the side that it
        reverses. A figure holds if it is one of them.
        """
        found = leaves(summary) if (summary := child(element, "TxsSummry")) is not None else {}
        every, *others = (tally.figures() for tally in (self._every, self._booked_tally, self._turned))
        currencies = {balance.amount.currency for balance in _balances(element, "", Findings())} | set(self._moved)
        digits = minor_digits(min(currencies)) if len(currencies) == 1 else 2
        for name in every:
            declared = _net(found) if name == "net" else found.get(name, "")
            if not declared:
                continue
            is_count = name.endswith("NbOfNtries")
            readings = [figures[name] for figures in (every, *others)]
            computed = [Decimal(each) if is_count else Decimal(each).scaleb(-digits, EXACT) for each in readings]
            label = _FIGURES[name]
            self._findings.claim(label, where, declared, f"{computed[0]:f}", parse_decimal(declared) in computed)


_FIGURES = {
    "TtlNtries/NbOfNtries": "number of entries (NbOfNtries)",
    "TtlCdtNtries/NbOfNtries": "number of credits (TtlCdtNtries/NbOfNtries)",
    "TtlDbtNtries/NbOfNtries": "number of debits (TtlDbtNtries/NbOfNtries)",
    "TtlNtries/Sum": "sum of entries without signs (TtlNtries/Sum)",
    "TtlCdtNtries/Sum": "sum of credits (TtlCdtNtries/Sum)",
    "TtlDbtNtries/Sum": "sum of debits (TtlDbtNtries/Sum)",
    "net": "sum of entries with signs (TtlNetNtry)",
}


def _net(found: dict[str, str]) -> str:
    """The net sum with its sign: ``TtlNetNtryAmt`` with ``CdtDbtInd`` beside it, both inside ``TtlNetNtry`` later."""
    amount = first(found, "TtlNtries/TtlNetNtry/Amt", "TtlNtries/TtlNetNtryAmt")
    direction = first(found, "TtlNtries/TtlNetNtry/CdtDbtInd", "TtlNtries/CdtDbtInd")
    return f"-{amount}" if direction == "DBIT" and amount[:1] not in ("", "-") else amount


# ── the head ───────────────────────────────────────────────────────────────────────────────────────────────────────


def _id(element: Element) -> str:
    """The bank's id of the statement; with the page number where it comes in several files, which share the id."""
    name = fields.one_line(text_at(element, "Id"))[: fields.TEXT_MAX]
    page = text_at(element, "StmtPgntn", "PgNb")
    is_split = page.isdecimal() and (text_at(element, "StmtPgntn", "LastPgInd") == "false" or int(page) > 1)
    return f"{name}/{page}" if is_split else name


def _account(element: Element) -> str:
    account = child(element, "Acct")
    return account_of(leaves(account), "Id")[: fields.TEXT_MAX] if account is not None else ""


def _code(balance: dict[str, str]) -> str:
    """``Tp/CdOrPrtry``; version 1 had the choice directly under ``Tp``."""
    return first(balance, "Tp/CdOrPrtry/Cd", "Tp/Cd", "Tp/CdOrPrtry/Prtry", "Tp/Prtry")


def _balances(element: Element, where: str, findings: Findings) -> list[_Balance]:
    """``Bal``: the booked balances, or the available ones where there are no others."""
    elements = [(number, balance, leaves(balance)) for number, balance in enumerate(children(element, "Bal"), start=1)]
    wanted = {code: code for code in (*_OPENING, *_CLOSING, _INTERIM)}
    codes = {_code(found) for _, _, found in elements}
    if not codes & wanted.keys() and codes >= _AVAILABLE.keys():
        wanted = _AVAILABLE
        findings.assume("the booked balance", "the available one (OPAV, CLAV)", f"{where}/Bal")
    found = (
        _balance(wanted[_code(texts)], texts, (f"{where}/Bal[{number}]", f"line {balance.sourceline}"), findings)
        for number, balance, texts in elements
        if _code(texts) in wanted
    )
    return [balance for balance in found if balance is not None]


def _balance(code: str, found: dict[str, str], place: tuple[str, str], findings: Findings) -> _Balance | None:
    """One balance. A missing ``CdtDbtInd`` is read as credit; the arithmetic shows whether it was."""
    here, line = place
    direction = found.get("CdtDbtInd", "")
    if not direction:
        findings.assume("the direction of a balance", "CRDT", f"{here}/CdtDbtInd, {line}")
    money = fields.read_money(found.get("Amt", ""), found.get("Amt@Ccy", ""), f"{here}/Amt, {line}", findings)
    signed = signed_amount(money, direction or "CRDT", f"{here}/CdtDbtInd, {line}", findings)
    text = first(found, "Dt/Dt", "Dt/DtTm")
    day = fields.read_day(text, f"{here}/Dt, {line}", findings) if "Dt" in found else None
    return None if signed is None else _Balance(code, signed, day)


def signed_amount(money: Money | None, direction: str, where: str, findings: Findings) -> Money | None:
    """An amount with the sign that ``CdtDbtInd`` gives it."""
    match direction:
        case "CRDT":
            return money
        case "DBIT":
            return None if money is None else -money
        case "":
            findings.fault(Code.MISSING_FIELD, where, expected="CRDT or DBIT")
        case _:
            findings.fault(Code.BAD_VALUE, where, expected="CRDT or DBIT", actual=direction)
    return None


def _opening(balances: list[_Balance]) -> _Balance | None:
    booked = next((balance for code in _OPENING for balance in balances if balance.code == code), None)
    return booked or next((balance for balance in balances if balance.code == _INTERIM and _is_page(balances)), None)


def _closing(balances: list[_Balance]) -> _Balance | None:
    last_first = balances[::-1]
    booked = next((balance for code in _CLOSING for balance in last_first if balance.code == code), None)
    return booked or next((balance for balance in last_first if balance.code == _INTERIM and _is_page(balances)), None)


def _is_page(balances: list[_Balance]) -> bool:
    """An interim balance stands for the one that is missing; alone it cannot stand for both."""
    codes = [balance.code for balance in balances]
    return codes.count(_INTERIM) > 1 or len(set(codes)) > 1


def _opened_on(element: Element, balances: list[_Balance]) -> date | None:
    """The first day: of the period or, without one, of the opening balance."""
    opening, closing = _opening(balances), _closing(balances)
    days = (opening.day if opening else None, closing.day if closing else None)
    return fields.day_of(text_at(element, "FrToDt", "FrDtTm")) or days[0] or days[1]


def _closed_on(element: Element, balances: list[_Balance]) -> date | None:
    """The last day: of the closing balance or, without one, of the period."""
    opening, closing = _opening(balances), _closing(balances)
    days = (closing.day if closing else None, opening.day if opening else None)
    return days[0] or fields.day_of(text_at(element, "FrToDt", "ToDtTm")) or days[1]


def note_more_pages(element: Element, name: str, findings: Findings) -> None:
    """A message or statement of which more pages follow is only a part."""
    if text_at(element, name, "LastPgInd") == "false":
        detail = "more pages follow in other files; balances of pages are matched by continuity"
        where = f"{local(element)}/{name}, line {element.sourceline}"
        findings.note(Code.UNSUPPORTED_CONTENT, where, detail=detail)
