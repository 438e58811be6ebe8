"""A mailbox, read by IMAP: each mail is taken whole; what is attached becomes documents of their own.

How to set it up and what it cannot do: ``README.md``.
"""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from msgspec import Struct
from msgspec.structs import replace

from tieout.connectors.channels import Channel, Habits
from tieout.connectors.mail.answers import MailAnswers, SentFolder
from tieout.connectors.mail.config import check_name
from tieout.connectors.mail.imap import Account, Session
from tieout.connectors.mail.tls import client_context
from tieout.connectors.mail_imap.client import ImapClient
from tieout.connectors.mail_imap.config import ImapConfig, read_config
from tieout.engine.clock import SystemClock
from tieout.engine.secrets import read_secret
from tieout.kernel.clock import Clock
from tieout.ports import Documents, Effect, Finding, Manifest, Result, Unknown

__all__ = ["ImapChannel", "ImapConfig", "Secrets", "connect", "open_mailbox"]


class Secrets(Struct, frozen=True, kw_only=True):
    """What the references lead to. Never shown: it has no place in a log."""

    password: str = ""
    token: str = ""
    answers: str = ""

    def __repr__(self) -> str:
        return "Secrets(…)"


class ImapChannel(Channel):
    """A channel that can answer those who write to it."""

    def __init__(
        self, config: ImapConfig, client: ImapClient, documents: Documents, clock: Clock, system: str,
        answers: MailAnswers | None,
    ) -> None:  # fmt: skip
        habits = Habits(title="Mailbox (IMAP)", receives=True, sends=False)
        super().__init__(config, habits, client, documents, clock, system=system)
        self._answers = answers
        if answers is not None:
            self._manifest = replace(self._manifest, operations=(answers.operation,))

    @property
    def manifest(self) -> Manifest:
        """The promise."""
        return self._manifest

    def apply(self, effects: Sequence[Effect]) -> Sequence[Result]:
        """Send answers."""
        return self._answers.apply(effects) if self._answers else super().apply(effects)

    def probe(self, effect: Effect) -> Finding:
        """Was the answer sent?"""
        return self._answers.probe(effect) if self._answers else Unknown(reason="this channel sends no answers")


def open_mailbox(
    name: str,
    config: ImapConfig,
    secrets: Secrets,
    documents: Documents,
    clock: Clock,
    *,
    base: Path = Path(),
) -> ImapChannel:
    """The channel of a mailbox; relative paths lie in ``base``."""
    tls = client_context(config.ca_file, base)
    account = Account(
        host=config.host,
        port=config.port,
        user=config.user,
        password=secrets.password,
        token=secrets.token,
        timeout_seconds=config.timeout_seconds,
    )

    def session() -> Session:
        return Session(account, tls)

    answers = None
    if config.answers is not None:
        folder = config.answers.sent_folder
        sent = _sent_in(session, folder) if folder else None
        answers = MailAnswers(config.answers, secrets.answers, clock, system=name, base=base, sent=sent)
    return ImapChannel(config, ImapClient(config, session), documents, clock, name, answers)


def connect(name: str, settings: dict[str, Any], folder: Path, documents: Documents) -> ImapChannel:
    """The connector out of its table in the configuration. Raises ``ConfigError`` that says what is wrong with it."""
    check_name(name)
    config = read_config(settings)
    references = {
        "password": config.password,
        "token": config.token,
        "answers": config.answers.password if config.answers else "",
    }
    secrets = Secrets(**{each: read_secret(at, folder) for each, at in references.items() if at})
    return open_mailbox(name, config, secrets, documents, SystemClock(), base=folder)


def _sent_in(session: Callable[[], Session], folder: str) -> SentFolder:
    """Looks into the folder of what was sent, by a connection of its own."""

    def look(message_id: str) -> bool:
        there = session()
        try:
            there.select(folder, read_only=True)
            return there.holds(message_id)
        finally:
            there.close()

    return look
