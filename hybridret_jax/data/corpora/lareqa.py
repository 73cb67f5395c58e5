"""XQuAD-R and MLQA-R as TFDS data sets, and back as the published files."""

import dataclasses
import json
import pathlib
from collections.abc import Iterator
from typing import Any

import numpy as np
import tensorflow as tf
import tensorflow_datasets as tfds
from tensorflow_datasets.core.download import checksums

from hybridret_jax.ground import writing

tf.config.set_visible_devices([], "GPU")  # TensorFlow only writes files here.

_HOME = "https://github.com/google-research-datasets/lareqa"
_FILES = "https://raw.githubusercontent.com/google-research-datasets/lareqa"
_CHECKSUMS = pathlib.Path(__file__).with_name("lareqa_checksums.tsv")
_CITATION = """@inproceedings{roy2020lareqa,
  title={{LAReQA}: Language-agnostic answer retrieval from a multilingual pool},
  author={Roy, Uma and Constant, Noah and Al-Rfou, Rami and Barua, Aditya and
    Phillips, Aaron and Yang, Yinfei},
  booktitle={Proceedings of EMNLP},
  year={2020}
}"""


def build(
  benchmark: "str | LareqaConfig",
  *,
  data_dir: str | pathlib.Path,
  folder: str | pathlib.Path | None = None,
) -> pathlib.Path:
  """Writes `<data_dir>/lareqa/<benchmark>/<version>` and returns that.

  The splits are the languages and an example is a paragraph, in the order of
  the files. A data set that is there is kept.

  Args:
    benchmark: "xquad_r", "mlqa_r", or where other files of the kind are.
    data_dir: where TFDS keeps data sets.
    folder: holds the published `<language>.json`; what it lacks is downloaded.
      Both are compared with the published sha256.

  Raises:
    ValueError: the benchmark is unknown or a file misshapen.
    NonMatchingChecksumError: of TFDS, a file is not the published one.
  """
  builder = Lareqa(config=benchmark, data_dir=str(data_dir))
  builder.download_and_prepare(
    download_config=tfds.download.DownloadConfig(
      manual_dir=None if folder is None else str(folder)
    )
  )
  return pathlib.Path(builder.data_dir)


def to_folder(
  built: str | pathlib.Path, folder: str | pathlib.Path
) -> list[pathlib.Path]:
  """Writes the `<language>.json` files that the tasks read; returns them.

  Args:
    built: what `build` returned.
    folder: is made where it is missing; files of these names are replaced.
  """
  builder = tfds.builder_from_directory(str(built))
  folder = pathlib.Path(folder)
  folder.mkdir(parents=True, exist_ok=True)
  # One file after the other, or the order of the rows would not be kept.
  one = tfds.ReadConfig(interleave_cycle_length=1)
  written = []
  for language in builder.info.splits:
    articles: dict[int, dict[str, Any]] = {}
    rows = builder.as_dataset(split=language, read_config=one)  # pyright: ignore
    for example in tfds.as_numpy(rows):
      example = _plain(example)
      article = articles.setdefault(
        example["article"], {"title": example["title"], "paragraphs": []}
      )
      article["paragraphs"].append(_paragraph(example))
    path = folder / f"{language}.json"
    text = json.dumps({"data": list(articles.values())}, ensure_ascii=False)
    writing.write(path, text)
    written.append(path)
  return written


@dataclasses.dataclass
class LareqaConfig(tfds.core.BuilderConfig):
  """Where a benchmark's files are.

  Attributes:
    url: published folder of `<language>.json`, at a fixed commit.
    checksums: TFDS's table of the files in `url`, with size and sha256.
    license: of the texts.
  """

  url: str = ""
  checksums: str = str(_CHECKSUMS)
  license: str = ""


class Lareqa(tfds.core.GeneratorBasedBuilder):
  """Questions, and the sentences of the paragraphs that answer them."""

  VERSION = tfds.core.Version("1.0.0")
  BUILDER_CONFIGS = [
    LareqaConfig(
      name="xquad_r",
      url=f"{_FILES}/9bc8c7fb6dd8d01d72a05a93c2cb96882b0d299c/xquad-r",
      license="CC BY-SA 4.0",
    ),
    LareqaConfig(
      name="mlqa_r",
      # Later commits lack it.
      url=f"{_FILES}/354d67d1cd066854cdfbf5ad0e6105528976141d/mlqa-r",
      license="CC BY-NC 4.0: for evaluation, not to be redistributed",
    ),
  ]
  # Asked for its code, TFDS imports importlib_resources, which it does not
  # require; it wants the code for the checksums, which `url_infos` gives.
  code_path = None

  @property
  def url_infos(self):
    table = checksums.load_url_infos(self._config.checksums)
    folder = f"{self._config.url}/"
    return {url: i for url, i in table.items() if url.startswith(folder)}

  def _info(self):
    text = tfds.features.Text()
    answer = {"text": text, "answer_start": np.int32}
    question = {
      "id": text,
      "question": text,
      "answers": tfds.features.Sequence(answer),
    }
    return tfds.core.DatasetInfo(
      builder=self,
      description=__doc__,
      features=tfds.features.FeaturesDict(
        {
          "article": np.int32,
          "title": text,
          "context": text,
          "sentences": tfds.features.Sequence(text),
          "sentence_breaks": tfds.features.Sequence(
            tfds.features.Tensor(shape=(2,), dtype=np.int32)
          ),
          "qas": tfds.features.Sequence(question),
        }
      ),
      homepage=_HOME,
      license=self._config.license,
      citation=_CITATION,
      # Candidates are numbered by their order.
      disable_shuffling=True,
    )

  @property
  def _config(self) -> LareqaConfig:
    assert isinstance(self.builder_config, LareqaConfig)
    return self.builder_config

  def _split_generators(self, dl_manager):
    urls = {pathlib.PurePath(url).stem: url for url in self.url_infos}
    paths: Any = dl_manager.download(urls)
    return {
      language: self._generate_examples(path)
      for language, path in paths.items()
    }

  def _generate_examples(self, path) -> Iterator[tuple[int, dict[str, Any]]]:
    number = 0
    try:
      articles = json.loads(pathlib.Path(path).read_text("utf-8"))["data"]
      for place, article in enumerate(articles):
        for paragraph in article["paragraphs"]:
          yield (
            number,
            {
              "article": place,
              "title": article["title"],
              **{
                key: paragraph[key]
                for key in ("context", "sentences", "sentence_breaks", "qas")
              },
            },
          )
          number += 1
    except (KeyError, TypeError, json.JSONDecodeError) as error:
      raise ValueError(
        f"{path}: paragraph {number} is not of the published shape"
        f" ({error!r}); fetch the file again"
      ) from error


def _paragraph(example: dict[str, Any]) -> dict[str, Any]:
  """The published shape of an example, whose sequences TFDS transposed."""
  questions = example["qas"]
  answers = _rows(questions["answers"])
  return {
    "context": example["context"],
    "qas": [
      row | {"answers": _rows(row["answers"])}
      for row in _rows(questions | {"answers": answers})
    ],
    "sentence_breaks": example["sentence_breaks"],
    "sentences": example["sentences"],
  }


def _rows(columns: dict[str, list]) -> list[dict[str, Any]]:
  return [
    dict(zip(columns, row, strict=True))
    for row in zip(*columns.values(), strict=True)
  ]


def _plain(value: Any) -> Any:
  """Bytes as text, and arrays, ragged ones too, as lists."""
  if isinstance(value, bytes):
    return value.decode("utf-8")
  if isinstance(value, dict):
    return {key: _plain(inner) for key, inner in value.items()}
  if isinstance(value, list):
    return [_plain(inner) for inner in value]
  if isinstance(value, tf.RaggedTensor):
    return _plain(value.to_list())
  if isinstance(value, (np.ndarray, np.generic)):
    return _plain(value.tolist())
  return value
