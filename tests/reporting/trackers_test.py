"""Figures go to trackers, those of a run that goes on to the run it had."""

import importlib.util
import json
import logging
import math
import struct

import pytest

from hybridret_jax import shipped
from hybridret_jax.assembly import check
from hybridret_jax.ground import faults
from hybridret_jax.reporting import trackers, training_log
from tests.fixtures import small_run

SETTINGS = {"train.steps": 4, "model.init": "a", "data.sources": ["b"]}


class Recorded:
  """A tracker in memory."""

  def __init__(self, folder, settings, project, name, known):
    self.id = known or f"{project}/{name}"
    self.place, self.settings = "memory", settings
    self.lines, self.ends = [], []

  def write(self, step, numbers):
    self.lines.append((step, dict(numbers)))

  def close(self, failed):
    self.ends.append(failed)


class Broken(Recorded):
  """One that takes no figures."""

  def write(self, step, numbers):
    raise ConnectionError("no route")


class Unset(Recorded):
  """One that has not been set up."""

  def __init__(self, *arguments):
    raise PermissionError("no API key")


@pytest.fixture
def kinds(monkeypatch):
  """Trackers that need no package."""
  found = {"memory": Recorded, "broken": Broken, "unset": Unset}
  monkeypatch.setattr(trackers, "_KINDS", found)


def log(folder, opened, records, *, start_step=0):
  with training_log.TrainingLog(
    folder, start_step=start_step, trackers=opened
  ) as made:
    for step, metrics in records:
      made.write(step, metrics)


def test_figures_and_the_end_reach_a_tracker(tmp_path, kinds):
  (one,) = trackers.start(tmp_path / "a", SETTINGS, trackers=("memory",))
  log(tmp_path / "a", [one], [(1, {"loss": 0.5, "map@10": 2})])
  assert one.id == "hybridret_jax/a" and one.settings == SETTINGS
  assert one.lines == [(1, {"loss": 0.5, "map@10": 2})]
  assert one.ends == [False]


def test_a_run_that_ends_in_an_error_is_said_to_have_failed(tmp_path, kinds):
  (one,) = trackers.start(tmp_path, SETTINGS, trackers=("memory",))
  log = training_log.TrainingLog(tmp_path, trackers=[one])
  with pytest.raises(FloatingPointError), log:
    raise FloatingPointError
  assert one.ends == [True]


def test_a_run_that_goes_on_is_the_same_run_there(tmp_path, kinds):
  asked = {"trackers": ("memory",)}
  trackers.start(tmp_path, SETTINGS, project="p", name="first", **asked)
  (again,) = trackers.start(tmp_path, SETTINGS, project="p", **asked)
  assert again.id == "p/first"
  (other,) = trackers.start(tmp_path, SETTINGS, project="q", name="n", **asked)
  assert other.id == "q/n"
  saved = json.loads((tmp_path / trackers.FILE).read_text())
  assert saved == {"memory": {"project": "q", "id": "q/n"}}


def test_a_tracker_that_fails_ends_no_training(tmp_path, kinds, caplog):
  opened = trackers.start(tmp_path, SETTINGS, trackers=("broken", "memory"))
  with caplog.at_level(logging.WARNING):
    log(tmp_path, opened, [(1, {"loss": 1}), (2, {"loss": 2})])
  assert [x["step"] for x in training_log.read(tmp_path)] == [1, 2]
  assert [step for step, _ in opened[1].lines] == [1, 2]
  told = [x for x in caplog.messages if "takes no more figures" in x]
  assert len(told) == 1 and "no route" in told[0]


def test_one_that_cannot_be_started_ends_the_others(
  tmp_path, kinds, monkeypatch
):
  made = []
  monkeypatch.setitem(
    trackers._KINDS, "memory", lambda *x: made.append(Recorded(*x)) or made[0]
  )
  with pytest.raises(faults.Fault, match=r"'unset': cannot be .*no API key"):
    trackers.start(tmp_path, SETTINGS, trackers=("memory", "unset"))
  assert made[0].ends == [True]
  assert not (tmp_path / trackers.FILE).exists()


def test_no_tracker_leaves_no_file(tmp_path):
  assert trackers.start(tmp_path, SETTINGS) == []
  assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
  ("names", "said"),
  [
    (("wandb", "comet"), "names 'comet'; choose from wandb, mlflow, trackio"),
    (("wandb", "wandb"), "names one twice"),
  ],
)
def test_an_unknown_name_is_refused_by_name(names, said):
  assert said in "\n".join(trackers.problems(names))
  assert not list(trackers.problems(("wandb", "mlflow")))


def test_what_is_wrong_is_told_before_training_only(monkeypatch):
  monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
  config = shipped.get_config(
    "quickstart", **{"tracking.trackers": ("wandb", "comet")}
  )
  with pytest.raises(ValueError, match="choose from") as caught:
    check.whole(config, ["train"])
  assert "pip install 'hybridret_jax[wandb]'" in str(caught.value)
  with pytest.raises(ValueError, match="'comet'") as caught:
    check.whole(config, ["export"])
  assert "not installed" not in str(caught.value)


def needs(package):
  return pytest.mark.skipif(
    importlib.util.find_spec(package) is None,
    reason=f"{package} is not installed: pip install '.[{package}]'",
  )


def numbers():
  """Two parts of a run: the second goes on from step 1 and repeats step 2."""
  return (
    [(1, {"loss": 0.5}), (2, {"loss": 0.25, "eval/t/de-en/ndcg@10": math.nan})],
    [(2, {"loss": 0.25, "eval/t/de-en/ndcg@10": 0.75}), (3, {"loss": 0.125})],
  )


def local(monkeypatch, folder):
  """Has Trackio keep its files there; it reads TRACKIO_DIR at its import."""
  import trackio

  for module in (trackio, trackio.utils, trackio.sqlite_storage):
    monkeypatch.setattr(module, "TRACKIO_DIR", folder / "t", raising=False)


def in_two_parts(folder, kind):
  """Logs both parts; the ids of the runs they went to."""
  ids = []
  for records, start_step in zip(numbers(), (0, 1), strict=True):
    (one,) = trackers.start(
      folder, SETTINGS, trackers=(kind,), project="offline", name="mine"
    )
    ids.append(one.id)
    log(folder, [one], records, start_step=start_step)
  return ids


@needs("mlflow")
def test_mlflow_has_one_run_with_all_figures(tmp_path, monkeypatch):
  import mlflow

  uri = f"sqlite:///{tmp_path}/mlflow.db"
  monkeypatch.setenv("MLFLOW_TRACKING_URI", uri)
  one, other = in_two_parts(tmp_path / "run", "mlflow")
  assert one == other
  client = mlflow.MlflowClient(uri)
  found = client.get_run(one)
  assert found.info.status == "FINISHED" and found.info.run_name == "mine"
  assert found.data.params["train.steps"] == "4"
  losses = client.get_metric_history(one, "loss")
  assert {(x.step, x.value) for x in losses} == {
    (1, 0.5),
    (2, 0.25),
    (3, 0.125),
  }
  (last,) = client.get_metric_history(one, "eval/t/de-en/ndcg_10")[-1:]
  assert (last.step, last.value) == (2, 0.75)


@needs("trackio")
def test_trackio_has_one_run_with_all_figures(tmp_path, monkeypatch):
  from trackio.sqlite_storage import SQLiteStorage

  local(monkeypatch, tmp_path)
  one, other = in_two_parts(tmp_path / "run", "trackio")
  assert one == other and one.startswith("mine-")
  assert SQLiteStorage.get_runs("offline") == [one]
  logs = SQLiteStorage.get_logs("offline", one)
  assert {(x["step"], x["loss"]) for x in logs} == {
    (1, 0.5),
    (2, 0.25),
    (3, 0.125),
  }


@needs("wandb")
def test_wandb_keeps_the_run_offline(tmp_path, monkeypatch):
  monkeypatch.setenv("WANDB_MODE", "offline")
  monkeypatch.setenv("WANDB_API_KEY", "0123456789" * 4)
  one, other = in_two_parts(tmp_path / "run", "wandb")
  assert one == other
  folders = sorted((tmp_path / "run" / "wandb").glob(f"offline-run-*-{one}"))
  assert folders
  losses = {
    (values["step"], values["loss"]) for x in folders for values in history(x)
  }
  assert losses == {(1, 0.5), (2, 0.25), (3, 0.125)}
  for path in (tmp_path / "run").rglob("*"):
    if path.is_file():
      assert b"0123456789" * 4 not in path.read_bytes(), path


def history(folder):
  """The rows that W&B wrote into its file of a run."""
  from wandb.proto import wandb_internal_pb2

  (path,) = folder.glob("*.wandb")
  for data in chunks(path.read_bytes()):
    record = wandb_internal_pb2.Record.FromString(data)
    if record.WhichOneof("record_type") == "history":
      yield {
        "/".join(item.nested_key) or item.key: json.loads(item.value_json)
        for item in record.history.item
      }


def chunks(content):
  """Records of LevelDB's log format: checksum, length, part, bytes."""
  at, block, data = 7, 32768, b""  # Behind the file's own seven bytes.
  while at + 7 <= len(content):
    if block - at % block < 7:
      at += block - at % block
      continue
    _, length, part = struct.unpack("<IHB", content[at : at + 7])
    data += content[at + 7 : at + 7 + length]
    at += 7 + length
    if part in (1, 4):  # Whole, or the last part.
      yield data
      data = b""


@pytest.mark.parametrize("kind", ["wandb", "mlflow", "trackio"])
def test_a_training_reports_to_it(tmp_path, monkeypatch, kind):
  if importlib.util.find_spec(kind) is None:
    pytest.skip(f"{kind} is not installed: pip install '.[{kind}]'")
  monkeypatch.setenv("WANDB_MODE", "offline")
  monkeypatch.setenv("MLFLOW_TRACKING_URI", f"sqlite:///{tmp_path}/mlflow.db")
  if kind == "trackio":
    local(monkeypatch, tmp_path)
  small_run.start(tmp_path / "start")
  (tmp_path / "pairs").mkdir()
  for language in small_run.LANGUAGES:
    small_run.write_rows(
      tmp_path / "pairs" / f"{language}.jsonl",
      [
        {
          "id": f"{n}{language}",
          "group": f"g{n}",
          "lang": language,
          "query": small_run.texts(n, language, "question"),
          "passage": small_run.texts(n, language, "answer"),
        }
        for n in range(40)
      ],
    )
  config = small_run.config_of(tmp_path)
  config.tracking.trackers = (kind,)
  small_run.train.train(config, tmp_path / "run")
  assert json.loads((tmp_path / "run" / trackers.FILE).read_text())[kind]["id"]
