"""Vectors that are kept, training texts, and what checkpoints are chosen by."""

import dataclasses
import json
import shutil

import jax
import numpy as np
import pytest

from hybridret_jax import defaults
from hybridret_jax.assembly import judging, systems
from hybridret_jax.data import sources, tokenizer
from hybridret_jax.models import dual_encoder
from hybridret_jax.parallel import mesh as meshes
from hybridret_jax.retrieval.tasks import task
from tests.assembly import corpus_encoding_test
from tests.training import tiny

QUERIES = tuple(f"word {i} " * (1 + i % 3) for i in range(12))
CANDIDATES = tuple(f"word {i} word {i // 2}" for i in range(20))


@pytest.fixture(scope="module")
def model(tmp_path_factory):
  folder = tmp_path_factory.mktemp("tokenizer")
  tokenizer.train_unigram(QUERIES + CANDIDATES, vocab_size=60, out=folder)
  module = tiny.module()
  params = dual_encoder.nn.unbox(tiny.init(module, jax.random.key(0)))
  return corpus_encoding_test.text_encoder(folder, module), params


def made(**changes):
  fields = {
    "name": "made",
    "languages": ("de", "en"),
    "query_texts": QUERIES,
    "query_ids": tuple(f"q{i}" for i in range(12)),
    "query_language": np.arange(12, dtype=np.int32) % 2,
    "candidate_texts": CANDIDATES,
    "candidate_ids": tuple(f"c{i}" for i in range(20)),
    "candidate_language": np.repeat([0, 1], 10).astype(np.int32),
    "candidate_context": None,
    "relevant": np.stack(
      [np.arange(12) % 10, 10 + np.arange(12) % 10], axis=1
    ).astype(np.int32),
    "query_cluster": tuple(f"article {i // 2}" for i in range(12)),
    "query_subcluster": tuple(f"paragraph {i}" for i in range(12)),
  }
  return task.Task(**fields | changes)


def test_kept_vectors_are_read_again_and_follow_their_texts(model, tmp_path):
  encode_texts, params = model
  plain = judging.encode(made(), encode_texts, params)
  kept = judging.encode(made(), encode_texts, params, cache=tmp_path)
  np.testing.assert_array_equal(kept.queries, plain.queries)
  np.testing.assert_array_equal(kept.candidates, plain.candidates)
  folders = set(tmp_path.iterdir())
  assert len(folders) == 2
  # Marked, so that reading shows.
  for folder in folders:
    np.save(folder / "mark.npy", np.zeros(1))
  again = judging.encode(made(), encode_texts, params, cache=tmp_path)
  np.testing.assert_array_equal(again.queries, plain.queries)
  assert set(tmp_path.iterdir()) == folders
  changed = jax.tree.map(lambda leaf: 1.5 * leaf, params)
  other = judging.encode(made(), encode_texts, changed, cache=tmp_path)
  assert np.abs(other.queries - plain.queries).max() > 1e-3
  assert len(set(tmp_path.iterdir())) == 4
  paired = made(candidate_context=tuple(reversed(CANDIDATES)))
  vectors = judging.encode(paired, encode_texts, params, cache=tmp_path)
  assert np.abs(vectors.candidates - plain.candidates).max() > 1e-3
  assert len(set(tmp_path.iterdir())) == 5


def test_copies_are_what_the_encoder_cannot_tell_apart(model):
  encode_texts, _ = model
  cut = dataclasses.replace(
    encode_texts, max_lengths={"query": 24, "passage": 24}
  )
  long = "word 1 word 2 word 3 word 4 " * 3
  texts = (*CANDIDATES[:8], f"{long}1", f"{long}2", *CANDIDATES[10:])
  candidates = made(candidate_texts=texts)
  config = defaults.get_config()
  (note,) = judging.settle(config, candidates, cut).notes
  assert "such as 'c8' and 'c9'" in note
  config.evaluation.identical_candidates = "relevant"
  settled = judging.settle(config, candidates, cut)
  assert settled.relevant[8].tolist() == [8, 9, 18]
  whole = dataclasses.replace(
    encode_texts, max_lengths={"query": 99, "passage": 99}
  )
  assert judging.settle(config, candidates, whole) is candidates


def test_a_query_among_the_candidates_is_left_out_where_asked(model):
  encode_texts, params = model
  same = made(
    query_texts=("word 11 word 5", *QUERIES[1:]),
    query_ids=("c11", *(f"q{i}" for i in range(1, 12))),
  )
  config = defaults.get_config()
  (note,) = judging.settle(config, same, encode_texts).notes
  assert note.startswith("1 of 12 queries stand among the candidates")
  config.evaluation.leave_out_query = True
  settled = judging.settle(config, same, encode_texts)
  vectors = judging.encode(settled, encode_texts, params)
  as_it_is = systems.parse("untrained")
  mesh = encode_texts.mesh
  judged = judging.judge(settled, vectors, as_it_is, mesh=mesh, depth=20)
  assert judged.top_QK.shape == (12, 19)
  assert 11 not in judged.top_QK[0] and 11 in judged.top_QK[1:]


def test_a_models_zero_vectors_are_refused(model):
  encode_texts, params = model
  vectors = judging.encode(made(), encode_texts, params)
  vectors.candidates[3] = 0
  with pytest.raises(ValueError, match="1 candidate vectors of untrained are"):
    judging.judge(
      made(), vectors, systems.parse("untrained"), mesh=encode_texts.mesh
    )


def test_a_damaged_shard_is_encoded_again(model, tmp_path):
  encode_texts, params = model
  plain = judging.encode(made(), encode_texts, params, cache=tmp_path)
  for path in tmp_path.glob("*/00000.npy"):
    path.write_bytes(path.read_bytes()[:-8] + bytes(8))
  again = judging.encode(made(), encode_texts, params, cache=tmp_path)
  np.testing.assert_array_equal(again.queries, plain.queries)
  np.testing.assert_array_equal(again.candidates, plain.candidates)


def test_training_texts_have_the_languages_of_the_task(model, tmp_path):
  rows = [
    {
      "id": f"{code}{i}",
      "group": f"g{i}",
      "lang": code,
      "query": "" if code == "ar" else f"word {i} {code}",
      "passage": f"word {i} word {code}",
    }
    for code in ("ar", "en")
    for i in range(9)
  ]
  path = tmp_path / "pairs.jsonl"
  path.write_text("".join(json.dumps(row) + "\n" for row in rows))
  corpus = sources.read([path], languages=("ar", "en"))
  encode_texts, params = model
  known = judging.encode_known(
    corpus, ("de", "en"), encode_texts, params, number=5, seed=0
  )
  for vectors, language in (known.queries, known.candidates):
    assert vectors.shape == (5, 32)
    assert language.tolist() == [1] * 5


def test_judged_figures_have_intervals_by_both_levels(model):
  encode_texts, params = model
  the_task = made()
  vectors = judging.encode(the_task, encode_texts, params)
  mesh = meshes.make(data=-1, fsdp=1)
  system = systems.parse("untrained")

  def judge(depth):
    return judging.judge(
      the_task, vectors, system, mesh=mesh, seen=("en",), depth=depth
    ).figures

  figures = judge(10)
  assert figures["intervals"]["clusters"] == 6
  for key in ("macro", "macro_by_subcluster"):
    for setting, row in figures["macro"].items():
      low, high = figures["intervals"][key][setting]["map"]
      assert low <= row["map"] <= high
  # Of en alone: one direction, one row of the pool.
  seen, own = figures["macro_seen"], figures["directions"]["en-en"]
  assert seen["monolingual"]["map"] == own["map"]
  assert seen["cross_lingual"]["map"] is None
  unseen = figures["macro_unseen"]["cross_lingual"]["map"]
  assert unseen == figures["macro"]["cross_lingual"]["map"]
  assert "intervals" not in judge(0)


def test_checkpoints_are_chosen_by_any_figure():
  figures = {
    "task": "made",
    "macro": {
      "monolingual": {"map": 0.4},
      "cross_lingual": {"map": None},
      "multilingual_pool": {"map": 0.2, "rank_distance": 90.0},
    },
  }
  assert judging.selection_figure(figures) == pytest.approx(0.3)
  pool = judging.selection_figure(figures, "multilingual_pool/map")
  assert pool == 0.2
  # Low is good, so it is negated.
  far = judging.selection_figure(figures, "multilingual_pool/rank_distance")
  assert far == -90
  with pytest.raises(ValueError, match="use 'mean' or one of monolingual/map"):
    judging.selection_figure(figures, "cross_lingual/map")


def test_the_cache_is_left_alone_without_one(model, tmp_path):
  encode_texts, params = model
  kept = dataclasses.replace(encode_texts, cache=tmp_path / "tokens")
  judging.encode(made(), kept, params, cache=tmp_path / "vectors")
  # Vectors are kept, so tokens need not be.
  assert not (tmp_path / "tokens").exists()
  shutil.rmtree(tmp_path / "vectors")


def test_vectors_of_another_length_are_refused(model):
  encode_texts, params = model
  vectors = judging.encode(made(), encode_texts, params)
  longer = vectors.candidates.copy()
  longer[3:5] *= 2
  with pytest.raises(
    ValueError, match="2 candidate vectors .* number 3, of le"
  ):
    judging.judge(
      made(),
      dataclasses.replace(vectors, candidates=longer),
      systems.parse("untrained"),
      mesh=meshes.make(),
    )
