"""Messages (RFC 5322, MIME): what is attached, through messages that were forwarded as attachments.

Italian certified mail (PEC) comes as a message of the provider around the real one (``postacert.eml``), with a receipt
(``daticert.xml``) and the provider's signature; only the real message holds documents.
"""

import email
import re
from collections.abc import Iterator
from email.errors import (
    CloseBoundaryNotFoundDefect,
    HeaderParseError,
    InvalidBase64CharactersDefect,
    InvalidBase64LengthDefect,
    InvalidBase64PaddingDefect,
    NoBoundaryInMultipartDefect,
    StartBoundaryNotFoundDefect,
)
from email.header import decode_header, make_header
from email.message import Message
from typing import TypeAlias

from tieout.formats.containers.contents import Budget, Part, plain_name, tell
from tieout.formats.reading import Findings, quoted
from tieout.formats.source import Bytes, Source
from tieout.kernel.problem import Code

#: Mail servers rarely take more than 50 MB; the parser holds the message in memory several times.
MAIL_MAX = 64 * 2**20
#: The parser looks at every line once for every level that is open, and makes an object of every part.
LINES_MAX = 1_500_000
LEVELS_MAX = 24
SEPARATORS_MAX = 20_000
_BEGINS_PART = re.compile(rb"boundary\s*=|content-type\s*:\s*message/", re.IGNORECASE)
#: One header of a part; decoding takes time that grows with its square.
HEADER_MAX = 4_000
#: Two of these at the beginning make a message.
_HEADERS = frozenset(
    (
        *("from", "to", "subject", "date", "received", "message-id", "mime-version", "content-type"),
        *("return-path", "delivered-to", "reply-to", "x-trasporto", "x-ricevuta"),
    )
)
_HEADER = re.compile(r"([A-Za-z][A-Za-z0-9-]{0,60}):")
_ENCODINGS = {"", "7bit", "8bit", "binary", "base64", "quoted-printable"}
_SIGNATURES = {"application/pkcs7-signature", "application/x-pkcs7-signature", "application/pgp-signature"}
#: What programs attach to mails that is no document of business.
_ASIDE = {
    **dict.fromkeys(("application/ms-tnef", "application/vnd.ms-tnef"), "a winmail.dat of Outlook, not opened here"),
    **dict.fromkeys(("text/calendar", "application/ics"), "an invitation"),
    **dict.fromkeys(("text/vcard", "text/x-vcard", "text/directory"), "a business card"),
    "application/pgp-keys": "a key of the sender's",
}
_PEC_RECEIPT = "daticert.xml"
#: What shows that a message did not arrive whole.
_CUT_OFF = (
    *(CloseBoundaryNotFoundDefect, NoBoundaryInMultipartDefect, StartBoundaryNotFoundDefect),
    *(InvalidBase64CharactersDefect, InvalidBase64LengthDefect, InvalidBase64PaddingDefect),
)

_Message: TypeAlias = "Message[str, str]"


def is_mail(text: str) -> bool:
    """Whether a text begins with the headers of a message."""
    lines = re.split(r"\r?\n\r?\n", text, maxsplit=1)[0].splitlines()
    if not lines or not _HEADER.match(lines[0]):
        return False
    names = {found[1].lower() for line in lines if (found := _HEADER.match(line))}
    return len(names & _HEADERS) >= 2


def open_mail(source: Source, budget: Budget, findings: Findings) -> Iterator[Part]:
    """Take out the attachments, in the order of the message."""
    if source.size > MAIL_MAX:
        findings.fault(Code.TOO_LARGE, "byte 0", actual=f"{source.size} bytes", limit=f"{MAIL_MAX} bytes")
        return
    body = source.whole()
    for what, count, most in (
        ("lines", body.count(b"\n"), LINES_MAX),
        ("parts with parts in them", len(_BEGINS_PART.findall(body)), LEVELS_MAX),
        ("separators", body.count(b"\n--"), SEPARATORS_MAX),
    ):
        if count > most:
            detail = "a message in pieces without end"
            findings.fault(Code.TOO_LARGE, "byte 0", actual=f"{count} {what}", limit=f"{most} {what}", detail=detail)
            return
    number = 0
    for part in _leaves(email.message_from_bytes(body), findings):
        number += 1
        where = f"part {number} of the message"
        found = _attachment(part, where, findings)
        if not findings.complete:
            return
        if found is None:
            continue
        if problem := budget.spend(found.source.size):
            tell(findings, problem, where)
            return
        yield found


def _leaves(message: _Message, findings: Findings) -> Iterator[_Message]:
    """The parts of a message that hold no others, in order."""
    waiting: list[_Message] = [message]
    while waiting:
        part = waiting.pop()
        if any(isinstance(defect, _CUT_OFF) for defect in part.defects):
            findings.fault(Code.UNREADABLE, "message", detail="the message is damaged or was cut off between its parts")
            return
        parts = part.get_payload()
        if isinstance(parts, list):
            waiting += [below for below in reversed(parts) if isinstance(below, Message)]
        else:
            yield part


def _attachment(part: _Message, where: str, findings: Findings) -> Part | None:
    """One part as a document, if it is one."""
    if any(len(str(value)) > HEADER_MAX for name, value in part.items() if name.lower().startswith("content-")):
        findings.fault(Code.TOO_LARGE, where, limit=f"{HEADER_MAX} characters in a header")
        return None
    name, kind = _name(part), part.get_content_type().lower()
    if kind in _SIGNATURES or name.lower() == _PEC_RECEIPT:
        what = "a signature of the mail, which is not verified" if kind in _SIGNATURES else "the receipt of the mail"
        findings.note(Code.UNSUPPORTED_CONTENT, where, actual=name, detail=what)
        return None
    is_attached = part.get_content_disposition() == "attachment"
    if not is_attached and not name and kind in ("text/plain", "text/html"):
        return None
    if what := _ASIDE.get(kind) or _decoration(part, kind, is_attached=is_attached):
        findings.note(Code.UNSUPPORTED_CONTENT, where, actual=name or kind, detail=what)
        return None
    body = _body(part, where, findings)
    return Part(name or "attachment", kind, Bytes(body)) if body is not None else None


def _decoration(part: _Message, kind: str, *, is_attached: bool) -> str:
    """Pictures that belong to the text: shown in it (they have a Content-ID), or not attached at all."""
    if not kind.startswith(("image/", "audio/", "video/")) or (is_attached and part.get("Content-ID") is None):
        return ""
    return "a picture in the text of the mail, which is no document"


def _body(part: _Message, where: str, findings: Findings) -> bytes | None:
    """The bytes of a part as they were before they were made fit for mail."""
    encoding = str(part.get("Content-Transfer-Encoding", "")).strip().lower()
    if encoding not in _ENCODINGS:
        expected = "base64 or quoted-printable"
        findings.fault(
            Code.UNREADABLE, where, expected=expected, actual=encoding, detail="an unknown transfer encoding"
        )
        return None
    body = part.get_payload(decode=True)
    if not isinstance(body, bytes) or any(isinstance(defect, _CUT_OFF) for defect in part.defects):
        findings.fault(Code.UNREADABLE, where, detail="the base64 of this part is damaged")
        return None
    return body


def _name(part: _Message) -> str:
    """The file name of a part in plain text, as far as it is a name."""
    try:
        text = part.get_filename() or ""
        text = str(make_header(decode_header(text)))
    except (LookupError, ValueError, HeaderParseError):
        text = ""
    return quoted((plain_name(text) or "").rpartition("/")[2])
