"""Hooks: called at their points, part of a checkpoint, and free where there are none."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import nn

import graphkit
from graphkit import Hook, LinkPrediction, fit, fit_many, seed_everything
from graphkit.data.window_splits import BlockSplit
from graphkit.engine import Training
from graphkit.engine.hooks import Hooks, check_hooks
from graphkit.errors import GraphError
from graphkit.nn.stacking import Stack
from graphkit.tasks import WindowClassification

CPU = {"device": "cpu", "progress": False, "threads": 1}
FIT = {"epochs": 4, "batch_size": 50, "lr": 0.02, "patience": None, "checkpoint_every": 2}


def train(toy, hooks=(), *, kind=None, **settings):
    graph = toy.stream()
    seed_everything(3)
    model = (kind or toy.Toy)(graph.num_nodes, dropout=0.4)
    settings = {**FIT, "seed": 3, **settings}
    result = fit(model, LinkPrediction(graph), hooks=hooks, **settings, **CPU)
    return result, model


def same(one: nn.Module, other: nn.Module) -> bool:
    left, right = one.state_dict(), other.state_dict()
    return left.keys() == right.keys() and all(torch.equal(left[k], right[k]) for k in left)


# ------------------------------------------------------------------------- when they are called
class Diary(Hook):
    def __init__(self, pages: list) -> None:
        self._pages = pages

    def _note(self, name, training, *rest):
        gradients = torch.is_grad_enabled()
        self._pages.append((name, training.epoch, training.step, gradients, *rest))

    def on_fit_start(self, training):
        self._note("fit_start", training)

    def on_epoch_start(self, training):
        self._note("epoch_start", training)

    def on_loss(self, training, query, answer):
        self._note("loss", training, len(query), tuple(answer.prediction.shape))

    def on_step(self, training, loss):
        self._note("step", training, loss.dim())

    def on_evaluation(self, training, split, metrics):
        self._note("evaluation", training, split, sorted(metrics))

    def on_epoch_end(self, training, metrics):
        self._note("epoch_end", training, sorted(metrics))

    def on_fit_end(self, training, result):
        self._note("fit_end", training, result.metrics["test"]["ap"])


def test_they_are_called_between_the_parts_of_a_batch(toy):
    """Score, loss, (on_loss), backward, observe, step, (on_step), against a list by hand."""
    ends = toy.stream(num_events=80)
    graph = graphkit.TemporalGraph(ends.src, ends.dst, torch.arange(80), num_nodes=60)
    model, pages = toy.Spy(), []
    model.diary = pages
    task = LinkPrediction(graph, val=0.25, test=0.25)
    result = fit(model, task, epochs=2, batch_size=20, hooks=[Diary(pages)], **CPU)
    calls = [page[0] for page in pages]
    batch = ["score", "loss", "observe", "step"]
    val = test = ["score", "observe"]
    epoch = ["epoch_start", "reset", *2 * batch, *val, "evaluation", "epoch_end"]
    assert calls == ["fit_start", *epoch, *epoch, *test, "evaluation", "fit_end"]
    hooked = [page for page in pages if page[0] not in ("score", "observe", "reset")]
    steps = [page[2] for page in hooked]
    assert steps == [0, 0, 0, 1, 1, 2, 2, 2, 2, 2, 3, 3, 4, 4, 4, 4, 4]
    assert [page[1] for page in hooked] == [0] * 8 + [1] * 9
    assert all(page[3] == (page[0] == "loss") for page in hooked), "gradients in on_loss alone"
    losses = [page for page in hooked if page[0] == "loss"]
    assert [page[4] for page in losses] == [20] * 4
    assert hooked[-1][4] == result.metrics["test"]["ap"]
    (end, *_), (evaluated, *_) = (
        [page for page in hooked if page[0] == name] for name in ("epoch_end", "evaluation")
    )
    assert end[4] == ["train_loss", *(f"val_{name}" for name in evaluated[5])]


def test_a_hook_that_only_looks_changes_nothing(toy):
    plain, model = train(toy)
    watched, same_model = train(toy, [Diary([])])
    assert watched.metrics == plain.metrics
    assert watched.curves == plain.curves
    assert same(model, same_model)


def test_metrics_that_a_hook_changes_stay_what_they_were(toy):
    class Cheat(Hook):
        def on_evaluation(self, training, split, metrics):
            metrics.update(dict.fromkeys(metrics, 2.0))

        def on_epoch_end(self, training, metrics):
            metrics.clear()

    assert train(toy, [Cheat()])[0].metrics == train(toy)[0].metrics


def test_a_class_with_one_method_is_a_hook(toy):
    class Counted:
        steps = 0

        def on_step(self, training, loss):
            self.steps += 1

    hook = Counted()
    train(toy, [hook])
    assert hook.steps == 4 * 13


def test_an_interrupted_training_ends_with_none(toy):
    ends = []

    class End(Hook):
        def on_fit_end(self, training, result):
            ends.append(result)

    class Fail(Hook):
        def on_epoch_end(self, training, metrics):
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        train(toy, [End(), Fail()])
    assert ends == [None]


def test_an_error_at_the_end_hides_neither_the_first_error_nor_other_hooks(toy):
    ends = []

    class End(Hook):
        def on_fit_end(self, training, result):
            ends.append(result)

    class Fail(Hook):
        def on_step(self, training, loss):
            raise KeyError("first")

        def on_fit_end(self, training, result):
            raise OSError("second")

    with (
        pytest.warns(UserWarning, match="on_fit_end of Fail failed.*second"),
        pytest.raises(KeyError, match="first"),
    ):
        train(toy, [Fail(), End()])
    assert ends == [None]


# ------------------------------------------------------------------------------- what they may do
def test_a_term_of_the_loss_is_that_of_an_auxiliary_loss(toy):
    class Own(toy.Toy):
        def auxiliary_loss(self):
            return 0.3 * self.embedding.weight.square().mean()

    class Term(Hook):
        def on_loss(self, training, query, answer):
            return 0.3 * training.model.embedding.weight.square().mean()

    own, model = train(toy, kind=Own)
    added, other = train(toy, [Term()])
    assert same(model, other)
    assert added.curves == own.curves, "the term is trained on and not reported"
    assert not same(train(toy)[1], other)


def test_terms_of_several_hooks_add_up(toy):
    class Term(Hook):
        def __init__(self, weight):
            self.weight = weight

        def on_loss(self, training, query, answer):
            return self.weight * answer.prediction.square().mean()

    _, halves = train(toy, [Term(0.25), Diary([]), Term(0.25)])
    _, whole = train(toy, [Term(0.5)])
    for name, value in whole.state_dict().items():
        torch.testing.assert_close(halves.state_dict()[name], value)


def test_pruned_weights_stay_zero(toy):
    hook = toy.Prune(every=4, share=0.05)
    seen = []

    class Look(Hook):
        def on_step(self, training, loss):
            seen.append(int((training.model.mix.weight == 0).sum()))

    train(toy, [hook, Look()])
    # 36 weights, two more after every fourth of 52 steps.
    assert seen == [2 * (step // 4) for step in range(1, 53)]


def test_stop_ends_after_the_epoch(toy):
    class Stop(Hook):
        def on_step(self, training, loss):
            if training.step == 14:  # the first of the second epoch
                training.stop()

    stopped, model = train(toy, [Stop()])
    short, other = train(toy, epochs=2)
    assert stopped.curves == short.curves
    assert stopped.metrics == short.metrics
    assert same(model, other)


def test_a_model_without_parameters_has_epochs_and_no_steps(toy):
    graph, pages = toy.stream(), []
    fit(toy.Counter(graph.num_nodes), LinkPrediction(graph), hooks=[Diary(pages)], **CPU)
    names = ["fit_start", "epoch_start", "evaluation", "epoch_end", "evaluation", "fit_end"]
    assert [page[0] for page in pages] == names
    assert "train_loss" not in pages[3][4]


# ---------------------------------------------------------------------------- what they may not do
class Wrong(Hook):
    def __init__(self, term):
        self._term = term

    def on_loss(self, training, query, answer):
        return self._term(answer)


@pytest.mark.parametrize(
    ("term", "got"),
    [
        (lambda answer: 0.5, "float"),
        (lambda answer: answer.prediction, r"shape \[50, 2\]"),
        (lambda answer: answer.prediction.mean().detach(), r"shape \[\], requires_grad=False"),
    ],
)
def test_a_term_is_a_number_that_can_be_trained_on(toy, term, got):
    with pytest.raises(GraphError, match=f"on_loss of Wrong gave no term.*got {got}"):
        train(toy, [Wrong(term)])


@pytest.mark.parametrize("point", ["on_fit_start", "on_epoch_start", "on_epoch_end"])
def test_replaced_parameters_are_refused(toy, point):
    """The optimiser would go on with the old ones, and nobody would see it."""

    def replace(self, training, *rest):
        training.model.mix.weight = nn.Parameter(torch.zeros(6, 6))

    hook = type("Replace", (Hook,), {point: replace})()
    with pytest.raises(GraphError, match=r"replaced parameters of the model: mix\.weight"):
        train(toy, [hook])


class Half(Hook):
    def on_fit_start(self, training):
        pass

    def state_dict(self):
        return {}


class Lightning:
    def on_train_batch_end(self, *args):
        pass


ONE = Diary([])


@pytest.mark.parametrize(
    ("hooks", "message"),
    [
        (ONE, "not a list"),
        ([Diary], "Diary is a class"),
        ([object()], "object has none of the methods"),
        ([Hook.__subclasses__], "has none of the methods"),
        ([Lightning()], "there is no method of hooks .Lightning. named 'on_train_batch_end'"),
        ([Half()], "Half has one of state_dict and load_state_dict"),
        ([ONE, ONE], "twice"),
    ],
)
def test_what_is_no_hook_is_refused(toy, hooks, message):
    with pytest.raises(GraphError, match=message):
        train(toy, hooks)


def test_a_logger_needs_its_hook(tmp_path):
    from graphkit.engine.loggers import CSVLogger

    with pytest.raises(GraphError, match=r"LogMetrics\(logger\)"):
        check_hooks([CSVLogger(tmp_path / "log.csv")])


@pytest.mark.parametrize(
    ("value", "named"),
    [(np.float64(1.0), "float64"), ({"a": [torch.nn.Linear(1, 1)]}, "Linear"), ({1, 2}, "set")],
)
def test_a_state_that_could_not_be_read_again_is_refused(value, named):
    class Odd(Hook):
        def on_fit_start(self, training):
            pass

        def state_dict(self):
            return {"value": value}

        def load_state_dict(self, state):
            pass

    hooks = Hooks([Odd()], Training("name", None, 0, 1, {}))
    with pytest.raises(GraphError, match=rf"cannot hold Odd\.state_dict\(\).*got {named}"):
        hooks.state_dict()


# ------------------------------------------------------------------------------------- checkpoints
class Interrupt(Hook):
    """Ends a run after so many steps; equal in name and settings where it never does."""

    only_reads = True

    def __init__(self, after):
        self._after = after

    def on_step(self, training, loss):
        if training.step == self._after:
            raise KeyboardInterrupt


def stateful(toy, after=None):
    return [toy.Prune(), toy.Pull(), Interrupt(after)]


@pytest.mark.parametrize("after", [1, 5, 13, 14, 30, 52])
def test_resumed_with_their_states(toy, tmp_path, after):
    expected, model = train(toy, stateful(toy))
    with pytest.raises(KeyboardInterrupt):
        train(toy, stateful(toy, after), checkpoint_dir=tmp_path)
    resumed, other = train(toy, stateful(toy), checkpoint_dir=tmp_path, resume=True)
    assert resumed.metrics == expected.metrics
    assert resumed.curves == expected.curves
    assert same(model, other)


def test_a_run_that_was_stopped_is_not_trained_further(toy, tmp_path):
    class Stop(Hook):
        def on_epoch_end(self, training, metrics):
            if training.epoch == 1:
                training.stop()

    expected, _ = train(toy, [Stop()], checkpoint_dir=tmp_path)
    again, _ = train(toy, [Stop()], checkpoint_dir=tmp_path, resume=True)
    assert len(again.curves["train_loss"]) == 2
    assert again.metrics == expected.metrics


def test_random_numbers_at_the_start_do_not_shift_a_resumed_run(toy, tmp_path):
    class Draw(Hook):
        def on_fit_start(self, training):
            torch.rand(5)

    hooks = [Draw(), Interrupt(None)]
    _, model = train(toy, hooks)
    with pytest.raises(KeyboardInterrupt):
        train(toy, [Draw(), Interrupt(30)], checkpoint_dir=tmp_path)
    _, other = train(toy, hooks, checkpoint_dir=tmp_path, resume=True)
    assert same(model, other)


def test_other_hooks_and_other_settings_of_hooks_are_refused(toy, tmp_path):
    settings = {"checkpoint_dir": tmp_path, "epochs": 1}
    train(toy, [toy.Pull(0.1), Diary([])], **settings)
    for hooks, message in (
        ([toy.Pull(0.2), Diary([])], "'hooks'.*another setting"),
        ([Diary([])], "'hooks'.*another setting"),
        ([], "'hooks'.*another setting"),
        ([toy.Pull(0.1), Diary([]), Interrupt(None)], "made with other hooks.*got .*Interrupt"),
    ):
        with pytest.raises(GraphError, match=message):
            train(toy, hooks, resume=True, **settings)


def test_a_result_says_which_hooks_changed_it(toy):
    result, _ = train(toy, [toy.Pull(0.1), Interrupt(None)], epochs=1)
    assert result.settings["hooks"] == [{"kind": "Pull", "weight": 0.1}]
    assert "hooks" not in train(toy, [Interrupt(None)], epochs=1)[0].settings


# ---------------------------------------------------------------------------------- many as one
class Linear(nn.Module):
    def __init__(self, channels: int = 14, classes: int = 5) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.randn(channels, classes) / 10)

    def forward(self, x, covariates=None, mask=None):
        return x.abs().mean(-3)[..., 0] @ self.weight

    @staticmethod
    def stack(models, seeds):
        return Stack(models, seeds)


class Guide(Hook):
    """All that a hook may do, for one run: a term, a mask, an end."""

    def __init__(self, epochs):
        self.epochs = epochs
        self._seen = []

    def on_loss(self, training, query, answer):
        weight = training.parameters()["weight"]
        return (weight.sum() - self.epochs).square() + 0.1 * answer.prediction.square().mean()

    def on_step(self, training, loss):
        training.parameters()["weight"][0] = 0
        self._seen.append((training.step, round(float(loss), 4)))

    def on_epoch_end(self, training, metrics):
        self._seen.append(sorted(metrics))
        if training.epoch + 1 == self.epochs:
            training.stop()

    def on_evaluation(self, training, split, metrics):
        self._seen.append((split, training.epoch))

    def on_fit_end(self, training, result):
        self._seen.append((training.seed, result and sorted(result.metrics)))


OPTIONS = {"epochs": 5, "batch_size": 40, "lr": 0.05, "patience": None, "device": "cpu",
           "progress": False}  # fmt: skip


@pytest.fixture(scope="module")
def tasks():
    twin = graphkit.load("eeg_twin", num_subjects=3, num_clips=6, seconds=5)
    split = {"windows_per_epoch": 90, "scaler": "none"}
    return [
        WindowClassification(twin, history=64, split=BlockSplit(5, i), seed=i, **split)
        for i in (1, 2, 3)
    ]


def linear(seed):
    seed_everything(seed)
    return Linear()


def test_many_runs_with_hooks_are_as_single_ones(tasks):
    """Three runs that stop after 2, 5 and 3 epochs, so that rows of the stack move."""
    seeds, ends = (3, 4, 5), (2, 5, 3)
    models, alone = [linear(s) for s in seeds], [linear(s) for s in seeds]
    hooks = [Guide(end) for end in ends]
    many = fit_many(models, tasks, seeds=seeds, hooks=[[h] for h in hooks], **OPTIONS)
    for seed, end, task, model, one, hook, result in zip(
        seeds, ends, tasks, models, alone, hooks, many
    ):
        own = Guide(end)
        single = fit(one, task, seed=seed, hooks=[own], **OPTIONS)
        assert hook._seen == own._seen
        torch.testing.assert_close(model.weight, one.weight, rtol=1e-4, atol=1e-6)
        assert not model.weight[0].any()
        assert len(result.curves["train_loss"]) == end
        for name, curve in single.curves.items():
            assert result.curves[name] == pytest.approx(curve, rel=1e-4), name
        assert result.settings["hooks"] == single.settings["hooks"]


def test_hooks_of_many_runs_that_do_not_fit_are_refused(tasks):
    def run(hooks, stack=Linear.stack):
        kind = type("Linear", (Linear,), {"stack": staticmethod(stack)})
        models = [kind(), kind()]
        fit_many(models, tasks[:2], seeds=[1, 2], hooks=hooks, **{**OPTIONS, "epochs": 1})

    hook = Guide(3)
    for hooks, message in (
        ([[Guide(3)]], "not one list of hooks for each run; expected 2; got 1"),
        ([Guide(3), Guide(3)], "not a list"),
        ([[hook], [hook]], "twice"),
    ):
        with pytest.raises(GraphError, match=message):
            run(hooks)

    class Model(Hook):
        def on_step(self, training, loss):
            training.model  # noqa: B018 - the property is what is tested

    with pytest.raises(GraphError, match=r"one stack.*training\.parameters"):
        run([[], [Model()]])

    class Bare(Stack):
        parameters_of = property()

    with pytest.raises(GraphError, match=r"Bare does not show the parameters"):
        run([[Guide(3)], []], stack=lambda models, seeds: Bare(models, seeds))
