"""The official rules run as they are published, by a machine that reaches nothing outside of itself."""

import json
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

pytest.importorskip("saxonche", reason="the official rules need saxonche (tieout[einvoice])")

from tieout.cli.rules import rules
from tieout.engine.schematron import Broken, Checked, Rules
from tieout.kernel.errors import ConfigError
from tieout.kernel.problem import Code, Problem

DATA = Path(__file__).parent / "data"
INVOICE = (DATA / "invoice.xml").read_bytes()
UBL = "urn:oasis:names:specification:ubl:schema:xsd:Invoice-2"
#: Compiled Schematron in small: one rule, that an invoice names its buyer's reference, and one warning.
SHEET = f"""<?xml version="1.0" encoding="UTF-8"?>
<xsl:stylesheet version="2.0" xmlns:xsl="http://www.w3.org/1999/XSL/Transform" xmlns:svrl="http://purl.oclc.org/dsdl/svrl"
  xmlns:ubl="{UBL}" xmlns:cbc="urn:oasis:names:specification:ubl:schema:xsd:CommonBasicComponents-2">
  <xsl:template match="/"><svrl:schematron-output><xsl:apply-templates/>EXTRA</svrl:schematron-output></xsl:template>
  <xsl:template match="text()"/>
  <xsl:template match="/ubl:Invoice">
    <svrl:fired-rule context="/ubl:Invoice"/>
    <xsl:if test="not(cbc:BuyerReference)">
      <svrl:failed-assert flag="fatal" location="/*:Invoice[namespace-uri()='{UBL}'][1]/*:LegalMonetaryTotal[1]">
        <xsl:attribute name="id">T-01</xsl:attribute><svrl:text>[T-01] a buyer
          reference</svrl:text></svrl:failed-assert>
    </xsl:if>
    <svrl:successful-report flag="warning" location="/Q{{{{{UBL}}}}}Invoice[1]/Q{{{{x}}}}InvoiceLine[2]">
      <xsl:attribute name="id">T-02</xsl:attribute><svrl:text>told</svrl:text></svrl:successful-report>
  </xsl:template>
</xsl:stylesheet>
"""


def sheet(tmp_path: Path, extra: str = "", name: str = "t.xslt", text: str = SHEET) -> Path:
    file = tmp_path / "given" / name
    file.parent.mkdir(exist_ok=True)
    file.write_text(text.replace("EXTRA", extra), encoding="utf-8")
    return file


def outcome(kept: Rules, xml: bytes = INVOICE) -> Checked:
    """What the only set of rules says."""
    checked = kept.run(xml)
    assert not isinstance(checked, Problem)
    (one,) = checked
    return one


@pytest.fixture
def kept(tmp_path: Path) -> Rules:
    return Rules(tmp_path / "rules")


def test_rules_say_what_is_broken_and_where(kept: Rules, tmp_path: Path) -> None:
    added = kept.add(sheet(tmp_path))
    assert (added.name, added.rules) == ("t", 2)
    assert kept.sets() == (added,)
    told = Broken("t", "T-02", "warning", Problem(Code.BAD_VALUE, "Invoice/InvoiceLine[2], line 61", detail="told"))
    where = "Invoice/LegalMonetaryTotal, line 45"
    missing = Problem(Code.BAD_VALUE, where, detail="[T-01] a buyer reference")
    checked = outcome(Rules(kept.folder))  # as another process would
    assert checked == Checked("t", True, (Broken("t", "T-01", "fatal", missing), told))
    assert not checked.passes
    named = INVOICE.replace(b"<cac:OrderReference>", b"<cbc:BuyerReference>7</cbc:BuyerReference><cac:OrderReference>")
    checked = outcome(kept, named)
    assert checked == Checked("t", True, (told,))
    assert checked.passes


def test_rules_for_other_documents_do_not_apply(kept: Rules, tmp_path: Path) -> None:
    kept.add(sheet(tmp_path))
    assert kept.run(b"<Order/>") == (Checked("t", False),)


def test_adding_again_replaces(kept: Rules, tmp_path: Path) -> None:
    kept.add(sheet(tmp_path))
    kept.add(sheet(tmp_path, text=SHEET.replace("T-01", "T-09")))
    checked = outcome(kept)
    assert [each.rule_id for each in checked.broken] == ["T-09", "T-02"]


# ── nothing is reached ─────────────────────────────────────────────────────────────────────────────────────────────

READING = {
    "doc": "<xsl:copy-of select=\"doc('{url}')\"/>",
    "document": "<xsl:copy-of select=\"document('{url}')\"/>",
    "text": "<xsl:value-of select=\"unparsed-text('{url}')\"/>",
    "lines": "<xsl:value-of select=\"unparsed-text-lines('{url}')\"/>",
    "collection": "<xsl:copy-of select=\"collection('{folder}?select=*.xml')\"/>",
    "relative": "<xsl:copy-of select=\"doc('secret.xml')\"/>",
    "network": "<xsl:copy-of select=\"doc('http://127.0.0.1:9/x')\"/>",
    "environment": "<xsl:value-of select=\"environment-variable('TIEOUT_SECRET')\"/>",
    "stylesheet": "<xsl:copy-of select=\"transform(map{{'stylesheet-location': '{url}', 'source-node': .}})?output\"/>",
}


@pytest.mark.parametrize("how", READING)
def test_rules_that_read_something_get_nothing(
    kept: Rules, tmp_path: Path, how: str, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    secret = tmp_path / "given" / "secret.xml"
    secret.parent.mkdir()
    secret.write_text("<s>SECRET</s>", encoding="utf-8")
    monkeypatch.setenv("TIEOUT_SECRET", "SECRET")
    monkeypatch.chdir(secret.parent)
    extra = READING[how].format(url=secret.as_uri(), folder=secret.parent.as_uri())
    (kept.folder).mkdir()
    body = SHEET.replace("EXTRA", f"<svrl:failed-assert id='X'><svrl:text>got {extra}</svrl:text></svrl:failed-assert>")
    (kept.folder / "t.xslt").write_text(body.replace('version="2.0"', 'version="3.0"'), encoding="utf-8")
    checked = outcome(kept)
    assert checked.broken
    assert "SECRET" not in str(checked)
    assert "cannot be compiled" not in str(checked)
    capfd.readouterr()  # Saxon says on standard error what it was forbidden


@pytest.mark.parametrize(
    "extra",
    [
        '<xsl:result-document href="written.xml"><a/></xsl:result-document>',
        "<xsl:evaluate xpath=\"'1'\"/>",
        '<xsl:source-document href="secret.xml"/>',
    ],
)
def test_rules_that_write_or_evaluate_are_not_added(kept: Rules, tmp_path: Path, extra: str) -> None:
    with pytest.raises(ConfigError, match="reach nothing outside"):
        kept.add(sheet(tmp_path, extra))
    assert kept.sets() == ()


def test_rules_that_include_others_are_not_added(kept: Rules, tmp_path: Path) -> None:
    text = SHEET.replace('<xsl:template match="/">', '<xsl:include href="file:///etc/passwd"/><xsl:template match="/">')
    with pytest.raises(ConfigError, match="xsl:include"):
        kept.add(sheet(tmp_path, text=text))


@pytest.mark.parametrize(
    "doctype",
    [
        '<!DOCTYPE Invoice [<!ENTITY f SYSTEM "file:///etc/passwd">]>',
        '<!DOCTYPE Invoice SYSTEM "http://127.0.0.1:9/x.dtd">',
    ],
)
def test_a_document_with_entities_never_reaches_the_rules(kept: Rules, tmp_path: Path, doctype: str) -> None:
    kept.add(sheet(tmp_path))
    problem = kept.run(INVOICE.replace(b"<Invoice", f"{doctype}<Invoice".encode(), 1))
    assert isinstance(problem, Problem)
    assert problem.code is Code.FORBIDDEN_XML


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("<schema xmlns='http://purl.oclc.org/dsdl/schematron'/>", "is Schematron source"),
        ("<Invoice/>", "not compiled Schematron"),
        ("no XML", "this is not XML"),
        ("<xsl:stylesheet version='2.0' xmlns:xsl='http://www.w3.org/1999/XSL/Transform'><xsl:template/></xsl:stylesheet>", "cannot be compiled"),
        ("<xsl:stylesheet version='2.0' xmlns:xsl='http://www.w3.org/1999/XSL/Transform'><xsl:template match='/'><a/></xsl:template></xsl:stylesheet>", "not SVRL"),
        ("<!DOCTYPE a><a/>", "forbidden xml"),
    ],
)  # fmt: skip
def test_what_is_no_compiled_schematron_is_not_added(
    kept: Rules, tmp_path: Path, text: str, says: str, capfd: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(ConfigError, match=says):
        kept.add(sheet(tmp_path, text=text))
    assert kept.sets() == ()
    capfd.readouterr()


def test_the_name_of_a_file_does_not_lead_out_of_the_folder(kept: Rules, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="rename it"):
        kept.add(sheet(tmp_path, name=". .xslt"))


# ── the commands ───────────────────────────────────────────────────────────────────────────────────────────────────


def run(config: Path, *arguments: str) -> Result:
    return CliRunner().invoke(rules, arguments, obj=config)


def test_the_commands_add_list_and_check(tmp_path: Path) -> None:
    config, invoice = tmp_path / "tieout.toml", tmp_path / "invoice.xml"
    invoice.write_bytes(INVOICE)
    assert "no rules yet" in str(run(config, "check", str(invoice)).exception)
    assert run(config, "add", str(sheet(tmp_path))).output.startswith("t: 2 rules, sha256 ")
    assert [each["name"] for each in json.loads(run(config, "list", "--json").stdout_bytes)] == ["t"]
    checked = run(config, "check", "--json", str(invoice))
    assert checked.exit_code == 1
    assert [each["rule_id"] for each in json.loads(checked.stdout_bytes)[0]["broken"]] == ["T-01", "T-02"]
    invoice.write_bytes(b"<Order/>")
    assert run(config, "check", str(invoice)).exit_code == 0
    invoice.write_bytes(b"<Order>")
    assert run(config, "check", str(invoice)).exit_code == 1
