"""The fuzzing kit itself: it finds what it is there to find, and the readers hold for as long as a test may take."""

import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tieout.conformance import fuzz
from tieout.formats import detect
from tieout.formats.format import Format
from tieout.formats.reading import Context, Findings
from tieout.formats.source import Source
from tieout.kernel.problem import Code

DOCUMENTS = fuzz.gather([Path(__file__).parent / "data"])


def test_every_reader_holds_for_some_seconds() -> None:
    report = fuzz.fuzz(DOCUMENTS, seconds=3)
    assert report.failures == ()
    assert report.documents > 200


def test_a_seed_gives_the_same_document_again() -> None:
    assert [fuzz.broken(DOCUMENTS, seed) for seed in range(50)] == [fuzz.broken(DOCUMENTS, seed) for seed in range(50)]


def _raises(source: Source, context: Context, findings: Findings) -> Iterator[Any]:
    raise ValueError("careless")
    yield


def _hangs(source: Source, context: Context, findings: Findings) -> Iterator[Any]:
    deadline = time.monotonic() + 5
    while time.monotonic() < deadline:
        pass
    yield


def _is_silent(source: Source, context: Context, findings: Findings) -> Iterator[Any]:
    findings.complete = False
    yield


def _is_careful(source: Source, context: Context, findings: Findings) -> Iterator[Any]:
    findings.fault(Code.BAD_VALUE, "line 1")
    yield


@pytest.mark.parametrize(
    ("reader", "what"),
    [
        (_raises, "ValueError: careless"),
        (_hangs, "it took more than 0.2 seconds"),
        (_is_silent, "it refuses the document and does not say why"),
        (_is_careful, ""),
    ],
)
def test_what_a_reader_must_not_do_is_found(reader: Any, what: str, monkeypatch: pytest.MonkeyPatch) -> None:
    format = Format("test", "test", "text/plain", "test", reader, lambda head: True)
    monkeypatch.setattr(detect, "FORMATS", {"test": format})
    monkeypatch.setattr(fuzz, "SECONDS_MAX", 0.2)
    assert fuzz.attempt(b"anything") == ("test", what)
