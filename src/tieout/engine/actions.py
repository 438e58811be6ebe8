"""What people may do to effects and quarantined messages. Each is recorded with who and why."""

import msgspec
from msgspec.structs import replace

from tieout.engine.delivery import settled_message
from tieout.engine.intake import Intake
from tieout.engine.stores.port import Store
from tieout.engine.stores.rows import EffectRow, InboxRow
from tieout.kernel.clock import Clock, to_micros
from tieout.kernel.errors import PermanentError
from tieout.kernel.ids import derive, fingerprint
from tieout.model.effects import PostInvoice
from tieout.model.events import Lane, Message
from tieout.model.facts import EffectHandled, MessageRequeued, Outcome, encode_fact

REDELIVERABLE = ("dead", "undecided", "refused", "held")
HOLDABLE = ("ready", "parked")
SETTLEABLE = ("undecided", "dead", "refused")


class Actions:
    """Redeliver, hold, release and settle effects; requeue messages. The doors check duties before they call."""

    def __init__(self, store: Store, intake: Intake, clock: Clock) -> None:
        self._store = store
        self._intake = intake
        self._clock = clock

    def redeliver(self, effect_id: str, person: str, reason: str) -> None:
        """Send a dead letter, an undecided, refused or held effect again, under the same key.

        Raises ``PermanentError`` when it is in no such state, and says in which it is.
        """
        self._change(effect_id, REDELIVERABLE, "ready", person, reason, "redelivered")

    def hold(self, effect_id: str, person: str, reason: str) -> None:
        """Keep an effect from being sent until it is released."""
        self._change(effect_id, HOLDABLE, "held", person, reason, "held")

    def release(self, effect_id: str, person: str, reason: str) -> None:
        """Let a held effect go. Another person than the one who held it must do so."""
        self._change(effect_id, ("held",), "ready", person, reason, "released")

    def cancel(self, effect_id: str, person: str, reason: str) -> None:
        """Give an effect up for good: a person found out that it must not (or need not) happen."""
        self._change(effect_id, (*SETTLEABLE, "held", "parked", "ready"), "cancelled", person, reason, "cancelled")

    def settle_as_applied(self, effect_id: str, person: str, reference: str, reason: str) -> None:
        """Say that an undecided effect was carried out after all: a person found it in the target, as ``reference``.

        An invoice's posting cannot be settled so: what the ERP holds must be read back, not believed.
        """
        if not reference.strip():
            raise PermanentError("give the reference under which the target holds it; without one, redeliver it")
        found = Outcome(status="applied", reference=reference.strip(), cleared=True)
        self._change(effect_id, ("undecided",), "applied", person, reason, "settled", found)

    def _change(
        self,
        effect_id: str,
        expected: tuple[str, ...],
        status: str,
        person: str,
        reason: str,
        what: str,
        outcome: Outcome | None = None,
    ) -> None:
        if not reason.strip():
            raise PermanentError("give a reason: it is kept with the effect and shown to auditors")
        rows = self._store.effects([effect_id])
        if not rows:
            raise PermanentError(f"there is no effect {effect_id}; `tieout effects` lists them")
        row, now = rows[0], to_micros(self._clock.now())
        if row.status == "held" and status == "ready" and _held_by(row, person):
            raise PermanentError(f"the effect {effect_id} was held by {person}; another person must let it go")
        if outcome is not None and row.operation == PostInvoice.operation:
            raise PermanentError(f"the effect {effect_id} posts an invoice; redeliver it, so that it is read back")
        fact = EffectHandled(
            effect_id=effect_id, connector=row.connector, operation=row.operation, action=what, reason=reason
        )
        messages = [_message(row, fact, person, now)]
        if outcome is not None:
            messages.insert(0, replace(settled_message(row, outcome, now), actor=person))
        settled = msgspec.json.encode(outcome) if outcome is not None else None
        told = f"{_told(what, person)}{reason}"
        if not self._store.change_effect(effect_id, expected, status, now, told, messages, settled):
            raise PermanentError(
                f"the effect {effect_id} is {row.status}; only {', '.join(expected)} ones can be {what}"
            )

    def requeue(self, inbox_id: int, person: str, reason: str, *, home: str = "", document: str = "") -> None:
        """Send a quarantined message on its way again, for instance after a mapping has been mended.

        ``home`` and ``document`` say what the message is about, where that is known: whoever sends it again has had
        their hands on that document.
        """
        if not self._store.requeue(inbox_id):
            raise PermanentError(f"message {inbox_id} is not in quarantine; `tieout status` lists what is")
        now = to_micros(self._clock.now())
        known = bool(home and document)
        self._intake.offer(
            [
                Message(
                    source="person",
                    key=derive("act", str(inbox_id), "requeued", str(now)),
                    data=MessageRequeued(inbox_id=inbox_id, reason=reason),
                    home=home if known else "quarantine",
                    subject=document if known else f"message/{inbox_id}",
                    actor=person,
                    lane=Lane.CONTROL,
                )
            ]
        )


def _told(what: str, person: str) -> str:
    """How the text that stands with an effect begins; the reason follows."""
    return f"{what} by {person}: "


def _held_by(row: EffectRow, person: str) -> bool:
    """Whether it was this person who held the effect. The text was written together with the status, by ``_change``."""
    return row.error.casefold().startswith(_told("held", person).casefold())


def _message(row: EffectRow, fact: EffectHandled, person: str, now: int) -> InboxRow:
    """The message that puts a person's hand into the log, beside what became of the effect."""
    data = encode_fact(fact)
    return InboxRow(
        0,
        "person",
        derive("act", row.id, fact.action, str(now)),
        fingerprint(data),
        row.partition,
        "",
        "",
        row.subject,
        fact.type,
        row.entity,
        data,
        row.correlation,
        row.id,
        person,
        now,
        now,
        Lane.CONTROL,
    )
