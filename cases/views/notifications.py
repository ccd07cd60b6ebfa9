"""A person's own notifications: the bell, the list, and what they want to hear of."""

from datetime import UTC, datetime
from uuid import UUID

from django.core.paginator import Paginator
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from accounts.doors import signed_in
from cases import access
from cases.notifications import choices, inbox, words
from cases.notifications.choices import Choice
from cases.views.doors import signed_in_person
from cases.views.said import saved

PAGE_ROWS = 25


@require_GET
@signed_in
def notification_list(request: HttpRequest) -> HttpResponse:
    person = signed_in_person(request)
    only_new = request.GET.get("show") == "new"
    found = inbox.listed(person)
    page = Paginator(found.filter(read_at=None) if only_new else found, PAGE_ROWS).get_page(request.GET.get("page"))
    context = {
        "page": page,
        "lines": words.lines(person, list(page.object_list)),
        "only_new": only_new,
        "until": int(timezone.now().timestamp() * 1_000_000),
    }
    return render(request, "cases/notifications/list.html", context)


@require_GET
@signed_in
def notification_bell(request: HttpRequest) -> HttpResponse:
    """The bell alone; it asks for itself again."""
    return render(request, "_bell.html", {"unread": inbox.unread(signed_in_person(request))})


@require_GET
@signed_in
def notification_open(request: HttpRequest, notification_id: UUID) -> HttpResponse:
    """To what it is about; from now on it counts as read, however often the address is opened."""
    own = access.notifications(request.user).filter(id=notification_id)
    notification = get_object_or_404(own)
    inbox.mark_read(own)
    return redirect(words.address(notification))


@require_POST
@signed_in
def notification_mark(request: HttpRequest, notification_id: UUID) -> HttpResponse:
    """Marks one as read, or as new again."""
    own = access.notifications(request.user).filter(id=notification_id)
    get_object_or_404(own)
    inbox.mark_read(own, read=request.POST.get("as") != "new")
    return _back(request)


@require_POST
@signed_in
def notifications_mark_all(request: HttpRequest) -> HttpResponse:
    """Marks as read what was there when the page was made; what came since stays new."""
    moment = _moment(request.POST.get("until", ""))
    found = access.notifications(request.user)
    inbox.mark_read(found.filter(due_at__lte=moment) if moment else found)
    return _back(request)


@signed_in
@require_http_methods(["GET", "HEAD", "POST"])
def notification_settings(request: HttpRequest) -> HttpResponse:
    """Which kinds, in the app and by mail."""
    person = signed_in_person(request)
    offered = choices.of(person)
    if request.method == "POST":
        in_app, by_mail = request.POST.getlist("in_app"), request.POST.getlist("by_mail")
        choices.choose(person, [Choice(each.kind, each.kind in in_app, each.kind in by_mail) for each in offered])
        saved(request)
        return redirect("notification_settings")
    return render(request, "cases/notifications/settings.html", {"choices": offered, "address": person.email})


def _back(request: HttpRequest) -> HttpResponse:
    """To the list, as its filter was."""
    address = reverse("notification_list")
    return redirect(f"{address}?show=new" if request.POST.get("show") == "new" else address)


def _moment(text: str) -> datetime | None:
    """A moment in microseconds since 1970, as the page was given it; None for what is none."""
    try:
        return datetime.fromtimestamp(int(text) / 1_000_000, UTC)
    except (ValueError, OverflowError, OSError):
        return None
