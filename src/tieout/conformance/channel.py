"""What every channel must keep: inherit, say how a partner leaves a file, and pytest plays the bad days.

    class TestFolder(ChannelConformance):
        def make(self, documents: Documents, **settings: Any) -> Connector:
            return open_folder("in", FolderConfig(inbox="in", **settings), self.base, documents, self.clock)

        def put(self, name: str, body: bytes) -> None: ...
        def waiting(self) -> set[str]: ...

The same file comes in once; a restart at any moment neither doubles nor loses one; a half-written one is waited for;
one that cannot be taken stops no other; limits are kept. Going out, one name is one document, whole, and never written
over. What a channel cannot show is skipped, and says so.
"""

import tracemalloc
from collections.abc import Iterator
from hashlib import sha256
from typing import Any, Literal
from unittest import SkipTest

from msgspec.structs import replace
from structlog.testing import capture_logs

from tieout.engine.intake import Full
from tieout.formats.source import Bytes, Source
from tieout.kernel.problem import Code, Problem
from tieout.model.effects import SendDocument, effect_id
from tieout.ports import Absent, Applied, Connector, Documents, Effect, Page, Refused, Taken, Unknown

PULLS_MAX = 100
"""A channel that is not through with a few files after so many pulls does not come to an end."""
SETTLED_SECONDS = 60.0
LARGE_BYTES = 48 << 20
_MEMORY_MAX = LARGE_BYTES // 3


class Killed(BaseException):
    """The process ends here, in the middle of it."""


class Desk(Documents):
    """The way in as a channel sees it: keeps what comes by its hash, and goes wrong when told to."""

    def __init__(self) -> None:
        self.bodies: dict[str, bytes | int] = {}
        self.names: list[str] = []
        self.refused: set[str] = set()
        self.broken: set[str] = set()
        self.room: int | None = None
        self.killed: Literal["", "before it was kept", "after it was kept"] = ""

    def keep(self, body: bytes, *, name: str, media_type: str, channel: str) -> str:
        """Keep bytes."""
        return self.take(body, name=name, media_type=media_type, channel=channel).mark

    def original(self, mark: str) -> Source:
        """Give bytes back."""
        body = self.bodies[mark]
        assert isinstance(body, bytes), "a large document is not kept"
        return Bytes(body)

    def take(self, document: Source | bytes, *, name: str, media_type: str, channel: str) -> Taken:
        """Take it in, once by its bytes; read piece by piece, as the real one does."""
        source = Bytes(document) if isinstance(document, bytes) else document
        assert channel, "a channel says who it is"
        assert media_type, "a channel says what it believes the document to be"
        assert name.isprintable(), "the name of a file is somebody else's text; it must be fit for logs and databases"
        name.encode()
        self._go_wrong(name, "before it was kept")
        hashed, size = sha256(), 0
        for chunk in source.chunks():
            hashed.update(chunk)
            size += len(chunk)
        mark = hashed.hexdigest()
        assert (mark, size) == (source.mark, source.size), "the document changed while it was read"
        new = mark not in self.bodies
        self.bodies[mark] = source.whole() if size < LARGE_BYTES else size
        self.names.append(name)
        self._go_wrong(name, "after it was kept")
        if name in self.refused:
            return Taken(mark=mark, status="quarantined", problems=(Problem(Code.UNREADABLE, where=name),))
        return Taken(mark=mark, status="accepted" if new else "duplicate")

    def _go_wrong(self, name: str, when: str) -> None:
        if self.killed == when:
            raise Killed
        if when.startswith("before"):
            if name in self.broken:
                raise RuntimeError(f"a mistake of ours about {name}")
            if self.room is not None and len(self.names) >= self.room:
                raise Full(0, retry_after_seconds=5)

    @property
    def contents(self) -> list[bytes | int]:
        """What was taken, each once."""
        return sorted(self.bodies.values(), key=repr)


class ChannelConformance:
    """Inherit in a test module. The place (a folder, a server, a bucket) is new for each check."""

    large: bool = True
    """Can a document of :data:`LARGE_BYTES` come this way?"""

    # ── what a channel's test says ──────────────────────────────────────────────────────────────────────────────

    def make(self, documents: Documents, **settings: Any) -> Connector:
        """A connector to the place; called again after a "crash"."""
        raise NotImplementedError("say how to make the connector")

    def put(self, name: str, body: bytes) -> None:
        """Leave a file as a partner does, at once and whole."""
        raise NotImplementedError("say how a file gets there")

    def put_half(self, name: str, body: bytes) -> None:
        """Begin to leave a file: some of its bytes are there, and somebody still writes."""
        raise SkipTest("nobody can see half a file here")

    def waiting(self) -> set[str]:
        """The names of the files that lie there and were not put away, seen without the connector."""
        raise NotImplementedError("say how to see what lies there")

    def sent(self) -> dict[str, bytes]:
        """What the partner sees of ours, by name."""
        raise SkipTest("nothing goes out this way")

    def wait(self, seconds: float) -> None:
        """Let time pass: move your clock."""

    # ── coming in ───────────────────────────────────────────────────────────────────────────────────────────────

    def test_a_file_comes_in_once_and_is_put_away(self) -> None:
        desk = Desk()
        self.put("invoice.xml", b"<invoice/>")
        cursor = self._pulled(self.make(desk))
        self._pulled(self.make(desk), cursor)
        assert (desk.contents, desk.names) == ([b"<invoice/>"], ["invoice.xml"])
        assert self.waiting() == set()

    def test_nothing_there_is_no_trouble(self) -> None:
        page = self.make(Desk()).pull("")
        assert (page.messages, page.more) == ((), False)
        assert page.observed_at is not None, "an empty place has been heard to the end"

    def test_many_files_come_in_page_by_page(self) -> None:
        desk = Desk()
        bodies = [f"<invoice>{number}</invoice>".encode() for number in range(10)]
        for number, body in enumerate(bodies):
            self.put(f"{number}.xml", body)
        self._pulled(self.make(desk, files_per_pull=3))
        assert desk.contents == bodies
        assert len(desk.names) == 10, "a file was read twice"
        assert self.waiting() == set()

    def test_the_same_bytes_under_another_name_are_taken_and_put_away(self) -> None:
        desk = Desk()
        self.put("a.xml", b"<same/>")
        cursor = self._pulled(self.make(desk))
        self.put("b.xml", b"<same/>")
        self._pulled(self.make(desk), cursor)
        assert desk.contents == [b"<same/>"]
        assert self.waiting() == set()

    def test_another_file_under_a_name_that_was_there_is_taken(self) -> None:
        desk = Desk()
        cursor = ""
        for body in (b"<first/>", b"<second/>", b"<third/>"):
            self.put("invoice.xml", body)
            cursor = self._pulled(self.make(desk), cursor)
        assert desk.contents == [b"<first/>", b"<second/>", b"<third/>"]
        assert self.waiting() == set()

    def test_a_crash_at_any_moment_loses_and_doubles_nothing(self) -> None:
        moments: tuple[Literal["before it was kept", "after it was kept"], ...] = (
            "before it was kept",
            "after it was kept",
        )
        for number, moment in enumerate(moments):
            desk = Desk()
            bodies = [f"<{moment[0]}{each}/>".encode() for each in range(3)]
            for each, body in enumerate(bodies):
                self.put(f"{number}-{each}.xml", body)
            desk.killed = moment
            try:
                self._pulled(self.make(desk))
            except Killed:
                pass
            else:
                raise AssertionError("the crash did not happen")
            desk.killed = ""
            self.wait(SETTLED_SECONDS)
            self._pulled(self.make(desk))  # and with a cursor that was never stored
            assert desk.contents == sorted(bodies, key=repr), f"killed {moment}"
            assert self.waiting() == set(), f"killed {moment}"

    def test_a_cursor_that_was_not_stored_loses_and_doubles_nothing(self) -> None:
        desk = Desk()
        self.put("a.xml", b"<a/>")
        self._pulled(self.make(desk))
        self.put("b.xml", b"<b/>")
        self._pulled(self.make(desk))
        assert desk.contents == [b"<a/>", b"<b/>"]
        assert self.waiting() == set()

    def test_half_a_file_is_waited_for(self) -> None:
        desk = Desk()
        connector = self.make(desk)
        self.put_half("statement.xml", b"<half>")
        page = connector.pull("")
        assert page.observed_at is None, "somebody still writes: the partner has not been heard to the end"
        self.wait(1.0)
        self.put_half("statement.xml", b"<half>and more")
        page = connector.pull(page.cursor)
        assert desk.names == [], "half a file was taken"
        self.put("statement.xml", b"<half>and more</half>")
        self._pulled(self.make(desk), page.cursor)
        assert desk.contents == [b"<half>and more</half>"]
        assert self.waiting() == set()

    def test_a_refused_document_is_put_away_and_stops_no_other(self) -> None:
        desk = Desk()
        desk.refused = {"a.xml"}
        for name in ("a.xml", "b.xml"):
            self.put(name, name.encode())
        self._pulled(self.make(desk))
        assert desk.contents == [b"a.xml", b"b.xml"], "a refused document is kept as well"
        assert self.waiting() == set()

    def test_a_document_that_cannot_be_taken_stops_no_other_and_is_tried_again(self) -> None:
        desk = Desk()
        desk.broken = {f"a{number}.xml" for number in range(5)}
        for name in (*sorted(desk.broken), "b.xml"):
            self.put(name, name.encode())
        connector = self.make(desk)
        cursor = self._pulled(connector)
        assert desk.contents == [b"b.xml"]
        assert connector.pull(cursor).observed_at is None, "something waits: the partner has not been heard to the end"
        desk.broken = set()
        self._pulled(self.make(desk), cursor, rounds=8)
        assert desk.contents == [b"a0.xml", b"a1.xml", b"a2.xml", b"a3.xml", b"a4.xml", b"b.xml"]
        assert self.waiting() == set()

    def test_without_room_they_wait_where_they_are(self) -> None:
        desk = Desk()
        desk.room = 1
        for name in ("a.xml", "b.xml", "c.xml"):
            self.put(name, name.encode())
        cursor = self._pulled(self.make(desk))
        assert len(desk.bodies) == 1
        desk.room = None
        self._pulled(self.make(desk), cursor)
        assert desk.contents == [b"a.xml", b"b.xml", b"c.xml"]
        assert self.waiting() == set()

    def test_one_that_is_too_large_is_left_told_once_and_stops_no_other(self) -> None:
        desk = Desk()
        self.put("large.xml", b"x" * 101)
        self.put("small.xml", b"x" * 100)
        with capture_logs() as logs:
            cursor = self._pulled(self.make(desk, bytes_max=100))
            cursor = self._pulled(self.make(desk, bytes_max=100), cursor)
        assert desk.contents == [b"x" * 100]
        assert [line["file"] for line in logs if line["log_level"] == "error"] == ["large.xml"], "told once, loudly"
        assert self.waiting() == {"large.xml"}
        self.wait(2 * 3600.0)
        self._pulled(self.make(desk, bytes_max=1000), cursor)
        assert desk.contents == [b"x" * 100, b"x" * 101], "when the limit is raised it comes in"

    def test_what_is_to_be_ignored_is_ignored(self) -> None:
        desk = Desk()
        for name in ("a.xml", "readme.txt"):
            self.put(name, name.encode())
        cursor = self._pulled(self.make(desk, ignore=["*.txt"]))
        assert desk.contents == [b"a.xml"]
        assert self.make(desk, ignore=["*.txt"]).pull(cursor).more is False

    def test_a_large_document_is_never_whole_in_memory(self) -> None:
        if not self.large:
            raise SkipTest("nothing large comes this way")
        desk = Desk()
        self.put("large.bin", b"0123456789abcdef" * (LARGE_BYTES // 16))
        connector = self.make(desk)
        tracemalloc.start()
        try:
            self._pulled(connector)
            _, peak = tracemalloc.get_traced_memory()
        finally:
            tracemalloc.stop()
        assert list(desk.bodies.values()) == [LARGE_BYTES]
        assert peak < _MEMORY_MAX, f"{peak} bytes were in memory"

    # ── going out ───────────────────────────────────────────────────────────────────────────────────────────────

    def test_a_document_goes_out_whole_under_its_name_and_once(self) -> None:
        connector = self._sender()
        first, second = (
            self._send(connector, "answer.xml", b"<answer/>"),
            self._send(connector, "answer.xml", b"<answer/>"),
        )
        assert isinstance(first, Applied), first
        assert second == first, "the same document again is the same document"
        assert self.sent() == {"answer.xml": b"<answer/>"}

    def test_a_document_that_came_in_is_handed_on_as_it_came(self) -> None:
        desk = Desk()
        connector = self.make(desk)
        if connector.manifest.operation(SendDocument.operation) is None:
            raise SkipTest("nothing goes out this way")
        mark = desk.keep(b"%PDF-1.4", name="scan.pdf", media_type="application/pdf", channel="mail")
        payload = SendDocument(name="scan.pdf", media_type="application/pdf", body=b"", original=mark)
        (result,) = connector.apply([replace(_effect("scan.pdf", b""), payload=payload)])
        assert isinstance(result, Applied), result
        assert self.sent() == {"scan.pdf": b"%PDF-1.4"}

    def test_another_document_under_the_name_is_refused_and_nothing_is_written_over(self) -> None:
        connector = self._sender()
        self._send(connector, "answer.xml", b"<answer/>")
        for other in (b"<other!/>", b"<longer answer/>"):
            result = self._send(connector, "answer.xml", other)
            assert isinstance(result, Refused), result
        assert self.sent() == {"answer.xml": b"<answer/>"}

    def test_a_name_that_leads_elsewhere_is_refused(self) -> None:
        connector = self._sender()
        for name in ("../answer.xml", "a/b.xml", ".hidden", "", "a\nb", "a\x00b", "x" * 300):
            assert isinstance(self._send(connector, name, b"<answer/>"), Refused), name
        assert self.sent() == {}

    def test_a_probe_finds_what_lies_there(self) -> None:
        connector = self._sender()
        before = connector.probe(_effect("answer.xml", b"<answer/>"))
        assert isinstance(before, Absent if self._looks_up(connector) else Unknown), before
        applied = self._send(connector, "answer.xml", b"<answer/>")
        assert connector.probe(_effect("answer.xml", b"<answer/>")) == applied
        assert not isinstance(connector.probe(_effect("answer.xml", b"<other!/>")), Applied)

    def test_names_in_other_alphabets_go_out_and_empty_documents_too(self) -> None:
        connector = self._sender()
        assert isinstance(self._send(connector, "Gutschrift für Müller.xml", b"<a/>"), Applied)
        assert isinstance(self._send(connector, "empty.txt", b""), Applied)
        assert self.sent() == {"Gutschrift für Müller.xml": b"<a/>", "empty.txt": b""}

    # ── helpers ─────────────────────────────────────────────────────────────────────────────────────────────────

    def _pulled(self, connector: Connector, cursor: str = "", rounds: int = 2) -> str:
        """Pull to the end, let time pass, and pull again: as the engine does."""
        for _ in range(rounds):
            for page in self._pages(connector, cursor):
                cursor = page.cursor
            self.wait(SETTLED_SECONDS)
        for page in self._pages(connector, cursor):
            cursor = page.cursor
        return cursor

    @staticmethod
    def _pages(connector: Connector, cursor: str) -> Iterator[Page]:
        for _ in range(PULLS_MAX):
            page = connector.pull(cursor)
            assert page.messages == (), "a channel takes documents in itself"
            yield page
            if not page.more:
                return
            assert page.cursor != cursor, "a page that is not the last moves the cursor on"
            cursor = page.cursor
        raise AssertionError(f"the channel did not come to an end within {PULLS_MAX} pulls")

    def _sender(self) -> Connector:
        connector = self.make(Desk())
        if connector.manifest.operation(SendDocument.operation) is None:
            raise SkipTest("nothing goes out this way")
        return connector

    @staticmethod
    def _looks_up(connector: Connector) -> bool:
        operation = connector.manifest.operation(SendDocument.operation)
        return operation is not None and operation.lookup

    @staticmethod
    def _send(connector: Connector, name: str, body: bytes) -> Any:
        (result,) = connector.apply([_effect(name, body)])
        return result


def _effect(name: str, body: bytes) -> Effect:
    return Effect(
        effect_id=effect_id("channel", SendDocument.operation, name),
        operation=SendDocument.operation,
        key=name,
        entity="DE01",
        subject=name,
        correlation=name,
        payload=SendDocument(name=name, media_type="application/xml", body=body),
    )
