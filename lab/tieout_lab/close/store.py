"""The close tool's books: periods, tasks, what was reported about them, and access tokens."""

import secrets
from hashlib import sha256
from hmac import compare_digest

import msgspec
from msgspec.structs import asdict, replace

from tieout_lab.close.wire import (
    STANDARD_TASKS,
    Completion,
    Event,
    Events,
    Evidence,
    HeldPeriod,
    NewPeriod,
    NewTask,
    Readiness,
    SetState,
    Settings,
    Task,
    Token,
    Total,
    Totals,
)
from tieout_lab.db import Db, now_ms, now_text
from tieout_lab.feed import Feed
from tieout_lab.serving import Refusal

_SCHEMA = """
CREATE TABLE IF NOT EXISTS period (entity TEXT, period TEXT, body BLOB NOT NULL, PRIMARY KEY (entity, period));
CREATE TABLE IF NOT EXISTS task (id INTEGER PRIMARY KEY, entity TEXT NOT NULL, period TEXT NOT NULL, key TEXT NOT NULL,
  status TEXT NOT NULL, body BLOB NOT NULL, UNIQUE (entity, period, key));
CREATE TABLE IF NOT EXISTS token (sha256 TEXT PRIMARY KEY, expires INTEGER NOT NULL);
CREATE TABLE IF NOT EXISTS setting (name TEXT PRIMARY KEY, value BLOB NOT NULL);
"""


class Store:
    """All of it."""

    def __init__(self, db: Db, feed: Feed) -> None:
        self._db, self._feed = db, feed
        db.script(_SCHEMA)

    # periods

    def open_period(self, data: NewPeriod) -> HeldPeriod:
        """Start closing a period. Starting it twice is starting it once."""
        with self._db.unit():
            held = self._period(data.entity_code, data.period_name)
            if held is not None:
                return held
            period = HeldPeriod(
                entity_code=data.entity_code, period_name=data.period_name, state="open", changed_at=now_text()
            )
            self._save_period(period, "period.opened")
            for task in data.tasks or STANDARD_TASKS:
                self._insert(period, task)
        return period

    def period(self, entity: str, name: str) -> HeldPeriod:
        """One period."""
        held = self._period(entity, name)
        if held is None:
            raise Refusal(404, "period_not_found", f"{entity} has no period {name}")
        return held

    def periods(self, entity: str | None, name: str | None) -> tuple[HeldPeriod, ...]:
        """Periods by entity, by name, or all."""
        rows = self._db.rows(
            "SELECT body FROM period WHERE (?1 IS NULL OR entity = ?1) AND (?2 IS NULL OR period = ?2) "
            "ORDER BY entity, period",
            entity,
            name,
        )
        return tuple(msgspec.json.decode(row["body"], type=HeldPeriod) for row in rows)

    def report_readiness(self, entity: str, name: str, report: Readiness) -> HeldPeriod:
        """Note whether a period is ready."""
        with self._db.unit():
            period = self.period(entity, name)
            if period.readiness == report:
                return period
            if period.state == "closed":
                raise Refusal(409, "period_closed", f"{entity} {name} is closed; reopen it first")
            _refuse_stale(period.readiness, report)
            period = replace(period, readiness=report, changed_at=now_text())
            self._save_period(period, "period.readiness")
        return period

    def set_state(self, entity: str, name: str, data: SetState) -> HeldPeriod:
        """Close a period, or open it again, which takes its readiness away."""
        with self._db.unit():
            period = self.period(entity, name)
            if period.state == data.state:
                return period
            if data.state == "closed":
                open_tasks = [task.name for task in self.tasks(entity, name) if task.status == "OPEN"]
                if open_tasks:
                    raise Refusal(409, "tasks_open", f"not done: {', '.join(open_tasks)}")
                if period.readiness is None or not period.readiness.ready:
                    raise Refusal(409, "not_ready", f"{entity} {name} is not reported ready")
                period = replace(period, state="closed", changed_at=now_text())
                self._save_period(period, "period.closed")
            else:
                period = replace(
                    period, state="open", readiness=None, reopened=period.reopened + 1, changed_at=now_text()
                )
                self._save_period(period, "period.reopened")
        return period

    # tasks

    def add(self, entity: str, name: str, data: NewTask) -> Task:
        """Add a task to an open period."""
        with self._db.unit():
            period = self.period(entity, name)
            if self._db.row("SELECT 1 FROM task WHERE entity = ? AND period = ? AND key = ?", entity, name, data.key):
                raise Refusal(409, "task_exists", f"{entity} {name} has a task {data.key}")
            return self._insert(period, data)

    def tasks(self, entity: str | None, period: str | None) -> tuple[Task, ...]:
        """Tasks by entity, by period, or all."""
        rows = self._db.rows(
            "SELECT body FROM task WHERE (?1 IS NULL OR entity = ?1) AND (?2 IS NULL OR period = ?2) ORDER BY id",
            entity,
            period,
        )
        return tuple(msgspec.json.decode(row["body"], type=Task) for row in rows)

    def task(self, task_id: str) -> Task:
        """One task."""
        row = self._db.row("SELECT body FROM task WHERE id = ?", _number(task_id))
        if row is None:
            raise Refusal(404, "task_not_found", f"there is no task {task_id}")
        return msgspec.json.decode(row["body"], type=Task)

    def complete(self, task_id: str, data: Completion) -> Task:
        """A person has done it. Tasks that must come first must be done."""
        with self._db.unit():
            task = self.task(task_id)
            if task.status == "DONE":
                return task
            open_keys = {
                other.key for other in self.tasks(task.entity_code, task.period_name) if other.status == "OPEN"
            }
            waiting = sorted(open_keys.intersection(task.after))
            if waiting:
                raise Refusal(409, "predecessors_open", f"first: {', '.join(waiting)}")
            return self._save_task(task, "task.completed", status="DONE", completed_by=data.by)

    def reopen(self, task_id: str, _data: Completion) -> Task:
        """It must be done again."""
        with self._db.unit():
            task = self.task(task_id)
            if task.status == "OPEN":
                return task
            return self._save_task(task, "task.reopened", status="OPEN", completed_by="")

    def report_evidence(self, task_id: str, evidence: Evidence) -> Task:
        """A system proved a checkpoint, which completes the task, or says the proof is broken, which reopens it."""
        with self._db.unit():
            task = self.task(task_id)
            if task.evidence == evidence:
                return task
            if self.period(task.entity_code, task.period_name).state == "closed":
                raise Refusal(409, "period_closed", f"{task.entity_code} {task.period_name} is closed")
            if not task.checkpoint:
                raise Refusal(422, "not_a_checkpoint", f"{task_id} is completed by a person")
            _refuse_stale(task.evidence, evidence)
            if evidence.verdict == "proven":
                return self._save_task(
                    task, "task.completed", status="DONE", completed_by="checkpoint", evidence=evidence
                )
            return self._save_task(task, "task.reopened", status="OPEN", completed_by="", evidence=evidence)

    # reading

    def changes(self, after: int, limit: int) -> Events:
        """The change feed."""
        page = self._feed.page(after, limit)
        events = tuple(Event(seq=c.seq, type=c.type, at=c.timestamp, document=c.data) for c in page.items)
        return Events(result=events, cursor=page.next, more=page.more)

    def totals(self, entity: str | None, period: str | None) -> Totals:
        """Open and done tasks by entity and period."""
        rows = self._db.rows(
            "SELECT entity, period, sum(status = 'OPEN'), sum(status = 'DONE') FROM task "
            "WHERE (?1 IS NULL OR entity = ?1) AND (?2 IS NULL OR period = ?2) GROUP BY 1, 2 ORDER BY 1, 2",
            entity,
            period,
        )
        items = tuple(Total(entity_code=r[0], period_name=r[1], open=r[2], done=r[3]) for r in rows)
        return Totals(result=items, as_of=now_text())

    # access

    def settings(self) -> Settings:
        """How long tokens live."""
        value = self._db.value("SELECT value FROM setting WHERE name = 'settings'")
        return Settings() if value is None else msgspec.json.decode(value, type=Settings)

    def change_settings(self, settings: Settings) -> None:
        """For tokens given from now on."""
        self._db.run("INSERT OR REPLACE INTO setting VALUES ('settings', ?)", msgspec.json.encode(settings))

    def grant(self, said_id: str, said_secret: str, client_id: str, client_secret: str) -> Token:
        """An access token for the right client."""
        right = compare_digest(said_id.encode(), client_id.encode())
        if not (compare_digest(said_secret.encode(), client_secret.encode()) and right):
            raise Refusal(401, "invalid_client", "client id or secret is wrong")
        token, seconds = secrets.token_urlsafe(32), self.settings().token_seconds
        self._db.run("DELETE FROM token WHERE expires < ?", now_ms())
        self._db.run("INSERT INTO token VALUES (?, ?)", sha256(token.encode()).hexdigest(), now_ms() + seconds * 1000)
        return Token(access_token=token, token_type="Bearer", expires_in=seconds)

    def valid(self, token: str) -> bool:
        """Is this token one of ours, and not expired?"""
        digest = sha256(token.encode()).hexdigest()
        return self._db.row("SELECT 1 FROM token WHERE sha256 = ? AND expires > ?", digest, now_ms()) is not None

    def revoke_all(self) -> int:
        """Make every token invalid, as a change of keys does."""
        return self._db.change("DELETE FROM token")

    # inside

    def _period(self, entity: str, name: str) -> HeldPeriod | None:
        found = self.periods(entity, name)
        return found[0] if found else None

    def _save_period(self, period: HeldPeriod, event: str) -> None:
        body = msgspec.json.encode(period)
        self._db.run("INSERT OR REPLACE INTO period VALUES (?, ?, ?)", period.entity_code, period.period_name, body)
        self._feed.append(event, period)

    def _insert(self, period: HeldPeriod, data: NewTask) -> Task:
        number = 1 + (self._db.value("SELECT max(id) FROM task") or 0)
        task = Task(
            **asdict(data),
            task_id=f"T-{number:05d}",
            entity_code=period.entity_code,
            period_name=period.period_name,
            status="OPEN",
            changed_at=now_text(),
        )
        self._db.run(
            "INSERT INTO task VALUES (?, ?, ?, ?, ?, ?)",
            number,
            task.entity_code,
            task.period_name,
            task.key,
            task.status,
            msgspec.json.encode(task),
        )
        self._feed.append("task.added", task)
        return task

    def _save_task(self, task: Task, event: str, **changes: object) -> Task:
        changed = replace(task, changed_at=now_text(), **changes)
        self._db.run(
            "UPDATE task SET status = ?, body = ? WHERE id = ?",
            changed.status,
            msgspec.json.encode(changed),
            _number(task.task_id),
        )
        self._feed.append(event, changed)
        return changed


def _refuse_stale(held: Evidence | Readiness | None, report: Evidence | Readiness) -> None:
    if held is not None and held.as_of and report.as_of and report.as_of < held.as_of:
        raise Refusal(409, "stale_report", f"we hold a report as of {held.as_of}, newer than {report.as_of}")


def _number(task_id: str) -> int:
    head, _, digits = task_id.partition("-")
    if head != "T" or not digits.isascii() or not digits.isdigit():
        raise Refusal(404, "task_not_found", f"{task_id!r} is not a task id such as T-00012")
    return int(digits)
