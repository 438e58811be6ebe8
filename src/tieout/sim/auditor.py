"""The auditor: looks at what is there when all is quiet, and checks the promise of each layer by itself.

Nothing here trusts the layer it audits. Targets are counted at the target, the log is verified from its bytes, states
are rebuilt, and the rules about money are checked from raw events by code that shares nothing with the processes.
"""

from collections import Counter, defaultdict
from collections.abc import Iterator
from datetime import date

from tieout.engine.delivery import to_effect
from tieout.engine.derived import to_event
from tieout.engine.rebuild import rebuild
from tieout.engine.seal import read_partition, verify
from tieout.engine.stores.port import Receipt
from tieout.engine.stores.rows import EffectRow
from tieout.model.effects import SendPaymentFile
from tieout.model.events import Event
from tieout.model.facts import (
    BankAccountChanged,
    BankChangeConfirmed,
    BankChangeRejected,
    BankChangeRequested,
    DuplicateCleared,
    DutiesRefused,
    InvoiceCancelled,
    InvoiceMatched,
    InvoicePosted,
    InvoiceReceived,
    InvoiceReserved,
    MatchFailed,
    PaymentReleased,
    PaymentsHeld,
    PaymentsReleased,
    RunProposed,
    SupplierActivated,
)
from tieout.sim.play import Play
from tieout.sim.target import Target

FINAL = frozenset({"applied", "refused", "dead", "undecided", "cancelled"})
UNSETTLED = frozenset({"refused", "dead", "undecided"})


def audit(play: Play, events: list[Event]) -> Iterator[str]:
    """Everything that is not as it was promised, in words. ``events`` is the whole log (:func:`read_events`)."""
    effects = {row.id: row for row in play.store.effects([one["id"] for one in play.store.read_table("effect", None)])}
    yield from _messages_kept(play, events)
    yield from _log_sound(play)
    yield from _tables_rebuilt(play)
    yield from _one_document_each(play, effects)
    yield from _effects_explained(play, effects)
    yield from _money_conserved(play)
    yield from _books_agree(play, effects)
    yield from _duties_kept_apart(events)
    yield from _holds_kept(events)
    yield from _nothing_on_hold_taken(events)
    yield from _accounts_confirmed(events)
    yield from _alike_told_apart(events)


def read_events(play: Play) -> Iterator[Event]:
    """The whole log, partition by partition."""
    for partition in sorted(play.store.log_heads()):
        for row in read_partition(play.store, partition):
            yield to_event(row)


# ── the engine ─────────────────────────────────────────────────────────────────────────────────────────────────────


def _messages_kept(play: Play, events: list[Event]) -> Iterator[str]:
    """Every message that was accepted is in the log exactly once, or still in the inbox. One that duties forbade stands
    in the log under a key of its own."""
    refused = {
        (event.source, event.key.removesuffix(f"/refused/{event.actor}"))
        for event in events
        if isinstance(event.data, DutiesRefused)
    }
    logged = Counter((event.source, event.key) for event in events if event.key)
    inbox = {(row["source"], row["key"]) for row in play.store.read_table("inbox", None)}
    accepted = {(one.source, one.key) for one, answer in play.offered if answer.receipt is Receipt.ACCEPTED}
    accepted |= {(one.source, one.key) for target in (play.ap, play.bank, play.close) for one in target.feed}
    for key in sorted(accepted):
        if logged[key] + (key in inbox) != 1 and not (key in refused and not logged[key]):
            yield f"message {key} is {logged[key]} times in the log and {int(key in inbox)} times in the inbox"
    for key, count in logged.items():
        if count > 1:
            yield f"message {key} was handled {count} times"
    if play.pending:
        yield f"{len(play.pending)} messages were never offered"


def _log_sound(play: Play) -> Iterator[str]:
    found = verify(play.store)
    yield from (f"log: partition {one.partition} position {one.position}: {one.what}" for one in found.breaks)
    if not found.checkpoints:
        yield "log: no checkpoint was signed"


def _tables_rebuilt(play: Play) -> Iterator[str]:
    try:
        differences = rebuild(play.store, play.processes).differences
    except Exception as error:
        yield f"the log cannot be folded again: {error!r}"
        return
    for one in differences:
        yield f"{one.table} {one.key}: stored {one.stored}, but the log says {one.rebuilt}"


def _targets(play: Play) -> dict[str, Target]:
    return {"erp": play.erp, "ap": play.ap, "bank": play.bank, "close": play.close}


def _one_document_each(play: Play, effects: dict[str, EffectRow]) -> Iterator[str]:
    """A target holds one document per business key that was applied, none that was not asked, none that was refused."""
    for name, target in _targets(play).items():
        asked = {(row.operation, row.key): row for row in effects.values() if row.connector == name}
        for key, documents in target.documents.items():
            if len(documents) != 1:
                yield f"{name} holds {len(documents)} documents for {key}"
            row = asked.get(key)
            if row is None:
                yield f"{name} holds {key}, which nobody asked for"
            elif row.status not in ("applied", "undecided"):
                yield f"{name} holds {key}, but we say {row.status}"
            elif to_effect(row).payload != documents[0].effect.payload:
                yield f"{name} holds something else for {key} than what was asked"
        for key, row in asked.items():
            if row.status == "applied" and key not in target.documents:
                yield f"{name} does not hold {key}, but we say applied"


def _effects_explained(play: Play, effects: dict[str, EffectRow]) -> Iterator[str]:
    """Every effect came to an end, waits for one that did not, or somebody has a case about it."""
    cases = {row["document"] for row in play.store.read_table("view_case", None) if row["status"] == "open"}
    for row in effects.values():
        if row.status == "parked":
            before = effects.get(row.after)
            if before is not None and before.status == "applied":
                yield f"{row.connector} {row.operation} {row.key} is parked behind {row.after}, which is applied"
        elif row.status not in FINAL:
            yield f"{row.connector} {row.operation} {row.key} is {row.status}: {row.error}"
        elif row.status in UNSETTLED and row.operation != SendPaymentFile.operation:
            shared = f"{row.connector}/{row.operation}/{row.subject}"
            if not {row.id, row.subject, row.key, shared} & cases:
                yield f"{row.connector} {row.operation} {row.key} is {row.status} and nobody has a case about it"


# ── money ──────────────────────────────────────────────────────────────────────────────────────────────────────────


def _money_conserved(play: Play) -> Iterator[str]:
    """What left the bank is what our payments say; nothing left twice; nothing was paid twice."""
    bank = play.bank
    payments = {row["subject"]: row for row in play.store.read_table("view_payment", None)}
    paid: Counter[str] = Counter()
    for payment_id, debits in bank.debits.items():
        row = payments.get(payment_id)
        if row is None or len(debits) != 1 or debits[0].minor != row["amount_minor"]:
            yield f"the bank debited {payment_id} {len(debits)} times for {debits}; ours: {row}"
            continue
        expected = "returned" if payment_id in bank.returns else "booked"
        if row["status"] != expected:
            yield f"the bank says {payment_id} is {expected}, we say {row['status']}"
        paid[row["invoice_id"]] += expected == "booked"
    for payment_id, row in payments.items():
        if row["status"] in ("booked", "returned") and payment_id not in bank.debits:
            yield f"we say {payment_id} is {row['status']}, but the bank never debited it"
        if row["status"] in ("released", "claimed"):
            yield f"{payment_id} is still {row['status']} although every statement was told"
    yield from (f"invoice {invoice} was paid {count} times" for invoice, count in paid.items() if count > 1)
    booked = sum(row["amount_minor"] for row in payments.values() if row["status"] in ("booked", "returned"))
    left = sum(debit.minor for debits in bank.debits.values() for debit in debits)
    if booked != left:
        yield f"the bank debited {left}, our payments say {booked}"


def _books_agree(play: Play, effects: dict[str, EffectRow]) -> Iterator[str]:
    """The ERP's open items are ours, item by item, and its cash is the bank's, once every write has landed."""
    if any(row.connector == "erp" and row.status != "applied" for row in effects.values()):
        return
    ours = {
        row["item"]: row["amount_minor"]
        for row in play.store.read_table("standing", None)
        if row["name"] == "payable" and row["amount_minor"]
    }
    theirs = {invoice: minor for invoice, minor in play.erp.payable.items() if minor}
    for invoice in sorted(ours.keys() | theirs.keys()):
        if ours.get(invoice) != theirs.get(invoice):
            yield f"we owe {ours.get(invoice, 0)} on {invoice}, the ERP says {theirs.get(invoice, 0)}"
    movement = play.bank.balance.minor - play.bank.opening.minor
    if play.erp.cash != movement:
        yield f"the ERP booked {play.erp.cash} of statements, the bank moved {movement}"


# ── duties and holds, from raw events ──────────────────────────────────────────────────────────────────────────────


def _duties_kept_apart(events: list[Event]) -> Iterator[str]:
    proposers = {event.subject: event.actor for event in events if isinstance(event.data, RunProposed)}
    for event in events:
        match event.data:
            case PaymentReleased(payment=payment, released_by=person) if person == proposers.get(payment.run_id):
                yield f"{payment.payment_id} was released by {person}, who proposed it"
            case _:
                pass


def _nothing_on_hold_taken(events: list[Event]) -> Iterator[str]:
    """No payment takes an invoice whose last verdict put it on hold."""
    held: set[str] = set()
    for event in events:
        match event.data:
            case MatchFailed(on_hold=holds) if holds:
                held.add(event.subject)
            case MatchFailed() | InvoiceMatched() | InvoiceCancelled():
                held.discard(event.subject)
            case InvoiceReserved(payment_id=payment_id) if event.subject in held:
                yield f"{payment_id} took {event.subject}, which is on hold"
            case _:
                pass


def _holds_kept(events: list[Event]) -> Iterator[str]:
    """Nothing is released to a supplier on hold. Every supplier's events stand in one partition, in order."""
    holds: defaultdict[str, dict[str, str]] = defaultdict(dict)
    for event in events:
        match event.data:
            case BankChangeRequested(supplier_id=supplier_id, change_id=change_id):
                holds[supplier_id] = {key: by for key, by in holds[supplier_id].items() if not key} | {change_id: "-"}
            case PaymentsHeld(supplier_id=supplier_id, change_id=""):
                holds[supplier_id].setdefault("", event.actor)
            case PaymentsReleased(supplier_id=supplier_id, change_id="") if event.actor.startswith("person:"):
                if holds[supplier_id].get("") != event.actor:
                    holds[supplier_id].pop("", None)
            case PaymentsReleased(supplier_id=supplier_id, change_id=change_id):
                holds[supplier_id].pop(change_id, None)
            case PaymentReleased(payment=payment) if event.subject == payment.payment_id:
                if holds[payment.supplier_id]:
                    yield f"{event.subject} was released although {payment.supplier_id} is on hold"
            case _:
                pass


def _accounts_confirmed(events: list[Event]) -> Iterator[str]:
    """Money goes only to an account that came with the supplier, or that two people other than the requester
    confirmed and nobody rejected."""
    accounts: dict[str, str] = {}
    requests: dict[str, tuple[str, str]] = {}
    confirmed: defaultdict[str, set[str]] = defaultdict(set)
    for event in events:
        match event.data:
            case SupplierActivated(supplier=supplier):
                iban = supplier.bank_account.iban if supplier.bank_account else ""
                if accounts.setdefault(supplier.supplier_id, iban) != iban:
                    yield f"the account of {supplier.supplier_id} changed without a bank change"
            case BankChangeRequested(change_id=change_id, account=account):
                if requests.get(change_id, ("", account.iban))[1] == account.iban:
                    requests.setdefault(change_id, (event.actor, account.iban))
            case BankChangeConfirmed(change_id=change_id):
                confirmed[change_id].add(event.actor)
            case BankChangeRejected(change_id=change_id):
                confirmed[change_id].clear()
            case BankAccountChanged(change_id=change_id, supplier=supplier):
                requester, iban = requests.get(change_id, ("", ""))
                if len(confirmed[change_id] - {requester}) < 2:
                    yield f"{change_id} was confirmed by {sorted(confirmed[change_id])} only"
                if supplier.bank_account is None or supplier.bank_account.iban != iban:
                    yield f"{change_id} changed the account to another than was confirmed"
                accounts[supplier.supplier_id] = iban
            case PaymentReleased(payment=payment) if event.subject == payment.payment_id:
                if payment.creditor.iban != accounts.get(payment.supplier_id):
                    yield f"{event.subject} was released to an account nobody confirmed"
            case _:
                pass


def _alike_told_apart(events: list[Event]) -> Iterator[str]:
    """Of invoices with one number, date and amount at most one is posted, unless a person has told another from it."""
    posted = {event.subject for event in events if isinstance(event.data, InvoicePosted)}
    cleared = {event.subject for event in events if isinstance(event.data, DuplicateCleared)}
    alike: defaultdict[tuple[str, date, int, str], set[str]] = defaultdict(set)
    for event in events:
        match event.data:
            case InvoiceReceived(invoice=one) if event.subject in posted:
                alike[one.number, one.issued_on, one.gross.minor, one.kind].add(event.subject)
            case _:
                pass
    for (number, *_), invoices in alike.items():
        if len(invoices - cleared) > 1:
            yield f"{number} was posted {len(invoices)} times, and nobody told one from another: {sorted(invoices)}"
