"""Messages that come in, and events as the log keeps them. The wire form is CloudEvents 1.0."""

from datetime import datetime
from enum import IntEnum
from typing import Any

import msgspec
from msgspec import Struct

from tieout.model.facts import Fact

TYPE_PREFIX = "org.tieout."
SPEC_VERSION = "1.0"


class Lane(IntEnum):
    """Which messages go first when there are more than can be handled at once."""

    CONTROL = 0  #: a person's decision, an outcome, a hold
    NORMAL = 5  #: documents and status changes
    BULK = 9  #: loads of many documents, backfills


class Ref(Struct, frozen=True):
    """A document named by another system's own id, such as ``("ap", "ap-000123")``; resolved through ``link``."""

    system: str
    external_id: str


class Message(Struct, frozen=True, kw_only=True, omit_defaults=True, gc=False):
    """One fact on its way into the inbox.

    ``source`` and ``key`` make it unique for ever: the same key with the same body is answered the same, with
    another body it is a conflict. It is addressed either to a ``home`` (see :mod:`tieout.model.facts`) with a
    ``subject``, or by ``ref``, in which case it waits until the id is known.
    """

    source: str
    key: str
    data: Fact
    home: str = ""
    subject: str = ""
    ref: Ref | None = None
    entity: str = ""
    correlation: str = ""
    causation: str = ""
    actor: str = "system"
    occurred_at: datetime | None = None
    due_at: datetime | None = None
    lane: int = Lane.NORMAL


class Event(Struct, frozen=True, gc=False):
    """A fact as the log keeps it: who said it, when, about what, on which policy, and what caused it."""

    event_id: str
    subject: str
    data: Fact
    entity: str
    correlation: str
    causation: str
    actor: str
    occurred_at: datetime
    recorded_at: datetime
    policy: str
    source: str = ""
    key: str = ""


def to_cloudevent(event: Event) -> dict[str, Any]:
    """The event in CloudEvents 1.0 structured JSON form, with our extension attributes."""
    kind = type(event.data)
    return {
        "specversion": SPEC_VERSION,
        "id": event.event_id,
        "source": event.source or "tieout",
        "type": f"{TYPE_PREFIX}{kind.type}.v{kind.version}",
        "subject": event.subject,
        "time": event.occurred_at.isoformat().replace("+00:00", "Z"),
        "datacontenttype": "application/json",
        "dataschema": f"urn:tieout:schema:{kind.type}:{kind.version}",
        "entity": event.entity,
        "correlationid": event.correlation,
        "causationid": event.causation,
        "actor": event.actor,
        "policyversion": event.policy,
        "recordedtime": event.recorded_at.isoformat().replace("+00:00", "Z"),
        "data": msgspec.to_builtins(event.data),
    }
