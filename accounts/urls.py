from django.urls import path

from accounts import views

urlpatterns = [
    path("clinic/", views.clinic_switch, name="clinic_switch"),
]
