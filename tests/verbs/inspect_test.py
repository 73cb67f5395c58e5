"""A look at data: its page and figures, before anything is trained."""

import json
import shutil

import pytest

import hybridret_jax
from hybridret_jax import library, looking, run
from hybridret_jax.assembly import training_data
from hybridret_jax.ground import faults
from hybridret_jax.reporting import shares
from hybridret_jax.verbs import inspect
from tests import main_test
from tests.data import forms
from tests.fixtures import small_run


def records(language):
  return [
    {
      "id": f"{n}{language}",
      "group": f"g{n}",
      "lang": language,
      "query": small_run.texts(n, language, "question"),
      "passage": small_run.texts(n, language, "answer"),
    }
    for n in range(40)
  ]


@pytest.fixture(scope="module")
def place(tmp_path_factory):
  """Sources, a task, and a model's folder without weights."""
  place = tmp_path_factory.mktemp("place")
  small_run.start(place / "start")
  shutil.copytree(place / "start", place / "whole")
  (place / "start" / "model.safetensors").unlink()
  (place / "pairs").mkdir()
  (place / "task").mkdir()
  for language in small_run.LANGUAGES:
    path = place / "pairs" / f"{language}.jsonl"
    small_run.write_rows(path, records(language))
  small_run.write_task(place / "task")
  return place


@pytest.fixture
def config(place):
  return small_run.config_of(place)


def contents(folder):
  return {
    path.relative_to(folder).as_posix(): path.read_bytes()
    for path in sorted(folder.rglob("*"))
    if path.is_file() and path.parent.name != ".owner"
  }


def test_a_look_leaves_a_page_and_its_figures(place, config, tmp_path):
  found = hybridret_jax.inspect(config, tmp_path / "run")
  left = contents(tmp_path / "run")
  assert set(left) == {inspect.PAGE, inspect.FILE}
  assert json.loads(left[inspect.FILE]) == found
  (of,) = found["sources"]
  assert of["rows"] + of["held_out"] == 80 and of["held_out"] > 0
  assert list(found["examples"]) == ["de", "en"]
  assert [x["step"] for x in found["batches"]] == [1, 2]
  assert [x["task"] for x in found["overlaps"]] == ["task"]
  page = left[inspect.PAGE].decode()
  assert str(place) not in page and str(tmp_path) not in page
  for batch in found["batches"]:
    for row in batch["rows"]:
      assert row["query"]["seen"] in page and row["query_id"] in page


def test_it_follows_from_the_seed(config, tmp_path):
  for name in ("one", "other"):
    looking.inspect(config, tmp_path / name)
  one = contents(tmp_path / "one")
  assert one == contents(tmp_path / "other")
  looking.inspect(config, tmp_path / "one")
  assert contents(tmp_path / "one") == one
  config.seed = 1
  found = looking.inspect(config, tmp_path / "one")
  before = json.loads(one[inspect.FILE])
  assert found["batches"] != before["batches"]
  assert found["examples"] != before["examples"]
  assert found["lengths"] == before["lengths"]


def test_what_was_looked_at_is_trained_on(place, config, tmp_path):
  """In the same folder, with a tokenizer that is trained once."""
  config.model.init, config.model.tokenizer = "scratch", "train"
  config.model.tokenizer_size = 85
  with config.unlocked():
    config.model.scratch.update(hidden_size=8, num_heads=2, mlp_size=8)
  folder = tmp_path / "run"
  found = looking.inspect(config, folder)
  tokenizer = contents(folder / "tokenizer")
  assert tokenizer
  library.train(config, folder)
  assert contents(folder / "tokenizer") == tokenizer
  lines = (folder / "certificate.jsonl").read_text().splitlines()
  assert len(lines) == len(found["batches"]) == 2
  # Of a run that is there, with its own settings.
  config.train.steps, config.batches.alpha = 7, 0.9
  again = looking.inspect(config, folder)
  assert again["batches"] == found["batches"]
  rows = records("de")
  changed = shutil.copytree(place / "pairs", tmp_path / "pairs")
  small_run.write_rows(changed / "de.jsonl", rows[:-1])
  config.data.folder = str(tmp_path)
  config.evaluation.tasks = ()
  with pytest.raises(faults.Fault, match="does not hold what the run was"):
    looking.inspect(config, folder)


def test_a_run_has_the_shares_that_were_told(place, config, tmp_path):
  config.model.init = str(place / "whole")
  found = looking.inspect(config, tmp_path / "run")
  library.train(config, tmp_path / "run")
  told = shares.load(tmp_path / "run")
  assert told["realised"] == found["draws"]["shares"]
  assert told["asked"] == found["draws"]["asked"]


def test_markup_in_data_is_text_on_the_page(place, config, tmp_path):
  (tmp_path / "pairs").mkdir()
  for language in small_run.LANGUAGES:
    rows = records(language)
    for row in rows:
      row["id"] = f"<img src=x onerror=alert(1)>{row['id']}"
      row["query"] = f"\u202e{row['query']}"
    small_run.write_rows(tmp_path / "pairs" / f"{language}.jsonl", rows)
  config.data.folder = str(tmp_path)
  config.evaluation.tasks = (f"jsonl:{place}/task",)
  looking.inspect(config, tmp_path / "run")
  page = (tmp_path / "run" / inspect.PAGE).read_text()
  assert "<img" not in page and "&lt;img src=x" in page
  assert "\u202e" not in page and r"\u202equestion" in page


def test_figures_are_of_the_tokens_of_training(config, tmp_path):
  config.data.passage_length, config.validation.share = 23, 0.0
  found = looking.inspect(config, tmp_path / "run")
  made = run.Run(config, tmp_path / "none")
  data = training_data.make(made.config, made.corpus, made.text_tokenizer)
  of = {x["side"]: x for x in found["lengths"]}
  assert data.tokens.cut == {x: of[x]["cut_texts"] for x in data.tokens.cut}
  kept = sum(x["tokens"] - x["lost_tokens"] for x in of.values())
  assert kept == len(data.tokens.ids)
  (source,) = found["sources"]
  assert source["rows"] == len(data.corpus) == 80


@pytest.mark.parametrize("name", ["rows.parquet", "rows.tsv", "rows.jsonl.gz"])
def test_every_form_of_source_is_looked_at_alike(place, config, tmp_path, name):
  rows = [row for x in small_run.LANGUAGES for row in records(x)]
  write = {"parquet": forms.parquet_file, "tsv": forms.table, "gz": forms.jsonl}
  path = tmp_path / name
  write[name.rpartition(".")[2]](path, rows)
  wanted = looking.inspect(config, tmp_path / "one")
  config.data.sources = (f"{path}?name=pairs",)
  found = looking.inspect(config, tmp_path / "two")
  ours = set(found) - {"notes"}
  assert {x: found[x] for x in ours} == {x: wanted[x] for x in ours}


def test_a_tokenizer_is_enough(place, config, tmp_path):
  wanted = looking.inspect(config, tmp_path / "one")
  config.model.init, config.model.tokenizer = None, str(place / "start")
  found = looking.inspect(config, tmp_path / "two")
  assert found == wanted
  config.model.tokenizer = ""
  with pytest.raises(faults.Fault, match="model.init: is not set"):
    looking.inspect(config, tmp_path / "three")
  assert not (tmp_path / "three").exists()


def test_what_is_wrong_is_told_at_once(config, tmp_path):
  config.data.sources = ("pairs", "nowhere")
  config.evaluation.tasks = ("jsonl:task", "jsonl:missing")
  config.loss.temperature = -1.0
  with pytest.raises(ValueError, match="3 problem") as told:
    looking.inspect(config, tmp_path / "run")
  for part in ("nowhere", "missing", "loss.temperature"):
    assert part in str(told.value)
  (tmp_path / "foreign").mkdir()
  (tmp_path / "foreign" / "notes.txt").touch()
  with pytest.raises(faults.Fault, match="holds 'notes.txt'"):
    looking.inspect(config, tmp_path / "foreign")
  assert [x.name for x in (tmp_path / "foreign").iterdir()] == ["notes.txt"]


def test_the_command_prints_tables(place, tmp_path):
  arguments = (
    "inspect",
    f"--config={main_test.ROOT / 'configs' / 'quickstart'}.py",
    f"--workdir={tmp_path / 'run'}",
    f"--config.cache={place / 'cache'}",
    f"--config.data.folder={place}",
    "--config.data.sources=('pairs',)",
    "--config.data.languages=('de','en')",
    f"--config.model.init={place / 'start'}",
    "--config.model.tokenizer=",
    "--config.data.passage_length=23",
    "--config.batches.batch_size=8",
    "--config.validation.task=",
    "--config.evaluation.tasks=('jsonl:task',)",
  )
  done = main_test.main(*arguments)
  assert done.returncode == 0, done.stderr[-2000:]
  first, *lines = done.stdout.splitlines()
  assert first.startswith("!! pairs: ") and "of the passages" in first
  assert lines[-1].startswith(str(tmp_path / "run" / inspect.PAGE))
  assert any(x.split()[:3] == ["pairs", "2", "80"] for x in lines)
