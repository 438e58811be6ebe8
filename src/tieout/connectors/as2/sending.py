"""What goes to the partner: documents are wrapped and handed over, and the receipt says what became of each.

Applied is only what a receipt confirms: by the partner's signature, for this Message-ID, with the digest of what was
sent.
"""

from urllib.parse import urlsplit

import structlog

from tieout.connectors.as2 import mdn
from tieout.connectors.as2.client import Answer, As2Client, error_of
from tieout.connectors.as2.cms import HASHES, WEAK, digest_of
from tieout.connectors.as2.config import As2Config
from tieout.connectors.as2.keys import Keys
from tieout.connectors.as2.ledger import Answered, Ledger, Sent
from tieout.connectors.as2.mdn import Receipt, Wire
from tieout.connectors.as2.message import Wrapping, build, open_message
from tieout.connectors.as2.mime import Entity, MalformedError
from tieout.connectors.as2.receiving import confirmed_by, rules_of
from tieout.connectors.as2.refusal import RefusedMessage
from tieout.connectors.http import AnswerLostError, BusyError, RefusalError, UnreachableError
from tieout.kernel.clock import Clock, to_micros
from tieout.kernel.errors import TransientError
from tieout.kernel.ids import derive
from tieout.kernel.problem import Code, Problem
from tieout.model.effects import SendDocument
from tieout.ports import Absent, Applied, Documents, Effect, Finding, Refused, Result, Retry, Unknown

LOG = structlog.get_logger("tieout.connectors.as2")

_NAME_BYTES_MAX = 200
_SECOND = 1_000_000
#: What an answer with a receipt in it is.
_ANSWERS = (
    *("multipart/report", "multipart/signed", "message/disposition-notification"),
    *("application/pkcs7-mime", "application/x-pkcs7-mime"),
)


class Sender:
    """The sending half of the connector. Threads may share it."""

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
        self._digests = tuple(name for name in HASHES if config.allow_sha1 or name not in WEAK)

    def message_id(self, effect: Effect) -> str:
        """The Message-ID of an effect: from its business key, so that it is the same however often it is sent."""
        names = (self._config.our_name, self._config.partner_name)
        return f"<{derive('as2', *names, effect.operation, effect.key)}@tieout>"

    # ── sending ─────────────────────────────────────────────────────────────────────────────────────────────────

    def send(self, effect: Effect) -> Result:
        """Hand a document over. Raises ``ConfigError`` and, when certainly nothing was sent, ``TransientError``."""
        payload = effect.payload
        if not isinstance(payload, SendDocument) or not self._config.url:
            return _refused(f"{self._system} cannot do {effect.operation}: no url of the partner is configured")
        if wrong := _wrong(payload):
            return _refused(wrong)
        message_id = self.message_id(effect)
        known = self._ledger.get("answered", message_id, Answered)
        if known and not known.receipt.is_positive:
            self._ledger.forget("answered", message_id)  # it is told now; asked again by a person, it goes out again
        if known:
            return self._told(known.receipt, message_id, effect.attempt)
        wire, sent = self._prepared(payload, message_id)
        self._ledger.put("sent", message_id, sent)
        try:
            answer = self._client.post(self._config.url, wire)
        except UnreachableError as error:
            return Retry(reason=str(error))
        except AnswerLostError as error:
            return Unknown(reason=str(error))
        return self._judged(answer, message_id, sent, effect.attempt)

    def _prepared(self, payload: SendDocument, message_id: str) -> tuple[Wire, Sent]:
        """The message, and what we remember and keep of it: exactly what a receipt will confirm."""
        config, now = self._config, self._clock.now()
        wrapping = Wrapping(
            identity=self._keys.signing(now) if config.sign else None,
            digest=config.sign,
            recipient=self._keys.receiving(now) if config.encrypt else None,
            cipher=config.encrypt,
            compress=config.compress,
        )
        built = build(payload.name, payload.media_type, payload.body, wrapping, now)
        wanted = tuple(dict.fromkeys((config.sign or "sha256", *reversed(self._digests))))
        host = urlsplit(config.receipt_url or config.url).hostname or "tieout"
        asked = mdn.ask(
            f"as2@{host}",
            config.receipt_url if config.receipt == "async" else "",
            wanted if config.receipt_signed else (),
        )
        headers = {
            "AS2-Version": mdn.VERSION,
            "EDIINT-Features": mdn.FEATURES,
            "AS2-From": mdn.quoted_name(config.our_name),
            "AS2-To": mdn.quoted_name(config.partner_name),
            "Message-ID": message_id,
            "Date": mdn.date_of(now),
            "MIME-Version": "1.0",
            **({"Subject": config.subject} if config.subject else {}),
            **asked,
            **built.headers,
        }
        evidence = self._documents.keep(
            built.confirmed, name=f"{payload.name}.mime", media_type="message/rfc822", channel=self._system
        )
        mics = {name: digest_of(built.confirmed, name) for name in self._digests}
        return Wire(headers, built.body), Sent(mics, to_micros(now), evidence)

    # ── judging ─────────────────────────────────────────────────────────────────────────────────────────────────

    def _judged(self, answer: Answer, message_id: str, sent: Sent, attempt: int) -> Result:
        """What an answer says about the message: by the receipt in it where there is one, else by its status."""
        answered: Answered | None = None
        why = "the partner has taken it over; its receipt is still to come"
        if self._config.receipt == "sync" or _media_type(answer) in _ANSWERS:
            try:
                answered = self._receipt_in(answer, message_id)
            except (RefusedMessage, MalformedError) as error:
                why = f"no valid receipt came back: {error}"
        if answered:
            return self._concluded(answered, message_id, sent, attempt)
        said = error_of(answer)
        match said:
            case None:
                return Unknown(reason=why)
            case AnswerLostError():
                return Unknown(reason=str(said))
            case BusyError():
                return Retry(reason=str(said), after_seconds=said.after_seconds)
            case RefusalError():
                return _refused(str(said))
            case _:
                raise said

    def _receipt_in(self, answer: Answer, message_id: str) -> Answered:
        """The receipt in an answer, if it is the partner's and for this message."""
        if _media_type(answer) not in _ANSWERS:
            raise MalformedError("there is none in the answer")
        headers = {name: value for name, value in answer.headers.items() if name.startswith("content-")}
        opened = open_message(
            Entity(headers, answer.body, answer.body), rules_of(self._config, self._keys), self._clock.now()
        )
        receipt = mdn.read(opened.document)
        if receipt.message_id != message_id:
            raise MalformedError("it is for another message")
        head = "".join(f"{name}: {value}\r\n" for name, value in sorted(headers.items()))
        evidence = self._documents.keep(
            head.encode("utf-8", "surrogateescape") + b"\r\n" + answer.body,
            name=f"{message_id.strip('<>')}.mdn",
            media_type="message/rfc822",
            channel=self._system,
        )
        return Answered(receipt, evidence)

    def _concluded(self, answered: Answered, message_id: str, sent: Sent, attempt: int) -> Result:
        receipt = answered.receipt
        if receipt.is_positive and not confirmed_by(receipt, sent, signed=self._config.receipt_signed):
            return Unknown(reason="the receipt does not confirm what was sent: its digest is missing or another one")
        if receipt.is_positive:
            self._remember(message_id, answered)
        return self._told(receipt, message_id, attempt)

    def _remember(self, message_id: str, answered: Answered) -> None:
        """So that it is never sent again. It has landed, whether we can write that down or not."""
        try:
            self._ledger.put("answered", message_id, answered)
        except TransientError as error:
            LOG.warning("receipt_not_remembered", system=self._system, message_id=message_id, error=str(error))

    def _told(self, receipt: Receipt, message_id: str, attempt: int) -> Result:
        """What a receipt says became of the message."""
        said = f"{receipt.type}/{receipt.modifier}" if receipt.modifier else receipt.type
        if receipt.is_positive or (receipt.says_duplicate and attempt > 1):
            LOG.info("document_confirmed", system=self._system, message_id=message_id, disposition=said)
            return Applied(reference=message_id)
        problem = Problem(Code.EFFECT_REFUSED, where=message_id, actual=said[:200], detail=receipt.text)
        return Refused(problems=(problem,))

    # ── finding out ─────────────────────────────────────────────────────────────────────────────────────────────

    def probe(self, effect: Effect) -> Finding:
        """Has a receipt come meanwhile? Absent: it was never handed over, or the partner refused it (which is told
        when it is sent again), or it may be sent again since the partner recognises the Message-ID."""
        message_id = self.message_id(effect)
        answered = self._ledger.get("answered", message_id, Answered)
        if answered:
            return Applied(reference=message_id) if answered.receipt.is_positive else Absent()
        sent = self._ledger.get("sent", message_id, Sent)
        if sent is None:
            return Absent()
        waited = to_micros(self._clock.now()) - sent.at
        if self._config.honours_message_id and waited >= self._config.landing_seconds * _SECOND:
            return Absent()
        return Unknown(reason=f"no receipt has come for {message_id}")


def _media_type(answer: Answer) -> str:
    return answer.headers.get("content-type", "").partition(";")[0].strip().lower()


def _wrong(payload: SendDocument) -> str:
    """Why a document cannot go out like this; empty text when it can."""
    name, media_type = payload.name, payload.media_type
    if not name or not name.isprintable() or set(name) & set("/\\") or name.startswith("."):
        return f"{name[:80]!r} cannot be the name of a document: it must be printable text without / and a leading dot"
    if len(name.encode()) > _NAME_BYTES_MAX:
        return f"the name {name[:40]}… is longer than {_NAME_BYTES_MAX} bytes"
    if "/" not in media_type or not media_type.isascii() or not media_type.isprintable():
        return f"{media_type[:80]!r} is not a media type"
    return ""


def _refused(detail: str) -> Refused:
    return Refused(problems=(Problem(Code.EFFECT_REFUSED, detail=detail),))
