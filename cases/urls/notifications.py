from django.urls import path

from cases.views import notifications

urlpatterns = [
    path("notifications/", notifications.notification_list, name="notification_list"),
    path("notifications/bell/", notifications.notification_bell, name="notification_bell"),
    path("notifications/read/", notifications.notifications_mark_all, name="notifications_mark_all"),
    path("notifications/settings/", notifications.notification_settings, name="notification_settings"),
    path("notifications/<uuid:notification_id>/", notifications.notification_open, name="notification_open"),
    path("notifications/<uuid:notification_id>/mark/", notifications.notification_mark, name="notification_mark"),
]
