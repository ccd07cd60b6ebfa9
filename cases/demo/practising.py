"""The demo's practice cases, and how two readers have done on them: the AI led one astray, once."""

from datetime import timedelta

from django.utils import timezone

from accounts.models import Clinic, User
from cases.models import Condition, PracticeCase, PracticeRead
from cases.reading import practice

# Whose answers: first alone, then with the AI in sight; in the order of the practice cases. The rest wait for them.
_ANSWERS = {
    "doctor": [("MEL", "NEV"), ("NEV", "NEV"), ("ACK", "BCC"), ("SCC", "SCC")],
    "doctor2": [("MEL", "MEL"), ("SEK", "NEV")],
}


def write(clinic: Clinic, team: dict[str, User]) -> None:
    practice.add_drawn(clinic, by=team["lead"], seen=0)
    cases = list(PracticeCase.objects.filter(clinic=clinic))
    condition = Condition.objects.in_bulk()
    for name, answers in _ANSWERS.items():
        for place, (case, (first, final)) in enumerate(zip(cases, answers, strict=False)):
            when = timezone.now() - timedelta(days=12 - 2 * place)
            PracticeRead.objects.create(
                practice=case,
                reader=team[name],
                first=condition[first],
                committed_at=when - timedelta(minutes=1),
                final=condition[final],
                finished_at=when,
            )
