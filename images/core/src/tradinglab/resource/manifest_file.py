"""A TradingModel from a YAML file, refused with the same words as `kubectl apply` would.

Called by the operator's and the trainer's commands; needs PyYAML, which those two carry.
"""

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml
from pydantic import ValidationError

from tradinglab.errors import ConfigurationError
from tradinglab.resource.rules import API_VERSION, KIND, MAX_NAME_LENGTH, NAME_PATTERN
from tradinglab.resource.spec import TradingModelSpec

ROOT_FIELDS = {"apiVersion", "kind", "metadata", "spec", "status"}
DEFAULT_NAMESPACE = "default"


@dataclass(frozen=True)
class NamedSpec:
    """What a manifest asks for, and under which name."""

    namespace: str
    name: str
    spec: TradingModelSpec


def read_manifest(path: Path) -> NamedSpec:
    """The one TradingModel of `path`.

    Raises ConfigurationError that names each wrong field, the value found and what is expected.
    """
    try:
        documents = [each for each in yaml.safe_load_all(path.read_text("utf-8")) if each]
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigurationError(f"{path} cannot be read: {error}") from None
    except yaml.YAMLError as error:
        raise ConfigurationError(f"{path} is no YAML: {error}") from None
    if len(documents) != 1 or not isinstance(documents[0], dict):
        raise ConfigurationError(f"{path} holds {len(documents)} documents, expected one {KIND}")
    try:
        return _parse_resource(documents[0])
    except ConfigurationError as error:
        raise ConfigurationError(f"{path}: {error}") from None


def _parse_resource(document: dict[str, Any]) -> NamedSpec:
    """The spec of one resource, checked as the CRD would."""
    problems = [
        f"{field}: unknown field, expected one of {', '.join(sorted(ROOT_FIELDS))}"
        for field in document
        if field not in ROOT_FIELDS
    ]
    for field, expected in (("apiVersion", API_VERSION), ("kind", KIND)):
        if document.get(field) != expected:
            problems.append(f"{field} is {document.get(field)!r}, expected {expected}")
    metadata = document.get("metadata") or {}
    name = str(metadata.get("name", ""))
    if not re.match(NAME_PATTERN, name):
        problems.append(
            f"metadata.name is {name!r}, expected lower-case letters, digits and hyphens"
        )
    if len(name) > MAX_NAME_LENGTH:
        problems.append(f"metadata.name must have at most {MAX_NAME_LENGTH} characters")
    if problems:
        raise ConfigurationError("; ".join(problems))
    return NamedSpec(
        str(metadata.get("namespace") or DEFAULT_NAMESPACE), name, parse_spec(document.get("spec"))
    )


def parse_spec(document: object) -> TradingModelSpec:
    """A spec as the API server or a file gives it.

    Raises ConfigurationError that names each wrong field by its path, as in spec.market.symbol.
    """
    try:
        return TradingModelSpec.model_validate(document if document is not None else {})
    except ValidationError as error:
        problems = []
        for problem in error.errors():
            where = ".".join(["spec", *(str(part) for part in problem["loc"])])
            if problem["type"] == "value_error":
                problems.append(f"{where}: {problem['msg'].removeprefix('Value error, ')}")
            elif problem["type"] == "extra_forbidden":
                problems.append(f"{where}: unknown field")
            elif problem["type"] == "missing":
                problems.append(f"{where}: required value")
            else:
                problems.append(f"{where} is {problem['input']!r}: {problem['msg']}")
        raise ConfigurationError("; ".join(problems)) from None
