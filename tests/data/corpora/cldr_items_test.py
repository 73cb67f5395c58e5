"""Items of CLDR: named in all languages, and facts that point one way."""

import collections

from hybridret_jax.data.corpora import cldr_items


def by_block():
  return {item.block: item for item in cldr_items.items()}


def test_names_are_those_of_cldr():
  names = by_block()["cldr:territory:DE"].fields
  assert {one: fields["name"] for one, fields in names.items()} == {
    "ar": "ألمانيا",
    "de": "Deutschland",
    "el": "Γερμανία",
    "en": "Germany",
    "es": "Alemania",
    "hi": "जर्मनी",
    "ru": "Германия",
    "th": "เยอรมนี",
    "tr": "Almanya",
    "vi": "Đức",
    "zh": "德国",
  }


def test_facts_come_from_cldr():
  items = by_block()
  assert items["cldr:currency:JPY"].fields["en"]["places"] == "Japan"
  assert items["cldr:city:Europe/Paris"].fields["en"]["place"] == "France"
  assert items["cldr:unit:length-meter"].fields["en"]["quantity"] == "length"
  assert items["cldr:territory:DE"].fields["en"] == {
    "name": "Germany",
    "time": "Central European Standard Time",
    "day": "Monday",
  }
  assert items["cldr:territory:US"].fields["en"]["day"] == "Sunday"
  assert items["cldr:language:ca"].fields["en"]["places"].startswith("Andorra")
  assert "Georgian" in items["cldr:script:Geor"].fields["en"]["languages"]


def test_each_kind_is_there_and_none_beyond_its_number():
  counts = collections.Counter(item.kind for item in cldr_items.items())
  assert set(counts) == set(cldr_items.MOST)
  assert all(30 <= counts[kind] <= cldr_items.MOST[kind] for kind in counts)


def test_every_item_is_complete_and_its_name_its_own():
  names = collections.Counter()
  for item in cldr_items.items():
    assert tuple(item.fields) == cldr_items.LANGUAGES
    for language, fields in item.fields.items():
      assert all(fields.values())
      assert cldr_items.in_own_script(fields["name"], language)
      names[item.kind, language, fields["name"].casefold()] += 1
  assert set(names.values()) == {1}


def test_only_states_are_called_countries():
  states = cldr_items._states()
  assert {"DE", "BR", "JP"} <= set(states)
  assert not {"GL", "GI", "PR", "001"} & set(states)


def test_a_name_that_is_taken_in_one_language_is_left_out():
  def item(code, german, english):
    fields = {"de": {"name": german}, "en": {"name": english}}
    return cldr_items.Item("city", code, fields)

  first, same, other = (
    item("a", "A", "B"),
    item("b", "C", "b"),
    item("c", "D", "E"),
  )
  assert cldr_items._distinct([first, same, other]) == [first, other]


def test_scripts_are_told_apart():
  assert cldr_items.in_own_script("Германия", "ru")
  assert not cldr_items.in_own_script("Germany", "ru")
  assert not cldr_items.in_own_script("Германия", "en")
  assert cldr_items.in_own_script("ताइवान dollar", "hi") is False
