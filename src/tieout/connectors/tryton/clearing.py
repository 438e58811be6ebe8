"""The clearing account: what the ERP paid on one side, what the bank booked on the other."""

from collections.abc import Sequence
from contextlib import suppress
from decimal import Decimal

from tieout.connectors.tryton.client import RefusalError, Values
from tieout.connectors.tryton.directory import Company
from tieout.connectors.tryton.landing import Desk


def settle_clearing(desk: Desk, company: Company, currency: str, payment_ids: Sequence[str]) -> None:
    """Reconcile what stands on the clearing account for these payments, where it adds up to nothing.

    The ERP does this by itself when a booked statement names a payment it knows. It cannot when the statement came
    first, and it never does for payments that came back.
    """
    account = desk.directory.payment_journal(company, currency).clearing_account
    by_payment: dict[str, list[Values]] = {}
    for payment_id, line in _open_lines(desk, company, account, payment_ids):
        by_payment.setdefault(payment_id, []).append(line)
    for lines in by_payment.values():
        balance = sum((line["debit"] - line["credit"] for line in lines), Decimal(0))
        if len(lines) > 1 and not balance:
            _reconcile(desk, company, [line["id"] for line in lines])


def _open_lines(desk: Desk, company: Company, account: int, payment_ids: Sequence[str]) -> list[tuple[str, Values]]:
    """The open items of the clearing account that belong to these payments, with the payment of each."""
    booked = desk.client.search_read(
        "account.statement.line",
        [("statement.company", "=", company.record_id), ("number", "in", list(payment_ids)), ("account", "=", account)],
        ["number"],
    )
    if not booked:  # The bank has said nothing yet, so nothing can be settled.
        return []
    payments = desk.client.search_read(
        "account.payment",
        [("company", "=", company.record_id), ("reference", "in", list(payment_ids))],
        ["reference"],
    )
    of_statement = {f"account.statement.line,{row['id']}": row["number"] for row in booked}
    of_payment = {f"account.payment,{row['id']}": row["reference"] for row in payments}
    lines = desk.client.search_read(
        "account.move.line",
        [
            ("account", "=", account),
            ("reconciliation", "=", None),
            ("move_state", "=", "posted"),
            ["OR", ("origin", "in", list(of_statement)), ("move.origin", "in", list(of_payment))],
        ],
        ["debit", "credit", "origin", "move.origin"],
        context=company.context,
    )
    return [(of_statement.get(line["origin"]) or of_payment[line["move."]["origin"]], line) for line in lines]


def _reconcile(desk: Desk, company: Company, line_ids: Sequence[int]) -> None:
    """The books are right without it; so if the ERP refuses, the open items stay for an accountant to tick off."""
    selection = {"active_model": "account.move.line", "active_id": line_ids[0], "active_ids": list(line_ids)}
    context = {**company.context, **selection}
    with suppress(RefusalError):
        desk.client.run_wizard("account.move.reconcile_lines", [("start", {})], context=context)
