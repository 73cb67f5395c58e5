"""Fields of CSV and TSV, with the line that a record begins on."""

import csv

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hybridret_jax.ground import delimited, faults


def lines(found):
  return [(place.line, fields) for place, fields in found]


def test_a_field_of_csv_may_have_lines(tmp_path):
  path = tmp_path / "x.csv"
  path.write_bytes(b'\xef\xbb\xbfa,b\r\n\r\n"1\n\n2","x ""y"""\r\n3,\r\n')
  assert lines(delimited.comma(path)) == [
    (1, ["a", "b"]),
    (3, ["1\n\n2", 'x "y"']),
    (6, ["3", ""]),
  ]


def test_quotation_marks_are_nothing_to_tsv(tmp_path):
  path = tmp_path / "x.tsv"
  path.write_text('"a\tb"\n\nc\t\n')
  assert lines(delimited.tsv(path)) == [(1, ['"a', 'b"']), (3, ["c", ""])]


@pytest.mark.parametrize(
  ("text", "line"), [('a,b\n"c', 2), ('a\nb\n"c"d\n', 3)]
)
def test_no_csv(tmp_path, text, line):
  path = tmp_path / "x.csv"
  path.write_text(text)
  with pytest.raises(faults.Fault, match=f"^{path}:{line}: no CSV .*; put"):
    list(delimited.comma(path))


TEXT = st.text(
  st.characters(exclude_categories=["Cs"], exclude_characters="\0\r"),
  max_size=8,
)


@given(st.lists(st.lists(TEXT, min_size=2, max_size=2), max_size=6))
def test_what_csv_writes_is_read(tmp_path_factory, rows):
  path = tmp_path_factory.mktemp("csv") / "x.csv"
  with path.open("w", newline="", encoding="utf-8") as file:
    csv.writer(file, quoting=csv.QUOTE_ALL).writerows(rows)
  assert [fields for _, fields in delimited.comma(path)] == rows
