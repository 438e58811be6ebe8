"""``python -m tieout_lab.procurement``"""

from tieout_lab.procurement import build
from tieout_lab.serving import main

if __name__ == "__main__":
    main(
        "procurement",
        build,
        description=(
            "A procurement system: it holds vendors, purchase orders and goods receipts, and tells of changes by a\n"
            "feed (GET /v1/changes) and by nightly CSV files (GET /v1/export/orders.csv, receipts.csv)."
        ),
        example=(
            "example:\n"
            "  python -m tieout_lab.procurement --folder var/lab/procurement\n"
            "It prints its address and secrets as one JSON line. Then, with that address and key:\n"
            "  curl -H 'X-Api-Key: KEY' URL/v1/export/orders.csv\n"
            'A receipt posted with "held": true is keyed in late:\n'
            "  curl -X POST URL/_lab/receipts/release\n"
        ),
    )
