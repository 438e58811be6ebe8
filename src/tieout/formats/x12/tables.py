"""Which segments and loops each transaction set has, and what its elements must look like, in our own notation.

``N1(N2 N3)`` is a loop that begins with ``N1``; ``!`` marks what must be there: a segment exactly once, a loop at
least once. Order among the segments of a loop is not demanded, since arithmetic is the gate and not the sequence; the
first segment is. A segment that is not listed is told and left out.
"""

import re
from collections.abc import Iterator, Mapping
from functools import cache

from msgspec import Struct

_NAME = "(N2 NX2 N3 N4 NX2 REF PER SI FOB TD1 TD5 TD3 TD4 PKG MSG DMG DTM LDT QTY RDM TXI AMT)"
_HEAD = "CUR REF PER TAX FOB CTP PAM CSH SAC(CUR TXI) ITD DIS INC DTM LDT LIN SI PID MEA PWK PKG TD1 TD5 TD3 TD4 MAN"
_HEAD += f" PCT CTB TXI YNQ NTE MSG N9(DTM MSG PWK EFI) N1{_NAME} LM(LQ) SPI(REF DTM MSG) ADV(DTM MTX) FA1(FA2) PO3"
_ITEM = "LIN SI CUR CN1 PO3 CTP PAM MEA PID PWK PO4 REF PER SAC(CUR CTP TXI) IT8 CSH ITD DIS INC TAX FOB SDQ DTM LDT"
_ITEM += " TD1 TD5 TD3 TD4 TC2 PCT MAN TXI CTB AMT MSG NTE YNQ QTY PKG N9(DTM MEA MSG) SCH(TD1 TD5 REF DTM) LM(LQ)"
_ITEM += f" N1{_NAME} SLN(MSG SI PID PO3 TC2 ADV DTM CTP PAM PO4 TAX N9 SAC(CTP) QTY N1{_NAME} MAN REF PER) FA1(FA2)"

LAYOUTS: Mapping[str, str] = {
    "810": f"""BIG! {_HEAD} BAL PAM L7 V1(R4 DTM)
        IT1({_ITEM} CRC CAD L7 SR V1(R4 DTM))
        TDS! CAD AMT ISS(PID) CTT""",
    "820": f"""BPR! NTE TRN CUR REF DTM N1{_NAME} N9(MSG)
        ENT(NM1(N2 N3 N4 REF PER) ADX(NTE PER REF DTM)
            RMR(NTE REF DTM IT1(REF SAC(TXI)) ADX(NTE PER REF DTM)))
        RMR(NTE REF DTM IT1(REF SAC(TXI)) ADX(NTE PER REF DTM)) ADX(NTE PER REF DTM)
        TXP LX(REF TRN NM1(REF G53) BPR)""",
    "824": f"BGN! N1{_NAME} OTI!(REF DTM PER AMT QTY NM1 TED(NTE RED) LM(LQ)) LM(LQ)",
    "850": f"BEG! {_HEAD} AMT PO1({_ITEM}) CTT AMT",
    "855": f"BAK! {_HEAD} PO1({_ITEM} ACK(DTM)) CTT AMT",
    "856": f"""BSN! DTM HL!(LIN SN1 SLN PRF PO4 PID MEA PWK PKG TD1 TD5 TD3 TD4 TSD REF PER LFS MAN DTM FOB
        PAL N1{_NAME} SDQ ETD CUR SAC(CUR) ITD GF YNQ LM(LQ) V1(R4 DTM) CTP AMT TC2 CLD(REF DTP)
        QTY NTE MSG N9(MSG)) CTT""",
    "860": f"BCH! {_HEAD} AMT POC({_ITEM}) CTT AMT",
    "861": f"""BRA! CUR REF PER PRF DTM TD1 TD5 TD3 TD4 SAC(CUR) NTE MAN N1{_NAME} LM(LQ)
        RCD!(SN1 CUR LIN PID PO4 REF MEA DTM PRF PER MAN SLN NTE CTP TD1 TD5 TD3 TD4 N1{_NAME} LM(LQ) SAC) CTT""",
    "865": f"BCA! {_HEAD} POC({_ITEM} ACK(DTM)) CTT AMT",
    "997": "AK1! AK2(AK3(AK4) AK5!) AK9!",
    "999": "AK1! AK2(IK3(CTX IK4(CTX)) IK5!) AK9!",
}
"""The body of each set, between ``ST`` and ``SE``."""

GROUPS: Mapping[str, tuple[str, ...]] = {
    "AG": ("824",),
    "CA": ("865",),
    "FA": ("997", "999"),
    "IN": ("810",),
    "PC": ("860",),
    "PO": ("850",),
    "PR": ("855",),
    "RA": ("820",),
    "RC": ("861",),
    "SH": ("856",),
}
"""Which sets a functional group (``GS01``) may hold, of those that we read."""

_ELEMENTS: Mapping[str, str] = {
    "ACK": "ID2! R15 ID2",
    "ADX": "R18! ID2! ID3 AN",
    "AK1": "ID2! N9! AN12",
    "AK2": "ID3! AN9! AN35",
    "AK3": "ID3! N10! AN6 ID3",
    "AK4": "C! ID4 ID3! AN",
    "AK5": "ID1! ID3 ID3 ID3 ID3 ID3",
    "AK9": "ID1! N6! N6! N6! ID3 ID3 ID3 ID3 ID3",
    "BAK": "ID2! ID2! AN! DT! AN AN AN AN DT",
    "BCA": "ID2! ID2 AN! AN AN DT! AN AN AN DT DT DT",
    "BCH": "ID2! ID2! AN! AN AN DT! AN AN AN DT DT",
    "BEG": "ID2! ID2! AN! AN DT!",
    "BGN": "ID2! AN! DT!",
    "BIG": "DT! AN! DT AN AN AN ID2 ID2",
    "BPR": "ID2! R18! ID1! ID3! ID10 ID2 AN ID3 AN AN AN ID2 AN ID3 AN DT",
    "BRA": "AN! DT! ID2! ID1!",
    "BSN": "ID2! AN! DT! AN",
    "CTT": "N6! R15",
    "CTP": "ID2 ID3 R17",
    "CUR": "ID3! ID3!",
    "DTM": "ID3! DT",
    "HL": "AN! AN ID2! ID1",
    "IK3": "ID3! N10! AN ID3",
    "IK4": "C! N4 ID3! AN",
    "IK5": "ID1! ID3 ID3 ID3 ID3 ID3",
    "ISS": "R15 ID2 R15 ID2",
    "IT1": "AN R15 C R17 ID2",
    "ITD": "ID2 ID2 R DT N3 DT N3 N N",
    "N1": "ID3! AN ID2 AN",
    "OTI": "ID2! ID3! AN! AN AN DT AN N9 AN9 ID3",
    "PID": "ID1!",
    "PO1": "AN R15 C R17 ID2",
    "POC": "AN ID2! R15 R15 C R17 ID2",
    "PRF": "AN! AN AN DT",
    "RCD": "AN R12 C R12 C R12 C ID2 R12 C ID2 R12 C ID2 R12 C ID2 R12 C ID2",
    "REF": "ID3! AN",
    "RMR": "ID3 AN ID2 R18 R18 R18 ID2 R18",
    "SAC": "ID1! ID4 ID2 AN N ID1 R R C R R ID2 AN AN AN",
    "SN1": "AN R15! C!",
    "TDS": "N! N N N",
    "TED": "ID3! AN",
    "TRN": "ID2! AN!",
    "TXI": "ID2! R18 R10 ID2 AN ID1 ID1 R AN AN",
}
"""The elements we rely on, in order: kind, longest length of codes and numbers, ``!`` when mandatory.

``AN`` text, ``ID`` code, ``DT`` date, ``N`` integer (with implied decimals, where the standard says so), ``R`` decimal
number, ``C`` composite. The lengths of numbers also keep what is computed from them within the digits we have.
"""


class Element(Struct, frozen=True):
    """One element of a segment. ``length_max`` is 0 where none is checked."""

    kind: str
    length_max: int
    is_mandatory: bool


class Loop(Struct, frozen=True):
    """A loop, or the body of a set: what may stand directly in it, and what must."""

    tag: str
    segments: frozenset[str]
    loops: Mapping[str, "Loop"]
    once: frozenset[str]
    needed: frozenset[str]


@cache
def layout(kind: str) -> Loop:
    """The body of a set as a tree of loops."""
    return _loop("ST", iter(re.findall(r"[A-Z0-9]+!?|[()]", LAYOUTS[kind])))


@cache
def first_of(kind: str) -> str:
    """The segment that follows ``ST``."""
    return LAYOUTS[kind].partition("!")[0].strip()


def _loop(tag: str, words: Iterator[str]) -> Loop:
    """Read a loop up to its closing parenthesis."""
    segments: list[str] = []
    loops: dict[str, Loop] = {}
    marked: set[str] = set()
    for word in words:
        if word == ")":
            break
        if word == "(":
            begun = segments.pop()
            loops[begun] = _loop(begun, words)
            continue
        name = word.rstrip("!")
        segments.append(name)
        if name != word:
            marked.add(name)
    plain = frozenset(segments) - loops.keys()
    return Loop(tag, plain, loops, frozenset(marked & plain), frozenset(marked))


@cache
def elements(tag: str) -> tuple[Element, ...]:
    """What we know of the elements of a segment; nothing of a segment that we do not rely on."""
    found = (re.fullmatch(r"([A-Z]+)([0-9]*)(!?)", word) for word in _ELEMENTS.get(tag, "").split())
    return tuple(Element(match[1], int(match[2] or 0), bool(match[3])) for match in found if match)
