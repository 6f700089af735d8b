#!/usr/bin/python3
"""A pump over a cellar, as a device of its own: its level, its controller, MQTT by paho. No code of looptwin.

    pump.py PORT ID [LEVEL]

Publishes looptwin/ID/telemetry every 200 ms, looptwin/ID/presence (retained, with a will), obeys looptwin/ID/command and
answers on looptwin/ID/acknowledgement. A command that comes twice acts once, and one that has expired not at all. Where
the broker asks who it is, its secret is in DEVICE_SECRET.
"""
import json
import os
import sys
import time

import paho.mqtt.client as mqtt

PERIOD = 0.2  # s
RISES, FALLS = 0.5, 1.5  # m/s


class Pump:
    def __init__(self, port, ident, level):
        self.topic = f"looptwin/{ident}/"
        self.level, self.running, self.speed = level, False, 50.0  # m, -, %
        self.answers = {}  # of commands that were seen, by id
        self.client = mqtt.Client(client_id=ident)
        if "DEVICE_SECRET" in os.environ:
            self.client.username_pw_set(ident, os.environ["DEVICE_SECRET"])
        self.client.will_set(self.topic + "presence", "offline", qos=1, retain=True)
        self.client.on_connect = self.on_connect
        self.client.on_message = self.on_message
        self.client.reconnect_delay_set(1, 2)
        self.client.connect("127.0.0.1", port, keepalive=5)
        self.client.loop_start()

    def on_connect(self, client, *_):
        client.subscribe(self.topic + "command", qos=1)
        client.publish(self.topic + "presence", "online", qos=1, retain=True)

    def on_message(self, client, _, message):
        try:
            order = json.loads(message.payload)
        except ValueError:
            return  # damaged on its way: nobody knows what it was
        outcome = self.answers.get(order["id"]) or self.obey(order)
        self.answers[order["id"]] = outcome
        answer = {"id": order["id"], "outcome": outcome, "t": time.time()}
        client.publish(self.topic + "acknowledgement", json.dumps(answer), qos=1)

    def obey(self, order):
        if 0 < order["expires"] < time.time():
            return "expired"
        if order.get("set") == "speed":
            if not 0 <= order["value"] <= 100:
                return "out_of_range"
            self.speed = order["value"]
        elif order.get("command") in ("start", "stop"):
            self.running = order["command"] == "start"
        else:
            return "unknown_command"
        return "accepted"

    def run(self):
        for n in range(1, 1 << 32):
            flow = RISES - (FALLS * self.speed / 50 if self.running else 0)
            self.level = max(0.0, self.level + flow * PERIOD)
            report = {"level": round(self.level, 3), "running": self.running, "n": n, "t": time.time()}
            self.report(report)
            time.sleep(PERIOD)

    def report(self, report):
        self.client.publish(self.topic + "telemetry", json.dumps(report), qos=1)


if __name__ == "__main__":
    Pump(int(sys.argv[1]), sys.argv[2], float(sys.argv[3]) if len(sys.argv) > 3 else 1.8).run()
