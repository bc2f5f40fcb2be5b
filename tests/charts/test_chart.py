"""What the chart renders: security, wiring, ownership of the digest, refusal of bad values."""

import importlib
import json

import pytest
import yaml
from tests.charts.accounts import documented, granted
from tests.charts.rendering import (
    CHART,
    ROOT,
    environment,
    helm,
    job_of,
    one,
    pods_of,
    render,
    template,
)

from tradinglab_operator.kube.jobs import load_template

pytestmark = pytest.mark.skipif(helm() is None, reason="helm is not installed")

SIMULATED = "exchange.enabled=true"
PROGRAMS = {"operator", "trainer", "api", "bot", "exchange"}


@pytest.fixture(scope="module")
def documents():
    return render(SIMULATED, "telegram.existingSecret=telegram", "telegram.url=http://stand-in:80")


@pytest.fixture(scope="module")
def pods(documents):
    return pods_of(documents)


@pytest.mark.parametrize("program", sorted(PROGRAMS))
def test_every_pod_meets_the_restricted_profile(pods, program):
    spec = pods[program]["spec"]
    assert spec["securityContext"]["runAsNonRoot"] is True
    assert spec["securityContext"]["runAsUser"] == 10001
    assert spec["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
    assert spec["enableServiceLinks"] is False
    for container in spec["containers"]:
        security = container["securityContext"]
        assert security["allowPrivilegeEscalation"] is False
        assert security["readOnlyRootFilesystem"] is True
        assert security["capabilities"] == {"drop": ["ALL"]}
        assert container["resources"]["limits"]["memory"]
    assert not [volume for volume in spec["volumes"] if "hostPath" in volume]


def with_token(pods):
    return {p for p, pod in pods.items() if pod["spec"]["automountServiceAccountToken"]}


def test_only_operator_and_bot_get_a_token_and_each_its_own_account(pods):
    assert with_token(pods) == {"operator", "bot"}
    for program in ("operator", "bot"):
        assert pods[program]["spec"]["serviceAccountName"] == f"tradinglab-{program}"


def test_the_bot_may_read_and_annotate_its_one_model_and_nothing_else(documents):
    assert one(documents, "Role", "tradinglab-bot")["rules"] == [
        {
            "apiGroups": ["tradinglab.dev"],
            "resources": ["tradingmodels"],
            "resourceNames": ["btc-usdt"],
            "verbs": ["get", "patch"],
        }
    ]
    binding = one(documents, "RoleBinding", "tradinglab-bot")
    assert binding["roleRef"]["name"] == "tradinglab-bot"
    assert [each["name"] for each in binding["subjects"]] == ["tradinglab-bot"]


def test_the_bot_asks_for_trainings_of_the_model_that_it_trades():
    documents = render(SIMULATED, "model.name=eth-usdt")
    variables = environment(pods_of(documents)["bot"])
    assert variables["TRADINGLAB_TRAINING_REQUEST_MODEL"]["value"] == "lab/eth-usdt"
    (rule,) = one(documents, "Role", "tradinglab-bot")["rules"]
    assert rule["resourceNames"] == ["eth-usdt"]


def test_a_bot_that_may_not_ask_gets_neither_token_nor_rights():
    documents = render(SIMULATED, "bot.requestTrainings=false")
    pods = pods_of(documents)
    assert with_token(pods) == {"operator"}
    assert "TRADINGLAB_TRAINING_REQUEST_MODEL" not in environment(pods["bot"])
    accounts = {d["metadata"]["name"] for d in documents if d["kind"] == "ServiceAccount"}
    assert accounts == {"tradinglab-operator"}


def test_without_a_bot_there_are_no_rights_for_one():
    roles = {d["metadata"]["name"] for d in render("bot.enabled=false") if d["kind"] == "Role"}
    assert roles == {"tradinglab-operator"}


def test_the_operator_may_not_read_secrets_nor_leave_its_namespace(documents):
    assert not [d for d in documents if d["kind"].startswith("ClusterRole")]
    rules = one(documents, "Role", "tradinglab-operator")["rules"]
    assert "secrets" not in {resource for rule in rules for resource in rule["resources"]}
    assert "*" not in {verb for rule in rules for verb in rule["verbs"]}


@pytest.mark.parametrize("account", ["operator", "bot"])
def test_the_documentation_lists_every_right_of_an_account(documents, account):
    rules = one(documents, "Role", f"tradinglab-{account}")["rules"]
    assert granted(rules) == documented(account, model="btc-usdt")


def test_the_digest_annotation_is_left_to_the_operator(pods):
    assert "annotations" not in pods["api"]["metadata"]
    path = environment(pods["api"])["TRADINGLAB_DIGEST"]["valueFrom"]["fieldRef"]["fieldPath"]
    assert path == "metadata.annotations['tradinglab.dev/artifact-digest']"


def test_old_api_pods_serve_until_the_new_are_ready(documents):
    strategy = one(documents, "Deployment", "tradinglab-api")["spec"]["strategy"]
    assert strategy == {
        "type": "RollingUpdate",
        "rollingUpdate": {"maxUnavailable": 0, "maxSurge": 1},
    }


def test_the_job_template_is_one_that_the_operator_accepts(documents, tmp_path):
    path = tmp_path / "job.yaml"
    path.write_text(yaml.safe_dump(job_of(documents)))
    assert load_template(path)["spec"]["backoffLimit"] == 0


def test_a_changed_job_template_restarts_the_operator(pods):
    changed = pods_of(render(SIMULATED, "trainer.priorityClassName=low"))
    key = "checksum/job"
    before = pods["operator"]["metadata"]["annotations"][key]
    assert changed["operator"]["metadata"]["annotations"][key] != before


@pytest.mark.parametrize(
    ("program", "settings"),
    [
        ("operator", "tradinglab_operator.settings:OperatorSettings"),
        ("trainer", "tradinglab_trainer.main:Settings"),
        ("api", "tradinglab_api.settings:ApiSettings"),
        ("bot", "tradinglab_bot.settings:BotSettings"),
        ("exchange", "tradinglab_exchange.settings:Settings"),
    ],
)
def test_every_variable_is_a_setting_of_its_program(pods, program, settings):
    module, _, name = settings.partition(":")
    model = getattr(importlib.import_module(module), name)
    known = {f"TRADINGLAB_{field.upper()}" for field in model.model_fields}
    given = {v for v in environment(pods[program]) if v.startswith("TRADINGLAB_")}
    assert given <= known


def test_secrets_are_passed_by_reference(pods):
    variables = environment(pods["bot"])
    for name in ("EXCHANGE_KEY", "EXCHANGE_SECRET", "TELEGRAM_TOKEN", "TELEGRAM_CHAT"):
        assert "secretKeyRef" in variables[f"TRADINGLAB_{name}"]["valueFrom"]


def test_the_real_exchange_needs_a_secret():
    ended = template("bot.live.enabled=true")
    assert ended.returncode != 0
    assert "bot.existingSecret" in ended.stderr


def test_the_real_exchange_is_traded_on_tradeable_artifacts_only():
    documents = render("bot.existingSecret=account", "bot.live.enabled=true")
    assert not [d for d in documents if d["kind"] == "Secret"]
    variables = environment(pods_of(documents)["bot"])
    assert variables["TRADINGLAB_REQUIRE_TRADEABLE"]["value"] == "true"
    assert "TRADINGLAB_EXCHANGE_REST_URL" not in variables


@pytest.mark.parametrize(
    "settings",
    [
        ("bot.existingSecret=account",),
        (SIMULATED, "bot.live.enabled=true"),
        (SIMULATED, "bot.testnet=true"),
        ("bot.existingSecret=account", "bot.testnet=true", "bot.live.enabled=true"),
    ],
)
def test_the_bot_trades_on_one_market_that_is_named(settings):
    ended = template(*settings)
    assert ended.returncode != 0
    assert "bot.live.enabled" in ended.stderr


def test_real_money_is_off_and_limited_by_values():
    simulated = environment(pods_of(render(SIMULATED))["bot"])
    assert "TRADINGLAB_LIVE_ENABLED" not in simulated
    live = ("bot.existingSecret=account", "bot.live.enabled=true")
    variables = environment(pods_of(render(*live, "bot.live.limits.orderQuote=50"))["bot"])
    assert variables["TRADINGLAB_LIVE_ENABLED"]["value"] == "true"
    assert variables["TRADINGLAB_LIMIT_ORDER_QUOTE"]["value"] == "50"


def test_the_test_network_needs_no_opt_in_for_real_money():
    variables = environment(
        pods_of(render("bot.existingSecret=account", "bot.testnet=true"))["bot"]
    )
    assert variables["TRADINGLAB_EXCHANGE_TESTNET"]["value"] == "true"
    assert "TRADINGLAB_LIVE_ENABLED" not in variables


def test_an_annotation_of_its_pod_stops_the_bot():
    pod = pods_of(render(SIMULATED))["bot"]
    assert environment(pod)["TRADINGLAB_KILL_ANNOTATION_FILE"]["value"] == "/pod/kill"
    (volume,) = [each for each in pod["spec"]["volumes"] if each["name"] == "pod"]
    (item,) = volume["downwardAPI"]["items"]
    assert item["fieldRef"]["fieldPath"] == "metadata.annotations['tradinglab.dev/kill']"


def test_chats_that_may_command_are_listed():
    listed = render(SIMULATED, "telegram.commandChats={4242,-100777}")
    variables = environment(pods_of(listed)["bot"])
    assert variables["TRADINGLAB_TELEGRAM_COMMAND_CHATS"]["value"] == "4242,-100777"


def test_policy_values_become_settings_of_the_bot():
    documents = render(SIMULATED, "bot.policy.max_exposure_fraction=0.2")
    variables = environment(pods_of(documents)["bot"])
    assert variables["TRADINGLAB_MAX_EXPOSURE_FRACTION"]["value"] == "0.2"


def test_recorded_bars_are_mounted_read_only():
    settings = (SIMULATED, "exchange.source=bars", "exchange.bars.existingClaim=recorded")
    pod = pods_of(render(*settings, "exchange.bars.file=btc.csv.gz"))["exchange"]
    assert environment(pod)["TRADINGLAB_BARS"]["value"] == "/bars/btc.csv.gz"
    mounts = {m["name"]: m for m in pod["spec"]["containers"][0]["volumeMounts"]}
    assert mounts["bars"]["readOnly"] is True


@pytest.mark.parametrize(
    ("settings", "named"),
    [
        (("exchange.enabeld=true",), "enabeld"),
        ((SIMULATED, "storage.models.accessMode=ReadWrite"), "accessMode"),
        ((SIMULATED, "exchange.source=recorded"), "source"),
        ((SIMULATED, "exchange.source=bars"), "exchange.bars"),
        ((SIMULATED, "exchange.source=mirror"), "exchange.upstream"),
        ((SIMULATED, "model.name=BTC"), "/model/name"),
    ],
)
def test_a_bad_value_is_refused_by_name(settings, named):
    ended = template(*settings)
    assert ended.returncode != 0
    assert named in ended.stderr


def test_the_definition_is_the_generated_one_and_is_kept_by_default(documents):
    generated = yaml.safe_load((ROOT / "manifests" / "crd.yaml").read_text())
    name = generated["metadata"]["name"]
    assert one(documents, "CustomResourceDefinition", name) == generated
    removable = one(render(SIMULATED, "crds.keep=false"), "CustomResourceDefinition", name)
    assert not removable["metadata"]["annotations"]
    assert removable["spec"] == generated["spec"]


def test_claims_with_data_outlive_the_release_by_default(documents):
    kept = {
        d["metadata"]["name"]
        for d in documents
        if d["kind"] == "PersistentVolumeClaim" and d["metadata"].get("annotations")
    }
    assert kept == {"tradinglab-models", "tradinglab-ledger", "tradinglab-exchange"}


def test_every_value_is_in_the_schema():
    schema = json.loads((CHART / "values.schema.json").read_text())

    def missing(values, node, path):
        node = schema["$defs"][node["$ref"].rpartition("/")[2]] if "$ref" in node else node
        properties = node.get("properties")
        if not isinstance(values, dict) or properties is None:
            return []
        absent = [f"{path}{key}" for key in values if key not in properties]
        for key, value in values.items():
            if key in properties:
                absent += missing(value, properties[key], f"{path}{key}.")
        return absent

    assert missing(yaml.safe_load((CHART / "values.yaml").read_text()), schema, "") == []
