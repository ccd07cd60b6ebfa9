"""What holds for every admin page, whichever app it comes from. `ClinicAdminSite.register` mixes it in.

Who may do what at all follows from the roles (accounts/backends.py); which rows they get is said by each admin class
in `rows(person)`, from the access functions. A class that says nothing shows its rows to the operator only.
"""

import secrets
from collections.abc import Callable
from typing import Any

from django.contrib import admin, messages
from django.contrib.admin.views.main import PAGE_VAR, SEARCH_VAR, ChangeList
from django.core.exceptions import PermissionDenied
from django.core.paginator import Paginator
from django.db.models import ForeignKey, Model, QuerySet
from django.db.models.fields.related import RelatedField
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.utils.functional import cached_property

from cases.errors import Refused

COUNTED_ROWS = 10_000
_SEARCHES_KEPT = 20
_SEARCHES_KEY = "admin-searches"
_TOKEN_MARK = "~"  # noqa: S105 (a mark, no secret)


class BoundedPaginator(Paginator):
    """Counts to 10,000 and no further: at a million rows nobody pages to the end, they search."""

    @cached_property
    def count(self) -> int:
        rows: QuerySet = self.object_list  # type: ignore[assignment]
        return rows[: COUNTED_ROWS + 1].count()


class SearchedChangeList(ChangeList):
    """Knows the words behind the search's token, to show them in the search box again."""

    def __init__(self, request: HttpRequest, *args: Any, **options: Any) -> None:
        super().__init__(request, *args, **options)
        self.search_words = words_of(request, self.query)
        self.search_action = self.get_query_string(remove=[SEARCH_VAR, PAGE_VAR])


class HouseRules(admin.ModelAdmin):
    list_per_page = 50
    list_max_show_all = 200
    show_full_result_count = False
    show_facets = admin.ShowFacets.NEVER  # each facet is a COUNT over the whole table
    paginator = BoundedPaginator
    save_on_top = False
    deletable = False
    rows: Callable[[Any], QuerySet] | None = None

    # --- Which rows ---------------------------------------------------------------------------------
    def get_queryset(self, request: HttpRequest) -> QuerySet:
        if request.user.is_superuser:
            return super().get_queryset(request)
        if self.rows is None:
            return super().get_queryset(request).none()
        rows = self.rows(request.user)
        ordering = self.get_ordering(request)
        return rows.order_by(*ordering) if ordering else rows

    def get_object(self, request: HttpRequest, object_id: str, from_field: str | None = None) -> Any:
        if not self.has_view_or_change_permission(request):
            raise PermissionDenied  # before anything is looked up, so that a refusal says nothing of what is there
        # PostgreSQL takes no text with a NUL, and would say so with an error.
        found = None if "\x00" in object_id else super().get_object(request, object_id, from_field)
        if found is None:
            # Django would go back to the list and say the id aloud; an unknown and a foreign row are one to us.
            raise Http404
        return found

    def get_field_queryset(self, db: str | None, db_field: RelatedField, request: HttpRequest) -> QuerySet | None:
        """What a form's choice may name is what the person could open."""
        related = self.admin_site._registry.get(db_field.related_model)
        return related.get_queryset(request) if related else super().get_field_queryset(db, db_field, request)

    def formfield_for_foreignkey(self, db_field: ForeignKey, request: HttpRequest, **options: Any) -> Any:
        options.setdefault("queryset", self.get_field_queryset(options.get("using"), db_field, request))
        return super().formfield_for_foreignkey(db_field, request, **options)

    # --- What may be done ---------------------------------------------------------------------------
    def has_delete_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return self.deletable and super().has_delete_permission(request, obj)

    def changeform_view(
        self,
        request: HttpRequest,
        object_id: str | None = None,
        form_url: str = "",
        extra_context: dict | None = None,
    ) -> Any:
        try:
            return super().changeform_view(request, object_id, form_url, extra_context)
        except Refused as refusal:
            # Forms check what they can; this is for what another person did in between.
            messages.error(request, str(refusal))
            return HttpResponseRedirect(request.get_full_path())

    # --- Searching ----------------------------------------------------------------------------------
    # What is searched for is mostly a patient's name, and addresses end up in logs and histories. So the words
    # travel in a POST, stay in the session, and the address carries a token for them.
    def get_changelist(self, request: HttpRequest, **options: Any) -> type[ChangeList]:
        return SearchedChangeList

    def changelist_view(self, request: HttpRequest, extra_context: dict | None = None) -> HttpResponse:
        if request.method == "POST" and "search" in request.POST:
            if not self.has_view_or_change_permission(request):
                return super().changelist_view(request, extra_context)  # which refuses
            query = request.GET.copy()
            query.pop(SEARCH_VAR, None)
            query.pop(PAGE_VAR, None)
            if words := request.POST["search"].strip().replace("\x00", ""):
                query[SEARCH_VAR] = _token_for(request, words)
            return HttpResponseRedirect(f"{request.path}?{query.urlencode()}")
        return super().changelist_view(request, extra_context)

    def get_search_results(self, request: HttpRequest, queryset: QuerySet, search_term: str) -> tuple[QuerySet, bool]:
        words = words_of(request, search_term)
        return self.search(request, queryset, words) if words else (queryset, False)

    def search(self, request: HttpRequest, queryset: QuerySet, words: str) -> tuple[QuerySet, bool]:
        """What a search for `words` finds, and whether it may name rows twice; override for indexed searches."""
        return super().get_search_results(request, queryset, words)


def _token_for(request: HttpRequest, words: str) -> str:
    kept = list(request.session.get(_SEARCHES_KEY, []))[-_SEARCHES_KEPT + 1 :]
    for token, known in kept:
        if known == words:
            return token
    token = _TOKEN_MARK + secrets.token_urlsafe(6)
    request.session[_SEARCHES_KEY] = [*kept, [token, words[:200]]]
    return token


def words_of(request: HttpRequest, term: str) -> str:
    """The words behind a search's token; a term that is no token (an autocomplete's) stands for itself."""
    if not term.startswith(_TOKEN_MARK):
        return term
    return dict(request.session.get(_SEARCHES_KEY, [])).get(term, "")
