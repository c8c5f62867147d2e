"""The cache knows when what it was made from has changed."""

import copy
import gc
import pickle

import torch

from graphkit.nn.tensor_cache import TensorCache


def test_same_tensor_same_thing_until_it_is_written():
    cache, made = TensorCache(), []

    def get(*tensors, key=0):
        return cache.get(tensors, key, lambda: made.append(1) or len(made))

    a, b = torch.arange(3), torch.arange(3)
    assert get(a) == get(a) == 1
    assert get(b) == 2, "equal content in another tensor"
    assert get(a) == 1, "two are kept"
    a[0] = 7
    assert get(a) == 3, "written in place"
    assert get(a, key=1) == 4
    assert get(a, None) == 5
    assert get(a, None) == 5


def test_a_tensor_that_is_gone():
    cache = TensorCache()
    a = torch.arange(3)
    cache.get((a,), 0, lambda: "old")
    del a
    gc.collect()
    b = torch.arange(3)  # may have the address of the old one
    assert cache.get((b,), 0, lambda: "new") == "new"
    assert len(cache) == 1


def test_inference_mode_is_never_cached():
    cache = TensorCache()
    with torch.inference_mode():
        a = torch.arange(3)
    cache.get((a,), 0, lambda: 1)
    assert len(cache) == 0


def test_copies_are_empty():
    cache = TensorCache(3)
    a = torch.arange(3)
    cache.get((a,), 0, lambda: 1)
    for twin in (copy.deepcopy(cache), pickle.loads(pickle.dumps(cache))):
        assert (len(twin), twin.size) == (0, 3)
    cache.clear()
    assert len(cache) == 0
