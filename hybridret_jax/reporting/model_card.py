"""The README.md of an exported model: metadata, figures and how to use it."""

import dataclasses
from collections.abc import Mapping, Sequence
from typing import Any

import huggingface_hub

from hybridret_jax.ground import display
from hybridret_jax.reporting import paper, tables
from hybridret_jax.reporting import results as results_file

TRAINED = "trained"


@dataclasses.dataclass(frozen=True)
class Training:
  """How a model was trained.

  Attributes:
    languages: BCP 47 tags.
    lengths: tokens that a text was cut at in training, by side.
    sources: what it was trained on: name -> SHA-256 of its rows, or "" where
      that is not known.
    settings: of the training, nested or not.
    start: what training started from: a hub id, a folder's name, or "" from
      scratch.
  """

  languages: Sequence[str]
  lengths: Mapping[str, int]
  sources: Mapping[str, str]
  settings: Mapping[str, Any]
  start: str


def card(
  *,
  name: str,
  results: Sequence[dict[str, Any]],
  prefixes: Mapping[str, str],
  max_lengths: Mapping[str, int],
  pooling: str,
  dimension: int,
  training: Training | None = None,
  base_model: str | None = None,
  datasets: Sequence[str] = (),
  languages: Sequence[str] = (),
  notes: Sequence[str] = (),
) -> str:
  """The text of README.md, with the YAML metadata that the hub reads.

  Args:
    name: the model's name, as a title.
    results: saved results of any number of tasks; the system "trained" (else
      the first) goes into the metadata, as its model-index.
    prefixes: what is put before a text, for "query" and "passage".
    max_lengths: tokens that the model in this folder cuts a text at, by side.
    pooling: how token vectors become one vector.
    dimension: of that vector.
    training: how it was trained; None of a model that came as it is.
    base_model: hub id of the encoder that it was made from; None if it was
      trained from scratch or came from a local folder.
    datasets: hub ids of what it was trained on.
    languages: that it is known to be for, where there was no training here.
    notes: on the settings, each a sentence.
  """
  languages = sorted(training.languages if training else languages)
  metadata = huggingface_hub.ModelCardData(
    language=languages or None,
    library_name="sentence-transformers",
    pipeline_tag="sentence-similarity",
    base_model=base_model,
    datasets=list(datasets) or None,
    tags=[
      "sentence-transformers",
      "feature-extraction",
      "dense-retrieval",
      "multilingual",
      "hybridret_jax",
    ],
    model_name=name,
    eval_results=[x for saved in results for x in _eval_results(saved)] or None,
  )
  about = (
    "A multilingual dense retriever: a question or a passage becomes a unit"
    f" vector of {dimension} numbers ({pooling} pooling), and the dot product"
    " of two vectors is their score."
  )
  if training:
    about += (
      f" It was trained with hybridret_jax on {len(languages)} languages"
      f" ({' '.join(languages)})."
    )
  else:
    about += " It was written by hybridret_jax as it came, without training."
  parts = [
    f"---\n{metadata.to_yaml()}\n---",
    f"# {name}",
    about,
    _use(prefixes, max_lengths),
    "## Figures",
    *(_figures(saved) for saved in results),
    "" if results else "This model was exported without an evaluation.",
    *_training(training, max_lengths),
    "\n".join(f"- {note}" for note in notes),
    _limits(results, languages),
  ]
  return "\n\n".join(part for part in parts if part) + "\n"


def _use(prefixes: Mapping[str, str], max_lengths: Mapping[str, int]) -> str:
  return f"""## Use

```python
from sentence_transformers import SentenceTransformer

model = SentenceTransformer("PATH OR HUB ID OF THIS FOLDER")
queries = model.encode_query(["Who wrote the law?"])
passages = model.encode_document(["The law was written by the parliament."])
scores = queries @ passages.T
```

`encode_query` and `encode_document` put a prefix before the texts:
{prefixes["query"]!r} before a query and {prefixes["passage"]!r} before a
passage. A query is cut at {max_lengths["query"]} tokens and a passage at
{max_lengths["passage"]}, prefix and special tokens included."""


def _training(
  training: Training | None, max_lengths: Mapping[str, int]
) -> list[str]:
  if training is None:
    return []
  start = training.start
  lengths = training.lengths
  other = (
    ""
    if dict(lengths) == dict(max_lengths)
    else (
      " Longer texts than in training are taken as they come, and were never"
      " trained on."
    )
  )
  return [
    "## Training",
    (
      f"It started from {display.visible(start)!r}."
      if start
      else "It was trained from scratch."
    )
    + f" In training a query was cut at {lengths['query']} tokens and a passage"
    f" at {lengths['passage']}.{other}",
    "It was trained on:\n\n"
    + "\n".join(
      f"- `{display.visible(name)}`"
      + (f" (SHA-256 of its rows {sha256[:16]}…)" if sha256 else "")
      for name, sha256 in training.sources.items()
    ),
    tables.listing(dict(training.settings)),
  ]


def _figures(saved: dict[str, Any]) -> str:
  parts = [
    f"### {saved['task']}",
    tables.counts(saved),
    tables.macro(saved),
    paper.NOTE if paper.rows(saved["task"]) else "",
  ]
  return "\n\n".join(part for part in parts if part)


def _limits(
  results: Sequence[dict[str, Any]], training_languages: Sequence[str]
) -> str:
  evaluated = {
    language
    for saved in results
    for figures in saved["systems"].values()
    for language in figures["languages"]
  }
  unseen = sorted(evaluated - set(training_languages))
  if not training_languages:
    unseen = []
  zero_shot = (
    f" Evaluated without having been trained on: {' '.join(unseen)}; figures"
    " that involve these languages are zero-shot."
    if unseen
    else ""
  )
  return (
    "## Limits\n\n"
    "- In a language outside of the training languages the model relies on"
    f" what the encoder it started from knows.{zero_shot}\n"
    "- Longer texts are cut, so what stands at a passage's end may go"
    " unnoticed.\n"
    "- The licence of the training data and of the encoder it started from is"
    " not known to the program that wrote this card: find out before passing"
    " the model on, and add it to the metadata."
  )


def _eval_results(
  saved: dict[str, Any],
) -> list[huggingface_hub.EvalResult]:
  systems = saved["systems"]
  means = systems.get(TRAINED, next(iter(systems.values())))["macro"]
  return [
    huggingface_hub.EvalResult(
      task_type="information-retrieval",
      dataset_type=results_file.slug(saved["task"]),
      dataset_name=saved["task"],
      dataset_config=key,
      metric_type="map",
      metric_name=f"mAP, {title.lower()}",
      metric_value=round(means[key]["map"], 4),
    )
    for key, title in tables.SETTINGS.items()
    if means.get(key, {}).get("map") is not None
  ]
