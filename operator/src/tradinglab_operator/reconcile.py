"""One visit to every TradingModel: observe, plan, apply, and tell.

Called by the loops of both adapters, at every wake-up and every few seconds. What fails for one
model is told in that model's status and stops no other.
"""

import logging
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime

from tradinglab.logs import fields
from tradinglab_operator.actions import (
    Action,
    RecordEvent,
    RemoveArtifact,
    RemoveTraining,
    ServeDigest,
    StartTraining,
    StopTraining,
    WriteStatus,
)
from tradinglab_operator.cluster import Cluster, ClusterTrouble
from tradinglab_operator.failures import in_words
from tradinglab_operator.plan import plan, plan_for_defect
from tradinglab_operator.situation import Model, RunPhase, Situation, Trouble

log = logging.getLogger(__name__)


def utc_now() -> datetime:
    return datetime.now(UTC)


@dataclass
class Reconciler:
    """Remembers between visits only what went wrong, to tell it once more in the status."""

    cluster: Cluster
    clock: Callable[[], datetime] = utc_now
    _troubles: dict[str, Trouble] = field(default_factory=dict)
    _defects: dict[tuple[str, str], tuple[type[Exception], str]] = field(default_factory=dict)

    def visit(self) -> int:
        """Visits every model once; returns how many actions were carried out."""
        situations = self.cluster.observe()
        training = _training_now(situations)
        served: dict[tuple[str, str], str] = {}
        owners = {each.model.key: _claim_deployment(each, served) for each in situations}
        carried_out = 0
        # One whose training cannot start must not hold up the queue: it comes after the others.
        for situation in sorted(situations, key=lambda each: each.model.key in self._troubles):
            model = situation.model
            elsewhere = next((key for key in training if key != model.key), "")
            owner = owners[model.key]
            actions = self._plan(
                replace(
                    situation,
                    training_elsewhere=elsewhere,
                    deployment_taken_by=owner,
                    trouble=self._troubles.get(model.key),
                )
            )
            if any(isinstance(action, StartTraining) for action in actions):
                training.append(model.key)
            carried_out += self._carry_out(situation, actions)
        known = {situation.model.key for situation in situations}
        self._troubles = {key: each for key, each in self._troubles.items() if key in known}
        self._defects = {key: each for key, each in self._defects.items() if key[0] in known}
        return carried_out

    def _plan(self, situation: Situation) -> list[Action]:
        """A defect that one model's data brings to light must not stop the others."""
        key, now = situation.model.key, self.clock()
        try:
            if situation.unreadable:
                raise situation.unreadable
            actions = plan(situation, now)
        except Exception as error:  # noqa: BLE001 - told as a condition of this model
            return plan_for_defect(situation, self._in_words(key, "plan", error), now)
        self._defects.pop((key, "plan"), None)
        return actions

    def _in_words(self, key: str, step: str, defect: Exception) -> str:
        """The traceback is logged once, and the words stay while the kind of error does: what
        changes at each visit must not be written at each visit."""
        known = self._defects.get((key, step))
        if known is None or known[0] is not type(defect):
            log.error("internal error", exc_info=defect, extra=fields(model=key, step=step))
            known = self._defects[key, step] = (type(defect), in_words(defect))
        return known[1]

    def _apply(self, model: Model, action: Action) -> Trouble | None:
        try:
            self.cluster.apply(model, action)
        except ClusterTrouble as trouble:
            return Trouble(trouble.reason, trouble.message)
        except Exception as error:  # noqa: BLE001 - told as a condition of this model
            return Trouble("InternalError", self._in_words(model.key, "apply", error))
        return None

    def _carry_out(self, situation: Situation, actions: list[Action]) -> int:
        key = situation.model.key
        for done, action in enumerate(actions):
            trouble = self._apply(situation.model, action)
            if trouble is not None:
                if self._troubles.get(key) != trouble:
                    log.warning(trouble.message, extra=fields(model=key, reason=trouble.reason))
                self._troubles[key] = trouble
                return done
            _tell(key, action)
        # A trouble is over when something was done without it, not when nothing was tried.
        if any(not isinstance(each, (WriteStatus, RecordEvent)) for each in actions) or not actions:
            self._troubles.pop(key, None)
            self._defects.pop((key, "apply"), None)
        return len(actions)


def _training_now(situations: list[Situation]) -> list[str]:
    return [
        situation.model.key
        for situation in situations
        if any(run.phase is RunPhase.ACTIVE for run in situation.runs)
        or (situation.unreadable and situation.model.status.active_job)
    ]


def _claim_deployment(situation: Situation, served: dict[tuple[str, str], str]) -> str:
    """The older model that serves from the same Deployment; empty if this one may."""
    spec = situation.model.spec
    if spec is None:
        return ""
    claim = (situation.model.namespace, spec.serving.deployment)
    owner = served.setdefault(claim, situation.model.key)
    return "" if owner == situation.model.key else owner


def _tell(key: str, action: Action) -> None:
    """Each transition is a log line; an adapter makes an Event of it as well."""
    match action:
        case RecordEvent(reason, message, warning):
            level = logging.WARNING if warning else logging.INFO
            log.log(level, message, extra=fields(model=key, reason=reason))
        case StartTraining(name, reason):
            log.info("training started", extra=fields(model=key, job=name, cause=reason))
        case StopTraining(name, reason):
            log.info("training stopped", extra=fields(model=key, job=name, cause=reason))
        case ServeDigest(digest):
            log.info("asked the API for an artifact", extra=fields(model=key, digest=digest))
        case RemoveTraining(name):
            log.info("ended training cleared away", extra=fields(model=key, job=name))
        case RemoveArtifact(version):
            log.info("old artifact removed", extra=fields(model=key, version=version))
        case WriteStatus():
            log.debug("status written", extra=fields(model=key))
