"""Which pods may talk to which, read off the rendered policies as a network would apply them."""

import pytest
from tests.charts.rendering import helm, one, pods_of, render

pytestmark = pytest.mark.skipif(helm() is None, reason="helm is not installed")

SIMULATED = "exchange.enabled=true"
LIVE = ("bot.existingSecret=account", "bot.live.enabled=true")
BACKUPS = "storage.backups.enabled=true"
PORTS = {"operator": 8080, "api": 8080, "bot": 8080, "exchange": 8090}


def selects(selector, labels):
    return all(labels.get(key) == value for key, value in selector.get("matchLabels", {}).items())


def labels_of(documents):
    pods = {name: pod["metadata"]["labels"] for name, pod in pods_of(documents).items()}
    pods["test"] = one(documents, "Pod", "tradinglab-test")["metadata"]["labels"]
    return pods


def policies(documents, labels):
    found = [d["spec"] for d in documents if d["kind"] == "NetworkPolicy"]
    return [spec for spec in found if selects(spec["podSelector"], labels)]


def lets(rules, direction, labels, port):
    return any(
        port in {each["port"] for each in rule["ports"]}
        and any(
            selects(peer["podSelector"], labels)
            for peer in rule.get(direction, [])
            if "podSelector" in peer
        )
        for rule in rules
    )


def flows(documents):
    """(from, to) of all pairs whose egress and ingress are both let through."""
    pods = labels_of(documents)
    rules = {
        (name, way): [r for spec in policies(documents, labels) for r in spec.get(way, [])]
        for name, labels in pods.items()
        for way in ("ingress", "egress")
    }
    return {
        (source, target)
        for source in pods
        for target, port in PORTS.items()
        if target in pods
        and lets(rules[source, "egress"], "to", pods[target], port)
        and lets(rules[target, "ingress"], "from", pods[source], port)
    }


def outside(documents, program):
    """Ports of rules that reach beyond the release: to addresses or to anywhere."""
    labels = labels_of(documents)[program]
    egress = [r for spec in policies(documents, labels) for r in spec.get("egress", [])]
    away = [r for r in egress if "to" not in r or any("ipBlock" in peer for peer in r["to"])]
    return {port["port"] for rule in away for port in rule["ports"]}


def test_every_pod_is_denied_what_is_not_named():
    documents = render(SIMULATED, BACKUPS)
    deny = one(documents, "NetworkPolicy", "tradinglab-default-deny")["spec"]
    assert set(deny["policyTypes"]) == {"Ingress", "Egress"}
    assert "ingress" not in deny
    assert "egress" not in deny
    backup = one(documents, "CronJob", "tradinglab-backup")["spec"]["jobTemplate"]["spec"]
    pods = [*labels_of(documents).values(), backup["template"]["metadata"]["labels"]]
    assert all(selects(deny["podSelector"], labels) for labels in pods)


def test_only_the_needed_pods_reach_each_other():
    assert flows(render(SIMULATED)) == {
        ("bot", "api"),
        ("bot", "exchange"),
        ("trainer", "exchange"),
        ("test", "operator"),
        ("test", "api"),
        ("test", "bot"),
    }


def test_with_the_simulator_no_pod_but_those_of_the_api_server_leaves_the_cluster():
    documents = render(SIMULATED, "telegram.existingSecret=")
    for program in ("trainer", "api", "exchange", "test"):
        assert outside(documents, program) == set()
    for program in ("operator", "bot"):
        assert outside(documents, program) == {443, 6443}


PRIVATE = {"10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "100.64.0.0/10", "fc00::/7"}


def blocks_of(documents, program):
    """What a program may reach by address: (CIDR, port)."""
    egress = one(documents, "NetworkPolicy", f"tradinglab-{program}")["spec"].get("egress", [])
    return {
        (peer["ipBlock"]["cidr"], port["port"])
        for rule in egress
        for peer in rule["to"]
        for port in rule["ports"]
        if "ipBlock" in peer
    }


@pytest.mark.parametrize("settings", [(SIMULATED,), LIVE], ids=["simulated", "live"])
def test_every_rule_of_egress_names_where_it_leads(settings):
    policies_ = [d for d in render(*settings) if d["kind"] == "NetworkPolicy"]
    assert all(rule.get("to") for d in policies_ for rule in d["spec"].get("egress", []))


def test_by_default_the_api_server_is_looked_for_in_private_networks_only():
    documents = render(SIMULATED)
    for program in ("operator", "bot"):
        assert blocks_of(documents, program) == {(c, p) for c in PRIVATE for p in (443, 6443)}


def test_a_live_bot_reaches_the_internet_on_the_ports_of_the_exchange_only():
    documents = render(*LIVE)
    assert blocks_of(documents, "operator") == {(c, p) for c in PRIVATE for p in (443, 6443)}
    public = {each for each in blocks_of(documents, "bot") if each[0] not in PRIVATE}
    assert public == {(c, p) for c in ("0.0.0.0/0", "::/0") for p in (443, 9443)}


def test_the_real_exchange_and_telegram_are_on_the_internet_not_in_the_local_network():
    documents = render(*LIVE, "bot.requestTrainings=false")
    assert outside(documents, "trainer") == outside(documents, "bot") == {443, 9443}
    egress = one(documents, "NetworkPolicy", "tradinglab-trainer")["spec"]["egress"]
    blocks = [peer["ipBlock"] for rule in egress for peer in rule["to"] if "ipBlock" in peer]
    assert {"10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16"} <= set(blocks[0]["except"])


def test_alerts_go_out_only_where_there_are_any():
    without = render(SIMULATED, "bot.requestTrainings=false")
    assert outside(without, "bot") == set()
    alerted = render(SIMULATED, "bot.requestTrainings=false", "telegram.existingSecret=telegram")
    assert outside(alerted, "bot") == {443, 9443}


def test_the_api_server_can_be_narrowed_to_its_address():
    documents = render(SIMULATED, "networkPolicy.apiServer.cidr=192.168.1.10/32")
    address = "192.168.1.10/32"
    assert blocks_of(documents, "operator") == {(address, 443), (address, 6443)}


def test_monitoring_reads_every_program_from_its_own_namespace_only():
    documents = render(SIMULATED, "networkPolicy.monitoringNamespaces={metrics}")
    for program in PORTS:
        rules = one(documents, "NetworkPolicy", f"tradinglab-{program}")["spec"]["ingress"]
        expression = rules[-1]["from"][0]["namespaceSelector"]["matchExpressions"][0]
        assert expression["values"] == ["metrics"]


def test_a_gateway_in_the_local_network_is_let_through_by_value():
    documents = render(
        SIMULATED,
        "networkPolicy.extraEgress[0].ports[0].port=8081",
        "networkPolicy.extraEgress[0].to[0].ipBlock.cidr=192.168.1.5/32",
    )
    assert 8081 in outside(documents, "bot")
    assert 8081 not in outside(documents, "operator")


def test_without_the_value_there_are_none():
    documents = render(SIMULATED, "networkPolicy.enabled=false")
    assert not [d for d in documents if d["kind"] == "NetworkPolicy"]
