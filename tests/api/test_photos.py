"""Photos through the API that did not arrive as they were sent, or are too large to arrive."""

import hashlib

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.urls import reverse

from cases.models import Case
from tests.cast import make_case, photo

pytestmark = pytest.mark.django_db
ADDRESS = "/api/v1/images/"


@pytest.fixture
def case(alma) -> Case:
    return make_case(alma)


@pytest.fixture
def send(api, alma, case):
    client = api(alma.integration)

    def _send(data: bytes, name: str = "mole.jpg", **fields: str):
        body = {"case": str(case.id), "file": SimpleUploadedFile(name, data), **fields}
        return client.post(ADDRESS, body, format="multipart")

    return _send


def test_damage_on_the_way_is_noticed_by_the_checksum(send, case):
    data = photo()
    told = hashlib.sha256(data).hexdigest()
    damaged = send(photo(seed=1), sha256=told)
    assert (damaged.status_code, damaged.json()["code"]) == (422, "checksum")
    assert "“mole.jpg”" in damaged.json()["detail"]
    assert not case.images.exists()
    assert send(data, sha256=told).json()["sha256"] == told
    assert send(data, sha256="no checksum").status_code == 400


def test_a_photo_that_is_too_large_is_named(send, settings):
    settings.PHOTO_MAX_BYTES = 2**20
    answer = send(b"\xff\xd8\xff" + bytes(2**20))
    assert (answer.status_code, answer.json()["code"]) == (413, "too_many_bytes")
    assert "“mole.jpg” has more than 1 MB" in answer.json()["detail"]


def test_so_are_those_that_come_with_a_form(alma, case, sign_in, settings):
    """Without the page's script photos come with the form; one that was dropped must not be missed in silence."""
    settings.PHOTO_MAX_BYTES = 2**20
    client = sign_in(alma.staff)
    large = SimpleUploadedFile("huge.jpg", b"\xff\xd8\xff" + bytes(2**20))
    form = {"photos": [SimpleUploadedFile("fine.jpg", photo()), large], "lesion": str(case.lesion_id)}
    answers = {**dict.fromkeys(Case.QUESTIONS, "unknown"), "requested_urgency": "3", "action": "send"}
    page = client.post(reverse("case_change", args=[case.id]), {**form, **answers}, follow=True)
    assert "“huge.jpg” has more than 1 MB" in page.content.decode()
    case.refresh_from_db()
    assert (case.state, case.images.count()) == ("draft", 1)


def test_an_upload_of_the_page_is_named_too(alma, case, sign_in, settings):
    settings.PHOTO_MAX_BYTES = 2**20
    large = SimpleUploadedFile("huge.jpg", b"\xff\xd8\xff" + bytes(2**20))
    answer = sign_in(alma.staff).post(reverse("photo_upload", args=[case.id]), {"file": large})
    assert (answer.status_code, "“huge.jpg”" in answer.json()["error"]) == (413, True)
