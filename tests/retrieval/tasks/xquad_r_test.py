"""XQuAD-R's published counts, and the rule for the relevant sentence."""

import gzip
import json

import numpy as np
import pytest

from hybridret_jax.retrieval.tasks import xquad_r


def paragraph(sentences, questions):
  """A paragraph whose sentences are joined by spaces; (id, answer) pairs."""
  context = " ".join(sentences)
  starts = np.cumsum([0] + [len(s) + 1 for s in sentences[:-1]]).tolist()
  return {
    "context": context,
    "sentences": sentences,
    "sentence_breaks": [
      [a, a + len(s)] for a, s in zip(starts, sentences, strict=True)
    ],
    "qas": [
      {
        "id": identity,
        "question": f" Where is {answer}? ",
        "answers": [{"answer_start": context.index(answer), "text": answer}],
      }
      for identity, answer in questions
    ],
  }


def write(folder, language, *articles):
  data = [{"title": t, "paragraphs": p} for t, p in articles]
  (folder / f"{language}.json").write_text(
    json.dumps({"data": data}), encoding="utf-8"
  )


@pytest.fixture
def folder(tmp_path):
  """Question 1 in three languages, 2 in two of them, 3 in one."""
  en = [
    paragraph(["First one.", "A second. ", "The third."], [("1", "third")]),
    paragraph(["Other text."], [("2", "Other"), ("3", "text")]),
  ]
  write(tmp_path, "en", ("Alpha", en[:1]), ("Beta", en[1:]))
  de = [paragraph(["Das erste.", "Das dritte."], [("1", "dritte")])]
  write(tmp_path, "de", ("Alpha auf Deutsch", de))
  zh = [
    paragraph(["一。", "一。"], [("2", "一")]),
    paragraph(["三。"], [("1", "三")]),
  ]
  write(tmp_path, "zh", ("乙", zh[:1]), ("甲", zh[1:]))
  return tmp_path


def test_real_counts(shared):
  made = xquad_r.load(shared / "data" / "xquad-r")
  assert len(made.languages) == 11
  assert (made.num_queries, made.num_candidates) == (13_090, 13_014)
  questions = np.bincount(made.query_language).tolist()
  candidates = np.bincount(made.candidate_language).tolist()
  counts = dict(
    zip(made.languages, zip(questions, candidates, strict=True), strict=True)
  )
  assert counts == xquad_r.PUBLISHED
  (note,) = made.notes
  assert note.endswith("between their breaks (taken as they are): tr 2.")
  assert made.relevant.shape == (13_090, 11)
  language_QR = made.candidate_language[made.relevant]
  assert (np.sort(language_QR, axis=1) == np.arange(11)[None, :]).all()
  assert len(set(made.query_cluster)) == 48
  assert len(set(made.query_group)) == 1190
  paragraphs = {str(number) for number in range(240)}
  assert set(made.query_subcluster) == set(made.candidate_group) == paragraphs
  for identity, group in zip(
    made.candidate_ids, made.candidate_group, strict=True
  ):
    assert identity.split("-")[1] == group
  assert all(t == t.strip() and t for t in made.candidate_texts)


def test_real_answers_are_in_their_sentences(shared):
  folder = shared / "data" / "xquad-r"
  made = xquad_r.load(folder, languages=["en"])
  data = json.loads((folder / "en.json").read_text(encoding="utf-8"))["data"]
  answers = [
    question["answers"][0]["text"]
    for article in data
    for part in article["paragraphs"]
    for question in part["qas"]
  ]
  found = [
    answer in made.candidate_texts[index]
    for answer, index in zip(answers, made.relevant[:, 0], strict=True)
  ]
  assert len(found) - sum(found) == 3  # Answers that run past a sentence end.


def test_every_sentence_is_a_candidate(folder):
  made = xquad_r.load(folder)
  assert made.languages == ("de", "en", "zh")
  assert made.candidate_texts == (
    *("Das erste.", "Das dritte."),
    *("First one.", "A second.", "The third.", "Other text."),
    *("一。", "一。", "三。"),
  )
  assert made.candidate_ids[2:6] == ("en-0-0", "en-0-1", "en-0-2", "en-1-0")
  assert made.candidate_language.tolist() == [0, 0, 1, 1, 1, 1, 2, 2, 2]
  assert made.candidate_context is None


def test_relevant_are_the_languages_that_have_the_id(folder):
  made = xquad_r.load(folder)
  assert made.query_ids == ("de-1", "en-1", "en-2", "en-3", "zh-2", "zh-1")
  assert made.query_texts[0] == "Where is dritte?"
  one, two = [1, 4, 8], [5, 6, -1]
  assert made.relevant.tolist() == [one, one, two, [5, -1, -1], two, one]


def test_what_questions_share_is_one_article_and_one_paragraph(folder):
  made = xquad_r.load(folder)
  first = "Alpha auf Deutsch"
  assert made.query_cluster == (first, first, "Beta", "Beta", "Beta", first)
  assert made.query_group == ("1", "1", "2", "3", "2", "1")
  assert made.query_subcluster == ("0", "0", "2", "2", "2", "0")
  de, en, zh = ("0", "0"), ("0", "0", "0", "2"), ("2", "2", "0")
  assert made.candidate_group == de + en + zh


def test_other_counts_than_the_published_are_noted(folder):
  (note,) = xquad_r.load(folder).notes
  assert note.endswith("count: de 1 and 2, en 3 and 4, zh 2 and 3.")


def test_languages_are_taken_in_the_order_asked(folder):
  made = xquad_r.load(folder, languages=["zh", "de"])
  assert made.languages == ("zh", "de")
  assert made.query_ids == ("zh-2", "zh-1", "de-1")
  assert made.relevant.tolist() == [[0, -1], [2, 4], [2, 4]]


def test_paragraph_as_context(folder):
  made = xquad_r.load(folder, candidates="sentence_paragraph")
  assert made.candidate_texts[5] == "Other text."
  assert made.candidate_context[3] == "First one. A second.  The third."


def test_the_end_of_a_sentence_is_not_in_it(folder):
  part = paragraph(["One.", "Two."], [("1", "Two")])
  part["sentence_breaks"] = [[0, 5], [5, 9]]
  write(folder, "en", ("Alpha", [part]))
  assert xquad_r.load(folder, languages=["en"]).relevant.tolist() == [[1]]


def test_answer_in_no_sentence_is_named(folder):
  part = paragraph(["One.", "Two."], [("77", "Two")])
  part["qas"][0]["answers"][0] = {"answer_start": 4, "text": " Two"}
  write(folder, "en", ("Alpha", [part]))
  with pytest.raises(
    ValueError, match="'Alpha', paragraph 0, question '77': .* 4 is in no"
  ):
    xquad_r.load(folder)


@pytest.mark.parametrize(
  ("change", "message"),
  [
    (lambda p: p.pop("sentences"), "paragraph 0: sentences is None"),
    (lambda p: p["sentence_breaks"].pop(), "2 sentences and 1 sentence_b"),
    (lambda p: p["sentences"].__setitem__(1, " "), "sentence 1 is ' '"),
    (lambda p: p["qas"].append(p["qas"][0]), "question '1': the id stands"),
    (lambda p: p["qas"].append({"id": True}), "id is True"),
    (lambda p: p["qas"].append(3), "3 is no question"),
    (lambda p: p["qas"][0].update(question=" "), "question is empty"),
    (lambda p: p["qas"][0]["answers"].clear(), "answer_start is None"),
    *(
      (
        lambda p, answer=answer: p["qas"][0]["answers"].append(answer),
        "answers.1.: text is .*, but the context has .*; correct answer_start",
      )
      for answer in (
        {"answer_start": 4, "text": "Two"},
        {"answer_start": -4, "text": "Two."},
        {"answer_start": 50, "text": "Two"},
        {"answer_start": 2**70, "text": "Two"},
        {"answer_start": 0, "text": ""},
      )
    ),
    *(
      (
        lambda p, pair=pair: p["sentence_breaks"].__setitem__(1, pair),
        what,
      )
      for pair, what in [
        (
          [3, 9],
          r"sentence_breaks.1. is \[3, 9\]; write .start, end. with 4 <=",
        ),
        ([5, 5], r"sentence_breaks.1. is \[5, 5\]"),
        ([-5, 9], r"sentence_breaks.1. is \[-5, 9\]"),
        ([5, True], r"sentence_breaks.1. is \[5, True\]"),
        ([5], r"sentence_breaks.1. is \[5\]"),
        (None, "sentence_breaks.1. is None"),
        ([5, 10], "reach to 10, but the context has 9 characters"),
      ]
    ),
  ],
)
def test_misshapen_paragraphs_are_named(folder, change, message):
  part = paragraph(["One.", "Two."], [("1", "Two")])
  change(part)
  write(folder, "en", ("Alpha", [part]))
  with pytest.raises(ValueError, match=message):
    xquad_r.load(folder)


def test_broken_json_is_named_by_line(folder):
  (folder / "en.json").write_text('{\n"data": [\n', encoding="utf-8")
  with pytest.raises(ValueError, match=r"en\.json:2: not JSON"):
    xquad_r.load(folder)


def test_unknown_arguments_are_named(folder, tmp_path):
  with pytest.raises(ValueError, match=r"\['fr'\]; it has \['de', 'en', 'zh'"):
    xquad_r.load(folder, languages=["en", "fr"])
  with pytest.raises(ValueError, match="'paragraph' is unknown"):
    xquad_r.load(folder, candidates="paragraph")
  with pytest.raises(ValueError, match="absent: it cannot be read .No such"):
    xquad_r.load(tmp_path / "absent")
  (tmp_path / "empty").mkdir()
  with pytest.raises(ValueError, match="no <language>.json file"):
    xquad_r.load(tmp_path / "empty")


def test_sentences_unlike_their_paragraph_are_counted(folder):
  part = paragraph(["One.", "Two."], [("1", "Two")])
  part["sentences"] = ["One!", " Two."]
  write(folder, "en", ("Alpha", [part]))
  made = xquad_r.load(folder, languages=["en"], published={"en": (1, 2)})
  (note,) = made.notes
  assert note.endswith("(taken as they are): en 1.")
  assert made.candidate_texts == ("One!", "Two.")


def test_files_are_named_after_languages(tmp_path):
  part = paragraph(["One.", "Two."], [("1", "Two")])
  for name in ("pt_br", "zh-Hans", "iw"):
    write(tmp_path, name, ("Alpha", [part]))
  (tmp_path / "yue.json.gz").write_bytes(
    gzip.compress((tmp_path / "iw.json").read_bytes())
  )
  made = xquad_r.load(tmp_path)
  assert made.languages == ("he", "pt-BR", "yue", "zh-Hans")
  assert made.query_ids[1] == "pt-BR-1"
  assert xquad_r.load(tmp_path, languages=["ZH-hans"]).languages == ("zh-Hans",)
  write(tmp_path, "he", ("Alpha", [part]))
  with pytest.raises(
    ValueError, match="he.json: .*iw.json stands for the same"
  ):
    xquad_r.load(tmp_path)
  (tmp_path / "he.json").rename(tmp_path / "xquad.he.json")
  with pytest.raises(ValueError, match="xquad.he.json: it is not named after"):
    xquad_r.load(tmp_path)


def test_one_guard_for_all_files(folder):
  path = folder / "en.json"
  data = path.read_bytes()
  for broken, what in [
    (data.decode().encode("utf-16"), "the file is UTF-16"),
    (data.replace(b"third", b"\\ud800", 1), "half of a surrogate pair"),
    (data.replace(b'"title"', b'"data": 1, "data"', 1), "'data' stands twice"),
    (data.replace(b'"answer_start": ', b'"more": NaN, "x": ', 1), "NaN"),
    (b"[]", "is not a JSON object"),
  ]:
    path.write_bytes(broken)
    with pytest.raises(ValueError, match=f"^{path}.*{what}"):
      xquad_r.load(folder)
  path.write_bytes(b"\xef\xbb\xbf" + data)
  assert xquad_r.load(folder).num_queries == 6
