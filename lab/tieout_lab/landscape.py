"""The whole landscape: starts the counterpart systems side by side and tells how to reach them.

``with Lab(folder) as lab: lab["bank"].url``. Everything is kept in the folder, so that the same company goes on the
next day, with the same secrets and (where they are free) the same ports. ``lab.json`` in the folder lists it all.
"""

import importlib
import os
import select
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Protocol, Self

import msgspec

from tieout_lab.serving import Builder, Card, Hosted

SERVERS = ("ap", "procurement", "bank", "close")
START_SECONDS = 60.0
STOP_SECONDS = 5.0


class LabError(Exception):
    """A server did not start."""


class Lab:
    """Counterpart systems in one folder. They run as processes of their own, or (for tests) in threads of this one."""

    def __init__(self, folder: Path, servers: Sequence[str] = SERVERS, *, threads: bool = False) -> None:
        self.folder = folder.resolve()
        self._threads = threads
        self._names = tuple(servers)
        self._running: dict[str, _Running] = {}

    def start(self) -> None:
        """Start all, in parallel, and return once they all listen."""
        self.folder.mkdir(parents=True, exist_ok=True)
        try:
            for name in self._names:
                self._running[name] = self._make(name)
            for running in self._running.values():
                running.wait()
        except BaseException:
            self.stop()
            raise
        self._write()

    def stop(self) -> None:
        """Stop all, gracefully."""
        for running in self._running.values():
            running.ask_to_stop()
        for running in self._running.values():
            running.stop()
        self._running.clear()

    def kill(self, name: str) -> None:
        """``kill -9``: no good-bye, nothing flushed."""
        self._running[name].kill()

    def restart(self, name: str) -> Card:
        """Start one again (after :meth:`kill`, or to see it come back)."""
        self._running[name].stop()
        self._running[name] = self._make(name)
        self._running[name].wait()
        self._write()
        return self[name]

    @property
    def cards(self) -> dict[str, Card]:
        """How to reach each of them."""
        return {name: running.card for name, running in self._running.items()}

    def __getitem__(self, name: str) -> Card:
        return self._running[name].card

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def _make(self, name: str) -> "_Running":
        folder = self.folder / name
        folder.mkdir(parents=True, exist_ok=True)
        return _Thread(name, folder) if self._threads else _Process(name, folder)

    def _write(self) -> None:
        path = self.folder / "lab.json"
        path.touch(mode=0o600)
        path.write_bytes(msgspec.json.format(msgspec.json.encode(self.cards)))


class _Running(Protocol):
    """A server that was started."""

    @property
    def card(self) -> Card: ...
    def wait(self) -> None: ...
    def ask_to_stop(self) -> None: ...
    def stop(self) -> None: ...
    def kill(self) -> None: ...


class _Process:
    """A server in a process of its own. It ends when its standard input does, so it never outlives us."""

    card: Card

    def __init__(self, name: str, folder: Path) -> None:
        self._name = name
        self._log = folder / "server.log"
        with self._log.open("ab") as log:
            self._process = subprocess.Popen(
                [sys.executable, "-m", f"tieout_lab.{name}", "--folder", str(folder), "--stop-with-stdin"],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=log,
                env={**os.environ, "PYTHONUNBUFFERED": "1"},
            )

    def wait(self) -> None:
        """Until it has told its address."""
        assert self._process.stdout is not None
        deadline = time.monotonic() + START_SECONDS
        ready, _, _ = select.select([self._process.stdout], [], [], max(0.0, deadline - time.monotonic()))
        line = self._process.stdout.readline() if ready else b""
        if not line:
            tail = self._log.read_text(errors="replace")[-2000:]
            raise LabError(f"{self._name} did not start; the end of {self._log.name} says:\n{tail}")
        self.card = msgspec.json.decode(line, type=Card)

    def ask_to_stop(self) -> None:
        """Without waiting for it. The end of its input reaches it even where signals are blocked."""
        if self._process.poll() is None:
            self._process.terminate()
        if self._process.stdin is not None:
            self._process.stdin.close()

    def stop(self) -> None:
        """And wait for it; a server that does not answer is killed."""
        self.ask_to_stop()
        try:
            self._process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        if self._process.stdout is not None:
            self._process.stdout.close()

    def kill(self) -> None:
        """At once."""
        self._process.kill()
        self._process.wait()


class _Thread:
    """A server in a thread."""

    def __init__(self, name: str, folder: Path) -> None:
        builder: Builder = importlib.import_module(f"tieout_lab.{name}").build
        self._hosted = Hosted(builder, folder)
        self._hosted.start()

    @property
    def card(self) -> Card:
        return self._hosted.card

    def wait(self) -> None:
        """It listens already."""

    def ask_to_stop(self) -> None:
        self._hosted.ask_to_stop()

    def stop(self) -> None:
        self._hosted.stop()

    def kill(self) -> None:
        raise NotImplementedError("a thread cannot be killed; use processes")
