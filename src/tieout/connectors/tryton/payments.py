"""Payments on their way to the bank, payments that came back, and the account between us and the bank.

::

    invoice          clearing account            bank account
    liability  ──── record_payment ────►  in transit  ──── book_statement ────►  cash
               ◄─── record_return ─────               ◄─── book_statement ─────

The clearing account is zero for a payment when both the ERP and the bank have said the same about it.
"""

from collections.abc import Sequence

from tieout.connectors.tryton.clearing import settle_clearing
from tieout.connectors.tryton.client import AnswerLostError, RefusalError, Values
from tieout.connectors.tryton.directory import Company, Period, UnfitError
from tieout.connectors.tryton.landing import Desk, Documents, Landed, ids_of, reading_back, refused
from tieout.connectors.tryton.translate import payment_values, posting, record_reference
from tieout.kernel.errors import TransientError
from tieout.kernel.money import Money
from tieout.kernel.problem import Code, Problem
from tieout.model.effects import RecordPayment, RecordReturn
from tieout.ports import Absent, Applied, Effect, Finding, Refused, Result, Retry, Unknown

_MODEL = "account.payment"
_MOVE = "account.move"
_FIELDS = (
    "state",
    "number",
    "amount",
    "currency.code",
    "clearing_move.state",
    "clearing_move.number",
    "clearing_move.date",
    "clearing_move.period.start_date",
)


class Payments(Documents[RecordPayment]):
    """``record_payment``. The payment id, which is also the EndToEndId, stands in the reference.

    tieout releases payments and writes the bank's file; the ERP is walked through its own steps (submit, approve,
    process, succeed) so that it holds the payment, and the liability moves to the clearing account on the day of
    payment.
    """

    model = _MODEL
    key_field = "reference"
    fields = _FIELDS

    def __init__(self, desk: Desk) -> None:
        super().__init__(desk)
        self._open_items: dict[str, tuple[int, int]] = {}

    def key_of(self, payload: RecordPayment) -> str:
        return payload.payment.payment_id

    def entity_of(self, payload: RecordPayment) -> str:
        return payload.payment.entity

    def is_finished(self, row: Values) -> bool:
        """In transit, with the journal entry posted; or already back from there."""
        move = row.get("clearing_move.")
        in_transit = row["state"] == "succeeded" and move is not None and move["state"] == "posted"
        return bool(in_transit or row["state"] == "failed")

    def learn(self, company: Company, payloads: Sequence[RecordPayment]) -> None:
        """The open items of all invoices, in two calls."""
        invoices = self.client.search_read(
            "account.invoice",
            [
                ("company", "=", company.record_id),
                ("type", "=", "in"),
                ("description", "in", sorted({payload.payment.invoice_id for payload in payloads})),
                ("state", "=", "posted"),
            ],
            ["description", "party", "lines_to_pay"],
            context=company.context,
        )
        line_ids = [line for invoice in invoices for line in invoice["lines_to_pay"]]
        rows = self.client.read("account.move.line", line_ids, ["reconciliation", "credit", "party"])
        is_open = {row["id"] for row in rows if row["reconciliation"] is None and row["credit"]}
        self._open_items = {
            invoice["description"]: (invoice["party"], line)
            for invoice in invoices
            for line in invoice["lines_to_pay"]
            if line in is_open
        }

    def values_of(self, payload: RecordPayment, company: Company, attempt: int) -> Values:
        payment = payload.payment
        item = self._open_items.get(payment.invoice_id)
        if item is None:
            raise UnfitError(
                Problem(Code.NOT_PAYABLE, where=payment.invoice_id, detail="the ERP has no open item of this invoice")
            )
        self.directory.open_period(company, payload.paid_on, "paid_on")
        party, line = item
        journal = self.directory.payment_journal(company, payment.amount.currency)
        return payment_values(payment, company, journal.record_id, party, line, payload.paid_on)

    # ── the ERP's own steps ─────────────────────────────────────────────────────────────────────────────────────

    def finish(self, company: Company, landed: Sequence[Landed]) -> None:
        """Each step for those that stand right before it; who has taken a step stands before the next one."""
        steps = (
            ("draft", self._submit),
            ("submitted", self._approve),
            ("approved", self._process),
            ("processing", self._succeed),
        )
        passed: list[str] = []
        for state, step in steps:
            passed.append(state)
            if ids := ids_of(landed, *passed):
                step(company, ids, landed)
        self._post(company, landed)

    def _submit(self, company: Company, ids: Sequence[int], landed: Sequence[Landed]) -> None:
        self.client.press(_MODEL, "submit", ids, context=company.context, allow=self.allow)

    def _approve(self, company: Company, ids: Sequence[int], landed: Sequence[Landed]) -> None:
        self.client.press(_MODEL, "approve", ids, context=company.context, allow=self.allow)

    def _process(self, company: Company, ids: Sequence[int], landed: Sequence[Landed]) -> None:
        selection = {"active_model": _MODEL, "active_id": ids[0], "active_ids": list(ids)}
        context = {**company.context, **selection}
        self.client.run_wizard("account.payment.process", [("process", {})], context=context, allow=self.allow)

    def _succeed(self, company: Company, ids: Sequence[int], landed: Sequence[Landed]) -> None:
        """The liability goes to the clearing account, on the day of payment and not on today's."""
        paid_on = {one.record_id: self._payload(one.effect).paid_on for one in landed}
        for day in sorted({paid_on[record_id] for record_id in ids}):
            of_day = [record_id for record_id in ids if paid_on[record_id] == day]
            context = {**company.context, "clearing_date": day}
            self.client.press(_MODEL, "succeed", of_day, context=context, allow=self.allow)

    def _post(self, company: Company, landed: Sequence[Landed]) -> None:
        """The ERP leaves the journal entries as drafts; nothing is in the books until they are posted."""
        rows = self.client.read(_MODEL, ids_of(landed), _FIELDS, context=company.context)
        moves = [row["clearing_move."] for row in rows if row["clearing_move."]]
        drafts = [move["id"] for move in moves if move["state"] == "draft"]
        self.client.press(_MOVE, "post", drafts, context=company.context, allow=self.allow)

    def settle_up(self, company: Company, landed: Sequence[Landed]) -> None:
        """The bank may have been quicker: its statement is booked already, and waits on the clearing account."""
        payments = [self._payload(one.effect).payment for one in landed]
        for currency in sorted({payment.amount.currency for payment in payments}):
            in_currency = [payment.payment_id for payment in payments if payment.amount.currency == currency]
            settle_clearing(self.desk, company, currency, in_currency)

    def discard(self, company: Company, record_id: int) -> None:
        """One that is being processed cannot be deleted. It stands in no books; another attempt goes on from there."""
        (row,) = self.client.read(_MODEL, [record_id], ["state"], context=company.context)
        if row["state"] in {"submitted", "approved"}:
            self.client.press(_MODEL, "draft", [record_id], context=company.context)
        if row["state"] != "processing":
            self.client.delete(_MODEL, [record_id], context=company.context)

    def applied(self, company: Company, payload: RecordPayment, row: Values) -> Applied:
        move = row.get("clearing_move.")
        amount = Money.of(row["amount"], row["currency."]["code"])
        return Applied(
            reference=record_reference(_MODEL, row["id"]),
            posting=posting(move["number"], move, amount) if move else None,
            links={"number": row["number"]},
        )


class PaymentReturns:
    """``record_return``: the ERP takes the payment back and the liability is open again, on the day of the return."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk
        self._client = desk.client

    def apply(self, effects: Sequence[Effect]) -> dict[str, Result]:
        """One after the other; each is three calls at most."""
        return {effect.effect_id: self._apply_one(effect) for effect in effects}

    def _apply_one(self, effect: Effect) -> Result:
        payload = effect.payload
        assert isinstance(payload, RecordReturn)
        try:
            company = self._desk.directory.company(payload.payment.entity)
            row = self._find(company, payload)
            if row is None:
                return _no_such_payment(payload)
            period = self._desk.directory.open_period(company, payload.returned_on, "returned_on")
            if row["state"] in {"processing", "succeeded"}:
                self._fail(company, row, payload)
            self._post_reversals(company, row["id"], payload, period)
            with reading_back():
                currency = payload.payment.amount.currency
                settle_clearing(self._desk, company, currency, [payload.payment.payment_id])
                return self._applied(company, row)
        except (RefusalError, UnfitError) as error:
            return refused(error, Code.EFFECT_REFUSED)
        except AnswerLostError as error:
            return Unknown(reason=str(error))
        except TransientError as error:
            return Retry(reason=str(error))

    def probe(self, effect: Effect) -> Finding:
        """Whether the payment has failed in the ERP and its reversal stands in the books."""
        payload = effect.payload
        assert isinstance(payload, RecordReturn)
        company = self._desk.directory.company(payload.payment.entity)
        row = self._find(company, payload)
        if row is None or row["state"] != "failed" or self._reversals(company, row["id"], "draft"):
            return Absent()
        return self._applied(company, row)

    def _find(self, company: Company, payload: RecordReturn) -> Values | None:
        domain = [("company", "=", company.record_id), ("reference", "=", payload.payment.payment_id)]
        rows = self._client.search_read(_MODEL, domain, _FIELDS, limit=1, context=company.context)
        return rows[0] if rows else None

    def _fail(self, company: Company, row: Values, payload: RecordReturn) -> None:
        context = {**company.context, "clearing_date": payload.returned_on}
        self._client.press(_MODEL, "fail", [row["id"]], context=context, allow=self._desk.config.allowed_warnings)

    def _post_reversals(self, company: Company, payment: int, payload: RecordReturn, period: Period) -> None:
        """The ERP drafts the reversal with the date of the payment. It belongs on the day of the return."""
        drafts = self._reversals(company, payment, "draft")
        if not drafts:
            return
        ids = [draft["id"] for draft in drafts]
        values = {
            "date": payload.returned_on,
            "period": period.record_id,
            "description": f"Returned: {payload.payment.payment_id} {payload.reason}".strip(),
        }
        self._client.write(_MOVE, ids, values, context=company.context)
        self._client.press(_MOVE, "post", ids, context=company.context, allow=self._desk.config.allowed_warnings)

    def _reversals(self, company: Company, payment: int, state: str) -> list[Values]:
        """The journal entries that reverse the clearing of a payment."""
        clearing = self._client.search(_MOVE, [("origin", "=", f"{_MODEL},{payment}")])
        if not clearing:
            return []
        return self._client.search_read(
            _MOVE,
            [("origin", "in", [f"{_MOVE},{move}" for move in clearing]), ("state", "=", state)],
            ["number", "date", "period.start_date"],
            order=[("id", "DESC")],
            context=company.context,
        )

    def _applied(self, company: Company, row: Values) -> Applied:
        reversals = self._reversals(company, row["id"], "posted")
        amount = Money.of(row["amount"], row["currency."]["code"])
        return Applied(
            reference=record_reference(_MODEL, row["id"]),
            posting=posting(reversals[0]["number"], reversals[0], amount) if reversals else None,
            links={"number": row["number"]},
        )


def _no_such_payment(payload: RecordReturn) -> Refused:
    return Refused(
        problems=(
            Problem(
                Code.EFFECT_REFUSED,
                actual=payload.payment.payment_id,
                detail="the ERP holds no payment with this reference, so there is nothing to take back",
            ),
        )
    )
