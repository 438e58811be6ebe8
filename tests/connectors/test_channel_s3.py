"""Documents through a bucket, against moto's S3 server over HTTP."""

import logging
import subprocess
import sys
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import uuid4

import boto3
import pytest
from moto.server import ThreadedMotoServer

from tieout.conformance.channel import ChannelConformance, Desk
from tieout.conformance.connector import ConnectorConformance, Misbehaviour
from tieout.connectors.s3_bucket import BucketConfig, Keys, connect, open_bucket
from tieout.connectors.s3_bucket.client import Bucket
from tieout.kernel.clock import VirtualClock
from tieout.kernel.errors import ConfigError, TransientError
from tieout.model.effects import SendDocument, effect_id
from tieout.ports import Applied, Connector, Documents, Effect, Page, Retry, Unknown

NOW = datetime(2026, 9, 15, 8, 0, tzinfo=UTC)
SECRET = "wJalrXUtnFEMI/K7MDENG"


class Unruly:
    """In front of the server: cuts the answer, before or after the work, on every PUT while told to."""

    def __init__(self, inner: Any) -> None:
        self.inner = inner
        self.how = ""

    def __call__(self, environ: dict[str, Any], start: Any) -> Any:
        wrong = self.how if environ["REQUEST_METHOD"] == "PUT" else ""
        if self.how == "unavailable" or wrong == "answer lost before the work":
            raise ConnectionAbortedError
        if wrong == "answer lost after the work":
            list(self.inner(environ, lambda *_: lambda _data: None))
            raise ConnectionAbortedError
        if wrong == "nonsense":
            start("400 Bad Request", [("content-type", "text/html")])
            return [b"<html>"]
        return self.inner(environ, start)


@pytest.fixture(scope="module")
def server() -> Iterator[tuple[str, Unruly]]:
    logging.getLogger("werkzeug").setLevel(logging.CRITICAL)
    moto = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    moto.start()
    host, port = moto.get_host_and_port()
    assert moto._server is not None
    unruly = Unruly(moto._server.app)
    moto._server.app = unruly  # type: ignore[assignment]
    yield f"http://{host}:{port}", unruly
    moto.stop()


class Place:
    """A partner's side of the bucket."""

    def __init__(self, url: str, unruly: Unruly) -> None:
        self.url, self.unruly = url, unruly
        self.name = f"post-{uuid4().hex[:12]}"
        self.clock = VirtualClock(datetime.now(UTC))
        self.s3 = boto3.client(
            "s3", endpoint_url=url, aws_access_key_id="a", aws_secret_access_key="b", region_name="us-east-1"
        )
        self.s3.create_bucket(Bucket=self.name)

    def settings(self, **more: Any) -> dict[str, Any]:
        return {
            "bucket": self.name,
            "endpoint_url": self.url,
            "access_key_id": "AKIA",
            "secret_access_key": "env:UNUSED",
            "inbox": "in",
            "outbox": "out/",
            "archive": "archive",
            "done": "done",
            "timeout_seconds": 0.6,
            **more,
        }

    def open(self, documents: Documents, **more: Any) -> Any:
        config = BucketConfig(**self.settings(**more))
        return open_bucket("bucket", config, Keys(SECRET), documents, self.clock)

    def put(self, key: str, body: bytes) -> None:
        self.s3.put_object(Bucket=self.name, Key=key, Body=body)

    def keys(self, prefix: str) -> dict[str, bytes]:
        found = self.s3.list_objects_v2(Bucket=self.name, Prefix=prefix).get("Contents", [])
        return {
            each["Key"].removeprefix(prefix): self.s3.get_object(Bucket=self.name, Key=each["Key"])["Body"].read()
            for each in found
        }


@pytest.fixture
def place(server: tuple[str, Unruly]) -> Place:
    return Place(*server)


@contextmanager
def apart() -> Iterator[str]:
    """The same server in a process of its own."""
    program = (
        "import sys; from moto.server import ThreadedMotoServer; s = ThreadedMotoServer('127.0.0.1', 0, verbose=False);"
        "s.start(); print(s.get_host_and_port()[1], flush=True); sys.stdin.read()"
    )
    with subprocess.Popen(
        [sys.executable, "-c", program], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL
    ) as process:
        assert process.stdout is not None
        try:
            yield f"http://127.0.0.1:{int(process.stdout.readline())}"
        finally:
            process.kill()


class TestConformance(ChannelConformance):
    large = False  # the server holds it in the memory of this process; see below

    @pytest.fixture(autouse=True)
    def _place(self, place: Place) -> None:
        self.place = place

    def make(self, documents: Documents, **settings: Any) -> Connector:
        return self.place.open(documents, **settings)

    def put(self, name: str, body: bytes) -> None:
        self.place.put(f"in/{name}", body)

    def waiting(self) -> set[str]:
        return set(self.place.keys("in/"))

    def sent(self) -> dict[str, bytes]:
        return self.place.keys("out/")

    def wait(self, seconds: float) -> None:
        self.place.clock.move(timedelta(seconds=seconds))


class TestReceiving:
    @pytest.mark.slow
    def test_more_than_a_page_of_keys(self, place: Place) -> None:
        desk = Desk()
        with ThreadPoolExecutor(8) as pool:
            list(pool.map(lambda number: place.put(f"in/{number:04}.xml", b"%d" % number), range(1005)))
        page = place.open(desk, only=["0000.xml", "100?.xml"], timeout_seconds=30).pull("")
        assert desk.contents == [b"0", b"1000", b"1001", b"1002", b"1003", b"1004"]
        assert page.observed_at is not None

    @pytest.mark.slow
    def test_a_large_document_is_never_whole_in_memory(self) -> None:
        """The server has a process of its own here, so that only our memory is measured."""
        with apart() as url:
            check = TestConformance()
            check.place, check.large = Place(url, Unruly(None)), True
            check.test_a_large_document_is_never_whole_in_memory()

    def test_it_stays_and_is_read_again_only_in_another_version(self, place: Place) -> None:
        desk = Desk()
        place.put("in/a.xml", b"<a/>")
        page = place.open(desk, after="keep").pull("")
        page = place.open(desk, after="keep").pull(page.cursor)
        assert desk.names == ["a.xml"]
        place.put("in/a.xml", b"<b/>")
        page = place.open(desk, after="keep").pull(page.cursor)
        assert desk.contents == [b"<a/>", b"<b/>"]

    def test_old_names_are_forgotten_and_old_objects_are_no_news(self, place: Place) -> None:
        desk = Desk()
        place.put("in/a.xml", b"<a/>")
        page = place.open(desk, after="keep", remember_days=0).pull("")
        assert place.open(desk, after="keep", remember_days=0).pull(page.cursor).observed_at is not None
        assert desk.names == ["a.xml"]

    def test_a_version_that_came_meanwhile_is_not_put_away_unread(self, place: Place) -> None:
        class Meanwhile(Desk):
            def take(self, *args: Any, **kwargs: Any) -> Any:
                taken = super().take(*args, **kwargs)
                if len(self.names) == 1:
                    place.put("in/a.xml", b"<new/>")
                return taken

        desk = Meanwhile()
        place.put("in/a.xml", b"<a/>")
        page = place.open(desk).pull("")
        place.open(desk).pull(page.cursor)
        assert desk.contents == [b"<a/>", b"<new/>"]
        assert place.keys("in/") == {}

    def test_only_the_version_that_was_listed_is_read(self, place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
        desk, really = Desk(), Bucket.listing
        place.put("in/a.xml", b"<1/>")

        def overtaken(bucket: Bucket) -> Any:
            listed = list(really(bucket))
            place.put("in/a.xml", b"<2/>")
            return listed

        with monkeypatch.context() as patched:
            patched.setattr(Bucket, "listing", overtaken)
            page = place.open(desk).pull("")
        assert (desk.names, page.observed_at) == ([], None)
        place.clock.move(timedelta(seconds=60))
        place.open(desk).pull(page.cursor)
        assert desk.contents == [b"<2/>"]

    def test_versions_and_names_in_the_done_prefix(self, place: Place) -> None:
        place.s3.put_bucket_versioning(Bucket=place.name, VersioningConfiguration={"Status": "Enabled"})
        desk = Desk()
        for body in (b"<1/>", b"<2/>"):
            place.put("in/sub/ä b+%20.xml", body)
            place.open(desk).pull("")
        assert desk.names == ["sub/ä b+%20.xml"] * 2
        assert sorted(place.keys("done/").values()) == [b"<1/>", b"<2/>"]
        assert len(place.s3.list_object_versions(Bucket=place.name, Prefix="in/")["Versions"]) == 2

    def test_deleted_when_so_configured(self, place: Place) -> None:
        place.put("in/a.xml", b"<a/>")
        place.open(Desk(), after="delete").pull("")
        assert (place.keys("in/"), place.keys("done/")) == ({}, {})

    def test_marks_of_folders_are_no_documents_but_empty_ones_are(self, place: Place) -> None:
        desk = Desk()
        for key in ("in/", "in/sub/", "in/empty.xml"):
            place.put(key, b"")
        place.put("in/sub/a.xml", b"<a/>")
        assert place.open(desk).pull("").observed_at is not None
        assert desk.contents == [b"", b"<a/>"]

    def test_a_key_that_no_listing_gets_past_is_told_and_withholds_the_watermark(self, place: Place) -> None:
        desk = Desk()
        place.put("in//a.xml", b"<a/>")
        place.put("in/z.xml", b"<z/>")
        assert place.open(desk).pull("").observed_at is None
        place.s3.delete_object(Bucket=place.name, Key="in//a.xml")
        assert place.open(desk).pull("").observed_at is not None
        assert desk.names == ["z.xml"]

    def test_neighbouring_prefixes_are_not_ours(self, place: Place) -> None:
        desk = Desk()
        for key in ("inbox/a.xml", "in.xml", "other/in/a.xml"):
            place.put(key, b"x")
        place.open(desk).pull("")
        assert desk.names == []


class TestSending:
    def test_it_is_looked_for_in_the_archive_too(self, place: Place) -> None:
        place.put("archive/a.xml", b"<answer/>")
        assert place.open(Desk()).apply([effect_of("a.xml")]) == [Applied(reference="archive/a.xml")]
        assert place.keys("out/") == {}

    def test_two_who_put_at_the_same_moment_leave_one(self, place: Place) -> None:
        """The store itself refuses the second: nothing is written over between looking and putting."""
        tray = place.open(Desk())._client
        assert tray.place("a.xml", b"<answer/>", "application/xml").same
        assert tray.place("a.xml", b"<answer/>", "application/xml").same
        assert not tray.place("a.xml", b"<other/>", "application/xml").same
        assert place.keys("out/") == {"a.xml": b"<answer/>"}

    def test_the_media_type_goes_with_it(self, place: Place) -> None:
        place.open(Desk()).apply([effect_of("a.xml")])
        head = place.s3.head_object(Bucket=place.name, Key="out/a.xml")
        assert head["ContentType"] == "application/xml"

    def test_a_lost_answer(self, place: Place) -> None:
        """The library asks again by itself; the store then refuses, and what lies there is ours."""
        connector = place.open(Desk())
        place.unruly.how = "answer lost after the work"
        (result,) = connector.apply([effect_of("a.xml")])
        place.unruly.how = ""
        assert isinstance(result, Unknown)
        assert connector.probe(effect_of("a.xml")) == Applied(reference="out/a.xml")


class TestAccess:
    def test_a_bucket_that_is_not_there_calls_an_operator(self, place: Place) -> None:
        connector = place.open(Desk(), bucket="no-such-bucket")
        with pytest.raises(ConfigError, match="does not exist"):
            connector.pull("")
        with pytest.raises(ConfigError, match="does not exist"):
            connector.apply([effect_of("a.xml")])

    def test_nobody_there_is_worth_trying_again(self, place: Place) -> None:
        connector = place.open(Desk(), endpoint_url="http://127.0.0.1:1")
        with pytest.raises(TransientError):
            connector.pull("")
        (result,) = connector.apply([effect_of("a.xml")])
        assert isinstance(result, Retry)

    @pytest.mark.parametrize(
        ("wrong", "words"),
        [
            ({"done": ""}, "done"),
            ({"done": "in/done"}, "done"),
            ({"inbox": "/"}, "done"),
            ({"secret_access_key": ""}, "secret_access_key"),
            ({"endpoint_url": "s3.example"}, "endpoint_url"),
            ({"settle_seconds": 5}, "settle_seconds"),
            ({"secret_access_key": "env:NOT_THERE"}, "NOT_THERE"),
        ],
    )
    def test_what_is_wrong_is_named(self, place: Place, wrong: dict[str, Any], words: str) -> None:
        with pytest.raises(ConfigError, match=words):
            connect("bucket", place.settings(**wrong), Path(), Desk())

    def test_out_of_a_table_of_the_configuration(self, place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("BUCKET_KEY", SECRET)
        desk = Desk()
        place.put("in/a.xml", b"<a/>")
        connector = connect("post", place.settings(secret_access_key="env:BUCKET_KEY"), Path(), desk)
        page: Page = connector.pull("")
        assert (desk.names, page.observed_at is None) == (["a.xml"], False)


def effect_of(name: str, body: bytes = b"<answer/>") -> Effect:
    return Effect(
        effect_id=effect_id("bucket", "send_document", name),
        operation="send_document",
        key=name,
        entity="DE01",
        subject=name,
        correlation=name,
        payload=SendDocument(name=name, media_type="application/xml", body=body),
    )


class TestConnectorConformance(ConnectorConformance):
    secrets = (SECRET,)

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
        self.place.unruly.how = how
        try:
            yield
        finally:
            self.place.unruly.how = ""

    def held(self, connector: Connector, effect: Effect) -> int:
        return int(effect.key in self.place.keys("out/"))
