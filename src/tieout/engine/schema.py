"""All tables, as SQLAlchemy Core sees them: for migrations, for queries of pages, for rebuilding views.

The hot path does not go through here: the stores have hand-written SQL for the engine's five tables (ADR 0002).
"""

from typing import Any

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    SmallInteger,
    Table,
    Text,
    text,
)
from sqlalchemy.types import TypeEngine

from tieout.model.views import VIEWS, View

METADATA = MetaData()

_ID = BigInteger().with_variant(Integer, "sqlite")

# Keys and words are compared byte by byte, as SQLite does: faster, the same on every machine, and an update of the
# operating system's sorting rules cannot leave PostgreSQL with an index that misses rows.
_WORDS = Text().with_variant(Text(collation="C"), "postgresql")


def _text(name: str, *, key: bool = False, null: bool = False) -> Column[str]:
    return Column(name, _WORDS, primary_key=key, nullable=null)


def _int(name: str, *, key: bool = False, default: int | None = None) -> Column[int]:
    server_default = None if default is None else text(str(default))
    return Column(name, BigInteger, primary_key=key, autoincrement=False, nullable=False, server_default=server_default)


def _blob(name: str) -> Column[bytes]:
    return Column(name, LargeBinary, nullable=False)


INBOX = Table(
    "inbox",
    METADATA,
    Column("id", _ID, primary_key=True, autoincrement=True),
    _text("source"),
    _text("key"),
    _text("fingerprint"),
    Column("partition", Integer, nullable=False),
    _text("ref_system"),
    _text("ref_id"),
    _text("subject"),
    _text("type"),
    _text("entity"),
    _blob("data"),
    _text("correlation"),
    _text("causation"),
    _text("actor"),
    _int("occurred_at"),
    _int("accepted_at"),
    Column("lane", SmallInteger, nullable=False),
    _int("due_at"),
    Column("attempts", Integer, nullable=False),
    _text("status"),
    _text("error"),
    Index("inbox_key", "source", "key", unique=True),
)
_READY = text("status = 'ready' AND due_at = 0")
Index("inbox_ready", INBOX.c.lane, INBOX.c.id, INBOX.c.partition, sqlite_where=_READY, postgresql_where=_READY)
_DUE = text("status = 'ready' AND due_at > 0")
Index("inbox_due", INBOX.c.due_at, sqlite_where=_DUE, postgresql_where=_DUE)
_QUARANTINED = text("status = 'quarantined'")
Index("inbox_quarantined", INBOX.c.subject, sqlite_where=_QUARANTINED, postgresql_where=_QUARANTINED)

EVENT = Table(
    "event",
    METADATA,
    Column("partition", Integer, primary_key=True, autoincrement=False),
    _int("position", key=True),
    _text("type"),
    Column("version", SmallInteger, nullable=False),
    _text("subject"),
    _text("entity"),
    _blob("data"),
    _text("correlation"),
    _text("causation"),
    _text("actor"),
    _int("occurred_at"),
    _int("recorded_at"),
    _text("policy"),
    _text("source", null=True),
    _text("key", null=True),
    _text("fingerprint", null=True),
    _blob("hash"),
    Index("event_correlation", "correlation"),
)
_KEYED = text("key IS NOT NULL")
Index("event_key", EVENT.c.source, EVENT.c.key, unique=True, sqlite_where=_KEYED, postgresql_where=_KEYED)

STATE = Table(
    "state",
    METADATA,
    _text("process", key=True),
    _text("subject", key=True),
    Column("partition", Integer, nullable=False),
    _int("position"),
    _blob("data"),
)

EFFECT = Table(
    "effect",
    METADATA,
    _text("id", key=True),
    _text("connector"),
    _text("operation"),
    _text("key"),
    _text("lane"),
    Column("partition", Integer, nullable=False),
    _text("subject"),
    _text("entity"),
    _text("correlation"),
    _text("causation"),
    _text("status"),
    Column("priority", SmallInteger, nullable=False),
    _int("deadline"),
    _text("after"),
    _int("not_before"),
    Column("attempts", Integer, nullable=False),
    Column("probes", Integer, nullable=False),
    _text("owner"),
    _int("lease_until"),
    _blob("outcome"),
    _text("error"),
    _int("created_at"),
    _int("changed_at"),
)
_SENDABLE = text("status = 'ready'")
Index(
    "effect_ready",
    EFFECT.c.lane,
    EFFECT.c.deadline,
    EFFECT.c.priority,
    EFFECT.c.created_at,
    EFFECT.c.not_before,
    sqlite_where=_SENDABLE,
    postgresql_where=_SENDABLE,
)
_OPEN = text("status NOT IN ('ready', 'applied')")
Index("effect_open", EFFECT.c.status, EFFECT.c.not_before, sqlite_where=_OPEN, postgresql_where=_OPEN)
_PARKED = text("status = 'parked'")
Index("effect_parked", EFFECT.c.after, sqlite_where=_PARKED, postgresql_where=_PARKED)

_TROUBLED = text("status IN ('unknown', 'probing', 'undecided', 'dead') OR (status = 'ready' AND attempts > 0)")
Index(
    "effect_troubled",
    EFFECT.c.operation,
    EFFECT.c.created_at,
    sqlite_where=_TROUBLED,
    postgresql_where=_TROUBLED,
)

# What is written, apart from what becomes of it: an effect changes several times on its way, and SQLite would write the
# whole invoice that it carries with each change.
EFFECT_PAYLOAD = Table("effect_payload", METADATA, _text("id", key=True), _blob("payload"))

FINGERPRINT = Table(
    "fingerprint",
    METADATA,
    _text("subject", key=True),
    Column("partition", Integer, nullable=False),
    _blob("data"),
)

LIKENESS = Table(
    "likeness",
    METADATA,
    _int("key", key=True),
    Column("day", Integer, primary_key=True, autoincrement=False),
    _text("subject", key=True),
    Column("partition", Integer, nullable=False),
    sqlite_with_rowid=False,
)

LEASE = Table("lease", METADATA, _text("name", key=True), _text("owner"), _int("until"))

CURSOR = Table("cursor", METADATA, _text("name", key=True), _text("value"), _int("changed_at"))

DOCUMENT = Table(
    "document",
    METADATA,
    _text("hash", key=True),
    _text("name"),
    _text("media_type"),
    _text("channel"),
    _int("size"),
    _int("received_at"),
    _text("status"),
    _text("format"),
    _text("problems"),
    Column("events", Integer, nullable=False),
    Index("document_status", "status", "received_at"),
    Index("document_channel", "channel", "received_at"),
)

LINK = Table(
    "link",
    METADATA,
    _text("system", key=True),
    _text("external_id", key=True),
    _text("subject"),
    Column("partition", Integer, nullable=False),
    _text("correlation"),
    _text("entity"),
    Index("link_subject", "subject"),
    Index("link_external", "external_id"),
)

STANDING = Table(
    "standing",
    METADATA,
    _text("name", key=True),
    _text("entity", key=True),
    _text("period", key=True),
    _text("item", key=True),
    _text("currency"),
    _int("amount_minor"),
    Column("partition", Integer, nullable=False),
    _int("since"),
)

TOTAL = Table(
    "total",
    METADATA,
    _text("name", key=True),
    _text("entity", key=True),
    _text("period", key=True),
    _text("currency", key=True),
    _int("count"),
    _int("sum_minor"),
    _int("digest"),
)

PERSON = Table(
    "person",
    METADATA,
    _text("name", key=True),
    _text("display_name"),
    _text("password_hash"),
    _text("duties"),
    _text("entities"),
    Column("active", Boolean, nullable=False),
    Column("supplier_id", _WORDS, nullable=False, server_default=""),
)

SESSION = Table(
    "session",
    METADATA,
    _text("token_hash", key=True),
    _text("person"),
    _int("created_at"),
    _int("seen_at"),
)

API_KEY = Table(
    "api_key",
    METADATA,
    _text("id", key=True),
    _text("secret_hash"),
    _text("owner"),
    _text("scopes"),
    _int("expires_at"),
    _int("created_at"),
)

_KINDS: dict[str, TypeEngine[Any]] = {"text": _WORDS, "int": BigInteger(), "day": _WORDS, "time": BigInteger()}


def _view_table(view: View) -> Table:
    columns = [Column(name, _KINDS[kind], nullable=False) for name, kind in view.columns.items()]
    table = Table(
        f"view_{view.name}",
        METADATA,
        _text("subject", key=True),
        Column("partition", Integer, nullable=False),
        *columns,
    )
    for names in view.indexes:
        Index(f"view_{view.name}_{'_'.join(names)}", *(table.c[name] for name in names))
    return table


VIEW_TABLES: dict[str, Table] = {name: _view_table(view) for name, view in VIEWS.items()}
