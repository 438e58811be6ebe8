"""Suppliers have accounts of their own and are asked questions.

There is no way down: restore the backup that was made before.
"""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"

# Compared byte by byte on every machine, whatever the sorting rules of its operating system (see ``engine/schema.py``).
WORDS = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")


def upgrade() -> None:
    op.add_column("person", sa.Column("supplier_id", WORDS, nullable=False, server_default=""))
    op.create_table(
        "view_query",
        sa.Column("subject", WORDS, primary_key=True),
        sa.Column("partition", sa.Integer, nullable=False),
        sa.Column("supplier_id", WORDS, nullable=False),
        sa.Column("document", WORDS, nullable=False),
        sa.Column("question", WORDS, nullable=False),
        sa.Column("asked_by", WORDS, nullable=False),
        sa.Column("asked_at", sa.BigInteger, nullable=False),
        sa.Column("answer", WORDS, nullable=False),
        sa.Column("answered_at", sa.BigInteger, nullable=False),
    )
    op.create_index("view_query_supplier_id", "view_query", ["supplier_id"])
    op.create_index("document_channel", "document", ["channel", "received_at"])
