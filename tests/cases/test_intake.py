"""A photo into the record: what is kept, what is refused, and that nothing is left half done."""

import errno
import io
import threading

import pytest
from django.core.files.storage import default_storage
from django.db import connection
from django.utils import timezone
from PIL import Image

from cases.errors import Refused
from cases.models import Case, CaseState, LesionImage, Prediction, PredictionState
from cases.photo import intake
from cases.photo.intake import PhotoRefused
from cases.prediction import asking
from cases.record import lifecycle, patients
from tests.cases import pictures
from tests.cases.models import registered_model
from tests.cast import make_case, make_patient, photo, waiting_case

pytestmark = pytest.mark.django_db


def take(case: Case, data: bytes, name: str = "IMG_1.jpg", **options: object) -> LesionImage:
    return intake.accept(case, io.BytesIO(data), name=name, by=case.created_by, **options)


def files(settings) -> set[str]:
    root = settings.MEDIA_ROOT
    return {str(path.relative_to(root)) for path in root.rglob("*") if path.is_file()} if root.exists() else set()


@pytest.fixture
def case(alma) -> Case:
    return make_case(alma)


def test_a_photo_becomes_a_row_three_files_and_a_prediction(case, settings):
    version = registered_model()

    image = take(case, pictures.phone_jpeg(orientation=6))

    assert (image.width, image.height) == (700, 900)
    assert files(settings) == {image.original.name, image.derivative.name, image.thumbnail.name}
    assert Image.open(image.derivative.path).size == (512, 658)
    assert Image.open(image.thumbnail.path).size == (320, 411)
    assert image.byte_size == image.original.size
    prediction = image.predictions.get()
    assert (prediction.state, prediction.model_version) == (PredictionState.QUEUED, version)


def test_files_are_the_owners_alone_and_tell_no_patient(case, settings):
    image = take(case, photo(), name=f"{case.lesion.patient.mrn}.jpg")
    assert all(path.stat().st_mode & 0o077 == 0 for path in settings.MEDIA_ROOT.rglob("*"))
    assert case.lesion.patient.mrn not in "".join(files(settings))
    assert str(image.id) not in "".join(files(settings))


@pytest.mark.parametrize(
    ("data", "code", "word"),
    [
        (b"", "empty", "empty"),
        (b"%PDF-1.7 a letter", "unsupported_type", "PDF"),
        (b"GIF89a" + bytes(99), "unsupported_type", "GIF"),
        (b"\0\0\0\x18ftypmp42" + bytes(99), "unsupported_type", "video"),
        (b"Dear doctor, ...", "not_a_picture", "not a picture"),
        (b"\xff\xd8\xff\xe0", "broken", "broken"),
        (pictures.bomb_png(), "too_many_pixels", "100 megapixels"),
        (pictures.as_jpeg(pictures.drawn(300, 150)), "too_small", "300 × 150"),
        (pictures.as_jpeg(pictures.drawn(2000, 210)), "strip", "strip"),
    ],
)
def test_refusals_name_the_file_and_leave_nothing(case, settings, data, code, word):
    with pytest.raises(PhotoRefused) as refused:
        take(case, data, name="C:\\photos\\mole.jpg")
    assert refused.value.code == code
    assert "“mole.jpg”" in str(refused.value)
    assert word in str(refused.value)
    assert not files(settings)
    assert not LesionImage.objects.exists()


@pytest.mark.parametrize("make", [pictures.phone_jpeg, pictures.as_png, pictures.as_webp, pictures.small_heic])
@pytest.mark.parametrize("share", [0.02, 0.3, 0.6, 0.9])
def test_a_truncated_photo_is_broken(case, settings, make, share):
    whole = make()
    with pytest.raises(PhotoRefused) as refused:
        take(case, whole[: int(len(whole.split(b"SECRET-TAIL")[0]) * share)])
    assert refused.value.code == "broken"
    assert not files(settings)


def test_a_200_megapixel_bomb_costs_its_header_only(case, monkeypatch):
    monkeypatch.setattr(Image.Image, "load", lambda self: pytest.fail("decoded"))
    with pytest.raises(PhotoRefused, match="megapixels"):
        take(case, pictures.bomb_png(9_000, 12_000))


def test_no_more_than_the_limit_is_read(case, settings):
    class Endless(io.RawIOBase):
        taken = 0

        def read(self, size: int = -1) -> bytes:
            assert 0 < size <= settings.PHOTO_MAX_BYTES + 1
            self.taken += size
            return bytes(size)

    settings.PHOTO_MAX_BYTES = 2**20
    endless = Endless()
    with pytest.raises(PhotoRefused, match="1 MB") as refused:
        intake.accept(case, endless, name="huge.jpg", by=case.created_by)
    assert refused.value.code == "too_many_bytes"
    assert endless.taken == 2**20 + 1


def test_a_name_from_the_wire_cannot_break_out_of_the_sentence(case):
    with pytest.raises(PhotoRefused) as refused:
        take(case, b"no", name="../../etc/\x1b[31m" + "x" * 500 + ".jpg")
    assert len(str(refused.value)) < 160
    assert "\x1b" not in str(refused.value)
    assert "/" not in str(refused.value)


@pytest.mark.parametrize("state", [CaseState.SIGNED, CaseState.WITHDRAWN])
def test_a_closed_case_takes_no_photo(alma, settings, state):
    case = waiting_case(alma)
    Case.objects.filter(id=case.id).update(state=state, signed_at=timezone.now())
    with pytest.raises(Refused) as refused:
        take(case, photo())
    assert refused.value.code == "wrong_state"
    assert not files(settings)


def test_a_case_signed_while_the_photo_was_read_takes_no_photo(case, settings, monkeypatch):
    real = intake.picture.read

    def sign_meanwhile(data: bytes, name: str, **options):
        Case.objects.filter(id=case.id).update(state=CaseState.SIGNED, signed_at=timezone.now())
        return real(data, name, **options)

    monkeypatch.setattr(intake.picture, "read", sign_meanwhile)
    with pytest.raises(Refused):
        take(case, photo())
    assert not files(settings)
    assert not case.images.exists()


def test_the_same_photo_twice_is_one(case, settings):
    first, second = take(case, photo()), take(case, photo(), name="copy.jpg")
    assert first == second
    assert len(files(settings)) == 3


def at_once(monkeypatch, *cases: Case) -> list[object]:
    """The same photo sent to each case, all decoded before any is recorded; ids of photos, or what was raised."""
    all_read = threading.Barrier(len(cases), timeout=20)
    real = intake.picture.read

    def read_together(data: bytes, name: str, **options):
        taken = real(data, name, **options)
        all_read.wait()
        return taken

    monkeypatch.setattr(intake.picture, "read", read_together)
    taken: list[object] = []

    def send(case: Case) -> None:
        try:
            taken.append(take(case, photo()).id)
        except Exception as error:
            taken.append(error)
        finally:
            connection.close()

    threads = [threading.Thread(target=send, args=[case]) for case in cases]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(taken) == len(cases)
    return taken


@pytest.mark.django_db(transaction=True)
def test_the_same_photo_at_once_is_one(alma, settings, monkeypatch):
    registered_model()
    case = make_case(alma)
    assert len(set(at_once(monkeypatch, case, case))) == 1
    assert LesionImage.objects.count() == Prediction.objects.count() == 1
    assert len(files(settings)) == 3


@pytest.mark.django_db(transaction=True)
def test_of_the_same_photo_for_two_patients_at_once_one_is_stopped(alma, settings, monkeypatch):
    taken = at_once(monkeypatch, *(make_case(alma, patient=make_patient(alma, mrn=f"M-{n}")) for n in range(3)))
    refused = [each for each in taken if isinstance(each, PhotoRefused)]
    assert [each.code for each in refused] == ["other_patient"] * 2, taken
    assert LesionImage.objects.count() == 1
    assert len(files(settings)) == 3


def test_another_patients_photo_is_stopped_and_names_no_one(alma, case, settings):
    other = make_patient(alma, family_name="Hidden", mrn="HID-1")
    take(make_case(alma, patient=other), photo())
    with pytest.raises(PhotoRefused) as refused:
        take(case, photo())
    assert refused.value.code == "other_patient"
    assert "Hidden" not in str(refused.value)
    assert "HID-1" not in str(refused.value)
    assert len(files(settings)) == 3
    assert take(case, photo(), even_if_elsewhere=True).case == case


def test_the_guard_asks_only_records_that_the_person_may_see(brno, case):
    take(make_case(brno), photo())
    assert take(case, photo()).case == case


def test_the_same_patient_may_have_a_photo_in_two_cases(case):
    take(case, photo())
    again = lifecycle.log_case(lesion=case.lesion, by=case.created_by)
    assert take(again, photo()).case == again


def test_a_photo_removed_from_the_wrong_patient_goes_to_the_right_one(alma, case):
    wrong = take(make_case(alma), photo())
    intake.remove(wrong)
    assert take(case, photo()).case == case


def test_removing_ends_the_prediction_and_restoring_asks_again(case):
    registered_model()
    image = take(case, photo())
    intake.remove(image)
    prediction = image.predictions.get()
    assert (prediction.state, prediction.reason) == (PredictionState.REJECTED, "The photo was removed.")

    intake.restore(image)
    assert image.removed_at is None
    assert image.predictions.get().state == PredictionState.QUEUED


def test_a_removed_photo_that_was_added_again_is_not_restored_beside_it(case):
    image = take(case, photo())
    intake.remove(image)
    take(case, photo())
    with pytest.raises(Refused) as refused:
        intake.restore(image)
    assert refused.value.code == "already_there"


def test_the_doctors_never_see_a_case_without_a_photo(case):
    only = take(case, photo())
    lifecycle.send(case.id)
    with pytest.raises(Refused) as refused:
        intake.remove(only)
    assert refused.value.code == "last_photo"
    take(case, photo(seed=2))
    assert intake.remove(only).removed_at


def test_a_signed_case_keeps_its_photos(case):
    image = take(case, photo())
    Case.objects.filter(id=case.id).update(state=CaseState.SIGNED, signed_at=timezone.now())
    with pytest.raises(Refused):
        intake.remove(image)
    assert LesionImage.objects.get(id=image.id).removed_at is None


def test_without_consent_there_is_a_photo_and_no_prediction(alma, settings):
    registered_model()
    case = make_case(alma, patient=make_patient(alma, ai_consent="refused"))
    image = take(case, photo())
    assert len(files(settings)) == 3
    assert not image.predictions.exists()
    patients.record_consent(case.lesion.patient, "ai", "granted", alma.staff)
    assert image.predictions.get().state == PredictionState.QUEUED


# --- Nothing half done ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("which", range(5))
def test_a_full_disk_is_a_sentence_and_leaves_nothing(case, settings, monkeypatch, which):
    from cases.photo import storage

    flushed: list[object] = []
    real = storage._flush

    def full(path) -> None:
        flushed.append(path)
        # The folder's own name, three files, their names in the folder.
        if len(flushed) > which:
            raise OSError(errno.ENOSPC, "No space left on device")
        real(path)

    monkeypatch.setattr(storage, "_flush", full)
    with pytest.raises(PhotoRefused) as refused:
        take(case, photo())
    assert refused.value.code == "disk_full"
    assert len(flushed) == which + 1
    assert "administrator" in str(refused.value)
    assert not files(settings)
    assert not case.images.exists()


def test_any_failure_after_the_files_removes_them(case, settings, monkeypatch):
    monkeypatch.setattr(asking, "request_first", lambda image: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        take(case, photo())
    assert not files(settings)
    assert not case.images.exists()


def test_the_row_is_committed_only_after_its_files_are_there(case, settings, monkeypatch):
    real = intake._recorded

    def look(image: LesionImage, **options: object) -> LesionImage:
        assert all(default_storage.exists(file.name) for file in (image.original, image.derivative, image.thumbnail))
        assert not [name for name in files(settings) if ".partial" in name]
        return real(image, **options)

    monkeypatch.setattr(intake, "_recorded", look)
    take(case, photo())
