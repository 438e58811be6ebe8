"""Payment status reports (pain.002), all versions: what the bank says became of a file, a block and each payment.

A positive status is a claim; only a booked statement entry proves a payment. A status we do not know passes through.
Statuses stand on three levels, and the lower one wins: a payment without a status of its own has that of its block. A
rejected file whose payments are said to be accepted, or the other way round, is told. So is a file of which some were
rejected without saying which ones.
"""

from collections.abc import Iterator

from msgspec import Struct

from tieout.formats import fields
from tieout.formats.codes import load
from tieout.formats.iso20022.envelope import find_message, note_possible_duplicate
from tieout.formats.reading import Context, Findings
from tieout.formats.source import Source
from tieout.formats.xml import Element, child, children, local, place, text_at, tree
from tieout.kernel.problem import Code, Problem
from tieout.model.events import Ref
from tieout.model.facts import Fact, PaymentStatusReported, RunStatusReported

FORMAT = "pain.002"
#: The message element; the first two versions were called by their number.
ROOT = "CstmrPmtStsRpt"
ROOTS = (ROOT, "pain.002.001.02", "pain.002.001.01")
#: The system under which the bank's names for our payments are linked.
BANK = "bank"
REJECTED, PARTLY, CHANGED = "RJCT", "PART", "ACWC"
STATUSES = load("iso_status")
_REASONS = load("iso_status_reason")
#: Names of the same things in versions 3 and later, 2, and 1.
_GROUPS = ("OrgnlGrpInfAndSts", "OrgnlGrpInf", "OrgnlGrpRefInfAndSts")
_MESSAGE_IDS = ("OrgnlMsgId", "NtwkFileNm", "GrpId")
_BLOCKS = ("OrgnlPmtInfAndSts", "OrgnlPmtInf")
_TRANSACTIONS = ("TxInfAndSts", "OrgnlTxRefInfAndSts")


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
    root = tree(source, context.limits)
    if isinstance(root, Problem):
        findings.refuse(root)
        return
    report = find_message(root, *ROOTS)
    if report is None:
        findings.fault(Code.UNKNOWN_FORMAT, place(root), expected=ROOT, actual=local(root))
        return
    note_possible_duplicate(root, findings)
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


def _each(element: Element, names: tuple[str, ...]) -> Iterator[Element]:
    return (found for name in names for found in children(element, name))


def _report(report: Element, findings: Findings) -> StatusReport | None:
    group = next(_each(report, _GROUPS), None)
    original = next((text for name in _MESSAGE_IDS if (text := text_at(group, name))), "")
    if group is None or not original:
        where = f"{place(report)}: OrgnlGrpInfAndSts/OrgnlMsgId"
        findings.fault(Code.MISSING_FIELD, where, expected="our message id")
        return None
    group_status = _status(group, "GrpSts", findings)
    # Versions before 3 list transactions directly under the report.
    blocks = [_block(element, findings) for element in _each(report, _BLOCKS)]
    loose = list(_transactions(report, "", findings))
    if len(blocks) > 1:
        detail = "our files have one block; more than one status of a block is handed on for the whole file"
        findings.note(Code.UNSUPPORTED_CONTENT, place(report), actual=f"{len(blocks)} blocks", detail=detail)
    transactions = (*loose, *(transaction for _, listed in blocks for transaction in listed))
    statuses = tuple(block for block, _ in blocks)
    if not (group_status.status or transactions or any(block.status.status for block in statuses)):
        findings.note(Code.MISSING_FIELD, place(report), expected="a status", detail="the report says nothing")
    _check_counts(group, group_status, transactions, findings)
    _check_levels(report, group_status, statuses, transactions, findings)
    return StatusReport(
        message_id=fields.read_optional(_message_id(report), place(report), findings),
        original_message_id=fields.read_optional(original, place(group), findings),
        original_message_name=text_at(group, "OrgnlMsgNmId") or text_at(group, "OrgnlMsgTp"),
        group=group_status,
        blocks=statuses,
        transactions=transactions,
    )


def _message_id(report: Element) -> str:
    return text_at(report, "GrpHdr", "MsgId") or text_at(report, "GnlInf", "PmtInitnStsId")


def _block(element: Element, findings: Findings) -> tuple[BlockStatus, list[TransactionStatus]]:
    block_id = text_at(element, "OrgnlPmtInfId")
    block = BlockStatus(block_id, _status(element, "PmtInfSts", findings))
    transactions = list(_transactions(element, block_id, findings, block.status.status))
    if block.status.status != REJECTED:
        _check_counts(element, block.status, tuple(transactions), findings)
    return block, transactions


def _transactions(
    parent: Element, block_id: str, findings: Findings, inherited: str = ""
) -> Iterator[TransactionStatus]:
    """``TxInfAndSts``. One without a status of its own has that of its block."""
    for element in _each(parent, _TRANSACTIONS):
        end_to_end_id = text_at(element, "OrgnlEndToEndId") or text_at(element, "PmtId", "EndToEndId")
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
            status=_with_change(element, status, findings) if status.status == CHANGED else status,
            instruction_id=text_at(element, "OrgnlInstrId") or text_at(element, "PmtId", "InstrId"),
            block_id=block_id or text_at(element, "OrgnlPmtInfId"),
        )


def _status(element: Element, name: str, findings: Findings) -> Status:
    """A status with all the reasons given for it."""
    status = text_at(element, name)
    if status and status not in STATUSES:
        findings.note(Code.UNKNOWN_CODE, f"{place(element)}: {name}", actual=status, detail="handed on as it is")
    codes = [text_at(element, "StsRsn")]  # as version 1 has it
    words = [text_at(element, "AddtlInf")]
    for information in children(element, "StsRsnInf"):
        reason = child(information, "Rsn")
        reason = child(information, "StsRsn") if reason is None else reason
        code = text_at(reason, "Cd")
        if code and code not in _REASONS:
            where = f"{place(information)}: Rsn"
            findings.note(Code.UNKNOWN_CODE, where, actual=code, detail="a reason that is handed on as it is")
        codes.append(code or text_at(reason, "Prtry"))
        words += [text_at(part) for part in _each(information, ("AddtlInf", "AddtlStsRsnInf"))]
    reason_code = " ".join(dict.fromkeys(code for code in codes if code))
    reason_text = fields.one_line(" ".join(word for word in words if word))[: fields.TEXT_MAX]
    return Status(status[: fields.TEXT_MAX], reason_code[: fields.TEXT_MAX], reason_text)


def _with_change(element: Element, status: Status, findings: Findings) -> Status:
    """``ACWC``: accepted with a change. What the bank says the payment is now goes with the reason."""
    reference = child(element, "OrgnlTxRef")
    amount = child(reference, "Amt", "InstdAmt")
    said = []
    if amount is not None:
        said.append(f"amount {text_at(amount)} {amount.get('Ccy', '')}".rstrip())
    if day := text_at(reference, "ReqdExctnDt", "Dt") or text_at(reference, "ReqdExctnDt"):
        said.append(f"execution on {day}")
    detail = f"accepted with a change; now {', '.join(said)}" if said else "accepted with a change that is not said"
    findings.note(Code.UNSUPPORTED_CONTENT, place(element), actual=CHANGED, detail=detail)
    words = "; ".join(part for part in (status.reason_text, ", ".join(said)) if part)
    return Status(status.status, status.reason_code, words[: fields.TEXT_MAX])


# ── what the levels say about each other ───────────────────────────────────────────────────────────────────────────


def _check_counts(
    element: Element, status: Status, transactions: tuple[TransactionStatus, ...], findings: Findings
) -> None:
    """``NbOfTxsPerSts``: rejections that are counted must be named, unless everything is rejected. Others need not be,
    but no more may be named than are counted. Counts of several statuses sum to the number of payments."""
    counts: list[int | None] = []
    for group in children(element, "NbOfTxsPerSts"):
        code, declared = text_at(group, "DtldSts"), text_at(group, "DtldNbOfTxs")
        count = int(declared) if declared.isascii() and declared.isdigit() and len(declared) <= 15 else None
        counts.append(count)
        named = sum(1 for transaction in transactions if transaction.status.status == code)
        if code == REJECTED and status.status != REJECTED:
            name = "number of rejected payments (DtldNbOfTxs)"
            findings.claim(name, place(group), declared, str(named), count == named)
        elif code != REJECTED and (count is None or named > count):
            name = f"number of payments with status {code} (DtldNbOfTxs)"
            findings.claim(name, place(group), declared, str(named), False)
    declared = text_at(element, "OrgnlNbOfTxs")
    if len(counts) > 1 and declared:
        summed = sum(count or 0 for count in counts)
        holds = declared.isdecimal() and int(declared) == summed and None not in counts
        findings.claim("sum of numbers per status (OrgnlNbOfTxs)", place(element), declared, str(summed), holds)


def _check_levels(
    report: Element,
    group: Status,
    blocks: tuple[BlockStatus, ...],
    transactions: tuple[TransactionStatus, ...],
    findings: Findings,
) -> None:
    """A level that contradicts the one below it, and one that speaks of details that are not there."""
    above = {block.block_id: block.status.status for block in blocks}
    for block in blocks:
        if group.status == REJECTED and block.status.status not in ("", REJECTED):
            _contradiction(report, f"block {block.block_id}", block.status.status, findings)
    for transaction in transactions:
        rejected_above = REJECTED in (group.status, above.get(transaction.block_id))
        if rejected_above and transaction.status.status != REJECTED:
            _contradiction(report, f"payment {transaction.end_to_end_id}", transaction.status.status, findings)
    partly = PARTLY in (group.status, *above.values())
    if partly and not transactions and next(report.iter("{*}NbOfTxsPerSts"), None) is None:
        detail = "some were rejected, and the report does not say which ones; ask the bank before paying them again"
        findings.note(Code.MISSING_FIELD, place(report), expected="TxInfAndSts", actual=PARTLY, detail=detail)


def _contradiction(report: Element, what: str, status: str, findings: Findings) -> None:
    detail = f"the level above is rejected, and {what} is said not to be; ask the bank which of them holds"
    findings.note(Code.BAD_VALUE, place(report), expected=REJECTED, actual=status, detail=detail)
