"""What an effect writes stands apart from what becomes of it, so that it is not written again with each change.

There is no way down: restore the backup that was made before.
"""

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"

# Compared byte by byte on every machine, whatever the sorting rules of its operating system (see ``engine/schema.py``).
WORDS = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")


def upgrade() -> None:
    op.create_table(
        "effect_payload",
        sa.Column("id", WORDS, primary_key=True),
        sa.Column("payload", sa.LargeBinary, nullable=False),
    )
    op.execute("INSERT INTO effect_payload (id, payload) SELECT id, payload FROM effect ORDER BY created_at, id")
    op.drop_column("effect", "payload")
