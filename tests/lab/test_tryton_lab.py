"""The rehearsal ERP itself: its company group, its restarts, and the network that fails on command."""

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import httpx2
import pytest

from tieout.connectors.tryton.client import TrytonClient
from tieout.kernel.errors import ConfigError, TransientError
from tieout_lab.tryton import DE01, GB01, FaultProxy, Faults, TrytonServer
from tieout_lab.tryton.install import trytond_version

ROOT = Path(__file__).parents[2]
PYTHON = ROOT / ".venv-tryton" / "bin" / "python"


# ── the proxy, before a server that only counts ────────────────────────────────────────────────────────────────────


class _Counting(BaseHTTPRequestHandler):
    seen = 0

    def do_POST(self) -> None:
        type(self).seen += 1
        self.rfile.read(int(self.headers["Content-Length"]))
        self.send_response(200)
        self.send_header("Content-Length", "2")
        self.end_headers()
        self.wfile.write(b"ok")

    def log_message(self, format: str, *args: object) -> None:
        pass


@pytest.fixture
def proxy() -> Iterator[FaultProxy]:
    _Counting.seen = 0
    server = HTTPServer(("127.0.0.1", 0), _Counting)
    threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
    with FaultProxy(f"http://127.0.0.1:{server.server_port}") as faulty:
        yield faulty
    server.shutdown()
    server.server_close()


def call(proxy: FaultProxy, method: str = "model.account.invoice.post") -> int | str:
    try:
        return httpx2.post(f"{proxy.url}/db/rpc/", json={"method": method}, timeout=5).status_code
    except httpx2.TransportError as error:
        return type(error).__name__


def test_answers_are_cut_after_the_work(proxy: FaultProxy) -> None:
    proxy.set(Faults(drop_answer_every=3))
    assert [call(proxy) for _ in range(6)] == [200, 200, "RemoteProtocolError", 200, 200, "RemoteProtocolError"]
    assert _Counting.seen == 6
    proxy.set(Faults(drop_answer_once_each=True))
    assert [call(proxy, method) for method in ("a", "b", "a", "b")] == ["RemoteProtocolError"] * 2 + [200] * 2


def test_requests_get_lost_and_the_server_is_away(proxy: FaultProxy) -> None:
    proxy.set(Faults(lose_request_next=1, unavailable_next=2))
    assert [call(proxy) for _ in range(4)] == [503, 503, "RemoteProtocolError", 200]
    assert _Counting.seen == 1
    proxy.set(Faults(unavailable_for_seconds=60))
    assert call(proxy) == 503
    assert proxy.counts == {"unavailable": 3, "lose_request": 1, "pass": 1}


def test_only_some_methods_suffer_and_all_is_told_over_http(proxy: FaultProxy) -> None:
    switches = {"drop_answer_every": 1, "only_methods": ["*.post"], "delay_ms": 1}
    assert httpx2.post(f"{proxy.url}/_faults", json=switches).status_code == 200
    assert call(proxy, "model.account.invoice.read") == 200
    assert call(proxy) == "RemoteProtocolError"
    told = httpx2.get(f"{proxy.url}/_faults").json()
    assert told["counts"] == {"pass": 1, "drop_answer": 1}
    assert told["faults"]["only_methods"] == ["*.post"]
    assert httpx2.post(f"{proxy.url}/_faults", json={"drop_everything": 1}).status_code == 400
    assert httpx2.get(f"{proxy.url}/elsewhere").status_code == 404


def test_a_server_that_is_gone_is_a_bad_gateway() -> None:
    with FaultProxy("http://127.0.0.1:9") as proxy:
        assert call(proxy) == 502


# ── the ERP ────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_without_tryton_it_says_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="make demo"):
        trytond_version(tmp_path / "python")


@pytest.mark.tryton
@pytest.mark.skipif(not PYTHON.exists(), reason="no ERP here: `make test` installs it in .venv-tryton")
def test_the_group_survives_a_restart(tmp_path: Path) -> None:
    said: list[str] = []
    cache = PYTHON.parents[1] / "template"
    server = TrytonServer(tmp_path, python=PYTHON, template_cache=cache, on_progress=said.append)
    with server:
        url = server.url
        described = json.dumps(server.describe())
        assert all(spec.name in described for spec in (DE01, GB01))
        assert server.password not in described
        with server.client() as client:
            (party,) = client.create("party.party", [{"name": "Still There"}])
    gone = TrytonClient(url, server.database, server.user, server.password)
    with pytest.raises(TransientError):
        gone.reload_context()
    with server, server.client() as client:
        assert client.read("party.party", [party], ["name"])[0]["name"] == "Still There"
        periods = client.search_read("account.period", [("company", "=", 1)], ["start_date"])
        assert {f"{row['start_date']:%Y-%m}" for row in periods} >= {f"2026-{month:02d}" for month in range(1, 13)}
        ibans = client.search_read("bank.account.number", [], ["number_compact"])
        assert {row["number_compact"] for row in ibans} == {DE01.iban, GB01.iban}
        server.kill()
    assert said[-2:] == ["starting Tryton", "starting Tryton"]
