"""A wrong TradingModel is refused by the field, offline, by the definition, or by a condition."""

from pathlib import Path
from typing import Any

import jsonschema_rs
import pytest
import yaml
from tests.operator.bad_models import CASES, OPERATOR, SCHEMA, changed
from tests.operator.cluster_story import Story, tradingmodel

from tradinglab.errors import ConfigurationError
from tradinglab.resource.crd import spec_schema
from tradinglab_operator.manifest_file import load_manifest

GOOD = {"market": {"symbol": "BTC/USDT"}}
IDS = [f"{field} {change}"[:60] for _, field, change in CASES]


def strict(schema: dict[str, Any]) -> dict[str, Any]:
    """The structural schema as plain JSON Schema: `exclusiveMinimum` a number, nothing unknown, as
    kubectl and the API server's strict validation have it."""
    result = {key: value for key, value in schema.items() if not key.startswith("x-")}
    if result.pop("exclusiveMinimum", False):
        result["exclusiveMinimum"] = result.pop("minimum")
    if "properties" in result:
        result["properties"] = {key: strict(each) for key, each in result["properties"].items()}
        result["additionalProperties"] = False
    return result


def test_there_are_forty_cases_at_least() -> None:
    assert len(CASES) >= 40


@pytest.mark.parametrize(("who", "field", "change"), CASES, ids=IDS)
def test_the_offline_check_names_the_field(
    tmp_path: Path, who: str, field: str, change: dict[str, Any]
) -> None:
    path = tmp_path / "model.yaml"
    path.write_text(yaml.safe_dump(tradingmodel(**changed(GOOD, change))))
    with pytest.raises(ConfigurationError) as refused:
        load_manifest(path)
    told = str(refused.value)
    assert field in told or field.removeprefix("spec.") in told
    assert len(told) < 800


@pytest.mark.parametrize(("who", "field", "change"), CASES, ids=IDS)
def test_the_definition_refuses_what_a_schema_can(
    who: str, field: str, change: dict[str, Any]
) -> None:
    """What passes here is left to a rule of the definition or to the operator."""
    valid = jsonschema_rs.is_valid(strict(spec_schema()), changed(GOOD, change))
    assert valid is (who != SCHEMA)


@pytest.mark.parametrize(
    ("field", "change"), [(field, change) for who, field, change in CASES if who == OPERATOR]
)
def test_what_only_the_operator_sees_becomes_a_condition_with_the_field_and_the_fix(
    story: Story, field: str, change: dict[str, Any]
) -> None:
    story.begin(**change)
    assert story.condition("Scheduled") == ("False", "InvalidSchedule")
    assert story.condition("Degraded") == ("True", "InvalidSchedule")
    (message,) = [
        each["message"] for each in story.status()["conditions"] if each["type"] == "Scheduled"
    ]
    assert message.startswith(f"{field} is ")
    assert "expected" in message or "never comes" in message
