"""The data directory of the embedded default."""

import os
from dataclasses import replace
from pathlib import Path

import pytest

from tradinglab.errors import ConfigurationError, StorageError
from tradinglab.resource.spec import TradingModelSpec
from tradinglab_operator.local.home import Home
from tradinglab_operator.manifest_file import NamedSpec


def named(**changes: object) -> NamedSpec:
    spec = TradingModelSpec.model_validate({"market": {"symbol": "BTC/USDT"}, **changes})
    return NamedSpec("default", "demo", spec)


def test_a_second_owner_is_refused_with_the_firsts_process(tmp_path: Path) -> None:
    first = Home.claim(tmp_path)
    with pytest.raises(ConfigurationError, match=f"in use by process {os.getpid()}"):
        Home.claim(tmp_path)
    first.release()
    Home.claim(tmp_path).release()


def test_a_directory_that_cannot_be_made_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(ConfigurationError, match=r"file/lab cannot be used"):
        Home.claim(tmp_path / "file" / "lab")


def test_a_changed_spec_is_a_new_generation_of_the_same_model(tmp_path: Path) -> None:
    home = Home.claim(tmp_path)
    home.apply(named())
    before = home.model(named())
    home.apply(named())
    assert home.model(named()) == before
    home.apply(named(retryToken="now"))
    after = home.model(named(retryToken="now"))
    assert (after.uid, after.generation) == (before.uid, before.generation + 1)


def test_another_market_or_name_is_refused(tmp_path: Path) -> None:
    home = Home.claim(tmp_path)
    home.apply(named())
    with pytest.raises(ConfigurationError, match=r"spec\.market\.symbol is ETH/USDT"):
        home.apply(named(market={"symbol": "ETH/USDT"}))
    with pytest.raises(ConfigurationError, match="belongs to TradingModel default/demo"):
        home.apply(replace(named(), name="other"))


def test_a_longer_history_of_the_same_market_is_accepted(tmp_path: Path) -> None:
    home = Home.claim(tmp_path)
    home.apply(named())
    home.apply(named(market={"symbol": "BTC/USDT", "history": "6y"}))
    assert home.model(named()).generation == 2


def test_a_torn_file_is_named(tmp_path: Path) -> None:
    home = Home.claim(tmp_path)
    (tmp_path / "status.json").write_text('{"cond')
    with pytest.raises(StorageError, match=r"status\.json is no JSON"):
        home.read("status.json")


def test_a_request_for_a_training_is_read_from_its_file(tmp_path: Path) -> None:
    home = Home.claim(tmp_path)
    home.apply(named())
    assert home.model(named()).training_request == ""
    home.training_request.write_text("sha256:ab: drift\n")
    assert home.model(named()).training_request == "sha256:ab: drift"
