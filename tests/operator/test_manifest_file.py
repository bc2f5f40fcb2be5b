"""Manifests checked without a cluster."""

from operator import attrgetter
from pathlib import Path

import pytest

from tradinglab.errors import ConfigurationError
from tradinglab_operator.main import main
from tradinglab_operator.manifest_file import load_manifest

ROOT = Path(__file__).parents[2]
GOOD = """
apiVersion: tradinglab.dev/v1alpha1
kind: TradingModel
metadata: {name: good}
spec:
  market: {symbol: BTC/USDT}
"""


def written(tmp_path: Path, text: str) -> Path:
    path = tmp_path / "model.yaml"
    path.write_text(text)
    return path


WISHES = {
    "four-hours-daily": ("schedule.time_zone", "Europe/Berlin"),
    "suspended": ("schedule.suspend", True),
    "pinned": ("serving.pinned_digest", f"sha256:{'0' * 64}"),
    "hold-for-a-person": ("promotion.when_inconclusive", "Hold"),
    "small-box": ("training.tuning.trials", 0),
    "beside-another": ("serving.deployment", "sol-tradinglab-api"),
}


def test_every_sample_of_a_wish_is_named_here() -> None:
    assert {each.stem for each in (ROOT / "manifests/samples").glob("*")} == set(WISHES)


@pytest.mark.parametrize("name", sorted(WISHES))
def test_a_sample_passes_the_check_and_asks_for_what_it_says(
    name: str, capsys: pytest.CaptureFixture[str]
) -> None:
    path = ROOT / f"manifests/samples/{name}.yaml"
    assert main(["check", str(path)]) == 0
    assert "is valid" in capsys.readouterr().out
    field, wanted = WISHES[name]
    assert attrgetter(field)(load_manifest(path).spec) == wanted


@pytest.mark.parametrize("name", ["demo.yaml", "btc-usdt.yaml"])
def test_the_samples_are_valid(name: str) -> None:
    assert load_manifest(ROOT / "manifests" / name).spec.market.symbol == "BTC/USDT"


def test_the_full_sample_spells_out_the_defaults(tmp_path: Path) -> None:
    assert load_manifest(ROOT / "manifests/btc-usdt.yaml").spec == (
        load_manifest(written(tmp_path, GOOD)).spec
    )


@pytest.mark.parametrize(
    ("old", "new", "named"),
    [
        ("spec:", "spec:\n  retrain: now", "spec.retrain: unknown field"),
        ("BTC/USDT", "btc-usdt", "spec.market.symbol is 'btc-usdt'"),
        ("symbol: BTC/USDT", "exchange: binance", "spec.market.symbol: required value"),
        ("name: good", "name: Good_One", "metadata.name is 'Good_One'"),
        ("name: good", "name: " + "a" * 41, "metadata.name must have at most 40"),
        ("v1alpha1", "v2", "apiVersion is 'tradinglab.dev/v2', expected tradinglab.dev/v1alpha1"),
        ("BTC/USDT}", "BTC/USDT, history: 30d}", "market.history is too short"),
        ("spec:", "spec:\n  schedule: {cron: 99 3 * * 0}", "spec.schedule.cron is '99 3"),
        ("kind:", "kind: [", "is no YAML"),
    ],
)
def test_bad_input_is_refused_by_name(tmp_path: Path, old: str, new: str, named: str) -> None:
    path = written(tmp_path, GOOD.replace(old, new, 1))
    with pytest.raises(ConfigurationError) as raised:
        load_manifest(path)
    assert named in str(raised.value)
    assert str(path) in str(raised.value)


def test_check_tells_good_from_bad(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = written(tmp_path, GOOD)
    assert main(["check", str(path)]) == 0
    assert "default/good is valid" in capsys.readouterr().out
    path.write_text(GOOD.replace("BTC/USDT", "BTC"))
    assert main(["check", str(path)]) == 2
    assert "spec.market.symbol is 'BTC'" in capsys.readouterr().out


def test_crd_check_names_what_is_stale(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["crd", "--check", "--root", str(tmp_path)]) == 1
    assert "manifests/crd.yaml" in capsys.readouterr().out
    assert main(["crd", "--root", str(tmp_path)]) == 0
    assert main(["crd", "--check", "--root", str(tmp_path)]) == 0
