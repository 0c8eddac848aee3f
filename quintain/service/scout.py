"""A small job on the cluster that looks at files and modules for the service, which cannot.

``python -m quintain.service.scout``: it asks the service for questions and answers each, until
the service has gone for good, is another one, or says that it is over.
"""

import os
import platform
import time
from importlib.metadata import version
from pathlib import Path
from typing import Any

import httpx

from quintain.service.drive import SERVICE, TOKEN
from quintain.service.ground import Here

#: Seconds without an answer after which there is nobody to look for.
GONE_S = 600.0
#: Where it looks, in words.
PLACE = "the cluster"


def main() -> None:
    """Answer until it is over."""
    heard = time.monotonic()
    told: dict[str, Any] = {
        "quintain": version("quintain"), "python": platform.python_version(), "answers": {},
    }  # fmt: skip
    headers = {"Authorization": f"Bearer {os.environ.pop(TOKEN)}"}
    with httpx.Client(base_url=os.environ[SERVICE], headers=headers, timeout=60) as http:
        while time.monotonic() - heard < GONE_S:
            try:
                answer = http.post("/v1/scout", json=told)
            except httpx.TransportError:
                time.sleep(2.0)
                continue
            if answer.status_code in (401, 404):
                return  # another service is there now, with a scout of its own
            if not answer.is_success:
                time.sleep(2.0)
                continue
            heard = time.monotonic()
            told["answers"] = {
                number: Here(map(Path, asked["roots"]), PLACE).look(
                    asked["sources"], asked["modules"]
                )
                for number, asked in answer.json()["questions"].items()
            }


if __name__ == "__main__":
    main()
