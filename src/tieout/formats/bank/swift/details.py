"""Field ``:86:``, in which banks say who paid what for: as many ways as there are countries, each of them a row here.

A dialect is recognised by how the field begins, and takes it apart into parts with names; one table for each says what
its parts mean. What no dialect recognises is free text.
"""

import re
from collections.abc import Callable, Iterable

from msgspec import Struct

from tieout.formats.bank.statements import reference, short

#: A line of this length was cut by SWIFT and goes on without a blank.
_LINE_FULL = 65
#: So is a numbered part of this length.
_PART_FULL = 27


class Details(Struct, frozen=True):
    """What a field says, by our names. ``code`` is the German transaction code (GVC), and ``text`` its wording."""

    code: str = ""
    text: str = ""
    remittance: str = ""
    counterparty: str = ""
    account: str = ""
    end_to_end_id: str = ""
    customer_reference: str = ""
    return_reason: str = ""


Parts = dict[str, str]


class Dialect(Struct, frozen=True):
    """A way to write the field. ``wraps``: its lines are cut anywhere, so they are put together without a blank."""

    name: str
    begins: re.Pattern[str]
    parts: Callable[[str], Parts]
    wraps: bool


def details(lines: Iterable[str]) -> Details:
    """What the lines of a field say."""
    rows = list(lines)
    wrapped, flat = "".join(rows).strip(), _joined(rows)
    for dialect in DIALECTS:
        text = wrapped if dialect.wraps else flat
        if dialect.begins.search(text):
            return _meaning(dialect.parts(text))
    return Details(remittance=short(flat))


def numbered_lines(lines: Iterable[str]) -> Details:
    """Field ``:NS:`` of one entry: what German banks' own systems (DATEV, MultiCash) say instead of ``:86:``."""
    found: dict[str, list[str]] = {}
    for line in lines:
        if (name := _NUMBERED_LINES.get(line[:2])) is not None:
            found.setdefault(name, []).append(line[2:])
    return _meaning({name: " ".join(texts) for name, texts in found.items()})


def _joined(rows: list[str]) -> str:
    """Lines of free text: one that is full goes on in the next, others end a word."""
    return "".join(row if len(row) >= _LINE_FULL else f"{row.rstrip()} " for row in rows).strip()


def _meaning(parts: Parts) -> Details:
    """The parts by our names, tidied up."""
    reason = parts.get("reason", "")
    code = parts.get("code", "")
    if not reason and code in RETURNS:
        extension = parts.get("extension", "")
        reason = _REASONS.get(extension, f"GVC {extension or code}")
    return Details(
        code=code,
        text=short(parts.get("text", "")),
        remittance=short(parts.get("remittance", "")),
        counterparty=short(parts.get("counterparty", "") or parts.get("ultimate", "")),
        account=re.sub(r"\s", "", parts.get("account", ""))[:70],
        end_to_end_id=reference(parts.get("end_to_end_id", "")),
        customer_reference=reference(parts.get("customer_reference", "")),
        return_reason=short(reason),
    )


def _cut(words: re.Pattern[str], text: str) -> tuple[str, list[tuple[str, str]]]:
    """What stands before the first of the words, and each word with what follows it up to the next one."""
    found = [*words.finditer(text)]
    if not found:
        return text.strip(), []
    ends = [*(match.start() for match in found[1:]), len(text)]
    pairs = [(match[1], text[match.end() : end].strip()) for match, end in zip(found, ends, strict=True)]
    return text[: found[0].start()].strip(), pairs


# ── numbered parts: Germany, Austria, Poland, Hungary ──────────────────────────────────────────────────────────────

#: ``166?00GUTSCHRIFT?20EREF+…?30BIC?31IBAN?32NAME``. German Banking Industry Committee, DFÜ agreement, annex 3.
_NUMBERED = {
    "00": "text",
    **dict.fromkeys([*(f"{number}" for number in range(20, 30)), "60", "61", "62", "63"], "remittance"),
    "31": "account",
    "32": "counterparty",
    "33": "counterparty",
    "34": "extension",
    "38": "account",
}
#: The same in lines of their own under ``:NS:``.
_NUMBERED_LINES = {
    **dict.fromkeys([f"{number:02}" for number in range(1, 15)], "remittance"),
    "15": "counterparty",
    "16": "counterparty",
    "17": "text",
    "34": "account",
}
#: Codes within the remittance of SEPA payments, each followed by a plus sign. ``MTLG:`` is older.
_SEPA = {
    "EREF": "end_to_end_id",
    "KREF": "customer_reference",
    "SVWZ": "remittance",
    "MTLG": "remittance",
    "IBAN": "account",
    "ANAM": "counterparty",
    "ABWA": "ultimate",
    "ABWE": "ultimate",
    **dict.fromkeys(
        ("MREF", "CRED", "DEBT", "COAM", "OAMT", "BIC", "PURP", "SQTP", "RREF", "ORCR", "ORMR", "DDAT"), ""
    ),
}
_SEPA_TAG = re.compile(rf"(?:(?<=\s)|^)({'|'.join(_SEPA)})(?:\+|(?<=MTLG):)")
_NUMBERED_BEGINS = re.compile(r"\s*([0-9]{3})?([?>~^<@|])(?=[0-9]{2})")
#: What banks write that have no codes.
_NO_CODE = "000"
#: GVC of payments that came back: direct debits (108, 109), credit transfers (159).
RETURNS = {"108", "109", "159"}
#: Part 34 of a return: the ISO reasons behind the numbers, as far as we have seen them beside each other.
_REASONS = {"901": "AC01", "902": "AC04", "903": "AC06", "904": "AG01", "912": "MD06", "914": "MS03"}


def _numbered(text: str) -> Parts:
    """Parts of a number and a text each. A separator that no number follows is a sign of the text."""
    match = _NUMBERED_BEGINS.match(text)
    assert match, "the dialect was recognised by this"
    pieces: list[tuple[str, str]] = []
    for piece in text[match.end() :].split(match[2]):
        if piece[:2].isdigit():
            pieces.append((piece[:2], piece[2:]))
        elif pieces:
            pieces[-1] = (pieces[-1][0], f"{pieces[-1][1]}{match[2]}{piece}")
    parts: Parts = {"code": (match[1] or "").replace(_NO_CODE, "")}
    last = ""
    for number, value in pieces:
        name = _NUMBERED.get(number, "")
        if not name or not value.strip():
            continue
        if name in ("account", "extension", "text") or name not in parts:
            parts[name] = value
        else:
            parts[name] += _glue(last, value) + value
        last = value
    return parts | _sepa(parts.pop("remittance", ""), parts.get("account", ""))


def _glue(before: str, after: str) -> str:
    """What stands between two parts: a new code begins a line, a full part goes on, and others end a word."""
    if _SEPA_TAG.match(after):
        return "\n"
    return "" if len(before) >= _PART_FULL else " "


def _sepa(text: str, account: str) -> Parts:
    """The codes of SEPA within a remittance; without any it is all remittance. Of two, the first that says anything."""
    parts: Parts = {}
    before, pairs = _cut(_SEPA_TAG, text)
    said = [before]
    for word, value in pairs:
        name = _SEPA[word]
        if name == "remittance":
            said.append(value)
        elif name == "account":
            parts[name] = account or value
        elif name and not parts.get(name):
            parts[name] = value
    parts["remittance"] = " ".join(value for value in said if value)
    return parts


# ── code words between slashes: the Netherlands, and SWIFT's own ───────────────────────────────────────────────────

#: ``/TRTP/SEPA OVERBOEKING/IBAN/NL…/BIC/…/NAME/…/REMI/…/EREF/…``. ``CNTP`` is account, bank and name in one.
_SLASHED = {
    "EREF": "end_to_end_id",
    "PREF": "customer_reference",
    "KREF": "customer_reference",
    "IBAN": "account",
    "NAME": "counterparty",
    "REMI": "remittance",
    "USTD": "remittance",
    "STRD": "remittance",
    "TRTP": "text",
    "RTRN": "reason",
    "CNTP": "party",
    "ULTD": "ultimate",
    "ULTC": "ultimate",
    "ULTB": "ultimate",
    **dict.fromkeys(("MARF", "CSID", "BIC", "BENM", "ORDP", "ISDT", "PURP", "SVCL", "TRCD", "ADDR", "ID", "INIT"), ""),
    **dict.fromkeys(("OAMT", "OCMT", "CHGS", "EXCH", "ACCW", "OPRP", "SWOC", "SWOD", "ACSR", "BO", "BI", "INST"), ""),
}
_CODE_WORD = re.compile(rf"/({'|'.join(_SLASHED)})(?=/)")


def _slashed(text: str) -> Parts:
    """A code word and its value up to the next one."""
    parts: Parts = {}
    for word, raw in _cut(_CODE_WORD, text)[1]:
        name, value = _SLASHED[word], raw.strip(" /")
        if not name or not value:
            continue
        if name == "party":
            account, _, party = (value + "//").split("/", 2)
            parts.setdefault("account", account)
            parts.setdefault("counterparty", party.split("/")[0])
        elif name == "reason":
            parts[name] = value.split("/")[0]
        elif name == "remittance" and name in parts:
            parts[name] += f" {value}"
        else:
            parts.setdefault(name, value)
    return parts


# ── labels within text ─────────────────────────────────────────────────────────────────────────────────────────────

#: Labels of banks that write whole words: mBank (Poland), Knab (the Netherlands), PostFinance (Switzerland).
_LABELS = {
    "Z RACH.:": "account",
    "NA RACH.:": "account",
    "OD:": "counterparty",
    "DLA:": "counterparty",
    "TYT.:": "remittance",
    "TNR:": "",
    "ID IPH:": "",
    "REK:": "account",
    "NAAM:": "counterparty",
    "AUFTRAGGEBER:": "counterparty",
    "MITTEILUNGEN:": "remittance",
    "REMIT:": "remittance",
}
_LABEL = re.compile(rf"(?:^|(?<=[;/\s]))({'|'.join(map(re.escape, _LABELS))})")


def _labelled(text: str) -> Parts:
    """Labels and their values; where none of them is the remittance, all of the text is."""
    before, pairs = _cut(_LABEL, text)
    parts: Parts = {"text": before.strip(" ;/")}
    for word, value in pairs:
        if name := _LABELS[word]:
            parts.setdefault(name, value.strip(" ;/"))
    parts.setdefault("remittance", text)
    return parts


def _unstructured(text: str) -> Parts:
    """GVC 999: what follows is free text, behind the number of the bank's batch."""
    return {"code": text[:3], "remittance": re.sub(r"\APN[0-9]{4}", "", text[3:])}


#: In the order in which they are tried.
DIALECTS: tuple[Dialect, ...] = (
    Dialect("numbered", re.compile(rf"\A{_NUMBERED_BEGINS.pattern}"), _numbered, True),
    Dialect("unstructured", re.compile(r"\A999(?=[A-Za-z ])"), _unstructured, True),
    Dialect("slashed", re.compile(rf"\A\s*{_CODE_WORD.pattern}"), _slashed, True),
    Dialect("labelled", _LABEL, _labelled, False),
)
