"""Who is let in, and the choice of clinic."""

from django.urls import reverse

from accounts.models import Membership
from accounts.roles import Role
from tests.cast import make_patient, make_person


def test_a_stranger_signs_in_first(client, db):
    answer = client.get(reverse("patient_list"))
    assert answer.headers["Location"] == f"{reverse('account_login')}?next={reverse('patient_list')}"


def test_part_of_a_page_sends_the_whole_page_to_the_sign_in(client, db):
    here = f"http://testserver{reverse('patient_list')}"
    answer = client.post(reverse("patient_list"), {"q": "novak"}, HTTP_HX_REQUEST="true", HTTP_HX_CURRENT_URL=here)
    assert answer.headers["HX-Redirect"] == f"{reverse('account_login')}?next={reverse('patient_list')}"


def test_a_person_without_a_role_is_told_whom_to_ask_and_sees_no_record(alma, sign_in):
    nobody = make_person(None)
    client = sign_in(nobody)
    page = client.get(reverse("home"))
    assert "Ask the admin of your clinic" in page.content.decode()
    assert nobody.email in page.content.decode()
    assert client.get(reverse("patient_list")).status_code == 403
    assert client.get(reverse("patient_new")).status_code == 403
    assert client.get(reverse("patient_detail", args=[make_patient(alma).id])).status_code == 404


def test_the_clinic_is_switched_among_ones_own_only(alma, brno, sign_in):
    person = make_person(alma.clinic, Role.STAFF)
    Membership.objects.create(user=person, clinic=brno.clinic, role=Role.STAFF)
    make_patient(alma, family_name="Almer")
    make_patient(brno, family_name="Brunner")
    client = sign_in(person)
    assert "Almer" in client.get(reverse("patient_list")).content.decode()

    answer = client.post(reverse("clinic_switch"), {"clinic": str(brno.clinic.id)})
    assert answer.headers["Location"] == reverse("home")
    page = client.get(reverse("patient_list")).content.decode()
    assert "Brunner" in page
    assert "Almer" not in page

    Membership.objects.filter(user=person, clinic=alma.clinic).delete()
    assert client.post(reverse("clinic_switch"), {"clinic": str(alma.clinic.id)}).status_code == 404
    assert client.post(reverse("clinic_switch"), {"clinic": "alma"}).status_code == 404
    assert client.get(reverse("clinic_switch")).status_code == 405
