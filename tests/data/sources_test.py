"""What the sources accept, and how they refuse the rest."""

import gzip
import json

import numpy as np
import pytest

from hybridret_jax.data import row_files, sources


def record(group, lang, query="q", passage="p", **more):
  row = {
    "id": f"{group}:{lang}",
    "group": group,
    "lang": lang,
    "query": f"{query} {group} {lang}",
    "passage": f"{passage} {group} {lang}",
    "source": "any",
  }
  return row | more


def write(path, records):
  path.parent.mkdir(parents=True, exist_ok=True)
  lines = [r if isinstance(r, str) else json.dumps(r) for r in records]
  text = "".join(line + "\n" for line in lines)
  opener = gzip.open if path.suffix == ".gz" else open
  with opener(path, "wt", encoding="utf-8") as file:
    file.write(text)
  return path


def rows_of(corpus):
  """The corpus as plain records, for comparing."""
  counts = corpus.negative_offsets
  return [
    (
      corpus.ids[r],
      corpus.languages[corpus.language_row[r]],
      corpus.sources[corpus.source_row[r]],
      corpus.groups[corpus.group_row[r]],
      corpus.blocks[corpus.block_row[r]],
      corpus.texts[corpus.query_row[r]] if corpus.query_row[r] >= 0 else "",
      corpus.texts[corpus.passage_row[r]],
      [
        corpus.texts[i]
        for i in corpus.negative_values[counts[r] : counts[r + 1]]
      ],
    )
    for r in range(len(corpus))
  ]


def test_reads_folders_and_files(tmp_path):
  write(
    tmp_path / "one" / "en.jsonl", [record("a", "en", negatives=["n ", "m"])]
  )
  write(tmp_path / "one" / "de.jsonl.gz", [record("a", "de", block="b")] * 0)
  write(tmp_path / "one" / "README.md", ["not a source"])
  write(tmp_path / "two.jsonl", [record("c", "ru", block="b", query=" q")])
  corpus = sources.read([tmp_path / "one", str(tmp_path / "two.jsonl")])
  assert corpus.languages == ("en", "ru")
  assert corpus.sources == ("one", "two")
  assert rows_of(corpus) == [
    ("a:en", "en", "one", "a", "a", "q a en", "p a en", ["n", "m"]),
    ("c:ru", "ru", "two", "c", "b", "q c ru", "p c ru", []),
  ]
  assert corpus.skipped == {}
  assert corpus.query_row.dtype == np.int32


def test_gz_and_plain_are_equal(tmp_path):
  records = [record("ä", "tr"), record("b", "tr", passage="ığ", block="x")]
  write(tmp_path / "p" / "s" / "tr.jsonl", records)
  write(tmp_path / "z" / "s" / "tr.jsonl.gz", records)
  plain = sources.read([tmp_path / "p" / "s"])
  zipped = sources.read([tmp_path / "z" / "s"])
  assert rows_of(plain) == rows_of(zipped)


def test_equal_texts_are_held_once(tmp_path):
  same = {"passage": "shared", "query": "asks"}
  records = [record(g, "en") | same for g in "abc"]
  corpus = sources.read([write(tmp_path / "s.jsonl", records)])
  assert corpus.texts == ("shared", "asks")
  np.testing.assert_array_equal(corpus.passage_row, [0, 0, 0])


def test_empty_query_and_bitext_are_not_monolingual(tmp_path):
  records = [
    record("a", "en"),
    record("b", "en") | {"query": "  "},
    record("c", "en") | {"query": "same", "passage": " same "},
  ]
  corpus = sources.read([write(tmp_path / "s.jsonl", records)])
  assert corpus.query_row[1] == -1
  np.testing.assert_array_equal(
    sources.is_monolingual(corpus), [True, False, False]
  )


def test_languages_keep_their_order_and_the_rest_is_counted(tmp_path):
  write(tmp_path / "s" / "en.jsonl", [record("a", "en")])
  write(tmp_path / "s" / "de.jsonl", [record("a", "de"), record("b", "de")])
  write(tmp_path / "t.jsonl", [record("c", "de"), record("d", "ru", extra=1)])
  corpus = sources.read(
    [tmp_path / "s", tmp_path / "t.jsonl"], languages=["ru", "th", "en"]
  )
  assert corpus.languages == ("ru", "th", "en")
  assert corpus.ids == ("a:en", "d:ru")
  np.testing.assert_array_equal(corpus.language_row, [2, 0])
  assert corpus.skipped == {
    "language de was not asked for": 3,
    "field 'extra' is not read": 1,
  }


def test_languages_have_one_spelling(tmp_path):
  write(tmp_path / "s" / "pt_br.jsonl", [record("a", "PT-br")])
  write(tmp_path / "s" / "zh-Hant.jsonl", [record("a", "zh-Hant")])
  write(tmp_path / "s" / "iw.jsonl", [record("a", "iw"), record("b", "he")])
  write(tmp_path / "s" / "yue.jsonl", [record("a", "yue")])
  corpus = sources.read([tmp_path / "s"], languages=["HE", "pt_BR", "zh-hant"])
  assert corpus.languages == ("he", "pt-BR", "zh-Hant")
  assert [row[1] for row in rows_of(corpus)] == ["he", "he", "pt-BR", "zh-Hant"]
  assert corpus.skipped == {
    "language yue was not asked for": 1,
    "lang 'PT-br' is read as 'pt-BR'": 1,
    "lang 'iw' is read as 'he'": 1,
  }


def test_whole_numbers_are_names(tmp_path):
  rows = [record("a", "en") | {"id": 7, "group": 3, "block": 2}]
  rows += [record("b", "en"), record("c", "de") | {"group": "3", "block": "2"}]
  path = write(tmp_path / "s.jsonl", rows)
  assert [row[:5] for row in rows_of(sources.read([path]))] == [
    ("7", "en", "s", "3", "2"),
    ("b:en", "en", "s", "b", "b"),
    ("c:de", "de", "s", "3", "2"),
  ]
  assert sources.read([f"queries:{path}"]).groups[0] == "3:query"
  write(path, [rows[0], record("d", "en") | {"id": "7"}])
  with pytest.raises(ValueError, match="s.jsonl:2: id '7' was already at"):
    sources.read([path])


def test_what_is_not_read_is_named_and_counted(tmp_path):
  rows = [record(g, "en", Negative=["n"], note=1) for g in "ab"]
  rows += [record("c", "en", **{f"key{i}": 1 for i in range(50)})]
  write(tmp_path / "s" / "en.jsonl", rows)
  write(tmp_path / "s" / "de.json", [])
  write(tmp_path / "s" / "fr.jsonl.bz2", [])
  skipped = sources.read([tmp_path / "s"]).skipped
  assert (
    skipped["field 'Negative' is not read (did you mean 'negatives'?)"] == 2
  )
  assert skipped["field 'note' is not read"] == 2
  assert skipped["field '(others)' is not read"] == 22
  for name in ("de.json", "fr.jsonl.bz2"):
    assert skipped[f"{tmp_path}/s/{name} is none of {row_files.TOLD}"] == 1


GOOD = record("good", "en")
BAD = {
  "no json": ("{", "not JSON"),
  "no object": ("[1]", "not a JSON object"),
  "broken unicode": ('{"id": "\udcff"}', "not UTF-8"),
  "half a surrogate in a name": (
    json.dumps(record("\ud800", "en")),
    "surrogate",
  ),
  "half a surrogate": (
    json.dumps(record("a", "en") | {"query": "\ud800"}),
    "surrogate",
  ),
  **{
    f"no {field}": (
      {k: v for k, v in record("a", "en").items() if k != field},
      f"{field} is missing",
    )
    for field in ("id", "group", "lang", "query", "passage")
  },
  **{
    f"{field} a number": (record("a", "en") | {field: 7}, f"{field} is 7")
    for field in ("lang", "query", "passage")
  },
  **{
    f"{field} {value}": (
      record("a", "en") | {field: value},
      f"{field} is {value}",
    )
    for field in ("id", "group", "block")
    for value in (1.5, True, None)
  },
  **{
    f"a padded {field}": (
      record("a", "en") | {field: "name "},
      f"{field} is 'name ', with white space",
    )
    for field in ("id", "group", "block")
  },
  "an empty id": (record("a", "en", id=" "), "id is ' ', empty"),
  "an empty group": (record("", "en"), "group is '', empty"),
  "an empty passage": (
    record("a", "en") | {"passage": " "},
    "passage is empty",
  ),
  "a language name": (
    record("a", "English"),
    "lang is 'English'; use a BCP 47",
  ),
  "a key twice": ('{"id": "a", "id": "b"}', "the key 'id' stands twice"),
  "a repeated id": (
    record("a", "en", id="good:en"),
    "id 'good:en' was already",
  ),
  "a repeated group": (
    record("good", "en", id="else"),
    "group 'good' already has id 'good:en' in 'en'",
  ),
  "two blocks": (record("good", "de", block="x"), "block 'x' here and 'good'"),
  "negatives a text": (record("a", "en", negatives="n"), "negatives is 'n'"),
  "negatives a number": (record("a", "en", negatives=0), "negatives is 0"),
  "an empty negative": (record("a", "en", negatives=[" "]), "not empty"),
  "a negative number": (record("a", "en", negatives=[1]), "negatives is \\[1"),
  "a negative twice": (record("a", "en", negatives=["n", "n "]), "twice"),
  "its own negative": (
    record("a", "en", negatives=["p a en"]),
    "the passage itself",
  ),
}


@pytest.mark.parametrize("kind", BAD)
@pytest.mark.parametrize("name", ["s.jsonl", "s.jsonl.gz"])
def test_a_bad_record_is_named_by_file_and_line(tmp_path, kind, name):
  bad, what = BAD[kind]
  path = tmp_path / name
  lines = [GOOD, record("fine", "de"), bad]
  data = "\n".join(
    line if isinstance(line, str) else json.dumps(line) for line in lines
  ).encode("utf-8", "surrogateescape")
  path.write_bytes(
    gzip.compress(data + b"\n") if "gz" in name else data + b"\n"
  )
  with pytest.raises(ValueError, match=f"^{path}:3: .*{what}.*") as error:
    sources.read([path])
  assert "; " in str(error.value) and "\n" not in str(error.value)


def test_ids_are_unique_over_all_sources(tmp_path):
  one = write(tmp_path / "one.jsonl", [GOOD])
  two = write(tmp_path / "two.jsonl", [record("b", "en"), GOOD])
  with pytest.raises(ValueError, match=f"{two}:2: .* already at {one}:1"):
    sources.read([one, two])


def test_a_group_may_occur_in_two_sources(tmp_path):
  one = write(tmp_path / "one.jsonl", [GOOD])
  two = write(tmp_path / "two.jsonl", [record("good", "en", id="other")])
  corpus = sources.read([one, two])
  assert corpus.groups == ("good",)


def test_bad_paths_are_named(tmp_path):
  (tmp_path / "empty").mkdir()
  write(tmp_path / "part" / "part-0.jsonl", [GOOD])
  write(tmp_path / "part" / "part-1.jsonl", [GOOD])
  write(tmp_path / "mixed" / "en.jsonl", [GOOD])
  write(tmp_path / "mixed" / "part-0.jsonl", [GOOD])
  write(tmp_path / "both" / "en.jsonl", [GOOD])
  write(tmp_path / "both" / "en.jsonl.gz", [GOOD])
  for name in ("case/EN", "case/en", "old/iw", "old/he"):
    write(tmp_path / f"{name}.jsonl", [GOOD])
  write(tmp_path / "wrong" / "de.jsonl", [GOOD])
  write(tmp_path / "s.txt", [])
  write(tmp_path / "a" / "s" / "en.jsonl", [GOOD])
  write(tmp_path / "b" / "s" / "en.jsonl", [record("b", "en")])
  (tmp_path / "torn.jsonl.gz").write_bytes(gzip.compress(b"{}" * 99)[:-9])
  for names, what in [
    (["empty"], "empty: the source has no <language>.jsonl"),
    (["part"], "part: it has no split 'train', but part-0, part-1; name one"),
    (["mixed"], "part-0.jsonl: it is not named after a language"),
    (["both"], "en.jsonl: .*en.jsonl.gz stands for the same; keep one"),
    (["both/en.jsonl"], "en.jsonl.gz stands for the same; keep one"),
    (["case"], "EN.jsonl: .*/en.jsonl stands for the same; keep one"),
    (["old"], "he.jsonl: .*/iw.jsonl stands for the same; keep one"),
    (["wrong"], "de.jsonl:1: lang is 'en' in the file of 'de'"),
    (["s.txt"], "s.txt: the source is none of .jsonl, "),
    (["a/s", "b/s"], "both named 's'; rename one"),
    (["torn.jsonl.gz"], "not a whole gzip file"),
    ([], "paths is empty"),
  ]:
    with pytest.raises(ValueError, match=what):
      sources.read([tmp_path / name for name in names])
  with pytest.raises(FileNotFoundError, match="gone does not exist; name a"):
    sources.read([tmp_path / "gone"])
  with pytest.raises(ValueError, match="give a list of paths"):
    sources.read(str(tmp_path))


@pytest.mark.parametrize(
  "languages", [["en", "en"], ["en", "EN"], ["english"], "en"]
)
def test_bad_languages_are_named(tmp_path, languages):
  path = write(tmp_path / "s.jsonl", [GOOD])
  with pytest.raises(ValueError, match="languages"):
    sources.read([path], languages=languages)


def test_select_keeps_rows_and_names(tmp_path):
  records = [
    record(g, "en", negatives=[f"{g}{i}" for i in range(n)])
    for g, n in [("a", 2), ("b", 0), ("c", 3), ("d", 1)]
  ]
  corpus = sources.read([write(tmp_path / "s.jsonl", records)])
  everything = rows_of(corpus)
  mask = np.array([False, True, True, True])
  assert rows_of(sources.select(corpus, mask)) == everything[1:]
  some = sources.select(corpus, np.array([2, 0]))
  assert rows_of(some) == [everything[2], everything[0]]
  assert some.texts == corpus.texts and some.blocks == corpus.blocks
  assert len(sources.select(corpus, np.zeros(4, bool))) == 0


def test_real_sources_hold_what_their_readme_says(shared):
  names = {"belebele": (5283, 1800), "udhr": (784, 414), "arcd": (1395, 1395)}
  for name, (rows, monolingual) in names.items():
    corpus = sources.read([shared / "data" / name])
    assert len(corpus) == rows
    assert sources.is_monolingual(corpus).sum() == monolingual
    assert corpus.skipped == {}


def test_languages_are_sorted_where_none_was_asked(tmp_path):
  records = [record("a", lang) for lang in ("ru", "ar", "hi", "en")]
  corpus = sources.read([write(tmp_path / "s.jsonl", records)])
  assert corpus.languages == ("ar", "en", "hi", "ru")
  assert [row[1] for row in rows_of(corpus)] == ["ru", "ar", "hi", "en"]


def test_queries_of_a_source_become_translations(tmp_path):
  write(
    tmp_path / "news" / "en.jsonl",
    [record("a", "en", negatives=["n"]), record("b", "en", block="x")],
  )
  write(
    tmp_path / "news" / "de.jsonl",
    [record("a", "de"), record("b", "de", block="x") | {"query": ""}],
  )
  folder = tmp_path / "news"
  corpus = sources.read([folder, f"queries:{folder}"], languages=("en", "de"))
  derived = [row for row in rows_of(corpus) if row[2] == "news-queries"]
  assert sorted(derived) == [
    (
      "a:de:query",
      "de",
      "news-queries",
      "a:query",
      "a",
      "q a de",
      "q a de",
      [],
    ),
    (
      "a:en:query",
      "en",
      "news-queries",
      "a:query",
      "a",
      "q a en",
      "q a en",
      [],
    ),
    (
      "b:en:query",
      "en",
      "news-queries",
      "b:query",
      "x",
      "q b en",
      "q b en",
      [],
    ),
  ]
  assert corpus.skipped["no query to make a translation of"] == 1
  is_derived = corpus.source_row == corpus.sources.index("news-queries")
  assert not sources.is_monolingual(corpus)[is_derived].any()


def test_queries_of_a_bad_record_name_its_line(tmp_path):
  path = write(tmp_path / "en.jsonl", [record("a", "en"), {"id": "b"}])
  with pytest.raises(ValueError, match=r"en\.jsonl:2: group is missing"):
    sources.read([f"queries:{path}"])


def test_a_sources_digest_follows_from_all_of_its_rows(tmp_path):
  rows = [record("a", "en", negatives=["n", "m"]), record("b", "en")]

  def digest(name, rows, languages=None):
    write(tmp_path / name, rows)
    folder = (tmp_path / name).parent
    [sha256] = sources.read([folder], languages=languages).sha256
    return sha256

  before = digest("one/en.jsonl", rows)
  assert digest("elsewhere/one/en.jsonl", rows) == before
  assert digest("packed/one/en.jsonl.gz", rows) == before
  spaced = [rows[0] | {"query": f" {rows[0]['query']} "}, rows[1]]
  assert digest("spaced/en.jsonl", spaced) == before
  for number, change in enumerate(
    (
      {"id": "other"},
      {"group": "c"},
      {"block": "c"},
      {"query": "another"},
      {"query": ""},
      {"passage": "another"},
      {"negatives": ["n"]},
      {"negatives": ["m", "n"]},
    )
  ):
    altered = [rows[0] | change, rows[1]]
    assert digest(f"altered{number}/en.jsonl", altered) != before, change
  assert digest("swapped/en.jsonl", rows[::-1]) != before
  assert digest("fewer/en.jsonl", rows[:1]) != before


def test_a_digest_is_of_one_source_and_of_what_is_asked_for(tmp_path):
  write(tmp_path / "one" / "en.jsonl", [record("a", "en")])
  write(tmp_path / "two" / "en.jsonl", [record("b", "en")])
  write(tmp_path / "two" / "de.jsonl", [record("b", "de")])
  places = [tmp_path / "one", tmp_path / "two"]
  both = sources.read(places, languages=["en"])
  alone = sources.read(places[1:], languages=["en"])
  assert both.sha256[1] == alone.sha256[0] != both.sha256[0]
  assert sources.read(places[1:]).sha256 != alone.sha256
  assert sources.select(both, [0]).sha256 == both.sha256
