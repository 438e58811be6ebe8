"""What people decide about cases."""

from collections.abc import Mapping

from sqlalchemy import Connection

from tieout.engine.queries.cases import CaseItem, case_by_id
from tieout.engine.queries.database import Reach
from tieout.http import choices
from tieout.http.callers import Caller, require
from tieout.http.problems import Fault, Trouble
from tieout.http.work.acts import ACTS, ALWAYS, SHORT, Act, name_of, names_of, values_of
from tieout.http.work.suppliers import SupplierWork
from tieout.http.work.writes import WriteWork
from tieout.model import facts as f
from tieout.model.cases import CaseClass

#: So large may a file be that is added to a case, and so long its name.
ATTACHMENT_BYTES_MAX = 10_000_000
NAME_MAX = 200
#: What is done to the supplier of a case, not to its document.
_ABOUT_SUPPLIERS = ("confirm_bank_change", "reject_bank_change", "hold_payments", "release_hold")


class CaseWork(SupplierWork, WriteWork):
    """Decisions about cases; many of them are about the supplier, the invoice or the write of the case."""

    def act(self, caller: Caller, case_id: str, action: str, given: Mapping[str, str], nonce: str = "") -> str:
        """Do something with a case and say what was done."""
        act = ACTS.get(name_of(action))
        if act is None:
            raise Trouble(
                "bad_value",
                f"there is no action {action!r}",
                errors=(Fault(where="/action", detail="one of " + ", ".join([*SHORT, *ACTS])),),
            )
        with self._door.database.read() as sql:
            case = case_of(sql, case_id, caller.person.reach)
            require(caller, act.name)
            if act.name not in (offers := names_of(case)):
                offered = ", ".join(ACTS[name].label for name in offers)
                raise Trouble("wrong_state", f'a case of this class does not offer "{act.label}"; it offers {offered}')
            if case.status != "open" and act.name != "comment_case":
                raise Trouble("wrong_state", f"the case is {case.status}: {case.resolution}")
            values = values_of(act, given)
            self._refuse_conflict(sql, caller, act.name, case)
            return self._do(sql, caller, act, case, values, nonce)

    def attach(self, caller: Caller, case_id: str, body: bytes, name: str, media_type: str) -> str:
        """Add a file to a case. It is kept as it came, by its hash, and never read as a document."""
        require(caller, "attach_case")
        if not body or len(body) > ATTACHMENT_BYTES_MAX:
            size = f"1 to {ATTACHMENT_BYTES_MAX:,} bytes"
            raise Trouble("bad_value", "choose a file", errors=(Fault(where="/file", detail=size),))
        with self._door.database.read() as sql:
            case = case_of(sql, case_id, caller.person.reach)
            mark = self._door.intake.keep(body, name=name, media_type=media_type, channel="case")
            called = "".join(sign if sign.isprintable() else " " for sign in name)[:NAME_MAX] or "file"
            fact = f.CaseAttached(document=mark, name=called, media_type=media_type[:100], size=len(body))
            self._tell(sql, caller, fact, case_id, mark, instead=case)
        return "The file has been added."

    def answer(self, caller: Caller, case_id: str, text: str, nonce: str) -> None:
        """What somebody at a supplier answers to a question of ours."""
        with self._door.database.read() as sql:
            self._tell(sql, caller, f.CaseAnswered(answer=text), case_id, nonce)

    def _do(
        self, sql: Connection, caller: Caller, act: Act, case: CaseItem, values: Mapping[str, str], nonce: str
    ) -> str:
        match act.name:
            case "redeliver" | "decide_outcome":
                self._decide_effect(sql, caller, act.name, case, values)
            case "requeue_message":
                self._requeue_of(sql, caller, case, values["reason"])
            case "retry_document":
                return self.retry_document(caller, case.document, values["reason"])
            case _:
                fact, subject = self._fact(sql, act.name, case, values)
                self._tell(sql, caller, fact, subject, nonce, instead=case)
        return act.done

    def _fact(self, sql: Connection, action: str, case: CaseItem, values: Mapping[str, str]) -> tuple[f.Fact, str]:
        reason, supplier_id = values.get("reason", ""), case.supplier_id
        match action:
            case "assign_case":
                return f.CaseAssigned(assignee=self._assignee(values["assignee"])), case.case_id
            case "comment_case":
                return f.CaseCommented(text=values["text"]), case.case_id
            case "ask_supplier":
                if not supplier_id:
                    raise Trouble("wrong_state", "nobody knows which supplier this case is about")
                asked = f.CaseAsked(supplier_id=supplier_id, document=case.document, question=values["question"])
                return asked, case.case_id
            case "settle_case" | "settle_bank_case":
                return f.CaseSettled(resolution=reason), case.case_id
            case "accept_variance":
                posting = case.case_class == CaseClass.POSTING_DIFFERS
                return f.VarianceAccepted(reason=reason, about="posting" if posting else "match"), case.document
            case "assign_lines":
                chosen = choices.line_choices(values["lines"])
                return f.LinesAssigned(assignments=chosen, reason=reason), case.document
            case "cancel_invoice":
                return f.InvoiceCancelled(reason=reason), case.document
            case "clear_duplicate" | "clear_recurring":
                return f.DuplicateCleared(reason=reason, recurring=action == "clear_recurring"), case.document
            case "overrule_duplicate":
                return f.DuplicateOverruled(reason=reason), case.document
            case "recheck_invoice":
                return f.RecheckRequested(reason=reason), case.document
            case "confirm_proof" | "reject_proof":
                return f.PaymentProofDecided(confirmed=action == "confirm_proof", reason=reason), case.document
            case "hold_payments":
                return f.PaymentsHeld(supplier_id=supplier_id, reason=reason), supplier_id
            case "release_hold":
                return f.PaymentsReleased(supplier_id=supplier_id, reason=reason), supplier_id
            case "confirm_bank_change":
                change_id = self._open_change(sql, supplier_id, values["change_id"])
                told = f.BankChangeConfirmed(change_id=change_id, supplier_id=supplier_id, evidence=values["evidence"])
                return told, supplier_id
            case "reject_bank_change":
                change_id = self._open_change(sql, supplier_id, values["change_id"])
                return f.BankChangeRejected(change_id=change_id, supplier_id=supplier_id, reason=reason), supplier_id
            case _:
                raise AssertionError(f"{action} is on the list of actions and has no fact")

    def _assignee(self, name: str) -> str:
        person = self._door.people.person(name.removeprefix("person:"))
        if person is None or not person.active or person.supplier_id:
            raise Trouble(
                "bad_value", f"there is no account {name!r}", errors=(Fault(where="/assignee", detail="a person"),)
            )
        return person.name

    def _refuse_conflict(self, sql: Connection, caller: Caller, action: str, case: CaseItem) -> None:
        if action in ALWAYS:
            return
        if action == "confirm_bank_change":
            self._refuse_second_confirmation(sql, caller, case.supplier_id)
        if action == "release_hold":
            self._refuse_own_hold(sql, caller, case.supplier_id)
        about = case.supplier_id if action in _ABOUT_SUPPLIERS else case.case_id
        self._refuse_conflict_on(sql, caller, action, (about,), case.entity)


def case_of(sql: Connection, case_id: str, reach: Reach) -> CaseItem:
    """One case. Raises :class:`Trouble` (404)."""
    case = case_by_id(sql, case_id, reach)
    if case is None:
        raise Trouble("not_found", f"there is no case {case_id!r}")
    return case
