"""Who stands behind a policy, release after release: for as long as what they changed stands."""

from datetime import date

from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from tieout.policy.authorship import Settings, control_setting, origins, settings_of
from tieout.policy.controls import Control
from tieout.policy.policy import Policy

CONTROL = Control(
    name="small site",
    duties=("GR", "IE"),
    person="anna",
    measure="delivery notes are compared",
    reviewer="rita",
    valid_from=date(2026, 1, 1),
    valid_until=date(2026, 6, 30),
    review_days=31,
)
BASE = {".a": 1, ".b": 1}


def came_from(*releases: Settings) -> dict[str, str]:
    """Where the settings of the last of these releases come from, each put on the one before: r0, r1 …"""
    named = {f"r{number}": release for number, release in enumerate(releases)}
    names = list(named)
    return origins(zip(names, ["", *names], strict=False), named.__getitem__)[names[-1]]


def test_a_change_stays_its_authors_while_others_change_something_else() -> None:
    assert came_from(BASE, {".a": 2, ".b": 1}) == {".a": "r1", ".b": "r0"}
    assert came_from(BASE, {".a": 2, ".b": 1}, {".a": 2, ".b": 3}) == {".a": "r1", ".b": "r2"}


def test_what_is_set_anew_is_somebody_elses_even_when_it_is_set_back() -> None:
    assert came_from(BASE, {".a": 2, ".b": 1}, BASE) == {".a": "r2", ".b": "r0"}


def test_what_is_taken_out_comes_from_whoever_took_it_out() -> None:
    assert came_from(BASE, {".a": 1}, {".a": 1, ".c": 1}) == {".a": "r0", ".b": "r1", ".c": "r2"}


def test_a_release_that_was_rolled_back_leaves_nothing_in_what_is_put_on_the_one_below() -> None:
    named = {"r0": BASE, "r1": {".a": 2, ".b": 1}, "r2": {".a": 1, ".b": 5}}
    steps = [("r0", ""), ("r1", "r0"), ("r0", ""), ("r2", "r0")]
    assert origins(steps, named.__getitem__)["r2"] == {".a": "r0", ".b": "r2"}


def test_a_control_is_a_setting_of_its_own_name() -> None:
    first = settings_of(Policy(controls=(CONTROL,)))
    other = settings_of(Policy(controls=(replace(CONTROL, name="other"), CONTROL), approval_days=9))
    found = came_from(first, other)
    assert {path for path, release in found.items() if release == "r1"} == {".approval_days", control_setting("other")}
    longer = settings_of(Policy(controls=(replace(CONTROL, valid_until=date(2027, 6, 30)),)))
    assert came_from(first, longer)[control_setting("small site")] == "r1"


SETTINGS = st.dictionaries(st.sampled_from("abc"), st.integers(0, 2))


@given(st.lists(SETTINGS, min_size=1, max_size=5))
def test_the_last_release_that_changed_a_setting_is_where_it_comes_from(releases: list[Settings]) -> None:
    for path, name in came_from(*releases).items():
        number = int(name[1:])
        values = [release.get(path) for release in releases]
        assert len(set(values[number:])) == 1
        assert number == 0 or path not in came_from(*releases[:number]) or values[number - 1] != values[number]
