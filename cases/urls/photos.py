from django.urls import path

from cases.views import photos, scale

urlpatterns = [
    path("cases/<uuid:case_id>/photos/", photos.upload, name="photo_upload"),
    path("photos/<uuid:photo_id>/original", photos.original, name="photo_original"),
    path("photos/<uuid:photo_id>/upright", photos.upright, name="photo_upright"),
    path("photos/<uuid:photo_id>/thumbnail", photos.thumbnail, name="photo_thumbnail"),
    path("photos/<uuid:photo_id>/scale/", scale.photo_scale, name="photo_scale"),
    path("photos/<uuid:photo_id>/remove/", photos.remove, name="photo_remove"),
    path("photos/<uuid:photo_id>/restore/", photos.restore, name="photo_restore"),
    path("predictions/<uuid:prediction_id>/heatmap.png", photos.heatmap, name="heatmap"),
    path("predictions/<uuid:prediction_id>/retry/", photos.retry, name="prediction_retry"),
]
