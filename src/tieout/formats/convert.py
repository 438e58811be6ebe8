"""From canonical records to documents, and canonical JSON in between: what `tieout convert` does.

Canonical JSON is ``{"tieout": 1, "records": [{"record": "Invoice", "data": {…}}]}``; the data are the fields of the
types in ``model/documents.py`` (see ``docs/facts.md``). A writer takes records of one kind and, where the document says
more than they do (who sends it to whom, how a bank knows us), settings of its own.
"""

from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Any

import msgspec
from msgspec import Struct

from tieout.formats.ach.write import Originator
from tieout.formats.ach.write import write as write_ach
from tieout.formats.bacs.write import ServiceUser
from tieout.formats.bacs.write import write as write_bacs
from tieout.formats.edifact.write import write_contrl, write_remadv
from tieout.formats.einvoice.response import write_invoice_response
from tieout.formats.einvoice.ubl_write import Parties, unwritable, write_ubl
from tieout.formats.iso20022 import pain001
from tieout.formats.iso20022.camt_cancellation import CancellationRequest, write_camt_056
from tieout.formats.ledger.journal_csv import write_journals
from tieout.formats.ledger.saft_write import Ledger, write_saft
from tieout.formats.outgoing import Envelope
from tieout.formats.positive_pay.layout import parse, sample
from tieout.formats.positive_pay.write import Check
from tieout.formats.positive_pay.write import write as write_checks
from tieout.formats.procurement.ubl.write import Party, write_order
from tieout.formats.reading import COMMA
from tieout.formats.tables import write_invoices, write_orders, write_receipts
from tieout.formats.written import Written
from tieout.formats.x12.acknowledge import write_997, write_999
from tieout.formats.x12.write import write_820, write_850
from tieout.kernel.problem import Code, Problem
from tieout.model import documents as d

VERSION = 1


# ── canonical JSON ─────────────────────────────────────────────────────────────────────────────────────────────────


class _Entry(Struct, frozen=True, forbid_unknown_fields=True):
    record: str
    data: msgspec.Raw


class _File(Struct, frozen=True, forbid_unknown_fields=True):
    tieout: int
    records: tuple[_Entry, ...]


#: The records that canonical JSON may hold, by name.
RECORDS: dict[str, type[Struct]] = {
    kind.__name__: kind
    for kind in (
        *(d.Acknowledgment, d.BankStatement, d.BusinessResponse, d.CancellationAnswer, d.ChangeNotice),
        *(d.DespatchAdvice, d.GoodsReceipt, d.Interchange, d.Invoice, d.JournalEntry, d.OrderChange, d.OrderResponse),
        *(d.PaymentReturn, d.PaymentRun, d.PurchaseOrder, d.RemittanceAdvice, d.Supplier),
        *(CancellationRequest, Check),
    )
}


def to_json(records: Sequence[Struct]) -> bytes:
    """Records as canonical JSON, indented for people; the same records give the same bytes."""
    listed = [{"record": type(record).__name__, "data": record} for record in records]
    encoded = msgspec.json.encode({"tieout": VERSION, "records": listed})
    return msgspec.json.format(encoded, indent=2) + b"\n"


def from_json(body: bytes) -> tuple[Struct, ...] | Problem:
    """The records in canonical JSON, or what is wrong with it and where."""
    try:
        file = msgspec.json.decode(body, type=_File)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        return Problem(Code.UNREADABLE, detail=f"this is not canonical JSON: {error}")
    found = []
    for number, entry in enumerate(file.records, start=1):
        kind = RECORDS.get(entry.record)
        if kind is None:
            return Problem(Code.BAD_VALUE, f"records, {number}", ", ".join(RECORDS), entry.record)
        try:
            found.append(msgspec.json.decode(entry.data, type=kind))
        except (msgspec.DecodeError, ValueError, RecursionError) as error:
            return Problem(Code.BAD_VALUE, f"records, {number}", f"a {entry.record}", detail=str(error))
    return tuple(found)


# ── writers ────────────────────────────────────────────────────────────────────────────────────────────────────────


class Partners(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """From whom to whom an interchange goes, and under which control number."""

    sender: str
    receiver: str
    control: str
    sender_qualifier: str = ""
    receiver_qualifier: str = ""
    test: bool = False

    def envelope(self, at: datetime) -> Envelope:
        """The envelope of an interchange made at this moment."""
        return Envelope(prepared_at=at, **msgspec.structs.asdict(self))


class Names(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The names of both sides."""

    buyer_name: str
    seller_name: str


class Sides(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Both sides of an order."""

    buyer: Party
    seller: Party


class Paying(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The profile of a payment file (``docs/payments.md``) and its version; without one, the profile's own."""

    profile: str = "standard"
    version: str = ""


class Layout(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A layout of positive pay: the name of one that is shipped (``delimited``, ``fixed``), or one's own as TOML."""

    name: str = "delimited"
    text: str = ""


class Nothing(Struct, frozen=True, forbid_unknown_fields=True):
    """No settings."""


#: Writes records of the kind it takes: (records, settings, moment) → document.
Write = Callable[[Any, Any, datetime], Written]


class Writer(Struct, frozen=True):
    """A kind of document that can be written. ``many``: one document holds all records; otherwise just one."""

    name: str
    title: str
    family: str
    takes: type[Struct]
    settings: type[Struct]
    write: Write
    many: bool = False


def _ubl(invoice: d.Invoice, parties: Parties) -> Written:
    problems = unwritable(invoice)
    return Written(problems=problems) if problems else Written(write_ubl(invoice, parties))


def _positive_pay(checks: Sequence[Check], chosen: Layout, at: datetime) -> Written:
    layout = parse(chosen.text) if chosen.text else sample(chosen.name)
    return Written(problems=(layout,)) if isinstance(layout, Problem) else write_checks(layout, checks, at.date())


_INVOICES, _ORDERS, _EDI, _PAYMENTS, _LEDGERS = "e-invoices", "procurement", "EDI", "payments", "ledgers"
_ROWS: tuple[Writer, ...] = (
    Writer(
        "ubl-invoice", "UBL 2.1 invoice or credit note (Peppol BIS 3)", _INVOICES, d.Invoice, Parties,
        lambda invoice, parties, at: _ubl(invoice, parties),
    ),
    Writer(
        "peppol-invoice-response", "Peppol invoice response (T111)", _INVOICES, d.BusinessResponse, Names,
        lambda response, names, at: write_invoice_response(response, names.buyer_name, names.seller_name),
    ),
    Writer(
        "csv-invoices", "Invoices as a table", _INVOICES, d.Invoice, Nothing,
        lambda invoices, _, at: Written(write_invoices(invoices, COMMA)), many=True,
    ),
    Writer(
        "ubl-order", "UBL 2.1 order", _ORDERS, d.PurchaseOrder, Sides,
        lambda order, sides, at: write_order(order, sides.buyer, sides.seller),
    ),
    Writer(
        "csv-orders", "Purchase orders as a table", _ORDERS, d.PurchaseOrder, Nothing,
        lambda orders, _, at: Written(write_orders(orders, COMMA)), many=True,
    ),
    Writer(
        "csv-receipts", "Goods receipts as a table", _ORDERS, d.GoodsReceipt, Nothing,
        lambda receipts, _, at: Written(write_receipts(receipts, COMMA)), many=True,
    ),
    Writer(
        "x12-850", "X12 purchase order", _EDI, d.PurchaseOrder, Partners,
        lambda order, partners, at: write_850(order, partners.envelope(at)),
    ),
    Writer(
        "x12-820", "X12 remittance advice", _EDI, d.RemittanceAdvice, Partners,
        lambda advice, partners, at: write_820(advice, partners.envelope(at)),
    ),
    Writer(
        "x12-997", "X12 functional acknowledgment", _EDI, d.Interchange, Partners,
        lambda received, partners, at: write_997(received, partners.envelope(at)),
    ),
    Writer(
        "x12-999", "X12 implementation acknowledgment", _EDI, d.Interchange, Partners,
        lambda received, partners, at: write_999(received, partners.envelope(at)),
    ),
    Writer(
        "edifact-contrl", "EDIFACT syntax acknowledgment", _EDI, d.Interchange, Partners,
        lambda received, partners, at: write_contrl(received, partners.envelope(at)),
    ),
    Writer(
        "edifact-remadv", "EDIFACT remittance advice", _EDI, d.RemittanceAdvice, Partners,
        lambda advice, partners, at: write_remadv(advice, partners.envelope(at)),
    ),
    Writer(
        "pain.001", "ISO 20022 payment file", _PAYMENTS, d.PaymentRun, Paying,
        lambda run, paying, at: pain001.write(run, at, profile=paying.profile, version=paying.version),
    ),
    Writer(
        "camt.056", "ISO 20022 request to cancel payments", _PAYMENTS, CancellationRequest, Nothing,
        lambda request, _, at: write_camt_056(request, at),
    ),
    Writer(
        "ach", "ACH payment file (NACHA: CCD, CTX, PPD)", _PAYMENTS, d.PaymentRun, Originator,
        lambda run, originator, at: write_ach(run, originator, at),
    ),
    Writer(
        "bacs", "Bacs Standard 18 payment file", _PAYMENTS, d.PaymentRun, ServiceUser,
        lambda run, user, at: write_bacs(run, user, at),
    ),
    Writer(
        "positive-pay", "Checks for the bank to compare", _PAYMENTS, Check, Layout, _positive_pay, many=True,
    ),
    Writer(
        "csv-journals", "Journal entries as a table", _LEDGERS, d.JournalEntry, Nothing,
        lambda entries, _, at: write_journals(entries, COMMA), many=True,
    ),
    Writer(
        "saf-t", "SAF-T Norway 1.30", _LEDGERS, d.JournalEntry, Ledger,
        lambda entries, ledger, at: write_saft(ledger, entries), many=True,
    ),
)  # fmt: skip
WRITERS: dict[str, Writer] = {writer.name: writer for writer in _ROWS}
"""Every kind of document that can be written, by name."""


def convert(records: Sequence[Struct], name: str, settings: Any, at: datetime) -> Written:
    """Write records as a document; those of other kinds are left out. Says what is wrong, and never raises on data."""
    writer = WRITERS[name]
    fitting = [record for record in records if isinstance(record, writer.takes)]
    kind = writer.takes.__name__
    if not fitting:
        there = ", ".join(sorted({type(record).__name__ for record in records})) or "nothing"
        return Written(problems=(Problem(Code.MISSING_FIELD, "records", f"a {kind}", there),))
    if not writer.many and len(fitting) > 1:
        detail = f"one document holds one {kind}; convert them one by one"
        return Written(problems=(Problem(Code.BAD_VALUE, "records", "1", str(len(fitting)), detail=detail),))
    try:
        chosen = msgspec.convert(settings, writer.settings)
    except msgspec.ValidationError as error:
        return Written(problems=(Problem(Code.BAD_VALUE, "settings", detail=str(error)),))
    return writer.write(fitting if writer.many else fitting[0], chosen, at)
