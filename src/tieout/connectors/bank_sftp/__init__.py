"""A bank by SFTP: payment files go out; status reports, notifications and statements come in.

The bank refuses a second file with the same MsgId, and what we sent can be seen in its folders and asked of its status
API, so a lost answer never pays twice. How to set it up and what it cannot do: ``README.md``.
"""

from collections.abc import Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

import httpx2
import structlog

from tieout.connectors.bank_sftp.client import AnswerLostError, Login, Mailbox, RemoteFile, StatusApi
from tieout.connectors.bank_sftp.config import BankConfig, read_config
from tieout.connectors.bank_sftp.translate import Cursor, closing_balance, file_name, read_file
from tieout.engine.clock import SystemClock
from tieout.engine.secrets import read_secret
from tieout.formats.convert import convert
from tieout.kernel.clock import Clock
from tieout.kernel.errors import ConfigError, TransientError
from tieout.kernel.problem import Code, Problem
from tieout.model.documents import PaymentRun, Total
from tieout.model.effects import SendPaymentFile
from tieout.model.events import Message
from tieout.ports import (
    Absent,
    Applied,
    Connector,
    Documents,
    Effect,
    Finding,
    Manifest,
    Operation,
    Page,
    Refused,
    Result,
    Retry,
    Scope,
    Unknown,
)

__all__ = ["BankConfig", "BankSftp", "Login", "connect", "manifest_of"]

LOG = structlog.get_logger("tieout.connectors.bank_sftp")


def manifest_of(config: BankConfig, system: str) -> Manifest:
    """The promise. Without an archive and a status API nobody can say that a file is *not* at the bank."""
    send = Operation(
        name="send_payment_file",
        unique_number=True,
        lookup=bool(config.archive or config.status_url),
        landing_seconds=config.landing_seconds,
        lane="target",
    )
    return Manifest(
        system=system,
        title="Bank (SFTP, ISO 20022)",
        operations=(send,),
        pulls=True,
        totals=("cash",) if config.status_url else (),
        calls_per_second=2.0,
        timeout_seconds=config.timeout_seconds,
    )


class BankSftp(Connector):
    """The four verbs. Threads may share it."""

    def __init__(
        self,
        config: BankConfig,
        login: Login,
        documents: Documents,
        clock: Clock,
        *,
        system: str = "bank",
        transport: httpx2.BaseTransport | None = None,
    ) -> None:
        self._config = config
        self._documents = documents
        self._clock = clock
        self._system = system
        self._manifest = manifest_of(config, system)
        self._mailbox = Mailbox(config, login)
        self._status = StatusApi(config, login, transport) if config.status_url else None

    @property
    def manifest(self) -> Manifest:
        """The promise."""
        return self._manifest

    def close(self) -> None:
        """Hang up."""
        if self._status is not None:
            self._status.close()

    # ── pull ────────────────────────────────────────────────────────────────────────────────────────────────────

    def pull(self, cursor: str) -> Page:
        """Read the bank's new files, oldest first. Each is kept as it came and taken whole or not at all.

        A file that is unfinished, or does not prove itself, is left where it is and looked at again next time. As long
        as there is one, the bank has not been heard to the end (no watermark), so no period can look ready.
        """
        asked_at = self._clock.now()
        here = Cursor.of(cursor)
        listed: list[RemoteFile] = []

        def choose(files: list[RemoteFile]) -> list[RemoteFile]:
            listed.extend(file for file in files if file.name not in self._config.ignore)
            return here.unread(listed)[: self._config.files_per_pull]

        fetched = self._mailbox.fetch(choose)
        messages: list[Message] = []
        done: list[RemoteFile] = []
        for file, body in fetched.items():
            found = self._read(file, body)
            if found is not None:
                messages += found
                done.append(file)
        unread = here.unread(listed)
        left = [file for file in unread if file not in done]
        more = len(unread) > len(fetched) and bool(done)
        return Page(
            messages=tuple(messages),
            cursor=str(here.after(listed, done, left, self._config.remember_days)),
            more=more,
            observed_at=None if left else asked_at,
        )

    def _read(self, file: RemoteFile, body: bytes | None) -> tuple[Message, ...] | None:
        """What a file states; ``None`` when it has to be left for the next time."""
        if body is None:
            LOG.info("file_unfinished", system=self._system, file=file.name)
            return None
        mark = self._documents.keep(body, name=file.name, media_type="application/octet-stream", channel=self._system)
        contents = read_file(self._system, self._config.accounts, body, mark)
        if contents.problems:
            problems = "; ".join(str(problem) for problem in contents.problems[:3])
            LOG.warning("file_left", system=self._system, file=file.name, problems=problems, kept_as=mark)
            return None
        return contents.messages

    # ── apply ───────────────────────────────────────────────────────────────────────────────────────────────────

    def apply(self, effects: Sequence[Effect]) -> Sequence[Result]:
        """Hand payment files to the bank, one after the other."""
        results: list[Result] = []
        for effect in effects:
            try:
                results.append(self._send(effect))
            except ConfigError as error:
                if not results:
                    raise
                results.append(Retry(reason=str(error), after_seconds=60.0))
        return results

    def _send(self, effect: Effect) -> Result:
        payload = effect.payload
        if not isinstance(payload, SendPaymentFile):
            return Refused(problems=(Problem(Code.EFFECT_REFUSED, detail=f"a bank cannot do {effect.operation}"),))
        run = payload.run
        if run.debtor.account_id not in self._config.accounts:
            detail = "the run pays from an account that this bank's `accounts` do not name"
            return Refused(problems=(Problem(Code.NO_BANK_ACCOUNT, "debtor", detail=detail),))
        format_name, settings = self._config.payment_format, self._config.payment_settings
        written = convert([run], format_name, settings, self._created_at())
        if written.problems:
            return Refused(problems=written.problems)
        try:
            if self._known_to_status_api(run):
                return self._applied(run)
            self._mailbox.drop(self._file_name(run), written.body)
            return self._applied(run)
        except TransientError as error:
            return Retry(reason=str(error))
        except AnswerLostError as error:
            return Unknown(reason=str(error))

    def _file_name(self, run: PaymentRun) -> str:
        return file_name(run, self._config.payment_format)

    def _applied(self, run: PaymentRun) -> Applied:
        return Applied(reference=self._file_name(run))

    def _created_at(self) -> datetime:
        return self._clock.now().replace(microsecond=0)

    def _known_to_status_api(self, run: PaymentRun) -> bool:
        """Does the bank know the MsgId? When the API is silent the folders have to do: the bank checks it as well."""
        try:
            return self._status is not None and self._status.file(run.run_id) is not None
        except TransientError as error:
            LOG.warning("status_api_silent", system=self._system, error=str(error))
            return False

    # ── probe ───────────────────────────────────────────────────────────────────────────────────────────────────

    def probe(self, effect: Effect) -> Finding:
        """Is the file at the bank? It is absent only when every place that can be asked says so."""
        payload = effect.payload
        if not isinstance(payload, SendPaymentFile):
            return Absent()
        try:
            if self._mailbox.find(self._file_name(payload.run)):
                return self._applied(payload.run)
            if self._status is not None:
                return Absent() if self._status.file(payload.run.run_id) is None else self._applied(payload.run)
        except TransientError as error:
            return Unknown(reason=str(error))
        return Absent() if self._config.archive else Unknown(reason="it is not in the folder, and nobody else can tell")

    # ── totals ──────────────────────────────────────────────────────────────────────────────────────────────────

    def totals(self, scope: Scope) -> Total:
        """``cash``: what the last statements up to the end of the period closed with. A balance has no items."""
        if scope.name not in self._manifest.totals or self._status is None:
            raise ConfigError(f"the bank has no total {scope.name!r}; `cash` needs its status_url")
        asked_at = self._clock.now()
        sum_minor = 0
        for iban, entity in self._config.accounts.items():
            if entity == scope.entity:
                try:
                    balance = closing_balance(self._status.statements(iban), scope.period)
                except (KeyError, TypeError, ValueError) as error:
                    raise TransientError(f"the bank's statements of …{iban[-4:]} cannot be read: {error!r}") from error
                if balance is not None and balance.currency == scope.currency:
                    sum_minor += balance.minor
        return Total(count=0, sum_minor=sum_minor, currency=scope.currency, is_balance=True, as_of=asked_at)


def connect(name: str, settings: dict[str, Any], folder: Path, documents: Documents) -> BankSftp:
    """The connector out of its table in the configuration. Raises ``ConfigError`` that says what is wrong with it."""
    config = read_config(settings)

    def secret(reference: str) -> str:
        return read_secret(reference, folder) if reference else ""

    login = Login(secret(config.password), secret(config.private_key), secret(config.status_password))
    return BankSftp(config, login, documents, SystemClock(), system=name)
