"""What programs that are a device on a rig share: MQTT by paho, orders that act once, reports at a period. No code of
looptwin.

A device publishes looptwin/ID/telemetry, looptwin/ID/presence (retained, with a will), obeys looptwin/ID/command and
answers on looptwin/ID/acknowledgement. A command that comes twice acts once, and one that has expired not at all. Where
the broker asks who it is, its secret is in DEVICE_SECRET.
"""
import json
import os
import time

import paho.mqtt.client as mqtt

REMEMBERED = 1000  # commands of which it is known that they came


class Device:
    """A kind of device has a PERIOD, s; act(order), which gives the outcome; and step(), which gives what it reports."""

    PERIOD = 1.0

    def __init__(self, port, ident):
        self.topic = f"looptwin/{ident}/"
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
            ident, expires = str(order["id"]), float(order.get("expires", 0))
        except (ValueError, TypeError, KeyError, RecursionError):
            return  # damaged on its way: nobody knows what it was
        if ident not in self.answers:
            while len(self.answers) >= REMEMBERED:
                del self.answers[next(iter(self.answers))]
            self.answers[ident] = self.obey(order, expires)
        answer = {"id": ident, "outcome": self.answers[ident], "t": time.time()}
        client.publish(self.topic + "acknowledgement", json.dumps(answer), qos=1)

    def obey(self, order, expires):
        if 0 < expires < time.time():
            return "expired"
        try:
            return self.act(order)
        except (TypeError, KeyError):  # no number where one is needed, or none at all
            return "unknown_command"

    def run(self):
        for n in range(1, 1 << 32):
            self.report({**self.step(), "n": n, "t": time.time()})
            time.sleep(self.PERIOD)

    def report(self, report):
        self.client.publish(self.topic + "telemetry", json.dumps(report), qos=1)
