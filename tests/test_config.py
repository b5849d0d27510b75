from pathlib import Path

import pytest

from streamcls.config import Settings, from_options, options
from streamcls.errors import SettingsError

CONFIGS = Path(__file__).parent.parent / "configs"


def mistakes(text: str, tmp_path: Path, **given: object) -> list[str]:
    file = tmp_path / "s.yaml"
    file.write_text(text)
    with pytest.raises(SettingsError) as raised:
        from_options(given, file)
    return [line.removeprefix(f"{file}:") for line in str(raised.value).splitlines()]


def test_defaults_stand_in_one_place() -> None:
    settings = from_options({"source": "a.mp4"})
    assert settings == Settings(source="a.mp4")
    assert settings.model.name == "resnet18"
    assert settings.postprocess.top_k == 3


def test_options_nest_in_their_groups_and_none_is_not_given() -> None:
    settings = from_options({"source": "a.mp4", "every": "5", "model": "demo", "top_k": None})
    assert settings.sample.every == 5
    assert settings.model.name == "demo"
    assert settings.postprocess.top_k == 3


def test_options_overrule_the_file(tmp_path: Path) -> None:
    file = tmp_path / "s.yaml"
    file.write_text("source: a.mp4\nsample: {every: 5}\noutputs:\n  csv: out.csv\n")
    settings = from_options({"source": "b.mp4", "every": "2"}, file)
    assert (settings.source, settings.sample.every) == ("b.mp4", 2)
    assert settings.outputs.csv == Path("out.csv")


def test_unknown_keys_are_refused_with_line_and_nearest_name(tmp_path: Path) -> None:
    text = "source: a.mp4\n\nsampel:\n  every: 3\nsample:\n  evry: 2\n  zzz: 1\n"
    assert mistakes(text, tmp_path) == [
        "3: sampel: unknown key, did you mean 'sample'?",
        "6: sample.evry: unknown key, did you mean 'every'?",
        "7: sample.zzz: unknown key",
    ]


def test_wrong_values_are_all_said_at_once(tmp_path: Path) -> None:
    text = "source: a.mp4\nsample: {fps: -1}\npostprocess:\n  threshold: .nan\noutputs: hello\n"
    assert mistakes(text, tmp_path) == [
        "2: sample.fps: should be greater than 0, not -1",
        "4: postprocess.threshold: should be a finite number, not nan",
        "5: outputs: should be a group of keys, each on a line of its own below it",
    ]


def test_a_mistake_on_the_command_line_names_the_option(tmp_path: Path) -> None:
    found = mistakes("source: a.mp4\nsample:\n  every: 0\n", tmp_path, top_k="x")
    assert found[0].startswith("--top-k: should be a valid integer")
    assert found[1] == "3: sample.every: should be greater than or equal to 1, not 0"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("source: [1", "1: not YAML"),
        ("- a\n", "1: no settings"),
        ("", "1: no settings"),
        ("source: a\nsource: b\n", "2: source: stands twice, first on line 1"),
        ("source: a\nsample:\n  every: 2\n  every: 3\n", "4: sample.every: stands twice"),
    ],
)
def test_files_that_are_no_settings(text: str, expected: str, tmp_path: Path) -> None:
    assert mistakes(text, tmp_path)[0].startswith(expected)


def test_a_missing_or_binary_file_is_one_line(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match=r"no\.yaml: No such file"):
        from_options({}, tmp_path / "no.yaml")
    (tmp_path / "b.yaml").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(SettingsError, match="not a text file in UTF-8"):
        from_options({}, tmp_path / "b.yaml")


@pytest.mark.parametrize(("given", "other"), [("fps", "every"), ("every", "fps")])
def test_an_option_overrules_the_one_that_it_excludes(
    given: str, other: str, tmp_path: Path
) -> None:
    (tmp_path / "s.yaml").write_text(f"source: a.mp4\nsample: {{{other}: 2}}\n")
    sample = from_options({given: 5}, tmp_path / "s.yaml").sample
    assert (getattr(sample, given), getattr(sample, other)) == (5, None)


def test_options_go_into_a_group_that_is_empty_in_the_file(tmp_path: Path) -> None:
    (tmp_path / "s.yaml").write_text("source: a.mp4\nsample:\noutputs:\n  # csv: b.csv\n")
    found = from_options({"every": 5, "csv": "c.csv"}, tmp_path / "s.yaml")
    assert (found.sample.every, found.outputs.csv) == (5, Path("c.csv"))


def test_a_key_in_the_wrong_place_is_told_the_right_one(tmp_path: Path) -> None:
    (tmp_path / "s.yaml").write_text("source: a.mp4\ntop_k: 5\n")
    with pytest.raises(SettingsError, match=r":2: top_k: .*it belongs in postprocess\.top_k"):
        from_options({}, tmp_path / "s.yaml")


@pytest.mark.parametrize("key", ["null", "true", "1"])
def test_keys_are_text(key: str, tmp_path: Path) -> None:
    (tmp_path / "s.yaml").write_text(f"source: a.mp4\n{key}: 5\n")
    with pytest.raises(SettingsError, match=f"s.yaml:2: {key}: a key has to be text"):
        from_options({}, tmp_path / "s.yaml")


def test_values_that_are_something_else_are_refused_in_plain_words(tmp_path: Path) -> None:
    (tmp_path / "s.yaml").write_text(
        "source: null\nsample: {every: yes}\nmodel: {name: ''}\noutputs: {csv: 2024-01-01}\n"
    )
    with pytest.raises(SettingsError) as raised:
        from_options({}, tmp_path / "s.yaml")
    said = [line.split(": ", 1)[1] for line in str(raised.value).splitlines()]
    assert said == [
        "source: missing",
        "sample.every: should be a number, not yes",
        "model.name: should not be empty",
        "outputs.csv: should be the name of a file, not datetime.date(2024, 1, 1)",
    ]
    with pytest.raises(SettingsError, match=r"^--csv: should be the name of a file, not empty$"):
        from_options({"source": "a.mp4", "csv": ""})


def test_every_and_fps_exclude_each_other() -> None:
    with pytest.raises(SettingsError, match="--fps: can't be given together with `every`"):
        from_options({"source": "a", "every": "2", "fps": "3"})


@pytest.mark.parametrize("value", ["nan", "-0.1", "1.1", "inf", "high"])
def test_a_threshold_is_a_probability(value: str) -> None:
    with pytest.raises(SettingsError, match="--threshold: "):
        from_options({"source": "a", "threshold": value})


def test_a_source_is_needed() -> None:
    with pytest.raises(SettingsError, match="SOURCE: missing"):
        from_options({})


def test_a_group_with_all_keys_commented_out_is_fine(tmp_path: Path) -> None:
    file = tmp_path / "s.yaml"
    file.write_text("source: a.mp4\nsample:\n#  every: 2\n")
    assert from_options({}, file).sample.every is None


def test_every_setting_has_a_description() -> None:
    assert [o.name for o in options().values() if not o.help] == []


@pytest.mark.parametrize("file", sorted(CONFIGS.glob("*.yaml")), ids=lambda file: file.name)
def test_the_examples_load(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CAM_PASSWORD", "geheim")
    assert from_options({}, file).source
