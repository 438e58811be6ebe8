"""Every invoice has a fingerprint that others are compared with; look-alikes are learnt.

The fingerprints of the invoices that are there already are made from their states. Numbers had states of their own,
which the fingerprints replace. There is no way down: restore the backup that was made before.
"""

import msgspec
import sqlalchemy as sa
from alembic import op

from tieout.engine.fingerprints import fingerprint_row
from tieout.processes import invoice

revision = "0003"
down_revision = "0002"

# Compared byte by byte on every machine, whatever the sorting rules of its operating system (see ``engine/schema.py``).
WORDS = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")
FINGERPRINT = sa.table("fingerprint", sa.column("subject"), sa.column("partition"), sa.column("data"))
LIKENESS = sa.table("likeness", sa.column("key"), sa.column("day"), sa.column("subject"), sa.column("partition"))
STATE = sa.table("state", sa.column("process"), sa.column("subject"), sa.column("partition"), sa.column("data"))
BATCH = 5000


def upgrade() -> None:
    op.create_table(
        "fingerprint",
        sa.Column("subject", WORDS, primary_key=True),
        sa.Column("partition", sa.Integer, nullable=False),
        sa.Column("data", sa.LargeBinary, nullable=False),
    )
    op.create_table(
        "likeness",
        sa.Column("key", sa.BigInteger, autoincrement=False, nullable=False),
        sa.Column("day", sa.Integer, autoincrement=False, nullable=False),
        sa.Column("subject", WORDS, nullable=False),
        sa.Column("partition", sa.Integer, nullable=False),
        sa.PrimaryKeyConstraint("key", "day", "subject"),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "view_lookalike",
        sa.Column("subject", WORDS, primary_key=True),
        sa.Column("partition", sa.Integer, nullable=False),
        sa.Column("entity", WORDS, nullable=False),
        sa.Column("supplier_id", WORDS, nullable=False),
        sa.Column("currency", WORDS, nullable=False),
        sa.Column("amount_minor", sa.BigInteger, nullable=False),
        sa.Column("intervals", WORDS, nullable=False),
        sa.Column("until", WORDS, nullable=False),
        sa.Column("taught_by", WORDS, nullable=False),
        sa.Column("invoice_id", WORDS, nullable=False),
    )
    op.create_index("view_lookalike_supplier_id", "view_lookalike", ["supplier_id"])
    fill(op.get_bind())
    op.execute("DELETE FROM state WHERE process = 'number'")


def fill(connection: sa.Connection) -> None:
    """Make the fingerprints of all invoices, in the order of their subjects, some thousand at a time."""
    decode = msgspec.json.Decoder(invoice.State).decode
    after = ""
    while True:
        found = connection.execute(
            sa.select(STATE.c.subject, STATE.c.partition, STATE.c.data)
            .where(STATE.c.process == "invoice", STATE.c.subject > after)
            .order_by(STATE.c.subject)
            .limit(BATCH)
        ).all()
        if not found:
            return
        prints = ((invoice.prints(subject, None, decode(data)), partition) for subject, partition, data in found)
        rows = [fingerprint_row(one, partition) for one, partition in prints if one is not None]
        connection.execute(
            sa.insert(FINGERPRINT),
            [{"subject": row.subject, "partition": row.partition, "data": row.data} for row in rows],
        )
        connection.execute(
            sa.insert(LIKENESS),
            [
                {"key": key, "day": row.day, "subject": row.subject, "partition": row.partition}
                for row in rows
                for key in row.keys
            ],
        )
        after = found[-1].subject
