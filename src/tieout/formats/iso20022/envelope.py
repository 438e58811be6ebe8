"""Which ISO 20022 message a document is: by its message element, in whatever envelope it came."""

import re
from collections.abc import Callable

from tieout.formats.format import Head
from tieout.formats.reading import Findings
from tieout.formats.xml import Element, child, local
from tieout.kernel.problem import Code

NAMESPACE = "urn:iso:std:iso:20022:tech:xsd:"
_NAMESPACE = re.compile(rf"{re.escape(NAMESPACE)}(?:\w+:)?([a-z]{{4}}\.[0-9]{{3}}\.[0-9]{{3}}\.[0-9]{{2}})")
#: The business application header stands before the message and is longer than what is looked at elsewhere.
_HEADER = "AppHdr"
#: Roots of a message by itself, of one with its header, and of the networks' envelopes.
_ROOTS = frozenset(
    ("Document", "BizMsg", "BusinessMessage", "Envelope", "RequestPayload", "DataPDU", "Message", "Xchg")
)


def message_is(*names: str) -> Callable[[Head], bool]:
    """Recognises a document by its message element; version 1 wrote the version behind the name."""
    words = "|".join(re.escape(name) for name in names)
    element = re.compile(rf"(?:{words})(?:V[0-9]{{2}})?")
    tag = re.compile(rf"<(?:[\w.-]+:)?(?:{words})(?:V[0-9]{{2}})?[\s>/]")

    def recognises(head: Head) -> bool:
        if any(element.fullmatch(name) for name in head.elements):
            return True
        return _HEADER in head.elements and tag.search(head.text) is not None

    return recognises


def message_name(head: Head) -> str:
    """The message of a document, such as ``pacs.004.001.09``, by the last namespace at its beginning that names one
    (the one before it is that of the header)."""
    if not head.is_xml or not _ROOTS.intersection(head.elements[:1]):
        return ""
    names = [name for name in _NAMESPACE.findall(head.text) if not name.startswith("head.")]
    return names[-1] if names else ""


def find_message(root: Element, *names: str) -> Element | None:
    """The message element: the root itself, below ``Document``, or deeper inside an envelope."""
    for element in root.iter("{*}*"):
        if local(element) in names:
            return element
    return None


def note_possible_duplicate(root: Element, findings: Findings) -> None:
    """``PssblDplct`` of the business application header (head.001)."""
    said = child(next(root.iter(f"{{*}}{_HEADER}"), None), "PssblDplct")
    if said is not None:
        note_if_duplicate(said, findings)


def note_if_duplicate(said: Element, findings: Findings) -> None:
    """``PssblDplct`` itself."""
    if (said.text or "").strip() in ("true", "1"):
        detail = "the sender says that it may have sent this before"
        findings.note(Code.UNSUPPORTED_CONTENT, f"AppHdr/PssblDplct, line {said.sourceline}", detail=detail)
