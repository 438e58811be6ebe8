"""The landscape starts as processes, survives ``kill -9``, and comes back where it was."""

import json
import os
import signal
import stat
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import httpx2
import pytest
from tests.lab.kit import Sftp, client, eventually, invoice, ok, payment_file, receiving, set_faults, transfer

from tieout_lab.landscape import SERVERS, Lab


@pytest.fixture
def lab(tmp_path: Path) -> Iterator[Lab]:
    with Lab(tmp_path / "lab") as lab:
        yield lab


def test_all_four_start_and_lab_json_says_how_to_reach_them(tmp_path: Path) -> None:
    with Lab(tmp_path / "lab") as lab:
        assert tuple(lab.cards) == SERVERS
        for card in lab.cards.values():
            with client(card) as http:
                ok(http.get("/_lab/faults"))
        path = tmp_path / "lab" / "lab.json"
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
        told = json.loads(path.read_text())
        assert told["bank"]["more"]["sftp_host_key"].startswith("ssh-ed25519 ")
        for name, card in lab.cards.items():
            assert told[name]["url"] == card.url
            for key, file in card.secret_files.items():
                assert Path(file).read_text() == card.secrets[key]
                assert stat.S_IMODE(Path(file).stat().st_mode) == 0o600
        urls = {name: card.url for name, card in lab.cards.items()}
    with pytest.raises(httpx2.ConnectError):
        httpx2.get(urls["ap"], trust_env=False)
    with Lab(tmp_path / "lab") as lab:
        assert {name: card.url for name, card in lab.cards.items()} == urls


def test_the_ap_platform_goes_on_after_kill_9(lab: Lab) -> None:
    with client(lab["ap"]) as http, receiving(lab["ap"].secrets["webhook_secret"]) as receiver:
        receiver.answers = [500] * 3
        ok(http.post("/v1/webhook-endpoints", json={"url": receiver.url}))
        ok(http.put("/_lab/approval-rule", json={"limits": {"EUR": "1000"}, "delayMs": 400}))
        ok(http.post("/v1/captures", json=invoice()))
        ok(http.put("/v1/invoices/ap-000001/match", json={"reportId": "m", "verdict": "matched"}))
        lab.kill("ap")
        with pytest.raises(httpx2.ConnectError):
            http.get("/v1/totals")
        before = lab["ap"].url
        assert lab.restart("ap").url == before
        eventually(lambda: ok(http.get("/v1/invoices/ap-000001"))["state"] == "approved")
        eventually(lambda: len(receiver.got) == 2)
        assert {body["type"] for _, body in receiver.got} == {"capture.completed", "approval.changed"}


def test_the_bank_pays_once_across_kill_9(lab: Lab) -> None:
    with client(lab["bank"]) as http:
        ok(http.post("/_lab/day", json={"date": "2026-09-15"}))
        set_faults(http, files__pick_up={"delay_ms": 60_000})
        sftp = Sftp(lab["bank"])
        body = payment_file("M1", transfer("E1", "1.00"))
        sftp.put("run1.xml", body)
        lab.kill("bank")
        sftp.close()
        lab.restart("bank")
        set_faults(http, files__pick_up=None)
        lab.kill("bank")
        lab.restart("bank")
        eventually(lambda: ok(http.get("/_lab/ledger"))["files"] == 1)
        sftp = Sftp(lab["bank"])
        eventually(lambda: sftp.names("archive") == ["run1.xml"])
        # Put back as if the process had died between paying and archiving: no second payment, no complaint either.
        folder = Path(lab["bank"].folder)
        lab.kill("bank")
        sftp.close()
        os.replace(folder / "sftp/archive/run1.xml", folder / "sftp/in/run1.xml")
        subprocess.run(
            [sys.executable, "-c", _UNARCHIVE, str(folder / "bank.sqlite")],
            check=True,
        )
        lab.restart("bank")
        eventually(lambda: (folder / "sftp/archive/run1.xml").exists())
        truth = ok(http.get("/_lab/ledger"))
        assert (truth["files"], truth["duplicateFilesRefused"], truth["payments"]["E1"]["paid"]) == (1, 0, 1)


_UNARCHIVE = """
import sqlite3, sys
with sqlite3.connect(sys.argv[1]) as db:
    db.execute("UPDATE inbound SET archived = 0")
"""


@pytest.mark.parametrize("name", SERVERS)
def test_help_teaches(name: str) -> None:
    answer = subprocess.run(
        [sys.executable, "-m", f"tieout_lab.{name}", "--help"], capture_output=True, text=True, check=True
    )
    assert "example:" in answer.stdout
    assert "--folder" in answer.stdout


def test_sigterm_is_a_graceful_end(tmp_path: Path) -> None:
    process = subprocess.Popen(
        [sys.executable, "-m", "tieout_lab.close", "--folder", str(tmp_path)], stdout=subprocess.PIPE
    )
    assert process.stdout is not None
    url = json.loads(process.stdout.readline())["url"]
    assert httpx2.get(f"{url}/_lab/faults", trust_env=False).status_code == 200
    process.send_signal(signal.SIGTERM)
    assert process.wait(10) == 0
    process.stdout.close()


def test_it_ends_with_whoever_started_it(tmp_path: Path) -> None:
    process = subprocess.Popen(
        [sys.executable, "-m", "tieout_lab.close", "--folder", str(tmp_path), "--stop-with-stdin"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    )
    assert process.stdout is not None
    assert process.stdout.readline()
    process.communicate(timeout=10)
    assert process.returncode == 0


def test_the_command_line_starts_tells_and_breaks_things(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "tieout_lab", "--folder", str(tmp_path)]

    def say(*words: str) -> str:
        return subprocess.run([*command, *words], capture_output=True, text=True, check=True).stdout

    refused = subprocess.run([*command, "show"], capture_output=True, text=True, check=False)
    assert refused.returncode == 1
    assert "tieout lab up" in refused.stderr
    process = subprocess.Popen([*command, "up", "--only", "close"], stdout=subprocess.PIPE)
    assert process.stdout is not None
    assert process.stdout.readline() == b"{\n"
    eventually((tmp_path / "lab.json").exists)
    assert list(json.loads(say("show"))) == ["close"]
    told = json.loads(say("faults", "close", '{"tasks.find": {"storm": 1}}'))
    assert told["rules"] == {"tasks.find": {"storm": 1}}
    assert json.loads(say("faults", "close"))["rules"] == told["rules"]
    assert json.loads(say("faults", "close", "clear"))["rules"] == {}
    process.send_signal(signal.SIGINT)
    assert process.wait(10) == 0
    process.stdout.close()
