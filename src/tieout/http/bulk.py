"""Several cases at once: each is decided by itself, with all checks, and has its own answer."""

from collections.abc import Mapping, Sequence

from msgspec import Struct

from tieout.http.callers import Caller
from tieout.http.problems import Fault, Trouble
from tieout.http.work import ACTS, Act, Work, name_of

#: So many cases may be acted on with one call.
CASES_MAX = 200
#: What can be done with several cases at once. What takes evidence of its own (a bank change) is done one by one.
TOGETHER = (
    *("assign_case", "comment_case", "recheck_invoice", "accept_variance", "clear_duplicate", "cancel_invoice"),
    *("settle_case", "settle_bank_case", "redeliver", "retry_document", "requeue_message", "hold_payments"),
)


class Result(Struct, frozen=True, kw_only=True):
    """What became of one case: done, or refused with the code and the words of the refusal."""

    case_id: str
    done: bool
    detail: str
    code: str = ""


def acts_together() -> tuple[Act, ...]:
    """The actions that can be taken on several cases at once."""
    return tuple(ACTS[name] for name in TOGETHER)


def act_on_all(
    work: Work, caller: Caller, case_ids: Sequence[str], action: str, given: Mapping[str, str], nonce: str = ""
) -> tuple[Result, ...]:
    """Do the same with several cases. One that is refused keeps none of the others from being done.

    Raises :class:`Trouble` only for the call as a whole: no case, too many, or an action that is not for several.
    """
    wanted = tuple(dict.fromkeys(case_id for case_id in case_ids if case_id))
    if not wanted or len(wanted) > CASES_MAX:
        fault = Fault(where="/case_ids", detail=f"1 to {CASES_MAX} cases")
        raise Trouble("bad_value", "choose some cases", errors=(fault,))
    if name_of(action) not in TOGETHER:
        fault = Fault(where="/action", detail="one of " + ", ".join(TOGETHER))
        raise Trouble("bad_value", f"{action or 'nothing'!r} cannot be done with several cases", errors=(fault,))
    # One reason for all: a remark is the reason of itself.
    values = {**given, "text": given.get("text") or given.get("reason", "")}
    return tuple(_act(work, caller, case_id, action, values, nonce) for case_id in wanted)


def _act(work: Work, caller: Caller, case_id: str, action: str, given: Mapping[str, str], nonce: str) -> Result:
    try:
        return Result(case_id=case_id, done=True, detail=work.act(caller, case_id, action, given, nonce))
    except Trouble as trouble:
        faults = "; ".join(fault.detail for fault in trouble.errors)
        return Result(
            case_id=case_id, done=False, detail=": ".join(filter(None, (trouble.detail, faults))), code=trouble.code
        )
