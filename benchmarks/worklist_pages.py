"""The process in which benchmarks/worklist.py asks for pages of one database: for each N on a line, N calls a page."""

import json
import random
import sys
import time
from collections.abc import Callable
from typing import Any

import django

django.setup()

from django.conf import settings  # noqa: E402 - Django must be set up before models are imported
from django.db import connection  # noqa: E402
from django.test import Client  # noqa: E402

from accounts.models import User  # noqa: E402
from benchmarks import million  # noqa: E402
from benchmarks.clinic import Desk  # noqa: E402
from cases.models import Case  # noqa: E402
from tests import sessions  # noqa: E402

Ask = Callable[[], Any]


def main(size: int) -> None:
    settings.ALLOWED_HOSTS = ["testserver"]
    desk, seconds = million.timed(size)
    print(json.dumps({"load_seconds": round(seconds, 1)}), flush=True)
    asked = pages(desk)
    for line in sys.stdin:
        print(json.dumps({name: measured(ask, int(line)) for name, ask in asked.items()}), flush=True)


def pages(desk: Desk) -> dict[str, Ask]:
    doctor, token = _signed_in(desk.doctor), {"HTTP_AUTHORIZATION": f"Token {desk.token()}"}
    lead = _signed_in(desk.lead)
    chance = random.Random(7)
    ids = list(
        Case.objects.filter(clinic=desk.clinic, state="signed").order_by("number").values_list("id", flat=True)[:1000]
    )
    names = ("novak", "marek", "kaberg", "suova", "rae", "pein")

    def search(words: str) -> Any:
        return doctor.post("/patients/", {"q": words}, headers={"HX-Request": "true"})

    def next_case() -> Any:
        """Reserves a case; the page that it leads to is measured as the case page."""
        answer = doctor.get("/worklist/next/")
        if not answer.headers.get("Location", "").startswith("/cases/"):
            raise RuntimeError("no case waits for the doctor")
        return answer

    return {
        "worklist": lambda: doctor.get("/worklist/"),
        "worklist, flagged by the AI": lambda: doctor.get("/worklist/?tab=waiting&ai=flagged"),
        "signed cases": lambda: doctor.get("/worklist/?tab=signed"),
        "patients": lambda: doctor.get("/patients/"),
        "patient search by name": lambda: search(chance.choice(names)),
        "patient search by two letters": lambda: search(chance.choice(("no", "ma", "be"))),
        "patient search by MRN": lambda: search(f"M{chance.randrange(1, 90)}"),
        "next case": next_case,
        # A lead is shown the most of them.
        "figures, flow": lambda: lead.get("/figures/?show=flow"),
        "figures, agreement": lambda: lead.get("/figures/?show=agreement"),
        "figures, drift": lambda: lead.get("/figures/?show=drift"),
        "case page": lambda: doctor.get(f"/cases/{chance.choice(ids)}/"),
        "API, cases": lambda: doctor.get("/api/v1/cases/", **token),  # type: ignore[arg-type]
        "API, signed cases": lambda: doctor.get("/api/v1/cases/?state=signed", **token),  # type: ignore[arg-type]
        "API, photos": lambda: doctor.get("/api/v1/images/", **token),  # type: ignore[arg-type]
    }


def _signed_in(person: User) -> Client:
    client = Client()
    client.cookies[settings.SESSION_COOKIE_NAME] = sessions.key_for(person)
    return client


def measured(ask: Ask, calls: int) -> dict[str, Any]:
    spent, most = [], 0
    for _ in range(calls):
        queries: list[str] = []

        def count(execute: Any, sql: str, params: Any, many: bool, context: Any, queries: list[str] = queries) -> Any:
            queries.append(sql)
            return execute(sql, params, many, context)

        with connection.execute_wrapper(count):
            began = time.perf_counter()
            answer = ask()
            spent.append(1000 * (time.perf_counter() - began))
        if answer.status_code not in (200, 302):
            raise RuntimeError(f"{answer.request['PATH_INFO']} answered {answer.status_code}")
        most = max(most, len(queries))
    return {"ms": spent, "queries": most}


if __name__ == "__main__":
    main(int(sys.argv[1]))
