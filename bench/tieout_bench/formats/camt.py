"""Reading account statements (camt.053): megabytes a second and peak memory, beside a bare loop of the XML parser over
the same file and, where it is installed, beside the package ``bankstatementparser``.

Each side runs in a process of its own, which prints its seconds and the peak of its memory, Python itself included.
(That of the process which starts it counts as well, so it holds nothing large itself.)
The peer runs in the benchmarks' own environment (``BENCH_VENV``, else ``.venv-bench``) and is left out without it; it
is asked in both of its ways, and the faster one counts.
"""

import os
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from resource import RUSAGE_SELF, getrusage
from statistics import median
from tempfile import TemporaryDirectory
from typing import Final

MEGABYTES = 100
ROUNDS = 3
_BENCH = Path(__file__).parents[2]
_NAMESPACE: Final = "urn:iso:std:iso:20022:tech:xsd:camt.053.001.08"
_HEAD = (
    f'<?xml version="1.0" encoding="UTF-8"?><Document xmlns="{_NAMESPACE}"><BkToCstmrStmt><GrpHdr><MsgId>M</MsgId>'
    "<CreDtTm>2026-05-31T05:00:00+02:00</CreDtTm></GrpHdr><Stmt><Id>S1</Id><Acct><Id><IBAN>DE89370400440532013000"
    "</IBAN></Id></Acct>"
)
_TAIL = "</Stmt></BkToCstmrStmt></Document>"
#: The peer's program: it cannot be imported from here. ``argv``: the file, and which of its ways.
_PEER = """
import logging, sys, time
from resource import RUSAGE_SELF, getrusage
from bankstatementparser import CamtParser
logging.disable(logging.CRITICAL)
started = time.perf_counter()
path, way = sys.argv[1:]
found = CamtParser(path, lazy=True).parse_streaming() if way == "stream" else CamtParser(path).parse().itertuples()
count = sum(1 for _ in found)
print(count, time.perf_counter() - started, getrusage(RUSAGE_SELF).ru_maxrss / 1024)
"""


def generate(path: Path, megabytes: int = MEGABYTES) -> int:
    """Write the same statement every time, of entries of about one kilobyte that balance; returns their number."""
    size = moved = count = 0
    while size < megabytes * 1_000_000:
        count += 1
        entry, minor = _entry(count)
        size, moved = size + len(entry), moved + minor
    with path.open("wb") as file:
        file.write(f"{_HEAD}{_balance('OPBD', 0)}{_balance('CLBD', moved)}".encode())
        file.writelines(_entry(number)[0] for number in range(1, count + 1))
        file.write(_TAIL.encode())
    return count


def _balance(code: str, minor: int) -> str:
    direction = "DBIT" if minor < 0 else "CRDT"
    return (
        f'<Bal><Tp><CdOrPrtry><Cd>{code}</Cd></CdOrPrtry></Tp><Amt Ccy="EUR">{_amount(abs(minor))}</Amt>'
        f"<CdtDbtInd>{direction}</CdtDbtInd><Dt><Dt>2026-05-31</Dt></Dt></Bal>"
    )


def _amount(minor: int) -> str:
    return f"{minor // 100}.{minor % 100:02}"


def _entry(number: int) -> tuple[bytes, int]:
    """A payment in or out; every fourth comes without a value day, every seventh without a name."""
    minor = 100 + number * 7919 % 900_000
    sign, direction = (1, "CRDT") if number % 3 == 0 else (-1, "DBIT")
    day = f"2026-05-{1 + number % 28:02}"
    amount = f'<Amt Ccy="EUR">{_amount(minor)}</Amt><CdtDbtInd>{direction}</CdtDbtInd>'
    valued = f"<ValDt><Dt>{day}</Dt></ValDt>" if number % 4 else ""
    name = f"<Cdtr><Pty><Nm>Schrauben Müller {number % 977} GmbH &amp; Co. KG</Nm></Pty></Cdtr>" if number % 7 else ""
    text = (
        f"<Ntry><NtryRef>{number}</NtryRef>{amount}<Sts><Cd>BOOK</Cd></Sts><BookgDt><Dt>{day}</Dt></BookgDt>{valued}"
        f"<AcctSvcrRef>20260505{number:013}</AcctSvcrRef><BkTxCd><Domn><Cd>PMNT</Cd><Fmly><Cd>ICDT</Cd><SubFmlyCd>ESCT"
        "</SubFmlyCd></Fmly></Domn><Prtry><Cd>NTRF+116</Cd><Issr>DK</Issr></Prtry></BkTxCd><NtryDtls><TxDtls><Refs>"
        f"<MsgId>MSG-{number}</MsgId><PmtInfId>RUN-{number // 100}</PmtInfId><EndToEndId>pay-{number}</EndToEndId>"
        f"</Refs>{amount}<RltdPties><Dbtr><Pty><Nm>Acme GmbH</Nm></Pty></Dbtr><DbtrAcct><Id><IBAN>"
        f"DE89370400440532013000</IBAN></Id></DbtrAcct>{name}<CdtrAcct><Id><IBAN>DE75512108001245126199</IBAN></Id>"
        "</CdtrAcct></RltdPties><RltdAgts><CdtrAgt><FinInstnId><BICFI>COBADEFFXXX</BICFI></FinInstnId></CdtrAgt>"
        f"</RltdAgts><RmtInf><Ustrd>Rechnung R-2026-{number:07} vom 2026-04-30</Ustrd></RmtInf></TxDtls></NtryDtls>"
        "<AddtlNtryInf>SEPA-UEBERWEISUNG</AddtlNtryInf></Ntry>"
    )
    return text.encode(), sign * minor


# ── what is measured ───────────────────────────────────────────────────────────────────────────────────────────────


def measure() -> dict[str, float]:
    """Megabytes a second and peak mebibytes of each side; medians, or the best of the peer's two ways."""
    with TemporaryDirectory() as folder:
        path = Path(folder) / "statement.xml"
        count = generate(path)
        megabytes = path.stat().st_size / 1e6
        ours, floor = [], []
        for _ in range(ROUNDS):  # side by side, so that what else the machine does falls on both
            ours.append(_run([sys.executable, "-m", "tieout_bench.formats.camt", "read", str(path)], count))
            floor.append(_run([sys.executable, "-m", "tieout_bench.formats.camt", "loop", str(path)], count))
        read, bare = (median(seconds for seconds, _ in runs) for runs in (ours, floor))
        measured = {
            "megabytes_per_second": megabytes / read,
            "peak_mebibytes": max(peak for _, peak in ours),
            "loop_megabytes_per_second": megabytes / bare,
            "of_the_loop": bare / read,
        }
        if peer := _peer(path, count):
            measured |= {
                "peer_megabytes_per_second": megabytes / peer[0],
                "peer_peak_mebibytes": peer[1],
                "times_the_peer": peer[0] / read,
            }
    return measured


def _run(command: list[str], count: int) -> tuple[float, float]:
    """Seconds and peak mebibytes of a process that must have found every entry."""
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    found, seconds, peak = done.stdout.split()
    assert int(found) == count, f"{found} of {count} entries"
    return float(seconds), float(peak)


def _peer(path: Path, count: int) -> tuple[float, float] | None:
    """The faster of the peer's ways, or nothing when it is not installed."""
    python = Path(os.environ.get("BENCH_VENV") or _BENCH.parent / ".venv-bench") / "bin" / "python"
    try:
        subprocess.run([python, "-c", "import bankstatementparser"], capture_output=True, check=True)
    except (OSError, subprocess.CalledProcessError):
        print("no bankstatementparser here: left out; install it into .venv-bench", file=sys.stderr, flush=True)
        return None
    return min(_run([str(python), "-c", _PEER, str(path), way], count) for way in ("stream", "whole"))


# ── one side, in a process of its own ──────────────────────────────────────────────────────────────────────────────


def read(path: Path) -> int:
    """The whole reader: every entry made canonical, every page and the statement proved."""
    from tieout.engine.sources import FileSource
    from tieout.formats.iso20022.camt import read_camt
    from tieout.formats.reading import Context, Findings

    findings = Findings()
    count = sum(len(record.entries) for record in read_camt(FileSource(path), Context(), findings))
    assert findings.proof.holds, findings.diagnostics()
    return count


def loop(path: Path) -> int:
    """The floor: the parser stops at every entry, and nothing of it is looked at."""
    from lxml import etree

    count = 0
    for _, element in etree.iterparse(path, tag=f"{{{_NAMESPACE}}}Ntry"):
        count += 1
        element.clear()
        while (before := element.getprevious()) is not None:
            parent = element.getparent()
            assert parent is not None
            parent.remove(before)
    return count


_SIDES: dict[str, Callable[[Path], int]] = {"read": read, "loop": loop}


def main() -> None:
    """Run one side and print what it found, its seconds and its peak; or, without arguments, measure everything."""
    if len(sys.argv) < 3:
        for name, value in measure().items():
            print(f"{name:28} {value:10.2f}")
        return
    started = time.perf_counter()
    count = _SIDES[sys.argv[1]](Path(sys.argv[2]))
    print(count, time.perf_counter() - started, getrusage(RUSAGE_SELF).ru_maxrss / 1024)


if __name__ == "__main__":
    main()
