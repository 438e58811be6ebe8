"""Control totals, counted by the ERP out of its own books."""

from collections.abc import Callable, Iterable
from datetime import date, timedelta

from msgspec.structs import replace

from tieout.connectors.tryton.client import Values
from tieout.connectors.tryton.directory import Company, UnfitError
from tieout.connectors.tryton.landing import Desk
from tieout.kernel.clock import Clock
from tieout.kernel.errors import ConfigError
from tieout.kernel.money import Money
from tieout.kernel.setdigest import add_digest
from tieout.model.documents import Total
from tieout.ports import Scope

_FIELDS = ("description", "total_amount")


class Totals:
    """One method for each total of the manifest."""

    names = ("payable", "posted", "cash", "payment_clearing", "accrued_liabilities", "payables_ledger")

    def __init__(self, desk: Desk, clock: Clock) -> None:
        self._desk = desk
        self._client = desk.client
        self._clock = clock

    def count(self, scope: Scope) -> Total:
        """The total of a scope. Raises ``ConfigError`` for a name that the manifest does not have."""
        company = self._desk.directory.company(scope.entity)
        currency = scope.currency or company.currency
        counters: dict[str, Callable[[Company, str, str], Total]] = {
            "payable": self._payable,
            "posted": self._posted,
            "cash": self._cash,
            "payment_clearing": self._payment_clearing,
            "accrued_liabilities": self._accrued_liabilities,
            "payables_ledger": self._payables_ledger,
        }
        if scope.name not in counters:
            raise ConfigError(f"tryton: there is no total {scope.name!r}; there are {', '.join(counters)}")
        return counters[scope.name](company, currency, scope.period)

    # ── invoices ────────────────────────────────────────────────────────────────────────────────────────────────

    def _payable(self, company: Company, currency: str, period: str) -> Total:
        """Posted invoices that no booked payment settles, today: open ones, and those whose payment is in transit.

        The ERP calls an invoice paid when its liability has gone to the clearing account. We do when the bank has
        booked the payment; so what waits on the clearing account counts as owed.
        """
        domain = self._invoice_domain(company, currency)
        rows = {
            row["id"]: row for row in self._client.scan("account.invoice", [*domain, ("state", "=", "posted")], _FIELDS)
        }
        in_transit = self._client.scan(
            "account.payment",
            [("company", "=", company.record_id), ("state", "=", "succeeded"), ("clearing_reconciled", "!=", True)],
            ["line.move.origin"],
        )
        origins = [((row["line."] or {}).get("move.") or {}).get("origin") or "" for row in in_transit]
        ids = [int(origin.rpartition(",")[2]) for origin in origins if origin.startswith("account.invoice,")]
        paid = [*domain, ("state", "=", "paid"), ("id", "in", ids)]
        rows |= {row["id"]: row for row in self._client.scan("account.invoice", paid, _FIELDS)} if ids else {}
        return self._total_of(rows.values(), currency)

    def _posted(self, company: Company, currency: str, period: str) -> Total:
        """Invoices posted in a period, whatever became of them."""
        domain = [
            *self._invoice_domain(company, currency),
            ("state", "in", ["posted", "paid"]),
            *_in_period("move.period", period),
        ]
        return self._total_of(self._client.scan("account.invoice", domain, _FIELDS), currency)

    @staticmethod
    def _invoice_domain(company: Company, currency: str) -> list[object]:
        return [("company", "=", company.record_id), ("type", "=", "in"), ("currency.code", "=", currency)]

    def _total_of(self, rows: Iterable[Values], currency: str) -> Total:
        """Our id where an invoice has one, the ERP's where it was typed in there."""
        count = sum_minor = digest = 0
        for row in rows:
            minor = Money.of(row["total_amount"], currency).minor
            count, sum_minor = count + 1, sum_minor + minor
            digest = add_digest(digest, row["description"] or f"account.invoice,{row['id']}", minor)
        return Total(count=count, sum_minor=sum_minor, currency=currency, set_hash=digest, as_of=self._clock.now())

    # ── balances ────────────────────────────────────────────────────────────────────────────────────────────────

    def _cash(self, company: Company, currency: str, period: str) -> Total:
        """What the books say is in the bank, up to the end of the period."""
        journals = self._client.search_read(
            "account.statement.journal",
            [("company", "=", company.record_id), ("currency.code", "=", currency)],
            ["account"],
        )
        return self._balance(company, currency, period, sorted({row["account"] for row in journals}))

    def _payment_clearing(self, company: Company, currency: str, period: str) -> Total:
        """What was paid and the bank has not booked (a credit), or the other way round."""
        account = self._desk.directory.payment_journal(company, currency).clearing_account
        return self._balance(company, currency, period, [account])

    def _accrued_liabilities(self, company: Company, currency: str, period: str) -> Total:
        """What was received and not invoiced, as accrued."""
        try:
            account = self._desk.directory.account(company, "accrued_liabilities")
        except UnfitError as unfit:
            raise ConfigError(f"tryton: `accounts` names no accrued_liabilities: {unfit}") from unfit
        return self._balance(company, currency, period, [account])

    def _payables_ledger(self, company: Company, currency: str, period: str) -> Total:
        """The payable account of the general ledger: credits less debits, as what is owed."""
        balance = self._balance(company, currency, period, [company.payable_account])
        return replace(balance, sum_minor=-balance.sum_minor)

    def _balance(self, company: Company, currency: str, period: str, accounts: list[int]) -> Total:
        """Debits less credits of posted entries."""
        domain = [
            ("account", "in", accounts),
            ("move_state", "=", "posted"),
            *_up_to("move.period", period),
        ]
        sum_minor = sum(
            Money.of(row["debit"] - row["credit"], company.currency).minor
            for row in self._client.scan("account.move.line", domain, ["debit", "credit"])
        )
        return Total(count=0, sum_minor=sum_minor, currency=currency, is_balance=True, as_of=self._clock.now())


def _in_period(field: str, period: str) -> list[object]:
    return [(f"{field}.start_date", ">=", _first_day(period)), *_up_to(field, period)] if period else []


def _up_to(field: str, period: str) -> list[object]:
    """Until the end of the period; everything there is when none is named."""
    return [(f"{field}.start_date", "<", (_first_day(period) + timedelta(days=31)).replace(day=1))] if period else []


def _first_day(period: str) -> date:
    return date.fromisoformat(f"{period}-01")
