"""What people do in the ERP behind our back, and what we want to hear of it.

Two streams are read. Records with their time of change tell of new bank details; the ERP's own log of what was
clicked tells of cancelled invoices. Both hand out their marks *before* the change is committed, so when a reader has
caught up it steps back a little and reads the last stretch again; the inbox knows what it has seen by its key.
"""

from datetime import datetime, timedelta

import msgspec
from msgspec import Struct

from tieout.connectors.tryton.client import Values
from tieout.connectors.tryton.landing import Desk
from tieout.kernel.clock import EPOCH, Clock
from tieout.kernel.errors import ConfigError
from tieout.kernel.ids import derive
from tieout.model.documents import BankAccount
from tieout.model.events import Message
from tieout.model.facts import BankChangeRequested, InvoiceCancelled, supplier_home
from tieout.ports import Page

_PAGE = 200
#: How far a caught-up reader steps back: longer than any call of the ERP may take.
_OVERLAP = timedelta(seconds=60)
_OVERLAP_LOG_IDS = 100
_SUPPLIER_IDS = "sup-%"


class Cursor(Struct, frozen=True):
    """How far both streams have been read."""

    changed_at: datetime = EPOCH
    record_id: int = 0
    log_id: int = 0


class Changes:
    """``pull``."""

    def __init__(self, desk: Desk, clock: Clock, system: str) -> None:
        self._desk = desk
        self._client = desk.client
        self._clock = clock
        self._system = system

    def pull(self, cursor: str) -> Page:
        """One page of both streams."""
        observed_at = self._clock.now()
        if not cursor:
            return Page(messages=(), cursor=_write_cursor(self._start()), more=True)
        here = _read_cursor(cursor)
        accounts = self._changed_bank_accounts(here)
        clicks = self._cancellations(here)
        more = len(accounts) == _PAGE or len(clicks) == _PAGE
        messages = [*self._bank_changes(accounts), *self._cancelled_invoices(clicks)]
        return Page(
            messages=tuple(messages),
            cursor=_write_cursor(self._next(here, accounts, clicks)),
            more=more,
            observed_at=None if more else observed_at,
        )

    def _start(self) -> Cursor:
        """The first pull only marks the place: what the ERP held before tieout came is not a change."""
        accounts = self._client.search_read(
            "bank.account.number",
            [],
            ["last_modified_at"],
            limit=1,
            order=[("last_modified_at", "DESC"), ("id", "DESC")],
        )
        clicks = self._client.search_read("ir.model.log", [], [], limit=1, order=[("id", "DESC")])
        changed_at = _utc(accounts[0]["last_modified_at"]) if accounts else EPOCH
        return Cursor(changed_at, accounts[0]["id"] if accounts else 0, clicks[0]["id"] if clicks else 0)

    @staticmethod
    def _next(here: Cursor, accounts: list[Values], clicks: list[Values]) -> Cursor:
        """After a full page, right behind it; after the last one, a step back."""
        changed_at, record_id, log_id = here.changed_at, here.record_id, here.log_id
        if accounts:
            changed_at, record_id = _utc(accounts[-1]["last_modified_at"]), accounts[-1]["id"]
            if len(accounts) < _PAGE:
                changed_at, record_id = max(here.changed_at, changed_at - _OVERLAP), 0
        if clicks:
            log_id = clicks[-1]["id"]
            if len(clicks) < _PAGE:
                log_id = max(here.log_id, log_id - _OVERLAP_LOG_IDS)
        return Cursor(changed_at, record_id, log_id)

    # ── bank details ────────────────────────────────────────────────────────────────────────────────────────────

    def _changed_bank_accounts(self, here: Cursor) -> list[Values]:
        """IBANs that somebody else than us entered or changed."""
        since = here.changed_at.replace(tzinfo=None)
        return self._client.search_read(
            "bank.account.number",
            [
                ("type", "=", "iban"),
                ("account.active", "=", True),
                [
                    "OR",
                    ("last_modified_at", ">", since),
                    [("last_modified_at", "=", since), ("id", ">", here.record_id)],
                ],
            ],
            [
                "number_compact",
                "account.owners",
                "account.currency.code",
                "last_modified_at",
                "create_uid",
                "write_uid",
            ],
            limit=_PAGE,
            order=[("last_modified_at", "ASC"), ("id", "ASC")],
        )

    def _bank_changes(self, rows: list[Values]) -> list[Message]:
        """Ask for a confirmed change of bank details; until it is, nothing is paid to the supplier."""
        own = self._client.user_id
        foreign = [row for row in rows if (row["write_uid"] or row["create_uid"]) != own]
        owners = self._suppliers([owner for row in foreign for owner in row["account."]["owners"]])
        return [
            self._bank_change(row, *owners[owner])
            for row in foreign
            for owner in row["account."]["owners"]
            if owner in owners
        ]

    def _suppliers(self, party_ids: list[int]) -> dict[int, tuple[str, str]]:
        """Our supplier id and the name, by party."""
        domain = [
            ("party", "in", sorted(set(party_ids))),
            ("type", "=", None),
            ("code", "like", _SUPPLIER_IDS),
        ]
        rows = self._client.search_read("party.identifier", domain, ["code", "party.name"]) if party_ids else []
        return {row["party."]["id"]: (row["code"], row["party."]["name"]) for row in rows}

    def _bank_change(self, row: Values, supplier_id: str, name: str) -> Message:
        iban, changed_at = row["number_compact"], _utc(row["last_modified_at"])
        currency = (row["account."].get("currency.") or {}).get("code", "")
        account = BankAccount(iban=iban, holder=name, currency=currency)
        change_id = derive("chg", self._system, str(row["id"]), iban, changed_at.isoformat())
        return Message(
            source=self._system,
            key=f"bank/{change_id}",
            data=BankChangeRequested(
                change_id=change_id, supplier_id=supplier_id, account=account, channel=self._system
            ),
            home=supplier_home(supplier_id),
            subject=supplier_id,
            actor=f"{self._system}:user/{row['write_uid'] or row['create_uid']}",
            occurred_at=changed_at,
        )

    # ── cancelled invoices ──────────────────────────────────────────────────────────────────────────────────────

    def _cancellations(self, here: Cursor) -> list[Values]:
        """Clicks on "cancel" at invoices."""
        return self._client.search_read(
            "ir.model.log",
            [
                ("id", ">", here.log_id),
                ("event", "=", "button"),
                ("target", "=", "cancel"),
                ("resource", "like", "account.invoice,%"),
            ],
            ["resource", "user", "create_date"],
            limit=_PAGE,
            order=[("id", "ASC")],
        )

    def _cancelled_invoices(self, clicks: list[Values]) -> list[Message]:
        foreign = [click for click in clicks if click["user"] != self._client.user_id]
        ids = {int(click["resource"].rpartition(",")[2]) for click in foreign}
        invoices = {
            row["id"]: row
            for row in self._client.search_read(
                "account.invoice",
                [
                    ("id", "in", sorted(ids)),
                    ("type", "=", "in"),
                    ("state", "=", "cancelled"),
                    ("description", "!=", None),
                ],
                ["description", "number", "party", "company"],
            )
        }
        suppliers = self._suppliers([row["party"] for row in invoices.values()])
        messages = []
        for click in foreign:
            row = invoices.get(int(click["resource"].rpartition(",")[2]))
            if row is not None and row["party"] in suppliers:
                messages.append(self._cancelled(click, row, suppliers[row["party"]][0]))
        return messages

    def _cancelled(self, click: Values, row: Values, supplier_id: str) -> Message:
        reason = f"cancelled in the ERP ({row['number'] or 'draft'})"
        return Message(
            source=self._system,
            key=f"log/{click['id']}",
            data=InvoiceCancelled(reason=reason),
            home=supplier_home(supplier_id),
            subject=row["description"],
            entity=self._desk.directory.entity_of_company(row["company"]),
            actor=f"{self._system}:user/{click['user']}",
            occurred_at=_utc(click["create_date"]),
        )


def _write_cursor(cursor: Cursor) -> str:
    return msgspec.json.encode(cursor).decode()


def _read_cursor(text: str) -> Cursor:
    try:
        return msgspec.json.decode(text, type=Cursor)
    except msgspec.DecodeError as error:
        raise ConfigError(
            f"tryton: the stored cursor is not one of ours ({error}); clear it to read from the start"
        ) from error


def _utc(moment: datetime) -> datetime:
    """Tryton's times are in UTC and say nothing about it."""
    return moment.replace(tzinfo=EPOCH.tzinfo)
