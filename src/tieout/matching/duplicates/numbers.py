"""How alike two invoice numbers are: the same, misread, mistyped, lengthened, or simply the next of a series."""

import re
from enum import StrEnum
from functools import lru_cache

from msgspec import Struct

#: White space, and everything that looks like a hyphen (U+2010 to U+2015 are hyphens and dashes).
_NOISE = re.compile(r"[\s\-\u2010-\u2015]+")
#: A number is made of runs of digits and of what stands between them.
_RUNS = re.compile(r"[0-9]+|[^0-9]+")
#: What a scanner takes for a digit.
_MISREAD = str.maketrans("OQDILSBZG", "000115826")
_PUNCTUATION = re.compile(r"[^0-9A-Z]+")
#: Shorter numbers are all near each other; what is left of them says nothing.
_LENGTH_MIN = 4
#: A number of one character stands in every tenth other one.
_WHOLE_MIN = 2
#: A month, a year, a branch: runs of digits that may change within one series beside the running number.
_SHORT = 2
_YEAR = re.compile(r"(?:19|20)[0-9]{2}")
#: Two good invoices of one supplier have numbers this close to each other every day; that they differ in one or two
#: digits proves nothing. A wrong digit further to the left makes a step that chance makes once in a hundred times.
_STEP_MAX = 99
#: A supplier who writes an invoice every few days gives out later numbers; within these days it proves nothing yet.
_DAYS_MIN = 4


class Likeness(StrEnum):
    """How two numbers relate. The order is that of the evidence for one document, the strongest first."""

    SAME = "same"
    MISREAD = "misread"  #: O for 0, I for 1, other punctuation
    EXTENDED = "extended"  #: something was put before or after it
    TRANSPOSED = "transposed"  #: two neighbours changed places
    EDITED = "edited"  #: a few characters changed, missing or too many
    MISSING = "missing"  #: one of the documents has none
    NEXT = "next"  #: one of the next in a series, on the same day or a few days later
    FOLLOWING = "following"  #: further on in the series, and that much later
    APART = "apart"  #: of one series, too far apart or the wrong way round for their dates
    OTHER = "other"


#: The two documents carry one number, however it was written or what was put to it.
ONE_NUMBER = (Likeness.SAME, Likeness.MISREAD, Likeness.EXTENDED)


def normal_number(number: str) -> str:
    """An invoice number without spaces, hyphens, leading zeros and case: ``00 12-a`` and ``12A`` are the same. A
    document without a number has an empty one."""
    plain = _NOISE.sub("", number).upper()
    return plain.lstrip("0") or plain[:1]


class _Number(Struct, frozen=True, gc=False):
    """A number as it is compared: ``plain`` has all its marks and no leading zeros, ``read`` what a scanner may have
    read, ``runs`` are its runs of digits and what stands between them."""

    normal: str
    plain: str
    read: str
    runs: list[str]


@lru_cache(maxsize=8192)
def _number(printed: str) -> _Number:
    normal, upper = normal_number(printed), printed.upper()
    read = _PUNCTUATION.sub("", normal).translate(_MISREAD).lstrip("0")
    return _Number(normal, upper.strip().lstrip("0"), read, _RUNS.findall(upper))


def likeness(one: str, other: str, days: int, distance_max: int) -> Likeness:
    """How two numbers as on paper relate, when the other document is dated ``days`` after the one (before: less than
    0)."""
    mine, its = _number(one), _number(other)
    if not mine.normal or not its.normal:
        return Likeness.MISSING
    if mine.normal == its.normal:
        return Likeness.SAME
    if mine.read == its.read:
        return Likeness.MISREAD
    if _is_extended(mine.plain, its.plain):
        return Likeness.EXTENDED
    swapped = _is_swap(mine.normal, its.normal)
    distance = _distance(mine.normal, its.normal, distance_max)
    step = _step(mine.runs, its.runs)
    if step is not None and (series := _in_series(step, days, distance, swapped=swapped)):
        return series
    if swapped:
        return Likeness.TRANSPOSED
    if distance <= distance_max:
        return Likeness.EDITED
    return Likeness.APART if step is not None else Likeness.OTHER


def _in_series(step: int, days: int, distance: int, *, swapped: bool) -> Likeness | None:
    """How two numbers of one series relate, unless they look like one number with a slip in it: one wrong digit (or two
    that changed places) further to the left than good numbers differ; or two, and the dates do not explain them."""
    in_order, later = step * days >= 0, abs(days) >= _DAYS_MIN
    if distance == 1 and abs(step) > _STEP_MAX:
        return None
    if in_order and later:
        return Likeness.FOLLOWING
    if in_order and abs(step) <= _STEP_MAX and not swapped:
        return Likeness.NEXT
    return Likeness.APART if distance > 1 and abs(step) <= 10 * _STEP_MAX else None


def _is_swap(one: str, other: str) -> bool:
    """Two neighbours changed places, and nothing else."""
    if len(one) != len(other) or len(one) < _LENGTH_MIN:
        return False
    apart = [place for place, pair in enumerate(zip(one, other, strict=True)) if pair[0] != pair[1]]
    if len(apart) != 2 or apart[1] != apart[0] + 1:
        return False
    first, second = apart
    return one[first] == other[second] and one[second] == other[first]


def _step(left: list[str], right: list[str]) -> int | None:
    """How far the running number of the right one is behind that of the left one; nothing when they are not of one
    series."""
    running = _running(left, right) if len(left) == len(right) else None
    if running is None:
        return None
    for place, (mine, its) in enumerate(zip(left, right, strict=True)):
        short = mine.isdigit() and its.isdigit() and max(len(mine), len(its)) <= _SHORT
        if place != running and mine != its and not short:
            return None
    return int(right[running]) - int(left[running])


def _running(left: list[str], right: list[str]) -> int | None:
    """Which run of digits is the running number: the longest that is no year, of several the last. Where both have that
    alike it is the number of a customer or a contract, and what runs is the last one; what stands before it (a year, a
    month, a branch) does not run by itself: numbers that differ only there are no two of one series."""
    places = [place for place, run in enumerate(left) if run.isdigit() and right[place].isdigit()]
    if not places:
        return None
    named = [place for place in places if not (_YEAR.fullmatch(left[place]) and _YEAR.fullmatch(right[place]))]
    running = max(named or places, key=lambda place: (len(left[place]), place))
    if left[running] == right[running]:
        running = places[-1]
    return running if left[running] != right[running] else None


def _distance(one: str, other: str, most: int) -> int:
    """How many characters to change (insert, drop, replace, or swap with the neighbour), with two thirds of the
    shorter number left as they are. More than ``most`` is ``most + 1``, so only what is that near is worked out."""
    shorter = min(len(one), len(other))
    if shorter < _LENGTH_MIN or abs(len(one) - len(other)) > most:
        return most + 1
    one, other = _differing(one, other)
    far, before, row = most + 1, list[int](), list(range(len(other) + 1))
    for i, sign in enumerate(one, 1):
        last, before = before, row
        row = [min(i, far)] + [far] * len(other)
        for j in range(max(1, i - most), min(len(other), i + most) + 1):
            target = other[j - 1]
            cost = min(before[j] + 1, row[j - 1] + 1, before[j - 1] + (sign != target))
            if i > 1 and j > 1 and sign == other[j - 2] and one[i - 2] == target:
                cost = min(cost, last[j - 2] + 1)
            row[j] = cost
        if min(row) > most:
            return far
    return row[-1] if row[-1] * 3 <= shorter else far


def _differing(one: str, other: str) -> tuple[str, str]:
    """Both without what they begin and end with alike: it costs nothing, and most numbers of a supplier share much."""
    start, most = 0, min(len(one), len(other))
    while start < most and one[start] == other[start]:
        start += 1
    end = 0
    while end < most - start and one[-1 - end] == other[-1 - end]:
        end += 1
    return one[start : len(one) - end], other[start : len(other) - end]


def _is_extended(one: str, other: str) -> bool:
    """The one stands whole in the other, and what was put to it makes no other figure of it:
    ``COPY`` behind it, the ``INV-`` that a clerk puts before it, a reminder's ``-M1``."""
    shorter, longer = (one, other) if len(one) <= len(other) else (other, one)
    if len(shorter) < _WHOLE_MIN:
        return False
    if longer.startswith(shorter) and not (shorter[-1].isdigit() and longer[len(shorter) :][:1].isdigit()):
        return True
    before = longer.removesuffix(shorter)
    if shorter[0].isdigit():
        before = before.rstrip("0")
    return longer.endswith(shorter) and not (shorter[0].isdigit() and before[-1:].isdigit())
