#!/usr/bin/python3
"""The actuator of a block valve in a gas line, as a device of its own: it closes within a second and opens within ten,
and closes by itself, and says so, when the pressure beside it falls by more than the drop that it was set to. SIGUSR1
breaks the line.

    valve.py PORT ID [BAR]
"""
import signal
import sys

from device import Device

OPENS = 10.0  # %/s
EMPTIES = 20.0  # bar, by which the pressure falls when the line breaks


class Valve(Device):
    PERIOD = 1.0  # s

    def __init__(self, port, ident, pressure=60.0):
        self.pressure, self.position, self.drop = pressure, 100.0, 4.0  # bar, %, bar
        self.shut = self.line_break = self.broken = False
        super().__init__(port, ident)

    def act(self, order):
        if order.get("set") == "break_drop":
            if not 0.5 <= order["value"] <= 20:
                return "out_of_range"
            self.drop = order["value"]
        elif order.get("command") in ("open", "close"):
            self.shut = order["command"] == "close"
            self.line_break = self.line_break and self.shut
        else:
            return "unknown_command"
        return "accepted"

    def step(self):
        if self.broken:
            self.broken = False
            self.pressure -= EMPTIES
            if EMPTIES > self.drop:
                self.shut = self.line_break = True
        self.position = 0.0 if self.shut else min(100.0, self.position + OPENS * self.PERIOD)
        bar = round(self.pressure, 2)  # of both gauges
        return {"pressure": bar, "check_pressure": bar, "position": self.position, "line_break": self.line_break}


if __name__ == "__main__":
    valve = Valve(int(sys.argv[1]), sys.argv[2], *map(float, sys.argv[3:4]))
    signal.signal(signal.SIGUSR1, lambda *_: setattr(valve, "broken", True))
    valve.run()
