"""What the commands do, as functions: checked, then done."""

import logging
import os
import pathlib
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import ml_collections

from hybridret_jax import checked, defaults, retriever
from hybridret_jax.assembly import (
  devices,
  given,
  judged,
  judging,
  pushing,
  tasks,
)
from hybridret_jax.parallel import hosts
from hybridret_jax.retrieval import corpora, indexes
from hybridret_jax.retrieval.tasks import task as task_lib
from hybridret_jax.verbs import encode as encoding
from hybridret_jax.verbs import evaluate as evaluating
from hybridret_jax.verbs import export as exporting
from hybridret_jax.verbs import mine as mining_verb
from hybridret_jax.verbs import search as searching
from hybridret_jax.verbs import train as training

Path = str | os.PathLike
_LOG = logging.getLogger(__name__)


def train(config: ml_collections.ConfigDict, workdir: Path) -> pathlib.Path:
  """Trains to `config.train.steps`, or goes on from the newest checkpoint.

  Args:
    config: the whole config.
    workdir: folder of the run; new, empty, or of a run that was begun so.

  Returns:
    The folder, which `Retriever.load` takes.

  Raises:
    ValueError: listing all that is wrong with the config, its data and its
      tasks; or the run that is there is another one.
    FloatingPointError: the loss is no number any more; the step is named.
  """
  config, folder, read = checked.begin(config, workdir, ["train"])
  training.train(config, folder, read)
  return folder


def evaluate(
  config: ml_collections.ConfigDict | None,
  workdir: Path,
  *,
  vectors: Mapping[str, Path] | Sequence[given.Given] = (),
  normalize: bool = False,
) -> list[judged.Evaluation]:
  """Judges a run, or the model that its config starts from, on its tasks.

  Results are written into the folder too, see `evaluate.evaluate`.

  Args:
    config: the whole config; None is the run's own.
    workdir: folder of the run.
    vectors: folders of other models' vectors by what they are called, judged
      beside it (docs/data.md). With them and no `model.init`, alone.
    normalize: divides these by their lengths.

  Returns:
    What came of each task.
  """
  if isinstance(vectors, Mapping):
    vectors = [given.parse(f"{name}:{at}") for name, at in vectors.items()]
  config, folder, read = checked.begin(
    config, workdir, ["evaluate"], vectors=vectors, normalize=normalize
  )
  return evaluating.evaluate(
    config, folder, read, vectors=vectors, normalize=normalize
  )


def export(
  config: ml_collections.ConfigDict | None,
  workdir: Path,
  *,
  push: str | None = None,
) -> pathlib.Path:
  """Writes a run's best checkpoint as a Hugging Face folder, and says where.

  It is loaded back and compared before it appears, see `Retriever.save`.

  Args:
    config: the whole config; None is the run's own.
    workdir: folder of the run.
    push: OWNER/NAME of the hub, where it is uploaded to as by `push`.
  """
  if push:
    pushing.check_name(push)
  config, folder, read = checked.begin(config, workdir, ["export"])
  target = exporting.export(config, folder, read)
  if push and hosts.is_first():
    done = pushing.upload(pushing.prepared(target, push))
    _LOG.info("Pushed: %s", done.url)
  return target


def push(
  folder: Path, repo_id: str, *, private: bool = True, dry_run: bool = False
) -> pushing.Upload:
  """Uploads an export to the Hugging Face hub, in one commit.

  The token is the hub's own: HF_TOKEN, or what `hf auth login` kept; it is in
  nothing that is written or said here.

  Args:
    folder: an export.
    repo_id: OWNER/NAME; made where there is none.
    private: whether a repository that is made is private.
    dry_run: says what would be uploaded, and uploads nothing.

  Returns:
    What was uploaded, with its sizes and the commit's address.

  Raises:
    Fault: the folder is no whole export, or the hub does not take it.
  """
  wanted = pushing.prepared(pathlib.Path(folder), repo_id)
  return wanted if dry_run else pushing.upload(wanted, private=private)


def search(
  config: ml_collections.ConfigDict | None,
  workdir: Path,
  query: str,
  *,
  number: int = 10,
) -> list[dict[str, Any]]:
  """The candidates of the first evaluation task that answer a query best.

  Args:
    config: the whole config; None is the run's own.
    workdir: folder of the run.
    query: to answer.
    number: of candidates.

  Returns:
    `rank` (from 1), `score` (the cosine), `id`, `lang` and `text` of each.
  """
  config, folder, read = checked.begin(config, workdir, [], reads=["evaluate"])
  return searching.search(config, folder, query, number=number, inputs=read)


def encode(
  model: Path,
  corpus: Path,
  folder: Path,
  *,
  side: str = "passage",
  dtype: str = "float32",
  index: Sequence[str] = (),
) -> dict[str, Any]:
  """Encodes a corpus into a store on disk, going on where a call stopped.

  Args:
    model: as `Retriever.load` takes it.
    corpus: a .jsonl(.gz) or .parquet file, or BEIR's folder.
    folder: of the store; missing, empty, or begun with the same.
    side: "passage" or "query".
    dtype: of the files: "float32" or "float16".
    index: what else is written: some of "npy" (one file of all vectors),
      "faiss" and "usearch" (graphs, with their recall against exact search).

  Returns:
    `texts`, `skipped`, `shards`, `dimension`, and what is known of each index.

  Raises:
    Fault: naming the line of a record, or the index, that cannot be used.
    ValueError: the folder holds vectors of something else.
  """
  indexes.check(index)
  found = corpora.Corpus(corpus)
  devices.start(defaults.get_config())
  return encoding.encode(
    retriever.Retriever.load(model),
    found,
    pathlib.Path(folder),
    side=side,
    dtype=dtype,
    index=index,
  )


def mine(
  config: ml_collections.ConfigDict,
  workdir: Path,
  *,
  model: Path | None = None,
  vectors: Mapping[str, Path] | Sequence[given.Given] = (),
  normalize: bool = False,
) -> list[pathlib.Path]:
  """Writes a config's sources with hard negatives, mined by any model.

  What is taken is said in `config.mining`. A call that was killed goes on where
  it was; see `mine.mine` of the verbs for the files.

  Args:
    config: the whole config: data.sources and data.languages are mined.
    workdir: missing, empty, or begun so.
    model: as `Retriever.load` takes it; None is the config's model.init.
    vectors: instead of a model, one folder of vectors by its name, of rows'
      queries and passages (docs/data.md).
    normalize: divides these by their lengths.

  Returns:
    The folders of the sources, which data.sources takes.

  Raises:
    Fault: naming the setting, source, vector or folder that cannot be used.
  """
  mining_verb.check_place(pathlib.Path(workdir))
  corpus, settings, by = checked.to_mine(config, model, vectors)
  if not isinstance(by, given.Given):
    by = retriever.Retriever.load(by)
  return mining_verb.mine(
    corpus, settings, by, pathlib.Path(workdir), normalize=normalize
  )


def in_turn(
  config: ml_collections.ConfigDict, workdir: Path
) -> list[judged.Evaluation]:
  """Trains, evaluates and exports, everything checked before the first step.

  Returns:
    What came of each evaluation task.
  """
  modes = ["train", "evaluate", "export"]
  config, folder, read = checked.begin(config, workdir, modes)
  training.train(config, folder, read)
  found = evaluating.evaluate(config, folder, read)
  exporting.export(config, folder, read)
  return found


def compare(
  runs: Sequence[Path], out: Path, *, baseline: str | None = None
) -> list[pathlib.Path]:
  """Tests and a page for each task that saved evaluations share.

  Args:
    runs: folders that were given to `evaluate` or `Evaluation.save`.
    out: where the pages go; a folder of their own.
    baseline: "RUN: SYSTEM" that others are compared with; None: the first.

  Returns:
    The pages, HTML; tables and figures lie beside them.
  """
  from hybridret_jax.verbs import report  # Draws.

  return report.report(
    [pathlib.Path(one) for one in runs], pathlib.Path(out), baseline=baseline
  )


def convert(model: Path, folder: Path) -> dict[str, Any]:
  """Writes a model whose weights are a pickle as one with safetensors.

  Args:
    model: a folder with pytorch_model.bin, or its shards.
    folder: of the converted model; missing or empty.

  Returns:
    How many `tensors`, and files that were `left_out`.

  Raises:
    Fault: as `verbs.convert.convert`, which runs nothing of the pickle.
  """
  from hybridret_jax.verbs import convert as verb

  return verb.convert(pathlib.Path(model), pathlib.Path(folder))


def trim(
  model: retriever.Retriever | Path, texts: Iterable[str], folder: Path
) -> dict[str, Any]:
  """Writes a model whose vocabulary is cut to what texts use.

  Args:
    model: a retriever, or what `Retriever.load` takes.
    texts: queries and passages of the languages of use: a sequence, or what
      begins anew each time it is iterated over (`verbs.trim.Texts`, of files).
    folder: of the smaller model, as `Retriever.save` writes it.

  Returns:
    `texts`, `tokens` and `parameters`, the last two "before" and "after".

  Raises:
    Fault: the tokenizer cannot be cut, or the folder is not free.
    ValueError: a text has other tokens than before, or another vector.
  """
  from hybridret_jax.verbs import trim as trimming

  if not isinstance(model, retriever.Retriever):
    model = retriever.Retriever.load(model)
  return trimming.trim(model, texts, pathlib.Path(folder))


def load_task(
  spec: str,
  *,
  folder: Path = ".",
  candidates: str = "sentence",
  identical_candidates: str = "apart",
  leave_out_query: bool = False,
) -> task_lib.Task:
  """A retrieval task: its texts, and which candidates are relevant.

  Args:
    spec: KIND:FOLDER, as in evaluation.tasks: xquad_r, mlqa_r, miracl, jsonl,
      beir, msmarco, pairs; cldr:PART, a part of the embedded corpus; or a path,
      of the kind that its files are.
    folder: where relative folders start.
    candidates: of XQuAD-R and MLQA-R: "sentence" or "sentence_paragraph".
    identical_candidates: whether candidates with one text are each ranked
      "apart", or all "relevant" where one is.
    leave_out_query: whether a query that is a candidate too is left out of its
      own ranking.

  Raises:
    Fault: naming the file and line of what cannot be used.
  """
  config = defaults.get_config()
  with config.unlocked():
    config.data.folder = os.fspath(folder)
    config.evaluation.candidates = candidates
    config.evaluation.identical_candidates = identical_candidates
    config.evaluation.leave_out_query = leave_out_query
  return judging.settle(config, tasks.load(config, spec))


# Up to 0.1 each verb was a module: evaluate.evaluate(config, workdir).
for _verb in (train, evaluate, encode, export, search):
  setattr(_verb, _verb.__name__, _verb)
