from django.urls import path

from cases.views import practice

urlpatterns = [
    path("practice/", practice.practice_home, name="practice"),
    path("practice/next/", practice.practice_next, name="practice_next"),
    path("practice/manage/", practice.practice_manage, name="practice_manage"),
    path("practice/manage/draw/", practice.practice_draw, name="practice_draw"),
    path("practice/manage/add/<uuid:case_id>/", practice.practice_add, name="practice_add"),
    path("practice/<uuid:practice_id>/", practice.practice_case, name="practice_case"),
    path("practice/<uuid:practice_id>/picture", practice.practice_picture, name="practice_picture"),
    path("practice/<uuid:practice_id>/retire/", practice.practice_retire, name="practice_retire"),
]
