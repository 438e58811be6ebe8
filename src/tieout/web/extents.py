"""Pictures of a matched line: how far it is ordered, received and billed, and how close each check came to its limit.

Every number in them stands in the cells beside them, so a reader who does not see them misses nothing.
"""

from collections.abc import Iterable, Iterator
from decimal import Decimal
from fractions import Fraction

from markupsafe import Markup
from msgspec import Struct

from tieout.engine.queries.workbench import Extent, Pairing
from tieout.kernel.money import minor_digits
from tieout.model.verdict import Check

#: The checks that bound how much may be billed in all of an order line, by what it is compared with.
_BOUNDING = {
    "ordered": frozenset(("quantity_ordered", "amount_ordered", "blanket_value")),
    "received": frozenset(("quantity_received", "amount_received")),
}
#: What is measured, and what is drawn: a row's width in the units of its picture.
_WIDTH = 1000
#: A limit is drawn so far from the end, so that what lies beyond it can be seen.
_MARGIN = Fraction(5, 4)


class Part(Struct, frozen=True):
    """A stretch of a bar, in the measure of the order line, and what it means (a colour)."""

    kind: str
    start: Fraction
    end: Fraction


class Row(Struct, frozen=True):
    """One bar: what it shows, its number, the last number that passes beside it, and the part this document has."""

    name: str
    value: Fraction
    parts: tuple[Part, ...]
    band: Part | None = None
    unlimited: bool = False
    own: Fraction | None = None


class Bars(Struct, frozen=True):
    """The bars of one order line, in one scale. ``cap`` is the last number that may be billed in all, if one is."""

    rows: tuple[Row, ...]
    most: Fraction
    cap: Fraction | None

    def picture(self, row: Row) -> Markup:
        """One bar, with the band that its limit leaves and the mark of the cap."""
        shapes = [self._rect(part, 2, 10) for part in row.parts if part.end > part.start]
        if row.band and row.band.end > row.band.start:
            shapes.append(self._rect(row.band, 4, 6))
        if self.cap is not None and row.own is not None:
            at = self._at(self.cap)
            shapes.append(
                Markup('<line class="cap" x1="{0}" x2="{0}" y1="0" y2="14"><title>limit</title></line>').format(at)
            )
        return Markup(
            '<svg class="extent" viewBox="0 0 {} 14" preserveAspectRatio="none" aria-hidden="true">{}</svg>'
        ).format(_WIDTH, Markup("").join(shapes))

    def _at(self, value: Fraction) -> str:
        return f"{float(_WIDTH * value / self.most):.1f}"

    def _rect(self, part: Part, top: int, height: int) -> Markup:
        width = float(_WIDTH * (part.end - part.start) / self.most)
        return Markup('<rect class="fill-{}" x="{}" y="{}" width="{:.1f}" height="{}"/>').format(
            part.kind, self._at(part.start), top, width, height
        )


def bars(pair: Pairing, *, counted: bool, sign: int, currency: str) -> Bars | None:
    """How far an order line is ordered, received and billed, and how far it may be; nothing where that has no one
    measure. ``counted``: what is billed has this document in it; ``sign`` is -1 for a credit note."""
    extent = pair.extent
    if extent is None:
        return None
    own = extent.adding * sign
    before = extent.billed - own if counted else extent.billed
    whole, nothing = before + own, Fraction(0)
    limits = dict(_limits(pair, extent, currency))
    rows = [_base("Ordered", "plain", extent.ordered, "ordered", limits)]
    if extent.received is not None:
        rows.append(_base("Received", "info", extent.received, "received", limits))
    least = extent.ordered if extent.received is None else min(extent.ordered, extent.received)
    cap = min((limit for limit in limits.values() if limit is not None), default=None)
    if cap is None and not limits:
        cap = least
    parts = tuple(_billed(max(before, nothing), max(whole, nothing), least, cap))
    rows.append(Row("Billed in all", whole, parts, own=own))
    ends = (extent.ordered, extent.received or nothing, before, whole, *(row.band.end for row in rows if row.band))
    return Bars(tuple(rows), max((*ends, cap or nothing)) or Fraction(1), cap)


def _limits(pair: Pairing, extent: Extent, currency: str) -> Iterator[tuple[str, Fraction | None]]:
    """The last number that may be billed, by what bounds it, where the last verdict looked at what stands here now."""
    scale = 10 ** minor_digits(currency) if pair.by_amount else 1
    now = {"ordered": extent.ordered, "received": extent.received}
    for name, rules in _BOUNDING.items():
        found = [
            check for check in pair.checks if check.rule in rules and Fraction(check.expected) * scale == now[name]
        ]
        ends = [Fraction(check.limit) * scale for check in found if check.limit is not None]
        if found:
            yield name, min(ends, default=None)


def _base(title: str, kind: str, value: Fraction, name: str, limits: dict[str, Fraction | None]) -> Row:
    limit = limits.get(name)
    band = Part("band", value, limit) if limit is not None and limit > value else None
    unlimited = name in limits and limit is None
    return Row(title, value, (Part(kind, Fraction(0), max(value, Fraction(0))),), band, unlimited)


def _billed(before: Fraction, whole: Fraction, least: Fraction, cap: Fraction | None) -> Iterable[Part]:
    """What was billed before; then what this document adds: within what came, within the limit, beyond it. What a
    credit note takes back is hollow."""
    yield Part("before", Fraction(0), min(before, whole))
    if whole < before:
        yield Part("back", whole, before)
        return
    end = whole if cap is None else min(whole, max(cap, before))
    middle = max(min(least, end), before)
    yield Part("good", before, middle)
    yield Part("warn", middle, end)
    yield Part("bad", end, whole)


# ── one check ──────────────────────────────────────────────────────────────────────────────────────────────────────


def bullet(check: Check) -> Markup:
    """What a check saw on the scale of what it allows: the band is what passes, the line what was expected, the dot
    what was found."""
    at, low, high = _scale(check)
    under = check.rule.endswith("_under")
    start = low if not under or check.limit is None else check.limit
    end = high if under or check.limit is None else check.limit
    tone = "good" if check.passed else "bad"
    return Markup(
        '<svg class="bullet" viewBox="0 0 120 16" aria-hidden="true">'
        '<line class="axis" x1="0" x2="120" y1="8" y2="8"/>'
        '<rect class="fill-band" x="{start:.1f}" y="3" width="{width:.1f}" height="10"/>'
        '<line class="expected" x1="{expected:.1f}" x2="{expected:.1f}" y1="1" y2="15"/>'
        '<circle class="fill-{tone}" cx="{actual:.1f}" cy="8" r="4"/></svg>'
    ).format(
        start=at(max(start, low)),
        width=max(at(min(end, high)) - at(max(start, low)), 0.0),
        expected=at(check.expected),
        actual=at(check.actual),
        tone=tone,
    )


class _Scale(Struct, frozen=True):
    """From a number to its place in the picture, some room left at both ends."""

    low: Fraction
    high: Fraction

    def __call__(self, value: Decimal | Fraction) -> float:
        return float(8 + 104 * (Fraction(value) - self.low) / (self.high - self.low))


def _scale(check: Check) -> tuple[_Scale, Fraction, Fraction]:
    """Wide enough for what was found and for the limit, with what was expected in the middle."""
    expected = Fraction(check.expected)
    ends = [Fraction(check.actual)] + ([Fraction(check.limit)] if check.limit is not None else [])
    half = max(abs(end - expected) for end in ends) * _MARGIN or abs(expected) or Fraction(1)
    low, high = expected - half, expected + half
    return _Scale(low, high), low, high
