"""The holds that ERPs place are compared with those that matching predicted.

There is no way down: restore the backup that was made before.
"""

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"

# Compared byte by byte on every machine, whatever the sorting rules of its operating system (see ``engine/schema.py``).
WORDS = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")


def upgrade() -> None:
    counts = ("predicted_placed", "predicted_not_placed", "placed_not_predicted", "none_either")
    op.create_table(
        "view_prediction",
        sa.Column("subject", WORDS, primary_key=True),
        sa.Column("partition", sa.Integer, nullable=False),
        sa.Column("entity", WORDS, nullable=False),
        sa.Column("dialect", WORDS, nullable=False),
        *(sa.Column(name, sa.BigInteger, nullable=False) for name in counts),
    )
    op.create_index("view_prediction_entity_dialect", "view_prediction", ["entity", "dialect"])
