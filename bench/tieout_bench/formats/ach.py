"""ACH files: an origination file is read and proved, beside a bare loop over the lines of the same bytes."""

from collections.abc import Iterator

from tieout.formats.ach.read import read_ach
from tieout.formats.reading import Context, gather
from tieout.formats.source import Bytes, Source
from tieout_bench.measuring import Figure, seconds, speed

#: Corporate credits, as large companies send them.
PER_BATCH = 5_250
BATCHES_PER_MEGABYTE = 2
_LOOP = "bare loop over lines"
_BANKS = ("231380104", "121042882", "091000019", "021000021", "111000025")
_KNOWN = Context(entities_by_iban={"US000099887766": "us"})


def pieces(megabytes: int) -> Iterator[bytes]:
    """The same file every time, with the right totals."""
    yield _record("101 09100001912345678902606020930A094101" + f"{'FIRST BANK':23}{'ACME INC':23}")
    batches = megabytes * BATCHES_PER_MEGABYTE
    hashed = credit = 0
    for batch in range(1, batches + 1):
        numbers = range((batch - 1) * PER_BATCH + 1, batch * PER_BATCH + 1)
        yield _record(f"5220{'ACME INC':16}{'':20}1234567890CCDVENDOR PAY260601260602   109100001{batch:07}")
        yield from map(_entry, numbers)
        of_batch = sum(int(_BANKS[number % 5][:8]) for number in numbers)
        totals = _totals(PER_BATCH, of_batch, sum(numbers), 6)
        yield _record(f"8220{totals}1234567890{'':25}09100001{batch:07}")
        hashed, credit = hashed + of_batch, credit + sum(numbers)
    records = batches * (PER_BATCH + 2) + 2
    blocks = -(-records // 10)
    yield _record(f"9{batches:06}{blocks:06}{_totals(batches * PER_BATCH, hashed, credit, 8)}")
    yield _record("9" * 94) * (-records % 10)


def _entry(number: int) -> bytes:
    account, bank = number * 7919 % 10**9, _BANKS[number % 5]
    return _record(f"622{bank}{account:<17}{number:010}{number:<15}{'NUTS AND BOLTS':22}  009100001{number:07}")


def _totals(count: int, hashed: int, credit: int, digits: int) -> str:
    """What a control says: entries, the hash of banks, debits and credits."""
    return f"{count:0{digits}}{hashed % 10**10:010}{0:012}{credit:012}"


def _record(text: str) -> bytes:
    return f"{text:94}\n".encode("ascii")


# ── the sides ──────────────────────────────────────────────────────────────────────────────────────────────────────


def read(source: Source, context: Context) -> None:
    """The whole reader: every entry tallied, every control proved."""
    reading = gather(read_ach, source, context)
    assert reading.proof.holds, reading.diagnostics


def loop(source: Source) -> int:
    """The floor: cut the chunks into lines and count them."""
    rest, count = b"", 0
    for chunk in source.chunks():
        lines = (rest + chunk).splitlines(keepends=True)
        rest = lines.pop()
        for _ in lines:
            count += 1
    return count


# ── what is measured ───────────────────────────────────────────────────────────────────────────────────────────────


def measure(megabytes: int) -> tuple[Figure, ...]:
    """Entries that are all for strangers; and the same when there is an account of ours to look for."""
    source = Bytes(b"".join(pieces(megabytes)))
    ours, looking, floor = seconds(
        "ACH", lambda: read(source, Context()), lambda: read(source, _KNOWN), lambda: loop(source)
    )
    return (
        speed("ACH", source.size, ours, _LOOP, floor, at_least=50),
        speed("ACH, looking for our accounts", source.size, looking, _LOOP, floor, at_least=50),
    )
