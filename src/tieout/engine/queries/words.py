"""Events, writes and statuses in the words of the people who read them."""

from collections.abc import Sequence

from msgspec import Struct

from tieout.kernel.problem import Problem
from tieout.model import facts as f
from tieout.model.verdict import AssignedLine
from tieout.policy.cases import CASE_RULES


class Words(Struct, frozen=True):
    """What happened, in a line, and what there is to say about it."""

    headline: str
    detail: str = ""


def told(problems: Sequence[Problem]) -> str:
    """Problems in one line."""
    return "; ".join(str(problem) for problem in problems)


def count(number: int, one: str, many: str = "") -> str:
    """A number with its noun: ``1 payment``, ``3 payments``."""
    return f"{number:,} {one if number == 1 else many or one + 's'}"


def say(fact: f.Fact) -> Words:
    """A fact in words."""
    return _supplier(fact) or _invoice(fact) or _payment(fact) or _rest(fact) or plain(fact.type)


def plain(type_name: str) -> Words:
    """What can be said of a fact whose content is not at hand: its name."""
    return Words(type_name.split(".")[-1].replace("_", " ").capitalize())


def _supplier(fact: f.Fact) -> Words | None:
    match fact:
        case f.SupplierProposed(supplier=supplier):
            return Words(f"Supplier {supplier.name} proposed", f"tax registration {supplier.tax_id}")
        case f.SupplierActivated(supplier=supplier):
            return Words(f"Supplier {supplier.name} is valid", "its record goes to every system")
        case f.SupplierRefused(problems=problems):
            return Words("Supplier record refused", told(problems))
        case f.BankChangeRequested(channel=channel):
            return Words("Change of bank account asked for", f"through {channel}" if channel else "")
        case f.BankChangeConfirmed(evidence=evidence):
            return Words("Bank change confirmed by one person", evidence)
        case f.BankChangeRejected(reason=reason):
            return Words("Bank change rejected; the old account stays", reason)
        case f.BankAccountChanged():
            return Words("Bank account changed", "two different people confirmed it")
        case f.PaymentsHeld(reason=reason):
            return Words("Payments to the supplier held", reason)
        case f.PaymentsReleased(reason=reason):
            return Words("Payments to the supplier released", reason)
        case f.OrderPlaced(order=order):
            lines = count(len(order.lines), "line")
            return Words(f"Order {order.order_id} placed", f"{lines}, {order.currency}")
        case f.GoodsReceived(receipt=receipt):
            lines = count(len(receipt.lines), "line")
            return Words(f"{_RECEIPTS[receipt.kind]} {receipt.order_id}", f"{receipt.receipt_id}, {lines}")
        case f.OrderResponded(response=response):
            return Words(f"The supplier answers order {response.order_id}: {response.status}", response.note)
        case f.OrderChanged(change=change):
            what = "cancelled" if change.cancelled else "changed"
            return Words(f"Order {change.order_id} {what}", f"by change {change.change_id}")
        case f.GoodsDespatched(advice=advice):
            expected = f"expected on {advice.expected_on}" if advice.expected_on else ""
            return Words(f"Goods of order {advice.order_id} have left, {advice.despatch_id}", expected)
        case f.OrderLineClosed(order_id=order, line_id=line, reason=reason):
            return Words(f"Line {line} of order {order} closed", reason)
        case f.OrderLineReopened(order_id=order, line_id=line, reason=reason):
            return Words(f"Line {line} of order {order} opened again", reason)
        case f.CreditDue(receipt_id=receipt_id):
            return Words(f"The credit note for return {receipt_id} should have come")
        case f.SettlementRequested(order_id=order, through=through):
            return Words("Settlement asked for", f"order {order}, through {through}")
        case f.SettlementDue(through=through):
            return Words("Settlement due", f"for what came until {through}")
        case f.SelfBillDrafted(invoice=invoice, through=through, note=note):
            until = f"for what came until {through}" if through else ""
            return Words(
                "We bill ourselves for what was received", "; ".join(filter(None, (str(invoice.gross), until, note)))
            )
    return None


def _invoice(fact: f.Fact) -> Words | None:
    match fact:
        case f.InvoiceReceived(invoice=invoice, channel=channel):
            kind = "Credit note" if invoice.sign < 0 else "Invoice"
            return Words(f"{kind} {invoice.number} received", f"{invoice.gross} through {channel}")
        case f.InvoiceAdmitted(apart=apart) if apart:
            return Words("Goes on", f"a claim of its own beside {', '.join(apart)}")
        case f.InvoiceAdmitted(compared=compared, explained=explained):
            alike = "; ".join(f"{one.printed} looks like it: {one.explained}" for one in explained)
            return Words("Is like no other invoice", alike or (f"compared with {compared}" if compared else ""))
        case f.DuplicateStopped(first_invoice_id=first):
            return Words("Stopped as a duplicate", f"of {first}")
        case f.DuplicateSuspected(candidates=candidates):
            alike = "; ".join(f"{one.printed}: {one.reason} ({one.score} of 100)" for one in candidates)
            return Words("Looks like another invoice", alike)
        case f.DuplicateCleared(reason=reason):
            return Words("Found to be no duplicate", reason)
        case f.DuplicateOverruled(reason=reason):
            return Words("Found to be no duplicate by a manager", reason)
        case f.LookalikeLearnt(lookalike=taught):
            every = f"every {taught.interval_days} days" if taught.interval_days else "on the same day"
            return Words("Comes again", f"{every}, counts until {taught.until}")
        case f.ComparisonDue(reason=reason):
            return Words("Compared again", reason)
        case f.PostingDue():
            return Words("Compared once more before it is posted")
        case f.InvoiceValidated():
            return Words("Valid", "supplier, entity, currency and sums are right")
        case f.InvoiceFoundInvalid(problems=problems):
            return Words("Not valid as it is", told(problems))
        case f.RecheckRequested(reason=reason):
            return Words("Looked at again", reason)
        case f.LinesAssigned(assignments=chosen, reason=reason):
            lines = ", ".join(f"line {one.line_id}: order {one.order_id} line {one.order_line_id}" for one in chosen)
            return Words("Order lines chosen", "; ".join(part for part in (lines, reason) if part))
        case f.InvoiceMatched(verdict=verdict, released=released):
            orders = sorted({allocation.order_id for allocation in verdict.allocations})
            parts = [f"with order {', '.join(orders)}"] if orders else []
            parts += [f"on hold no more ({', '.join(released)})"] if released else []
            return Words("Matched", "; ".join((*parts, *map(_found_line, verdict.assigned))))
        case f.MatchFailed(verdict=verdict, on_hold=holds) if holds:
            return Words(f"Does not match; goes on, on hold ({', '.join(holds)})", told(verdict.problems))
        case f.MatchFailed(verdict=verdict):
            waits = "Waits for a receipt" if verdict.waits_for_receipt else "Does not match"
            return Words(waits, told(verdict.problems))
        case f.VarianceAccepted(reason=reason):
            return Words("Variance accepted", reason)
        case f.ApprovalDecided(approved=approved, approver=approver, reason=reason):
            return Words(f"{'Approved' if approved else 'Approval denied'} by {approver}", reason)
        case f.ApprovalDue():
            return Words("Is it approved yet?")
        case f.InvoicePosted(posting=posting):
            return Words(
                f"Posted as {posting.number}",
                f"read back: {posting.gross} on {posting.posted_on} in period {posting.period}",
            )
        case f.PrepaymentPaid(amount=amount):
            return Words(f"{amount} paid in advance", "later invoices set it off")
        case f.PrepaymentSetOff(amount=amount):
            return Words(f"{amount} that was paid in advance is set off")
        case f.HoldsReported(holds=holds):
            return Words("The ERP tells its holds", ", ".join(holds) or "none")
        case f.HoldsCompared(dialect=dialect, predicted=predicted, actual=actual):
            agree = "as predicted" if set(predicted) == set(actual) else "not as predicted"
            told_of = (
                f"predicted for {dialect}: {', '.join(predicted) or 'none'}; placed: {', '.join(actual) or 'none'}"
            )
            return Words(f"Holds of the ERP are {agree}", told_of)
        case f.PostingFailed(problems=problems):
            return Words("Posting refused", told(problems))
        case f.InvoiceCancelled(reason=reason):
            return Words("Cancelled", reason)
        case f.MatchReleased():
            return Words("What it billed may be billed again")
        case f.InvoiceReserved(payment_id=payment):
            return Words("Taken into a payment run", f"payment {payment}")
        case f.LiabilityReopened(reason=reason):
            return Words("Open again", reason)
        case f.InvoicePaid(booked_on=day):
            return Words("Paid", f"the bank booked it on {day}")
        case f.InvoiceClosed():
            return Words("Closed", "every system has been told and holds it so")
    return None


def _found_line(line: AssignedLine) -> str:
    """Why a line that names no order line bills this one."""
    why = ", ".join(f"{one.name} {one.points}" for one in line.choice.components)
    told = f"line {line.line_id} was found to bill {line.choice} ({why})"
    return f"{told}: {line.rule}" if line.rule else told


def _payment(fact: f.Fact) -> Words | None:
    match fact:
        case f.RunProposed(items=items, execute_on=day):
            return Words("Payment run proposed", f"{count(len(items), 'invoice')} to be paid on {day}")
        case f.PaymentRequested(run_id=run):
            return Words("Payment asked for", f"by run {run}")
        case f.PaymentReserved(payment=payment):
            return Words("Payment ready", f"{payment.amount} to {payment.creditor.holder}")
        case f.PaymentWithheld(problems=problems):
            return Words("Payment withheld", told(problems))
        case f.RunReady(count=number, total=total):
            return Words("Run ready for release", f"{count(number, 'payment')}, {total}")
        case f.RunReleaseRequested():
            return Words("Release asked for")
        case f.RunReleaseRefused(problems=problems):
            return Words("Release refused", told(problems))
        case f.PaymentReleaseRequested(released_by=person):
            return Words("Last look before the money leaves", f"released by {person}")
        case f.PaymentReleased(payment=payment):
            return Words("Payment released", str(payment.amount))
        case f.RunReleased(run=run):
            return Words("Run released", f"{count(len(run.payments), 'payment')} go to the bank in one file")
        case f.RunCancelled(reason=reason):
            return Words("Run cancelled", reason)
        case f.RunCancelRequested(reason=reason):
            return Words("Run called off", reason)
        case f.PaymentCancelRequested(reason=reason):
            return Words("Payment called off with its run", reason)
        case f.RunDelivered(reference=reference):
            return Words("The bank's server holds the file", reference)
        case f.PaymentStatusReported(status=status, reason=reason) | f.RunStatusReported(status=status, reason=reason):
            return Words(f"Bank reports {status}", reason)
        case f.PaymentStatusNoted(status=status, reason=reason):
            return Words(f"The bank said {status}: noted", reason)
        case f.PaymentClaimed(status=status):
            return Words("The bank accepts it", f"status {status}: a claim, not proof")
        case f.PaymentRejected(status=status, reason=reason):
            return Words("The bank rejected it", " ".join(filter(None, (status, reason))))
        case f.PaymentEntryBooked(entry=entry, statement_id=statement):
            return Words("Booked on a statement", f"{entry.amount} on {entry.booked_on}, statement {statement}")
        case f.PaymentProofHeld(entry=entry, told_by=teller):
            detail = f"{entry.amount} on {entry.booked_on} was told by {teller}, who proposed or released this payment"
            return Words("Proof waits for somebody else", detail)
        case f.PaymentProofDecided(confirmed=confirmed, reason=reason):
            return Words("The bank shows the entry" if confirmed else "The bank shows no such entry", reason)
        case f.PaymentProofTaken(entry=entry, told_by=teller):
            return Words("Proof confirmed", f"{entry.amount} on {entry.booked_on}, told by {teller}")
        case f.PaymentBooked(entry=entry):
            return Words("Payment booked", f"{entry.amount} left the account on {entry.booked_on}")
        case f.PaymentReturned(entry=entry, reason=reason):
            return Words("Payment came back", f"{entry.amount}: {reason}")
    return None


def _rest(fact: f.Fact) -> Words | None:
    return _close(fact) or _partner(fact) or _engine(fact)


def _partner(fact: f.Fact) -> Words | None:
    match fact:
        case f.ReturnReported(returned=returned):
            reason = f"{returned.reason_code} {returned.reason}".strip()
            return Words("The bank says that it came back", f"{returned.amount}: {reason}")
        case f.ChangeNotified(notice=notice):
            return Words("The bank says that the payee's details are wrong", f"{notice.change_code} {notice.meaning}")
        case f.CancellationAnswered(answer=answer):
            return Words(f"The bank answers our cancellation: {answer.status}", answer.reason)
        case f.ControlNumberUsed(level=level, control=control):
            return Words(f"Control number {control} of the {level} used")
        case f.InterchangeReceived(interchange=interchange):
            refused = sum(not part.accepted for part in interchange.parts)
            what = "refused" if interchange.problems else f"{refused} refused" if refused else "taken"
            return Words(f"Interchange {interchange.control} received", f"{len(interchange.parts)} messages, {what}")
        case f.InterchangeAcknowledged(acknowledgment=answer):
            return Words(f"The partner acknowledges: {answer.status}", told(answer.problems))
        case f.SendRequested(kind=kind, about=about):
            return Words(f"{kind} to be sent", about)
        case f.InterchangeSent(control=control, due_at=moment):
            due = f"to be acknowledged by {moment:%Y-%m-%d %H:%M} UTC" if moment else ""
            return Words(f"Sent as interchange {control}", due)
        case f.AcknowledgmentDue(control=control):
            return Words(f"Interchange {control} should be acknowledged by now")
        case f.DocumentAnswered(response=response):
            about = f"{response.about_kind} {response.about_number}".strip()
            return Words(f"The partner answers {about}: {response.status}", " ".join(response.reasons))
        case f.RemittanceAdvised(advice=advice):
            return Words("Remittance advised", f"{advice.amount} for {count(len(advice.lines), 'document')}")
        case f.DocumentQuarantined(name=name, problems=problems):
            return Words(f"{name} waits in quarantine", told(problems))
        case f.DocumentHandedIn(name=name):
            return Words("Document handed in by a person", name)
        case f.DocumentRead(format=format_name, facts=number):
            return Words(f"Read after all, as {format_name}", count(number, "fact"))
        case f.JournalRecorded(journal=journal):
            return Words(f"The ledger holds journal entry {journal.journal_id}", journal.text)
    return None


def _close(fact: f.Fact) -> Words | None:
    match fact:
        case f.StatementReceived(statement=statement):
            return Words(
                f"Statement {statement.statement_id} received",
                f"{count(len(statement.entries), 'entry', 'entries')}, closing balance {statement.closing}",
            )
        case f.StatementAccepted(statement_id=statement):
            return Words(f"Statement {statement} continues the one before")
        case f.StatementOverruled(statement=statement, loaded_by=loaded_by):
            told_otherwise = f"{loaded_by} had loaded another content under this number"
            return Words(f"The bank's own statement {statement.statement_id} counts", told_otherwise)
        case f.StatementGapFound(statement_id=statement, problems=problems):
            return Words(f"Statement {statement} leaves a gap", told(problems))
        case f.GapAccepted(statement_id=statement, reason=reason):
            return Words(f"Gap before statement {statement} accepted", reason)
        case f.EntryUnmatched(entry=entry):
            return Words("An entry explains no payment of ours", f"{entry.amount} {entry.counterparty}")
        case f.EntryExplained():
            return Words("An unmatched entry was explained")
        case f.EntriesNotified(entries=entries):
            return Words("Bank notified entries", count(len(entries), "entry", "entries"))
        case f.PeriodOpened(period=period):
            return Words(f"Period {period} opened for closing")
        case f.TaskChanged(task=task):
            return Words(f"Close task {task.name}", "done" if task.done else "not done")
        case f.StandingChanged(changes=changes):
            return Words("Counts changed", ", ".join(f"{name} {change:+d}" for name, change in changes.items()))
        case f.SourceObserved(system=system, observed_at=moment):
            return Words(f"{system} was read", f"up to {moment:%Y-%m-%d %H:%M} UTC")
        case f.TotalsCompared(pair=pair, left=left, right=right):
            agree = (left.count, left.sum_minor, left.set_hash) == (right.count, right.sum_minor, right.set_hash)
            return Words(f"{pair} compared", "they agree" if agree else "they differ")
        case f.EvaluationDue(period=period):
            return Words(f"Period {period} looked at again")
        case f.PeriodReady():
            return Words("Period is ready")
        case f.PeriodNotReady(blockers=blockers):
            return Words("Period is not ready", ", ".join(f"{name} {number}" for name, number in blockers.items()))
        case f.AccrualRequested(order_id=order, period=period):
            return Words("Accrual asked for", f"order {order}, period {period}")
        case f.AccrualProposed(journal=journal):
            return Words("Accrual proposed", f"journal entry {journal.journal_id} with its reversal")
        case f.AccrualPosted(number=number):
            return Words(f"Accrual posted as {number}")
    return None


_RECEIPTS = {
    "receipt": "Goods received on order",
    "inspection": "Goods inspected of order",
    "withdrawal": "Goods withdrawn from the consignment of order",
    "delivery": "Delivery proved of order",
    "return": "Goods sent back of order",
}
_OUTCOMES = {
    "applied": "holds it",
    "refused": "refused it",
    "unknown": "gave no answer",
    "undecided": "gave no answer, and only a person can find out",
    "dead": "could not be reached; given up",
}


def _engine(fact: f.Fact) -> Words | None:
    match fact:
        case f.EffectSettled(connector=connector, operation=operation, outcome=outcome):
            detail = " ".join(filter(None, (outcome.reference, told(outcome.problems))))
            end = _OUTCOMES.get(outcome.status, outcome.status)
            return Words(f"{write_name(operation)}: {connector} {end}", detail)
        case f.EffectHandled(connector=connector, operation=operation, action=action, reason=reason):
            return Words(f"{write_name(operation)} to {connector} {action} by hand", reason)
        case f.CaseOpened(case=case):
            return Words(f"Case opened: {CASE_RULES[case.case_class].title}", case.reason)
        case f.CaseSettled(resolution=resolution):
            return Words("Case settled", resolution)
        case f.CaseAssigned(assignee=assignee):
            return Words(f"Case given to {assignee}")
        case f.CaseCommented(text=text):
            return Words("Remark", text)
        case f.CaseRouted(owner=owner, assignee=assignee, severity=severity, due_at=due_at, rule=rule, why=why):
            to = f"{assignee} ({owner})" if assignee else owner
            detail = f"{severity}, to be worked by {due_at:%Y-%m-%d %H:%M} UTC. By rule: {rule}."
            return Words(f"Case goes to {to}", f"{detail} {why}".strip())
        case f.CaseDue():
            return Words("Is it worked yet?")
        case f.CaseEscalated(owner=owner, assignee=assignee, severity=severity, why=why):
            to = f"{assignee} ({owner})" if assignee else owner
            return Words(f"Case escalated to {to}", f"{severity} now: {why}")
        case f.CaseAttached(name=name, size=size):
            return Words(f"File added: {name}", f"{size:,} bytes")
        case f.CaseAsked(question=question):
            return Words("The supplier was asked", question)
        case f.CaseAnswered(answer=answer):
            return Words("The supplier answered", answer)
        case f.MessageQuarantined(error=error):
            return Words("A message was set aside", error)
        case f.MessageRequeued(reason=reason):
            return Words("A message was sent on its way again", reason)
        case f.DutiesRefused(action=action, reasons=reasons):
            return Words(f"Does not count: {action.replace('_', ' ')}", " ".join(reasons))
        case f.DutiesCompensated(controls=controls):
            return Words(f"Allowed under {', '.join(controls)}", "duties that conflict met in one hand")
        case f.AbsenceStated(person=person, by=by, since=since, until=until, reason=reason):
            return Words(f"{person} is away from {since} to {until}, and {by} stands in", reason)
        case f.AbsenceTakenBack(reason=reason):
            return Words("An absence was taken back", reason)
        case f.AbsenceRefused(reason=reason):
            return Words("Does not count: an absence", reason)
        case f.ControlReviewed(control=control, remark=remark):
            return Words(f"Control {control} reviewed", remark)
        case f.CheckpointSigned():
            return Words("Checkpoint signed")
    return None


_WRITES = {
    "upsert_supplier": "Supplier record",
    "create_order": "Order",
    "record_receipt": "Goods receipt",
    "post_invoice": "Posting",
    "submit_invoice": "Invoice for approval",
    "report_posting": "Word of the posting",
    "report_payment": "Word of the payment",
    "record_payment": "Payment in the ledger",
    "record_return": "Return in the ledger",
    "book_statement": "Bank statement",
    "send_payment_file": "Payment file",
    "post_journal": "Journal entry",
    "report_readiness": "Word of readiness",
    "send_document": "Document to a partner",
}


def write_name(operation: str) -> str:
    """The name of a kind of write, for people."""
    return _WRITES.get(operation, operation.replace("_", " ").capitalize())


_EFFECT_STATUSES = {
    "ready": "waits to be sent",
    "parked": "waits for another write",
    "leased": "being sent",
    "probing": "being looked up",
    "applied": "applied",
    "refused": "refused: the target holds nothing",
    "unknown": "outcome unknown: being found out",
    "undecided": "outcome unknown: a person has to find out",
    "held": "held",
    "dead": "given up",
    "cancelled": "cancelled",
    "compensated": "compensated",
}


def effect_status(status: str) -> str:
    """The status of a write, for people."""
    return _EFFECT_STATUSES.get(status, status.replace("_", " "))
