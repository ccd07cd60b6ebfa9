from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from inference.answers import QUESTIONS, UNANSWERED, AnswerEncoding, Answers
from tests.inference.small_bundle import ENCODING

yes_no_unknown = st.sampled_from([True, False, None])
answers = st.builds(
    Answers,
    age=st.none() | st.integers(0, 120),
    site=st.sampled_from([None, "nose", "back", "heel"]),
    **dict.fromkeys(QUESTIONS, yes_no_unknown),
)
FIELDS = ("age", "site", *QUESTIONS)


def test_unknown_adds_nothing():
    assert not ENCODING.encode(UNANSWERED).any()


@given(answers, st.sampled_from(FIELDS))
def test_an_answer_taken_back_leaves_no_trace(given_answers, name):
    """No feature says that a value is missing: without it, its own features are zero and no other one moves."""
    before = ENCODING.encode(given_answers)
    after = ENCODING.encode(replace(given_answers, **{name: None}))
    changed = np.flatnonzero(before != after)
    assert not after[changed].any()


@given(answers)
def test_every_form_of_unknown_is_the_same(given_answers):
    texts = {name: getattr(given_answers, name) for name in FIELDS}
    unknown = {name: "unknown" if value is None else str(value) for name, value in texts.items()}
    empty = {name: "" if value is None else str(value) for name, value in texts.items()}
    absent = {name: str(value) for name, value in texts.items() if value is not None}
    assert Answers.from_text(unknown) == Answers.from_text(empty) == Answers.from_text(absent) == given_answers


def test_a_site_that_the_model_never_saw_counts_as_unknown():
    assert not ENCODING.encode(Answers(site="heel")).any()


def test_known_answers_are_centred_on_the_training_data():
    known = [Answers(age=40, site="Nose", itch=True), Answers(age=60, site="back", itch=False), Answers(itch=True)]
    encoding = AnswerEncoding.fit(known)
    assert encoding.sites == (("back", 0.5), ("nose", 0.5))
    encoded = np.stack([encoding.encode(each) for each in known])
    assert np.allclose(encoded.sum(axis=0), 0, atol=1e-5)
    assert encoding.encode(Answers(itch=True))[4] == pytest.approx(1 / 3, abs=1e-5)


def test_the_encoding_survives_its_description():
    assert AnswerEncoding.from_spec(ENCODING.to_spec()) == ENCODING


def test_the_groups_of_features_cover_the_encoding_once():
    covered = [index for group in ENCODING.groups for index in range(group.start, group.stop)]
    assert covered == list(range(ENCODING.width))


@pytest.mark.parametrize(
    ("texts", "sentence"),
    [
        ({"age": "old"}, "Age must be a number from 0 to 120 or unknown, not “old”."),
        ({"age": "-3"}, "Age must be a number from 0 to 120 or unknown, not “-3”."),
        ({"itch": "maybe"}, "“itch” must be yes, no or unknown, not “maybe”."),
    ],
)
def test_what_is_no_answer_is_refused_in_words(texts, sentence):
    with pytest.raises(ValueError, match=sentence.replace("(", r"\(")) as refusal:
        Answers.from_text(texts)
    assert str(refusal.value) == sentence


def test_texts_of_a_clinic_and_of_a_data_file_mean_the_same():
    assert Answers.from_text({"itch": "Yes", "grew": "n", "hurt": "UNK"}) == Answers.from_text(
        {"itch": "True", "grew": "False", "hurt": ""}
    )
    assert Answers.from_text({"age": "63.0", "site": "Lower leg"}) == Answers(age=63, site="lower_leg")
