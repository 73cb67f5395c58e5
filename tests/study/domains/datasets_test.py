"""A study's data: equal sets, and no block on two sides."""

import gzip
import json
import pathlib
import shutil

import numpy as np
import pytest

from hybridret_jax.data import composer, pair_index, sources
from hybridret_jax.retrieval.tasks import jsonl, pairs
from hybridret_jax.study.domains import datasets, tasks

LANGUAGES = ("de", "en", "ru")
SETTINGS = {
  "languages": LANGUAGES,
  "legal": ("licences", "rights", "acts"),
  "generic": ("guides", "news", "chat"),
  "kinds": (
    ("licences", "heading"),
    ("rights", "cloze"),
    ("guides", "heading"),
    ("news", "cloze"),
  ),
  "about_law": ("guides:law",),
  "development": "quiz",
  "held_share": 0.3,
  "held_native": 6,
  "least_held": 7,
  "least_blocks": 8,
  "seed": 0,
}


def row(source, group, language, *, block=None, query=None, passage=None):
  record = {
    "id": f"{source}:{group}:{language}",
    "group": f"{source}:{group}",
    "lang": language,
    "query": f"{source} {group} {language}?" if query is None else query,
    "passage": passage or f"what {source} {group} says in {language}",
    "source": source,
  }
  return record | ({"block": block} if block else {})


def licences():
  """40 groups in 30 blocks; ru in half of them, el in few."""
  for i in range(40):
    block = f"licences:{i % 30}"
    yield row("licences", i, "de", block=block)
    yield row("licences", i, "en", block=block)
    if i % 2:
      yield row("licences", i, "ru", block=block, passage="x" * (20 + 7 * i))
    if i < 5:
      yield row("licences", i, "el", block=block)


def rights():
  """12 groups of sentences, and their articles as translations."""
  for i in range(12):
    for language in (*LANGUAGES, "el"):
      block = f"rights:{i // 2}"
      yield row("rights", i, language, block=block)
      text = f"article {i} in {language}"
      yield row(
        "rights", f"all{i}", language, block=block, query=text, passage=text
      )


def acts():
  for i in range(50):
    yield row("acts", i, "de", block=f"acts:{i // 2}")
    yield row("acts", i + 50, "th")


def guides():
  for i in range(60):
    for language in LANGUAGES[: 2 + i % 2]:
      yield row(
        "guides", i, language, query=f"{i} {language} " + "why " * (1 + i % 9)
      )
  for i in range(20):
    for language in LANGUAGES:
      yield row("guides", f"law{i}", language)


def news():
  """Sentences; the first 20 groups are in the blocks of quiz's passages."""
  for i in range(60):
    block = f"quiz:{i}" if i < 20 else f"news:{i // 3}"
    for language in LANGUAGES:
      yield row("news", i, language, block=block)


def chat():
  for i in range(30):
    yield row("chat", i, "en", block="quiz:3" if i == 7 else None)


def quiz():
  """Two questions on each passage, in de and en; el and ru are passages."""
  for i in range(40):
    for language in (*LANGUAGES, "el"):
      asked = None if language in ("de", "en") else ""
      yield row(
        "quiz",
        i,
        language,
        block=f"quiz:{i // 2}",
        query=asked,
        passage=f"passage {i // 2} in {language}",
      )


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
  folder = tmp_path_factory.mktemp("sources")
  for source in (licences, rights, acts, guides, news, chat, quiz):
    by_language: dict[str, list[str]] = {}
    for record in source():
      line = json.dumps(record, ensure_ascii=False) + "\n"
      by_language.setdefault(record["lang"], []).append(line)
    path = folder / source.__name__
    path.mkdir()
    for language, lines in by_language.items():
      with gzip.open(path / f"{language}.jsonl.gz", "wt") as file:
        file.writelines(lines)
  return folder


@pytest.fixture(scope="module")
def out(folder, tmp_path_factory):
  out = tmp_path_factory.mktemp("study") / "data"
  datasets.prepare(out, folder=folder, **SETTINGS)
  return out


@pytest.fixture(scope="module")
def whole(folder):
  names = (*SETTINGS["legal"], *SETTINGS["generic"], SETTINGS["development"])
  return sources.read([folder / name for name in names])


def records(path):
  with gzip.open(path, "rt") as file:
    return [json.loads(line) for line in file]


def read(out, *names):
  return sources.read([out / name for name in names])


def blocks_of(corpus, rows=slice(None)):
  return {corpus.blocks[block] for block in corpus.block_row[rows]}


def everything(out):
  paths = [f"{d}/{n}" for d in ("legal", "generic") for n in SETTINGS[d]]
  return read(out, *paths)


def task_blocks(out, name, whole):
  """Blocks of the rows that a task's queries and candidates come from."""
  made = jsonl.load(out / name)
  block_of = dict(zip(whole.ids, whole.block_row, strict=True))
  ids = {*made.query_ids, *made.candidate_ids}
  return {whole.blocks[block_of[x]] for x in ids}


def sizes(corpus):
  """Rows of each language, pairs of each ordered pair of languages."""
  index = pair_index.build(
    corpus, source_weights=np.ones(len(corpus.sources)), negatives=0
  )
  one = pair_index.monolingual(index, 1).size_PS.sum(1)
  two = pair_index.cross_lingual(index, 1).size_PS.sum(1)
  return corpus.languages, one.tolist(), two.tolist()


def test_both_domains_have_as_many_rows_and_pairs(out):
  legal, generic = (read(out, f"{x}_parallel") for x in datasets.DOMAINS)
  assert sizes(legal) == sizes(generic)
  assert legal.languages == LANGUAGES
  assert min(sizes(legal)[1]) >= SETTINGS["least_blocks"]
  assert sizes(legal)[1][0] > sizes(legal)[1][2]  # ru is in half of them.
  for corpus in (legal, generic):
    assert len(blocks_of(corpus)) == len(set(corpus.group_row.tolist()))
    assert sources.is_monolingual(corpus).all()
    assert (np.bincount(corpus.group_row) >= 2).all()


def test_both_domains_have_as_many_of_each_kind(out):
  kind_of, found = dict(SETTINGS["kinds"]), []
  for domain in datasets.DOMAINS:
    kinds = []
    for path in sorted((out / f"{domain}_parallel").iterdir()):
      for record in records(path):
        assert record["lang"] == path.name[:2]
        kinds.append((record["lang"], kind_of[record["source"]]))
    found.append(sorted(kinds))
  assert found[0] == found[1]
  assert {kind for _, kind in found[0]} == {"heading", "cloze"}


@pytest.mark.parametrize("strategy", ["monolingual", "cross_lingual", "mixed"])
def test_batches_of_both_domains_hold_matched_groups(out, strategy):
  manifest = json.loads((out / "manifest.json").read_text())
  matches = manifest["matching"]["matches"]
  corpora = [read(out, f"{x}_parallel") for x in datasets.DOMAINS]
  composers = [
    composer.Composer(corpus, strategy=strategy, batch_size=8)
    for corpus in corpora
  ]
  for step in range(20):
    legal, generic = (composed.plan(3, step) for composed in composers)
    for field in ("query_language", "passage_language"):
      np.testing.assert_array_equal(
        getattr(legal, field), getattr(generic, field)
      )
    assert [matches[corpora[0].groups[g]] for g in legal.group] == [
      corpora[1].groups[g] for g in generic.group
    ]


def test_no_block_is_on_two_sides(out, whole):
  trained = blocks_of(everything(out))
  for domain in datasets.DOMAINS:
    assert blocks_of(read(out, f"{domain}_parallel")) <= trained
  held = task_blocks(out, datasets.HELD_OUT, whole)
  quiz = task_blocks(out, "quiz", whole)
  assert len(held) > 12 and quiz == {f"quiz:{i}" for i in range(20)}
  assert not trained & held and not trained & quiz and not held & quiz


def test_everything_is_kept_but_what_has_a_reason(out, whole):
  kept = everything(out)
  manifest = json.loads((out / "manifest.json").read_text())
  assert manifest["dropped_rows"]["generic"] == {
    "in a held-out block": 0,
    "in a block of the development set": 20 * 3 + 1,
    "about law": 60,
  }
  held = manifest["dropped_rows"]["legal"]["in a held-out block"]
  of_quiz = sum(whole.source_row == len(whole.sources) - 1)
  assert len(kept) == len(whole) - of_quiz - held - 61 - 60
  assert not any(group.startswith("guides:law") for group in kept.groups)
  # Translations stay: across languages they are of use.
  assert (~sources.is_monolingual(kept)).sum() > 8
  assert "el" in kept.languages and "th" in kept.languages
  before = {x["id"]: x for x in rights()}
  for record in records(out / "legal" / "rights" / "de.jsonl.gz"):
    assert record == before[record["id"]]


def test_the_held_out_task_asks_for_translations(out, whole):
  made = jsonl.load(out / datasets.HELD_OUT)
  group_of = dict(zip(whole.ids, whole.group_row, strict=True))
  block_of = dict(zip(whole.ids, whole.block_row, strict=True))
  for i, query in enumerate(made.query_ids):
    relevant = {made.candidate_ids[c] for c in made.relevant[i] if c >= 0}
    own = group_of[query]
    assert (
      relevant == {x for x in made.candidate_ids if group_of[x] == own}
      and relevant
    )
    assert made.query_cluster[i] == whole.blocks[block_of[query]]
    assert made.query_group[i] == whole.groups[own]
  # One group of a block, or its groups would be false negatives.
  assert len({*made.query_group}) == len({*made.query_cluster})
  by_language = {
    x: [q for q in made.query_ids if q.endswith(x)] for x in made.languages
  }
  assert sum(q.startswith("acts") for q in by_language["th"]) == 6
  assert sum(q.startswith("acts") for q in by_language["de"]) == 6
  assert not any("all" in query for query in made.query_ids)


def test_a_language_of_a_handful_is_left_out_of_the_task(out, folder, tmp_path):
  counts = {}
  for least in (1, 7, 100):
    settings = SETTINGS | {"least_held": least}
    datasets.prepare(tmp_path / str(least), folder=folder, **settings)
    made = jsonl.load(tmp_path / str(least) / datasets.HELD_OUT)
    parallel = [
      made.languages[made.query_language[i]]
      for i, query in enumerate(made.query_ids)
      if not query.startswith("acts")
    ]
    counts[least] = {x: parallel.count(x) for x in set(parallel)}
  assert 0 < counts[1]["el"] < 7 <= min(counts[7].values())
  assert counts[7] == {x: n for x, n in counts[1].items() if x != "el"}
  assert counts[100] == {}


def test_the_development_task_has_passages_of_training_languages(out):
  made = jsonl.load(out / "quiz")
  assert made.languages == LANGUAGES
  languages = [made.languages[x] for x in made.query_language]
  assert sorted(languages) == ["de"] * 40 + ["en"] * 40
  assert made.num_candidates == 3 * 20  # A passage stands once.
  assert ((made.relevant >= 0).sum(1) == 3).all()
  assert len(set(made.query_cluster)) == 20


def test_equal_arguments_write_equal_bytes(out, folder, tmp_path):
  datasets.prepare(tmp_path / "again", folder=folder, **SETTINGS)
  files = sorted(p.relative_to(out) for p in out.rglob("*") if p.is_file())
  assert len(files) == 30
  for path in files:
    again = (tmp_path / "again" / path).read_bytes()
    assert again == (out / path).read_bytes(), path
    # Bytes 4 to 8 of a gzip file are the time of writing.
    assert path.suffix != ".gz" or again[4:8] == bytes(4)
  other = SETTINGS | {"seed": 1}
  datasets.prepare(tmp_path / "other", folder=folder, **other)
  name = pathlib.Path("legal_held_out") / "queries.jsonl"
  assert (tmp_path / "other" / name).read_bytes() != (out / name).read_bytes()


def test_the_manifest_says_what_is_there(out):
  manifest = json.loads((out / "manifest.json").read_text())
  assert manifest["settings"]["kinds"] == dict(SETTINGS["kinds"])
  for domain in datasets.DOMAINS:
    corpus, said = read(out, f"{domain}_parallel"), manifest["parallel"][domain]
    languages, one, two = sizes(corpus)
    assert said["monolingual_blocks"] == dict(zip(languages, one, strict=True))
    assert list(said["by_pair"].values()) == two
    assert said["rows"] == len(corpus)
    of_en = [
      len(corpus.texts[corpus.query_row[i]])
      for i in np.flatnonzero(corpus.language_row == 1)
    ]
    assert said["characters"]["en"]["query"]["median"] == np.median(of_en)
  matches = manifest["matching"]["matches"]
  assert len(matches) == manifest["parallel"]["legal"]["groups"]
  assert {x.split(":")[0] for x in matches.values()} == {"guides", "news"}
  held = manifest["tasks"]["legal_held_out"]
  made = jsonl.load(out / datasets.HELD_OUT)
  scored = sum(
    made.languages[x] == "de"
    and any(made.languages[made.candidate_language[c]] == "en" for c in r)
    for x, r in zip(made.query_language, made.relevant, strict=True)
  )
  assert held["queries_by_direction"]["de-en"] == scored > 0


def test_a_task_that_is_written_is_read_again(tmp_path):
  made = pairs.from_rows(
    "made",
    languages=("de", "en"),
    ids=("a", "b", "c"),
    groups=("x", "x", "y"),
    language_row=np.array([0, 1, 1]),
    queries=("wer?", "who?", "when?"),
    passages=("er", "he", "now"),
  )
  tasks.write(tmp_path / "made", made)
  again = jsonl.load(tmp_path / "made")
  for field in vars(made):
    np.testing.assert_array_equal(getattr(again, field), getattr(made, field))


@pytest.mark.parametrize(
  ("change", "message"),
  [
    (
      {"least_blocks": 20},
      "language ru keeps .* needs 20 .*\nlower held_share",
    ),
    ({"kinds": (*SETTINGS["kinds"], ("web", "x"))}, "kinds names 'web', no"),
    ({"kinds": (("licences", "a"), ("news", "b"))}, "no match left: "),
    ({"about_law": ("guides", "news")}, "no match left"),
    ({"held_native": 1000}, "legal/acts has no row left to train on"),
  ],
)
def test_what_cannot_be_made_is_named(folder, tmp_path, change, message):
  with pytest.raises(ValueError, match=message):
    datasets.prepare(tmp_path / "out", folder=folder, **(SETTINGS | change))


def test_unknown_settings_and_sources_are_named(folder, tmp_path):
  with pytest.raises(TypeError, match="held_shares"):
    datasets.prepare(tmp_path, folder=folder, held_shares=0.1, **SETTINGS)
  with pytest.raises(FileNotFoundError, match="missing does not exist"):
    datasets.prepare(
      tmp_path, folder=folder, **(SETTINGS | {"development": "missing"})
    )


def test_a_linked_source_keeps_its_name(folder, tmp_path):
  (tmp_path / "in").mkdir()
  for path in folder.iterdir():
    name = path.name
    shutil.copytree(path, tmp_path / "in" / f"{name}-1.0")
    (tmp_path / "in" / name).symlink_to(tmp_path / "in" / f"{name}-1.0")
  datasets.prepare(tmp_path / "out", folder=tmp_path / "in", **SETTINGS)
  assert (tmp_path / "out" / "legal" / "acts" / "th.jsonl.gz").is_file()
