"""The webhook sender: signed (Standard Webhooks), retried, and, when the switchboard says so, doubled or late.

Deliveries are rows: what was not delivered before a crash is delivered after it. A failing receiver holds up its own
delivery only, so retries reorder by nature. After the last retry a delivery is given up: the feed still has it.
"""

import asyncio
from contextlib import suppress
from datetime import UTC, datetime

import httpx2
import msgspec
from msgspec import Struct
from standardwebhooks import Webhook

from tieout_lab.db import Db, now_ms
from tieout_lab.faults import Plan, Switchboard
from tieout_lab.feed import Change, Feed

OPERATION = "webhooks.deliver"
RETRY_MS = (200, 500, 1_000, 2_000, 5_000, 10_000, 30_000, 60_000, 300_000)

_SCHEMA = """
CREATE TABLE IF NOT EXISTS endpoint (id INTEGER PRIMARY KEY, url TEXT NOT NULL UNIQUE, active INTEGER NOT NULL);
CREATE TABLE IF NOT EXISTS delivery (id INTEGER PRIMARY KEY, endpoint INTEGER NOT NULL, seq INTEGER NOT NULL,
  attempts INTEGER NOT NULL, due INTEGER NOT NULL, held INTEGER NOT NULL, state TEXT NOT NULL, last TEXT NOT NULL);
CREATE INDEX IF NOT EXISTS delivery_due ON delivery (state, due);
"""


class Endpoint(Struct, frozen=True, kw_only=True):
    """Who is told."""

    id: str
    url: str
    active: bool
    secret: str


class Body(Struct, frozen=True, kw_only=True):
    """What is sent."""

    type: str
    timestamp: str
    data: msgspec.Raw


class Sender:
    """Tells every active endpoint of every event."""

    def __init__(self, db: Db, feed: Feed, switchboard: Switchboard, secret: str) -> None:
        self._db, self._feed, self._switchboard, self._secret = db, feed, switchboard, secret
        self._signer = Webhook(secret)
        self._wake = asyncio.Event()
        db.script(_SCHEMA)
        # What was held back for reordering when the process died goes out now.
        db.run("UPDATE delivery SET held = 0 WHERE held = 1")

    def register(self, url: str) -> Endpoint:
        """Tell this address from now on. Registering twice is registering once."""
        self._db.run("INSERT INTO endpoint (url, active) VALUES (?, 1) ON CONFLICT (url) DO UPDATE SET active = 1", url)
        return next(endpoint for endpoint in self.endpoints() if endpoint.url == url)

    def remove(self, endpoint_id: str) -> bool:
        """Stop telling an address. False when nobody has that id."""
        number = endpoint_id.removeprefix("whe-")
        return bool(self._db.change("UPDATE endpoint SET active = 0 WHERE id = ?", number))

    def endpoints(self) -> list[Endpoint]:
        """All addresses."""
        rows = self._db.rows("SELECT * FROM endpoint ORDER BY id")
        return [
            Endpoint(id=f"whe-{row['id']}", url=row["url"], active=bool(row["active"]), secret=self._secret)
            for row in rows
        ]

    def announce(self, change: Change) -> None:
        """Queue an event for every active endpoint. Call it inside the unit of work that recorded the event."""
        self._db.run(
            "INSERT INTO delivery (endpoint, seq, attempts, due, held, state, last) "
            "SELECT id, ?, 0, 0, 0, 'waiting', '' FROM endpoint WHERE active = 1",
            change.seq,
        )
        self._wake.set()

    def backlog(self) -> dict[str, int]:
        """How many deliveries are waiting, delivered, given up and lost."""
        return {row[0]: row[1] for row in self._db.rows("SELECT state, count(*) FROM delivery GROUP BY state")}

    async def run(self) -> None:
        """Deliver for ever."""
        async with httpx2.AsyncClient(timeout=5.0, trust_env=False) as client:
            while True:
                self._wake.clear()
                row = self._db.row(
                    "SELECT d.*, e.url, e.active FROM delivery d JOIN endpoint e ON e.id = d.endpoint "
                    "WHERE d.state = 'waiting' AND d.held = 0 ORDER BY d.due, d.seq LIMIT 1"
                )
                wait_ms = None if row is None else row["due"] - now_ms()
                if row is None or (wait_ms is not None and wait_ms > 0):
                    await self._sleep(wait_ms)
                    continue
                if not row["active"]:
                    self._settle(row["id"], "given_up", "endpoint removed")
                    continue
                plan = self._switchboard.plan(OPERATION) if row["attempts"] == 0 else Plan()
                if plan.delay_ms:
                    await asyncio.sleep(plan.delay_ms / 1000)
                if plan.lose:
                    self._settle(row["id"], "lost", "lost by the switchboard")
                    continue
                if plan.reorder:
                    self._db.run("UPDATE delivery SET held = 1, attempts = 1 WHERE id = ?", row["id"])
                    continue
                await self._deliver(client, row["id"], row["url"], row["seq"], row["attempts"])
                if plan.duplicate:
                    await self._post(client, row["url"], self._feed.get(row["seq"]))
                self._db.run("UPDATE delivery SET held = 0 WHERE held = 1 AND endpoint = ?", row["endpoint"])

    async def _sleep(self, wait_ms: int | None) -> None:
        with suppress(TimeoutError):
            await asyncio.wait_for(self._wake.wait(), None if wait_ms is None else wait_ms / 1000)

    async def _deliver(self, client: httpx2.AsyncClient, delivery: int, url: str, seq: int, attempts: int) -> None:
        status, said = await self._post(client, url, self._feed.get(seq))
        if 200 <= status < 300:
            self._settle(delivery, "delivered", said)
        elif status == 410:
            # Standard Webhooks: a receiver that is gone for good says so, once.
            self._db.run("UPDATE endpoint SET active = 0 WHERE url = ?", url)
            self._settle(delivery, "given_up", said)
        elif attempts >= len(RETRY_MS):
            self._settle(delivery, "given_up", said)
        else:
            due = now_ms() + RETRY_MS[attempts]
            self._db.run(
                "UPDATE delivery SET attempts = attempts + 1, due = ?, last = ? WHERE id = ?", due, said, delivery
            )

    async def _post(self, client: httpx2.AsyncClient, url: str, change: Change) -> tuple[int, str]:
        body = msgspec.json.encode(Body(type=change.type, timestamp=change.timestamp, data=change.data)).decode()
        moment = datetime.now(UTC)
        headers = {
            "content-type": "application/json",
            "webhook-id": change.id,
            "webhook-timestamp": str(int(moment.timestamp())),
            "webhook-signature": self._signer.sign(change.id, moment, body),
        }
        try:
            answer = await client.post(url, content=body, headers=headers)
        except httpx2.HTTPError as error:
            return 0, repr(error)
        return answer.status_code, f"answered {answer.status_code}"

    def _settle(self, delivery: int, state: str, last: str) -> None:
        self._db.run("UPDATE delivery SET state = ?, last = ? WHERE id = ?", state, last, delivery)
