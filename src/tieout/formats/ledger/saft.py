"""SAF-T Financial of Norway (1.10, 1.20, 1.30), and audit files that are built like it: Denmark's, and OECD 2.0.

* One transaction is one journal entry. Its number is unique in its journal only, so the journal stands in front
  (``AP/1042``), except for the journal ``GL``, in which we write what names no other.
* Debits are positive. Amounts are those in the currency of the ledger; a foreign amount beside them is told, not kept.
* The cost centre is the analysis whose type says so; other analyses (projects, assets) are told, not kept.
* Suppliers and customers of an audit export are no proposals for anybody's master data: they are counted, and told.

Proved are the number of entries, the totals of both sides, each entry by itself, and for each account that its opening
balance with the movements gives its closing balance. All of it in constant memory, but for the chart of accounts.
"""

from collections.abc import Iterator
from datetime import date

from msgspec import Struct

from tieout.formats import fields
from tieout.formats.codes import load
from tieout.formats.format import Format, Head
from tieout.formats.reading import Context, Findings
from tieout.formats.source import Source
from tieout.formats.xml import Element, children, local, namespace, place, stream, text_at
from tieout.kernel.money import Money, is_currency
from tieout.kernel.problem import Code, Problem
from tieout.model.documents import JournalEntry, JournalLine
from tieout.model.identity import normal_tax_id

ROOT = "AuditFile"
NAMESPACES, COST_CENTRES = load("saft_namespaces"), load("saft_cost_centres")
#: Whose files are built like Norway's; a file without any namespace is tried, too.
_READ = ("Norway", "Denmark", "OECD 2.0 (Luxembourg and others)")
#: The journal whose name is not part of an entry's id.
OWN_JOURNAL = "GL"
#: ``VoucherType`` of an entry that takes back another one, which ``VoucherDescription`` names.
REVERSAL = "Reversal"

#: What is looked at when it ends. All that can be there many times must be named, so that it is let go of.
_LOOKED_AT = ("Header", "Account", "Customer", "Supplier", "AnalysisTypeTableEntry", "JournalID", "Transaction")
_DECLARED = ("NumberOfEntries", "TotalDebit", "TotalCredit")
_LET_GO = (
    *("TaxonomyElement", "TaxTableEntry", "Product", "PhysicalStockEntry", "Owner", "Asset"),
    *("Invoice", "Payment", "StockMovement", "AssetTransaction"),
)
_SIDES = ("Debit", "Credit")


class _Account(Struct):
    """An account with its balances in minor units, as declared, and what has moved on it."""

    where: str
    opening: int | None
    closing: int | None
    moved: int = 0


def read_saft(source: Source, context: Context, findings: Findings) -> Iterator[JournalEntry]:
    """Read one audit file."""
    ledger = _Ledger(context, findings)
    for element in stream(source, (*_LOOKED_AT, *_DECLARED, *_LET_GO), context.limits):
        if isinstance(element, Problem):
            findings.refuse(element)
            return
        entry = ledger.take(element)
        if entry is not None:
            yield entry
        if ledger.is_hopeless:
            return
    ledger.finish()


class _Ledger:
    """What is known of the file so far."""

    def __init__(self, context: Context, findings: Findings) -> None:
        self.findings = findings
        self.known = {normal_tax_id(key): entity for key, entity in context.entities_by_tax_id.items()}
        self.is_hopeless = False
        self.currency = self.entity = self.journal = ""
        self.accounts: dict[str, _Account] = {}
        self.cost_centres: dict[str, bool] = {}
        self.parties = {"Customer": 0, "Supplier": 0}
        self.declared: dict[str, tuple[str, str]] = {}
        self.transactions = self.lines = self.debit = self.credit = 0
        self.foreign = ""
        self.strange: set[str] = set()
        self.unread: set[str] = set()

    def take(self, element: Element) -> JournalEntry | None:
        """What one part of the file says."""
        name, parent = local(element), element.getparent()
        above = local(parent) if parent is not None else ""
        if name == "Transaction" and above == "Journal":
            return self._transaction(element)
        if name == "JournalID" and above == "Journal":
            self.journal = fields.read_optional(element.text or "", place(element), self.findings)
        elif name == "Header" and above == ROOT:
            self._header(element)
        elif name == "Account" and above == "GeneralLedgerAccounts":
            self._account(element)
        elif name in self.parties and above == f"{name}s":
            self.parties[name] += 1
        elif name == "AnalysisTypeTableEntry":
            self._analysis_type(element)
        elif name in _DECLARED and above == "GeneralLedgerEntries":
            self.declared[name] = ((element.text or "").strip(), place(element))
        return None

    # ── header and master files ────────────────────────────────────────────────────────────────────────────────────

    def _header(self, header: Element) -> None:
        root = header.getparent()
        assert root is not None  # the header was found below it
        if (country := _country(namespace(root))) not in _READ:
            self.is_hopeless = True
            detail = f"this is an audit file of {country}, which is built otherwise and not read" if country else ""
            expected, actual = f"an audit file of {', '.join(_READ)}", namespace(root)
            self.findings.fault(Code.UNKNOWN_FORMAT, place(root), expected=expected, actual=actual, detail=detail)
            return
        self.currency = text_at(header, "DefaultCurrencyCode")
        if not is_currency(self.currency):
            self.is_hopeless = True
            where = f"{place(header)}: DefaultCurrencyCode"
            self.findings.fault(Code.BAD_VALUE, where, expected="an ISO 4217 code", actual=self.currency)
            return
        self._company(header)

    def _company(self, header: Element) -> None:
        """Which of our entities keeps these books, by its number in the register or with the tax office."""
        company = next(children(header, "Company"), None)
        names = [text_at(company, "RegistrationNumber")]
        names += [text_at(tax, "TaxRegistrationNumber") for tax in children(company, "TaxRegistration")]
        found = (self.known.get(normal_tax_id(name), "") for name in names if name)
        self.entity = next((entity for entity in found if entity), "")
        if not self.entity:
            actual = ", ".join(name for name in names if name)
            where, expected = f"{place(header)}: Company", "a company that is one of us"
            self.findings.note(Code.UNKNOWN_ENTITY, where, expected=expected, actual=actual)

    def _account(self, element: Element) -> None:
        """One account of the chart, with its balances."""
        where = place(element)
        account = fields.read_text(text_at(element, "AccountID"), f"{where}: AccountID", self.findings)
        if not self.currency:
            return  # told where the header should have been
        if account in self.accounts:
            self.findings.fault(Code.BAD_VALUE, where, actual=account, detail="an account that stood there before")
        opening, closing = (self._balance(element, kind, where) for kind in ("Opening", "Closing"))
        self.accounts[account] = _Account(f"account {account}, {where}", opening, closing)

    def _balance(self, element: Element, kind: str, where: str) -> int | None:
        """A balance in minor units: debits above zero."""
        for side, sign in zip(_SIDES, (1, -1), strict=True):
            if text := text_at(element, f"{kind}{side}Balance"):
                money = fields.read_money(text, self.currency, f"{where}: {kind}{side}Balance", self.findings)
                return sign * money.minor if money is not None else None
        return None

    def _analysis_type(self, element: Element) -> None:
        """What a type of analysis is, by its code or by what the company calls it."""
        kind = text_at(element, "AnalysisType")
        words = (kind.lower(), text_at(element, "AnalysisTypeDescription").lower())
        self.cost_centres[kind] = self.cost_centres.get(kind, False) or any(word in COST_CENTRES for word in words)

    # ── entries ────────────────────────────────────────────────────────────────────────────────────────────────────

    def _transaction(self, element: Element) -> JournalEntry | None:
        """One transaction with its lines."""
        if not self.currency:
            self.is_hopeless = True
            self.findings.fault(Code.MISSING_FIELD, place(element), expected="the Header before all entries")
            return None
        self.transactions += 1
        number = text_at(element, "TransactionID")
        where = f"Transaction {number}, line {element.sourceline}"
        number = fields.read_text(number, f"{where}: TransactionID", self.findings)
        posted_on = self._posted_on(element, where)
        found = [self._line(line, where) for line in children(element, "Line")]
        lines = tuple(line for line in found if line is not None)
        if not found:
            self.findings.fault(Code.MISSING_FIELD, where, expected="at least one Line")
        if posted_on is None or len(lines) < len(found) or not lines:
            return None
        total = sum(line.amount.minor for line in lines)
        zero, sum_of_lines = Money.zero(self.currency), Money(total, self.currency)
        self.findings.claim("the lines of an entry sum to zero", where, str(zero), str(sum_of_lines), total == 0)
        is_reversal = text_at(element, "VoucherType") == REVERSAL
        return JournalEntry(
            journal_id=number if self.journal in ("", OWN_JOURNAL) else f"{self.journal}/{number}",
            entity=self.entity,
            posted_on=posted_on,
            text=fields.read_optional(text_at(element, "Description"), where, self.findings),
            lines=lines,
            reverses=fields.one_line(text_at(element, "VoucherDescription")) if is_reversal else "",
        )

    def _posted_on(self, element: Element, where: str) -> date | None:
        """The day it counts in the ledger."""
        if text := text_at(element, "GLPostingDate"):
            return fields.read_day(text, f"{where}: GLPostingDate", self.findings)
        self.findings.assume("the day of posting (GLPostingDate)", "the day of the transaction", where)
        return fields.read_day(text_at(element, "TransactionDate"), f"{where}: TransactionDate", self.findings)

    def _line(self, line: Element, entry: str) -> JournalLine | None:
        """One line; looked through once, since there are millions of them."""
        self.lines += 1
        below: dict[str, list[Element]] = {}
        for each in line:
            below.setdefault(each.tag.rpartition("}")[2], []).append(each)
        where = f"{entry}, Line at line {line.sourceline}"
        account = fields.read_text(_text(below, "AccountID"), f"{where}: AccountID", self.findings)
        amount = self._amount(below, where)
        if amount is None or not account:
            return None
        if (known := self.accounts.get(account)) is not None:
            known.moved += amount.minor
        elif self.accounts and account not in self.strange:
            self.strange.add(account)
            detail = "an account that is not among the accounts of the file"
            self.findings.note(Code.UNKNOWN_CODE, where, actual=account, detail=detail)
        return JournalLine(
            account=account,
            amount=amount,
            text=fields.read_optional(_text(below, "Description"), where, self.findings),
            cost_centre=self._cost_centre(below.get("Analysis", ()), where),
            tax_code=self._tax_code(below.get("TaxInformation", ()), where),
        )

    def _amount(self, below: dict[str, list[Element]], where: str) -> Money | None:
        """The debit or the credit; the totals are of amounts as they are written, with their signs."""
        said = [(side, found[0]) for side in _SIDES if (found := below.get(f"{side}Amount"))]
        if len(said) != 1:
            expected, actual = "DebitAmount or CreditAmount", f"{len(said)} of them"
            self.findings.fault(Code.MISSING_FIELD, where, expected=expected, actual=actual)
            return None
        side, element = said[0]
        currency = text_at(element, "CurrencyCode")
        if currency and currency != self.currency and not self.foreign:
            self.foreign = f"{currency} at {where}"
        text = text_at(element, "Amount") if len(element) else element.text or ""
        money = fields.read_money(text, self.currency, f"{where}: {side}Amount", self.findings)
        if money is None:
            return None
        if side == "Debit":
            self.debit += money.minor
            return money
        self.credit += money.minor
        return -money

    def _cost_centre(self, analyses: list[Element] | tuple[()], where: str) -> str:
        """The analysis that is the cost centre; others are told once for each type."""
        found = ""
        for analysis in analyses:
            kind = text_at(analysis, "AnalysisType")
            if not (self.cost_centres.get(kind) or kind.lower() in COST_CENTRES):
                self._tell_unread(f"analysis {kind}", where, "an analysis that is no cost centre is not kept")
            elif found:
                self._tell_unread("cost centres", where, "a line of several cost centres; the first is kept")
            else:
                found = fields.read_optional(text_at(analysis, "AnalysisID"), where, self.findings)
        return found

    def _tax_code(self, taxes: list[Element] | tuple[()], where: str) -> str:
        if len(taxes) > 1:
            self._tell_unread("taxes", where, "a line of several taxes; the code of the first is kept")
        return fields.read_optional(text_at(taxes[0], "TaxCode"), where, self.findings) if taxes else ""

    def _tell_unread(self, what: str, where: str, detail: str) -> None:
        if what not in self.unread:
            self.unread.add(what)
            self.findings.note(Code.UNSUPPORTED_CONTENT, where, actual=what, detail=f"{detail} (told once)")

    # ── the proof ──────────────────────────────────────────────────────────────────────────────────────────────────

    def finish(self) -> None:
        """The claims of the whole file."""
        if not self.currency:
            expected = f"an {ROOT} with a Header"
            self.findings.fault(Code.MISSING_FIELD, "line 1", expected=expected)
            return
        if any(self.parties.values()):
            actual = f"{self.parties['Supplier']} suppliers, {self.parties['Customer']} customers"
            detail = "master data of an audit file is counted and not taken over"
            self.findings.note(Code.UNSUPPORTED_CONTENT, "MasterFiles", actual=actual, detail=detail)
        if self.foreign:
            detail = "amounts in foreign currencies are not kept; those in the currency of the ledger are"
            self.findings.note(Code.UNSUPPORTED_CONTENT, "GeneralLedgerEntries", actual=self.foreign, detail=detail)
        if not self.declared and not self.transactions:
            detail = "the file has no entries (GeneralLedgerEntries), so its balances prove nothing"
            self.findings.note(Code.UNSUPPORTED_CONTENT, ROOT, detail=detail)
            return
        self._prove_totals()
        self._prove_accounts()

    def _prove_totals(self) -> None:
        for name, computed in (("TotalDebit", self.debit), ("TotalCredit", self.credit)):
            text, where = self.declared.get(name, ("", f"GeneralLedgerEntries: {name}"))
            money = fields.read_money(text, self.currency, where, self.findings)
            if money is not None:
                own = Money(computed, self.currency)
                self.findings.claim(f"{name} = sum of the lines", where, str(money), str(own), money == own)
        text, where = self.declared.get("NumberOfEntries", ("", "GeneralLedgerEntries: NumberOfEntries"))
        declared = fields.read_decimal(text, where, self.findings)
        if declared is None:
            return
        name, computed = "NumberOfEntries = transactions", self.transactions
        if declared == self.lines != self.transactions:
            name, computed = "NumberOfEntries = lines", self.lines
            detail = "the lines were counted, not the transactions as the standard has it"
            self.findings.note(Code.BAD_VALUE, where, expected=str(self.transactions), actual=text, detail=detail)
        self.findings.claim(name, where, text, str(computed), declared == computed)

    def _prove_accounts(self) -> None:
        """Opening balance and movements give the closing balance, for each account that declares both."""
        for account in self.accounts.values():
            if account.opening is None or account.closing is None:
                continue
            computed = Money(account.opening + account.moved, self.currency)
            closing = Money(account.closing, self.currency)
            name = "opening balance + movements = closing balance"
            self.findings.claim(name, account.where, str(closing), str(computed), closing == computed)


def _text(below: dict[str, list[Element]], name: str) -> str:
    found = below.get(name)
    return found[0].text or "" if found else ""


def _country(space: str) -> str:
    """Whose namespace it is; empty when nobody's that we know. A file without one is taken for Norway's."""
    if not space:
        return _READ[0]
    return next((NAMESPACES.meaning(start) for start in NAMESPACES.codes if space.startswith(start)), "")


def _is(head: Head) -> bool:
    return head.elements[:1] == (ROOT,)


_TITLE = "SAF-T Financial (Norway 1.10 to 1.30; Denmark, OECD 2.0)"
FORMATS = (Format("saf-t", _TITLE, "application/xml", "ledgers", read_saft, _is),)
