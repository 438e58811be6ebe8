"""Every invoice has a fingerprint that others are compared with; look-alikes are learnt.

The tables are filled from the log when all migrations are through (see ``refill.py``). There is no way down: restore
the backup that was made before.
"""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"

# Compared byte by byte on every machine, whatever the sorting rules of its operating system (see ``engine/schema.py``).
WORDS = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")


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
