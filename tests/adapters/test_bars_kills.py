"""A fetch killed at any write: the store opens, and the next update ends with the same content.

Against the real exchange program over sockets; the fetching process dies by signal.
"""

import multiprocessing
import random
import shutil
import time

import pytest
from tests.adapters.killable_fetch import MARKET, Kill, fetch
from tests.exchange.running import exchange

from tradinglab.adapters.bars_history import BarsHistory, public_client
from tradinglab.adapters.bars_store import BarsStore, describe

HISTORY = 2500 * MARKET.bar_milliseconds
PATIENCE_SECONDS = 30


@pytest.fixture(scope="module")
def context():
    """Children are forked from a server that has ccxt loaded."""
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["tests.adapters.killable_fetch"])
    return context


@pytest.fixture(scope="module")
def rest():
    with exchange(source="seeded", history_bars=3000) as program:
        yield program.rest


def update(directory, rest):
    """The content's hash after an update that nothing disturbs."""
    store = BarsStore(directory, MARKET)
    try:
        since = BarsHistory(public_client(rest), MARKET).update(store, HISTORY, lambda *_: None)
        covered = store.covered()
        data = describe(store.read(since), MARKET.bar_milliseconds)
        assert covered == (data.start, data.end)
        return data.sha256
    finally:
        store.close()


@pytest.fixture(scope="module")
def whole(tmp_path_factory, rest):
    return update(tmp_path_factory.mktemp("whole"), rest)


def killed(context, directory, rest, kill):
    """Whether it died by a signal; it is gone in any case."""
    process = context.Process(target=fetch, args=(directory, rest, HISTORY, kill), daemon=True)
    process.start()
    process.join(PATIENCE_SECONDS)
    if process.exitcode is None:
        process.kill()
        process.join()
        pytest.fail(f"the fetch did not end in {PATIENCE_SECONDS} s")
    return process.exitcode < 0


def hot_journal(directory):
    return [path.name for path in directory.glob("*-journal") if path.stat().st_size]


@pytest.mark.parametrize(
    ("kill", "stored", "torn"),
    [
        (Kill(before_commit=1), 0, False),
        (Kill(before_commit=3), 2000, False),
        (Kill(after_commit=1), 1000, False),
        (Kill(after_commit=3), 2500, False),
        (Kill(in_insert=700), 0, False),
        (Kill(at_size=20_000), 0, True),
        (Kill(at_size=80_001), 1000, True),
        (Kill(at_size=150_000), 2000, True),
    ],
)
def test_a_killed_fetch_keeps_whole_pages_and_the_next_one_completes(
    tmp_path, context, rest, whole, kill, stored, torn
):
    assert killed(context, tmp_path, rest, kill)
    if torn:
        assert hot_journal(tmp_path), "the commit was not under way"
    store = BarsStore(tmp_path, MARKET)
    assert len(store.read()) == stored
    store.close()
    assert update(tmp_path, rest) == whole


@pytest.mark.prove
@pytest.mark.timeout(600)
def test_a_fetch_killed_at_each_growth_of_the_file_completes_later(tmp_path, context, rest, whole):
    deaths = 0
    for size in range(2_048, 200_000, 4_096):  # half of a page
        directory = tmp_path / str(size)
        deaths += killed(context, directory, rest, Kill(at_size=size))
        assert update(directory, rest) == whole, f"killed at {size} bytes"
        shutil.rmtree(directory)
    assert deaths > 25


@pytest.mark.prove
@pytest.mark.timeout(600)
def test_fetches_killed_at_random_moments_complete_at_last(tmp_path, context, rest, whole):
    rng = random.Random(11)
    deaths = 0
    for number in range(40):
        directory = tmp_path / str(number // 4)  # four kills on one store
        process = context.Process(
            target=fetch, args=(directory, rest, HISTORY, Kill()), daemon=True
        )
        process.start()
        time.sleep(rng.uniform(0.01, 0.12))
        process.kill()
        process.join()
        deaths += process.exitcode < 0
        if number % 4 == 3:
            assert update(directory, rest) == whole, f"after kill {number}"
    assert deaths > 10
