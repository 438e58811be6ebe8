"""``python -m tieout_lab.bank``"""

from tieout_lab.bank import build
from tieout_lab.serving import main

if __name__ == "__main__":
    main(
        "bank",
        build,
        description=(
            "A bank: it takes pain.001.001.09 files by SFTP (folders in/, out/, archive/), answers with pain.002,\n"
            "executes payments on its own ledger, and sends camt.054 notifications and camt.053 statements. A status\n"
            "API tells what became of a payment or a file. Accounts: DE89370400440532013000 (EUR),\n"
            "GB29NWBK60161331926819 (GBP)."
        ),
        example=(
            "example:\n"
            "  python -m tieout_lab.bank --folder var/lab/bank\n"
            "It prints its addresses, host key and secrets as one JSON line. Then, with those:\n"
            "  sftp -P SFTP_PORT tieout@127.0.0.1\n"
            "  curl -u tieout:PASSWORD URL/v1/accounts/DE89370400440532013000\n"
            "  curl -d '{}' URL/_lab/close-day       # statements, then the next business day\n"
            "  curl URL/_lab/ledger                  # what was really paid, counted per EndToEndId\n"
        ),
    )
