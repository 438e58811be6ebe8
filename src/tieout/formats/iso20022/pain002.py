"""Payment status reports (pain.002), all versions: what the bank says became of a file, a block and each payment.

A positive status is a claim; only a booked statement entry proves a payment. A status we do not know passes through.
"""

from collections.abc import Iterator

from msgspec import Struct

from tieout.formats import fields
from tieout.formats.reading import Context, Findings
from tieout.formats.source import Source
from tieout.formats.xml import Element, child, children, local, place, text_at, tree
from tieout.kernel.problem import Code, Problem
from tieout.model.events import Ref
from tieout.model.facts import Fact, PaymentStatusReported, RunStatusReported

FORMAT = "pain.002"
ROOT = "CstmrPmtStsRpt"
#: The system under which the bank's names for our payments are linked.
BANK = "bank"
REJECTED = "RJCT"
#: ISO 20022 external code sets for the status of a group, a payment information block and a transaction.
STATUSES = frozenset(
    (
        *("RCVD", "ACTC", "ACCP", "ACSP", "ACWC", "ACWP", "ACFC", "ACSC", "ACCC", "ACPD", "PATC", "PART", "PDNG"),
        *("PRES", "RVNC", "RVCM", "BLCK", "CANC", "RJCT"),
    )
)


class Status(Struct, frozen=True, omit_defaults=True):
    """A status with its reason: an ISO code such as ``AC04``, and what the bank adds in words."""

    status: str
    reason_code: str = ""
    reason_text: str = ""

    @property
    def reason(self) -> str:
        """The code first, then the words, as people read it."""
        return ": ".join(part for part in (self.reason_code, self.reason_text) if part)


class BlockStatus(Struct, frozen=True):
    """``OrgnlPmtInfAndSts``: the status of one payment information block of our file."""

    block_id: str
    status: Status


class TransactionStatus(Struct, frozen=True):
    """``TxInfAndSts``: the status of one payment."""

    end_to_end_id: str
    status: Status
    instruction_id: str = ""
    block_id: str = ""


class StatusReport(Struct, frozen=True):
    """One pain.002. ``group`` has an empty status when the bank says nothing about the file as a whole."""

    message_id: str
    original_message_id: str
    original_message_name: str
    group: Status
    blocks: tuple[BlockStatus, ...]
    transactions: tuple[TransactionStatus, ...]


def read_pain_002(source: Source, context: Context, findings: Findings) -> Iterator[StatusReport]:
    """Read one status report."""
    root = tree(source.whole(), context.limits)
    if isinstance(root, Problem):
        findings.refuse(root)
        return
    report = root if local(root) == ROOT else child(root, ROOT)
    if report is None:
        findings.fault(Code.UNKNOWN_FORMAT, place(root), expected=ROOT, actual=local(root))
        return
    record = _report(report, findings)
    if record:
        yield record


def to_facts(report: StatusReport) -> tuple[tuple[str | Ref, Fact], ...]:
    """What a report says, each with whom it is about: a run by its id, a payment by the name the bank knows it by.

    Our files have one block, so the status of a block is that of the run when the bank gives no other.
    """
    return tuple(_facts(report))


def _facts(report: StatusReport) -> Iterator[tuple[str | Ref, Fact]]:
    run_id = report.original_message_id
    said = [report.group, *(block.status for block in report.blocks)]
    for status in dict.fromkeys(status for status in said if status.status):
        yield run_id, RunStatusReported(run_id=run_id, status=status.status, reason=status.reason)
    for transaction in report.transactions:
        fact = PaymentStatusReported(
            status=transaction.status.status,
            reason=transaction.status.reason,
            level="transaction",
            original_message_id=run_id,
        )
        yield Ref(BANK, transaction.end_to_end_id), fact


# ── reading ────────────────────────────────────────────────────────────────────────────────────────────────────────


def _report(report: Element, findings: Findings) -> StatusReport | None:
    group = child(report, "OrgnlGrpInfAndSts")
    if group is None:
        group = child(report, "OrgnlGrpInf")  # as it was called in version 1
    original = text_at(group, "OrgnlMsgId")
    if group is None or not original:
        findings.fault(Code.MISSING_FIELD, f"{place(report)}: OrgnlGrpInfAndSts/OrgnlMsgId", expected="our message id")
        return None
    group_status = _status(group, "GrpSts", findings)
    # Versions before 3 list transactions directly under the report.
    blocks = [_block(element, findings) for element in children(report, "OrgnlPmtInfAndSts")]
    loose = list(_transactions(report, "", findings))
    if len(blocks) > 1:
        detail = "our files have one block; more than one status of a block is handed on for the whole file"
        findings.note(Code.UNSUPPORTED_CONTENT, place(report), actual=f"{len(blocks)} blocks", detail=detail)
    transactions = (*loose, *(transaction for _, listed in blocks for transaction in listed))
    statuses = tuple(block for block, _ in blocks)
    if not (group_status.status or transactions or any(block.status.status for block in statuses)):
        findings.note(Code.MISSING_FIELD, place(report), expected="a status", detail="the report says nothing")
    _check_rejections(group, group_status, transactions, findings)
    return StatusReport(
        message_id=fields.read_optional(text_at(report, "GrpHdr", "MsgId"), place(report), findings),
        original_message_id=fields.read_optional(original, place(group), findings),
        original_message_name=text_at(group, "OrgnlMsgNmId"),
        group=group_status,
        blocks=statuses,
        transactions=transactions,
    )


def _block(element: Element, findings: Findings) -> tuple[BlockStatus, list[TransactionStatus]]:
    block_id = text_at(element, "OrgnlPmtInfId")
    block = BlockStatus(block_id, _status(element, "PmtInfSts", findings))
    transactions = list(_transactions(element, block_id, findings, block.status.status))
    if block.status.status != REJECTED:
        _check_rejections(element, block.status, tuple(transactions), findings)
    return block, transactions


def _transactions(
    parent: Element, block_id: str, findings: Findings, inherited: str = ""
) -> Iterator[TransactionStatus]:
    """``TxInfAndSts``. One without a status of its own has that of its block."""
    for element in children(parent, "TxInfAndSts"):
        end_to_end_id = text_at(element, "OrgnlEndToEndId")
        status = _status(element, "TxSts", findings)
        if inherited and not status.status:
            findings.assume("the status of a payment (TxSts)", f"{inherited}, that of its block", place(element))
            status = Status(inherited, status.reason_code, status.reason_text)
        if not end_to_end_id or not status.status:
            missing = "TxSts" if end_to_end_id else "OrgnlEndToEndId"
            findings.fault(Code.MISSING_FIELD, f"{place(element)}: {missing}")
            continue
        yield TransactionStatus(
            end_to_end_id=fields.read_optional(end_to_end_id, place(element), findings),
            status=status,
            instruction_id=text_at(element, "OrgnlInstrId"),
            block_id=block_id,
        )


def _status(element: Element, name: str, findings: Findings) -> Status:
    """A status with all the reasons given for it."""
    status = text_at(element, name)
    if status and status not in STATUSES:
        findings.note(Code.UNKNOWN_CODE, f"{place(element)}: {name}", actual=status, detail="handed on as it is")
    codes: list[str] = []
    words: list[str] = []
    for information in children(element, "StsRsnInf"):
        codes.append(text_at(information, "Rsn", "Cd") or text_at(information, "Rsn", "Prtry"))
        words += [text_at(part) for part in children(information, "AddtlInf")]
    reason_code = " ".join(dict.fromkeys(code for code in codes if code))
    reason_text = fields.one_line(" ".join(word for word in words if word))[: fields.TEXT_MAX]
    return Status(status[: fields.TEXT_MAX], reason_code[: fields.TEXT_MAX], reason_text)


def _check_rejections(
    element: Element, status: Status, transactions: tuple[TransactionStatus, ...], findings: Findings
) -> None:
    """``NbOfTxsPerSts``: rejections that are counted must be named, unless everything is rejected."""
    for group in children(element, "NbOfTxsPerSts"):
        if text_at(group, "DtldSts") != REJECTED or status.status == REJECTED:
            continue
        declared = text_at(group, "DtldNbOfTxs")
        named = sum(1 for transaction in transactions if transaction.status.status == REJECTED)
        holds = declared.isascii() and declared.isdigit() and (declared.lstrip("0") or "0") == str(named)
        findings.claim("number of rejected payments (DtldNbOfTxs)", place(group), declared, str(named), holds)
