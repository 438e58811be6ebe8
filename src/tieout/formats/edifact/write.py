"""What goes out: acknowledgments (``CONTRL``) and remittance advices (``REMADV``), each as a complete interchange.

Written by ISO 9735 version 3 in Latin-1 (``UNOC:3``), always with a ``UNA``, so that no partner has to know our signs.
The same input gives the same bytes; what cannot be written rightly is not written, and says why.
"""

import re
from collections.abc import Iterator
from datetime import datetime

from tieout.formats.edifact.syntax import DEFAULT, advice
from tieout.formats.fields import one_line
from tieout.formats.iso20022.charset import latin
from tieout.formats.outgoing import Envelope
from tieout.formats.written import Written
from tieout.kernel.money import Money, total
from tieout.kernel.problem import Code, Problem
from tieout.model.documents import EnvelopePart, Interchange, RemittanceAdvice, RemittanceLine

MEDIA_TYPE = "application/edifact"
_ENCODING = "iso-8859-1"
#: Data element lengths: references and document numbers, interchange references, lines of a name.
_NUMBER_MAX, _CONTROL_MAX, _NAME_MAX, _NAME_LINES = 35, 14, 35, 5
_GLN = re.compile(r"[0-9]{13}", re.ASCII)
#: A place in a message, and one in the envelope, as the reader names them.
_POSITION = re.compile(r", [A-Z]{3} \(segment ([0-9]+)\)$", re.ASCII)
_LEVEL = re.compile(r"(?:^|, )(UN[BGHTEZ]) \(segment", re.ASCII)

#: Syntax errors (0085) by our codes; a sum that differs is told apart by what it is a sum of.
_ERRORS = {
    Code.BAD_VALUE: "12",
    Code.MISSING_FIELD: "13",
    Code.UNREADABLE: "21",
    Code.KEY_REUSED: "26",
    Code.TOO_LARGE: "39",
}
_NO_AGREEMENT, _OTHER_ERROR, _REFERENCES_DIFFER, _COUNTS_DIFFER = "17", "18", "28", "29"
REJECTED, ACKNOWLEDGED = "4", "7"


#: An element: a text, or the components of a composite.
_Element = str | tuple[str, ...]


def write_contrl(received: Interchange, envelope: Envelope) -> Written:
    """Acknowledge an interchange as it was read: the whole, and what was refused of it.

    A message that is not named is acknowledged with the level above it.
    """
    problems = [*_envelope_problems(envelope)]
    if not received.control:
        detail = "an interchange without a reference (UNB, 0020) cannot be acknowledged"
        problems.append(Problem(Code.MISSING_FIELD, "control", detail=detail))
    return _interchange("CONTRL:D:3:UN", [*_contrl(received)], envelope, problems)


def write_remadv(advice_: RemittanceAdvice, envelope: Envelope) -> Written:
    """Say which documents a payment settles."""
    problems = [*_envelope_problems(envelope), *_advice_problems(advice_)]
    body = [] if problems else [*_remadv(advice_, envelope.prepared_at)]
    return _interchange("REMADV:D:96A:UN", body, envelope, problems)


# ── the interchange ────────────────────────────────────────────────────────────────────────────────────────────────


def _interchange(kind: str, body: list[bytes], envelope: Envelope, problems: list[Problem]) -> Written:
    """The envelope around the segments of one message."""
    if problems:
        return Written(problems=tuple(problems))
    unb = _segment(
        "UNB",
        ("UNOC", "3"),
        (envelope.sender, envelope.sender_qualifier),
        (envelope.receiver, envelope.receiver_qualifier),
        (f"{envelope.prepared_at:%y%m%d}", f"{envelope.prepared_at:%H%M}"),
        envelope.control,
        *("", "", "", "", ""),
        "1" if envelope.test else "",
    )
    message = [_segment("UNH", "1", tuple(kind.split(":"))), *body, _segment("UNT", str(len(body) + 2), "1")]
    unz = _segment("UNZ", "1", envelope.control)
    return Written(b"".join((advice(DEFAULT).encode("ascii"), unb, *message, unz)))


def _segment(tag: str, *elements: _Element) -> bytes:
    """One segment; empty components and elements at the end are left out."""
    texts = [tag]
    for element in elements:
        components = [element] if isinstance(element, str) else list(element)
        while components and not components[-1]:
            components.pop()
        texts.append(DEFAULT.component.join(map(_released, components)))
    while not texts[-1]:
        texts.pop()
    return (DEFAULT.element.join(texts) + DEFAULT.segment).encode(_ENCODING)


def _released(text: str) -> str:
    """A text in which separators have lost their meaning."""
    signs = (DEFAULT.release, DEFAULT.component, DEFAULT.element, DEFAULT.segment)
    for sign in signs:
        text = text.replace(sign, DEFAULT.release + sign)
    return text


def _envelope_problems(envelope: Envelope) -> Iterator[Problem]:
    """Ids and references that partners can take."""
    yield from _text_problems("control", envelope.control, _CONTROL_MAX)
    yield from _text_problems("sender", envelope.sender, _NUMBER_MAX)
    yield from _text_problems("receiver", envelope.receiver, _NUMBER_MAX)


def _text_problems(where: str, text: str, length_max: int) -> Iterator[Problem]:
    """A text that has to come back to us unchanged."""
    if not text or text != one_line(text):
        yield Problem(Code.BAD_VALUE, where, "a text on one line", text)
    elif len(text) > length_max:
        yield Problem(Code.TOO_LARGE, where, actual=text, limit=f"{length_max} characters")
    elif not _is_writable(text):
        yield Problem(Code.BAD_VALUE, where, "letters of Latin-1 (UNOC)", text)


def _is_writable(text: str) -> bool:
    """Whether Latin-1 has all its letters, and none of them is a control character."""
    try:
        text.encode(_ENCODING)
    except UnicodeEncodeError:
        return False
    return text.isprintable()


# ── acknowledgments ────────────────────────────────────────────────────────────────────────────────────────────────


def _contrl(received: Interchange) -> Iterator[bytes]:
    """The interchange, messages outside of groups, and groups with messages that were refused."""
    sender = (received.sender, received.sender_qualifier)
    receiver = (received.receiver, received.receiver_qualifier)
    if received.problems:
        reason = received.problems[0]
        level = _LEVEL.search(reason.where)
        yield _segment("UCI", received.control, sender, receiver, REJECTED, _error(reason), level[1] if level else "")
        return
    yield _segment("UCI", received.control, sender, receiver, ACKNOWLEDGED)
    refused = [part for part in received.parts if not part.accepted]
    for part in (part for part in refused if not part.group):
        yield from _refused_message(part)
    for group in received.groups:
        inside = [part for part in refused if part.group == group.control]
        if inside:
            yield _segment("UCF", group.control, group.sender, group.receiver, ACKNOWLEDGED)
        for part in inside:
            yield from _refused_message(part)


def _refused_message(part: EnvelopePart) -> Iterator[bytes]:
    """A message that was refused: for what its envelope says, and for which of its segments."""
    own = next((problem for problem in part.problems if _LEVEL.search(problem.where)), None)
    level = _LEVEL.search(own.where) if own else None
    inside = [problem for problem in part.problems if problem is not own and _POSITION.search(problem.where)]
    reason = _error(own) if own else "" if inside else _OTHER_ERROR
    kind = (part.kind, *part.version.split(":"))
    yield _segment("UCM", part.control, kind, REJECTED, reason, level[1] if level else "")
    for problem in inside:
        position = _POSITION.search(problem.where)
        yield _segment("UCS", position[1] if position else "", _error(problem))


def _error(problem: Problem) -> str:
    """The syntax error (0085) nearest to a problem of ours."""
    if problem.code is Code.UNSUPPORTED_CONTENT and _LEVEL.search(problem.where):
        return _NO_AGREEMENT
    if problem.code is not Code.TOTALS_DISAGREE:
        return _ERRORS.get(problem.code, _OTHER_ERROR)
    if not problem.detail.startswith(("UNT:", "UNE:", "UNZ:")):
        return _OTHER_ERROR
    return _REFERENCES_DIFFER if ": reference" in problem.detail else _COUNTS_DIFFER


# ── remittance advices ─────────────────────────────────────────────────────────────────────────────────────────────


def _advice_problems(advice_: RemittanceAdvice) -> Iterator[Problem]:
    """What a partner could not post: numbers that are cut, and amounts that do not add up."""
    yield from _text_problems("advice_id", advice_.advice_id, _NUMBER_MAX)
    if advice_.reference:
        yield from _text_problems("reference", advice_.reference, _NUMBER_MAX)
    for where, name in (("payer", advice_.payer), ("payee", advice_.payee)):
        if not _name_lines(name):
            limit = f"{_NAME_LINES} lines of {_NAME_MAX} characters"
            yield Problem(Code.BAD_VALUE, where, "a name or an id", name, limit)
    if advice_.amount.minor < 0:
        yield Problem(Code.BAD_VALUE, "amount", "an amount that is paid", str(advice_.amount))
    for number, line in enumerate(advice_.lines):
        yield from _line_problems(f"lines[{number}]", line, advice_.amount.currency)
    if advice_.lines and all(line.paid.currency == advice_.amount.currency for line in advice_.lines):
        computed = total((line.paid for line in advice_.lines), advice_.amount.currency)
        if computed != advice_.amount:
            expected, actual = str(computed), str(advice_.amount)
            yield Problem(Code.TOTALS_DISAGREE, "amount", expected, actual, detail="sum of the lines")


def _line_problems(where: str, line: RemittanceLine, currency: str) -> Iterator[Problem]:
    yield from _text_problems(f"{where}.number", line.number, _NUMBER_MAX)
    amounts = [amount for amount in (line.paid, line.gross, line.deducted) if amount is not None]
    if {amount.currency for amount in amounts} != {currency}:
        yield Problem(Code.CURRENCY_MISMATCH, where, currency, ", ".join(str(amount) for amount in amounts))
    if any(amount.minor < 0 for amount in amounts) and any(amount.minor > 0 for amount in amounts):
        detail = "the amounts of one document all count the same way: those of a credit note are negative"
        yield Problem(Code.BAD_VALUE, where, actual=", ".join(str(amount) for amount in amounts), detail=detail)


def _name_lines(name: str) -> tuple[str, ...]:
    """A name on at most five lines, broken between words; letters that Latin-1 has not are replaced by their likes."""
    text = one_line(name)
    if not _is_writable(text):
        text = latin(text, _NAME_MAX * _NAME_LINES)
    lines = [""]
    for word in text.split():
        joined = f"{lines[-1]} {word}".strip()
        if len(joined) <= _NAME_MAX:
            lines[-1] = joined
        else:
            lines.append(word)
    fits = len(lines) <= _NAME_LINES and all(0 < len(line) <= _NAME_MAX for line in lines)
    return tuple(lines) if fits else ()


def _remadv(advice_: RemittanceAdvice, prepared_at: datetime) -> Iterator[bytes]:
    """The segments of a remittance advice, in the order of D.96A."""
    yield _segment("BGM", "481", advice_.advice_id, "9")
    yield _segment("DTM", ("137", f"{prepared_at:%Y%m%d}", "102"))
    if advice_.paid_on:
        yield _segment("DTM", ("138", f"{advice_.paid_on:%Y%m%d}", "102"))
    if advice_.reference:
        yield _segment("RFF", ("PQ", advice_.reference))
    for role, name in (("PR", advice_.payer), ("PE", advice_.payee)):
        if _GLN.fullmatch(name):
            yield _segment("NAD", role, (name, "", "9"))
        else:
            yield _segment("NAD", role, "", "", _name_lines(name))
    yield _segment("CUX", ("2", advice_.amount.currency, "11"))
    for line in advice_.lines:
        yield from _document(line)
    yield _segment("UNS", "S")
    yield _amount("12", advice_.amount)


def _document(line: RemittanceLine) -> Iterator[bytes]:
    """What is paid of one document; a credit note is told by its type, and its amounts are positive."""
    amounts = (("9", line.gross), ("12", line.paid), ("52", line.deducted))
    is_credit = any(amount.minor < 0 for _, amount in amounts if amount is not None)
    yield _segment("DOC", "381" if is_credit else "380", line.number)
    for code, amount in amounts:
        if amount is not None:
            yield _amount(code, abs(amount))
    if line.issued_on:
        yield _segment("DTM", ("137", f"{line.issued_on:%Y%m%d}", "102"))


def _amount(code: str, amount: Money) -> bytes:
    return _segment("MOA", (code, str(amount.amount)))
