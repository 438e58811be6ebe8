"""What is compared of texts are their letters and digits, whatever alphabet they are written in."""

import re

from hypothesis import example, given
from hypothesis import strategies as st

from tieout.kernel.ids import fingerprint
from tieout.matching.duplicates.fingerprint import account_digest


@given(st.one_of(st.text(min_size=1), st.text(st.characters(max_codepoint=127), min_size=1)))
@example("DE89 3704-0044/0532.0130_00")
@example("straße 7")
def test_letters_and_digits_are_kept(text: str) -> None:
    kept = re.sub(r"[\W_]+", "", text.upper())
    assert account_digest(text) == (fingerprint(kept.encode())[:16] if kept else "")
