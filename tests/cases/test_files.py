"""How a photo's bytes reach a browser: whole, in part, not again, and never past the access check."""

import pytest
from django.urls import reverse
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as some

from cases.models import LesionImage
from cases.photo import files, intake
from tests.cast import make_case, photo

pytestmark = pytest.mark.django_db


@pytest.fixture
def image(alma) -> LesionImage:
    import io

    case = make_case(alma)
    return intake.accept(case, io.BytesIO(photo()), name="a.jpg", by=case.created_by)


@pytest.fixture
def ask(alma, image, sign_in):
    """ask(**headers) -> status, headers and content of the original."""
    client, url = sign_in(alma.doctor), reverse("photo_original", args=[image.id])

    def _ask(method: str = "get", **headers: str):
        response = getattr(client, method)(
            url, headers={name.replace("_", "-"): said for name, said in headers.items()}
        )
        return response, response.getvalue()

    return _ask


@pytest.fixture
def whole(image) -> bytes:
    return image.original.open("rb").read()


def test_the_whole_file_says_that_it_has_parts_and_a_tag(ask, whole):
    response, content = ask()
    assert content == whole
    assert (response["Accept-Ranges"], response["Content-Length"]) == ("bytes", str(len(whole)))
    assert response["ETag"].startswith('"')  # strong: parts of one file may be put together


@pytest.mark.parametrize(
    ("wanted", "start", "stop"),
    [("bytes=0-0", 0, 1), ("bytes=100-199", 100, 200), ("bytes=500-", 500, None), ("bytes=-50", -50, None)],
)
def test_a_part(ask, whole, wanted, start, stop):
    response, content = ask(range=wanted)
    assert (response.status_code, content) == (206, whole[start:stop])
    first = start % len(whole)
    assert response["Content-Range"] == f"bytes {first}-{first + len(content) - 1}/{len(whole)}"
    assert response["Content-Length"] == str(len(content))


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(first=some.integers(0, 10**7), last=some.integers(0, 10**7))
def test_any_part_is_what_a_slice_is(ask, whole, first, last):
    response, content = ask(range=f"bytes={first}-{last}")
    if first > last:
        assert (response.status_code, content) == (200, whole)
    elif first >= len(whole):
        assert (response.status_code, response["Content-Range"]) == (416, f"bytes */{len(whole)}")
    else:
        assert (response.status_code, content) == (206, whole[first : last + 1])


@pytest.mark.parametrize("wanted", ["bytes=999999999-", "bytes=-0"])
def test_a_part_that_is_not_there(ask, whole, wanted):
    response, content = ask(range=wanted)
    assert (response.status_code, content) == (416, b"")
    assert response["Content-Range"] == f"bytes */{len(whole)}"


@pytest.mark.parametrize("wanted", ["bytes=0-1,5-6", "bytes=-", "bytes=a-b", "pages=1-2", "bytes=" + "9" * 5000 + "-"])
def test_what_is_no_single_range_gets_the_whole(ask, whole, wanted):
    response, content = ask(range=wanted)
    assert (response.status_code, content) == (200, whole)


def test_a_part_of_another_content_is_not_given(ask, whole):
    tag = ask()[0]["ETag"]
    assert ask(range="bytes=0-9", if_range=tag)[0].status_code == 206
    for other in ('"other"', f"W/{tag}", "Wed, 21 Oct 2015 07:28:00 GMT"):
        assert ask(range="bytes=0-9", if_range=other)[1] == whole


def test_head_tells_the_length_and_sends_nothing(ask, whole):
    response, content = ask("head", range="bytes=0-9")
    assert (response.status_code, response["Content-Length"], content) == (200, str(len(whole)), b"")


def test_browsers_keep_it_and_ask_each_time(ask, image, brno, alma, sign_in):
    response, _content = ask()
    assert response["Cache-Control"] == "private, no-cache"
    known = {"if_none_match": response["ETag"]}
    again, content = ask(**known)
    assert (again.status_code, content, again["Cache-Control"]) == (304, b"", "private, no-cache")
    # On a shared computer the next person has the same cache, and not the same rights.
    client = sign_in(brno.doctor)
    url = reverse("photo_original", args=[image.id])
    assert client.get(url, headers={"If-None-Match": response["ETag"]}).status_code == 404
    client.logout()
    assert client.get(url, headers={"If-None-Match": response["ETag"]}).status_code == 302


def test_what_is_fetched_ahead_may_be_shown_without_asking_for_some_minutes(ask):
    assert ask(sec_purpose="prefetch")[0]["Cache-Control"] == "private, max-age=300"
    assert ask(sec_purpose="")[0]["Cache-Control"] == "private, no-cache"


def test_signing_out_empties_the_browsers_cache(alma, sign_in):
    client = sign_in(alma.doctor)
    assert "Clear-Site-Data" not in client.get(reverse("account_logout"))
    assert client.post(reverse("account_logout"))["Clear-Site-Data"] == '"cache"'


def test_a_file_that_is_gone_is_not_found(ask, image):
    image.original.storage.delete(image.original.name)
    for headers in ({}, {"range": "bytes=0-9"}):
        assert ask(**headers)[0].status_code == 404


# --- By nginx --------------------------------------------------------------------------------------------------


@pytest.fixture
def by_nginx(settings) -> None:
    settings.PHOTOS_SERVED_BY = files.NGINX


def test_nginx_is_told_where_the_file_is(by_nginx, ask, image):
    response, content = ask(range="bytes=0-9")
    assert (response.status_code, content) == (200, b"")
    assert response["X-Accel-Redirect"] == f"/protected-photos/{image.original.name}"
    assert response["Content-Type"] == "image/jpeg"
    assert response["Cache-Control"] == "private, no-cache"
    assert "ETag" not in response  # nginx's own to set, for the file that it reads


def test_nginx_is_told_nothing_by_those_who_may_not_see(by_nginx, image, brno, client, sign_in):
    url = reverse("photo_original", args=[image.id])
    assert "X-Accel-Redirect" not in client.get(url)
    response = sign_in(brno.lead).get(url)
    assert (response.status_code, "X-Accel-Redirect" in response) == (404, False)
