"""``python -m tieout_lab.ap``"""

from tieout_lab.ap import build
from tieout_lab.serving import main

if __name__ == "__main__":
    main(
        "ap",
        build,
        description=(
            "An AP platform: it captures invoices (POST /v1/captures plays its mail room and OCR), takes invoices\n"
            "that arrived elsewhere (POST /v1/invoices), sends matched ones to approvers, shows posting and payment,\n"
            "and tells of changes by signed webhooks and by a feed that replays them all (GET /v1/changes)."
        ),
        example=(
            "example:\n"
            "  python -m tieout_lab.ap --folder var/lab/ap\n"
            "It prints its address and secrets as one JSON line. Then, with that address and key:\n"
            "  curl -H 'Authorization: Bearer KEY' URL/v1/changes\n"
            '  curl -d \'{"rules": {"invoices.submit": {"drop_answer_every": 3}}}\' URL/_lab/faults\n'
        ),
    )
