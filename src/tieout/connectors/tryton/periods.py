"""Accounting periods: which are open, and closing one when everything is ready."""

from tieout.connectors.tryton.directory import PERIOD_FIELDS, Company, Period, to_period
from tieout.connectors.tryton.landing import Desk
from tieout.kernel.errors import PermanentError

_MODEL = "account.period"
_JOURNAL_PERIOD = "account.journal.period"


class Periods:
    """The periods of the companies in one database, by our names for them (2026-05)."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk
        self._client = desk.client

    def states(self, entity: str) -> dict[str, str]:
        """The state of each period: ``open``, ``closed`` or ``locked``."""
        return {period.name: period.state for period in self._all(self._desk.directory.company(entity))}

    def close(self, entity: str, name: str) -> None:
        """Close a period. Raises ``PermanentError`` with the ERP's reason (most often an entry not posted)."""
        company, period = self._one(entity, name)
        if period.state == "open":
            self._client.press(_MODEL, "close", [period.record_id], context=company.context)

    def reopen(self, entity: str, name: str) -> None:
        """Open a closed period again, and the journals in it, which Tryton leaves closed."""
        company, period = self._one(entity, name)
        if period.state == "closed":
            self._client.press(_MODEL, "reopen", [period.record_id], context=company.context)
        domain = [("period", "=", period.record_id), ("state", "=", "closed")]
        journals = self._client.search(_JOURNAL_PERIOD, domain)
        self._client.press(_JOURNAL_PERIOD, "reopen", journals, context=company.context)

    def _one(self, entity: str, name: str) -> tuple[Company, Period]:
        company = self._desk.directory.company(entity)
        for period in self._all(company):
            if period.name == name:
                return company, period
        raise PermanentError(f"the ERP has no period {name} for {entity}; create its fiscal year there")

    def _all(self, company: Company) -> list[Period]:
        rows = self._client.search_read(
            _MODEL,
            [("fiscalyear.company", "=", company.record_id), ("type", "=", "standard")],
            PERIOD_FIELDS,
            order=[("start_date", "ASC")],
            context=company.context,
        )
        return [to_period(row) for row in rows]
