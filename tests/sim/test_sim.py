"""The simulator: 200 companies in which everything goes wrong, and every recovery path is taken."""

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from unittest.mock import patch

import pytest

from tieout.engine.delivery import Delivery
from tieout.engine.stores.sqlite import SqliteUnit
from tieout.ports import Result, Retry, Unknown
from tieout.processes.invoice import admission, posting
from tieout.processes.payment import releasing
from tieout.sim import Report, play, simulate
from tieout.sim.faulty_store import FaultyStore, WatchedUnit
from tieout.sim.marks import MARKS

SEEDS = range(200)


@pytest.fixture(scope="module")
def report() -> Report:
    done: list[int] = []
    found = simulate(SEEDS, done.append)
    assert sum(done) == len(SEEDS)
    return found


@pytest.mark.slow
def test_every_promise_is_kept(report: Report) -> None:
    assert [f"{one.what} ({one.replay})" for one in report.failures] == []
    assert report.events > 20_000


@pytest.mark.slow
def test_every_hard_place_was_reached(report: Report) -> None:
    assert report.not_reached == ()
    assert set(report.marks) == set(MARKS)


def test_a_seed_is_the_same_run_everywhere() -> None:
    """Sets of texts are ordered differently in every process; nothing may hang on that."""
    code = (
        "from tieout.sim.play import Play; from structlog.testing import capture_logs\n"
        "with capture_logs():\n"
        "    one = Play(3); one.run()\n"
        "print(sorted((number, head.hash.hex()) for number, head in one.store.log_heads().items()))"
    )
    runs = {
        subprocess.run(
            [sys.executable, "-c", code], env={"PYTHONHASHSEED": seed}, capture_output=True, text=True, check=True
        ).stdout
        for seed in ("1", "2")
    }
    assert len(runs) == 1


def test_a_replay_tells_its_story() -> None:
    stories: list[str] = []
    for seed in range(6):  # some are calm
        assert play(seed, stories.append).findings == ()
    assert any("CRASH" in line for line in stories)
    assert any("answer lost after the effect" in line for line in stories)


# ── an engine that is broken on purpose is found out ────────────────────────────────────────────────────────────


def _lapse_to_ready(self: FaultyStore, now: int) -> int:
    with self._transaction() as sql:
        return sql.execute(
            "UPDATE effect SET status = 'ready', owner = '' WHERE status IN ('leased', 'probing') AND lease_until <= ?",
            (now,),
        ).rowcount


_conclude = Delivery._conclude


def _unknown_is_not_landed(self: Delivery, row: Any, result: Result) -> Any:
    return _conclude(self, row, Retry(reason=result.reason) if isinstance(result, Unknown) else result)


def _probe_at_once(self: Delivery, row: Any) -> Any:
    return self._conclude_probe(row, self._probe_one(row))


def _append_over_others(self: WatchedUnit, events: Any) -> None:
    from msgspec.structs import astuple

    from tieout.engine.stores import sqlite

    self._sql.executemany(sqlite._APPEND.replace("INSERT", "INSERT OR REPLACE"), map(astuple, events))


@contextmanager
def broken(target: Any, name: str, how: Any) -> Iterator[None]:
    with patch.object(target, name, how):
        yield


@pytest.mark.slow
@pytest.mark.parametrize(
    ("target", "name", "how"),
    [
        pytest.param(FaultyStore, "lapse_effects", _lapse_to_ready, id="a lapsed lease is sent again blindly"),
        pytest.param(Delivery, "_conclude", _unknown_is_not_landed, id="a time-out is taken for a failure"),
        pytest.param(Delivery, "_find_out", _probe_at_once, id="probes do not wait for the landing window"),
        pytest.param(WatchedUnit, "append", _append_over_others, id="the log has no fence"),
        pytest.param(SqliteUnit, "change_standings", lambda *_: None, id="standings are not kept"),
        pytest.param(releasing, "_obstacles", lambda *_: iter(()), id="holds are not looked at"),
        pytest.param(admission, "_asked", lambda *_: (), id="what looks like another invoice is posted"),
        pytest.param(posting, "last_look", lambda *_: (), id="there is no second look"),
    ],
)
def test_a_broken_promise_is_found(target: Any, name: str, how: Any) -> None:
    with broken(target, name, how):
        assert any(play(seed).findings for seed in range(60)), "60 companies did not notice"
