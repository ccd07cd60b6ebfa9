import io
import os
import pickle
import struct
import sys
import types
from collections import OrderedDict

import numpy as np
import pytest

from training.network.weights import (
    MAGIC_NUMBER,
    PROTOCOL_VERSION,
    WeightsError,
    imagenet_tensors,
    read_legacy_checkpoint,
    torch_name,
)


class FloatStorage:
    """Stands in for torch.FloatStorage while a test file is written."""


def _rebuild_tensor_v2(*_arguments):
    """Stands in for torch._utils._rebuild_tensor_v2 while a test file is written."""


class _Tensor:
    def __init__(self, storage, offset, shape, strides):
        self.parts = (storage, offset, shape, strides, False, OrderedDict())

    def __reduce__(self):
        return _rebuild_tensor_v2, self.parts


class _Storage:
    def __init__(self, key, values):
        self.key, self.values = key, np.asarray(values, "<f4")


class _Pickler(pickle.Pickler):
    def persistent_id(self, thing):
        if isinstance(thing, _Storage):
            return ("storage", FloatStorage, thing.key, "cpu", thing.values.size, None)
        return None


@pytest.fixture
def legacy_file(monkeypatch):
    """A function that writes a state in PyTorch's legacy format, as PyTorch would."""
    torch, utils = types.ModuleType("torch"), types.ModuleType("torch._utils")
    torch.FloatStorage, utils._rebuild_tensor_v2 = FloatStorage, _rebuild_tensor_v2
    monkeypatch.setitem(sys.modules, "torch", torch)
    monkeypatch.setitem(sys.modules, "torch._utils", utils)
    monkeypatch.setattr(FloatStorage, "__module__", "torch")
    monkeypatch.setattr(_rebuild_tensor_v2, "__module__", "torch._utils")

    def write(state, storages=(), magic=MAGIC_NUMBER, protocol=PROTOCOL_VERSION, little_endian=True):
        stream = io.BytesIO()
        facts = {"protocol_version": protocol, "little_endian": little_endian, "type_sizes": {}}
        for part in (magic, protocol, facts, state, [storage.key for storage in storages]):
            _Pickler(stream, protocol=2).dump(part)
        for storage in storages:
            stream.write(struct.pack("<q", storage.values.size) + storage.values.tobytes())
        return io.BytesIO(stream.getvalue())

    return write


def test_tensors_that_are_not_contiguous_are_read_by_their_strides(legacy_file):
    values = np.arange(24, dtype="<f4")
    storage = _Storage("1", values)
    state = OrderedDict(
        plain=_Tensor(storage, 0, (2, 12), (12, 1)),
        turned=_Tensor(storage, 0, (12, 2), (1, 12)),
        channels_last=_Tensor(storage, 0, (2, 3, 2, 2), (12, 1, 6, 3)),
        later=_Tensor(storage, 20, (4,), (1,)),
        single=_Tensor(storage, 5, (), ()),
    )
    tensors = read_legacy_checkpoint(legacy_file(state, [storage]))
    assert (tensors["plain"] == values.reshape(2, 12)).all()
    assert (tensors["turned"] == values.reshape(2, 12).T).all()
    assert (tensors["channels_last"] == values.reshape(2, 2, 2, 3).transpose(0, 3, 1, 2)).all()
    assert tensors["later"].tolist() == [20, 21, 22, 23]
    assert tensors["single"] == 5
    assert all(tensor.flags.c_contiguous for tensor in tensors.values())


class _Bomb:
    def __reduce__(self):
        return os.system, ("touch /tmp/should-not-exist",)


@pytest.mark.parametrize("foreign", [_Bomb(), print, eval, np.float64(1)])
def test_a_foreign_name_is_refused_and_never_called(legacy_file, foreign, monkeypatch):
    called = []
    monkeypatch.setattr(os, "system", called.append)
    with pytest.raises(WeightsError, match=r"which a weight file has no use for\.$"):
        read_legacy_checkpoint(legacy_file(OrderedDict(weight=foreign)))
    assert called == []


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"magic": 1}, "not in PyTorch's legacy format"),
        ({"protocol": 1}, "not in PyTorch's legacy format"),
        ({"little_endian": False}, "big-endian"),
    ],
)
def test_another_format_is_refused(legacy_file, changes, sentence):
    with pytest.raises(WeightsError, match=sentence):
        read_legacy_checkpoint(legacy_file(OrderedDict(), **changes))


@pytest.mark.parametrize("content", [b"", b"PK\x03\x04", b"\x80\x02."])
def test_what_is_no_weight_file_is_refused(content):
    with pytest.raises(WeightsError, match="damaged or not in PyTorch's legacy format"):
        read_legacy_checkpoint(io.BytesIO(content))


def test_a_file_that_is_cut_short_is_refused(legacy_file):
    storage = _Storage("1", np.arange(8))
    whole = legacy_file(OrderedDict(weight=_Tensor(storage, 0, (8,), (1,))), [storage]).getvalue()
    with pytest.raises(WeightsError, match=r"^The weight file ends too early\.$"):
        read_legacy_checkpoint(io.BytesIO(whole[:-5]))


@pytest.mark.parametrize(("offset", "shape", "strides"), [(0, (9,), (1,)), (4, (8,), (1,)), (0, (4, 4), (4, 1))])
def test_a_tensor_outside_its_storage_is_refused(legacy_file, offset, shape, strides):
    storage = _Storage("1", np.arange(8))
    state = OrderedDict(weight=_Tensor(storage, offset, shape, strides))
    with pytest.raises(WeightsError, match="lies outside its storage"):
        read_legacy_checkpoint(legacy_file(state, [storage]))


def test_the_imagenet_file_holds_efficientnet_lite0():
    tensors = imagenet_tensors()
    shapes = {name: tensor.shape for name, tensor in tensors.items() if "num_batches" not in name}
    assert len(shapes) == 247
    assert shapes["_conv_stem.weight"] == (32, 3, 3, 3)
    assert shapes["_blocks.15._project_conv.weight"] == (320, 1152, 1, 1)
    assert shapes["_fc.weight"] == (1000, 1280)
    backbone = sum(int(np.prod(shape)) for name, shape in shapes.items() if "_fc" not in name)
    assert backbone == 3_413_024  # with the running statistics of batch norm


@pytest.mark.parametrize(
    ("layer", "module"),
    [
        ("stem", "_conv_stem"),
        ("block0_depthwise_norm", "_blocks.0._bn1"),
        ("block12_expand", "_blocks.12._expand_conv"),
        ("head_norm", "_bn1"),
        ("block3_add", None),
        ("block3_start", None),
        ("maps", None),
        ("stem_relu", None),
    ],
)
def test_layers_know_their_counterpart(layer, module):
    assert torch_name(layer) == module
