"""One entry of an ACH file with its addenda, and the batch it stands in: what the columns are called for each class."""

from collections.abc import Sequence
from datetime import date, timedelta

from msgspec import Struct

from tieout.formats.codes import load
from tieout.formats.lines import YYMMDD, Line
from tieout.kernel.money import Money
from tieout.kernel.text import parse_day

CURRENCY = "USD"
ADVICE, INTERNATIONAL, CHANGE = "ADV", "IAT", "COR"
ACKNOWLEDGMENTS = frozenset(("ACK", "ATX"))
#: Classes whose entries say how many addenda they have, where others have the beginning of the name.
COUNTED = frozenset(("ATX", "CTX", "TRX"))
#: The company's field of a batch of changes to international entries.
INTERNATIONAL_CHANGE = "IATCOR"

SECS = load("ach_sec")
TRANSACTIONS = load("ach_transactions")
#: The side of the account that each transaction code is for.
SIDES = {code: meaning.split(" ", 1)[0] for code, meaning in TRANSACTIONS.codes.items()}
#: The kind of account that each transaction code is for.
KINDS = {code: meaning.split(":", 1)[0].split(" ")[1] for code, meaning in TRANSACTIONS.codes.items()}

#: Where an entry names whom it is for: the identification and the name, as columns from 0.
_NAMED = (slice(39, 54), slice(54, 76))
_NAMED_IN = {
    **dict.fromkeys(COUNTED, (slice(39, 54), slice(58, 74))),
    "CIE": (slice(54, 76), slice(39, 54)),
    # The name field of a shared network holds a card number, which we do not keep.
    "SHR": (slice(43, 54), slice(0)),
}
#: Half a year: a day of the year is that of the year in which it is nearer than this to the day the file was written.
_NEAR = timedelta(days=183)


class Batch(Struct):
    """A batch while it is read: what its header says, and the sums of its entries so far."""

    number: str
    sec: str
    company: str
    service_class: str
    description: str
    odfi: str
    written_on: date | None
    settled_on: date | None
    effective_on: date | None
    count: int = 0
    hash: int = 0
    debit: int = 0
    credit: int = 0
    trace: str = ""
    told: bool = False

    @property
    def name(self) -> str:
        """What people call it."""
        return f"batch {self.number or '?'}"

    @property
    def is_international(self) -> bool:
        """Whether its entries are laid out as international ones."""
        return self.sec == INTERNATIONAL or (self.sec == CHANGE and self.company.upper() == INTERNATIONAL_CHANGE)

    @property
    def amount_columns(self) -> slice:
        """Where its entries have the amount; advices have two digits more."""
        return slice(27, 39) if self.sec == ADVICE else slice(29, 39)

    @property
    def account_columns(self) -> slice:
        """Where its entries have the account number."""
        return slice(39, 74) if self.is_international else slice(12, 29)


class Entry(Struct, frozen=True):
    """An entry (record 6) and its addenda (records 7)."""

    line: Line
    addenda: Sequence[Line]
    batch: Batch

    @property
    def transaction(self) -> str:
        """What is done on which kind of account."""
        return self.line.text[1:3]

    @property
    def routing(self) -> str:
        """The receiving bank."""
        return self.line.text[3:12]

    @property
    def account(self) -> str:
        """The account at that bank."""
        return self.line.text[self.batch.account_columns].strip()

    @property
    def amount(self) -> Money:
        """The amount without a sign; its digits have been checked."""
        return Money(int(self.line.text[self.batch.amount_columns]), CURRENCY)

    @property
    def trace(self) -> str:
        """What the network calls the entry."""
        return self.line.text[79:94].strip()

    @property
    def identification(self) -> str:
        """What the originator calls the payment or its receiver."""
        if self.batch.is_international:
            return self._of("715", slice(3, 18))
        return self.line.text[_NAMED_IN.get(self.batch.sec, _NAMED)[0]].strip()

    @property
    def receiver(self) -> str:
        """The name of the receiver."""
        if self.batch.is_international:
            return self._of("710", slice(46, 81))
        return self.line.text[_NAMED_IN.get(self.batch.sec, _NAMED)[1]].strip()

    @property
    def originator(self) -> str:
        """The name of the originator."""
        return self._of("711", slice(3, 38)) if self.batch.is_international else self.batch.company

    @property
    def information(self) -> str:
        """The payment information of all addenda, joined as it was cut. The blanks that fill an addendum are part of
        it, since an X12 transaction that runs over the edge may have them in a name."""
        return "".join(line.text[3:83] for line in self.addenda if line.text[1:3] in ("05", "17")).rstrip()

    def _of(self, code: str, columns: slice) -> str:
        """A field of the addendum of that type."""
        return next((line.text[columns].strip() for line in self.addenda if line.text.startswith(code)), "")


def day_of_six(text: str) -> date | None:
    """``YYMMDD`` as a day; nothing for zeros, blanks and what is no day."""
    return parse_day(YYMMDD.read(text) or "")


def day_of_year(text: str, near: date | None) -> date | None:
    """``DDD``, the day of a year that is not said: the one nearest to the day on which the file was written."""
    if near is None or not (text.isascii() and text.isdecimal()) or not 1 <= int(text) <= 366:
        return None
    days = (date(year, 1, 1) + timedelta(days=int(text) - 1) for year in (near.year - 1, near.year, near.year + 1))
    return next((day for day in days if abs(day - near) <= _NEAR), None)
