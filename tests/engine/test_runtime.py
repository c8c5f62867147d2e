"""Devices by name, threads, and optimisers."""

import pytest
import torch
from torch import nn

from graphkit.engine.optimizers import make_optimizer
from graphkit.engine.runtime import Runtime, _accelerator, threads_set
from graphkit.errors import GraphError, UnknownNameError


def test_devices():
    assert _accelerator("auto", 1, 1) == ("auto", 1)
    assert _accelerator("cuda:1", 1, 1) == ("cuda", [1])
    assert _accelerator("cuda:1", 2, 2) == ("cuda", 2)  # torchrun gives each process its card
    with pytest.raises(UnknownNameError, match="Did you mean 'cpu'"):
        _accelerator("cpuu", 1, 1)
    with pytest.raises(GraphError, match="no such card"):
        _accelerator("cuda:a", 1, 1)


def test_one_process():
    runtime = Runtime.start("cpu")
    assert (runtime.device, runtime.rank, runtime.world) == (torch.device("cpu"), 0, 1)
    assert runtime.leads
    value = torch.tensor(3.0)
    assert runtime.sum_(value) is value
    assert runtime.differing({"a": value}) == []
    with runtime.autocast():
        assert (torch.ones(2, 2) @ torch.ones(2, 2)).dtype == torch.float32
    with Runtime.start("cpu", "bf16-mixed").autocast():
        assert (torch.ones(2, 2) @ torch.ones(2, 2)).dtype == torch.bfloat16


def test_threads_are_given_back_after_an_error():
    before = torch.get_num_threads()
    with pytest.raises(RuntimeError), threads_set(before + 1) as used:  # noqa: PT012
        assert used == torch.get_num_threads() == before + 1
        raise RuntimeError
    assert torch.get_num_threads() == before


def test_the_fused_step_is_the_plain_one():
    def train(make):
        torch.manual_seed(0)
        model = nn.Linear(4, 2)
        optimizer = make(list(model.parameters()))
        for step in range(5):
            optimizer.zero_grad()
            model(torch.full((3, 4), float(step))).square().sum().backward()
            optimizer.step()
        return model.weight.detach()

    fused = train(lambda p: make_optimizer("adamw", p, 0.01, 0.1))
    plain = train(lambda p: torch.optim.AdamW(p, lr=0.01, weight_decay=0.1))
    assert torch.allclose(fused, plain, atol=1e-6)
    optimizer = make_optimizer("adam", [nn.Parameter(torch.ones(2))], 0.1)
    assert optimizer.defaults["fused"] is True


def test_where_fusing_is_impossible_the_plain_optimizer_serves():
    complex_parameter = nn.Parameter(torch.ones(2, dtype=torch.complex64))
    optimizer = make_optimizer("adam", [complex_parameter], 0.1)
    complex_parameter.abs().sum().backward()
    optimizer.step()
    assert complex_parameter.detach().real.allclose(torch.full((2,), 0.9), atol=1e-3)
