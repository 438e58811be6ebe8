"""ISO 20022 as this bank reads and writes it: pain.001.001.09 in; pain.002.001.10, camt.053 and camt.054.001.08 out.

It reads what it needs, in its own way, and knows nothing of how anybody else reads or writes these messages.
"""

from collections.abc import Iterable, Mapping, Sequence
from datetime import date
from decimal import Decimal, InvalidOperation
from typing import Any

from lxml import etree
from msgspec import Struct

from tieout_lab.amounts import to_text

PAIN_001 = "pain.001.001.09"
_URN = "urn:iso:std:iso:20022:tech:xsd:"


class UnreadableError(Exception):
    """The file is not a payment file this bank can read."""


class Transfer(Struct, frozen=True, kw_only=True):
    """One credit transfer as it was asked for. ``amount`` is the text in the file."""

    instruction_id: str
    end_to_end_id: str
    amount: Decimal
    currency: str
    creditor_name: str
    creditor_iban: str
    remittance: str


class Batch(Struct, frozen=True, kw_only=True):
    """One PmtInf: transfers from one account on one day. Declared counts and sums are ``None`` when not given."""

    payment_information_id: str
    debtor_iban: str
    requested_on: date
    batch_booking: bool
    declared_count: int | None
    declared_sum: Decimal | None
    transfers: tuple[Transfer, ...]


class PaymentFile(Struct, frozen=True, kw_only=True):
    """One pain.001."""

    message_id: str
    created: str
    declared_count: int
    declared_sum: Decimal | None
    batches: tuple[Batch, ...]

    @property
    def count(self) -> int:
        """How many transfers it holds."""
        return sum(len(batch.transfers) for batch in self.batches)

    @property
    def sum(self) -> Decimal:
        """The sum of their amounts, whatever their currencies: that is what CtrlSum means."""
        return sum((transfer.amount for batch in self.batches for transfer in batch.transfers), Decimal(0))


def read_payment_file(body: bytes) -> PaymentFile:
    """Read a pain.001.001.09. Raises :class:`UnreadableError` with a sentence."""
    parser = etree.XMLParser(resolve_entities=False, no_network=True, load_dtd=False, huge_tree=False)
    try:
        root = etree.fromstring(body, parser)
    except etree.XMLSyntaxError as error:
        raise UnreadableError(f"not well-formed: {error.msg}") from None
    if root.getroottree().docinfo.internalDTD is not None:
        raise UnreadableError("a DOCTYPE is not allowed")
    if root.tag != f"{{{_URN}{PAIN_001}}}Document":
        raise UnreadableError(f"this bank takes {PAIN_001}, not {root.tag}")
    try:
        return _file(root)
    except (ValueError, InvalidOperation) as error:
        raise UnreadableError(str(error) or "a number is not a number") from None


def _file(root: etree._Element) -> PaymentFile:
    head = f"CstmrCdtTrfInitn/GrpHdr/{'{}'}"
    return PaymentFile(
        message_id=_text(root, head.format("MsgId")),
        created=_text(root, head.format("CreDtTm")),
        declared_count=int(_text(root, head.format("NbOfTxs"))),
        declared_sum=_decimal(_maybe(root, head.format("CtrlSum"))),
        batches=tuple(_batch(element) for element in _all(root, "CstmrCdtTrfInitn/PmtInf")),
    )


def _batch(element: etree._Element) -> Batch:
    day = _maybe(element, "ReqdExctnDt/Dt") or _text(element, "ReqdExctnDt/DtTm")[:10]
    count = _maybe(element, "NbOfTxs")
    return Batch(
        payment_information_id=_text(element, "PmtInfId"),
        debtor_iban=_text(element, "DbtrAcct/Id/IBAN"),
        requested_on=date.fromisoformat(day),
        batch_booking=_maybe(element, "BtchBookg") == "true",
        declared_count=int(count) if count else None,
        declared_sum=_decimal(_maybe(element, "CtrlSum")),
        transfers=tuple(_transfer(each) for each in _all(element, "CdtTrfTxInf")),
    )


def _transfer(element: etree._Element) -> Transfer:
    amount = _one(element, "Amt/InstdAmt")
    reference = _maybe(element, "RmtInf/Strd/CdtrRefInf/Ref")
    lines = [each.text or "" for each in _all(element, "RmtInf/Ustrd")]
    return Transfer(
        instruction_id=_maybe(element, "PmtId/InstrId"),
        end_to_end_id=_text(element, "PmtId/EndToEndId"),
        amount=Decimal((amount.text or "").strip()),
        currency=amount.get("Ccy") or "",
        creditor_name=_maybe(element, "Cdtr/Nm"),
        creditor_iban=_maybe(element, "CdtrAcct/Id/IBAN") or _text(element, "CdtrAcct/Id/Othr/Id"),
        remittance=reference or "".join(lines),
    )


def _all(element: etree._Element, path: str) -> list[etree._Element]:
    return element.findall("/".join(f"{{*}}{step}" for step in path.split("/")))


def _one(element: etree._Element, path: str) -> etree._Element:
    found = _all(element, path)
    if not found:
        raise ValueError(f"{path} is missing")
    return found[0]


def _maybe(element: etree._Element, path: str) -> str:
    found = _all(element, path)
    return (found[0].text or "").strip() if found else ""


def _text(element: etree._Element, path: str) -> str:
    text = (_one(element, path).text or "").strip()
    if not text:
        raise ValueError(f"{path} is empty")
    return text


def _decimal(text: str) -> Decimal | None:
    return Decimal(text) if text else None


def iban_ok(iban: str) -> bool:
    """Do the check digits of an IBAN hold (ISO 7064 mod 97-10)?"""
    if not (15 <= len(iban) <= 34 and iban.isascii() and iban.isalnum()):
        return False
    turned = iban[4:] + iban[:4]
    return int("".join(str(int(character, 36)) for character in turned)) % 97 == 1


# writing

#: An element to write: its tag, its text or its children (``None`` is left out), and perhaps its attributes.
Spec = tuple[Any, ...]


def _document(message: str, content: Spec) -> bytes:
    namespace = _URN + message
    root = etree.fromstring(f'<Document xmlns="{namespace}"/>')
    _append(root, namespace, content)
    return etree.tostring(root, xml_declaration=True, encoding="UTF-8", pretty_print=True)


def _append(parent: etree._Element, namespace: str, spec: Spec) -> None:
    attributes = dict(spec[2]) if len(spec) == 3 else {}
    element = etree.SubElement(parent, f"{{{namespace}}}{spec[0]}", attributes)
    if isinstance(spec[1], str):
        element.text = spec[1]
    else:
        for child in spec[1]:
            if child is not None:
                _append(element, namespace, child)


def _money(tag: str, minor: int, currency: str) -> Spec:
    return (tag, to_text(abs(minor), currency), {"Ccy": currency})


def _direction(minor: int) -> Spec:
    return ("CdtDbtInd", "DBIT" if minor < 0 else "CRDT")


class ReportedPayment(Struct, frozen=True, kw_only=True):
    """A payment in a status report."""

    payment_information_id: str
    instruction_id: str
    end_to_end_id: str
    status: str
    reason: str
    text: str
    amount_text: str
    currency: str
    execute_on: date
    listed: bool


class Original(Struct, frozen=True, kw_only=True):
    """The file a status report is about."""

    message_id: str
    message_name: str
    created: str
    count: int | None
    control_sum: str


def status_report(
    *,
    message_id: str,
    now: str,
    original: Original,
    group_status: str,
    reason: str = "",
    text: str = "",
    payments: Iterable[ReportedPayment] = (),
    batch_reasons: Mapping[str, str] | None = None,
    counts: Mapping[str, tuple[int, str]] | None = None,
) -> bytes:
    """A pain.002.001.10. ``batch_reasons``: batches that are rejected as a whole, and why (no transactions listed)."""
    batch_reasons = batch_reasons or {}
    batches: dict[str, list[ReportedPayment]] = {name: [] for name in batch_reasons}
    for payment in payments:
        if payment.listed and payment.payment_information_id not in batch_reasons:
            batches.setdefault(payment.payment_information_id, []).append(payment)
    group: Spec = (
        "OrgnlGrpInfAndSts",
        [
            ("OrgnlMsgId", original.message_id),
            ("OrgnlMsgNmId", original.message_name),
            ("OrgnlCreDtTm", original.created) if original.created else None,
            ("OrgnlNbOfTxs", str(original.count)) if original.count is not None else None,
            ("OrgnlCtrlSum", original.control_sum) if original.control_sum else None,
            ("GrpSts", group_status),
            _reason(reason, text),
            *(
                ("NbOfTxsPerSts", [("DtldNbOfTxs", str(count)), ("DtldSts", status), ("DtldCtrlSum", total)])
                for status, (count, total) in sorted((counts or {}).items())
            ),
        ],
    )
    details: list[Spec] = [
        (
            "OrgnlPmtInfAndSts",
            [
                ("OrgnlPmtInfId", name),
                ("PmtInfSts", "RJCT") if name in batch_reasons else None,
                _reason(batch_reasons.get(name, ""), ""),
                *(_transaction(payment) for payment in listed),
            ],
        )
        for name, listed in batches.items()
    ]
    header: Spec = ("GrpHdr", [("MsgId", message_id), ("CreDtTm", now)])
    return _document("pain.002.001.10", ("CstmrPmtStsRpt", [header, group, *details]))


def _reason(code: str, text: str) -> Spec | None:
    if not code:
        return None
    return ("StsRsnInf", [("Rsn", [("Cd", code)]), ("AddtlInf", text[:105]) if text else None])


def _transaction(payment: ReportedPayment) -> Spec:
    return (
        "TxInfAndSts",
        [
            ("OrgnlInstrId", payment.instruction_id) if payment.instruction_id else None,
            ("OrgnlEndToEndId", payment.end_to_end_id),
            ("TxSts", payment.status),
            _reason(payment.reason, payment.text),
            (
                "OrgnlTxRef",
                [
                    ("Amt", [("InstdAmt", payment.amount_text, {"Ccy": payment.currency})]),
                    ("ReqdExctnDt", [("Dt", payment.execute_on.isoformat())]),
                ],
            ),
        ],
    )


class ReportedTransfer(Struct, frozen=True, kw_only=True):
    """A transfer inside a booked entry. Money out is negative."""

    amount_minor: int
    end_to_end_id: str = ""
    instruction_id: str = ""
    payment_information_id: str = ""
    message_id: str = ""
    counterparty: str = ""
    counterparty_iban: str = ""
    remittance: str = ""
    return_reason: str = ""


class ReportedEntry(Struct, frozen=True, kw_only=True):
    """A booked entry in a statement or notification. ``explode``: list the transfers of a batch one by one."""

    bank_reference: str
    amount_minor: int
    booked_on: date
    value_on: date
    kind: str
    text: str
    transfers: tuple[ReportedTransfer, ...]
    explode: bool = True


class ReportedAccount(Struct, frozen=True, kw_only=True):
    """The account a statement or notification is about."""

    iban: str
    currency: str
    owner: str
    bic: str


#: Bank transaction codes (ISO 20022 external code sets): domain, family, sub-family.
_CODES = {
    "payment": ("PMNT", "ICDT", "ESCT"),
    "batch": ("PMNT", "ICDT", "ESCT"),
    "return": ("PMNT", "ICDT", "RRTN"),
    "incoming": ("PMNT", "RCDT", "ESCT"),
    "fee": ("ACMT", "MDOP", "CHRG"),
}


def _account(account: ReportedAccount) -> Spec:
    return (
        "Acct",
        [
            ("Id", [("IBAN", account.iban)]),
            ("Ccy", account.currency),
            ("Ownr", [("Nm", account.owner)]),
            ("Svcr", [("FinInstnId", [("BICFI", account.bic)])]),
        ],
    )


def _entry(number: int, entry: ReportedEntry, currency: str) -> Spec:
    domain, family, sub_family = _CODES[entry.kind]
    if currency != "EUR" and sub_family == "ESCT":
        sub_family = "DMCT"  # a SEPA transfer is in euro; a pound payment inside the country is domestic
    return (
        "Ntry",
        [
            ("NtryRef", str(number)),
            _money("Amt", entry.amount_minor, currency),
            _direction(entry.amount_minor),
            ("RvslInd", "true") if entry.kind == "return" else None,
            ("Sts", [("Cd", "BOOK")]),
            ("BookgDt", [("Dt", entry.booked_on.isoformat())]),
            ("ValDt", [("Dt", entry.value_on.isoformat())]),
            ("AcctSvcrRef", entry.bank_reference),
            ("BkTxCd", [("Domn", [("Cd", domain), ("Fmly", [("Cd", family), ("SubFmlyCd", sub_family)])])]),
            (
                "NtryDtls",
                [
                    _batch_info(entry, currency) if entry.kind == "batch" else None,
                    *(_details(each, currency) for each in entry.transfers if entry.explode or entry.kind != "batch"),
                ],
            )
            if entry.transfers
            else None,
            ("AddtlNtryInf", entry.text[:500]) if entry.text else None,
        ],
    )


def _batch_info(entry: ReportedEntry, currency: str) -> Spec:
    first = entry.transfers[0]
    return (
        "Btch",
        [
            ("MsgId", first.message_id),
            ("PmtInfId", first.payment_information_id),
            ("NbOfTxs", str(len(entry.transfers))),
            _money("TtlAmt", entry.amount_minor, currency),
            _direction(entry.amount_minor),
        ],
    )


def _details(transfer: ReportedTransfer, currency: str) -> Spec:
    other = "Cdtr" if transfer.amount_minor < 0 or transfer.return_reason else "Dbtr"
    refs: list[Spec | None] = [
        ("MsgId", transfer.message_id) if transfer.message_id else None,
        ("PmtInfId", transfer.payment_information_id) if transfer.payment_information_id else None,
        ("InstrId", transfer.instruction_id) if transfer.instruction_id else None,
        ("EndToEndId", transfer.end_to_end_id) if transfer.end_to_end_id else None,
    ]
    return (
        "TxDtls",
        [
            ("Refs", refs) if any(refs) else None,
            _money("Amt", transfer.amount_minor, currency),
            _direction(transfer.amount_minor),
            (
                "RltdPties",
                [
                    (other, [("Pty", [("Nm", transfer.counterparty[:140])])]),
                    (f"{other}Acct", [("Id", [("IBAN", transfer.counterparty_iban)])])
                    if transfer.counterparty_iban
                    else None,
                ],
            )
            if transfer.counterparty
            else None,
            ("RmtInf", [("Ustrd", line) for line in _lines(transfer.remittance)]) if transfer.remittance else None,
            ("RtrInf", [("Rsn", [("Cd", transfer.return_reason)])]) if transfer.return_reason else None,
        ],
    )


def _lines(text: str) -> list[str]:
    return [text[start : start + 140] for start in range(0, len(text), 140)]


def notification(
    *, message_id: str, now: str, number: int, account: ReportedAccount, entries: Sequence[ReportedEntry]
) -> bytes:
    """A camt.054.001.08: what was just booked, with every transfer of a batch."""
    content: list[Spec] = [
        ("Id", message_id),
        ("ElctrncSeqNb", str(number)),
        ("CreDtTm", now),
        _account(account),
        *(_entry(place, entry, account.currency) for place, entry in enumerate(entries, 1)),
    ]
    header: Spec = ("GrpHdr", [("MsgId", message_id), ("CreDtTm", now)])
    return _document("camt.054.001.08", ("BkToCstmrDbtCdtNtfctn", [header, ("Ntfctn", content)]))


def statement(
    *,
    message_id: str,
    now: str,
    number: int,
    day: date,
    account: ReportedAccount,
    opening: int,
    closing: int,
    entries: Sequence[ReportedEntry],
) -> bytes:
    """A camt.053.001.08: one day of one account. Opening + entries = closing."""
    currency = account.currency
    credits = [entry.amount_minor for entry in entries if entry.amount_minor >= 0]
    debits = [entry.amount_minor for entry in entries if entry.amount_minor < 0]

    def balance(code: str, minor: int) -> Spec:
        return (
            "Bal",
            [
                ("Tp", [("CdOrPrtry", [("Cd", code)])]),
                _money("Amt", minor, currency),
                _direction(minor),
                ("Dt", [("Dt", day.isoformat())]),
            ],
        )

    def summed(tag: str, minors: Sequence[int]) -> Spec:
        return (tag, [("NbOfNtries", str(len(minors))), ("Sum", to_text(abs(sum(minors)), currency))])

    content: list[Spec] = [
        ("Id", f"{account.iban}-{number:05d}"),
        ("ElctrncSeqNb", str(number)),
        ("CreDtTm", now),
        ("FrToDt", [("FrDtTm", f"{day}T00:00:00"), ("ToDtTm", f"{day}T23:59:59")]),
        _account(account),
        balance("OPBD", opening),
        balance("CLBD", closing),
        (
            "TxsSummry",
            [
                ("TtlNtries", [("NbOfNtries", str(len(entries)))]),
                summed("TtlCdtNtries", credits),
                summed("TtlDbtNtries", debits),
            ],
        ),
        *(_entry(place, entry, currency) for place, entry in enumerate(entries, 1)),
    ]
    header: Spec = ("GrpHdr", [("MsgId", message_id), ("CreDtTm", now)])
    return _document("camt.053.001.08", ("BkToCstmrStmt", [header, ("Stmt", content)]))
