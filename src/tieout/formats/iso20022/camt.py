"""Account statements (camt.053), notifications (camt.054) and interim reports (camt.052), all versions, in one pass.

A camt.053 becomes one :class:`BankStatement` for each ``Stmt`` (a long one several, see :mod:`.statement`), proved by
its own arithmetic: opening balance and booked entries give the closing balance. Arithmetic is the gate, not the schema:
real files leave out ``CdtDbtInd`` of balances, ``Sts`` and booking dates, and still balance; what is missing is filled
in, told, and then proved.

* Entries that are not booked are no part of the proof. They, and all entries of camt.054 and camt.052, become
  :class:`EntriesNotified`: earlier word of what a statement will prove.
* An entry that stands for several transactions is taken apart when the signed amounts of its ``TxDtls`` sum to it;
  otherwise it stays one entry, and that is told.
* ``CdtDbtInd`` is the direction of the entry itself, also of a reversal (``RvslInd``); it is never turned round. A
  reversal without a return reason gets the reason :data:`REVERSAL`.
* Amounts in other currencies beside an entry (``InstdAmt``, ``CntrValAmt``) are no part of the account's arithmetic.
"""

import re
from collections.abc import Iterator
from datetime import date
from functools import lru_cache
from typing import Any

from tieout.formats import fields
from tieout.formats.codes import load
from tieout.formats.iso20022.entry_texts import REVERSAL, DetailTexts, EntryTexts, detail_texts, entry_texts
from tieout.formats.iso20022.envelope import note_if_duplicate
from tieout.formats.iso20022.recurring import Recurring, Seen
from tieout.formats.iso20022.statement import (
    BOOKED,
    NOTIFICATION,
    PARTS,
    REPORT,
    STATEMENT,
    Part,
    Record,
    note_more_pages,
    signed_amount,
)
from tieout.formats.reading import Context, Findings
from tieout.formats.source import Source
from tieout.formats.xml import Element, elements, local, pieces
from tieout.kernel.money import Money, is_currency, minor_digits, total
from tieout.kernel.problem import Code, Problem
from tieout.model.documents import StatementEntry

__all__ = ["NOTIFICATION", "REPORT", "REVERSAL", "STATEMENT", "read_camt"]

_STATUSES = load("iso_entry_status")
_RETURN_REASONS = load("iso_return_reason")
#: What an ISO reason looks like; anything else is the bank's own word.
_REASON = re.compile(r"[A-Z]{2}[A-Z0-9]{2}", re.ASCII)
#: What senders write where a reference is mandatory and there is none.
_NO_REFERENCE = {"", "NOTPROVIDED", "NOT PROVIDED", "NONREF"}
_PLAIN = re.compile(r"([0-9]{1,15})(?:\.([0-9]{1,4}))?", re.ASCII)
_DIRECTIONS = {"CRDT": 1, "DBIT": -1}


def read_camt(source: Source, context: Context, findings: Findings) -> Iterator[Record]:
    """Read one camt.053, camt.054 or camt.052 message."""
    recurring = Recurring()
    part = Part(1, context, findings)
    details: list[DetailTexts] = []
    has_part = False
    text = recurring.thinned(pieces(source, context.limits))
    for element in elements(text, ("TxDtls", "Ntry", *PARTS, "GrpHdr", "PssblDplct")):
        if isinstance(element, Problem):
            findings.refuse(element)
            return
        match local(element):
            case "TxDtls" if _is_inside(element, "NtryDtls", "Ntry"):
                details.append(detail_texts(element))
            case "Ntry" if _is_inside(element, *PARTS):
                for seen in recurring.of(element) or (Seen(entry_texts(element), details),):
                    _Entry(seen, element, part, findings).add()
                    if part.is_full:
                        yield from part.pages(element)
                if details:
                    details = []
            case "GrpHdr":
                note_more_pages(element, "MsgPgntn", findings)
            case "PssblDplct":
                note_if_duplicate(element, findings)
            case name if name in PARTS:
                has_part = True
                yield from part.end(element)
                part = Part(part.number + 1, context, findings)
            case name:
                where = f"line {element.sourceline}"
                findings.fault(Code.BAD_VALUE, where, actual=name, detail="an element where it does not belong")
    if not has_part:
        expected = "a statement, a notification or a report (Stmt, Ntfctn, Rpt)"
        findings.fault(Code.MISSING_FIELD, "line 1", expected=expected)


def _is_inside(element: Element, *names: str) -> bool:
    parent = element.getparent()
    return parent is not None and local(parent) in names


# ── one entry ──────────────────────────────────────────────────────────────────────────────────────────────────────


class _Entry:
    """``Ntry``, one line of the statement, or the transactions that it stands for."""

    def __init__(self, seen: Seen, element: Element, part: Part, findings: Findings) -> None:
        self.texts, self.details, self.lines = seen
        self.element = element
        self.part = part
        self.findings = findings
        self.is_reversal = self.texts.is_reversal in ("true", "1")

    def where(self, field: str = "") -> str:
        """Where it stands, for people: ``Stmt[1]/Ntry[3]/Amt, line 40``."""
        name = f"{self.part.kind}[{self.part.number}]/Ntry[{self.part.entry_count}]"
        first: Any = self.element.sourceline  # a number, which its type stub does not know
        line = f"line {first + self.lines}"
        return f"{name}/{field}, {line}" if field else f"{name}, {line}"

    def add(self) -> None:
        """Add it to its part, or tell why that cannot be."""
        part, texts = self.part, self.texts
        part.begin_entry(self.element)
        amount = self._amount()
        if amount is None:
            return
        status = self._status()
        value_on = self._day(texts.valued_on, "ValDt")
        booked_on = self._day(texts.booked_on, "BookgDt") or value_on or self._day_of_the_part()
        if booked_on is None:
            self.findings.fault(Code.MISSING_FIELD, self.where("BookgDt"), expected="a day")
            return
        self._note_charges()
        entry_id = f"{part.id}/{part.entry_count}"
        days = (booked_on, value_on)
        if amounts := self._detail_amounts(amount):
            pairs = enumerate(zip(self.details, amounts, strict=True), start=1)
            made = [self._made(f"{entry_id}.{number}", one, each, days, status) for number, (one, each) in pairs]
        else:
            made = [self._made(entry_id, self.details[0] if len(self.details) == 1 else None, amount, days, status)]
        part.add(made, amount, is_reversal=self.is_reversal)

    def _amount(self) -> Money | None:
        """The signed amount. Without a direction of its own the entry has that of its transactions, if they agree."""
        texts, findings = self.texts, self.findings
        money = _plain_money(texts.amount, texts.currency)
        if money is None:
            money = fields.read_money(texts.amount, texts.currency, self.where("Amt"), findings)
            if money is not None and money.minor < 0:
                expected = "no sign; CdtDbtInd has it"
                findings.fault(Code.BAD_VALUE, self.where("Amt"), expected=expected, actual=texts.amount)
                return None
        direction = texts.direction
        if not direction and len(of_details := {detail.direction for detail in self.details}) == 1:
            direction = of_details.pop()
            if direction in _DIRECTIONS:
                findings.assume("the direction of an entry", "that of its transactions", self.where("CdtDbtInd"))
        if money is not None and direction in _DIRECTIONS:
            return money if direction == "CRDT" else -money
        return signed_amount(money, direction, self.where("CdtDbtInd"), findings)

    def _status(self) -> str:
        """A missing status is that of most entries in a message of this kind."""
        status = self.texts.status
        if not status:
            status = BOOKED if self.part.kind == "Stmt" else "INFO"
            self.findings.assume("the status of an entry", status, self.where("Sts"))
        elif status not in _STATUSES:
            expected = " ".join(sorted(_STATUSES.codes))
            self.findings.note(Code.UNKNOWN_CODE, self.where("Sts"), expected=expected, actual=status)
        return status

    def _day(self, text: str, name: str) -> date | None:
        """A day or moment; a wrong one is told and then missing."""
        if not text:
            return None
        day = _day_of(text)
        return fields.read_day(text, self.where(name), self.findings) if day is None else day

    def _day_of_the_part(self) -> date | None:
        value = "the day of the closing balance or of the message"
        self.findings.assume("the booking date", value, self.where("BookgDt"))
        return self.part.day_for_undated(self.element)

    def _note_charges(self) -> None:
        """``Chrgs``: what the bank kept for itself is in the amounts, and not told apart from them by us."""
        if self.part.has_charges:
            return
        charged: list[EntryTexts | DetailTexts] = [self.texts, *self.details]
        for texts in charged:
            if texts.charges.strip("0."):
                self.part.has_charges = True
                detail = "charges are part of the entries' amounts; more of them in this part are not listed"
                actual = f"{texts.charges} {texts.charges_currency}"
                self.findings.note(Code.UNSUPPORTED_CONTENT, self.where("Chrgs"), actual=actual, detail=detail)
                return

    def _detail_amounts(self, amount: Money) -> list[Money]:
        """The signed amounts of the transactions if they sum to the entry, else nothing."""
        if len(self.details) < 2:
            return []
        amounts = [money for detail in self.details if (money := _detail_amount(detail, amount)) is not None]
        summed = total(amounts, amount.currency)
        if len(amounts) == len(self.details) and summed == amount:
            return amounts
        detail_text = f"its {len(self.details)} transactions do not sum to it; it is kept as one entry"
        actual = str(summed) if len(amounts) == len(self.details) else "no amounts in its currency"
        where, expected = self.where(), str(amount)
        self.findings.note(Code.TOTALS_DISAGREE, where, expected=expected, actual=actual, detail=detail_text)
        return []

    def _made(
        self, entry_id: str, detail: DetailTexts | None, amount: Money, days: tuple[date, date | None], status: str
    ) -> StatementEntry:
        """One entry of the canonical statement. The other side of money out is the creditor, of money in the debtor."""
        texts = self.texts
        reason = REVERSAL if self.is_reversal else ""
        if detail is None:
            return StatementEntry(
                entry_id=entry_id,
                amount=amount,
                booked_on=days[0],
                value_on=days[1],
                status=status,
                bank_reference=_short(texts.reference),
                remittance=_short(f"{texts.text} {texts.batch}"),
                return_reason=reason,
                type_code=texts.type_code,
            )
        far = (detail.creditor, detail.creditor_account)
        near = (detail.debtor, detail.debtor_account)
        if amount.minor >= 0:
            far, near = near, far
        name, account = far if far != ("", "") or not self.is_reversal else near
        if detail.return_reason:
            reason = self._known_reason(_short(detail.return_reason))
        end_to_end_id = detail.end_to_end_id
        return StatementEntry(
            entry_id=entry_id,
            amount=amount,
            booked_on=days[0],
            value_on=days[1],
            status=status,
            end_to_end_id="" if end_to_end_id.upper() in _NO_REFERENCE else _short(end_to_end_id),
            bank_reference=_short(detail.reference or texts.reference),
            counterparty=_short(name),
            counterparty_iban=account[: fields.TEXT_MAX],
            remittance=_short(detail.remittance or texts.text),
            return_reason=reason,
            type_code=detail.type_code or texts.type_code,
        )

    def _known_reason(self, reason: str) -> str:
        if _REASON.fullmatch(reason) and reason not in _RETURN_REASONS:
            self.findings.note(Code.UNKNOWN_CODE, self.where("RtrInf/Rsn"), actual=reason, detail="handed on as it is")
        return reason


def _detail_amount(detail: DetailTexts, whole: Money) -> Money | None:
    """The signed amount of a transaction in the currency of its entry, whose direction it has unless it says so."""
    money = _plain_money(detail.amount, detail.currency)
    direction = detail.direction or ("DBIT" if whole.minor < 0 else "CRDT")
    if money is None or direction not in _DIRECTIONS or money.currency != whole.currency:
        return None
    return money if direction == "CRDT" else -money


def _plain_money(text: str, currency: str) -> Money | None:
    """The quick way for an amount as nearly all of them are written; anything else goes through the strict reader."""
    match = _PLAIN.fullmatch(text)
    digits = _digits(currency)
    if match is None or digits is None:
        return None
    decimals = match[2] or ""
    minor = int(match[1] + decimals.ljust(digits, "0"))
    return Money(minor, currency) if len(decimals) <= digits and minor <= fields.MINOR_MAX else None


@lru_cache(maxsize=1_000)
def _digits(currency: str) -> int | None:
    return minor_digits(currency) if is_currency(currency) else None


_day_of = lru_cache(maxsize=10_000)(fields.day_of)


def _short(text: str) -> str:
    """On one line and no longer than we keep; nearly all texts are so already."""
    if len(text) <= fields.TEXT_MAX and "  " not in text and text.isprintable():
        return text.strip()
    return fields.one_line(text)[: fields.TEXT_MAX]
