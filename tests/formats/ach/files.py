"""Small ACH files, written out column by column, so that the tables of the reader are not proved by themselves."""

HEADER = "101 09100001912345678902606020930A094101" + f"{'FIRST BANK':23}{'ACME INC':23}{'':8}"
PADDING = "9" * 94


def entry(
    code: str,
    bank: str,
    account: str,
    cents: int,
    identification: str,
    name: str,
    trace: str,
    addenda: int = 0,
) -> str:
    """Record 6."""
    return f"6{code}{bank}{account:17}{cents:010}{identification:15}{name:22}  {addenda}{trace}"


def returned(code: str, original: str, trace: str, words: str = "", bank: str = "09100001") -> str:
    """Record 7, type 99."""
    return f"799{code}{original}{'':6}{bank}{words:44}{trace}"


def changed(code: str, original: str, trace: str, data: str, bank: str = "09100001") -> str:
    """Record 7, type 98."""
    return f"798{code}{original}{'':6}{bank}{data:44}{trace}"


def batch(sec: str, *records: str, number: int = 1, settled: str = "154", company: str = "ACME INC") -> list[str]:
    """Records 5 to 8 around entries, with the right totals."""
    entries = [record for record in records if record[0] == "6"]
    debit = sum(int(record[29:39]) for record in entries if record[2] in "56789")
    credit = sum(int(record[29:39]) for record in entries if record[2] in "01234")
    total = sum(int(record[3:11]) for record in entries) % 10**10
    return [
        f"5200{company:16}{'':20}1234567890{sec}VENDOR PAY260601260602{settled}109100001{number:07}",
        *records,
        f"8200{len(records):06}{total:010}{debit:012}{credit:012}1234567890{'':25}09100001{number:07}",
    ]


def file(*batches: list[str], header: str = HEADER) -> list[str]:
    """A whole file as records, filled to blocks of ten."""
    inside = [record for records in batches for record in records]
    controls = [record for record in inside if record[0] == "8"]
    totals = [
        sum(int(record[start:end]) for record in controls) for start, end in ((4, 10), (10, 20), (20, 32), (32, 44))
    ]
    records = [header, *inside]
    blocks = -(-(len(records) + 1) // 10)
    count, hashed, debit, credit = totals
    records.append(f"9{len(batches):06}{blocks:06}{count:08}{hashed % 10**10:010}{debit:012}{credit:012}{'':39}")
    return records + [PADDING] * (-len(records) % 10)


def text(records: list[str], end: str = "\n") -> bytes:
    """The file as bytes."""
    assert all(len(record) == 94 for record in records), [record for record in records if len(record) != 94]
    return "".join(record + end for record in records).encode("latin-1")
