"""arm64 and amd64: every locked package has a wheel for both, on every Python that is supported."""

import re
import subprocess
import tomllib

import pytest
from tests.charts.rendering import ROOT

PROGRAMS = ("operator", "images/api", "images/bot", "images/exchange", "images/trainer")
PYTHONS = ("cp311", "cp312", "cp313")
PROCESSORS = ("x86_64", "aarch64")
# pure Python, built from source where an image installs it
WITHOUT_WHEEL = {"ta"}


def locked():
    packages = tomllib.loads((ROOT / "uv.lock").read_text())["package"]
    for package in packages:
        if "wheels" in package or "sdist" in package:
            wheels = [each["url"].rpartition("/")[2] for each in package.get("wheels", [])]
            yield package["name"], package["version"], wheels


def fits(wheel, python, processor):
    for_all = wheel.endswith("-any.whl")
    abi = rf"-({python}-|cp3\d+-abi3-|py3-none-|py2\.py3-none-)"
    linux = "manylinux" in wheel and processor in wheel
    return for_all or (linux and re.search(abi, wheel) is not None)


def test_every_locked_package_has_a_wheel_for_both_processors():
    found = {}
    for name, _, wheels in locked():
        for python in PYTHONS:
            for processor in PROCESSORS:
                key = (name, python, processor)
                found[key] = found.get(key, False) or any(
                    fits(wheel, python, processor) for wheel in wheels
                )
    assert {name for (name, _, _), there in found.items() if not there} == WITHOUT_WHEEL


@pytest.mark.parametrize("program", PROGRAMS)
def test_an_image_is_installed_for_the_processor_it_is_built_for(program):
    text = (ROOT / program / "Dockerfile").read_text()
    assert "FROM --platform=${BUILDPLATFORM} ${BUILD_BASE} AS dependencies" in text
    # the last stage, which alone is of the target, runs nothing
    assert not re.search(r"^RUN", text.rpartition("\nFROM ")[2], re.MULTILINE)
    assert "uv sync" not in text


@pytest.mark.parametrize(
    ("given", "asked"),
    [("amd64", "x86_64-manylinux_2_40"), ("arm64", "aarch64-manylinux_2_40")],
)
def test_the_installer_asks_for_the_wheels_of_the_target(tmp_path, given, asked):
    fake = tmp_path / "uv"
    fake.write_text('#!/bin/sh\necho "$@"\n')
    fake.chmod(0o755)
    script = (ROOT / "images" / "install-for-target").read_text()
    run = tmp_path / "install"
    run.write_text(script.replace("/opt/uv/bin/uv", str(fake)))
    ended = subprocess.run(
        ["sh", str(run), "--package", "x"],
        env={"TARGETARCH": given, "PATH": "/usr/bin:/bin"},
        capture_output=True,
        text=True,
        check=True,
    )
    assert f"--python-platform {asked} --package x" in ended.stdout


def test_another_processor_is_refused_by_name():
    ended = subprocess.run(
        ["sh", str(ROOT / "images" / "install-for-target")],
        env={"TARGETARCH": "riscv64", "PATH": "/usr/bin:/bin"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert ended.returncode == 1
    assert "riscv64" in ended.stderr
