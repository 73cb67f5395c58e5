"""The paper's rows are found by task."""

from hybridret_jax.reporting import paper


def test_rows_belong_to_their_task():
  assert [row.rank_distance for row in paper.rows("xquad-r")] == [
    410,
    295,
    287,
    262,
    225,
    221,
  ]
  assert len(paper.rows("mlqa_r")) == 6
  assert paper.rows("validation") == []


def test_hybrid_is_the_best_in_each_setting_as_the_paper_says():
  for task in ("xquad_r", "mlqa_r"):
    for init in ("XLM-R", "LaBSE"):
      rows = [row for row in paper.rows(task) if row.init == init]
      hybrid = next(row for row in rows if row.strategy == "hybrid")
      for setting in ("monolingual", "cross_lingual", "multilingual_pool"):
        assert getattr(hybrid, setting) == max(
          getattr(r, setting) for r in rows
        )
