"""What a mixture asks for and sources cannot give is named beforehand."""

import pytest

from hybridret_jax.data import composer, sources
from tests.data import forms


def corpus_of(folder, groups):
  """Rows of groups 0, 1, …: source -> language -> how many."""
  folder.mkdir(exist_ok=True)
  paths = []
  for source, counts in groups.items():
    rows = [
      {
        "id": f"{source}{n}{language}",
        "group": f"{source}{n}",
        "lang": language,
        "query": f"{source} asks {n} {language}",
        "passage": f"{source} tells {n} {language}",
      }
      for language, count in counts.items()
      for n in range(count)
    ]
    paths.append(forms.jsonl(folder / f"{source}.jsonl", rows))
  return sources.read(paths)


@pytest.fixture
def made(tmp_path):
  def make(groups, **settings):
    corpus = corpus_of(tmp_path / "sources", groups)
    return composer.Composer(corpus, batch_size=24, **settings)

  return make


def test_directions_with_too_few_blocks_are_named(made):
  groups = {"pairs": {"de": 60, "en": 60, "tr": 3}, "alone": {"en": 40}}
  assert made(groups, strategy="cross_lingual").unserved == [
    "source alone gives no pair to any batch",
    *(
      f"{name} is to have 16.7% of a cross-lingual batch, 4.0 pairs, and has 3"
      " distinct blocks: it will get fewer, others more"
      for name in ("de:tr", "en:tr", "tr:de", "tr:en")
    ),
  ]
  some = ("tr:de=.4", "tr:en=.4", "de:tr=.4", "en:tr=.4")
  weights = {"direction_weights": some, "source_weights": (1.0, 0.0)}
  assert made(groups, strategy="cross_lingual", **weights).unserved == []
  # Of one pair, or one language, a batch is refused where it cannot be filled.
  with pytest.raises(composer.Infeasible, match="tr has 3 distinct blocks"):
    made(groups, strategy="monolingual")


def test_a_source_with_too_few_blocks_is_named(made):
  groups = {"many": {"de": 60, "en": 60}, "few": {"de": 10, "en": 10}}
  settings = {"strategy": "mixed", "size_exponent": 0.0}
  assert made(groups, **settings, source_weights=(3.0, 1.0)).unserved == []
  found = made(groups, **settings, source_weights=(1.0, 1.0))
  assert found.unserved == [
    "source few is to have 50.0% of a mixed batch, 12.0 pairs, and has 10"
    " distinct blocks: it will get fewer, others more"
  ]


def test_a_weight_of_pairs_that_no_batch_of_the_strategy_holds_is_named(made):
  groups = {"pairs": {"de": 60, "en": 60}}
  weights = {"direction_weights": ("de:en=2", "de=3")}
  assert made(groups, strategy="hybrid", **weights).unserved == []
  assert made(groups, strategy="hybrid", alpha=1.0, **weights).unserved == []
  assert made(groups, strategy="monolingual", **weights).unserved == [
    "batches.direction_weights has de:en=2, which is of a kind of pair that"
    " batches.strategy does not draw"
  ]


def test_a_weight_of_pairs_that_sources_lack_is_refused(made):
  """German and English, English and Turkish: never German and Turkish."""
  groups = {"a": {"de": 30, "en": 30}, "b": {"en": 30, "tr": 30}}
  settings = {"strategy": "cross_lingual"}
  with pytest.raises(
    composer.Infeasible,
    match="has de:tr=2, but the sources have no such pair; leave it out",
  ):
    made(groups, **settings, direction_weights=("de:tr=2",))
  assert made(groups, **settings, direction_weights=("de:tr=0",)).unserved == []
