"""What a run was trained with binds all that is done with it afterwards."""

import json
import shutil

import jax
import pytest
import safetensors.numpy
from jax.experimental.compilation_cache import compilation_cache

from hybridret_jax.assembly import (
  binding,
  model,
  own_settings,
  run_folder,
  settled,
  training_data,
)
from hybridret_jax.ground import faults, owning
from hybridret_jax.reporting import results
from hybridret_jax.verbs import evaluate, export, report, search, train
from tests.fixtures import small_run

# Each with what the run was not trained with.
OTHERWISE = {
  "data.query_prefix": "",
  "data.passage_prefix": "text: ",
  "data.query_length": 20,
  "data.passage_length": 20,
  "model.init": "{other}",
  "model.tokenizer": "{other}",
  "model.tokenizer_size": 90,
  "model.pooling": "cls",
  "model.projection": 8,
  "model.projection_hidden": 8,
  "model.tied": False,
  "model.truncate_dim": 8,
  "model.dtype": "bfloat16",
  "model.param_dtype": "bfloat16",
  "model.start_share": 0.5,
  "model.scratch.hidden_size": 64,
  "model.scratch.num_layers": 3,
  "model.scratch.num_heads": 2,
  "model.scratch.mlp_size": 64,
  "model.scratch.max_positions": 64,
  "train.average_decay": 0.9,
  "evaluation.query_length": 20,
  "evaluation.passage_length": 20,
}
VERBS = {
  "evaluate": evaluate.evaluate,
  "search": lambda config, workdir: search.search(config, workdir, "ae"),
  "export": export.export,
}


@pytest.fixture(scope="module", autouse=True)
def compiled_once(tmp_path_factory):
  """Programs of this file are the same: each is compiled once."""
  before = jax.config.jax_compilation_cache_dir  # pyright: ignore
  folder = str(tmp_path_factory.mktemp("programs"))
  jax.config.update("jax_compilation_cache_dir", folder)
  jax.config.update("jax_persistent_cache_min_compile_time_secs", 0.1)
  compilation_cache.reset_cache()
  yield
  jax.config.update("jax_compilation_cache_dir", before)
  compilation_cache.reset_cache()


@pytest.fixture(scope="module")
def place(tmp_path_factory):
  """A run that was trained, with its data, its start and another one."""
  place = tmp_path_factory.mktemp("place")
  small_run.make(place)
  other = shutil.copytree(place / "start", place / "other")
  scale_weights(other)
  add_byte(other / "tokenizer.json")
  return place


def scale_weights(folder):
  path = folder / "model.safetensors"
  tensors = safetensors.numpy.load_file(path)
  name = next(
    x for x in sorted(tensors) if x.endswith("word_embeddings.weight")
  )
  tensors[name] = tensors[name] * 1.5
  safetensors.numpy.save_file(tensors, path, metadata={"format": "pt"})


def add_byte(path):
  with path.open("a") as file:
    file.write(" ")


def copy(place, tmp_path):
  """The run with data and start of its own, all in another place."""
  for name in ("run", "pairs", "task", "start"):
    shutil.copytree(place / name, tmp_path / name)
  config = small_run.config_of(tmp_path)
  config.cache = str(place / "cache")
  return config


def changed(config, key, value):
  config = config.copy_and_resolve_references()
  with config.unlocked(), config.ignore_type():
    config.update_from_flattened_dict({key: value})
  return config


def contents(folder):
  return {
    path.relative_to(folder): path.read_bytes()
    for path in sorted(folder.rglob("*"))
    if path.is_file() and owning.FOLDER not in path.parts
  }


def test_what_is_tried_is_all_that_vectors_follow_from():
  binds = {key for key, kind in binding.KIND.items() if kind == binding.VECTORS}
  assert binds == set(OTHERWISE) and len(OTHERWISE) >= 20


@pytest.mark.parametrize("verb", VERBS)
@pytest.mark.parametrize("key", OTHERWISE)
def test_other_vectors_than_the_runs_are_refused_by_name(place, key, verb):
  value = OTHERWISE[key]
  if value == "{other}":
    value = str(place / "other")
  before = contents(place / "run")
  config = changed(small_run.config_of(place), key, value)
  with pytest.raises(faults.Fault) as refused:
    VERBS[verb](config, place / "run")
  said = str(refused.value)
  was = binding.flat(json.loads((place / "run/config.json").read_text()))[key]
  assert f"{key} was {was!r} and is {value!r}" in said
  assert str(place / "run") in said and "\n" not in said
  assert contents(place / "run") == before


def test_every_other_setting_is_named_at_once(place):
  config = changed(small_run.config_of(place), "model.pooling", "cls")
  config = changed(config, "data.query_prefix", "")
  with pytest.raises(faults.Fault, match=r"query_prefix.*model\.pooling"):
    evaluate.evaluate(config, place / "run")


def test_a_run_is_told_by_its_record_and_not_by_the_flags(
  place, tmp_path, caplog
):
  caplog.set_level("INFO", "hybridret_jax")
  config = copy(place, tmp_path)
  told = {
    "loss.temperature": 0.5,
    "optimizer.learning_rate": 1.0,
    "batches.alpha": 0.9,
    "seed": 7,
    "data.languages": ("de",),
    "loss.learnable_temperature": True,
    "optimizer.frozen": ("tokens",),
    "validation.share": 0.5,
  }
  for key, value in told.items():
    config = changed(config, key, value)
  config = changed(config, "evaluation.depth", 5)  # This one may differ.
  config = changed(config, "evaluation.run_depth", 5)
  evaluate.evaluate(config, tmp_path / "run")
  for key, value in told.items():
    shown = list(value) if isinstance(value, tuple) else value
    assert f"{key} was" in caplog.text and f"and is {shown!r}" in caplog.text
  export.export(config, tmp_path / "run")
  saved = results.load(tmp_path / "run/results/task")
  settings = binding.flat(saved["settings"])
  record = json.loads((place / "run/config.json").read_text())
  for key in told:
    assert settings[key] == binding.flat(record)[key], key
  assert settings["evaluation.depth"] == 5
  # The start has moved: what it was called in training is what it is called.
  assert saved["model"]["init"] == str(place / "start")
  assert saved["model"]["training_languages"] == list(small_run.LANGUAGES)
  card = (tmp_path / "run/export/README.md").read_text()
  assert "on 2 languages (de en)" in card and "### task" in card
  for line in ("loss.temperature", "optimizer.learning_rate", "batches.alpha"):
    row = next(x for x in card.splitlines() if x.startswith(f"| {line} "))
    assert f" {binding.flat(record)[line]} " in row.replace("|", " ")


def test_results_of_other_vectors_are_left_out_of_the_card(
  place, tmp_path, caplog
):
  config = copy(place, tmp_path)
  evaluate.evaluate(config, tmp_path / "run")
  path = tmp_path / "run/results/task/results.json"
  right = json.loads(path.read_text())
  shutil.rmtree(path.parent)
  for name, change in {
    "another_step": {"model": right["model"] | {"best_step": 1}},
    "no_step": {"model": right["model"] | {"best_step": None}},
    "another_pooling": {
      "settings": right["settings"]
      | {"model": right["settings"]["model"] | {"pooling": "cls"}}
    },
  }.items():
    results.save(tmp_path / "run/results" / name, right | change)
  export.export(config, tmp_path / "run")
  card = (tmp_path / "run/export/README.md").read_text()
  assert "exported without an evaluation" in card
  assert caplog.text.count("left out of its card") == 3


def alter_text(path):
  text = path.read_text()
  assert "answer" in text
  path.write_text(text.replace("answer", "answes", 1))


@pytest.mark.parametrize(
  ("alter", "said"),
  [
    (lambda x: alter_text(x / "pairs/en.jsonl"), "source 'pairs'"),
    (lambda x: add_byte(x / "start/tokenizer.json"), "tokenizer.json"),
    (lambda x: scale_weights(x / "start"), "model.safetensors"),
    (lambda x: add_byte(x / "start/config.json"), "config.json"),
    (
      lambda x: add_byte(x / "start/tokenizer_config.json"),
      "tokenizer_config.json",
    ),
  ],
  ids=["data", "tokenizer", "start", "start_config", "tokenizer_config"],
)
@pytest.mark.parametrize("moved", [False, True])
@pytest.mark.parametrize("verb", ["train", "evaluate", "search", "export"])
def test_an_altered_byte_of_what_a_run_was_made_from_is_refused(
  place, tmp_path, alter, said, verb, moved
):
  config = copy(place, tmp_path)
  alter(tmp_path)
  if not moved:  # The same place, with other content.
    path = tmp_path / "run/config.json"
    kept = json.loads(path.read_text())
    kept["model"]["init"] = str(tmp_path / "start")
    path.write_text(json.dumps(kept))
  # All that is kept of a run's inputs is used: data, start and tokenizer.
  config.evaluation.tasks = ("held_out",)
  config.evaluation.systems = ("untrained",)
  if verb == "search" and said == "model.safetensors":
    shutil.rmtree(tmp_path / "run/checkpoints/2")  # So the start answers.
  before = contents(tmp_path / "run")
  with pytest.raises(faults.Fault) as refused:
    (VERBS | {"train": train.train})[verb](config, tmp_path / "run")
  assert said in str(refused.value)
  after = contents(tmp_path / "run")
  assert {k: v for k, v in after.items() if k.name != "config.json"} == {
    k: v for k, v in before.items() if k.name != "config.json"
  }


@pytest.mark.parametrize(
  ("file", "old", "new", "part"),
  [
    ("queries.jsonl", "question", "questiom", "queries"),
    ("candidates.jsonl", "answer", "answes", "candidates"),
    ("qrels.tsv", "c40de", "c41de", "judgements"),
  ],
)
def test_a_report_of_two_tasks_of_one_name_is_refused(
  place, tmp_path, file, old, new, part
):
  config = copy(place, tmp_path)
  (tmp_path / "run").rename(tmp_path / "one")
  shutil.copytree(tmp_path / "one", tmp_path / "two")
  evaluate.evaluate(config, tmp_path / "one")
  path = tmp_path / "task" / file
  assert old in path.read_text()
  path.write_text(path.read_text().replace(old, new, 1))
  evaluate.evaluate(config, tmp_path / "two")
  runs = [tmp_path / "one", tmp_path / "two"]
  with pytest.raises(faults.Fault) as refused:
    report.report(runs, tmp_path / "report")
  said = str(refused.value)
  assert "task" in said and f"{part} differ" in said
  assert "one" in said and "two" in said
  assert not (tmp_path / "report").exists()
  # Of an older version: shown, and said.
  for run in runs:
    name = run / "results/task/results.json"
    saved = json.loads(name.read_text())
    del saved["task_sha256"]
    # Else the system is shown once.
    macro = saved["systems"]["trained"]["macro"]
    macro["monolingual"]["map"] = runs.index(run)
    name.write_text(json.dumps(saved))
  report.report(runs, tmp_path / "report")
  for name in ("index.html", "comparison.md", "comparison.tex"):
    assert "older version" in (tmp_path / "report/task" / name).read_text()


def test_another_places_same_content_is_the_same(place, tmp_path):
  """The run, its data and its start have moved, and the run goes on."""
  config = copy(place, tmp_path)
  config.train.steps = 3
  config.train.log_every = 1
  config.train.keep = 5
  config.train.checkpoint_every = 1
  config.evaluation.tasks = ("held_out",)
  config.export.folder = "shipped"
  train.train(config, tmp_path / "run")
  kept = json.loads((tmp_path / "run/config.json").read_text())
  assert kept["train"]["steps"] == 3
  assert kept["model"]["init"] == str(place / "start")
  evaluate.evaluate(config, tmp_path / "run")
  saved = results.load(tmp_path / "run/results/held_out")
  assert saved["model"]["best_step"] == 3


@pytest.mark.parametrize(
  ("key", "value"),
  [
    ("train.steps", 1),
    ("optimizer.schedule", "linear"),
    ("train.evaluate_every", 1),
    ("loss.temperature", 0.5),
    ("model.pooling", "cls"),
    ("evaluation.query_length", 20),
    ("data.sources", ("pairs", "queries:pairs")),
  ],
)
def test_training_goes_on_with_honest_changes_only(place, key, value):
  before = contents(place / "run")
  with pytest.raises(faults.Fault, match=f"{key} was"):
    train.train(changed(small_run.config_of(place), key, value), place / "run")
  assert contents(place / "run") == before


def test_steps_of_a_falling_rate_do_not_grow(place, tmp_path):
  config = copy(place, tmp_path)
  path = tmp_path / "run/config.json"
  kept = json.loads(path.read_text())
  kept["optimizer"]["schedule"] = "linear"
  path.write_text(json.dumps(kept))
  config.optimizer.schedule = "linear"
  config.train.steps = 3
  with pytest.raises(faults.Fault, match=r"train\.steps was 2 and is 3"):
    train.train(config, tmp_path / "run")


def test_an_older_run_goes_on_and_says_what_is_not_known(
  place, tmp_path, caplog
):
  config = copy(place, tmp_path)
  (tmp_path / "run/record.json").unlink()
  path = tmp_path / "run/config.json"
  kept = json.loads(path.read_text())
  del kept["model"]["projection"]
  path.write_text(json.dumps(kept))
  alter_text(tmp_path / "pairs/en.jsonl")
  config = settled.of(own_settings.filled(config, tmp_path / "run"))
  run_folder.claim(config, tmp_path / "run")
  corpus = training_data.read(config)
  run_folder.keep_record(tmp_path / "run", corpus, model.make(config))
  assert "has no record.json" in caplog.text
  assert not (tmp_path / "run/record.json").exists()
  evaluate.evaluate(config, tmp_path / "run")


def test_checkpoints_without_their_settings_are_nobodys(place, tmp_path):
  config = copy(place, tmp_path)
  (tmp_path / "run/config.json").unlink()
  for verb in (train.train, *VERBS.values()):
    with pytest.raises(faults.Fault, match=r"config\.json: is missing"):
      verb(config, tmp_path / "run")


@pytest.mark.parametrize("name", ["config.json", "record.json"])
@pytest.mark.parametrize("text", ["{", "[]", "{}"])
def test_a_damaged_record_is_named(place, tmp_path, name, text):
  config = copy(place, tmp_path)
  (tmp_path / "run" / name).write_text(text)
  if (name, text) == ("config.json", "{}"):
    return
  with pytest.raises(faults.Fault, match=name):
    export.export(config, tmp_path / "run")
