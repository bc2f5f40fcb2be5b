"""Makes the chart's values.schema.json from values.yaml: comments, defaults and `@schema` lines.

What bot.policy may name comes from the engine's policy, into the schema and, for the templates,
into a list of names. Run as `python charts/values_schema.py [--check]`; --check, in `make lint`,
writes nothing and fails when a file is not what it would write.
"""

import json
import re
import sys
from pathlib import Path
from typing import Any

import yaml

from tradinglab.engine.policy import Policy

CHART = Path(__file__).parent / "tradinglab"
VALUES, SCHEMA = CHART / "values.yaml", CHART / "values.schema.json"
POLICY_NAMES = CHART / "files" / "policy.json"
MARK = "@schema "
Schema = dict[str, Any]

NAME: Schema = {
    "type": "string",
    "maxLength": 253,
    "pattern": "^$|^[a-z0-9]([-a-z0-9.]*[a-z0-9])?$",
}
NUMBER = "^[0-9]+([.][0-9]+)?([eE][-+]?[0-9]+)?$"
AMOUNTS: Schema = {"type": "object", "additionalProperties": {"type": ["string", "number"]}}


def _policy() -> Schema:
    """The engine's policy field by field; nothing else of the bot can be set by that way."""
    properties = {}
    for name, field in Policy.model_json_schema()["properties"].items():
        given = {key: value for key, value in field.items() if key not in ("title", "default")}
        if given["type"] == "number":
            # helm's --set makes a string of a number with a point
            given |= {"type": ["number", "string"], "pattern": NUMBER}
        properties[name] = given
    return {"type": "object", "additionalProperties": False, "properties": properties}


DEFINITIONS: dict[str, Schema] = {
    "name": NAME,
    "names": {"type": "array", "items": NAME | {"minLength": 1}},
    "logLevel": {"enum": ["DEBUG", "INFO", "WARNING", "ERROR"]},
    "size": {"type": "string", "pattern": "^[1-9][0-9]*(Ki|Mi|Gi|Ti)$"},
    "url": {"type": "string", "pattern": "^$|^https?://"},
    "streamUrl": {"type": "string", "pattern": "^$|^wss?://"},
    "amount": {"type": ["string", "number"], "pattern": "^[0-9]+([.][0-9]+)?$", "minimum": 0},
    "cidr": {"type": "string", "pattern": "^$|^[0-9a-fA-F.:]+/[0-9]{1,3}$"},
    "ports": {
        "type": "array",
        "minItems": 1,
        "items": {"type": "integer", "minimum": 1, "maximum": 65535},
    },
    "image": {
        "type": "object",
        "additionalProperties": False,
        "required": ["repository"],
        "properties": {
            "repository": {"type": "string", "minLength": 1, "description": "Name without a tag."},
            "tag": {"type": "string", "description": "Empty: the chart's appVersion."},
        },
    },
    "nfs": {
        "type": "object",
        "additionalProperties": False,
        "properties": {
            "server": {"type": "string", "description": "Name or address of the NAS."},
            "path": {"type": "string", "pattern": "^$|^/", "description": "Of the export."},
            "mountOptions": {
                "type": "array",
                "items": {"type": "string"},
                "description": "For example nfsvers=4.1.",
            },
        },
    },
    "policy": _policy(),
    "resources": {
        "type": "object",
        "additionalProperties": False,
        "properties": {
            "requests": AMOUNTS | {"description": "What the scheduler sets aside."},
            "limits": AMOUNTS | {"description": "More is throttled (CPU) or killed (memory)."},
        },
    },
}


class Undocumented(Exception):
    """A value has no comment, or one that cannot be understood."""


def _comment(lines: list[str], line: int) -> list[str]:
    """The comment lines directly above `line`, without their mark."""
    above: list[str] = []
    for text in reversed(lines[:line]):
        if not (found := re.match(r"\s*# ?(.*)$", text)):
            break
        above.insert(0, found[1])
    return above


def _inferred(value: object) -> Schema:
    if isinstance(value, list):
        return {"type": "array"}
    if isinstance(value, dict):
        return {"type": "object"}
    kinds = {bool: "boolean", int: "integer", float: "number", str: "string"}
    return {"type": kinds[type(value)]} if type(value) in kinds else {}


def _of_value(path: str, node: yaml.Node, line: int, lines: list[str]) -> Schema:
    comment = _comment(lines, line)
    words = [each for each in comment if not each.startswith(MARK)]
    marks = [each.removeprefix(MARK) for each in comment if each.startswith(MARK)]
    if not words or len(marks) > 1:
        raise Undocumented(
            f"{path}: found {len(words)} lines of comment and {len(marks)} of {MARK.strip()}, "
            "expected at least one and at most one"
        )
    schema: Schema = {"description": " ".join(words)}
    mark = yaml.safe_load(marks[0]) if marks else None
    if isinstance(node, yaml.MappingNode) and node.value and mark is None:
        return schema | _of_mapping(path, node, lines)
    default = yaml.safe_load(yaml.serialize(node))
    if isinstance(mark, str):
        if mark not in DEFINITIONS:
            raise Undocumented(f"{path}: found @schema {mark}, expected {sorted(DEFINITIONS)}")
        return schema | {"$ref": f"#/$defs/{mark}", "default": default}
    given = mark or {}
    inferred = {} if "enum" in given else _inferred(default)
    return schema | inferred | given | {"default": default}


def _of_mapping(path: str, node: yaml.MappingNode, lines: list[str]) -> Schema:
    properties = {
        key.value: _of_value(f"{path}.{key.value}".lstrip("."), value, key.start_mark.line, lines)
        for key, value in node.value
    }
    return {"type": "object", "additionalProperties": False, "properties": properties}


def schema_of(text: str) -> Schema:
    """Raises Undocumented for a value without a comment."""
    root = yaml.compose(text, Loader=yaml.SafeLoader)
    if not isinstance(root, yaml.MappingNode):
        raise Undocumented(f"{VALUES.name}: expected a mapping")
    schema = _of_mapping("", root, text.splitlines())
    schema["properties"]["global"] = {"type": "object", "description": "Helm adds this; not used."}
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "Values of the tradinglab chart",
        "$comment": "Generated from values.yaml by charts/values_schema.py.",
        **schema,
        "$defs": DEFINITIONS,
    }


def main(arguments: list[str]) -> int:
    try:
        schema = schema_of(VALUES.read_text("utf-8"))
    except Undocumented as error:
        sys.stderr.write(f"values_schema: {error}\n")
        return 2
    made = {SCHEMA: schema, POLICY_NAMES: list(Policy.model_fields)}
    for path, document in made.items():
        wanted = json.dumps(document, indent=2) + "\n"
        if arguments != ["--check"]:
            path.write_text(wanted, "utf-8")
        elif not path.is_file() or path.read_text("utf-8") != wanted:
            sys.stderr.write(f"values_schema: {path.name} is old: run {Path(__file__).name}\n")
            return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
