from django.urls import path

from training.views import comparisons, models, promotion, runs

urlpatterns = [
    path("training/", runs.training_list, name="training_list"),
    path("training/new/", runs.training_new, name="training_new"),
    path("training/<uuid:run_id>/", runs.training_run, name="training_run"),
    path("training/<uuid:run_id>/cancel/", runs.training_cancel, name="training_cancel"),
    path("training/<uuid:run_id>/again/", runs.training_again, name="training_again"),
    path("models/", models.model_list, name="model_list"),
    path("models/rollback/", promotion.models_rollback, name="models_rollback"),
    path("models/comparisons/<uuid:comparison_id>/", comparisons.comparison_detail, name="comparison_detail"),
    path("models/comparisons/<uuid:comparison_id>/cancel/", comparisons.comparison_cancel, name="comparison_cancel"),
    path("models/comparisons/<uuid:comparison_id>/waive/", promotion.comparison_waive, name="comparison_waive"),
    path("models/<uuid:model_id>/", models.model_detail, name="model_detail"),
    path("models/<uuid:model_id>/plots/<slug:name>.svg", models.model_plot, name="model_plot"),
    path("models/<uuid:model_id>/promote/", promotion.model_promote, name="model_promote"),
    path("models/<uuid:model_id>/shadow/", promotion.model_shadow, name="model_shadow"),
    path("models/<uuid:model_id>/compare/", comparisons.model_compare, name="model_compare"),
]
