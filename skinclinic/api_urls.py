"""The REST API, version 1."""

from django.urls import include, path
from drf_spectacular.views import SpectacularSwaggerSplitView
from rest_framework.routers import DefaultRouter

from accounts.api import MeView
from cases.api.cases import CaseViewSet
from cases.api.conditions import ConditionViewSet
from cases.api.document import DocumentView
from cases.api.lesions import LesionViewSet
from cases.api.outcomes import OutcomeViewSet
from cases.api.patients import PatientViewSet
from cases.api.photos import PhotoViewSet
from cases.api.predictions import PredictionViewSet
from cases.api.reads import ReadViewSet
from cases.api.report import CaseReportView
from inference.api import ModelVersionViewSet

router = DefaultRouter(use_regex_path=False)
router.include_format_suffixes = False
router.register("patients", PatientViewSet, "api-patient")
router.register("lesions", LesionViewSet, "api-lesion")
router.register("cases", CaseViewSet, "api-case")
router.register("images", PhotoViewSet, "api-image")
router.register("predictions", PredictionViewSet, "api-prediction")
router.register("reads", ReadViewSet, "api-read")
router.register("outcomes", OutcomeViewSet, "api-outcome")
router.register("conditions", ConditionViewSet, "api-condition")
router.register("models", ModelVersionViewSet, "api-model")

urlpatterns = [
    path("v1/me/", MeView.as_view(), name="api-me"),
    path("v1/schema/", DocumentView.as_view(), name="api-schema"),
    path("v1/docs/", SpectacularSwaggerSplitView.as_view(url_name="api-schema"), name="api-docs"),
    # A file with a name of its own, so without a slash at its end.
    path("v1/cases/<uuid:pk>/report.pdf", CaseReportView.as_view(), name="api-case-report"),
    path("v1/", include(router.urls)),
]
