"""Render everything in deploy/k8s and check it: `make k8s-check`.

Every overlay, and the base with each component by itself, goes through `kubernetes-validate --strict`
for the oldest and the newest Kubernetes that we know, and through checkov. What Kubernetes itself does
not know (other people's custom resources) is checked against deploy/k8s/custom-resources.yaml, and named.
Runs in the environment of tools/k8s_check.sh and needs no cluster and no network.
"""

import argparse
import subprocess
import sys
import tempfile
from collections import Counter
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any

import jsonschema
import yaml

ROOT = Path(__file__).resolve().parent.parent
K8S = ROOT / "deploy" / "k8s"
KUBERNETES = ("1.30", "1.37")
"""The oldest whose pods may sleep before they stop (`preStop.sleep`), and the newest."""
_BIN = Path(sys.executable).parent

Manifest = dict[str, Any]


def main() -> None:
    """Check everything, print the faults, and exit with 1 if there are any."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("kubectl", help="a kubectl whose kustomize is v5 or later")
    kubectl = parser.parse_args().kubectl
    if not (ROOT / "deploy" / "observability" / "kustomization.yaml").exists():
        sys.exit("deploy/observability/kustomization.yaml is missing")
    faults = 0
    (ROOT / ".bench").mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory(dir=ROOT / ".bench", prefix="k8s-") as scratch:
        for name, folder in roots(Path(scratch)):
            faults += check(name, render(kubectl, folder), Path(scratch) / f"{name}.yaml")
    if faults:
        sys.exit(f"k8s-check: {faults} faults")
    print("k8s-check: no faults")


def roots(scratch: Path) -> Iterator[tuple[str, Path]]:
    """Yield what is rendered, by name: each overlay, then the base with each component alone."""
    for overlay in sorted((K8S / "overlays").iterdir()):
        yield f"overlays-{overlay.name}", overlay
    up = "/".join([".."] * (len(scratch.relative_to(ROOT).parts) + 1))
    for component in sorted((K8S / "components").iterdir()):
        folder = scratch / component.name
        folder.mkdir()
        alone = {
            "namespace": "kasal",
            "images": [{"name": "kasal", "newTag": "checked"}],
            "resources": [f"{up}/deploy/k8s/base"],
            "components": [f"{up}/deploy/k8s/components/{component.name}"],
        }
        (folder / "kustomization.yaml").write_text(yaml.safe_dump(alone))
        yield f"base-with-{component.name}", folder


def render(kubectl: str, folder: Path) -> list[Manifest]:
    """Return the manifests of a kustomization."""
    made = run(kubectl, "kustomize", str(folder))
    if made.returncode or made.stderr.strip():  # a deprecation is a warning, and so a fault
        sys.exit(f"{folder.name} cannot be rendered: {made.stderr.strip()}")
    return [one for one in yaml.safe_load_all(made.stdout) if one]


def check(name: str, manifests: list[Manifest], target: Path) -> int:
    """Check what was rendered as `name`; print its faults and return how many there are."""
    custom = [one for one in manifests if key(one) in _CUSTOM]
    known = [one for one in manifests if key(one) not in _CUSTOM]
    target.write_text(yaml.safe_dump_all(known))
    faults = [*doubles(manifests), *wrong_custom(custom), *invalid(target), *insecure(target)]
    for fault in faults:
        print(f"  {name}: {fault}")
    kinds = Counter(one["kind"] for one in custom)
    told = ", ".join(f"{count} {kind}" for kind, count in sorted(kinds.items()))
    besides = f"; not Kubernetes' own, checked by custom-resources.yaml: {told}" if told else ""
    print(f"{name}: {len(known)} manifests, {len(faults)} faults{besides}", flush=True)
    return len(faults)


def key(manifest: Manifest) -> str:
    """Return how custom-resources.yaml names the manifest's kind."""
    return f"{manifest['apiVersion']} {manifest['kind']}"


_CUSTOM: dict[str, Any] = yaml.safe_load((K8S / "custom-resources.yaml").read_text())


def doubles(manifests: list[Manifest]) -> Iterator[str]:
    """Yield what exists twice."""
    names = Counter(f"{one['kind']} {one['metadata']['name']}" for one in manifests)
    yield from (f"{name} is there {count} times" for name, count in names.items() if count > 1)


def wrong_custom(manifests: list[Manifest]) -> Iterator[str]:
    """Yield what is wrong in other people's custom resources."""
    for one in manifests:
        validator = jsonschema.Draft202012Validator(_CUSTOM[key(one)])
        for fault in validator.iter_errors({"spec": one["spec"]}):
            yield f"{one['kind']} {one['metadata']['name']}: {fault.json_path}: {fault.message}"


def invalid(target: Path) -> Iterator[str]:
    """Yield what `kubernetes-validate --strict` reports; a kind it does not know is a fault too."""
    for version in KUBERNETES:
        validate = str(_BIN / "kubernetes-validate")
        done = run(validate, "--strict", "--quiet", "-k", version, str(target))
        told = [line for line in (done.stdout + done.stderr).splitlines() if line.strip()]
        if done.returncode and not told:
            told = [f"kubernetes-validate exited with {done.returncode}"]
        yield from (f"Kubernetes {version}: {line}" for line in told)


def insecure(target: Path) -> Iterator[str]:
    """Yield what checkov reports. It brings its checks along and needs no network."""
    options = ["--framework", "kubernetes", "--skip-download", "--quiet", "--compact"]
    config = ["--config-file", str(K8S / "checkov.yaml")]
    done = run(str(_BIN / "checkov"), *config, *options, "-f", str(target))
    if done.returncode == 0:
        return
    lines = [line.strip() for line in done.stdout.splitlines()]
    checks = [f"{line} {below}" for line, below in pairwise(lines) if line.startswith("Check: ")]
    yield from checks or [f"checkov exited with {done.returncode}: {done.stderr[-500:]}"]


def run(*command: str) -> subprocess.CompletedProcess[str]:
    """Run a program to its end, whatever its exit code."""
    return subprocess.run(command, capture_output=True, text=True, check=False)


if __name__ == "__main__":
    main()
