"""Journal entries: accruals and their reversals, or whatever else is posted to the general ledger."""

from collections.abc import Sequence
from decimal import Decimal

from tieout.connectors.tryton.client import Values
from tieout.connectors.tryton.directory import Company, UnfitError
from tieout.connectors.tryton.landing import Documents, Landed, ids_of
from tieout.connectors.tryton.translate import journal_values, posting, record_reference
from tieout.kernel.money import Money
from tieout.kernel.problem import Code, Problem
from tieout.model.effects import PostJournal
from tieout.ports import Applied

_MODEL = "account.move"


class Journals(Documents[PostJournal]):
    """``post_journal``. Our journal id stands in the description; a reversal points to what it reverses."""

    model = _MODEL
    key_field = "description"
    fields = ("state", "number", "date", "period.start_date", "lines.debit")
    code = Code.POSTING_REFUSED

    def key_of(self, payload: PostJournal) -> str:
        return payload.journal.journal_id

    def entity_of(self, payload: PostJournal) -> str:
        return payload.journal.entity

    def is_finished(self, row: Values) -> bool:
        return bool(row["state"] == "posted")

    def values_of(self, payload: PostJournal, company: Company, attempt: int) -> Values:
        entry = payload.journal
        period = self.directory.open_period(company, entry.posted_on, "posted_on")
        foreign = {line.amount.currency for line in entry.lines} - {company.currency}
        if foreign:
            raise UnfitError(
                Problem(Code.CURRENCY_MISMATCH, expected=company.currency, actual=", ".join(sorted(foreign)))
            )
        accounts = [self.directory.account(company, line.account) for line in entry.lines]
        return journal_values(
            entry,
            company,
            self.directory.general_journal(),
            period.record_id,
            accounts,
            self._reversed(entry.reverses, company),
        )

    def _reversed(self, journal_id: str, company: Company) -> int | None:
        if not journal_id:
            return None
        ids = self.client.search(_MODEL, [*self.domain(company), ("description", "=", journal_id)], limit=1)
        return ids[0] if ids else None

    def finish(self, company: Company, landed: Sequence[Landed]) -> None:
        self.client.press(_MODEL, "post", ids_of(landed), context=company.context, allow=self.allow)

    def discard(self, company: Company, record_id: int) -> None:
        self.client.delete(_MODEL, [record_id], context=company.context)

    def applied(self, company: Company, payload: PostJournal, row: Values) -> Applied:
        debits = sum((line["debit"] for line in row["lines."]), Decimal(0))
        gross = Money.of(debits, company.currency)
        return Applied(reference=record_reference(_MODEL, row["id"]), posting=posting(row["number"], row, gross))
