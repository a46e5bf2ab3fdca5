"""A configuration file that does not fit names itself, the key and the nearest valid one."""

import pytest
from pydantic import Field

from core.errors import ConfigError
from core.strict import Strict, load_toml


class Window(Strict):
    days: int
    kind: str | None = None


class Absent(Strict):
    source: str


class Plan(Strict):
    name: str
    capacity: int = 10
    window: Window | Absent | None = None
    steps: list[Window] = Field(default_factory=list)
    by_country: dict[str, Window] = Field(default_factory=dict)


def load(tmp_path, text):
    path = tmp_path / "plan.toml"
    path.write_text(text)
    return load_toml(path, Plan, name="plan")


def says(tmp_path, text):
    with pytest.raises(ConfigError) as caught:
        load(tmp_path, text)
    said = str(caught.value)
    assert said.startswith(f"{tmp_path / 'plan.toml'}: ")
    return said.removeprefix(f"{tmp_path / 'plan.toml'}: ")


def test_what_fits_is_a_model_that_cannot_be_changed(tmp_path):
    plan = load(tmp_path, "capacity = 3\n[[steps]]\ndays = 7\n")
    assert (plan.name, plan.capacity, plan.steps[0].days) == ("plan", 3, 7)
    with pytest.raises(ValueError, match="frozen"):
        plan.capacity = 4


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        pytest.param("capacty = 3", "key 'capacty' does not exist. Did you mean 'capacity'? "
                     "Known: by_country, capacity, name, steps, window.", id="at the top"),
        pytest.param("[window]\nsurce = 'app'", "key 'window.surce' does not exist. Did you mean 'source'? "
                     "Known: days, kind, source.", id="in one of two shapes"),
        pytest.param("[[steps]]\ndays = 1\n[[steps]]\ndays = 1\nknd = 'x'", "key 'steps.1.knd' does not exist. "
                     "Did you mean 'kind'? Known: days, kind.", id="in a list of tables"),
        pytest.param("[by_country.de]\ndays = 1\nkinds = 'x'", "key 'by_country.de.kinds' does not exist. "
                     "Did you mean 'kind'? Known: days, kind.", id="in a table of tables"),
        pytest.param("[[steps]]\ndyas = 1", "key 'steps.0.dyas' does not exist. Did you mean 'days'? Known: days, kind.",
                     id="a required key misspelt is not called missing"),
        pytest.param("zebra = 1", "key 'zebra' does not exist. Known: by_country, capacity, name, steps, window.",
                     id="nothing near"),
    ],
)
def test_an_unknown_key_is_named_with_the_nearest_valid_one(tmp_path, text, expected):
    assert says(tmp_path, text) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("[[steps]]\nkind = 'x'", "key 'steps.0.days' is missing."),
        ("capacity = 'many'", "capacity: Input should be a valid integer, unable to parse string as an integer, got 'many'."),
        ("[[steps]]\ndays = 'x'", "steps.0.days: Input should be a valid integer"),
        ("capacity = ", "not valid TOML: "),
        ("name = 'other'", "key 'name' is not written in the file: it is 'plan'. Remove it."),
    ],
)
def test_every_other_mistake_names_its_key(tmp_path, text, expected):
    assert says(tmp_path, text).startswith(expected)


def test_a_file_that_is_not_there_says_how_to_get_one(tmp_path):
    with pytest.raises(ConfigError, match=r"nowhere\.toml: the file does not exist\. `beforehand init` writes"):
        load_toml(tmp_path / "nowhere.toml", Plan)


def test_a_file_that_is_not_text_is_not_valid_toml(tmp_path):
    (tmp_path / "plan.toml").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(ConfigError, match="not valid TOML"):
        load_toml(tmp_path / "plan.toml", Plan)
