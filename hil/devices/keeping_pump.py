#!/usr/bin/python3
"""A pump as pump.py is, that loses nothing of what it reports, whatever becomes of its broker.

    keeping_pump.py PORT ID [LEVEL]

Keeps its reports until looptwin/ID/confirmation says that they have arrived, up to ten minutes of them, and says them
again at each connection, and where nothing was confirmed for a while; `kept` in a report is the oldest that it has.
"""
import json
import sys
import threading
import time

from pump import Pump

MOST = int(600 / Pump.PERIOD)
PATIENCE, LONGEST = 5.0, 60.0  # s: after so long they are said again, and later and later


class KeepingPump(Pump):
    def __init__(self, *arguments):
        self.kept, self.lock = {}, threading.Lock()  # by number, oldest first
        self.confirmed, self.patience, self.due = False, PATIENCE, 0.0
        super().__init__(*arguments)

    def on_connect(self, client, *arguments):
        super().on_connect(client, *arguments)
        client.subscribe(self.topic + "confirmation")
        self.again()

    def on_message(self, client, data, message):
        if message.topic != self.topic + "confirmation":
            return super().on_message(client, data, message)
        try:
            through = json.loads(message.payload)["n"]
        except (ValueError, TypeError, KeyError, RecursionError):
            return  # damaged on its way
        with self.lock:
            if through in self.kept:  # else it was told that before, or is told of one that was here before it
                self.kept = {n: report for n, report in self.kept.items() if n > through}
                self.confirmed, self.patience, self.due = True, PATIENCE, time.monotonic() + PATIENCE

    def again(self):
        with self.lock:
            for report in self.kept.values():
                self.client.publish(self.topic + "telemetry", report, qos=1)

    def report(self, report):
        with self.lock:
            while len(self.kept) >= MOST:
                del self.kept[next(iter(self.kept))]
            report["kept"] = next(iter(self.kept), report["n"])
            self.kept[report["n"]] = json.dumps(report)
        self.client.publish(self.topic + "telemetry", self.kept[report["n"]], qos=1)
        if self.confirmed and time.monotonic() > self.due:  # somebody listens, and has not heard it
            self.patience = min(2 * self.patience, LONGEST)
            self.due = time.monotonic() + self.patience
            self.again()


if __name__ == "__main__":
    KeepingPump(int(sys.argv[1]), sys.argv[2], *map(float, sys.argv[3:4])).run()
