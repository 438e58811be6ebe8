"""Starts and stops a real Tryton with the seeded group in it."""

import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from tieout.connectors.tryton.client import TrytonClient
from tieout.kernel.errors import ConfigError, TransientError
from tieout_lab.tryton import install
from tieout_lab.tryton.seed import ACCOUNTS, GROUP, ITEMS, CompanySpec, Progress, seed_group

#: Waits for the end of its input, that is of the process that started it, and ends the server if that still runs.
_WATCH = "import os, signal, sys; sys.stdin.read(); os.killpg(int(sys.argv[1]), signal.SIGTERM)"
_START_SECONDS_MAX = 60.0
_STOP_SECONDS_MAX = 10.0
_POLL_SECONDS = 0.05


def _quiet(_: str) -> None:
    """Progress that nobody wants to see."""


class TrytonServer:
    """A Tryton server of our own on a free port of this machine, with the rehearsal group in its database.

    ``folder`` gets the database, the configuration and the log; an existing database there is used again.
    ``template_cache`` keeps the seeded template between runs.
    """

    database = install.DATABASE
    user = install.USER
    password = install.PASSWORD
    companies: tuple[CompanySpec, ...] = GROUP

    def __init__(
        self,
        folder: Path,
        *,
        python: Path,
        template_cache: Path,
        year: int = 2026,
        session_timeout_seconds: int = 300,
        on_progress: Progress = _quiet,
    ) -> None:
        self._folder = folder.resolve()
        self._python = python.absolute()
        self._template_cache = template_cache.resolve()
        self._year = year
        self._session_timeout_seconds = session_timeout_seconds
        self._on_progress = on_progress
        self._process: _Process | None = None

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    @property
    def url(self) -> str:
        """Where it listens. Only while it runs."""
        assert self._process is not None, "the server is not running"
        return self._process.url

    @property
    def log(self) -> Path:
        """What Tryton had to say."""
        return self._folder / "trytond.log"

    def describe(self) -> dict[str, Any]:
        """All that a connector's configuration needs (the password goes by reference, so it is not here)."""
        return {
            "url": self.url,
            "database": self.database,
            "user": self.user,
            "companies": {spec.entity: spec.name for spec in self.companies},
            "accounts": ACCOUNTS,
            "items": ITEMS,
        }

    def client(self, user: str = install.USER) -> TrytonClient:
        """A client of our own, to look into the ERP's books, or to work in it by hand as ``CLERK``."""
        return TrytonClient(self.url, self.database, user, self.password)

    def start(self) -> None:
        """Bring the database in place and wait until the server answers."""
        self._folder.mkdir(parents=True, exist_ok=True)
        database = self._folder / f"{self.database}.sqlite"
        if not database.exists():
            template = install.ensure_template(
                self._python, self._template_cache, self._year, self._fill, self._on_progress
            )
            shutil.copyfile(template, database)
        install.write_config(self._folder, self._session_timeout_seconds)
        self._on_progress("starting Tryton")
        self._process = _Process(self._python, self._folder)
        self._process.wait_until_it_answers(self)

    def stop(self) -> None:
        """Stop the server and everything it started; the database stays."""
        if self._process is not None:
            self._process.stop()
            self._process = None

    def kill(self) -> None:
        """Pull the plug: no good-bye to open calls."""
        if self._process is not None:
            self._process.stop(signal.SIGKILL)
            self._process = None

    def _fill(self, folder: Path) -> None:
        """Seed the database in a folder through a server of its own."""
        process = _Process(self._python, folder)
        try:
            with TrytonClient(process.url, self.database, self.user, self.password) as client:
                process.wait_until_it_answers(self)
                seed_group(client, self._year, self.password, self._on_progress)
        finally:
            process.stop()


class _Process:
    """One ``trytond`` in a process group of its own."""

    def __init__(self, python: Path, folder: Path) -> None:
        with socket.socket() as probe:  # Whoever takes the port in between makes the start fail, loudly.
            probe.bind(("127.0.0.1", 0))
            port = probe.getsockname()[1]
        self.url = f"http://127.0.0.1:{port}"
        self._log = folder / "trytond.log"
        with self._log.open("ab") as log:
            self._popen = subprocess.Popen(
                # Naming the database loads it before the server listens; left to the first call, 8.2.1 answers
                # that call with an internal error.
                [python, "-m", "trytond.cli", "--config", folder / "trytond.conf", "--database", install.DATABASE],
                env=os.environ | {"TRYTOND_WEB__LISTEN": f"127.0.0.1:{port}"},
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )

        self._watch = subprocess.Popen(
            [sys.executable, "-c", _WATCH, str(self._popen.pid)], stdin=subprocess.PIPE, stderr=subprocess.DEVNULL
        )

    def wait_until_it_answers(self, server: TrytonServer) -> None:
        deadline = time.monotonic() + _START_SECONDS_MAX
        with TrytonClient(self.url, server.database, server.user, server.password) as client:
            while True:
                try:
                    _ = client.context
                    return
                except TransientError:
                    if self._popen.poll() is not None or time.monotonic() > deadline:
                        self.stop()
                        raise ConfigError(f"Tryton did not start: {self._last_words()}") from None
                    time.sleep(_POLL_SECONDS)

    def stop(self, how: signal.Signals = signal.SIGTERM) -> None:
        if self._popen.poll() is None:
            os.killpg(self._popen.pid, how)
            try:
                self._popen.wait(_STOP_SECONDS_MAX)
            except subprocess.TimeoutExpired:
                os.killpg(self._popen.pid, signal.SIGKILL)
                self._popen.wait()
        self._watch.kill()
        self._watch.communicate()

    def _last_words(self) -> str:
        return self._log.read_text(encoding="utf-8", errors="replace")[-1000:]
