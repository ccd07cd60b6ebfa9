from django.urls import path

from accounts import views

urlpatterns = [
    path("settings/", views.own_settings, name="own_settings"),
    path("clinic/", views.clinic_switch, name="clinic_switch"),
]
