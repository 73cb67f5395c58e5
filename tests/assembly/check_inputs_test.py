"""Sources and tasks are read before anything is trained; all faults at once."""

import json

import pytest

from hybridret_jax import defaults
from hybridret_jax.assembly import check, check_inputs, inputs, training_data

LANGUAGES = ("de", "en")


def write(path, records):
  path.parent.mkdir(parents=True, exist_ok=True)
  path.write_text("".join(json.dumps(r) + "\n" for r in records), "utf-8")


def pairs(folder, *, groups=40, **changes):
  for language in LANGUAGES:
    write(
      folder / f"{language}.jsonl",
      [
        {
          "id": f"{folder.name}:{g}:{language}",
          "group": f"{folder.name}:{g}",
          "lang": language,
          "query": f"{folder.name} {language} question {g}",
          "passage": f"{folder.name} {language} answer {g}",
        }
        | changes
        for g in range(groups)
      ],
    )


def task(folder):
  write(folder / "queries.jsonl", [{"id": "q", "lang": "en", "text": "who?"}])
  write(folder / "candidates.jsonl", [{"id": "c", "lang": "en", "text": "I"}])
  (folder / "qrels.tsv").write_text("q\tc\t1\n")


@pytest.fixture
def config(tmp_path):
  config = defaults.get_config()
  config.cache = str(tmp_path / "cache")
  config.model.init = "scratch"
  config.model.tokenizer = "train"
  config.data.folder = str(tmp_path)
  config.data.sources = ("one", "two")
  config.data.languages = LANGUAGES
  config.data.query_length = config.data.passage_length = 64
  config.packing.row_lengths = (64,)
  config.batches.batch_size = 16
  config.evaluation.tasks = ("jsonl:task",)
  config.validation.task = "jsonl:dev"
  pairs(tmp_path / "one")
  pairs(tmp_path / "two")
  task(tmp_path / "task")
  task(tmp_path / "dev")
  return config


def found(config, modes=("train", "evaluate", "export")):
  with pytest.raises(ValueError, match="problem") as error:
    check.whole(config, modes)
  return str(error.value)


def test_what_was_checked_is_what_is_used(config, tmp_path):
  read = inputs.Inputs()
  check.whole(config, ("train", "evaluate"), read)
  for name in ("one", "two", "task", "dev"):
    (tmp_path / name).rename(tmp_path / f"gone_{name}")
  assert len(read.corpus(config)) == 160
  assert read.task(config, "jsonl:task").query_texts == ("who?",)
  with pytest.raises(OSError, match="gone|No such|not exist"):
    inputs.Inputs().corpus(config)


def test_settings_sources_and_tasks_are_told_in_one_list(config, tmp_path):
  config.train.log_every = 0
  (tmp_path / "one" / "de.jsonl").write_text('{"id": "x"}\n')
  (tmp_path / "two" / "en.jsonl").write_text("no JSON\n")
  (tmp_path / "task" / "qrels.tsv").write_text("q\tnobody\t1\n")
  (tmp_path / "dev" / "queries.jsonl").unlink()
  text = found(config)
  assert "train.log_every is 0" in text
  for place in ("one/de.jsonl:1", "two/en.jsonl:1", "task/qrels.tsv:1"):
    assert place in text
  assert "dev/queries.jsonl" in text
  assert text.count("\n  - ") == 5


def test_only_what_the_modes_use_is_read(config, tmp_path):
  (tmp_path / "one" / "de.jsonl").write_text("no JSON\n")
  (tmp_path / "task" / "qrels.tsv").write_text("q\tnobody\t1\n")
  check.whole(config, ("export",))
  assert "qrels" not in found(config, ("train",))
  assert "one/de.jsonl" not in found(config, ("evaluate",))


def test_batches_that_cannot_be_are_told_before_training(config):
  config.batches.batch_size = 96
  text = found(config)
  assert "language de has" in text and "a monolingual batch needs 96" in text


def test_what_data_offer_and_nobody_uses_is_said(config, tmp_path):
  pairs(tmp_path / "two", negatives=["no", "never"])
  config.data.source_weights = (0.0, 1.0)
  corpus = training_data.read(config)
  assert check_inputs.unused(config, corpus) == [
    "80 rows name hard negatives (up to 2 each) and none is used:"
    " batches.negatives is 0",
    "source one is not used: its source weight is 0",
  ]
  config.batches.negatives = 1
  assert check_inputs.unused(config, corpus)[0] == (
    "80 rows name fewer than batches.negatives 1 hard negatives and give no"
    " query"
  )


def test_lexicons_are_read_before_training_where_they_are_used(
  config, tmp_path
):
  lexicon = tmp_path / "fr-de.txt"
  lexicon.write_text("maison haus\nchat\n")
  config.code_switching.lexicons = ("fr-de.txt", "en-de.txt")
  assert not list(check_inputs.problems(config, ["train"], inputs.Inputs()))
  config.code_switching.probability = 0.5
  assert not list(check_inputs.problems(config, ["evaluate"], inputs.Inputs()))
  (told,) = check_inputs.problems(config, ["train"], inputs.Inputs())
  assert "fr-de.txt:2: 'chat' is no word with its translation; write" in told
  lexicon.write_text("maison haus\n")
  (told,) = check_inputs.problems(config, ["train"], inputs.Inputs())
  assert str(tmp_path / "en-de.txt") in told
  config.code_switching.lexicons = ("fr-de.txt",)
  (told,) = check_inputs.problems(config, ["train"], inputs.Inputs())
  assert told == (
    "code_switching.lexicons translate from fr, and data.languages are de, en;"
    " name lexicons of one of these"
  )
  (tmp_path / "en-de.txt").write_text("house haus\n")
  config.code_switching.lexicons = ("fr-de.txt", "en-de.txt")
  read = inputs.Inputs()
  assert not list(check_inputs.problems(config, ["train"], read))
  corpus, found = read.corpus(config), read.lexicons(config)
  assert check_inputs.unswitched(corpus, found) == [
    "words of en are replaced by those of de",
    "texts in de are in no lexicon and stay",
  ]
  assert check_inputs.unswitched(corpus, None) == []
