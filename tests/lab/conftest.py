"""Servers of the lab in threads: real sockets, a fresh folder for every test."""

from collections.abc import Iterator
from pathlib import Path

import httpx2
import pytest
from tests.lab.kit import Sftp, client, ok

from tieout_lab import ap as ap_server
from tieout_lab import bank as bank_server
from tieout_lab import close as close_server
from tieout_lab import procurement as procurement_server
from tieout_lab.serving import Card, Hosted


@pytest.fixture
def ap(tmp_path: Path) -> Iterator[Card]:
    with Hosted(ap_server.build, tmp_path / "ap") as server:
        yield server.card


@pytest.fixture
def ap_http(ap: Card) -> Iterator[httpx2.Client]:
    with client(ap) as http:
        yield http


@pytest.fixture
def procurement_http(tmp_path: Path) -> Iterator[httpx2.Client]:
    with Hosted(procurement_server.build, tmp_path / "procurement") as server, client(server.card) as http:
        yield http


@pytest.fixture
def close(tmp_path: Path) -> Iterator[Card]:
    with Hosted(close_server.build, tmp_path / "close") as server:
        yield server.card


@pytest.fixture
def close_http(close: Card) -> Iterator[httpx2.Client]:
    with client(close) as http:
        yield http


@pytest.fixture
def bank(tmp_path: Path) -> Iterator[Card]:
    with Hosted(bank_server.build, tmp_path / "bank") as server:
        yield server.card


@pytest.fixture
def bank_http(bank: Card) -> Iterator[httpx2.Client]:
    """The bank on Tuesday, 15 September 2026."""
    with client(bank) as http:
        ok(http.post("/_lab/day", json={"date": "2026-09-15"}))
        yield http


@pytest.fixture
def sftp(bank: Card) -> Iterator[Sftp]:
    session = Sftp(bank)
    yield session
    session.close()
