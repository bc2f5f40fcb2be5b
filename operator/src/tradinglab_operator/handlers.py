"""The operator in a cluster: kopf watches and wakes, the reconcile loop does the rest.

Loaded by `serve`, or by hand with `kopf run -m tradinglab_operator.handlers`. There are only event
handlers: no finalizer to hang an uninstall, no annotation that copies the spec, no timer that ends
with one failed write.
"""

import asyncio
import contextlib
import os
from typing import Any

import kopf

from tradinglab.config import load_settings
from tradinglab.resource.crd import PLURAL
from tradinglab.resource.rules import GROUP, VERSION
from tradinglab_operator.kube.api import KubernetesApi, connect
from tradinglab_operator.kube.jobs import MODEL_LABEL, load_template
from tradinglab_operator.kubernetes_cluster import KubernetesCluster
from tradinglab_operator.loop import STALE_SECONDS, ReconcileLoop
from tradinglab_operator.reconcile import Reconciler
from tradinglab_operator.settings import OperatorSettings
from tradinglab_operator.situation import HistoryLimits
from tradinglab_operator.volume import Volume


class _Running:
    """The loop of this process, from start-up to clean-up."""

    loop: ReconcileLoop | None = None
    task: "asyncio.Task[None] | None" = None


def make_loop(settings: OperatorSettings) -> ReconcileLoop:
    cluster = KubernetesCluster(
        KubernetesApi(connect(), settings.namespace),
        Volume(settings.volume),
        load_template(settings.job_template),
        settings.release,
        HistoryLimits(settings.successful_jobs_history_limit, settings.failed_jobs_history_limit),
    )
    return ReconcileLoop(Reconciler(cluster).visit, settings.tick_seconds)


@kopf.on.startup()
async def start(settings: kopf.OperatorSettings, **_: Any) -> None:
    settings.scanning.disabled = True
    settings.posting.enabled = False
    settings.peering.standalone = True
    ours = load_settings(OperatorSettings, os.environ)
    _Running.loop = await asyncio.to_thread(make_loop, ours)
    _Running.task = asyncio.create_task(_Running.loop.run(), name="reconcile")


@kopf.on.cleanup()
async def stop(**_: Any) -> None:
    if _Running.task is not None:
        _Running.task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await _Running.task


async def wake(**_: Any) -> None:
    """What changed does not matter: the visit looks at everything."""
    if _Running.loop is not None:
        _Running.loop.wake()


kopf.on.event(GROUP, VERSION, PLURAL)(wake)
kopf.on.event("batch", "v1", "jobs", labels={MODEL_LABEL: kopf.PRESENT})(wake)
kopf.on.event("apps", "v1", "deployments")(wake)


@kopf.on.probe(id="reconcile")
async def alive(**_: Any) -> str:
    """Fails when the loop has stopped visiting, whatever the HTTP task may do."""
    task, loop = _Running.task, _Running.loop
    if task is None or loop is None:
        raise kopf.PermanentError("the reconcile loop has not started")
    if task.done():
        raise kopf.PermanentError("the reconcile loop has ended")
    if loop.silent_seconds > STALE_SECONDS:
        raise kopf.PermanentError(f"the reconcile loop is silent for {loop.silent_seconds:.0f} s")
    return f"last visit {loop.silent_seconds:.1f} s ago"
