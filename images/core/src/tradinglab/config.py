"""Settings from the environment, validated once at the edge of a program.

Called by every program's entry point. A misspelt variable fails with the nearest known name.
"""

import difflib
from collections.abc import Mapping
from typing import TypeVar

from pydantic import BaseModel, ValidationError

from tradinglab.errors import ConfigurationError

PREFIX = "TRADINGLAB_"
SettingsT = TypeVar("SettingsT", bound=BaseModel)


def load_settings(model: type[SettingsT], environ: Mapping[str, str]) -> SettingsT:
    """Reads `TRADINGLAB_<FIELD>` for each field of `model`; an empty value counts as absent, but
    not that of a secret: whoever sets a key does not mean to do without.

    Raises ConfigurationError that names the variable, the value found and what is expected;
    the value of a secret field is not shown.
    """
    known = {PREFIX + name.upper(): name for name in model.model_fields}
    for variable in environ:
        if variable.startswith(PREFIX) and variable not in known:
            near = difflib.get_close_matches(variable, known, n=1)
            hint = f"; did you mean {near[0]}?" if near else f"; known: {', '.join(sorted(known))}"
            raise ConfigurationError(f"{variable} is not a setting of this program{hint}")
    for name, field in known.items():
        if environ.get(name) == "" and _is_secret(model, field):
            raise ConfigurationError(f"{name} is empty, expected a secret, or no such variable")
    given = {field: environ[name] for name, field in known.items() if environ.get(name)}
    try:
        return model.model_validate(given)
    except ValidationError as error:
        problems = []
        for problem in error.errors():
            if not problem["loc"]:  # a rule across settings
                problems.append(problem["msg"])
                continue
            field = str(problem["loc"][0])
            secret = _is_secret(model, field)
            found = f" (found {given[field]!r})" if field in given else " (not set)"
            problems.append(f"{PREFIX}{field.upper()}: {problem['msg']}{'' if secret else found}")
        raise ConfigurationError("; ".join(problems)) from None


def _is_secret(model: type[BaseModel], field: str) -> bool:
    return "Secret" in str(model.model_fields[field].annotation)


def describe_settings(model: type[BaseModel]) -> str:
    """The variables of `model`, one a line, for a program's --help."""
    lines = []
    for name, field in model.model_fields.items():
        default = "required" if field.is_required() else f"default {field.default!r}"
        lines.append(f"  {PREFIX}{name.upper():<24} {field.description or ''} ({default})")
    return "\n".join(lines)
