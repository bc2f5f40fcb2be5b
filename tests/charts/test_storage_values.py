"""Volumes: claims made elsewhere, a NAS, the local ledger and its copies."""

import pytest
from tests.charts.rendering import environment, helm, job_of, one, pods_of, render, template

pytestmark = pytest.mark.skipif(helm() is None, reason="helm is not installed")

SIMULATED = "exchange.enabled=true"
NAS = ("storage.models.nfs.server=nas.lan", "storage.models.nfs.path=/volume1/lab")
BACKUPS = "storage.backups.enabled=true"


def claims(documents):
    return {d["metadata"]["name"] for d in documents if d["kind"] == "PersistentVolumeClaim"}


def claim_of(pod, volume):
    (found,) = [each for each in pod["spec"]["volumes"] if each["name"] == volume]
    return found["persistentVolumeClaim"]["claimName"]


def test_a_claim_made_elsewhere_is_used_by_all_and_none_is_made():
    documents = render(SIMULATED, "storage.models.existingClaim=nas-models")
    assert claims(documents) == {"tradinglab-ledger", "tradinglab-exchange"}
    pods = pods_of(documents)
    assert {claim_of(pods[each], "models") for each in ("operator", "trainer", "api")} == {
        "nas-models"
    }


def test_a_nas_becomes_a_volume_that_only_this_claim_gets():
    documents = render(SIMULATED, *NAS, "storage.models.nfs.mountOptions={nfsvers=4.1}")
    volume = one(documents, "PersistentVolume", "lab-tradinglab-models")
    assert volume["spec"]["nfs"] == {"server": "nas.lan", "path": "/volume1/lab"}
    assert volume["spec"]["claimRef"] == {"namespace": "lab", "name": "tradinglab-models"}
    assert volume["spec"]["persistentVolumeReclaimPolicy"] == "Retain"
    assert volume["spec"]["mountOptions"] == ["nfsvers=4.1"]
    claim = one(documents, "PersistentVolumeClaim", "tradinglab-models")["spec"]
    assert claim["volumeName"] == "lab-tradinglab-models"
    assert claim["storageClassName"] == ""
    assert claim["accessModes"] == ["ReadWriteMany"]
    # pods mount the claim: the restricted profile refuses NFS volumes in pods
    assert claim_of(job_of(documents)["spec"]["template"], "models") == "tradinglab-models"


@pytest.mark.parametrize("half", NAS)
def test_half_an_export_is_refused(half):
    ended = template(SIMULATED, half)
    assert ended.returncode != 0
    assert "storage.models.nfs: server and path are needed" in ended.stderr


def test_a_ledger_on_a_nas_cannot_be_asked_for():
    ended = template(SIMULATED, "storage.ledger.nfs.server=nas.lan")
    assert ended.returncode != 0
    assert "nfs" in ended.stderr


def test_there_are_no_copies_unless_asked_for():
    assert not [d for d in render(SIMULATED) if d["kind"] == "CronJob"]
    assert not [d for d in render("bot.enabled=false", BACKUPS) if d["kind"] == "CronJob"]


def test_copies_go_to_the_nas_on_schedule_and_are_put_back_only_by_hand():
    documents = render(
        SIMULATED,
        BACKUPS,
        "storage.backups.nfs.server=nas.lan",
        "storage.backups.nfs.path=/backups",
        "storage.backups.schedule=0 5 * * *",
        "storage.backups.timeZone=Europe/Berlin",
    )
    assert one(documents, "PersistentVolume", "lab-tradinglab-backups")["spec"]["nfs"]
    backup = one(documents, "CronJob", "tradinglab-backup")["spec"]
    restore = one(documents, "CronJob", "tradinglab-restore")["spec"]
    assert (backup["schedule"], backup["timeZone"]) == ("0 5 * * *", "Europe/Berlin")
    assert "suspend" not in backup
    assert restore["suspend"] is True
    for job in (backup, restore):
        pod = job["jobTemplate"]["spec"]["template"]
        assert claim_of(pod, "ledger") == "tradinglab-ledger"
        assert claim_of(pod, "copies") == "tradinglab-backups"
        assert pod["spec"]["securityContext"]["runAsNonRoot"] is True
        security = pod["spec"]["containers"][0]["securityContext"]
        assert security["readOnlyRootFilesystem"] is True
        assert pod["spec"]["automountServiceAccountToken"] is False


def test_the_log_goes_to_files_on_a_volume_by_choice():
    assert "tradinglab-logs" not in claims(render(SIMULATED))
    documents = render(SIMULATED, "storage.logs.enabled=true")
    assert "tradinglab-logs" in claims(documents)
    bot = pods_of(documents)["bot"]
    assert environment(bot)["TRADINGLAB_LOG_FILE"]["value"] == "/logs/bot.log"
    assert claim_of(bot, "logs") == "tradinglab-logs"
