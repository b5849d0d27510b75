"""streamcls check"""

import json as json_text
import sys
from dataclasses import asdict
from pathlib import Path
from typing import Any

import click

from streamcls.builders.look import look
from streamcls.builders.model import describe_model
from streamcls.builders.source import describe_recorded, is_live
from streamcls.cli.options import MODEL_OPTIONS, settings_options, verbosity
from streamcls.cli.report import SCREEN, print_table
from streamcls.config.options import from_options
from streamcls.config.plant import PlantSettings
from streamcls.config.plant_file import read_settings
from streamcls.config.settings import Settings
from streamcls.masking import mask
from streamcls.runtime.stop import Stop
from streamcls.sinks.files import writing
