"""``tieout bench formats`` on small files: every measure runs, so that the benchmark cannot rot."""

import os
import subprocess
import sys
from pathlib import Path

import msgspec
import pytest

from tieout_bench.formats import camt
from tieout_bench.formats.report import Report, show
from tieout_bench.measuring import Figure, alone, cost, speed
from tieout_bench.peers.children import peer_python

pytestmark = pytest.mark.slow


def test_every_measure_runs_beside_its_floor(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "tieout_bench", "formats", "--megabytes", "1", "--json"],
        env={**os.environ, "BENCH_VENV": str(tmp_path)},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    assert "no bankstatementparser here: left out" in done.stderr
    assert "ACH, round 3 of 3" in done.stderr
    report = msgspec.json.decode(done.stdout, type=Report)
    assert (report.rounds, report.megabytes) == (3, 1)
    assert [(figure.name, figure.beside, figure.target) for figure in report.figures] == [
        ("camt.053", "bare lxml.iterparse loop", "≥ 25 MB/s, ratio ≥ 0.5"),
        ("camt.053, peak memory", "bare lxml.iterparse loop", "< 60 MB"),
        ("X12, segments", "bytes.split", "≥ 40 MB/s"),
        ("EDIFACT, segments", "bytes.split", "≥ 40 MB/s"),
        ("X12, invoices", "dividing into segments", ""),
        ("ACH", "bare loop over lines", "≥ 50 MB/s"),
        ("ACH, looking for our accounts", "bare loop over lines", "≥ 50 MB/s"),
        ("UBL invoice, 3 lines", "XML parser alone", "< 1 ms"),
        ("CII invoice, 3 lines", "XML parser alone", ""),
        ("UBL invoice, 5,000 lines", "XML parser alone", ""),
    ]
    assert all(figure.value > 0 and figure.beside_value > 0 and figure.ratio > 0 for figure in report.figures)
    show(report)
    table = capsys.readouterr().out
    assert [figure.name for figure in report.figures if figure.name not in table] == []


@pytest.mark.parametrize("way", ["stream", "whole"])
def test_the_peer_finds_the_same_entries(way: str, tmp_path: Path) -> None:
    python = peer_python("bankstatementparser")
    if not python:
        pytest.skip("bankstatementparser is not installed; `make bench` does it")
    path = tmp_path / "statement.xml"
    path.write_bytes(b"".join(camt.pieces(1)))
    assert alone("tieout_bench.peers.statements", way, path, python).count == camt.ENTRIES_PER_MEGABYTE


def test_a_speed_stands_beside_another() -> None:
    missed = speed("camt.053", 100_000_000, 2.5, "loop", 1.0, at_least=25, ratio_at_least=0.5)
    assert missed == Figure(
        name="camt.053",
        unit="MB/s",
        value=40.0,
        beside="loop",
        beside_value=100.0,
        ratio=0.4,
        target="≥ 25 MB/s, ratio ≥ 0.5",
        is_met=False,
    )
    assert speed("camt.053", 100_000_000, 2.0, "loop", 1.0, at_least=25, ratio_at_least=0.5).is_met
    assert speed("camt.053", 100_000_000, 2.0, "loop", 1.0).is_met is None


def test_of_a_cost_less_is_better() -> None:
    assert cost("memory", "MB", 40.0, "peer", 100.0, below=60) == Figure(
        name="memory",
        unit="MB",
        value=40.0,
        beside="peer",
        beside_value=100.0,
        ratio=2.5,
        target="< 60 MB",
        is_met=True,
    )
    assert cost("memory", "MB", 60.0, "peer", 100.0, below=60).is_met is False
