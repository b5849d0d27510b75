"""streamcls config"""

import json

import click

from streamcls.config.schema import settings_schema


@click.group(name="config")
def command() -> None:
    """What there is to say about settings files.

    \b
    streamcls config schema > streamcls.schema.json
    """


@command.command(name="schema")
def schema() -> None:
    """Prints the JSON Schema of settings files.

    Editors complete and check with it: the first line of a settings file names it, as in configs/.

    \b
    streamcls config schema > streamcls.schema.json
    """
    click.echo(json.dumps(settings_schema(), indent=2, ensure_ascii=False))
