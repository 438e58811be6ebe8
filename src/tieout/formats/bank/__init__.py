"""Account statements in the formats of banks: BAI2, SWIFT MT, CFONB (France), Norma 43 (Spain)."""

from tieout.formats.bank import aeb43, bai2, cfonb120, cfonb240, swift
from tieout.formats.format import Format

_TEXT, _BANK = "text/plain", "bank"

FORMATS = (
    Format(bai2.NAME, "BAI2 cash report", _TEXT, _BANK, bai2.read_bai2, bai2.recognises),
    Format(
        swift.NAME, "SWIFT MT statement (940, 942, 950, 900, 910)", _TEXT, _BANK, swift.read_swift, swift.recognises
    ),
    Format(cfonb120.NAME, "CFONB 120 account statement", _TEXT, _BANK, cfonb120.read_cfonb120, cfonb120.recognises),
    Format(cfonb240.NAME, "CFONB 240 list of operations", _TEXT, _BANK, cfonb240.read_cfonb240, cfonb240.recognises),
    Format(aeb43.NAME, "AEB Norma 43 account statement", _TEXT, _BANK, aeb43.read_aeb43, aeb43.recognises),
)
