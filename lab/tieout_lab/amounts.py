"""Money as these systems write it: a decimal text with a currency. Inside they count whole minor units."""

import re

_PLACES = {"JPY": 0, "KRW": 0, "CLP": 0, "ISK": 0, "HUF": 2, "BHD": 3, "KWD": 3, "TND": 3}
_DECIMAL = re.compile(r"(-?)([0-9]{1,18})(?:\.([0-9]+))?", re.ASCII)

#: The pattern of a decimal text, for wire structs.
DECIMAL_PATTERN = r"^-?[0-9]{1,18}(\.[0-9]{1,10})?$"


def places(currency: str) -> int:
    """Decimal places of a currency."""
    return _PLACES.get(currency, 2)


def to_minor(text: str, currency: str) -> int:
    """``"12.30", "EUR"`` is 1230. Raises ``ValueError`` for what is not a decimal number or has too many decimals."""
    match = _DECIMAL.fullmatch(text)
    if match is None:
        raise ValueError(f"{text!r} is not a decimal number such as 12.30")
    sign, whole, fraction = match[1], match[2], (match[3] or "")
    digits = places(currency)
    if fraction[digits:].strip("0"):
        raise ValueError(f"{text} has more than the {digits} decimals of {currency}")
    minor = int(whole + fraction[:digits].ljust(digits, "0"))
    return -minor if sign else minor


def to_text(minor: int, currency: str) -> str:
    """1230, ``"EUR"`` is ``"12.30"``."""
    digits = places(currency)
    text = str(abs(minor)).rjust(digits + 1, "0")
    sign = "-" if minor < 0 else ""
    return f"{sign}{text[:-digits]}.{text[-digits:]}" if digits else f"{sign}{text}"
