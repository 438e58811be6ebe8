"""``python -m tieout_lab.close``"""

from tieout_lab.close import build
from tieout_lab.serving import main

if __name__ == "__main__":
    main(
        "close",
        build,
        description=(
            "A close tool: it holds the periods of entities and their tasks, takes evidence for checkpoints and the\n"
            "readiness of periods from outside, and closes a period only when all is done and it is reported ready."
        ),
        example=(
            "example:\n"
            "  python -m tieout_lab.close --folder var/lab/close\n"
            "It prints its address and secrets as one JSON line. Then, with that address and secret:\n"
            "  curl -d 'grant_type=client_credentials&client_id=tieout&client_secret=SECRET' URL/oauth/token\n"
            "  curl -H 'Authorization: Bearer TOKEN' 'URL/v1/tasks?entity=DE01&period=2026-09'\n"
        ),
    )
