"""What comes from the partner: documents are opened, kept, taken and confirmed; receipts are matched to what we sent.

::

    headers → names agreed → receipt that is asked for possible → opened → kept → taken → remembered → confirmed
        └────────────┴───────────────┴──────────────────────────────┴── refused, with the reason in RFC words

A message is remembered after it is safe. The same one again, after a crash or a lost receipt, is taken again (the same
bytes say nothing twice) or found in the ledger, and gets the same receipt.
"""

from collections.abc import Mapping
from datetime import datetime

import structlog
from msgspec import Struct
from msgspec.structs import replace

from tieout.connectors.as2 import mdn
from tieout.connectors.as2.client import As2Client, error_of
from tieout.connectors.as2.config import As2Config
from tieout.connectors.as2.keys import Keys
from tieout.connectors.as2.ledger import Answered, Ledger, Owed, Received, Sent
from tieout.connectors.as2.mdn import Asked, Receipt, Wire
from tieout.connectors.as2.message import Opened, Rules, open_message
from tieout.connectors.as2.mime import Entity, MalformedError
from tieout.connectors.as2.refusal import RefusedMessage
from tieout.connectors.channels.metrics import BYTES, DOCUMENTS
from tieout.engine.intake import Full
from tieout.kernel.clock import Clock, to_micros
from tieout.kernel.errors import ConfigError, TieoutError, TransientError
from tieout.kernel.ids import fingerprint
from tieout.ports import Documents

LOG = structlog.get_logger("tieout.connectors.as2")

#: The headers of HTTP that belong to the message, and are kept with it.
_EVIDENCE = (
    *("as2-version", "as2-from", "as2-to", "message-id", "date", "subject", "from", "mime-version", "ediint-features"),
    *("disposition-notification-to", "disposition-notification-options", "receipt-delivery-option"),
    *("content-type", "content-transfer-encoding", "content-disposition", "content-length"),
)
_REQUIRED = ("as2-from", "as2-to", "message-id")
_MESSAGE_ID_MAX = 998
_AGAIN_MAX_SECONDS = 3600
_FIRST_SECONDS = 30
_SECOND = 1_000_000


class Reply(Struct, frozen=True):
    """What the caller is answered. ``owed`` is a receipt to be delivered as soon as this has been said."""

    status: int
    headers: dict[str, str] = {}
    body: bytes = b""
    owed: Owed | None = None


class _Call(Struct, frozen=True):
    """A call as it came. Headers are in lower case."""

    headers: dict[str, str]
    body: bytes
    now: datetime

    @property
    def message_id(self) -> str:
        return self.headers["message-id"].strip()

    @property
    def entity(self) -> Entity:
        headers = {name: value for name, value in self.headers.items() if name.startswith("content-")}
        return Entity(headers, self.body, self.body)

    def evidence(self) -> bytes:
        """The whole message as one piece: its headers and its body."""
        lines = [f"{name}: {self.headers[name]}\r\n" for name in _EVIDENCE if name in self.headers]
        return "".join(lines).encode("utf-8", "surrogateescape") + b"\r\n" + self.body


def rules_of(config: As2Config, keys: Keys) -> Rules:
    """What the partner's messages must be and may be."""
    return Rules(
        own=keys.own,
        pinned=keys.partner,
        signature_required=config.require_signature,
        encryption_required=config.require_encryption,
        receipts_signed=config.receipt_signed,
        sha1_allowed=config.allow_sha1,
        tripledes_allowed=config.allow_3des,
        document_bytes_max=config.document_bytes_max,
    )


def confirmed_by(receipt: Receipt, sent: Sent, *, signed: bool) -> bool:
    """Whether a receipt states the digest of what we sent. Only one that is not signed may leave it out (7.4.3)."""
    if not receipt.mic:
        return not signed
    return sent.mics.get(receipt.digest) == receipt.mic


class Receiver:
    """The receiving half of the connector. Threads may share it."""

    def __init__(
        self,
        config: As2Config,
        keys: Keys,
        documents: Documents,
        ledger: Ledger,
        client: As2Client,
        clock: Clock,
        *,
        system: str,
    ) -> None:
        self._config = config
        self._keys = keys
        self._documents = documents
        self._ledger = ledger
        self._client = client
        self._clock = clock
        self._system = system

    # ── a call ──────────────────────────────────────────────────────────────────────────────────────────────────

    def receive(self, headers: Mapping[str, str], body: bytes) -> Reply:
        """Take what a caller brings and say what it is to be answered. Raises nothing for anything it may be."""
        call = _Call({name.lower(): value for name, value in headers.items()}, body, self._clock.now())
        missing = [name for name in _REQUIRED if not call.headers.get(name, "").strip()]
        if missing:
            return _said(400, f"missing: {', '.join(missing)}")
        if len(call.message_id) > _MESSAGE_ID_MAX or not (call.message_id.isascii() and call.message_id.isprintable()):
            return _said(400, "the Message-ID is none")
        try:
            return self._receive(call)
        except Full as error:
            return _later(error.retry_after_seconds)
        except TransientError as error:
            LOG.warning("message_not_taken", system=self._system, message_id=call.message_id, error=str(error))
            return _later(60)
        except Exception:
            LOG.exception("message_failed", system=self._system, message_id=call.message_id)
            return self._refuse(call, Asked(), RefusedMessage("unexpected-processing-error", "a mistake of ours"))

    def _receive(self, call: _Call) -> Reply:
        asked: Asked | None = Asked()
        try:
            self._check_names(call)
            asked = mdn.asked_by(call.headers, sha1_allowed=self._config.allow_sha1)
            if asked and asked.url and not self._config.may_receive_at(asked.url):
                asked = replace(asked, url="")
                raise RefusedMessage("receipt address not agreed", "its host is not one of the partner's")
            opened = open_message(call.entity, rules_of(self._config, self._keys), call.now)
            if opened.is_receipt:
                return self._take_receipt(call, opened)
            return self._confirm(call, asked, self._take(call, opened), opened)
        except RefusedMessage as refused:
            return self._refuse(call, asked, refused)

    def _check_names(self, call: _Call) -> None:
        """Names are compared exactly (RFC 4130, section 6.2)."""
        names = mdn.plain_name(call.headers["as2-from"]), mdn.plain_name(call.headers["as2-to"])
        if names != (self._config.partner_name, self._config.our_name):
            raise RefusedMessage("unknown-trading-partner", f"from {names[0][:128]!r} to {names[1][:128]!r}")

    # ── a document ──────────────────────────────────────────────────────────────────────────────────────────────

    def _take(self, call: _Call, opened: Opened) -> Received:
        """Keep the message, take the document in, and return what is remembered of it."""
        content = fingerprint(opened.content)
        known = self._ledger.get("received", call.message_id, Received)
        if known:
            return _the_same(known, content)
        evidence = self._documents.keep(
            call.evidence(), name=f"{self._name(call)}.as2", media_type="message/rfc822", channel=self._system
        )
        name = opened.name or self._name(call)
        taken = self._documents.take(opened.content, name=name, media_type=opened.media_type, channel=self._system)
        DOCUMENTS.labels(self._system, taken.status).inc()
        BYTES.labels(self._system).inc(len(opened.content))
        LOG.info("document_taken", system=self._system, message_id=call.message_id, file=name, status=taken.status,
            kept_as=taken.mark, message=evidence, size=len(opened.content))  # fmt: skip
        return Received(content, evidence)

    def _confirm(self, call: _Call, asked: Asked | None, received: Received, opened: Opened) -> Reply:
        """The receipt that was asked for, if any. It is remembered before it is given."""
        if asked is None:
            self._remember(call, received)
            return Reply(200)
        receipt = mdn.received(call.message_id, opened.confirmed, opened.digest or self._unsigned_digest(asked))
        wire = received.receipt
        if wire is None or received.mic != receipt.mic:
            wire = self._written(call, asked, receipt)
            name = f"{self._name(call)}.mdn"
            self._documents.keep(wire.body, name=name, media_type="multipart/report", channel=self._system)
            wire = self._remember(call, replace(received, receipt=wire, mic=receipt.mic)).receipt or wire
        owed = self._owed(call, asked, wire)
        if owed:
            self._ledger.put("owed", wire.headers["Message-ID"], owed)
        return _answer(wire, owed)

    def _unsigned_digest(self, asked: Asked) -> str:
        """Of an unsigned message the digest that was asked for; else what the RFC says, where that is allowed."""
        return asked.digest or ("sha1" if self._config.allow_sha1 else "sha256")

    def _remember(self, call: _Call, received: Received) -> Received:
        """The first of two calls at the same time counts. A receipt that was not asked for before, or for what the
        sender wrapped in another way, takes the place of the old one."""
        if self._ledger.add("received", call.message_id, received):
            return received
        known = self._ledger.get("received", call.message_id, Received)
        if known is None:
            raise TransientError("the ledger changed in this moment")
        _the_same(known, received.content)
        if received.receipt is not None and known.mic != received.mic:
            self._ledger.put("received", call.message_id, received)
            return received
        return known

    @staticmethod
    def _name(call: _Call) -> str:
        plain = call.message_id.strip("<>").replace("/", "_").replace("\\", "_").lstrip(".")
        return plain[:150] or "message"

    # ── a receipt of the partner ────────────────────────────────────────────────────────────────────────────────

    def _take_receipt(self, call: _Call, opened: Opened) -> Reply:
        """Match it to what we sent. No receipt is ever given for a receipt."""
        try:
            receipt = mdn.read(opened.document)
        except MalformedError as error:
            return self._not_ours(call, f"it cannot be read: {error}")
        sent = self._ledger.get("sent", receipt.message_id, Sent)
        if sent is None:
            return self._not_ours(call, f"nothing was sent as {receipt.message_id[:200]}")
        if receipt.is_positive and not confirmed_by(receipt, sent, signed=self._config.receipt_signed):
            return self._not_ours(call, f"it confirms something else than was sent as {receipt.message_id[:200]}")
        known = self._ledger.get("answered", receipt.message_id, Answered)
        if known is None or not known.receipt.is_positive:
            evidence = self._documents.keep(
                call.evidence(), name=f"{self._name(call)}.mdn", media_type="message/rfc822", channel=self._system
            )
            self._ledger.put("answered", receipt.message_id, Answered(receipt, evidence))
        LOG.info("receipt_taken", system=self._system, message_id=receipt.message_id, type=receipt.type,
            modifier=receipt.modifier)  # fmt: skip
        return Reply(200)

    def _not_ours(self, call: _Call, why: str) -> Reply:
        LOG.warning("receipt_refused", system=self._system, message_id=call.message_id, reason=why)
        return _said(400, "the receipt belongs to no message of ours")

    # ── answering ───────────────────────────────────────────────────────────────────────────────────────────────

    def _refuse(self, call: _Call, asked: Asked | None, refused: RefusedMessage) -> Reply:
        """Say no, in the way that was asked. A stranger's call leaves nothing behind but a line in the log."""
        LOG.warning("message_refused", system=self._system, message_id=call.message_id, modifier=refused.modifier,
            reason=refused.why, size=len(call.body), hash=fingerprint(call.body))  # fmt: skip
        receipt = mdn.refused(call.message_id, refused.modifier)
        if asked is None or not call.headers.get("disposition-notification-to", "").strip():
            return _said(403, receipt.text)
        wire = self._written(call, asked, receipt)
        return _answer(wire, self._owed(call, asked, wire))

    def _written(self, call: _Call, asked: Asked, receipt: Receipt) -> Wire:
        identity = None
        if asked.digest:
            try:
                identity = self._keys.signing(call.now)
            except ConfigError as error:
                LOG.error("receipt_not_signed", system=self._system, error=str(error))
        their_name = mdn.plain_name(call.headers["as2-from"])
        return mdn.write(receipt, self._config.our_name, their_name, identity, asked.digest, call.now)

    @staticmethod
    def _owed(call: _Call, asked: Asked, wire: Wire) -> Owed | None:
        """What is to be delivered by a call of ours; ``None``: it goes into the answer."""
        if not asked.url:
            return None
        micros = to_micros(call.now)
        return Owed(asked.url, wire, micros, 0, micros + _FIRST_SECONDS * _SECOND)

    # ── delivering receipts ─────────────────────────────────────────────────────────────────────────────────────

    def hand_over(self, owed: Owed) -> None:
        """Deliver a receipt. If it is remembered and does not succeed, :meth:`hand_over_due` tries it again."""
        try:
            self._hand_over(owed)
        except TieoutError as error:
            LOG.warning("receipt_not_delivered", system=self._system, receipt=owed.handle, error=str(error))

    def hand_over_due(self) -> None:
        """Deliver those whose turn it is."""
        now = to_micros(self._clock.now())
        for owed in self._ledger.owed():
            if owed.not_before <= now:
                self._hand_over(owed)

    def _hand_over(self, owed: Owed) -> None:
        failed = self._failure(owed)
        if failed is None:
            self._ledger.forget("owed", owed.handle)
            LOG.info("receipt_delivered", system=self._system, receipt=owed.handle)
            return
        now = to_micros(self._clock.now())
        if now - owed.since >= self._config.receipt_hours * 3600 * _SECOND:
            self._ledger.forget("owed", owed.handle)
            LOG.error("receipt_given_up", system=self._system, receipt=owed.handle, error=str(failed))
            return
        seconds = min(_FIRST_SECONDS * 2 ** min(owed.tries, 10), _AGAIN_MAX_SECONDS)
        if self._ledger.get("owed", owed.handle, Owed):
            later = replace(owed, tries=owed.tries + 1, not_before=now + seconds * _SECOND)
            self._ledger.put("owed", owed.handle, later)
        LOG.warning("receipt_not_delivered", system=self._system, receipt=owed.handle, error=str(failed))

    def _failure(self, owed: Owed) -> TieoutError | None:
        """Try to deliver it; what went wrong, if something did."""
        if not self._config.may_receive_at(owed.url):
            return ConfigError("its host is no longer one of the partner's")
        try:
            return error_of(self._client.post(owed.url, owed.wire))
        except TieoutError as error:
            return error


def _the_same(known: Received, content: str) -> Received:
    if known.content != content:
        raise RefusedMessage("unexpected-processing-error", "another document came under this Message-ID before")
    return known


def _answer(wire: Wire, owed: Owed | None) -> Reply:
    return Reply(200, owed=owed) if owed else Reply(200, wire.headers, wire.body)


def _said(status: int, text: str) -> Reply:
    return Reply(status, {"Content-Type": "text/plain; charset=utf-8"}, f"{text}\n".encode())


def _later(seconds: int) -> Reply:
    return Reply(503, {"Retry-After": str(seconds), "Content-Type": "text/plain"}, b"no room at the moment\n")
