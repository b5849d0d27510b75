from pathlib import Path

import pytest

from streamcls.config.options import check_fits, from_options, options
from streamcls.config.settings import Settings
from streamcls.errors import SettingsError
from tests.config.mistakes import mistakes


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


def test_values_that_are_something_else_are_refused_in_plain_words(tmp_path: Path) -> None:
    (tmp_path / "s.yaml").write_text(
        "source: null\nsample: {every: yes}\nmodel: {name: ''}\noutputs: {csv: 5}\n"
    )
    with pytest.raises(SettingsError) as raised:
        from_options({}, tmp_path / "s.yaml")
    said = [line.split(": ", 1)[1] for line in str(raised.value).splitlines()]
    assert said == [
        "source: missing",
        "sample.every: should be a number, not yes",
        "model.name: should not be empty",
        "outputs.csv: should be the name of a file, not 5",
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


# -- live sources

LIVE_ONLY = {
    "rtsp_transport": "udp",
    "connect_timeout": 3,
    "read_timeout": 3,
    "max_retries": 2,
    "retry_for": 60,
    "stale_after": 1,
    "frozen_after": 0,
    "max_delay": 1,
    "rotate": "1h",
    "keep": "30d",
    "keep_size": "1GB",
    "snapshots": "pictures",
    "queue_size": 2,
    "queue_policy": "block",
}


def test_what_only_live_sources_have_is_refused_for_a_file_one_line_each() -> None:
    settings = from_options({"source": "a.mp4", **LIVE_ONLY})
    with pytest.raises(SettingsError) as raised:
        check_fits(settings, live=False)
    lines = str(raised.value).splitlines()
    said = {f"--{name.replace('_', '-')}" for name in LIVE_ONLY}
    assert {line.split()[0] for line in lines} == said
    assert len(lines) == len(said)
    assert all(line.endswith("): only for live sources") for line in lines)
    assert "--rtsp-transport (connection.transport): only for live sources" in lines
    check_fits(from_options({"source": "0", **LIVE_ONLY, "csv": "o.csv"}), live=True)


def test_a_rotation_of_nothing_is_refused() -> None:
    with pytest.raises(
        SettingsError, match=r"--rotate .outputs.rotate.: needs --csv, --jsonl, --events or --video"
    ):
        check_fits(from_options({"source": "0", "rotate": "1h"}), live=True)


@pytest.mark.parametrize(("name", "value"), [("keep", "30d"), ("keep_size", "10GB")])
def test_what_is_kept_of_nothing_is_refused(name: str, value: str) -> None:
    given = {"source": "0", name: value, "stats": "s.json", "csv": "-"}
    option = f"--{name.replace('_', '-')}"
    needs = "--csv, --jsonl, --events, --video or --snapshots"
    with pytest.raises(SettingsError, match=rf"^{option} .outputs.{name}.: needs {needs}$"):
        check_fits(from_options(given), live=True)
    check_fits(from_options({**given, "jsonl": "o.jsonl"}), live=True)
    check_fits(from_options({**given, "snapshots": "pictures"}), live=True)


def test_a_window_over_a_file_is_refused() -> None:
    with pytest.raises(SettingsError, match=r"--show .outputs.show.: only for live sources"):
        check_fits(from_options({"source": "a.mp4", "show": True}), live=False)
    check_fits(from_options({"source": "a.mp4", "show": False}), live=False)


def test_what_only_files_have_is_refused_for_a_live_source() -> None:
    settings = from_options({"source": "0", "start": 5})
    with pytest.raises(SettingsError) as raised:
        check_fits(settings, live=True)
    assert str(raised.value) == "--start (sample.start): only for recordings"
    check_fits(settings, live=False)


@pytest.mark.parametrize("live", [True, False])
def test_all_other_settings_fit_both(live: bool) -> None:
    given: dict[str, object] = {
        "source": "x",
        "camera": "door",
        "every": 2,
        "duration": 5,
        "top_k": 5,
        "csv": "a.csv",
        "video": "a.mp4",
        "stats": "a.json",
        "threads": 2,
    }
    check_fits(from_options(given), live=live)


def test_a_setting_of_the_file_that_does_not_fit_is_refused_too(tmp_path: Path) -> None:
    (tmp_path / "s.yaml").write_text("source: a.mp4\nsignal: {stale_after: 2}\n")
    # It is the default; but who writes it expects something of it.
    with pytest.raises(SettingsError, match=r"^--stale-after \(signal\.stale_after\): only for"):
        check_fits(from_options({}, tmp_path / "s.yaml"), live=False)


@pytest.mark.parametrize(
    ("option", "value"),
    [
        ("connect_timeout", 0),
        ("read_timeout", -1),
        ("max_retries", -1),
        ("max_retries", 1.5),
        ("retry_for", -1),
        ("stale_after", 0),
        ("frozen_after", -1),
        ("frozen_after", "nan"),
        ("max_delay", 0),
        ("queue_size", 0),
        ("queue_policy", "oldest"),
        ("rtsp_transport", "TCP"),
    ],
)
def test_limits_of_live_settings(option: str, value: object) -> None:
    with pytest.raises(SettingsError, match=f"^--{option.replace('_', '-')}: ") as raised:
        from_options({"source": "0", option: value})
    assert "\n" not in str(raised.value)


@pytest.mark.parametrize("option", ["max_retries", "retry_for", "frozen_after"])
def test_0_is_a_value_where_it_means_something(option: str) -> None:
    settings = from_options({"source": "0", option: 0})
    where = options()[option].where
    assert getattr(getattr(settings, where[0]), where[1]) == 0


@pytest.mark.parametrize("value", [True, False, None])
def test_a_window_can_be_asked_for_or_ruled_out_or_left_alone(value: bool | None) -> None:
    assert from_options({"source": "0", "show": value}).outputs.show is value


def test_the_window_is_a_switch_with_a_name_for_off() -> None:
    show = options()["show"]
    assert (show.where, show.is_flag, show.off, show.default) == (
        ("outputs", "show"),
        True,
        "headless",
        None,
    )
    assert [option.name for option in options().values() if option.off] == ["show"]
    assert "headless" not in options()


def test_an_option_overrules_the_window_of_the_file(tmp_path: Path) -> None:
    (tmp_path / "s.yaml").write_text("source: '0'\noutputs: {show: true}\n")
    assert from_options({}, tmp_path / "s.yaml").outputs.show is True
    assert from_options({"show": None}, tmp_path / "s.yaml").outputs.show is True
    assert from_options({"show": False}, tmp_path / "s.yaml").outputs.show is False


def test_a_window_is_yes_or_no(tmp_path: Path) -> None:
    (found,) = mistakes("source: '0'\noutputs:\n  show: maybe\n", tmp_path)
    assert found.startswith("3: outputs.show: should be a valid boolean")
