"""Receipts (MDN: RFC 8098 with the fields of RFC 4130 and 3335): how they are asked for, written and read. Pure."""

import re
from base64 import b64decode, b64encode
from datetime import datetime
from email.utils import format_datetime
from hashlib import sha256

from msgspec import Struct

from tieout.connectors.as2.cms import HASHES, Identity, digest_of
from tieout.connectors.as2.message import MICALG, signed
from tieout.connectors.as2.mime import Entity, MalformedError, entity, join, read_entity, read_fields, split
from tieout.connectors.as2.refusal import SENTENCES, Modifier, RefusedMessage, disposition_of

VERSION = "1.2"
"""Ours. With 1.2 come the features we have (RFC 6017): a message may be sent again under its Message-ID."""
FEATURES = "AS2-Reliability"

_TAKEN = "The message was received and is kept. This does not say whether its content is accepted."
_TEXT_MAX = 500
_DISPOSITION = re.compile(r"[^;]*;\s*([a-z]+)\s*(?:/\s*([^:]+?)\s*(?::\s*(.*?))?)?\s*", re.IGNORECASE)


# ── asking ─────────────────────────────────────────────────────────────────────────────────────────────────────────


class Asked(Struct, frozen=True):
    """The receipt that a message asks for. ``digest`` signs it, and is empty when it is not to be signed.

    ``url`` is where it is to be delivered; empty text: in the answer to the same call.
    """

    url: str = ""
    digest: str = ""


def ask(reply_to: str, url: str, digests: tuple[str, ...]) -> dict[str, str]:
    """The headers that ask for a receipt, signed if digests are given."""
    headers = {"Disposition-Notification-To": reply_to}
    if digests:
        listed = ", ".join(MICALG[name] for name in digests)
        headers["Disposition-Notification-Options"] = (
            f"signed-receipt-protocol=required, pkcs7-signature; signed-receipt-micalg=required, {listed}"
        )
    if url:
        headers["Receipt-Delivery-Option"] = url
    return headers


def asked_by(headers: dict[str, str], *, sha1_allowed: bool) -> Asked | None:
    """The receipt that these headers (in lower case) ask for. Raises :class:`RefusedMessage` when they demand one of
    a kind that we do not write (RFC 4130, 7.5.3)."""
    if not headers.get("disposition-notification-to", "").strip():
        return None
    url = headers.get("receipt-delivery-option", "").strip()
    options = headers.get("disposition-notification-options", "")
    demanded, protocols = _option(options, "signed-receipt-protocol")
    if not protocols:
        return Asked(url)
    if "pkcs7-signature" not in protocols:
        if demanded:
            raise RefusedMessage("unsupported format", f"a receipt signed by {protocols[0][:40]}")
        return Asked(url)
    demanded, algorithms = _option(options, "signed-receipt-micalg")
    usable = [name for name in map(digest_named, algorithms) if name and (name != "sha1" or sha1_allowed)]
    if algorithms and demanded and not usable:
        raise RefusedMessage("unsupported MIC-algorithms", f"a receipt by {', '.join(algorithms)[:80]}")
    return Asked(url, usable[0] if usable else "sha256")


def _option(options: str, name: str) -> tuple[bool, list[str]]:
    """One of the options: whether it is required, and its values, the preferred one first."""
    for each in options.split(";"):
        key, _, value = each.partition("=")
        if key.strip().lower() == name:
            importance, *values = (part.strip().strip('"').lower() for part in value.split(","))
            return importance == "required", [part for part in values if part]
    return False, []


def digest_named(text: str) -> str:
    """A digest in any of its spellings (``SHA-256``, ``sha256``, ``rsa-sha256``) as CMS names it; or empty text."""
    plain = text.strip().lower().removeprefix("rsa-").replace("-", "").replace("_", "")
    return plain if plain in HASHES else ""


# ── what it says ───────────────────────────────────────────────────────────────────────────────────────────────────


class Receipt(Struct, frozen=True):
    """What a receipt says. ``type`` is ``processed`` or ``failed``; ``modifier`` such as ``error: decryption-failed``.

    ``mic`` is the digest of what was received, and ``digest`` its algorithm; both are empty where there is none.
    """

    message_id: str
    type: str
    modifier: str = ""
    mic: bytes = b""
    digest: str = ""
    text: str = ""

    @property
    def is_positive(self) -> bool:
        """Received, with at most a warning."""
        return self.type == "processed" and not self.modifier.startswith(("error", "failure"))

    @property
    def says_duplicate(self) -> bool:
        """The partner has had this very message before."""
        return "duplicate" in self.modifier


def received(message_id: str, confirmed: bytes, digest: str) -> Receipt:
    """The message was taken."""
    return Receipt(message_id, "processed", "", digest_of(confirmed, digest), digest, _TAKEN)


def refused(message_id: str, modifier: Modifier) -> Receipt:
    """The message was not taken."""
    kind, words = disposition_of(modifier)
    return Receipt(message_id, kind, words, text=SENTENCES[modifier])


# ── writing ────────────────────────────────────────────────────────────────────────────────────────────────────────


class Wire(Struct, frozen=True):
    """Something to be sent over HTTP."""

    headers: dict[str, str]
    body: bytes


def write(
    receipt: Receipt, our_name: str, their_name: str, identity: Identity | None, digest: str, now: datetime
) -> Wire:
    """A receipt, signed when there is an identity."""
    fields = {
        "Reporting-UA": "tieout",
        "Original-Recipient": f"rfc822; {quoted_name(our_name)}",
        "Final-Recipient": f"rfc822; {quoted_name(our_name)}",
        "Original-Message-ID": receipt.message_id,
        "Disposition": "automatic-action/MDN-sent-automatically; "
        + (f"{receipt.type}/{receipt.modifier}" if receipt.modifier else receipt.type),
    }
    if receipt.mic:
        fields["Received-Content-MIC"] = f"{b64encode(receipt.mic).decode()}, {MICALG[receipt.digest]}"
    said = entity(fields, b"").raw
    words = entity({"Content-Type": "text/plain; charset=us-ascii"}, f"{receipt.text}\r\n".encode())
    notification = entity({"Content-Type": "message/disposition-notification"}, said)
    report = join("report", {"report-type": "disposition-notification"}, [words.raw, notification.raw])
    whole = signed(report, identity, digest, now) if identity else report
    headers = {
        "AS2-From": quoted_name(our_name),
        "AS2-To": quoted_name(their_name),
        "Content-Type": whole.headers["content-type"],
        "Message-ID": f"<mdn-{sha256(report.raw).hexdigest()[:40]}@tieout>",
        "Date": date_of(now),
        "AS2-Version": VERSION,
        "EDIINT-Features": FEATURES,
        "MIME-Version": "1.0",
    }
    return Wire(headers, whole.body)


def date_of(moment: datetime) -> str:
    """A moment as it stands in a header."""
    return format_datetime(moment, usegmt=True)


# ── reading ────────────────────────────────────────────────────────────────────────────────────────────────────────


def read(report: Entity) -> Receipt:
    """A receipt. Raises :class:`~tieout.connectors.as2.mime.MalformedError`."""
    parts = [report]
    if report.media_type == "multipart/report":
        parts = [read_entity(part) for part in split(report)]
    notification = next((part for part in parts if part.media_type == "message/disposition-notification"), None)
    if notification is None:
        raise MalformedError("a report without a disposition notification")
    fields = read_fields(notification.content())
    disposition = _DISPOSITION.fullmatch(fields.get("disposition", ""))
    if not disposition or not fields.get("original-message-id"):
        raise MalformedError("a receipt that says neither for what it is, nor what became of it")
    kind, modifier, particulars = (part or "" for part in disposition.groups())
    mic, digest = _mic(fields.get("received-content-mic", ""))
    return Receipt(
        fields["original-message-id"].strip(),
        kind.lower(),
        f"{modifier.lower()}: {particulars.lower()}" if particulars else modifier.lower(),
        mic,
        digest,
        _words(parts),
    )


def _mic(field: str) -> tuple[bytes, str]:
    """The digest and its algorithm; nothing where they cannot be read, which then confirms nothing."""
    text, _, algorithm = field.partition(",")
    digest = digest_named(algorithm)
    try:
        return (b64decode("".join(text.split()), validate=True), digest) if digest else (b"", "")
    except ValueError:
        return b"", ""


def _words(parts: list[Entity]) -> str:
    """What the partner says to people, as one line that is fit for a log."""
    for part in parts:
        if part.media_type == "text/plain":
            text = part.content()[: 4 * _TEXT_MAX].decode("utf-8", "replace")
            return " ".join("".join(char if char.isprintable() else " " for char in text).split())[:_TEXT_MAX]
    return ""


# ── names ──────────────────────────────────────────────────────────────────────────────────────────────────────────


def quoted_name(name: str) -> str:
    """An AS2 name as it stands in a header (RFC 4130, section 6.2)."""
    if not set(name) & set(' "\\'):
        return name
    escaped = name.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'


def plain_name(text: str) -> str:
    """An AS2 name out of a header."""
    text = text.strip()
    if len(text) >= 2 and text.startswith('"') and text.endswith('"'):
        return re.sub(r"\\(.)", r"\1", text[1:-1])
    return text
