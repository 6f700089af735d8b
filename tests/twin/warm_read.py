"""Reads the run that warm_test.cc wrote with tools that know nothing of looptwin.

warm_read.py h5py|xarray|netcdf FOLDER: one tool a process, since Python's packages bring their own HDF5 libraries.
Values are recomputed from row and slot.
"""

import json
import sys
import warnings

import numpy as np

HOMES = 7
SECONDS = 200
START = np.datetime64("2019-07-15T07:00:00")


def temperature(row, slot):
    return (200 + (row * 31 + slot * 7) % 97) / 10


def power(row, slot):
    return ((row * 13 + slot * 29) % 3001) / 100


def phase(row):
    return row * 3 % 10


def is_there(row, slot, last):
    return 1 <= slot * 10 + phase(row) <= last


def with_h5py(folder):
    import h5py

    with h5py.File(folder + "/run/segments/000002.h5") as segment:
        assert segment.attrs["Conventions"] == b"CF-1.8"  # characters, as netCDF wants them
        assert (segment.attrs["from_ns"], segment.attrs["to_ns"]) == (60 * 10**9, 120 * 10**9)
        raw = segment["home/raw"]
        assert raw["device"].asstr()[1] == "block-2/home-1"
        temperatures = raw["temperature"]
        assert temperatures.dtype == np.int16 and temperatures.shape[0] == HOMES
        assert temperatures.compression == "gzip" and temperatures.shuffle
        assert temperatures.dims[0][0].name == "/home/raw/device"
        assert temperatures.dims[1][0].name == "/home/raw/time"
        slots = raw["time"][:] // 10
        assert slots[0] == raw.attrs["first_slot"]
        for row in range(HOMES):
            for i, slot in enumerate(slots):
                at = slot * 10 + phase(row)
                expected = round(temperature(row, slot) * 10) if 60 < at <= 120 else -32768
                assert temperatures[row, i] == expected, (row, slot)
        assert raw["power"].attrs["scale_factor"] == 0.01
        assert list(raw["quality"].attrs["flag_values"]) == [0, 1]
        log = segment["decisions"]
        assert list(log["rule"].asstr()[:2]) == ["rule-0", "rule-1"]
        assert log["row"][0] == 60 // 7
    with h5py.File(folder + "/run/segments/000004.h5") as segment:
        late = segment["home/raw/late"]
        assert (late["slot"][0], late["device_row"][0], late["value_temperature"][0]) == (0, 0, 321)
    with open(folder + "/run/manifest.json") as file:
        manifest = json.load(file)
    assert manifest["start"] == "2019-07-15T07:00:00Z" and manifest["status"] == {"state": "reached_end"}
    with open(folder + "/run/tables/home.csv") as file:
        assert file.readline() == "device,home/raw\n" and file.readline() == "block-1/home-0,0\n"


def with_xarray(folder):
    import xarray

    with xarray.open_dataset(folder + "/out.h5", group="home/raw") as raw:
        assert raw.time.values[0] == START and raw.time.values[1] == START + np.timedelta64(10, "s")
        assert raw.temperature.attrs["units"] == "degC" and raw.power.attrs["units"] == "kW"
        assert raw.phase.values[1] == np.timedelta64(3, "s")
        for row in range(HOMES):
            home = raw.sel(device=str(raw.device.values[row]))
            for slot in range(SECONDS // 10 + 1):
                expected = temperature(row, slot) if is_there(row, slot, SECONDS) else np.nan
                if (row, slot) == (0, 0):
                    expected = 32.1  # came 200 s late
                np.testing.assert_allclose(home.temperature.values[slot], expected, atol=1e-5)
                expected = power(row, slot) if is_there(row, slot, SECONDS) else np.nan
                np.testing.assert_allclose(home.power.values[slot], expected, atol=1e-5)
    with xarray.open_dataset(folder + "/out.h5", group="home/minute") as minute:
        assert minute["mean"].shape == (HOMES, 3) and minute["mean"].values[2, 2] == 0.25 + 3.0
    with xarray.open_dataset(folder + "/out.h5", group="decisions") as log:
        assert log.sizes["row"] == SECONDS // 7
        assert log.time.values[1] == START + np.timedelta64(14, "s")
        assert log.rule.values[1] == "rule-2" and log.value.attrs["units"] == "degC"
    pieces = []
    for number in range(1, 5):  # segments overlap by a few slots, in which each has other cells
        with xarray.open_dataset(f"{folder}/run/segments/{number:06}.h5", group="home/raw") as segment:
            pieces.append(segment.power.load())
    whole = pieces[0]
    for piece in pieces[1:]:
        whole = whole.combine_first(piece)
    with xarray.open_dataset(folder + "/out.h5", group="home/raw") as raw:
        xarray.testing.assert_equal(whole.sel(device=raw.device), raw.power)


def with_netcdf(folder):
    import netCDF4

    with netCDF4.Dataset(folder + "/out.h5") as file:
        raw = file["home/raw"]
        assert raw["temperature"].dimensions == ("device", "time")
        assert raw["device"][2] == "block-1/home-2"
        times = netCDF4.num2date(raw["time"][:2], raw["time"].units, raw["time"].calendar)
        assert times[1].isoformat() == "2019-07-15T07:00:10"
        np.testing.assert_allclose(raw["temperature"][1, 1], temperature(1, 1), atol=1e-9)
        missing = sum(not is_there(1, slot, SECONDS) for slot in range(SECONDS // 10 + 1))
        assert raw["temperature"][1, :].mask.sum() == missing
        assert file["decisions/rule"][0] == "rule-1"


if __name__ == "__main__":
    warnings.simplefilter("ignore")
    {"h5py": with_h5py, "xarray": with_xarray, "netcdf": with_netcdf}[sys.argv[1]](sys.argv[2].rstrip("/"))
