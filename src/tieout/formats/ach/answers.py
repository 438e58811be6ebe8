"""What banks answer to our payments: returns (addenda 99), notifications of change (addenda 98), acknowledgments.

A return is word of money that comes back, before the statement proves it. A notification of change never changes
anything: it says what the receiving bank would have us correct, and people confirm it.
"""

from collections.abc import Iterator

from tieout.formats.ach import layouts
from tieout.formats.ach.entries import CURRENCY, KINDS, SIDES, Entry
from tieout.formats.ach.routing import PREFIX, is_routing_number
from tieout.formats.codes import load
from tieout.formats.fields import one_line
from tieout.formats.lines import Layout, Line
from tieout.formats.reading import Findings
from tieout.kernel.money import Money
from tieout.kernel.problem import Code
from tieout.model.documents import BankAccount, BusinessResponse, ChangeNotice, PaymentReturn

RETURNS = load("ach_returns")
#: Until when each return may come, in the words of the rules (``2 banking days``, of the calendar ``FED``).
RETURN_TIMES = load("ach_return_times")
CHANGES = load("ach_changes")
#: UNCL 4343: the receiver has our payment and what it says; it does not prove that the money was booked.
RECEIVED = "AB"
#: The two ends of the disputes about a return.
_DISHONORED, _CONTESTED = range(61, 71), range(71, 78)

#: What the corrected data of a change code hold: part and columns from 0 (appendix five). International notifications
#: have five more columns, which only ever lengthen an account number.
_CORRECTED = {
    "C01": (("number", 0, 17),),
    "C02": (("routing", 0, 9),),
    "C03": (("routing", 0, 9), ("number", 12, 29)),
    "C04": (("holder", 0, 22),),
    "C05": (("kind", 0, 2),),
    "C06": (("number", 0, 17), ("kind", 20, 22)),
    "C07": (("routing", 0, 9), ("number", 9, 26), ("kind", 26, 28)),
}
_DATA, _INTERNATIONAL_DATA = slice(35, 64), slice(35, 69)


# ── returns ────────────────────────────────────────────────────────────────────────────────────────────────────────


def read_return(entry: Entry, line: Line, findings: Findings) -> PaymentReturn:
    """One return: why, of which entry, and with which words of the bank."""
    layout = _layout(entry, line)
    values = layout.read(line, findings)
    code, where = values["code"].upper(), layout.place(line, "code")
    if code not in RETURNS:
        findings.note(Code.UNKNOWN_CODE, where, actual=code, detail="a return reason code; handed on as it is")
    if layout is layouts.DISHONORED:
        detail = "the originating bank refuses a return; the payment may not be coming back"
        findings.note(Code.UNSUPPORTED_CONTENT, where, actual=code, detail=detail)
    if SIDES.get(entry.transaction) == "debit":
        detail = "what came back was a debit that we collected, not a payment that we made"
        findings.note(Code.UNSUPPORTED_CONTENT, where, actual=entry.transaction, detail=detail)
    if not values["original_trace"].strip("0"):
        findings.note(Code.MISSING_FIELD, layout.place(line, "original_trace"), expected="the trace of the entry")
    if layout is layouts.INTERNATIONAL_RETURN:
        _check_amount(entry, line, findings)
    returned_on = entry.batch.settled_on or entry.batch.written_on
    trace = values["trace"] if values["trace"].strip("0") else entry.trace
    return PaymentReturn(
        return_id=f"{returned_on or ''}/{trace}/{code}",
        payment_ref=entry.identification,
        amount=entry.amount,
        reason_code=code,
        reason=": ".join(part for part in (RETURNS.meaning(code), one_line(values.get("information", ""))) if part),
        returned_on=returned_on,
        original_trace=values["original_trace"],
        counterparty=entry.receiver,
    )


def _check_amount(entry: Entry, line: Line, findings: Findings) -> None:
    """An international return repeats the amount of the entry; it must be the same."""
    text = line.text[35:45]
    if text.strip() and not (text.isascii() and text.isdecimal() and int(text) == entry.amount.minor):
        where = layouts.INTERNATIONAL_RETURN.place(line, "amount")
        stated = Money(int(text), CURRENCY) if text.isascii() and text.isdecimal() else text
        findings.note(Code.BAD_VALUE, where, expected=str(entry.amount), actual=str(stated))


def _layout(entry: Entry, line: Line) -> Layout:
    number = line.text[4:6]
    code = int(number) if number.isascii() and number.isdecimal() else 0
    if code in _DISHONORED:
        return layouts.DISHONORED
    if code in _CONTESTED:
        return layouts.CONTESTED
    return layouts.INTERNATIONAL_RETURN if entry.batch.is_international else layouts.RETURN


# ── notifications of change ────────────────────────────────────────────────────────────────────────────────────────


def read_change(entry: Entry, line: Line, findings: Findings) -> Iterator[ChangeNotice]:
    """One notification of change. One that the originating bank refuses (C61 and above) asks nothing of us."""
    values = layouts.CHANGE.read(line, findings)
    code, where = values["code"].upper(), layouts.CHANGE.place(line, "code")
    if code not in CHANGES:
        findings.note(Code.UNKNOWN_CODE, where, actual=code, detail="a change code; handed on as it is")
    elif code > "C60":
        detail = "our bank refused a notification of change, so there is nothing to confirm"
        findings.note(Code.UNSUPPORTED_CONTENT, where, actual=code, detail=detail)
        return
    data = line.text[_INTERNATIONAL_DATA if entry.batch.is_international else _DATA].rstrip()
    account = _account(code, data, layouts.CHANGE.place(line, "corrected"), findings)
    told = CHANGES.meaning(code)
    if account is None:
        told = ": ".join(part for part in (told, one_line(data)) if part)
    day = entry.batch.settled_on or entry.batch.written_on
    yield ChangeNotice(
        notice_id=f"{day or ''}/{entry.trace}/{code}",
        payment_ref=entry.identification,
        change_code=code,
        account=account or BankAccount(iban="", holder=""),
        meaning=told,
        original_trace=values["original_trace"],
    )


def _account(code: str, data: str, where: str, findings: Findings) -> BankAccount | None:
    """What the account should be. Data that are not as the code has them are told, and the notice goes without."""
    if code not in _CORRECTED:
        return None
    parts = _placed(code, data) or _in_words(code, data)
    if parts is None:
        expected = " and ".join(name for name, _, _ in _CORRECTED[code])
        findings.note(Code.BAD_VALUE, where, expected=expected, actual=data, detail="the corrected data are unclear")
        return None
    return BankAccount(
        iban="",
        holder=parts.get("holder", ""),
        number=parts.get("number", ""),
        clearing=f"{PREFIX}{parts['routing']}" if "routing" in parts else "",
        kind=KINDS[parts["kind"]] if "kind" in parts else "",
    )


def _placed(code: str, data: str) -> dict[str, str] | None:
    """The corrected data by their columns, if nothing stands between them: else an account number would lose signs."""
    spec = _CORRECTED[code]
    if len(spec) == 1 and spec[0][0] == "number":
        return _plausible({"number": data.strip()})
    covered = {column for _, start, end in spec for column in range(start, end)}
    if any(sign != " " and column not in covered for column, sign in enumerate(data)):
        return None
    return _plausible({name: data[start:end].strip() for name, start, end in spec})


def _in_words(code: str, data: str) -> dict[str, str] | None:
    """The corrected data as some banks write them: one after the other with any number of blanks between."""
    words, names = data.split(), [name for name, _, _ in _CORRECTED[code]]
    if names[0] == "routing" and len(words) < len(names) and len(data) > 9:
        words = [data[:9], *data[9:].split()]
    return _plausible(dict(zip(names, words, strict=True))) if len(words) == len(names) else None


def _plausible(parts: dict[str, str]) -> dict[str, str] | None:
    """The parts, if each is there and can be what it should be."""
    for name, value in parts.items():
        if not value or (name == "number" and " " in value and len(parts) > 1):
            return None
        if (name == "routing" and not is_routing_number(value)) or (name == "kind" and value not in KINDS):
            return None
    return parts


# ── acknowledgments ────────────────────────────────────────────────────────────────────────────────────────────────


def read_acknowledgment(entry: Entry) -> BusinessResponse:
    """``ACK`` and ``ATX``: the receiver has our corporate credit. It names our payment by its trace number."""
    return BusinessResponse(
        response_id=f"{entry.batch.written_on or ''}/{entry.trace}",
        about_kind="payment",
        about_number=entry.identification,
        status=RECEIVED,
        sender=entry.receiver,
        responded_on=entry.batch.settled_on or entry.batch.written_on,
        note=one_line(entry.information)[:1_000],
    )
