from django.urls import path

from cases.views import cases

urlpatterns = [
    path("cases/new/", cases.case_new, name="case_new"),
    path("cases/<uuid:case_id>/change/", cases.case_change, name="case_change"),
    path("cases/<uuid:case_id>/send/", cases.case_send, name="case_send"),
    path("cases/<uuid:case_id>/withdraw/", cases.case_withdraw, name="case_withdraw"),
    path("cases/<uuid:case_id>/restore/", cases.case_restore, name="case_restore"),
    path("photos/<uuid:photo_id>/kind/", cases.photo_kind, name="photo_kind"),
]
