from pathlib import Path

import pytest

from streamcls.errors import OutputError, OutputPathError
from streamcls.sinks.files import as_text, check_outputs, creating, remove, write_whole


def refused(
    outputs: dict[str, Path], source: Path | None = None, *, overwrite: bool = False
) -> str:
    with pytest.raises(OutputPathError) as raised:
        check_outputs(outputs, {source: "the source"} if source else {}, overwrite=overwrite)
    return str(raised.value)


def test_new_files_in_existing_folders_are_fine(tmp_path: Path) -> None:
    outputs = {"--csv": tmp_path / "a.csv", "--video": tmp_path / "a.mp4", "--stats": Path("-")}
    check_outputs(outputs, {}, overwrite=False)


def test_existing_files_need_to_be_allowed(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_text("precious")
    assert "exists; give --overwrite" in refused({"--csv": path})
    check_outputs({"--csv": path}, {}, overwrite=True)
    assert path.read_text() == "precious"


def test_the_source_is_never_an_output(tmp_path: Path) -> None:
    source = tmp_path / "a.mp4"
    source.write_text("precious")
    link = tmp_path / "link.mp4"
    link.symlink_to(source)
    for path in (source, link, tmp_path / "." / "a.mp4"):
        assert "is the source itself" in refused({"--video": path}, source, overwrite=True)


def test_two_outputs_can_not_be_one_file(tmp_path: Path) -> None:
    message = refused({"--csv": tmp_path / "a.csv", "--events": tmp_path / "." / "a.csv"})
    assert "the same file as --csv" in message
    for name in ("a.csv", "b.csv"):
        (tmp_path / name).symlink_to(tmp_path / "real.csv")
    outputs = {"--csv": tmp_path / "a.csv", "--events": tmp_path / "b.csv"}
    assert "the same file as --csv" in refused(outputs, overwrite=True)


def test_what_came_after_the_check_is_not_overwritten(tmp_path: Path) -> None:
    """As by another run that was started at the same time."""
    path = tmp_path / "a.csv"
    path.write_text("precious")
    with pytest.raises(OutputPathError, match="exists"), creating(path, overwrite=False):
        pass
    assert path.read_text() == "precious"
    with creating(path, overwrite=True) as file:
        file.close()
    assert path.read_text() == ""


def test_a_new_file_is_taken_away_if_it_can_not_be_begun(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    with pytest.raises(ZeroDivisionError), creating(path, overwrite=False) as file:
        raise ZeroDivisionError
    assert file.closed
    assert not path.exists()


def test_devices_can_be_written_and_stay(tmp_path: Path) -> None:
    null = Path("/dev/null")
    check_outputs({"--csv": null}, {}, overwrite=False)
    with creating(null, overwrite=False) as file:
        file.close()
    with pytest.raises(ZeroDivisionError), creating(null, overwrite=False):
        raise ZeroDivisionError
    write_whole(null, "text", overwrite=False)
    assert null.is_char_device()


def test_names_that_are_no_text_can_be_written(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    with creating(path, overwrite=False) as file, as_text(file) as text:
        text.write("caf\udce9")
    assert path.read_bytes() == b"caf?"


def test_folders(tmp_path: Path) -> None:
    assert "is a folder" in refused({"--csv": tmp_path})
    assert "create it first" in refused({"--csv": tmp_path / "no" / "a.csv"})
    assert "create it first" in refused({"--csv": Path("/dev/null/a.csv")})


def test_a_folder_that_can_not_be_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Root may write everywhere, so the system's answer is replaced."""
    monkeypatch.setattr("os.access", lambda *_: False)
    assert "no permission" in refused({"--csv": tmp_path / "a.csv"})


def test_a_whole_file_is_replaced_in_one_step(tmp_path: Path) -> None:
    path = tmp_path / "s.json"
    write_whole(path, "old", overwrite=False)
    write_whole(path, "new", overwrite=True)
    assert path.read_text() == "new"
    assert [p.name for p in tmp_path.iterdir()] == ["s.json"]


@pytest.mark.parametrize("links", [True, False])
def test_a_whole_file_that_came_meanwhile_is_not_replaced(
    links: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def no_links(*_: object) -> None:
        raise PermissionError(1, "Operation not permitted")  # as on FAT

    if not links:
        monkeypatch.setattr(Path, "hardlink_to", no_links)
    path = tmp_path / "s.json"
    write_whole(path, "first", overwrite=False)
    with pytest.raises(OutputPathError, match="exists"):
        write_whole(path, "second", overwrite=False)
    assert path.read_text() == "first"
    assert [p.name for p in tmp_path.iterdir()] == ["s.json"]


def test_names_that_can_not_be(tmp_path: Path) -> None:
    circle = tmp_path / "circle.csv"
    circle.symlink_to(circle)
    assert "circle.csv: " in refused({"--csv": circle})
    assert "too long" in refused({"--csv": tmp_path / ("a" * 300)})
    assert "null byte" in refused({"--csv": tmp_path / "a\0b"})
    nowhere = tmp_path / "nowhere.csv"
    nowhere.symlink_to(tmp_path / "not there")
    assert "exists" in refused({"--csv": nowhere})
    check_outputs({"--csv": nowhere}, {}, overwrite=True)


def test_a_file_called_dash_is_not_taken_for_standard_output(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("-").write_text("precious")
    remove(Path("-"))
    assert Path("-").read_text() == "precious"


def test_a_failure_leaves_the_old_file_and_no_rubbish(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "s.json"
    path.write_text("old")

    def fail(*_: object, **__: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Path, "write_bytes", fail)
    with pytest.raises(OutputError, match=r"s\.json: can't write: No space left"):
        write_whole(path, "new", overwrite=True)
    assert path.read_text() == "old"
    assert [p.name for p in tmp_path.iterdir()] == ["s.json"]
