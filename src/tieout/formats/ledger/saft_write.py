"""Write SAF-T Financial of Norway 1.30, valid against its schema, out of journal entries and a chart of accounts.

What :mod:`tieout.formats.ledger.saft` reads from it are the entries again. Nothing is written that would not add up: an
entry that does not balance, or an account whose movements do not lead from its opening to its closing balance, is a
problem. The tax of a line is computed by the rate of its code, once, on the amount of the line.
"""

from collections import Counter
from collections.abc import Iterator, Sequence
from datetime import date
from decimal import Decimal
from itertools import groupby

from lxml import etree
from msgspec import Struct

from tieout.formats import fields
from tieout.formats.ledger.saft import OWN_JOURNAL, REVERSAL
from tieout.formats.unwritable import unfit
from tieout.formats.written import Written
from tieout.formats.xml import Element
from tieout.kernel.money import EXACT, Money, is_currency, minor_digits, multiply
from tieout.kernel.problem import Code, Problem
from tieout.model.documents import JournalEntry, JournalLine

NAMESPACE = "urn:StandardAuditFile-Taxation-Financial:NO"
VERSION = "1.30"
#: The type of analysis under which we write cost centres.
COST_CENTRE = "CC"
#: How long texts may be (the schema's simple types), and how many decimals an amount may have.
_SHORT, _MIDDLE1, _MIDDLE2, _LONG = 18, 35, 70, 256
_DECIMALS_MAX = 2
#: Years that the schema allows.
_YEARS = range(1970, 2101)


class Company(Struct, frozen=True, kw_only=True):
    """Who keeps the books, and by which program the file is made. ``entity`` is our own name for it."""

    entity: str
    registration_number: str
    name: str
    contact_first_name: str
    contact_last_name: str
    software_company: str = "tieout"
    software: str = "tieout"
    software_version: str = "0"
    country: str = "NO"
    currency: str = "NOK"


class Account(Struct, frozen=True, kw_only=True):
    """An account with its balances at both ends of the period, debits above zero, and where it stands in the official
    chart (``grouping_category``, ``grouping_code``)."""

    account_id: str
    name: str
    opening: Money
    closing: Money
    grouping_category: str
    grouping_code: str


class TaxCode(Struct, frozen=True, kw_only=True):
    """A tax code of ours with its rate, and what the tax office calls it (``NA`` where it has no name for it)."""

    code: str
    standard_code: str
    rate: Decimal
    name: str


class Ledger(Struct, frozen=True, kw_only=True):
    """All that an audit file has beside the entries."""

    company: Company
    accounts: tuple[Account, ...]
    tax_codes: tuple[TaxCode, ...] = ()
    starts_on: date
    ends_on: date
    created_on: date


def write_saft(ledger: Ledger, entries: Sequence[JournalEntry]) -> Written:
    """The audit file in UTF-8. The same ledger and entries give the same bytes."""
    problems = tuple(_obstacles(ledger, entries))
    if problems:
        return Written(problems=problems)
    root = etree.Element(f"{{{NAMESPACE}}}AuditFile", nsmap={None: NAMESPACE})  # type: ignore[dict-item] # lxml's stub
    _header(_below(root, "Header"), ledger)
    _master_files(_below(root, "MasterFiles"), ledger, entries)
    _entries(_below(root, "GeneralLedgerEntries"), ledger, entries)
    return Written(etree.tostring(root, xml_declaration=True, encoding="UTF-8", pretty_print=True))


# ── what cannot be written ─────────────────────────────────────────────────────────────────────────────────────────


def _obstacles(ledger: Ledger, entries: Sequence[JournalEntry]) -> Iterator[Problem]:
    currency = ledger.company.currency
    if not is_currency(currency) or minor_digits(currency) > _DECIMALS_MAX:
        yield Problem(Code.BAD_VALUE, "currency", expected="one of at most two decimals", actual=currency)
        return
    yield from _bad_texts(_master_texts(ledger))
    moved: Counter[str] = Counter()
    seen: set[str] = set()
    for entry in entries:
        yield from _bad_entry(entry, ledger, seen)
        seen.add(entry.journal_id)
        for line in entry.lines:
            moved[line.account] += line.amount.minor
    yield from _bad_accounts(ledger, moved)
    codes = {tax.code for tax in ledger.tax_codes}
    used = {line.tax_code for entry in entries for line in entry.lines if line.tax_code}
    for code in sorted(used - codes):
        yield Problem(Code.UNKNOWN_CODE, "tax_codes", actual=code, detail="a tax code that is not among those given")
    for tax in ledger.tax_codes:
        if not (0 <= tax.rate <= 100):
            yield Problem(Code.BAD_VALUE, f"tax code {tax.code}", expected="a rate of 0 to 100", actual=str(tax.rate))
        if not (1 <= len(tax.standard_code) <= 2 and all(sign in "0123456789anAN" for sign in tax.standard_code)):
            expected, where = "one or two digits, or NA", f"tax code {tax.code}"
            yield Problem(Code.BAD_VALUE, where, expected=expected, actual=tax.standard_code)


_Text = tuple[str, str, int, bool]


def _bad_texts(texts: Iterator[_Text]) -> Iterator[Problem]:
    for where, text, length_max, is_required in texts:
        if problem := unfit(text, where, length_max, is_required=is_required):
            yield problem


def _master_texts(ledger: Ledger) -> Iterator[_Text]:
    """Every text outside of the entries: where, what, how long it may be, whether it must be there."""
    company = ledger.company
    yield "registration number", company.registration_number, _MIDDLE1, True
    yield "company", company.name, _LONG, True
    yield "contact", company.contact_first_name, _MIDDLE1, True
    yield "contact", company.contact_last_name, _MIDDLE2, True
    yield "software", company.software_company, _MIDDLE2, True
    yield "software", company.software, _LONG, True
    yield "software", company.software_version, _SHORT, True
    yield "country", company.country, len("NO"), True
    for account in ledger.accounts:
        where = f"account {account.account_id}"
        yield where, account.account_id, _MIDDLE2, True
        yield where, account.name, _LONG, True
        yield where, account.grouping_category, _LONG, True
        yield where, account.grouping_code, _MIDDLE1, True
    for tax in ledger.tax_codes:
        yield f"tax code {tax.code}", tax.code, _MIDDLE2, True
        yield f"tax code {tax.code}", tax.name, _LONG, True


def _entry_texts(entry: JournalEntry) -> Iterator[_Text]:
    where = f"entry {entry.journal_id}"
    yield where, entry.journal_id, _MIDDLE2, True
    yield f"{where}, text", entry.text, _LONG, False
    yield f"{where}, reverses", entry.reverses, _MIDDLE2, False
    for number, line in enumerate(entry.lines, 1):
        yield f"{where}, line {number}, account", line.account, _MIDDLE2, True
        yield f"{where}, line {number}, text", line.text, _LONG, False
        yield f"{where}, line {number}, cost centre", line.cost_centre, _MIDDLE1, False
        yield f"{where}, line {number}, tax code", line.tax_code, _MIDDLE2, False


def _bad_entry(entry: JournalEntry, ledger: Ledger, seen: set[str]) -> Iterator[Problem]:
    """Why one entry cannot be written."""
    where, currency = f"entry {entry.journal_id}", ledger.company.currency
    yield from _bad_texts(_entry_texts(entry))
    if entry.journal_id in seen:
        yield Problem(Code.BAD_VALUE, where, actual=entry.journal_id, detail="the entry is there twice")
    if entry.entity != ledger.company.entity:
        yield Problem(Code.UNKNOWN_ENTITY, where, expected=ledger.company.entity, actual=entry.entity)
    if not ledger.starts_on <= entry.posted_on <= ledger.ends_on or entry.posted_on.year not in _YEARS:
        expected = f"a day from {ledger.starts_on} to {ledger.ends_on}"
        yield Problem(Code.BAD_VALUE, where, expected=expected, actual=entry.posted_on.isoformat())
    foreign = {line.amount.currency for line in entry.lines} - {currency}
    if foreign:
        yield Problem(Code.CURRENCY_MISMATCH, where, expected=currency, actual=", ".join(sorted(foreign)))
    elif sum(line.amount.minor for line in entry.lines) or not entry.lines:
        yield Problem(Code.TOTALS_DISAGREE, where, expected="lines that sum to zero")
    if any(abs(line.amount.minor) > fields.MINOR_MAX for line in entry.lines):
        yield Problem(Code.BAD_VALUE, where, limit=str(Money(fields.MINOR_MAX, currency)))


def _bad_accounts(ledger: Ledger, moved: Counter[str]) -> Iterator[Problem]:
    """Each account once, all that are used, and balances that the movements explain."""
    accounts = {account.account_id: account for account in ledger.accounts}
    if len(accounts) < len(ledger.accounts) or not accounts:
        yield Problem(Code.BAD_VALUE, "accounts", expected="at least one, and each once")
    for missing in sorted(moved.keys() - accounts.keys()):
        yield Problem(Code.MISSING_FIELD, "accounts", expected=f"account {missing}, which has entries")
    for account in accounts.values():
        if {account.opening.currency, account.closing.currency} != {ledger.company.currency}:
            actual = f"{account.opening}, {account.closing}"
            yield Problem(Code.CURRENCY_MISMATCH, f"account {account.account_id}", actual=actual)
        elif account.opening.minor + moved[account.account_id] != account.closing.minor:
            computed = Money(account.opening.minor + moved[account.account_id], account.opening.currency)
            yield Problem(
                Code.TOTALS_DISAGREE,
                f"account {account.account_id}",
                expected=str(computed),
                actual=str(account.closing),
                detail="opening balance + movements = closing balance",
            )


# ── the file ───────────────────────────────────────────────────────────────────────────────────────────────────────


def _below(parent: Element, name: str, text: str | None = None) -> Element:
    element = etree.SubElement(parent, f"{{{NAMESPACE}}}{name}")
    element.text = text
    return element


def _texts(parent: Element, *named: tuple[str, str]) -> None:
    for name, text in named:
        _below(parent, name, text)


def _header(header: Element, ledger: Ledger) -> None:
    company = ledger.company
    _texts(
        header,
        ("AuditFileVersion", VERSION),
        ("AuditFileCountry", company.country),
        ("AuditFileDateCreated", ledger.created_on.isoformat()),
        ("SoftwareCompanyName", company.software_company),
        ("SoftwareID", company.software),
        ("SoftwareVersion", company.software_version),
    )
    element = _below(header, "Company")
    _texts(element, ("RegistrationNumber", company.registration_number), ("Name", company.name))
    _below(_below(element, "Address"), "Country", company.country)
    person = _below(_below(element, "Contact"), "ContactPerson")
    _texts(person, ("FirstName", company.contact_first_name), ("LastName", company.contact_last_name))
    _below(header, "DefaultCurrencyCode", company.currency)
    selection = _below(header, "SelectionCriteria")
    _texts(
        selection,
        ("SelectionStartDate", ledger.starts_on.isoformat()),
        ("SelectionEndDate", ledger.ends_on.isoformat()),
    )
    _below(header, "TaxAccountingBasis", "A")


def _master_files(master: Element, ledger: Ledger, entries: Sequence[JournalEntry]) -> None:
    chart = _below(master, "GeneralLedgerAccounts")
    for account in ledger.accounts:
        element = _below(chart, "Account")
        _texts(
            element,
            ("AccountID", account.account_id),
            ("AccountDescription", account.name),
            ("GroupingCategory", account.grouping_category),
            ("GroupingCode", account.grouping_code),
            ("AccountType", "GL"),
        )
        for kind, balance in (("Opening", account.opening), ("Closing", account.closing)):
            _below(element, f"{kind}{_side(balance)}Balance", f"{abs(balance).amount:f}")
    if ledger.tax_codes:
        table = _below(_below(master, "TaxTable"), "TaxTableEntry")
        _texts(table, ("TaxType", "MVA"), ("Description", "Merverdiavgift"))
        for tax in ledger.tax_codes:
            _texts(
                _below(table, "TaxCodeDetails"),
                ("TaxCode", tax.code),
                ("Description", tax.name),
                ("TaxPercentage", f"{tax.rate:f}"),
                ("Country", ledger.company.country),
                ("StandardTaxCode", tax.standard_code),
                ("BaseRate", "100"),
            )
    cost_centres = sorted({line.cost_centre for entry in entries for line in entry.lines if line.cost_centre})
    if cost_centres:
        types = _below(master, "AnalysisTypeTable")
        for cost_centre in cost_centres:
            _texts(
                _below(types, "AnalysisTypeTableEntry"),
                ("AnalysisType", COST_CENTRE),
                ("AnalysisTypeDescription", "Cost centre"),
                ("AnalysisID", cost_centre),
                ("AnalysisIDDescription", cost_centre),
            )


def _entries(group: Element, ledger: Ledger, entries: Sequence[JournalEntry]) -> None:
    minors = [line.amount.minor for entry in entries for line in entry.lines]
    currency = ledger.company.currency
    _texts(
        group,
        ("NumberOfEntries", str(len(entries))),
        ("TotalDebit", f"{Money(sum(minor for minor in minors if minor > 0), currency).amount:f}"),
        ("TotalCredit", f"{Money(-sum(minor for minor in minors if minor < 0), currency).amount:f}"),
    )
    rates = {tax.code: tax.rate for tax in ledger.tax_codes}
    for journal, run in groupby(entries, lambda entry: _name(entry.journal_id)[0]):
        element = _below(group, "Journal")
        _texts(element, ("JournalID", journal), ("Description", journal), ("Type", OWN_JOURNAL))
        for entry in run:
            _transaction(_below(element, "Transaction"), entry, rates)


def _name(journal_id: str) -> tuple[str, str]:
    """The journal and the number in it, so that they are put together as they were."""
    journal, slash, number = journal_id.partition("/")
    is_apart = slash and journal == journal.strip() and number == number.strip() and journal != OWN_JOURNAL
    if is_apart and number and 0 < len(journal) <= _SHORT:
        return journal, number
    return OWN_JOURNAL, journal_id


def _transaction(element: Element, entry: JournalEntry, rates: dict[str, Decimal]) -> None:
    day = entry.posted_on.isoformat()
    _texts(
        element,
        ("TransactionID", _name(entry.journal_id)[1]),
        ("Period", str(entry.posted_on.month)),
        ("PeriodYear", str(entry.posted_on.year)),
        ("TransactionDate", day),
    )
    if entry.reverses:
        _texts(element, ("VoucherType", REVERSAL), ("VoucherDescription", entry.reverses))
    _texts(element, ("Description", entry.text), ("SystemEntryDate", day), ("GLPostingDate", day))
    for number, line in enumerate(entry.lines, 1):
        _line(_below(element, "Line"), number, line, rates)


def _line(element: Element, number: int, line: JournalLine, rates: dict[str, Decimal]) -> None:
    _texts(element, ("RecordID", str(number)), ("AccountID", line.account))
    if line.cost_centre:
        analysis = _below(element, "Analysis")
        _texts(analysis, ("AnalysisType", COST_CENTRE), ("AnalysisID", line.cost_centre))
        _amount(analysis, "AnalysisAmount", line.amount)
    _below(element, "Description", line.text)
    _amount(element, "Amount", line.amount)
    if line.tax_code:
        rate = rates[line.tax_code]
        tax = Money.rounded(multiply(line.amount.amount, EXACT.scaleb(rate, -2)), line.amount.currency)
        information = _below(element, "TaxInformation")
        _texts(information, ("TaxType", "MVA"), ("TaxCode", line.tax_code), ("TaxPercentage", f"{rate:f}"))
        _below(information, "TaxBase", f"{abs(line.amount).amount:f}")
        _amount(information, "TaxAmount", tax)


def _amount(parent: Element, name: str, money: Money) -> None:
    """``DebitAmount`` or ``CreditAmount``, or the same of a tax or an analysis."""
    _below(_below(parent, f"{_side(money)}{name}"), "Amount", f"{abs(money).amount:f}")


def _side(money: Money) -> str:
    return "Credit" if money.minor < 0 else "Debit"
