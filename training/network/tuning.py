"""Tuning the tail of a network on cached features.

What lies before the cut is frozen, so its features are computed once for a number of varied views of each photo and
kept on disk; every epoch then draws one view per photo.  All folds share the cache, which makes a cross-validated
run about as dear as a plain one.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from pathlib import Path

import keras
import numpy as np
import tensorflow as tf
from tensorflow.python.framework.convert_to_constants import convert_variables_to_constants_v2

from inference.preprocessing import model_units
from training.network.architecture import Network
from training.network.augmentation import vary
from training.network.checkpoints import Checkpoints
from training.progress import Curve, Report
from training.recipe import Recipe

BATCH = 32
CACHE_BYTES = 4 * 2**30


def limit_threads(threads: int) -> None:
    """Keep TensorFlow to so many cores.  Only the first call in a process can have an effect."""
    try:
        tf.config.threading.set_intra_op_parallelism_threads(threads)
        tf.config.threading.set_inter_op_parallelism_threads(1)
    except RuntimeError:
        # TensorFlow is running already and keeps the setting it has.
        return


def cache_features(
    network: Network, pixels: np.ndarray, views: int, seed: int, folder: Path, report: Report
) -> np.ndarray:
    """Features of varied views of every photo, float16 [views, n, ...] in a file; view 0 is the photo itself.

    Views that an earlier call with the same arguments has written into `folder` are not computed again.
    """
    trunk = network.trunk()
    shape = tuple(trunk.output.shape[1:]) if trunk is not None else pixels.shape[1:]
    affordable = CACHE_BYTES // (2 * len(pixels) * int(np.prod(shape)))
    views = int(max(1, min(views, affordable)))
    file, progress = folder / "features.npy", folder / "features.json"
    rng = np.random.default_rng(seed)
    written = 0
    if progress.exists() and file.exists():
        before = json.loads(progress.read_text(encoding="ascii"))
        written, rng.bit_generator.state = before["views"], before["random"]
        features = np.lib.format.open_memmap(file, "r+")
    else:
        features = np.lib.format.open_memmap(file, "w+", np.float16, (views, len(pixels), *shape))
    forward = _frozen(trunk) if trunk is not None else None
    for view in range(written, views):
        for start in range(0, len(pixels), BATCH):
            chosen = pixels[start : start + BATCH]
            if view > 0:
                chosen = np.stack([vary(each, rng) for each in chosen])
            units = model_units(chosen)
            features[view, start : start + BATCH] = units if forward is None else forward(tf.constant(units)).numpy()
            report.step("Features", view * len(pixels) + min(start + BATCH, len(pixels)), views * len(pixels))
        features.flush()
        fresh = progress.with_suffix(".partial")
        fresh.write_text(json.dumps({"views": view + 1, "random": rng.bit_generator.state}), encoding="ascii")
        fresh.replace(progress)
    return features


def pooled_features(trunk: keras.Model, pixels: np.ndarray) -> np.ndarray:
    """What the frozen part sees of each picture, averaged over it: uint8 [n, size, size, 3] to float32 [n, d]."""
    forward = _frozen(trunk)
    batches = [pixels[start : start + BATCH] for start in range(0, len(pixels), BATCH)]
    return np.concatenate([forward(tf.constant(model_units(batch))).numpy().mean(axis=(1, 2)) for batch in batches])


def _frozen(trunk: keras.Model) -> Callable[[tf.Tensor], tf.Tensor]:
    """The trunk with its weights as constants, which lets TensorFlow fold batch norm and ReLU into convolutions."""
    image = tf.TensorSpec((None, *trunk.input.shape[1:]), tf.float32)
    traced = tf.function(lambda batch: trunk(batch, training=False)).get_concrete_function(image)
    folded = convert_variables_to_constants_v2(traced)
    return lambda batch: folded(batch)[0]


def tune(
    tail: keras.Model,
    features: np.ndarray,
    labels: np.ndarray,
    chosen: np.ndarray,
    held: np.ndarray,
    recipe: Recipe,
    seed: int,
    on_epoch: Callable[[int, Curve], None] = lambda epoch, curve: None,
    checkpoints: Checkpoints | None = None,
    name: str = "fit",
) -> Curve:
    """Train `tail` in place on the photos `chosen`, watching its loss on the photos `held`, if any.

    AdamW with a warm-up epoch and a cosine to zero, gradients clipped to norm 1, the moving average of the weights
    in use.  With held-out photos, it stops when their loss has not improved for a quarter of the epochs and goes
    back to the best.  The same seed gives the same weights on the same machine, also where the fit called `name`
    was broken off and goes on from its checkpoint.
    """
    rng = np.random.default_rng(seed)
    classes = tail.output.shape[-1]
    steps = -(-len(chosen) // BATCH)
    schedule = keras.optimizers.schedules.CosineDecay(
        1e-6,
        steps * max(recipe.epochs - 1, 1),
        warmup_target=recipe.learning_rate,
        warmup_steps=steps,
    )
    optimizer = keras.optimizers.AdamW(schedule, weight_decay=recipe.weight_decay)
    optimizer.exclude_from_weight_decay(var_names=["bias"])
    variables = tail.trainable_variables
    optimizer.build(variables)
    averages = [tf.Variable(variable.value) for variable in variables]
    counts = np.bincount(labels[chosen], minlength=classes)
    weights = (counts[counts > 0].mean() / np.maximum(counts, 1)) ** recipe.class_power
    weights = (weights / weights[labels[chosen]].mean()).astype(np.float32)

    @tf.function
    def step(batch: tf.Tensor, target: tf.Tensor, weight: tf.Tensor, decay: tf.Tensor) -> tf.Tensor:
        with tf.GradientTape() as tape:
            logits = tail(tf.cast(batch, tf.float32), training=True)
            loss = tf.reduce_mean(weight * tf.nn.softmax_cross_entropy_with_logits(target, logits))
        gradients, _norm = tf.clip_by_global_norm(tape.gradient(loss, variables), 1.0)
        optimizer.apply_gradients(zip(gradients, variables, strict=True))
        for average, variable in zip(averages, variables, strict=True):
            average.assign(average * decay + variable.value * (1.0 - decay))
        return loss

    forward = _forward(tail)
    smooth = np.eye(classes, dtype=np.float32) * (1 - recipe.label_smoothing) + recipe.label_smoothing / classes
    fit = _Fit(variables, averages, optimizer, rng)
    if checkpoints:
        fit.go_on_from(checkpoints.load(name))
    curve = fit.curve
    while not _is_over(curve, recipe):
        losses = []
        order = rng.permutation(chosen)
        for start in range(0, len(order), BATCH):
            photos = order[start : start + BATCH]
            if len(photos) < BATCH:  # one shape for every step, so the graph is built once
                photos = np.concatenate([photos, rng.choice(chosen, BATCH - len(photos))])
            batch = features[rng.integers(len(features), size=BATCH), photos]
            target, weight = smooth[labels[photos]], weights[labels[photos]]
            fit.taken += 1
            decay = np.float32(min(recipe.average, (1 + fit.taken) / (10 + fit.taken)))
            losses.append(step(tf.constant(batch), tf.constant(target), tf.constant(weight), tf.constant(decay)))
        curve.loss.append(float(np.mean([float(loss) for loss in losses])))
        if len(held):
            raw = [variable.numpy() for variable in variables]
            _assign(variables, averages)
            _measure_held(_logits(forward, features[0], held), labels[held], curve)
            if curve.best_epoch == len(curve.loss):
                fit.best = [average.numpy() for average in averages]
            _assign(variables, raw)
        if checkpoints and checkpoints.is_due():
            checkpoints.save(name, fit.state())
        on_epoch(len(curve.loss), curve)
    _assign(variables, averages if fit.best is None else fit.best)
    if checkpoints:
        checkpoints.save(name, fit.state())
    return curve


@dataclass
class _Fit:
    """All that changes while a tail is tuned."""

    variables: list
    averages: list
    optimizer: keras.optimizers.Optimizer
    rng: np.random.Generator
    curve: Curve = field(default_factory=Curve)
    best: list[np.ndarray] | None = None
    taken: int = 0

    def state(self) -> dict[str, np.ndarray]:
        """What `go_on_from` needs."""
        told = {"random": self.rng.bit_generator.state, "curve": asdict(self.curve), "taken": self.taken}
        parts = {"raw": self.variables, "mean": self.averages, "optimizer": self.optimizer.variables}
        arrays = {f"{part}-{i}": each.numpy() for part, those in parts.items() for i, each in enumerate(those)}
        best = {f"best-{i}": each for i, each in enumerate(self.best or [])}
        return {"told": np.array(json.dumps(told)), **arrays, **best}

    def go_on_from(self, state: dict[str, np.ndarray]) -> None:
        """Where a fit of the same data and recipe was; an empty state is its beginning."""
        if not state:
            return
        told = json.loads(str(state["told"]))
        self.rng.bit_generator.state = told["random"]
        self.curve, self.taken = Curve(**told["curve"]), told["taken"]
        for part, those in (("raw", self.variables), ("mean", self.averages), ("optimizer", self.optimizer.variables)):
            _assign(those, [state[f"{part}-{i}"] for i in range(len(those))])
        if "best-0" in state:
            self.best = [state[f"best-{i}"] for i in range(len(self.variables))]


def _is_over(curve: Curve, recipe: Recipe) -> bool:
    """After the last epoch, or where held-out photos have not gained for a quarter of the epochs."""
    epoch = len(curve.loss)
    waits = bool(curve.held_loss) and epoch - curve.best_epoch >= max(4, recipe.epochs // 4)
    return epoch >= recipe.epochs or waits


def tune_average(
    tail: keras.Model,
    features: np.ndarray,
    labels: np.ndarray,
    chosen: np.ndarray,
    held: np.ndarray,
    recipe: Recipe,
    seed: int,
    report: Report,
    stage: str,
    checkpoints: Checkpoints | None = None,
) -> list[Curve]:
    """`tune` from the same start `recipe.fits` times in other orders, and leave the mean of the weights in `tail`.

    Fits that share their start lie in one valley, so their mean is a network too, about as good as asking them all
    and as cheap as one (model soups, Wortsman et al. 2022, arXiv:2203.05482).
    """
    variables = tail.trainable_variables
    start = [variable.numpy() for variable in variables]
    total = [np.zeros_like(each) for each in start]
    curves = []
    for fit in range(recipe.fits):
        _assign(variables, start)
        name = f"{stage}, fit {fit + 1}" if recipe.fits > 1 else stage

        def told(epoch: int, curve: Curve, name: str = name) -> None:
            loss = f"held-out loss {curve.held_loss[-1]:.3f}" if curve.held_loss else f"loss {curve.loss[-1]:.3f}"
            report.step(name, epoch, recipe.epochs, loss)
            report.epoch(name, epoch, curve)

        file = re.sub(r"\W+", "-", name).lower()
        order = seed + 1000 * fit
        curves.append(tune(tail, features, labels, chosen, held, recipe, order, told, checkpoints, file))
        report.epoch(name, len(curves[-1].loss), curves[-1])  # of a fit that was finished before, too
        total = [sum_ + variable.numpy() for sum_, variable in zip(total, variables, strict=True)]
    _assign(variables, [each / recipe.fits for each in total])
    return curves


def logits(tail: keras.Model, features: np.ndarray, photos: np.ndarray) -> np.ndarray:
    """What a tail says of some photos: features [n, ...] and indices [m] to [m, classes]."""
    return _logits(_forward(tail), features, photos)


def _forward(tail: keras.Model) -> Callable[[tf.Tensor], tf.Tensor]:
    return tf.function(lambda batch: tail(tf.cast(batch, tf.float32), training=False))


def _logits(forward: Callable[[tf.Tensor], tf.Tensor], features: np.ndarray, photos: np.ndarray) -> np.ndarray:
    parts = [photos[start : start + BATCH] for start in range(0, len(photos), BATCH)]
    return np.concatenate([forward(tf.constant(features[part])).numpy() for part in parts])


def _measure_held(logits: np.ndarray, labels: np.ndarray, curve: Curve) -> None:
    shifted = logits - logits.max(axis=1, keepdims=True)
    log_likelihood = shifted - np.log(np.exp(shifted).sum(axis=1, keepdims=True))
    right = logits.argmax(axis=1) == labels
    curve.held_loss.append(float(-log_likelihood[np.arange(len(labels)), labels].mean()))
    curve.held_balanced_accuracy.append(float(np.mean([right[labels == each].mean() for each in np.unique(labels)])))


def _assign(variables: list, values: list) -> None:
    for variable, value in zip(variables, values, strict=True):
        variable.assign(value)
