"""MLflow with a store of files: one run, every value once."""

from __future__ import annotations

import pytest

from graphkit.engine.loggers import MLflowLogger

pytestmark = pytest.mark.extras


@pytest.fixture(autouse=True)
def _mlflow(monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("mlflow", reason="mlflow (extra loggers) is not installed")
    monkeypatch.setenv("MLFLOW_ALLOW_FILE_STORE", "true")
    monkeypatch.setenv("MLFLOW_DISABLE_TELEMETRY", "true")


def stored(uri: str, experiment: str) -> tuple[dict, dict, str]:
    """The only run of an experiment: points by name, parameters, how it ended."""
    from mlflow import MlflowClient

    client = MlflowClient(tracking_uri=uri)
    found = client.get_experiment_by_name(experiment)
    (run,) = client.search_runs([found.experiment_id])
    points = {
        name: [
            (entry.step, entry.value) for entry in client.get_metric_history(run.info.run_id, name)
        ]
        for name in run.data.metrics
    }
    return points, run.data.params, run.info.status


def test_an_interrupted_run_leaves_the_values_of_an_unbroken_one(train, lives, rows, tmp_path):
    uri = (tmp_path / "store").as_uri()
    result = train(MLflowLogger("whole", tracking_uri=uri))
    points, parameters, status = stored(uri, "whole")
    assert status == "FINISHED"
    for name, expected in rows(result).items():
        assert points[name] == expected, name
    assert [step for step, _ in points["loss"]] == list(range(3, 37, 3))
    wanted = {"name": "nat", "dataset": "triadic", "seed": "2", "epochs": "4", "batch_size": "100"}
    assert wanted.items() <= parameters.items()
    with pytest.raises(KeyboardInterrupt):
        train(MLflowLogger("failed", tracking_uri=uri), 5)
    assert stored(uri, "failed")[2] == "FAILED"


def test_a_resumed_run_is_the_same_run(train, lives, tmp_path):
    uri = (tmp_path / "store").as_uri()
    train(MLflowLogger("whole", tracking_uri=uri))
    settings = {"checkpoint_dir": tmp_path / "checkpoints", "resume": True}
    for after in (7, 20):
        with pytest.raises(KeyboardInterrupt):
            train(MLflowLogger("broken", tracking_uri=uri), after, **settings)
        assert stored(uri, "broken")[2] == "FAILED"
    train(MLflowLogger("broken", tracking_uri=uri), **settings)
    train(MLflowLogger("broken", tracking_uri=uri), **settings)
    assert stored(uri, "broken") == stored(uri, "whole")
