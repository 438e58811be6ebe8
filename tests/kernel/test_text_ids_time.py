"""Outside text is read strictly; ids come from data; time is microseconds; digests know no order."""

from base64 import b32encode
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from hashlib import blake2b

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tieout.kernel.clock import VirtualClock, from_micros, period_of, to_micros
from tieout.kernel.ids import derive, fingerprint, partition_of
from tieout.kernel.setdigest import MODULUS, add_digest, item_digest
from tieout.kernel.text import parse_day, parse_decimal


@pytest.mark.parametrize(
    ("text", "value"),
    [("12.50", "12.50"), ("-1", "-1"), ("+.5", "0.5"), (" 7. ", "7"), ("0" * 5, "0"), ("9" * 28, "9" * 28)],
)
def test_plain_numbers_are_read(text: str, value: str) -> None:
    assert parse_decimal(text) == Decimal(value)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "NaN",
        "Infinity",
        "1e5",
        "1_000",
        "1,000",
        "１２",
        "٣",
        "12-",
        "--1",
        "1.2.3",
        "0x10",
        "9" * 29,
        "1 2",
        ".",
        "+",
    ],
)
def test_everything_else_is_not(text: str) -> None:
    assert parse_decimal(text) is None


@given(st.decimals(allow_nan=False, allow_infinity=False, places=4, min_value=-(10**12), max_value=10**12))
def test_numbers_survive_being_written(value: Decimal) -> None:
    assert parse_decimal(f"{value:f}") == value


@pytest.mark.parametrize(
    ("text", "day"),
    [("2026-05-31", date(2026, 5, 31)), (" 2028-02-29\n", date(2028, 2, 29))]
    + [
        (bad, None)
        for bad in ("2026-02-29", "2026-5-1", "20260531", "31.05.2026", "٢٠٢٦-05-01", "", "2026-05-31T00:00")
    ],
)
def test_days(text: str, day: date | None) -> None:
    assert parse_day(text) == day


def test_ids_fit_an_end_to_end_id_and_depend_on_where_parts_end() -> None:
    one = derive("inv", "a", "bc")
    assert one == derive("inv", "a", "bc")
    assert one not in (derive("inv", "ab", "c"), derive("inv", "abc"), derive("pay", "a", "bc"))
    assert one.startswith("inv")
    assert len(derive("accrual", "x" * 500)) <= 35
    assert one.replace("-", "").isalnum()


@given(st.lists(st.text(), max_size=3))
def test_ids_are_spelled_in_base_32(parts: list[str]) -> None:
    digest = blake2b("\x1f".join(parts).encode(), digest_size=15).digest()
    assert derive("inv", *parts) == f"inv-{b32encode(digest).decode().lower()}"


@given(st.text(), st.integers(1, 64))
def test_partitions(key: str, count: int) -> None:
    assert 0 <= partition_of(key, count) < count
    assert partition_of(key, count) == partition_of(key, count)


def test_a_fingerprint_is_sha256() -> None:
    assert fingerprint(b"") == "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"


@given(st.datetimes(datetime(1970, 1, 1), datetime(2200, 1, 1)))
def test_moments_are_kept_to_the_microsecond(moment: datetime) -> None:
    moment = moment.replace(tzinfo=UTC)
    assert from_micros(to_micros(moment)) == moment


def test_a_virtual_clock_moves_when_told() -> None:
    clock = VirtualClock(datetime(2026, 5, 4, tzinfo=UTC))
    clock.move(timedelta(hours=1))
    assert clock.now() == datetime(2026, 5, 4, 1, tzinfo=UTC)
    assert period_of(clock.now().date()) == "2026-05"


@given(st.lists(st.tuples(st.text(max_size=5), st.integers(-1000, 1000)), max_size=10), st.data())
def test_a_set_has_one_digest_whichever_way_it_was_built(items: list[tuple[str, int]], data: st.DataObject) -> None:
    one = other = 0
    for item, minor in items:
        one = add_digest(one, item, minor)
    for item, minor in data.draw(st.permutations(items)):
        other = add_digest(other, item, minor)
    assert one == other
    for item, minor in items:
        one = add_digest(one, item, minor, -1)
    assert one == 0
    assert 0 <= other < MODULUS


def test_amounts_are_part_of_an_item() -> None:
    assert item_digest("a", 1) != item_digest("a", 2) != item_digest("a1", 2)
