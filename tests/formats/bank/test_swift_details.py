"""Field 86: every dialect has its rows here."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tieout.formats.bank.swift.details import DIALECTS, Details, details, numbered_lines


def said(text: str) -> Details:
    return details(text.split("\n"))


@pytest.mark.parametrize(
    ("text", "meaning"),
    [
        pytest.param(
            "166?00GUTSCHRIFT?100399?20EREF+EndToEndIdTFNR20004000?2101?22SVWZ\n+TO 13 TFNr 20004 Einga?23ngskanal"
            "?30PBNKDEFF100?31DE42100100100043921105?32Richter Renate?33Maria",
            Details(
                code="166",
                text="GUTSCHRIFT",
                remittance="TO 13 TFNr 20004 Eingangskanal",
                counterparty="Richter Renate Maria",
                account="DE42100100100043921105",
                end_to_end_id="EndToEndIdTFNR2000400001",
            ),
            id="German, SEPA codes over several parts",
        ),
        pytest.param(
            "835?20Cie., S.C.A.?22EREF+ 1234567890123 PAYPAL?23MREF+ 12AB234CD6E7F CRED+ A?24B12CDE0000000000000000034 S"
            "?25VWZ+ . SPOTIFY, Ihr Kauf?26bei SPOTIFY?32PayPal",
            Details(
                code="835",
                remittance="Cie., S.C.A. . SPOTIFY, Ihr Kauf bei SPOTIFY",
                counterparty="PayPal",
                end_to_end_id="1234567890123 PAYPAL",
            ),
            id="German, a code cut in two",
        ),
        pytest.param(
            "191?20KREF+RUN-9?21SVWZ+DATEI MIT 5 ZAHLUNGEN?31DE1?32X",
            Details(
                code="191",
                remittance="DATEI MIT 5 ZAHLUNGEN",
                counterparty="X",
                account="DE1",
                customer_reference="RUN-9",
            ),
            id="German, a batch has the reference of the customer",
        ),
        pytest.param(
            "105?20EREF+NOTPROVIDED?21SVWZ+A?22ABWA+ANDERER?31?32",
            Details(code="105", remittance="A", counterparty="ANDERER"),
            id="German, no reference, and only the ultimate party has a name",
        ),
        pytest.param(
            "109?20EREF+E2E?32KUNDE?34912",
            Details(code="109", counterparty="KUNDE", end_to_end_id="E2E", return_reason="MD06"),
            id="German, a return with its reason",
        ),
        pytest.param(
            "109?20EREF+E2E?34977",
            Details(code="109", end_to_end_id="E2E", return_reason="GVC 977"),
            id="German, a return with a reason we do not know",
        ),
        pytest.param(
            "051?20Gehalt Oktober?21Firma?3050060400?310847564700?32MUELLER",
            Details(code="051", remittance="Gehalt Oktober Firma", counterparty="MUELLER", account="0847564700"),
            id="German, before SEPA",
        ),
        pytest.param(
            "166?20SVWZ+Was? Wirklich?21so?32A?B",
            Details(code="166", remittance="Was? Wirklich so", counterparty="A?B"),
            id="German, a question mark that is one",
        ),
        pytest.param(
            " 020~00Wyplata~20ZAPLATA ZA FABRYKATY~3010600076~310000777777777777~32HUTA SZKLA~38PL081060007600007777777 \n77777",
            Details(
                code="020",
                text="Wyplata",
                remittance="ZAPLATA ZA FABRYKATY",
                counterparty="HUTA SZKLA",
                account="PL08106000760000777777777777",
            ),
            id="Polish, with another sign between the parts",
        ),
        pytest.param(
            "000>100987654321\n>20ALGEMENE>310390123456",
            Details(remittance="ALGEMENE", account="0390123456"),
            id="Dutch, the German way",
        ),
        pytest.param(
            "999PN5477SCHECK-NR. 16703074",
            Details(code="999", remittance="SCHECK-NR. 16703074"),
            id="German, without structure",
        ),
        pytest.param(
            "/EREF/PAY-1/BENM//NAME/CONTRA ACCOUN\nT HOLDER/REMI/Factuur 4711 / 12/ISDT/2026-05-31",
            Details(remittance="Factuur 4711 / 12", counterparty="CONTRA ACCOUNT HOLDER", end_to_end_id="PAY-1"),
            id="Dutch, code words",
        ),
        pytest.param(
            "/EREF/NOTPROVIDED//CNTP/NL44RABO0123456789/RABONL2U/ACME BV///REMI/USTD//Factuur 4711/",
            Details(remittance="Factuur 4711", counterparty="ACME BV", account="NL44RABO0123456789"),
            id="Dutch, the party in one",
        ),
        pytest.param(
            "/RTRN/AC04/REKENING/EREF/PAY-9/",
            Details(end_to_end_id="PAY-9", return_reason="AC04"),
            id="Dutch, a return",
        ),
        pytest.param(
            "911 TRANSAKCJA COLLECT; ID IPH: XX1; Z RACH.: \n56114010810000267002001001; OD: JAN NOWAK  \nUL. NIJAKA 1; TYT.: FAKTURA 12; \nTNR: 179171073864111.010001",
            Details(
                text="911 TRANSAKCJA COLLECT",
                remittance="FAKTURA 12",
                counterparty="JAN NOWAK UL. NIJAKA 1",
                account="56114010810000267002001001",
            ),
            id="Polish, labels",
        ),
        pytest.param(
            "FACTUUR 2026110\nREK: NL65INGB0123456789/NAAM: PICQER",
            Details(
                text="FACTUUR 2026110",
                remittance="FACTUUR 2026110 REK: NL65INGB0123456789/NAAM: PICQER",
                counterparty="PICQER",
                account="NL65INGB0123456789",
            ),
            id="Dutch, labels, no label for the remittance",
        ),
        pytest.param(
            "BETALINGSKENM.  1234 \nFACTUUR 12",
            Details(remittance="BETALINGSKENM. 1234 FACTUUR 12"),
            id="free text, lines end words",
        ),
        pytest.param("x" * 65 + "\ny", Details(remittance="x" * 65 + "y"), id="free text, a full line goes on"),
        pytest.param("", Details(), id="nothing"),
    ],
)
def test_dialects(text: str, meaning: Details) -> None:
    assert said(text) == meaning


def test_numbered_lines_of_their_own() -> None:
    lines = ["01Rechnung 12", "02und 13", "15Meyer", "16+ Schneider", "17LASTSCHRIFT", "3310918001", "340000004279"]
    assert numbered_lines(lines) == Details(
        text="LASTSCHRIFT", remittance="Rechnung 12 und 13", counterparty="Meyer + Schneider", account="0000004279"
    )


_SIGNS = st.sampled_from(
    ["?20", "?", "166?", "EREF+", "/EREF/", "/", "999", " ", "\n", "OD:", "a", "1", "SVWZ+", "?34"]
)


@given(st.lists(st.one_of(_SIGNS, st.text(max_size=5)), max_size=30))
def test_nothing_breaks_them(parts: list[str]) -> None:
    found = said("".join(parts))
    assert all(len(value) <= 1_000 for value in (found.remittance, found.counterparty, found.end_to_end_id))


def test_long_fields_are_taken_apart_in_linear_time() -> None:
    for piece in ("?20EREF+x", "/EREF/x", "; OD: x", "EREF+", "?"):
        found = said("166?20" + piece * 50_000)
        assert len(found.remittance) <= 1_000
    assert len({dialect.name for dialect in DIALECTS}) == len(DIALECTS)
