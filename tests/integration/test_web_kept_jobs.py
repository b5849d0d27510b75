"""Jobs of earlier servers: found again, kept for their time, and deleted behind it."""

import json
from pathlib import Path

import pytest

from streamcls import clock
from streamcls.web.jobs import Jobs
from tests.integration.plant import until


def left(folder: Path, number: int, ended_utc: float | None, text: str | None = None) -> Path:
    """A job of a server that is gone."""
    job = folder / f"{number:016x}"
    job.mkdir(parents=True)
    facts = {
        "id": job.name,
        "file": "a.mp4",
        "source": "source.mp4",
        "is_upload": True,
        "fps": None,
        "created_utc": 0.0,
        "state": "waiting" if ended_utc is None else "done",
        "progress": {"frames": 1, "fps": 1.0, "at_s": 0.0, "duration_s": None},
        "error": None,
        "ended_utc": ended_utc,
    }
    (job / "job.json").write_text(json.dumps(facts) if text is None else text)
    return job


def test_jobs_expire(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("streamcls.web.jobs._SWEEP_S", 0.0)
    now_utc = clock.epoch_s()
    old, new, waiting = (
        left(tmp_path, number, ended_utc)
        for number, ended_utc in enumerate((now_utc - 61, now_utc, None))
    )
    with Jobs(tmp_path, lambda: None, waiting=2, keep_s=60) as jobs:
        jobs.start()
        until(lambda: not old.exists(), "the old one is deleted")
        assert {job.id for job in jobs.all()} == {new.name, waiting.name}
        monkeypatch.setattr(clock, "epoch_s", lambda: now_utc + 60)
        until(lambda: not new.exists(), "the other one is, too")
        assert [job.id for job in jobs.all()] == [waiting.name]


@pytest.mark.parametrize("text", ["", "{", "[]", '{"id": 1}', '{"progress": {}}', "\x00" * 100])
def test_what_is_torn_is_thrown_away(tmp_path: Path, text: str) -> None:
    torn, whole = left(tmp_path, 1, None, text), left(tmp_path, 2, None)
    foreign = tmp_path / "of somebody else"
    foreign.mkdir()
    with Jobs(tmp_path, lambda: None, waiting=2, keep_s=60) as jobs:
        assert [job.id for job in jobs.all()] == [whole.name]
    assert not torn.exists()
    assert foreign.exists()
