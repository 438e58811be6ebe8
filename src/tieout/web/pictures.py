"""Pictures: small charts as SVG, drawn on the server. Every number in them also stands in the text beside them."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from math import log2

from markupsafe import Markup
from msgspec import Struct

from tieout.engine.queries.liabilities import BUCKETS as DUE_BUCKETS
from tieout.engine.queries.liabilities import Due
from tieout.engine.queries.trace import Lane, Step, Trace, Write
from tieout.web import words

LANES: dict[Lane, str] = {
    "people": "People",
    "procurement": "Procurement",
    "ap": "AP platform",
    "tieout": "tieout",
    "erp": "ERP",
    "bank": "Bank",
    "close": "Close",
}
_ALWAYS: tuple[Lane, ...] = ("ap", "tieout", "erp", "bank", "close")


# ── bars ───────────────────────────────────────────────────────────────────────────────────────────────────────────


def due_bar(due: Iterable[Due], currency: str) -> Markup:
    """What is owed in one currency, by when it is due, as one bar."""
    sums = dict.fromkeys(DUE_BUCKETS, 0)
    for one in due:
        if one.currency == currency:
            sums[one.bucket] += max(0, one.amount.minor)
    whole = sum(sums.values())
    if not whole:
        return Markup("")
    parts, left = [], 0.0
    for bucket in DUE_BUCKETS:
        width = 1000 * sums[bucket] / whole
        if width:
            label = f"{words.bucket(bucket)}: {100 * sums[bucket] / whole:.0f} %"
            parts.append(
                Markup('<rect class="due-{}" x="{:.1f}" width="{:.1f}" height="10"><title>{}</title></rect>').format(
                    bucket.replace("_", "-"), left, max(width - 3, 1.5), label
                )
            )
            left += width
    return Markup(
        '<svg class="bar" viewBox="0 0 1000 10" preserveAspectRatio="none" role="img" aria-label="{}">{}</svg>'
    ).format(f"{currency} by due date", Markup("").join(parts))


def share_bar(number: int, most: int, kind: str = "plain") -> Markup:
    """One number beside the largest of its list."""
    width = max(1.0, 100 * number / most) if number > 0 and most > 0 else 0
    return Markup(
        '<svg class="share" viewBox="0 0 100 8" preserveAspectRatio="none" aria-hidden="true">'
        '<rect class="fill-{}" width="{:.1f}" height="8" rx="1"/></svg>'
    ).format(kind, width)


def span(seconds: float) -> str:
    """A length of time in words."""
    return words.span(timedelta(seconds=seconds))


_STAGES: tuple[tuple[str, tuple[str, ...], str], ...] = (
    ("Arrived", ("received", "admitted", "valid"), "info"),
    ("Stopped", ("duplicate", "suspect", "invalid", "mismatched", "rejected"), "bad"),
    ("Matched", ("matched", "held"), "info"),
    ("Posting", ("posting", "posting_unknown", "posting_failed"), "warn"),
    ("Posted", ("posted", "posted_on_hold", "reserved"), "good"),
    ("Paid", ("paid", "closed"), "good"),
)


class Stage(Struct, frozen=True):
    """One stage of the pipeline: its name, how many invoices stand there, its tone, and its share of the largest."""

    name: str
    count: int
    tone: str
    statuses: tuple[str, ...]


def stages(invoices: Mapping[str, int]) -> tuple[Stage, ...]:
    """The life of invoices in six stages."""
    return tuple(
        Stage(name, sum(invoices.get(status, 0) for status in statuses), kind, statuses)
        for name, statuses, kind in _STAGES
    )


# ── the life of a document, across systems ─────────────────────────────────────────────────────────────────────────


class Mark(Struct, frozen=True):
    """One thing that happened, as a dot in a lane."""

    at: datetime
    lane: Lane
    label: str
    tone: str
    title: str
    open: bool = False


_MARKS: dict[str, tuple[str, str]] = {
    "invoice.received": ("received", "info"),
    "invoice.duplicate_stopped": ("duplicate", "bad"),
    "invoice.found_invalid": ("not valid", "bad"),
    "invoice.matched": ("matched", "good"),
    "invoice.match_failed": ("no match", "bad"),
    "invoice.variance_accepted": ("accepted", "info"),
    "invoice.duplicate_suspected": ("looks like another", "bad"),
    "invoice.duplicate_cleared": ("no duplicate", "info"),
    "invoice.duplicate_overruled": ("overruled", "info"),
    "invoice.cancelled": ("cancelled", "bad"),
    "invoice.posting_failed": ("refused", "bad"),
    "invoice.posted": ("posted", "good"),
    "invoice.closed": ("closed", "good"),
    "order.placed": ("ordered", "info"),
    "order.goods_received": ("goods in", "info"),
    "payment_run.proposed": ("run proposed", "info"),
    "payment_run.release_requested": ("released", "info"),
    "payment_run.release_refused": ("release refused", "bad"),
    "payment_run.delivered": ("file there", "info"),
    "payment.withheld": ("withheld", "bad"),
    "payment.reserved": ("in a run", "info"),
    "payment.claimed": ("claimed", "info"),
    "payment.rejected": ("rejected", "bad"),
    "payment.booked": ("booked", "good"),
    "payment.returned": ("came back", "bad"),
    "supplier.proposed": ("proposed", "info"),
    "supplier.activated": ("valid", "good"),
    "supplier.bank_change_requested": ("new account?", "warn"),
    "supplier.bank_change_confirmed": ("confirmed", "info"),
    "supplier.bank_change_rejected": ("rejected", "bad"),
    "supplier.bank_account_changed": ("account changed", "good"),
    "supplier.payments_held": ("held", "warn"),
    "supplier.payments_released": ("let go", "good"),
    "statement.accepted": ("statement", "good"),
    "statement.gap_found": ("gap", "bad"),
    "statement.overruled": ("overruled", "bad"),
    "case.opened": ("case", "warn"),
    "case.settled": ("settled", "good"),
    "period.ready": ("ready", "good"),
    "period.not_ready": ("not ready", "warn"),
}
_LANE: dict[str, Lane] = {
    "invoice.posted": "erp",
    "invoice.posting_failed": "erp",
    "payment_run.delivered": "bank",
    "payment.claimed": "bank",
    "payment.rejected": "bank",
    "payment.booked": "bank",
    "payment.returned": "bank",
    "case.opened": "people",
    "case.settled": "people",
    "period.ready": "close",
    "period.not_ready": "close",
}
_WRITTEN = {
    "submit_invoice": "handed over",
    "report_posting": "told: posted",
    "record_payment": "payment noted",
    "record_return": "return noted",
    "report_payment": "told: paid",
    "upsert_supplier": "record there",
    "create_order": "order there",
    "record_receipt": "receipt there",
    "book_statement": "booked",
    "report_readiness": "told",
}
_ODD = {"refused": "refused", "unknown": "no answer", "undecided": "no answer", "dead": "given up"}
_WAITING = ("ready", "parked", "leased", "probing", "unknown", "undecided", "held", "dead")

_LEFT, _TOP, _LANE_HEIGHT = 112, 50, 54
_STEP_MIN, _STEP_MAX, _WIDTH = 58, 104, 1060


def is_milestone(step: Step) -> bool:
    """Whether a step is one that people ask for, rather than one of the many between."""
    return step.type in _MARKS or step.type == "invoice.approval_decided" or step.outcome in _ODD


def marks(trace: Trace) -> list[Mark]:
    """The milestones of a life, in order; the same thing twice in a row is one."""
    found: list[Mark] = []
    for step in trace.steps:
        if mark := _mark(step):
            found.append(mark)
        if trace.invoice and step.type in ("invoice.posted", "invoice.cancelled"):
            title = f"No longer keeps {trace.invoice.period} open"
            found.append(Mark(step.recorded_at, "close", "unblocked", "good", title))
    found += _blocking(trace)
    found += [_waiting(write) for write in trace.writes if write.effect.status in _WAITING]
    kept: list[Mark] = []
    for mark in found:
        if not any(mark.label == before.label and mark.lane == before.lane for before in kept[-2:]):
            kept.append(mark)
    return kept


def _mark(step: Step) -> Mark | None:
    title = f"{step.headline}. {step.detail}".rstrip(". ")
    if step.type == "invoice.approval_decided":
        approved = step.headline.startswith("Approved")
        return Mark(step.recorded_at, "ap", "approved" if approved else "denied", "good" if approved else "bad", title)
    if step.type == "effect.settled":
        return _settled(step, title)
    found = _MARKS.get(step.type)
    if found is None:
        return None
    lane = _LANE.get(step.type, step.lane)
    return Mark(step.recorded_at, lane, *found, title)


def _settled(step: Step, title: str) -> Mark | None:
    if step.outcome in _ODD:
        return Mark(step.recorded_at, step.lane, _ODD[step.outcome], "bad", title)
    label = next((label for name, label in _WRITTEN.items() if step.operation == name), "")
    return Mark(step.recorded_at, step.lane, label, "plain", title) if label else None


def _blocking(trace: Trace) -> list[Mark]:
    """An invoice keeps its period open from its arrival until it is posted or falls out."""
    invoice = trace.invoice
    gone = any(step.type in ("invoice.posted", "invoice.cancelled") for step in trace.steps)
    if invoice is None or gone or invoice.status in ("duplicate", "cancelled"):
        return []
    last = trace.steps[-1].recorded_at if trace.steps else invoice.changed_at
    return [Mark(last, "close", "blocks close", "warn", f"Keeps {invoice.period} open until it is posted", open=True)]


def _waiting(write: Write) -> Mark:
    effect = write.effect
    kind = "bad" if effect.status in ("dead", "undecided", "unknown") else "warn"
    return Mark(effect.changed_at, write.lane, "waits", kind, f"{effect.name}: {effect.status_words}", open=True)


def timeline(trace: Trace) -> Markup:
    """The life as a picture: a lane for each system, time from left to right (long waits are drawn shorter)."""
    found = marks(trace)
    if len(found) < 2:
        return Markup("")
    always = _ALWAYS if trace.invoice else ()
    lanes = [lane for lane in LANES if lane in always or any(mark.lane == lane for mark in found)]
    places = _places(found)
    width, height = places[-1] + 70, _TOP + _LANE_HEIGHT * len(lanes) + 6
    body = [_rows(lanes), _axis(found, places, height), _line(found, places, lanes)]
    body += [_dot(mark, x, _y(lanes, mark.lane), up) for (mark, x), up in _staggered(found, places)]
    label = f"{trace.title}: {len(found)} steps from {found[0].at:%Y-%m-%d} to {found[-1].at:%Y-%m-%d}"
    return Markup(
        '<svg class="timeline" width="{0:.0f}" height="{1:.0f}" viewBox="0 0 {0:.0f} {1:.0f}" '
        'preserveAspectRatio="xMinYMin meet" role="img" '
        'aria-label="{2}">{3}</svg>'
    ).format(width, height, label, Markup("").join(body))


def _places(found: Sequence[Mark]) -> list[float]:
    """From left to right, a little further apart the longer the wait was."""
    waits = [_wait(earlier, later) for earlier, later in pairwise(found)]
    room = (_WIDTH - _LEFT - 90 - sum(waits)) / max(1, len(waits))
    step, places = min(_STEP_MAX, max(_STEP_MIN, room)), [float(_LEFT + 46)]
    for wait in waits:
        places.append(places[-1] + step + wait)
    return places


def _wait(earlier: Mark, later: Mark) -> float:
    minutes = max(0.0, (later.at - earlier.at).total_seconds() / 60)
    return min(44.0, 3.2 * log2(1 + minutes))


def _y(lanes: Sequence[Lane], lane: Lane) -> float:
    return _TOP + _LANE_HEIGHT * (lanes.index(lane) + 0.5)


def _rows(lanes: Sequence[Lane]) -> Markup:
    parts = []
    for number, lane in enumerate(lanes):
        y = _TOP + _LANE_HEIGHT * number
        parts.append(
            Markup(
                '<rect class="lane{}" x="0" y="{}" width="9999" height="{}"/>'
                '<text class="lane-name" x="12" y="{}">{}</text>'
            ).format(" odd" if number % 2 else "", y, _LANE_HEIGHT, y + _LANE_HEIGHT / 2 + 4, LANES[lane])
        )
    return Markup("").join(parts)


def _axis(found: Sequence[Mark], places: Sequence[float], height: float) -> Markup:
    """The day where it changes, the time of every step, and how long the longer waits were."""
    parts: list[Markup] = []
    last_day, last_minute = "", ""
    for number, (mark, x) in enumerate(zip(found, places, strict=True)):
        moment = mark.at.astimezone(UTC)
        new_day, minute = f"{moment.day} {moment:%b}", f"{moment:%H:%M}"
        if mark.open:
            new_day, minute = "now", ""
        if new_day != last_day:
            parts.append(Markup('<text class="day" x="{:.1f}" y="18">{}</text>').format(x, new_day))
            parts.append(
                Markup('<line class="day-line" x1="{0:.1f}" x2="{0:.1f}" y1="{1}" y2="{2:.0f}"/>').format(
                    x, _TOP, height - 6
                )
            )
        if minute and (minute != last_minute or new_day != last_day):
            parts.append(Markup('<text class="minute" x="{:.1f}" y="36">{}</text>').format(x, minute))
        last_day, last_minute = new_day, minute
        wait = mark.at - found[number - 1].at if number else timedelta(0)
        if wait > timedelta(hours=20) and not mark.open:
            middle = (x + places[number - 1]) / 2
            parts.append(Markup('<text class="wait" x="{:.1f}" y="36">{}</text>').format(middle, words.span(wait)))
    return Markup("").join(parts)


def _line(found: Sequence[Mark], places: Sequence[float], lanes: Sequence[Lane]) -> Markup:
    """The thread through all that has happened."""
    points = [(x, _y(lanes, mark.lane)) for mark, x in zip(found, places, strict=True) if not mark.open]
    if not points:
        return Markup("")
    path = [f"M{points[0][0]:.1f} {points[0][1]:.1f}"]
    for (x0, y0), (x1, y1) in pairwise(points):
        middle = (x0 + x1) / 2
        path.append(f"C{middle:.1f} {y0:.1f} {middle:.1f} {y1:.1f} {x1:.1f} {y1:.1f}")
    return Markup('<path class="thread" d="{}"/>').format(" ".join(path))


def _staggered(found: Sequence[Mark], places: Sequence[float]) -> Iterable[tuple[tuple[Mark, float], bool]]:
    """Neighbours in one lane have their labels above and below in turn."""
    last: dict[Lane, tuple[float, bool]] = {}
    for mark, x in zip(found, places, strict=True):
        before, up = last.get(mark.lane, (-1000.0, True))
        up = not up if x - before < 104 else False
        last[mark.lane] = (x, up)
        yield (mark, x), up


def _dot(mark: Mark, x: float, y: float, up: bool) -> Markup:
    return Markup(
        '<g class="mark {}{}"><title>{}</title><circle cx="{:.1f}" cy="{:.1f}" r="5.5"/>'
        '<text x="{:.1f}" y="{:.1f}">{}</text></g>'
    ).format(mark.tone, " open" if mark.open else "", mark.title, x, y, x, y - 11 if up else y + 20, mark.label)
