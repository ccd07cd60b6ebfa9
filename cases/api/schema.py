"""What the OpenAPI document says of every operation, in one place."""

from typing import Any

from drf_spectacular.openapi import AutoSchema
from drf_spectacular.utils import OpenApiParameter
from rest_framework import serializers

from cases.api.repeats import HEADER, METHODS, AnswersOnce
from cases.idempotency import LONGEST_KEY


class ProblemSerializer(serializers.Serializer):
    """Every refusal but that of invalid fields."""

    detail = serializers.CharField(help_text="a sentence for people")
    code = serializers.CharField(help_text="a word for programs")


_WORDS = {
    "401": "No token, or one that was revoked",
    "403": "Your role in this clinic does not allow it",
    "404": "Unknown, or not yours to see; which of both is not said",
    "409": "The record's present state stands against it; `code` says why",
    "412": "The record was changed: it no longer has an ETag of `If-Match`. Nothing was done",
    "413": "The body, or its photo, has too many bytes",
    "415": "The body's content type, or the photo's, is not understood",
    "422": "This `Idempotency-Key` was used for another request",
    "507": "The server has no space for the photo",
    "429": "Too many requests in this minute; `Retry-After` says when to go on",
}

_KEY = OpenApiParameter(
    HEADER,
    {"type": "string", "minLength": 1, "maxLength": LONGEST_KEY, "pattern": "^[!-~]+$"},
    OpenApiParameter.HEADER,
    description=(
        "Made by you, a new one for each request (a UUID). Sent again with the same body within 24 hours, the "
        "request is not carried out again: the first answer comes back, with `Idempotent-Replayed: true`."
    ),
)


_ETAG = OpenApiParameter(
    "ETag",
    str,
    OpenApiParameter.HEADER,
    response=[200, 201],
    description="Another one as soon as anything that the answer shows is changed; for `If-Match`.",
)
_IF_MATCH = OpenApiParameter(
    "If-Match",
    str,
    OpenApiParameter.HEADER,
    description=(
        "The `ETag` that an answer gave you, or several, divided by commas. Nothing is done unless the record is still "
        "in such a state (412 `changed`). Without it, or with `*`, the record's state is not asked about."
    ),
)
_IF_NONE_MATCH = OpenApiParameter(
    "If-None-Match",
    str,
    OpenApiParameter.HEADER,
    description="The `ETag` of the answer that you have: 304 without a body while it is still so.",
)


class ClinicAutoSchema(AutoSchema):
    """Adds the refusals that every operation shares, so that no view has to repeat them."""

    def get_override_parameters(self) -> list[Any]:
        parameters = super().get_override_parameters()
        if self._takes_key():
            parameters.append(_KEY)
        if self._shows_tag():
            parameters.append(_ETAG)
        if self._takes_tag():
            parameters.append(_IF_MATCH)
        if self._is_asked_again():
            parameters.append(_IF_NONE_MATCH)
        return parameters

    def _shows_tag(self) -> bool:
        return self._is_asked_again() or (self._is_tagged() and self._takes_key())

    def _takes_tag(self) -> bool:
        return self._is_tagged() and self._takes_key() and bool(getattr(self.view, "detail", False))

    def _is_asked_again(self) -> bool:
        return self._is_tagged() and getattr(self.view, "action", "") == "retrieve"

    def _is_tagged(self) -> bool:
        return isinstance(self.view, AnswersOnce) and self.view.tagged

    def _takes_key(self) -> bool:
        return self.method in METHODS and isinstance(self.view, AnswersOnce) and self.view.takes_key()

    def get_description(self) -> str:  # type: ignore[override]
        # Docstrings here speak to those who write the code; summaries and field helps speak to the API's users.
        return ""

    def get_operation(self, *args: Any, **options: Any) -> dict[str, Any] | None:
        operation = super().get_operation(*args, **options)
        if operation is None:
            return None
        problem = self.resolve_serializer(ProblemSerializer, "response").ref
        codes = ["401", "403", "404", "429"]
        if self.method in ("POST", "PUT", "PATCH", "DELETE"):
            codes += ["409", "415"]
            operation["responses"].setdefault("400", self._invalid(problem))
        elif operation.get("parameters"):
            operation["responses"].setdefault("400", self._invalid(problem))
        if self._takes_key():
            codes += ["422"]
        if self._takes_tag():
            codes += ["412"]
        if self._is_asked_again():
            operation["responses"]["304"] = {"description": "Still as the ETag of `If-None-Match` says"}
        if sent := operation.get("requestBody", {}).get("content", {}):
            codes += ["413", "507"] if "multipart/form-data" in sent else ["413"]
        for code in codes:
            operation["responses"].setdefault(
                code, {"description": _WORDS[code], "content": {"application/json": {"schema": problem}}}
            )
        operation["responses"] = dict(sorted(operation["responses"].items()))
        return operation

    def _invalid(self, problem: dict[str, Any]) -> dict[str, Any]:
        fields = {
            "type": "object",
            "additionalProperties": {},
            "description": "field name: list of sentences",
        }
        return {
            "description": "Invalid fields, or a wish that is refused",
            "content": {
                "application/json": {
                    "schema": {"anyOf": [problem, fields]},
                    "examples": {
                        "Fields": {"value": {"birth_date": ["This field is required."]}},
                        "Refusal": {"value": {"detail": "The birth date lies in the future.", "code": "birth_date"}},
                    },
                }
            },
        }
