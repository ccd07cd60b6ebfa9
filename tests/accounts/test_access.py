"""Who may act where: the roles table, and the functions that every door derives from."""

import pytest
from django.contrib.auth.models import AnonymousUser, Permission
from django.urls import reverse

from accounts import access
from accounts.models import Membership, User
from accounts.roles import GRANTS, Capability, Role, roles_with
from tests.cast import make_person


def test_every_role_is_granted_something_and_every_capability_is_granted_to_someone():
    assert set(GRANTS) == set(Role.values)
    assert {capability for granted in GRANTS.values() for capability in granted} == set(Capability)


def test_only_doctors_sign():
    assert set(roles_with(Capability.SIGN_READS)) == {Role.DOCTOR, Role.LEAD}
    assert set(roles_with(Capability.RECORD_OUTCOMES)) == {Role.DOCTOR, Role.LEAD}


def test_only_lead_and_admin_open_the_admin_pages_and_only_the_admin_manages_people():
    assert set(roles_with(Capability.OPEN_ADMIN)) == {Role.LEAD, Role.ADMIN}
    assert roles_with(Capability.MANAGE_USERS) == [Role.ADMIN]


@pytest.mark.parametrize("role", Role.values)
def test_a_role_counts_in_its_own_clinic_only(alma, brno, role):
    person = alma.role(role)
    for capability in Capability:
        expected = {alma.clinic.id} if capability in GRANTS[role] else set()
        assert access.clinic_ids(person, capability) == expected
        assert access.can(person, alma.clinic, capability) == bool(expected)
        assert not access.can(person, brno.clinic, capability)


def test_roles_in_several_clinics_do_not_leak_into_each_other(alma, brno):
    person = make_person(alma.clinic, Role.DOCTOR)
    Membership.objects.create(user=person, clinic=brno.clinic, role=Role.STAFF)
    assert access.clinic_ids(person, Capability.VIEW_RECORD) == {alma.clinic.id, brno.clinic.id}
    assert access.clinic_ids(person, Capability.SIGN_READS) == {alma.clinic.id}


def test_strangers_operators_and_inactive_people_hold_nothing(alma):
    operator = User.objects.create_superuser("operator@example.org", name="Operator")
    gone = make_person(alma.clinic, Role.ADMIN)
    gone.is_active = False
    for person in (AnonymousUser(), operator, make_person(None), gone):
        for capability in Capability:
            assert access.clinic_ids(person, capability) == set()
            assert not access.clinics(person, capability).exists()
        assert not access.people(person).exists()
        assert not access.memberships(person).exists()


@pytest.mark.parametrize(
    ("role", "may_open"),
    [(Role.STAFF, False), (Role.DOCTOR, False), (Role.LEAD, True), (Role.ADMIN, True), (Role.INTEGRATION, False)],
)
def test_the_admin_opens_by_role(alma, role, may_open):
    assert alma.role(role).is_staff == may_open


def test_djangos_permission_tables_grant_nothing(alma):
    alma.staff.user_permissions.add(*Permission.objects.all())
    assert not alma.staff.has_perm("cases.change_patient")
    assert not alma.staff.has_perm("accounts.add_user")
    assert not alma.staff.has_module_perms("cases")


def test_permissions_follow_from_roles(alma):
    assert alma.lead.has_perm("cases.change_patient")
    assert alma.lead.has_perm("inference.change_modelversion")
    assert not alma.lead.has_perm("accounts.change_user")
    assert alma.admin.has_perm("accounts.change_user")
    assert alma.doctor.has_perm("inference.view_modelversion")
    assert not alma.doctor.has_perm("inference.change_modelversion")
    # An app that nobody thought of is the operator's only.
    assert not alma.admin.has_perm("mfa.view_authenticator")


def test_whoever_sets_a_password_runs_every_clinic_that_it_opens(alma, brno):
    shared = make_person(alma.clinic, Role.DOCTOR)
    assert access.may_edit_account(alma.admin, shared)
    Membership.objects.create(user=shared, clinic=brno.clinic, role=Role.STAFF)
    assert not access.may_edit_account(alma.admin, shared)
    assert not access.may_edit_account(alma.lead, alma.doctor)
    assert not access.may_edit_account(alma.admin, make_person(None))
    operator = User.objects.create_superuser("operator@example.org", name="Operator")
    Membership.objects.create(user=operator, clinic=alma.clinic, role=Role.STAFF)
    assert not access.may_edit_account(alma.admin, operator)
    assert access.may_edit_account(operator, shared)


def test_a_role_taken_away_ends_at_the_next_request(alma, sign_in):
    client = sign_in(alma.admin)
    assert client.get(reverse("admin:index")).status_code == 200
    alma.admin.memberships.all().delete()
    assert client.get(reverse("admin:index")).status_code != 200


def test_a_person_switched_off_is_signed_out_at_the_next_request(alma, sign_in):
    client = sign_in(alma.admin)
    User.objects.filter(id=alma.admin.id).update(is_active=False)
    answer = client.get(reverse("admin:index"), follow=True)
    assert answer.redirect_chain
    assert not answer.wsgi_request.user.is_authenticated
