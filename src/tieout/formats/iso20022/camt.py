"""Account statements (camt.053), notifications (camt.054) and interim reports (camt.052), all versions, in one pass.

A camt.053 becomes one :class:`BankStatement` for each ``Stmt``, proved by its own arithmetic: opening balance and
booked entries give the closing balance. Arithmetic is the gate, not the schema: real files leave out ``CdtDbtInd`` of
balances, ``Sts`` and booking dates, and still balance; what is missing is filled in, told, and then proved.

* Entries that are not booked are no part of the proof. They, and all entries of camt.054 and camt.052, become
  :class:`EntriesNotified`: earlier word of what a statement will prove.
* An entry that stands for several transactions is taken apart when the signed amounts of its ``TxDtls`` sum to it;
  otherwise it stays one entry, and that is told.
* ``CdtDbtInd`` is the direction of the entry itself, also of a reversal (``RvslInd``); it is never turned round. A
  reversal without a return reason gets the reason :data:`REVERSAL`.
"""

from collections.abc import Iterable, Iterator
from datetime import date

from msgspec import Struct, field

from tieout.formats import fields
from tieout.formats.reading import Context, Findings
from tieout.formats.source import Source
from tieout.formats.xml import Element, child, children, leaves, local, stream, text_at
from tieout.kernel.money import Money, total
from tieout.kernel.problem import Code, Problem
from tieout.model.documents import BankStatement, StatementEntry
from tieout.model.facts import EntriesNotified
from tieout.model.identity import normal_tax_id

STATEMENT, NOTIFICATION, REPORT = "camt.053", "camt.054", "camt.052"
REVERSAL = "RvslInd"

#: The parts of each kind of message, by the element that holds them.
PARTS = {"Stmt": STATEMENT, "Ntfctn": NOTIFICATION, "Rpt": REPORT}
_BOOKED = "BOOK"
_STATUSES = {_BOOKED, "PDNG", "INFO", "FUTR"}
_OPENING, _CLOSING, _INTERIM = ("OPBD", "PRCD"), ("CLBD",), "ITBD"
#: What senders write where a reference is mandatory and there is none.
_NO_REFERENCE = {"", "NOTPROVIDED", "NOT PROVIDED", "NONREF"}

Record = BankStatement | EntriesNotified
Leaves = dict[str, str]


class _Detail(Struct, frozen=True):
    """``TxDtls``, one transaction of an entry, as texts; judged when its entry ends."""

    amount: str
    currency: str
    direction: str
    end_to_end_id: str
    reference: str
    debtor: tuple[str, str]
    creditor: tuple[str, str]
    remittance: str
    return_reason: str


class _Part(Struct):
    """A statement, notification or report while its entries go by."""

    number: int
    details: list[_Detail] = field(default_factory=list)
    entries: list[StatementEntry] = field(default_factory=list)
    entry_count: int = 0
    day: date | None = None


class _Balance(Struct, frozen=True):
    """``Bal``, a booked balance: its ISO code, signed amount and day."""

    code: str
    amount: Money
    day: date | None


def read_camt(source: Source, context: Context, findings: Findings) -> Iterator[Record]:
    """Read one camt.053, camt.054 or camt.052 message."""
    part = _Part(1)
    kind = ""
    for element in stream(source.whole(), ("TxDtls", "Ntry", *PARTS, "GrpHdr"), context.limits):
        if isinstance(element, Problem):
            findings.refuse(element)
            return
        match local(element):
            case "TxDtls" if _is_inside(element, "NtryDtls", "Ntry"):
                part.details.append(_detail(element))
            case "Ntry" if _is_inside(element, *PARTS):
                _entry(element, part, findings)
                part.details = []
            case "GrpHdr":
                _check_pages(element, "MsgPgntn", findings)
            case name if name in PARTS:
                kind = PARTS[name]
                yield from _finish(element, part, kind, findings, context)
                part = _Part(part.number + 1)
            case name:
                where = f"line {element.sourceline}"
                findings.fault(Code.BAD_VALUE, where, actual=name, detail="an element where it does not belong")
    if not kind:
        findings.fault(
            Code.MISSING_FIELD, "line 1", expected="a statement, a notification or a report (Stmt, Ntfctn, Rpt)"
        )


def _is_inside(element: Element, *names: str) -> bool:
    parent = element.getparent()
    return parent is not None and local(parent) in names


# ── transactions ───────────────────────────────────────────────────────────────────────────────────────────────────


def _detail(element: Element) -> _Detail:
    """Version 2 has the amount only under ``AmtDtls``; later ones have it directly."""
    found = leaves(element)
    amount = "Amt" if "Amt" in found else "AmtDtls/TxAmt/Amt"
    return _Detail(
        amount=found.get(amount, ""),
        currency=found.get(f"{amount}@Ccy", ""),
        direction=found.get("CdtDbtInd", ""),
        end_to_end_id=_reference(found.get("Refs/EndToEndId", "")),
        reference=found.get("Refs/AcctSvcrRef", "") or found.get("Refs/TxId", ""),
        debtor=_party(found, "RltdPties/Dbtr"),
        creditor=_party(found, "RltdPties/Cdtr"),
        remittance=_remittance(child(element, "RmtInf")) or _short(found.get("AddtlTxInf", "")),
        return_reason=_return_reason(found),
    )


def _short(text: str) -> str:
    return fields.one_line(text)[: fields.TEXT_MAX]


def _first(found: Leaves, *paths: str) -> str:
    """The first text that is there."""
    return next((text for path in paths if (text := found.get(path))), "")


def _reference(text: str) -> str:
    return "" if text.upper() in _NO_REFERENCE else _short(text)


def _party(found: Leaves, role: str) -> tuple[str, str]:
    """Name and account of the other side. Since version 8 the party stands under ``Pty``."""
    return _short(_first(found, f"{role}/Nm", f"{role}/Pty/Nm")), _account(found, f"{role}Acct/Id")


def _account(found: Leaves, path: str) -> str:
    """The IBAN or, failing that, another number: ``Othr`` since version 2, ``BBAN`` and ``PrtryAcct`` before."""
    paths = (f"{path}/IBAN", f"{path}/Othr/Id", f"{path}/BBAN", f"{path}/PrtryAcct/Id")
    return _first(found, *paths)[: fields.TEXT_MAX]


def _remittance(information: Element | None) -> str:
    """What the payer wrote: free text, creditor references and invoice numbers, in that order."""
    said = [text_at(part) for part in children(information, "Ustrd")]
    for structured in children(information, "Strd"):
        said.append(text_at(structured, "CdtrRefInf", "Ref"))
        said += [text_at(document, "Nb") for document in children(structured, "RfrdDocInf")]
        said += [text_at(part) for part in children(structured, "AddtlRmtInf")]
    return _short(" ".join(text for text in said if text))


def _return_reason(found: Leaves) -> str:
    """``RtrInf``: the money came back, and why (an ISO external code such as ``AC04``)."""
    if "RtrInf" not in found:
        return ""
    return _short(_first(found, "RtrInf/Rsn/Cd", "RtrInf/Rsn/Prtry", "RtrInf/AddtlInf")) or REVERSAL


# ── entries ────────────────────────────────────────────────────────────────────────────────────────────────────────


def _entry(element: Element, part: _Part, findings: Findings) -> None:
    """``Ntry``, one line of the statement, or the transactions that it stands for."""
    part.entry_count += 1
    container = element.getparent()
    assert container is not None
    found = leaves(element)
    kind = local(container)
    where = f"{kind}[{part.number}]/Ntry[{part.entry_count}]"
    amount = _entry_amount(found, part.details, where, findings)
    if amount is None:
        return
    status = _status(found, PARTS[kind], where, findings)
    value_on = _day(found, "ValDt", where, findings)
    booked_on = _day(found, "BookgDt", where, findings) or value_on
    if booked_on is None:
        part.day = part.day or _closing_day(container)
        booked_on = part.day
        findings.assume("the booking date", "the day of the closing balance or of the message", f"{where}/BookgDt")
    if booked_on is None:
        findings.fault(Code.MISSING_FIELD, f"{where}/BookgDt", expected="a day")
        return
    common = _Common(found, status, booked_on, value_on)
    entry_id = f"{text_at(container, 'Id')}/{part.entry_count}"
    amounts = _detail_amounts(amount, part.details, where, findings)
    if len(amounts) > 1:
        pairs = enumerate(zip(part.details, amounts, strict=True), start=1)
        part.entries += [common.entry(f"{entry_id}.{number}", *pair) for number, pair in pairs]
    else:
        part.entries.append(common.entry(entry_id, part.details[0] if len(part.details) == 1 else None, amount))


def _entry_amount(found: Leaves, details: list[_Detail], where: str, findings: Findings) -> Money | None:
    """The signed amount. Without a direction of its own the entry has that of its transactions, if they have one."""
    text = found.get("Amt", "")
    money = fields.read_money(text, found.get("Amt@Ccy", ""), f"{where}/Amt", findings)
    if money is not None and money.minor < 0:
        findings.fault(Code.BAD_VALUE, f"{where}/Amt", expected="no sign; CdtDbtInd has it", actual=text)
        return None
    direction = found.get("CdtDbtInd", "")
    of_details = {detail.direction for detail in details}
    if not direction and len(of_details) == 1 and of_details <= {"CRDT", "DBIT"}:
        direction = of_details.pop()
        findings.assume("the direction of an entry", "that of its transactions", f"{where}/CdtDbtInd")
    return _signed(money, direction, f"{where}/CdtDbtInd", findings)


def _signed(money: Money | None, direction: str, where: str, findings: Findings) -> Money | None:
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


def _status(found: Leaves, kind: str, where: str, findings: Findings) -> str:
    """``<Sts>BOOK</Sts>`` up to version 7, ``<Sts><Cd>BOOK</Cd></Sts>`` since version 8."""
    status = _first(found, "Sts/Cd", "Sts/Prtry", "Sts")
    if not status:
        status = _BOOKED if kind == STATEMENT else "INFO"
        findings.assume("the status of an entry", status, f"{where}/Sts")
    elif status not in _STATUSES:
        findings.note(Code.UNKNOWN_CODE, f"{where}/Sts", expected=" ".join(sorted(_STATUSES)), actual=status)
    return status


def _day(found: Leaves, path: str, where: str, findings: Findings) -> date | None:
    """``Dt`` or ``DtTm`` under a choice of both; a wrong one is told and then missing."""
    if path not in found:
        return None
    return fields.read_day(_first(found, f"{path}/Dt", f"{path}/DtTm"), f"{where}/{path}", findings)


def _closing_day(container: Element) -> date | None:
    """A day for entries without one: of the closing balance, the end of the period, or the making of the message."""
    days = {text_at(bal, "Tp", "CdOrPrtry", "Cd"): bal for bal in children(container, "Bal")}
    closing = next((days[code] for code in (*_CLOSING, _INTERIM) if code in days), None)
    texts = (
        text_at(closing, "Dt", "Dt"),
        text_at(closing, "Dt", "DtTm"),
        text_at(container, "FrToDt", "ToDtTm"),
        text_at(container, "CreDtTm"),
    )
    return next((day for text in texts if text and (day := fields.day_of(text))), None)


def _detail_amounts(amount: Money, details: list[_Detail], where: str, findings: Findings) -> list[Money]:
    """The signed amounts of the transactions if they sum to the entry, else nothing."""
    if len(details) < 2:
        return []
    ignored = Findings()
    amounts: list[Money] = []
    for detail in details:
        money = fields.read_money(detail.amount, detail.currency, where, ignored)
        direction = detail.direction or ("DBIT" if amount.minor < 0 else "CRDT")
        signed = _signed(money, direction, where, ignored)
        if signed is not None and signed.currency == amount.currency:
            amounts.append(signed)
    summed = total(amounts, amount.currency)
    if len(amounts) == len(details) and summed == amount:
        return amounts
    detail_text = f"its {len(details)} transactions do not sum to it; it is kept as one entry"
    actual = str(summed) if len(amounts) == len(details) else "no amounts in its currency"
    findings.note(Code.TOTALS_DISAGREE, where, expected=str(amount), actual=actual, detail=detail_text)
    return []


class _Common:
    """What all transactions of an entry share."""

    def __init__(self, found: Leaves, status: str, booked_on: date, value_on: date | None) -> None:
        self.status = status
        self.booked_on = booked_on
        self.value_on = value_on
        self.reference = _first(found, "AcctSvcrRef", "NtryRef")
        self.remittance = _short(found.get("AddtlNtryInf", ""))
        self.is_reversal = found.get("RvslInd") in ("true", "1")

    def entry(self, entry_id: str, detail: _Detail | None, amount: Money) -> StatementEntry:
        """One entry of the canonical statement. The other side of money out is the creditor, of money in the debtor."""
        name, account = "", ""
        if detail:
            near, far = (detail.debtor, detail.creditor) if amount.minor < 0 else (detail.creditor, detail.debtor)
            name, account = far if far != ("", "") else (near if self.is_reversal else ("", ""))
        return StatementEntry(
            entry_id=entry_id,
            amount=amount,
            booked_on=self.booked_on,
            value_on=self.value_on,
            status=self.status,
            end_to_end_id=detail.end_to_end_id if detail else "",
            bank_reference=(detail.reference if detail else "") or self.reference,
            counterparty=name,
            counterparty_iban=account,
            remittance=(detail.remittance if detail else "") or self.remittance,
            return_reason=(detail.return_reason if detail else "") or (REVERSAL if self.is_reversal else ""),
        )


# ── statements ─────────────────────────────────────────────────────────────────────────────────────────────────────


def _finish(element: Element, part: _Part, kind: str, findings: Findings, context: Context) -> Iterator[Record]:
    """``Stmt``, ``Ntfctn`` or ``Rpt`` has ended: its entries are known, what is left of it is its head."""
    where = f"{local(element)}[{part.number}]"
    part_id = text_at(element, "Id")
    if not part_id:
        findings.fault(Code.MISSING_FIELD, f"{where}/Id")
    acct = child(element, "Acct")
    account = _account(leaves(acct), "Id") if acct is not None else ""
    if not account:
        findings.fault(Code.MISSING_FIELD, f"{where}/Acct/Id", expected="an IBAN or another account number")
    _check_summary(element, part, where, findings)
    if text_at(element, "CpyDplctInd") in ("DUPL", "CODU"):
        detail = "the bank says that it sent this before"
        findings.note(Code.UNSUPPORTED_CONTENT, f"{where}/CpyDplctInd", actual="duplicate", detail=detail)
    booked = tuple(entry for entry in part.entries if entry.status == _BOOKED)
    if kind == STATEMENT:
        _check_pages(element, "StmtPgntn", findings)
        yield from _statement(element, (part_id, account), booked, where, findings)
    notified = tuple(part.entries) if kind != STATEMENT else tuple(_set_apart(part.entries, booked))
    if notified:
        known = {normal_tax_id(iban): entity for iban, entity in context.entities_by_iban.items()}
        yield EntriesNotified(iban=account, entity=known.get(normal_tax_id(account), ""), entries=notified)


def _set_apart(entries: Iterable[StatementEntry], booked: Iterable[StatementEntry]) -> Iterator[StatementEntry]:
    """The entries of a statement that are not booked."""
    ids = {entry.entry_id for entry in booked}
    return (entry for entry in entries if entry.entry_id not in ids)


def _statement(
    element: Element, names: tuple[str, str], booked: tuple[StatementEntry, ...], where: str, findings: Findings
) -> Iterator[BankStatement]:
    """A statement with both balances, and whether the entries lead from one to the other."""
    balances = list(_balances(element, where, findings))
    opening = next((balance for code in _OPENING for balance in balances if balance.code == code), None)
    closing = next((balance for code in _CLOSING for balance in reversed(balances) if balance.code == code), None)
    interim = [balance for balance in balances if balance.code == _INTERIM]
    opening, closing = opening or (interim[0] if interim else None), closing or (interim[-1] if interim else None)
    if opening is None or closing is None:
        missing = "opening (OPBD, PRCD)" if opening is None else "closing (CLBD)"
        detail = "without both balances a statement proves nothing"
        findings.fault(Code.MISSING_FIELD, f"{where}/Bal", expected=f"a booked {missing} balance", detail=detail)
        return
    currency = opening.amount.currency
    strangers = [money for money in (closing.amount, *(entry.amount for entry in booked)) if money.currency != currency]
    if strangers:
        actual = f"{strangers[0]} and {len(strangers) - 1} more"
        findings.fault(Code.CURRENCY_MISMATCH, where, expected=f"all amounts in {currency}", actual=actual)
        return
    computed = opening.amount + total((entry.amount for entry in booked), currency)
    name = "opening balance + booked entries = closing balance"
    findings.claim(name, where, str(closing.amount), str(computed), closing.amount == computed)
    opened_on = fields.day_of(text_at(element, "FrToDt", "FrDtTm")) or opening.day or closing.day
    closed_on = closing.day or fields.day_of(text_at(element, "FrToDt", "ToDtTm")) or opening.day
    if opened_on is None or closed_on is None:
        findings.fault(Code.MISSING_FIELD, f"{where}/Bal/Dt", expected="the day of the balances")
        return
    yield BankStatement(
        statement_id=names[0],
        iban=names[1],
        currency=currency,
        opening=opening.amount,
        closing=closing.amount,
        opened_on=min(opened_on, closed_on),
        closed_on=closed_on,
        entries=booked,
    )


def _balances(element: Element, where: str, findings: Findings) -> Iterator[_Balance]:
    """``Bal``: the booked balances. A missing ``CdtDbtInd`` is read as credit; the arithmetic shows whether it was."""
    for number, balance in enumerate(children(element, "Bal"), start=1):
        found = leaves(balance)
        code = found.get("Tp/CdOrPrtry/Cd", "")
        if code not in (*_OPENING, *_CLOSING, _INTERIM):
            continue
        here = f"{where}/Bal[{number}]"
        direction = found.get("CdtDbtInd", "")
        if not direction:
            findings.assume("the direction of a balance", "CRDT", f"{here}/CdtDbtInd")
        money = fields.read_money(found.get("Amt", ""), found.get("Amt@Ccy", ""), f"{here}/Amt", findings)
        signed = _signed(money, direction or "CRDT", f"{here}/CdtDbtInd", findings)
        if signed is not None:
            yield _Balance(code, signed, _day(found, "Dt", here, findings))


def _check_summary(element: Element, part: _Part, where: str, findings: Findings) -> None:
    """``TxsSummry``: how many entries the bank says there are, and their sums."""
    summary = child(element, "TxsSummry")
    declared = text_at(summary, "TtlNtries", "NbOfNtries")
    if declared:
        holds = declared.isascii() and declared.isdigit() and declared.lstrip("0") == str(part.entry_count).lstrip("0")
        findings.claim("number of entries (NbOfNtries)", where, declared, str(part.entry_count), holds)


def _check_pages(element: Element, name: str, findings: Findings) -> None:
    """A message or statement of which more pages follow is only a part."""
    if text_at(element, name, "LastPgInd") == "false":
        detail = "more pages follow in other files; balances of pages are matched by continuity"
        findings.note(Code.UNSUPPORTED_CONTENT, f"{local(element)}/{name}", detail=detail)
