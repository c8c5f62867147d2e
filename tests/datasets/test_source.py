"""From a parsed file to a graph: ids, sizes, options, the names of the data sets."""

from __future__ import annotations

import inspect

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import graphkit
from graphkit import registry
from graphkit.datasets import list_datasets, load
from graphkit.datasets.source import compact
from graphkit.errors import GraphError, UnknownNameError

labels = st.lists(st.integers(-(2**62), 2**62) | st.integers(0, 50), min_size=1, max_size=30)


@given(labels, labels)
def test_compact_numbers_labels_in_order(first, second):
    (a, b), names = compact(np.array(first), np.array(second))
    order = {label: i for i, label in enumerate(sorted({*first, *second}))}
    assert a.tolist() == [order[label] for label in first]
    assert b.tolist() == [order[label] for label in second]
    assert names.tolist() == list(order)
    assert a.dtype == b.dtype == np.int64


def test_names():
    assert set(list_datasets()) >= {
        *("collegemsg", "bitcoin_otc", "bitcoin_alpha", "enron", "wikipedia", "reddit", "mooc"),
        *("lastfm", "email_eu", "sx_mathoverflow", "sx_askubuntu", "wiki_talk", "digg"),
        *("highschool_2011", "highschool_2012", "as733", "triadic"),
    }
    assert graphkit.load is load


def test_unknown_name_suggests_the_closest():
    with pytest.raises(UnknownNameError, match="Did you mean 'collegemsg'"):
        load("colegemsg")


def test_unknown_option_suggests_the_closest():
    with pytest.raises(UnknownNameError, match="Did you mean 'features'"):
        load("wikipedia", feature=True)
    with pytest.raises(UnknownNameError, match="root"):
        load("triadic", root="somewhere")


@pytest.mark.parametrize("entry", registry.entries("dataset"), ids=lambda entry: entry.name)
def test_every_data_set_says_what_it_is(entry):
    assert entry.doc.endswith(".")
    assert "Args:" in entry.make.__doc__
    source = getattr(entry.make, "source", None)
    if source is not None:  # not generated
        assert all(
            [source.home, source.licence, source.citation]
        )  # urls: some are given on request
        assert all(url.startswith(("https://", "http://")) for url in source.urls)
        for option in inspect.signature(entry.make).parameters:
            assert f"{option}:" in entry.make.__doc__


def test_size_that_differs_warns_or_raises(tmp_path):
    (tmp_path / "CollegeMsg.txt").write_text("1 2 10\n2 3 11\n")
    with pytest.warns(UserWarning, match=r"expected 59835 events; got 2"):
        graph = load("collegemsg", tmp_path)
    assert graph.num_events == 2
    with pytest.raises(GraphError, match=r"CollegeMsg\.txt is not the published data set"):
        load("collegemsg", tmp_path, strict=True)


@pytest.mark.filterwarnings("ignore:.*not the published:UserWarning")
def test_self_loops_can_go_and_nodes_stay(tmp_path):
    (tmp_path / "CollegeMsg.txt").write_text("10 20 1\n30 30 2\n20 10 3\n")
    graph = load("collegemsg", tmp_path)
    assert graph.src.tolist() == [0, 2, 1]
    graph = load("collegemsg", tmp_path, self_loops=False)
    assert graph.src.tolist() == [0, 1]
    assert graph.t.tolist() == [1, 3]
    assert graph.node_names.tolist() == [10, 20, 30]
    assert graph.num_nodes == 3


def test_what_has_no_source_is_generated():
    without = {e.name for e in registry.entries("dataset") if not hasattr(e.make, "source")}
    assert without == {"triadic", "sbm", "sensor_ring", "eeg_twin"}
