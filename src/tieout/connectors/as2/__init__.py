"""AS2: documents to and from one partner over HTTP, signed, encrypted, and each confirmed by a signed receipt.

What comes in arrives at our own server (:mod:`tieout.http.as2`), which hands it to :meth:`As2.receive`. How to set it
up and what it cannot do: ``README.md``.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import httpx2

from tieout.connectors.as2.client import As2Client
from tieout.connectors.as2.config import As2Config, read_config
from tieout.connectors.as2.keys import Keys, load_keys
from tieout.connectors.as2.ledger import Ledger, Owed
from tieout.connectors.as2.receiving import Receiver, Reply
from tieout.connectors.as2.sending import Sender
from tieout.connectors.channels.metrics import SENT
from tieout.engine.clock import SystemClock
from tieout.kernel.clock import Clock
from tieout.kernel.errors import ConfigError, TieoutError
from tieout.model.documents import Total
from tieout.model.effects import SendDocument
from tieout.ports import (
    Connector,
    Documents,
    Effect,
    Finding,
    Manifest,
    Operation,
    Page,
    Result,
    Retry,
    Scope,
    Unknown,
)

__all__ = ["As2", "As2Config", "Keys", "Ledger", "Reply", "connect", "manifest_of"]


def manifest_of(config: As2Config, system: str) -> Manifest:
    """The promise. A message may be repeated only where the partner recognises its Message-ID. Receipts that come by
    a call of their own can be waited for; one that got lost in the answer cannot."""
    send = Operation(
        name=SendDocument.operation,
        native_key=config.honours_message_id,
        lookup=config.receipt == "async",
        landing_seconds=config.landing_seconds,
    )
    return Manifest(
        system=system,
        title="AS2",
        operations=(send,) if config.url else (),
        pulls=True,
        timeout_seconds=config.timeout_seconds,
    )


class As2(Connector):
    """The four verbs, and what arrives by a call. Threads may share it."""

    def __init__(
        self,
        config: As2Config,
        keys: Keys,
        documents: Documents,
        ledger: Ledger,
        clock: Clock,
        *,
        system: str,
        base: Path = Path(),
        transport: httpx2.BaseTransport | None = None,
    ) -> None:
        self.message_bytes_max = config.message_bytes_max
        self._clock = clock
        self._system = system
        self._manifest = manifest_of(config, system)
        ca_file = base / config.ca_file if config.ca_file else None
        self._client = As2Client(timeout_seconds=config.timeout_seconds, ca_file=ca_file, transport=transport)
        self._receiver = Receiver(config, keys, documents, ledger, self._client, clock, system=system)
        self._sender = Sender(config, keys, documents, ledger, self._client, clock, system=system)

    @property
    def manifest(self) -> Manifest:
        """The promise."""
        return self._manifest

    def close(self) -> None:
        """Hang up."""
        self._client.close()

    # ── a call of the partner's ─────────────────────────────────────────────────────────────────────────────────

    def receive(self, headers: Mapping[str, str], body: bytes) -> Reply:
        """Take what the partner brings to our server, and say what it is to be answered."""
        return self._receiver.receive(headers, body)

    def hand_over(self, owed: Owed) -> None:
        """Deliver a receipt that is owed since a call was answered."""
        self._receiver.hand_over(owed)

    # ── the four verbs ──────────────────────────────────────────────────────────────────────────────────────────

    def pull(self, cursor: str) -> Page:
        """Nothing is fetched: the partner calls. Receipts that could not be delivered are tried again."""
        self._receiver.hand_over_due()
        return Page(messages=(), cursor=cursor, observed_at=self._clock.now())

    def apply(self, effects: Sequence[Effect]) -> Sequence[Result]:
        """Hand documents over to the partner, one after the other."""
        results: list[Result] = []
        for effect in effects:
            try:
                result = self._sender.send(effect)
            except TieoutError as error:
                if not results:
                    raise
                result = Retry(reason=str(error), after_seconds=60.0)
            SENT.labels(self._system, type(result).__name__.lower()).inc()
            results.append(result)
        return results

    def probe(self, effect: Effect) -> Finding:
        """What became of a document whose receipt did not come at once."""
        try:
            return self._sender.probe(effect)
        except TieoutError as error:
            return Unknown(reason=str(error))

    def totals(self, scope: Scope) -> Total:
        """A channel holds no totals."""
        raise ConfigError(f"AS2 has no totals; {self._system} cannot tell {scope.name!r}")


def connect(name: str, settings: dict[str, Any], folder: Path, documents: Documents) -> As2:
    """The connector out of its table in the configuration. Raises ``ConfigError`` that says what is wrong with it."""
    config = read_config(settings)
    where = config.ledger or f"as2/{name}"
    ledger = Ledger.at(where if "://" in where else (folder / where).resolve().as_uri())
    return As2(config, load_keys(config, folder), documents, ledger, SystemClock(), system=name, base=folder)
