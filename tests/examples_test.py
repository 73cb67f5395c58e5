"""The notebooks run, from the first cell to the last, in fresh kernels."""

import json
import os
import pathlib
import re

import nbformat
import pytest
from nbclient import NotebookClient

from tests.fixtures import small_run

ROOT = pathlib.Path(__file__).parents[1]
BOOKS = sorted((ROOT / "examples").glob("*.ipynb"))
# Of the machine that a notebook was written on. Colab's own are no secret.
OWN_PATHS = re.compile(r"(?<![\w.])/(?:home|root|work|tmp|Users|mnt|var)\b")


@pytest.fixture(scope="module")
def cache(tmp_path_factory):
  """A cache for all: the embedded corpus is built once."""
  return tmp_path_factory.mktemp("cache")


def run(name, folder, cache):
  """Runs a notebook in its short form; what its cells printed."""
  book = nbformat.read(ROOT / "examples" / f"{name}.ipynb", as_version=4)
  model = folder.parent / f"{folder.name}_model"
  small_run.start(model)
  environment = {
    **os.environ,
    "HYBRIDRET_SHORT": "1",
    "HYBRIDRET_SHORT_MODEL": str(model),
    "HF_HUB_OFFLINE": "1",
    "JAX_PLATFORMS": "cpu",
    "XDG_CACHE_HOME": str(cache),
    "PYTHONPATH": f"{ROOT}:{os.environ.get('PYTHONPATH', '')}",
  }
  client = NotebookClient(
    book, timeout=900, resources={"metadata": {"path": str(folder)}}
  )
  client.execute(env=environment)
  return "".join(
    output.text
    for cell in book.cells
    for output in cell.get("outputs", ())
    if output.output_type == "stream" and output.name == "stdout"
  )


@pytest.mark.parametrize("path", BOOKS, ids=lambda path: path.stem)
def test_it_is_short_valid_and_of_no_machine(path):
  book = nbformat.read(path, as_version=4)
  nbformat.validate(book)
  assert len(book.cells) <= 60
  assert book.cells[0].cell_type == "markdown"
  assert book.cells[0].source.startswith("# ")
  for cell in book.cells:
    assert not OWN_PATHS.search(cell.source), cell.source
    if cell.cell_type == "code":
      assert not cell.outputs and cell.execution_count is None
      compile(cell.source, path.name, "exec")
  assert set(json.loads(path.read_text("utf-8"))["metadata"]) == {
    "kernelspec",
    "language_info",
  }


@pytest.mark.parametrize("page", ["README.md", "docs/tutorials/notebooks.md"])
def test_every_notebook_is_named_where_people_look(page):
  text = (ROOT / page).read_text("utf-8")
  assert len(BOOKS) == 3
  for path in BOOKS:
    assert f"{path.stem}.ipynb" in text


def test_the_quickstart_trains_judges_searches_and_exports(tmp_path, cache):
  said = run("quickstart", tmp_path, cache)
  assert "mAP monolingual" in said and "en-de mAP 0." in said
  assert "Official local time" in said.splitlines()[-1]
  run_folder = tmp_path / "runs" / "quickstart"
  assert (run_folder / "export" / "model.safetensors").is_file()


def test_vectors_of_two_models_are_judged_and_compared(tmp_path, cache):
  said = run("judge_vectors", tmp_path, cache)
  assert "| trigrams, language means subtracted |" in said
  assert "has a value that is no number; look for what the model" in said
  assert (tmp_path / "runs/report/cldr_validation/index.html").is_file()


def test_the_fine_tuning_goes_on_by_the_same_command(tmp_path, cache):
  said = run("fine_tune", tmp_path, cache)
  assert "A dry run: nothing was done." in said
  assert "Step 4 is trained already; nothing is left to train." in said
  mine = tmp_path / "runs" / "mine"
  assert (mine / "export" / "model.safetensors").is_file()
  assert (mine / "results" / "held_out" / "results.json").is_file()
  steps = [
    json.loads(line)["step"]
    for line in (mine / "metrics.jsonl").read_text().splitlines()
  ]
  assert max(steps) == 4
