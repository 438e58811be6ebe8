"""Cases are routed, have a due time and a deadline, and escalate.

A case that is open gets its owner, due time and deadline when its process opens it again; until then it shows what its
class says. There is no way down: restore the backup that was made before.
"""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"

# Compared byte by byte on every machine, whatever the sorting rules of its operating system (see ``engine/schema.py``).
WORDS = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")
#: The columns as they were, and the new ones with what a row of an older version has there.
_BEFORE = (
    *("case_class", "severity", "owner_role", "entity", "document", "supplier_id", "reason", "problems", "remedy"),
    *("actions", "status", "assignee", "resolution", "currency", "amount_minor", "opened_at", "settled_at"),
)
_NEW = (("due_at", "0"), ("deadline", "''"), ("deadline_name", "''"), ("level", "0"), ("rule", "''"))
_COUNT = ("opened_count", "1")
_NUMBERS = ("amount_minor", "opened_at", "settled_at", "due_at", "level", "opened_count")


def upgrade() -> None:
    """The table is made anew, so that its columns have no defaults that the code does not know of."""
    names = (*_BEFORE, *(name for name, _ in (*_NEW, _COUNT)))
    op.create_table(
        "view_case_new",
        sa.Column("subject", WORDS, primary_key=True),
        sa.Column("partition", sa.Integer, nullable=False),
        *(sa.Column(name, sa.BigInteger if name in _NUMBERS else WORDS, nullable=False) for name in names),
    )
    before = ", ".join(("subject", '"partition"', *_BEFORE))
    new = ", ".join(f'"{name}"' for name, _ in (*_NEW, _COUNT))
    values = ", ".join(value for _, value in (*_NEW, _COUNT))
    op.execute(f"INSERT INTO view_case_new ({before}, {new}) SELECT {before}, {values} FROM view_case")
    op.drop_table("view_case")
    op.rename_table("view_case_new", "view_case")
    op.create_index("view_case_status_case_class", "view_case", ["status", "case_class"])
    op.create_index("view_case_document", "view_case", ["document"])
