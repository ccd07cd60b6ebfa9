"""Photos in S3-compatible storage, against a server that speaks S3 (moto, in this process)."""

import io
import urllib.request
from collections.abc import Iterator
from datetime import timedelta
from urllib.parse import urlsplit

import boto3
import pytest
from django.core.checks import Error
from django.core.files.base import ContentFile
from django.core.files.storage import default_storage, storages
from django.urls import reverse
from django.utils import timezone
from moto.server import ThreadedMotoServer

from cases.models import LesionImage, PredictionState
from cases.photo import files, intake, orphans
from cases.photo.object_storage import ObjectStorage
from cases.prediction import asking, computing
from inference import registry
from skinclinic import checks, health
from tests.cases.models import FakeEngine, registered_model
from tests.cast import make_case, photo

pytestmark = pytest.mark.django_db
BUCKET = "photos-of-a-clinic"


@pytest.fixture(scope="module")
def server() -> Iterator[str]:
    running = ThreadedMotoServer(port=0, verbose=False)
    running.start()
    host, port = running.get_host_and_port()
    yield f"http://{host}:{port}"
    running.stop()


@pytest.fixture
def endpoint(server, settings, monkeypatch) -> str:
    """A fresh bucket, which the record's photos go to."""
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "of-this-test")
    bucket = boto3.resource("s3", endpoint_url=server, region_name="us-east-1").Bucket(BUCKET)
    bucket.create()
    bucket.objects.delete()
    settings.S3_BUCKET, settings.S3_ENDPOINT_URL, settings.S3_PUBLIC_URL = BUCKET, server, server
    options = {"bucket": BUCKET, "endpoint": server, "public": server}
    settings.STORAGES = {
        **settings.STORAGES,
        "default": {"BACKEND": "cases.photo.object_storage.ObjectStorage", "OPTIONS": options},
    }
    assert isinstance(storages["default"], ObjectStorage)
    return server


@pytest.fixture
def image(endpoint, alma) -> LesionImage:
    registered_model()
    case = make_case(alma)
    return intake.accept(case, io.BytesIO(photo()), name="a.jpg", by=case.created_by)


def keys() -> set[str]:
    return {f"{folder}/{name}" for folder, names in orphans.walk("images") for name in names}


def test_a_photo_goes_to_the_bucket_and_is_predicted_from_it(image, settings, monkeypatch):
    assert keys() == {image.original.name, image.derivative.name, image.thumbnail.name}
    assert not settings.MEDIA_ROOT.exists()
    monkeypatch.setattr(registry, "engine", lambda version: FakeEngine())
    prediction = image.predictions.get()
    computing.run(prediction.id)
    prediction.refresh_from_db()
    assert prediction.state == PredictionState.DONE


def test_the_row_is_committed_only_after_its_objects_are_there(endpoint, alma, monkeypatch):
    real, case = intake._recorded, make_case(alma)

    def look(image: LesionImage, **options: object) -> LesionImage:
        assert len(keys()) == 3
        return real(image, **options)

    monkeypatch.setattr(intake, "_recorded", look)
    intake.accept(case, io.BytesIO(photo()), name="a.jpg", by=case.created_by)


def test_any_failure_after_the_objects_removes_them(endpoint, alma, monkeypatch):
    monkeypatch.setattr(asking, "request_first", lambda image: 1 / 0)
    case = make_case(alma)
    with pytest.raises(ZeroDivisionError):
        intake.accept(case, io.BytesIO(photo()), name="a.jpg", by=case.created_by)
    assert not keys()
    assert not case.images.exists()


def test_orphans_are_moved_aside_put_back_and_removed(image):
    default_storage.save("images/ab/abandoned.jpg", ContentFile(b"x"))
    assert orphans.sweep() == orphans.Swept(0, 0, 0)  # it is young
    # The server's clock may be a little ahead.
    assert orphans.sweep(older_than=timedelta(seconds=-5)) == orphans.Swept(1, 0, 0)
    assert len(keys()) == 3
    aside = f"{orphans.ASIDE}/{timezone.now().date()}/ab/abandoned.jpg"
    assert default_storage.open(aside).read() == b"x"

    # Its row comes back, with a backup.
    LesionImage.objects.filter(id=image.id).update(derivative="images/ab/abandoned.jpg", original="images/ab/a.jpg")
    assert orphans.sweep() == orphans.Swept(0, 1, 0)
    assert default_storage.open("images/ab/abandoned.jpg").read() == b"x"
    assert not default_storage.exists(aside)

    LesionImage.objects.filter(id=image.id).update(derivative=image.derivative, original=image.original)
    assert orphans.sweep(older_than=timedelta(seconds=-5)) == orphans.Swept(1, 0, 0)
    assert orphans.sweep(kept_for=timedelta(0)) == orphans.Swept(0, 0, 1)
    assert not default_storage.exists(aside)


def test_it_is_streamed_whole_and_in_parts(image, alma, sign_in):
    client, url = sign_in(alma.doctor), reverse("photo_original", args=[image.id])
    whole = image.original.open("rb").read()
    response = client.get(url)
    assert response.getvalue() == whole
    assert (response["Content-Length"], response["Cache-Control"]) == (str(len(whole)), "private, no-cache")
    assert client.get(url, headers={"If-None-Match": response["ETag"]}).status_code == 304
    for wanted, start, stop in (("bytes=100-199", 100, 200), ("bytes=-50", -50, None), ("bytes=9-", 9, None)):
        part = client.get(url, headers={"Range": wanted})
        assert (part.status_code, part.getvalue()) == (206, whole[start:stop])
    beyond = client.get(url, headers={"Range": "bytes=99999999-"})
    assert (beyond.status_code, beyond["Content-Range"]) == (416, f"bytes */{len(whole)}")


def test_a_missing_object_is_not_found_and_training_has_a_copy_on_disk(image, alma, sign_in):
    with open(image.derivative.path, "rb") as copy:
        assert copy.read() == image.derivative.open("rb").read()
    default_storage.delete(image.original.name)
    for headers in ({}, {"Range": "bytes=0-9"}):
        url = reverse("photo_original", args=[image.id])
        assert sign_in(alma.doctor).get(url, headers=headers).status_code == 404


def test_a_browser_is_sent_on_with_a_link_that_ends_soon(image, alma, brno, sign_in, settings):
    settings.PHOTOS_SERVED_BY = files.STORAGE
    url = reverse("photo_original", args=[image.id])
    assert sign_in(brno.doctor).get(url).status_code == 404
    response = sign_in(alma.doctor).get(url)
    assert (response.status_code, response["Cache-Control"]) == (302, "private, no-store")
    link = response["Location"]
    assert "X-Amz-Expires=60" in link
    assert alma.doctor.email not in link
    with urllib.request.urlopen(link, timeout=5) as answer:
        assert answer.read() == image.original.open("rb").read()
        assert answer.headers["Content-Type"] == "image/jpeg"
        assert answer.headers["Cache-Control"] == "private, max-age=60"


def test_a_storage_that_does_not_answer_is_an_os_error_and_leaves_no_row(endpoint, alma, monkeypatch):
    storage = storages["default"]
    assert health._storage()
    # Nobody listens there.
    monkeypatch.setattr(storage, "endpoint", "http://127.0.0.1:9")
    storage.__dict__.pop("_client", None)
    case = make_case(alma)
    with pytest.raises(OSError, match="does not answer"):
        intake.accept(case, io.BytesIO(photo()), name="a.jpg", by=case.created_by)
    assert not case.images.exists()
    assert not health._storage()
    storage.__dict__.pop("_client", None)


def test_what_does_not_go_together_is_said(settings):
    def said() -> list[str]:
        found = checks.photos_are_served_by_somebody(None)
        assert all(isinstance(each, Error) and each.hint for each in found)
        return [each.id for each in found]

    settings.PHOTOS_SERVED_BY, settings.S3_BUCKET, settings.S3_PUBLIC_URL = "app", "", ""
    assert said() == []
    settings.PHOTOS_SERVED_BY = "apache"
    assert said() == ["skinclinic.E006"]
    settings.PHOTOS_SERVED_BY = "storage"
    assert said() == ["skinclinic.E007"]
    settings.S3_BUCKET, settings.S3_PUBLIC_URL = BUCKET, "https://s3.eu-central-1.amazonaws.com"
    assert said() == []
    settings.PHOTOS_SERVED_BY = "nginx"
    assert said() == ["skinclinic.E008"]


def test_the_links_host_is_the_storages(endpoint, image, alma, sign_in, settings):
    storages["default"].public = "https://s3.clinic.example"
    settings.PHOTOS_SERVED_BY = files.STORAGE
    link = sign_in(alma.doctor).get(reverse("photo_thumbnail", args=[image.id]))["Location"]
    assert urlsplit(link).hostname == "s3.clinic.example"
