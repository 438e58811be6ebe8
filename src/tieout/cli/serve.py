"""Commands that run until they are told to stop (Ctrl-C or SIGTERM); both finish what is under way."""

import signal
import threading
from pathlib import Path

import click

from tieout.cli.company import Company
from tieout.cli.logs import log_to_stderr
from tieout.engine.worker import Worker


@click.command()
@click.pass_obj
def worker(config: Path) -> None:
    """Work: handle messages, send effects, pull from systems, keep the schedule.

    Any number may run on one PostgreSQL; they share the work, and when one dies the others take over within seconds.
    """
    log_to_stderr()
    working = Company.at(config).worker()
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
    settings = company.settings.config
    inside = None if no_worker else company.worker()
    thread = _start(inside) if inside else None
    try:
        uvicorn.run(
            build_site(company),
            host=host or settings.host,
            port=port or settings.port,
            log_level="warning",
            access_log=False,
            timeout_graceful_shutdown=3,
        )
    finally:
        if inside and thread:
            inside.stop()
            thread.join()


def _start(inside: Worker) -> threading.Thread:
    thread = threading.Thread(target=inside.run, name="worker")
    thread.start()
    return thread
