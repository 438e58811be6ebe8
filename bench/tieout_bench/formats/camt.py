"""Account statements (camt.053): a file of any size is read in the same memory, beside a bare loop of the XML parser
over the same file and, where it is installed, beside the package ``bankstatementparser``.

Each side runs in a process of its own. The peer is asked in both of its ways, and the faster one counts.
"""

from collections.abc import Iterator, Sequence
from functools import partial
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory
from typing import Final

from lxml import etree

from tieout.engine.sources import FileSource
from tieout.formats.iso20022.camt import read_camt
from tieout.formats.reading import Context, Findings
from tieout_bench.measuring import ROUNDS, Figure, Run, alone, answer, cost, speed, tell
from tieout_bench.peers.children import peer_python

ENTRIES_PER_MEGABYTE = 976
PEER = "bankstatementparser"
_LOOP = "bare lxml.iterparse loop"
_NAMESPACE: Final = "urn:iso:std:iso:20022:tech:xsd:camt.053.001.08"
_HEAD = (
    f'<?xml version="1.0" encoding="UTF-8"?><Document xmlns="{_NAMESPACE}"><BkToCstmrStmt><GrpHdr><MsgId>M</MsgId>'
    "<CreDtTm>2026-05-31T05:00:00+02:00</CreDtTm></GrpHdr><Stmt><Id>S1</Id><Acct><Id><IBAN>DE89370400440532013000"
    "</IBAN></Id></Acct>"
)
_TAIL = "</Stmt></BkToCstmrStmt></Document>"


def pieces(megabytes: int) -> Iterator[bytes]:
    """The same statement every time, of entries of about one kilobyte that balance."""
    numbers = range(1, megabytes * ENTRIES_PER_MEGABYTE + 1)
    yield f"{_HEAD}{_balance('OPBD', 0)}{_balance('CLBD', sum(map(_moved, numbers)))}".encode()
    yield from map(_entry, numbers)
    yield _TAIL.encode()


def _balance(code: str, minor: int) -> str:
    return (
        f'<Bal><Tp><CdOrPrtry><Cd>{code}</Cd></CdOrPrtry></Tp><Amt Ccy="EUR">{_amount(minor)}</Amt>'
        f"<CdtDbtInd>{_direction(minor)}</CdtDbtInd><Dt><Dt>2026-05-31</Dt></Dt></Bal>"
    )


def _amount(minor: int) -> str:
    return f"{abs(minor) // 100}.{abs(minor) % 100:02}"


def _direction(minor: int) -> str:
    return "DBIT" if minor < 0 else "CRDT"


def _moved(number: int) -> int:
    """What an entry moves, in cents: two of three go out."""
    minor = 100 + number * 7919 % 900_000
    return minor if number % 3 == 0 else -minor


def _entry(number: int) -> bytes:
    """A payment in or out; every fourth comes without a value day, every seventh without a name."""
    minor = _moved(number)
    day = f"2026-05-{1 + number % 28:02}"
    amount = f'<Amt Ccy="EUR">{_amount(minor)}</Amt><CdtDbtInd>{_direction(minor)}</CdtDbtInd>'
    valued = f"<ValDt><Dt>{day}</Dt></ValDt>" if number % 4 else ""
    name = f"<Cdtr><Pty><Nm>Schrauben Müller {number % 977} GmbH &amp; Co. KG</Nm></Pty></Cdtr>" if number % 7 else ""
    return (
        f"<Ntry><NtryRef>{number}</NtryRef>{amount}<Sts><Cd>BOOK</Cd></Sts><BookgDt><Dt>{day}</Dt></BookgDt>{valued}"
        f"<AcctSvcrRef>20260505{number:013}</AcctSvcrRef><BkTxCd><Domn><Cd>PMNT</Cd><Fmly><Cd>ICDT</Cd><SubFmlyCd>ESCT"
        "</SubFmlyCd></Fmly></Domn><Prtry><Cd>NTRF+116</Cd><Issr>DK</Issr></Prtry></BkTxCd><NtryDtls><TxDtls><Refs>"
        f"<MsgId>MSG-{number}</MsgId><PmtInfId>RUN-{number // 100}</PmtInfId><EndToEndId>pay-{number}</EndToEndId>"
        f"</Refs>{amount}<RltdPties><Dbtr><Pty><Nm>Acme GmbH</Nm></Pty></Dbtr><DbtrAcct><Id><IBAN>"
        f"DE89370400440532013000</IBAN></Id></DbtrAcct>{name}<CdtrAcct><Id><IBAN>DE75512108001245126199</IBAN></Id>"
        "</CdtrAcct></RltdPties><RltdAgts><CdtrAgt><FinInstnId><BICFI>COBADEFFXXX</BICFI></FinInstnId></CdtrAgt>"
        f"</RltdAgts><RmtInf><Ustrd>Rechnung R-2026-{number:07} vom 2026-04-30</Ustrd></RmtInf></TxDtls></NtryDtls>"
        "<AddtlNtryInf>SEPA-UEBERWEISUNG</AddtlNtryInf></Ntry>"
    ).encode()


# ── the sides ──────────────────────────────────────────────────────────────────────────────────────────────────────


def read(path: Path) -> int:
    """The whole reader: every entry made canonical, every page and the statement proved."""
    findings = Findings()
    count = sum(len(record.entries) for record in read_camt(FileSource(path), Context(), findings))
    assert findings.proof.holds, findings.diagnostics()
    return count


def loop(path: Path) -> int:
    """The floor: the parser stops at every entry, and nothing of it is looked at."""
    count = 0
    for _, element in etree.iterparse(path, tag=f"{{{_NAMESPACE}}}Ntry"):
        count += 1
        element.clear()
        while (before := element.getprevious()) is not None:
            parent = element.getparent()
            assert parent is not None
            parent.remove(before)
    return count


# ── what is measured ───────────────────────────────────────────────────────────────────────────────────────────────


def measure(megabytes: int) -> tuple[Figure, ...]:
    """Speed and peak memory beside the loop; and beside the peer, in the faster of its ways."""
    with TemporaryDirectory() as folder:
        path = Path(folder) / "statement.xml"
        with path.open("wb") as file:
            file.writelines(pieces(megabytes))
        size = path.stat().st_size
        ours, floor, *peers = _medians(path, megabytes * ENTRIES_PER_MEGABYTE)
    figures = _beside(_LOOP, size, ours, floor, at_least=25, ratio_at_least=0.5, below=60)
    if peers:
        peer = min(peers, key=lambda run: run.seconds)
        figures += _beside(PEER, size, ours, peer, ratio_at_least=3)
    return figures


def _beside(
    other: str, size: int, ours: Run, theirs: Run, *, at_least: float = 0, ratio_at_least: float, below: float = 0
) -> tuple[Figure, ...]:
    targets = {"at_least": at_least, "ratio_at_least": ratio_at_least}
    return (
        speed("camt.053", size, ours.seconds, other, theirs.seconds, **targets),
        cost("camt.053, peak memory", "MB", ours.peak_megabytes, other, theirs.peak_megabytes, below=below),
    )


def _medians(path: Path, count: int) -> list[Run]:
    """Ours, the loop, and both ways of the peer, if it is here. They take turns, like all sides."""
    sides = [partial(alone, __name__, side, path) for side in ("read", "loop")]
    if python := peer_python(PEER):
        sides += [partial(alone, "tieout_bench.peers.statements", way, path, python) for way in ("stream", "whole")]
    else:
        tell(f"no {PEER} here: left out; `make bench` installs it into .venv-bench and measures")
    rounds: list[list[Run]] = []
    for number in range(ROUNDS):
        tell(f"camt.053, round {number + 1} of {ROUNDS}")
        rounds.append([side() for side in sides])
    return [_median(runs, count) for runs in zip(*rounds, strict=True)]


def _median(runs: Sequence[Run], count: int) -> Run:
    assert [run.count for run in runs] == [count] * ROUNDS, runs
    return Run(count, median(run.seconds for run in runs), median(run.peak_megabytes for run in runs))


if __name__ == "__main__":
    answer({"read": read, "loop": loop})
