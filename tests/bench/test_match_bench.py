"""``tieout bench match`` on few invoices: every measure runs, and both sides find the same."""

import os
import subprocess
import sys
from collections import Counter

import msgspec
import pytest

from tieout.kernel.problem import Code
from tieout.matching.three_way import match
from tieout_bench.matching.pure import cases, mismatched
from tieout_bench.matching.report import Report, show
from tieout_bench.workload import ENTITY, policy


def test_two_of_a_hundred_invoices_have_each_variance() -> None:
    every, tolerances = cases(500), policy().tolerances_of(ENTITY)
    problems = Counter(
        problem.code for invoice, orders in every for problem in match(invoice, orders, tolerances, "v").problems
    )
    assert problems == {
        Code.PRICE_OVER_LIMIT: 10,
        Code.QUANTITY_OVER_RECEIVED: 10,
        Code.QUANTITY_OVER_ORDERED: 10,
        Code.UNIT_MISMATCH: 10,
        Code.UNKNOWN_ORDER_LINE: 10,
    }
    assert mismatched(every) == 50


@pytest.mark.slow
def test_every_measure_runs(capsys: pytest.CaptureFixture[str]) -> None:
    command = [sys.executable, "-m", "tieout_bench", "match", "--invoices", "200", "--json"]
    done = subprocess.run(command, env=dict(os.environ), capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    report = msgspec.json.decode(done.stdout, type=Report)
    assert (report.rounds, report.invoices, report.lines) == (3, 200, 2000)
    assert [(figure.name, figure.beside) for figure in report.figures] == [
        ("rules alone", "bare hash join in DuckDB"),
        ("loop until matched", "the same rows written, no engine"),
        ("the same, of processor time", "the same rows written, no engine"),
        ("loop until posted", "the same rows written, no engine"),
        ("peak memory at 1,000 lines", "line from a quarter to all"),
        ("peak memory at 2,000 lines", "a quarter of them"),
    ]
    assert all(figure.value > 0 and figure.beside_value > 0 and figure.ratio > 0 for figure in report.figures)
    show(report)
    table = capsys.readouterr().out
    assert [figure.name for figure in report.figures if figure.name not in table] == []
