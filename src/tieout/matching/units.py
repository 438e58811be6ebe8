"""Units of measure: an order line's own factors first, then the fixed conversions of UN/ECE Recommendation 20.

A conversion is a pair of whole or decimal numbers, never a rounded quotient: one each is 1/12 of a dozen. It never
leaves its dimension: kilograms become grams, never pieces, unless the order says how many pieces a kilogram is. A day
is not converted (a working day is not 24 hours), and neither is a box or a pallet: only the order knows what is in it.
"""

from decimal import Context, Decimal, Inexact, InvalidOperation

from tieout.matching.limits import ONE, WIDE
from tieout.model.documents import UnitFactor

Ratio = tuple[Decimal, Decimal]
"""How many of one unit another is: a numerator and a denominator."""

SAME: Ratio = (ONE, ONE)

#: What can be kept of a quantity: as many digits as a document may have.
_SHORT = Context(prec=28, traps=[Inexact, InvalidOperation])

#: By dimension: what one unit comes to in the first of them (UN/ECE Recommendation 20, conversion factors).
_DIMENSIONS: dict[str, dict[str, str]] = {
    "count": {"EA": "1", "C62": "1", "H87": "1", "PR": "2", "DZN": "12", "CEN": "100", "GRO": "144", "MIL": "1000"},
    "mass": {
        "GRM": "1",
        "MGM": "0.001",
        "KGM": "1000",
        "DTN": "100000",
        "TNE": "1000000",
        "LBR": "453.59237",
        "ONZ": "28.349523125",
        "STN": "907184.74",
        "LTN": "1016046.9088",
    },
    "length": {
        "MMT": "1",
        "CMT": "10",
        "DMT": "100",
        "MTR": "1000",
        "KMT": "1000000",
        "INH": "25.4",
        "FOT": "304.8",
        "YRD": "914.4",
        "SMI": "1609344",
    },
    "area": {
        "MMK": "1",
        "CMK": "100",
        "DMK": "10000",
        "MTK": "1000000",
        "HAR": "10000000000",
        "INK": "645.16",
        "FTK": "92903.04",
        "YDK": "836127.36",
    },
    "volume": {
        "MLT": "1",
        "CMQ": "1",
        "CLT": "10",
        "LTR": "1000",
        "DMQ": "1000",
        "HLT": "100000",
        "MTQ": "1000000",
        "OZA": "29.5735295625",
        "PTL": "473.176473",
        "QTL": "946.352946",
        "GLL": "3785.411784",
        "GLI": "4546.09",
        "BLL": "158987.294928",
    },
    "time": {"SEC": "1", "MIN": "60", "HUR": "3600"},
    "energy": {"WHR": "1", "KWH": "1000", "MWH": "1000000", "GWH": "1000000000"},
}
_STANDARD: dict[str, tuple[str, Decimal]] = {
    unit: (dimension, Decimal(factor)) for dimension, units in _DIMENSIONS.items() for unit, factor in units.items()
}


def ratio(unit: str, into: str, factors: tuple[UnitFactor, ...] = ()) -> Ratio | None:
    """How many ``into`` one ``unit`` is, or nothing when that is not known. ``factors`` are those of the order line,
    which count before the standard's; one that is nothing or less is none."""
    if unit == into:
        return SAME
    factors = tuple(one for one in factors if one.factor > 0 and one.per > 0)
    for own in factors:
        if own.unit == unit:
            return own.factor, own.per
    if direct := standard_ratio(unit, into):
        return direct
    for own in factors:
        if through := standard_ratio(unit, own.unit):
            return WIDE.multiply(through[0], own.factor), WIDE.multiply(through[1], own.per)
    return None


def converted(quantity: Decimal, factor: Ratio) -> Decimal | None:
    """A quantity in another unit; nothing where that is no decimal, such as one piece of a dozen."""
    product = WIDE.multiply(quantity, factor[0])
    if factor[1] == ONE:
        return product
    try:
        return _SHORT.divide(product, factor[1])
    except Inexact:
        return None


def standard_ratio(unit: str, into: str) -> Ratio | None:
    """How many ``into`` one ``unit`` is by the standard, when both measure the same thing."""
    one, other = _STANDARD.get(unit), _STANDARD.get(into)
    if one is None or other is None or one[0] != other[0]:
        return None
    return one[1], other[1]
