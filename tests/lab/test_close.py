"""The close tool keeps its promises: periods, tasks, checkpoints, readiness, short-lived tokens."""

from typing import Any

import httpx2
from tests.lab.kit import client, ok, token

from tieout_lab.serving import Card

PERIOD = {"entityCode": "DE01", "periodName": "2026-09"}
SHORT = [
    {"key": "count", "name": "Stock count", "owner": "warehouse"},
    {"key": "tied", "name": "AP tied out", "checkpoint": "ap_tied_out"},
    {"key": "review", "name": "Review", "after": ["count", "tied"]},
]


def start(http: httpx2.Client) -> None:
    ok(http.post("/v1/periods", json={**PERIOD, "tasks": SHORT}))


def tasks(http: httpx2.Client) -> dict[str, Any]:
    found = ok(http.get("/v1/tasks", params={"entity": "DE01", "period": "2026-09"}))["result"]
    return {task["key"]: task for task in found}


def prove(http: httpx2.Client, verdict: str = "proven", as_of: str = "") -> httpx2.Response:
    body = {"reportId": "r1", "verdict": verdict, "parameters": {"count": "17"}, "asOf": as_of}
    return http.put(f"/v1/tasks/{tasks(http)['tied']['taskId']}/evidence", json=body)


def complete(http: httpx2.Client, key: str) -> httpx2.Response:
    return http.post(f"/v1/tasks/{tasks(http)[key]['taskId']}/complete", json={"by": "c.controller"})


def readiness(http: httpx2.Client, ready: bool, as_of: str = "", blockers: tuple[str, ...] = ()) -> httpx2.Response:
    body = {"reportId": f"r/{as_of}", "ready": ready, "blockers": blockers, "asOf": as_of}
    return http.put("/v1/periods/DE01/2026-09/readiness", json=body)


def set_state(http: httpx2.Client, state: str) -> httpx2.Response:
    return http.put("/v1/periods/DE01/2026-09/state", json={"state": state, "by": "c.controller"})


def problem(answer: httpx2.Response) -> tuple[int, str]:
    return answer.status_code, answer.json()["code"]


def test_a_period_has_the_standard_tasks_and_is_opened_once(close_http: httpx2.Client) -> None:
    first = ok(close_http.post("/v1/periods", json=PERIOD))
    assert ok(close_http.post("/v1/periods", json=PERIOD)) == first
    assert list(tasks(close_http)) == ["cutoff", "invoices_posted", "accruals", "bank", "ap_subledger", "review"]
    assert ok(close_http.get("/v1/periods", params={"entity": "DE01"}))["result"] == [first]
    assert ok(close_http.get("/v1/totals"))["result"] == [{**PERIOD, "open": 6, "done": 0}]


def test_tasks_wait_for_those_before_them(close_http: httpx2.Client) -> None:
    start(close_http)
    assert problem(complete(close_http, "review")) == (409, "predecessors_open")
    ok(complete(close_http, "count"))
    ok(prove(close_http))
    assert ok(complete(close_http, "review"))["completedBy"] == "c.controller"


def test_a_proven_checkpoint_is_done_and_a_broken_one_is_open_again(close_http: httpx2.Client) -> None:
    start(close_http)
    done = ok(prove(close_http))
    assert (done["status"], done["completedBy"], done["evidence"]["parameters"]) == (
        "DONE",
        "checkpoint",
        {"count": "17"},
    )
    assert ok(prove(close_http)) == done
    assert ok(prove(close_http, "broken"))["status"] == "OPEN"
    types = [event["type"] for event in ok(close_http.get("/v1/changes"))["result"]]
    assert types == ["period.opened", "task.added", "task.added", "task.added", "task.completed", "task.reopened"]


def test_only_checkpoints_take_evidence(close_http: httpx2.Client) -> None:
    start(close_http)
    task_id = tasks(close_http)["count"]["taskId"]
    answer = close_http.put(f"/v1/tasks/{task_id}/evidence", json={"reportId": "r1", "verdict": "proven"})
    assert problem(answer) == (422, "not_a_checkpoint")


def test_late_reports_do_not_win(close_http: httpx2.Client) -> None:
    start(close_http)
    ok(prove(close_http, "broken", "2026-10-02T00:00:00Z"))
    assert problem(prove(close_http, "proven", "2026-10-01T00:00:00Z")) == (409, "stale_report")
    ok(readiness(close_http, False, "2026-10-02T00:00:00Z", ("unposted: 3",)))
    assert problem(readiness(close_http, True, "2026-10-01T00:00:00Z")) == (409, "stale_report")


def test_a_period_closes_only_when_done_and_ready(close_http: httpx2.Client) -> None:
    start(close_http)
    assert problem(set_state(close_http, "closed")) == (409, "tasks_open")
    ok(complete(close_http, "count"))
    ok(prove(close_http))
    ok(complete(close_http, "review"))
    assert problem(set_state(close_http, "closed")) == (409, "not_ready")
    ok(readiness(close_http, True, "2026-10-03T00:00:00Z"))
    assert ok(set_state(close_http, "closed"))["state"] == "closed"
    assert problem(readiness(close_http, False, "2026-10-04T00:00:00Z")) == (409, "period_closed")
    assert problem(prove(close_http, "broken")) == (409, "period_closed")


def test_reopening_forgets_readiness(close_http: httpx2.Client) -> None:
    ok(close_http.post("/v1/periods", json={**PERIOD, "tasks": SHORT[:1]}))
    ok(complete(close_http, "count"))
    ok(readiness(close_http, True))
    ok(set_state(close_http, "closed"))
    period = ok(set_state(close_http, "open"))
    assert (period["reopened"], "readiness" in period) == (1, False)
    ok(close_http.post(f"/v1/tasks/{tasks(close_http)['count']['taskId']}/reopen", json={"by": "c.controller"}))
    assert tasks(close_http)["count"]["status"] == "OPEN"


def test_what_does_not_exist(close_http: httpx2.Client) -> None:
    assert problem(readiness(close_http, True)) == (404, "period_not_found")
    assert problem(close_http.get("/v1/tasks/T-00001")) == (404, "task_not_found")
    assert problem(close_http.get("/v1/tasks/nonsense")) == (404, "task_not_found")


class TestTokens:
    def test_a_wrong_secret_gets_none(self, close: Card) -> None:
        form = {"grant_type": "client_credentials", "client_id": "tieout", "client_secret": "wrong"}
        answer = httpx2.post(f"{close.url}/oauth/token", data=form, trust_env=False)
        assert problem(answer) == (401, "invalid_client")

    def test_they_expire(self, close: Card, close_http: httpx2.Client) -> None:
        assert close_http.get("/v1/tasks").status_code == 200
        ok(close_http.put("/_lab/settings", json={"tokenSeconds": 0}))
        with client(close) as late:
            assert problem(late.get("/v1/tasks")) == (401, "invalid_token")
        assert close_http.get("/v1/tasks").status_code == 200

    def test_they_can_all_be_revoked(self, close: Card, close_http: httpx2.Client) -> None:
        assert ok(close_http.post("/_lab/tokens/revoke")) == {"revoked": 1}
        assert problem(close_http.get("/v1/tasks")) == (401, "invalid_token")
        close_http.headers["authorization"] = f"Bearer {token(close)}"
        assert close_http.get("/v1/tasks").status_code == 200
