"""Bank statements: the ERP's cash equals the bank's, and every payment leaves the clearing account."""

from collections.abc import Sequence

from msgspec import Struct

from tieout.connectors.tryton.clearing import settle_clearing
from tieout.connectors.tryton.client import Values
from tieout.connectors.tryton.directory import Company
from tieout.connectors.tryton.landing import Documents, Landed, ids_of
from tieout.connectors.tryton.translate import (
    EntryTarget,
    record_reference,
    statement_line_values,
    statement_name,
    statement_values,
)
from tieout.kernel.errors import TransientError
from tieout.kernel.money import Money
from tieout.model.documents import BankStatement, Posting, StatementEntry
from tieout.model.effects import BookStatement
from tieout.ports import Applied
from tieout.processes.statement import OURS

_MODEL = "account.statement"
#: Payments in these states may still be proved by the bank; one that failed is on the clearing account as it is.
_PROVABLE = ("processing", "succeeded")


class PaymentInErp(Struct, frozen=True):
    """A payment that a statement entry may prove."""

    record_id: int
    party: int


class Statements(Documents[BookStatement]):
    """``book_statement``. IBAN and statement id stand in the name, the EndToEndId in each line's number.

    ::

        money out, names a payment the ERP holds      → that payment, clearing account
        names one of our payments in any other way    → clearing account (it came back, or the ERP is yet to hear)
        anything else                                 → the suspense account, for a person
    """

    model = _MODEL
    key_field = "name"
    fields = ("state", "name", "date", "end_balance", "journal")

    def key_of(self, payload: BookStatement) -> str:
        return statement_name(payload.statement)

    def entity_of(self, payload: BookStatement) -> str:
        return payload.entity

    def is_finished(self, row: Values) -> bool:
        return bool(row["state"] == "posted")

    def values_of(self, payload: BookStatement, company: Company, attempt: int) -> Values:
        statement = payload.statement
        booked = [entry for entry in statement.entries if entry.status == "BOOK"]
        payments = self._provable_payments(company, [entry.end_to_end_id for entry in booked])
        self._wait_for_payments(company, booked, attempt)
        lines = [self._line(entry, payments, statement, company) for entry in booked]
        journal = self.directory.statement_journal(company, statement.iban)
        return statement_values(statement, company, journal, lines)

    def _provable_payments(self, company: Company, references: Sequence[str]) -> dict[str, PaymentInErp]:
        rows = self.client.search_read(
            "account.payment",
            [
                ("company", "=", company.record_id),
                ("reference", "in", sorted(filter(None, references))),
                ("state", "in", list(_PROVABLE)),
                ("clearing_reconciled", "!=", True),
            ],
            ["reference", "party"],
            context=company.context,
        )
        return {row["reference"]: PaymentInErp(row["id"], row["party"]) for row in rows}

    def _wait_for_payments(self, company: Company, booked: Sequence[StatementEntry], attempt: int) -> None:
        """Give payments that are still on their way to the ERP some time; they are proved at once if they are there.

        A payment that the ERP refused must not keep the statement out of its books for ever, so after some attempts
        the entry is booked to the clearing account, where it meets the payment later.
        """
        if attempt > self.desk.config.statement_patience:
            return
        debits = {entry.end_to_end_id for entry in booked if self._is_ours(entry) and entry.amount.minor < 0}
        domain = [("company", "=", company.record_id), ("reference", "in", sorted(debits))]
        known = {row["reference"] for row in self.client.search_read("account.payment", domain, ["reference"])}
        if missing := sorted(debits - known):
            raise TransientError(f"the ERP does not know payment {missing[0]} yet ({len(missing)} in all)")

    def _line(
        self, entry: StatementEntry, payments: dict[str, PaymentInErp], statement: BankStatement, company: Company
    ) -> Values:
        if not self._is_ours(entry):
            suspense = self.directory.account(company, "bank_suspense")
            return statement_line_values(entry, EntryTarget(suspense), entry.entry_id)
        clearing = self.directory.payment_journal(company, statement.currency).clearing_account
        # A payment is proved once; a second debit of the same name is somebody's question.
        payment = payments.pop(entry.end_to_end_id, None) if entry.amount.minor < 0 else None
        target = EntryTarget(clearing, payment.record_id, payment.party) if payment else EntryTarget(clearing)
        return statement_line_values(entry, target, entry.end_to_end_id)

    @staticmethod
    def _is_ours(entry: StatementEntry) -> bool:
        return entry.end_to_end_id.startswith(OURS)

    def finish(self, company: Company, landed: Sequence[Landed]) -> None:
        new, validated = ids_of(landed, "draft"), ids_of(landed, "draft", "validated")
        self.client.press(_MODEL, "validate_statement", new, context=company.context, allow=self.allow)
        self.client.press(_MODEL, "post", validated, context=company.context, allow=self.allow)

    def settle_up(self, company: Company, landed: Sequence[Landed]) -> None:
        for one in landed:
            statement = self._payload(one.effect).statement
            ours = sorted({entry.end_to_end_id for entry in statement.entries if self._is_ours(entry)})
            if ours:
                settle_clearing(self.desk, company, statement.currency, ours)

    def discard(self, company: Company, record_id: int) -> None:
        self.client.press(_MODEL, "cancel", [record_id], context=company.context)
        self.client.delete(_MODEL, [record_id], context=company.context)

    def applied(self, company: Company, payload: BookStatement, row: Values) -> Applied:
        day = row["date"]
        closing = Money.of(row["end_balance"], payload.statement.currency)
        return Applied(
            reference=record_reference(_MODEL, row["id"]),
            posting=Posting(number=row["name"], posted_on=day, period=f"{day:%Y-%m}", gross=closing),
        )
