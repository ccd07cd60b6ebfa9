"""People, clinics, roles and API tokens in the admin pages."""

from typing import Any, cast

from allauth.mfa.models import Authenticator
from django import forms
from django.contrib import admin, messages
from django.contrib.auth.models import Group
from django.core.exceptions import PermissionDenied
from django.db.models import Prefetch, QuerySet
from django.forms.models import ModelChoiceIterator
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.template.response import TemplateResponse
from django.urls import URLPattern, path
from django.utils.translation import gettext_lazy as _
from django.utils.translation import ngettext
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods

from accounts import access, people
from accounts.audit_history import AuditHistory
from accounts.models import ApiToken, Clinic, Membership, User
from accounts.roles import Capability, Role

# Permissions follow from the roles; groups would be a second truth.
admin.site.unregister(Group)
admin.site.unregister(Authenticator)


@admin.register(Authenticator)
class SecondFactorAdmin(admin.ModelAdmin):
    """The operator takes a lost second factor away; its secret is nobody's to read."""

    list_display = ["user", "type", "created_at", "last_used_at"]
    list_select_related = ["user"]
    search_fields = ["user__name", "user__email"]
    fields = ["user", "type", "created_at", "last_used_at"]
    ordering = ["-created_at"]
    deletable = True

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Authenticator | None = None) -> bool:
        return False


@admin.register(Clinic)
class ClinicAdmin(AuditHistory):
    list_display = ["name", "time_zone", "answer_set_coverage", "created_at"]
    search_fields = ["name"]
    fields = ["name", "time_zone", "answer_set_coverage", "created_at"]
    readonly_fields = ["created_at"]

    def rows(self, person: User) -> QuerySet[Clinic]:
        return access.clinics(person, Capability.MANAGE_USERS)

    def has_add_permission(self, request: HttpRequest) -> bool:
        return request.user.is_superuser


class MembershipInline(admin.StackedInline):
    model = Membership
    extra = 0
    verbose_name_plural = _("roles")
    fields = ["clinic", "role", "is_trainee"]

    def get_queryset(self, request: HttpRequest) -> QuerySet[Membership]:
        held = super().get_queryset(request) if request.user.is_superuser else access.memberships(request.user)
        return held.select_related("user", "clinic")

    def get_field_queryset(self, db: str | None, db_field: Any, request: HttpRequest) -> QuerySet | None:
        return self.admin_site.get_model_admin(db_field.remote_field.model).get_queryset(request)

    def formfield_for_foreignkey(self, db_field: Any, request: HttpRequest, **options: Any) -> Any:
        options["queryset"] = self.get_field_queryset(None, db_field, request)
        field = super().formfield_for_foreignkey(db_field, request, **options)
        # Read once for all roles of a person, which would each ask for themselves.
        if field is not None:
            # By `iter`: a list made of the choices directly would count them first.
            field.choices = list(iter(cast(ModelChoiceIterator, field.choices)))
        return field


class NewPersonForm(forms.ModelForm):
    clinic = forms.ModelChoiceField(Clinic.objects.none(), label=_("clinic"))
    role = forms.ChoiceField(choices=Role.choices, label=_("role"))

    class Meta:
        model = User
        fields = ["name", "email"]

    def clean_email(self) -> str:
        email = self.cleaned_data["email"].lower()
        if User.objects.filter(email__iexact=email).exists():
            raise forms.ValidationError(
                _("This address has an account already. The platform's operator can add your clinic's role to it.")
            )
        return email


@admin.register(User)
class PersonAdmin(AuditHistory):
    list_display = ["name", "email", "roles", "is_active", "last_login"]
    list_filter = ["is_active"]
    search_fields = ["name", "email"]
    ordering = ["name", "email"]
    inlines = [MembershipInline]
    actions = ["send_password_link"]
    change_form_template = "admin/accounts/user/change_form.html"

    def rows(self, person: User) -> QuerySet[User]:
        return access.people(person)

    def get_changelist_instance(self, request: HttpRequest) -> Any:
        """The list with everyone's roles, which no other page of a person shows."""
        found = super().get_changelist_instance(request)
        shown = Membership.objects.all() if request.user.is_superuser else access.memberships(request.user)
        roles = Prefetch("memberships", shown.select_related("clinic"), to_attr="shown_memberships")
        found.result_list = found.result_list.prefetch_related(roles)
        return found

    @admin.display(description=_("roles"))
    def roles(self, person: User) -> str:
        return ", ".join(f"{one.get_role_display()} ({one.clinic})" for one in person.shown_memberships)  # type: ignore[attr-defined]

    def get_fields(self, request: HttpRequest, obj: User | None = None) -> Any:
        if obj is None:
            return ["name", "email", "clinic", "role"]
        fields = ["name", "email", "is_active", "last_login", "date_joined"]
        return [*fields, "is_superuser"] if request.user.is_superuser else fields

    def get_readonly_fields(self, request: HttpRequest, obj: User | None = None) -> list[str]:
        fixed = ["last_login", "date_joined"] if obj else []
        if obj and not self._may_edit(request, obj):
            return [*fixed, "name", "email", "is_active"]
        if obj and obj == request.user:
            # Nobody locks themselves out, nor takes the operator's rights from themselves.
            return [*fixed, "is_active", "is_superuser"]
        return fixed

    def _may_edit(self, request: HttpRequest, person: User) -> bool:
        """Decided once a request: Django asks for the form's fields several times."""
        decided = request.__dict__.setdefault("_may_edit", {})
        if person.pk not in decided:
            decided[person.pk] = access.may_edit_account(request.user, person)
        return decided[person.pk]

    def get_form(self, request: HttpRequest, obj: User | None = None, change: bool = False, **options: Any) -> Any:
        if obj is not None:
            return super().get_form(request, obj, change, **options)
        form = super().get_form(request, obj, change, **{**options, "form": NewPersonForm, "fields": ["name", "email"]})
        choice = cast(forms.ModelChoiceField, form.base_fields["clinic"])
        choice.queryset = self.admin_site.get_model_admin(Clinic).get_queryset(request)
        return form

    def get_inlines(self, request: HttpRequest, obj: User | None) -> list:
        return self.inlines if obj else []

    def save_model(self, request: HttpRequest, obj: User, form: forms.ModelForm, change: bool) -> None:
        if change:
            obj.email = obj.email.lower()
            super().save_model(request, obj, form, change)
            return
        chosen = form.cleaned_data
        created = people.create(
            email=chosen["email"], name=chosen["name"], clinic=chosen["clinic"], role=chosen["role"]
        )
        obj.__dict__.update(created.__dict__)

    def response_add(self, request: HttpRequest, obj: User, post_url_continue: str | None = None) -> HttpResponse:
        self.message_user(
            request,
            _("%(name)s has an account. Now send a link to set a password, or set a first password here.")
            % {"name": obj},
            messages.SUCCESS,
        )
        return redirect("admin:accounts_user_change", obj.pk)

    # --- Passwords ----------------------------------------------------------------------------------
    @admin.action(description=_("Mail a link to set a password"), permissions=["change"])
    def send_password_link(self, request: HttpRequest, chosen: QuerySet[User]) -> None:
        mailed = sum(
            people.send_password_link(request, person)
            for person in chosen
            if access.may_edit_account(request.user, person)
        )
        said = ngettext("%(number)s link was mailed.", "%(number)s links were mailed.", mailed)
        self.message_user(request, said % {"number": mailed}, messages.SUCCESS if mailed else messages.WARNING)

    def get_urls(self) -> list[URLPattern]:
        view = require_http_methods(["GET", "POST"])(never_cache(self.first_password))
        return [
            path(
                "<path:object_id>/first-password/",
                self.admin_site.admin_view(view),
                name="accounts_user_first_password",
            ),
            *super().get_urls(),
        ]

    def first_password(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """Asks, sets a random password, and shows it this once."""
        person = cast(User, self.get_object(request, object_id))
        if not self.has_change_permission(request, person) or not access.may_edit_account(request.user, person):
            raise PermissionDenied
        context = {
            **self.admin_site.each_context(request),
            "title": _("First password"),
            "opts": self.opts,
            "person": person,
            "password": people.set_first_password(person) if request.method == "POST" else None,
        }
        return TemplateResponse(request, "admin/accounts/user/first_password.html", context)

    def render_change_form(
        self,
        request: HttpRequest,
        context: Any,
        add: bool = False,
        change: bool = False,
        form_url: str = "",
        obj: User | None = None,
    ) -> HttpResponse:
        if obj is not None:
            context["may_set_password"] = self._may_edit(request, obj)
        return super().render_change_form(request, context, add, change, form_url, obj)


@admin.register(Membership)
class MembershipAdmin(AuditHistory):
    list_display = ["user", "role", "clinic"]
    list_filter = ["role"]
    list_select_related = ["user", "clinic"]
    search_fields = ["user__name", "user__email"]
    autocomplete_fields = ["user"]
    ordering = ["user__name", "id"]
    deletable = True

    def rows(self, person: User) -> QuerySet[Membership]:
        return access.memberships(person)


class NewTokenForm(forms.ModelForm):
    class Meta:
        model = ApiToken
        fields = ["user", "name", "expiry"]


@admin.register(ApiToken)
class ApiTokenAdmin(admin.ModelAdmin):
    """Made, shown once, and revoked; never changed."""

    list_display = ["token", "user", "created", "expiry"]
    list_select_related = ["user"]
    search_fields = ["name", "user__name", "user__email"]
    ordering = ["-created"]
    form = NewTokenForm
    deletable = True

    def rows(self, person: User) -> QuerySet[ApiToken]:
        return access.tokens(person)

    @admin.display(description=_("token"))
    def token(self, held: ApiToken) -> str:
        return str(held)

    def get_fields(self, request: HttpRequest, obj: ApiToken | None = None) -> Any:
        return ["token", "user", "created", "expiry"] if obj else ["user", "name", "expiry"]

    def has_change_permission(self, request: HttpRequest, obj: ApiToken | None = None) -> bool:
        return False

    def formfield_for_foreignkey(self, db_field: Any, request: HttpRequest, **options: Any) -> Any:
        if db_field.name == "user":
            options["queryset"] = access.token_holders(request.user)
            options["help_text"] = _("Yourself, or a person with the role “Integration” and no other.")
        return super().formfield_for_foreignkey(db_field, request, **options)

    def save_model(self, request: HttpRequest, obj: ApiToken, form: forms.ModelForm, change: bool) -> None:
        held, text = people.make_token(obj.user, name=obj.name, expiry=obj.expiry)
        obj.__dict__.update(held.__dict__)
        request.token_made = text  # type: ignore[attr-defined]

    def response_add(self, request: HttpRequest, obj: ApiToken, post_url_continue: str | None = None) -> HttpResponse:
        # Answered at once and not by a redirect: a message would carry the token through a cookie.
        context = {
            **self.admin_site.each_context(request),
            "title": _("API token"),
            "opts": self.opts,
            "held": obj,
            "text": request.token_made,  # type: ignore[attr-defined]
        }
        answer = TemplateResponse(request, "admin/accounts/apitoken/made.html", context)
        answer["Cache-Control"] = "no-store"
        return answer
