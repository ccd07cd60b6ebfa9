"""A full disk, a database that goes away: what was not saved is said in words, and nothing of it stays behind."""

import errno
import io
from pathlib import Path

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile, TemporaryUploadedFile
from django.core.files.uploadhandler import TemporaryFileUploadHandler
from django.db import InterfaceError, OperationalError
from django.test import Client
from django.urls import reverse
from uuid6 import uuid7

from accounts.models import ApiToken
from cases import outages
from cases.models import LesionImage
from cases.photo import intake
from tests.cast import make_case, photo

pytestmark = pytest.mark.django_db
GONE = "server closed the connection unexpectedly"


@pytest.fixture
def case(alma):
    return make_case(alma)


@pytest.fixture
def pages(alma) -> Client:
    """Staff, before a service whose surprises are answered and not raised into the test."""
    client = Client(raise_request_exception=False)
    client.force_login(alma.staff, backend="allauth.account.auth_backends.AuthenticationBackend")
    return client


@pytest.fixture
def spool_is_full(monkeypatch, settings) -> list[TemporaryUploadedFile]:
    """No room for uploads that are too large for memory; the files that were begun for them."""
    settings.FILE_UPLOAD_MAX_MEMORY_SIZE = 1000
    begun: list[TemporaryUploadedFile] = []

    def full(handler: TemporaryFileUploadHandler, raw_data: bytes, start: int) -> None:
        begun.append(handler.file)
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(TemporaryFileUploadHandler, "receive_data_chunk", full)
    return begun


def upload() -> dict[str, object]:
    return {"file": SimpleUploadedFile("a.jpg", photo(), "image/jpeg")}


def test_an_upload_that_finds_no_room_is_told_so_by_the_page(pages, case, spool_is_full):
    address = reverse("photo_upload", args=[case.id])
    told = pages.post(address, upload(), headers={"Accept": "application/json"})
    assert (told.status_code, told.json()["code"]) == (507, "disk_full")
    assert "administrator" in told.json()["error"]
    shown = pages.post(address, upload())
    assert shown.status_code == 507
    assert "no space left" in shown.content.decode()
    assert "Error 507" in shown.content.decode()
    assert spool_is_full
    assert not [file for file in spool_is_full if Path(file.temporary_file_path()).exists()]


def test_an_upload_that_finds_no_room_is_told_so_by_the_api(alma, case, spool_is_full):
    _held, token = ApiToken.objects.create(alma.staff, name="test")
    client = Client(raise_request_exception=False, headers={"Authorization": f"Token {token}"})
    told = client.post("/api/v1/images/", {**upload(), "case": str(case.id)})
    assert (told.status_code, told.json()["code"]) == (507, "disk_full")


@pytest.mark.parametrize("error", [OperationalError(GONE), InterfaceError("connection already closed")])
def test_a_database_that_is_away_is_no_fault_of_the_request(pages, case, monkeypatch, error):
    def gone(*_args: object, **_options: object) -> None:
        raise error

    monkeypatch.setattr(intake, "accept", gone)
    address = reverse("photo_upload", args=[case.id])
    told = pages.post(address, upload(), headers={"Accept": "application/json"})
    assert (told.status_code, told.json()["code"], told["Retry-After"]) == (503, "database_away", "5")
    assert "does not answer" in pages.post(address, upload()).content.decode()


def test_a_full_disk_below_the_database_is_told_from_a_lost_database():
    for words in ("database or disk is full", 'could not extend file "base/1": No space left on device'):
        assert outages.is_disk_full(OperationalError(words))
        assert not outages.is_database_away(OperationalError(words))
    assert outages.is_database_away(OperationalError("database is locked"))
    assert not outages.is_disk_full(OSError(errno.EIO, "Input/output error"))


def test_a_database_that_dies_at_the_commit_costs_no_file_of_a_row_that_it_kept(case, monkeypatch):
    """The answer to COMMIT is lost on the way: the row is there, and nobody here knows."""
    real, photo_id = intake._recorded, uuid7()

    def committed_without_an_answer(image: LesionImage, **options: object) -> None:
        real(image, **options)
        raise OperationalError(GONE)

    def send() -> LesionImage:
        return intake.accept(case, io.BytesIO(photo()), name="a.jpg", by=case.created_by, photo_id=photo_id)

    with monkeypatch.context() as patch:
        patch.setattr(intake, "_recorded", committed_without_an_answer)
        with pytest.raises(OperationalError):
            send()
    # The client sends again, as after every error, and finds its photo whole.
    image = send()
    assert image.id == photo_id
    assert all(file.storage.exists(file.name) for file in (image.original, image.derivative, image.thumbnail))
