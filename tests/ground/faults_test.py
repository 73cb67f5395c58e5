"""One line, whatever a file holds."""

from hybridret_jax.ground import faults


def test_place_what_and_mend_in_one_line():
  fault = faults.Fault("a.jsonl:3", "id is empty", "give it a name")
  assert str(fault) == "a.jsonl:3: id is empty; give it a name"
  assert (fault.place, fault.what, fault.mend) == (
    "a.jsonl:3",
    "id is empty",
    "give it a name",
  )


def test_a_page_is_cut():
  fault = faults.Fault("a.jsonl:3", f"id is {'x' * 10**6}", "give it a name")
  assert len(str(fault)) < faults.LONGEST + 50
  assert str(fault).endswith("x…; give it a name")
