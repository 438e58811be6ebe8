"""The one door for XML: encodings, budgets, DOCTYPEs, and places that people can find."""

import pytest

from tieout.formats.reading import Limits
from tieout.formats.xml import Element, child, local, place, stream, text_at, text_of, tree
from tieout.kernel.problem import Code, Problem

LIMITS = Limits()
ROOT = "<R><a>grün</a></R>"


@pytest.mark.parametrize(
    "body",
    [
        pytest.param(ROOT.encode(), id="UTF-8, undeclared"),
        pytest.param(b"\xef\xbb\xbf" + ROOT.encode(), id="UTF-8 with a mark"),
        pytest.param(f'<?xml version="1.0" encoding="utf8"?>{ROOT}'.encode(), id="utf8 as people write it"),
        pytest.param(ROOT.encode("utf-16"), id="UTF-16 with a mark"),
        pytest.param(f'<?xml version="1.0" encoding="UTF-16"?>{ROOT}'.encode("utf-16-be"), id="UTF-16 without a mark"),
        pytest.param(f'<?xml version="1.0" encoding="UTF-16"?>{ROOT}'.encode("utf-16"), id="UTF-16 declared"),
        pytest.param(ROOT.encode("utf-32"), id="UTF-32 with a mark"),
        pytest.param(f"<?xml version='1.0' encoding='ISO-8859-1'?>{ROOT}".encode("latin-1"), id="Latin-1"),
        pytest.param(f'<?xml version="1.0" encoding="windows-1252"?>{ROOT}'.encode("cp1252"), id="Windows"),
        pytest.param(f"\n <!-- > --><?p ?>{ROOT}".encode(), id="comments and blanks before the root"),
    ],
)
def test_encodings_people_use_are_read(body: bytes) -> None:
    root = tree(body, LIMITS)
    assert isinstance(root, Element), root
    assert text_at(root, "a") == "grün"
    assert [element.text for element in stream(body, ["a"], LIMITS) if isinstance(element, Element)] == ["grün"]


@pytest.mark.parametrize(
    ("body", "problem"),
    [
        (b"", Problem(Code.UNREADABLE, "byte 0", detail="the document is empty")),
        (b"<R>\xff</R>", Problem(Code.UNREADABLE, "byte 3", detail="the bytes are not utf-8, which is what the document says or what holds when it says nothing")),
        (b"<R>\0</R>", Problem(Code.UNREADABLE, "byte 3", detail="a NUL byte; the file is damaged or not text")),
        (b"<!DOCTYPE R><R/>", Problem(Code.FORBIDDEN_XML, "byte 0", detail="a DOCTYPE is refused: it could declare entities or have files fetched")),
        (b"<!-- a --><!DOCTYPE R><R/>", Problem(Code.FORBIDDEN_XML, "byte 10", detail="a DOCTYPE is refused: it could declare entities or have files fetched")),
        (b"ORDERS;1", Problem(Code.UNREADABLE, "byte 0", actual="ORDERS;1", detail="this is not XML")),
        (b"<R>&x;</R>", Problem(Code.FORBIDDEN_XML, "line 1, column 7", detail="Entity 'x' not defined")),
        (b'<?xml version="1.0" encoding="UTF-7"?><R/>', Problem(Code.UNREADABLE, "XML declaration", actual="UTF-7", detail="the declared encoding is unknown, or the bytes are not in it")),
    ],
)  # fmt: skip
def test_what_is_refused_is_told_with_its_place(body: bytes, problem: Problem) -> None:
    assert tree(body, LIMITS) == problem
    assert list(stream(body, ["R"], LIMITS))[-1] == problem


@pytest.mark.parametrize("size", [1, 3, 5, 40, 60, 10_000])
@pytest.mark.parametrize("reference", ["&x;", "<b a='&x;'/>"])
def test_nothing_is_read_after_an_entity_that_nobody_declared(
    monkeypatch: pytest.MonkeyPatch, size: int, reference: str
) -> None:
    """lxml starts a new document there; a second one in the same file must not pass for the first."""
    monkeypatch.setattr("tieout.formats.xml.CHUNK", size)
    body = f"<R><e>1</e><e>{reference}</e></R>{' ' * 60}<R><e>2</e></R>".encode()
    found = list(stream(body, ["e", "R"], LIMITS))
    assert [element for element in found[:-1] if isinstance(element, Element) and local(element) == "R"] == []
    assert isinstance(found[-1], Problem)
    assert found[-1].code is Code.FORBIDDEN_XML


def test_deep_nesting_is_refused_as_too_large() -> None:
    problem = tree(b"<a>" * 100_000 + b"</a>" * 100_000, LIMITS)
    assert isinstance(problem, Problem)
    assert problem.code is Code.TOO_LARGE


def test_budgets() -> None:
    assert text_of(b"<R/>", Limits(bytes_max=3)) == Problem(Code.TOO_LARGE, actual="4 bytes", limit="3 bytes")
    found = text_of(b"<R><a/><a/></R>", Limits(elements_max=2))
    assert found == Problem(Code.TOO_LARGE, actual="about 3 elements", limit="2 elements")


def test_a_stream_forgets_what_was_read() -> None:
    body = b"<R><head>h</head>" + b"<e><x>1</x></e>" * 50_000 + b"</R>"
    left = 0
    for element in stream(body, ["e", "R"], LIMITS):
        assert isinstance(element, Element)
        if local(element) == "R":
            left = len(element)
            assert text_at(element, "head") == "h"
    assert left == 2  # the head and the last, empty e


def test_a_stream_tells_of_a_cut_after_the_good_ones() -> None:
    found = list(stream(b"<R><e>1</e><e>2</e><e>", ["e"], LIMITS))
    assert [type(part) for part in found] == [Element, Element, Problem]


def test_places_are_for_people() -> None:
    root = tree(b"<R>\n<a/>\n<a><b/></a><c/></R>", LIMITS)
    assert isinstance(root, Element)
    second = list(root)[1]
    found, alone = child(second, "b"), child(root, "c")
    assert found is not None
    assert alone is not None
    assert (place(found), place(alone)) == ("R/a[2]/b, line 3", "R/c, line 3")
