"""From a document to messages: which format it is, whether it proves itself, and what facts it states."""

from collections.abc import Callable, Iterator
from itertools import islice
from typing import Any

import msgspec

from tieout.engine.intake import Delivery, DocumentReader
from tieout.formats.containers import BUNDLES, kind_of, unpack
from tieout.formats.detect import UNKNOWN, find
from tieout.formats.format import Format, Head
from tieout.formats.iso20022.pain002 import StatusReport, to_facts
from tieout.formats.reading import Context, Findings
from tieout.formats.source import Source
from tieout.kernel.ids import fingerprint
from tieout.kernel.problem import Code, Problem
from tieout.model.documents import (
    Acknowledgment,
    BankStatement,
    BusinessResponse,
    CancellationAnswer,
    ChangeNotice,
    DespatchAdvice,
    GoodsReceipt,
    Interchange,
    Invoice,
    JournalEntry,
    OrderChange,
    OrderResponse,
    PaymentReturn,
    PurchaseOrder,
    RemittanceAdvice,
    Supplier,
)
from tieout.model.effects import Letter
from tieout.model.events import Message, Ref
from tieout.model.facts import (
    CancellationAnswered,
    ChangeNotified,
    ControlNumberUsed,
    DocumentAnswered,
    EntriesNotified,
    Fact,
    GoodsDespatched,
    GoodsReceived,
    InterchangeAcknowledged,
    InterchangeReceived,
    InvoiceReceived,
    JournalRecorded,
    OrderChanged,
    OrderPlaced,
    OrderResponded,
    RemittanceAdvised,
    ReturnReported,
    StatementReceived,
    SupplierProposed,
    document_home,
    encode_fact,
)
from tieout.policy.identifiers import normal_iban
from tieout.policy.policy import Policy

SOURCE = "document"
"""The source of messages that come from documents; their keys begin with the document's SHA-256."""

BANK = "bank"
"""The system under which the bank's names for our payments are linked."""

MAIL = "eml"
"""The kind of container that a mail is."""

HELD_MAX = 2_000
"""So many messages of one document are held until it has proved itself; a longer one is read a second time."""


def context_of(policy: Policy) -> Context:
    """What readers must know about us: our tax numbers, bank accounts and currencies, and who our partners are."""
    return Context(
        entities_by_tax_id={
            tax_id: name for name, entity in policy.entities.items() for tax_id in (*entity.tax_ids, name)
        },
        entities_by_iban={
            account: name
            for name, entity in policy.entities.items()
            for account in (entity.iban, *entity.accounts)
            if account
        },
        currencies={name: entity.currency for name, entity in policy.entities.items()},
        suppliers_by_id={
            known: partner.tax_id for partner in policy.partners.values() if partner.tax_id for known in partner.ids
        },
    )


#: Reads the headers of a mail.
LetterReader = Callable[[Source], Letter]


def document_reader(policy: Policy, read_letter: LetterReader | None = None) -> DocumentReader:
    """A reader that knows who we are. Without ``read_letter`` mails are opened, and nobody is answered."""
    context = context_of(policy)

    def reader(source: Source, name: str, channel: str) -> Delivery:
        if (kind := kind_of(Head.of(source))) in BUNDLES:
            bundle = _bundle(kind, source, context)
            letter = read_letter(source) if kind == MAIL and read_letter else None
            return msgspec.structs.replace(bundle, letter=letter)
        found = find(source, "", context)
        if isinstance(found, Problem):
            return Delivery(UNKNOWN, (), (found,), False)
        if wrong := wrong_channel(policy, found, channel):
            return Delivery(found.name, (), (wrong,), False)
        return _Reading(found, source, channel, context).delivery()

    return reader


def ruled_reader(policy: Callable[[], Policy], read_letter: LetterReader | None = None) -> DocumentReader:
    """A reader that asks before each document which policy is in force now."""
    kept: tuple[Policy, DocumentReader] | None = None

    def reader(source: Source, name: str, channel: str) -> Delivery:
        nonlocal kept
        ruling = policy()
        if kept is None or kept[0] is not ruling:
            kept = ruling, document_reader(ruling, read_letter)
        return kept[1](source, name, channel)

    return reader


def wrong_channel(policy: Policy, found: Format, channel: str) -> Problem | None:
    """What is wrong with a document of this format coming by this channel."""
    if policy.admits(channel, found.family):
        return None
    return Problem(Code.WRONG_CHANNEL, actual=found.name, detail=f"{found.title} may not come by {channel}")


def _bundle(kind: str, source: Source, context: Context) -> Delivery:
    """An archive or a mail: the documents in it, or why it is not opened."""
    contents = unpack(source, context)
    problems = contents.diagnostics
    if contents.complete and not contents.parts:
        problems = (*problems, Problem(Code.MISSING_FIELD, kind, "a document in it", detail="there is none"))
    parts = tuple((part.name, part.source) for part in contents.parts)
    return Delivery(kind, (), problems, contents.complete and bool(parts), parts=parts)


class _Reading:
    """One document being read; the same again gives the same messages."""

    def __init__(self, format: Format, source: Source, channel: str, context: Context) -> None:
        self.format = format
        self.source = source
        self.channel = channel
        self.context = context
        self.envelopes: list[Interchange] = []
        self.problems: list[Problem] = []

    def delivery(self) -> Delivery:
        """Read it to the end; hold its messages if they are few."""
        findings = Findings()
        messages = self._messages(findings)
        held = tuple(islice(messages, HELD_MAX))
        longer = sum(1 for _ in messages) > 0
        refusals = (*findings.faults(), *self.problems)
        if any(envelope.test for envelope in self.envelopes):
            self.problems.append(A_TEST)
        return Delivery(
            self.format.name,
            held,
            (*findings.diagnostics(), *self.problems),
            findings.proof.holds and not self.problems,
            refusals=refusals,
            gates=tuple(gate for envelope in self.envelopes for gate in self._gates(envelope)),
            envelopes=self._envelopes if self.envelopes else None,
            set_aside=findings.set_aside,
            again=(lambda: self._messages(Findings())) if longer else None,
        )

    def _messages(self, findings: Findings) -> Iterator[Message]:
        """What the document states, one message after the other. Envelopes are set apart."""
        self.envelopes, self.problems = [], []
        number = 0
        for record in self.format.reader(self.source, self.context, findings):
            if isinstance(record, Interchange):
                self.envelopes.append(record)
                continue
            for about, fact, entity in facts_of(record, self.source.mark, self.channel, self.context, self.problems):
                self._check_sender(fact)
                yield self._message(f"{self.source.mark}/{number}", fact, about, entity)
                number += 1

    def _message(self, key: str, fact: Fact, about: Ref | None = None, entity: str = "") -> Message:
        home = subject = ""
        if isinstance(fact, _OF_THE_DOCUMENT):
            home, subject = document_home(self.source.mark), self.source.mark
        return Message(
            source=SOURCE,
            key=key,
            data=fact,
            home=home,
            subject=subject,
            ref=about,
            entity=entity,
            actor=f"system:{self.channel}",
        )

    def _check_sender(self, fact: Fact) -> None:
        """Whoever hands something in on a supplier's page speaks for that supplier only."""
        channel, _, supplier_id = self.channel.partition(".")
        if channel == "portal" and supplier_id and _sender_of(fact) != supplier_id:
            detail = "it is not from the supplier whose account handed it in"
            problem = Problem(Code.WRONG_SUPPLIER, "seller", supplier_id, _sender_of(fact) or "nobody", detail=detail)
            if problem not in self.problems:
                self.problems.append(problem)

    # ── envelopes ───────────────────────────────────────────────────────────────────────────────────────────────

    def _gates(self, envelope: Interchange) -> Iterator[Message]:
        """The control numbers it uses: of the interchange and of its groups, each once a year and partner."""
        levels = [("interchange", envelope.control)]
        levels += [("group", f"{group.kind}/{group.control}") for group in envelope.groups]
        year = envelope.prepared_on.year if envelope.prepared_on else 0
        for level, control in levels:
            fact = ControlNumberUsed(
                standard=envelope.standard,
                sender=envelope.sender,
                receiver=envelope.receiver,
                level=level,
                control=control,
                document=self.source.mark,
            )
            key = f"{envelope.standard}/{envelope.sender}/{envelope.receiver}/{year}/{level}/{control}"
            yield self._message(key, fact)

    def _envelopes(self, refused: tuple[Problem, ...]) -> tuple[Message, ...]:
        """The interchanges, to be acknowledged: as they were read, or refused as a whole."""
        told = []
        for number, envelope in enumerate(self.envelopes):
            whole = envelope.problems or refused
            if whole and not envelope.problems:
                envelope = msgspec.structs.replace(envelope, problems=whole)
            fact = InterchangeReceived(interchange=envelope, channel=self.channel, document=self.source.mark)
            told.append(self._message(f"{self.source.mark}/envelope/{number}/{_digest(fact)}", fact))
        return tuple(told)


A_TEST = Problem(Code.TEST_DOCUMENT, "envelope", detail="it says itself that it is a test; it is only answered")
"""A partner tries out the connection: it is answered as if it counted, and nothing of it is acted on."""


def _digest(fact: Fact) -> str:
    """An envelope that is read otherwise after a mapping was mended is told again."""
    return fingerprint(encode_fact(fact))[:16]


def _sender_of(fact: Fact) -> str:
    """The supplier whose own document it is; nothing for what no supplier can say."""
    match fact:
        case InvoiceReceived(invoice=document) | OrderResponded(response=document) | GoodsDespatched(advice=document):
            return document.supplier_id
        case _:
            return ""


# ── what a record states ───────────────────────────────────────────────────────────────────────────────────────────

#: Facts about the document itself; everything else says what it is about.
_OF_THE_DOCUMENT = (DocumentAnswered, RemittanceAdvised)


def facts_of(
    record: Any, mark: str, channel: str, context: Context, problems: list[Problem]
) -> Iterator[tuple[Ref | None, Fact, str]]:
    """What a record states, whom it is about (nothing where the fact itself says so), and for which entity.

    ``problems`` takes what keeps it from being acted on here, such as an account that is not ours.
    """
    match record:
        case StatusReport():
            for about, fact in to_facts(record):
                yield Ref(BANK, about) if isinstance(about, str) else about, fact, ""
        case BankStatement():
            known = _account(record.iban, context, problems)
            if known:
                statement = msgspec.structs.replace(record, iban=known[0])
                yield None, StatementReceived(statement=statement, entity=known[1]), known[1]
        case EntriesNotified():
            known = _account(record.iban, context, problems)
            if known:
                notified = msgspec.structs.replace(record, iban=known[0], entity=known[1])
                yield None, notified, known[1]
        case Invoice(entity=entity):
            yield None, InvoiceReceived(invoice=record, channel=channel), entity
        case PaymentReturn(payment_ref=payment_ref):
            yield Ref(BANK, payment_ref), ReturnReported(returned=record), ""
        case ChangeNotice(payment_ref=payment_ref):
            yield Ref(BANK, payment_ref), ChangeNotified(notice=record), ""
        case CancellationAnswer():
            # Without the name of a payment it speaks of all payments of the message.
            about = record.payment_ref or record.original_message_id
            yield Ref(BANK, about), CancellationAnswered(answer=record), ""
        case _ if type(record) in _STATES:
            yield None, _STATES[type(record)](record), getattr(record, "entity", "")
        case _:
            kind = type(record).__name__
            problems.append(Problem(Code.UNKNOWN_FORMAT, mark, detail=f"a {kind} is understood but not acted on"))


#: Records that state one fact, which says itself what it is about.
_STATES: dict[type, Callable[[Any], Fact]] = {
    Acknowledgment: lambda record: InterchangeAcknowledged(acknowledgment=record),
    BusinessResponse: lambda record: DocumentAnswered(response=record),
    DespatchAdvice: lambda record: GoodsDespatched(advice=record),
    GoodsReceipt: lambda record: GoodsReceived(receipt=record),
    JournalEntry: lambda record: JournalRecorded(journal=record),
    OrderChange: lambda record: OrderChanged(change=record),
    OrderResponse: lambda record: OrderResponded(response=record),
    PurchaseOrder: lambda record: OrderPlaced(order=record),
    RemittanceAdvice: lambda record: RemittanceAdvised(advice=record),
    Supplier: lambda record: SupplierProposed(supplier=record),
}


def _account(number: str, context: Context, problems: list[Problem]) -> tuple[str, str] | None:
    """The account as the policy names it, and whose it is."""
    for own, entity in context.entities_by_iban.items():
        if normal_iban(own) == normal_iban(number):
            return own, entity
    detail = "the file is about an account that no entity of the policy has; add it to the entity's `accounts`"
    problem = Problem(Code.UNKNOWN_ENTITY, "account", actual=f"…{number[-4:]}", detail=detail)
    if problem not in problems:
        problems.append(problem)
    return None
