"""The bank's HTTP API (HTTP Basic) and the driver's door (``/_lab``). Errors are ``{"tppMessages": [...]}``."""

import base64
from collections.abc import Sequence
from datetime import date
from hmac import compare_digest
from pathlib import Path
from typing import Annotated, Any

from litestar import Router, get, post
from litestar.connection import ASGIConnection
from litestar.handlers import BaseRouteHandler
from litestar.params import FromPath, FromQuery, JSONBody, QueryParameter
from litestar.types import ControllerRouterHandler

from tieout_lab.bank.mailbox import PICK_UP, WRITE, Mailbox
from tieout_lab.bank.sftp import OPERATIONS, USER, Door
from tieout_lab.bank.store import Store
from tieout_lab.bank.wire import (
    AccountStatus,
    CloseDay,
    Creditor,
    Day,
    Entries,
    Fee,
    FileStatus,
    Incoming,
    Ledger,
    PaymentStatuses,
    Problem,
    Problems,
    ReturnNow,
    Settings,
    Statements,
    Written,
)
from tieout_lab.db import Db
from tieout_lab.faults import Switchboard
from tieout_lab.serving import HOST, Refusal, Service, bind, make_app, secret

TITLE = "Lender & Sons Bank"


def build(folder: Path) -> Service:
    """The bank in a folder. Its business date begins today; ``POST /_lab/day`` moves it."""
    api_password = secret(folder, "api_password")
    db = Db(folder / "bank.sqlite")
    switchboard = Switchboard(db, [*OPERATIONS, PICK_UP, WRITE])
    store = Store(db, date.today())
    mailbox = Mailbox(folder / "sftp", store, switchboard)
    door = Door(folder, bind(folder, "sftp"), mailbox, switchboard)
    return Service(
        name="bank",
        title=TITLE,
        folder=folder,
        app=make_app(TITLE, _handlers(store, mailbox, api_password), switchboard, _error),
        jobs=[mailbox.run, door.run],
        secrets={"api_password": api_password, "sftp_password": door.password, "sftp_client_key": door.client_key},
        more={"user": USER, "sftp_host": HOST, "sftp_port": str(door.port), "sftp_host_key": door.host_key},
        close=db.close,
    )


def _error(status: int, code: str, message: str) -> tuple[int, Problems]:
    return status, Problems(tpp_messages=(Problem(category="ERROR", code=code.upper(), text=message),))


def _handlers(store: Store, mailbox: Mailbox, password: str) -> Sequence[ControllerRouterHandler]:
    expected = "Basic " + base64.b64encode(f"{USER}:{password}".encode()).decode()

    def authorised(connection: ASGIConnection[Any, Any, Any, Any], _handler: BaseRouteHandler) -> None:
        if not compare_digest(connection.headers.get("authorization", "").encode(), expected.encode()):
            raise Refusal(401, "CERTIFICATE_INVALID", "user or password is wrong")

    @get("/payments", name="payments.find", sync_to_thread=False)
    def payments(
        end_to_end_id: FromQuery[str | None] = None, message_id: FromQuery[str | None] = None
    ) -> PaymentStatuses:
        if end_to_end_id is None and message_id is None:
            raise Refusal(400, "FORMAT_ERROR", "give end_to_end_id or message_id")
        return PaymentStatuses(payments=store.payments(end_to_end_id, message_id))

    @get("/files/{message_id:str}", name="files.read", sync_to_thread=False)
    def file(message_id: FromPath[str]) -> FileStatus:
        return store.file(message_id)

    @get("/accounts/{iban:str}", name="accounts.read", sync_to_thread=False)
    def account(iban: FromPath[str]) -> AccountStatus:
        return store.account(iban)

    @get("/accounts/{iban:str}/statements", name="accounts.statements", sync_to_thread=False)
    def statements(iban: FromPath[str]) -> Statements:
        return store.statements(iban)

    @get("/accounts/{iban:str}/entries", name="accounts.entries", sync_to_thread=False)
    def entries(
        iban: FromPath[str], after: FromQuery[int] = 0, limit: Annotated[int, QueryParameter(ge=1, le=1000)] = 200
    ) -> Entries:
        return store.entries(iban, after, limit)

    @get("/ledger", sync_to_thread=False)
    def ledger() -> Ledger:
        return store.ledger()

    @get("/day", sync_to_thread=False)
    def day() -> Day:
        return Day(date=store.today())

    @post("/day", status_code=200, sync_to_thread=False)
    def set_day(data: JSONBody[Day]) -> Day:
        store.set_today(data.date)
        mailbox.send()
        return Day(date=store.today())

    @post("/close-day", status_code=200, sync_to_thread=False)
    def close_day(data: JSONBody[CloseDay]) -> Day:
        store.close_day(data)
        mailbox.send()
        return Day(date=store.today())

    @get("/creditors", sync_to_thread=False)
    def creditors() -> list[Creditor]:
        return store.creditors()

    @post("/creditors", status_code=200, sync_to_thread=False)
    def set_creditor(data: JSONBody[Creditor]) -> list[Creditor]:
        store.set_creditor(data)
        return store.creditors()

    @post("/fees", status_code=200, sync_to_thread=False)
    def fee(data: JSONBody[Fee]) -> AccountStatus:
        store.fee(data)
        mailbox.send()
        return store.account(data.iban)

    @post("/incoming", status_code=200, sync_to_thread=False)
    def incoming(data: JSONBody[Incoming]) -> AccountStatus:
        store.incoming(data)
        mailbox.send()
        return store.account(data.iban)

    @post("/returns", status_code=200, sync_to_thread=False)
    def return_now(data: JSONBody[ReturnNow]) -> dict[str, int]:
        returned = store.return_now(data)
        mailbox.send()
        return {"returned": returned}

    @get("/settings", sync_to_thread=False)
    def settings() -> Settings:
        return store.settings()

    @post("/settings", status_code=200, sync_to_thread=False)
    def set_settings(data: JSONBody[Settings]) -> Settings:
        store.set_settings(data)
        return store.settings()

    @post("/pick-up", status_code=200)
    async def pick_up() -> Ledger:
        await mailbox.work()
        return store.ledger()

    @post("/files/complete", status_code=200, sync_to_thread=False)
    def complete() -> Written:
        return Written(files=mailbox.complete_halves())

    @post("/files/{name:str}/again", status_code=200, sync_to_thread=False)
    def again(name: FromPath[str]) -> Written:
        copy = store.send_again(name)
        mailbox.send()
        return Written(files=(copy,))

    @post("/statements/release", status_code=200, sync_to_thread=False)
    def release() -> None:
        store.release_withheld()
        mailbox.send()

    api = Router("/v1", guards=[authorised], route_handlers=[payments, file, account, statements, entries])
    lab = Router(
        "/_lab",
        route_handlers=[
            ledger, day, set_day, close_day, creditors, set_creditor, fee, incoming, return_now, settings, set_settings,
            pick_up, complete, again, release,
        ],
    )  # fmt: skip
    return [api, lab]
