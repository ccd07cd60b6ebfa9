"""The second opinion on one photo.  ONNX Runtime only: nothing here or below loads TensorFlow or Keras."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from PIL import Image

from inference.answers import UNANSWERED, Answers
from inference.bundle import Bundle, BundleError
from inference.decision import calibrated, confidence, in_answer_set, malignant_probability
from inference.preprocessing import prepare

COVERAGE = 90  # per cent of photos whose answer set holds the truth, unless a clinic chooses otherwise


@dataclass(frozen=True)
class Opinion:
    """What the model says.  It supports a decision and does not make one."""

    probabilities: dict[str, float]  # class code -> calibrated probability, highest first
    answer_set: tuple[str, ...]  # smallest set that reaches the coverage, likeliest first
    coverage: int  # how often, in per cent, such sets hold the truth
    malignant_probability: float
    urgent: bool  # malignant_probability reaches the bundle's urgent threshold
    uncertain: bool  # the model abstains: a doctor must read
    novelty: float | None  # how unlike the training photos; None from a bundle without the check
    strange: bool  # it does not look like a photo of a lesion
    maps: np.ndarray  # float32 [classes, h, w], evidence per place, class order of the bundle
    embedding: np.ndarray  # float32 [d]


class Engine:
    """A loaded bundle.  `classify` may be called from several threads at once."""

    def __init__(self, bundle: Bundle, threads: int = 1) -> None:
        # Heavy, so imported by those who compute only: web processes and beat know this module and never come here.
        import onnxruntime

        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = threads
        options.inter_op_num_threads = 1
        options.execution_mode = onnxruntime.ExecutionMode.ORT_SEQUENTIAL
        # Idle threads must not spin: a worker shares its core with the web server.
        options.add_session_config_entry("session.intra_op.allow_spinning", "0")
        # A block laid out for all of a pass saves it a hundredth of its time, and keeps 20 MB for good.
        options.enable_mem_pattern = False
        options.log_severity_level = 3
        try:
            self.session = onnxruntime.InferenceSession(
                str(bundle.onnx_file), options, providers=["CPUExecutionProvider"]
            )
        except Exception as error:
            raise BundleError(f"The network of the bundle {bundle.name} cannot be loaded: {error}") from error
        self.bundle = bundle
        self._malignant = np.array([each.malignant for each in bundle.conditions])
        # What `classify` asks of the network.
        self.outputs = ["logits", "maps", "embedding", *(["trunk"] if bundle.novelty else [])]

    def logits(self, image: Image.Image, answers: Answers = UNANSWERED) -> np.ndarray:
        """Uncalibrated logits, float32 [classes]; what training and evaluation choose thresholds from."""
        return self._run(image, answers, ["logits"])[0]

    def classify(self, image: Image.Image, answers: Answers = UNANSWERED, coverage: int = COVERAGE) -> Opinion:
        """The opinion on an upright RGB photo, with the answers that are known; `coverage` in per cent."""
        bundle = self.bundle
        logits, maps, embedding, *trunk = self._run(image, answers, self.outputs)
        novelty = float(bundle.novelty.score(trunk[0])) if bundle.novelty else None
        probabilities = calibrated(logits, bundle.temperature)
        order = np.argsort(-probabilities, kind="stable")
        coverage = bundle.coverage(coverage)
        chosen = in_answer_set(probabilities, bundle.conformal[coverage])
        malignant = float(malignant_probability(probabilities, self._malignant))
        return Opinion(
            probabilities={bundle.classes[i]: float(probabilities[i]) for i in order},
            answer_set=tuple(bundle.classes[i] for i in order if chosen[i]),
            coverage=coverage,
            malignant_probability=malignant,
            urgent=malignant >= bundle.urgent_threshold,
            uncertain=bool(confidence(probabilities) < bundle.abstain_threshold),
            novelty=novelty,
            strange=novelty is not None and novelty >= bundle.novelty_threshold,
            maps=np.ascontiguousarray(maps.transpose(2, 0, 1)),
            embedding=embedding,
        )

    def _run(self, image: Image.Image, answers: Answers, outputs: list[str]) -> list[np.ndarray]:
        inputs = {
            "image": prepare(image, self.bundle.size)[None],
            "answers": self.bundle.encoding.encode(answers)[None],
        }
        return [output[0] for output in self.session.run(outputs, inputs)]
