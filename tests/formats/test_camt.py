"""Bank statements: what is proved, what is taken apart, and what real banks leave out."""

import re
import tracemalloc
from datetime import date
from decimal import Decimal
from itertools import pairwise, product
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tieout.formats.detect import read
from tieout.formats.iso20022.camt import read_camt
from tieout.formats.iso20022.recurring import Recurring
from tieout.formats.reading import Context, Findings, Limits, Reading, gather
from tieout.formats.source import Bytes
from tieout.formats.xml import pieces
from tieout.kernel.money import Money, total
from tieout.kernel.problem import Code, Problem
from tieout.model.documents import BankStatement, StatementEntry
from tieout.model.facts import EntriesNotified

DATA = Path(__file__).parent / "data"
STATEMENT = (DATA / "statement.xml").read_bytes()
NOTIFICATION = (DATA / "notification.xml").read_bytes()
OURS = Context(entities_by_iban={"DE89 3704 0044 0532 0130 00": "acme-de"})
MAY_5 = date(2026, 5, 5)


def eur(text: str) -> Money:
    return Money.of(Decimal(text), "EUR")


def entry(entry_id: str, amount: str, on: date = MAY_5, **more: object) -> StatementEntry:
    return StatementEntry(entry_id=entry_id, amount=eur(amount), booked_on=on, **more)  # type: ignore[arg-type]


def changed(valid: str, wrong: str, body: bytes = STATEMENT) -> bytes:
    assert valid.encode() in body
    return body.replace(valid.encode(), wrong.encode(), 1)


def test_a_statement_with_a_batch_a_return_a_fee_and_a_pending_entry() -> None:
    reading = gather(read_camt, STATEMENT, OURS)
    assert reading.proof.holds
    assert reading.records == (
        BankStatement(
            statement_id="118",
            iban="DE89370400440532013000",
            currency="EUR",
            opening=eur("1000"),
            closing=eur("-12.35"),
            opened_on=MAY_5,
            closed_on=MAY_5,
            entries=(
                entry(
                    "118/1.1",
                    "-600",
                    value_on=MAY_5,
                    end_to_end_id="pay-1",
                    bank_reference="BATCH-1",
                    counterparty="Schrauben Müller GmbH",
                    counterparty_iban="DE75512108001245126199",
                    remittance="R-2026-0815",
                ),
                entry(
                    "118/1.2",
                    "-300",
                    value_on=MAY_5,
                    end_to_end_id="pay-2",
                    bank_reference="TX-2",
                    counterparty="Papier AG",
                ),
                entry(
                    "118/2",
                    "300",
                    end_to_end_id="pay-2",
                    bank_reference="2",
                    counterparty="Papier AG",
                    return_reason="AC04",
                ),
                entry("118/3", "-400", bank_reference="3"),
                entry("118/4", "-12.35", bank_reference="4", remittance="Account fees"),
            ),
        ),
        EntriesNotified(
            iban="DE89370400440532013000",
            entity="acme-de",
            entries=(entry("118/5", "-77", date(2026, 5, 6), status="PDNG", bank_reference="5"),),
        ),
    )
    assert reading.diagnostics == (
        Problem(
            Code.TOTALS_DISAGREE,
            "Stmt[1]/Ntry[3], line 49",
            expected="-400.00 EUR",
            actual="-300.00 EUR",
            detail="its 2 transactions do not sum to it; it is kept as one entry",
        ),
    )


def test_a_notification_is_earlier_word() -> None:
    reading = gather(read_camt, NOTIFICATION, OURS)
    assert (reading.diagnostics, reading.proof.holds) == ((), True)
    returned = entry("N-9-1/1", "300", end_to_end_id="pay-2", counterparty="Papier AG", return_reason="AC04")
    assert reading.records == (EntriesNotified(iban="DE89370400440532013000", entity="acme-de", entries=(returned,)),)


def test_a_statement_that_does_not_balance_is_told_with_both_sums() -> None:
    reading = gather(read_camt, changed('"EUR">12.35</Amt><CdtDbtInd>DBIT', '"EUR">12.36</Amt><CdtDbtInd>DBIT'), OURS)
    assert not reading.proof.holds
    assert reading.diagnostics[-1] == Problem(
        Code.TOTALS_DISAGREE,
        "Stmt[1], line 5",
        expected="-12.35 EUR",
        actual="-12.36 EUR",
        detail="opening balance + booked entries = closing balance",
    )


@pytest.mark.parametrize(
    ("body", "code", "where"),
    [
        pytest.param(changed("<CdtDbtInd>DBIT</CdtDbtInd>\n        <Sts><Cd>BOOK</Cd></Sts>\n        <BookgDt><Dt>2026-05-05</Dt></BookgDt>\n        <AddtlNtryInf>", "<AddtlNtryInf>"), Code.MISSING_FIELD, "Stmt[1]/Ntry[4]/CdtDbtInd, line 60", id="an entry without direction"),
        pytest.param(changed('"EUR">12.35</Amt>\n', '"EUR">-12.35</Amt>\n'), Code.BAD_VALUE, "Stmt[1]/Ntry[4]/Amt, line 60", id="a sign and a direction"),
        pytest.param(changed('"EUR">12.35</Amt>\n', '"USD">12.35</Amt>\n'), Code.CURRENCY_MISMATCH, "Stmt[1], line 5", id="an entry in another currency"),
        pytest.param(changed("CLBD", "CLAV"), Code.MISSING_FIELD, "Stmt[1]/Bal, line 5", id="no closing balance"),
        pytest.param(changed("<Id>118</Id>", ""), Code.MISSING_FIELD, "Stmt[1]/Id, line 5", id="no statement id"),
        pytest.param(changed("<NbOfNtries>5", "<NbOfNtries>6"), Code.TOTALS_DISAGREE, "Stmt[1]/TxsSummry, line 5", id="an entry too few"),
        pytest.param(changed("<GrpHdr>", "<Ntry/><GrpHdr>"), Code.BAD_VALUE, "line 4", id="an entry outside of the statement"),
    ],
)  # fmt: skip
def test_what_breaks_the_proof(body: bytes, code: Code, where: str) -> None:
    reading = gather(read_camt, body, OURS)
    assert not reading.proof.holds
    assert (code, where) in [(problem.code, problem.where) for problem in reading.diagnostics]


def test_what_real_banks_leave_out_is_filled_in_told_and_still_proved() -> None:
    body = NOTIFICATION.replace(b"camt.054.001.04", b"camt.053.001.08").replace(
        b"BkToCstmrDbtCdtNtfctn", b"BkToCstmrStmt"
    )
    balance = (
        b'<Bal><Tp><CdOrPrtry><Cd>%s</Cd></CdOrPrtry></Tp><Amt Ccy="EUR">%s</Amt><Dt><Dt>2026-05-05</Dt></Dt></Bal>'
    )
    body = body.replace(b"Ntfctn>", b"Stmt>").replace(
        b"</Acct>", b"</Acct>" + balance % (b"OPBD", b"1") + balance % (b"CLBD", b"301")
    )
    body = body.replace(b"<Sts>BOOK</Sts>", b"").replace(b"<BookgDt><Dt>2026-05-05</Dt></BookgDt>", b"")
    reading = gather(read_camt, body, OURS)
    assert reading.proof.holds
    (statement,) = reading.records
    assert isinstance(statement, BankStatement)
    assert [(each.status, each.booked_on) for each in statement.entries] == [("BOOK", MAY_5)]
    assert [(problem.code, problem.where, problem.detail) for problem in reading.diagnostics] == [
        (Code.ASSUMED_VALUE, "Stmt[1]/Ntry[1]/Sts, line 9", "the status of an entry is missing; taken as BOOK"),
        (Code.ASSUMED_VALUE, "Stmt[1]/Ntry[1]/BookgDt, line 9", "the booking date is missing; taken as the day of the closing balance or of the message"),
        (Code.ASSUMED_VALUE, "Stmt[1]/Bal[1]/CdtDbtInd, line 8", "the direction of a balance is missing (2 times, first here); taken as CRDT"),
    ]  # fmt: skip


def test_a_cut_file_keeps_what_was_whole_and_holds_nothing() -> None:
    twice = changed(
        "</Stmt>", "</Stmt>" + STATEMENT.decode().partition("</GrpHdr>")[2].partition("</BkToCstmrStmt>")[0]
    )
    assert [type(record).__name__ for record in gather(read_camt, twice, OURS).records] == [
        "BankStatement",
        "EntriesNotified",
    ] * 2
    cut = gather(read_camt, twice[:-100], OURS)
    assert [type(record).__name__ for record in cut.records] == ["BankStatement", "EntriesNotified"]
    assert not cut.proof.holds


def statement_of(amounts: list[int], closing: int) -> bytes:
    """A camt.053.001.02 in cents, in the leanest form a bank may send."""
    entries = "".join(
        f'<Ntry><Amt Ccy="EUR">{Decimal(abs(amount)).scaleb(-2):f}</Amt><CdtDbtInd>{"DBIT" if amount < 0 else "CRDT"}</CdtDbtInd>'
        f"<Sts>BOOK</Sts><BookgDt><Dt>2026-05-05</Dt></BookgDt></Ntry>"
        for amount in amounts
    )
    balances = "".join(
        f'<Bal><Tp><CdOrPrtry><Cd>{code}</Cd></CdOrPrtry></Tp><Amt Ccy="EUR">{Decimal(abs(amount)).scaleb(-2):f}</Amt>'
        f"<CdtDbtInd>{'DBIT' if amount < 0 else 'CRDT'}</CdtDbtInd><Dt><Dt>2026-05-05</Dt></Dt></Bal>"
        for code, amount in (("PRCD", 0), ("CLBD", closing))
    )
    head = "<Id>7</Id><Acct><Id><Othr><Id>4711</Id></Othr></Id></Acct>"
    return f"<Document><BkToCstmrStmt><Stmt>{head}{balances}{entries}</Stmt></BkToCstmrStmt></Document>".encode()


@settings(max_examples=80, deadline=None)
@given(st.lists(st.integers(-(10**9), 10**9), max_size=12), st.integers(-2, 2))
def test_a_statement_is_proved_exactly_when_it_balances(amounts: list[int], error: int) -> None:
    reading = gather(read_camt, statement_of(amounts, sum(amounts) + error), OURS)
    (statement,) = reading.records
    assert isinstance(statement, BankStatement)
    assert reading.proof.holds == (error == 0)
    assert [each.amount.minor for each in statement.entries] == amounts


# ── long statements ────────────────────────────────────────────────────────────────────────────────────────────────


def test_a_long_statement_comes_in_pages_that_continue_each_other() -> None:
    amounts = [*range(1, 10_001), -7]
    reading = gather(read_camt, statement_of(amounts, sum(amounts)), OURS)
    assert reading.proof.holds
    pages = [page for page in reading.records if isinstance(page, BankStatement)]
    assert [(page.statement_id, len(page.entries)) for page in pages] == [("7/1", 5_000), ("7/2", 5_000), ("7/3", 1)]
    assert [each.amount.minor for page in pages for each in page.entries] == amounts
    assert [page.opening for page in pages] == [eur("0"), *(page.closing for page in pages[:-1])]
    assert pages[-1].closing == Money(sum(amounts), "EUR")
    for page in pages:
        assert page.opening + total((each.amount for each in page.entries), "EUR") == page.closing
    assert all(later.opened_on >= earlier.closed_on for earlier, later in pairwise(pages))


def test_a_statement_of_one_page_keeps_its_id() -> None:
    reading = gather(read_camt, statement_of([1] * 5_000, 5_000), OURS)
    assert [record.statement_id for record in reading.records] == ["7"]


def test_the_last_page_closes_with_what_the_bank_says_and_not_with_what_would_fit() -> None:
    reading = gather(read_camt, statement_of([1] * 5_001, 5_002), OURS)
    assert not reading.proof.holds
    assert [record.closing.minor for record in reading.records] == [5_000, 5_002]


def test_balances_after_the_entries_are_waited_for() -> None:
    amounts = [1] * 5_001
    text = statement_of(amounts, 5_001).decode()
    balances = text[text.index("<Bal>") : text.rindex("</Bal>") + 6]
    reading = gather(read_camt, text.replace(balances, "").replace("</Stmt>", f"{balances}</Stmt>").encode(), OURS)
    assert reading.proof.holds
    assert [(record.statement_id, len(record.entries)) for record in reading.records] == [("7/1", 5_000), ("7/2", 1)]


def test_a_long_notification_comes_in_pieces() -> None:
    head, one, tail = re.split(r"(<Ntry>.*</Ntry>)", NOTIFICATION.decode(), flags=re.DOTALL)
    reading = gather(read_camt, (head + one * 5_001 + tail).encode(), OURS)
    assert reading.proof.holds
    assert [(record.entity, len(record.entries)) for record in reading.records] == [("acme-de", 5_000), ("acme-de", 1)]


def test_pages_in_several_files_have_the_page_number_in_their_id() -> None:
    body = changed(
        "<CreDtTm>2026-05-06T05:00:00+02:00</CreDtTm>\n      <Acct>",
        "<StmtPgntn><PgNb>2</PgNb><LastPgInd>false</LastPgInd></StmtPgntn><Acct>",
    )
    reading = gather(read_camt, body.replace(b"OPBD", b"ITBD").replace(b"CLBD", b"ITBD"), OURS)
    assert reading.proof.holds
    assert reading.records[0].statement_id == "118/2"
    assert Code.UNSUPPORTED_CONTENT in [problem.code for problem in reading.diagnostics]


def test_one_interim_balance_is_not_both_ends() -> None:
    body = changed("OPBD", "ITBD").replace(b"CLBD", b"CLAV")
    assert not gather(read_camt, body, OURS).proof.holds


def test_memory_does_not_grow_with_the_statement() -> None:
    body = statement_of([-1] * 40_000, -40_000)
    tracemalloc.start()
    findings = Findings()
    count = sum(len(record.entries) for record in read_camt(Bytes(body), OURS, findings))
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert (count, findings.proof.holds) == (40_000, True)
    assert peak < 2 * 5_000 * 1_000


# ── the quick way ──────────────────────────────────────────────────────────────────────────────────────────────────


def read_slowly(body: bytes) -> Reading[object]:
    """The same without the quick way: everything through the parser."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Recurring, "thinned", lambda self, pieces: pieces)
        return gather(read_camt, body, OURS)


def three_of_each() -> bytes:
    """A statement in which every form of entry comes three times."""
    head, entries, tail = re.split(r"(<Ntry>.*</Ntry>)", STATEMENT.decode(), flags=re.DOTALL)
    head = re.sub("<TxsSummry>.*</TxsSummry>", "", head).replace('"EUR">12.35<', '"EUR">2037.05<')
    return (head + f"{entries}\n" * 3 + tail).encode()


def test_batches_of_any_size_are_quick() -> None:
    detail = '<TxDtls><Refs><EndToEndId>pay-{0}</EndToEndId></Refs><Amt Ccy="EUR">{0}</Amt></TxDtls>\n'
    entry = '<Ntry><Amt Ccy="EUR">{}</Amt><CdtDbtInd>CRDT</CdtDbtInd><BookgDt><Dt>2026-05-05</Dt></BookgDt><NtryDtls>{}</NtryDtls></Ntry>'
    sizes = (2, 3, 4, 50, 1, 0)
    entries = "".join(
        entry.format(n * (n + 1) // 2 or 1, "".join(detail.format(k) for k in range(1, n + 1))) for n in sizes
    )
    moved = sum(n * (n + 1) // 2 or 1 for n in sizes)
    body = statement_of([], moved * 100).replace(b"</Stmt>", entries.encode() + b"</Stmt>")
    reading = gather(read_camt, body, OURS)
    assert reading == read_slowly(body)
    assert reading.proof.holds
    thin = b"".join(piece for piece in Recurring().thinned(pieces(Bytes(body), Limits())) if isinstance(piece, bytes))
    assert thin.count(b"<EndToEndId>") == 2 + 1  # the first batch, and the first entry of one transaction


def test_the_quick_way_is_taken() -> None:
    recurring = Recurring()
    thinned = recurring.thinned(pieces(Bytes(three_of_each()), Limits()))
    thin = b"".join(piece for piece in thinned if isinstance(piece, bytes))
    assert thin.count(b"<AddtlNtryInf>") == 1
    assert thin.count(b"\n") == three_of_each().count(b"\n")


def test_the_quick_way_reads_what_the_parser_reads() -> None:
    reading = gather(read_camt, three_of_each(), OURS)
    assert reading == read_slowly(three_of_each())
    assert reading.proof.holds
    assert [problem.where for problem in reading.diagnostics] == [
        f"Stmt[1]/Ntry[{3 + 5 * n}], line {49 + 63 * n}" for n in range(3)
    ]


PIECES = (
    *(
        "<!-- ",
        " -->",
        "<![CDATA[",
        "]]>",
        "<?x ",
        "?>",
        "&amp;",
        "&lt;",
        "&x;",
        "&#233;",
        "&amp;lt;",
        ">",
        "<",
        "/>",
        "\0",
        "\x01",
        "\ufffe",
    ),
    *(
        "\ue000",
        "\ue0000\ue001",
        "<Ntry>",
        "</Ntry>",
        "<Ntry ",
        "</Ntry >",
        '<Ntry tieout-recurring="0"/>',
        "<TxDtls>",
        "</TxDtls>",
        "<Amt>",
    ),
    *(
        " ",
        "\n",
        "\t",
        "NOTPROVIDED",
        "<Nm/>",
        "é",
        "€",
        "𝄞",
        "'",
        '"',
        "CRDT",
        "USD",
        "-1",
        "99",
        "<RvslInd>true</RvslInd>",
    ),
)


@settings(max_examples=400, deadline=None)
@given(st.data())
def test_the_quick_way_never_differs_from_the_parser(data: st.DataObject) -> None:
    text = three_of_each().decode()
    for _ in range(data.draw(st.integers(1, 3))):
        at = data.draw(st.integers(len(text) // 9, len(text)))
        cut = data.draw(st.sampled_from((0, 0, 0, 1, 5, 40)))
        text = text[:at] + data.draw(st.sampled_from(PIECES)) + text[at + cut :]
    body = text.encode("utf-8", "surrogatepass")
    assert comparable(gather(read_camt, body, OURS)) == comparable(read_slowly(body))


def comparable(reading: Reading[object]) -> object:
    """What has to be the same. Of a document that the parser refuses, only that; how far it got before is chance."""
    if reading.proof.complete or not any(
        problem.code in (Code.UNREADABLE, Code.FORBIDDEN_XML, Code.TOO_LARGE) for problem in reading.diagnostics
    ):
        return reading
    return "refused"


@pytest.mark.parametrize(
    ("inside", "texts"),
    [
        ("<AddtlNtryInf><![CDATA[<b>{}</b><c]]></AddtlNtryInf>", ("a", "b", "c &amp; d")),
        ("<!--<b>{}</b><c--><AddtlNtryInf>x</AddtlNtryInf>", ("a", "b", "c -- d")),
        ("<?p <b>{}</b><c?><AddtlNtryInf>x</AddtlNtryInf>", ("a", "b", "c &amp; d")),
        ("<AddtlNtryInf><b>{}</b></AddtlNtryInf>", ("a", "b", "c ]]> d")),
        ('<AddtlNtryInf a="x>y">{}</AddtlNtryInf>', ("a", "b", "c")),
        ("<AddtlNtryInf>{}</AddtlNtryInf>", ("a", "b", "\xa0")),
    ],
)
def test_what_a_form_may_not_hold(inside: str, texts: tuple[str, ...]) -> None:
    entries = "".join(
        f'<Ntry><Amt Ccy="EUR">1</Amt><CdtDbtInd>CRDT</CdtDbtInd><BookgDt><Dt>2026-05-05</Dt></BookgDt>{inside.format(text)}</Ntry>'
        for text in texts
    )
    body = statement_of([], 300).replace(b"</Stmt>", entries.encode() + b"</Stmt>")
    assert comparable(gather(read_camt, body, OURS)) == comparable(read_slowly(body))


@pytest.mark.parametrize("size", [7, 1_000, 2**16])
def test_a_document_with_marks_of_its_own_cannot_move_entries(size: int) -> None:
    forged = b'<Ntry tieout-recurring="0"/>'
    before, *entries = three_of_each().split(b"<Ntry>")
    for inside, beside in product(range(len(entries)), repeat=2):
        texts = [b"<Ntry>" + text for text in entries]
        texts[inside] = texts[inside].replace(b"<BookgDt>", forged + b"<BookgDt>", 1)
        texts[beside] = forged + texts[beside]
        body = before + b"".join(texts)
        assert gather(read_camt, in_pieces(body, size), OURS) == read_slowly(body)


@pytest.mark.parametrize("size", [1, 7, 64, 1_000])
def test_pieces_of_any_size_give_the_same(size: int) -> None:
    body = three_of_each()
    assert gather(read_camt, in_pieces(body, size), OURS) == gather(read_camt, body, OURS)


def in_pieces(body: bytes, size: int) -> Bytes:
    source = Bytes(body)
    source.chunks = lambda: (body[at : at + size] for at in range(0, len(body), size))  # type: ignore[method-assign]
    return source


def test_a_file_of_ever_new_forms_is_left_to_the_parser() -> None:
    entry = '<Ntry><Amt Ccy="EUR">0.01</Amt><CdtDbtInd>CRDT</CdtDbtInd><Sts>BOOK</Sts><BookgDt><Dt>2026-05-05</Dt></BookgDt>{}</Ntry>'
    entries = "".join(entry.format(f"<X{number}>x</X{number}>") for number in range(4_000))
    body = statement_of([], 4_000).replace(b"</Stmt>", entries.encode() + b"</Stmt>")
    reading = gather(read_camt, body, OURS)
    assert (reading.proof.holds, len(reading.records[0].entries)) == (True, 4_000)


# ── what banks write ───────────────────────────────────────────────────────────────────────────────────────────────


def test_the_first_version_is_read() -> None:
    body = b"""<Document xmlns="urn:iso:std:iso:20022:tech:xsd:camt.053.001.01"><BkToCstmrStmtV01><GrpHdr/><Stmt><Id>1</Id>
      <CreDtTm>2026-05-05T00:00:00</CreDtTm><Acct><Id><PrtryAcct><Id>4711</Id></PrtryAcct></Id></Acct>
      <Bal><Tp><Cd>OPBD</Cd></Tp><Amt Ccy="EUR">5</Amt><CdtDbtInd>CRDT</CdtDbtInd><Dt><Dt>2026-05-04</Dt></Dt></Bal>
      <Bal><Tp><Cd>CLBD</Cd></Tp><Amt Ccy="EUR">2</Amt><CdtDbtInd>CRDT</CdtDbtInd><Dt><Dt>2026-05-05</Dt></Dt></Bal>
      <Ntry><Amt Ccy="EUR">3</Amt><CdtDbtInd>DBIT</CdtDbtInd><Sts>BOOK</Sts><BookgDt><DtTm>2026-05-05T10:00:00</DtTm></BookgDt>
        <BkTxCd><Prtry><Cd>020</Cd><Issr>BANK</Issr></Prtry></BkTxCd><Btch><PmtInfId>run-1</PmtInfId></Btch>
        <TxDtls><Refs><EndToEndId>pay-1</EndToEndId></Refs><AmtDtls><TxAmt><Amt Ccy="EUR">1</Amt></TxAmt></AmtDtls>
          <RltdPties><Cdtr><Nm>A</Nm></Cdtr><CdtrAcct><Id><BBAN>1</BBAN></Id></CdtrAcct></RltdPties></TxDtls>
        <TxDtls><Refs><EndToEndId>pay-2</EndToEndId></Refs><AmtDtls><TxAmt><Amt Ccy="EUR">2</Amt></TxAmt></AmtDtls>
          <RtrInf><RtrRsn><Cd>AC01</Cd></RtrRsn></RtrInf></TxDtls></Ntry></Stmt></BkToCstmrStmtV01></Document>"""
    reading = gather(read_camt, body, OURS)
    assert (reading.diagnostics, reading.proof.holds) == ((), True)
    (statement,) = reading.records
    assert (statement.iban, statement.opened_on, statement.closed_on) == ("4711", date(2026, 5, 4), MAY_5)
    assert statement.entries == (
        entry("1/1.1", "-1", end_to_end_id="pay-1", counterparty="A", counterparty_iban="1", type_code="BANK 020"),
        entry("1/1.2", "-2", end_to_end_id="pay-2", return_reason="AC01", type_code="BANK 020"),
    )


def with_entry(more: str, detail: str = "") -> bytes:
    """A notification whose entry has more in it."""
    body = NOTIFICATION.replace(b"<NtryDtls>", f"{more}<NtryDtls>".encode())
    return body.replace(b"</TxDtls>", f"{detail}</TxDtls>".encode())


def test_the_bank_s_words_for_what_an_entry_is() -> None:
    domain = "<BkTxCd><Domn><Cd>PMNT</Cd><Fmly><Cd>RCDT</Cd><SubFmlyCd>ESCT</SubFmlyCd></Fmly></Domn><Prtry><Cd>NTRF</Cd></Prtry></BkTxCd>"
    own = "<BkTxCd><Prtry><Cd>NTRF+166</Cd><Issr>DK</Issr></Prtry></BkTxCd>"
    for more, detail, expected in (
        (domain, "", "ISO PMNT/RCDT/ESCT"),
        (own, "", "DK NTRF+166"),
        (own, domain, "ISO PMNT/RCDT/ESCT"),
    ):
        (record,) = gather(read_camt, with_entry(more, detail), OURS).records
        assert record.entries[0].type_code == expected


def test_charges_are_told_and_foreign_amounts_are_no_matter() -> None:
    charges = '<Chrgs><TtlChrgsAndTaxAmt Ccy="EUR">1.50</TtlChrgsAndTaxAmt></Chrgs>'
    foreign = '<AmtDtls><InstdAmt><Amt Ccy="USD">340</Amt></InstdAmt><CntrValAmt><Amt Ccy="EUR">301.50</Amt></CntrValAmt></AmtDtls>'
    reading = gather(read_camt, with_entry(foreign, charges), OURS)
    assert reading.records[0].entries[0].amount == eur("300")
    assert [(problem.code, problem.where, problem.actual) for problem in reading.diagnostics] == [
        (Code.UNSUPPORTED_CONTENT, "Ntfctn[1]/Ntry[1]/Chrgs, line 9", "1.50 EUR")
    ]


def test_a_batch_that_is_booked_as_one_names_our_file() -> None:
    body = NOTIFICATION.replace(b"<NtryDtls><TxDtls>", b"<NtryDtls><Btch><PmtInfId>run-7</PmtInfId></Btch><TxDtls>")
    body = body[: body.index(b"<TxDtls>")] + body[body.index(b"</TxDtls>") + 9 :]
    (record,) = gather(read_camt, body, OURS).records
    assert record.entries[0].remittance == "run-7"


@pytest.mark.parametrize(
    ("summary", "holds"),
    [
        ("<TtlNtries><NbOfNtries>5</NbOfNtries><Sum>1689.35</Sum><TtlNetNtry><Amt>1089.35</Amt><CdtDbtInd>DBIT</CdtDbtInd></TtlNetNtry></TtlNtries>", True),
        ("<TtlNtries><NbOfNtries>4</NbOfNtries><Sum>1612.35</Sum><TtlNetNtryAmt>1012.35</TtlNetNtryAmt><CdtDbtInd>DBIT</CdtDbtInd></TtlNtries>", True),
        ("<TtlCdtNtries><NbOfNtries>1</NbOfNtries><Sum>300</Sum></TtlCdtNtries><TtlDbtNtries><NbOfNtries>4</NbOfNtries><Sum>1389.35</Sum></TtlDbtNtries>", True),
        ("<TtlNtries><TtlNetNtryAmt>1689.35</TtlNetNtryAmt><CdtDbtInd>DBIT</CdtDbtInd></TtlNtries>", True),
        ("<TtlCdtNtries><Sum>300.01</Sum></TtlCdtNtries>", False),
        ("<TtlDbtNtries><NbOfNtries>2</NbOfNtries></TtlDbtNtries>", False),
        ("<TtlNtries><Sum>1_689.35</Sum></TtlNtries>", False),
    ],
    ids=["all", "booked", "by side", "a reversal taken off its side", "a wrong sum", "a wrong count", "no number"],
)  # fmt: skip
def test_what_the_summary_declares_is_compared(summary: str, holds: bool) -> None:
    body = re.sub(b"<TxsSummry>.*</TxsSummry>", f"<TxsSummry>{summary}</TxsSummry>".encode(), STATEMENT)
    assert gather(read_camt, body, OURS).proof.holds is holds


def test_a_bank_that_gives_available_balances_only_is_proved_by_them() -> None:
    reading = gather(read_camt, changed("OPBD", "OPAV").replace(b"CLBD", b"CLAV"), OURS)
    assert reading.proof.holds
    assert [problem.detail for problem in reading.diagnostics][
        -1
    ] == "the booked balance is missing; taken as the available one (OPAV, CLAV)"
    assert not gather(read_camt, changed("OPBD", "OPAV"), OURS).proof.holds


def test_an_envelope_may_say_that_it_was_sent_before() -> None:
    text = STATEMENT.decode().partition("?>")[2]
    header = "<AppHdr><Fr><FIId><FinInstnId><BICFI>COBADEFF</BICFI></FinInstnId></FIId></Fr><BizMsgIdr>B</BizMsgIdr><PssblDplct>true</PssblDplct></AppHdr>"
    body = f"<BizMsg>{header}{text}</BizMsg>".encode()
    reading = read(body)
    assert (reading.format, reading.proof.holds) == ("camt.053", True)
    assert (Code.UNSUPPORTED_CONTENT, "AppHdr/PssblDplct, line 1") in [
        (problem.code, problem.where) for problem in reading.diagnostics
    ]
