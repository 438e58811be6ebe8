"""Reading ACH files: megabytes a second, beside a bare loop over the lines of the same file."""

from collections.abc import Callable
from time import perf_counter

from tieout.formats.ach.read import read_ach
from tieout.formats.reading import Context, gather
from tieout.formats.source import Bytes, Source

#: About 50 MB: an origination file of corporate credits, as large companies send them.
ENTRIES = 550_000
PER_BATCH = 5_000
ROUNDS = 3
_BANKS = ("231380104", "121042882", "091000019", "021000021", "111000025")
_OURS = "US000099887766"


def generate(entries: int = ENTRIES) -> bytes:
    """The same file every time, with the right totals."""
    records = ["101 09100001912345678902606020930A094101" + f"{'FIRST BANK':23}{'ACME INC':23}{'':8}"]
    count = hashed = credit = 0
    for batch in range(1, entries // PER_BATCH + 1):
        first = (batch - 1) * PER_BATCH
        numbers = range(first + 1, first + PER_BATCH + 1)
        records.append(f"5220{'ACME INC':16}{'':20}1234567890CCDVENDOR PAY260601260602   109100001{batch:07}")
        records += [_entry(number) for number in numbers]
        of_batch = sum(int(_BANKS[number % 5][:8]) for number in numbers), sum(numbers)
        records.append(
            f"8220{PER_BATCH:06}{of_batch[0] % 10**10:010}{0:012}{of_batch[1]:012}1234567890{'':25}09100001{batch:07}"
        )
        count, hashed, credit = count + PER_BATCH, hashed + of_batch[0], credit + of_batch[1]
    blocks = -(-(len(records) + 1) // 10)
    totals = f"{count:08}{hashed % 10**10:010}{0:012}{credit:012}"
    records.append(f"9{entries // PER_BATCH:06}{blocks:06}{totals}{'':39}")
    records += ["9" * 94] * (-len(records) % 10)
    return "".join(f"{record}\n" for record in records).encode("ascii")


def _entry(number: int) -> str:
    account, bank = number * 7919 % 10**9, _BANKS[number % 5]
    return f"622{bank}{account:<17}{number:010}{number:<15}{'NUTS AND BOLTS':22}  009100001{number:07}"


def loop(source: Source) -> int:
    """The floor: cut the chunks into lines and count them."""
    rest, count = b"", 0
    for chunk in source.chunks():
        lines = (rest + chunk).splitlines(keepends=True)
        rest = lines.pop()
        for _ in lines:
            count += 1
    return count


def measure() -> dict[str, float]:
    """Megabytes a second of the reader, without and with accounts of ours, and how many times slower than the loop."""
    source = Bytes(generate())
    known = Context(entities_by_iban={_OURS: "us"})
    read = _seconds(lambda: _read(source, Context()))
    read_known = _seconds(lambda: _read(source, known))
    bare = _seconds(lambda: loop(source))
    size = source.size / 1e6
    return {
        "megabytes_per_second": size / read,
        "megabytes_per_second_with_accounts": size / read_known,
        "loop_megabytes_per_second": size / bare,
        "times_slower_than_loop": read / bare,
    }


def _read(source: Source, context: Context) -> None:
    reading = gather(read_ach, source, context)
    assert reading.proof.holds, reading.diagnostics


def _seconds(run: Callable[[], object]) -> float:
    """The best of several rounds."""
    took = []
    for _ in range(ROUNDS):
        started = perf_counter()
        run()
        took.append(perf_counter() - started)
    return min(took)
