"""The tutorial, run command by command in a real shell, on a company in a temporary folder."""

import os
import re
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from tests.docs import pages

PAGE = pages.DOCS / "first-hour.md"
#: Commands that only look are asked again until the worker has come so far.
LOOKING = ("cases", "trace", "effects", "status", "replay", "verify", "rebuild")
_SECONDS = 30.0


@pytest.mark.slow
@pytest.mark.skipif(not shutil.which("curl"), reason="the tutorial calls the API with curl")
def test_every_command_of_the_first_hour(tmp_path: Path) -> None:
    shutil.copytree(pages.DOCS / "first-hour", tmp_path / "docs" / "first-hour")
    shell = Shell(tmp_path)
    with shell.ended():
        for command, shown in pages.console(PAGE):
            shell.run(command, shown)
    assert shell.ran > 15


class Shell:
    """A terminal, and a second one for what keeps running."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._port = _free_port()
        self._environment = {
            **{name: value for name, value in os.environ.items() if not name.startswith("TIEOUT_")},
            "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
            "TIEOUT_PORT": str(self._port),
            "NO_COLOR": "1",
        }
        self._serving: list[subprocess.Popen[bytes]] = []
        self.ran = 0

    def run(self, command: str, shown: list[str]) -> None:
        """Run a command; it must succeed and print what the page shows."""
        self.ran += 1
        if command.endswith(" up"):
            self._serve(command)
            return
        wanted = pattern(shown)
        deadline = time.monotonic() + _SECONDS
        while True:
            done = self._call(command)
            printed = squeezed(done.stdout)
            if done.returncode == 0 and (wanted.fullmatch(printed) or not shown):
                return
            if time.monotonic() > deadline or command.split()[1] not in LOOKING:
                raise AssertionError(
                    f"$ {command}\n{printed}{done.stderr}\n(exit code {done.returncode}; shown: {shown})"
                )
            time.sleep(0.2)

    def _call(self, command: str) -> subprocess.CompletedProcess[str]:
        """One line for bash, whose exports are kept for the next."""
        after = self._folder / "environment"
        script = f"{command}\nstatus=$?\nenv -0 > '{after}'\nexit $status"
        done = subprocess.run(
            ["bash", "-c", script], cwd=self._folder, env=self._environment, capture_output=True, text=True, timeout=60
        )
        self._environment = dict(line.split("=", 1) for line in after.read_text().split("\0") if "=" in line)
        return done

    def _serve(self, command: str) -> None:
        log = (self._folder / "serve.log").open("wb")
        with log:
            words = command.split()
            self._serving.append(
                subprocess.Popen(words, cwd=self._folder, env=self._environment, stdout=log, stderr=log)
            )
        deadline = time.monotonic() + _SECONDS
        with socket.socket() as probe:
            while probe.connect_ex(("127.0.0.1", self._port)):
                assert self._serving[-1].poll() is None, (self._folder / "serve.log").read_text()
                assert time.monotonic() < deadline
                time.sleep(0.05)

    @contextmanager
    def ended(self) -> Iterator[None]:
        """Whatever happens, what was started ends."""
        try:
            yield
        finally:
            for process in self._serving:
                process.terminate()
            for process in self._serving:
                process.wait(20)


def pattern(shown: list[str]) -> re.Pattern[str]:
    """What is shown, where ``…`` stands for anything, and alone on a line for any number of lines."""
    parts = []
    for line in squeezed("\n".join(shown)).splitlines():
        if line == "…":
            parts.append(r"(?:.*\n)*?")
        else:
            parts.append(".*".join(re.escape(piece) for piece in line.split("…")).replace(r"\ .*\ ", ".*") + r"\n")
    return re.compile("".join(parts))


def squeezed(text: str) -> str:
    """Lines with single spaces."""
    return "".join(" ".join(line.split()) + "\n" for line in text.splitlines())


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port
