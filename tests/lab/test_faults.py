"""The switchboard: it counts, throws no dice, strikes where it was told to, and keeps the score."""

from pathlib import Path

import httpx2
import msgspec
import pytest
from tests.lab.kit import client, eventually, invoice, ok, set_faults, struck

from tieout_lab.ap import build
from tieout_lab.db import Db
from tieout_lab.faults import CLEAR, Plan, Rule, SetFaults, Switchboard
from tieout_lab.serving import Card, Hosted


@pytest.fixture
def switchboard(tmp_path: Path) -> Switchboard:
    return Switchboard(Db(tmp_path / "lab.sqlite"))


def test_without_rules_nothing_happens(switchboard: Switchboard) -> None:
    assert switchboard.plan("invoices.submit") == CLEAR
    assert switchboard.report().struck == {}


def test_every_third_call_and_no_other(switchboard: Switchboard) -> None:
    switchboard.set(SetFaults(rules={"invoices.submit": Rule(drop_answer_every=3)}))
    plans = [switchboard.plan("invoices.submit").after for _ in range(7)]
    assert plans == ["answer", "answer", "drop_answer", "answer", "answer", "drop_answer", "answer"]
    assert switchboard.report().struck == {"invoices.submit": {"drop_answer": 2}}
    assert switchboard.report().calls == {"invoices.submit": 7}


def test_the_most_particular_rule_wins(switchboard: Switchboard) -> None:
    switchboard.set(
        SetFaults(
            rules={
                "*": Rule(fail_every=1),
                "invoices.*": Rule(fail_every=1, fail_status=429, retry_after_s=7),
                "invoices.find": Rule(),
            }
        )
    )
    assert switchboard.plan("totals.read") == Plan(refuse=503, retry_after_s=1)
    assert switchboard.plan("invoices.submit") == Plan(refuse=429, retry_after_s=7)
    assert switchboard.plan("invoices.find").refuse == 0


def test_a_rule_can_end_by_itself(switchboard: Switchboard) -> None:
    switchboard.set(SetFaults(rules={"*": Rule(fail_every=1, strikes_max=2)}))
    assert [switchboard.plan("a.b").refuse for _ in range(4)] == [503, 503, 0, 0]


def test_a_storm_is_the_next_so_many_calls(switchboard: Switchboard) -> None:
    switchboard.set(SetFaults(rules={"*": Rule(storm=2)}))
    assert [switchboard.plan(name).refuse for name in ("a.b", "c.d", "e.f")] == [503, 503, 0]
    assert switchboard.report().struck == {"a.b": {"storm": 1}, "c.d": {"storm": 1}}


def test_refusing_before_the_work_comes_before_spoiling_the_answer(switchboard: Switchboard) -> None:
    switchboard.set(SetFaults(rules={"*": Rule(fail_every=2, drop_answer_every=1)}))
    assert [switchboard.plan("a.b").refuse for _ in range(2)] == [0, 503]


def test_rules_and_counts_outlive_a_restart(tmp_path: Path) -> None:
    db = Db(tmp_path / "lab.sqlite")
    first = Switchboard(db)
    first.set(SetFaults(rules={"*": Rule(drop_answer_every=2)}))
    first.plan("a.b")
    db.close()
    second = Switchboard(Db(tmp_path / "lab.sqlite"))
    assert second.plan("a.b").after == "drop_answer"
    assert second.report().struck == {"a.b": {"drop_answer": 1}}


def test_a_misspelt_fault_is_refused() -> None:
    with pytest.raises(msgspec.ValidationError, match="drop_anwser_every"):
        msgspec.json.decode(b'{"rules": {"*": {"drop_anwser_every": 1}}}', type=SetFaults)


class TestOverHttp:
    """Through the AP platform; every server has the same door."""

    @pytest.mark.parametrize("status", [429, 503])
    def test_a_refusal_says_when_to_come_back_and_does_nothing(self, ap_http: httpx2.Client, status: int) -> None:
        set_faults(ap_http, captures__create={"fail_every": 1, "fail_status": status, "retry_after_s": 9})
        answer = ap_http.post("/v1/captures", json=invoice())
        assert (answer.status_code, answer.headers["retry-after"]) == (status, "9")
        assert ok(ap_http.get("/v1/invoices"))["items"] == []
        assert struck(ap_http) == {"captures.create": {f"fail_{status}": 1}}

    def test_a_dropped_answer_leaves_the_work_done(self, ap_http: httpx2.Client) -> None:
        set_faults(ap_http, captures__create={"drop_answer_every": 1})
        with pytest.raises(httpx2.RemoteProtocolError):
            ap_http.post("/v1/captures", json=invoice())
        assert [each["id"] for each in ok(ap_http.get("/v1/invoices"))["items"]] == ["ap-000001"]
        assert struck(ap_http) == {"captures.create": {"drop_answer": 1}}

    def test_a_500_after_the_work_is_a_lie(self, ap_http: httpx2.Client) -> None:
        set_faults(ap_http, captures__create={"error_500_after_work_every": 1})
        assert ap_http.post("/v1/captures", json=invoice()).status_code == 500
        assert len(ok(ap_http.get("/v1/invoices"))["items"]) == 1

    def test_the_work_lands_after_the_caller_gave_up(self, ap: Card, ap_http: httpx2.Client) -> None:
        set_faults(ap_http, captures__create={"delay_ms": 300})
        with client(ap, timeout=0.05) as hasty, pytest.raises(httpx2.ReadTimeout):
            hasty.post("/v1/captures", json=invoice())
        assert ok(ap_http.get("/v1/invoices"))["items"] == []
        eventually(lambda: ok(ap_http.get("/v1/invoices"))["items"])

    def test_the_door_itself_never_fails(self, ap_http: httpx2.Client) -> None:
        report = ok(ap_http.post("/_lab/faults", json={"rules": {"*": {"fail_every": 1}}}))
        assert report["rules"] == {"*": {"fail_every": 1}}
        assert "invoices.submit" in report["operations"]
        assert ok(ap_http.delete("/_lab/faults"))["rules"] == {}
        assert ap_http.get("/v1/totals").status_code == 200

    def test_a_rule_is_taken_away_with_null(self, ap_http: httpx2.Client) -> None:
        set_faults(ap_http, totals__read={"fail_every": 1})
        set_faults(ap_http, totals__read=None)
        assert ap_http.get("/v1/totals").status_code == 200

    def test_a_misspelt_fault_is_refused(self, ap_http: httpx2.Client) -> None:
        answer = ap_http.post("/_lab/faults", json={"rules": {"*": {"storms": 1}}})
        assert answer.status_code == 400
        assert "storms" in answer.text


def test_a_server_keeps_its_port_and_secrets(tmp_path: Path) -> None:
    with Hosted(build, tmp_path / "ap") as server:
        first = server.card
    with Hosted(build, tmp_path / "ap") as server:
        assert server.card == first
