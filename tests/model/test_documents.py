"""What a document takes as a number: a plain one of at most 28 digits, however it is written."""

from contextlib import nullcontext
from decimal import Decimal

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from tieout.model.documents import ReceiptLine

NUMBERS = st.builds(
    lambda sign, digits, exponent: Decimal((sign, digits, exponent)),
    st.integers(0, 1),
    st.lists(st.integers(0, 9), min_size=1, max_size=31).map(tuple),
    st.integers(-60, 60),
)


def is_plain(value: Decimal) -> bool:
    return value.is_finite() and len(value.as_tuple().digits) <= 28 and abs(value.adjusted()) <= 28


@given(NUMBERS)
@example(Decimal("NaN"))
@example(Decimal("sNaN"))
@example(Decimal("Infinity"))
@example(Decimal("-Infinity"))
@example(Decimal("1." + "0" * 27))
@example(Decimal("1." + "0" * 28))
@example(Decimal("0E+29"))
@example(Decimal("0E-29"))
@example(Decimal("1E+99999999"))
@example(Decimal("1E-99999999"))
def test_numbers_are_plain(value: Decimal) -> None:
    refused = nullcontext() if is_plain(value) else pytest.raises(ValueError, match="at most 28 digits")
    with refused:
        ReceiptLine(order_line_id="1", quantity=value)
