from django.conf import settings
from django.contrib import admin
from django.urls import include, path

from skinclinic import health, metrics
from skinclinic.start.page import home

urlpatterns = [
    path("healthz", health.live, name="healthz"),
    path("readyz", health.ready, name="readyz"),
    path("metrics", metrics.metrics, name="metrics"),
    path("", home, name="home"),
    path("", include("accounts.urls")),
    path("", include("cases.urls.worklist")),
    path("", include("cases.urls.clinic")),
    path("", include("cases.urls.patients")),
    path("", include("cases.urls.cases")),
    path("", include("cases.urls.photos")),
    path("", include("cases.urls.notifications")),
    path("", include("cases.urls.report")),
    path("", include("cases.urls.rescoring")),
    path("", include("cases.urls.figures")),
    path("", include("cases.urls.practice")),
    path("", include("training.urls")),
    path("api/", include("skinclinic.api_urls")),
    path("accounts/", include("allauth.urls")),
    path("admin/", admin.site.urls),
]

handler404 = "skinclinic.errors.not_found"
handler500 = "skinclinic.errors.broke"

if settings.DEBUG:
    from skinclinic.styleguide import styleguide

    urlpatterns.append(path("styleguide/", styleguide, name="styleguide"))
