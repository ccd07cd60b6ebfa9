"""REST API: photos in, and their bytes out through the same access check as everything else."""

from uuid import UUID

import django_filters
from django.http import HttpResponseBase
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import extend_schema, extend_schema_field, extend_schema_view
from rest_framework import serializers
from rest_framework.decorators import action
from rest_framework.parsers import MultiPartParser
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.reverse import reverse

from accounts.roles import Capability
from cases import access
from cases.api.fields import PersonField, RecordField
from cases.api.views import RecordViewSet
from cases.models import ImageKind, LesionImage
from cases.photo import intake, uploads
from cases.pixels import remarks
from cases.views import photos as pages
from cases.views.doors import find

_BYTES = {(200, "image/*"): OpenApiTypes.BINARY}


class PhotoFilesSerializer(serializers.Serializer):
    original = serializers.URLField(help_text="as it was sent, without metadata")
    upright = serializers.URLField(help_text="the upright copy that the model sees")
    thumbnail = serializers.URLField()


class QualityPartsSerializer(serializers.Serializer):
    sharpness = serializers.FloatField(help_text="blur, by the hand or the focus")
    brightness = serializers.FloatField(help_text="too dark")
    highlights = serializers.FloatField(help_text="burnt out by flash or sun")
    size = serializers.FloatField(help_text="too few pixels")
    distance = serializers.FloatField(help_text="taken from too far; does not count for overviews and dermoscopy")


class QualitySerializer(serializers.Serializer):
    score = serializers.FloatField(min_value=0, max_value=1, help_text="that of the worst part")
    in_words = serializers.CharField()
    parts = QualityPartsSerializer(help_text="each 0 (useless) to 1 (good)")


class RemarkSerializer(serializers.Serializer):
    code = serializers.CharField(help_text="a word for programs")
    sentence = serializers.CharField(help_text="for people, with the remedy")


class PhotoSerializer(serializers.ModelSerializer):
    id = serializers.UUIDField(required=False, help_text="made by you, so that a repeated request is one photo")
    case = RecordField(access.cases, Capability.LOG_CASES, related=("lesion",))
    file = serializers.FileField(write_only=True, help_text="JPEG, PNG, WebP, HEIC, AVIF, TIFF or BMP")
    sha256 = serializers.RegexField(
        r"^[0-9a-f]{64}$",
        required=False,
        help_text="of the file's bytes; send it and damage on the way is noticed (`checksum`)",
    )
    files = serializers.SerializerMethodField(help_text="where the bytes are; the same token opens them")
    quality = serializers.SerializerMethodField(help_text="null for photos from before there was a score")
    quality_remarks = serializers.ListField(source="remarks", child=serializers.CharField(), read_only=True)
    remarks = serializers.SerializerMethodField(help_text="quality_remarks in sentences")
    created_by = PersonField()

    even_if_elsewhere = serializers.BooleanField(
        write_only=True,
        default=False,
        help_text="take it although another patient's record has the same photo (`other_patient`)",
    )

    class Meta:
        model = LesionImage
        fields = [
            "id",
            "case",
            "kind",
            "file",
            "even_if_elsewhere",
            "files",
            "content_type",
            "sha256",
            "byte_size",
            "width",
            "height",
            "quality",
            "quality_remarks",
            "remarks",
            "created_at",
            "created_by",
        ]
        read_only_fields = ["content_type", "byte_size", "width", "height", "created_at"]

    @extend_schema_field(QualitySerializer(allow_null=True))
    def get_quality(self, photo: LesionImage) -> dict[str, object] | None:
        score = photo.quality_score
        if score is None:
            return None
        return {"score": score, "in_words": remarks.in_a_word(score), "parts": photo.quality}

    @extend_schema_field(RemarkSerializer(many=True))
    def get_remarks(self, photo: LesionImage) -> list[dict[str, str]]:
        return [{"code": code, "sentence": sentence} for code, sentence in remarks.sentences(photo.remarks)]

    @extend_schema_field(PhotoFilesSerializer)
    def get_files(self, photo: LesionImage) -> dict[str, str]:
        request = self.context["request"]
        return {
            name: reverse(f"api-image-{name}", args=[photo.id], request=request)
            for name in ("original", "upright", "thumbnail")
        }


class PhotoFilter(django_filters.FilterSet):
    case = django_filters.UUIDFilter()
    kind = django_filters.ChoiceFilter(choices=ImageKind.choices)

    class Meta:
        model = LesionImage
        fields: list[str] = []


@extend_schema(tags=["images"])
@extend_schema_view(list=extend_schema(summary="List photos"), retrieve=extend_schema(summary="One photo"))
class PhotoViewSet(RecordViewSet):
    queryset = LesionImage.objects.none()
    records = staticmethod(access.images)
    related = ("created_by", "resembles")
    serializer_class = PhotoSerializer
    filterset_class = PhotoFilter
    parser_classes = [MultiPartParser]

    @extend_schema(
        summary="Add a photo to a case; its prediction is queued at once",
        description="The same photo again is the one that is there already.",
        responses={201: PhotoSerializer},
    )
    def create(self, request: Request) -> Response:
        sent = request.data  # reads the body, and with it the files
        for name in [] if "file" in sent else uploads.too_large(request._request):
            raise intake.dropped(name)
        fields = self.valid(request).validated_data
        upload = fields["file"]
        photo = intake.accept(
            fields["case"],
            upload,
            name=upload.name,
            kind=fields.get("kind", ImageKind.CLOSE_UP),
            by=self.person,
            photo_id=self.id_for(fields),
            even_if_elsewhere=fields["even_if_elsewhere"],
            expected_sha256=fields.get("sha256"),
        )
        return self.answer(photo, created=True)

    def shows(self, record_id: UUID) -> bool:
        # What was taken out since may still be told to the one who sent it.
        return super().shows(record_id) or access.removed_images(self.person).filter(pk=record_id).exists()

    @extend_schema(summary="Take a photo out of an open case", request=None, responses=PhotoSerializer)
    @action(detail=True, methods=["post"])
    def remove(self, request: Request, pk: UUID) -> Response:
        return self.answer(intake.remove(self.found(Capability.LOG_CASES)))

    @extend_schema(summary="Undo a removal", request=None, responses=PhotoSerializer)
    @action(detail=True, methods=["post"])
    def restore(self, request: Request, pk: UUID) -> Response:
        removed = find(access.removed_images, self.person, Capability.LOG_CASES, *self.related, id=pk)
        return self.answer(intake.restore(removed))

    @extend_schema(summary="The original's bytes", responses=_BYTES)
    @action(detail=True)
    def original(self, request: Request, pk: UUID) -> HttpResponseBase:
        return pages.original(request._request, pk)

    @extend_schema(summary="The upright copy's bytes", responses=_BYTES)
    @action(detail=True)
    def upright(self, request: Request, pk: UUID) -> HttpResponseBase:
        return pages.upright(request._request, pk)

    @extend_schema(summary="The thumbnail's bytes", responses=_BYTES)
    @action(detail=True)
    def thumbnail(self, request: Request, pk: UUID) -> HttpResponseBase:
        return pages.thumbnail(request._request, pk)
