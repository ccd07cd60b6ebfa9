"""All that a case's page shows, loaded at once: how many queries that takes depends on nothing.

The case and the other visits of its lesion come as one list, so that their photos, opinions and reads do too. What
parts of the page need is handed to them from here; none of them asks the database by itself.
"""

import hashlib
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from django.db.models import Case as Choice
from django.db.models import FilteredRelation, Model, OuterRef, Prefetch, Q, QuerySet, Subquery, Value, When

from cases import access, blinding
from cases.models import Case, CaseState, FirstOpinion, LesionImage, PhotoRequest, Read, ReadDraft, Reservation
from cases.prediction import opinions
from cases.reading import reads, stamps
from cases.vocabulary import conditions
from cases.worklist import listing

MOST_EARLIER = 12
# Of what is loaded: what Django keeps for itself, who is at the case, and what signing in changes.
_NOT_SHOWN = {"_state", "reservation", "password", "last_login"}


@dataclass(frozen=True)
class CaseFile:
    """One case for one person. `record` is the case with what `find` has hung on it."""

    record: Any
    visits: list[Case]  # the other visits of the same lesion, the newest first
    conditions: conditions.Known
    has_more_visits: bool = False  # than MOST_EARLIER: the patient's page lists them

    @property
    def case(self) -> Case:
        return self.record

    @property
    def photos(self) -> list[LesionImage]:
        return self.record.photos

    @property
    def reads(self) -> list[Read]:
        """The reads that stand, the first one first; whether the person may see them says `reads_are_hidden`."""
        return self.record.signed_reads

    @property
    def reads_are_hidden(self) -> bool:
        return self.record.reads_are_hidden

    @property
    def ai_is_hidden(self) -> bool:
        return self.record.ai_is_hidden

    @property
    def first_opinion(self) -> FirstOpinion | None:
        """The person's own, of the case with the photos that it has now."""
        return getattr(self.record, "own_first_opinion", None)

    @property
    def draft(self) -> ReadDraft | None:
        """What the person has entered and not signed."""
        return getattr(self.record, "own_draft", None)

    @property
    def reservation(self) -> Reservation | None:
        return listing.held(self.record)

    @property
    def open_request(self) -> PhotoRequest | None:
        """What staff are to retake."""
        return next((each for each in self.record.requests if each.is_open), None)

    @property
    def answered_requests(self) -> list[PhotoRequest]:
        return [each for each in self.record.requests if each.answered_at]

    @property
    def stamp(self) -> str:
        """`stamps.stamp` of what the page shows."""
        return stamps.stamp(self.record, [photo.id for photo in self.photos])

    @property
    def fingerprint(self) -> str:
        """Another one as soon as anything that the page shows is another, but for who is at the case."""
        return hashlib.sha256(repr(_loaded([self.record, *self.visits], set())).encode()).hexdigest()


def find(person: access.Person, case_id: UUID) -> CaseFile | None:
    """The case with all that its page shows; None if there is none in this person's clinics."""
    found = (
        listing.with_what_a_row_shows(person, access.cases(person))
        .filter(lesion__cases=case_id)
        .filter(Q(id=case_id) | ~Q(state=CaseState.WITHDRAWN))
        .annotate(
            reads_are_hidden=blinding.reads_hidden_here(person),
            own_first_opinion=FilteredRelation(
                "first_opinions",
                condition=Q(first_opinions__id=Subquery(blinding.first_opinion(person, OuterRef("pk")).values("pk"))),
            ),
            own_draft=_of("read_drafts", person),
        )
        .select_related(  # type: ignore[misc]  # both are relations of the annotations above
            "created_by", "clinic__ai_stopped_by", "outcome__recorded_by", "own_first_opinion__condition", "own_draft"
        )
        .prefetch_related(
            Prefetch("reads", reads.with_what_a_page_shows(Read.objects.all()), to_attr="signed_reads"),
            Prefetch("photo_requests", _requests(), to_attr="requests"),
        )
        .order_by(Choice(When(id=case_id, then=Value(0)), default=Value(1)), "-created_at", "-id")
    )
    cases: list[Any] = list(found[: 1 + MOST_EARLIER + 1])
    if not cases or cases[0].id != case_id:
        return None
    visits = cases[1:]
    return CaseFile(cases[0], visits[:MOST_EARLIER], conditions.known(), len(visits) > MOST_EARLIER)


def with_card(person: access.Person, case_id: UUID) -> Case | None:
    """The case with what its AI card alone shows."""
    return (
        opinions.with_photos(access.cases(person))
        .annotate(ai_is_hidden=blinding.ai_hidden_here(person))
        .select_related("clinic__ai_stopped_by", "lesion__patient")
        .filter(id=case_id)
        .first()
    )


def _loaded(value: Any, seen: set[int]) -> Any:
    """`value` with everything that was loaded with it, in a form whose `repr` is the same for the same content."""
    if isinstance(value, Model):
        if id(value) in seen:
            return value.pk
        seen.add(id(value))
        parts = {**vars(value), **value._state.fields_cache}
        return {name: _loaded(part, seen) for name, part in sorted(parts.items()) if name not in _NOT_SHOWN}
    if isinstance(value, list | tuple | QuerySet):
        return [_loaded(each, seen) for each in value]
    if isinstance(value, dict):
        return {key: _loaded(each, seen) for key, each in value.items()}
    return bytes(value) if isinstance(value, memoryview) else value


def _of(relation: str, person: access.Person) -> FilteredRelation:
    """The one row of `relation` that is this person's."""
    return FilteredRelation(relation, condition=Q(**{f"{relation}__reader": person.pk}))


def _requests() -> QuerySet[PhotoRequest]:
    return PhotoRequest.objects.select_related("asked_by", "answered_by").order_by("asked_at", "id")
