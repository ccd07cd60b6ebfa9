"""REST API: who am I, and which clinics may I act in?"""

from typing import cast

from django.utils.translation import gettext_lazy as _
from drf_spectacular.extensions import OpenApiAuthenticationExtension
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.permissions import BasePermission, IsAuthenticated
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from accounts.access import clinic_ids
from accounts.authentication import ApiTokenAuthentication
from accounts.models import Membership, User
from accounts.roles import Capability, Role


class ApiTokenScheme(OpenApiAuthenticationExtension):
    """How the OpenAPI document describes the header."""

    target_class = ApiTokenAuthentication
    name = "token"

    def get_security_definition(self, auto_schema: object) -> dict[str, str]:
        return {
            "type": "apiKey",
            "in": "header",
            "name": "Authorization",
            "description": "Write `Token ` and the token that a clinic admin made for you.",
        }


class HoldsARole(BasePermission):
    """Lets those in who may see some clinic's record. Which rows they get is the access functions' matter."""

    message = _("You have no role in a clinic. Ask a clinic's admin for one.")

    def has_permission(self, request: Request, view: APIView) -> bool:
        return bool(clinic_ids(request.user, Capability.VIEW_RECORD))


class ClinicOfMineSerializer(serializers.Serializer):
    id = serializers.UUIDField()
    name = serializers.CharField()
    time_zone = serializers.CharField(help_text="an IANA name")
    roles = serializers.ListField(child=serializers.ChoiceField(Role.choices))
    capabilities = serializers.ListField(child=serializers.ChoiceField(Capability.choices))


class MeSerializer(serializers.Serializer):
    id = serializers.UUIDField()
    name = serializers.CharField()
    email = serializers.EmailField()
    clinics = ClinicOfMineSerializer(many=True)


class MeView(APIView):
    """Whose token is this, and where may it act?"""

    permission_classes = [IsAuthenticated]

    @extend_schema(operation_id="me", tags=["me"], responses=MeSerializer, summary="Who am I?")
    def get(self, request: Request) -> Response:
        person = cast(User, request.user)
        held: dict[object, list[Membership]] = {}
        for membership in person.held_memberships:
            held.setdefault(membership.clinic_id, []).append(membership)
        clinics = [
            {
                "id": here[0].clinic_id,
                "name": here[0].clinic.name,
                "time_zone": here[0].clinic.time_zone,
                "roles": sorted(membership.role for membership in here),
                "capabilities": sorted({str(one) for membership in here for one in membership.capabilities}),
            }
            for here in held.values()
        ]
        return Response(
            MeSerializer({"id": person.id, "name": person.name, "email": person.email, "clinics": clinics}).data
        )
