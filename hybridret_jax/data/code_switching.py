"""Replaces words of a batch's texts by translations: code-switching.

Source: Litschko, Artemova and Plank, "Boosting Zero-shot Cross-lingual
Retrieval by Training on Artificially Code-Switched Data", arXiv 2305.05295.

Shape letters: B pairs of a batch, K hard negatives of each.
"""

import dataclasses
import re
import unicodedata
from collections.abc import Iterable

import numpy as np

from hybridret_jax.data import corpus_table
from hybridret_jax.data import lexicons as lexicons_lib

MODES = ("bilingual", "multilingual")
SIDES = ("query", "passage")
# Streams of a step beside the one that composes its batch.
_SPACES = re.compile(r"(\s+)")
_STREAMS = {"query": 1, "passage": 2, "pair": 3}


@dataclasses.dataclass(frozen=True)
class Settings:
  """How words are replaced.

  Attributes:
    probability: with which a word that has a translation is replaced; 0 is off.
    mode: "bilingual": the words of a text into one language, that of a pair's
      query another than that of its passage where there are two; or
      "multilingual": each word into a language of its own.
    sides: whose texts: "query", "passage" (positives and hard negatives).
    lexicons: see `lexicons.read`.
    languages: that are translated into; empty is all that lexicons have.
  """

  probability: float = 0.0
  mode: str = "bilingual"
  sides: tuple[str, ...] = SIDES
  lexicons: tuple[str, ...] = ()
  languages: tuple[str, ...] = ()

  def __post_init__(self):
    """Raises a ValueError where a setting cannot be meant."""
    place = "code_switching"
    if not 0 <= self.probability <= 1:
      raise ValueError(
        f"{place}.probability is {self.probability}; give a share between 0"
        " and 1"
      )
    if self.mode not in MODES:
      raise ValueError(
        f"{place}.mode is {self.mode!r}; choose from {', '.join(MODES)}"
      )
    sides = tuple(self.sides)
    if not sides or set(sides) - set(SIDES) or len(set(sides)) < len(sides):
      raise ValueError(f"{place}.sides is {sides}; give query, passage or both")
    if self.probability and not self.lexicons:
      raise ValueError(
        f"{place}.probability is {self.probability}, but {place}.lexicons is"
        ' empty; name some, or "cldr", or set it to 0'
      )


@dataclasses.dataclass(frozen=True)
class Switched:
  """A text of a batch that has words with a translation.

  Attributes:
    side: "query" or "passage".
    place: number of the text on its side of the batch: pairs 0 to B - 1, then
      the hard negatives pair by pair, or the parallel queries.
    text: as it became.
    words: how many have a translation.
    replaced: how many of them were replaced; the text is as it was if none.
  """

  side: str
  place: int
  text: str
  words: int
  replaced: int


class Switching:
  """Which texts of batch t become what; as pure a function as its plan.

  What becomes of a text follows from (seed, step, side, place) and the text
  alone, so it is the same on every host and after any restart. Words stand
  between spaces; marks around them stay. A text in no lexicon's language, or
  without a word of one, stays as it is.
  """

  def __init__(
    self,
    corpus: corpus_table.Corpus,
    settings: Settings,
    found: lexicons_lib.Lexicons,
  ):
    """Takes what batches are composed of, and what words become."""
    self._corpus, self._settings, self._found = corpus, settings, found
    self._targets = [found.targets(tag) for tag in corpus.languages]
    self._language_of_text = _languages_of_texts(corpus)

  def texts(self, plan, seed: int, step: int) -> list[Switched]:
    """The texts of a batch that have words with a translation.

    Args:
      plan: the `composer.Plan` of batch `step`.
      seed: of the run.
      step: of the batch.
    """
    corpus, size = self._corpus, len(plan.query_row)
    query_B, passage_B = self._pair_targets(plan, seed, step)
    found: list[Switched] = []

    def add(side, place, text, language, target):
      if side in self._settings.sides and self._targets[language]:
        rng = _generator(seed, step, _STREAMS[side], place)
        made = self._made(corpus.texts[text], language, target, rng)
        if made is not None:
          found.append(Switched(side, place, *made))

    for b in range(size):
      query, passage = int(plan.query_row[b]), int(plan.passage_row[b])
      language = int(corpus.language_row[query])
      add("query", b, int(corpus.query_row[query]), language, query_B[b])
      language = int(corpus.language_row[passage])
      text = int(corpus.passage_row[passage])
      add("passage", b, text, language, passage_B[b])
      if plan.parallel_row[b] >= 0:
        row = int(plan.parallel_row[b])
        text, language = corpus.query_row[row], corpus.language_row[row]
        add("query", size + b, int(text), int(language), query_B[b])
    for n, text in enumerate(plan.negative_text.reshape(-1).tolist()):
      language = int(self._language_of_text[text])
      b = n // plan.negative_text.shape[1]
      add("passage", size + n, text, language, passage_B[b])
    return found

  def _pair_targets(self, plan, seed, step):
    """The languages of queries and of passages; None: each word its own."""
    size = len(plan.query_row)
    if self._settings.mode == "multilingual":
      return [None] * size, [None] * size
    uniform_B2 = _generator(seed, step, _STREAMS["pair"], 0).random((size, 2))
    queries, passages = [], []
    for b, (first, second) in enumerate(uniform_B2.tolist()):
      query = None
      if "query" in self._settings.sides:
        query = _drawn(self._targets[plan.query_language[b]], first)
      others = self._targets[plan.passage_language[b]]
      others = [tag for tag in others if tag != query] or others
      queries.append(query)
      passages.append(_drawn(others, second))
    return queries, passages

  def _made(self, text, language, target, rng):
    """(text, words with a translation, replaced ones); None without any."""
    source = self._corpus.languages[language]
    targets = self._targets[language]
    if self._settings.mode == "bilingual":
      targets = [tag for tag in targets if tag == target]
    lexicons = [self._found.words[source, tag] for tag in targets]
    parts = _SPACES.split(text)  # Words, and what is between them.
    # One draw a word, whatever lexicons have, so that words keep theirs.
    uniform = rng.random(((len(parts) + 1) // 2, 3)).tolist()
    known = replaced = 0
    for n, (change, which, meaning) in enumerate(uniform):
      piece = parts[2 * n]
      start, end = _word(piece)
      word = lexicons_lib.key(piece[start:end])
      able = [lexicon[word] for lexicon in lexicons if word in lexicon]
      if not able:
        continue
      known += 1
      if change < self._settings.probability:
        replaced += 1
        new = _drawn(_drawn(able, which), meaning)
        parts[2 * n] = f"{piece[:start]}{new}{piece[end:]}"
    return ("".join(parts), known, replaced) if known else None


def changed(texts: Iterable[Switched]) -> list[Switched]:
  """Those of which a word was replaced."""
  return [one for one in texts if one.replaced]


def _drawn(choices, uniform):
  """The choice that a number from 0 to below 1 means; None of none."""
  return choices[int(uniform * len(choices))] if choices else None


def _generator(seed, step, stream, place):
  """A generator of its own; the composer's counts from 0 in the first word."""
  return np.random.Generator(
    np.random.Philox(
      key=np.array([seed, step], np.uint64),
      counter=np.array([0, 0, place, stream], np.uint64),
    )
  )


def _word(piece):
  """Where the word in a piece begins and ends; marks around it are left out."""
  start, end = 0, len(piece)
  while start < end and _is_mark(piece[start]):
    start += 1
  while end > start and _is_mark(piece[end - 1]):
    end -= 1
  return start, end


def _is_mark(character):
  return unicodedata.category(character)[0] in "PSZC"


def _languages_of_texts(corpus):
  """A language of each text that may be a passage, int32 [texts].

  That of the first row that has it as its passage; of a text that is only a
  hard negative, that of the first row that names it.
  """
  found = np.zeros(len(corpus.texts), np.int32)
  naming = np.repeat(corpus.language_row, corpus.negative_counts)
  found[corpus.negative_values[::-1]] = naming[::-1]
  found[corpus.passage_row[::-1]] = corpus.language_row[::-1]
  return found
