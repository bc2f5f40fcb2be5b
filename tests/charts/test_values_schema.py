"""The schema of the values: made from their comments, and refusing what it does not know."""

import importlib.util
import json
import sys
from pathlib import Path

import pytest
import yaml
from tests.charts.rendering import CHART, environment, helm, pods_of, template

from tradinglab.engine.policy import Policy
from tradinglab_bot.settings import BotSettings

needs_helm = pytest.mark.skipif(helm() is None, reason="helm is not installed")
VALUES = yaml.safe_load((CHART / "values.yaml").read_text())


def load(path: Path):
    spec = importlib.util.spec_from_file_location(path.stem, path)
    module = importlib.util.module_from_spec(spec)
    sys.modules[path.stem] = module
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def generator():
    return load(CHART.parent / "values_schema.py")


def blocks(values, path=""):
    """The path of every block whose keys are known."""
    yield path
    for key, value in values.items():
        if isinstance(value, dict) and value and key not in {"requests", "limits"}:
            yield from blocks(value, f"{path}{key}.")


def test_the_schema_is_the_generated_one(generator):
    made = generator.schema_of((CHART / "values.yaml").read_text())
    assert made == json.loads((CHART / "values.schema.json").read_text())


def test_an_old_schema_is_noticed(generator, tmp_path, monkeypatch, capsys):
    old = tmp_path / "values.schema.json"
    old.write_text("{}")
    monkeypatch.setattr(generator, "SCHEMA", old)
    assert generator.main(["--check"]) == 1
    assert "values.schema.json is old" in capsys.readouterr().err
    assert generator.main([]) == 0
    assert generator.main(["--check"]) == 0


@pytest.mark.parametrize(
    ("text", "named"),
    [
        ("# Yes.\nbot:\n  limit: 3\n", "bot.limit"),
        ("# Yes.\n\nbot: 3\n", "bot"),
        ("# Yes.\n# @schema nme\nbot: x\n", "nme"),
        ("# @schema name\nbot: x\n", "bot"),
    ],
)
def test_a_value_without_a_description_makes_no_schema(generator, text, named):
    with pytest.raises(generator.Undocumented, match=named):
        generator.schema_of(text)


def test_a_comment_and_a_default_become_description_and_type(generator):
    text = "# Bars\n# to play.\n# @schema {minimum: 0}\nbars: 3\n"
    assert generator.schema_of(text)["properties"]["bars"] == {
        "description": "Bars to play.",
        "type": "integer",
        "minimum": 0,
        "default": 3,
    }


def test_the_policy_has_the_fields_of_the_engine_and_no_others(generator):
    schema = json.loads((CHART / "values.schema.json").read_text())["$defs"]["policy"]
    assert schema["additionalProperties"] is False
    assert set(schema["properties"]) == set(Policy.model_fields)
    assert json.loads(generator.POLICY_NAMES.read_text()) == list(Policy.model_fields)


@needs_helm
@pytest.mark.parametrize("name", sorted(set(BotSettings.model_fields) - set(Policy.model_fields)))
def test_no_other_setting_of_the_bot_is_reached_through_its_policy(name):
    policy = f"bot.policy.{name}=true"
    refused = template("exchange.enabled=true", policy)
    assert refused.returncode != 0
    assert name in refused.stderr


@needs_helm
def test_a_name_that_the_schema_did_not_see_is_not_passed_on():
    unchecked = template(
        "exchange.enabled=true",
        "bot.policy.live_enabled=true",
        "bot.policy.kill_file=none",
        "bot.policy.atr_bars=9",
        check=False,
    )
    bot = environment(pods_of(list(filter(None, yaml.safe_load_all(unchecked.stdout))))["bot"])
    assert "TRADINGLAB_LIVE_ENABLED" not in bot
    assert bot["TRADINGLAB_KILL_FILE"]["value"] == "/ledger/kill"
    assert bot["TRADINGLAB_ATR_BARS"]["value"] == "9"


@needs_helm
@pytest.mark.parametrize("block", sorted(blocks(VALUES)))
def test_an_unknown_value_is_refused_in_every_block(block):
    ended = template("exchange.enabled=true", f"{block}unheardOf=1")
    assert ended.returncode != 0
    assert "unheardOf" in ended.stderr


@needs_helm
@pytest.mark.parametrize(
    "setting",
    [
        "networkPolicy.apiServer.ports[0]=0",
        "networkPolicy.internet.except[0]=lan",
        "storage.models.nfs.path=models",
        "storage.models.nfs.host=nas",
        "storage.backups.copies=0",
        "storage.ledger.size=1GB",
        "bot.policy.Max=1",
        "bot.policy.max_exposure_fraction=1.5x",
        "bot.policy.atr_bars=1",
        "bot.policy.require_tradeable=perhaps",
        "operator.logLevel=TRACE",
        "api.resources.limit.memory=1Gi",
        "imagePullSecrets[0]=Not_a_name",
        "admissionPolicies.enabled=yes please",
    ],
)
def test_a_value_of_the_wrong_kind_is_refused(setting):
    assert template("exchange.enabled=true", setting).returncode != 0
