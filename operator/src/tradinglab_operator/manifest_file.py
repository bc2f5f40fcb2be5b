"""A TradingModel from a YAML file, its schedule checked as well.

Called by `tradinglab-operator check`, `run` and `demo`.
"""

from pathlib import Path

from tradinglab.errors import ConfigurationError
from tradinglab.resource.manifest_file import NamedSpec, parse_spec, read_manifest
from tradinglab_operator.schedule import Schedule

__all__ = ["NamedSpec", "load_manifest", "parse_spec"]


def load_manifest(path: Path) -> NamedSpec:
    """The one TradingModel of `path`.

    Raises ConfigurationError that names each wrong field, the value found and what is expected.
    """
    named = read_manifest(path)
    try:
        Schedule.of(named.spec.schedule)
    except ConfigurationError as error:
        raise ConfigurationError(f"{path}: {error}") from None
    return named
