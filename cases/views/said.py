"""What a page says after it saved. Messages never name a patient."""

from django.contrib import messages
from django.http import HttpRequest
from django.utils import formats, timezone
from django.utils.translation import gettext as _


def saved(request: HttpRequest, sentence: str = "") -> None:
    """ "Saved 10:42", or another sentence with %(time)s in it."""
    time = formats.date_format(timezone.localtime(), "H:i")
    messages.success(request, (sentence or _("Saved %(time)s.")) % {"time": time})
