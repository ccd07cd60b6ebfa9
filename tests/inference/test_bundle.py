import json

import pytest

from inference import bundle
from inference.bundle import Bundle, BundleError
from inference.engine import Engine
from tests.inference import small_bundle


@pytest.fixture
def folder(tmp_path):
    return small_bundle.write(tmp_path)


def rewrite(folder, **changes):
    """Change bundle.json and sign it again, as somebody who knows the format could."""
    path = folder / bundle.SPEC_FILE
    spec = {**json.loads(path.read_text()), **changes}
    path.write_text(json.dumps({**spec, "sha256": bundle.spec_hash(spec)}))


def test_a_bundle_comes_back_as_it_was_written(folder):
    loaded = Bundle.load(folder)
    assert loaded.name == "small-1"
    assert loaded.classes == ("NEV", "MEL", "BCC")
    assert [each.malignant for each in loaded.conditions] == [False, True, True]
    assert loaded.encoding == small_bundle.ENCODING
    assert (loaded.temperature, loaded.urgent_threshold) == (1.5, 0.4)
    assert (loaded.abstain_threshold, loaded.conformal) == (0.5, {80: 0.4, 90: 0.25, 99: 0.01})
    assert loaded.sha256 == Bundle.load(folder).sha256


@pytest.mark.parametrize("name", [bundle.ONNX_FILE, bundle.CARD_FILE])
@pytest.mark.parametrize("position", [0, -1])
def test_one_changed_byte_is_refused(folder, name, position):
    content = bytearray((folder / name).read_bytes())
    content[position] ^= 1
    (folder / name).write_bytes(content)
    with pytest.raises(BundleError, match=rf"^{name} of the bundle in .* was changed or damaged: restore it\.$"):
        Bundle.load(folder)


def test_a_changed_threshold_is_refused(folder):
    path = folder / bundle.SPEC_FILE
    path.write_text(path.read_text().replace('"threshold": 0.4', '"threshold": 0.9'))
    with pytest.raises(BundleError, match=r"was changed after the bundle was written\.$"):
        Bundle.load(folder)


def test_a_missing_file_is_refused(folder):
    (folder / bundle.CARD_FILE).unlink()
    with pytest.raises(BundleError, match=r"lacks its file MODEL_CARD\.md\.$"):
        Bundle.load(folder)


def test_a_missing_bundle_is_refused(tmp_path):
    with pytest.raises(BundleError, match=r"^There is no model bundle in "):
        Bundle.load(tmp_path / "nowhere")


@pytest.mark.parametrize("text", ["", "{", "[]", "{}", '{"format_version": "new"}', "null"])
def test_what_is_no_description_is_refused(tmp_path, text):
    (tmp_path / bundle.SPEC_FILE).write_text(text)
    with pytest.raises(BundleError, match=r"is not a bundle description\.$"):
        Bundle.load(tmp_path)


def test_a_bundle_of_a_later_version_says_to_update(folder):
    rewrite(folder, format_version=bundle.FORMAT_VERSION + 1)
    with pytest.raises(BundleError, match=r"format 2 and this version reads up to 1: update skinclinic\.$"):
        Bundle.load(folder)


@pytest.mark.parametrize(
    "changes",
    [
        {"classes": small_bundle.CLASSES[:1]},
        {"classes": [*small_bundle.CLASSES, small_bundle.CLASSES[0]]},
        {"temperature": 0},
        {"temperature": "warm"},
        {"thresholds": {}},
        {"preprocessing": {}},
        {"answers": {"age": {"mean": 1, "scale": 1}, "sites": {}, "questions": {"smokes": 0.5}}},
    ],
)
def test_a_garbled_field_is_refused(folder, changes):
    rewrite(folder, **changes)
    with pytest.raises(BundleError, match="lacks or garbles a field"):
        Bundle.load(folder)


def test_a_file_outside_the_bundle_is_refused(folder):
    spec = json.loads((folder / bundle.SPEC_FILE).read_text())
    rewrite(folder, files={**spec["files"], "../elsewhere": {"sha256": "0"}})
    with pytest.raises(BundleError, match=r"names a file outside the bundle\.$"):
        Bundle.load(folder)


def test_a_network_that_onnx_cannot_read_is_a_bundle_error(tmp_path):
    (tmp_path / bundle.ONNX_FILE).write_bytes(b"no network")
    folder = bundle.write(tmp_path / "x", small_bundle.spec(), {bundle.ONNX_FILE: tmp_path / bundle.ONNX_FILE})
    with pytest.raises(BundleError, match="cannot be loaded"):
        Engine(Bundle.load(folder))


def test_a_failed_write_leaves_nothing(tmp_path):
    target = tmp_path / "bundles" / "small-1"
    with pytest.raises(OSError, match="absent"):
        bundle.write(target, small_bundle.spec(), {bundle.ONNX_FILE: tmp_path / "absent"})
    assert list(target.parent.iterdir()) == []


def test_a_bundle_is_never_overwritten(folder):
    before = Bundle.load(folder).sha256
    with pytest.raises(BundleError, match="exists already"):
        bundle.write(folder, small_bundle.spec(temperature=2.0), {})
    assert Bundle.load(folder).sha256 == before


@pytest.mark.parametrize("name", ["", "A", "../up", "a b", "-a", "a" * 81])
def test_a_name_is_a_slug(tmp_path, name):
    with pytest.raises(BundleError, match=r"^A model's name is made of"):
        bundle.write(tmp_path / "x", small_bundle.spec(name=name), {})


def test_the_first_bundles_had_one_coverage(tmp_path):
    thresholds = {**small_bundle.spec()["thresholds"], "conformal": {"threshold": 0.3, "coverage": 0.9}}
    loaded = Bundle.load(small_bundle.write(tmp_path, thresholds=thresholds))
    assert loaded.conformal == {90: 0.3}
    assert loaded.coverage(80) == loaded.coverage(99) == 90


def test_a_wished_coverage_is_met_or_exceeded(tmp_path):
    loaded = Bundle.load(small_bundle.write(tmp_path))
    assert [loaded.coverage(wanted) for wanted in (80, 85, 95, 99)] == [80, 90, 99, 99]
