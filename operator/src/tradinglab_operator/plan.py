"""The decision: what is to be done for one TradingModel in the situation as it is.

Called by the reconcile loop with either adapter. Pure: the same situation and time give the same
actions, and carrying out the actions of a plan twice does nothing the second time.
"""

from datetime import datetime

from tradinglab.resource.spec import TradingModelSpec
from tradinglab.resource.status import ConditionType
from tradinglab_operator.actions import Action, WriteStatus
from tradinglab_operator.catalogue import list_artifacts
from tradinglab_operator.conditions import conclude, only_degraded, set_conditions
from tradinglab_operator.draft import Draft, draft_of
from tradinglab_operator.drift import note_drift
from tradinglab_operator.firings import note_missed
from tradinglab_operator.history import clear_history
from tradinglab_operator.promotion import choose_artifact
from tradinglab_operator.retention import prune
from tradinglab_operator.run_record import note_runs
from tradinglab_operator.situation import Situation
from tradinglab_operator.training import decide_training, schedule_of


def plan(situation: Situation, now: datetime) -> list[Action]:
    """The actions in the order in which they must be carried out: the status first, if it
    changed, then the rest. No action at all means that everything is as it should be."""
    if situation.model.spec is None:
        draft = draft_of(situation, _any_spec(), now)
        _refuse_spec(draft)
    else:
        draft = draft_of(situation, situation.model.spec, now)
        note_runs(draft)
        choose_artifact(draft)
        note_drift(draft)
        schedule, schedule_problem = schedule_of(draft)
        if schedule_problem:
            draft.problems.append(("InvalidSchedule", schedule_problem))
        note_missed(draft, schedule)
        decide_training(draft, schedule)
        prune(draft)
        clear_history(draft)
        list_artifacts(draft)
        conclude(draft, schedule_problem)
    return _actions(draft)


def plan_for_defect(situation: Situation, defect: str, now: datetime) -> list[Action]:
    """The actions when no plan can be made for this model: it is told, and nothing is touched."""
    draft = draft_of(situation, _any_spec(), now)
    only_degraded(draft, "InternalError", defect)
    return _actions(draft)


def _actions(draft: Draft) -> list[Action]:
    if draft.status == draft.model.status:
        return draft.actions
    return [WriteStatus(draft.status), *draft.actions]


def _any_spec() -> TradingModelSpec:
    return TradingModelSpec.model_validate({"market": {"symbol": "XX/XX"}})


def _refuse_spec(draft: Draft) -> None:
    """What was served stays served; nothing is started on a spec that is not understood."""
    problem = draft.model.problem
    told = (False, "InvalidSpec", problem)
    set_conditions(
        draft,
        {
            kind: (True, "InvalidSpec", problem) if kind is ConditionType.DEGRADED else told
            for kind in ConditionType
        },
    )
