"""looptwin: a testbed for IoT monitor-and-manage loops.

    scenario = looptwin.load("scenarios/smart-meters", set={"fleet.block.count": 2})
    run = looptwin.run(scenario, duration="6 h", out="runs/mine")
    run.alarms

Values are in the units that the scenario declares; times are seconds since the run's start unless said otherwise.
docs/python.md shows all of it.
"""
import atexit

from . import _looptwin
from ._looptwin import version as __version__
from .devices import Controller, Physics
from .env import Env, VectorEnv
from .errors import Problem, RunError, ScenarioError
from .explaining import Difference, Explanation
from .extending import Feed, Plant, register
from .folder import RunFolder, Telemetry, open  # noqa: A004: looptwin.open(RUN)
from .requirements import Verdict
from .runs import Run, run
from .scenario import Scenario, load
from .shipped import shipped
from .simulation import Device, Simulation
from .sweeps import SweepWarning, sweep

# Threads that are daemons may still be in a simulation.
atexit.register(_looptwin.end_all)

__all__ = ["Controller", "Device", "Difference", "Env", "Explanation", "Feed", "Physics", "Plant", "Problem", "Run",
           "RunError", "RunFolder", "Scenario", "ScenarioError", "Simulation", "SweepWarning", "Telemetry", "VectorEnv",
           "Verdict", "__version__", "load", "open", "register", "run", "shipped", "sweep"]
