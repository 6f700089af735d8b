#!/usr/bin/python3
"""A pump over a cellar, as a device of its own: its level, its controller, and what device.py makes of it. While it has
no link it keeps its cellar dry by itself, between LOW and HIGH.

    pump.py PORT ID [LEVEL]
"""
import sys

from device import Device

RISES, FALLS = 0.5, 1.5  # m/s
LOW, HIGH = 0.3, 3.0  # m: where it stops and starts by itself


class Pump(Device):
    PERIOD = 0.2  # s

    def __init__(self, port, ident, level=1.8):
        self.level, self.running, self.speed = level, False, 50.0  # m, -, %
        super().__init__(port, ident)

    def act(self, order):
        if order.get("set") == "speed":
            if not 0 <= order["value"] <= 100:
                return "out_of_range"
            self.speed = order["value"]
        elif order.get("command") in ("start", "stop"):
            self.running = order["command"] == "start"
        else:
            return "unknown_command"
        return "accepted"

    def step(self):
        if not self.client.is_connected() and not LOW <= self.level <= HIGH:
            self.running = self.level > HIGH
        flow = RISES - (FALLS * self.speed / 50 if self.running else 0)
        self.level = max(0.0, self.level + flow * self.PERIOD)
        return {"level": round(self.level, 3), "running": self.running}


if __name__ == "__main__":
    Pump(int(sys.argv[1]), sys.argv[2], *map(float, sys.argv[3:4])).run()
