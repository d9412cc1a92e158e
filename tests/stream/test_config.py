"""Settings: every mistake is refused in words, every key is explained, secrets stay secret."""

import tomllib
from pathlib import Path
from typing import Any, Literal, get_args, get_origin, get_type_hints

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from stream.config import (
    MASK,
    PREFIX,
    REMOVED_IN,
    RENAMED,
    RETIRED,
    SECRETS,
    SECTIONS,
    Config,
    ConfigError,
    Kafka,
    Policy,
    load,
    to_environment,
    to_toml,
)

KEYS = [(section, key) for section in SECTIONS for key in getattr(Config(), section).__struct_fields__]


def written(folder: Path, text: str) -> Path:
    path = folder / "headwater.toml"
    path.write_text(text)
    return path


def hint(section: str, key: str) -> tuple[Any, Any]:
    """Type and Meta of a setting."""
    found = get_type_hints(type(getattr(Config(), section)), include_extras=True)[key]
    return found.__origin__, found.__metadata__[0]


def test_nothing_given_means_the_defaults() -> None:
    assert load(None, {}) == Config() == load(None, {"HOME": "/", "HEADWATER_CONFIG": "elsewhere.toml"})


def test_a_file_is_read_and_the_environment_wins(tmp_path: Path) -> None:
    path = written(tmp_path, '[slate]\nslots = 7\nexclude_bought = true\n[kafka]\nbroker = "a:1"\n')
    found = load(path, {"HEADWATER_SLATE_SLOTS": "9", "HEADWATER_SLATE_ALLOW_UNKNOWN_ITEMS": "false"})
    assert (found.slate.slots, found.slate.exclude_bought, found.slate.allow_unknown_items) == (9, True, False)
    assert found.kafka.broker == "a:1"
    assert load(path, {"HEADWATER_BROKER": "b:2"}).kafka.broker == "b:2"
    assert load(path, {"HEADWATER_BROKER": "b:2", "HEADWATER_KAFKA_BROKER": "c:3"}).kafka.broker == "c:3"


@pytest.mark.parametrize(("section", "key"), KEYS)
def test_every_key_has_a_description_a_default_and_a_name_in_the_environment(section: str, key: str) -> None:
    _, meta = hint(section, key)
    assert meta.description
    default = getattr(getattr(Config(), section), key)
    text = str(default).lower() if isinstance(default, bool) else str(default)
    assert load(None, {f"{PREFIX}{section}_{key}".upper(): text}) == Config()


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("[slate]\nslotz = 7", "slotz"),
        ("[slates]\nslots = 7", "slates"),
        ("[rewards]\nview = 1.0\nlike = 3.0", "like"),
        ('[slate]\nslots = "7"', r"Expected `int`, got `str` - at `\$\.slate\.slots`"),
        ("[slate]\nslots = 7.5", r"Expected `int`, got `float` - at `\$\.slate\.slots`"),
        ("[kafka]\nbroker = 9092", r"Expected `str`, got `int` - at `\$\.kafka\.broker`"),
        ("[slate]\nexclude_bought = 1", r"Expected `bool`, got `int`"),
        ("slate = 7", r"Expected `object`, got `int` - at `\$\.slate`"),
        ("[slate]\nslots = 0", r"`int` >= 1 - at `\$\.slate\.slots`"),
        ("[slate]\nslots = 41", "`int` <= "),
        ("[policy]\nepsilon = 1.5", r"`float` <= 1.0 - at `\$\.policy\.epsilon`"),
        ("[gateway]\nrate = inf", r"must be a number; got inf - at `\$\.gateway\.rate`"),
        ("[policy]\nepsilon = nan", r"at `\$\.policy\.epsilon`"),
        ("[policy]\ndiscount = 1.0", r"at `\$\.policy\.discount`"),
        ('[policy]\nbootstrap = "best"', r"Invalid enum value 'best' - at `\$\.policy\.bootstrap`"),
        ("[rewards]\nsession_gap_s = 0", r"at `\$\.rewards\.session_gap_s`"),
        ("[worker]\nport = 65536", r"at `\$\.worker\.port`"),
        ("[slate\nslots = 7", "is not TOML"),
    ],
)  # fmt: skip
def test_a_mistake_in_the_file_is_reported_as_the_files(tmp_path: Path, text: str, words: str) -> None:
    path = written(tmp_path, text)
    with pytest.raises(ConfigError, match=f"^configuration {path}: .*{words}"):
        load(path, {"HEADWATER_SLATE_SLOTS": "9"})


@pytest.mark.parametrize("value", ["-1.0", "nan", "inf"])
@pytest.mark.parametrize("key", ["rewards.view", "rewards.purchase"])
def test_a_reward_is_a_number_that_can_be_counted(tmp_path: Path, key: str, value: str) -> None:
    """Rewards are added up in a Prometheus counter, which refuses what is below 0."""
    section, name = key.split(".")
    with pytest.raises(ConfigError, match=name):
        load(written(tmp_path, f"[{section}]\n{name} = {value}"), {})


@pytest.mark.parametrize(
    ("environment", "words"),
    [
        ({"HEADWATER_SLATE_SLOTZ": "7"}, "unknown setting HEADWATER_SLATE_SLOTZ; did you mean HEADWATER_SLATE_SLOTS"),
        ({"HEADWATER_": "7"}, "unknown setting HEADWATER_;"),
        ({"HEADWATER_SLATE_SLOTS": "seven"}, "HEADWATER_SLATE_SLOTS: must be a whole number; got 'seven'"),
        ({"HEADWATER_SLATE_SLOTS": "1_0"}, "must be a whole number; got '1_0': write digits only"),
        ({"HEADWATER_SLATE_SLOTS": " 9"}, "must be a whole number; got ' 9': leave out the blanks"),
        (
            {"HEADWATER_SLATE_SLOTS": "\uff11\uff12"},
            "must be a whole number; got '\uff11\uff12': write the digits 0 to 9",
        ),
        ({"HEADWATER_SLATE_SLOTS": "1e1"}, "must be a whole number; got '1e1'"),
        ({"HEADWATER_POLICY_EPSILON": "nan"}, "HEADWATER_POLICY_EPSILON: must be a number; got 'nan'"),
        ({"HEADWATER_GATEWAY_RATE": "inf"}, "must be a number; got 'inf'"),
        ({"HEADWATER_SLATE_SLOTS": "0"}, r"`int` >= 1 - at `\$\.slate\.slots`"),
        ({"HEADWATER_SLATE_EXCLUDE_BOUGHT": "perhaps"}, r"at `\$\.slate\.exclude_bought`"),
        ({"HEADWATER_POLICY_NAME": "the best"}, r"at `\$\.policy\.name`"),
    ],
)
def test_a_mistake_in_the_environment_is_reported(environment: dict[str, str], words: str) -> None:
    with pytest.raises(ConfigError, match=f"^environment.*{words}"):
        load(None, environment)


def test_settings_travel_to_a_child_process_through_the_environment() -> None:
    config = Config(kafka=Kafka(broker="a:1,b:2", mock=True, sasl_password="secret"), policy=Policy(epsilon=0.25))
    assert load(None, to_environment(config)) == config
    assert load(None, to_environment(Config())) == Config()


def test_a_file_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"missing\.toml: cannot be read: No such file"):
        load(tmp_path / "missing.toml", {})


def test_a_file_that_is_not_text(tmp_path: Path) -> None:
    path = tmp_path / "headwater.toml"
    path.write_bytes(b"\xff\xfe")
    with pytest.raises(ConfigError, match="is not TOML"):
        load(path, {})


def test_secrets_are_masked_and_nothing_else() -> None:
    assert {key for _, key in KEYS} >= SECRETS
    told = {"keys_file", "token_s"}  # where keys are, and how long tokens last
    words = ("password", "token", "secret", "keys")
    assert {key for _, key in KEYS if any(word in key for word in words)} - told == SECRETS
    text = to_toml(Config(kafka=Kafka(sasl_username="me", sasl_password="hunter2")))
    assert "hunter2" not in text
    assert f'sasl_password = "{MASK}"' in text
    assert 'sasl_username = "me"' in text
    assert 'sasl_password = ""' in to_toml(Config()), "that none is set is no secret"


def values(section: str, key: str) -> st.SearchStrategy[Any]:
    """Whatever a setting may be."""
    kind, meta = hint(section, key)
    if key in SECRETS:
        return st.just("")
    if get_origin(kind) is Literal:
        return st.sampled_from(get_args(kind))
    if kind is bool:
        return st.booleans()
    if kind is str:
        if meta.pattern is not None:
            return st.from_regex(meta.pattern, fullmatch=True).filter(str.isprintable)
        return st.text(st.characters(exclude_categories=["Cs", "Cc"]), max_size=12)
    low, high = (meta.gt if meta.ge is None else meta.ge), (meta.lt if meta.le is None else meta.le)
    if kind is int:
        return st.integers(low, 10**6 if high is None else high)
    low, high = (0.0 if low is None else low), (1e12 if high is None else high)
    open_below, open_above = meta.gt is not None, meta.lt is not None
    return st.floats(low, high, exclude_min=open_below, exclude_max=open_above, allow_subnormal=False)


@settings(deadline=None, derandomize=True, max_examples=30)
@given(st.fixed_dictionaries({key: values(*key) for key in KEYS}))
def test_what_is_printed_can_be_read_again(tmp_path_factory: pytest.TempPathFactory, drawn: dict[Any, Any]) -> None:
    given_: dict[str, dict[str, Any]] = {}
    for (section, key), value in drawn.items():
        given_.setdefault(section, {})[key] = value
    config = Config(**{name: type(getattr(Config(), name))(**keys) for name, keys in given_.items()})
    text = to_toml(config)
    assert tomllib.loads(text) == given_
    assert load(written(tmp_path_factory.getbasetemp(), text), {}) == config


def test_the_printed_file_explains_every_key() -> None:
    lines = to_toml(Config()).splitlines()
    for section, key in KEYS:
        place = next(n for n, line in enumerate(lines) if line == f"[{section}]")
        place = next(n for n, line in enumerate(lines[place:], place) if line.startswith(f"{key} = "))
        assert lines[place - 1] == f"# {hint(section, key)[1].description}"


def test_settings_cannot_be_changed() -> None:
    with pytest.raises(AttributeError):
        setattr(Config().policy, "name", "sarsa")  # noqa: B010  a plain assignment is refused by the type checker
    assert Config().policy == Policy()


def warnings(caplog: pytest.LogCaptureFixture) -> list[str]:
    return [record.getMessage() for record in caplog.records if record.name == "stream.config"]


@pytest.mark.parametrize(("section", "old", "new"), [(*names, new) for names, new in RENAMED.items()])
def test_an_old_name_is_accepted_with_one_warning(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, section: str, old: str, new: str
) -> None:
    default = getattr(getattr(Config(), section), new)
    value = default + 1
    path = written(tmp_path, f"[{section}]\n{old} = {value}\n")
    assert getattr(getattr(load(path, {}), section), new) == value
    (line,) = warnings(caplog)
    assert f"{path}: [{section}]: {old} is now called {new}" in line
    assert line.endswith(REMOVED_IN)
    caplog.clear()
    variable, renamed = f"{PREFIX}{section}_{old}".upper(), f"{PREFIX}{section}_{new}".upper()
    assert getattr(getattr(load(None, {variable: str(value)}), section), new) == value
    (line,) = warnings(caplog)
    assert line.startswith(f"environment: {variable} is now called {renamed};")


@pytest.mark.parametrize(("section", "old", "new"), [(*names, new) for names, new in RENAMED.items()])
def test_both_names_of_one_setting_are_refused(tmp_path: Path, section: str, old: str, new: str) -> None:
    path = written(tmp_path, f"[{section}]\n{old} = 9\n{new} = 9\n")
    with pytest.raises(ConfigError, match=rf"^configuration {path}: \[{section}\]: .*got both: remove {old}"):
        load(path, {})
    first, second = (f"{PREFIX}{section}_{key}".upper() for key in (old, new))
    with pytest.raises(ConfigError, match=f"^environment: .*got both: remove {first}"):
        load(None, {first: "9", second: "9"})


def test_the_environment_wins_over_an_old_name_in_the_file(tmp_path: Path) -> None:
    path = written(tmp_path, "[drift]\ncalm = 9.0\n")
    assert load(path, {"HEADWATER_DRIFT_COOL_DOWN": "7"}).drift.cool_down == 7.0


def test_the_new_names_are_settings_and_the_old_ones_are_not() -> None:
    for (section, old), new in RENAMED.items():
        assert (section, new) in KEYS
        assert (section, old) not in KEYS


@pytest.mark.parametrize(("section", "old", "new"), [(*names, new) for names, new in RETIRED.items()])
def test_a_setting_in_another_unit_is_ignored_with_one_warning_but_for_never(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, section: str, old: str, new: str
) -> None:
    default = getattr(getattr(Config(), section), new)
    variable = f"{PREFIX}{section}_{old}".upper()
    for value, expected in ((7, default), (0, 0)):
        path = written(tmp_path, f"[{section}]\n{old} = {value}\n")
        for config, origin in (
            (load(path, {}), f"{path}: [{section}]: {old}"),
            (load(None, {variable: f"{value}"}), variable),
        ):
            assert getattr(getattr(config, section), new) == expected
            (line,) = [line for line in warnings(caplog) if origin in line]
            assert "is no longer a setting" in line
        caplog.clear()


def test_the_new_setting_wins_over_one_that_is_gone(tmp_path: Path) -> None:
    assert load(written(tmp_path, "[slate]\nbacklog_records = 0\nwait_ms = 80.0\n"), {}).slate.wait_ms == 80.0


def test_new_names_alone_warn_of_nothing(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    load(written(tmp_path, to_toml(Config())), to_environment(Config()))
    assert not warnings(caplog)
