"""``tieout lab`` (or ``python -m tieout_lab``): the whole landscape at once."""

import argparse
import json
import signal
import sys
from pathlib import Path

import httpx2
import msgspec

from tieout_lab.landscape import SERVERS, Lab, LabError

_EPILOG = """\
examples:
  tieout lab up                                             start everything, stay until Ctrl-C
  tieout lab show                                           addresses, users and secrets
  tieout lab faults bank '{"sftp.rename": {"drop_answer_every": 2}}'
  tieout lab faults ap                                      what is set, and how often it struck
  tieout lab faults ap clear
Each server also runs alone: python -m tieout_lab.bank --help
"""


def main() -> None:
    """Read the command line and do it."""
    parser = argparse.ArgumentParser(
        prog="tieout lab",
        description="Counterpart systems to rehearse against: AP platform, procurement system, bank, close tool.",
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument(
        "--folder", type=Path, default=Path("var/lab"), help="where they keep stores, files and secrets (var/lab)"
    )
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    up = commands.add_parser("up", help="start them on 127.0.0.1 and stay until told to stop")
    up.add_argument("--only", nargs="+", choices=SERVERS, default=SERVERS, help="start only these")
    commands.add_parser("show", help="how to reach them")
    faults = commands.add_parser("faults", help="what goes wrong on purpose in one of them")
    faults.add_argument("server", choices=SERVERS)
    faults.add_argument("rules", nargs="?", help="rules by operation as JSON, or `clear`; without: only tell")
    arguments = parser.parse_args()
    match arguments.command:
        case "up":
            _up(arguments.folder, arguments.only)
        case "show":
            print(_lab_json(arguments.folder))
        case _:
            print(_faults(arguments.folder, arguments.server, arguments.rules))


def _up(folder: Path, only: list[str]) -> None:
    try:
        with Lab(folder, only) as lab:
            # Only now: children inherit what is blocked when they start.
            signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGTERM, signal.SIGINT})
            print(msgspec.json.format(msgspec.json.encode(lab.cards)).decode(), flush=True)
            signal.sigwait({signal.SIGTERM, signal.SIGINT})
    except LabError as error:
        sys.exit(str(error))


def _lab_json(folder: Path) -> str:
    file = folder / "lab.json"
    if not file.exists():
        sys.exit(f"there is no lab in {folder}; `tieout lab up` starts one, --folder names another")
    return file.read_text()


def _faults(folder: Path, server: str, rules: str | None) -> str:
    url = json.loads(_lab_json(folder))[server]["url"] + "/_lab/faults"
    try:
        if rules is None:
            answer = httpx2.get(url, trust_env=False)
        elif rules == "clear":
            answer = httpx2.delete(url, trust_env=False)
        else:
            answer = httpx2.post(url, json={"rules": json.loads(rules)}, trust_env=False)
    except httpx2.ConnectError:
        sys.exit(f"{server} does not answer; `tieout lab up` starts it")
    except json.JSONDecodeError as error:
        sys.exit(f"the rules are not JSON: {error}")
    return msgspec.json.format(answer.content).decode()


if __name__ == "__main__":
    main()
