"""Those who write to us by mail: whoever sent documents that could not be taken in is told so, once for each mail and
not too often.

::

    MailOpened ── everything was taken in, a machine wrote it, or enough was said today ──► nothing
          └────── something was not ──► SendMailAnswer (key: the mail)

A mail is known by its Message-ID: delivered twice by two ways, it is still one mail.
"""

from collections.abc import Iterator
from datetime import date

from msgspec import Struct

from tieout.model.effects import SendMailAnswer, UnreadPart
from tieout.model.events import Event
from tieout.model.facts import MailOpened, MailPart
from tieout.processes.document import is_plain_pdf
from tieout.processes.process import Facts, Intent, Output, Process, by_subject

#: So many mails of one day are remembered; no limit of answers is higher.
REMEMBERED_MAX = 50


class State(Struct, frozen=True):
    """The mails of a sender's last day of which something was not taken in: their ids, and the marks they had."""

    day: date
    mails: dict[str, str]


def evolve(state: State | None, event: Event) -> State | None:
    """Remember a mail of which something was not taken in. A new day begins anew."""
    data = event.data
    if not isinstance(data, MailOpened) or not any(map(_is_unread, data.parts)):
        return state
    day = event.recorded_at.date()
    mails = state.mails if state is not None and state.day == day else {}
    known = data.letter.message_id or data.mark
    if known in mails or len(mails) >= REMEMBERED_MAX:
        return State(day, mails)
    return State(day, {**mails, known: data.mark})


def decide(state: State | None, event: Event, facts: Facts) -> Iterator[Output]:
    """Answer, unless it is a machine that wrote, or enough was said today."""
    data = event.data
    if state is None or not isinstance(data, MailOpened) or data.letter.automatic:
        return
    settings = facts.policy.channel(data.channel)
    answered = list(state.mails.values())[: settings.answers_per_day]
    unread = tuple(part for part in data.parts if _is_unread(part) and not _is_captured(part, settings.capture_to))
    if unread and data.mark in answered:
        payload = SendMailAnswer(
            mark=data.mark,
            letter=data.letter,
            unread=tuple(UnreadPart(part.name, part.problems) for part in unread if part.mark != data.mark),
            taken=tuple(part.name for part in data.parts if part not in unread),
        )
        yield Intent(connector=data.channel, payload=payload, key=data.mark)


def _is_unread(part: MailPart) -> bool:
    return part.status == "quarantined"


def _is_captured(part: MailPart, capture_to: str) -> bool:
    """A plain PDF is as good as taken in, where somebody captures it."""
    return bool(capture_to) and is_plain_pdf(part.problems)


PROCESS = Process(name="mail", state=State, routes={MailOpened: by_subject}, evolve=evolve, decide=decide)
