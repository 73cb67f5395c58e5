"""The README.md of an exported model: metadata, figures and how to use it."""

from collections.abc import Mapping, Sequence
from typing import Any

import huggingface_hub

from hybridret_jax.reporting import paper, tables
from hybridret_jax.reporting import results as results_file

TRAINED = "trained"


def card(
  *,
  name: str,
  results: Sequence[dict[str, Any]],
  training_languages: Sequence[str],
  prefixes: Mapping[str, str],
  max_lengths: Mapping[str, int],
  pooling: str,
  dimension: int,
  settings: Mapping[str, Any],
  base_model: str | None = None,
  notes: Sequence[str] = (),
) -> str:
  """The text of README.md, with the YAML metadata that the hub reads.

  Args:
    name: the model's name, as a title.
    results: saved results of any number of tasks; the system "trained" (else
      the first) goes into the metadata.
    training_languages: ISO 639-1 codes.
    prefixes: what is put before a text, for "query" and "passage".
    max_lengths: tokens that a text is cut at, for "query" and "passage".
    pooling: how token vectors become one vector.
    dimension: of that vector.
    settings: of the training, nested or not.
    base_model: hub id of the encoder that training started from; None if it
      was trained from scratch or came from a local folder.
    notes: on the settings, each a sentence.
  """
  metadata = huggingface_hub.ModelCardData(
    language=sorted(training_languages),
    library_name="sentence-transformers",
    pipeline_tag="sentence-similarity",
    base_model=base_model,
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
  parts = [
    f"---\n{metadata.to_yaml()}\n---",
    f"# {name}",
    f"A multilingual dense retriever: a question or a passage becomes a unit"
    f" vector of {dimension} numbers ({pooling} pooling), and the dot product"
    f" of two vectors is their score. It was trained with hybridret_jax on"
    f" {len(training_languages)} languages"
    f" ({' '.join(sorted(training_languages))}).",
    _use(prefixes, max_lengths),
    "## Figures",
    *(_figures(saved) for saved in results),
    "" if results else "This model was exported without an evaluation.",
    "## Training settings",
    tables.listing(dict(settings)),
    "\n".join(f"- {note}" for note in notes),
    _limits(results, training_languages),
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

`encode_query` and `encode_document` put the prefixes that the model was trained
with before the texts: {prefixes["query"]!r} before a query and
{prefixes["passage"]!r} before a passage. In training, queries were cut at
{max_lengths["query"]} tokens and passages at {max_lengths["passage"]}, prefix
and special tokens included."""


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
