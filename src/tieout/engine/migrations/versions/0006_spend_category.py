"""Cases know what their document mostly buys.

The view is made anew and filled from the log when all migrations are through (see ``refill.py``). There is no way down:
restore the backup that was made before.
"""

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"

# Compared byte by byte on every machine, whatever the sorting rules of its operating system (see ``engine/schema.py``).
WORDS = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")
_WORDS = (
    *("case_class", "severity", "owner_role", "entity", "document", "supplier_id", "spend_category", "reason"),
    *("problems", "remedy", "actions", "status", "assignee", "resolution", "currency"),
)
_NUMBERS = ("amount_minor", "opened_at", "settled_at", "due_at")


def upgrade() -> None:
    op.drop_table("view_case")
    op.create_table(
        "view_case",
        sa.Column("subject", WORDS, primary_key=True),
        sa.Column("partition", sa.Integer, nullable=False),
        *(sa.Column(name, WORDS, nullable=False) for name in _WORDS),
        *(sa.Column(name, sa.BigInteger, nullable=False) for name in _NUMBERS),
        sa.Column("deadline", WORDS, nullable=False),
        sa.Column("deadline_name", WORDS, nullable=False),
        sa.Column("level", sa.BigInteger, nullable=False),
        sa.Column("rule", WORDS, nullable=False),
        sa.Column("opened_count", sa.BigInteger, nullable=False),
    )
    op.create_index("view_case_status_case_class", "view_case", ["status", "case_class"])
    op.create_index("view_case_document", "view_case", ["document"])
