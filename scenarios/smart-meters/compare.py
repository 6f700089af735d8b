#!/usr/bin/env python3
"""Compares a run of smart-meters with the loop to one without: prints the README's table, draws its picture.

    compare.py RUN_WITH RUN_WITHOUT [PICTURE.png]

Reads the sealed segments as they are, with h5py; needs numpy, and matplotlib for the picture.
"""
import glob
import sys

import h5py
import numpy as np

LIMIT_KW = 4600.0
HOMES = 1000


def rollup(run, variable):
    """[device, quarter of an hour] in units, NaN where there was no sample."""
    pieces = {}
    devices = None
    for path in sorted(glob.glob(f"{run}/segments/*.h5")):
        with h5py.File(path) as file:
            if "home/15min" not in file:
                continue
            group = file["home/15min"]
            data = group[variable]
            raw = data[:]
            values = np.where(raw == data.attrs["_FillValue"], np.nan, raw * float(data.attrs["scale_factor"]) + float(data.attrs.get("add_offset", 0)))
            if devices is None:
                devices = [d.decode() if isinstance(d, bytes) else d for d in group["device"][:]]
            for k, t in enumerate(group["time"][:]):
                old = pieces.get(t)
                pieces[t] = values[:, k] if old is None else np.where(np.isnan(old), values[:, k], old)
    times = sorted(pieces)
    return devices, np.stack([pieces[t] for t in times], axis=1)[:, :96]


def decisions(run):
    rows = []
    for path in sorted(glob.glob(f"{run}/segments/*.h5")):
        with h5py.File(path) as file:
            if "decisions" not in file:
                continue
            log = file["decisions"]
            text = lambda name: [x.decode() if isinstance(x, bytes) else x for x in log[name][:]]
            rows += list(zip(log["at"][:], text("kind"), text("subject"), text("device")))
    return rows


def main():
    with_loop, without = sys.argv[1], sys.argv[2]
    devices, power = rollup(with_loop, "power_mean")
    _, power0 = rollup(without, "power_mean")
    _, air = rollup(with_loop, "temperature_mean")
    _, air0 = rollup(without, "temperature_mean")
    log, log0 = decisions(with_loop), decisions(without)

    claimed = {device for _, kind, _, device in log if kind == "claimed"}
    frugal = np.array([d in claimed for d in devices])
    refused = {device for _, kind, _, device in log if kind in ("command_refused", "yielded")}

    def blocks(p):  # kW by block and quarter; homes that were not heard count as the mean of the others
        return np.nanmean(p.reshape(-1, HOMES, p.shape[1]), axis=1) * HOMES

    b, b0 = blocks(power), blocks(power0)
    afternoon = slice(56, 80)
    energy = lambda p, part: np.nansum(p[frugal][:, part], axis=1).mean() / 4
    discomfort = lambda t: np.nansum(np.clip(t[frugal] - 25.0, 0, None), axis=1) / 4
    over = lambda x: (x > LIMIT_KW).sum() / 4
    cleared = sorted(t for t, kind, subject, _ in log if kind == "event_cleared" and subject == "peak_ahead")
    alarms = lambda l: sum(1 for _, kind, subject, _ in l if kind == "alarm_raised" and subject == "overload")
    rows = [
        ("highest 15-min power of a block, kW (median over blocks; highest)", f"{np.median(b0.max(1)):.0f}; {b0.max():.0f}", f"{np.median(b.max(1)):.0f}; {b.max():.0f}"),
        ("block-hours over the limit", f"{over(b0):.0f}", f"{over(b):.0f}"),
        ("energy of frugal homes, 14 h to 20 h, kWh a home", f"{energy(power0, afternoon):.1f}", f"{energy(power, afternoon):.1f}"),
        ("energy of frugal homes, the whole day, kWh a home", f"{energy(power0, slice(None)):.1f}", f"{energy(power, slice(None)):.1f}"),
        ("discomfort of frugal homes above 25 °C, K h a home (median; 95 % of homes)",
         f"{np.median(discomfort(air0)):.1f}; {np.quantile(discomfort(air0), 0.95):.1f}", f"{np.median(discomfort(air)):.1f}; {np.quantile(discomfort(air), 0.95):.1f}"),
        ("homes whose residents refused", "0", f"{len(refused)} of {len(claimed)}"),
        ("overload alarms", f"{alarms(log0)}", f"{alarms(log)}"),
    ]
    if cleared:
        scale = 1e9 if cleared[0] > 1e6 else 1
        quarter = min(int(np.median(cleared) / scale / 900), 91)
        hour = slice(quarter, quarter + 4)
        rows.insert(-1, ("power of a block in the hour after release, kW (median)", f"{np.median(b0[:, hour].mean(1)):.0f}", f"{np.median(b[:, hour].mean(1)):.0f}"))
    print("| | without the loop | with the loop |\n|---|---|---|")
    for row in rows:
        print("| " + " | ".join(row) + " |")

    if len(sys.argv) > 3:
        import matplotlib
        matplotlib.use("Agg")
        import matplotlib.pyplot as plt
        hours = np.arange(b.shape[1]) / 4 + 0.125
        figure, (top, bottom) = plt.subplots(2, 1, figsize=(9, 6), sharex=True, height_ratios=[3, 2])
        for data, colour, name in ((b0, "tab:gray", "without the loop"), (b, "tab:blue", "with the loop")):
            top.fill_between(hours, *np.quantile(data, [0.05, 0.95], axis=0) / 1000, color=colour, alpha=0.25, linewidth=0)
            top.plot(hours, np.median(data, axis=0) / 1000, color=colour, label=name)
        top.axhline(LIMIT_KW / 1000, color="tab:red", linestyle="--", linewidth=1, label="limit")
        top.set_ylabel("power of a block, MW\n(median, 5 to 95 % of blocks)")
        top.legend(loc="upper left")
        for data, colour in ((air0, "tab:gray"), (air, "tab:blue")):
            bottom.plot(hours[: data.shape[1]], np.nanmean(data[frugal], axis=0), color=colour)
        bottom.set_ylabel("air in frugal homes, °C (mean)")
        bottom.set_xlabel("15 July, hour of the day in Phoenix")
        bottom.set_xlim(0, 24)
        for axis in (top, bottom):
            axis.grid(alpha=0.3)
        figure.tight_layout()
        figure.savefig(sys.argv[3], dpi=110)


if __name__ == "__main__":
    main()
