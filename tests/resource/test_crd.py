"""The generated CRD: structural, complete, and with the same rules as the models."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from tradinglab.resource.crd import custom_resource_definition, spec_schema, status_schema
from tradinglab.resource.rules import SPEC_RULES
from tradinglab.resource.status import ConditionType, TradingModelStatus

ROOT = Path(__file__).parents[2]


def nodes(schema: dict[str, Any], path: str = "") -> Iterator[tuple[str, dict[str, Any]]]:
    yield path, schema
    for name, child in schema.get("properties", {}).items():
        yield from nodes(child, f"{path}.{name}")
    if "items" in schema:
        yield from nodes(schema["items"], f"{path}[]")


@pytest.mark.parametrize("schema", [spec_schema(), status_schema()], ids=["spec", "status"])
def test_every_node_is_structural_and_described(schema: dict[str, Any]) -> None:
    for path, node in nodes(schema):
        assert "type" in node, path
        assert not {"$ref", "anyOf", "allOf", "title", "$defs", "const"} & set(node), path
        assert isinstance(node.get("exclusiveMinimum", True), bool), path
        assert not ("properties" in node and "additionalProperties" in node), path
        if path and not path.endswith("]"):
            assert node.get("description"), f"{path} has no description"


def test_only_the_market_symbol_is_required() -> None:
    required = {path: node["required"] for path, node in nodes(spec_schema()) if "required" in node}
    assert required == {"": ["market"], ".market": ["symbol"]}


def test_objects_default_to_the_defaults_of_their_properties() -> None:
    for path, node in nodes(spec_schema()):
        if path and node["type"] == "object" and path != ".market":
            assert node["default"] == {}, path


def test_each_cross_field_rule_names_its_field() -> None:
    rules = spec_schema()["x-kubernetes-validations"]
    assert [rule["fieldPath"] for rule in rules] == [f".{rule.field}" for rule in SPEC_RULES]
    for rule, source in zip(rules, SPEC_RULES, strict=True):
        assert source.field in rule["message"]


def test_conditions_merge_by_type() -> None:
    conditions = status_schema()["properties"]["conditions"]
    assert conditions["x-kubernetes-list-type"] == "map"
    assert conditions["x-kubernetes-list-map-keys"] == ["type"]
    assert conditions["items"]["properties"]["type"]["enum"] == [
        each.value for each in ConditionType
    ]


def test_status_survives_a_round_trip_and_drops_what_it_does_not_know() -> None:
    given = {"observedGeneration": 3, "madeByALaterVersion": {"x": 1}}
    status = TradingModelStatus.model_validate(given)
    assert status.model_dump(by_alias=True, exclude_none=True)["observedGeneration"] == 3


def test_printer_columns_and_subresource() -> None:
    version = custom_resource_definition()["spec"]["versions"][0]
    assert version["subresources"] == {"status": {}}
    shown = [each["name"] for each in version["additionalPrinterColumns"]]
    assert {"Ready", "Model", "Verdict", "Schedule", "Next", "Progress", "Age"} <= set(shown)


@pytest.mark.parametrize("path", ["manifests/crd.yaml", "charts/tradinglab/files/crd.yaml"])
def test_the_committed_crd_is_the_generated_one(path: str) -> None:
    assert yaml.safe_load((ROOT / path).read_text("utf-8")) == custom_resource_definition()
