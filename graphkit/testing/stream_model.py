"""Checks of the contract of stream models, for authors of a model.

A stream model scores pairs (``score``, pure) and then observes the events that happened
(``observe``, the only method that changes the state); the state is stored in buffers.
``check_stream_model(MyModel.from_graph)`` runs small random streams with repeated nodes, self
loops, tied times and ids at both ends of the range, and raises an ``AssertionError`` that names
the violated part of the contract.

Example:
    >>> from graphkit.models.stream.tgn import TGN
    >>> from graphkit.testing import check_stream_model
    >>> check_stream_model(TGN.from_graph)
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterable
from dataclasses import replace

import torch
from torch.nn import functional as F

from graphkit.data import EventBatch, TemporalGraph
from graphkit.testing.model_checks import assert_close, assert_draws
from graphkit.testing.not_run import chosen_checks, needs_cuda, run_checks
from graphkit.testing.number_types import run_in_types
from graphkit.testing.stream_case import STREAM_CASES, Factory, StreamCase
from graphkit.testing.stream_continuation import (
    check_edge_features,
    check_event_ids,
    check_growth,
    check_late_events,
    check_saved_states,
    check_tables,
    check_temporal_data,
)
from graphkit.testing.stream_steps import observe, same_state, score, state_of

__all__ = ["STREAM_MODEL_CHECKS", "check_stream_model"]


def check_shapes(factory: Factory, case: StreamCase) -> None:
    """Scores have the shape of the candidates, are floating point and are finite."""
    model = case.model(factory)
    for batch in case.batches():
        for dst in (batch.dst, case.candidates(batch), case.candidates(batch, 1)):
            out = score(model, batch, dst)
            assert out.shape == dst.shape, f"score gave {tuple(out.shape)} for {tuple(dst.shape)}"
            assert out.is_floating_point(), f"score gave {out.dtype}"
            assert bool(out.isfinite().all()), "a score is not finite"
        model.observe(batch)


def check_empty_batch(factory: Factory, case: StreamCase) -> None:
    """An empty batch gives no scores and changes nothing (a rank's share may be empty)."""
    model, batches = case.model(factory), case.batches()
    for seen in (0, 2):
        observe(model, batches[:seen])
        before, none = state_of(model), batches[0][:0]
        assert score(model, none).shape == (0,), "scores of an empty batch"
        assert score(model, none, none.dst.new_zeros(0, 3)).shape == (0, 3)
        model.observe(none)
        same_state(before, state_of(model), "observing an empty batch changes nothing")


def check_columns(factory: Factory, case: StreamCase) -> None:
    """Column j of the scores of ``[B, C]`` equals the score of column j alone."""
    model, batches = case.model(factory), case.batches()
    observe(model, batches[:3])
    dst = case.candidates(batches[3], 4)
    together = score(model, batches[3], dst)
    for j in range(dst.size(1)):
        alone = score(model, batches[3], dst[:, j])
        assert_close(
            together[:, j], alone, "a candidate's score does not depend on the other candidates"
        )


def check_rows(factory: Factory, case: StreamCase) -> None:
    """A row's score does not depend on the other rows of the batch."""
    model, batches = case.model(factory), case.batches()
    observe(model, batches[:3])
    together = score(model, batches[3])
    promise = "a row's score does not depend on the other rows"
    for part in (slice(0, 1), slice(5, 12), slice(len(together) - 1, None)):
        assert_close(together[part], score(model, batches[3][part]), promise)


def check_pure(factory: Factory, case: StreamCase) -> None:
    """Scoring and mode switches change no bit of the state, in training and in evaluation."""
    model, batches = case.model(factory), case.batches()
    for i, batch in enumerate(batches[:4]):
        before = state_of(model)
        model.train(i % 2 == 0)
        model.score(batch.src, case.candidates(batch), batch.t)
        model.train(i % 2 == 1)
        model.score(batch.src, batch.dst, batch.t)
        model.eval()
        first, second = score(model, batch), score(model, batch)
        assert torch.equal(first, second), "two scores of one batch differ"
        same_state(before, state_of(model), "score and train/eval leave the state as it is")
        model.observe(batch)


def check_gradients(factory: Factory, case: StreamCase) -> None:
    """The loss of one batch gives every parameter a finite gradient; observing needs none."""
    model, batches = case.model(factory), case.batches()
    model.train()
    parameters = {n: p for n, p in model.named_parameters() if p.requires_grad}
    if not parameters:
        return
    observe(model, batches[:4])
    for batch in batches[4:6]:  # twice: a second backward must not reach the first graph
        model.zero_grad(set_to_none=True)
        dst = torch.cat([batch.dst.unsqueeze(1), case.candidates(batch, 1)], dim=1)
        logits = model.score(batch.src, dst, batch.t)
        target = torch.tensor([1.0, 0.0], device=logits.device).expand_as(logits)
        F.binary_cross_entropy_with_logits(logits, target).backward()
        for name, parameter in parameters.items():
            assert parameter.grad is not None, f"parameter '{name}' gets no gradient"
            assert bool(parameter.grad.isfinite().all()), f"gradient of '{name}' is not finite"
        # Matrices only: the bias of an attention's keys, for example, correctly has gradient 0.
        zero = [n for n, p in parameters.items() if p.dim() > 1 and not bool(p.grad.any())]
        assert not zero, f"gradients that are zero throughout: {zero}"
        model.observe(batch)
        for name, value in model.state_dict(keep_vars=True).items():
            assert value.grad_fn is None, f"the state '{name}' holds on to a graph"


def check_state_dict(factory: Factory, case: StreamCase) -> None:
    """A state dict taken mid-stream restores another model, which continues to equal bits."""
    model, batches = case.model(factory), case.batches()
    observe(model, batches[:4])
    other = case.model(factory)
    torch.manual_seed(case.seed + 1)
    other.reset_parameters()
    observe(other, batches[3:5])  # a state of another size and content, to be replaced
    other.load_state_dict(state_of(model))
    promise = "a loaded state dict restores everything"
    same_state(state_of(model), state_of(other), promise)
    for batch in batches[4:]:
        assert torch.equal(score(model, batch), score(other, batch)), promise
        model.observe(batch)
        other.observe(batch)
        same_state(state_of(model), state_of(other), promise)


def check_reset_state(factory: Factory, case: StreamCase) -> None:
    """``reset_state`` restores the initial state, keeps parameters, and makes replays exact."""
    model, batches = case.model(factory), case.batches()
    fresh = state_of(model)
    first = []
    for batch in batches:
        first.append(score(model, batch))
        model.observe(batch)
    end = state_of(model)
    changed = any(
        fresh[n].shape != end[n].shape or not torch.equal(fresh[n], end[n]) for n in fresh
    )
    assert changed, "observing a stream leaves no trace in the state dict"
    model.reset_state()
    same_state(fresh, state_of(model), "reset_state gives the fresh state")
    for batch, before in zip(batches, first):
        assert torch.equal(score(model, batch), before), "a replay gives other scores"
        model.observe(batch)
    same_state(end, state_of(model), "a replay gives the same state")


def check_reset_parameters(factory: Factory, case: StreamCase) -> None:
    """``reset_parameters`` redraws every trained parameter, equal for equal seeds."""
    drawn = assert_draws(case.model(factory), (7, 7, 8))
    if drawn[0]:
        assert any(not torch.equal(a, b) for a, b in zip(drawn[0], drawn[2])), "seed has no effect"


def check_deepcopy(factory: Factory, case: StreamCase) -> None:
    """A deep copy continues from the same state, independently of the original."""
    model, batches = case.model(factory), case.batches()
    observe(model, batches[:3])
    before, twin = state_of(model), copy.deepcopy(model)
    same_state(before, state_of(twin), "a deep copy is equal")
    twin.observe(batches[3])
    same_state(before, state_of(model), "observing with a copy leaves the original")
    model.observe(batches[3])
    same_state(state_of(twin), state_of(model), "a deep copy continues like the original")
    assert torch.equal(score(model, batches[4]), score(twin, batches[4]))


def check_no_leak(factory: Factory, case: StreamCase) -> None:
    """Scores depend on the past only: other future events or features do not change them."""
    graph, past = case.graph(), 3 * case.batch_size
    columns = {"num_nodes": case.num_nodes, "x": graph.x}
    later = torch.arange(case.num_events) >= past
    if graph.edge_attr is not None:
        columns["edge_attr"] = torch.where(later.unsqueeze(1), 5.0, graph.edge_attr)
    twisted = TemporalGraph(
        torch.where(later, graph.dst.flip(0), graph.src),
        torch.where(later, graph.src.roll(1), graph.dst),
        torch.where(later, graph.t + 9000, graph.t),
        **columns,
    )
    model, other = case.model(factory), case.model(factory, twisted)
    other.load_state_dict(state_of(model))
    batches = case.batches()
    observe(model, batches[:3])
    observe(other, case.batches(twisted)[:3])
    promise = "scores depend on the past only"
    dst = case.candidates(batches[3])
    assert torch.equal(score(model, batches[3]), score(other, batches[3])), promise
    assert torch.equal(score(model, batches[3], dst), score(other, batches[3], dst)), promise


def check_permutation(factory: Factory, case: StreamCase) -> None:
    """The order of the events in a batch changes neither state nor scores."""
    model, batches = case.model(factory), case.batches()
    other = copy.deepcopy(model)
    draw = torch.Generator().manual_seed(case.seed)
    promise = "the order of the events inside a batch does not matter"
    for batch in batches:
        order = torch.randperm(len(batch), generator=draw).to(batch.src.device)
        assert_close(score(model, batch)[order], score(other, batch[order]), promise)
        model.observe(batch)
        other.observe(batch[order])
        same_state(state_of(model), state_of(other), promise, exact=False)


def check_single_events(factory: Factory, case: StreamCase) -> None:
    """One event per batch works, from the first event on."""
    model = case.model(factory)
    for batch in replace(case, batch_size=1).batches()[:60]:
        assert bool(score(model, batch).isfinite().all()), "a score is not finite"
        model.observe(batch)


def check_self_loops(factory: Factory, case: StreamCase) -> None:
    """A batch that contains only self loops of one node works."""
    model, batches = case.model(factory), case.batches()
    observe(model, batches[:2])
    b = batches[2]
    node = torch.full_like(b.src, case.num_nodes - 1)
    loops = EventBatch(node, node, b.t, b.event_id, edge_attr=b.edge_attr)
    model.observe(loops)
    assert bool(score(model, loops).isfinite().all()), "a score is not finite"


def check_time(factory: Factory, case: StreamCase) -> None:
    """Times are exact: one tick (a quarter in float64) changes every buffer that holds times."""
    tick = 0.25 if case.time_dtype.is_floating_point else 1
    graph = case.graph()
    states = []
    for delay in (0, tick, 10**9):
        t = graph.t.clone()
        t[-1] += delay
        later = TemporalGraph(
            graph.src,
            graph.dst,
            t,
            edge_attr=graph.edge_attr,
            x=graph.x,
            num_nodes=case.num_nodes,
        )
        model = case.model(factory)
        observe(model, case.batches(later))
        states.append(state_of(model))
    now, tick_later, much_later = states
    exact = [n for n, value in now.items() if value.dtype in (torch.int64, torch.float64)]
    holds_times = [n for n in exact if not torch.equal(now[n], much_later[n])]
    rounded = [n for n in holds_times if torch.equal(now[n], tick_later[n])]
    assert not rounded, f"the state rounds the times of events: {rounded}"


def check_half_precision(factory: Factory, case: StreamCase) -> None:
    """Converting a model to bfloat16 and back keeps ids, counts and times unchanged."""
    model, batches = case.model(factory), case.batches()
    observe(model, batches)
    before = state_of(model)
    after = state_of(model.to(torch.bfloat16).to(torch.float32))
    for name, value in before.items():
        if value.dtype == torch.float64 or not value.is_floating_point():
            assert torch.equal(value, after[name]), f"'{name}' is rounded by a change of precision"


def check_mixed_precision(factory: Factory, case: StreamCase) -> None:
    """Scoring and the backward pass work under bfloat16 autocast; the state keeps its dtypes."""
    model, batches = case.model(factory), case.batches()
    before = state_of(model)
    model.train()
    for batch in batches[:4]:
        with torch.autocast(torch.device(case.device).type, dtype=torch.bfloat16):
            logits = model.score(batch.src, case.candidates(batch), batch.t)
            loss = logits.float().square().mean()
            model.observe(batch)
        assert bool(logits.isfinite().all()), "a score is not finite"
        if loss.requires_grad:
            loss.backward()
    for name, value in model.state_dict().items():
        assert value.dtype == before[name].dtype, f"autocast changes the dtype of '{name}'"


def check_types(factory: Factory, case: StreamCase) -> None:
    """Float64, bf16-mixed and float64 features work (:mod:`graphkit.testing.number_types`)."""

    def call(model: torch.nn.Module, dtype: torch.dtype) -> torch.Tensor:
        batches = [
            replace(b, edge_attr=None if b.edge_attr is None else b.edge_attr.to(dtype))
            for b in case.batches()[:4]
        ]
        observe(model, batches[:3])
        last = batches[3]
        return model.score(last.src, case.candidates(last), last.t)

    run_in_types(lambda: case.model(factory), call, device=case.device)


def check_devices(factory: Factory, case: StreamCase) -> None:
    """CPU and GPU agree: integers exactly, floats closely. Needs a GPU."""
    needs_cuda()
    gpu = replace(case, device="cuda")
    a, b = case.model(factory), gpu.model(factory)
    b.load_state_dict(state_of(a))
    promise = "CPU and GPU agree"
    for x, y in zip(case.batches(), gpu.batches()):
        assert_close(score(a, x), score(b, y).cpu(), promise)
        a.observe(x)
        b.observe(y)
        same_state(state_of(a), state_of(b), promise, exact=False)


STREAM_MODEL_CHECKS: dict[str, Callable[[Factory, StreamCase], None]] = {
    check.__name__.removeprefix("check_"): check
    for check in (
        check_shapes,
        check_empty_batch,
        check_columns,
        check_rows,
        check_pure,
        check_gradients,
        check_state_dict,
        check_reset_state,
        check_reset_parameters,
        check_deepcopy,
        check_no_leak,
        check_permutation,
        check_single_events,
        check_self_loops,
        check_time,
        check_half_precision,
        check_mixed_precision,
        check_tables,
        check_event_ids,
        check_temporal_data,
        check_edge_features,
        check_late_events,
        check_growth,
        check_saved_states,
        check_types,
        check_devices,
    )
}
"""The checks by name, each called as ``check(factory, case)``."""


def check_stream_model(
    factory: Factory, case: StreamCase | None = None, *, only: Iterable[str] | None = None
) -> dict[str, str]:
    """Run all checks on a stream model, for integer and float times, with and without features.

    Args:
        factory: Creates a model for a graph, such as ``MyModel.from_graph``.
        case: Run the checks on this stream only.
        only: Names from :data:`STREAM_MODEL_CHECKS`; all checks by default.

    Returns:
        The checks that could not run on this machine, with the reason.

    Raises:
        AssertionError: The contract is violated; the message names the violated part.
    """
    chosen = chosen_checks(STREAM_MODEL_CHECKS, only)
    skipped: dict[str, str] = {}
    for one in STREAM_CASES.values() if case is None else [case]:
        skipped |= run_checks(chosen, factory, one)
    return skipped
