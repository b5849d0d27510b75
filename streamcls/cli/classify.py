"""streamcls classify"""

import csv
import json
import sys
import warnings
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import click

from streamcls.builders.backend import Work, available_threads
from streamcls.builders.model import load_classifier
from streamcls.builders.outputs import check_outputs
from streamcls.builders.recording import BATCH
from streamcls.capture.picture_file import find_pictures, read_picture
from streamcls.cli.log import say_error
from streamcls.cli.options import MODEL_OPTIONS, settings_options, verbosity
from streamcls.cli.report import SCREEN, print_table
from streamcls.config.options import from_options
from streamcls.errors import SourceNotFoundError
from streamcls.runtime.pictures import Classification, classify_files
from streamcls.sinks.files import as_text, creating, writing


@click.command(name="classify")
@click.argument("pictures", nargs=-1, required=True, type=click.Path(path_type=Path))
@click.option("--json", "as_json", is_flag=True, help="Print JSON instead of a table.")
@settings_options("top_k", *MODEL_OPTIONS, "csv", "overwrite", "threads")
@verbosity
def command(
    pictures: tuple[Path, ...], as_json: bool, quiet: bool, verbose: int, **given: Any
) -> None:
    """Classifies PICTURES: files, and folders with all pictures in them and below.

    A picture that can't be read is reported, the others go on, and the exit code is 1.

    \b
    streamcls classify photos/ --csv labels.csv
    streamcls classify cat.jpg dog.png --json
    """
    warnings.filterwarnings("ignore", module="PIL")  # what matters there is an error
    chosen = from_options({"source": str(pictures[0]), **given})
    path, top_k = chosen.outputs.csv, chosen.postprocess.top_k
    files = list(find_pictures(pictures))
    if not files:
        raise SourceNotFoundError(f"{pictures[0]}: no picture in this folder")
    check_outputs(chosen, files)
    threads = chosen.runtime.threads or available_threads()
    classifier = load_classifier(
        chosen.model, Work(BATCH, threads), progress=not quiet and sys.stderr.isatty()
    )
    done: list[Classification] = []
    with ExitStack() as stack:
        rows = None
        if path is not None:
            rows = _CsvRows(path, top_k, overwrite=chosen.outputs.overwrite)
            stack.callback(rows.close)
        for one in classify_files(files, read_picture, classifier):
            if one.error is not None:
                say_error(str(one.error))
            elif rows is not None:
                rows.write(one)
            done.append(one)
    if as_json:
        text = json.dumps({"results": [_as_json(one, top_k) for one in done]}, indent=1)
        with writing(SCREEN):
            click.echo(text)
    elif path is None and any(one.prediction is not None for one in done):
        _print(done, top_k)
    sys.exit(1 if any(one.error for one in done) else 0)


class _CsvRows:
    """The CSV file with a row for each picture."""

    def __init__(self, path: Path, top_k: int, *, overwrite: bool) -> None:
        self._path = path
        self._top_k = top_k
        pairs = [name for k in range(1, top_k + 1) for name in (f"label_{k}", f"prob_{k}")]
        with creating(path, overwrite=overwrite) as file:
            self._file = as_text(file)
            self._csv = csv.writer(self._file, lineterminator="\n")
            self._row(["file", *pairs])

    def close(self) -> None:
        with writing(self._path):
            self._file.close()

    def write(self, one: Classification) -> None:
        self._row([str(one.file), *_cells(one, self._top_k)])

    def _row(self, values: Sequence[str]) -> None:
        with writing(self._path):
            self._csv.writerow(values)


def _cells(one: Classification, top_k: int) -> list[str]:
    """Label, probability, label, …; empty where the model has fewer classes than asked for."""
    scores = one.prediction.top(top_k) if one.prediction is not None else ()
    found = [cell for score in scores for cell in (score.label, f"{score.prob:.6f}")]
    return found + [""] * (2 * top_k - len(found))


def _as_json(one: Classification, top_k: int) -> dict[str, object]:
    scores = one.prediction.top(top_k) if one.prediction is not None else ()
    return {
        "file": str(one.file),
        "top": [
            {"label": s.label, "class_id": s.class_id, "prob": round(s.prob, 6)} for s in scores
        ],
        "error": None if one.error is None else str(one.error),
    }


def _print(done: Sequence[Classification], top_k: int) -> None:
    rows = []
    for one in done:
        if one.prediction is None:
            continue
        scores = one.prediction.top(top_k)
        rows.append([str(one.file), *(f"{s.label} {s.prob:.1%}" for s in scores)])
        rows[-1] += [""] * (top_k - len(scores))
    print_table(["file", *(f"{k}." for k in range(1, top_k + 1))], rows)
