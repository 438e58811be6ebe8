"""The stage of the rehearsal: counterpart systems, a real ERP behind a faulty network, and a tieout of its own."""

import os
import signal
import socket
import subprocess
import sys
from collections.abc import Callable
from contextlib import ExitStack
from datetime import date
from decimal import Decimal
from pathlib import Path
from shutil import rmtree
from types import TracebackType
from typing import Self

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from tieout.engine.clock import SystemClock
from tieout.engine.people import People
from tieout.engine.queries.database import Database
from tieout.engine.stores.open import prepare
from tieout_lab.landscape import Lab
from tieout_lab.tryton.faults import FaultProxy, Faults
from tieout_lab.tryton.server import TrytonServer
from tieout_lab.wait import until

#: What the bank of the lab begins with, by our IBAN there.
_OPENING = {"DE89370400440532013000": Decimal(5_000_000), "GB29NWBK60161331926819": Decimal(2_000_000)}
_MARK = ".tieout-rehearsal"
_START_SECONDS = 30.0

#: Who works here: name → (shown as, duties). Sam holds two that conflict, and still cannot use both on one run.
PEOPLE = {
    "alice": ("Alice, accounts payable", ("PP",)),
    "sam": ("Sam, a treasurer who stands in for payables", ("PP", "PX")),
    "bob": ("Bob, treasury", ("PX",)),
    "carol": ("Carol, supplier management", ("VB",)),
    "dave": ("Dave, internal control", ("VB",)),
    "erin": ("Erin, invoice approval", ("IA",)),
    "mia": ("Mia, supplier data", ("VM",)),
    "paul": ("Paul, controller", ("PE", "JA")),
    "omar": ("Omar, integration", ("RP",)),
    "portal": ("The supplier portal", ("IE",)),
    "jane": ("Jane, general ledger", ("JE",)),
    "rita": ("Rita, cash and bank reconciliation", ("RC",)),
}
PASSWORD = "tieout-rehearsal"


class Stage:
    """Everything that has to run, in one folder. Leaving it stops everything."""

    def __init__(
        self, folder: Path, *, first_day: date, tryton_python: Path, on_progress: Callable[[str], None]
    ) -> None:
        self.folder = folder.absolute()
        self._first_day = first_day
        self._tell = on_progress
        self._stack = ExitStack()
        self._serving: subprocess.Popen[bytes] | None = None
        self._helpers: list[subprocess.Popen[bytes]] = []
        self.lab = Lab(self.folder / "lab")
        self.erp = TrytonServer(
            self.folder / "erp",
            python=tryton_python,
            template_cache=tryton_python.parent.parent / "template",
            year=first_day.year,
            on_progress=on_progress,
        )
        self.keys: dict[str, str] = {}
        self.port = _free_port()

    def __enter__(self) -> Self:
        try:
            self._start()
        except BaseException:
            self._stack.close()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stack.close()

    @property
    def url(self) -> str:
        """Where the pages and the API are."""
        return f"http://127.0.0.1:{self.port}"

    @property
    def config(self) -> Path:
        """The configuration of this tieout."""
        return self.folder / "tieout.toml"

    def _start(self) -> None:
        _empty(self.folder)
        self._tell("starting the ERP")
        self._stack.enter_context(self.erp)
        self._open_books()
        self.proxy = self._stack.enter_context(FaultProxy(self.erp.url))
        self._tell("starting the AP platform, procurement, the bank and the close tool")
        self._stack.enter_context(self.lab)
        self._tell("setting up tieout")
        self._write_config()
        self._add_people()
        self.database = Database(self._database_url)
        self._stack.callback(self.database.close)
        self._stack.callback(self._stop_processes)
        self._serving = self._spawn("up", "--port", str(self.port))
        until("tieout answers", self._answers, _START_SECONDS)
        self.start_worker()

    @property
    def _database_url(self) -> str:
        return f"sqlite:///{self.folder / 'tieout.db'}"

    def _open_books(self) -> None:
        """The books begin with the money that is in the bank, as of the day before the month."""
        with self.erp.client() as client:
            for (entity, name), opening in zip(
                self.erp.describe()["companies"].items(), _OPENING.values(), strict=True
            ):
                company = client.search("company.company", [("party.name", "=", name)])[0]
                accounts = {
                    code: client.search("account.account", [("code", "=", code), ("company", "=", company)])[0]
                    for code in ("1.1.1", "3.1.1")
                }
                zero = Decimal(0)
                move = {
                    "company": company,
                    "journal": client.search("account.journal", [("code", "=", "MISC")])[0],
                    "period": client.search(
                        "account.period",
                        [("company", "=", company), ("start_date", "=", self._first_day), ("type", "=", "standard")],
                    )[0],
                    "date": self._first_day,
                    "description": f"Opening balance {entity}",
                    "lines": [
                        (
                            "create",
                            [
                                {"account": accounts["1.1.1"], "debit": opening, "credit": zero},
                                {"account": accounts["3.1.1"], "debit": zero, "credit": opening},
                            ],
                        )
                    ],
                }
                context = {"company": company}
                client.press(
                    "account.move", "post", client.create("account.move", [move], context=context), context=context
                )

    def _add_people(self) -> None:
        prepare(self._database_url)
        people = People(self._database_url, SystemClock())
        for name, (shown, duties) in PEOPLE.items():
            people.add_person(name, shown, PASSWORD, duties=duties, accept_conflicts=True)
            self.keys[name] = people.add_key(name, duties, accept_conflicts=True)
        people.close()

    # ── processes ───────────────────────────────────────────────────────────────────────────────────────────────

    def start_worker(self) -> None:
        """One more worker process on the same database."""
        self._helpers.append(self._spawn("worker"))

    def kill_worker(self) -> None:
        """kill -9, in the middle of whatever it does."""
        worker = self._helpers.pop()
        worker.send_signal(signal.SIGKILL)
        worker.wait()

    def run(self, *arguments: str) -> None:
        """A command of tieout's, which must succeed."""
        done = subprocess.run(self._command(*arguments), capture_output=True, text=True, check=False)
        if done.returncode:
            raise RuntimeError(f"tieout {' '.join(arguments[:2])} failed: {done.stdout}{done.stderr}")

    def _command(self, *arguments: str) -> list[str]:
        return [sys.executable, "-m", "tieout", "--config", str(self.config), *arguments]

    def _spawn(self, *arguments: str) -> subprocess.Popen[bytes]:
        log = (self.folder / "tieout.log").open("ab")
        with log:
            return subprocess.Popen(
                self._command(*arguments), stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True
            )

    def _answers(self) -> bool:
        assert self._serving is not None
        if self._serving.poll() is not None:
            tail = (self.folder / "tieout.log").read_text(errors="replace")[-2000:]
            raise RuntimeError(f"tieout did not start:\n{tail}")
        with socket.socket() as probe:
            return probe.connect_ex(("127.0.0.1", self.port)) == 0

    def _stop_processes(self) -> None:
        running = [*self._helpers, *([self._serving] if self._serving else [])]
        for process in running:
            if process.poll() is None:
                process.terminate()
        for process in running:
            try:
                process.wait(15)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()

    # ── configuration ───────────────────────────────────────────────────────────────────────────────────────────

    def erp_faults(self, faults: Faults) -> None:
        """Turn the switchboard of the network in front of the ERP."""
        self.proxy.set(faults)

    def _write_config(self) -> None:
        secrets = self.folder / "secrets"
        secrets.mkdir()
        _secret(secrets / "erp", self.erp.password)
        _secret(self.folder / "seal.key", Ed25519PrivateKey.generate().private_bytes_raw().hex())
        self.config.write_text(_CONFIG.format(**self._values()), encoding="utf-8")
        (self.folder / "policy.toml").write_text(_POLICY, encoding="utf-8")

    def _values(self) -> dict[str, str]:
        described = self.erp.describe()
        ap, procurement, bank, close = (self.lab[name] for name in ("ap", "procurement", "bank", "close"))
        return {
            "port": str(self.port),
            "erp_url": self.proxy.url,
            "erp_database": described["database"],
            "erp_user": described["user"],
            **{name: _inline(described[name]) for name in ("companies", "accounts", "items")},
            "ap_url": ap.url,
            "ap_key": ap.secret_files["api_key"],
            "ap_webhook": ap.secret_files["webhook_secret"],
            "procurement_url": procurement.url,
            "procurement_key": procurement.secret_files["api_key"],
            "bank_url": bank.url,
            "bank_host": bank.more["sftp_host"],
            "bank_port": bank.more["sftp_port"],
            "bank_user": bank.more["user"],
            "bank_host_key": bank.more["sftp_host_key"],
            "bank_sftp_password": bank.secret_files["sftp_password"],
            "bank_api_password": bank.secret_files["api_password"],
            "close_url": close.url,
            "close_id": close.more["client_id"],
            "close_secret": close.secret_files["client_secret"],
        }


def _empty(folder: Path) -> None:
    """Begin anew, but never in a folder that is not ours."""
    if folder.exists():
        if any(folder.iterdir()) and not (folder / _MARK).exists():
            raise RuntimeError(f"{folder} is not the folder of a rehearsal; give another with --folder")
        rmtree(folder)
    folder.mkdir(parents=True)
    (folder / _MARK).touch()


def _inline(table: dict[str, str]) -> str:
    """The inside of a TOML inline table."""
    return ", ".join(f'"{key}" = "{value}"' for key, value in table.items())


def _secret(file: Path, text: str) -> None:
    descriptor = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w", encoding="utf-8") as out:
        out.write(text)


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


_CONFIG = """\
company = "Northwind (rehearsal)"
database = "sqlite:///tieout.db"
policy = "policy.toml"
port = {port}
pull_seconds = 1.0
compare_seconds = 12.0
checkpoint_seconds = 20.0

[connectors.erp]
kind = "tryton"
url = "{erp_url}"
database = "{erp_database}"
user = "{erp_user}"
password = "file:secrets/erp"
landing_seconds = 2.0
companies = {{ {companies} }}
accounts = {{ {accounts} }}
items = {{ {items} }}

[connectors.ap]
kind = "ap_platform"
url = "{ap_url}"
api_key = "file:{ap_key}"
webhook_secret = "file:{ap_webhook}"

[connectors.procurement]
kind = "procurement"
url = "{procurement_url}"
api_key = "file:{procurement_key}"

[connectors.bank]
kind = "bank_sftp"
host = "{bank_host}"
port = {bank_port}
user = "{bank_user}"
password = "file:{bank_sftp_password}"
host_key = "{bank_host_key}"
accounts = {{ DE89370400440532013000 = "DE01", GB29NWBK60161331926819 = "GB01" }}
status_url = "{bank_url}"
status_user = "{bank_user}"
status_password = "file:{bank_api_password}"

[connectors.close]
kind = "close_tool"
url = "{close_url}"
client_id = "{close_id}"
client_secret = "file:{close_secret}"

[[tie_outs]]
name = "tieout = ERP, owed to suppliers"
left = ["tieout", "payable"]
right = ["erp", "payable"]
as_of = "now"

[[tie_outs]]
name = "AP platform = ERP, owed to suppliers"
left = ["ap", "open_items"]
right = ["erp", "payable"]
as_of = "now"

[[tie_outs]]
name = "ERP subledger = ERP ledger, payables"
left = ["erp", "payable"]
right = ["erp", "payables_ledger"]
as_of = "now"

[[tie_outs]]
name = "bank = ERP, cash"
left = ["bank", "cash"]
right = ["erp", "cash"]
as_of = "now"
"""

_POLICY = """\
[entities.DE01]
name = "Northwind Handels GmbH"
currency = "EUR"
country = "DE"
tax_ids = ["DE136695976"]
iban = "DE89370400440532013000"
bic = "COBADEFFXXX"

[entities.GB01]
name = "Northwind Trading Ltd"
currency = "GBP"
country = "GB"
tax_ids = ["GB980780684"]
iban = "GB29NWBK60161331926819"
bic = "NWBKGB2L"

[tolerances.default.price]
kind = "value"
percent = "2"

[tolerances.default.quantity_ordered]
kind = "zero"

[tolerances.default.quantity_received]
kind = "zero"
"""
