"""The watched folder on a real disk."""

import os
import stat
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from structlog.testing import capture_logs
from tests.docs import samples

from tieout.cli import group
from tieout.cli.company import Company
from tieout.conformance.channel import ChannelConformance, Desk, Killed
from tieout.conformance.connector import ConnectorConformance, Misbehaviour
from tieout.connectors.folder import FolderConfig, connect, open_folder
from tieout.connectors.folder.client import FolderClient
from tieout.kernel.clock import VirtualClock
from tieout.kernel.errors import ConfigError
from tieout.kernel.ids import fingerprint
from tieout.model.effects import SendDocument, effect_id
from tieout.ports import Applied, Connector, Documents, Effect, Page

NOW = datetime(2026, 9, 15, 8, 0, tzinfo=UTC)


class Place:
    """A partner's side of the folders."""

    def __init__(self, base: Path) -> None:
        self.base = base
        self.clock = VirtualClock(NOW)
        for name in ("in", "out", "archive"):
            (base / name).mkdir()

    def open(self, documents: Documents, **settings: Any) -> Any:
        config = {"inbox": "in", "outbox": "out", "archive": "archive", **settings}
        return open_folder("folder", FolderConfig(**config), self.base, documents, self.clock)

    def put(self, name: str, body: bytes) -> Path:
        path = self.base / "in" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(body)
        return path

    def settle(self, seconds: float = 60.0) -> None:
        self.clock.move(timedelta(seconds=seconds))

    def pull_twice(self, connector: Connector, cursor: str = "") -> Page:
        page = connector.pull(cursor)
        self.settle()
        return connector.pull(page.cursor)

    def files(self, folder: str) -> dict[str, bytes]:
        root = self.base / folder
        return {str(path.relative_to(root)): path.read_bytes() for path in root.rglob("*") if path.is_file()}


@pytest.fixture
def place(tmp_path: Path) -> Place:
    return Place(tmp_path)


class TestConformance(ChannelConformance):
    @pytest.fixture(autouse=True)
    def _place(self, place: Place) -> None:
        self.place = place

    def make(self, documents: Documents, **settings: Any) -> Connector:
        return self.place.open(documents, **settings)

    def put(self, name: str, body: bytes) -> None:
        self.place.put(name, body)

    def put_half(self, name: str, body: bytes) -> None:
        self.place.put(name, body)

    def waiting(self) -> set[str]:
        return {name for name in self.place.files("in") if not name.startswith("done/")}

    def sent(self) -> dict[str, bytes]:
        return self.place.files("out")

    def wait(self, seconds: float) -> None:
        self.place.settle(seconds)


class TestWatching:
    def test_times_that_a_copying_program_sets_prove_nothing(self, place: Place) -> None:
        desk = Desk()
        connector = place.open(desk)
        path = place.put("a.xml", b"<half>")
        os.utime(path, (0, 0))
        page = connector.pull("")
        path.write_bytes(b"<half>whole</half>")
        os.utime(path, (0, 0))
        place.settle(5)
        page = connector.pull(page.cursor)
        assert desk.names == []
        place.settle(5)
        connector.pull(page.cursor)
        assert desk.contents == [b"<half>whole</half>"]

    def test_a_marker_says_that_a_file_is_finished(self, place: Place) -> None:
        desk = Desk()
        connector = place.open(desk, marker=".done")
        place.put("a.xml", b"<a/>")
        place.put("b.xml", b"<b/>")
        place.put("b.xml.done", b"")
        page = place.pull_twice(connector)
        assert desk.contents == [b"<b/>"]
        assert page.observed_at is None
        assert set(place.files("in")) == {"a.xml", "done/b.xml"}
        place.put("a.xml.done", b"")
        assert connector.pull(page.cursor).observed_at is not None
        assert desk.contents == [b"<a/>", b"<b/>"]

    def test_a_marker_left_behind_finishes_nothing_newer(self, place: Place) -> None:
        desk = Desk()
        os.utime(place.put("a.xml.done", b""), (1, 1))
        place.put("a.xml", b"<a>")
        place.pull_twice(place.open(desk, marker=".done"))
        assert desk.names == []

    def test_unfinished_names_are_not_looked_at(self, place: Place) -> None:
        desk = Desk()
        for name in ("a.xml.part", ".b.xml.swp", "c.tmp", "d.xml~"):
            place.put(name, b"x")
        assert place.pull_twice(place.open(desk)).observed_at is not None
        assert desk.names == []

    def test_sub_folders_count_unless_told_otherwise(self, place: Place) -> None:
        desk = Desk()
        place.put("supplier/2026/a.xml", b"<a/>")
        place.pull_twice(place.open(desk, subfolders=False))
        assert desk.names == []
        place.pull_twice(place.open(desk))
        assert desk.names == ["supplier/2026/a.xml"]
        assert place.files("in") == {"done/supplier/2026/a.xml": b"<a/>"}

    def test_links_are_not_followed(self, place: Place) -> None:
        desk = Desk()
        (place.base / "secret").mkdir()
        (place.base / "secret/key.txt").write_bytes(b"secret")
        (place.base / "in/link.txt").symlink_to(place.base / "secret/key.txt")
        (place.base / "in/folder").symlink_to(place.base / "secret")
        (place.base / "in/loop").symlink_to(place.base / "in")
        place.pull_twice(place.open(desk))
        assert desk.names == []

    def test_a_folder_that_becomes_a_link_leads_nowhere(self, place: Place, monkeypatch: Any) -> None:
        desk = Desk()
        (place.base / "secret").mkdir()
        (place.base / "secret/key.txt").write_bytes(b"secret")
        (place.base / "in/folder").mkdir()

        def swapped(client: FolderClient, inside: str) -> bool:
            with suppress(OSError):
                (place.base / "in/folder").rmdir()
                (place.base / "in/folder").symlink_to(place.base / "secret")
            return True

        monkeypatch.setattr(FolderClient, "_looks_into", swapped)
        place.pull_twice(place.open(desk, settle_seconds=0))
        assert (place.base / "in/folder").is_symlink()
        assert desk.names == []

    def test_a_pipe_is_no_file(self, place: Place) -> None:
        os.mkfifo(place.base / "in/pipe.xml")
        assert place.pull_twice(place.open(Desk())).observed_at is not None

    def test_one_that_grows_too_large_is_told_when_it_is_finished(self, place: Place) -> None:
        connector = place.open(Desk(), bytes_max=10)
        cursor = ""
        with capture_logs() as logs:
            for size in (11, 12, 13):
                place.put("a.xml", b"x" * size)
                cursor = connector.pull(cursor).cursor
                place.settle(1)
            assert logs == []
            for _ in range(3):
                place.settle()
                cursor = connector.pull(cursor).cursor
        assert [(line["event"], line["size"]) for line in logs] == [("file_too_large", 13)]

    def test_any_name_will_do(self, place: Place) -> None:
        desk = Desk()
        for number, name in enumerate(
            (b"caf\xe9.xml", b"new\nline.xml", b"  .xml", "Rechnung für Müller.xml".encode())
        ):
            (Path(os.fsdecode(os.path.join(os.fsencode(place.base / "in"), name)))).write_bytes(b"%d" % number)
        page = place.pull_twice(place.open(desk))
        assert desk.contents == [b"0", b"1", b"2", b"3"]
        assert page.observed_at is not None

    def test_a_file_that_may_not_be_read_stops_no_other(self, place: Place, monkeypatch: Any) -> None:
        desk = Desk()
        place.put("a.xml", b"<a/>")
        place.put("b.xml", b"<b/>")
        really = os.open

        def denied(path: Any, *args: Any, **kwargs: Any) -> int:
            if str(path).endswith("/a.xml"):
                raise PermissionError(13, "Permission denied")
            return really(path, *args, **kwargs)

        with monkeypatch.context() as patched:
            patched.setattr(os, "open", denied)
            page = place.pull_twice(place.open(desk))
        assert (desk.names, page.observed_at) == (["b.xml"], None)
        place.pull_twice(place.open(desk), page.cursor)
        assert desk.names == ["b.xml", "a.xml"]

    def test_the_oldest_comes_first(self, place: Place) -> None:
        desk = Desk()
        for number, name in enumerate("cab"):
            os.utime(place.put(f"{name}.xml", name.encode()), (number, number))
        place.pull_twice(place.open(desk))
        assert desk.names == ["c.xml", "a.xml", "b.xml"]


class TestPuttingAway:
    def test_another_one_with_the_name_gets_its_hash_into_the_name(self, place: Place) -> None:
        desk = Desk()
        for body in (b"<1/>", b"<2/>", b"<1/>"):
            place.put("a.xml", body)
            place.pull_twice(place.open(desk))
        second = next(mark for mark, body in desk.bodies.items() if body == b"<2/>")
        first = next(mark for mark, body in desk.bodies.items() if body == b"<1/>")
        assert place.files("in/done") == {
            "a.xml": b"<1/>",
            f"a-{second[:12]}.xml": b"<2/>",
            f"a-{first[:12]}.xml": b"<1/>",
        }

    def test_it_can_be_deleted(self, place: Place) -> None:
        place.put("a.xml", b"<a/>")
        place.pull_twice(place.open(Desk(), after="delete"))
        assert place.files("in") == {}

    def test_it_can_stay_and_is_not_read_again(self, place: Place) -> None:
        desk = Desk()
        place.put("a.xml", b"<a/>")
        page = place.pull_twice(place.open(desk, after="keep"))
        assert page.observed_at is not None
        assert place.pull_twice(place.open(desk, after="keep"), page.cursor).observed_at is not None
        place.put("a.xml", b"<b/>")
        page = place.pull_twice(place.open(desk, after="keep"), page.cursor)
        assert desk.names == ["a.xml", "a.xml"]
        (place.base / "in/a.xml").unlink()
        assert '"seen"' not in place.open(desk, after="keep").pull(page.cursor).cursor

    @pytest.mark.parametrize("after", ["move", "delete"])
    def test_what_came_between_reading_and_putting_away_is_not_lost(self, place: Place, after: str) -> None:
        """The partner replaces the file in the worst moment: while its first version is being taken in."""
        path = place.put("a.xml", b"<a/>")

        class Meanwhile(Desk):
            def take(self, *args: Any, **kwargs: Any) -> Any:
                taken = super().take(*args, **kwargs)
                if len(self.names) == 1:
                    path.write_bytes(b"<new/>")
                return taken

        desk = Meanwhile()
        page = place.pull_twice(place.open(desk, after=after))
        place.pull_twice(place.open(desk, after=after), page.cursor)
        assert desk.contents == [b"<a/>", b"<new/>"]

    def test_nor_is_what_came_in_the_instant_of_the_move(self, place: Place, monkeypatch: Any) -> None:
        path, desk = place.put("a.xml", b"<a/>"), Desk()
        really = FolderClient._unchanged

        def too_late(looked: Path, arrival: Any) -> bool:
            seen = really(looked, arrival)
            if looked == path and not place.files("in/done"):
                path.write_bytes(b"<new/>")
            return seen

        with monkeypatch.context() as patched:
            patched.setattr(FolderClient, "_unchanged", staticmethod(too_late))
            page = place.pull_twice(place.open(desk))
        assert set(place.files("in")) == {"a.xml"}
        place.pull_twice(place.open(desk), page.cursor)
        assert desk.contents == [b"<a/>", b"<new/>"]

    def test_what_cannot_be_moved_is_not_read_again_and_again(self, place: Place) -> None:
        desk = Desk()
        place.put("a.xml", b"<a/>")
        (place.base / "in/done").write_bytes(b"somebody made a file of this name")
        connector = place.open(desk, ignore=["done"])
        page = place.pull_twice(connector)
        for _ in range(3):
            assert page.observed_at is None
            page = place.pull_twice(connector, page.cursor)
        assert desk.names == ["a.xml"]
        (place.base / "in/done").unlink()
        page = place.pull_twice(connector, page.cursor)
        assert desk.names == ["a.xml"]
        assert place.files("in") == {"done/a.xml": b"<a/>"}


class TestAccess:
    def test_a_folder_that_is_not_there_calls_an_operator(self, place: Place) -> None:
        with pytest.raises(ConfigError, match="inbox"):
            place.open(Desk(), inbox="nowhere").pull("")
        with pytest.raises(ConfigError, match="outbox"):
            place.open(Desk(), outbox="nowhere").apply([effect_of("a.xml")])

    @pytest.mark.parametrize(
        ("wrong", "words"),
        [
            ({"inbox": ""}, "inbox"),
            ({"after": "burn"}, "after"),
            ({"unfinished_suffix": ""}, "half a file"),
            ({"outbox": "in/"}, "differ"),
            ({"bytes_max": 0}, "bytes_max"),
            ({"inbx": "x"}, "inbx"),
        ],
    )
    def test_what_is_wrong_is_named(self, wrong: dict[str, Any], words: str) -> None:
        with pytest.raises(ConfigError, match=words):
            connect("folder", {"inbox": "in", **wrong}, Path(), Desk())

    def test_out_of_a_table_of_the_configuration(self, place: Place) -> None:
        desk = Desk()
        place.put("a.xml", b"<a/>")
        connector = connect("post", {"inbox": "in", "settle_seconds": 0}, place.base, desk)
        assert connector.pull("").observed_at is not None
        assert desk.contents == [b"<a/>"]
        assert connector.manifest.operations == ()


class TestSending:
    def test_it_is_looked_for_in_the_archive_too(self, place: Place) -> None:
        connector = place.open(Desk())
        assert connector.apply([effect_of("a.xml")]) == [Applied(reference="a.xml")]
        (place.base / "out/a.xml").rename(place.base / "archive/a.xml")
        assert connector.probe(effect_of("a.xml")) == Applied(reference="a.xml")
        assert connector.apply([effect_of("a.xml")]) == [Applied(reference="a.xml")]
        assert place.files("out") == {}

    @pytest.mark.parametrize(
        ("settings", "promise"),
        [
            ({}, (True, True)),
            ({"archive": ""}, (False, False)),
            ({"archive": "", "refuses_doubles": True}, (True, False)),
            ({"archive": "", "taken_away": False}, (True, True)),
        ],
    )
    def test_it_promises_no_more_than_the_partner_shows(
        self, place: Place, settings: dict[str, Any], promise: tuple[bool, bool]
    ) -> None:
        operation = place.open(Desk(), **settings).manifest.operation("send_document")
        assert (operation.unique_number, operation.lookup) == promise

    def test_a_crash_while_it_is_written_leaves_nothing_to_be_read(self, place: Place, monkeypatch: Any) -> None:
        def killed(*_: Any) -> None:
            raise Killed

        connector = place.open(Desk())
        with monkeypatch.context() as patched:
            patched.setattr(os, "fsync", killed)
            with pytest.raises(Killed):
                connector.apply([effect_of("a.xml")])
        assert set(place.files("out")) == {"a.xml.part"}
        assert place.open(Desk()).apply([effect_of("a.xml")]) == [Applied(reference="a.xml")]
        assert set(place.files("out")) == {"a.xml"}
        assert stat.S_ISREG((place.base / "out/a.xml").stat().st_mode)


def test_what_happens_is_told_and_counted(place: Place) -> None:
    from tieout.connectors.channels.metrics import CHANNELS

    def sample(name: str, **labels: str) -> float:
        return CHANNELS.get_sample_value(name, {"channel": "counted", **labels}) or 0.0

    desk = Desk()
    desk.refused = {"b.xml"}
    place.put("a.xml", b"<a/>")
    place.put("b.xml", b"<b/>")
    place.put("c.xml", b"<c/>" * 10)
    config = FolderConfig(inbox="in", bytes_max=20)
    connector = open_folder("counted", config, place.base, desk, place.clock)
    with capture_logs() as logs:
        page = connector.pull("")
        assert sample("tieout_channel_waiting_files") == 3
        place.settle()
        connector.pull(page.cursor)
    assert sample("tieout_channel_documents_total", status="accepted") == 1
    assert sample("tieout_channel_documents_total", status="quarantined") == 1
    assert sample("tieout_channel_bytes_total") == 8
    assert sample("tieout_channel_errors_total", kind="too_large") == 1
    assert sample("tieout_channel_waiting_files") == 1
    taken = [(line["file"], line["status"]) for line in logs if line["event"] == "document_taken"]
    assert sorted(taken) == [("a.xml", "accepted"), ("b.xml", "quarantined")]


def test_a_company_takes_documents_in_from_its_folder(tmp_path: Path) -> None:
    """All the way: configuration, schedule, intake, originals, and the cursor in the database."""
    books, partner = tmp_path / "books", tmp_path / "exchange"
    (partner / "in").mkdir(parents=True)
    assert CliRunner().invoke(group, ["init", str(books)]).exit_code == 0
    config = books / "tieout.toml"
    table = f'\n[connectors.post]\nkind = "folder"\ninbox = "{partner}/in"\nsettle_seconds = 0\n'
    config.write_text(config.read_text() + table)
    bodies = {"invoice.xml": samples.files()["invoice-26-0117.xml"], "note.xml": b"<note>no document of ours</note>"}
    for _ in range(2):
        company = Company.at(config)
        for name, body in bodies.items():
            (partner / "in" / name).write_bytes(body)
        company.schedule.pull("post")
        rows = {name: company.store.document(fingerprint(body)) for name, body in bodies.items()}
        assert {name: (row.status, row.channel, row.name) for name, row in rows.items() if row} == {
            "invoice.xml": ("accepted", "post", "invoice.xml"),
            "note.xml": ("quarantined", "post", "note.xml"),
        }
        assert [path.name for path in (partner / "in").iterdir()] == ["done"]
        assert company.originals.fetch(fingerprint(bodies["note.xml"])) == bodies["note.xml"]


def effect_of(name: str, body: bytes = b"<answer/>") -> Effect:
    return Effect(
        effect_id=effect_id("folder", "send_document", name),
        operation="send_document",
        key=name,
        entity="DE01",
        subject=name,
        correlation=name,
        payload=SendDocument(name=name, media_type="application/xml", body=body),
    )


class TestConnectorConformance(ConnectorConformance):
    """A disk gives no lost answers; what it can do wrong is not to be there."""

    @pytest.fixture(autouse=True)
    def _place(self, place: Place) -> None:
        self.place, self._round = place, 0

    def make(self) -> Connector:
        self._round += 1
        return self.place.open(Desk())

    def effects(self, operation: str, count: int) -> Sequence[Effect]:
        return [effect_of(f"{self._round}-{number}.xml") for number in range(count)]

    def refused(self, operation: str) -> Effect:
        return effect_of("no/name.xml")

    @contextmanager
    def misbehaving(self, connector: Connector, how: Misbehaviour) -> Iterator[None]:
        pytest.skip("a disk answers")
        yield

    def held(self, connector: Connector, effect: Effect) -> int:
        return int(effect.key in self.place.files("out"))
