"""Files that are read, and how those that cannot be are refused."""

import gzip
import json
import os
import socket

import pytest

from hybridret_jax.ground import faults, reading

TEXT = "eins \n\n \r\nzwei\u2028d\x0bre\x85i\r\nvier"


def put(path, data):
  path.write_bytes(gzip.compress(data) if path.suffix == ".gz" else data)
  return path


@pytest.mark.parametrize("name", ["a", "a.gz"])
def test_lines_keep_their_numbers(tmp_path, name):
  path = put(tmp_path / name, TEXT.encode())
  found = [(str(place), line) for place, line in reading.lines(path)]
  assert found == [
    (f"{path}:1", "eins "),
    (f"{path}:4", "zwei\u2028d\x0bre\x85i"),
    (f"{path}:5", "vier"),
  ]


@pytest.mark.parametrize("name", ["a", "a.gz"])
def test_marks_of_files_put_together_are_left_out(tmp_path, name):
  path = put(tmp_path / name, "\ufeff{}\r\n\ufeff{}\n".encode())
  assert [line for _, line in reading.lines(path)] == ["{}", "{}"]
  assert [found for _, found in reading.objects(path)] == [{}, {}]


def test_a_file_is_read_as_it_is_asked_for(tmp_path):
  path = put(tmp_path / "a", b"one\ntwo\n\xff\n")
  found = reading.lines(path)
  assert next(found)[1] == "one" and next(found)[1] == "two"
  with pytest.raises(faults.Fault, match="a:3: not UTF-8"):
    next(found)


LINES = {
  "UTF-16": ("é\n".encode("utf-16"), 1, "the file is UTF-16"),
  "UTF-16 without mark": (
    "é{}\n".encode("utf-16-le"),
    1,
    "a NUL byte; .*UTF-16",
  ),
  "UTF-32": ("é\n".encode("utf-32"), 1, "the file is UTF-32"),
  "Latin-1": ("ok\né\n".encode("latin-1"), 2, "not UTF-8 .byte 0xe9, 1 bytes"),
  "surrogate": (b"ok\na \xed\xa0\x80\n", 2, "half of a surrogate pair"),
  "NUL": (b"ok\na\0b\n", 2, "a NUL byte"),
  "old Macintosh": (b"one\rtwo\rthree", 1, "carriage return stands alone"),
  "carriage return inside": (b"a\nb\rc\r\n", 2, "carriage return stands alone"),
  "long line": (
    b"ok\n" + b"x" * (reading.LINE + 1),
    2,
    "the line has more than 16,777,216 bytes",
  ),
}


@pytest.mark.parametrize("kind", LINES)
@pytest.mark.parametrize("name", ["a", "a.gz"])
def test_no_text(tmp_path, kind, name):
  data, line, what = LINES[kind]
  path = put(tmp_path / name, data)
  with pytest.raises(faults.Fault, match=f"^{path}:{line}: .*{what}"):
    list(reading.lines(path))
  with pytest.raises(faults.Fault, match=f"^{path}"):
    list(reading.objects(path))
  with pytest.raises(faults.Fault, match=f"^{path}"):
    reading.document(path, most=1000)


def test_the_longest_line_is_read(tmp_path):
  path = put(tmp_path / "a", b"x" * (reading.LINE - 1) + b"\n" + b"y")
  assert [len(line) for _, line in reading.lines(path)] == [2**24 - 1, 1]


PACKED = {
  "cut short": (gzip.compress(b"{}\n" * 99)[:-9], "not a whole gzip file"),
  "no gzip": (b"{}\n", "not a whole gzip file"),
  "empty": (b"", "not a whole gzip file .it is empty"),
  "garbage behind": (gzip.compress(b"{}\n") + b"more", "not a whole gzip file"),
  "a byte changed": (
    gzip.compress(b"{}\n")[:-5] + b"\1" + gzip.compress(b"{}\n")[-4:],
    "not a whole gzip file",
  ),
  "a bomb of one line": (
    gzip.compress(b" " * 2**25 + b"{}", 6),
    "line has more",
  ),
  "a bomb of lines": (
    gzip.compress(b"\n" * (2**26 + 2)),
    "cannot hold so much",
  ),
}


@pytest.mark.parametrize("kind", PACKED)
def test_no_gzip(tmp_path, kind, monkeypatch):
  data, what = PACKED[kind]
  path = tmp_path / "a.gz"
  path.write_bytes(data)
  if "lines" in kind:  # Two million lines take seconds; 64 MiB take minutes.
    monkeypatch.setattr(reading, "_SMALL", 2**16)
    monkeypatch.setattr(reading, "EXPANSION", 2)
  with pytest.raises(faults.Fault, match=f"^{path}:[0-9]+: .*{what}"):
    list(reading.lines(path))


def test_gzip_under_another_name(tmp_path):
  path = tmp_path / "a.jsonl"
  path.write_bytes(gzip.compress(b"{}\n"))
  for read in (reading.lines, reading.objects):
    with pytest.raises(faults.Fault, match="the file is gzip; let its name"):
      list(read(path))
  with pytest.raises(faults.Fault, match="the file is gzip"):
    reading.document(path)


def test_several_members_are_one_file(tmp_path):
  path = tmp_path / "a.gz"
  path.write_bytes(gzip.compress(b"1\n") + gzip.compress(b"2\n"))
  assert [line for _, line in reading.lines(path)] == ["1", "2"]


def test_what_is_no_file(tmp_path, monkeypatch):
  (tmp_path / "folder").mkdir()
  os.mkfifo(tmp_path / "pipe")
  (tmp_path / "broken").symlink_to("nowhere")
  (tmp_path / "loop").symlink_to("loop")
  with socket.socket(socket.AF_UNIX) as plug:
    monkeypatch.chdir(tmp_path)  # The name of a socket is short.
    plug.bind("socket")
    for name in ("folder", "pipe", "broken", "loop", "socket", "gone", "a\0b"):
      path = tmp_path / name
      for read in (reading.lines, reading.objects):
        with pytest.raises(faults.Fault, match="not a file|cannot be read"):
          list(read(path))
      with pytest.raises(faults.Fault, match="not a file|cannot be read"):
        reading.document(path)
  with pytest.raises(faults.Fault, match="^/dev/zero: it is not a file"):
    reading.document("/dev/zero")


def test_a_file_without_rights(tmp_path):
  path = put(tmp_path / "a", b"{}")
  path.chmod(0)
  if os.geteuid():  # root reads it all the same.
    with pytest.raises(faults.Fault, match="cannot be read .Permission"):
      list(reading.lines(path))
  assert reading.entries(tmp_path) == [path]
  with pytest.raises(faults.Fault, match="a: it cannot be read"):
    reading.entries(path)


JSON = {
  "no JSON": ("{a}", "not JSON"),
  "two objects": ("{} {}", "not JSON .Extra data, column 4"),
  "a key twice": ('{"a": [{"b": 1, "b": 2}]}', "the key 'b' stands twice"),
  "NaN": ('{"a": NaN}', "NaN is no JSON"),
  "Infinity": ('{"a": -Infinity}', "-Infinity is no JSON"),
  "a float too big": ('{"a": 1e999}', "the number 1e999 is too big"),
  "an integer too big": ('{"a": 1' + "0" * 5000 + "}", "a number is too big"),
  "deep": ('{"a": ' + "[" * 64 + "]" * 64 + "}", "more than 64 of one another"),
  "very deep": ("[" * 10**6, "more than 64 of one another"),
  "half a pair": (r'{"a": ["\ud83d"]}', "half of a surrogate pair"),
  "the other half": (r'{"a": "\uDe00"}', "half of a surrogate pair"),
  "half a pair in a key": (r'{"\ud83d": 1}', "half of a surrogate pair"),
  "NUL": (r'{"a": "\u0000"}', "NUL character"),
  "no object": ("[1]", "[1] is not a JSON object"),
}


@pytest.mark.parametrize("kind", JSON)
def test_no_json(tmp_path, kind):
  text, what = JSON[kind]
  path = put(tmp_path / "a", f'{{"fine": "\\ud83d\\ude00"}}\n{text}\n'.encode())
  with pytest.raises(faults.Fault) as error:
    list(reading.objects(path))
  assert str(error.value).startswith(f"{path}:2: ")
  assert what.replace(".", "(", 1) in str(error.value) or what in str(
    error.value
  )
  put(path, text.encode())
  with pytest.raises(faults.Fault) as error:
    reading.document(path, mend="make it again")
  assert str(error.value).startswith(str(path))
  assert str(error.value).endswith("; make it again")
  assert len(str(error.value)) < 300


def test_values_are_read_as_json_says(tmp_path):
  value = {"a": [1, -2.5, True, None, "ü\u2028\U0001f600", {"b": {}}], "": 0}
  for ascii_only in (True, False):
    path = put(
      tmp_path / "a",
      json.dumps(value, ensure_ascii=ascii_only, indent=2).encode(),
    )
    assert reading.document(path) == value
  with pytest.raises(faults.Fault, match="more than 10 bytes"):
    reading.document(path, most=10)
  assert reading.parse("[" * 64 + "]" * 64, "x") is not None


def test_one_of_plain_and_packed(tmp_path):
  plain, packed = tmp_path / "a", tmp_path / "a.gz"
  assert reading.find(plain) is None
  put(packed, b"")
  assert reading.find(tmp_path / "other", plain) == packed
  put(plain, b"")
  with pytest.raises(faults.Fault, match=f"^{plain}: {packed} stands for the"):
    reading.find(plain)


def test_values_are_shown_short():
  assert reading.shown("a\u202eb\n") == r"'a\u202eb\n'"
  assert len(reading.shown("x" * 10**6)) < 80
  assert len(reading.shown([{"a": list(range(10**5))}] * 100)) < 400
