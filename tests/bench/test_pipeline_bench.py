"""``tieout bench pipeline`` on few invoices and SQLite alone: every measure runs, and says how far it is."""

import os
import subprocess
import sys

import msgspec
import pytest

from tieout_bench.targets import ERP_OPERATIONS, Instant


@pytest.mark.slow
def test_every_measure_runs() -> None:
    asked = ["--invoices", "200", "--rounds", "1", "--open-invoices", "400", "--no-postgres", "--json"]
    command = [sys.executable, "-m", "tieout_bench", "pipeline", *asked]
    done = subprocess.run(command, env=dict(os.environ), capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    report = msgspec.json.decode(done.stdout)
    (line,) = report["throughput"]
    assert (line["store"], line["workers"], report["dbos"]) == ("SQLite", 1, None)
    assert min(line["invoices_per_second"], line["ratio_to_floor"]) > 0
    assert report["peak_mebibytes_at"]["400"] > 0
    assert "SQLite, 1 worker, round 1 of 1" in done.stderr


def test_a_system_that_answers_at_once_counts_each_document_once() -> None:
    erp = Instant("erp", ERP_OPERATIONS)
    erp.note("post_invoice", "inv-1")
    erp.note("post_invoice", "inv-1")
    erp.note("create_order", "PO-1")
    assert dict(erp.applied) == {"post_invoice/inv-1": 2, "create_order/PO-1": 1}
    assert dict(erp.documents) == {"post_invoice": 1, "create_order": 1}
