"""looptwin import: interfaces of DTDL and Thing Descriptions become models that a scenario loads."""
import json
import subprocess
import sys
import tempfile
import unittest
from pathlib import Path

SOURCE, BINARIES = Path(sys.argv[1]), Path(sys.argv[2])

THERMOSTAT = {
    "@context": "dtmi:dtdl:context;3",
    "@id": "dtmi:com:example:Thermostat;1",
    "@type": "Interface",
    "displayName": {"en": "Thermostat"},
    "contents": [
        {"@type": ["Telemetry", "Temperature"], "name": "temperature", "schema": "double", "unit": "degreeCelsius"},
        {"@type": ["Property", "Temperature"], "name": "targetTemperature", "schema": "double", "unit": "degreeCelsius", "writable": True},
        {"@type": "Property", "name": "rebootCount", "schema": "integer"},
        {"@type": "Telemetry", "name": "state", "schema": {"@type": "Enum", "valueSchema": "integer", "enumValues": [
            {"name": "idle", "enumValue": 0}, {"name": "heating", "enumValue": 1}]}},
        {"@type": "Property", "name": "locked", "schema": "boolean", "writable": True},
        {"@type": "Telemetry", "name": "trace", "schema": {"@type": "Array", "elementSchema": "double"}},
        {"@type": "Command", "name": "reboot"},
        {"@type": "Relationship", "name": "floor"},
    ],
}
THERMOSTAT_YAML = """\
# From thermostat.json. Periods are a guess: it does not say how often devices report. So are resolutions of 0.001.
models:
  # dtmi:com:example:Thermostat;1: Thermostat
  # Left out: trace: a Array
  # Left out: floor: a relationship, which relations: says
  thermostat:
    telemetry:
      temperature: {unit: degC, every: 10 s, resolution: 0.001}
      rebootCount: {unit: "1", every: 10 s, resolution: 1}
      state: {enum: [idle, heating], every: 10 s}
    setpoints:
      targetTemperature: {unit: degC, default: 0}
      locked: {default: false}
    commands:
      reboot: {}
"""

LAMP = {
    "@context": ["https://www.w3.org/2022/wot/td/v1.1", {"om2": "http://www.ontology-of-units-of-measure.org/resource/om-2/"}],
    "title": "Street Lamp",
    "securityDefinitions": {"none": {"scheme": "nosec"}}, "security": "none",
    "properties": {
        "power": {"type": "number", "unit": "unit:KiloW", "readOnly": True, "minimum": 0, "maximum": 2, "multipleOf": 0.01, "forms": [{"href": "mqtt://x"}]},
        "colour": {"type": "string", "enum": ["warm", "cold"]},
        "dim": {"type": "integer", "unit": "percent", "minimum": 10, "maximum": 100},
        "serial": {"type": "string", "readOnly": True},
    },
    "actions": {"fade-out": {}},
    "events": {"overheated": {"data": {"type": "string"}}},
}
LAMP_YAML = """\
# From lamp.json. Periods are a guess: it does not say how often devices report. So are resolutions of 0.001.
models:
  # Street Lamp
  # Left out: serial: a string
  # Left out: overheated: an event, which devices do not send here
  street_lamp:
    telemetry:
      power: {unit: kW, range: [0, 2], every: 1 min, resolution: 0.01}
    setpoints:
      colour: {enum: [warm, cold], default: warm}
      dim: {unit: "%", range: [10, 100], default: 10}
    commands:
      fade_out: {}
"""

# All unit types of DTDL's quantitative types that are known here.
DTDL_UNITS = """metrePerSecondSquared radian degreeOfArc degreePerSecond radianPerSecond revolutionPerMinute squareMetre
farad coulomb ampere milliampere joule kilojoule megajoule wattHour kilowattHour newton kilonewton hertz kilohertz
megahertz kilogramPerCubicMetre gramPerCubicMetre lux candela lumen metre centimetre millimetre micrometre kilometre
foot inch mile kilogram gram tonne watt kilowatt megawatt gigawatt horsepower pascal kilopascal bar millibar
poundForcePerSquareInch ohm kelvin degreeCelsius degreeFahrenheit second millisecond microsecond minute hour day
newtonMetre metrePerSecond kilometrePerHour kilometrePerSecond milePerHour knot volt millivolt kilovolt cubicMetre
litre millilitre cubicCentimetre gallon litrePerSecond litrePerHour percent unity unitless""".split()


class Imports(unittest.TestCase):
    def setUp(self):
        self.folder = Path(self.enterContext(tempfile.TemporaryDirectory()))

    def run_import(self, name, document, *more):
        text = document if isinstance(document, str) else json.dumps(document, indent=1)
        (self.folder / name).write_text(text)
        return subprocess.run([BINARIES / "looptwin", "import", self.folder / name, *map(str, more)], capture_output=True, text=True)

    def check(self, models):
        (self.folder / "models.yaml").write_text(models)
        names = [line.strip(" :\n") for line in models.splitlines() if line.startswith("  ") and not line.startswith("   ") and not line.strip().startswith("#")]
        fleet = ", ".join(f"{name}: {{count: 2}}" for name in names)
        (self.folder / "scenario.yaml").write_text(f"scenario: imported\nduration: 1 h\nuse: [models.yaml]\nfleet: {{{fleet}}}\n")
        done = subprocess.run([BINARIES / "looptwin", "check", self.folder], capture_output=True, text=True)
        self.assertEqual(done.returncode, 0, done.stderr + models)

    def test_an_interface_becomes_a_model_that_loads(self):
        done = self.run_import("thermostat.json", THERMOSTAT)
        self.assertEqual((done.stdout, done.stderr), (THERMOSTAT_YAML, ""))
        self.check(done.stdout)

    def test_a_thing_description_becomes_a_model_that_loads(self):
        done = self.run_import("lamp.json", LAMP, "--every", "1 min")
        self.assertEqual((done.stdout, done.stderr), (LAMP_YAML, ""))
        self.check(done.stdout)

    def test_components_and_bases_are_parts_of_their_device(self):
        base = {"@context": ["dtmi:dtdl:context;2"], "@id": "dtmi:x:Base;1", "@type": "Interface",
                "contents": [{"@type": "Telemetry", "name": "uptime", "schema": "long", "unit": "second"}]}
        fan = {"@context": "dtmi:dtdl:context;2", "@id": "dtmi:x:Fan;1", "@type": "Interface",
               "contents": [{"@type": "Telemetry", "name": "speed", "schema": "float", "unit": "revolutionPerMinute"}]}
        unit = {"@context": "dtmi:dtdl:context;2", "@id": "dtmi:x:Unit;1", "@type": "Interface", "extends": "dtmi:x:Base;1",
                "contents": [{"@type": "Component", "name": "left", "schema": "dtmi:x:Fan;1"},
                             {"@type": "Component", "name": "right", "schema": "dtmi:x:Fan;1"}]}
        done = self.run_import("unit.json", [base, fan, unit])
        self.assertEqual(done.returncode, 0, done.stderr)
        for line in ["  unit:", "      uptime: {unit: s, ", "      left_speed: {unit: rpm, ", "      right_speed: {unit: rpm, "]:
            self.assertIn(line, done.stdout)
        self.assertNotIn("  fan:", done.stdout)
        self.check(done.stdout)
        done = self.run_import("unit.json", [unit])
        self.assertEqual(done.returncode, 2)
        self.assertIn("dtmi:x:Fan;1 is not in this file", done.stderr)
        # What is wrong with a part is said once, however many have it.
        fan["contents"][0]["unit"] = "furlong"
        self.assertEqual(self.run_import("unit.json", [base, fan, unit]).stderr.count("error:"), 1)

    def test_an_interface_that_is_part_of_itself_is_a_mistake_of_its_own(self):
        def interface(name, extends=None, *components):
            contents = [{"@type": "Telemetry", "name": f"of_{name}", "schema": "double", "unit": "furlong"},
                        *({"@type": "Component", "name": f"part{i}", "schema": part} for i, part in enumerate(components))]
            more = {"extends": extends} if extends else {}
            return {"@context": "dtmi:dtdl:context;3", "@id": f"dtmi:x:{name};1", "@type": "Interface", "contents": contents, **more}
        for documents, way in [
            ([interface("A", "dtmi:x:A;1")], "dtmi:x:A;1, then dtmi:x:A;1"),
            ([interface("A", ["dtmi:x:B;1"]), interface("B", "dtmi:x:A;1")], "dtmi:x:A;1, then dtmi:x:B;1, then dtmi:x:A;1"),
            ([interface("Top", "dtmi:x:A;1"), interface("A", None, "dtmi:x:A;1")], "dtmi:x:A;1, then dtmi:x:A;1"),
        ]:
            with self.subTest(way):
                done = self.run_import("t.json", documents)
                self.assertEqual(done.returncode, 2, done.stdout)
                self.assertRegex(done.stderr, rf"t\.json:\d+:\d+: error: an interface is part of itself: {way}\n")
                self.assertEqual(done.stderr.count("error:"), 1, done.stderr)
        chain = [interface(f"L{i}", f"dtmi:x:L{i + 1};1") for i in range(10)] + [interface("L10")]
        self.assertIn("more than 8 interfaces within one another", self.run_import("t.json", chain).stderr)

    def test_what_a_document_says_is_no_yaml_whatever_it_is(self):
        lamp = dict(LAMP, title="off\nmodels: 3\x1b[2J", properties={
            "on": {"type": "boolean", "readOnly": True}, "null": {"type": "boolean"}, "mode": {"enum": ["on", "off", "n"]},
            "text": {"type": "list\n  x: 1"}}, actions={"true": {}})
        done = self.run_import("lamp.json", lamp)
        self.assertEqual(done.returncode, 0, done.stderr)
        for line in ("  # off\\x0amodels: 3\\x1b[2J", "  # Left out: text: a list\\x0a  x: 1", "  off_models__3__2j:", '      "on": {boolean: true, every: 10 s}',
                     '      "null": {default: false}', '      mode: {enum: ["on", "off", "n"], default: "on"}', '      "true": {}'):
            self.assertIn(line + "\n", done.stdout)

    def test_parts_of_parts_are_bounded_and_a_base_of_two_bases_is_one(self):
        def interface(name, *contents, **more):
            return {"@context": "dtmi:dtdl:context;3", "@id": f"dtmi:x:{name};1", "@type": "Interface", "contents": contents, **more}
        many = [interface(f"L{n}", *({"@type": "Component", "name": f"c{i}", "schema": f"dtmi:x:L{n + 1};1"} for i in range(12))) for n in range(7)]
        done = self.run_import("many.json", [*many, interface("L7")])
        self.assertIn("'l0' has more than 10 000 parts", done.stderr)
        field = {"@type": "Telemetry", "name": "w", "schema": "double"}
        bases = [interface(name, extends="dtmi:x:Top;1") for name in ("Left", "Right")]
        done = self.run_import("bases.json", [interface("Top", field), *bases, interface("Whole", extends=["dtmi:x:Left;1", "dtmi:x:Right;1"])])
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertEqual(done.stdout.count("w: {"), 1)

    def test_every_unit_that_is_known_is_one_of_ours(self):
        for some in (DTDL_UNITS[:50], DTDL_UNITS[50:]):  # a model reports up to 63 fields together
            contents = [{"@type": "Telemetry", "name": f"f{i}", "schema": "double", "unit": unit} for i, unit in enumerate(some)]
            done = self.run_import("units.json", dict(THERMOSTAT, contents=contents))
            self.assertEqual(done.returncode, 0, done.stderr)
            self.check(done.stdout)

    def test_mistakes_are_said_with_their_place(self):
        strange = dict(THERMOSTAT, contents=[{"@type": "Telemetry", "name": "way", "schema": "double", "unit": "furlong"}])
        done = self.run_import("t.json", strange)
        self.assertEqual(done.returncode, 2)
        self.assertRegex(done.stderr, r"t\.json:\d+:\d+: error: 'furlong' is no unit that is known here\n(.*\n)+ +say what it is: --unit 'furlong=UNIT'")
        self.assertIn("way: {unit: km", self.run_import("t.json", strange, "--unit", "furlong=km").stdout)
        self.assertEqual(self.run_import("t.json", strange, "--unit", "furlong=parsnip").returncode, 2)
        for document, message in [
            ("", "nothing here is a model"), ("{", "t.json:"), ("[1]", "is an object"), ("{}", "neither an interface"),
            (dict(THERMOSTAT, **{"@context": "dtmi:dtdl:context;9"}), "the version of DTDL is not known"),
            (dict(THERMOSTAT, contents=[{"@type": "Telemetry", "schema": "double"}]), "has a name"),
            (dict(THERMOSTAT, contents=[{"@type": "Wish", "name": "w", "schema": "double"}]), "'w' is of no type that is known"),
            (dict(THERMOSTAT, contents=[{"@type": "Telemetry", "name": "w"}]), "'w' has no schema"),
            (dict(LAMP, properties=[1]), "'properties' holds names"),
            (dict(LAMP, properties={"a-b": {"type": "number"}, "a.b": {"type": "boolean"}}), "'a_b' stands twice in street_lamp"),
            (dict(LAMP, properties={"a": {"type": "number", "minimum": "0], x: ["}}), "'minimum' is a number"),
            (dict(LAMP, properties={"a": {"enum": ["so-so", "so.so"]}}), "'so.so' is 'so_so' here, as another word of it is"),
            ([dict(LAMP), dict(LAMP)], "two models of this file are called 'street_lamp'"),
            (dict(LAMP, properties={"a": {"type": "boolean", "default": "x}, y: {"}}), "'default' of a boolean is true or false"),
            ('{"title": "x", "properties": {"a": {"type": "number", "unit": "furlong"}}}', "t.json:1:64: error: 'furlong'"),
        ]:
            with self.subTest(message):
                done = self.run_import("t.json", document)
                self.assertEqual(done.returncode, 2, done.stdout)
                self.assertIn(message, done.stderr)


if __name__ == "__main__":
    unittest.main(argv=[sys.argv[0], *sys.argv[3:]])
