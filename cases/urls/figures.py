from django.urls import path

from cases.views import figures

urlpatterns = [
    path("figures/", figures.figures, name="figures"),
    path("figures/<slug:key>.csv", figures.figure_csv, name="figure_csv"),
    path("figures/<slug:key>/cases/", figures.figure_cases, name="figure_cases"),
]
