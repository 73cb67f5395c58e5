"""The command line on a small real run: train, stop, go on, judge, export."""

import gzip
import itertools
import json
import os
import pathlib
import shlex
import shutil
import subprocess
import sys
import time

import numpy as np
import pytest

from hybridret_jax.retrieval import evaluation
from hybridret_jax.retrieval.tasks import jsonl
from tests import readme_test

ROOT = pathlib.Path(__file__).parents[1]
SMALL = (
  "--config.model.scratch.hidden_size=32",
  "--config.model.scratch.mlp_size=64",
  "--config.model.tokenizer_size=4000",
  "--config.model.dropout=0.1",
  "--config.batches.batch_size=16",
  "--config.train.steps=40",
  "--config.optimizer.warmup_steps=5",
  "--config.train.evaluate_every=0",
  "--config.train.checkpoint_every=20",
  "--config.train.log_every=5",
  "--config.validation.task=",
)


def command(config, workdir, *arguments, cache):
  """Runs the command line as a user would; returns the finished process."""
  return main(
    f"--config={ROOT / 'configs' / config}.py",
    f"--workdir={workdir}",
    f"--config.cache={cache}",
    *arguments,
  )


def main(*arguments):
  environment = {**os.environ, "JAX_PLATFORMS": "cpu"}
  return subprocess.run(
    [sys.executable, "-m", "hybridret_jax.main", *arguments],
    cwd=ROOT,
    env=environment,
    capture_output=True,
    text=True,
    check=False,
  )


@pytest.fixture(scope="module")
def cache(tmp_path_factory):
  return tmp_path_factory.mktemp("cache")


@pytest.fixture(scope="module")
def run(tmp_path_factory, cache):
  """A whole run of 40 steps: trained, judged and exported."""
  workdir = tmp_path_factory.mktemp("run") / "whole"
  done = command("quickstart", workdir, *SMALL, cache=cache)
  assert done.returncode == 0, done.stderr[-2000:]
  return workdir, done


def test_all_three_modes_leave_their_files(run):
  workdir, done = run
  results = json.loads((workdir / "results/cldr_test/results.json").read_text())
  trained = results["systems"]["trained"]
  assert len(trained["directions"]) == 121
  assert len(trained["pool"]) == 11
  for setting in ("monolingual", "cross_lingual", "multilingual_pool"):
    assert 0 < trained["macro"][setting]["map"] < 1
  for name in (
    *("summary.md", "heatmap_trained.png", "matrix_trained.csv"),
    *("per_query_trained.jsonl.gz", "examples.json"),
    *("qrels.trec", "run_trained.trec"),
  ):
    assert (workdir / "results/cldr_test" / name).stat().st_size > 100
  for name in ("model.safetensors", "modules.json", "README.md"):
    assert (workdir / "export" / name).is_file()
  assert not list(workdir.glob(".export-*"))
  assert "trained" in done.stdout


def test_a_report_compares_runs_without_a_config(run, tmp_path):
  workdir, _ = run
  other = shutil.copytree(
    workdir, tmp_path / "other", ignore=shutil.ignore_patterns("checkpoints")
  )
  results = other / "results/cldr_test/results.json"
  saved = json.loads(results.read_text())
  # As if it were another model: else it is shown once.
  saved["systems"]["trained"]["macro"]["monolingual"]["map"] += 0.01
  results.write_text(json.dumps(saved))
  out = tmp_path / "report"
  done = main("--mode=report", f"--runs={workdir},{other}", f"--workdir={out}")
  assert done.returncode == 0, done.stderr[-2000:]
  page = (out / "cldr_test/index.html").read_text()
  for label in ("whole: trained", "other: trained"):
    assert label in page
  table = (out / "cldr_test/comparison.md").read_text()
  assert "other: trained" in table and "Holm" in table
  assert "booktabs" in (out / "cldr_test/comparison.tex").read_text()


def test_a_report_needs_results(tmp_path):
  done = main(
    "--mode=report", f"--runs={tmp_path / 'none'}", f"--workdir={tmp_path}"
  )
  assert done.returncode == 1
  assert "run --mode=evaluate" in done.stderr
  done = main("--mode=report", f"--workdir={tmp_path}")
  assert done.returncode != 0 and "--runs is missing" in done.stderr


def test_a_run_is_judged_searched_and_shipped_by_its_own_settings(
  run, tmp_path, cache
):
  workdir = shutil.copytree(run[0], tmp_path / "again")
  name = "results/cldr_test/results.json"
  before = json.loads((workdir / name).read_text())
  refused = command(
    "quickstart",
    workdir,
    *SMALL,
    "--mode=export",
    "--config.model.pooling=cls",
    "--config.data.query_prefix=",
    cache=cache,
  )
  assert refused.returncode == 1
  [line] = [x for x in refused.stderr.splitlines() if "error:" in x]
  assert "data.query_prefix was 'query: ' and is ''" in line
  assert "model.pooling was 'mean' and is 'cls'" in line
  shutil.rmtree(workdir / "export")
  # Without a config all settings are the run's own.
  for mode, *query in (["evaluate"], ["search", "a query"], ["export"]):
    done = main(f"--mode={mode}", f"--workdir={workdir}", *query)
    assert done.returncode == 0, done.stderr[-2000:]
  after = json.loads((workdir / name).read_text())
  for key in ("systems", "settings", "task_sha256"):
    assert after[key] == before[key]
  assert (workdir / "export/README.md").is_file()
  done = main("--mode=evaluate", f"--workdir={tmp_path / 'none'}")
  assert done.returncode == 1 and "holds no run" in done.stderr


def test_search_answers_a_query(run, cache):
  workdir, _ = run
  done = command(
    "quickstart",
    workdir,
    *SMALL,
    "--mode=search",
    "What is the capital of France?",
    cache=cache,
  )
  assert done.returncode == 0, done.stderr[-2000:]
  lines = done.stdout.strip().splitlines()
  assert len(lines) == 12 and lines[2].startswith("1 ")
  scores = [float(line.split()[1]) for line in lines[2:]]
  assert scores == sorted(scores, reverse=True)


def test_metrics_say_what_a_user_watches(run):
  lines = (run[0] / "metrics.jsonl").read_text().splitlines()
  records = [json.loads(line) for line in lines]
  assert [record["step"] for record in records] == list(range(5, 41, 5))
  for key in (
    *("loss", "accuracy", "learning_rate", "gradient_norm"),
    *("pairs_per_second", "tokens_per_second", "padding_share"),
    "monolingual_share",
  ):
    assert all(np.isfinite(record[f"train/{key}"]) for record in records)
  kinds = {key for record in records for key in record}
  assert {"train/loss_monolingual", "train/loss_cross_lingual"} <= kinds


def test_the_export_is_judged_like_the_run(run, tmp_path, cache):
  """The folder, read as any Hugging Face model, has the run's figures."""
  again = command(
    "quickstart",
    tmp_path / "again",
    "--mode=evaluate",
    f"--config.model.init={run[0] / 'export'}",
    "--config.model.tokenizer=",
    cache=cache,
  )
  assert again.returncode == 0, again.stderr[-2000:]
  name = "results/cldr_test/results.json"
  before = json.loads((run[0] / name).read_text())["systems"]["trained"]
  after = json.loads((tmp_path / "again" / name).read_text())["systems"]
  for setting, metrics in before["macro"].items():
    for metric, value in metrics.items():
      found = after["untrained"]["macro"][setting][metric]
      scale = 1e-3 * max(1, abs(value))
      assert found == pytest.approx(value, abs=scale), (setting, metric)


@pytest.mark.torch
def test_sentence_transformers_gives_the_same_figures(run, cache):
  library = pytest.importorskip("sentence_transformers")
  workdir, done = run
  assert "not compared" not in done.stderr
  model = library.SentenceTransformer(str(workdir / "export"), device="cpu")
  task = jsonl.load(cache / "cldr" / "test")
  vectors = [
    model.encode(list(texts), prompt_name=side, show_progress_bar=False)
    for side, texts in (
      ("query", task.query_texts),
      ("passage", task.candidate_texts),
    )
  ]
  theirs = evaluation.evaluate(task, *vectors)["macro"]
  name = "results/cldr_test/results.json"
  ours = json.loads((workdir / name).read_text())["systems"]["trained"]
  for setting, metrics in ours["macro"].items():
    assert theirs[setting]["map"] == pytest.approx(metrics["map"], abs=1e-3)


def test_a_resumed_run_ends_bitwise_where_the_whole_one_does(
  run, tmp_path, cache
):
  workdir = tmp_path / "resumed"
  arguments = [*SMALL, "--mode=train"]
  whole = run[0] / "checkpoints"
  _kill_after_step_20(workdir, arguments, cache)
  done = command("quickstart", workdir, *arguments, cache=cache)
  assert done.returncode == 0, done.stderr[-2000:]
  states = [load_state(folder) for folder in (whole, workdir / "checkpoints")]
  assert states[0].keys() == states[1].keys()
  assert int(states[0][("step",)]) == 40
  for path, value in states[0].items():
    np.testing.assert_array_equal(value, states[1][path], err_msg=str(path))
  steps = [
    json.loads(line)["step"]
    for line in (workdir / "metrics.jsonl").read_text().splitlines()
  ]
  assert steps == list(range(5, 41, 5))


def _kill_after_step_20(workdir, arguments, cache):
  """Starts the run and kills it as soon as the checkpoint is there."""
  process = subprocess.Popen(
    [
      *(sys.executable, "-m", "hybridret_jax.main"),
      f"--config={ROOT / 'configs/quickstart.py'}",
      f"--workdir={workdir}",
      f"--config.cache={cache}",
      *arguments,
    ],
    cwd=ROOT,
    env={**os.environ, "JAX_PLATFORMS": "cpu"},
    stderr=subprocess.DEVNULL,
  )
  deadline = time.monotonic() + 300
  while not (workdir / "checkpoints" / "20").is_dir():
    assert process.poll() is None, "it ended before step 20"
    assert time.monotonic() < deadline, "no checkpoint of step 20"
    time.sleep(0.02)
  process.kill()
  process.wait()
  assert not (workdir / "checkpoints" / "40").is_dir()


def load_state(folder):
  """All arrays of the newest checkpoint by their path."""
  import jax
  from orbax.checkpoint import v1 as ocp

  with ocp.training.Checkpointer(str(folder)) as checkpoints:
    tree = checkpoints.load()
  return {
    tuple(str(getattr(k, "key", getattr(k, "idx", k))) for k in path): (
      np.asarray(leaf)
    )
    for path, leaf in jax.tree_util.tree_leaves_with_path(tree)
  }


def test_all_of_the_start_is_the_start(run, tmp_path, cache):
  """Mixed wholly with the start, the trained model is the untrained one."""
  workdir = shutil.copytree(run[0], tmp_path / "mixed")
  kept = json.loads((workdir / "config.json").read_text())
  kept["model"]["start_share"] = 1.0
  (workdir / "config.json").write_text(json.dumps(kept))
  done = command(
    "quickstart",
    workdir,
    *SMALL,
    "--mode=evaluate",
    "--config.model.start_share=1.0",
    "--config.evaluation.systems=('untrained', 'trained', 'trained_8',"
    " 'trained_int8', 'trained_8_binary')",
    "--config.evaluation.depth=0",
    cache=cache,
  )
  assert done.returncode == 0, done.stderr[-2000:]
  name = "results/cldr_test/results.json"
  systems = json.loads((workdir / name).read_text())["systems"]
  assert systems["trained"]["macro"] == systems["untrained"]["macro"]
  before = json.loads((run[0] / name).read_text())["systems"]["trained"]
  assert before["macro"] != systems["trained"]["macro"]
  # Smaller vectors of the same encoding are other figures.
  labels = list(systems)
  assert labels[2:] == [
    "trained, 8 dimensions",
    "trained, candidates in int8",
    "trained, 8 dimensions, candidates in binary",
  ]
  pools = [systems[x]["macro"]["multilingual_pool"]["map"] for x in labels[1:]]
  assert len(set(pools)) == 4
  assert pools[2] == pytest.approx(pools[0], abs=0.02)
  notes = json.loads((workdir / name).read_text())["notes"]
  assert any(
    "Bytes of a candidate's vector" in x and "binary: 1" in x for x in notes
  )
  refused = command(
    "quickstart",
    workdir,
    *SMALL,
    "--mode=evaluate",
    "--config.model.start_share=1.0",
    "--config.evaluation.systems=('trained_4096',)",
    cache=cache,
  )
  assert refused.returncode and "name fewer" in refused.stderr


def _thin(real, folder):
  """The sources and XQuAD-R with little of each, and a source of one's own."""
  for source in sorted(real.iterdir()):
    if source.name in ("xquad-r", "miracl-dev") or not source.is_dir():
      continue
    (folder / source.name).mkdir(parents=True)
    for path in source.glob("*.jsonl.gz"):
      with gzip.open(path, "rt") as lines:
        text = "".join(itertools.islice(lines, 200))
      (folder / source.name / path.stem).write_text(text)
  shutil.copytree(folder / "belebele", folder / "my-pairs")
  for path in (folder / "my-pairs").glob("*.jsonl"):
    path.write_text(path.read_text().replace("belebele", "mine"))
  (folder / "xquad-r").mkdir()
  for language in ("de", "el"):
    shutil.copy(real / "xquad-r" / f"{language}.json", folder / "xquad-r")
  return folder


def test_the_readmes_commands_run_on_real_data(run, shared, tmp_path, cache):
  """As they stand there, with a small model, little data and two steps."""
  data = _thin(shared / "data", tmp_path / "data")
  ran = []
  for words in readme_test.commands():
    if "hybridret_jax.main" not in words:
      continue
    words = [
      word.strip('"').replace("runs/", f"{tmp_path}/runs/")
      for word in shlex.split(" ".join(words))[3:]
      if not word.startswith("--config.model.init=")
    ]
    words = [word.replace("=DATA", f"={data}") for word in words]
    if "--mode=report" not in words:
      words += [
        f"--config.cache={cache}",
        f"--config.model.init={run[0] / 'export'}",
        "--config.train.steps=2",
        "--config.optimizer.warmup_steps=1",
        "--config.validation.share=0.05",
        "--config.evaluation.query_length=128",
        "--config.evaluation.passage_length=128",
      ]
    if "--config.data.sources=('my-pairs',)" in words:
      words.append("--config.data.languages=('de','en')")
    done = main(*words)
    assert done.returncode == 0, (words, done.stderr[-2000:])
    ran.append(words)
  folder = tmp_path / "runs/me5_small_hybrid"
  assert (folder / "export/model.safetensors").is_file()
  assert (tmp_path / "runs/report/xquad_r/index.html").is_file()
  assert len(ran) >= 5


def test_other_settings_do_not_go_on_with_a_run(run, cache):
  done = command(
    "quickstart",
    run[0],
    *SMALL,
    "--mode=train",
    "--config.loss.temperature=0.5",
    cache=cache,
  )
  assert done.returncode == 1
  assert "loss.temperature was 0.05 and is 0.5" in done.stderr


def test_a_loss_that_is_no_number_stops_the_run(tmp_path, cache):
  workdir = tmp_path / "run"
  done = command(
    "quickstart",
    workdir,
    *SMALL,
    "--mode=train",
    "--config.optimizer.learning_rate=1e30",
    "--config.optimizer.warmup_steps=0",
    "--config.optimizer.clip_norm=0",
    cache=cache,
  )
  assert done.returncode == 1
  assert "the loss of step" in done.stderr
  assert not list((workdir / "checkpoints").glob("*"))


@pytest.mark.parametrize(
  ("arguments", "said"),
  [
    (["--config.loss.temperatur=1"], "temperature"),
    (["--moode=train"], "mode"),
    (["--mode=trian"], "train"),
    (
      [
        "--config.batches.alpha=2",
        "--config.batches.strategy=mix",
        "--config.data.query_length=100",
      ],
      "3 problem(s)",
    ),
    (["--config.data.sources=('nowhere',)"], "no such file or folder"),
    (["--config.evaluation.tasks=('bier:x',)"], "no known kind"),
    (["--config.model.init=not/there/x"], "no folder and no hub id"),
    (["--config.data.languages=('en','xx1')"], "'xx1'"),
    (["--config.data.languages=('iw','he')"], "'iw' and 'he' are one language"),
    (
      ["--config.evaluation.tasks=('jsonl:a/x','jsonl:b/x')"],
      "'jsonl:a/x' and 'jsonl:b/x' are both filed under 'x'",
    ),
    (
      ["--config.data.sources=('a',)", "--config.data.sources=('b',)"],
      "--config.data.sources: it is given more than once; give all",
    ),
  ],
)
def test_what_is_wrong_is_told_with_its_mend(arguments, said, tmp_path, cache):
  done = command("quickstart", tmp_path / "run", *arguments, cache=cache)
  assert done.returncode != 0
  assert said in done.stderr + done.stdout
  assert "Traceback" not in done.stderr
  assert not (tmp_path / "run").exists()


def test_a_hub_id_without_a_network_names_the_local_way(tmp_path, cache):
  done = command(
    "me5_small_hybrid",
    tmp_path / "run",
    "--mode=evaluate",
    "--config.evaluation.tasks=('cldr:test',)",
    cache=cache,
  )
  assert done.returncode == 1
  assert "copy the model's folder" in done.stderr
