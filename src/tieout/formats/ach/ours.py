"""Entries for accounts of ours: what a bank tells us about money that comes or goes, before the statement proves it."""

from collections.abc import Iterator, Sequence
from datetime import date

from tieout.formats.ach.entries import SIDES, Entry
from tieout.formats.ach.routing import PREFIX
from tieout.formats.fields import one_line
from tieout.formats.lines import Line
from tieout.formats.reading import Context, Findings
from tieout.kernel.problem import Code
from tieout.model.documents import StatementEntry
from tieout.model.facts import EntriesNotified
from tieout.model.identity import normal_tax_id

#: So many entries are told together.
TOGETHER_MAX = 1_000
#: How much of the end of an account number is looked at first.
_TAIL = 2
#: The network has the entry, the account does not have it yet (ISO 20022 entry status).
PENDING = "PDNG"
#: How an X12 interchange or transaction set in addenda begins; its blanks matter and are kept.
_X12 = ("ISA", "ST*820", "ST|820", "ST~820")


class Ours:
    """The accounts that are ours, and the entries for them that have not been told yet."""

    def __init__(self, context: Context, findings: Findings) -> None:
        self._findings = findings
        self._known = {normal_tax_id(name): (name, entity) for name, entity in context.entities_by_iban.items()}
        self._tails = {name[-_TAIL:] for name in self._known}
        self._entries: dict[str, list[StatementEntry]] = {}
        self._count = 0

    def __bool__(self) -> bool:
        """Whether any account is known as ours."""
        return bool(self._known)

    def candidates(self, run: Sequence[Line], columns: slice) -> Iterator[Line]:
        """The entries whose account number ends like one of ours, or oddly. Most do not, and cost next to nothing."""
        tails = self._tails
        for line in run:
            tail = line.text[columns].rstrip()[-_TAIL:].upper()
            if tail in tails or len(tail) < _TAIL or not tail.isalnum():
                yield line

    @property
    def is_full(self) -> bool:
        """Whether enough entries have come together to be told."""
        return self._count >= TOGETHER_MAX

    def takes(self, entry: Entry) -> bool:
        """Keep an entry if its account is ours: known by routing number and number, or by its number alone."""
        if not self._known:
            return False
        number = entry.account
        for name in (f"{PREFIX}{entry.routing}{number}", number):
            account = self._known.get(normal_tax_id(name))
            if account is not None:
                self._entries.setdefault(account[0], []).extend(self._told(entry))
                return True
        return False

    def notified(self) -> Iterator[EntriesNotified]:
        """Tell what has come together, one record for each account."""
        for name, entries in self._entries.items():
            yield EntriesNotified(iban=name, entity=self._known[normal_tax_id(name)][1], entries=tuple(entries))
        self._entries, self._count = {}, 0

    def _told(self, entry: Entry) -> Iterator[StatementEntry]:
        """An entry as the statement will have it, if it has a day."""
        batch = entry.batch
        day = batch.settled_on or batch.effective_on or batch.written_on
        if day is None:
            where = f"entry {entry.trace}, byte {entry.line.offset}"
            self._findings.fault(Code.MISSING_FIELD, where, expected="a day of settlement, or of the file")
            return
        self._count += 1
        yield _statement_entry(entry, day)


def _statement_entry(entry: Entry, day: date) -> StatementEntry:
    batch = entry.batch
    sign = -1 if SIDES.get(entry.transaction) == "debit" else 1
    return StatementEntry(
        entry_id=f"{batch.written_on or ''}/{batch.number}/{entry.trace}",
        amount=entry.amount if sign > 0 else -entry.amount,
        booked_on=day,
        value_on=day,
        status=PENDING,
        end_to_end_id=entry.identification,
        bank_reference=entry.trace,
        counterparty=one_line(entry.originator),
        remittance=remittance_of(entry.information) or one_line(batch.description),
        type_code=f"NACHA {batch.sec}/{entry.transaction}",
    )


def remittance_of(information: str) -> str:
    """The payment information of addenda: an X12 820 as it came, anything else on one line.

    Whoever reads the 820 in it gives it to the X12 reader: ``remittance.encode("latin-1")``.
    """
    return information if information.startswith(_X12) else one_line(information)
