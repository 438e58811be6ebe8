"""What people decide, through a page or a key: duties and separation of duties are checked here, once for both doors.

A decision becomes a fact that is offered through intake, with the person as its actor; what follows from it is the
processes' business. The checks here spare people a refusal that would otherwise come a moment later, as an event.
"""

from collections.abc import Iterator, Mapping
from datetime import date
from typing import Any
from uuid import uuid4

import msgspec
from msgspec import Struct
from sqlalchemy import Connection, select

from tieout.engine.intake import Answer, Full
from tieout.engine.queries.cases import CaseItem, case_by_id
from tieout.engine.queries.effects import EffectItem, effects_by_id, open_effects_of
from tieout.engine.queries.hands import ruling_at_door, surroundings
from tieout.engine.queries.liabilities import InvoiceFilter, InvoiceItem, list_invoices
from tieout.engine.queries.payments import RunItem, run_by_id
from tieout.engine.queries.records import set_aside_by_id, supplier_by_id
from tieout.engine.queries.whereabouts import Whereabouts, home_in, whereabouts
from tieout.engine.schema import EVENT, INBOX
from tieout.engine.stores.port import Receipt
from tieout.engine.stores.rows import UNRESOLVED
from tieout.http import choices
from tieout.http.callers import Caller, require
from tieout.http.door import Door
from tieout.http.events import full
from tieout.http.problems import Fault, Trouble
from tieout.kernel.errors import PermanentError
from tieout.kernel.ids import derive, fingerprint
from tieout.kernel.money import Money, total
from tieout.model import facts as f
from tieout.model.documents import BankAccount
from tieout.model.events import Lane, Message
from tieout.policy.calendars import execution_day
from tieout.policy.duties import is_person, same_actor
from tieout.processes.payment_run import PAYMENTS_MAX

SOURCE = "person"
REASON_MAX = 2_000
#: So large may a file be that is added to a case, and so long its name.
ATTACHMENT_BYTES_MAX = 10_000_000
NAME_MAX = 200


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
            ),
            done="Your confirmation has been recorded.",
        ),
        Act(
            name="reject_bank_change",
            label="Reject the new account",
            fields=(_REASON,),
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
_SHORT = {"assign": "assign_case", "comment": "comment_case", "settle": "settle_case"}


def name_of(action: str) -> str:
    """The full name of an action: ``assign`` is ``assign_case``."""
    return _SHORT.get(action, action)


class Proposed(Struct, frozen=True, kw_only=True):
    """A payment run that was proposed. It collects its payments now and is then ready for another person's release."""

    run_id: str
    count: int
    total: Money
    execute_on: date
    trace: str


class RunWish(Struct, frozen=True, kw_only=True):
    """What a run is to pay: everything of an entity and currency that is posted and due until a day."""

    entity: str
    due_until: date
    currency: str = ""
    execute_on: date | None = None
    supplier_id: str = ""


class Work:
    """What people decide. Every method runs in a thread and raises :class:`Trouble` when it may not be."""

    def __init__(self, door: Door) -> None:
        self._door = door

    # ── cases ───────────────────────────────────────────────────────────────────────────────────────────────────

    def act(self, caller: Caller, case_id: str, action: str, given: Mapping[str, str], nonce: str = "") -> str:
        """Do something with a case and say what was done."""
        act = ACTS.get(name_of(action))
        if act is None:
            raise Trouble(
                "bad_value",
                f"there is no action {action!r}",
                errors=(Fault(where="/action", detail="one of " + ", ".join([*_SHORT, *ACTS])),),
            )
        with self._door.database.read() as sql:
            case = case_by_id(sql, case_id, caller.person.reach)
            if case is None:
                raise Trouble("not_found", f"there is no case {case_id!r}")
            require(caller, act.name)
            if act.name not in (offers := names_of(case)):
                offered = ", ".join(ACTS[name].label for name in offers)
                raise Trouble("wrong_state", f'a case of this class does not offer "{act.label}"; it offers {offered}')
            if case.status != "open" and act.name != "comment_case":
                raise Trouble("wrong_state", f"the case is {case.status}: {case.resolution}")
            values = self._values(act, given)
            self._refuse_conflict(sql, caller, act.name, case)
            return self._do(sql, caller, act, case, values, nonce)

    def attach(self, caller: Caller, case_id: str, body: bytes, name: str, media_type: str) -> str:
        """Add a file to a case. It is kept as it came, by its hash, and never read as a document."""
        require(caller, "attach_case")
        if not body or len(body) > ATTACHMENT_BYTES_MAX:
            size = f"1 to {ATTACHMENT_BYTES_MAX:,} bytes"
            raise Trouble("bad_value", "choose a file", errors=(Fault(where="/file", detail=size),))
        with self._door.database.read() as sql:
            case = case_by_id(sql, case_id, caller.person.reach)
            if case is None:
                raise Trouble("not_found", f"there is no case {case_id!r}")
            mark = self._door.intake.keep(body, name=name, media_type=media_type, channel="case")
            called = "".join(sign if sign.isprintable() else " " for sign in name)[:NAME_MAX] or "file"
            fact = f.CaseAttached(document=mark, name=called, media_type=media_type[:100], size=len(body))
            self._tell(sql, caller, fact, case_id, mark, instead=case)
        return "The file has been added."

    @staticmethod
    def _values(act: Act, given: Mapping[str, str]) -> dict[str, str]:
        values = {field.name: str(given.get(field.name, "")).strip() for field in act.fields}
        faults = []
        for field in act.fields:
            value = values[field.name]
            if not value and field.name != "effect_id":
                faults.append(Fault(where=f"/{field.name}", detail=f"{field.label}: say it in words"))
            elif len(value) > REASON_MAX:
                faults.append(Fault(where=f"/{field.name}", detail=f"at most {REASON_MAX:,} characters"))
            elif field.choices and value not in dict(field.choices):
                faults.append(Fault(where=f"/{field.name}", detail="one of " + ", ".join(dict(field.choices))))
        if faults:
            raise Trouble("bad_value", "something is missing", errors=tuple(faults))
        return values

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
            case "settle_case":
                return f.CaseSettled(resolution=reason), case.case_id
            case "accept_variance":
                return f.VarianceAccepted(reason=reason), case.document
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
            case "hold_payments":
                return f.PaymentsHeld(supplier_id=supplier_id, reason=reason), supplier_id
            case "release_hold":
                return f.PaymentsReleased(supplier_id=supplier_id, reason=reason), supplier_id
            case "confirm_bank_change":
                change_id = self._open_change(sql, supplier_id)
                told = f.BankChangeConfirmed(change_id=change_id, supplier_id=supplier_id, evidence=values["evidence"])
                return told, supplier_id
            case "reject_bank_change":
                change_id = self._open_change(sql, supplier_id)
                return f.BankChangeRejected(change_id=change_id, supplier_id=supplier_id, reason=reason), supplier_id
            case _:
                raise AssertionError(f"{action} is on the list of actions and has no fact")

    def answer(self, caller: Caller, case_id: str, text: str, nonce: str) -> None:
        """What somebody at a supplier answers to a question of ours."""
        with self._door.database.read() as sql:
            self._tell(sql, caller, f.CaseAnswered(answer=text), case_id, nonce)

    def _assignee(self, name: str) -> str:
        person = self._door.people.person(name.removeprefix("person:"))
        if person is None or not person.active:
            raise Trouble(
                "bad_value", f"there is no account {name!r}", errors=(Fault(where="/assignee", detail="a person"),)
            )
        return person.name

    @staticmethod
    def _open_change(sql: Connection, supplier_id: str) -> str:
        supplier = supplier_by_id(sql, supplier_id)
        if supplier is None or not supplier.change_id:
            raise Trouble("wrong_state", "no bank change of this supplier is open any more")
        return supplier.change_id

    # ── suppliers ───────────────────────────────────────────────────────────────────────────────────────────────

    def hold_supplier(self, caller: Caller, supplier_id: str, reason: str, *, release: bool, nonce: str = "") -> str:
        """Hold payments to a supplier, or release them."""
        action = "release_hold" if release else "hold_payments"
        require(caller, action)
        values = self._values(ACTS[action], {"reason": reason})
        kind = f.PaymentsReleased if release else f.PaymentsHeld
        with self._door.database.read() as sql:
            if supplier_by_id(sql, supplier_id) is None:
                raise Trouble("not_found", f"there is no supplier {supplier_id!r}")
            if release:
                self._refuse_own_hold(sql, caller, supplier_id)
            self._tell(sql, caller, kind(supplier_id=supplier_id, reason=values["reason"]), supplier_id, nonce)
        return ACTS[action].done

    # ── payment runs ────────────────────────────────────────────────────────────────────────────────────────────

    def propose_run(self, caller: Caller, wish: RunWish) -> Proposed:
        """Propose to pay what is due."""
        require(caller, "propose_payment")
        if caller.person.reach is not None and wish.entity not in caller.person.reach:
            raise Trouble("not_found", f"there is no entity {wish.entity!r}")
        settings = self._door.policy().entities.get(wish.entity)
        if settings is None or not settings.iban:
            detail = "has no bank account in the policy" if settings else "is no entity of the policy"
            raise Trouble("bad_value", f"{wish.entity!r} {detail}", errors=(Fault(where="/entity", detail=detail),))
        today = self._door.now().date()
        currency = wish.currency or settings.currency
        execute_on = wish.execute_on or execution_day(currency, today)
        if execute_on < today:
            fault = Fault(where="/execute_on", detail=f"must not be before {today}")
            raise Trouble("bad_value", f"{execute_on} is over", errors=(fault,))
        invoices = self.payable(caller, wish.entity, currency, wish.due_until, wish.supplier_id)
        if not invoices:
            raise Trouble("wrong_state", f"nothing in {currency} is posted, unpaid and due by {wish.due_until}")
        ids = [invoice.invoice_id for invoice in invoices]
        run_id = derive("run", wish.entity, settings.iban, currency, str(execute_on), *ids)
        fact = f.RunProposed(
            run_id=run_id,
            entity=wish.entity,
            debtor=BankAccount(iban=settings.iban, holder=settings.name, bic=settings.bic, currency=currency),
            currency=currency,
            execute_on=execute_on,
            items=tuple(
                f.RunItem(
                    payment_id=derive("pay", run_id, invoice.invoice_id),
                    invoice_id=invoice.invoice_id,
                    supplier_id=invoice.supplier_id,
                )
                for invoice in invoices
            ),
        )
        self._offer(
            Message(
                source=SOURCE,
                key=f"propose/{run_id}",
                data=fact,
                entity=wish.entity,
                actor=caller.person.actor,
                lane=Lane.CONTROL,
            )
        )
        amount = total((invoice.payable for invoice in invoices), currency)
        return Proposed(run_id=run_id, count=len(ids), total=amount, execute_on=execute_on, trace=f"/v1/trace/{run_id}")

    def payable(
        self, caller: Caller, entity: str, currency: str, due_until: date, supplier_id: str = ""
    ) -> tuple[InvoiceItem, ...]:
        """The invoices a run would pay: posted, with money to pay, those due first; as many as a run can have."""
        found: list[InvoiceItem] = []
        wanted = InvoiceFilter(
            status="posted",
            entity=entity,
            currency=currency,
            supplier_id=supplier_id,
            due_until=due_until,
            limit=500,
        )
        with self._door.database.read() as sql:
            while len(found) < PAYMENTS_MAX:
                page = list_invoices(sql, wanted, caller.person.reach)
                found += [invoice for invoice in page.items if invoice.payable.minor > 0]
                if not page.next:
                    break
                wanted = msgspec.structs.replace(wanted, after=page.next)
        return tuple(found[:PAYMENTS_MAX])

    def release_run(self, caller: Caller, run_id: str, nonce: str = "") -> str:
        """Release a run that another person proposed."""
        require(caller, "release_payment")
        with self._door.database.read() as sql:
            run = self._run(sql, caller, run_id)
            if same_actor(run.proposed_by, caller.person.actor):
                raise Trouble(
                    "same_person",
                    f"you proposed this run; somebody else must release it ({run.count} payments, {run.total})",
                )
            if run.status != "ready":
                raise Trouble("wrong_state", f"the run is {run.status}; only a run that is ready can be released")
            self._refuse_conflict_on(sql, caller, "release_payment", (run_id,), run.entity)
            self._tell(sql, caller, f.RunReleaseRequested(run_id=run_id), run_id, nonce)
        return "The release has been asked for; holds are looked at a last time before the file goes out."

    def cancel_run(self, caller: Caller, run_id: str, reason: str, nonce: str = "") -> str:
        """Call a run off that has not been released. Its proposer may, and whoever could release it."""
        if not caller.may("release_payment"):
            require(caller, "propose_payment")
        self._reason(reason)
        with self._door.database.read() as sql:
            run = self._run(sql, caller, run_id)
            if run.status != "ready":
                raise Trouble("wrong_state", f"the run is {run.status}; only a run that is ready can be called off")
            self._tell(sql, caller, f.RunCancelRequested(run_id=run_id, reason=reason), run_id, nonce)
        return "The run is being called off; its invoices are payable again."

    @staticmethod
    def _run(sql: Connection, caller: Caller, run_id: str) -> RunItem:
        run = run_by_id(sql, run_id, caller.person.reach)
        if run is None:
            raise Trouble("not_found", f"there is no payment run {run_id!r}")
        return run

    # ── effects and messages ────────────────────────────────────────────────────────────────────────────────────

    def handle_effect(self, caller: Caller, effect_id: str, what: str, reason: str) -> str:
        """Redeliver, hold, release or cancel a write."""
        require(caller, "redeliver")
        self._reason(reason)
        with self._door.database.read() as sql:
            effect = next(iter(effects_by_id(sql, (effect_id,), caller.person.reach)), None)
            if effect is None:
                raise Trouble("not_found", f"there is no effect {effect_id!r}")
            self._refuse_conflict_on(sql, caller, "redeliver", (effect.subject, effect.correlation), effect.entity)
        return self._handle(caller, effect_id, what, reason)

    def _handle(self, caller: Caller, effect_id: str, what: str, reason: str) -> str:
        actions = self._door.actions
        do = {
            "redeliver": actions.redeliver,
            "hold": actions.hold,
            "release": actions.release,
            "cancel": actions.cancel,
        }[what]
        try:
            do(effect_id, caller.person.actor, reason)
        except PermanentError as error:
            raise Trouble("wrong_state", str(error)) from None
        return {
            "redeliver": "It will be sent again under the same key.",
            "hold": "It is held until somebody releases it.",
            "release": "It will be sent.",
            "cancel": "It has been given up.",
        }[what]

    def requeue(self, caller: Caller, inbox_id: int, reason: str) -> str:
        """Send a message that was set aside on its way again."""
        require(caller, "requeue_message")
        self._reason(reason)
        with self._door.database.read() as sql:
            row = set_aside_by_id(sql, inbox_id, caller.person.reach)
            if row is None:
                raise Trouble("not_found", f"no message {inbox_id} is set aside")
            self._refuse_conflict_on(sql, caller, "requeue_message", (row.subject, row.correlation), row.entity)
        try:
            self._requeue(caller, row, reason)
        except PermanentError as error:
            raise Trouble("wrong_state", str(error)) from None
        return ACTS["requeue_message"].done

    def retry_document(self, caller: Caller, mark: str, reason: str) -> str:
        """Read a document in quarantine again, now that its cause is mended; and say what came of it."""
        require(caller, "retry_document")
        self._reason(reason)
        try:
            answer = self._door.intake.retry(mark, caller.person.actor, reason)
        except PermanentError as error:
            raise Trouble("not_found", str(error)) from None
        if answer.status == "quarantined":
            why = "; ".join(map(str, answer.problems[:3]))
            raise Trouble("wrong_state", f"it still cannot be taken: {why}")
        return ACTS["retry_document"].done

    def _decide_effect(
        self, sql: Connection, caller: Caller, action: str, case: CaseItem, values: Mapping[str, str]
    ) -> None:
        candidates = {effect.effect_id: effect for effect in effects_of_case(sql, case, caller)}
        chosen = values["effect_id"] or (next(iter(candidates)) if len(candidates) == 1 else "")
        if chosen not in candidates:
            listed = ", ".join(candidates) or "none"
            fault = Fault(where="/effect_id", detail=f"one of the writes of this case: {listed}")
            raise Trouble("bad_value", "say which write is meant", errors=(fault,))
        needless = action == "decide_outcome" and values["found"] == "needless"
        self._handle(caller, chosen, "cancel" if needless else "redeliver", values["reason"])

    def _requeue_of(self, sql: Connection, caller: Caller, case: CaseItem, reason: str) -> None:
        row = sql.execute(
            select(INBOX).where(INBOX.c.status == "quarantined", INBOX.c.subject == case.document).limit(1)
        ).first()
        if row is None:
            raise Trouble("wrong_state", "the message of this case is not set aside any more")
        self._requeue(caller, row, reason)

    def _requeue(self, caller: Caller, row: Any, reason: str) -> None:
        home = "" if row.partition == UNRESOLVED else home_in(row.partition, self._door.partitions)
        self._door.actions.requeue(row.id, caller.person.actor, reason, home=home, document=row.subject)

    # ── separation of duties ────────────────────────────────────────────────────────────────────────────────────

    def _refuse_conflict(self, sql: Connection, caller: Caller, action: str, case: CaseItem) -> None:
        if action in ALWAYS:
            return
        if action == "confirm_bank_change":
            self._refuse_second_confirmation(sql, caller, case.supplier_id)
        if action == "release_hold":
            self._refuse_own_hold(sql, caller, case.supplier_id)
        about = case.supplier_id if action in _ABOUT_SUPPLIERS else case.case_id
        self._refuse_conflict_on(sql, caller, action, (about,), case.entity)

    def _refuse_conflict_on(
        self, sql: Connection, caller: Caller, action: str, subjects: tuple[str, ...], entity: str
    ) -> None:
        """Refuse what does not go with what the caller did on this document, or on what it stands on."""
        around = surroundings(sql, self._door.policy(), self._door.now(), self._door.authors())
        for subject in dict.fromkeys(filter(None, subjects)):
            ruling = ruling_at_door(around, caller.person.actor, action, subject, entity)
            if ruling.refused:
                raise Trouble("same_person", " ".join(ruling.refused))

    def _refuse_second_confirmation(self, sql: Connection, caller: Caller, supplier_id: str) -> None:
        change_id = self._open_change(sql, supplier_id)
        for actor, fact in _told(sql, supplier_id, f.BankChangeConfirmed):
            if fact.change_id == change_id and same_actor(actor, caller.person.actor):
                raise Trouble("same_person", "you have confirmed this change; a second person must confirm it")

    @staticmethod
    def _refuse_own_hold(sql: Connection, caller: Caller, supplier_id: str) -> None:
        held = [actor for actor, _ in _told(sql, supplier_id, f.PaymentsHeld) if is_person(actor)]
        if held and same_actor(held[-1], caller.person.actor):
            raise Trouble("same_person", "you held payments to this supplier; somebody else must release them")

    # ── telling ─────────────────────────────────────────────────────────────────────────────────────────────────

    # ── controls ────────────────────────────────────────────────────────────────────────────────────────────────

    def review_control(self, caller: Caller, name: str, remark: str, nonce: str = "") -> None:
        """Say what was found when a compensating control was reviewed. Only its reviewer can."""
        require(caller, "review_control")
        control = next((one for one in self._door.policy().controls if one.name == name), None)
        if control is None:
            raise Trouble("not_found", f"there is no control {name!r} in the policy")
        if not same_actor(control.reviewer, caller.person.name):
            raise Trouble("same_person", f"the control {name!r} is reviewed by {control.reviewer}")
        if not remark.strip() or len(remark) > REASON_MAX:
            fault = Fault(where="/reason", detail=f"1 to {REASON_MAX:,} characters")
            raise Trouble("bad_value", "say what you looked at and what you found", errors=(fault,))
        person, home = caller.person.actor, f.control_home(name)
        self._offer(
            Message(
                source=SOURCE,
                key=derive(
                    "act", f.ControlReviewed.type, name, person, nonce or uuid4().hex, fingerprint(remark.encode())
                ),
                data=f.ControlReviewed(control=name, remark=remark.strip()),
                home=home,
                subject=home,
                actor=person,
                lane=Lane.CONTROL,
            )
        )

    # ── telling ─────────────────────────────────────────────────────────────────────────────────────────────────

    def _tell(
        self,
        sql: Connection,
        caller: Caller,
        fact: f.Fact,
        subject: str,
        nonce: str,
        *,
        instead: CaseItem | None = None,
    ) -> Answer:
        """Offer a fact about one of our subjects. ``instead``: the case it comes from, where the subject lives too."""
        where = whereabouts(sql, subject, caller.person.reach)
        if where is None and instead is not None:
            where = Whereabouts(
                kind="case",
                subject=subject,
                partition=instead.partition,
                entity=instead.entity,
                correlation=instead.document,
            )
        if where is None:
            raise Trouble("not_found", f"there is nothing under {subject!r}")
        person, told = caller.person.actor, fingerprint(f.encode_fact(fact))
        return self._offer(
            Message(
                source=SOURCE,
                key=derive("act", type(fact).type, subject, person, nonce or uuid4().hex, told),
                data=fact,
                home=home_in(where.partition, self._door.partitions),
                subject=subject,
                entity=where.entity,
                correlation=where.correlation,
                actor=person,
                lane=Lane.CONTROL,
            )
        )

    def _offer(self, message: Message) -> Answer:
        try:
            answer = self._door.intake.offer([message])[0]
        except Full as error:
            raise full(error) from None
        if answer.receipt is Receipt.CONFLICT:
            raise Trouble("key_reused", "the same form was sent before with other content")
        return answer

    @staticmethod
    def _reason(reason: str) -> None:
        if not reason.strip() or len(reason) > REASON_MAX:
            fault = Fault(where="/reason", detail=f"1 to {REASON_MAX:,} characters; kept and shown to auditors")
            raise Trouble("bad_value", "give a reason", errors=(fault,))


#: What is done to the supplier of a case, not to its document.
_ABOUT_SUPPLIERS = ("confirm_bank_change", "reject_bank_change", "hold_payments", "release_hold")


def _told(sql: Connection, correlation: str, kind: type[Any]) -> Iterator[tuple[str, Any]]:
    """Facts of one kind in a correlation, the oldest first, with their actors."""
    rows = sql.execute(
        select(EVENT.c.actor, EVENT.c.data)
        .where(EVENT.c.correlation == correlation, EVENT.c.type == kind.type)
        .order_by(EVENT.c.recorded_at, EVENT.c.position)
    )
    for actor, data in rows:
        yield actor, f.decode_fact(kind.type, data)


def effects_of_case(sql: Connection, case: CaseItem, caller: Caller) -> tuple[EffectItem, ...]:
    """The writes a case is about, that a person can do something with."""
    ids = (case.document,)
    found = {effect.effect_id: effect for effect in open_effects_of(sql, ids, ids, caller.person.reach)}
    found |= {effect.effect_id: effect for effect in effects_by_id(sql, ids, caller.person.reach)}
    return tuple(effect for effect in found.values() if effect.status in ("undecided", "dead", "refused", "held"))


def offered_acts(case: CaseItem, caller: Caller) -> tuple[tuple[Act, bool], ...]:
    """The actions of a case, each with whether this caller has the duty."""
    return tuple((ACTS[name], caller.may(name)) for name in names_of(case))


def names_of(case: CaseItem) -> tuple[str, ...]:
    """The names of the actions of a case; one that offers nothing else can be settled."""
    own = tuple(name for name in case.actions if name in ACTS) or ("settle_case",)
    return (*own, *ALWAYS)
