"""`ETag` and `If-Match` (RFC 9110) at the API's doors: nobody writes over what somebody else changed meanwhile."""

import json
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from django.db import transaction
from django.utils.crypto import salted_hmac
from django.utils.http import parse_etags, quote_etag
from django.utils.translation import gettext_lazy as _
from rest_framework import status
from rest_framework.request import Request
from rest_framework.response import Response

from accounts.roles import Capability
from cases.api.views import RecordViewSet
from cases.errors import Conflict, Refused

CHANGED, BAD_TAG = "changed", "if_match"


class RecordChanged(Conflict):
    """The record is no longer the one that the request's `If-Match` names."""

    code = CHANGED

    def __init__(self) -> None:
        super().__init__(_("This was changed since you fetched it. Fetch it again, look at it, then decide."))


class TaggedRecordViewSet(RecordViewSet):
    """Answers that show one record carry its `ETag`; a write with an `If-Match` is carried out on that state only."""

    tagged = True

    def changeable_unseen(self, record: Any, shown: Mapping[str, Any]) -> Iterable[object]:
        """What the person may change of `record` although it is not `shown` to them."""
        return ()

    def etag(self, record: Any, shown: Mapping[str, Any]) -> str:
        """Another one as soon as anything changes that the person is shown of `record`, or could overwrite.

        Of what is hidden from them it tells nothing, hence not of the row itself; and it is keyed, so that trying the
        few values that a field can have leads nowhere.
        """
        text = json.dumps([shown, [*self.changeable_unseen(record, shown)]], sort_keys=True, default=str)
        return quote_etag(salted_hmac("cases.api.etag", text, algorithm="sha256").hexdigest()[:32])

    def answer(self, record: Any, *, created: bool = False) -> Response:
        response = super().answer(record, created=created)
        response["ETag"] = self.etag(record, response.data)
        response["Cache-Control"] = "private, no-cache"
        return response

    def retrieve(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        response = self.answer(self.found())
        known = [tag.removeprefix("W/") for tag in parse_etags(request.headers.get("If-None-Match", ""))]
        if response["ETag"] in known or "*" in known:
            response.data, response.status_code = None, status.HTTP_304_NOT_MODIFIED
        return response

    @contextmanager
    def unchanged(self, capability: Capability) -> Iterator[Any]:
        """The record in the address, to write on (see `found`).

        Where the request names a state by `If-Match`, the row is locked until the block ends and is in that state.

        Raises:
            RecordChanged: it is in another one.
            Refused: the header holds no ETag (code "if_match").
        """
        record, header = self.found(capability), self.request.headers.get("If-Match")
        if header is None:
            yield record
            return
        tags = parse_etags(header)
        if not tags:
            # Not to be taken for a request without the header, which would overwrite.
            raise Refused(_("Write If-Match as an answer gave you its ETag, with the quotes."), code=BAD_TAG)
        with transaction.atomic():
            self.records(self.person).select_for_update(of=("self",)).get(pk=record.pk)
            record = self.found(capability)
            # A weak tag is never the same: it does not promise that nothing changed.
            if "*" not in tags and self.etag(record, self.get_serializer(record).data) not in tags:
                raise RecordChanged
            yield record
