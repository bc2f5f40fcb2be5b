"""The CustomResourceDefinition, made from the pydantic models of spec and status.

Called by `tradinglab-operator crd`, which writes it to the manifests and the chart, and by the
tests that demand that both are up to date.
"""

from typing import Any

from pydantic import BaseModel

from tradinglab.resource.rules import (
    GROUP,
    KIND,
    MAX_NAME_LENGTH,
    NAME_PATTERN,
    SPEC_RULES,
    VERSION,
)
from tradinglab.resource.spec import TradingModelSpec
from tradinglab.resource.status import TradingModelStatus

PLURAL = "tradingmodels"
IMMUTABLE_MARKET_FIELDS = ("exchange", "symbol", "timeframe")
PRINTER_COLUMNS = (
    ("Ready", "string", '.status.conditions[?(@.type=="Ready")].status', 0),
    ("Model", "string", ".status.current.version", 0),
    ("Verdict", "string", ".status.current.verdict", 0),
    ("Schedule", "string", ".spec.schedule.cron", 0),
    ("Next", "string", ".status.nextScheduleTime", 0),
    ("Progress", "string", ".status.activeJob.progress", 0),
    ("Detail", "string", ".status.activeJob.detail", 1),
    ("Ends", "string", ".status.activeJob.estimatedEnd", 1),
    ("Reason", "string", '.status.conditions[?(@.type=="Ready")].reason', 1),
    ("Problem", "string", '.status.conditions[?(@.type=="Degraded")].reason', 1),
    ("Failures", "integer", ".status.consecutiveFailures", 1),
    ("Trained", "date", ".status.current.trainedAt", 1),
    ("Age", "date", ".metadata.creationTimestamp", 0),
)
_COPIED_KEYS = (
    "type", "format", "pattern", "minimum", "maximum", "minLength", "maxLength", "minItems",
    "maxItems", "enum", "description", "default",
)  # fmt: skip


def _structural(node: dict[str, Any], definitions: dict[str, Any]) -> dict[str, Any]:
    """One node of pydantic's JSON schema as Kubernetes' structural schema: no references, no
    null alternatives, no titles; `exclusiveMinimum` is a flag there, not a number."""
    if "$ref" in node:
        target = definitions[node["$ref"].rsplit("/", 1)[1]]
        node = {**target, **{key: value for key, value in node.items() if key != "$ref"}}
    if "anyOf" in node:
        kept = [each for each in node["anyOf"] if each.get("type") != "null"]
        outer = {key: value for key, value in node.items() if key not in ("anyOf", "default")}
        return _structural({**kept[0], **outer}, definitions)
    schema = {key: node[key] for key in _COPIED_KEYS if key in node}
    if "description" in schema:
        schema["description"] = " ".join(str(schema["description"]).split())
    if "const" in node:
        schema["enum"] = [node["const"]]
    for bound in ("Minimum", "Maximum"):
        if f"exclusive{bound}" in node:
            schema[bound.lower()] = node[f"exclusive{bound}"]
            schema[f"exclusive{bound}"] = True
    if node.get("type") == "array":
        schema["items"] = _structural(node["items"], definitions)
    if node.get("type") == "object":
        if "properties" in node:
            schema["properties"] = {
                name: _structural(child, definitions) for name, child in node["properties"].items()
            }
            if node.get("required"):
                schema["required"] = list(node["required"])
        else:
            schema["additionalProperties"] = _structural(node["additionalProperties"], definitions)
        if "default" in schema:  # the defaults of the properties fill it
            schema["default"] = {}
    if schema.get("default", ...) is None:
        del schema["default"]
    return schema


def _schema_of(model: type[BaseModel]) -> dict[str, Any]:
    document = model.model_json_schema(by_alias=True)
    return _structural(document, document.get("$defs", {}))


def spec_schema() -> dict[str, Any]:
    schema = _schema_of(TradingModelSpec)
    schema["x-kubernetes-validations"] = [
        {
            "rule": rule.cel,
            "message": rule.message,
            "fieldPath": f".{rule.field}",
            "reason": "FieldValueInvalid",
        }
        for rule in SPEC_RULES
    ]
    market = schema["properties"]["market"]["properties"]
    for name in IMMUTABLE_MARKET_FIELDS:
        market[name]["x-kubernetes-validations"] = [
            {
                "rule": "self == oldSelf",
                "message": f"market.{name} cannot change: its artifacts were trained on another "
                "market; create another TradingModel",
            }
        ]
    return schema


def status_schema() -> dict[str, Any]:
    schema = _schema_of(TradingModelStatus)
    conditions = schema["properties"]["conditions"]
    conditions["x-kubernetes-list-type"] = "map"
    conditions["x-kubernetes-list-map-keys"] = ["type"]
    # The operator writes the whole status; what it leaves out is absent, not defaulted.
    _drop_defaults(schema)
    return schema


def _drop_defaults(schema: dict[str, Any]) -> None:
    schema.pop("default", None)
    for child in schema.get("properties", {}).values():
        _drop_defaults(child)
    if "items" in schema:
        _drop_defaults(schema["items"])


def custom_resource_definition() -> dict[str, Any]:
    """The whole CRD as plain data, ready for YAML."""
    name_rules = [
        {
            "rule": f"size(self.metadata.name) <= {MAX_NAME_LENGTH}",
            "message": f"metadata.name must have at most {MAX_NAME_LENGTH} characters",
        },
        {
            "rule": f"self.metadata.name.matches('{NAME_PATTERN}')",
            "message": "metadata.name must be lower-case letters, digits and hyphens",
        },
    ]
    return {
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": {
            "name": f"{PLURAL}.{GROUP}",
            "annotations": {"helm.sh/resource-policy": "keep"},
        },
        "spec": {
            "group": GROUP,
            "scope": "Namespaced",
            "names": {
                "kind": KIND,
                "listKind": f"{KIND}List",
                "plural": PLURAL,
                "singular": KIND.lower(),
                "shortNames": ["tm"],
            },
            "versions": [
                {
                    "name": VERSION,
                    "served": True,
                    "storage": True,
                    "subresources": {"status": {}},
                    "additionalPrinterColumns": [
                        {"name": name, "type": kind, "jsonPath": path, "priority": priority}
                        for name, kind, path, priority in PRINTER_COLUMNS
                    ],
                    "schema": {
                        "openAPIV3Schema": {
                            "type": "object",
                            "description": "A model that is trained, judged, rolled out and "
                            "served for one market.",
                            "required": ["spec"],
                            "properties": {
                                "apiVersion": {"type": "string"},
                                "kind": {"type": "string"},
                                "metadata": {"type": "object"},
                                "spec": spec_schema(),
                                "status": status_schema(),
                            },
                            "x-kubernetes-validations": name_rules,
                        }
                    },
                }
            ],
        },
    }
