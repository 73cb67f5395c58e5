"""MTEB gives a retriever the figures that we give it."""

import importlib.util

import numpy as np
import pytest

import hybridret_jax
from hybridret_jax.ground import languages
from tests.fixtures import small_run

pytestmark = [
  pytest.mark.torch,
  pytest.mark.skipif(
    importlib.util.find_spec("mteb") is None,
    reason="comes with the extra 'mteb'",
  ),
]


@pytest.fixture(scope="module")
def place(tmp_path_factory):
  place = tmp_path_factory.mktemp("place")
  small_run.make(place)
  return place


@pytest.fixture(scope="module")
def model(place):
  return hybridret_jax.Retriever.load(place / "run")


@pytest.fixture(scope="module")
def task(place):
  return hybridret_jax.load_task("jsonl:task", folder=place)


def figures(model, task):
  """nDCG@10 of MTEB by task and subset."""
  import mteb

  from hybridret_jax import mteb_tasks

  found = mteb.evaluate(
    model,
    mteb_tasks.of_task(task),
    cache=None,
    co2_tracker=False,
    show_progress_bar=False,
    encode_kwargs={"batch_size": 8},
  )
  return {
    (one.task_name, score["hf_subset"]): score["ndcg_at_10"]
    for one in found.task_results
    for score in one.scores["test"]
  }


def test_mtebs_figures_are_ours(model, task):
  judged = hybridret_jax.judge(
    task, model.encode_queries, model.encode_passages, name="ours"
  ).figures["ours"]
  found = figures(model, task)
  expected = {
    ("taskMultilingualPool", code): row["ndcg@10"]
    for code, row in judged["pool"].items()
  }
  for key, query, answer in languages.directions(task.languages):
    titled = "taskMonolingual" if query == answer else "taskCrossLingual"
    name = query if query == answer else key
    expected[titled, name] = judged["directions"][key]["ndcg@10"]
  assert found.keys() == expected.keys()
  for key, value in expected.items():
    assert found[key] == pytest.approx(value, abs=1e-5), key  # It rounds.


def test_sentence_transformers_on_the_export_gives_the_same(
  model, task, tmp_path
):
  library = pytest.importorskip("sentence_transformers")
  exported = library.SentenceTransformer(
    str(model.save(tmp_path / "export")), device="cpu"
  )
  found, expected = figures(exported, task), figures(model, task)
  assert found.keys() == expected.keys() and len(found) == 6
  for key, value in expected.items():
    assert found[key] == pytest.approx(value, abs=1e-3), key


def test_what_mteb_cannot_say_is_refused(task):
  import dataclasses

  from hybridret_jax import mteb_tasks
  from hybridret_jax.ground import faults

  paired = dataclasses.replace(
    task, candidate_context=("paragraph",) * task.num_candidates
  )
  with pytest.raises(faults.Fault, match="a context of its candidates"):
    mteb_tasks.of_task(paired)


def test_another_checkpoint_of_a_name_is_another_revision(model, place):
  start = hybridret_jax.Retriever.load(place / "start")
  same = hybridret_jax.Retriever.load(place / "run")
  assert model.mteb_model_meta.revision == same.mteb_model_meta.revision
  assert model.mteb_model_meta.revision != start.mteb_model_meta.revision


def test_it_is_an_encoder_to_mteb(model):
  from mteb.models import EncoderProtocol

  assert isinstance(model, EncoderProtocol)
  z_ND = model.encode_queries(["a", "b"])
  np.testing.assert_allclose(
    model.similarity(z_ND, z_ND).numpy(), z_ND @ z_ND.T, atol=1e-6
  )
  pairs_N = model.similarity_pairwise(z_ND, z_ND).numpy()
  np.testing.assert_allclose(pairs_N, 1, atol=1e-6)
  assert model.mteb_model_meta.languages == ["deu-Latn", "eng-Latn"]
