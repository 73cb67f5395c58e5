"""What is wrong with something that was given: where, what, and the mend."""

LONGEST = 2000  # Characters of what is wrong.


class Fault(ValueError):
  """An input that cannot be used: a file, a folder, a record or a setting.

  Its text is one line, `PLACE: WHAT; MEND`. Readers raise nothing else, so a
  caller can tell what is wrong with its input from a mistake of the program.

  Attributes:
    place: the file with its line ("pairs/en.jsonl:12"), the folder, or the
      setting.
    what: what is wrong, with the value.
    mend: what to do about it.
  """

  def __init__(self, place: object, what: str, mend: str):
    if len(what) > LONGEST:  # A name of a file's may be a page.
      what = f"{what[:LONGEST]}…"
    super().__init__(f"{place}: {what}; {mend}")
    self.place = str(place)
    self.what = what
    self.mend = mend
