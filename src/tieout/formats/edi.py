"""What goes out to EDI partners, whichever standard they speak: acknowledgments, orders, remittance advices."""

from collections.abc import Callable
from datetime import datetime

from msgspec import Struct

from tieout.formats.edifact.write import write_contrl, write_remadv
from tieout.formats.outgoing import Envelope
from tieout.formats.written import Written
from tieout.formats.x12.acknowledge import write_997, write_999
from tieout.formats.x12.write import write_820, write_850
from tieout.kernel.problem import Code, Problem
from tieout.model.documents import Interchange
from tieout.model.facts import SendRequested
from tieout.policy.policy import Partner

#: Messages that are acknowledgments themselves, which nobody acknowledges.
ACKNOWLEDGMENTS = frozenset(("997", "999", "TA1", "CONTRL"))
X12, EDIFACT = "x12", "edifact"
_MEDIA_TYPES = {X12: "application/edi-x12", EDIFACT: "application/edifact"}
_ENDINGS = {X12: "x12", EDIFACT: "edi"}


class Outgoing(Struct, frozen=True):
    """A finished document under the name it goes out by, or why there is none."""

    name: str
    media_type: str
    body: bytes = b""
    problems: tuple[Problem, ...] = ()


def acknowledge(received: Interchange, number: int, at: datetime) -> Outgoing:
    """The answer to an interchange, under our own control number: 997, 999 where the partner speaks version 005010, or
    CONTRL. It goes from the receiver of the interchange to its sender, under the ids they have in it."""
    envelope = Envelope(
        sender=received.receiver,
        receiver=received.sender,
        control=_control(received.standard, number),
        prepared_at=at,
        sender_qualifier=received.receiver_qualifier,
        receiver_qualifier=received.sender_qualifier,
        test=received.test,
    )
    if received.standard == EDIFACT:
        return _outgoing(EDIFACT, "CONTRL", number, write_contrl(received, envelope))
    if any(group.version.startswith("005") for group in received.groups):
        return _outgoing(X12, "999", number, write_999(received, envelope))
    return _outgoing(X12, "997", number, write_997(received, envelope))


def write(wanted: SendRequested, partner: Partner, number: int, at: datetime) -> Outgoing:
    """The document that a partner is to get, under our own control number."""
    writer = _WRITERS.get(wanted.kind)
    if writer is None:
        problem = Problem(Code.UNKNOWN_FORMAT, "kind", ", ".join(_WRITERS), wanted.kind)
        return Outgoing(wanted.kind, "", problems=(problem,))
    return writer(wanted, partner, number, at)


def _order(wanted: SendRequested, partner: Partner, number: int, at: datetime) -> Outgoing:
    if wanted.order is None:
        return _missing("order", wanted)
    return _outgoing(X12, "850", number, write_850(wanted.order, _to(X12, partner, wanted, number, at)))


def _payment_order(wanted: SendRequested, partner: Partner, number: int, at: datetime) -> Outgoing:
    if wanted.advice is None:
        return _missing("advice", wanted)
    return _outgoing(X12, "820", number, write_820(wanted.advice, _to(X12, partner, wanted, number, at)))


def _remittance(wanted: SendRequested, partner: Partner, number: int, at: datetime) -> Outgoing:
    if wanted.advice is None:
        return _missing("advice", wanted)
    return _outgoing(EDIFACT, "REMADV", number, write_remadv(wanted.advice, _to(EDIFACT, partner, wanted, number, at)))


def _missing(what: str, wanted: SendRequested) -> Outgoing:
    return Outgoing(wanted.kind, "", problems=(Problem(Code.MISSING_FIELD, what, f"an {what} to send"),))


#: What can be sent, by the kind of message.
_WRITERS: dict[str, Callable[[SendRequested, Partner, int, datetime], Outgoing]] = {
    "850": _order,
    "820": _payment_order,
    "REMADV": _remittance,
}


def _to(standard: str, partner: Partner, wanted: SendRequested, number: int, at: datetime) -> Envelope:
    return Envelope(
        sender=partner.our_id,
        receiver=wanted.partner,
        control=_control(standard, number),
        prepared_at=at,
        sender_qualifier=partner.our_qualifier,
        receiver_qualifier=partner.qualifier,
    )


def _control(standard: str, number: int) -> str:
    return f"{number:09d}" if standard == X12 else str(number)


def _outgoing(standard: str, kind: str, number: int, written: Written) -> Outgoing:
    name = f"{kind.lower()}-{number:09d}.{_ENDINGS[standard]}"
    return Outgoing(name, _MEDIA_TYPES[standard], written.body, written.problems)
