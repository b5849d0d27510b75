"""`streamcls check` of a settings file with cameras."""

from pathlib import Path

from streamcls.cli.check import print_json
from streamcls.cli.report import print_table
from streamcls.config.plant import PlantSettings
from streamcls.plant.check import CameraFound, Capacity, Report, check
from streamcls.runtime.stop import Stop


def check_plant(plant: PlantSettings, file: Path, *, as_json: bool, progress: bool) -> None:
    """Checks, and prints what was found.

    Raises:
        StreamclsError: it can't even be tried.
        SystemExit: something is not as it should be, or a signal ended it.
    """
    stop = Stop()
    with stop.on_signals():
        report = check(plant, file, stop, progress=progress)
    if stop.signal is not None:
        raise SystemExit(128 + stop.signal)
    if as_json:
        print_json(_values(report))
    else:
        _print(report)
    if not report.is_ok:
        raise SystemExit(1)


def _print(report: Report) -> None:
    columns = ("camera", "", "size", "fps", "labels/s", "")
    print_table(columns, map(_row, report.cameras), right=("fps", "labels/s"))
    if report.others:
        rows = [(one.what, one.error or "ok") for one in report.others]
        print_table(("receivers and folders", ""), rows)
    print_table(("this CPU", ""), _capacity_rows(report.capacity))


def _row(found: CameraFound) -> tuple[str, ...]:
    seen = found.seen
    if seen is None:
        asked = f"{found.asked:.1f}" if found.asked else ""
        return (found.name, "dead", "", "", asked, found.error)
    faults = ", ".join(f"{count} frames {why}" for why, count in seen.faults.items())
    return (
        found.name,
        "wrong" if found.error else "ok",
        ", ".join(seen.sizes),
        f"{seen.fps:.1f}",
        f"{found.asked:.1f}",
        "; ".join(part for part in (found.error, seen.description, faults) if part),
    )


def _capacity_rows(capacity: Capacity) -> list[tuple[str, str]]:
    used = capacity.needed / capacity.cpus
    return [
        ("labels/s asked for", f"{capacity.asked:.1f}"),
        ("labels/s it can give", f"{capacity.can:.1f}, with {capacity.cpus} CPUs"),
        ("reading the cameras takes", f"{capacity.reading:.2f} CPUs"),
        ("all of it takes", f"{capacity.needed:.2f} of {capacity.cpus} CPUs, {used:.0%}"),
        ("verdict", "holds" if capacity.holds else "too much: more than 80 % of the CPUs"),
    ]


def _values(report: Report) -> dict[str, object]:
    capacity = report.capacity
    return {
        "ok": report.is_ok,
        "cameras": [_camera_values(one) for one in report.cameras],
        "others": [
            {"what": one.what, "ok": not one.error, "error": one.error or None}
            for one in report.others
        ],
        "capacity": {
            "holds": capacity.holds,
            "labels_per_s_asked": round(capacity.asked, 1),
            "labels_per_s_possible": round(capacity.can, 1),
            "cpus_reading": round(capacity.reading, 3),
            "cpus_needed": round(capacity.needed, 3),
            "cpus": capacity.cpus,
        },
    }


def _camera_values(found: CameraFound) -> dict[str, object]:
    seen = found.seen
    values: dict[str, object] = {
        "camera": found.name,
        "ok": not found.error,
        "error": found.error or None,
    }
    if seen is not None:
        values |= {
            "source": seen.description,
            "first_frame_s": round(seen.first_frame_s, 3),
            "sizes": list(seen.sizes),
            "fps": round(seen.fps, 2),
            "labels_per_s": round(found.asked, 2),
            "frames_without_label": dict(seen.faults),
        }
    return values
