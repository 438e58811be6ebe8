"""The AP platform's books: suppliers, invoices, what was reported about them, and who approved."""

import asyncio
from collections.abc import Callable
from contextlib import suppress
from hashlib import sha256
from typing import Literal

import msgspec
from msgspec.structs import asdict, replace

from tieout_lab.amounts import to_minor
from tieout_lab.ap.wire import (
    Approval,
    ApprovalRule,
    Capture,
    Decision,
    Document,
    File,
    Invoice,
    InvoicePage,
    MatchReport,
    Money,
    Party,
    PaymentReport,
    PostingReport,
    PutSupplier,
    State,
    Submission,
    Supplier,
    Total,
    Totals,
)
from tieout_lab.db import Db, now_ms, now_text
from tieout_lab.feed import Change, Feed
from tieout_lab.serving import Refusal

_SCHEMA = """
CREATE TABLE IF NOT EXISTS supplier (id INTEGER PRIMARY KEY, reference TEXT UNIQUE, tax_id TEXT NOT NULL,
  body BLOB NOT NULL);
CREATE TABLE IF NOT EXISTS invoice (id INTEGER PRIMARY KEY AUTOINCREMENT, reference TEXT UNIQUE, entity TEXT NOT NULL,
  number TEXT NOT NULL, tax_id TEXT NOT NULL, currency TEXT NOT NULL, signed_minor INTEGER NOT NULL,
  state TEXT NOT NULL, body BLOB NOT NULL);
CREATE INDEX IF NOT EXISTS invoice_number ON invoice (number);
CREATE TABLE IF NOT EXISTS file (sha256 TEXT PRIMARY KEY, media_type TEXT NOT NULL, content BLOB NOT NULL);
CREATE TABLE IF NOT EXISTS idempotency (key TEXT PRIMARY KEY, body_sha256 TEXT NOT NULL, answer BLOB NOT NULL);
CREATE TABLE IF NOT EXISTS due_approval (invoice INTEGER PRIMARY KEY, due INTEGER NOT NULL);
CREATE TABLE IF NOT EXISTS setting (name TEXT PRIMARY KEY, value BLOB NOT NULL);
"""

Report = MatchReport | PostingReport | PaymentReport


class Store:
    """All of it. ``announce`` is told of every event inside the unit of work that caused it."""

    def __init__(self, db: Db, feed: Feed, announce: Callable[[Change], None]) -> None:
        self._db, self._feed, self._announce = db, feed, announce
        self._rule_wake = asyncio.Event()
        db.script(_SCHEMA)

    # suppliers

    def put_supplier(self, reference: str, data: PutSupplier, by: str) -> tuple[Supplier, bool]:
        """Hold this supplier under the caller's reference; the same record again changes nothing. Says whether it is
        new. A record that people made here, with the same tax id and no reference yet, is taken over."""
        with self._db.unit():
            row = self._db.row("SELECT id, body FROM supplier WHERE reference = ?", reference) or self._db.row(
                "SELECT id, body FROM supplier WHERE reference IS NULL AND tax_id = ? AND tax_id <> ''", data.tax_id
            )
            held = msgspec.json.decode(row["body"], type=Supplier) if row else None
            if held is not None and held.reference == reference and _given(held) == data:
                return held, False
            return self._save_supplier(reference, data, by, held), held is None

    def add_supplier(self, data: PutSupplier, by: str) -> Supplier:
        """People here add a supplier; it has no reference until an outside system takes it over."""
        with self._db.unit():
            return self._save_supplier("", data, by, None)

    def _save_supplier(self, reference: str, data: PutSupplier, by: str, held: Supplier | None) -> Supplier:
        number = int(held.id[4:]) if held else 1 + (self._db.value("SELECT max(id) FROM supplier") or 0)
        supplier = Supplier(
            **asdict(data),
            id=f"sup-{number:06d}",
            reference=reference,
            revision=held.revision + 1 if held else 1,
            changed_by=by,
            changed_at=now_text(),
        )
        self._db.run(
            "INSERT OR REPLACE INTO supplier VALUES (?, ?, ?, ?)",
            number,
            reference or None,
            data.tax_id,
            msgspec.json.encode(supplier),
        )
        self._tell("supplier.changed", supplier)
        return supplier

    def suppliers(self, reference: str | None, tax_id: str | None) -> list[Supplier]:
        """Suppliers by our caller's id or by tax id; all of them without either."""
        rows = self._db.rows(
            "SELECT body FROM supplier WHERE (?1 IS NULL OR reference = ?1) AND (?2 IS NULL OR tax_id = ?2) "
            "ORDER BY id",
            reference,
            tax_id,
        )
        return [msgspec.json.decode(row["body"], type=Supplier) for row in rows]

    def _recognise(self, party: Party) -> Party:
        found = self.suppliers(None, party.tax_id) if party.tax_id else []
        return replace(party, id=found[0].id, reference=found[0].reference) if found else party

    # invoices

    def capture(self, data: Capture) -> Invoice:
        """The mail room has read a document."""
        with self._db.unit():
            invoice = self._insert(
                data, "", data.channel, data.file, confidence=data.confidence, low=data.low_confidence_fields
            )
            self._tell("capture.completed", invoice)
        return invoice

    def submit(self, key: str, data: Submission) -> tuple[Invoice, bool]:
        """Take an invoice that arrived elsewhere. The same key gives the same answer; says whether it was a repeat."""
        fingerprint = sha256(msgspec.json.encode(data, order="deterministic")).hexdigest()
        with self._db.unit():
            row = self._db.row("SELECT body_sha256, answer FROM idempotency WHERE key = ?", key)
            if row is not None:
                if row["body_sha256"] != fingerprint:
                    raise Refusal(422, "idempotency_key_reused", f"key {key} was used for another body")
                return msgspec.json.decode(row["answer"], type=Invoice), True
            self._refuse_taken(data.reference)
            invoice = self._insert(data, data.reference, data.channel, data.file)
            self._db.run("INSERT INTO idempotency VALUES (?, ?, ?)", key, fingerprint, msgspec.json.encode(invoice))
            self._tell("invoice.received", invoice)
        return invoice, False

    def _insert(
        self,
        data: Document,
        reference: str,
        channel: Literal["mail", "scan", "portal", "edi", "api"],
        file: File | None,
        confidence: str = "1",
        low: tuple[str, ...] = (),
    ) -> Invoice:
        _check_amounts(data)
        digest = ""
        if file is not None:
            digest = sha256(file.content).hexdigest()
            self._db.run("INSERT OR IGNORE INTO file VALUES (?, ?, ?)", digest, file.media_type, file.content)
        number = 1 + (self._db.value("SELECT max(id) FROM invoice") or 0)
        at = now_text()
        document = {name: getattr(data, name) for name in Document.__struct_fields__}
        invoice = Invoice(
            **{**document, "supplier": self._recognise(data.supplier)},
            id=f"ap-{number:06d}",
            reference=reference,
            channel=channel,
            state="captured",
            revision=1,
            created_at=at,
            changed_at=at,
            confidence=confidence,
            low_confidence_fields=low,
            file_name=file.file_name if file else "",
            file_sha256=digest,
        )
        signed = to_minor(data.gross.amount, data.gross.currency) * (-1 if data.document_type == "CREDIT_NOTE" else 1)
        self._db.run(
            "INSERT INTO invoice VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
            number,
            reference or None,
            data.entity,
            data.invoice_number,
            data.supplier.tax_id,
            data.gross.currency,
            signed,
            invoice.state,
            msgspec.json.encode(invoice),
        )
        return invoice

    def _refuse_taken(self, reference: str) -> None:
        if self._db.row("SELECT 1 FROM invoice WHERE reference = ?", reference):
            raise Refusal(409, "reference_taken", f"an invoice with reference {reference} exists")

    def get(self, invoice_id: str) -> Invoice:
        """One invoice."""
        row = self._db.row("SELECT body FROM invoice WHERE id = ?", _number(invoice_id))
        if row is None:
            raise Refusal(404, "not_found", f"there is no invoice {invoice_id}")
        return msgspec.json.decode(row["body"], type=Invoice)

    def find(
        self, reference: str | None, number: str | None, tax_id: str | None, entity: str | None, state: str | None,
        after: str, limit: int,
    ) -> InvoicePage:  # fmt: skip
        """Invoices by whatever was given, in the order of their ids."""
        rows = self._db.rows(
            "SELECT body FROM invoice WHERE (?1 IS NULL OR reference = ?1) AND (?2 IS NULL OR number = ?2) "
            "AND (?3 IS NULL OR tax_id = ?3) AND (?4 IS NULL OR entity = ?4) AND (?5 IS NULL OR state = ?5) "
            "AND id > ?6 ORDER BY id LIMIT ?7",
            reference,
            number,
            tax_id,
            entity,
            state,
            _number(after) if after else 0,
            limit + 1,
        )
        items = [msgspec.json.decode(row["body"], type=Invoice) for row in rows]
        return InvoicePage(items=items[:limit], next=items[limit - 1].id if len(items) > limit else "")

    def file(self, invoice_id: str) -> tuple[str, bytes]:
        """The original as it came in: media type and bytes."""
        row = self._db.row("SELECT media_type, content FROM file WHERE sha256 = ?", self.get(invoice_id).file_sha256)
        if row is None:
            raise Refusal(404, "no_file", f"invoice {invoice_id} came without a file")
        return row["media_type"], row["content"]

    def report_match(self, invoice_id: str, report: MatchReport) -> Invoice:
        """Note what matching found, and send the invoice to its approvers."""
        with self._db.unit():
            invoice = self.get(invoice_id)
            if invoice.match == report:
                return invoice
            _refuse_stale(invoice.match, report)
            if report.reference and invoice.reference not in ("", report.reference):
                raise Refusal(409, "reference_differs", f"{invoice_id} is known as {invoice.reference}")
            if report.reference and not invoice.reference:
                self._refuse_taken(report.reference)
            approval = invoice.approval
            if approval.state == "not_started":
                approval = Approval(state="waiting")
            invoice = self._save(
                invoice, match=report, approval=approval, reference=report.reference or invoice.reference
            )
            self._ask_rule(invoice)
        return invoice

    def decide(self, invoice_id: str, decision: Decision, rule: str = "") -> Invoice:
        """An approver decided. The same decision again changes nothing; after posting it is too late for another."""
        state: Literal["approved", "rejected"] = "approved" if decision.decision == "approve" else "rejected"
        with self._db.unit():
            invoice = self.get(invoice_id)
            if (invoice.approval.state, invoice.approval.by) == (state, decision.by):
                return invoice
            if invoice.state in ("posted", "paid"):
                raise Refusal(409, "already_posted", f"{invoice_id} is {invoice.state}")
            approval = Approval(state=state, by=decision.by, comment=decision.comment, rule=rule, decided_at=now_text())
            invoice = self._save(invoice, approval=approval)
            self._db.run("DELETE FROM due_approval WHERE invoice = ?", _number(invoice_id))
            self._tell("approval.changed", invoice)
        return invoice

    def report_posting(self, invoice_id: str, report: PostingReport) -> Invoice:
        """Note what the ledger holds."""
        with self._db.unit():
            invoice = self.get(invoice_id)
            if invoice.posting == report:
                return invoice
            _refuse_stale(invoice.posting, report)
            if invoice.approval.state == "rejected" and report.status == "posted":
                raise Refusal(409, "invoice_rejected", f"{invoice_id} was rejected by {invoice.approval.by}")
            return self._save(invoice, posting=report)

    def report_payment(self, invoice_id: str, report: PaymentReport) -> Invoice:
        """Note where the payment stands."""
        with self._db.unit():
            invoice = self.get(invoice_id)
            if invoice.payment == report:
                return invoice
            _refuse_stale(invoice.payment, report)
            return self._save(invoice, payment=report)

    def totals(self, entity: str | None, currency: str | None, state: str | None) -> Totals:
        """Count and gross sum by entity, currency and state."""
        rows = self._db.rows(
            "SELECT entity, currency, state, count(*), sum(signed_minor) FROM invoice "
            "WHERE (?1 IS NULL OR entity = ?1) AND (?2 IS NULL OR currency = ?2) AND (?3 IS NULL OR state = ?3) "
            "GROUP BY 1, 2, 3 ORDER BY 1, 2, 3",
            entity,
            currency,
            state,
        )
        items = [Total(entity=r[0], currency=r[1], state=r[2], count=r[3], sum_minor=r[4]) for r in rows]
        return Totals(items=items, as_of=now_text())

    # approval by rule

    def rule(self) -> ApprovalRule:
        """The rule in force. At first people decide everything."""
        value = self._db.value("SELECT value FROM setting WHERE name = 'approval_rule'")
        return ApprovalRule() if value is None else msgspec.json.decode(value, type=ApprovalRule)

    def set_rule(self, rule: ApprovalRule) -> None:
        """From now on (invoices that already wait for people go on waiting)."""
        for currency, limit in rule.limits.items():
            _minor(Money(amount=limit, currency=currency))
        self._db.run("INSERT OR REPLACE INTO setting VALUES ('approval_rule', ?)", msgspec.json.encode(rule))

    def _ask_rule(self, invoice: Invoice) -> None:
        rule = self.rule()
        limit = rule.limits.get(invoice.gross.currency)
        if limit is None or invoice.approval.state != "waiting" or invoice.match is None:
            return
        if invoice.match.verdict == "discrepant":
            self._db.run("DELETE FROM due_approval WHERE invoice = ?", _number(invoice.id))
            return
        if _minor(invoice.gross) < _minor(Money(amount=limit, currency=invoice.gross.currency)):
            due = now_ms() + rule.delay_ms
            self._db.run("INSERT OR REPLACE INTO due_approval VALUES (?, ?)", _number(invoice.id), due)
            self._rule_wake.set()

    async def run_rule(self) -> None:
        """Approve what the rule approves, when it is due. What was due while we were down is due at once."""
        while True:
            self._rule_wake.clear()
            row = self._db.row("SELECT invoice, due FROM due_approval ORDER BY due LIMIT 1")
            wait = None if row is None else (row["due"] - now_ms()) / 1000
            if row is None or (wait is not None and wait > 0):
                with suppress(TimeoutError):
                    await asyncio.wait_for(self._rule_wake.wait(), wait)
                continue
            rule = self.rule()
            invoice_id = f"ap-{row['invoice']:06d}"
            if self.get(invoice_id).approval.state == "waiting":
                self.decide(invoice_id, Decision(decision="approve", by=rule.approver), rule="below_limit")
            else:
                self._db.run("DELETE FROM due_approval WHERE invoice = ?", row["invoice"])
            await asyncio.sleep(0)

    # inside

    def _save(self, invoice: Invoice, **changes: object) -> Invoice:
        changed = replace(invoice, revision=invoice.revision + 1, changed_at=now_text(), **changes)
        changed = replace(changed, state=_state(changed))
        self._db.run(
            "UPDATE invoice SET reference = ?, state = ?, body = ? WHERE id = ?",
            changed.reference or None,
            changed.state,
            msgspec.json.encode(changed),
            _number(invoice.id),
        )
        return changed

    def _tell(self, type: str, document: Invoice | Supplier) -> None:
        self._announce(self._feed.append(type, document))


def _given(supplier: Supplier) -> PutSupplier:
    """The record without what we added to it."""
    return PutSupplier(**{name: getattr(supplier, name) for name in PutSupplier.__struct_fields__})


def _state(invoice: Invoice) -> State:
    """What one word our lists show. The most advanced thing that holds wins."""
    if invoice.payment is not None and invoice.payment.status == "paid":
        return "paid"
    if invoice.posting is not None and invoice.posting.status == "posted":
        return "posted"
    match invoice.approval.state:
        case "approved":
            return "approved"
        case "rejected":
            return "rejected"
        case "waiting":
            return "in_approval"
        case "not_started":
            return "captured"


def _refuse_stale(held: Report | None, report: Report) -> None:
    """A report that left earlier than the one we hold arrived late (a slow network, a retry): it must not win."""
    if held is not None and held.as_of and report.as_of and report.as_of < held.as_of:
        raise Refusal(409, "stale_report", f"we hold a report as of {held.as_of}, newer than {report.as_of}")


def _check_amounts(data: Document) -> None:
    amounts = [data.net, data.tax, data.gross, *(line.net for line in data.lines)]
    if {money.currency for money in amounts} != {data.gross.currency}:
        raise Refusal(422, "mixed_currencies", "all amounts of an invoice are in one currency")
    if _minor(data.net) + _minor(data.tax) != _minor(data.gross):
        raise Refusal(422, "sums_differ", "net plus tax is not gross")


def _minor(money: Money) -> int:
    try:
        return to_minor(money.amount, money.currency)
    except ValueError as error:
        raise Refusal(422, "bad_amount", str(error)) from None


def _number(invoice_id: str) -> int:
    head, _, digits = invoice_id.partition("-")
    if head != "ap" or not digits.isascii() or not digits.isdigit():
        raise Refusal(404, "not_found", f"{invoice_id!r} is not an invoice id such as ap-000123")
    return int(digits)
