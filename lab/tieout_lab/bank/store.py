"""The bank's books: accounts, files, payments, entries, statements, and what is to be sent. Whole minor units only.

The rules are this bank's own. It refuses a MsgId that it has seen (DU01) and never looks at EndToEndIds: whoever sends
the same payment under a new MsgId pays twice, as with real banks.
"""

from collections import Counter
from collections.abc import Iterable, Sequence
from datetime import date, timedelta
from decimal import Decimal
from typing import Any

import msgspec
from msgspec import Struct

from tieout_lab.amounts import places, to_minor, to_text
from tieout_lab.bank.iso import (
    PAIN_001,
    Batch,
    Original,
    PaymentFile,
    ReportedAccount,
    ReportedEntry,
    ReportedPayment,
    ReportedTransfer,
    Transfer,
    iban_ok,
    notification,
    statement,
    status_report,
)
from tieout_lab.bank.wire import (
    AccountCount,
    AccountStatus,
    CloseDay,
    Creditor,
    Entries,
    Fee,
    FileStatus,
    Incoming,
    Ledger,
    LedgerEntry,
    Money,
    PaymentCount,
    PaymentStatus,
    Return,
    ReturnNow,
    Settings,
    Statements,
    StatementSummary,
)
from tieout_lab.db import Db, now_text
from tieout_lab.serving import Refusal

ACCOUNTS = (
    ReportedAccount(iban="DE89370400440532013000", currency="EUR", owner="Northwind Group SE", bic="COBADEFFXXX"),
    ReportedAccount(iban="GB29NWBK60161331926819", currency="GBP", owner="Northwind UK Ltd", bic="NWBKGB2LXXX"),
)
OPENING = {"DE89370400440532013000": 500_000_000, "GB29NWBK60161331926819": 200_000_000}

_SCHEMA = """
CREATE TABLE IF NOT EXISTS account (iban TEXT PRIMARY KEY, opening INTEGER NOT NULL);
CREATE TABLE IF NOT EXISTS message (id TEXT PRIMARY KEY, file_name TEXT NOT NULL, sha256 TEXT NOT NULL,
  at TEXT NOT NULL, created TEXT NOT NULL, count INTEGER NOT NULL, total TEXT NOT NULL, reason TEXT NOT NULL,
  duplicates INTEGER NOT NULL, batch_reasons BLOB NOT NULL);
CREATE TABLE IF NOT EXISTS inbound (id INTEGER PRIMARY KEY, file_name TEXT NOT NULL, sha256 TEXT NOT NULL,
  kind TEXT NOT NULL, archived INTEGER NOT NULL);
CREATE TABLE IF NOT EXISTS payment (id INTEGER PRIMARY KEY, message TEXT NOT NULL, batch TEXT NOT NULL,
  instruction TEXT NOT NULL, e2e TEXT NOT NULL, iban TEXT NOT NULL, minor INTEGER NOT NULL, amount_text TEXT NOT NULL,
  currency TEXT NOT NULL, creditor TEXT NOT NULL, creditor_iban TEXT NOT NULL, remittance TEXT NOT NULL,
  batch_booking INTEGER NOT NULL, requested_on TEXT NOT NULL, execute_on TEXT NOT NULL, status TEXT NOT NULL,
  reason TEXT NOT NULL, entry INTEGER, return_entry INTEGER, return_due TEXT, return_reason TEXT);
CREATE INDEX IF NOT EXISTS payment_e2e ON payment (e2e);
CREATE INDEX IF NOT EXISTS payment_message ON payment (message);
CREATE INDEX IF NOT EXISTS payment_entry ON payment (entry);
CREATE TABLE IF NOT EXISTS entry (id INTEGER PRIMARY KEY, iban TEXT NOT NULL, booked_on TEXT NOT NULL,
  minor INTEGER NOT NULL, kind TEXT NOT NULL, e2e TEXT NOT NULL, counterparty TEXT NOT NULL, text TEXT NOT NULL,
  statement INTEGER);
CREATE INDEX IF NOT EXISTS entry_account ON entry (iban, statement);
CREATE TABLE IF NOT EXISTS statement (iban TEXT, number INTEGER, day TEXT NOT NULL, closing INTEGER NOT NULL,
  PRIMARY KEY (iban, number));
CREATE TABLE IF NOT EXISTS creditor (iban TEXT PRIMARY KEY, body BLOB NOT NULL);
CREATE TABLE IF NOT EXISTS outbound (seq INTEGER PRIMARY KEY AUTOINCREMENT, name TEXT NOT NULL, content BLOB NOT NULL,
  state TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS setting (name TEXT PRIMARY KEY, value BLOB NOT NULL);
"""


class Outbound(Struct, frozen=True, kw_only=True):
    """A file for ``out/``. ``state``: waiting, withheld, half (a part of it is out), written."""

    seq: int
    name: str
    content: bytes


class Store:
    """All of it."""

    def __init__(self, db: Db, today: date) -> None:
        self._db = db
        db.script(_SCHEMA)
        with db.unit():
            for iban, opening in OPENING.items():
                db.run("INSERT OR IGNORE INTO account VALUES (?, ?)", iban, opening)
            db.run("INSERT OR IGNORE INTO setting VALUES ('day', ?)", today.isoformat())
        self._accounts = {account.iban: account for account in ACCOUNTS}

    # files that come in

    def arrived_before(self, file_name: str, sha256: str) -> bool:
        """Was this very file taken in just before a crash, so that only its move to the archive is missing?"""
        row = self._db.row(
            "SELECT 1 FROM inbound WHERE file_name = ? AND sha256 = ? AND archived = 0", file_name, sha256
        )
        return row is not None

    def unarchived(self) -> list[str]:
        """Files taken in whose move to the archive was not noted."""
        return [row["file_name"] for row in self._db.rows("SELECT file_name FROM inbound WHERE archived = 0")]

    def archived(self, file_name: str) -> None:
        """The file is in the archive."""
        self._db.run("UPDATE inbound SET archived = 1 WHERE file_name = ?", file_name)

    def refuse_unreadable(self, file_name: str, sha256: str, sentence: str) -> None:
        """A file that is not a payment file: report what little can be said."""
        with self._db.unit():
            self._note(file_name, sha256, "unreadable")
            original = Original(
                message_id="NOTPROVIDED", message_name="NOTPROVIDED", created="", count=None, control_sum=""
            )
            self._send_status(original, "RJCT", reason="FF01", text=f"{file_name}: {sentence}")

    def take(self, file_name: str, sha256: str, file: PaymentFile) -> None:
        """Take a payment file in: check it, report on it, and execute what is due."""
        with self._db.unit():
            original = _original(file)
            if self._db.row("SELECT 1 FROM message WHERE id = ?", file.message_id):
                self._note(file_name, sha256, "duplicate")
                self._db.run("UPDATE message SET duplicates = duplicates + 1 WHERE id = ?", file.message_id)
                self._send_status(original, "RJCT", reason="DU01", text="this MsgId was received before")
                return
            self._note(file_name, sha256, "taken")
            reason = _group_reason(file)
            batch_reasons = {} if reason else self._batch_reasons(file)
            self._db.run(
                "INSERT INTO message VALUES (?, ?, ?, ?, ?, ?, ?, ?, 0, ?)",
                file.message_id,
                file_name,
                sha256,
                now_text(),
                file.created,
                file.count,
                f"{file.sum:f}",
                reason,
                msgspec.json.encode(batch_reasons),
            )
            for batch in file.batches:
                self._insert(file, batch, reason or batch_reasons.get(batch.payment_information_id, ""))
            if reason:
                self._send_status(original, "RJCT", reason=reason)
                return
            steps = self.settings().status_steps
            if "ACTC" in steps:
                self._send_status(original, "ACTC")
            if "ACCP" in steps or self._db.row(
                "SELECT 1 FROM payment WHERE message = ? AND status = 'RJCT'", file.message_id
            ):
                self._report(file.message_id)
            self._execute_due()

    def _note(self, file_name: str, sha256: str, kind: str) -> None:
        self._db.run(
            "INSERT INTO inbound (file_name, sha256, kind, archived) VALUES (?, ?, ?, 0)", file_name, sha256, kind
        )

    def _batch_reasons(self, file: PaymentFile) -> dict[str, str]:
        """Batches that are rejected as a whole, and why."""
        reasons = {}
        for batch in file.batches:
            total = sum((transfer.amount for transfer in batch.transfers), Decimal(0))
            if batch.debtor_iban not in self._accounts:
                reasons[batch.payment_information_id] = "AC02"
            elif batch.declared_count not in (None, len(batch.transfers)):
                reasons[batch.payment_information_id] = "AM18"
            elif batch.declared_sum not in (None, total):
                reasons[batch.payment_information_id] = "AM10"
        return reasons

    def _insert(self, file: PaymentFile, batch: Batch, rejected: str) -> None:
        today = self.today()
        execute_on = max(batch.requested_on, today)
        for transfer in batch.transfers:
            reason = rejected or self._transfer_reason(batch, transfer)
            if reason:
                status = "RJCT"
            elif execute_on != batch.requested_on:
                status, reason = "ACWC", "DT06"  # a day in the past becomes today, and we say so
            else:
                status = "ACCP"
            try:
                minor = to_minor(f"{transfer.amount:f}", transfer.currency)
            except ValueError:
                minor = 0  # rejected as AM12; what was asked for stays in amount_text
            self._db.run(
                "INSERT INTO payment (message, batch, instruction, e2e, iban, minor, amount_text, currency, creditor, "
                "creditor_iban, remittance, batch_booking, requested_on, execute_on, status, reason) "
                "VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
                file.message_id,
                batch.payment_information_id,
                transfer.instruction_id,
                transfer.end_to_end_id,
                batch.debtor_iban,
                minor,
                f"{transfer.amount:f}",
                transfer.currency,
                transfer.creditor_name,
                transfer.creditor_iban,
                transfer.remittance,
                batch.batch_booking,
                batch.requested_on.isoformat(),
                execute_on.isoformat(),
                status,
                reason,
            )

    def _transfer_reason(self, batch: Batch, transfer: Transfer) -> str:
        """Why this transfer is rejected; empty when it is not."""
        account = self._accounts[batch.debtor_iban]
        creditor = self.creditor(transfer.creditor_iban)
        if transfer.currency != account.currency:
            return "AM03"
        if transfer.amount != round(transfer.amount, places(transfer.currency)):
            return "AM12"
        if transfer.amount <= 0:
            return "AM01" if transfer.amount == 0 else "AM12"
        if not iban_ok(transfer.creditor_iban):
            return "AC01"
        if creditor is not None and creditor.behaviour == "reject":
            return creditor.reason or "AC01"
        if to_minor(f"{transfer.amount:f}", transfer.currency) > self._available(batch.debtor_iban):
            return "AM04"
        return ""

    # execution

    def _execute_due(self) -> None:
        """Book what is due today, and tell of it."""
        due = self._db.rows(
            "SELECT * FROM payment WHERE status IN ('ACCP', 'ACWC') AND execute_on <= ? ORDER BY id",
            self.today().isoformat(),
        )
        groups: dict[tuple[str, str], list[Any]] = {}
        for row in due:
            groups.setdefault((row["message"], row["batch"]), []).append(row)
        for rows in groups.values():
            self._book(rows)
        if "ACSC" in self.settings().status_steps:
            for message in dict.fromkeys(message for message, _batch in groups):
                self._report(message)

    def _book(self, rows: Sequence[Any]) -> None:
        """Book the payments of one batch: one by one, or as one entry when the sender asked for batch booking."""
        today, iban = self.today(), rows[0]["iban"]
        lots = [rows] if rows[0]["batch_booking"] and len(rows) > 1 else [[row] for row in rows]
        entries = []
        for lot in lots:
            first, batch = lot[0], len(lot) > 1
            entry = self._insert_entry(
                iban,
                -sum(row["minor"] for row in lot),
                "batch" if batch else "payment",
                e2e="" if batch else first["e2e"],
                counterparty="" if batch else first["creditor"],
                text=f"Batch {first['batch']}" if batch else first["remittance"],
            )
            for row in lot:
                behaviour = self.creditor(row["creditor_iban"])
                comes_back = behaviour is not None and behaviour.behaviour == "return"
                due = today + timedelta(days=behaviour.after_days) if behaviour and comes_back else None
                self._db.run(
                    "UPDATE payment SET status = 'ACSC', entry = ?, return_due = ?, return_reason = ? WHERE id = ?",
                    entry,
                    due.isoformat() if due else None,
                    (behaviour.reason or "AC04") if behaviour and comes_back else None,
                    row["id"],
                )
            entries.append(entry)
        self._notify(iban, entries)

    def _return_due(self) -> None:
        rows = self._db.rows(
            "SELECT * FROM payment WHERE return_due <= ? AND return_entry IS NULL ORDER BY id", self.today().isoformat()
        )
        for row in rows:
            self._give_back(row, row["return_reason"])

    def _give_back(self, row: Any, reason: str) -> None:
        entry = self._insert_entry(
            row["iban"],
            row["minor"],
            "return",
            e2e=row["e2e"],
            counterparty=row["creditor"],
            text=f"Return {row['e2e']} {reason}",
        )
        self._db.run("UPDATE payment SET return_entry = ?, return_reason = ? WHERE id = ?", entry, reason, row["id"])
        self._notify(row["iban"], [entry])

    def _insert_entry(
        self, iban: str, minor: int, kind: str, *, e2e: str = "", counterparty: str = "", text: str = ""
    ) -> int:
        return self._db.run(
            "INSERT INTO entry (iban, booked_on, minor, kind, e2e, counterparty, text) VALUES (?, ?, ?, ?, ?, ?, ?)",
            iban,
            self.today().isoformat(),
            minor,
            kind,
            e2e,
            counterparty,
            text,
        )

    # driving

    def today(self) -> date:
        """The bank's business date."""
        return date.fromisoformat(self._db.value("SELECT value FROM setting WHERE name = 'day'"))

    def set_today(self, day: date) -> None:
        """Start on another day: forward at any time, back only while nothing is booked."""
        if day < self.today() and self._db.row("SELECT 1 FROM entry UNION SELECT 1 FROM statement"):
            raise Refusal(409, "DAY_IN_THE_PAST", f"the business date is {self.today()}; it cannot go back to {day}")
        with self._db.unit():
            self._set_day(day)
            self._return_due()
            self._execute_due()

    def close_day(self, data: CloseDay) -> None:
        """Send statements for every account, then begin the next business day: returns first, then payments."""
        today = self.today()
        following = data.to or _next_weekday(today)
        if following <= today:
            raise Refusal(409, "DAY_IN_THE_PAST", f"the day after {today} cannot be {following}")
        with self._db.unit():
            for account in ACCOUNTS:
                self._close_account(account, today, withheld=account.iban in data.withhold)
            self._set_day(following)
            self._return_due()
            self._execute_due()

    def _set_day(self, day: date) -> None:
        self._db.run("UPDATE setting SET value = ? WHERE name = 'day'", day.isoformat())

    def _close_account(self, account: ReportedAccount, day: date, *, withheld: bool) -> None:
        last = self._db.row("SELECT * FROM statement WHERE iban = ? ORDER BY number DESC LIMIT 1", account.iban)
        number = last["number"] + 1 if last else 1
        opening = last["closing"] if last else self._opening(account.iban)
        rows = self._db.rows("SELECT * FROM entry WHERE iban = ? AND statement IS NULL ORDER BY id", account.iban)
        closing = opening + sum(row["minor"] for row in rows)
        self._db.run("INSERT INTO statement VALUES (?, ?, ?, ?)", account.iban, number, day.isoformat(), closing)
        self._db.run("UPDATE entry SET statement = ? WHERE iban = ? AND statement IS NULL", number, account.iban)
        content = statement(
            message_id=self._message_id("ST"),
            now=_xml_now(),
            number=number,
            day=day,
            account=account,
            opening=opening,
            closing=closing,
            entries=[self._reported(row, explode=False) for row in rows],
        )
        self._send(f"camt053_{account.iban}_{day}", content, "withheld" if withheld else "waiting")

    def fee(self, data: Fee) -> None:
        """Book a bank fee."""
        account = self._account(data.iban)
        with self._db.unit():
            minor = -_positive(data.amount, account.currency)
            self._notify(data.iban, [self._insert_entry(data.iban, minor, "fee", text=data.text)])

    def incoming(self, data: Incoming) -> None:
        """Book money that comes in from somebody."""
        account = self._account(data.iban)
        with self._db.unit():
            entry = self._insert_entry(
                data.iban,
                _positive(data.amount, account.currency),
                "incoming",
                e2e=data.end_to_end_id,
                counterparty=data.name,
                text=data.text,
            )
            self._notify(data.iban, [entry])

    def return_now(self, data: ReturnNow) -> int:
        """Send a payment back today, or all that are due some day. Says how many."""
        with self._db.unit():
            rows = self._db.rows(
                "SELECT * FROM payment WHERE entry IS NOT NULL AND return_entry IS NULL AND "
                "CASE WHEN ?1 = '' THEN return_due IS NOT NULL ELSE e2e = ?1 END ORDER BY id",
                data.end_to_end_id,
            )
            for row in rows:
                self._give_back(row, data.reason if data.end_to_end_id else row["return_reason"])
        return len(rows)

    def set_creditor(self, creditor: Creditor) -> None:
        """How payments to an account end from now on."""
        self._db.run("INSERT OR REPLACE INTO creditor VALUES (?, ?)", creditor.iban, msgspec.json.encode(creditor))

    def creditor(self, iban: str) -> Creditor | None:
        """How payments to an account end, when that was said."""
        body = self._db.value("SELECT body FROM creditor WHERE iban = ?", iban)
        return None if body is None else msgspec.json.decode(body, type=Creditor)

    def creditors(self) -> list[Creditor]:
        """All that was said."""
        rows = self._db.rows("SELECT body FROM creditor ORDER BY iban")
        return [msgspec.json.decode(row["body"], type=Creditor) for row in rows]

    def settings(self) -> Settings:
        """The bank's habits."""
        value = self._db.value("SELECT value FROM setting WHERE name = 'settings'")
        return Settings() if value is None else msgspec.json.decode(value, type=Settings)

    def set_settings(self, settings: Settings) -> None:
        """Change them."""
        self._db.run("INSERT OR REPLACE INTO setting VALUES ('settings', ?)", msgspec.json.encode(settings))

    # telling

    def payments(self, end_to_end_id: str | None, message_id: str | None) -> tuple[PaymentStatus, ...]:
        """Payments by EndToEndId or by the file they came in."""
        rows = self._db.rows(
            "SELECT p.*, e.booked_on, r.booked_on AS returned_on FROM payment p LEFT JOIN entry e ON e.id = p.entry "
            "LEFT JOIN entry r ON r.id = p.return_entry WHERE (?1 IS NULL OR p.e2e = ?1) "
            "AND (?2 IS NULL OR p.message = ?2) ORDER BY p.id",
            end_to_end_id,
            message_id,
        )
        return tuple(_payment_status(row) for row in rows)

    def file(self, message_id: str) -> FileStatus:
        """What became of a file."""
        row = self._db.row("SELECT * FROM message WHERE id = ?", message_id)
        if row is None:
            raise Refusal(404, "RESOURCE_UNKNOWN", f"no file with MsgId {message_id} was received")
        statuses = Counter[str]()
        for each in self._db.rows("SELECT status, count(*) FROM payment WHERE message = ? GROUP BY 1", message_id):
            statuses[each[0]] = each[1]
        return FileStatus(
            message_id=message_id,
            group_status="RJCT" if row["reason"] else _group_status(statuses),
            reason=row["reason"],
            file_name=row["file_name"],
            received_at=row["at"],
            transactions=row["count"],
            control_sum=row["total"],
            accepted=statuses.total() - statuses["RJCT"],
            rejected=statuses["RJCT"],
            duplicates_refused=row["duplicates"],
        )

    def account(self, iban: str) -> AccountStatus:
        """An account and its balances."""
        account = self._account(iban)
        return AccountStatus(
            iban=iban,
            currency=account.currency,
            owner=account.owner,
            booked=to_text(self._booked(iban), account.currency),
            available=to_text(self._available(iban), account.currency),
            business_date=self.today(),
            last_statement=self._db.value("SELECT coalesce(max(number), 0) FROM statement WHERE iban = ?", iban),
        )

    def statements(self, iban: str) -> Statements:
        """The statements that were made of an account."""
        currency = self._account(iban).currency
        rows = self._db.rows("SELECT number, day, closing FROM statement WHERE iban = ? ORDER BY number", iban)
        return Statements(
            opening=to_text(self._opening(iban), currency),
            statements=tuple(
                StatementSummary(
                    number=row["number"],
                    day=date.fromisoformat(row["day"]),
                    closing=to_text(row["closing"], currency),
                    currency=currency,
                )
                for row in rows
            ),
        )

    def entries(self, iban: str, after: int, limit: int) -> Entries:
        """Booked entries in order."""
        currency = self._account(iban).currency
        rows = self._db.rows(
            "SELECT * FROM entry WHERE iban = ? AND id > ? ORDER BY id LIMIT ?", iban, after, limit + 1
        )
        entries = tuple(
            LedgerEntry(
                entry_id=row["id"],
                bank_reference=_reference(row),
                booked_on=date.fromisoformat(row["booked_on"]),
                value_on=date.fromisoformat(row["booked_on"]),
                amount=Money(amount=to_text(row["minor"], currency), currency=currency),
                kind=row["kind"],
                end_to_end_id=row["e2e"],
                counterparty=row["counterparty"],
                text=row["text"],
                statement=row["statement"],
            )
            for row in rows[:limit]
        )
        return Entries(entries=entries, next=entries[-1].entry_id if entries else after, more=len(rows) > limit)

    def ledger(self) -> Ledger:
        """The truth: what the bank really did."""
        counts: dict[str, PaymentCount] = {}
        for row in self._db.rows("SELECT * FROM payment ORDER BY id"):
            held = counts.get(row["e2e"], PaymentCount())
            counts[row["e2e"]] = PaymentCount(
                paid=held.paid + (row["entry"] is not None),
                returned=held.returned + (row["return_entry"] is not None),
                rejected=held.rejected + (row["status"] == "RJCT"),
                waiting=held.waiting + (row["status"] in ("ACCP", "ACWC")),
                amount=Money(amount=row["amount_text"], currency=row["currency"]),
            )
        kinds = Counter({row[0]: row[1] for row in self._db.rows("SELECT kind, count(*) FROM inbound GROUP BY 1")})
        return Ledger(
            business_date=self.today(),
            accounts=tuple(self._account_count(account) for account in ACCOUNTS),
            payments=counts,
            paid_twice=tuple(e2e for e2e, count in counts.items() if count.paid > 1),
            files=kinds["taken"],
            duplicate_files_refused=kinds["duplicate"],
            unreadable_files=kinds["unreadable"],
        )

    def _account_count(self, account: ReportedAccount) -> AccountCount:
        row = self._db.row("SELECT count(*), coalesce(sum(minor), 0) FROM entry WHERE iban = ?", account.iban)
        assert row is not None
        return AccountCount(
            iban=account.iban,
            currency=account.currency,
            opening=to_text(self._opening(account.iban), account.currency),
            entries=row[0],
            entries_sum=to_text(row[1], account.currency),
            balance=to_text(self._booked(account.iban), account.currency),
        )

    # files that go out

    def next_outbound(self) -> Outbound | None:
        """The next file to write."""
        row = self._db.row("SELECT seq, name, content FROM outbound WHERE state = 'waiting' ORDER BY seq LIMIT 1")
        return None if row is None else Outbound(seq=row["seq"], name=row["name"], content=row["content"])

    def mark_outbound(self, seq: int, state: str) -> None:
        """Note how far a file is."""
        self._db.run("UPDATE outbound SET state = ? WHERE seq = ?", state, seq)

    def halves(self) -> list[Outbound]:
        """Files of which a part is out."""
        rows = self._db.rows("SELECT seq, name, content FROM outbound WHERE state = 'half' ORDER BY seq")
        return [Outbound(seq=row["seq"], name=row["name"], content=row["content"]) for row in rows]

    def release_withheld(self) -> None:
        """Send the statements that were withheld."""
        self._db.run("UPDATE outbound SET state = 'waiting' WHERE state = 'withheld'")

    def send_again(self, name: str) -> str:
        """Send an old file again under a new name, as banks do after they were asked for a copy. Returns the name."""
        content = self._db.value("SELECT content FROM outbound WHERE name = ?", name)
        if content is None:
            raise Refusal(404, "RESOURCE_UNKNOWN", f"no file {name} was ever made")
        with self._db.unit():
            return self._send(name.removesuffix(".xml").rpartition("_")[0] + "_copy", content)

    def _send(self, stem: str, content: bytes, state: str = "waiting") -> str:
        seq = self._db.run("INSERT INTO outbound (name, content, state) VALUES ('', ?, ?)", content, state)
        name = f"{stem}_{seq:06d}.xml"
        self._db.run("UPDATE outbound SET name = ? WHERE seq = ?", name, seq)
        return name

    def _message_id(self, kind: str) -> str:
        number = 1 + (self._db.value("SELECT max(seq) FROM outbound") or 0)
        return f"BNK-{kind}-{self.today():%Y%m%d}-{number:08d}"

    def _send_status(
        self,
        original: Original,
        group_status: str,
        *,
        reason: str = "",
        text: str = "",
        payments: Iterable[ReportedPayment] = (),
        batch_reasons: dict[str, str] | None = None,
        counts: dict[str, tuple[int, str]] | None = None,
    ) -> None:
        codes = self.settings().code_map
        content = status_report(
            message_id=self._message_id("P2"),
            now=_xml_now(),
            original=original,
            group_status=codes.get(group_status, group_status),
            reason=reason,
            text=text,
            payments=[msgspec.structs.replace(each, status=codes.get(each.status, each.status)) for each in payments],
            batch_reasons=batch_reasons,
            counts={codes.get(status, status): count for status, count in (counts or {}).items()},
        )
        self._send("pain002", content)

    def _report(self, message_id: str) -> None:
        """A status report on a file as it stands now."""
        message = self._db.row("SELECT * FROM message WHERE id = ?", message_id)
        assert message is not None
        rows = self._db.rows("SELECT * FROM payment WHERE message = ? ORDER BY id", message_id)
        everything = self.settings().detail == "all"
        payments = [
            ReportedPayment(
                payment_information_id=row["batch"],
                instruction_id=row["instruction"],
                end_to_end_id=row["e2e"],
                status=row["status"],
                reason=row["reason"] if row["status"] in ("RJCT", "ACWC") else "",
                text="execution date changed" if row["status"] == "ACWC" else "",
                amount_text=row["amount_text"],
                currency=row["currency"],
                execute_on=date.fromisoformat(row["execute_on"]),
                listed=everything or row["status"] in ("RJCT", "ACWC"),
            )
            for row in rows
        ]
        statuses = Counter(payment.status for payment in payments)
        group_status = _group_status(statuses)
        counts = {
            status: (number, f"{sum(Decimal(p.amount_text) for p in payments if p.status == status):f}")
            for status, number in statuses.items()
        }
        self._send_status(
            Original(
                message_id=message_id,
                message_name=PAIN_001,
                created=message["created"],
                count=message["count"],
                control_sum=message["total"],
            ),
            group_status,
            payments=payments,
            batch_reasons=msgspec.json.decode(message["batch_reasons"], type=dict[str, str]),
            counts=counts if group_status == "PART" else None,
        )

    def _notify(self, iban: str, entries: Sequence[int]) -> None:
        """A camt.054 about entries just booked."""
        if not self.settings().notify or not entries:
            return
        rows = [self._db.row("SELECT * FROM entry WHERE id = ?", entry) for entry in entries]
        content = notification(
            message_id=self._message_id("NT"),
            now=_xml_now(),
            number=entries[0],
            account=self._account(iban),
            entries=[self._reported(row, explode=True) for row in rows],
        )
        self._send(f"camt054_{iban}_{self.today()}", content)

    def _reported(self, entry: Any, *, explode: bool) -> ReportedEntry:
        booked_on = date.fromisoformat(entry["booked_on"])
        payments = self._db.rows("SELECT * FROM payment WHERE entry = ?1 OR return_entry = ?1 ORDER BY id", entry["id"])
        if payments:
            sign = -1 if entry["minor"] < 0 else 1
            transfers = tuple(
                ReportedTransfer(
                    amount_minor=sign * row["minor"],
                    end_to_end_id=row["e2e"],
                    instruction_id=row["instruction"],
                    payment_information_id=row["batch"],
                    message_id=row["message"],
                    counterparty=row["creditor"],
                    counterparty_iban=row["creditor_iban"],
                    remittance=row["remittance"],
                    return_reason=row["return_reason"] if entry["kind"] == "return" else "",
                )
                for row in payments
            )
        elif entry["kind"] == "incoming":
            transfers = (
                ReportedTransfer(
                    amount_minor=entry["minor"],
                    end_to_end_id=entry["e2e"],
                    counterparty=entry["counterparty"],
                    remittance=entry["text"],
                ),
            )
        else:
            transfers = ()
        return ReportedEntry(
            bank_reference=_reference(entry),
            amount_minor=entry["minor"],
            booked_on=booked_on,
            value_on=booked_on,
            kind=entry["kind"],
            text=entry["text"],
            transfers=transfers,
            explode=explode,
        )

    # balances

    def _account(self, iban: str) -> ReportedAccount:
        if iban not in self._accounts:
            raise Refusal(404, "RESOURCE_UNKNOWN", f"{iban} is not an account of this bank")
        return self._accounts[iban]

    def _opening(self, iban: str) -> int:
        return int(self._db.value("SELECT opening FROM account WHERE iban = ?", iban))

    def _booked(self, iban: str) -> int:
        moved = self._db.value("SELECT coalesce(sum(minor), 0) FROM entry WHERE iban = ?", iban)
        return self._opening(iban) + int(moved)

    def _available(self, iban: str) -> int:
        waiting = self._db.value(
            "SELECT coalesce(sum(minor), 0) FROM payment WHERE iban = ? AND status IN ('ACCP', 'ACWC')", iban
        )
        return self._booked(iban) - int(waiting)


def _group_reason(file: PaymentFile) -> str:
    """Why a whole file is rejected; empty when it is not."""
    if file.declared_count != file.count:
        return "AM18"
    if file.declared_sum is not None and file.declared_sum != file.sum:
        return "AM10"
    return ""


def _group_status(statuses: Counter[str]) -> str:
    """One status for all, or PART."""
    present = [status for status, number in statuses.items() if number]
    return present[0] if len(present) == 1 else "PART"


def _original(file: PaymentFile) -> Original:
    return Original(
        message_id=file.message_id,
        message_name=PAIN_001,
        created=file.created,
        count=file.count,
        control_sum=f"{file.sum:f}",
    )


def _payment_status(row: Any) -> PaymentStatus:
    booked_on = date.fromisoformat(row["booked_on"]) if row["entry"] is not None else None
    returned_on = date.fromisoformat(row["returned_on"]) if row["return_entry"] is not None else None
    return PaymentStatus(
        end_to_end_id=row["e2e"],
        message_id=row["message"],
        payment_information_id=row["batch"],
        instruction_id=row["instruction"],
        transaction_status=row["status"],
        amount=Money(amount=row["amount_text"], currency=row["currency"]),
        creditor_name=row["creditor"],
        creditor_iban=row["creditor_iban"],
        requested_on=date.fromisoformat(row["requested_on"]),
        execute_on=date.fromisoformat(row["execute_on"]),
        reason=row["reason"],
        booked_on=booked_on,
        bank_reference="" if booked_on is None else _bank_reference(booked_on, row["entry"]),
        returned=None
        if returned_on is None
        else Return(
            reason=row["return_reason"],
            booked_on=returned_on,
            bank_reference=_bank_reference(returned_on, row["return_entry"]),
        ),
    )


def _reference(entry: Any) -> str:
    return _bank_reference(date.fromisoformat(entry["booked_on"]), entry["id"])


def _bank_reference(booked_on: date, entry: int) -> str:
    return f"{booked_on:%y%m%d}{entry:010d}"


def _positive(text: str, currency: str) -> int:
    try:
        minor = to_minor(text, currency)
    except ValueError as error:
        raise Refusal(422, "FORMAT_ERROR", str(error)) from None
    if minor <= 0:
        raise Refusal(422, "FORMAT_ERROR", f"{text} must be more than zero")
    return minor


def _next_weekday(day: date) -> date:
    following = day + timedelta(days=1)
    while following.weekday() >= 5:
        following += timedelta(days=1)
    return following


def _xml_now() -> str:
    return now_text()[:19]
