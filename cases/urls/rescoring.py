from django.urls import path

from cases.views import rescoring

urlpatterns = [
    path("models/signed/", rescoring.rescored_newest, name="rescored_newest"),
    path("models/<uuid:model_id>/signed/", rescoring.rescored_cases, name="rescored_cases"),
    path("models/<uuid:model_id>/signed/progress/", rescoring.rescored_progress, name="rescored_progress"),
    path("models/<uuid:model_id>/signed/start/", rescoring.rescored_start, name="rescored_start"),
    path("models/<uuid:model_id>/signed/cancel/", rescoring.rescored_cancel, name="rescored_cancel"),
    path("models/<uuid:model_id>/signed/<uuid:case_id>/", rescoring.rescored_look, name="rescored_look"),
]
