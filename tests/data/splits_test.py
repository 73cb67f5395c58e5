"""Held-out blocks and the task that is made of them."""

import json

import hypothesis
import numpy as np
import pytest
from hypothesis import strategies as st

from hybridret_jax.data import sources, splits

LANGUAGES = ("de", "en", "ru")


def write(path, rows):
  """rows: (group, language, block or None, query or None for its own)."""
  with path.open("w") as file:
    for group, lang, block, query in rows:
      # No two sources share a text.
      passage = f"{path.stem}: p {group} {lang}"
      asked = f"q {group} {lang}" if query is None else query
      record = {
        "id": f"{path.stem}/{group}/{lang}",
        "group": f"{path.stem}/{group}",
        "lang": lang,
        "query": f"{path.stem}: {asked}" if asked else "",
        "passage": passage,
      }
      file.write(
        json.dumps(record | ({"block": block} if block else {})) + "\n"
      )
  return path


@pytest.fixture(scope="module")
def paths(tmp_path_factory):
  folder = tmp_path_factory.mktemp("sources")
  parallel = [
    (g, lang, f"b{g // 2}" if g < 200 else None, None)
    for g in range(600)
    for lang in LANGUAGES
  ]
  native = [(g, "en", f"n{g // 3}", None) for g in range(600)]
  native += [(g + 600, "ru", None, None) for g in range(90)]
  odd = []
  for g in range(100):
    odd += [(g, "de", None, ""), (g, "en", None, "" if g % 2 else None)]
    odd += [(g + 100, "de", None, f"p {g + 100} de"), (g + 100, "en", None, "")]
    odd += [(g + 200, "de", f"b{g}", None)]  # the blocks of parallel groups
  return [
    write(folder / "parallel.jsonl", parallel),
    write(folder / "native.jsonl", native),
    write(folder / "odd.jsonl", odd),
  ]


@pytest.fixture(scope="module")
def corpus(paths):
  return sources.read(paths)


def blocks_of(corpus, rows):
  return {corpus.blocks[block] for block in corpus.block_row[rows].tolist()}


def groups_of(corpus, rows):
  return {corpus.groups[group] for group in corpus.group_row[rows].tolist()}


def test_a_block_is_on_one_side(corpus):
  held = splits.held_out(corpus, share=0.3, seed=0)
  assert not blocks_of(corpus, held) & blocks_of(corpus, ~held)
  count = len(corpus.blocks)
  deviation = np.sqrt(count * 0.3 * 0.7)
  assert abs(len(blocks_of(corpus, held)) - 0.3 * count) < 4 * deviation


@hypothesis.given(
  st.integers(0, 100),
  st.floats(0, 1),
  st.sets(st.sampled_from(LANGUAGES), min_size=1),
  st.permutations([0, 1, 2]).flatmap(
    lambda order: st.integers(1, 3).map(lambda n: order[:n])
  ),
)
@hypothesis.settings(max_examples=15, deadline=None)
def test_the_split_ignores_languages_and_sources(
  paths, corpus, seed, share, languages, chosen
):
  whole = splits.held_out(corpus, share=share, seed=seed)
  part = sources.read([paths[i] for i in chosen], languages=sorted(languages))
  held = splits.held_out(part, share=share, seed=seed)
  assert blocks_of(part, held) <= blocks_of(corpus, whole)
  assert blocks_of(part, ~held) <= blocks_of(corpus, ~whole)


def test_shares_nest_and_seeds_differ(corpus):
  rows = [splits.held_out(corpus, share=s, seed=1) for s in (0, 0.1, 0.4, 1)]
  assert not rows[0].any() and rows[3].all()
  assert (rows[2] | ~rows[1]).all() and (rows[1] != rows[2]).any()
  other = splits.held_out(corpus, share=0.1, seed=2)
  assert (other != rows[1]).any()


def test_the_split_stays_the_same_over_versions(tmp_path):
  names = "abcdefghij"
  rows = [(name, "en", name, None) for name in names]
  corpus = sources.read([write(tmp_path / "s.jsonl", rows)])
  held = splits.held_out(corpus, share=0.5, seed=7)
  assert "".join(np.array(list(names))[held]) == "achij"


def test_the_task_follows_its_rule(corpus):
  held = splits.held_out(corpus, share=0.5, seed=0)
  rows = splits.evaluation_rows(corpus, held, max_blocks=40)
  assert rows.dtype == np.int64
  np.testing.assert_array_equal(rows, np.unique(rows))
  assert held[rows].all()
  groups = groups_of(corpus, rows)
  assert len(groups) == len(blocks_of(corpus, rows))
  # Whole groups, as far as they are held out.
  member = np.isin(corpus.group_row, corpus.group_row[rows]) & held
  np.testing.assert_array_equal(rows, np.flatnonzero(member))
  assert not (corpus.query_row[rows] == corpus.passage_row[rows]).any()
  languages = {
    group: set(corpus.language_row[rows][corpus.group_row[rows] == i].tolist())
    for i, group in enumerate(corpus.groups)
    if group in groups
  }
  many = [group for group in groups if len(languages[group]) > 1]
  assert len(many) == 40
  singles = [x for group in groups - set(many) for x in languages[group]]
  assert np.bincount(singles, minlength=3).tolist() == [10, 10, 10]
  for group in groups:
    where = corpus.group_row[rows] == corpus.groups.index(group)
    assert (corpus.query_row[rows][where] >= 0).any()


def test_a_smaller_task_is_part_of_a_larger_one(corpus):
  held = np.flatnonzero(splits.held_out(corpus, share=0.5, seed=0))
  few, more, all_ = (
    groups_of(corpus, splits.evaluation_rows(corpus, held, max_blocks=n))
    for n in (8, 80, 10_000)
  )
  assert few < more < all_
  part = sources.select(corpus, held)
  again = splits.evaluation_rows(part, max_blocks=8)
  assert groups_of(part, again) == few


def test_wrong_numbers_are_named(corpus):
  with pytest.raises(ValueError, match="share is 2; use 0 to 1"):
    splits.held_out(corpus, share=2, seed=0)
  with pytest.raises(ValueError, match="max_blocks is 0; use 1 or more"):
    splits.evaluation_rows(corpus, np.ones(len(corpus), bool), max_blocks=0)


def test_nothing_held_out_gives_no_task(corpus):
  none = np.zeros(len(corpus), bool)
  assert splits.evaluation_rows(corpus, none).shape == (0,)
