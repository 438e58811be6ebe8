"""How old cases are, as pictures whose every part leads to the cases behind it. Each number also stands beside it."""

from collections.abc import Callable, Sequence

from markupsafe import Markup
from msgspec import Struct

from tieout.engine.queries.cases import BUCKETS, Aging, Bucket
from tieout.kernel.money import Money
from tieout.web import words

#: Where a part of a picture leads: the filter, changed by what the part stands for.
Leads = Callable[..., str]


class AgeRow(Struct, frozen=True):
    """The cases of one bucket of age, those of them that are overdue, and their money by currency."""

    bucket: Bucket
    count: int
    overdue: int
    sums: tuple[Money, ...]


class ClassRow(Struct, frozen=True):
    """The cases of one class: how many in each bucket of age, of how many at most, overdue ones, and their money."""

    case_class: str
    counts: dict[Bucket, int]
    most: int
    overdue: int
    sums: tuple[Money, ...]


def by_age(found: Sequence[Aging]) -> tuple[AgeRow, ...]:
    """All buckets, the youngest first; those without a case too."""
    return tuple(_age_row(bucket, [one for one in found if one.bucket == bucket]) for bucket in BUCKETS)


def by_class(found: Sequence[Aging]) -> tuple[ClassRow, ...]:
    """Classes with cases, those with most of them first."""
    rows: dict[str, list[Aging]] = {}
    for one in found:
        rows.setdefault(one.case_class, []).append(one)
    totals = {name: sum(one.count for one in own) for name, own in rows.items()}
    most = max(totals.values(), default=0)
    return tuple(
        ClassRow(name, _counts(rows[name]), most, sum(one.overdue for one in rows[name]), _sums(rows[name]))
        for name in sorted(totals, key=lambda name: (-totals[name], name))
    )


def _age_row(bucket: Bucket, own: Sequence[Aging]) -> AgeRow:
    return AgeRow(bucket, sum(one.count for one in own), sum(one.overdue for one in own), _sums(own))


def _counts(rows: Sequence[Aging]) -> dict[Bucket, int]:
    counts = dict.fromkeys(BUCKETS, 0)
    for one in rows:
        counts[one.bucket] += one.count
    return counts


def _sums(rows: Sequence[Aging]) -> tuple[Money, ...]:
    sums: dict[str, Money] = {}
    for one in rows:
        if one.amount and one.currency != words.NO_CURRENCY:
            sums[one.currency] = sums.get(one.currency, Money.zero(one.currency)) + one.amount
    return tuple(sums[currency] for currency in sorted(sums))


def age_bar(row: AgeRow, most: int, leads: Leads) -> Markup:
    """The cases of one age: overdue ones, and the others; a click shows them."""
    word = words.case_bucket(row.bucket)
    parts = (
        ("fill-bad", row.overdue, f"{word}: {row.overdue} overdue", leads(bucket=row.bucket, overdue="yes")),
        ("fill-info", row.count - row.overdue, f"{word}: {row.count - row.overdue} in time", leads(bucket=row.bucket)),
    )
    return _bar(parts, most)


def class_bar(row: ClassRow, leads: Leads) -> Markup:
    """The cases of a class, the youngest first; the longest bar is that of the class with most cases."""
    parts = (
        (
            f"age-{bucket}",
            count,
            f"{words.case_bucket(bucket)}: {count}",
            leads(case_class=row.case_class, bucket=bucket),
        )
        for bucket, count in row.counts.items()
    )
    return _bar(tuple(parts), row.most)


def _bar(parts: Sequence[tuple[str, int, str, str]], most: int) -> Markup:
    """Parts beside each other. The links are for the mouse; the same ones stand in the cells, for keyboards too."""
    drawn, left = [], 0.0
    for kind, count, label, address in parts:
        width = 1000 * count / most if most else 0.0
        if width:
            drawn.append(
                Markup(
                    '<a href="{}" tabindex="-1"><rect class="{}" x="{:.1f}" width="{:.1f}" height="10">'
                    "<title>{}</title></rect></a>"
                ).format(address, kind, left, max(width - 3, 1.5), label)
            )
            left += width
    return Markup(
        '<svg class="bar" viewBox="0 0 1000 10" preserveAspectRatio="none" aria-hidden="true">{}</svg>'
    ).format(Markup("").join(drawn))
