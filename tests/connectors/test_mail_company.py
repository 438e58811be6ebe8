"""Mail all the way: a client sends, a company's worker takes it in, and the polite answer goes out."""

import smtplib
import threading
from contextlib import suppress
from email import message_from_bytes, policy
from pathlib import Path

from click.testing import CliRunner
from tests.connectors.test_channel_smtp import OURS, THEM, kept, mail
from tests.connectors.test_mail_answers import Relay, free_port
from tests.docs import samples
from tests.lab.kit import eventually

from tieout.cli import group
from tieout.cli.company import Company
from tieout.kernel.ids import fingerprint


def pdf() -> bytes:
    from io import BytesIO

    from pypdf import PdfWriter

    writer, out = PdfWriter(), BytesIO()
    writer.add_blank_page(100, 100)
    writer.write(out)
    return out.getvalue()


def test_a_worker_takes_mail_in_and_answers_it_once(tmp_path: Path) -> None:
    relay, port = Relay(), free_port()
    books, scans = tmp_path / "books", tmp_path / "scans"
    scans.mkdir()
    assert CliRunner().invoke(group, ["init", str(books)]).exit_code == 0
    config = books / "tieout.toml"
    config.write_text(
        config.read_text()
        + f'\n[connectors.mail]\nkind = "mail_smtp"\nrecipients = ["{OURS}"]\nport = {port}\n'
        + f'[connectors.mail.answers]\naddress = "{OURS}"\ncompany = "Acme"\nserver = "127.0.0.1"\n'
        + f'port = {relay.port}\nsecurity = "none"\n\n[connectors.scans]\nkind = "folder"\noutbox = "{scans}"\n'
    )
    rules = books / "policy.toml"
    rules.write_text(rules.read_text() + '\n[channels.mail]\nanswers_per_day = 5\ncapture_to = "scans"\n')
    company = Company.at(config)
    worker = company.worker()
    working = threading.Thread(target=worker.run)
    working.start()
    scan = pdf()
    body = mail(("broken.xml", b"<Invoice"), ("good.xml", samples.files()["invoice-26-0117.xml"]), ("scan.pdf", scan))
    bounce = b"From: MAILER-DAEMON@x.example\r\nTo: " + OURS.encode() + b"\r\nSubject: Undelivered\r\n\r\nno\r\n"
    try:
        eventually(lambda: _send(port, bounce, ""))
        for _ in range(2):
            assert _send(port, body, THEM)
        eventually(lambda: relay.mails and list(scans.iterdir()))
    finally:
        worker.stop()
        working.join()
        relay.end()
    ((_, to, answer),) = relay.mails
    told = message_from_bytes(answer, policy=policy.default)
    assert (to, told["In-Reply-To"]) == ([THEM], "<m1@supplier.example>")
    text = told.get_content()  # type: ignore[attr-defined]
    assert "1. broken.xml" in text
    assert "  - good.xml\r\n  - scan.pdf\r\n" in text
    (captured,) = scans.iterdir()
    assert (captured.name, captured.read_bytes()) == (f"scan-{fingerprint(scan)[:12]}.pdf", scan)
    row = company.store.document(fingerprint(kept(bounce, "")))
    assert row is not None
    assert row.status == "quarantined"
    assert not _send(port, body, THEM), "it listens no more"


def _send(port: int, body: bytes, sender: str) -> bool:
    with suppress(OSError, smtplib.SMTPException), smtplib.SMTP("127.0.0.1", port, timeout=20) as client:
        client.sendmail(sender, [OURS], body)
        return True
    return False
