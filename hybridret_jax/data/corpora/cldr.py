"""A small parallel corpus of questions and answers from Unicode CLDR names.

Babel carries CLDR's names of countries, languages, scripts, currencies, cities
and units in 11 languages. Templates in each language turn them into questions
and answer passages. Names are the same in training, validation and test, since
a name that was never seen cannot be learnt; what is held out is the forms of
the questions.
"""

import functools
import hashlib
import importlib.metadata
import json
import os
import pathlib
import shutil
import tempfile

from hybridret_jax.data.corpora import cldr_items

LANGUAGES = cldr_items.LANGUAGES

_HERE = pathlib.Path(__file__).parent
_STAMP = "stamp.json"
_VALIDATION_ITEMS = 200


def write(folder, *, seed=0):
  """Writes `pairs/<language>.jsonl`, `validation/` and `test/` into `folder`.

  `pairs` has one group for each (item, form of the question), whose block is
  the item. `validation` and `test` are retrieval tasks (`queries.jsonl`,
  `candidates.jsonl`, `qrels.tsv`) in all languages with forms of their own:
  `test` asks once about every item, `validation` about 200 of them. `seed`
  decides which item gets which of several forms. The same arguments and the
  same version of Babel write the same bytes; a folder that is complete is left
  as it is. Raises FileExistsError where `folder` holds something else.
  """
  folder = pathlib.Path(folder)
  stamp = _stamp(seed)
  if folder.exists():
    if _read_stamp(folder) == stamp:
      return
    if any(folder.iterdir()) and not (folder / _STAMP).exists():
      raise FileExistsError(
        f"{folder} holds files that are not of this corpus; name another "
        "folder or empty it"
      )
  folder.parent.mkdir(parents=True, exist_ok=True)
  aside = tempfile.mkdtemp(prefix=f".{folder.name}-", dir=folder.parent)
  try:
    _write_all(pathlib.Path(aside), seed=seed)
    (pathlib.Path(aside) / _STAMP).write_text(json.dumps(stamp) + "\n")
    os.chmod(aside, 0o755)
    _replace(aside, folder, stamp)
  except BaseException:
    shutil.rmtree(aside, ignore_errors=True)
    raise


def _replace(aside, folder, stamp):
  """Puts `aside` in the place of `folder`, unless another process just has."""
  try:
    if folder.exists() and _read_stamp(folder) != stamp:
      shutil.rmtree(folder)
    os.replace(aside, folder)
  except OSError:
    if _read_stamp(folder) != stamp:
      raise
    shutil.rmtree(aside)


def _stamp(seed):
  """What the content depends on: this code, the templates, Babel, the seed."""
  sources = [_HERE / "cldr.py", _HERE / "cldr_items.py"]
  sources += [_template_file(language) for language in LANGUAGES]
  digest = hashlib.sha256(b"\0".join(path.read_bytes() for path in sources))
  return {
    "corpus": "cldr",
    "generator": digest.hexdigest(),
    "babel": importlib.metadata.version("babel"),
    "seed": seed,
  }


def _read_stamp(folder):
  try:
    return json.loads((folder / _STAMP).read_text())
  except (FileNotFoundError, json.JSONDecodeError):
    return None


def _write_all(folder, *, seed):
  items = cldr_items.items()
  chosen = sorted(items, key=lambda item: _hash(seed, "chosen", item.block))
  chosen = {item.block for item in chosen[:_VALIDATION_ITEMS]}
  asked = [item for item in items if item.block in chosen]
  (folder / "pairs").mkdir()
  for language in LANGUAGES:
    records = [
      _pair(item, language, number, form, seed=seed)
      for item in items
      for number, form in enumerate(_forms(language, item.kind, "train"))
    ]
    _write_lines(folder / "pairs" / f"{language}.jsonl", records)
  _write_task(folder / "validation", asked, "validation", seed=seed)
  _write_task(folder / "test", items, "test", seed=seed)


def _pair(item, language, number, form, *, seed):
  group = f"{item.block}:{number}"
  return {
    "id": f"{group}:{language}",
    "group": group,
    "lang": language,
    "query": _question(item, language, form),
    "passage": _passage(item, language, seed=seed),
    "source": "cldr",
    "block": item.block,
  }


def _write_task(folder, items, split, *, seed):
  """One question in each language about each item, answered in every one."""
  folder.mkdir()
  queries, candidates, qrels = [], [], []
  for language in LANGUAGES:
    for item in items:
      forms = _forms(language, item.kind, split)
      form = forms[_hash(seed, split, item.block) % len(forms)]
      queries.append(
        {
          "id": f"q:{item.block}:{language}",
          "lang": language,
          "text": _question(item, language, form),
          "group": item.block,
          "cluster": item.block,
        }
      )
      candidates.append(
        {
          "id": f"c:{item.block}:{language}",
          "lang": language,
          "text": _passage(item, language, seed=seed),
          "group": item.block,
        }
      )
      qrels += [
        f"q:{item.block}:{language}\tc:{item.block}:{other}\t1"
        for other in LANGUAGES
      ]
  _write_lines(folder / "queries.jsonl", queries)
  _write_lines(folder / "candidates.jsonl", candidates)
  (folder / "qrels.tsv").write_text("\n".join(qrels) + "\n", encoding="utf-8")


def _write_lines(path, records):
  lines = [json.dumps(record, ensure_ascii=False) for record in records]
  path.write_text("\n".join(lines) + "\n", encoding="utf-8")


def _template_file(language):
  return _HERE / "cldr_templates" / f"{language}.json"


@functools.cache
def _templates(language):
  return json.loads(_template_file(language).read_text(encoding="utf-8"))


def _forms(language, kind, split):
  """Forms of a question: those of the kind, then those of any kind."""
  templates = _templates(language)
  return templates[kind][split] + [
    form.replace("{about}", templates["about"][kind])
    for form in templates["general"].get(split, ())
  ]


def _question(item, language, form):
  return _sentence(form.format(**item.fields[language]), language)


def _passage(item, language, *, seed):
  """The item's entry, in one of the kind's forms, the same in all languages."""
  templates = _templates(language)
  forms = templates[item.kind]["passage"]
  fields = dict(item.fields[language])
  if "quantity" in fields:
    fields["quantity"] = templates["quantity"][fields["quantity"]]
  form = forms[_hash(seed, "passage", item.block) % len(forms)]
  return _sentence(form.format(**fields), language)


def _sentence(text, language):
  """The text with a capital at its start and plain, single spaces."""
  text = " ".join(text.split())
  # Python's upper() knows no Turkish dotted capital.
  first = "İ" if language == "tr" and text[0] == "i" else text[0].upper()
  return first + text[1:]


def _hash(seed, *words):
  text = "\t".join([str(seed), *words])
  return int.from_bytes(hashlib.blake2b(text.encode(), digest_size=8).digest())
