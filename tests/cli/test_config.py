import json

from streamcls.config.schema import settings_schema
from tests.conftest import Cli


def test_the_schema_is_printed(cli: Cli) -> None:
    done = cli("config", "schema")
    assert (done.code, done.err) == (0, "")
    assert json.loads(done.out) == settings_schema()


def test_without_a_command_help_is_printed(cli: Cli) -> None:
    done = cli("config")
    assert done.code == 2
    assert "schema" in done.err
