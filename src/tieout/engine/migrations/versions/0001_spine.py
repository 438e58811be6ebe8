"""The engine's tables, people and keys, and the read views, as of the first release.

There is no way down: restore the backup that was made before.
"""

from typing import Any

import sqlalchemy as sa
from alembic import op
from sqlalchemy.types import TypeEngine

revision = "0001"
down_revision = None

# Compared byte by byte on every machine, whatever the sorting rules of its operating system (see ``engine/schema.py``).
WORDS = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")

#: Tables whose rows come and go or change all day. PostgreSQL vacuums a table when a fifth of it is dead, which for a
#: queue of a million effects is too late. Room on the page (fillfactor) keeps updates that touch no index there.
STORAGE = {
    "inbox": "autovacuum_vacuum_scale_factor = 0.02, autovacuum_analyze_scale_factor = 0.02",
    "effect": "autovacuum_vacuum_scale_factor = 0.02, autovacuum_analyze_scale_factor = 0.02, fillfactor = 90",
    "state": "autovacuum_vacuum_scale_factor = 0.05, fillfactor = 80",
    "lease": "autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 500, fillfactor = 50",
    "total": "autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 500, fillfactor = 50",
}


def upgrade() -> None:
    inbox()
    event()
    state()
    effect()
    small_tables()
    standings()
    people()
    views()
    if op.get_bind().dialect.name == "postgresql":
        for table, settings in STORAGE.items():
            op.execute(f"ALTER TABLE {table} SET ({settings})")


def column(name: str, kind: "TypeEngine[Any] | type[TypeEngine[Any]]", *, null: bool = False) -> sa.Column[Any]:
    return sa.Column(name, kind, nullable=null, autoincrement=False)


def words(*names: str, null: bool = False) -> list[sa.Column[Any]]:
    return [column(name, WORDS, null=null) for name in names]


def numbers(*names: str) -> list[sa.Column[Any]]:
    return [column(name, sa.BigInteger) for name in names]


def index(table: str, name: str, columns: list[str], *, unique: bool = False, where: str = "") -> None:
    condition = sa.text(where) if where else None
    op.create_index(name, table, columns, unique=unique, sqlite_where=condition, postgresql_where=condition)


def inbox() -> None:
    op.create_table(
        "inbox",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), primary_key=True, autoincrement=True),
        *words("source", "key", "fingerprint"),
        column("partition", sa.Integer),
        *words("ref_system", "ref_id", "subject", "type", "entity"),
        column("data", sa.LargeBinary),
        *words("correlation", "causation", "actor"),
        *numbers("occurred_at", "accepted_at"),
        column("lane", sa.SmallInteger),
        *numbers("due_at"),
        column("attempts", sa.Integer),
        *words("status", "error"),
    )
    index("inbox", "inbox_key", ["source", "key"], unique=True)
    index("inbox", "inbox_ready", ["lane", "id", "partition"], where="status = 'ready' AND due_at = 0")
    index("inbox", "inbox_due", ["due_at"], where="status = 'ready' AND due_at > 0")
    index("inbox", "inbox_quarantined", ["subject"], where="status = 'quarantined'")


def event() -> None:
    op.create_table(
        "event",
        column("partition", sa.Integer),
        *numbers("position"),
        *words("type"),
        column("version", sa.SmallInteger),
        *words("subject", "entity"),
        column("data", sa.LargeBinary),
        *words("correlation", "causation", "actor"),
        *numbers("occurred_at", "recorded_at"),
        *words("policy"),
        *words("source", "key", "fingerprint", null=True),
        column("hash", sa.LargeBinary),
        sa.PrimaryKeyConstraint("partition", "position"),
    )
    index("event", "event_correlation", ["correlation"])
    index("event", "event_key", ["source", "key"], unique=True, where="key IS NOT NULL")


def state() -> None:
    op.create_table(
        "state",
        *words("process", "subject"),
        column("partition", sa.Integer),
        *numbers("position"),
        column("data", sa.LargeBinary),
        sa.PrimaryKeyConstraint("process", "subject"),
    )


def effect() -> None:
    op.create_table(
        "effect",
        *words("id", "connector", "operation", "key", "lane"),
        column("partition", sa.Integer),
        *words("subject", "entity", "correlation", "causation"),
        column("payload", sa.LargeBinary),
        *words("status"),
        column("priority", sa.SmallInteger),
        *numbers("deadline"),
        *words("after"),
        *numbers("not_before"),
        column("attempts", sa.Integer),
        column("probes", sa.Integer),
        *words("owner"),
        *numbers("lease_until"),
        column("outcome", sa.LargeBinary),
        *words("error"),
        *numbers("created_at", "changed_at"),
        sa.PrimaryKeyConstraint("id"),
    )
    ready = ["lane", "deadline", "priority", "created_at", "not_before"]
    troubled = "status IN ('unknown', 'probing', 'undecided', 'dead') OR (status = 'ready' AND attempts > 0)"
    index("effect", "effect_ready", ready, where="status = 'ready'")
    index("effect", "effect_open", ["status", "not_before"], where="status NOT IN ('ready', 'applied')")
    index("effect", "effect_parked", ["after"], where="status = 'parked'")
    index("effect", "effect_troubled", ["operation", "created_at"], where=troubled)


def small_tables() -> None:
    op.create_table("lease", *words("name", "owner"), *numbers("until"), sa.PrimaryKeyConstraint("name"))
    op.create_table("cursor", *words("name", "value"), *numbers("changed_at"), sa.PrimaryKeyConstraint("name"))
    op.create_table(
        "document",
        *words("hash", "name", "media_type", "channel"),
        *numbers("size", "received_at"),
        *words("status", "format", "problems"),
        column("events", sa.Integer),
        sa.PrimaryKeyConstraint("hash"),
    )
    index("document", "document_status", ["status", "received_at"])
    op.create_table(
        "link",
        *words("system", "external_id", "subject"),
        column("partition", sa.Integer),
        *words("correlation", "entity"),
        sa.PrimaryKeyConstraint("system", "external_id"),
    )
    index("link", "link_subject", ["subject"])
    index("link", "link_external", ["external_id"])


def standings() -> None:
    op.create_table(
        "standing",
        *words("name", "entity", "period", "item", "currency"),
        *numbers("amount_minor"),
        column("partition", sa.Integer),
        *numbers("since"),
        sa.PrimaryKeyConstraint("name", "entity", "period", "item"),
    )
    op.create_table(
        "total",
        *words("name", "entity", "period", "currency"),
        *numbers("count", "sum_minor", "digest"),
        sa.PrimaryKeyConstraint("name", "entity", "period", "currency"),
    )


def people() -> None:
    op.create_table(
        "person",
        *words("name", "display_name", "password_hash", "duties", "entities"),
        column("active", sa.Boolean),
        sa.PrimaryKeyConstraint("name"),
    )
    op.create_table(
        "session",
        *words("token_hash", "person"),
        *numbers("created_at", "seen_at"),
        sa.PrimaryKeyConstraint("token_hash"),
    )
    op.create_table(
        "api_key",
        *words("id", "secret_hash", "owner", "scopes"),
        *numbers("expires_at", "created_at"),
        sa.PrimaryKeyConstraint("id"),
    )


def view(name: str, *columns: sa.Column[Any], indexes: tuple[str, ...] = ()) -> None:
    table = f"view_{name}"
    op.create_table(
        table,
        *words("subject"),
        column("partition", sa.Integer),
        *columns,
        sa.PrimaryKeyConstraint("subject"),
    )
    for names in indexes:
        index(table, f"{table}_{names.replace(' ', '_')}", names.split())


def views() -> None:
    view(
        "supplier",
        *words("name", "tax_id", "country", "status", "hold_reason", "iban_masked", "change_id", "systems"),
        indexes=("status",),
    )
    view(
        "invoice",
        *words("entity", "supplier_id", "supplier_name", "number", "kind", "status", "reason", "currency"),
        *numbers("payable_minor"),
        *words("issued_on", "due_on", "period", "channel", "erp_number", "payment_id", "document"),
        *numbers("received_at", "changed_at"),
        indexes=("status due_on", "supplier_id", "entity period status", "number"),
    )
    view(
        "order",
        *words("entity", "supplier_id", "currency", "ordered_on"),
        *numbers("ordered_minor", "received_minor", "billed_minor", "unaccrued_minor"),
        indexes=("supplier_id",),
    )
    view(
        "payment",
        *words("run_id", "invoice_id", "entity", "supplier_id", "currency"),
        *numbers("amount_minor"),
        *words("status", "claim", "execute_on", "booked_on", "reason"),
        *numbers("changed_at"),
        indexes=("status", "run_id", "invoice_id"),
    )
    view(
        "payment_run",
        *words("entity", "iban", "currency", "execute_on", "status"),
        *numbers("count", "total_minor"),
        *words("proposed_by", "released_by", "claim", "reason"),
        indexes=("status",),
    )
    view(
        "account",
        *words("entity", "currency", "statement_id"),
        *numbers("closing_minor"),
        *words("closed_on"),
        *numbers("gaps", "unmatched"),
    )
    view(
        "case",
        *words("case_class", "severity", "owner_role", "entity", "document", "supplier_id", "reason", "problems"),
        *words("remedy", "actions", "status", "assignee", "resolution", "currency"),
        *numbers("amount_minor", "opened_at", "settled_at"),
        indexes=("status case_class", "document"),
    )
    view(
        "period",
        *words("entity", "period", "status", "blockers", "signals", "tie_outs", "tasks"),
        *numbers("evaluated_at"),
        indexes=("entity period",),
    )
