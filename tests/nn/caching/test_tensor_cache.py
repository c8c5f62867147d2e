"""The cache knows when what it was made from has changed."""

import copy
import gc
import pickle
from contextlib import nullcontext

import pytest
import torch

from graphkit.nn.caching.tensor_cache import TensorCache
from graphkit.nn.caching.unchanged import tensors_unchanged, unchanged_block


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


def test_inference_mode_is_known_by_content():
    cache, made = TensorCache(), []
    with torch.inference_mode():
        a = torch.arange(3)
    for block in (nullcontext(), tensors_unchanged()):  # nobody counts writes to it
        with block:
            for _ in range(2):
                cache.get((a,), 0, lambda: made.append(a.tolist()))
            a.numpy()[0] += 1
    cache.get((a,), 0, lambda: made.append(a.tolist()))
    assert made == [[0, 1, 2], [1, 1, 2], [2, 1, 2]]


def by_data(a):
    a.data.mul_(2)


def by_numpy(a):
    (a.values() if a.layout != torch.strided else a).numpy()[-1] += 1


WRITES = [by_data, by_numpy]


@pytest.mark.parametrize("write", WRITES)
@pytest.mark.parametrize("sparse", [False, True])
def test_a_write_that_torch_does_not_count_is_seen(write, sparse):
    cache, a = TensorCache(), torch.tensor([[1.0, 0.0], [0.0, 3.0]])
    a = a.to_sparse_csr() if sparse else a.flatten()
    count, seen = a._version, []
    for _ in range(2):
        cache.get((a, None), 0, lambda: seen.append(a.clone()))
    assert len(seen) == 1, "kept"
    write(a)
    assert a._version == count
    cache.get((a, None), 0, lambda: seen.append(a.clone()))
    assert len(seen) == 2
    assert torch.equal(seen[1].to_dense(), a.to_dense())


def test_what_shares_memory_with_the_tensor_is_made_anew_too():
    cache, a = TensorCache(), torch.arange(3)
    assert cache.get((a,), 0, lambda: a[1:]).tolist() == [1, 2]
    a.numpy()[:] = 7
    assert cache.get((a,), 0, lambda: a[:1]).tolist() == [7]


def test_a_block_trusts_counts_and_no_other_block():
    cache, a, made = TensorCache(), torch.arange(3), []

    def get():
        return cache.get((a,), 0, lambda: made.append(1) or len(made))

    with tensors_unchanged():
        assert unchanged_block() is not None
        assert get() == get() == 1
        with tensors_unchanged():
            assert get() == 1, "an inner block is the outer one"
        assert get() == 1
        a += 1
        assert get() == 2
    assert unchanged_block() is None
    assert get() == 3, "no copy to compare with"
    assert get() == 3
    with tensors_unchanged():
        assert get() == 3, "compared once"
        assert get() == 3
    a.numpy()[0] = 9
    with tensors_unchanged():
        assert get() == 4, "written between two blocks"
    with pytest.raises(ZeroDivisionError), tensors_unchanged():
        1 / 0  # noqa: B018
    assert unchanged_block() is None


def test_copies_are_empty():
    cache = TensorCache(3)
    a = torch.arange(3)
    cache.get((a,), 0, lambda: 1)
    for twin in (copy.deepcopy(cache), pickle.loads(pickle.dumps(cache))):
        assert (len(twin), twin.size) == (0, 3)
    cache.clear()
    assert len(cache) == 0
