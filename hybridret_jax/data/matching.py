"""Finds for groups of parallel texts as many like them, in equal languages."""

import dataclasses
import hashlib
from collections.abc import Mapping, Sequence

import numpy as np
from scipy import optimize

from hybridret_jax.data import sources


@dataclasses.dataclass(frozen=True)
class Group:
  """One item's rows in some languages, and what it is matched by."""

  name: str
  kind: str  # how its queries were made, such as "heading"
  block: str
  rows: dict[str, int]  # language to row of the corpus
  lengths: dict[str, tuple[int, int]]  # characters of query and of passage

  def cut(self, languages: Sequence[str]) -> "Group":
    """The group in `languages` only."""
    return dataclasses.replace(
      self,
      rows={language: self.rows[language] for language in languages},
      lengths={language: self.lengths[language] for language in languages},
    )


def groups(
  corpus: sources.Corpus,
  rows: np.ndarray,
  *,
  kinds: Mapping[str, str],
  languages: Sequence[str],
  fewest: int = 2,
) -> list[Group]:
  """The groups that are pairs within each of their languages.

  Of `rows` (a mask or indices) those count whose source `kinds` names, whose
  language `languages` does, and that are monolingual pairs by themselves: any
  row of such a group serves every strategy. A group in fewer than `fewest`
  languages is left out.

  Raises:
    ValueError: sources share the name of a group, so they cannot become one.
  """
  asked = np.isin(corpus.language_row, _indices(corpus.languages, languages))
  asked &= np.isin(corpus.source_row, _indices(corpus.sources, kinds))
  asked &= sources.is_monolingual(corpus)
  found: dict[int, Group] = {}
  for row in np.arange(len(corpus))[rows].tolist():
    if not asked[row]:
      continue
    index = int(corpus.group_row[row])
    if index not in found:
      found[index] = Group(
        name=corpus.groups[index],
        kind=kinds[corpus.sources[corpus.source_row[row]]],
        block=corpus.blocks[corpus.block_row[row]],
        rows={},
        lengths={},
      )
    group, language = found[index], corpus.languages[corpus.language_row[row]]
    if language in group.rows:
      raise ValueError(
        f"group {group.name!r} stands twice in {language!r}, at"
        f" {corpus.ids[group.rows[language]]!r} and {corpus.ids[row]!r}; rename"
        " the groups of one source"
      )
    group.rows[language] = row
    group.lengths[language] = (
      len(corpus.texts[corpus.query_row[row]]),
      len(corpus.texts[corpus.passage_row[row]]),
    )
  return [group for group in found.values() if len(group.rows) >= fewest]


def one_per_block(candidates: Sequence[Group], *, seed: int) -> list[Group]:
  """Of each block the group in most languages, in the order of `candidates`.

  Ties go by the hash of `seed` and name. The groups share no text.
  """
  best: dict[str, int] = {}
  for index in drawn([group.name for group in candidates], seed=seed):
    block = candidates[index].block
    held = best.setdefault(block, index)
    if len(candidates[index].rows) > len(candidates[held].rows):
      best[block] = index
  return [candidates[index] for index in sorted(best.values())]


def match(
  wanted: Sequence[Group], pool: Sequence[Group], *, seed: int
) -> list[Group]:
  """For each wanted group one of `pool`, cut to the wanted group's languages.

  A match is of the same kind and has all the languages of the wanted group; no
  two matches are of one block. So both sides have as many rows in each
  language, as many pairs in each ordered pair of languages, and as many of
  each kind. Among all ways to match every group, the one with the smallest sum
  of `distance` is taken: a group that few of the pool fit gets one of them.
  Equal distances go by the hash of `seed` and name, so the order of the
  arguments does not matter.

  Raises:
    ValueError: there is no way to match every group; names those left over.
  """
  order_W = drawn([group.name for group in wanted], seed=seed)
  order_P = drawn([group.name for group in pool], seed=seed)
  wanted_W = [wanted[index] for index in order_W]
  pool_P = [pool[index] for index in order_P]
  distance_WP = _distances(wanted_W, pool_P)
  blocks: dict[str, list[int]] = {}
  for index, group in enumerate(pool_P):
    blocks.setdefault(group.block, []).append(index)
  # Whoever takes a block takes the group of it that is nearest to him.
  members = list(blocks.values())
  nearest_WB = np.zeros((len(wanted_W), len(members)), np.int64)
  cost_WB = np.zeros(nearest_WB.shape)
  for b, member in enumerate(members):
    chosen = np.argmin(distance_WP[:, member], axis=1)
    nearest_WB[:, b] = np.array(member)[chosen]
    cost_WB[:, b] = distance_WP[np.arange(len(wanted_W)), nearest_WB[:, b]]
  found = {}
  for w, b in zip(*_assign(cost_WB), strict=True):
    if np.isfinite(cost_WB[w, b]):
      found[order_W[w]] = pool_P[nearest_WB[w, b]]
  _check_all(wanted, found)
  return [
    found[index].cut(list(group.rows)) for index, group in enumerate(wanted)
  ]


def distance(wanted: Group, other: Group) -> float:
  """How unlike the lengths are: mean over the languages of `wanted`.

  In each language the sum of |log(a / b)| of the queries' lengths and of the
  passages'. Infinite where `other` is of another kind or lacks a language.
  """
  return float(_distances([wanted], [other])[0, 0])


def drawn(names: Sequence[str], *, seed: int) -> list[int]:
  """Indices of `names` in an order that follows from `seed` and each name."""
  return sorted(
    range(len(names)),
    key=lambda i: (
      hashlib.blake2b(f"{seed}:{names[i]}".encode(), digest_size=8).digest(),
      names[i],
    ),
  )


def _distances(wanted, pool):
  """Distance of each wanted group to each of the pool, [W, P]."""
  languages = sorted({x for group in (*wanted, *pool) for x in group.rows})
  logs_PL2 = _logs(pool, languages)
  kind_P = np.array([group.kind for group in pool])
  distance_WP = np.full((len(wanted), len(pool)), np.inf)
  for w, group in enumerate(wanted):
    own = [languages.index(language) for language in group.rows]
    logs_L2 = _logs([group], languages)[0]
    apart_PL = np.abs(logs_PL2[:, own] - logs_L2[None, own]).sum(2)
    fits = (kind_P == group.kind) & np.isfinite(apart_PL).all(1)
    distance_WP[w, fits] = apart_PL[fits].mean(1)
  return distance_WP


def _logs(some, languages):
  """Log lengths of query and passage, [groups, L, 2]; nan where absent."""
  logs = np.full((len(some), len(languages), 2), np.nan)
  for g, group in enumerate(some):
    for language, lengths in group.lengths.items():
      logs[g, languages.index(language)] = np.log(lengths)
  return logs


def _assign(cost_WB):
  """Rows and columns of the cheapest assignment with fewest infinite costs."""
  finite = cost_WB[np.isfinite(cost_WB)]
  # Dearer than all that could be paid otherwise.
  never = (finite.max(initial=0) + 1) * (len(cost_WB) + 1)
  filled_WB = np.where(np.isfinite(cost_WB), cost_WB, never)
  return optimize.linear_sum_assignment(filled_WB)


def _check_all(wanted, found):
  left = [g for index, g in enumerate(wanted) if index not in found]
  if not left:
    return
  shown = "; ".join(
    f"{group.name!r} ({group.kind}, {' '.join(sorted(group.rows))})"
    for group in left[:5]
  )
  more = f" and {len(left) - 5} more" if len(left) > 5 else ""
  raise ValueError(
    f"{len(left)} of {len(wanted)} groups have no match left: {shown}{more};"
    " add sources to match from, or leave out a language or the groups"
  )


def _indices(names, chosen):
  return [index for index, name in enumerate(names) if name in chosen]
