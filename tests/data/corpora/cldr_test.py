"""The embedded corpus: complete, well formed, repeatable, forms held out."""

import collections
import json

import pytest

from hybridret_jax.data.corpora import cldr, cldr_items

FIELDS = {"id", "group", "lang", "query", "passage", "source", "block"}
SPLITS = ("train", "validation", "test")


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
  folder = tmp_path_factory.mktemp("corpora") / "cldr"
  cldr.write(folder)
  return folder


def records(path):
  return [json.loads(line) for line in path.read_text("utf-8").splitlines()]


def contents(folder):
  return {
    path.relative_to(folder): path.read_bytes()
    for path in folder.rglob("*")
    if path.is_file()
  }


def pairs(folder):
  return {
    language: records(folder / "pairs" / f"{language}.jsonl")
    for language in cldr.LANGUAGES
  }


def test_every_language_has_every_group(folder):
  found = pairs(folder)
  assert len(found) == 11
  groups = [[pair["group"] for pair in rows] for rows in found.values()]
  assert all(names == groups[0] for names in groups)
  assert len(set(groups[0])) == len(groups[0]) >= 6 * 400
  forms = collections.Counter(pair["block"] for pair in found["en"])
  assert len(forms) >= 400
  assert min(forms.values()) >= 6


def test_pairs_are_in_the_shared_format(folder):
  ids = []
  for language, rows in pairs(folder).items():
    for row in rows:
      assert set(row) == FIELDS
      assert all(isinstance(value, str) and value for value in row.values())
      assert row["lang"] == language
      assert row["query"] != row["passage"]
      assert row["group"].startswith(row["block"] + ":")
    ids += [row["id"] for row in rows]
  assert len(set(ids)) == len(ids)


@pytest.mark.parametrize("split, least", [("validation", 150), ("test", 400)])
def test_tasks_ask_each_language_for_each_item(folder, split, least):
  queries = records(folder / split / "queries.jsonl")
  candidates = records(folder / split / "candidates.jsonl")
  asked = collections.Counter(query["lang"] for query in queries)
  assert set(asked) == set(cldr.LANGUAGES)
  assert min(asked.values()) == max(asked.values()) >= least
  assert asked == collections.Counter(one["lang"] for one in candidates)
  for side in (queries, candidates):
    groups = collections.Counter(one["group"] for one in side)
    assert set(groups.values()) == {11}  # Each item once in each language.
  language = {one["id"]: one["lang"] for one in candidates}
  relevant = collections.defaultdict(list)
  lines = (folder / split / "qrels.tsv").read_text("utf-8").splitlines()
  for query, candidate, relevance in (line.split("\t") for line in lines):
    assert relevance == "1"
    assert candidate.split(":")[1:4] == query.split(":")[1:4]
    relevant[query].append(language[candidate])
  assert set(relevant) == {query["id"] for query in queries}
  assert all(sorted(one) == list(cldr.LANGUAGES) for one in relevant.values())


def test_question_forms_of_a_split_are_in_no_other(folder):
  for language, rows in pairs(folder).items():
    texts = {"train": [row["query"] for row in rows]}
    for split in ("validation", "test"):
      queries = records(folder / split / "queries.jsonl")
      texts[split] = [one["text"] for one in queries if one["lang"] == language]
    assert all(texts.values())
    seen = set().union(*texts.values())
    assert len(seen) == sum(len(one) for one in texts.values())


def test_templates_differ_and_keep_to_their_fields():
  for language in cldr.LANGUAGES:
    for kind in cldr_items.MOST:
      forms = {split: cldr._forms(language, kind, split) for split in SPLITS}
      assert [len(forms[split]) for split in SPLITS] == [8, 1, 2]
      every = sum(forms.values(), [])
      assert len(set(every)) == len(every)
      assert all(form.count("{") == 1 for form in every)
      assert all("{name}" in form for form in every)
      passages = cldr._templates(language)[kind]["passage"]
      assert all("{name}" in form for form in passages)


def test_no_field_is_left_open_and_candidates_differ(folder):
  candidates = records(folder / "test" / "candidates.jsonl")
  seen = {(one["lang"], one["text"].casefold()) for one in candidates}
  assert len(seen) == len(candidates)
  texts = [one["text"] for one in candidates]
  texts += [row["query"] for rows in pairs(folder).values() for row in rows]
  assert not [text for text in texts if "{" in text or "}" in text]
  assert not [text for text in texts if text != " ".join(text.split())]


def test_texts_are_in_the_script_of_their_language(folder):
  for language, rows in pairs(folder).items():
    for field in ("query", "passage"):
      own = [cldr_items.in_own_script(row[field], language) for row in rows]
      assert all(own)


def test_texts_are_short(folder):
  for rows in pairs(folder).values():
    assert max(len(row["query"]) for row in rows) <= 100
    assert max(len(row["passage"]) for row in rows) <= 180


def test_a_sentence_starts_with_a_capital_of_its_language():
  assert cldr._sentence("inç  ve", "tr") == "İnç ve"
  assert cldr._sentence("inch", "en") == "Inch"
  assert cldr._sentence("“inch”", "en") == "“inch”"


def test_the_same_seed_writes_the_same_bytes(folder, tmp_path):
  cldr.write(tmp_path / "again")
  cldr.write(tmp_path / "other", seed=1)
  assert contents(tmp_path / "again") == contents(folder)
  assert contents(tmp_path / "other") != contents(folder)
  assert sorted(path.name for path in tmp_path.iterdir()) == ["again", "other"]


def test_a_complete_folder_is_left_as_it_is(tmp_path):
  cldr.write(tmp_path / "cldr")
  path = tmp_path / "cldr" / "pairs" / "en.jsonl"
  before = path.stat().st_ino
  cldr.write(tmp_path / "cldr")
  assert path.stat().st_ino == before


def test_a_damaged_folder_is_written_again_and_that_is_said(tmp_path, caplog):
  cldr.write(tmp_path / "cldr")
  path = tmp_path / "cldr" / "pairs" / "en.jsonl"
  whole = path.read_bytes()
  path.write_bytes(whole[:-100])
  cldr.write(tmp_path / "cldr")
  assert path.read_bytes() == whole
  path.unlink()
  cldr.write(tmp_path / "cldr")
  assert path.read_bytes() == whole
  assert caplog.text.count("damaged; it is written again") == 2


def test_a_folder_of_another_seed_is_written_anew(folder, tmp_path):
  cldr.write(tmp_path / "cldr", seed=1)
  cldr.write(tmp_path / "cldr")
  assert contents(tmp_path / "cldr") == contents(folder)


def test_files_of_someone_else_are_not_removed(tmp_path):
  (tmp_path / "notes.txt").write_text("mine")
  with pytest.raises(FileExistsError, match="name another folder"):
    cldr.write(tmp_path)
  assert (tmp_path / "notes.txt").read_text() == "mine"
