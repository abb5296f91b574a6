"""Fan-out of one job to 500 sockets: see `bench.harness.fan_out`."""

from bench.harness import fan_out
from bench.harness.report import Report

_SOCKETS, _FRAMES = 500, 400


def run(rounds: int) -> Report:
    report = Report("relay", f"one job, {_SOCKETS} sockets, {_FRAMES:,} frames to each")
    found: dict[str, list[tuple[float, float]]] = {kind: [] for kind in fan_out.KINDS}
    for number in range(rounds):
        turn = number % len(fan_out.KINDS)
        for kind in fan_out.KINDS[turn:] + fan_out.KINDS[:turn]:
            found[kind].append(fan_out.measure(kind, _SOCKETS, _FRAMES))
    names = {"relay": "Kasal's relay", "starlette": "bare Starlette", "broadcast": "websockets"}
    for kind, name in names.items():
        report.row(f"{name}: burst", "frames/s", *(rate for rate, _ in found[kind]))
        report.row(f"{name}: CPU a frame, paced", "us", *(cpu for _, cpu in found[kind]))
    for kind in ("starlette", "broadcast"):
        pairs = zip(found["relay"], found[kind], strict=True)
        ratios = tuple(ours[0] / theirs[0] for ours, theirs in pairs)
        if kind == "starlette":
            report.at_least("frames/s, relay / bare Starlette", 0.9, *ratios)
        else:
            report.row("frames/s, relay / websockets' broadcast", "", *ratios)
    report.notes.append("Burst: the relay writes frames that come together in one go, the others")
    report.notes.append("each alone. Paced (50 events/s) all write each frame alone.")
    return report
