"""Answers go out by a mail server, each once. Nothing but the last line of SMTP says whether one did.

::

    connect, greet, log in, sender, recipient, DATA ── refused for now: again ── refused for good: refused
    the message and its dot ── 250: applied ── 4xx: again ── 5xx: refused ── no answer: unknown

After an unknown outcome the folder is looked through in which the mail server keeps what it sends, for the id that the
answer's key gives it. Without such a folder a person decides: a second answer is worse than none.
"""

import re
import smtplib
import ssl
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

import structlog

from tieout.connectors.channels.metrics import SENT
from tieout.connectors.mail.answer import message_id_of, write_answer
from tieout.connectors.mail.config import AnswersConfig
from tieout.connectors.mail.tls import client_context
from tieout.kernel.clock import Clock
from tieout.kernel.errors import ConfigError, TieoutError
from tieout.kernel.problem import Code, Problem
from tieout.model.effects import SendMailAnswer
from tieout.ports import Absent, Applied, Effect, Finding, Operation, Refused, Result, Retry, Unknown

LOG = structlog.get_logger("tieout.connectors.mail")

#: Looks for a message by its id in the folder of what was sent.
SentFolder = Callable[[str], bool]
_LINE_BEGINS_WITH_DOT = re.compile(rb"(?m)^\.")


class MailAnswers:
    """Sends answers for a mail channel. Threads may share it; each message has a connection of its own."""

    def __init__(
        self,
        config: AnswersConfig,
        password: str,
        clock: Clock,
        *,
        system: str,
        base: Path = Path(),
        sent: SentFolder | None = None,
    ) -> None:
        self._config = config
        self._password = password
        self._clock = clock
        self._system = system
        self._tls = client_context(config.ca_file, base)
        self._sent = sent

    @property
    def operation(self) -> Operation:
        """The promise: an answer can be found again where the mail server keeps what it sends, and else nowhere."""
        return Operation(
            name=SendMailAnswer.operation,
            lookup=self._sent is not None,
            landing_seconds=self._config.landing_seconds if self._sent else 0.0,
        )

    def apply(self, effects: Sequence[Effect]) -> Sequence[Result]:
        """Send answers, one after the other."""
        results: list[Result] = []
        for effect in effects:
            try:
                result = self._send(effect)
            except ConfigError as error:
                if not results:
                    raise
                result = Retry(reason=str(error), after_seconds=60.0)
            SENT.labels(self._system, type(result).__name__.lower()).inc()
            results.append(result)
        return results

    def probe(self, effect: Effect) -> Finding:
        """Is the answer among what was sent?"""
        if self._sent is None:
            return Unknown(reason="the mail server shows nowhere what it has sent")
        reference = message_id_of(effect.key, self._config)
        try:
            return Applied(reference=reference) if self._sent(reference) else Absent()
        except TieoutError as error:
            return Unknown(reason=str(error))

    def _send(self, effect: Effect) -> Result:
        payload = effect.payload
        if not isinstance(payload, SendMailAnswer):
            return _refused(f"the mail channel {self._system} cannot do {effect.operation}")
        letter = payload.letter
        if letter.automatic or not letter.reply_to:
            return _refused(letter.automatic or "the mail names nobody who could get an answer")
        try:
            message = write_answer(payload, effect.key, self._config, self._clock.now())
            body = message.as_bytes()
        except ValueError as error:
            return _refused(f"no message can be made of it: {error}")
        try:
            with self._server() as server:
                return self._hand_over(server, letter.reply_to, body, str(message["Message-ID"]))
        except smtplib.SMTPAuthenticationError as error:
            if 400 <= error.smtp_code < 500:
                return Retry(reason=f"{self._place} logs nobody in now: {error.smtp_code}")
            raise ConfigError(f"{self._place} refuses the user; correct `user` or `password` of the answers") from None
        except smtplib.SMTPNotSupportedError as error:
            raise ConfigError(f"{self._place}: {error}; correct `security` of the answers") from None
        except ssl.SSLCertVerificationError as error:
            raise ConfigError(f"{self._place}: its certificate is not valid: {error.verify_message}") from None
        except (smtplib.SMTPException, OSError) as error:  # nothing was handed over yet
            return Retry(reason=f"{self._place}: {type(error).__name__}: {error}")

    @property
    def _place(self) -> str:
        return f"the mail server {self._config.server}:{self._config.port}"

    @contextmanager
    def _server(self) -> Iterator[smtplib.SMTP]:
        config = self._config
        if config.security == "tls":
            server: smtplib.SMTP = smtplib.SMTP_SSL(
                config.server, config.port, timeout=config.timeout_seconds, context=self._tls
            )
        else:
            server = smtplib.SMTP(config.server, config.port, timeout=config.timeout_seconds)
        try:
            server.ehlo_or_helo_if_needed()
            if config.security == "starttls":
                server.starttls(context=self._tls)
                server.ehlo()
            if config.user:
                server.login(config.user, self._password)
            yield server
        finally:
            with suppress(smtplib.SMTPException, OSError):
                server.quit()
            server.close()

    def _hand_over(self, server: smtplib.SMTP, to: str, body: bytes, reference: str) -> Result:
        """The sender is empty (RFC 3834, section 3.3): what cannot be delivered must not come back as a mail."""
        steps: tuple[Callable[[], tuple[int, bytes]], ...] = (
            lambda: server.mail(self._config.bounces_to),
            lambda: server.rcpt(to),
            lambda: server.docmd("DATA"),
        )
        for step, wanted in zip(steps, (250, 250, 354), strict=True):
            code, text = step()
            if code not in (wanted, 251):  # 251: it is passed on
                return _said_no(code, text)
        try:
            server.send(_LINE_BEGINS_WITH_DOT.sub(b"..", body) + b".\r\n")
            code, text = server.getreply()
        except (smtplib.SMTPException, OSError) as error:
            LOG.warning("answer_lost", system=self._system, message_id=reference, error=type(error).__name__)
            return Unknown(reason=f"{self._place} took the message and did not say what became of it")
        if 200 <= code < 300:
            return Applied(reference=reference)
        if not 400 <= code < 600:
            return Unknown(reason=f"{self._place} answered with something that is no reply of SMTP")
        return _said_no(code, text)


def _said_no(code: int, text: bytes) -> Result:
    """5xx is "never" (RFC 5321, section 4.2.1); 4xx, and nonsense before the message was handed over, is "not now"."""
    words = f"{code} {text.decode('utf-8', 'replace')[:300]}"
    return _refused(words) if 500 <= code < 600 else Retry(reason=words)


def _refused(detail: str) -> Refused:
    return Refused(problems=(Problem(Code.EFFECT_REFUSED, detail=detail),))
