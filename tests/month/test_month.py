"""The main job, end to end: a month on a real ERP, with faults; nothing lost, nothing doubled."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

TRYTON = Path(".venv-tryton/bin/python")

pytestmark = [pytest.mark.slow, pytest.mark.tryton]


@pytest.mark.skipif(not TRYTON.exists(), reason="no .venv-tryton; `make test` sets it up")
def test_a_month_holds(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "tieout_lab.month", "--folder", str(tmp_path / "month"), "--json"],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=600,
        check=False,
    )
    log = tmp_path / "month" / "tieout.log"
    tail = log.read_text(errors="replace")[-3000:] if log.exists() else ""
    assert done.returncode == 0, f"{done.stdout[-4000:]}\n{done.stderr[-4000:]}\n{tail}"
    counted = json.loads(done.stdout)
    assert counted["posted_in_erp"] == counted["expected_in_erp"]
    assert (counted["posted_twice"], counted["missing_in_erp"]) == ([], [])
    assert (counted["paid_twice"], counted["payments_lost"]) == ([], [])
    assert counted["payments_at_bank"] > 100
    assert {one["entity"]: one["status"] for one in counted["periods"]} == {"DE01": "not_ready", "GB01": "ready"}
    assert min(counted["payments_rejected"], counted["payments_returned"], counted["duplicates_stopped"]) > 0
    assert counted["look_alikes_cleared"] == 1
    assert counted["cases_open"].get("suspected_duplicate", 0) == 0
    assert counted["retried"] > 0
