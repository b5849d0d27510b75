"""Video files to classify; the process that does the work is a fake here."""

import json
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from streamcls import clock
from streamcls.errors import OutputPathError, SourceError
from streamcls.web import jobs as module
from streamcls.web.job import Job, ending_of
from streamcls.web.job_process import Progress, Task
from streamcls.web.jobs import Jobs
from streamcls.web.problems import Problem

PATIENCE_S = 10.0
DAY_S = 86400.0


class FakeProcess:
    """Does what the test says with a task."""

    work: Callable[[Task, threading.Event], Iterator[Progress]]
    tasks: list[Task]

    def __init__(self, task: Task) -> None:
        self._task, self._ended = task, threading.Event()
        FakeProcess.tasks.append(task)

    def __enter__(self) -> "FakeProcess":
        return self

    def __exit__(self, *_: object) -> None:
        self.end()

    def progress(self) -> Iterator[Progress]:
        return FakeProcess.work(self._task, self._ended)

    def end(self) -> None:
        self._ended.set()


def done(task: Task, _: threading.Event) -> Iterator[Progress]:
    yield Progress(10, 25.0, 5.0, 10.0)
    (task.folder / "labels.csv").write_text("frame\n")


def fails(task: Task, _: threading.Event) -> Iterator[Progress]:
    raise SourceError(f"{task.source}: not a video that can be read")
    yield Progress()


def hangs(_: Task, ended: threading.Event) -> Iterator[Progress]:
    yield Progress(1, 25.0, 1.0, 10.0)
    assert ended.wait(PATIENCE_S)
    raise SourceError("its process was ended by SIGKILL")


Make = Callable[..., Jobs]


@pytest.fixture
def make(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Make]:
    """Makes jobs at work: make(work, keep_s=…); the same folder each time."""
    monkeypatch.setattr(module, "JobProcess", FakeProcess)
    monkeypatch.setattr(module, "_LOOK_S", 0.01)
    monkeypatch.setattr(module, "_SWEEP_S", 0.01)
    FakeProcess.tasks = []
    made: list[Jobs] = []

    def jobs(
        work: Callable[[Task, threading.Event], Iterator[Progress]],
        *,
        keep_s: float = DAY_S,
        waiting: int = 2,
    ) -> Jobs:
        FakeProcess.work = staticmethod(work)
        one = Jobs(tmp_path / "jobs", lambda: Task({}), waiting=waiting, keep_s=keep_s)
        made.append(one)
        one.start()
        return one

    yield jobs
    for one in made:
        one.close()


def uploaded(jobs: Jobs, name: str = "match.mp4") -> Job:
    folder = jobs.new_folder()
    (folder / "source.mp4").write_bytes(b"video")
    return jobs.add(folder, name, "source.mp4", None)


def until(jobs: Jobs, job: Job, state: str) -> Job:
    end_s = time.monotonic() + PATIENCE_S
    while time.monotonic() < end_s:
        found = jobs.get(job.id)
        if found.state == state:
            return found
        time.sleep(0.005)
    raise AssertionError(f"{jobs.get(job.id)} is not {state}")


def test_an_upload_is_classified_and_deleted(make: Make, tmp_path: Path) -> None:
    jobs = make(done)
    job = uploaded(jobs)
    after = until(jobs, job, "done")
    assert (after.progress.frames, after.progress.share, after.error) == (10, 0.5, None)
    folder = tmp_path / "jobs" / job.id
    assert sorted(path.name for path in folder.iterdir()) == ["job.json", "labels.csv"]
    assert FakeProcess.tasks[0].source == folder / "source.mp4"
    assert jobs.result(job.id, "labels.csv") == folder / "labels.csv"
    with pytest.raises(Problem, match=r"no video\.mp4"):
        jobs.result(job.id, "video.mp4")


def test_a_file_of_the_folder_is_left_alone(make: Make, tmp_path: Path) -> None:
    video = tmp_path / "own.mp4"
    video.write_bytes(b"video")
    jobs = make(done)
    job = jobs.add(jobs.new_folder(), "own.mp4", str(video), 5.0)
    until(jobs, job, "done")
    assert video.exists()
    assert (FakeProcess.tasks[0].source, FakeProcess.tasks[0].fps) == (video, 5.0)


def test_a_failure_says_why_without_our_paths(make: Make, tmp_path: Path) -> None:
    jobs = make(fails)
    job = until(jobs, uploaded(jobs), "failed")
    assert job.error == "match.mp4: not a video that can be read"
    assert not (tmp_path / "jobs" / job.id / "source.mp4").exists()


def test_removing_ends_the_work_and_the_next_begins(make: Make, tmp_path: Path) -> None:
    jobs = make(hangs)
    first = until(jobs, uploaded(jobs), "running")
    FakeProcess.work = staticmethod(done)
    second = uploaded(jobs)
    jobs.remove(first.id)
    until(jobs, second, "done")
    with pytest.raises(Problem, match="no such job"):
        jobs.get(first.id)
    assert not (tmp_path / "jobs" / first.id).exists()


def test_so_many_may_wait(make: Make) -> None:
    jobs = make(hangs)
    until(jobs, uploaded(jobs), "running")
    uploaded(jobs)
    uploaded(jobs)
    with pytest.raises(Problem) as found:
        jobs.new_folder()
    assert (found.value.status_code, found.value.code) == (503, "busy")


def test_a_stop_leaves_the_work_for_the_next_server(make: Make, tmp_path: Path) -> None:
    jobs = make(hangs)
    job = until(jobs, uploaded(jobs), "running")
    jobs.close()
    assert (tmp_path / "jobs" / job.id / "source.mp4").exists()
    again = make(done)
    assert until(again, job, "done").file == "match.mp4"


def test_halves_of_uploads_are_deleted_at_the_next_start(make: Make, tmp_path: Path) -> None:
    jobs = make(done)
    folder = jobs.new_folder()
    (folder / "tmp123").write_bytes(b"half")
    strange = tmp_path / "jobs" / "somebody's own"
    strange.mkdir()
    jobs.close()
    again = make(done)
    assert again.all() == []
    assert not folder.exists() and strange.exists()


@pytest.mark.parametrize("text", ["", "{}", "[]", '{"id": "x"}', "nonsense"])
def test_a_damaged_note_is_no_job(make: Make, tmp_path: Path, text: str) -> None:
    folder = tmp_path / "jobs" / "0123456789abcdef"
    folder.mkdir(parents=True)
    (folder / "job.json").write_text(text)
    assert make(done).all() == []
    assert not folder.exists()


def test_they_are_kept_for_a_day(
    make: Make, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    jobs = make(done)
    job = until(jobs, uploaded(jobs), "done")
    assert job.ended_utc is not None
    assert jobs.expires_utc(job) == job.ended_utc + DAY_S
    monkeypatch.setattr(clock, "epoch_s", lambda: time.time() + DAY_S + 1)
    end_s = time.monotonic() + PATIENCE_S
    while (tmp_path / "jobs" / job.id).exists() and time.monotonic() < end_s:
        time.sleep(0.005)
    assert not (tmp_path / "jobs" / job.id).exists()
    assert jobs.all() == []


def test_a_job_that_ends_the_server_twice_is_not_begun_again(make: Make, tmp_path: Path) -> None:
    jobs = make(hangs)
    job = until(jobs, uploaded(jobs), "running")
    note = tmp_path / "jobs" / job.id / "job.json"
    while '"tries": 1' not in note.read_text():
        time.sleep(0.005)
    crashed = note.read_text()
    jobs.close()
    for tries, state in ((1, "done"), (2, "failed")):
        note.write_text(crashed.replace('"tries": 1', f'"tries": {tries}'))
        (note.parent / "source.mp4").write_bytes(b"video")
        again = make(done)
        until(again, job, state)
        again.close()


def test_a_failure_of_ours_fails_its_job_alone(
    make: Make, caplog: pytest.LogCaptureFixture
) -> None:
    def odd(_: Task, __: threading.Event) -> Iterator[Progress]:
        raise ValueError("odd")
        yield Progress()

    jobs = make(odd)
    until(jobs, uploaded(jobs), "failed")
    FakeProcess.work = staticmethod(done)
    until(jobs, uploaded(jobs), "done")
    assert "unexpected ValueError: odd" in caplog.text


def test_two_servers_can_t_share_a_folder(make: Make) -> None:
    make(done)
    with pytest.raises(OutputPathError, match="another server works there"):
        make(done)


def test_what_is_kept_can_be_read(make: Make, tmp_path: Path) -> None:
    jobs = make(done)
    job = until(jobs, uploaded(jobs), "done")
    kept = json.loads((tmp_path / "jobs" / job.id / "job.json").read_text())
    assert (kept["id"], kept["state"], kept["file"]) == (job.id, "done", "match.mp4")


@pytest.mark.parametrize(
    ("name", "ending"),
    [
        ("a.mp4", ".mp4"),
        ("a.b.MKV", ".MKV"),
        ("a", ""),
        (".mp4", ""),
        ("a.m/4", ""),
        ("a.toolong", ""),
    ],
)
def test_an_ending_is_a_plain_one_or_none(name: str, ending: str) -> None:
    assert ending_of(name) == ending
