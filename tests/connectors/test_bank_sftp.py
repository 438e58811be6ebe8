"""The bank connector against the lab's bank: real SFTP, real files, and every way in which an answer gets lost."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx2
import pytest
from msgspec.structs import replace
from tests.lab.kit import EUR_IBAN, GBP_IBAN, OTHER_IBAN, SUPPLIER_IBAN, Kept, client, ok, set_faults, struck

from tieout.conformance.connector import ConnectorConformance, Misbehaviour
from tieout.connectors.bank_sftp import BankConfig, BankSftp, Login, connect
from tieout.connectors.bank_sftp.client import RemoteFile
from tieout.connectors.bank_sftp.translate import Cursor
from tieout.kernel.clock import VirtualClock
from tieout.kernel.errors import ConfigError, TransientError
from tieout.kernel.money import Money
from tieout.kernel.problem import Code
from tieout.model.documents import BankAccount, Payment, PaymentRun, PurchaseOrder, Total
from tieout.model.effects import CreateOrder, SendPaymentFile, effect_id
from tieout.model.events import Message, Ref
from tieout.model.facts import EntriesNotified, PaymentStatusReported, RunStatusReported, StatementReceived
from tieout.ports import Absent, Applied, Connector, Effect, Refused, Retry, Scope, Unknown
from tieout_lab import bank as bank_server
from tieout_lab.serving import Card, Hosted

NOW = datetime(2026, 9, 15, 8, 0, tzinfo=UTC)
TODAY = NOW.date()


@pytest.fixture
def card(tmp_path: Path) -> Iterator[Card]:
    with Hosted(bank_server.build, tmp_path / "bank") as server:
        yield server.card


@pytest.fixture
def bank(card: Card) -> Iterator[httpx2.Client]:
    """The driver's door of the bank, on Tuesday, 15 September 2026."""
    with client(card) as http:
        ok(http.post("/_lab/day", json={"date": TODAY.isoformat()}))
        yield http


def config_of(card: Card, **more: Any) -> BankConfig:
    settings: dict[str, Any] = {
        "host": card.more["sftp_host"],
        "port": int(card.more["sftp_port"]),
        "user": card.more["user"],
        "host_key": card.more["sftp_host_key"],
        "private_key": "file:unused",
        "accounts": {EUR_IBAN: "DE01", GBP_IBAN: "GB01"},
        "status_url": card.url,
        "status_user": card.more["user"],
        "timeout_seconds": 5.0,
    }
    return BankConfig(**{**settings, **more})


def open_bank(card: Card, kept: Kept | None = None, **more: Any) -> BankSftp:
    login = Login(private_key=card.secrets["sftp_client_key"], status_password=card.secrets["api_password"])
    return BankSftp(config_of(card, **more), login, kept or Kept(), VirtualClock(NOW))


@pytest.fixture
def connector(card: Card, bank: httpx2.Client) -> Iterator[BankSftp]:
    connector = open_bank(card)
    yield connector
    connector.close()


def payment(number: int, amount: str = "10.00", iban: str = SUPPLIER_IBAN, run_id: str = "run_1") -> Payment:
    return Payment(
        payment_id=f"pay_{number}",
        run_id=run_id,
        invoice_id=f"inv_{number}",
        entity="DE01",
        supplier_id="sup_1",
        amount=Money(int(amount.replace(".", "")), "EUR"),
        creditor=BankAccount(iban=iban, holder="Papier Müller GmbH"),
        remittance=f"R-{number}",
    )


def effect_of(*payments: Payment, run_id: str = "run_1", debtor: str = EUR_IBAN) -> Effect:
    run = PaymentRun(
        run_id=run_id,
        entity="DE01",
        debtor=BankAccount(iban=debtor, holder="Northwind Group SE"),
        execute_on=TODAY,
        payments=payments or (payment(1),),
        currency="EUR",
    )
    return Effect(
        effect_id=effect_id("bank", "send_payment_file", run_id),
        operation="send_payment_file",
        key=run_id,
        entity="DE01",
        subject=run_id,
        correlation=run_id,
        payload=SendPaymentFile(run=run),
    )


def truth(bank: httpx2.Client) -> Any:
    """What the bank really did, after it has looked into its folder."""
    return ok(bank.post("/_lab/pick-up"))


def read_all(connector: BankSftp, cursor: str = "") -> tuple[list[Message], str]:
    messages: list[Message] = []
    while True:
        page = connector.pull(cursor)
        messages += page.messages
        cursor = page.cursor
        if not page.more:
            return messages, cursor


APPLIED = Applied(reference="run_1.xml")


class TestSending:
    def test_a_run_is_paid(self, connector: BankSftp, bank: httpx2.Client) -> None:
        assert connector.apply([effect_of(payment(1), payment(2, "20.50"))]) == [APPLIED]
        ledger = truth(bank)
        assert {e2e: (count["paid"], count["amount"]["amount"]) for e2e, count in ledger["payments"].items()} == {
            "pay_1": (1, "10.00"),
            "pay_2": (1, "20.50"),
        }

    @pytest.mark.parametrize("known_by", ["the folder", "the archive", "the status API"])
    def test_a_second_time_sends_nothing(self, card: Card, bank: httpx2.Client, known_by: str) -> None:
        connector = open_bank(card, **({} if known_by == "the status API" else {"status_url": ""}))
        if known_by == "the folder":
            set_faults(bank, files__pick_up={"delay_ms": 60_000})
        assert connector.apply([effect_of()]) == [APPLIED]
        if known_by != "the folder":
            truth(bank)
        if known_by == "the status API":
            (Path(card.folder) / "sftp/archive/run_1.xml").unlink()
        assert connector.apply([effect_of()]) == [APPLIED]
        assert ok(bank.get("/_lab/ledger"))["duplicateFilesRefused"] == 0
        connector.close()

    def test_a_run_that_makes_no_valid_file_is_refused(self, connector: BankSftp, bank: httpx2.Client) -> None:
        (result,) = connector.apply([effect_of(payment(1, iban="DE00000000000000000000"))])
        assert isinstance(result, Refused)
        assert [problem.code for problem in result.problems] == [Code.BAD_IBAN]
        assert truth(bank)["files"] == 0

    def test_a_run_from_an_account_elsewhere_is_refused(self, connector: BankSftp) -> None:
        (result,) = connector.apply([effect_of(debtor=OTHER_IBAN)])
        assert isinstance(result, Refused)
        assert result.problems[0].code is Code.NO_BANK_ACCOUNT

    def test_what_a_bank_cannot_do_is_refused(self, connector: BankSftp) -> None:
        order = PurchaseOrder(order_id="1", entity="DE01", supplier_id="s", currency="EUR", ordered_on=TODAY, lines=())
        (result,) = connector.apply([replace(effect_of(), operation="create_order", payload=CreateOrder(order=order))])
        assert isinstance(result, Refused)

    def test_each_run_has_a_result_of_its_own(self, connector: BankSftp, bank: httpx2.Client) -> None:
        bad = effect_of(payment(1, iban="DE00000000000000000000"), run_id="run_1")
        good = effect_of(payment(2, run_id="run_2"), run_id="run_2")
        results = connector.apply([bad, good])
        assert [type(result) for result in results] == [Refused, Applied]
        assert truth(bank)["payments"]["pay_2"]["paid"] == 1


class TestLostAnswers:
    """Whatever is lost, where, and when: every payment is made once."""

    def test_the_answer_to_the_rename(self, connector: BankSftp, bank: httpx2.Client) -> None:
        set_faults(bank, sftp__rename={"drop_answer_every": 1, "strikes_max": 1})
        (result,) = connector.apply([effect_of()])
        assert isinstance(result, Unknown)
        assert struck(bank) == {"sftp.rename": {"drop_answer": 1}}
        assert connector.probe(effect_of()) == APPLIED
        assert connector.apply([effect_of()]) == [APPLIED]
        ledger = truth(bank)
        assert (ledger["payments"]["pay_1"]["paid"], ledger["duplicateFilesRefused"]) == (1, 0)

    def test_an_error_that_lies(self, connector: BankSftp, bank: httpx2.Client) -> None:
        set_faults(bank, sftp__rename={"error_500_after_work_every": 1})
        assert connector.apply([effect_of()]) == [APPLIED]
        assert truth(bank)["payments"]["pay_1"]["paid"] == 1

    def test_an_error_that_is_true(self, connector: BankSftp, bank: httpx2.Client) -> None:
        set_faults(bank, sftp__rename={"fail_every": 1, "strikes_max": 1})
        (result,) = connector.apply([effect_of()])
        assert isinstance(result, Retry)
        assert connector.probe(effect_of()) == Absent()
        assert truth(bank)["files"] == 0
        assert connector.apply([effect_of()]) == [APPLIED]
        assert truth(bank)["payments"]["pay_1"]["paid"] == 1

    @pytest.mark.parametrize(
        ("operation", "fault"),
        [
            ("sftp.connect", "fail_every"),
            ("sftp.open", "fail_every"),
            ("sftp.open", "drop_answer_every"),
            ("sftp.stat", "fail_every"),
            ("sftp.stat", "drop_answer_every"),
        ],
    )
    def test_before_the_rename_nothing_has_been_sent(
        self, connector: BankSftp, bank: httpx2.Client, operation: str, fault: str
    ) -> None:
        set_faults(bank, **{operation: {fault: 1, "strikes_max": 1}})
        (result,) = connector.apply([effect_of()])
        assert isinstance(result, Retry)
        assert truth(bank)["files"] == 0
        assert connector.apply([effect_of()]) == [APPLIED]
        assert truth(bank)["payments"]["pay_1"]["paid"] == 1

    def test_a_rename_that_takes_too_long(self, card: Card, bank: httpx2.Client) -> None:
        connector = open_bank(card, timeout_seconds=0.7)
        set_faults(bank, sftp__rename={"delay_ms": 1500, "strikes_max": 1})
        (result,) = connector.apply([effect_of()])
        assert isinstance(result, Unknown)
        set_faults(bank, sftp__rename=None)
        connector.close()

    def test_a_silent_status_api_does_not_stop_a_payment(self, connector: BankSftp, bank: httpx2.Client) -> None:
        set_faults(bank, files__read={"fail_every": 1})
        assert connector.apply([effect_of()]) == [APPLIED]

    def test_but_nobody_proves_absence_while_it_is_silent(self, connector: BankSftp, bank: httpx2.Client) -> None:
        set_faults(bank, files__read={"fail_every": 1})
        assert isinstance(connector.probe(effect_of()), Unknown)
        set_faults(bank, files__read=None)
        assert connector.probe(effect_of()) == Absent()

    def test_without_archive_and_api_nobody_can_tell(self, card: Card, bank: httpx2.Client) -> None:
        connector = open_bank(card, archive="", status_url="")
        operation = connector.manifest.operation("send_payment_file")
        assert operation is not None
        assert (operation.unique_number, operation.lookup) == (True, False)
        assert isinstance(connector.probe(effect_of()), Unknown)

    def test_a_404_of_a_gateway_proves_nothing(self, card: Card, bank: httpx2.Client) -> None:
        transport = httpx2.MockTransport(lambda _request: httpx2.Response(404, text="no such route"))
        login = Login(private_key=card.secrets["sftp_client_key"])
        connector = BankSftp(config_of(card), login, Kept(), VirtualClock(NOW), transport=transport)
        assert isinstance(connector.probe(effect_of()), Unknown)


class TestAccess:
    def test_another_host_key_stops_everything(self, card: Card, bank: httpx2.Client) -> None:
        other = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIOMqqnkVzrm0SdG6UOoqKLsabgH5C9okWi0dh2l9GKJl"
        connector = open_bank(card, host_key=other)
        with pytest.raises(ConfigError, match="pinned host key"):
            connector.apply([effect_of()])
        with pytest.raises(ConfigError, match="pinned host key"):
            connector.pull("")

    def test_a_wrong_password_is_a_matter_of_configuration(self, card: Card, bank: httpx2.Client) -> None:
        connector = BankSftp(config_of(card), Login(password="guess"), Kept(), VirtualClock(NOW))
        with pytest.raises(ConfigError, match="access denied"):
            connector.pull("")

    def test_a_password_will_do(self, card: Card, bank: httpx2.Client) -> None:
        login = Login(password=card.secrets["sftp_password"])
        assert BankSftp(config_of(card, status_url=""), login, Kept(), VirtualClock(NOW)).pull("").messages == ()

    def test_nobody_there_is_worth_trying_again(self, card: Card) -> None:
        connector = open_bank(card, port=1, status_url="")
        (result,) = connector.apply([effect_of()])
        assert isinstance(result, Retry)
        with pytest.raises(TransientError):
            connector.pull("")

    def test_out_of_a_table_of_the_configuration(self, card: Card, bank: httpx2.Client) -> None:
        settings = {
            "host": card.more["sftp_host"],
            "port": int(card.more["sftp_port"]),
            "user": card.more["user"],
            "host_key": card.more["sftp_host_key"],
            "private_key": "file:secrets/sftp_client_key",
            "accounts": {EUR_IBAN: "DE01"},
        }
        connector = connect("house_bank", settings, Path(card.folder), Kept())
        assert connector.manifest.system == "house_bank"
        assert connector.apply([effect_of()]) == [APPLIED]

    @pytest.mark.parametrize(
        ("wrong", "words"),
        [
            ({"host_key": "AAAA"}, "host_key"),
            ({"private_key": ""}, "password or a private_key"),
            ({"accounts": {}}, "accounts"),
            ({"unfinished_suffix": ""}, "half a file"),
            ({"hots": "x"}, "hots"),
        ],
    )
    def test_what_is_wrong_is_named(self, wrong: dict[str, Any], words: str) -> None:
        settings = {
            "host": "h",
            "user": "u",
            "host_key": "ssh-ed25519 A",
            "private_key": "file:k",
            "accounts": {EUR_IBAN: "DE01"},
        }
        with pytest.raises(ConfigError, match=words):
            connect("bank", {**settings, **wrong}, Path(), Kept())


class TestReading:
    def test_status_notification_and_statement(self, card: Card, bank: httpx2.Client) -> None:
        kept = Kept()
        connector = open_bank(card, kept)
        ok(bank.post("/_lab/creditors", json={"iban": OTHER_IBAN, "behaviour": "reject", "reason": "AC04"}))
        connector.apply([effect_of(payment(1), payment(2, "20.00", OTHER_IBAN))])
        truth(bank)
        ok(bank.post("/_lab/close-day", json={}))
        messages, cursor = read_all(connector)
        by_kind = {type(message.data): message for message in messages if message.entity != "GB01"}
        assert by_kind.keys() == {RunStatusReported, PaymentStatusReported, EntriesNotified, StatementReceived}
        assert by_kind[RunStatusReported].data == RunStatusReported(run_id="run_1", status="PART")
        rejected = by_kind[PaymentStatusReported].data
        assert isinstance(rejected, PaymentStatusReported)
        assert (rejected.status, rejected.reason) == ("RJCT", "AC04")
        assert by_kind[RunStatusReported].ref == Ref("bank", "run_1")
        assert by_kind[PaymentStatusReported].ref == Ref("bank", "pay_2")
        statement = by_kind[StatementReceived].data
        assert isinstance(statement, StatementReceived)
        assert (statement.entity, statement.statement.closing) == ("DE01", Money(499_999_000, "EUR"))
        assert [(e.end_to_end_id, e.amount) for e in statement.statement.entries] == [("pay_1", Money(-1000, "EUR"))]
        assert {message.source for message in messages} == {"bank"}
        assert {message.key.split("/")[0] for message in messages} <= set(kept.bodies)
        assert read_all(connector, cursor) == ([], cursor)
        connector.close()

    def test_the_same_cursor_gives_the_same_page(self, connector: BankSftp, bank: httpx2.Client) -> None:
        ok(bank.post("/_lab/close-day", json={}))
        assert connector.pull("") == connector.pull("")

    def test_pages_are_as_long_as_asked_and_lose_nothing(self, card: Card, bank: httpx2.Client) -> None:
        for _ in range(3):
            ok(bank.post("/_lab/close-day", json={}))
        connector = open_bank(card, files_per_pull=2)
        first = connector.pull("")
        assert (len(first.messages), first.more, first.observed_at) == (2, True, None)
        messages, cursor = read_all(connector)
        statements = [message.data.statement.statement_id for message in messages]  # type: ignore[union-attr]
        assert len(set(statements)) == 6
        assert connector.pull(cursor).observed_at == NOW

    def test_a_copy_under_another_name_says_nothing_new(
        self, card: Card, connector: BankSftp, bank: httpx2.Client
    ) -> None:
        ok(bank.post("/_lab/fees", json={"iban": EUR_IBAN, "amount": "1.00"}))
        messages, cursor = read_all(connector)
        (name,) = [path.name for path in out_of(card)]
        ok(bank.post(f"/_lab/files/{name}/again"))
        again, _ = read_all(connector, cursor)
        assert [message.key for message in again] == [message.key for message in messages]

    def test_half_a_file_is_left_until_it_is_whole(self, connector: BankSftp, bank: httpx2.Client) -> None:
        set_faults(bank, files__write={"half_written_every": 1, "half_written_pause_ms": 0, "strikes_max": 1})
        ok(bank.post("/_lab/close-day", json={}))
        page = connector.pull("")
        assert [message.data.entity for message in page.messages] == ["GB01"]  # type: ignore[union-attr]
        assert (page.more, page.observed_at) == (False, None)
        assert connector.pull(page.cursor).messages == ()
        ok(bank.post("/_lab/files/complete"))
        page = connector.pull(page.cursor)
        assert [message.data.entity for message in page.messages] == ["DE01"]  # type: ignore[union-attr]
        assert page.observed_at == NOW
        assert struck(bank) == {"files.write": {"half_written": 1}}

    def test_a_statement_that_does_not_balance_is_not_taken(self, card: Card, bank: httpx2.Client) -> None:
        kept = Kept()
        connector = open_bank(card, kept)
        ok(bank.post("/_lab/close-day", json={}))
        path = next(path for path in out_of(card) if EUR_IBAN in path.name)
        path.write_bytes(path.read_bytes().replace(b">5000000.00<", b">5000000.01<", 1))
        page = connector.pull("")
        assert [message.data.entity for message in page.messages] == ["GB01"]  # type: ignore[union-attr]
        assert page.observed_at is None
        assert len(kept.bodies) == 2
        assert open_bank(card, ignore=(path.name,)).pull(page.cursor).observed_at == NOW

    def test_a_file_of_an_unknown_account_is_left(self, card: Card, bank: httpx2.Client) -> None:
        connector = open_bank(card, accounts={EUR_IBAN: "DE01"})
        ok(bank.post("/_lab/close-day", json={}))
        page = connector.pull("")
        assert [message.entity for message in page.messages] == ["DE01"]
        assert page.observed_at is None

    def test_a_lost_connection_loses_nothing(self, connector: BankSftp, bank: httpx2.Client) -> None:
        ok(bank.post("/_lab/close-day", json={}))
        set_faults(bank, sftp__open={"drop_answer_every": 2, "strikes_max": 1})
        with pytest.raises(TransientError):
            connector.pull("")
        assert len(connector.pull("").messages) == 2

    def test_what_the_bank_says_of_a_second_file(self, card: Card, connector: BankSftp, bank: httpx2.Client) -> None:
        connector.apply([effect_of()])
        truth(bank)
        archived = Path(card.folder) / "sftp/archive/run_1.xml"
        (archived.parent.parent / "in/copy.xml").write_bytes(archived.read_bytes())
        assert truth(bank)["payments"]["pay_1"]["paid"] == 1
        messages, _ = read_all(connector)
        statuses = [message.data for message in messages if isinstance(message.data, RunStatusReported)]
        assert [status.status for status in statuses] == ["ACCP", "RJCT"]
        assert statuses[1].reason.startswith("DU01")


def out_of(card: Card) -> list[Path]:
    """The files in the bank's outgoing folder, on its own disk."""
    return sorted((Path(card.folder) / "sftp/out").iterdir())


class TestTotals:
    def test_cash_is_what_the_last_statement_closed_with(self, connector: BankSftp, bank: httpx2.Client) -> None:
        scope = Scope(name="cash", entity="DE01", period="2026-09", currency="EUR")
        nothing = Total(count=0, is_balance=True, sum_minor=0, currency="EUR", as_of=NOW)
        assert connector.totals(scope) == nothing
        ok(bank.post("/_lab/fees", json={"iban": EUR_IBAN, "amount": "12.50"}))
        ok(bank.post("/_lab/close-day", json={"to": "2026-10-01"}))
        ok(bank.post("/_lab/fees", json={"iban": EUR_IBAN, "amount": "1.00"}))
        ok(bank.post("/_lab/close-day", json={}))
        assert connector.totals(scope).sum_minor == 499_998_750
        assert connector.totals(replace(scope, period="2026-10")).sum_minor == 499_998_650
        assert connector.totals(replace(scope, period="2026-08")) == nothing
        assert connector.totals(replace(scope, entity="GB01", currency="GBP")).sum_minor == 200_000_000

    def test_without_a_status_api_there_is_none(self, card: Card, bank: httpx2.Client) -> None:
        connector = open_bank(card, status_url="")
        assert connector.manifest.totals == ()
        with pytest.raises(ConfigError, match="status_url"):
            connector.totals(Scope(name="cash", entity="DE01", currency="EUR"))


class TestCursor:
    DAY = 86_400

    def files(self, *days: int) -> list[RemoteFile]:
        return [RemoteFile(day * self.DAY, f"f{day}", 10) for day in days]

    def test_what_was_read_is_not_read_again(self) -> None:
        files = self.files(1, 2)
        after = Cursor().after(files, files, [], remember_days=40)
        assert after.unread(files) == []
        assert Cursor.of(str(after)) == after

    def test_another_file_under_the_same_name_is_read(self) -> None:
        files = self.files(1)
        after = Cursor().after(files, files, [], remember_days=40)
        assert after.unread([replace(files[0], size=11)]) != []
        assert after.unread([replace(files[0], modified=self.DAY + 1)]) != []

    def test_old_names_are_forgotten_and_old_files_are_no_news(self) -> None:
        files = self.files(1, 50)
        after = Cursor().after(files, files, [], remember_days=40)
        assert (after.since, len(after.seen)) == (10 * self.DAY, 1)
        assert after.unread(self.files(1, 9, 50)) == []

    def test_what_was_left_is_never_forgotten(self) -> None:
        files = self.files(1, 50)
        after = Cursor().after(files, files[1:], files[:1], remember_days=40)
        assert after.unread(files) == files[:1]

    def test_it_never_moves_back(self) -> None:
        assert Cursor(since=100).after([], [], [], remember_days=40).since == 100


#: Where the bank's switchboard strikes. Of an SFTP server, an error where none belongs is nonsense enough.
_FAULTS: dict[Misbehaviour, dict[str, Any]] = {
    "answer lost before the work": {"sftp__open": {"drop_answer_every": 1}},
    "answer lost after the work": {"sftp__rename": {"drop_answer_every": 1}},
    "unavailable": {"sftp__connect": {"fail_every": 1}},
    "nonsense": {"sftp__stat": {"error_500_after_work_every": 1}},
}


class TestConformance(ConnectorConformance):
    """Each connector made sends runs of its own, so one bank will do for all of them."""

    @pytest.fixture(autouse=True)
    def _serve(self, card: Card, bank: httpx2.Client) -> None:
        self._card, self._bank, self._round = card, bank, 0
        self.secrets = (
            card.secrets["sftp_password"],
            card.secrets["api_password"],
            *card.secrets["sftp_client_key"].split("\n")[1:3],
        )
        ok(bank.post("/_lab/fees", json={"iban": EUR_IBAN, "amount": "1.00"}))
        ok(bank.post("/_lab/close-day", json={}))

    def make(self) -> Connector:
        self._round += 1
        secrets = self._card.secrets
        login = Login(secrets["sftp_password"], secrets["sftp_client_key"], secrets["api_password"])
        return BankSftp(config_of(self._card), login, Kept(), VirtualClock(NOW))

    def effects(self, operation: str, count: int) -> Sequence[Effect]:
        runs = [f"run_{self._round}-{number}" for number in range(count)]
        return [effect_of(replace(payment(1, run_id=run), payment_id=f"pay-{run}"), run_id=run) for run in runs]

    def refused(self, operation: str) -> Effect:
        return effect_of(debtor=OTHER_IBAN, run_id=f"run_{self._round}-bad")

    @contextmanager
    def misbehaving(self, connector: Connector, how: Misbehaviour) -> Iterator[None]:
        set_faults(self._bank, **_FAULTS[how])
        try:
            yield
        finally:
            ok(self._bank.delete("/_lab/faults"))

    def held(self, connector: Connector, effect: Effect) -> int:
        paid = truth(self._bank)["payments"].get(f"pay-{effect.key}", {"paid": 0})
        return int(paid["paid"])

    def totals_of(self, effects: Sequence[Effect]) -> dict[Scope, Total]:
        """A payment changes the balance of no statement that was made before it."""
        scope = Scope(name="cash", entity="DE01", period="2026-09", currency="EUR")
        return {scope: Total(count=0, sum_minor=499_999_900, currency="EUR")}


def test_a_bank_gets_the_kind_of_file_it_takes(card: Card, bank: httpx2.Client) -> None:
    """An ACH file under its own name; what is wrong with a run for that kind of file is refused before it is sent."""
    ours = BankAccount(iban="", holder="Northwind Inc", number="12345678", clearing="USABA021000021", kind="checking")
    theirs = BankAccount(iban="", holder="Bolts Inc", number="87654321", clearing="USABA011000015", kind="checking")
    originator = {"destination": "021000021", "destination_name": "Bank", "origin": "1123456789"}
    originator |= {"origin_name": "Northwind", "company_id": "1123456789", "company_name": "Northwind"}
    connector = open_bank(card, accounts={ours.account_id: "DE01"}, payment_format="ach", payment_settings=originator)
    run = PaymentRun(
        run_id="run_us",
        entity="DE01",
        debtor=ours,
        execute_on=TODAY,
        payments=(replace(payment(1, run_id="run_us"), amount=Money(1000, "USD"), creditor=theirs),),
        currency="USD",
    )
    effect = replace(effect_of(run_id="run_us"), payload=SendPaymentFile(run=run))
    assert connector.apply([effect]) == [Applied(reference="run_us.ach")]
    in_euros = replace(run, payments=(replace(run.payments[0], amount=Money(1000, "EUR")),))
    (refused,) = connector.apply([replace(effect, payload=SendPaymentFile(run=in_euros))])
    assert isinstance(refused, Refused)
    connector.close()
