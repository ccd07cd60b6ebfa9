"""The networks, as functional Keras models.

Every network has the inputs `image` [n, size, size, 3] (units of `inference.preprocessing`) and `answers`
[n, k] (encoding of `inference.answers`), and the outputs `probs` [n, classes], `logits` [n, classes],
`maps` [n, h, w, classes] and `embedding` [n, d]; those with a frozen trunk also its pooled features, `trunk` [n, t].

The last layers are a 1 x 1 convolution to one map per class and its average, so the photo's logit of a class *is*
the mean of its map: the heat map is free and exact (class activation mapping, Zhou et al. 2016, arXiv:1512.04150).
The answers join late, as one linear term without a bias: unknown is encoded as zeros and adds nothing.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import keras
from keras import layers

from training.network.weights import imagenet_tensors, load_imagenet

# EfficientNet-Lite (tensorflow/tpu, models/official/efficientnet/lite): repeats, kernel, stride, expansion, channels.
LITE_STAGES = (
    (1, 3, 1, 1, 16),
    (2, 3, 2, 6, 24),
    (2, 5, 2, 6, 40),
    (3, 3, 2, 6, 80),
    (3, 5, 1, 6, 112),
    (4, 5, 2, 6, 192),
    (1, 3, 1, 6, 320),
)
EPSILON = 1e-3
STUDENT_SIZE, STUDENT_WIDTH = 64, 128


@dataclass(frozen=True)
class Scaling:
    """How a member of the family differs from Lite0.  Its first and last stage are widened but never deepened."""

    size: int  # side of the input in pixels
    width: float
    depth: float
    cut: int  # tuned from this block upward unless told otherwise: the fifth stage

    def channels(self, base: int) -> int:
        """The widened number of channels, to the nearest multiple of eight, never a tenth less."""
        wide = base * self.width
        near = max(8, int(wide + 4) // 8 * 8)
        return near + 8 if near < 0.9 * wide else near

    def stages(self) -> list[tuple[int, int, int, int, int]]:
        last = len(LITE_STAGES) - 1
        return [
            (
                math.ceil(repeats * (1.0 if stage in (0, last) else self.depth)),
                kernel,
                stride,
                expansion,
                self.channels(base),
            )
            for stage, (repeats, kernel, stride, expansion, base) in enumerate(LITE_STAGES)
        ]


LITE = {
    "lite0": Scaling(224, 1.0, 1.0, 10),
    "lite1": Scaling(240, 1.0, 1.1, 14),
    "lite2": Scaling(260, 1.1, 1.2, 14),
}


@dataclass(frozen=True)
class Network:
    """A model and where it may be cut: what lies before `cut` is frozen and computed once per picture."""

    name: str
    model: keras.Model
    size: int
    cut: str  # "input", "block<k>" (tune from that block upward) or "maps" (the head alone)

    def trunk(self) -> keras.Model | None:
        """The frozen part: image to features; None if nothing is frozen."""
        if self.cut == "input":
            return None
        image = self.model.inputs[self._input("image")]
        if self.cut == "maps":
            features = self.model.get_layer("embedding").output
            return keras.Model(image, layers.Reshape((1, 1, features.shape[-1]))(features))
        return keras.Model(image, self._features())

    def tail(self) -> keras.Model:
        """The trained part: features to the photo's logits.  Shares its layers with `model`."""
        if self.cut == "input":
            start = self.model.inputs[self._input("image")]
            return keras.Model(start, self.model.get_layer("photo").output)
        if self.cut == "maps":
            # The mean of a linear map is the map of the mean, so the head trains on pooled features.
            start = keras.Input((1, 1, self.model.get_layer("embedding").output.shape[-1]))
            return keras.Model(start, layers.Flatten()(self.model.get_layer("maps")(start)))
        return keras.Model(self._features(), self.model.get_layer("photo").output)

    def _features(self) -> keras.KerasTensor:
        first = int(self.cut.removeprefix("block"))
        return self.model.get_layer(f"block{first}_start").output

    def _input(self, name: str) -> int:
        return [tensor.name for tensor in self.model.inputs].index(name)


def input_size(name: str) -> int:
    """The side of a network's input in pixels."""
    return STUDENT_SIZE if name == "student" else LITE[name].size


def build(name: str, classes: int, answers: int, cut: str | None = None, imagenet: bool = True) -> Network:
    """A network by name, `student` or one of LITE, for so many classes and so wide an encoding of the answers."""
    if name == "student":
        return Network(name, _student(classes, answers), STUDENT_SIZE, "input")
    if name not in LITE:
        raise ValueError(f"There is no network named {name}; there are {', '.join(LITE)} and student.")
    scaling = LITE[name]
    model = _lite(name, scaling, classes, answers)
    if imagenet:
        load_imagenet(model, imagenet_tensors(name))
    for layer in model.layers:
        # Batch norm keeps ImageNet's statistics: a batch of 32 photos is too few to estimate its own.
        if isinstance(layer, layers.BatchNormalization):
            layer.trainable = False
    cut = cut or f"block{scaling.cut}"
    return Network(name, _with_trunk(model, cut), scaling.size, cut)


def _with_trunk(model: keras.Model, cut: str) -> keras.Model:
    """The same model with a further output: what the frozen part sees, averaged over the picture."""
    if cut == "maps":
        pooled = layers.Identity(name="trunk")(model.output["embedding"])
    else:
        pooled = layers.GlobalAveragePooling2D(name="trunk")(model.get_layer(f"{cut}_start").output)
    return keras.Model(model.input, {**model.output, "trunk": pooled}, name=model.name)


def _lite(name: str, scaling: Scaling, classes: int, answers: int) -> keras.Model:
    image = keras.Input((scaling.size, scaling.size, 3), name="image")
    x = _convolution(image, 32, 3, "stem", strides=2)
    index, channels = 0, 32
    for repeats, kernel, stride, expansion, width in scaling.stages():
        for repeat in range(repeats):
            # An identity that names the border between blocks, so that a model can be cut there.
            x = layers.Identity(name=f"block{index}_start")(x)
            strides = stride if repeat == 0 else 1
            y = _convolution(x, channels * expansion, 1, f"block{index}_expand") if expansion > 1 else x
            y = layers.DepthwiseConv2D(
                kernel, strides=strides, padding="same", use_bias=False, name=f"block{index}_depthwise"
            )(y)
            y = _norm(y, f"block{index}_depthwise", activation=True)
            y = layers.Conv2D(width, 1, use_bias=False, name=f"block{index}_project")(y)
            y = _norm(y, f"block{index}_project", activation=False)
            x = layers.Add(name=f"block{index}_add")([x, y]) if strides == 1 and channels == width else y
            index, channels = index + 1, width
    features = _convolution(x, 1280, 1, "head")
    return _heads(image, features, classes, answers, name)


def _student(classes: int, answers: int) -> keras.Model:
    """For comparison, the CNN that this project replaces: one convolution on a thumbnail and a dense layer.

    The dense layer sees the whole thumbnail at once, so its class map is one cell that says nothing of where.
    """
    image = keras.Input((STUDENT_SIZE, STUDENT_SIZE, 3), name="image")
    features = layers.Conv2D(32, 3, activation="relu", name="convolution")(image)
    features = layers.Flatten(name="flat")(layers.MaxPooling2D(2, name="pooling")(features))
    features = layers.Dense(STUDENT_WIDTH, activation="relu", name="dense")(features)
    return _heads(image, layers.Reshape((1, 1, STUDENT_WIDTH), name="place")(features), classes, answers, "student")


def _heads(image: keras.KerasTensor, features: keras.KerasTensor, classes: int, answers: int, name: str) -> keras.Model:
    answer = keras.Input((answers,), name="answers")
    embedding = layers.GlobalAveragePooling2D(name="embedding")(features)
    maps = layers.Conv2D(classes, 1, name="maps")(features)
    photo = layers.GlobalAveragePooling2D(name="photo")(maps)
    told = layers.Dense(classes, use_bias=False, kernel_initializer="zeros", name="told")(answer)
    logits = layers.Add(name="logits")([photo, told])
    probs = layers.Softmax(name="probs")(logits)
    outputs = {"probs": probs, "logits": logits, "maps": maps, "embedding": embedding}
    return keras.Model({"image": image, "answers": answer}, outputs, name=name)


def _convolution(x, filters: int, kernel: int, name: str, strides: int = 1):
    x = layers.Conv2D(filters, kernel, strides=strides, padding="same", use_bias=False, name=name)(x)
    return _norm(x, name, activation=True)


def _norm(x, name: str, activation: bool):
    x = layers.BatchNormalization(epsilon=EPSILON, name=f"{name}_norm")(x)
    return layers.ReLU(6.0, name=f"{name}_relu")(x) if activation else x
