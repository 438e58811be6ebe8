"""How values are written on pages: amounts, ages, days, statuses."""

import re
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from fractions import Fraction

from jinja2 import pass_context
from jinja2.runtime import Context
from markupsafe import Markup, escape

from tieout.engine.queries.close import title as standing_title
from tieout.kernel.clock import from_micros
from tieout.kernel.money import Money, minor_digits
from tieout.model.cases import CaseClass
from tieout.policy.cases import CASE_RULES
from tieout.policy.policy import Policy

NO_CURRENCY = "XXX"
"""ISO 4217 for "no currency": what stands for something that has no amount."""

_PERSON = re.compile(r"\bperson:(?=[a-z0-9])")
_TONES = {
    "good": """
        accepted active applied approved booked closed covered delivered done in_force matched paid passed posted
        proved ready settled
    """,
    "bad": """
        critical dead duplicate expired failed hard invalid mismatched not_covered not_proved posting_failed
        posting_unknown quarantined refused rejected returned review_overdue suspect undecided unknown
    """,
    "warn": """
        calling_off cancelled held high not_ready on_hold open partly posted_on_hold releasing unposted withheld
    """,
    "info": """
        admitted claimed collecting coming leased parked posting probing received released requested reserved
        submitted tried unpacked valid
    """,
}
_TONE = {word: tone for tone, words in _TONES.items() for word in words.split()}


def tone(status: str) -> str:
    """The colour family of a status; the word itself always stands beside the colour."""
    return _TONE.get(status, "plain")


def status_word(status: str) -> str:
    """A status as people write it."""
    return status.replace("_", " ")


def chip(status: str, text: str = "") -> Markup:
    """A status as a small label."""
    return Markup('<span class="chip {}">{}</span>').format(tone(status), text or status_word(status))


def amount(money: Money | None) -> str:
    """The number of an amount, with the currency's own decimals and a real minus sign."""
    if money is None or money.currency == NO_CURRENCY:
        return ""
    return f"{money.amount:,}".replace("-", "−")


def money(value: Money | None) -> Markup:
    """An amount with its currency, for running text and cells."""
    if value is None or value.currency == NO_CURRENCY:
        return Markup("")
    return Markup('<span class="money">{}<small> {}</small></span>').format(amount(value), value.currency)


def quantity(value: Decimal | Fraction, digits_min: int = 0) -> str:
    """A quantity or a price without needless zeros: ``1,200`` and ``12.5``; a third is ``≈ 0.333333``."""
    if isinstance(value, Fraction):
        near = Decimal(round(value * 10**6)).scaleb(-6)
        return ("" if Fraction(near) == value else "≈ ") + quantity(near, digits_min)
    plain = value.normalize()
    digits = max(digits_min, -int(plain.as_tuple().exponent))
    return f"{plain:,.{digits}f}".replace("-", "−")


def price(value: Decimal, currency: str) -> str:
    """A unit price: with the decimals of its currency at least, and further ones where it has them."""
    return quantity(value, minor_digits(currency))


def measured(value: Decimal, unit: str, currency: str) -> str:
    """What a check expected or saw: amounts and prices with the decimals of their currency, quantities without
    needless zeros."""
    return quantity(value, minor_digits(currency) if unit.partition("/")[0] == currency else 0)


_UNITS = {
    "C62": "pcs",
    "H87": "pcs",
    "XBX": "boxes",
    "XPX": "pallets",
    "DZN": "dozen",
    "KGM": "kg",
    "TNE": "t",
    "MTR": "m",
    "MTK": "m²",
    "MTQ": "m³",
    "LTR": "l",
    "HUR": "h",
    "DAY": "days",
    "KWH": "kWh",
}


#: A number with its unit, or with the two of a price, such as ``1249.00 EUR/EA`` and ``49 EUR/100 C62``.
_MEASURE = re.compile(r"(?<![\w.,-])([-−]?\d+(?:\.\d+)?) ([A-Z][A-Z0-9]{1,2})(/(?:\d+ )?[A-Z][A-Z0-9]{1,2})?(?![\w/-])")


def told(text: str) -> str:
    """What a check or a problem says, with its numbers as they stand everywhere else on pages: ``1273.9800 EUR/KGM`` is
    "1,273.98 EUR/kg". Only for texts of ours: what people wrote stays as they wrote it."""
    return _MEASURE.sub(_measure, plain(text))


def _measure(found: re.Match[str]) -> str:
    number, code, per = found.groups(default="")
    digits = minor_digits(code) if "." in number and code not in _UNITS else 0
    return f"{quantity(Decimal(number.replace('−', '-')), digits)} {_unit_word(code)}{_unit_word(per)}"


def unit(code: str) -> Markup:
    """A unit of UN/ECE Recommendation 20 as people write it; its code stands in the tooltip. Others as they are. Of a
    price it is what follows the stroke: ``EUR/100 KGM`` is "EUR/100 kg"."""
    word = _unit_word(code)
    if word == code:
        return Markup("{}").format(code)
    return Markup('<abbr title="{}">{}</abbr>').format(code, word)


def _unit_word(code: str) -> str:
    before, stroke, last = code.rpartition("/")
    times, space, own = last.rpartition(" ")
    return before + stroke + times + space + _UNITS.get(own, own)


def rounded(value: Money) -> str:
    """An amount for a headline: very large ones in whole units; a tooltip has the rest."""
    if minor_digits(value.currency) == 0 or abs(value.amount) < 10_000_000:
        return amount(value)
    return f"{value.amount.quantize(Decimal(1)):,}".replace("-", "−")


def age(moment: datetime | None, now: datetime) -> str:
    """How long ago, in words: ``just now``, ``12 min``, ``3 h``, ``5 days``."""
    if moment is None:
        return "never"
    return span(now - moment)


def span(passed: timedelta) -> str:
    """A length of time in words."""
    seconds = int(passed.total_seconds())
    if seconds < 0:
        return "just now"
    for limit, unit, word in ((60, 1, ""), (5400, 60, "min"), (129_600, 3600, "h"), (5_184_000, 86_400, "day")):
        if seconds < limit:
            number = round(seconds / unit)
            return f"{number} {word}{'s' if word == 'day' and number != 1 else ''}" if word else "just now"
    return f"{seconds // 2_592_000} months"


def ago(moment: datetime | None, now: datetime) -> Markup:
    """An age whose tooltip has the moment."""
    if moment is None:
        return Markup("never")
    return Markup('<time datetime="{}" title="{}">{}</time>').format(
        moment.isoformat(), f"{moment.astimezone(UTC):%Y-%m-%d %H:%M:%S} UTC", age(moment, now)
    )


@pass_context
def when(context: Context, moment: datetime | None) -> Markup:
    """A moment, to the minute, in UTC; with its year where that is not this year."""
    if moment is None:
        return Markup("")
    utc = moment.astimezone(UTC)
    year = "" if utc.year == context["now"].year else f" {utc.year}"
    return Markup('<time datetime="{}" title="{}">{}</time>').format(
        moment.isoformat(), f"{utc:%Y-%m-%d %H:%M:%S} UTC", f"{utc.day} {utc:%b}{year} {utc:%H:%M}"
    )


def moment(micros: int) -> datetime | None:
    """A moment of the log, which keeps microseconds; nothing for 0."""
    return from_micros(micros) if micros else None


def minor(value: int, currency: str) -> Money:
    """An amount that comes as minor units."""
    return Money(value, currency)


def day(value: date | None, today: date | None = None) -> Markup:
    """A day; with ``today`` it says when it is over."""
    if value is None:
        return Markup('<span class="muted">no date</span>')
    text = Markup('<time datetime="{}">{}</time>').format(value.isoformat(), f"{value.day} {value:%b %Y}")
    if today is not None and value < today:
        late = (today - value).days
        return text + Markup(' <small class="late">{}</small>').format(f"{late} day{'s' if late != 1 else ''} over")
    return text


def person(actor: str) -> str:
    """An actor as pages name it."""
    return actor.removeprefix("person:")


def case_title(case_class: str) -> str:
    """A class of cases in words."""
    try:
        return CASE_RULES[CaseClass(case_class)].title
    except (KeyError, ValueError):
        return status_word(case_class).capitalize()


def case_bucket(name: str) -> str:
    """An age in days, in words."""
    return "over 30 days" if name == "over-30" else f"{name.replace('-', '–')} days"


def blocker(name: str) -> str:
    """What keeps a period open, in words: ``stale.ap`` is "ap has not been heard of lately"."""
    kind, _, rest = name.partition(".")
    match kind:
        case "stale":
            return f"{rest} has not been heard of lately"
        case "earlier":
            return f"From earlier periods: {standing_title(rest)}"
        case "tie_out":
            return f"{rest} do not agree"
        case "tasks":
            return "Close tasks that are not done"
        case _:
            return standing_title(name)


def bucket(name: str) -> str:
    """A due date bucket in words."""
    return {
        "overdue": "Overdue",
        "this_week": "Within 7 days",
        "next_week": "8 to 14 days",
        "this_month": "15 to 30 days",
        "later": "Later",
        "undated": "No due date",
    }.get(name, name)


def entity_name(policy: Policy, entity: str) -> str:
    """A legal entity's name, as the policy has it."""
    settings = policy.entities.get(entity)
    return settings.name if settings else entity


def size(number: int) -> str:
    """A number of bytes."""
    return (
        f"{number:,} B"
        if number < 10_000
        else f"{number / 1000:,.0f} kB"
        if number < 10**7
        else f"{number / 10**6:,.1f} MB"
    )


def plain(text: object) -> str:
    """A text of the log as people read it: ``person:anna`` is anna."""
    return _PERSON.sub("", str(text))


def record_kind(name: str) -> str:
    """The name of a kind of record in words: ``BankStatement`` is "Bank statement"."""
    return re.sub(r"(?<=[a-z])(?=[A-Z])", " ", name).capitalize()


def short(text: str, most: int = 90) -> str:
    """The beginning of a text."""
    text = plain(text)
    return text if len(text) <= most else text[: most - 1].rstrip() + "…"


def brief(text: str, most: int = 90) -> Markup:
    """The beginning of a text; the tooltip has all of it."""
    text = plain(text)
    cut = short(text, most)
    return escape(text) if cut == text else Markup('<span title="{}">{}</span>').format(text, cut)


_OUR_ID = re.compile(r"\b(?:inv|pay|run|sup|case)-[a-z2-7]{22,}\b")


def linked(text: str) -> Markup:
    """A text in which ids of ours lead to what they name."""
    parts, at = [], 0
    for found in _OUR_ID.finditer(plain(text)):
        address = ("/cases/" if found[0].startswith("case-") else "/trace/") + found[0]
        parts += [
            escape(found.string[at : found.start()]),
            Markup('<a class="id" href="{}">{}</a>').format(address, found[0]),
        ]
        at = found.end()
    return Markup("").join([*parts, escape(plain(text)[at:])])


def lines(text: str) -> Markup:
    """A text with its line breaks."""
    return Markup("<br>").join(escape(line) for line in plain(text).splitlines())
