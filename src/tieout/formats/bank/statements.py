"""What the bank formats share: one account's entries while they go by, its pages, its proof, and its name."""

from collections.abc import Iterator
from datetime import date
from decimal import Decimal

from stdnum import iban as iban_numbers

from tieout.formats.fields import TEXT_MAX, one_line, read_money
from tieout.formats.reading import Context, Findings
from tieout.kernel.money import EXACT, Money
from tieout.kernel.problem import Code
from tieout.model.documents import BankStatement, StatementEntry
from tieout.model.facts import EntriesNotified
from tieout.model.identity import normal_tax_id

#: A page of a very long statement has no more entries than this.
ENTRIES_MAX = 5_000
#: The proof of every statement.
BALANCED = "opening balance + booked entries = closing balance"
#: What senders write where a reference is mandatory and there is none.
_NO_REFERENCE = {"", "NOTPROVIDED", "NOT PROVIDED", "NONREF", "NOREF", "NONE"}

Record = BankStatement | EntriesNotified


def short(text: str) -> str:
    """A text on one line, as long as we keep it."""
    return one_line(text)[:TEXT_MAX]


def reference(text: str) -> str:
    """A reference, or nothing where the sender says that there is none: in words, zeros or a single sign."""
    line = short(text)
    return "" if line.upper() in _NO_REFERENCE or len(line.strip("0")) < 2 else line


def implied(digits: int, decimals: int, currency: str, where: str, findings: Findings) -> Money | None:
    """An amount whose last ``decimals`` digits stand behind a point that is not written."""
    number = Decimal(digits).scaleb(-decimals, EXACT)
    return read_money(f"{number:f}", currency, where, findings)


def iban_of(country: str, account: str, number: str) -> str:
    """The IBAN of a national account (its BBAN with check digits), or ``number`` where it cannot have one."""
    if not (account.isascii() and account.isalnum()):
        return number
    return f"{country}{iban_numbers.calc_check_digits(f'{country}00{account}')}{account}"


class Names:
    """Gives ids to the statements of a document, and knows whose accounts they are."""

    def __init__(self, context: Context) -> None:
        self._entities = {normal_tax_id(iban): entity for iban, entity in context.entities_by_iban.items()}
        self._given: dict[str, int] = {}

    def entity(self, account: str) -> str:
        """The legal entity that has the account; empty when it is not known here."""
        return self._entities.get(normal_tax_id(account), "")

    def statement_id(self, *parts: str) -> str:
        """An id from what the statement says about itself; a second one that says the same is ``….2``."""
        name = "/".join(part for part in parts if part)
        self._given[name] = self._given.get(name, 0) + 1
        return name if self._given[name] == 1 else f"{name}.{self._given[name]}"


class Account:
    """One account's entries while they go by: a statement if it opens with a balance, else notified entries.

    What there is of records goes out in pages of at most :data:`ENTRIES_MAX` entries, so that memory stays constant.
    """

    def __init__(
        self, statement_id: str, number: str, names: Names, opening: Money | None, opened_on: date | None
    ) -> None:
        self.statement_id = statement_id
        self.number = number
        self.entity = names.entity(number)
        self.count = 0
        self._opening = opening
        self._sum = opening.minor if opening else 0
        self._opened_on = opened_on
        self._pages = 0
        self._entries: list[StatementEntry] = []

    @property
    def next_entry_id(self) -> str:
        """The id of the entry that comes next."""
        return f"{self.statement_id}/{self.count + 1}"

    def add(self, entry: StatementEntry) -> Iterator[Record]:
        """Take the next entry; gives a page when one is full."""
        if len(self._entries) >= ENTRIES_MAX:
            yield self._page(None, self._entries[-1].booked_on)
        self.count += 1
        self._sum += entry.amount.minor
        self._entries.append(entry)

    def close(self, closing: Money, closed_on: date, where: str, findings: Findings) -> Iterator[Record]:
        """The statement has ended: prove it, and give its last page."""
        assert self._opening is not None
        computed = Money(self._sum, self._opening.currency)
        if closing.currency != computed.currency:
            expected = f"a closing balance in {computed.currency}"
            findings.fault(Code.CURRENCY_MISMATCH, where, expected=expected, actual=str(closing))
            return
        findings.claim(BALANCED, where, str(closing), str(computed), closing == computed)
        yield self._page(closing, closed_on)

    def notify(self) -> Iterator[Record]:
        """There is no statement: the entries are word of what one will prove."""
        for start in range(0, len(self._entries), ENTRIES_MAX):
            part = tuple(self._entries[start : start + ENTRIES_MAX])
            yield EntriesNotified(iban=self.number, entity=self.entity, entries=part)

    def _page(self, closing: Money | None, closed_on: date) -> Record:
        """What has gone by since the last page; without ``closing`` more follows."""
        entries, self._entries = tuple(self._entries), []
        if self._opening is None:
            return EntriesNotified(iban=self.number, entity=self.entity, entries=entries)
        opening, currency = self._opening, self._opening.currency
        self._opening = closing or Money(self._sum, currency)
        self._pages += 1 if closing is None or self._pages else 0
        page = BankStatement(
            statement_id=f"{self.statement_id}/{self._pages}" if self._pages else self.statement_id,
            iban=self.number,
            currency=currency,
            opening=opening,
            closing=self._opening,
            opened_on=min(self._opened_on or closed_on, closed_on),
            closed_on=closed_on,
            entries=entries,
        )
        self._opened_on = closed_on
        return page
