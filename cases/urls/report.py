from django.urls import path

from cases.views import report

urlpatterns = [
    path("reports/", report.report_list, name="report_list"),
    path("cases/<uuid:case_id>/report/", report.report_page, name="report_page"),
    path("cases/<uuid:case_id>/report.pdf", report.report_file, name="report_file"),
    path("cases/<uuid:case_id>/report/mark/", report.report_mark, name="report_mark"),
]
