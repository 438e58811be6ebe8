"""What can be done with a case: which fields it asks for, what is said afterwards, and which cases offer it."""

from collections.abc import Mapping

from msgspec import Struct

from tieout.engine.queries.cases import CaseItem
from tieout.http import choices
from tieout.http.callers import Caller
from tieout.http.problems import Fault, Trouble

REASON_MAX = 2_000


class Field(Struct, frozen=True, kw_only=True):
    """One thing an action asks for."""

    name: str
    label: str
    choices: tuple[tuple[str, str], ...] = ()
    hint: str = ""


class Act(Struct, frozen=True, kw_only=True):
    """One thing that can be done with a case."""

    name: str
    label: str
    fields: tuple[Field, ...]
    done: str


_REASON = Field(name="reason", label="Reason", hint="kept for ever and shown to auditors")
_EFFECT = Field(name="effect_id", label="Which write")
_CHANGE = Field(name="change_id", label="Which change", hint="the one you have seen")
#: What need not be said where there is only one.
_ONE_OF = ("effect_id", "change_id")
ACTS: dict[str, Act] = {
    act.name: act
    for act in (
        Act(
            name="assign_case",
            label="Assign",
            fields=(Field(name="assignee", label="To whom", hint="a person's name"),),
            done="The case has been assigned.",
        ),
        Act(
            name="comment_case",
            label="Remark",
            fields=(Field(name="text", label="Remark"),),
            done="The remark has been added.",
        ),
        Act(
            name="ask_supplier",
            label="Ask the supplier",
            fields=(Field(name="question", label="Question", hint="the supplier reads it on its own page"),),
            done="The supplier has been asked.",
        ),
        Act(
            name="settle_case",
            label="Settle the case",
            fields=(Field(name="reason", label="What it was", hint="kept for ever and shown to auditors"),),
            done="The case is being settled.",
        ),
        Act(
            name="settle_bank_case",
            label="Settle the case",
            fields=(Field(name="reason", label="What it was", hint="kept for ever and shown to auditors"),),
            done="The case is being settled.",
        ),
        Act(
            name="accept_variance",
            label="Accept the variance",
            fields=(_REASON,),
            done="The variance has been accepted; the invoice goes on.",
        ),
        Act(
            name="assign_lines",
            label="Choose the order lines",
            fields=(Field(name="lines", label="Which line bills which", hint=choices.HINT), _REASON),
            done="Your choice has been recorded; the invoice is matched again.",
        ),
        Act(
            name="cancel_invoice",
            label="Cancel the invoice",
            fields=(_REASON,),
            done="The invoice is being cancelled.",
        ),
        Act(
            name="clear_duplicate",
            label="It is no duplicate",
            fields=(_REASON,),
            done="The invoice has been cleared; it goes on.",
        ),
        Act(
            name="clear_recurring",
            label="It is no duplicate, and the like will come again",
            fields=(_REASON,),
            done="The invoice has been cleared, and what recurs is remembered.",
        ),
        Act(
            name="overrule_duplicate",
            label="Overrule the stop as a manager",
            fields=(_REASON,),
            done="The stop has been overruled; the invoice goes on.",
        ),
        Act(
            name="recheck_invoice",
            label="Look at it again",
            fields=(_REASON,),
            done="The invoice is being looked at again.",
        ),
        Act(
            name="confirm_bank_change",
            label="Confirm the new account",
            fields=(
                Field(name="evidence", label="How it was confirmed", hint="who was called, on which number, and when"),
                _CHANGE,
            ),
            done="Your confirmation has been recorded.",
        ),
        Act(
            name="reject_bank_change",
            label="Reject the new account",
            fields=(_REASON, _CHANGE),
            done="The change is being rejected; the old account stays.",
        ),
        Act(
            name="hold_payments",
            label="Hold payments to the supplier",
            fields=(_REASON,),
            done="Payments to the supplier are being held.",
        ),
        Act(
            name="release_hold",
            label="Release payments to the supplier",
            fields=(_REASON,),
            done="Payments to the supplier are being released.",
        ),
        Act(
            name="confirm_proof",
            label="The bank shows this entry",
            fields=(Field(name="reason", label="Where you saw it", hint="kept for ever and shown to auditors"),),
            done="Your confirmation has been recorded; the entry counts.",
        ),
        Act(
            name="reject_proof",
            label="The bank shows no such entry",
            fields=(_REASON,),
            done="The entry has been rejected; the payment stays unproved.",
        ),
        Act(
            name="redeliver",
            label="Send it again",
            fields=(_EFFECT, _REASON),
            done="It will be sent again under the same key.",
        ),
        Act(
            name="decide_outcome",
            label="Say what you found",
            fields=(
                _EFFECT,
                Field(
                    name="found",
                    label="The target",
                    choices=(("absent", "does not hold it: send it again"), ("needless", "holds it, or need not")),
                ),
                _REASON,
            ),
            done="What you found has been recorded.",
        ),
        Act(
            name="retry_document",
            label="Read the document again",
            fields=(_REASON,),
            done="The document has been read.",
        ),
        Act(
            name="requeue_message",
            label="Handle the message again",
            fields=(_REASON,),
            done="The message is on its way again.",
        ),
    )
}
"""Everything that can be done with a case; which of them a case offers stands in ``policy/cases.toml``."""

ALWAYS = ("assign_case", "comment_case")
SHORT = {"assign": "assign_case", "comment": "comment_case", "settle": "settle_case"}


def name_of(action: str) -> str:
    """The full name of an action: ``assign`` is ``assign_case``."""
    return SHORT.get(action, action)


def offered_acts(case: CaseItem, caller: Caller) -> tuple[tuple[Act, bool], ...]:
    """The actions of a case, each with whether this caller has the duty."""
    return tuple((ACTS[name], caller.may(name)) for name in names_of(case))


def names_of(case: CaseItem) -> tuple[str, ...]:
    """The names of the actions of a case; one that offers nothing else can be settled."""
    own = tuple(name for name in case.actions if name in ACTS) or ("settle_case",)
    return (*own, *ALWAYS)


def values_of(act: Act, given: Mapping[str, str]) -> dict[str, str]:
    """What was given for each field, without blanks around it. Raises :class:`Trouble` when something is missing."""
    values = {field.name: str(given.get(field.name, "")).strip() for field in act.fields}
    faults = []
    for field in act.fields:
        value = values[field.name]
        if not value and field.name not in _ONE_OF:
            faults.append(Fault(where=f"/{field.name}", detail=f"{field.label}: say it in words"))
        elif len(value) > REASON_MAX:
            faults.append(Fault(where=f"/{field.name}", detail=f"at most {REASON_MAX:,} characters"))
        elif field.choices and value not in dict(field.choices):
            faults.append(Fault(where=f"/{field.name}", detail="one of " + ", ".join(dict(field.choices))))
    if faults:
        raise Trouble("bad_value", "something is missing", errors=tuple(faults))
    return values
