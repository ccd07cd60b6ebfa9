"""Which clinics a person may act in. Every queryset of the clinical record derives from this."""

from uuid import UUID

from django.contrib.auth.models import AnonymousUser
from django.db.models import Exists, OuterRef, Q, QuerySet

from accounts.models import ApiToken, Clinic, Membership, User
from accounts.roles import Capability, Role


def clinic_ids(user: User | AnonymousUser, capability: Capability) -> set[UUID]:
    """The clinics in which `user` holds `capability`; empty for a stranger or an inactive person.

    A platform operator (superuser) holds no capability by being one: the record belongs to the clinic's people.
    """
    if not isinstance(user, User):
        return set()
    return {held.clinic_id for held in user.held_memberships if capability in held.capabilities}


def clinics(user: User | AnonymousUser, capability: Capability = Capability.VIEW_RECORD) -> QuerySet[Clinic]:
    return Clinic.objects.filter(id__in=clinic_ids(user, capability))


def can(user: User | AnonymousUser, clinic: Clinic | UUID | None, capability: Capability) -> bool:
    """Whether `user` holds `capability` in `clinic`."""
    clinic_id = clinic.id if isinstance(clinic, Clinic) else clinic
    return clinic_id in clinic_ids(user, capability)


def everywhere(user: User | AnonymousUser, capability: Capability, *, clinics: int | None = None) -> bool:
    """Whether `user` may decide for the whole installation: with `capability` in every clinic, or as its operator.

    One model serves all clinics, so the lead of one of several cannot change what the others work with.

    Args:
        clinics: how many there are, where the caller has counted them.
    """
    if not isinstance(user, User) or not user.is_active:
        return False
    held = clinic_ids(user, capability)
    return user.is_superuser or (bool(held) and len(held) == (Clinic.objects.count() if clinics is None else clinics))


def people(user: User | AnonymousUser) -> QuerySet[User]:
    """The people whose accounts `user` may manage: those with a role in a clinic that they run.

    Whoever runs every clinic also sees those without a role, who would else be out of everybody's reach.
    """
    run = clinic_ids(user, Capability.MANAGE_USERS)
    theirs = Q(memberships__clinic__in=run)
    if run and everywhere(user, Capability.MANAGE_USERS):
        theirs |= Q(memberships__isnull=True, is_superuser=False)
    return User.objects.filter(theirs).distinct()


def without_role(user: User | AnonymousUser) -> QuerySet[User]:
    """Those who may sign in and see nothing: among all for the platform's operator, else among `people`."""
    is_operator = isinstance(user, User) and user.is_active and user.is_superuser
    found = User.objects.filter(is_superuser=False) if is_operator else people(user)
    return found.filter(memberships__isnull=True, is_active=True)


def memberships(user: User | AnonymousUser) -> QuerySet[Membership]:
    """The roles that `user` may give and take."""
    return Membership.objects.filter(clinic__in=clinic_ids(user, Capability.MANAGE_USERS))


def tokens(user: User | AnonymousUser) -> QuerySet[ApiToken]:
    """The API tokens that `user` may see and revoke."""
    return ApiToken.objects.filter(user__in=people(user))


def may_edit_account(user: User | AnonymousUser, person: User) -> bool:
    """Whether `user` may change the name, address, password or activity of `person`.

    Only where `user` runs every clinic that `person` works in: whoever sets a password can sign in with it, and
    would otherwise see a clinic that is not theirs. Roles in one's own clinic are `memberships`, and another matter.
    """
    if isinstance(user, User) and user.is_superuser and user.is_active:
        return True
    if person.is_superuser:
        return False
    run = clinic_ids(user, Capability.MANAGE_USERS)
    # Not `person.held_memberships`: that is empty for those who were switched off, and this may switch them on.
    works_in = set(person.memberships.values_list("clinic", flat=True))
    return bool(works_in) and works_in <= run


def token_holders(user: User | AnonymousUser) -> QuerySet[User]:
    """Whom `user` may make an API token for: oneself, and those of one's people who are integrations and no more.

    A token acts as its holder, so one for a doctor would sign as that doctor.
    """
    if not isinstance(user, User):
        return User.objects.none()
    a_role_for_people = Membership.objects.filter(user=OuterRef("pk")).exclude(role=Role.INTEGRATION)
    robots = User.objects.filter(is_active=True, is_superuser=False, memberships__role=Role.INTEGRATION).filter(
        ~Exists(a_role_for_people)
    )
    if not user.is_superuser:
        # All their clinics, not one of them: the token opens every clinic that its holder works in.
        run = clinic_ids(user, Capability.MANAGE_USERS)
        elsewhere = Membership.objects.filter(user=OuterRef("pk")).exclude(clinic__in=run)
        robots = robots.filter(~Exists(elsewhere))
    return User.objects.filter(Q(pk=user.pk) | Q(pk__in=robots.values("pk")))
