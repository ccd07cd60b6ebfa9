from django.urls import path

from cases.views import clinic

urlpatterns = [
    path("clinic/reading/", clinic.policy, name="clinic_policy"),
    path("clinic/ai/stop/", clinic.ai_stop, name="ai_stop"),
    path("clinic/ai/start/", clinic.ai_start, name="ai_start"),
]
