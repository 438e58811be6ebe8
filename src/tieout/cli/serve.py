"""Commands that run until they are told to stop (Ctrl-C or SIGTERM); both finish what is under way."""

import signal
import socket
import threading
from pathlib import Path
from types import FrameType

import click

from tieout.cli.company import Company
from tieout.cli.logs import log_to_stderr
from tieout.engine.worker import Worker, calm_collector
from tieout.kernel.errors import ConfigError


@click.command()
@click.pass_obj
def worker(config: Path) -> None:
    """Work: handle messages, send effects, pull from systems, keep the schedule.

    Any number may run on one PostgreSQL; they share the work, and when one dies the others take over within seconds.
    """
    log_to_stderr()
    company = Company.at(config)
    company.tell_policy()
    working = company.worker()
    calm_collector()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: working.stop())
    working.run()


@click.command()
@click.option("--port", type=int, help="Another port than the configuration says.")
@click.option("--host", help="Another address than the configuration says.")
@click.option("--no-worker", is_flag=True, help="Only the pages and the API; workers run elsewhere.")
@click.pass_obj
def up(config: Path, port: int | None, host: str | None, no_worker: bool) -> None:
    """Serve the pages and the API (with one worker inside) until told to stop."""
    import uvicorn

    from tieout.cli.site import build_site

    log_to_stderr()
    company = Company.at(config)
    company.tell_policy()
    settings = company.settings.config
    site = build_site(company)

    class Server(uvicorn.Server):
        def handle_exit(self, sig: int, frame: FrameType | None) -> None:
            """Pages that listen for news would keep us waiting; they ask again when we are back."""
            site.state["end_streams"]()
            super().handle_exit(sig, frame)

    served = uvicorn.Config(site, log_level="warning", access_log=False, timeout_graceful_shutdown=3)
    listening = _listen(host or settings.host, settings.port if port is None else port)
    inside = None if no_worker else company.worker()
    calm_collector()
    thread = _start(inside) if inside else None
    try:
        Server(served).run(sockets=[listening])
    finally:
        if inside and thread:
            inside.stop()
            thread.join()


def _listen(host: str, port: int) -> socket.socket:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        return socket.create_server((host, port), family=family, backlog=2048)
    except (OSError, OverflowError) as error:
        reason = str(error).partition(" (while")[0]
        raise ConfigError(
            f"cannot listen at {host}, port {port}: {reason}. Free it, or name another with --port or `port`."
        ) from None


def _start(inside: Worker) -> threading.Thread:
    thread = threading.Thread(target=inside.run, name="worker")
    thread.start()
    return thread
