"""Turns a folder of JSONL pairs into a TFDS data set."""

import dataclasses
import pathlib

import tensorflow as tf
import tensorflow_datasets as tfds

from hybridret_jax.data import sources

tf.config.set_visible_devices([], "GPU")  # TensorFlow only writes files here.


def build(
  source: str | pathlib.Path, *, data_dir: str | pathlib.Path
) -> pathlib.Path:
  """Writes the source as `<data_dir>/pairs/<name>/<version>` and returns that.

  `sources.read` then finds the same rows, in the same order, at
  `tfds:pairs/<name>?data_dir=<data_dir>`. A data set that is there is kept.

  Raises:
    ValueError: a record is bad, as in `sources.read`.
  """
  path = pathlib.Path(source).resolve()
  config = PairsConfig(name=path.name.split(".jsonl")[0], source=str(path))
  builder = Pairs(config=config, data_dir=str(data_dir))
  builder.download_and_prepare()
  return pathlib.Path(builder.data_dir)


@dataclasses.dataclass
class PairsConfig(tfds.core.BuilderConfig):
  """Which source a data set is made of.

  Attributes:
    source: a folder of `<language>.jsonl[.gz]`, or one such file.
  """

  source: str = ""


class Pairs(tfds.core.GeneratorBasedBuilder):
  """Checked pairs of one source, in the order of its files."""

  VERSION = tfds.core.Version("1.0.0")
  BUILDER_CONFIGS = []
  # Asked for its code, TFDS imports importlib_resources, which it does not
  # require; it wants the code for the checksums of downloads, and has none.
  code_path = None

  def _info(self):
    text = tfds.features.Text()
    fields = ("id", "group", "lang", "query", "passage", "source", "block")
    return tfds.core.DatasetInfo(
      builder=self,
      description=__doc__,
      features=tfds.features.FeaturesDict(
        {
          **dict.fromkeys(fields, text),
          "negatives": tfds.features.Sequence(text),
        }
      ),
      # The order of the rows is part of the data.
      disable_shuffling=True,
    )

  def _split_generators(self, dl_manager):
    del dl_manager  # nothing is downloaded
    return {"train": self._generate_examples()}

  def _generate_examples(self):
    assert isinstance(self.builder_config, PairsConfig)
    corpus = sources.read([self.builder_config.source])
    texts = corpus.texts
    for row in range(len(corpus)):
      query = corpus.query_row[row]
      start, end = corpus.negative_offsets[row : row + 2]
      yield (
        row,
        {
          "id": corpus.ids[row],
          "group": corpus.groups[corpus.group_row[row]],
          "lang": corpus.languages[corpus.language_row[row]],
          "query": texts[query] if query >= 0 else "",
          "passage": texts[corpus.passage_row[row]],
          "source": corpus.sources[corpus.source_row[row]],
          "block": corpus.blocks[corpus.block_row[row]],
          "negatives": [
            texts[text] for text in corpus.negative_values[start:end]
          ],
        },
      )
