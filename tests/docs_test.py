"""The site has what is public, and every public name says what it is."""

import inspect
import pathlib
import re

import pytest

import hybridret_jax

ROOT = pathlib.Path(__file__).parents[1]
FUNCTIONS = [
  getattr(hybridret_jax, name)
  for name in hybridret_jax.__all__
  if inspect.isfunction(getattr(hybridret_jax, name))
]
METHODS = [
  method
  for kind in (hybridret_jax.Retriever, hybridret_jax.Evaluation)
  for name, method in inspect.getmembers(
    kind, lambda x: inspect.isfunction(x) or inspect.ismethod(x)
  )
  if not name.startswith("_")
]


@pytest.mark.parametrize("name", hybridret_jax.__all__)
def test_every_public_name_has_its_place_on_the_page(name):
  found = getattr(hybridret_jax, name)
  where = f"::: {found.__module__}.{found.__qualname__}"
  assert where in (ROOT / "docs" / "api.md").read_text("utf-8").splitlines()


@pytest.mark.parametrize("found", FUNCTIONS + METHODS, ids=lambda x: x.__name__)
def test_arguments_are_documented_by_name(found):
  text = inspect.getdoc(found) or ""
  assert re.match(r"[^\n]+[.:]\n?", text), "a first line that is the contract"
  names = [
    name for name in inspect.signature(found).parameters if name != "self"
  ]
  told = "Args:" in text
  if len(names) > 1 or told:
    missing = [name for name in names if not re.search(rf"\b{name}\b", text)]
    assert not missing, f"{found.__name__} does not say what {missing} are"


def test_every_page_is_in_the_navigation():
  listed = (ROOT / "mkdocs.yml").read_text("utf-8")
  for page in (ROOT / "docs").glob("*.md"):
    assert f" {page.name}" in listed, page
  for page in (ROOT / "docs" / "tutorials").glob("*.md"):
    assert f"tutorials/{page.name}" in listed, page


def test_the_tutorials_programs_are_python():
  for page in [
    ROOT / "docs" / "index.md",
    *(ROOT / "docs").glob("tutorials/*"),
  ]:
    for program in re.findall(r"```python\n(.*?)```", page.read_text(), re.S):
      compile(program, str(page), "exec")
