"""The bank keeps its promises: it pays what it accepts, once per MsgId, and its statements continue one another."""

import os
from collections.abc import Sequence
from decimal import Decimal
from pathlib import Path
from typing import Any

import asyncssh
import httpx2
import pytest
from lxml import etree
from tests.lab.kit import (
    EUR_IBAN,
    GBP_IBAN,
    OTHER_IBAN,
    SUPPLIER_IBAN,
    Sftp,
    eventually,
    ok,
    payment_file,
    set_faults,
    struck,
    transfer,
)

from tieout_lab.serving import Card

OPENING = Decimal("5000000.00")


class Out:
    """What the bank has sent so far, read from ``out/`` by SFTP, in the order in which it was made."""

    def __init__(self, sftp: Sftp) -> None:
        self._sftp = sftp

    def names(self, kind: str = "") -> list[str]:
        found = [name for name in self._sftp.names("out") if name.startswith(kind)]
        return sorted(found, key=lambda name: name.rpartition("_")[2])

    def documents(self, kind: str) -> list[etree._Element]:
        return [etree.fromstring(self._sftp.read(f"out/{name}")) for name in self.names(kind)]


def texts(element: etree._Element, path: str) -> list[str]:
    return [
        found.text or "" for found in element.iterfind(".//" + "/".join(f"{{*}}{step}" for step in path.split("/")))
    ]


def ledger(http: httpx2.Client) -> Any:
    return ok(http.post("/_lab/pick-up"))


def count(*, paid: int = 0, returned: int = 0, rejected: int = 0, waiting: int = 0, amount: str) -> dict[str, Any]:
    """How often one EndToEndId was paid, in the words of the ledger."""
    numbers = {"paid": paid, "returned": returned, "rejected": rejected, "waiting": waiting}
    return {**numbers, "amount": {"amount": amount, "currency": "EUR"}}


def statuses(document: etree._Element) -> tuple[list[str], list[str], list[str]]:
    """Group status, its reasons, and the transactions listed as ``EndToEndId/status/reason``."""
    listed = []
    for each in document.iter("{*}TxInfAndSts"):
        reasons = texts(each, "Cd")
        listed.append("/".join([*texts(each, "OrgnlEndToEndId"), *texts(each, "TxSts"), *reasons]))
    group = document.find(".//{*}OrgnlGrpInfAndSts")
    assert group is not None
    return texts(group, "GrpSts"), texts(group, "Rsn/Cd"), listed


@pytest.fixture
def out(sftp: Sftp) -> Out:
    return Out(sftp)


class TestTakingFiles:
    def test_what_is_dropped_is_taken_paid_and_archived(self, bank_http: httpx2.Client, sftp: Sftp, out: Out) -> None:
        sftp.put("run1.xml", payment_file("M1", transfer("E1", "100.10"), transfer("E2", "0.90", OTHER_IBAN)))
        eventually(lambda: sftp.names("archive") == ["run1.xml"])
        assert sftp.names("in") == []
        found = ok(bank_http.get("/v1/payments", params={"end_to_end_id": "E1"}))["payments"]
        assert [(p["transactionStatus"], p["amount"]["amount"], p["bookedOn"]) for p in found] == [
            ("ACSC", "100.10", "2026-09-15")
        ]
        file = ok(bank_http.get("/v1/files/M1"))
        assert (file["groupStatus"], file["transactions"], file["controlSum"]) == ("ACSC", 2, "101.00")
        account = ok(bank_http.get(f"/v1/accounts/{EUR_IBAN}"))
        assert Decimal(account["booked"]) == OPENING - Decimal("101.00")
        (report,) = out.documents("pain002")
        assert statuses(report) == (["ACCP"], [], [])
        assert texts(report, "OrgnlMsgId") == ["M1"]

    def test_unfinished_names_are_left_alone(self, bank_http: httpx2.Client, sftp: Sftp) -> None:
        for name in ("a.xml.part", "b.tmp"):
            sftp.write(f"in/{name}", payment_file("M1", transfer("E1", "1.00")))
        assert ledger(bank_http)["files"] == 0
        assert sftp.names("in") == ["a.xml.part", "b.tmp"]

    def test_a_second_file_with_the_same_msgid_is_refused_and_not_paid(
        self, bank_http: httpx2.Client, sftp: Sftp, out: Out
    ) -> None:
        body = payment_file("M1", transfer("E1", "100.00"))
        sftp.put("run1.xml", body)
        ledger(bank_http)
        sftp.put("run1.xml", body)
        sftp.put("other-name.xml", body)
        truth = ledger(bank_http)
        assert (truth["files"], truth["duplicateFilesRefused"]) == (1, 2)
        assert truth["payments"]["E1"]["paid"] == 1
        assert [statuses(report) for report in out.documents("pain002")] == [
            (["ACCP"], [], []),
            (["RJCT"], ["DU01"], []),
            (["RJCT"], ["DU01"], []),
        ]
        assert ok(bank_http.get("/v1/files/M1"))["duplicatesRefused"] == 2
        assert sftp.names("archive") == ["other-name.xml", "run1.xml", "run1.xml.2"]

    def test_the_same_payment_in_another_file_is_paid_again(self, bank_http: httpx2.Client, sftp: Sftp) -> None:
        sftp.put("run1.xml", payment_file("M1", transfer("E1", "100.00")))
        sftp.put("run2.xml", payment_file("M2", transfer("E1", "100.00")))
        truth = ledger(bank_http)
        assert (truth["payments"]["E1"]["paid"], truth["paidTwice"]) == (2, ["E1"])

    @pytest.mark.parametrize(
        ("body", "reason"),
        [
            (payment_file("M1", transfer("E1", "1.00"), count=2), "AM18"),
            (payment_file("M1", transfer("E1", "1.00"), total="1.01"), "AM10"),
            (payment_file("M1", transfer("E1", "1.00"))[:-40], "FF01"),
            (b"<?xml version='1.0'?><!DOCTYPE a [<!ENTITY b 'c'>]>" + payment_file("M1")[38:], "FF01"),
            (payment_file("M1", transfer("E1", "1.00")).replace(b"001.001.09", b"001.001.03"), "FF01"),
            (payment_file("M1", transfer("E1", "7.00")).replace(b">7.00<", b">seven<"), "FF01"),
            (b"", "FF01"),
        ],
        ids=["count", "sum", "cut short", "doctype", "old version", "not a number", "empty"],
    )
    def test_a_file_that_does_not_prove_itself_is_refused_whole(
        self, bank_http: httpx2.Client, sftp: Sftp, out: Out, body: bytes, reason: str
    ) -> None:
        sftp.put("run1.xml", body)
        truth = ledger(bank_http)
        assert sum(each["paid"] for each in truth["payments"].values()) == 0
        (report,) = out.documents("pain002")
        assert statuses(report) == (["RJCT"], [reason], [])
        assert sftp.names("archive") == ["run1.xml"]

    def test_a_batch_from_a_strange_account_is_rejected_without_a_list(
        self, bank_http: httpx2.Client, sftp: Sftp, out: Out
    ) -> None:
        sftp.put("run1.xml", payment_file("M1", transfer("E1", "1.00"), debtor=OTHER_IBAN))
        assert ledger(bank_http)["payments"]["E1"] == count(rejected=1, amount="1.00")
        (report,) = out.documents("pain002")
        assert statuses(report)[0] == ["RJCT"]
        assert (texts(report, "PmtInfSts"), texts(report, "OrgnlPmtInfAndSts/StsRsnInf/Rsn/Cd")) == (["RJCT"], ["AC02"])
        assert texts(report, "TxSts") == []


class TestPaying:
    def test_rejects_are_listed_and_the_rest_is_counted(self, bank_http: httpx2.Client, sftp: Sftp, out: Out) -> None:
        ok(bank_http.post("/_lab/creditors", json={"iban": OTHER_IBAN, "behaviour": "reject", "reason": "AC04"}))
        transfers = [
            transfer("good", "10.00"),
            transfer("closed", "20.00", OTHER_IBAN),
            transfer("typo", "30.00", "NL91ABNA0417164301"),
            transfer("pounds", "40.00", currency="GBP"),
            transfer("rich", "5000000.00"),
            transfer("zero", "0.00"),
            transfer("fine", "0.001"),
        ]
        sftp.put("run1.xml", payment_file("M1", *transfers))
        truth = ledger(bank_http)
        assert {e2e: each["paid"] for e2e, each in truth["payments"].items()} == {
            "good": 1, "closed": 0, "typo": 0, "pounds": 0, "rich": 0, "zero": 0, "fine": 0,
        }  # fmt: skip
        (report,) = out.documents("pain002")
        assert statuses(report) == (
            ["PART"],
            [],
            [
                "closed/RJCT/AC04",
                "typo/RJCT/AC01",
                "pounds/RJCT/AM03",
                "rich/RJCT/AM04",
                "zero/RJCT/AM01",
                "fine/RJCT/AM12",
            ],
        )
        counts = list(
            zip(texts(report, "DtldSts"), texts(report, "DtldNbOfTxs"), texts(report, "DtldCtrlSum"), strict=True)
        )
        assert counts == [("ACCP", "1", "10.00"), ("RJCT", "6", "5000090.001")]

    def test_money_that_waits_is_not_spent_twice(self, bank_http: httpx2.Client, sftp: Sftp) -> None:
        sftp.put("a.xml", payment_file("M1", transfer("E1", "3000000.00"), on="2026-09-20"))
        sftp.put("b.xml", payment_file("M2", transfer("E2", "3000000.00"), on="2026-09-20"))
        truth = ledger(bank_http)["payments"]
        assert (truth["E1"]["waiting"], truth["E2"]["rejected"]) == (1, 1)
        account = ok(bank_http.get(f"/v1/accounts/{EUR_IBAN}"))
        assert (account["booked"], account["available"]) == ("5000000.00", "2000000.00")

    def test_the_day_decides(self, bank_http: httpx2.Client, sftp: Sftp, out: Out) -> None:
        sftp.put("future.xml", payment_file("M1", transfer("E1", "1.00"), on="2026-09-17"))
        sftp.put("past.xml", payment_file("M2", transfer("E2", "2.00"), on="2026-09-01"))
        truth = ledger(bank_http)["payments"]
        assert (truth["E1"], truth["E2"]["paid"]) == (
            count(waiting=1, amount="1.00"),
            1,
        )
        assert [statuses(report) for report in out.documents("pain002")] == [
            (["ACCP"], [], []),
            (["ACWC"], [], ["E2/ACWC/DT06"]),
        ]
        ok(bank_http.post("/_lab/close-day", json={}))
        assert ok(bank_http.get("/_lab/ledger"))["payments"]["E1"]["waiting"] == 1
        ok(bank_http.post("/_lab/close-day", json={}))
        assert ok(bank_http.get("/_lab/ledger"))["payments"]["E1"]["paid"] == 1

    def test_its_habits_can_be_changed(self, bank_http: httpx2.Client, sftp: Sftp, out: Out) -> None:
        habits = {
            "statusSteps": ["ACTC", "ACCP", "ACSC"],
            "detail": "all",
            "codeMap": {"ACCP": "ACCT"},
            "notify": False,
        }
        ok(bank_http.post("/_lab/settings", json=habits))
        sftp.put("run1.xml", payment_file("M1", transfer("E1", "1.00")))
        ledger(bank_http)
        assert [statuses(report) for report in out.documents("pain002")] == [
            (["ACTC"], [], []),
            (["ACCT"], [], ["E1/ACCT"]),
            (["ACSC"], [], ["E1/ACSC"]),
        ]
        assert out.names("camt054") == []

    def test_payments_come_back(self, bank_http: httpx2.Client, sftp: Sftp, out: Out) -> None:
        ok(bank_http.post("/_lab/creditors", json={"iban": OTHER_IBAN, "behaviour": "return", "afterDays": 1}))
        sftp.put("run1.xml", payment_file("M1", transfer("E1", "10.00"), transfer("E2", "20.00", OTHER_IBAN)))
        ledger(bank_http)
        assert ok(bank_http.get("/_lab/ledger"))["payments"]["E2"] == count(paid=1, amount="20.00")
        ok(bank_http.post("/_lab/close-day", json={}))
        assert ok(bank_http.get("/_lab/ledger"))["payments"]["E2"]["returned"] == 1
        (status,) = ok(bank_http.get("/v1/payments", params={"end_to_end_id": "E2"}))["payments"]
        assert (status["transactionStatus"], status["returned"]["reason"]) == ("ACSC", "AC04")
        credit = out.documents("camt054")[-1]
        assert (texts(credit, "Ntry/CdtDbtInd"), texts(credit, "EndToEndId")) == (["CRDT"], ["E2"])
        assert texts(credit, "RtrInf/Rsn/Cd") == ["AC04"]
        assert ok(bank_http.post("/_lab/returns", json={"endToEndId": "E1", "reason": "MS03"})) == {"returned": 1}
        assert ok(bank_http.post("/_lab/returns", json={"endToEndId": "E1"})) == {"returned": 0}
        assert Decimal(ok(bank_http.get(f"/v1/accounts/{EUR_IBAN}"))["booked"]) == OPENING


class TestStatements:
    def test_each_continues_the_one_before(self, bank_http: httpx2.Client, sftp: Sftp, out: Out) -> None:
        sftp.put("run1.xml", payment_file("M1", transfer("E1", "100.10"), transfer("E2", "200.00")))
        ledger(bank_http)
        ok(bank_http.post("/_lab/fees", json={"iban": EUR_IBAN, "amount": "12.50"}))
        ok(bank_http.post("/_lab/close-day", json={}))
        ok(bank_http.post("/_lab/incoming", json={"iban": EUR_IBAN, "amount": "1000.00", "name": "Who?"}))
        ok(bank_http.post("/_lab/close-day", json={"to": "2026-09-21"}))
        closing = {EUR_IBAN: "5000000.00", GBP_IBAN: "2000000.00"}
        for document in out.documents("camt053"):
            iban = texts(document, "Stmt/Acct/Id/IBAN")[0]
            assert texts(document, "Bal/Tp/CdOrPrtry/Cd") == ["OPBD", "CLBD"]
            opening, closes = texts(document, "Bal/Amt")
            assert opening == closing[iban]
            signs = [1 if text == "CRDT" else -1 for text in texts(document, "Ntry/CdtDbtInd")]
            amounts = [sign * Decimal(text) for sign, text in zip(signs, texts(document, "Ntry/Amt"), strict=True)]
            assert Decimal(opening) + sum(amounts) == Decimal(closes)
            closing[iban] = closes
        assert closing == {EUR_IBAN: "5000687.40", GBP_IBAN: "2000000.00"}
        first, _, second, _ = out.documents("camt053")
        assert texts(first, "EndToEndId") == ["E1", "E2"]
        assert texts(first, "Domn/Fmly/SubFmlyCd") == ["ESCT", "ESCT", "CHRG"]
        assert texts(second, "RltdPties/Dbtr/Pty/Nm") == ["Who?"]
        assert (texts(first, "ElctrncSeqNb"), texts(second, "ElctrncSeqNb")) == (["1"], ["2"])
        listed = ok(bank_http.get(f"/v1/accounts/{EUR_IBAN}/statements"))
        assert (listed["opening"], [each["closing"] for each in listed["statements"]]) == (
            "5000000.00",
            ["4999687.40", "5000687.40"],
        )
        account = ok(bank_http.get("/_lab/ledger"))["accounts"][0]
        assert Decimal(account["opening"]) + Decimal(account["entriesSum"]) == Decimal(account["balance"])

    def test_a_batch_is_one_entry_and_the_notification_opens_it(
        self, bank_http: httpx2.Client, sftp: Sftp, out: Out
    ) -> None:
        sftp.put("run1.xml", payment_file("M1", transfer("E1", "1.00"), transfer("E2", "2.00"), batch_booking=True))
        ledger(bank_http)
        ok(bank_http.post("/_lab/close-day", json={}))
        (notification,) = out.documents("camt054")
        assert texts(notification, "EndToEndId") == ["E1", "E2"]
        statement = out.documents("camt053")[0]
        assert (texts(statement, "Ntry/Amt"), texts(statement, "Btch/PmtInfId")) == (["3.00"], ["M1-1"])
        assert texts(statement, "EndToEndId") == []
        assert texts(statement, "AcctSvcrRef") == texts(notification, "AcctSvcrRef")

    def test_one_can_be_withheld_and_one_can_come_twice(self, bank_http: httpx2.Client, sftp: Sftp, out: Out) -> None:
        ok(bank_http.post("/_lab/close-day", json={"withhold": [EUR_IBAN]}))
        assert [GBP_IBAN in name for name in out.names("camt053")] == [True]
        ok(bank_http.post("/_lab/statements/release"))
        assert [EUR_IBAN in name for name in out.names("camt053")] == [True, False]
        (copy,) = ok(bank_http.post(f"/_lab/files/{out.names('camt053')[0]}/again"))["files"]
        names = out.names("camt053")
        assert (names[-1], len(names)) == (copy, 3)
        assert sftp.read(f"out/{copy}") == sftp.read(f"out/{names[0]}")

    def test_a_day_does_not_come_back(self, bank_http: httpx2.Client) -> None:
        ok(bank_http.post("/_lab/close-day", json={}))
        assert bank_http.post("/_lab/day", json={"date": "2026-09-15"}).status_code == 409
        assert bank_http.post("/_lab/close-day", json={"to": "2026-09-16"}).status_code == 409

    def test_weekends_are_skipped(self, bank_http: httpx2.Client) -> None:
        ok(bank_http.post("/_lab/day", json={"date": "2026-09-18"}))
        assert ok(bank_http.post("/_lab/close-day", json={})) == {"date": "2026-09-21"}


class TestHttp:
    def test_a_wrong_password_opens_nothing(self, bank: Card) -> None:
        answer = httpx2.get(f"{bank.url}/v1/files/M1", auth=("tieout", "wrong"), trust_env=False)
        assert (answer.status_code, answer.json()["tppMessages"][0]["code"]) == (401, "CERTIFICATE_INVALID")

    def test_what_it_does_not_know(self, bank_http: httpx2.Client) -> None:
        assert bank_http.get("/v1/files/M1").json()["tppMessages"][0]["code"] == "RESOURCE_UNKNOWN"
        assert bank_http.get(f"/v1/accounts/{OTHER_IBAN}").status_code == 404
        assert ok(bank_http.get("/v1/payments", params={"end_to_end_id": "E1"})) == {"payments": []}
        assert bank_http.get("/v1/payments").status_code == 400

    def test_entries_are_read_page_by_page(self, bank_http: httpx2.Client) -> None:
        for amount in ("1.00", "2.00", "3.00"):
            ok(bank_http.post("/_lab/fees", json={"iban": EUR_IBAN, "amount": amount}))
        first = ok(bank_http.get(f"/v1/accounts/{EUR_IBAN}/entries", params={"limit": 2}))
        assert ([e["amount"]["amount"] for e in first["entries"]], first["more"]) == (["-1.00", "-2.00"], True)
        rest = ok(bank_http.get(f"/v1/accounts/{EUR_IBAN}/entries", params={"after": first["next"]}))
        assert ([e["amount"]["amount"] for e in rest["entries"]], rest["more"]) == (["-3.00"], False)


class TestSftp:
    def test_password_or_key_but_not_any(self, bank: Card) -> None:
        good = Sftp(bank, password=bank.secrets["sftp_password"])
        assert good.names("out") == []
        good.close()
        bad = Sftp(bank, password="guess")
        with pytest.raises(asyncssh.PermissionDenied):
            bad.names("out")
        bad.close()

    def test_the_client_is_locked_in_and_writes_in_in_only(self, sftp: Sftp) -> None:
        assert sftp.names(".") == ["archive", "in", "out"]
        for path in ("out/x.xml", "archive/x.xml", "x.xml", "in/../out/x.xml", "../../bank.sqlite"):
            with pytest.raises(asyncssh.SFTPPermissionDenied):
                sftp.write(path, b"x")
        with pytest.raises(asyncssh.SFTPNoSuchFile):
            sftp.read("../../bank.sqlite")
        sftp.write("in/x.part", b"x")
        with pytest.raises(asyncssh.SFTPPermissionDenied):
            sftp.rename("in/x.part", "out/x.xml")
        with pytest.raises(asyncssh.SFTPPermissionDenied):
            sftp.do(lambda session: session.mkdir("in/folder"))

    def test_a_rename_does_not_overwrite(self, bank_http: httpx2.Client, sftp: Sftp) -> None:
        set_faults(bank_http, files__pick_up={"delay_ms": 60_000})
        sftp.put("a.xml", b"one")
        sftp.write("in/b.part", b"two")
        with pytest.raises(asyncssh.SFTPError):
            sftp.rename("in/b.part", "in/a.xml")

    def test_a_dropped_answer_leaves_the_file_renamed(self, bank_http: httpx2.Client, sftp: Sftp) -> None:
        set_faults(bank_http, sftp__rename={"drop_answer_every": 1, "strikes_max": 1})
        sftp.write("in/a.part", payment_file("M1", transfer("E1", "1.00")))
        with pytest.raises((asyncssh.SFTPError, asyncssh.Error, OSError)):
            sftp.rename("in/a.part", "in/a.xml")
        eventually(lambda: sftp.names("archive") == ["a.xml"])
        assert struck(bank_http) == {"sftp.rename": {"drop_answer": 1}}

    def test_a_busy_server_refuses_before_the_work(self, bank_http: httpx2.Client, sftp: Sftp) -> None:
        sftp.write("in/a.part", b"x")
        set_faults(bank_http, sftp__rename={"fail_every": 1})
        with pytest.raises(asyncssh.SFTPFailure):
            sftp.rename("in/a.part", "in/a.tmp")
        assert sftp.names("in") == ["a.part"]

    def test_a_closed_door(self, bank: Card, bank_http: httpx2.Client) -> None:
        set_faults(bank_http, sftp__connect={"storm": 1})
        session = Sftp(bank)
        with pytest.raises((asyncssh.Error, OSError)):
            session.names("out")
        assert session.names("out") == []
        session.close()


class TestHalfWritten:
    def test_a_file_is_completed_when_told(self, bank_http: httpx2.Client, sftp: Sftp, out: Out) -> None:
        set_faults(bank_http, files__write={"half_written_every": 1, "half_written_pause_ms": 0, "strikes_max": 1})
        ok(bank_http.post("/_lab/close-day", json={}))
        half, whole = out.names("camt053")
        with pytest.raises(etree.XMLSyntaxError):
            etree.fromstring(sftp.read(f"out/{half}"))
        etree.fromstring(sftp.read(f"out/{whole}"))
        assert ok(bank_http.post("/_lab/files/complete"))["files"] == [half]
        etree.fromstring(sftp.read(f"out/{half}"))
        assert struck(bank_http) == {"files.write": {"half_written": 1}}

    def test_or_by_itself_after_a_pause(self, bank_http: httpx2.Client, sftp: Sftp, out: Out) -> None:
        set_faults(bank_http, files__write={"half_written_every": 1, "half_written_pause_ms": 50})
        ok(bank_http.post("/_lab/fees", json={"iban": EUR_IBAN, "amount": "1.00"}))
        (name,) = out.names()
        eventually(lambda: sftp.read(f"out/{name}").rstrip().endswith(b"</Document>"))


def _schemas() -> Path | None:
    folder = Path(os.environ.get("TIEOUT_SAMPLES", "../shared/samples")) / "schemas/iso20022/xsd"
    return folder if folder.is_dir() else None


@pytest.mark.skipif(_schemas() is None, reason="no ISO 20022 schemas: set TIEOUT_SAMPLES to a folder of samples")
def test_everything_it_sends_is_valid(bank_http: httpx2.Client, sftp: Sftp, out: Out) -> None:
    folder = _schemas()
    assert folder is not None
    habits = {"statusSteps": ["ACTC", "ACCP", "ACSC"], "detail": "all"}
    ok(bank_http.post("/_lab/settings", json=habits))
    ok(bank_http.post("/_lab/creditors", json={"iban": OTHER_IBAN, "behaviour": "return"}))
    ok(bank_http.post("/_lab/creditors", json={"iban": SUPPLIER_IBAN, "behaviour": "pay"}))
    files: Sequence[bytes] = [
        payment_file("M1", transfer("E1", "1.00"), transfer("E2", "2.00", OTHER_IBAN), transfer("E3", "3.00", "X1")),
        payment_file("M2", transfer("E4", "1.00"), transfer("E5", "2.00"), batch_booking=True),
        payment_file("M3", transfer("E6", "1.00"), debtor=OTHER_IBAN),
        payment_file("M4", transfer("E7", "1.00", currency="GBP"), debtor=GBP_IBAN, on="2026-09-01"),
        payment_file("M5", transfer("E8", "1.00"), total="9.00"),
        payment_file("M1", transfer("E1", "1.00")),
        b"nonsense",
    ]
    for number, body in enumerate(files):
        sftp.put(f"{number}.xml", body)
    ledger(bank_http)
    ok(bank_http.post("/_lab/fees", json={"iban": EUR_IBAN, "amount": "12.50"}))
    ok(bank_http.post("/_lab/incoming", json={"iban": GBP_IBAN, "amount": "7.00"}))
    ok(bank_http.post("/_lab/close-day", json={}))
    ok(bank_http.post("/_lab/close-day", json={}))
    schemas = {
        "pain002": folder / "payments_initiation/pain.002/pain.002.001.10.xsd",
        "camt053": folder / "cash_management/camt.053/camt.053.001.08.xsd",
        "camt054": folder / "cash_management/camt.054/camt.054.001.08.xsd",
    }
    for kind, path in schemas.items():
        schema = etree.XMLSchema(etree.parse(str(path)))
        documents = out.documents(kind)
        assert len(documents) >= 4
        for document in documents:
            schema.assertValid(document)
