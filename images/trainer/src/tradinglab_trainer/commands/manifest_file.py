"""A TradingModel from the YAML file that `kubectl apply` takes. Called by `train --manifest`."""

import re
from pathlib import Path

import yaml
from pydantic import ValidationError

from tradinglab.errors import ConfigurationError
from tradinglab.resource.rules import API_VERSION, KIND, NAME_PATTERN
from tradinglab.resource.spec import TradingModelSpec

DEFAULT_NAMESPACE = "default"


def read_manifest(path: Path) -> tuple[str, TradingModelSpec]:
    """<namespace>/<name> and spec of the one TradingModel of `path`.

    Raises ConfigurationError that names the field, the value found and what is expected.
    """
    try:
        documents = [each for each in yaml.safe_load_all(path.read_text("utf-8")) if each]
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigurationError(f"{path} cannot be read: {error}") from None
    except yaml.YAMLError as error:
        raise ConfigurationError(f"{path} is no YAML: {error}") from None
    if len(documents) != 1 or not isinstance(documents[0], dict):
        raise ConfigurationError(f"{path} holds {len(documents)} documents, expected one {KIND}")
    (document,) = documents
    for field, expected in (("apiVersion", API_VERSION), ("kind", KIND)):
        if document.get(field) != expected:
            raise ConfigurationError(
                f"{path}: {field} is {document.get(field)!r}, expected {expected}"
            )
    metadata = document.get("metadata") or {}
    name = str(metadata.get("name", ""))
    if not re.match(NAME_PATTERN, name):
        raise ConfigurationError(f"{path}: metadata.name is {name!r}, expected {NAME_PATTERN}")
    try:
        spec = TradingModelSpec.model_validate(document.get("spec") or {})
    except ValidationError as error:
        raise ConfigurationError(f"{path}: {in_words(error)}") from None
    return f"{metadata.get('namespace') or DEFAULT_NAMESPACE}/{name}", spec


def parse_spec(document: str) -> TradingModelSpec:
    """Of the spec's JSON. Raises ConfigurationError that names each wrong field."""
    try:
        return TradingModelSpec.model_validate_json(document)
    except ValidationError as error:
        raise ConfigurationError(in_words(error)) from None


def in_words(error: ValidationError) -> str:
    """`spec.market.history: … (found …)`, one for each wrong field."""
    return "; ".join(
        f"{'.'.join(['spec', *map(str, problem['loc'])])}: "
        f"{problem['msg'].removeprefix('Value error, ')} (found {problem.get('input')!r})"
        for problem in error.errors()
    )
