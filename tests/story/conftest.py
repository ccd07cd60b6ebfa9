from collections.abc import Iterator

import pytest

from tests.story.stack import Stack, running


@pytest.fixture(scope="session")
def stack() -> Iterator[Stack]:
    """One running product for all stories."""
    with running() as started:
        yield started


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    # One process runs all stories, so that the product is started once.
    for item in items:
        if "tests/story" in item.nodeid:
            item.add_marker(pytest.mark.xdist_group("story"))
