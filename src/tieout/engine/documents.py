"""From a document to messages: which format it is, whether it proves itself, and what facts it states."""

from collections.abc import Iterator
from typing import Any

from tieout.engine.intake import Delivery, DocumentReader
from tieout.formats.detect import read
from tieout.formats.iso20022.pain002 import StatusReport, to_facts
from tieout.formats.reading import Context
from tieout.kernel.problem import Code, Problem
from tieout.model.documents import BankStatement, GoodsReceipt, Invoice, PurchaseOrder
from tieout.model.events import Message, Ref
from tieout.model.facts import EntriesNotified, Fact, GoodsReceived, InvoiceReceived, OrderPlaced, StatementReceived
from tieout.policy.identifiers import normal_iban
from tieout.policy.policy import Policy

SOURCE = "document"
"""The source of messages that come from documents; their keys begin with the document's SHA-256."""

_BANK = "bank"


def document_reader(policy: Policy) -> DocumentReader:
    """A reader that knows who we are: our tax numbers and our bank accounts."""
    context = Context(
        entities_by_tax_id={
            tax_id: name for name, entity in policy.entities.items() for tax_id in (*entity.tax_ids, name)
        },
        entities_by_iban={entity.iban: name for name, entity in policy.entities.items() if entity.iban},
    )

    def reader(body: bytes, mark: str, name: str, channel: str) -> Delivery:
        reading = read(body, context=context)
        problems = list(reading.diagnostics)
        messages: list[Message] = []
        for number, (about, fact, entity) in enumerate(
            stated for record in reading.records for stated in _facts(record, channel, context, problems)
        ):
            messages.append(
                Message(
                    source=SOURCE,
                    key=f"{mark}/{number}",
                    data=fact,
                    ref=Ref(_BANK, about) if isinstance(about, str) and about else about or None,
                    entity=entity,
                    actor=f"system:{channel}",
                )
            )
        return Delivery(reading.format, tuple(messages), tuple(problems), reading.proof.holds)

    return reader


def _facts(
    record: Any, channel: str, context: Context, problems: list[Problem]
) -> Iterator[tuple[str | Ref, Fact, str]]:
    """What a record states, whom it is about (empty where the fact itself says so), and for which entity."""
    match record:
        case Invoice():
            yield "", InvoiceReceived(invoice=record, channel=channel), record.entity
        case PurchaseOrder():
            yield "", OrderPlaced(order=record), record.entity
        case GoodsReceipt():
            yield "", GoodsReceived(receipt=record), record.entity
        case StatusReport():
            for about, fact in to_facts(record):
                yield about, fact, ""
        case BankStatement(iban=iban):
            if entity := _entity_of(iban, context, problems):
                yield "", StatementReceived(statement=record, entity=entity), entity
        case EntriesNotified(entity=entity):
            yield "", record, entity
        case _:
            kind = type(record).__name__
            problems.append(Problem(Code.UNKNOWN_FORMAT, detail=f"a {kind} is understood but not acted on"))


def _entity_of(iban: str, context: Context, problems: list[Problem]) -> str:
    entity = next((name for own, name in context.entities_by_iban.items() if normal_iban(own) == normal_iban(iban)), "")
    if not entity:
        detail = "the statement is of an account that no entity of the policy has; add its iban there"
        problems.append(Problem(Code.UNKNOWN_ENTITY, "iban", actual=f"…{iban[-4:]}", detail=detail))
    return entity
