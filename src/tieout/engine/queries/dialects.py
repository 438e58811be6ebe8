"""How well each dialect predicts the holds that the ERPs place."""

from msgspec import Struct
from sqlalchemy import Connection, func, select

from tieout.engine.queries.database import Reach, within
from tieout.engine.schema import VIEW_TABLES

PREDICTION = VIEW_TABLES["prediction"]
OUTCOMES = ("predicted_placed", "predicted_not_placed", "placed_not_predicted", "none_either")
"""Holds that were foreseen, that were expected in vain, that came as a surprise; and invoices rightly without any."""


class DialectAccuracy(Struct, frozen=True, kw_only=True):
    """The predictions for one entity in one dialect, over all invoices whose ERP told its holds."""

    entity: str
    dialect: str
    invoices: int
    predicted_placed: int
    predicted_not_placed: int
    placed_not_predicted: int
    none_either: int


def dialect_accuracy(sql: Connection, reach: Reach) -> tuple[DialectAccuracy, ...]:
    """Predictions by entity and dialect."""
    keys = (PREDICTION.c.entity, PREDICTION.c.dialect)
    sums = [func.sum(PREDICTION.c[name]).label(name) for name in OUTCOMES]
    found = (
        select(*keys, func.count().label("invoices"), *sums)
        .where(within(reach, PREDICTION.c.entity))
        .group_by(*keys)
        .order_by(*keys)
    )
    return tuple(
        DialectAccuracy(
            entity=row.entity,
            dialect=row.dialect,
            invoices=row.invoices,
            predicted_placed=int(row.predicted_placed),
            predicted_not_placed=int(row.predicted_not_placed),
            placed_not_predicted=int(row.placed_not_predicted),
            none_either=int(row.none_either),
        )
        for row in sql.execute(found)
    )
