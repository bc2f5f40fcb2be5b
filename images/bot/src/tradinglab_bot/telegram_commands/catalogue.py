"""Every command: its name, what /help says of it, and who answers. Read by the listener."""

from dataclasses import dataclass

from tradinglab.ports.controls import Change
from tradinglab_bot.telegram_commands import account_answers, bot_answers, model_answers
from tradinglab_bot.telegram_commands.moment import Answer, Moment


@dataclass(frozen=True, slots=True)
class Command:
    """Either `answer` or `change`."""

    help: str
    answer: Answer | None = None
    change: Change | None = None


def _help(_: Moment, __: str) -> str:
    return "\n".join(f"/{name}: {each.help}" for name, each in COMMANDS.items())


COMMANDS: dict[str, Command] = {
    "status": Command("position, last decision and why", account_answers.status),
    "profit": Command("since the first bar, against buy and hold", account_answers.profit),
    "balance": Command("what the account holds", account_answers.balance),
    "daily": Command("the last days; /daily 30", account_answers.daily),
    "performance": Command("closed trades added up", account_answers.performance),
    "count": Command("positions and entries", account_answers.count),
    "trades": Command("the last closed trades; /trades 10", account_answers.trades),
    "order": Command("open orders", account_answers.order),
    "explain": Command("why a bar led to what it did; /explain 3", model_answers.explain),
    "forecast": Command("the newest forecast", model_answers.forecast),
    "model": Command("the model in service, its verdict and drift", model_answers.model),
    "health": Command("what is wrong, if anything", bot_answers.health),
    "stopentry": Command("open nothing more", change=Change.PAUSE_ENTRIES),
    "stop": Command("halt trading, keep the stop (asks)", change=Change.HALT),
    "start": Command("go on after /stopentry, /stop or a halt", change=Change.RESUME),
    "forceexit": Command("sell everything at the market (asks)", change=Change.FORCE_EXIT),
    "retrain": Command("ask the operator for a training (asks)", change=Change.TRAIN),
    "promote": Command("how to serve one model", model_answers.promote),
    "rollback": Command("how to serve the model before", model_answers.rollback),
    "show_config": Command("the limits that hold", bot_answers.show_config),
    "reload_config": Command("how to change them", bot_answers.reload_config),
    "logs": Command("the last lines; /logs 20", bot_answers.logs),
    "version": Command("of bot, Python and model", bot_answers.version_of_all),
    "help": Command("this list", _help),
}
ALIASES = {"stopbuy": "stopentry", "orders": "order", "fx": "forceexit"}


def command_in(text: str) -> tuple[str, str] | None:
    """Name and argument of `/name@bot argument`; None for a text that is no command."""
    if not text.startswith("/"):
        return None
    word, _, argument = text[1:].partition(" ")
    name = word.split("@")[0].split("\n")[0].lower()
    return ALIASES.get(name, name), argument.strip()
