from django.urls import path

from cases.views import case_page, reads, worklist

urlpatterns = [
    path("worklist/", worklist.worklist, name="worklist"),
    path("worklist/counts/", worklist.counts, name="worklist_counts"),
    path("worklist/next/", worklist.next_case, name="worklist_next"),
    path("cases/<uuid:case_id>/", case_page.case_detail, name="case_detail"),
    path("cases/<uuid:case_id>/opinion/", case_page.case_opinion, name="case_opinion"),
    path("cases/<uuid:case_id>/read/", reads.read_sign, name="read_sign"),
    path("cases/<uuid:case_id>/outcome/", reads.outcome_record, name="outcome_record"),
]
