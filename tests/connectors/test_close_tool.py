"""The close tool connector against the lab's close tool: tokens that end, reports that overtake each other, lost answers."""

from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx2
import msgspec
import pytest
from msgspec.structs import replace
from tests.lab.kit import Kept, Unruly, client, ok, set_faults, struck

from tieout.conformance.connector import ConnectorConformance, Misbehaviour
from tieout.connectors.close_tool import CloseConfig, CloseTool, connect
from tieout.kernel.clock import VirtualClock
from tieout.kernel.errors import ConfigError, TransientError
from tieout.kernel.problem import Code
from tieout.model.documents import CloseTask, Total
from tieout.model.effects import ReportReadiness, effect_id
from tieout.model.facts import PeriodOpened, TaskChanged
from tieout.ports import Absent, Applied, Connector, Effect, Refused, Retry, Scope, Unknown
from tieout_lab import close as close_server
from tieout_lab.serving import Card, Hosted

NOW = datetime(2026, 10, 2, 8, 0, tzinfo=UTC)
TASKS = [
    {"key": "count", "name": "Stock count", "owner": "warehouse"},
    {"key": "posted", "name": "All invoices posted", "checkpoint": "invoices_posted"},
    {"key": "bank", "name": "Bank tied out", "checkpoint": "bank_tied_out"},
]


@pytest.fixture
def card(tmp_path: Path) -> Iterator[Card]:
    with Hosted(close_server.build, tmp_path / "close") as server:
        yield server.card


@pytest.fixture
def tool(card: Card) -> Iterator[httpx2.Client]:
    """What people do in the tool: a period is open."""
    with client(card) as http:
        ok(http.post("/v1/periods", json={"entityCode": "0100", "periodName": "2026-09", "tasks": TASKS}))
        yield http


def open_tool(card: Card, **more: Any) -> CloseTool:
    settings: dict[str, Any] = {
        "url": card.url,
        "client_id": card.more["client_id"],
        "client_secret": "file:unused",
        "entities": {"0100": "DE01"},
        "required_sources": ("ap", "bank"),
        "timeout_seconds": 5.0,
    }
    config = CloseConfig(**{**settings, **more})
    return CloseTool(config, card.secrets["client_secret"], Kept(), VirtualClock(NOW))


@pytest.fixture
def connector(card: Card, tool: httpx2.Client) -> Iterator[CloseTool]:
    connector = open_tool(card)
    yield connector
    connector.close()


def effect_of(*blockers: str, revision: int = 1, period: str = "2026-09") -> Effect:
    payload = ReportReadiness(entity="DE01", period=period, ready=not blockers, blockers=blockers)
    key = f"DE01/{period}/{revision}"
    return Effect(
        effect_id=effect_id("close", payload.operation, key),
        operation=payload.operation,
        key=key,
        entity="DE01",
        subject=f"DE01/{period}",
        correlation=key,
        payload=payload,
    )


def period_of(tool: httpx2.Client) -> Any:
    return ok(tool.get("/v1/periods/0100/2026-09"))


def tasks_of(tool: httpx2.Client) -> dict[str, Any]:
    return {task["key"]: task for task in ok(tool.get("/v1/tasks"))["result"]}


def applied(revision: int = 1) -> Applied:
    return Applied(reference=f"DE01/2026-09/{revision}")


class TestReporting:
    def test_what_blocks_is_told(self, connector: CloseTool, tool: httpx2.Client) -> None:
        assert connector.apply([effect_of("unposted: 3", "tasks: 2")]) == [applied()]
        readiness = period_of(tool)["readiness"]
        assert (readiness["ready"], readiness["blockers"]) == (False, ["unposted: 3", "tasks: 2"])
        assert connector.apply([effect_of(revision=2)]) == [applied(2)]
        assert period_of(tool)["readiness"]["ready"] is True

    def test_checkpoints_are_proven_and_broken(self, connector: CloseTool, tool: httpx2.Client) -> None:
        connector.apply([effect_of("unposted: 3", "tasks: 3")])
        tasks = tasks_of(tool)
        assert {key: task["status"] for key, task in tasks.items()} == {
            "count": "OPEN",
            "posted": "OPEN",
            "bank": "DONE",
        }
        assert tasks["posted"]["evidence"]["message"] == "unposted: 3"
        assert tasks["bank"]["evidence"]["parameters"] == {"entity": "DE01", "period": "2026-09", "blockers": "0"}
        connector.apply([effect_of("tasks: 1", revision=2)])
        assert tasks_of(tool)["posted"]["status"] == "DONE"
        connector.apply([effect_of("statement_gap: 1", revision=3)])
        assert tasks_of(tool)["bank"]["status"] == "OPEN"

    def test_a_checkpoint_is_told_only_when_it_changes(self, connector: CloseTool, tool: httpx2.Client) -> None:
        connector.apply([effect_of()])
        before = len(ok(tool.get("/v1/changes"))["result"])
        connector.apply([effect_of(revision=2)])
        types = [event["type"] for event in ok(tool.get("/v1/changes"))["result"]][before:]
        assert types == ["period.readiness"]

    def test_checkpoints_can_be_left_to_people(self, card: Card, tool: httpx2.Client) -> None:
        assert open_tool(card, checkpoints={}).apply([effect_of()]) == [applied()]
        assert {task["status"] for task in tasks_of(tool).values()} == {"OPEN"}

    def test_the_same_report_again_changes_nothing(self, connector: CloseTool, tool: httpx2.Client) -> None:
        connector.apply([effect_of()])
        before = ok(tool.get("/v1/changes"))["cursor"]
        assert connector.apply([effect_of()]) == [applied()]
        assert ok(tool.get("/v1/changes"))["cursor"] == before

    def test_a_report_that_was_overtaken_does_not_win(self, connector: CloseTool, tool: httpx2.Client) -> None:
        connector.apply([effect_of("unposted: 1", revision=10)])
        (late,) = connector.apply([effect_of(revision=9)])
        assert isinstance(late, Applied)
        assert period_of(tool)["readiness"]["ready"] is False
        assert tasks_of(tool)["posted"]["status"] == "OPEN"

    def test_a_closed_period_refuses(self, connector: CloseTool, tool: httpx2.Client) -> None:
        connector.apply([effect_of()])
        ok(tool.post(f"/v1/tasks/{tasks_of(tool)['count']['taskId']}/complete", json={"by": "c.controller"}))
        ok(tool.put("/v1/periods/0100/2026-09/state", json={"state": "closed", "by": "c.controller"}))
        (result,) = connector.apply([effect_of("unposted: 1", revision=2)])
        assert isinstance(result, Refused)
        assert (result.problems[0].code, "closed" in result.problems[0].detail) == (Code.EFFECT_REFUSED, True)

    def test_an_unknown_period_is_refused_and_hides_nothing(self, connector: CloseTool) -> None:
        results = connector.apply([effect_of(period="2031-01"), effect_of()])
        assert [type(result) for result in results] == [Refused, Applied]


class TestLostAnswers:
    @pytest.mark.parametrize("fault", ["drop_answer_every", "error_500_after_work_every"])
    def test_what_was_done_is_found_again(self, connector: CloseTool, tool: httpx2.Client, fault: str) -> None:
        set_faults(tool, periods__readiness={fault: 1, "strikes_max": 1})
        (result,) = connector.apply([effect_of()])
        assert isinstance(result, Unknown)
        assert sum(struck(tool)["periods.readiness"].values()) == 1
        assert connector.probe(effect_of()) == applied()

    def test_a_lost_answer_about_a_checkpoint_leaves_the_report_absent(
        self, connector: CloseTool, tool: httpx2.Client
    ) -> None:
        set_faults(tool, tasks__evidence={"drop_answer_every": 1, "strikes_max": 1})
        (result,) = connector.apply([effect_of()])
        assert isinstance(result, Unknown)
        assert connector.probe(effect_of()) == Absent()
        assert connector.apply([effect_of()]) == [applied()]

    @pytest.mark.parametrize(("status", "seconds"), [(429, 7.0), (503, 7.0)])
    def test_a_busy_tool_is_asked_again_when_it_says(
        self, connector: CloseTool, tool: httpx2.Client, status: int, seconds: float
    ) -> None:
        set_faults(tool, periods__readiness={"fail_every": 1, "fail_status": status, "retry_after_s": 7})
        (result,) = connector.apply([effect_of()])
        assert isinstance(result, Retry)
        assert result.after_seconds == seconds
        assert connector.probe(effect_of()) == Absent()

    def test_a_probe_without_an_answer_proves_nothing(self, connector: CloseTool, tool: httpx2.Client) -> None:
        set_faults(tool, periods__read={"fail_every": 1})
        assert isinstance(connector.probe(effect_of()), Unknown)

    def test_a_probe_finds_that_it_was_overtaken(self, connector: CloseTool) -> None:
        connector.apply([effect_of(revision=3)])
        assert isinstance(connector.probe(effect_of(revision=2)), Applied)
        assert connector.probe(effect_of(revision=4)) == Absent()
        assert connector.probe(effect_of(period="2031-01")) == Absent()

    def test_nobody_there(self, card: Card) -> None:
        connector = open_tool(card, url="http://127.0.0.1:1")
        (result,) = connector.apply([effect_of()])
        assert isinstance(result, Retry)
        assert isinstance(connector.probe(effect_of()), Unknown)
        with pytest.raises(TransientError):
            connector.pull("")

    @pytest.mark.parametrize(
        "body", [b'{"readiness": {"reportId": "another"}}', b'{"readiness', b"[]", b'{"readiness": 3}']
    )
    def test_an_answer_of_200_proves_nothing(self, card: Card, tool: httpx2.Client, body: bytes) -> None:
        def answer(request: httpx2.Request) -> httpx2.Response:
            if request.url.path == "/oauth/token":
                return httpx2.Response(200, json={"access_token": "t", "expires_in": 300})
            return httpx2.Response(200, content=body)

        config = CloseConfig(url="http://close.example", client_id="c", client_secret="env:X", checkpoints={})
        connector = CloseTool(config, "secret", Kept(), VirtualClock(NOW), transport=httpx2.MockTransport(answer))
        (result,) = connector.apply([effect_of()])
        assert isinstance(result, Unknown)


class TestTokens:
    def test_one_is_enough_for_many_calls(self, connector: CloseTool, tool: httpx2.Client) -> None:
        set_faults(tool, oauth__token={"delay_ms": 0})
        for _ in range(3):
            connector.pull("")
        assert ok(tool.get("/_lab/faults"))["calls"] == {"oauth.token": 1}

    def test_one_that_was_revoked_is_replaced(self, connector: CloseTool, tool: httpx2.Client) -> None:
        connector.pull("")
        ok(tool.post("/_lab/tokens/revoke"))
        assert connector.apply([effect_of()]) == [applied()]

    def test_one_that_ends_at_once_is_replaced_every_time(self, card: Card, tool: httpx2.Client) -> None:
        ok(tool.put("/_lab/settings", json={"tokenSeconds": 0}))
        with pytest.raises(ConfigError, match="may do"):
            open_tool(card).pull("")
        ok(tool.put("/_lab/settings", json={"tokenSeconds": 1}))
        connector = open_tool(card)
        for _ in range(3):
            connector.pull("")

    def test_a_wrong_secret_is_a_matter_of_configuration(self, card: Card) -> None:
        config = CloseConfig(url=card.url, client_id="tieout", client_secret="env:X")
        connector = CloseTool(config, "wrong", Kept(), VirtualClock(NOW))
        with pytest.raises(ConfigError, match="client_secret"):
            connector.apply([effect_of()])

    def test_a_token_that_cannot_be_had_now_is_worth_trying_again(
        self, connector: CloseTool, tool: httpx2.Client
    ) -> None:
        set_faults(tool, oauth__token={"fail_every": 1, "retry_after_s": 3})
        (result,) = connector.apply([effect_of()])
        assert result == Retry(reason="no access token: HTTP 503", after_seconds=3.0)


class TestReading:
    def test_periods_and_tasks(self, connector: CloseTool, tool: httpx2.Client) -> None:
        task_id = tasks_of(tool)["count"]["taskId"]
        ok(tool.post(f"/v1/tasks/{task_id}/complete", json={"by": "w.house"}))
        connector.apply([effect_of()])
        page = connector.pull("")
        facts = [message.data for message in page.messages]
        assert facts[0] == PeriodOpened(entity="DE01", period="2026-09", required_sources=("ap", "bank"))
        assert facts[4] == TaskChanged(
            task=CloseTask(
                task_id=task_id, entity="DE01", period="2026-09", name="Stock count", done=True, owner="warehouse"
            )
        )
        assert page.messages[4].actor == "close:w.house"
        assert [type(fact) for fact in facts] == [PeriodOpened, *[TaskChanged] * 6]
        assert (page.more, page.observed_at) == (False, NOW)
        assert connector.pull("") == page
        assert connector.pull(page.cursor).messages == ()

    def test_a_reopened_period_is_told_again(self, connector: CloseTool, tool: httpx2.Client) -> None:
        connector.apply([effect_of()])
        ok(tool.post(f"/v1/tasks/{tasks_of(tool)['count']['taskId']}/complete", json={"by": "w.house"}))
        ok(tool.put("/v1/periods/0100/2026-09/state", json={"state": "closed", "by": "c"}))
        cursor = connector.pull("").cursor
        ok(tool.put("/v1/periods/0100/2026-09/state", json={"state": "open", "by": "c"}))
        assert [type(message.data) for message in connector.pull(cursor).messages] == [PeriodOpened]

    def test_page_by_page(self, card: Card, tool: httpx2.Client) -> None:
        connector = open_tool(card, page_size=3)
        first = connector.pull("")
        assert (len(first.messages), first.more, first.observed_at) == (3, True, None)
        assert len(connector.pull(first.cursor).messages) == 1

    def test_a_bad_row_hides_no_good_one(self, card: Card, tool: httpx2.Client) -> None:
        rows = ok(tool.get("/v1/changes"))["result"]
        rows[1]["document"].pop("taskId")
        rows[2]["document"]["status"] = "IN_REVIEW"

        def answer(request: httpx2.Request) -> httpx2.Response:
            if request.url.path == "/oauth/token":
                return httpx2.Response(200, json={"access_token": "t", "expires_in": 300})
            return httpx2.Response(200, json={"result": rows, "cursor": 4, "more": False})

        kept = Kept()
        config = CloseConfig(url="http://close.example", client_id="c", client_secret="env:X")
        connector = CloseTool(config, "secret", kept, VirtualClock(NOW), transport=httpx2.MockTransport(answer))
        page = connector.pull("")
        assert len(page.messages) == 3
        assert [msgspec.json.decode(body)["seq"] for body in kept.bodies.values()] == [2]
        changed = page.messages[1].data
        assert isinstance(changed, TaskChanged)
        assert changed.task.done is False


def test_totals(connector: CloseTool) -> None:
    scope = Scope(name="open_tasks", entity="DE01", period="2026-09", currency="EUR")
    assert connector.totals(scope) == Total(count=3, sum_minor=0, currency="EUR", as_of=NOW)
    connector.apply([effect_of()])
    assert connector.totals(scope).count == 1
    with pytest.raises(ConfigError, match="open_tasks"):
        connector.totals(replace(scope, name="cash"))


def test_out_of_a_table_of_the_configuration(card: Card, tool: httpx2.Client) -> None:
    settings = {"url": card.url, "client_id": "tieout", "client_secret": "file:secrets/client_secret"}
    connector = connect("calends", settings, Path(card.folder), Kept())
    assert (connector.manifest.system, len(connector.pull("").messages)) == ("calends", 4)
    for wrong, words in (({"url": "close.example"}, "url"), ({"page_size": 0}, "page_size"), ({"ulr": "x"}, "ulr")):
        with pytest.raises(ConfigError, match=words):
            connect("calends", {**settings, **wrong}, Path(card.folder), Kept())


class TestConformance(ConnectorConformance):
    """Each connector made reports about an entity of its own, so one server will do for all of them."""

    @pytest.fixture(autouse=True)
    def _serve(self, card: Card, tool: httpx2.Client) -> None:
        self._card, self._tool, self._round = card, tool, 0
        self.secrets = (card.secrets["client_secret"],)
        self._networks: dict[int, Unruly] = {}

    def make(self) -> Connector:
        self._round += 1
        network = Unruly()
        config = CloseConfig(url=self._card.url, client_id="tieout", client_secret="file:unused", timeout_seconds=5.0)
        connector = CloseTool(config, self._card.secrets["client_secret"], Kept(), VirtualClock(NOW), transport=network)
        self._networks[id(connector)] = network
        return connector

    def effects(self, operation: str, count: int) -> Sequence[Effect]:
        return [self._effect(f"20{number + 10}-01") for number in range(count)]

    def _effect(self, period: str) -> Effect:
        entity = f"E{self._round}"
        payload = ReportReadiness(entity=entity, period=period, ready=True, blockers=())
        return replace(effect_of(period=period), key=f"{entity}/{period}/1", entity=entity, payload=payload)

    def prepare(self, connector: Connector, effects: Sequence[Effect]) -> None:
        for effect in effects:
            assert isinstance(effect.payload, ReportReadiness)
            body = {"entityCode": effect.entity, "periodName": effect.payload.period, "tasks": TASKS[:1]}
            ok(self._tool.post("/v1/periods", json=body))

    def refused(self, operation: str) -> Effect:
        return self._effect("2031-01")

    def misbehaving(self, connector: Connector, how: Misbehaviour) -> AbstractContextManager[None]:
        return self._networks[id(connector)].going_wrong(how)

    def held(self, connector: Connector, effect: Effect) -> int:
        assert isinstance(effect.payload, ReportReadiness)
        by = {"entity": effect.entity, "period": effect.payload.period}
        found = ok(self._tool.get("/v1/periods", params=by))["result"]
        return sum(period.get("readiness", {}).get("reportId") == effect.key for period in found)

    def totals_of(self, effects: Sequence[Effect]) -> dict[Scope, Total]:
        scope = Scope(name="open_tasks", entity=effects[0].entity, currency="EUR")
        return {scope: Total(count=len(effects), sum_minor=0, currency="EUR")}
