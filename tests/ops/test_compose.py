"""docker-compose.yml and the Dockerfile, as far as they can be held without a container engine."""

import json
import re
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import yaml

from skinclinic import settings
from tests.ops.running import ROOT

COMPOSE: dict[str, Any] = yaml.safe_load((ROOT / "docker-compose.yml").read_text())
SERVICES: dict[str, Any] = COMPOSE["services"]
OURS = ["migrate", "web", "worker-urgent", "worker-routine", "trainer", "beat"]
DOCKERFILE = (ROOT / "Dockerfile").read_text()


def test_it_is_a_compose_file() -> None:
    schema = json.loads(Path(__file__).with_name("compose-spec.json").read_text())
    jsonschema.Draft201909Validator(schema).validate(COMPOSE)


def test_the_schema_refuses_what_is_wrong() -> None:
    """Otherwise the test above could pass for any file."""
    schema = json.loads(Path(__file__).with_name("compose-spec.json").read_text())
    wrong = {"services": {"web": {"image": "x", "healthchek": {}}}}
    assert list(jsonschema.Draft201909Validator(schema).iter_errors(wrong))


def test_every_part_is_there() -> None:
    assert set(SERVICES) == {"postgres", "valkey", *OURS}


@pytest.mark.parametrize("name", ["postgres", "valkey"])
def test_images_are_pinned(name: str) -> None:
    assert re.fullmatch(r"[a-z/]+:\d+\.\d+(\.\d+)?-\w+", SERVICES[name]["image"])


def test_the_base_image_is_pinned() -> None:
    outside = [line.split()[1] for line in DOCKERFILE.splitlines() if line.startswith("FROM python")]
    assert outside
    assert all(re.fullmatch(r"python:\d+\.\d+\.\d+-slim-\w+", image) for image in outside)


def test_only_the_trainer_has_tensorflow() -> None:
    targets = {name: SERVICES[name]["build"]["target"] for name in OURS}
    assert {name for name, target in targets.items() if target != "serving"} == {"trainer"}
    serving = (ROOT / "requirements.txt").read_text()
    assert not re.search(r"^(tensorflow|keras)", serving, re.MULTILINE)
    stages = re.split(r"(?m)^FROM ", DOCKERFILE)[1:]
    by_name = {stage.splitlines()[0].split(" AS ")[1]: stage for stage in stages}
    assert by_name["serving"].startswith("serving-packages ")
    assert "requirements-train" not in by_name["serving-packages"] + by_name["serving"] + by_name["base"]


def test_boto3_is_for_those_who_ask_for_it() -> None:
    assert SERVICES["web"]["build"]["args"] == SERVICES["trainer"]["build"]["args"]
    assert SERVICES["web"]["build"]["args"]["REQUIREMENTS"] == "${REQUIREMENTS:-requirements.txt}"
    assert "boto3==" not in (ROOT / "requirements.txt").read_text()
    more = (ROOT / "requirements-s3.txt").read_text()
    for line in re.findall(r"(?m)^\S+==\S+", (ROOT / "requirements.txt").read_text()):
        assert line in more, f"requirements-s3.txt is not all of requirements.txt: run `manage.py lock` ({line})"
    assert "boto3==" in more


@pytest.mark.parametrize("target", ["serving", "trainer"])
def test_images_run_as_nobody_special(target: str) -> None:
    stage = re.search(rf"(?ms)^FROM \S+ AS {target}\n(.*?)(?=^FROM |\Z)", DOCKERFILE)
    assert stage
    assert "USER skinclinic" in stage[1]
    assert "NO_BOOTSTRAP=1" in DOCKERFILE


def test_no_secret_is_written_down() -> None:
    """Every secret comes from the environment, and a missing one is named before anything starts."""
    text = (ROOT / "docker-compose.yml").read_text()
    for name in ("SECRET_KEY", "POSTGRES_PASSWORD", "VALKEY_PASSWORD", "ALLOWED_HOSTS"):
        assert f"${{{name}:?" in text


@pytest.mark.parametrize("name", [name for name in SERVICES if name != "migrate"])
def test_every_lasting_part_has_a_health_check_and_comes_back(name: str) -> None:
    assert SERVICES[name]["healthcheck"]["test"]
    assert SERVICES[name]["restart"] == "unless-stopped"


def test_photos_and_the_database_are_on_volumes() -> None:
    assert set(COMPOSE["volumes"]) == {"database", "files"}
    for name in OURS:
        assert "files:/var/lib/skinclinic" in SERVICES[name]["volumes"]


def test_what_it_sets_is_what_the_settings_read() -> None:
    read = set(re.findall(r'env\.\w+\(\s*"([A-Z0-9_]+)"', Path(settings.__file__).read_text()))
    by_others = {"READY_FILE", "AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"}  # celery.py, boto3
    assert set(COMPOSE["x-environment"]) - by_others <= read


def test_both_queues_and_the_training_queue_are_worked_on() -> None:
    queues = [queue for name in OURS for queue in _queues(SERVICES[name]["command"])]
    assert set(queues) == {"urgent", "routine", "background", "training"}


def _queues(command: list[str]) -> list[str]:
    return command[command.index("-Q") + 1].split(",") if "-Q" in command else []


def test_the_table_of_variables_is_complete() -> None:
    """docs/deployment.md names every variable that the settings and gunicorn read."""
    sources = Path(settings.__file__).read_text() + (ROOT / "gunicorn.conf.py").read_text()
    read = set(re.findall(r'(?:env\.\w+|environ\.get)\(\s*"([A-Z0-9_]+)"', sources))
    table = re.findall(r"^\|([^|]+)\|", (ROOT / "docs/deployment.md").read_text(), re.MULTILINE)
    named = {name for cell in table for name in re.findall(r"`([A-Z0-9_]+)`", cell)}
    assert read - named == set()
