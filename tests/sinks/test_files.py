from pathlib import Path

import pytest

from streamcls.errors import OutputError, OutputPathError
from streamcls.sinks.files import check_outputs, write_whole


def refused(
    outputs: dict[str, Path], source: Path | None = None, *, overwrite: bool = False
) -> str:
    with pytest.raises(OutputPathError) as raised:
        check_outputs(outputs, source, overwrite=overwrite)
    return str(raised.value)


def test_new_files_in_existing_folders_are_fine(tmp_path: Path) -> None:
    outputs = {"--csv": tmp_path / "a.csv", "--video": tmp_path / "a.mp4", "--stats": Path("-")}
    check_outputs(outputs, None, overwrite=False)


def test_existing_files_need_to_be_allowed(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_text("precious")
    assert "exists; give --overwrite" in refused({"--csv": path})
    check_outputs({"--csv": path}, None, overwrite=True)
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
    write_whole(path, "old")
    write_whole(path, "new")
    assert path.read_text() == "new"
    assert [p.name for p in tmp_path.iterdir()] == ["s.json"]


def test_a_failure_leaves_the_old_file_and_no_rubbish(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "s.json"
    path.write_text("old")

    def fail(*_: object, **__: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Path, "write_text", fail)
    with pytest.raises(OutputError, match=r"s\.json: can't write: No space left"):
        write_whole(path, "new")
    assert path.read_bytes() == b"old"
    assert [p.name for p in tmp_path.iterdir()] == ["s.json"]
