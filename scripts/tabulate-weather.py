#!/usr/bin/env python3
"""Tabulates one month of a TMY2 file as a feed of looptwin (docs/formats/feed-csv.md), on standard output.

    tabulate-weather.py FILE.tmy2 --month 7 --year 2019 > phoenix-july.csv

Times are local standard time at the end of each hour, as the file has them. One hour more on either side of
the month lets rules look across its ends. The station and the year that was measured go into the header. TMY2
files are works of the US government (NREL) and free of copyright.
"""
import argparse
import datetime

COLUMNS = (  # header, first character, width, factor
    ("temperature [degC]", 67, 4, 0.1), ("dew_point [degC]", 73, 4, 0.1), ("humidity [%]", 79, 3, 1),
    ("wind_speed [m/s]", 95, 3, 0.1), ("ghi [W/m2] interval", 17, 4, 1), ("dni [W/m2] interval", 23, 4, 1),
    ("dhi [W/m2] interval", 29, 4, 1))


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("file")
    parser.add_argument("--month", type=int, required=True)
    parser.add_argument("--year", type=int, required=True)
    options = parser.parse_args()
    with open(options.file, encoding="ascii") as file:
        station, *rows = file.read().splitlines()
    begin = datetime.datetime(options.year, options.month, 1)
    end = datetime.datetime(options.year + options.month // 12, options.month % 12 + 1, 1)
    hour = datetime.timedelta(hours=1)
    taken, years = [], set()
    for row in rows:
        time = datetime.datetime(options.year, int(row[3:5]), int(row[5:7])) + int(row[7:9]) * hour
        if begin - hour <= time <= end + hour:
            values = [f"{int(row[at:at + width]) * factor:.10g}" for _, at, width, factor in COLUMNS]
            taken.append(",".join([time.isoformat(timespec="minutes"), *values]))
            if begin < time <= end:
                years.add(1900 + int(row[1:3]))
    name, state = station[7:29].strip().title(), station[30:32]
    print(f"# {name}, {state}: the {begin:%B} of a typical year, hourly.")
    measured = ", ".join(map(str, sorted(years)))
    print(f"# Source: NREL TMY2, station {station[1:6]}; measured in {measured}, dated {options.year}.")
    zone = int(station[33:36])
    print(f"# Local standard time (UTC{zone:+d} h). Temperatures, humidity and wind are of the instant;")
    print("# irradiances are the mean of the hour that ends there. Written by scripts/tabulate-weather.py.")
    print(",".join(["time", *(header for header, *_ in COLUMNS)]))
    print("\n".join(taken))


if __name__ == "__main__":
    main()
