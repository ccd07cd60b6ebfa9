"""A photo from the wire into the record, and out of it again.

Files first, row second: a crash in between leaves files that no row names, which cases/photo/orphans.py sweeps, and
never a row without its files.
"""

import hashlib
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import PurePosixPath
from typing import Protocol
from uuid import UUID, uuid4

import structlog
from django.conf import settings
from django.core.files.storage import default_storage
from django.db import IntegrityError, connection, transaction
from django.utils import timezone
from django.utils.translation import gettext as _
from uuid6 import uuid7

from accounts.models import User
from cases import access, outages
from cases.errors import Refused, wrong_state
from cases.models import Case, CaseState, ImageKind, LesionImage
from cases.models.case import OPEN_STATES
from cases.photo import counters, resemblance
from cases.photo.storage import save_together
from cases.pixels import picture, suspects
from cases.pixels.errors import PhotoRefused
from cases.prediction import asking

__all__ = ["PhotoRefused", "accept", "remove", "restore"]

log = structlog.get_logger(__name__)

FOLDER = "images"
_LONGEST_NAME = 60


class Readable(Protocol):
    """An upload, an open file, bytes in memory."""

    def read(self, size: int, /) -> bytes: ...


@counters.intake()
def accept(
    case: Case,
    file: Readable,
    *,
    name: str,
    kind: str = ImageKind.CLOSE_UP,
    by: User,
    even_if_elsewhere: bool = False,
    photo_id: UUID | None = None,
    expected_sha256: str | None = None,
) -> LesionImage:
    """Takes one photo into `case` and queues its prediction; the same photo again is the one that is there.

    Args:
        name: what the sender calls the file; it stands in refusals and is not kept.
        even_if_elsewhere: take it although another patient's record has the same photo.
        photo_id: made by the client, so that a repeated request is one photo, even if that was removed meanwhile.
        expected_sha256: of the bytes as the sender has them.

    Raises:
        PhotoRefused: the bytes are not those that the sender has (code "checksum"), the photo cannot be taken
            (cases/pixels/picture.py has the reasons), lies in another patient's record (code "other_patient"), or
            there is no space for it (code "disk_full").
        Refused: the case is signed or withdrawn (code "wrong_state"), or the id is another photo's ("id_taken").
    """
    name, kind = _short(name), ImageKind(kind)
    data = _bytes(file, name)
    sha256 = hashlib.sha256(data).hexdigest()
    if expected_sha256 not in (None, sha256):
        raise PhotoRefused(_("“%(name)s” was damaged on its way. Send it again.") % {"name": name}, "checksum")
    # A repeated request hears of its photo, whatever became of the case since.
    if known := _sent_before(photo_id, case, sha256) or _standing(case, sha256):
        return known
    _check_open(case)
    with suspects.first_try(sha256) as is_first:
        taken = picture.read(data, name, is_trusted=is_first)
    token = uuid4().hex
    stem = f"{FOLDER}/{token[:2]}/{token}"
    original, upright, thumbnail = f"{stem}.{taken.extension}", f"{stem}-upright.jpg", f"{stem}-thumbnail.jpg"
    contents = {original: taken.original, upright: taken.upright, thumbnail: taken.thumbnail}
    try:
        with _files_or_nothing(contents, name):
            return _recorded(
                LesionImage(
                    id=photo_id or uuid7(),
                    case=case,
                    kind=kind,
                    original=original,
                    derivative=upright,
                    thumbnail=thumbnail,
                    content_type=taken.content_type,
                    sha256=sha256,
                    byte_size=len(taken.original),
                    width=taken.width,
                    height=taken.height,
                    quality=taken.quality,
                    quality_remarks=taken.remarks,
                    created_by=by,
                    **resemblance.fields(taken.look),
                ),
                name=name,
                even_if_elsewhere=even_if_elsewhere,
            )
    except IntegrityError:
        # The same photo won a race (a double click); any other conflict is a surprise.
        if known := _sent_before(photo_id, case, sha256) or _standing(case, sha256):
            return known
        raise


@transaction.atomic
def _recorded(image: LesionImage, *, name: str, even_if_elsewhere: bool) -> LesionImage:
    # Locked, so that a photo cannot slip into a case while it is being signed.
    image.case = _open_case(image.case_id)
    if not even_if_elsewhere:
        _one_at_a_time(image.sha256)
        _check_patient(image, name)
    # Within the lock, so that two photos alike that arrive together do not miss each other.
    resemblance.note(image, elsewhere=not even_if_elsewhere)
    image.save(force_insert=True)
    asking.request_first(image)
    return image


@transaction.atomic
def remove(image: LesionImage) -> LesionImage:
    """Takes a photo out of an open case; `restore` undoes it. Its files stay.

    Raises:
        Refused: the case is signed or withdrawn, or the doctor's list would show it without a photo ("last_photo").
    """
    case = _open_case(image.case_id)
    others = case.images.filter(removed_at__isnull=True).exclude(id=image.id)
    if case.state == CaseState.WAITING and not others.exists():
        raise Refused(
            _("A case that waits for a doctor needs a photo. Add the new one first, then remove this one."),
            code="last_photo",
        )
    LesionImage.objects.filter(id=image.id, removed_at__isnull=True).update(removed_at=timezone.now())
    asking.photo_removed(image)
    image.refresh_from_db()
    return image


@transaction.atomic
def restore(image: LesionImage) -> LesionImage:
    """Puts a removed photo back and asks for its prediction again.

    Raises:
        Refused: the case is signed or withdrawn, or the same photo was added again since ("already_there").
    """
    _open_case(image.case_id)
    try:
        with transaction.atomic():
            LesionImage.objects.filter(id=image.id).update(removed_at=None)
    except IntegrityError as error:
        raise Refused(_("The same photo was added again in the meantime."), code="already_there") from error
    image.refresh_from_db()
    asking.request_again(image)
    return image


@contextmanager
def _files_or_nothing(contents: dict[str, bytes], name: str) -> Iterator[None]:
    """Saves `contents` by path; unless the block returns, they are removed again. `name` is the sender's.

    But not where the database went away: it may have committed the row and died before it said so.
    """
    try:
        save_together(contents)
        yield
    except BaseException as error:
        if outages.is_database_away(error):
            log.warning("files_left_to_the_sweep", number=len(contents))
            raise
        _delete(contents)
        if outages.is_disk_full(error):
            log.error("disk_full")
            raise PhotoRefused(
                _(
                    "“%(name)s” could not be kept: the server has no space left. "
                    "Tell your administrator, then send it again."
                )
                % {"name": name},
                "disk_full",
            ) from error
        raise


def _delete(paths: Iterable[str]) -> None:
    for path in paths:
        try:
            default_storage.delete(path)
        except OSError as error:
            # The sweep takes what cannot be removed now; the first error matters more than this one.
            log.warning("orphan_left", error=type(error).__name__)


def _short(name: str) -> str:
    """The file's own name, without folders and invisible characters, cut to a length that a sentence bears."""
    own = PurePosixPath(name.replace("\\", "/")).name
    printable = "".join(letter for letter in own if letter.isprintable()).strip()
    if len(printable) > _LONGEST_NAME:
        printable = f"{printable[: _LONGEST_NAME - 12]}…{printable[-11:]}"
    return printable or _("photo")


def _bytes(file: Readable, name: str) -> bytes:
    """The content, of which no more than one byte beyond the limit is read."""
    data = file.read(settings.PHOTO_MAX_BYTES + 1)
    if len(data) > settings.PHOTO_MAX_BYTES:
        raise _too_many_bytes(name)
    return data


def dropped(name: str) -> PhotoRefused:
    """Of a photo that was too large to be let in (cases/photo/uploads.py)."""
    refusal = _too_many_bytes(name)
    counters.refused(refusal.code)
    return refusal


def _too_many_bytes(name: str) -> PhotoRefused:
    return PhotoRefused(
        _("“%(name)s” has more than %(most)s MB. Send a smaller copy.")
        % {"name": _short(name), "most": settings.PHOTO_MAX_BYTES // 2**20},
        "too_many_bytes",
    )


def _sent_before(photo_id: UUID | None, case: Case, sha256: str) -> LesionImage | None:
    """The photo that an earlier try of this very request has brought; it may have been removed since."""
    known = LesionImage.objects.filter(id=photo_id).first() if photo_id else None
    if known and (known.case_id, known.sha256) != (case.id, sha256):
        raise Refused(_("This id is taken. Make a new one."), code="id_taken")
    return known


def _standing(case: Case, sha256: str) -> LesionImage | None:
    return LesionImage.objects.filter(case=case, sha256=sha256, removed_at__isnull=True).first()


def _check_open(case: Case) -> None:
    if case.state not in OPEN_STATES:
        raise wrong_state(case.get_state_display())


def _open_case(case_id: UUID) -> Case:
    """The case, locked until the transaction ends."""
    wanted = ("state", "urgency", "lesion__patient__ai_consent", "clinic__ai_stopped_at")
    cases = Case.objects.select_for_update(of=("self",)).select_related("lesion__patient", "clinic").only(*wanted)
    case = cases.get(id=case_id)
    _check_open(case)
    return case


def _one_at_a_time(sha256: str) -> None:
    """Until this transaction ends no other takes the same photo, not even for another patient.

    SQLite lets one transaction write at a time anyhow.
    """
    if connection.vendor == "postgresql":
        key = int.from_bytes(bytes.fromhex(sha256)[:8], signed=True)
        with connection.cursor() as cursor:
            cursor.execute("SELECT pg_advisory_xact_lock(%s)", [key])


def _check_patient(image: LesionImage, name: str) -> None:
    """Stops a photo that lies in another patient's record; only records that its sender may see are asked and none
    named."""
    patient = image.case.lesion.patient_id
    elsewhere = access.images(image.created_by).filter(sha256=image.sha256).exclude(case__lesion__patient=patient)
    if elsewhere.exists():
        raise PhotoRefused(
            _("“%(name)s” is already in the record of another patient. Check that you have the right patient open.")
            % {"name": name},
            "other_patient",
        )
