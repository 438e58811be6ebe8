"""How well each dialect predicts: counted by entity, told as a metric by dialect."""

from pathlib import Path

from tests.engine.kit import PARTITIONS, START

from tieout.engine.intake import Intake
from tieout.engine.originals import Originals
from tieout.engine.queries.database import Database
from tieout.engine.queries.dialects import DialectAccuracy, dialect_accuracy
from tieout.engine.stores.open import open_store, prepare
from tieout.engine.unit_of_work import UnitOfWork
from tieout.http.health import Reading
from tieout.kernel.clock import VirtualClock
from tieout.model.events import Message
from tieout.model.facts import HoldsCompared
from tieout.policy.policy import Policy
from tieout.processes.registry import PROCESSES

TOLD = [
    ("de", HoldsCompared(dialect="oracle_fusion", predicted=("QTY REC", "PRICE"), actual=("QTY REC",))),
    ("de", HoldsCompared(dialect="oracle_fusion")),
    ("fr", HoldsCompared(dialect="oracle_fusion", actual=("PRICE",))),
    ("de", HoldsCompared(dialect="sap", predicted=("R",), actual=("R",))),
]


def test_predictions_are_counted_by_entity_and_dialect(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path}/books.db"
    prepare(url)
    store, clock = open_store(url), VirtualClock(START)
    intake = Intake(store, Originals(None), clock, partitions=PARTITIONS, read_document=_unread, capacity=100)
    for number, (entity, data) in enumerate(TOLD):
        about = {"home": f"supplier/{number}", "subject": f"inv-{number}"}
        intake.offer([Message(source="test", key=str(number), data=data, entity=entity, **about)])
    work = UnitOfWork(store, PROCESSES, Policy(), clock, partitions=PARTITIONS, lane_of=lambda *about: "lane")
    while work.run(10):
        pass
    with Database(url).read() as sql:
        found = dialect_accuracy(sql, None)
        only_french = dialect_accuracy(sql, ("fr",))
        metrics = {
            (sample.labels["dialect"], sample.labels["outcome"]): sample.value
            for metric in Reading(sql, START).collect()
            for sample in metric.samples
            if sample.name == "tieout_dialect_predictions_total"
        }
    names = ("invoices", "predicted_placed", "predicted_not_placed", "placed_not_predicted", "none_either")
    counted = {(one.entity, one.dialect): tuple(getattr(one, name) for name in names) for one in found}
    assert counted == {
        ("de", "oracle_fusion"): (2, 1, 1, 0, 1),
        ("de", "sap"): (1, 1, 0, 0, 0),
        ("fr", "oracle_fusion"): (1, 0, 0, 1, 0),
    }
    assert [(one.entity, isinstance(one, DialectAccuracy)) for one in only_french] == [("fr", True)]
    assert metrics["oracle_fusion", "placed_not_predicted"] == 1
    assert metrics["oracle_fusion", "none_either"] == 1
    assert len(metrics) == 8


def _unread(*about: object) -> object:
    raise AssertionError("there are no documents in this story")
