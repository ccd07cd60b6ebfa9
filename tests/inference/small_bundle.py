"""A bundle small enough to build in a test: four filters on 16 x 16 pixels, written by hand as ONNX."""

from pathlib import Path
from typing import Any

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from inference import bundle
from inference.answers import AnswerEncoding
from inference.novelty import Novelty

SIZE = 16
NOVELTY_THRESHOLD = 1.0
ENCODING = AnswerEncoding(
    age_mean=55.0,
    age_scale=15.0,
    sites=(("back", 0.5), ("nose", 0.5)),
    questions=(("itch", 0.5), ("grew", 0.25), ("bled", 0.2)),
)
CLASSES = [
    {"code": "NEV", "name": "Melanocytic nevus", "icd10": "D22.9", "malignant": False},
    {"code": "MEL", "name": "Melanoma", "icd10": "C43.9", "malignant": True},
    {"code": "BCC", "name": "Basal cell carcinoma", "icd10": "C44.91", "malignant": True},
]


def spec(**changes: Any) -> dict[str, Any]:
    return {
        "name": "small-1",
        "classes": CLASSES,
        "preprocessing": {"size": SIZE},
        "answers": ENCODING.to_spec(),
        "temperature": 1.5,
        "thresholds": {
            "urgent": {"threshold": 0.4},
            "abstain": {"threshold": 0.5},
            "conformal": {"80": 0.4, "90": 0.25, "99": 0.01},
        },
        "metrics": {},
        **changes,
    }


def write(
    folder: Path, seed: int = 3, novelty: Novelty | None = None, texts: dict[str, str] | None = None, **changes: Any
) -> Path:
    """A valid bundle in `folder`/small-1; `changes` replace fields of its description, `texts` are further files."""
    source = folder / "sources"
    source.mkdir(parents=True, exist_ok=True)
    onnx.save(network(seed), source / bundle.ONNX_FILE)
    (source / bundle.CARD_FILE).write_text("# small-1\n")
    for name, text in (texts or {}).items():
        (source / name).write_text(text)
    files = {name: source / name for name in (bundle.ONNX_FILE, bundle.CARD_FILE, *(texts or ()))}
    described = spec(**changes)
    if novelty:
        files[bundle.NOVELTY_FILE] = source / bundle.NOVELTY_FILE
        novelty.save(files[bundle.NOVELTY_FILE])
        described["thresholds"] = {**described["thresholds"], "novelty": {"threshold": NOVELTY_THRESHOLD}}
    return bundle.write(folder / "small-1", described, files)


def network(seed: int) -> onnx.ModelProto:
    rng = np.random.default_rng(seed)
    classes = len(CLASSES)

    def constant(name: str, *shape: int) -> onnx.TensorProto:
        return numpy_helper.from_array(rng.normal(0, 0.5, shape).astype(np.float32), name)

    nodes = [
        helper.make_node("Transpose", ["image"], ["planes"], perm=[0, 3, 1, 2]),
        helper.make_node("Conv", ["planes", "filters"], ["filtered"], strides=[4, 4]),
        helper.make_node("Relu", ["filtered"], ["features"]),
        helper.make_node("Conv", ["features", "heads"], ["planar_maps"]),
        helper.make_node("Transpose", ["planar_maps"], ["maps"], perm=[0, 2, 3, 1]),
        helper.make_node("ReduceMean", ["features"], ["embedding"], axes=[2, 3], keepdims=0),
        helper.make_node("ReduceMean", ["filtered"], ["trunk"], axes=[2, 3], keepdims=0),
        helper.make_node("ReduceMean", ["planar_maps"], ["photo"], axes=[2, 3], keepdims=0),
        helper.make_node("MatMul", ["answers", "told_weights"], ["told"]),
        helper.make_node("Add", ["photo", "told"], ["logits"]),
        helper.make_node("Softmax", ["logits"], ["probs"], axis=-1),
    ]

    def tensor(name: str, *shape: int | str) -> onnx.ValueInfoProto:
        return helper.make_tensor_value_info(name, TensorProto.FLOAT, ["n", *shape])

    graph = helper.make_graph(
        nodes,
        "small",
        [tensor("image", SIZE, SIZE, 3), tensor("answers", ENCODING.width)],
        [
            *(tensor("probs", classes), tensor("logits", classes), tensor("maps", 4, 4, classes)),
            *(tensor("embedding", 4), tensor("trunk", 4)),
        ],
        [
            constant("filters", 4, 3, 4, 4),
            constant("heads", classes, 4, 1, 1),
            constant("told_weights", ENCODING.width, classes),
        ],
    )
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)], ir_version=8)
