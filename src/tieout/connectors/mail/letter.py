"""What the headers of a mail say: who gets an answer, and whether there should be one at all. Pure.

Who must not be answered stands in RFC 3834, section 2: whatever was sent by a machine or to many. Two machines that
answer each other would never end.
"""

import re
from email.errors import HeaderParseError
from email.header import decode_header, make_header
from email.message import Message
from email.parser import BytesHeaderParser
from email.utils import getaddresses
from typing import TypeAlias

from tieout.connectors.channels.trays import plain_name
from tieout.formats.source import Source, beginning
from tieout.model.effects import Letter

#: So much of a mail is looked at for its headers.
HEADERS_MAX = 128 * 1024
_VALUE_MAX = 8_000
_SUBJECT_MAX = 120
_NAME_MAX = 80
_REFERENCES_MAX = 20
_ADDRESS = re.compile(r"[A-Za-z0-9.!#$%&'*+/=?^_`{|}~-]{1,64}@[A-Za-z0-9](?:[A-Za-z0-9.-]{0,251}[A-Za-z0-9])?")
_MESSAGE_ID = re.compile(r"<[!-;=?-~]{1,500}>")
#: Mailboxes behind which nobody sits.
_NOBODY = re.compile(
    r"(mailer-daemon|postmaster|no[._-]?reply|do[._-]?not[._-]?reply|bounces?|owner-.*|.*-request)([+=-].*)?"
)
_PRECEDENCE = {"bulk", "junk", "list", "auto_reply"}
_OF_LISTS = ("List-Id", "List-Post", "Mailing-List", "X-Mailing-List")
#: What programs put in that answer by themselves, besides the header of the standard. ``X-Ricevuta`` is a receipt of
#: Italian certified mail.
_OF_MACHINES = ("X-Autoreply", "X-Autorespond", "X-Autoresponder", "X-Auto-Reply", "X-Failed-Recipients", "X-Ricevuta")
_REPORTS = ("multipart/report", "message/delivery-status", "message/disposition-notification")

_Message: TypeAlias = "Message[str, str]"


def read_letter(source: Source) -> Letter:
    """Read the headers of a mail. Never fails: what cannot be understood is not there."""
    return letter_of(beginning(source, HEADERS_MAX))


def letter_of(head: bytes) -> Letter:
    """The same, of the first bytes of a mail."""
    message = BytesHeaderParser().parsebytes(head)
    subject = plain_text(message, "Subject")[:_SUBJECT_MAX]
    message_ids = _MESSAGE_ID.findall(_value(message, "Message-ID"))
    references = _MESSAGE_ID.findall(_value(message, "References")) or _MESSAGE_ID.findall(
        _value(message, "In-Reply-To")
    )
    return Letter(
        reply_to=sender_of(message, "Reply-To") or sender_of(message, "From"),
        subject=subject,
        message_id=message_ids[0] if message_ids else "",
        references=tuple(references[-_REFERENCES_MAX:]),
        automatic=_automatic(message),
    )


def mail_name(subject: str) -> str:
    """What a mail is called where documents have names."""
    return f"{subject[:_NAME_MAX].replace('/', ' ').strip(' .') or 'mail'}.eml"


def sender_of(message: _Message, header: str) -> str:
    """The one address in a header, in lower case; nothing when there is none, or more than one."""
    if len(message.get_all(header, [])) != 1:
        return ""
    found = [address for _, address in getaddresses([_value(message, header)]) if address]
    return found[0].casefold() if len(found) == 1 and _ADDRESS.fullmatch(found[0]) else ""


def plain_text(message: _Message, header: str) -> str:
    """A header in plain text on one line, whatever it was packed in."""
    raw = _value(message, header)
    try:
        text = str(make_header(decode_header(raw)))
    except (LookupError, ValueError, HeaderParseError):
        text = raw
    text = text.encode("utf-8", "replace").decode()
    return plain_name(" ".join(text.split()))


def _value(message: _Message, header: str) -> str:
    """The first header of this name as text."""
    return str(message.get(header, ""))[:_VALUE_MAX]


def _automatic(message: _Message) -> str:
    """Why a mail is not to be answered; empty text when it may be."""
    if message.get("Return-Path") is not None and not re.sub(r"[<>\s]", "", _value(message, "Return-Path")):
        return "it is a bounce: its return path is empty"
    submitted = _value(message, "Auto-Submitted").partition(";")[0].strip().casefold()
    if submitted not in ("", "no"):
        return "it was sent by a machine (Auto-Submitted)"
    if _value(message, "Precedence").strip().casefold() in _PRECEDENCE:
        return "it went to many (Precedence)"
    for names, why in ((_OF_LISTS, "it came by a mailing list"), (_OF_MACHINES, "it was sent by a machine")):
        for name in names:
            if message.get(name) is not None:
                return f"{why} ({name})"
    if re.search(r"\b(all|autoreply|oof)\b", _value(message, "X-Auto-Response-Suppress").casefold()):
        return "its sender asks for no automatic answers (X-Auto-Response-Suppress)"
    if message.get_content_type() in _REPORTS:
        return f"it is a report of a mail server ({message.get_content_type()})"
    sender = sender_of(message, "From")
    if sender and _NOBODY.fullmatch(sender.partition("@")[0]) and not sender_of(message, "Reply-To"):
        return "nobody reads what is sent back to its sender"
    return ""
