"""streamcls models"""

import click

from streamcls.builders.backend import DEMO_MODEL, folder_of
from streamcls.cli.options import verbosity
from streamcls.cli.report import print_table


@click.command(name="models")
@verbosity
def command(quiet: bool, verbose: int) -> None:
    """Lists the models that --model knows by name, and which weights are on this machine.

    \b
    streamcls models
    """
    from streamcls.inference.torchvision_models import known_models

    known = known_models()
    rows = [(DEMO_MODEL, "built in", str(folder_of(DEMO_MODEL)))]
    rows += [(one.name, "cached" if one.cached else "", one.file.name) for one in known]
    print_table(("model", "weights", "file"), rows)
    click.echo(f"weights are looked for, and downloaded to, {known[0].file.parent}")
