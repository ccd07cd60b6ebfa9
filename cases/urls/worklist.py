from django.urls import path

from cases.views import case_page, read_steps, reads, similar, worklist

urlpatterns = [
    path("worklist/", worklist.worklist, name="worklist"),
    path("worklist/counts/", worklist.counts, name="worklist_counts"),
    path("worklist/views/", worklist.save_view, name="worklist_save_view"),
    path("worklist/views/delete/", worklist.delete_view, name="worklist_delete_view"),
    path("worklist/next/", worklist.next_case, name="worklist_next"),
    path("cases/<uuid:case_id>/", case_page.case_detail, name="case_detail"),
    path("cases/<uuid:case_id>/opinion/", case_page.case_opinion, name="case_opinion"),
    path("cases/<uuid:case_id>/similar/", similar.case_similar, name="case_similar"),
    path("cases/<uuid:case_id>/read/", reads.read_sign, name="read_sign"),
    path("cases/<uuid:case_id>/first-opinion/", read_steps.first_opinion, name="read_first_opinion"),
    path("cases/<uuid:case_id>/read/draft/", read_steps.draft, name="read_draft"),
    path("cases/<uuid:case_id>/arrival/", read_steps.arrive, name="case_arrive"),
    path("cases/<uuid:case_id>/reservation/", read_steps.reserve, name="case_reserve"),
    path("cases/<uuid:case_id>/photos-wanted/", read_steps.photos_wanted, name="photos_wanted"),
    path("cases/<uuid:case_id>/photos-wanted/take-back/", read_steps.photos_not_wanted, name="photos_not_wanted"),
    path("reads/<uuid:read_id>/undo/", read_steps.undo, name="read_undo"),
    path("cases/<uuid:case_id>/outcome/", reads.outcome_record, name="outcome_record"),
]
