"""The examples of docs/api.md, carried out in order as they stand there."""

import json
import re
import shlex
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client

from accounts.models import ApiToken
from cases.models import Case, Patient
from cases.vocabulary import conditions
from inference.models import ModelVersion
from tests.cast import photo

GUIDE = Path(__file__).parents[2] / "docs" / "api.md"


def commands() -> list[str]:
    """The shell lines of the guide, continued ones joined."""
    blocks = re.findall(r"```sh\n(.*?)```", GUIDE.read_text(encoding="utf-8"), re.DOTALL)
    lines, open_quotes = [], ""
    for line in "\n".join(blocks).replace("\\\n", " ").splitlines():
        open_quotes = f"{open_quotes} {line}" if open_quotes else line
        try:
            shlex.split(open_quotes)
        except ValueError:  # a quoted body goes on in the next line
            continue
        lines += [open_quotes] if open_quotes.strip() else []
        open_quotes = ""
    return lines


class Shell:
    """As much of a shell, of curl and of jq as the guide uses."""

    def __init__(self, client: Client, **variables: str) -> None:
        self.client, self.variables = client, variables

    def run(self, line: str) -> dict | None:
        captured = re.fullmatch(r"(\w+)=\$\((.*) \| jq -r \.(\w+)\)", line)
        if captured:
            name, command, field = captured.groups()
            self.variables[name] = self.curl(command)[field]
            return None
        if captured := re.fullmatch(r"(\w+)=\$\((curl .* -w .*)\)", line):
            self.variables[captured[1]] = self.curl(captured[2])["written"]
            return None
        if assigned := re.fullmatch(r"(\w+)=(\S+)", line):
            self.variables[assigned[1]] = assigned[2]
            return None
        return self.curl(line)

    def curl(self, command: str) -> dict:
        # Split first: what a variable holds may have quotes, as an ETag has.
        words = [re.sub(r"\$(\w+)", lambda name: self.variables[name[1]], word) for word in shlex.split(command)]
        assert words.pop(0) == "curl"
        method, headers, body, form, address, written = "GET", {}, None, {}, "", ""
        while words:
            word = words.pop(0)
            if word == "-o":
                words.pop(0)
                continue
            if word == "-s":
                continue
            if word == "-X":
                method = words.pop(0)
            elif word == "-H":
                name, value = words.pop(0).split(": ", 1)
                headers[name] = value
            elif word == "-w":
                written = re.fullmatch(r"%header\{(\w+)\}", words.pop(0))[1]
            elif word == "-d":
                method, body = "POST" if method == "GET" else method, words.pop(0)
            elif word == "-F":
                name, value = words.pop(0).split("=", 1)
                method = "POST"
                form[name] = SimpleUploadedFile(value[1:], photo(), "image/jpeg") if value[0] == "@" else value
            else:
                address = word
        parts = urlsplit(address)
        path = f"{parts.path}?{parts.query}"
        if form:
            answer = self.client.post(path, form, headers=headers)
        elif method in ("POST", "PATCH"):
            answer = self.client.generic(method, path, body or "", content_type="application/json", headers=headers)
        else:
            answer = self.client.get(path, headers=headers)
        assert answer.status_code in (200, 201), f"{command}\n{answer.status_code} {answer.content.decode()}"
        json.loads(body or "{}")
        if written:
            return {"written": answer[written]}
        return answer.json() if answer["Content-Type"] == "application/json" else {"bytes": answer.content}


@pytest.mark.django_db
def test_the_guide_works_as_it_stands(client, alma):
    conditions.load_vocabulary()
    ModelVersion.objects.create(name="m1", path="nowhere", sha256="0" * 64, classes=["NEV"], state="active")
    tokens = {
        "TOKEN": ApiToken.objects.create(alma.integration, name="guide")[1],
        "DOCTOR": ApiToken.objects.create(alma.doctor, name="guide")[1],
    }
    shell = Shell(client, **tokens)
    answers = [shell.run(line) for line in commands()]
    assert len(answers) > 8
    assert [answer["bytes"][:5] for answer in answers if answer and "bytes" in answer] == [b"%PDF-"]
    assert Patient.objects.get(id=shell.variables["PATIENT"]).given_name == "Evelina"
    case = Case.objects.get(id=shell.variables["CASE"])
    assert case.state == "signed"
    assert case.reads.get().reader == alma.doctor
    assert case.images.get().predictions.get().model_version.name == "m1"
