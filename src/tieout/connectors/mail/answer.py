"""The polite answer to a mail whose documents could not be taken in: in plain words, and about nothing else. Pure.

A sender's address may be forged, so the answer says nothing that the mail did not say itself: values are quoted for
what is wrong with the *form* of a document only, never what we know of suppliers, orders and other invoices.
"""

import re
import tomllib
from collections.abc import Iterator
from datetime import datetime
from email.message import EmailMessage
from email.policy import SMTP
from email.utils import format_datetime
from functools import cache
from importlib import resources

import msgspec
from msgspec import Struct

from tieout.connectors.channels.trays import plain_name
from tieout.connectors.mail.config import AnswersConfig, Language
from tieout.kernel.ids import derive
from tieout.kernel.problem import Code, Problem
from tieout.model.effects import SendMailAnswer, UnreadPart

#: So many documents, and so many problems of each, are told one by one.
PARTS_MAX, PROBLEMS_MAX = 20, 5
_QUOTED_MAX = 100
#: Problems of the form of a document. All that is said about them comes out of the document itself.
OF_FORM = frozenset(
    (
        *(Code.UNREADABLE, Code.UNKNOWN_FORMAT, Code.FORBIDDEN_XML, Code.TOO_LARGE, Code.MISSING_FIELD),
        *(Code.BAD_VALUE, Code.TOTALS_DISAGREE, Code.UNKNOWN_CODE, Code.UNSUPPORTED_CONTENT),
    )
)
#: Notes: they are told only where there is nothing worse to tell.
_NOTES = (Code.ASSUMED_VALUE, Code.UNKNOWN_CODE, Code.UNSUPPORTED_CONTENT)


class Words(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The words of one language. What stands in braces is filled in."""

    subject: str
    greeting: str
    intro: str
    none_attached: str
    taken: str
    unread: str
    more: str
    where: str
    expected: str
    found: str
    limit: str
    detail: str
    other: str
    next: str
    contact: str
    closing: str
    automatic: str
    reference: str
    reasons: dict[Code, str]


@cache
def words_of(language: Language) -> Words:
    """The words of a language, out of its file."""
    text = resources.files("tieout.connectors.mail").joinpath("templates", f"{language}.toml").read_text("utf-8")
    return msgspec.convert(tomllib.loads(text), Words)


def message_id_of(key: str, config: AnswersConfig) -> str:
    """The id of the answer with this key: the same each time, so that it can be found and recognised."""
    return f"<{derive('answer', config.address, key)}@{config.domain}>"


def write_answer(payload: SendMailAnswer, key: str, config: AnswersConfig, at: datetime) -> EmailMessage:
    """The answer as a message that no machine answers (RFC 3834, section 3)."""
    words, letter = words_of(config.language), payload.letter
    message = EmailMessage(policy=SMTP)
    message["From"] = config.address
    message["To"] = letter.reply_to
    message["Subject"] = words.subject.format(subject=said(letter.subject) or "—")
    message["Date"] = format_datetime(at)
    message["Message-ID"] = message_id_of(key, config)
    if letter.message_id:
        message["In-Reply-To"] = letter.message_id
        message["References"] = " ".join((*letter.references, letter.message_id))
    message["Auto-Submitted"] = "auto-replied"
    message["X-Auto-Response-Suppress"] = "All"
    message.set_content("\n".join(_lines(payload, words, config)) + "\n", cte="quoted-printable")
    message["Content-Language"] = config.language
    return message


def _lines(payload: SendMailAnswer, words: Words, config: AnswersConfig) -> Iterator[str]:
    unread, taken = payload.unread, payload.taken
    yield words.greeting
    yield ""
    yield words.intro.format(
        subject=said(payload.letter.subject) or "—", address=config.address, company=config.company
    )
    yield ""
    yield words.unread.format(count=len(unread), total=len(unread) + len(taken)) if unread else words.none_attached
    yield ""
    for number, part in enumerate(unread[:PARTS_MAX], start=1):
        yield from _part(number, part, words)
        yield ""
    if len(unread) > PARTS_MAX:
        yield words.more.format(count=len(unread) - PARTS_MAX)
        yield ""
    if taken:
        yield words.taken.format(count=len(taken))
        yield from (f"  - {said(name)}" for name in taken[:PARTS_MAX])
        if len(taken) > PARTS_MAX:
            yield f"  {words.more.format(count=len(taken) - PARTS_MAX)}"
        yield ""
    yield words.next
    if config.contact:
        yield words.contact.format(contact=config.contact)
    yield ""
    yield words.closing
    yield config.company
    yield ""
    yield words.automatic
    yield words.reference.format(mark=payload.mark[:16])


def _part(number: int, part: UnreadPart, words: Words) -> Iterator[str]:
    """One document: its name, and what is wrong with it."""
    yield f"{number}. {said(part.name) or '—'}"
    problems = worst(part.problems)
    for problem in problems[:PROBLEMS_MAX]:
        yield f"   * {words.reasons.get(problem.code, words.other)}"
        if problem.code in OF_FORM:
            yield from _particulars(problem, words)
    if len(problems) > PROBLEMS_MAX:
        yield f"   * {words.more.format(count=len(problems) - PROBLEMS_MAX)}"
    if not problems:
        yield f"   * {words.other}"


def _particulars(problem: Problem, words: Words) -> Iterator[str]:
    for word, value in (
        (words.where, problem.where),
        (words.expected, problem.expected),
        (words.found, problem.actual),
        (words.limit, problem.limit),
        (words.detail, problem.detail),
    ):
        if value:
            yield f"     {word}: {said(value)}"


def worst(problems: tuple[Problem, ...]) -> tuple[Problem, ...]:
    """What kept a document from being taken, without mere notes; these only where there is nothing else. The problems
    of form come first, and of many of one kind the first ones."""
    grave = tuple(problem for problem in problems if problem.code not in _NOTES) or problems
    told: dict[str, Problem] = {}
    for problem in sorted(grave, key=lambda each: each.code not in OF_FORM):
        told.setdefault(str(problem) if problem.code in OF_FORM else problem.code, problem)
    return tuple(told.values())


def said(text: str) -> str:
    """Somebody else's text, fit to be quoted: on one line, short, and without links that anybody would follow."""
    flat = plain_name(" ".join(text.split()))
    flat = re.sub(r"(?i)\b(https?|ftp|mailto|javascript|data):", r"\1 :", flat).replace("www.", "www .")
    return flat if len(flat) <= _QUOTED_MAX else f"{flat[:_QUOTED_MAX]}…"
