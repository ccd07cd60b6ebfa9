"""What may be learnt from: consent, labels, splits that stay, a hash that names exactly that list."""

from datetime import date
from uuid import UUID, uuid4

import pytest
from django.core.management import CommandError, call_command
from django.urls import reverse
from django.utils import timezone
from PIL import ExifTags, Image
from uuid6 import uuid7

from cases.models import Case, Condition, Consent, ImageKind, LesionImage, Patient, Read
from cases.pixels import drawing, likeness
from cases.reading import reads
from cases.reading.labels import LabelSource
from cases.record import outcomes, patients
from cases.vocabulary import conditions
from inference.models import ModelVersion
from tests.cases.readings import opinion_on
from tests.cast import Cast, make_image, make_patient, make_person, waiting_case
from tests.inference.registered import version
from tests.training import drawn
from training.data import snapshots, sources
from training.data.datasets import DataError, check, load
from training.models import Snapshot

pytestmark = pytest.mark.django_db
BY = "Dr. Ruth Okafor"


def sign(case: Case, code: str, reader=None, prediction=None) -> Read:
    newest = reads.newest(case)
    return reads.sign(
        case_id=case.id,
        reader=reader or make_person(case.clinic, "doctor"),
        read_id=uuid7(),
        condition=Condition.objects.get(code=code),
        certainty="certain",
        management="follow_up",
        prediction=prediction,
        ai_visible=prediction is not None,
        newest_seen=newest.id if newest else None,
    )


def signed(cast: Cast, code: str = "NEV", patient: Patient | None = None, **details) -> Case:
    """A case signed by one doctor, of a patient who lets others learn from the photo."""
    patient = patient or make_patient(cast, training_consent=Consent.GRANTED)
    case = waiting_case(cast, patient=patient, **details)
    sign(case, code, cast.doctor)
    return case


def found(case: Case, code: str, cast: Cast) -> None:
    """What the biopsy of a case found."""
    condition = Condition.objects.get(code=code)
    outcomes.record(case_id=case.id, by=cast.doctor, condition=condition, reported_on=timezone.localdate())


def take(**options) -> Snapshot:
    return snapshots.take(**{"by": BY, **options})


def images(snapshot: Snapshot) -> set:
    return set(snapshot.photos.values_list("image__case", flat=True))


# --- Which photos --------------------------------------------------------------------------------------------------


def test_signed_cases_with_consent_and_no_others(alma):
    kept = signed(alma)
    waiting_case(alma, patient=make_patient(alma, training_consent=Consent.GRANTED))
    for consent in (Consent.REFUSED, Consent.NOT_ASKED):
        signed(alma, patient=make_patient(alma, training_consent=consent))
    make_image(kept, removed_at=timezone.now())
    make_image(kept, kind=ImageKind.DERMOSCOPY)
    make_image(kept, kind=ImageKind.OVERVIEW)
    snapshot = take()
    photo = snapshot.photos.get()
    assert (photo.image, photo.label, photo.source) == (kept.images.first(), "NEV", LabelSource.ONE_READ)
    assert (snapshot.photo_count, snapshot.patient_count) == (1, 1)


def test_nothing_to_learn_from_is_said_in_a_sentence(alma):
    with pytest.raises(DataError, match="No signed case with consent to training use"):
        take()
    with pytest.raises(DataError, match=f"in the clinic {alma.clinic}"):
        take(clinic=alma.clinic)


def test_one_clinic_alone(alma, brno):
    own, foreign = signed(alma), signed(brno)
    assert images(take(clinic=alma.clinic)) == {own.id}
    assert images(take()) == {own.id, foreign.id}


def test_labels_by_their_precedence_and_unconfirmed_corrections_only_when_asked_for(alma):
    biopsied, confirmed, corrected, disputed, seen = (signed(alma) for _ in range(5))
    outcomes.record(
        case_id=biopsied.id,
        by=alma.doctor,
        condition=Condition.objects.get(code="MEL"),
        reported_on=timezone.localdate(),
    )
    sign(confirmed, "NEV")
    sign(corrected, "BCC", alma.doctor)
    sign(disputed, "BCC")
    other = waiting_case(alma, patient=make_patient(alma, training_consent=Consent.GRANTED))
    sign(other, "BCC", prediction=opinion_on(other))
    signed(alma, "OTH")

    by_case = {photo.image.case_id: (photo.label, photo.source) for photo in take().photos.select_related("image")}
    assert by_case == {
        biopsied.id: ("MEL", "biopsy"),
        confirmed.id: ("NEV", "two_reads"),
        seen.id: ("NEV", "one_read"),
    }
    left_out = take().counts["left_out"]
    assert left_out == {"unconfirmed": 2, "disputed": 1, "no_class": 1}
    assert "a correction by one read that nobody confirmed 2" in snapshots.notes(take())[1]
    asked = take(include_unconfirmed=True)
    assert {corrected.id, other.id} < images(asked)
    assert disputed.id not in images(asked)


def test_the_same_picture_is_in_once_and_in_two_records_not_at_all(alma):
    first, second, third = signed(alma), signed(alma), signed(alma)
    LesionImage.objects.filter(case__in=[first, second]).update(sha256="a" * 64)
    make_image(third, sha256="b" * 64)
    again = signed(alma, patient=third.lesion.patient)
    LesionImage.objects.filter(case=again).update(sha256="b" * 64)
    snapshot = take()
    assert images(snapshot) <= {third.id, again.id}
    assert snapshot.photos.filter(sha256="b" * 64).count() == 1
    assert snapshot.counts["left_out"] == {"same_picture": 3}


# --- Splits and the hash ---------------------------------------------------------------------------------------------


def test_a_patient_is_in_one_split_for_good(alma):
    who = [make_patient(alma, training_consent=Consent.GRANTED) for _ in range(12)]
    for patient in who:
        signed(alma, patient=patient)
    first = {photo.patient_id: photo.split for photo in take().photos.all()}
    for patient in who:
        signed(alma, "MEL", patient=patient)
        signed(alma)
    later = {(photo.patient_id, photo.split) for photo in take().photos.all()}
    assert {pair for pair in later if pair[0] in first} == set(first.items())
    assert len(later) == 24, "two cases of one patient are in one split"


def test_splits_have_the_shares_they_promise():
    shares = [snapshots.split_of(uuid4()) for _ in range(4000)]
    assert 0.67 < shares.count("train") / 4000 < 0.73
    assert 0.12 < shares.count("val") / 4000 < 0.18
    # Known ids, so that no change of the salt or of the shares goes unnoticed: it would mix what was held out.
    known = [snapshots.split_of(UUID(int=number)).value for number in range(8)]
    assert known == ["train", "train", "train", "train", "val", "train", "train", "test"]


def test_the_hash_names_the_list(alma):
    case = signed(alma)
    first = take()
    assert take() == first, "the same list is the same snapshot"
    assert Snapshot.objects.count() == 1
    seen = {first.sha256}
    sign(case, "NEV")  # another word for the same label
    assert take().sha256 in seen
    changes = [
        lambda: found(case, "MEL", alma),
        lambda: LesionImage.objects.filter(case=case).update(sha256="c" * 64),
        lambda: Patient.objects.update(birth_date=date(1931, 1, 1)),
        lambda: signed(alma),
    ]
    for change in changes:
        change()
        assert take().sha256 not in seen
        seen.add(take().sha256)


def test_what_changes_later_does_not_reach_a_snapshot(alma):
    case = signed(alma)
    snapshot = take()
    before = snapshots.dataset(snapshot)
    found(case, "MEL", alma)
    Patient.objects.update(birth_date=date(1931, 1, 1))
    assert snapshots.dataset(snapshot) == before
    example = before.examples[0]
    assert (example.label, example.answers.site, example.answers.itch) == ("NEV", "forearm", None)
    assert example.path == type(example.path)(case.images.get().derivative.path)


# --- Consent taken back ----------------------------------------------------------------------------------------------


def test_a_withdrawn_consent_leaves_the_next_snapshot_and_names_the_models(alma, brno, capsys, sign_in):
    staying, leaving = signed(alma), signed(alma)
    snapshot = take()
    with_them, without = version("with-them"), version("innocent")
    with_them.snapshots.add(snapshot)
    assert snapshots.models_with_withdrawn() == {}
    patients.record_consent(leaving.lesion.patient, "training", Consent.REFUSED, alma.staff)

    assert images(take()) == {staying.id}
    with pytest.raises(DataError, match=r"1 patients of the snapshot \w+ no longer consent"):
        snapshots.dataset(snapshot)
    assert snapshots.models_with_withdrawn() == {with_them: 1}
    assert snapshots.models_with_withdrawn([alma.clinic]) == {with_them: 1}
    assert snapshots.models_with_withdrawn([brno.clinic]) == {}
    call_command("models", "consents")
    said = capsys.readouterr().out
    assert "with-them (candidate): 1 patients" in said
    assert without.name not in said
    sentence = "1 patient whose photos it was made with took the consent back"
    listed = reverse("model_list")
    assert sign_in(alma.lead).get(listed).content.decode().count(sentence) == 1
    page = sign_in(alma.admin).get(reverse("model_detail", args=[with_them.id])).content.decode()
    assert "1 patient whose photos this model was made with" in page
    assert sentence not in sign_in(brno.lead).get(listed).content.decode(), (
        "another clinic's patients are its own matter"
    )


# --- Together with a folder ------------------------------------------------------------------------------------------


def test_joined_with_a_folder(alma, tmp_path):
    folder = drawn.folder(tmp_path / "photos", {"NEV": 3, "MEL": 3})
    photos = load(folder)
    doubled, kept = signed(alma), signed(alma)
    signed(alma, "BCC")
    LesionImage.objects.filter(case=doubled).update(sha256=photos.content_hash(photos.examples[0]))
    dataset = sources.gather(folder, take().id, "train,val,test")
    from_cases = {example.file for example in dataset.examples if example.file.startswith("cases/")}
    assert from_cases == {f"cases/{kept.images.get().id}"}
    assert len(dataset.examples) == 13
    assert any("1 photos of signed cases are in the folder already" in note for note in dataset.notes)
    assert any("fewer than 5 patients to learn from: BCC (1 photos)" in note for note in dataset.notes)
    check(dataset, "train")


def test_a_copy_that_was_compressed_anew_is_the_folders(alma, tmp_path):
    """It has other bytes, and would be learnt from in the one and measured on in the other."""
    folder = tmp_path / "photos"
    for number, code in enumerate(["NEV", "MEL"] * 3):
        file = folder / ("train", "val")[number % 3 == 2] / code / f"{number}.jpg"
        file.parent.mkdir(parents=True, exist_ok=True)
        drawing.draw(code, seed=number, width=600, height=500).save(file, quality=95)
    # Turned by its metadata alone, as phones do.
    turned = Image.Exif()
    turned[ExifTags.Base.Orientation] = 3
    first = folder / "train/NEV/0.jpg"
    with Image.open(first) as upright:
        upright.rotate(180).save(first, quality=95, exif=turned)
        small = upright.resize((420, 350))
    copied, other, unmeasured = signed(alma), signed(alma), signed(alma)
    for case, look in (
        (copied, likeness.look(small)),
        (other, likeness.look(drawing.draw("NEV", seed=77, width=600, height=500))),
        (unmeasured, None),
    ):
        LesionImage.objects.filter(case=case).update(look=look)
    dataset = sources.gather(folder, take().id, "train,val")
    from_cases = {example.file for example in dataset.examples if example.file.startswith("cases/")}
    assert from_cases == {f"cases/{case.images.get().id}" for case in (other, unmeasured)}
    assert any("1 photos of signed cases are in the folder already" in note for note in dataset.notes)


def test_signed_cases_alone_need_enough_patients(alma):
    conditions.load_vocabulary()
    for _ in range(3):
        signed(alma)
    with pytest.raises(DataError, match="No condition has 5 patients to learn from yet"):
        sources.gather(None, take().id, "train,val,test")


def test_the_command_refuses_in_one_sentence(alma):
    for options, sentence in (
        ({}, "Name what to learn from"),
        ({"from_cases": True}, "No signed case with consent"),
        ({"from_cases": True, "clinic": "Nowhere"}, "There is no clinic called Nowhere."),
        ({"data": "x", "clinic": "Nowhere"}, "add --from-cases"),
    ):
        with pytest.raises(CommandError, match=sentence):
            call_command("train", **options)
    assert not ModelVersion.objects.exists()
