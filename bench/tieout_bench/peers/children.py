"""Programs of a benchmark run that end with it, whatever happens.

A child says ``ready PORT`` when it can be used, and ends when its standard input is closed: when its parent is done
with it, and also when its parent dies. What it says on standard error is shown only when it does not come up.
"""

import os
import select
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryFile
from typing import IO

_VENV = Path(__file__).parents[3] / ".venv-bench"
_START_SECONDS = 45
_END_SECONDS = 5


class NotStarted(Exception):
    """A child did not come up. Says what it said."""


def peer_python(package: str) -> Path | None:
    """The Python that runs peers (``BENCH_VENV``, else ``.venv-bench``), if this one is installed there."""
    python = Path(os.environ.get("BENCH_VENV") or _VENV) / "bin" / "python"
    try:
        subprocess.run([python, "-c", f"import {package}"], capture_output=True, check=True)
    except (OSError, subprocess.CalledProcessError):
        return None
    return python


@contextmanager
def child(
    module: str, *arguments: str, python: str = sys.executable, environment: Mapping[str, str] | None = None
) -> Iterator[int]:
    """Run a module as a child and give the port it listens at."""
    with TemporaryFile() as said:
        process = subprocess.Popen(
            [python, "-m", module, *arguments],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=said,
            env={**os.environ, **(environment or {})},
        )
        try:
            yield _port(process, module, said)
        finally:
            _end(process)


def _port(process: subprocess.Popen[bytes], module: str, said: IO[bytes]) -> int:
    assert process.stdout is not None
    line = b""
    if select.select([process.stdout], [], [], _START_SECONDS)[0]:
        line = process.stdout.readline()
    if not line.startswith(b"ready "):
        said.seek(0)
        text = said.read().decode(errors="replace").strip()
        raise NotStarted(f"{module} did not start; it said: {text[-1500:] or 'nothing'}")
    return int(line.split()[1])


def _end(process: subprocess.Popen[bytes]) -> None:
    assert process.stdin is not None
    assert process.stdout is not None
    process.stdin.close()
    try:
        process.wait(_END_SECONDS)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
    process.stdout.close()


KEPT_SECONDS = 120
"""How long servers here keep an idle connection: a sender that must wait for its turn loses none."""


def free_socket() -> socket.socket:
    """A socket bound to a free port of this machine, reachable from nowhere else."""
    here = socket.socket()
    here.bind(("127.0.0.1", 0))
    return here


def ready(port: int = 0) -> None:
    """Say in a child that it can be used; from now on it ends with its parent."""
    threading.Thread(target=_end_with_parent, daemon=True).start()
    print("ready", port, flush=True)


def _end_with_parent() -> None:
    sys.stdin.buffer.read()
    os._exit(0)
