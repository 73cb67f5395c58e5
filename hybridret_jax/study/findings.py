"""Tables of what a study decides: claims, tests, the alpha curve, costs.

All take what study.json holds, as docs/results_schema.md describes it.
"""

import collections
from collections.abc import Mapping, Sequence
from typing import Any

from hybridret_jax.reporting import documents, tables, throughput
from hybridret_jax.study import cell_tables, figure_names, verdicts

_RULES = {
  "greater": "greater",
  "less": "less",
  "at_least": "at least as good, up to {margin}",
  "same": "the same, up to {margin}",
}
_NAMED = 12  # Missing cells, at most; of more it is said how many.
_GROUP_HEADS = ("Significant", "Median p", "Interval")
CLAIMS_NOTE = (
  "What failed stands first. The difference is the mean of a − b over paired"
  " seeds, with its t interval; beside it the interval that resampling whole"
  " clusters of questions gives. “Greater” and “less” are supported if p, of a"
  " paired t test and adjusted by Holm's method over all these claims, is at"
  " most {alpha} and the difference has that sign, and if clusters say so too"
  " (p likewise adjusted); not supported if both intervals lie wholly on the"
  " other side of 0, or of the margin that would matter where one is given."
  " “At least as good” and “the same” rest on one-sided t tests against the"
  " margin, adjusted with the others, and on the clusters' interval; for rank"
  " distance, where less is better, the bound of the first is of b − a."
  " What holds over seeds but not over clusters holds “over seeds only”: seeds"
  " vary the order of the data and nothing else. Fewer than three seeds decide"
  " nothing."
)
GROUPS_NOTE = (
  "By question group: the same difference between the checkpoints of each seed,"
  " with whole clusters of questions resampled (a paired randomisation test);"
  " how many of the seeds are significant alone and the median p, then the"
  " interval of the per-query values averaged over seeds. It says what other"
  " questions would give, the seeds' interval what other seeds would."
)


def claims(study: Mapping[str, Any]) -> list[documents.Table]:
  """Every claim with its verdict, and what that rests on; none without any."""
  rows, reasons = [], []
  ordered = sorted(
    study["claims"], key=lambda x: verdicts.ORDER.index(x["verdict"])
  )
  for claim in ordered:
    figure, margin = claim["figure"], claim["margin"]
    rule = _RULES[claim["rule"]].format(margin=margin and f"{margin:g}")
    if claim["rule"] in verdicts.DIRECTED and margin:
      rule += f", {margin:g} would matter"
    alone = claim["one_sided"] or {}
    rows.append(
      [
        claim["claim"],
        claim["source"],
        f"{claim['task']}: {figure_names.title(figure)}",
        rule,
        figure_names.signed(figure, claim["difference"]),
        figure_names.interval(figure, (claim["low"], claim["high"])),
        _groups(figure, claim)[-1],
        _seeds(claim),
        claim["verdict"],
      ]
    )
    reasons.append(
      [
        claim["claim"] + (f" ({claim['note']})" if claim["note"] else ""),
        tables.p_value(alone["p"] if alone else claim["p"]),
        tables.p_value(claim["p_holm"]),
        _bounds(figure, claim["rule"], alone),
        *_groups(figure, claim),
      ]
    )
  if not rows:
    return []
  levels = {claim["level"] for claim in study["claims"]}
  alpha = ", ".join(f"{1 - level:.3g}" for level in sorted(levels))
  heads = ["Claim", "Source", "Figure", "Rule", "Difference"]
  heads += ["Interval (seeds)", "Interval (clusters)", "Seeds", "Verdict"]
  note = CLAIMS_NOTE.format(alpha=alpha)
  return [
    documents.Table("Claims", note, heads, rows, words=4, prose=True),
    documents.Table(
      "What the verdicts rest on",
      GROUPS_NOTE,
      ["Claim", "p", "p (Holm)", "One-sided bounds", *_GROUP_HEADS],
      reasons,
      spans=[("Over seeds", 3), ("By question group", len(_GROUP_HEADS))],
      prose=True,
    ),
  ]


def tests(study: Mapping[str, Any]) -> list[documents.Table]:
  """A table a grid and task: each pair of levels in the headline figures."""
  made = []
  alpha = 1 - study["level"]
  for grid in study["grids"]:
    for task in study["tasks"]:
      rows = []
      for test in study["tests"]:
        if (test["grid"], test["task"]) != (grid["name"], task["name"]):
          continue
        for figure, found in test["figures"].items():
          text = figure_names.signed(figure, found["difference"])
          p = found["p_holm"]
          rows.append(
            [
              f"{test['a']} − {test['b']}",
              ", ".join(test["at"].values()) or "–",
              figure_names.HEADLINE[figure],
              documents.bold(text) if p is not None and p <= alpha else text,
              figure_names.interval(figure, (found["low"], found["high"])),
              tables.p_value(found["p"]),
              tables.p_value(p),
              _seeds(found),
              *_groups(figure, found),
            ]
          )
      if rows:
        heads = ["Difference of", "At", "Figure", "Mean difference"]
        heads += ["Interval", "p", "p (Holm)", "Seeds", *_GROUP_HEADS]
        made.append(
          documents.Table(
            f"Tests: {grid['name']}, {task['name']}",
            f"Means over paired seeds with {100 * study['level']:g} % t"
            " intervals; p of a paired t test, adjusted by Holm's method over"
            " the comparisons of this table in one figure. Bold is told apart"
            " after that. Only seeds that both sides have count."
            f" {GROUPS_NOTE}",
            heads,
            rows,
            words=3,
            spans=[("Over seeds", 5), ("By question group", len(_GROUP_HEADS))],
          )
        )
  return made


def alpha(study: Mapping[str, Any]) -> list[documents.Table]:
  """A table a curve: the headline figures by alpha, and the Pareto front."""
  grids = {grid["name"]: grid for grid in study["grids"]}
  made = []
  for curve in study["alpha"]:
    groups = grids[curve["grid"]]["groups"]
    rows = []
    for point in curve["points"]:
      group = groups[point["group"]]
      figures = group["tasks"][curve["task"]]["figures"]
      rows.append(
        [
          f"{point['alpha']:g}",
          cell_tables.seeds(group),
          *(cell_tables.means(figures, x) for x in figure_names.HEADLINE),
          {True: "yes", False: "no", None: "–"}[point["on_front"]],
        ]
      )
    made.append(
      documents.Table(
        f"Alpha: {curve_name(curve)}",
        f"{front_text(curve)} A point is on the front if no other has means as"
        " good in all four figures and better in one; points closer than the"
        " spread between seeds may change places.",
        ["Alpha", "Seeds", *figure_names.HEADLINE.values(), "Pareto front"],
        rows,
      )
    )
  return made


def curve_name(curve: Mapping[str, Any]) -> str:
  """What a curve is of: grid, the other axes' levels, task."""
  return ", ".join([curve["grid"], *curve["at"].values(), curve["task"]])


def front_text(curve: Mapping[str, Any]) -> str:
  """Which alphas are on the Pareto front, and which are not known."""
  there = [f"{x['alpha']:g}" for x in curve["points"] if x["on_front"]]
  gone = [f"{x['alpha']:g}" for x in curve["points"] if x["on_front"] is None]
  text = f"On the Pareto front: {', '.join(there) or 'none known'}."
  return text + (f" Not finished: {', '.join(gone)}." if gone else "")


def costs(study: Mapping[str, Any]) -> list[documents.Table]:
  """What training cost, a mean per group of cells; none without a figure."""
  grids = {grid["name"]: grid for grid in study["grids"]}
  named = {}
  for group in study["costs"]["groups"]:
    grid = grids[group["grid"]]
    found = group["mean"]
    if found:
      named[f"{grid['name']}: {cell_tables.label(grid, group)}"] = found
  heads, rows = throughput.table(named)
  if len(heads) == 1:
    return []
  for row, found in zip(rows, named.values(), strict=True):
    row.append(throughput.duration(found.get("cell_seconds")))
  total = throughput.duration(study["costs"]["seconds"])
  return [
    documents.Table(
      "Training cost",
      "Means over the finished cells of a group. The whole cell has start-up,"
      f" training and evaluation; all cells together took {total}."
      f" {throughput.NOTE}",
      ["Cells", *heads[1:], "Whole cell"],
      rows,
    )
  ]


def _groups(figure: str, found: Mapping[str, Any]) -> list[str]:
  groups = found["groups"]
  if groups is None:
    return ["–"] * len(_GROUP_HEADS)
  return [
    f"{groups['significant']} of {groups['tested']}",
    tables.p_value(groups["median_p"]),
    figure_names.interval(figure, (groups["low"], groups["high"])),
  ]


def _bounds(figure: str, rule: str, alone: Mapping[str, Any]) -> str:
  """The one-sided bounds that decide a claim about a margin."""
  if alone.get("low") is None:
    return "–"
  low = f"> {figure_names.signed(figure, alone['low'])}"
  if rule == "same":
    return f"{low}, < {figure_names.signed(figure, alone['high'])}"
  return low


def _seeds(found: Mapping[str, Any]) -> str:
  there, whole = len(found["by_seed"]), found["of"]
  return str(there) if there == whole else f"{there} of {whole}"


def warning(study: Mapping[str, Any]) -> str:
  """That cells are missing, and which, or of which grids; "" where none is."""
  missing = [x["names"][0] for x in study["missing"]]
  if not missing:
    return ""
  which = ", ".join(missing)
  if len(missing) > _NAMED:
    grids = collections.Counter(name.partition("/")[0] for name in missing)
    which = ", ".join(f"{count} of {name}" for name, count in grids.items())
    which += "; study.json names them"
  return (
    f"This study is unfinished: {len(missing)} of {study['cells']} cells are"
    " missing. Means are of the seeds that are finished, and verdicts may"
    f" change with the rest. Missing: {which}."
  )


def sentences(study: Mapping[str, Any]) -> Sequence[str]:
  """The study's limits, then what is to be known of each task's figures."""
  return [
    *study["notes"],
    *(f"{x['name']}: {note}" for x in study["tasks"] for note in x["notes"]),
  ]
