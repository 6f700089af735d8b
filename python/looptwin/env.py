"""Simulations as environments of reinforcement learning, with the methods of Gymnasium; it need not be there."""
from __future__ import annotations

import concurrent.futures
import numbers
import threading
from typing import Any, Callable, Mapping, NamedTuple, Optional, Sequence, TypeVar, Union

import numpy as np

from . import text
from .arguments import checked
from .scenario import Scenario, Source, loaded
from .simulation import Simulation

_Given = TypeVar("_Given")


@checked
class Box:
    """Arrays of one shape between ``low`` and ``high``, as ``gymnasium.spaces.Box``."""

    def __init__(self, low: Any, high: Any, shape: tuple[int, ...], dtype: Any = np.float32):
        self.dtype, self.shape = np.dtype(dtype), tuple(shape)
        self.low = np.broadcast_to(np.asarray(low, self.dtype), shape)
        self.high = np.broadcast_to(np.asarray(high, self.dtype), shape)
        self._random = np.random.default_rng()

    def seed(self, seed: Optional[int] = None) -> None:
        self._random = np.random.default_rng(seed)

    def sample(self) -> np.ndarray:
        low, high = (np.nan_to_num(bound, posinf=1e6, neginf=-1e6) for bound in (self.low, self.high))
        return self._random.uniform(low, high).astype(self.dtype)

    def contains(self, x: Any) -> bool:
        x = np.asarray(x)
        return (x.dtype.kind in "biuf" and x.shape == self.shape and
                bool(np.all(x >= self.low) and np.all(x <= self.high)))

    __contains__ = contains

    def __repr__(self) -> str:
        return f"Box({self.low.min()}, {self.high.max()}, {self.shape}, {self.dtype})"


@checked
class Discrete:
    """Whole numbers from 0 to ``n - 1``, as ``gymnasium.spaces.Discrete``."""

    shape: tuple[int, ...] = ()
    dtype = np.dtype(np.int64)

    def __init__(self, n: int):
        self.n = n
        self._random = np.random.default_rng()

    def seed(self, seed: Optional[int] = None) -> None:
        self._random = np.random.default_rng(seed)

    def sample(self) -> int:
        return int(self._random.integers(self.n))

    def contains(self, x: Any) -> bool:
        x = np.asarray(x)
        return x.dtype.kind in "biuf" and x.shape == () and x.item() in range(self.n)

    __contains__ = contains

    def __repr__(self) -> str:
        return f"Discrete({self.n})"


def _spaces() -> tuple[Any, Any]:
    try:
        from gymnasium.spaces import Box as TheirBox, Discrete as TheirDiscrete
    except ImportError:
        return Box, Discrete
    return TheirBox, TheirDiscrete


class _Seen(NamedTuple):
    """What is observed: rows of a column."""

    model: str
    name: str
    rows: np.ndarray
    boolean: bool


class _Done(NamedTuple):
    """What can be done: an operator's input, on one device or for all."""

    name: str
    device: str
    kind: str
    unit: str
    words: list[str]
    low: float
    high: float


@checked
class Env:
    """An environment in which an agent sets what people set: ``reset``, ``step``, ``observation_space``, ``action_space``.

        env = looptwin.Env(looptwin.shipped["gas-pipeline"], observe=["customer-4.flow", "seg-17.pressure_in"],
                           act=["seg-17.may_reopen"], reward=lambda sim: sim["customer-4"].flow, by="anna")
        observation, info = env.reset(seed=7)
        observation, reward, terminated, truncated, info = env.step(env.action_space.sample())

    ``observe``: ``"PATTERN.name"``, a number a device that matches, or ``"site.name"``, as a feed's
    ``"site.weather.temperature"``; in the declared unit, float32; conditions are 0 and 1,
    words their codes, and what is unknown is ``unknown``. ``act``: operator's inputs, ``"name"`` or ``"DEVICE.name"``: a
    number each, limits in their unit and range, buttons and switches 0 or 1, selectors the word's place; of a single
    button, switch or selector the space is discrete. ``every``: how long a step is. ``reward`` and ``terminated`` are
    called with the :class:`Simulation` after each step. ``by``: the person who acts. An episode is truncated at the
    scenario's end.
    """

    metadata: dict[str, Any] = {"render_modes": []}
    render_mode = None
    spec = None

    def __init__(self, scenario: Union[Scenario, Source], *, observe: Sequence[str], act: Sequence[str],
                 reward: Callable[[Simulation], float], every: text.Span = "1 min", by: Optional[str] = None,
                 terminated: Optional[Callable[[Simulation], bool]] = None, unknown: float = 0.0,
                 set: Optional[Mapping[str, Any]] = None,  # noqa: A002: the command line's word
                 duration: Optional[text.Span] = None, threads: int = 1):
        self._scenario, self._reward, self._terminated = loaded(scenario), reward, terminated
        self._every, self._by, self._unknown = text.seconds(every), by, unknown
        if not self._every > 0:
            raise ValueError(f"every={every!r}: a step must take time; write \"1 min\"")
        self._duration, self._threads = duration, threads
        self._set = dict(set or {})
        self._seed: Optional[int] = None
        #: The simulation of the present episode; None before the first.
        self.sim: Optional[Simulation] = None
        with self._make(self._scenario.seed, {}) as sim:
            self._seen = [_seen(sim, what) for what in observe]
            self._done = [_done(sim, what) for what in act]
        box, discrete = _spaces()
        count = sum(len(seen.rows) for seen in self._seen)
        self.observation_space = box(-np.inf, np.inf, (count,), np.float32)
        single = len(self._done) == 1 and self._done[0].kind != "limit"
        self.action_space = discrete(int(self._done[0].high) + 1) if single else box(
            np.array([done.low for done in self._done], np.float32),
            np.array([done.high for done in self._done], np.float32), (len(self._done),), np.float32)

    def _make(self, seed: int, further: Mapping[str, Any]) -> Simulation:
        return Simulation(self._scenario, seed=seed, set={**self._set, **further}, duration=self._duration,
                          threads=self._threads, keep_decisions=False)

    @property
    def unwrapped(self) -> "Env":
        """Itself: nothing is wrapped around it."""
        return self

    def reset(self, *, seed: Optional[int] = None,
              options: Optional[Mapping[str, Any]] = None) -> tuple[np.ndarray, dict[str, Any]]:
        """A new episode, with ``seed``, else with the one after the last; the first has the scenario's.

        ``options``: ``{"set": {...}}`` sets values of the scenario for this episode.
        """
        if seed is not None:
            self._seed = text.whole(seed, "seed")
        else:
            self._seed = self._scenario.seed if self._seed is None else self._seed + 1
        for name in options or {}:
            if name != "set":
                raise ValueError(f"options has '{name}': write {{\"set\": {{...}}}}")
        self.close()
        self.sim = self._make(self._seed, (options or {}).get("set", {}))
        return self._observation(self.sim), self._info(self.sim)

    def step(self, action: Any) -> tuple[np.ndarray, float, bool, bool, dict[str, Any]]:
        """Acts, and goes on for ``every``."""
        sim = self.sim
        if sim is None:
            raise RuntimeError("no episode has begun: call reset()")
        wanted = np.atleast_1d(np.asarray(action, dtype=np.float64))
        if wanted.shape != (len(self._done),):
            raise ValueError(f"an action of the shape {np.shape(action)}, not {(len(self._done),)}")
        for done, value in zip(self._done, wanted):
            self._act(sim, done, float(value))
        ends = min(sim.time + self._every, sim.end)
        sim.advance(ends - sim.time)
        terminated = bool(self._terminated(sim)) if self._terminated else False
        reward = self._reward(sim)
        if not isinstance(reward, (numbers.Real, np.ndarray, np.bool_)):
            raise TypeError(f"reward gave {reward!r}: let it give a number")
        return (self._observation(sim), float(reward), terminated, ends >= sim.end, self._info(sim))

    def _act(self, sim: Simulation, done: _Done, value: float) -> None:
        if not np.isfinite(value):
            raise ValueError(f"'{done.name}' cannot be {value}")
        if done.kind == "limit":
            value = min(max(value, done.low), done.high)
            said: Any = f"{value!r} {done.unit}" if done.unit and done.unit != "1" else value
        else:
            place = min(max(int(round(value)), 0), int(done.high))
            if done.kind == "button":
                if place:
                    sim.press(done.name, device=done.device, by=self._by)
                return
            said = done.words[place] if done.words[:2] != ["false", "true"] else bool(place)
        if done.device:
            sim[done.device].set(by=self._by, **{done.name: said})
        else:
            sim.set(by=self._by, **{done.name: said})

    def _observation(self, sim: Simulation) -> np.ndarray:
        parts = []
        for seen in self._seen:
            column = sim.column(seen.model, seen.name)[seen.rows]
            values = column.astype(np.float32)
            if column.dtype == np.uint8:
                values[column == (2 if seen.boolean else 255)] = np.nan
            parts.append(np.nan_to_num(values, nan=self._unknown))
        return np.concatenate(parts) if parts else np.zeros(0, np.float32)

    def _info(self, sim: Simulation) -> dict[str, Any]:
        return {"time": sim.time, "seed": self._seed}

    def render(self) -> None:
        """There is nothing to be drawn."""

    def close(self) -> None:
        """Gives the episode's memory back."""
        if self.sim is not None:
            self.sim.close()
            self.sim = None

    def __enter__(self) -> "Env":
        return self

    def __exit__(self, *what: Any) -> None:
        self.close()


#: Each is a simulation of its own.
MOST_ENVS = 1024


@checked
class VectorEnv:
    """Several environments of the same kind, at most 1024, each with a seed of its own, advanced side by side on threads.

    As ``gymnasium.vector.VectorEnv``: arrays have a row an environment; one whose episode has ended begins the next at the
    following step, whose action it does not heed and whose reward is 0. All further arguments are those of :class:`Env`.
    """

    metadata: dict[str, Any] = {"render_modes": [], "autoreset_mode": "NextStep"}
    render_mode = None
    spec = None

    def __init__(self, scenario: Union[Scenario, Source], num_envs: int, *, workers: Optional[int] = None, **how: Any):
        self.num_envs = num_envs = text.whole(num_envs, "num_envs", 1, MOST_ENVS)
        scenario = loaded(scenario)
        self.envs = [Env(scenario, **how) for _ in range(num_envs)]
        self.single_observation_space = self.envs[0].observation_space
        self.single_action_space = self.envs[0].action_space
        box, _ = _spaces()
        one = self.single_observation_space
        self.observation_space = box(-np.inf, np.inf, (num_envs, *one.shape), np.float32)
        act = self.single_action_space
        low = np.broadcast_to(getattr(act, "low", 0), (num_envs, *act.shape))
        high = np.broadcast_to(getattr(act, "high", getattr(act, "n", 1) - 1), (num_envs, *act.shape))
        self.action_space = box(low, high, (num_envs, *act.shape), np.float32)
        self._over = np.zeros(num_envs, bool)
        self._workers = min(num_envs, 8 if workers is None else text.whole(workers, "workers", 1, MOST_ENVS))
        self._pool = _threads(self._workers)
        self._closed = False

    def reset(self, *, seed: Union[int, Sequence[int], None] = None,
              options: Optional[Mapping[str, Any]] = None) -> tuple[np.ndarray, dict[str, Any]]:
        """New episodes: with ``seed``, ``seed + 1`` and so on, or a seed each. The first without a seed has the
        scenario's and those after it."""
        seeds: list[int]
        if seed is None:
            last = max((env._seed for env in self.envs if env._seed is not None), default=None)
            begin = self.envs[0]._scenario.seed if last is None else last + 1
            seeds = list(range(begin, begin + self.num_envs))
        elif isinstance(seed, (int, np.integer)):
            seeds = list(range(int(seed), int(seed) + self.num_envs))
        else:
            seeds = [text.whole(one, "seed") for one in seed]
        if len(seeds) != self.num_envs:
            raise ValueError(f"{len(seeds)} seeds for {self.num_envs} environments")
        begun = self._each(lambda index: self.envs[index].reset(seed=seeds[index], options=options))
        self._over[:] = False
        return np.stack([observation for observation, _ in begun]), _joined([info for _, info in begun])

    def step(self, actions: Any) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray, dict[str, Any]]:
        """One action for each environment, shape (environments, actions); what each gives, stacked."""
        actions = np.asarray(actions)
        if actions.shape[:1] != (self.num_envs,):
            raise ValueError(f"actions of the shape {actions.shape}: write one for each of {self.num_envs} environments")

        def one(index: int) -> tuple[Any, ...]:
            env = self.envs[index]
            if self._over[index]:
                assert env._seed is not None
                observation, info = env.reset(seed=env._seed + self.num_envs)
                return observation, 0.0, False, False, info
            return env.step(actions[index])

        stepped = self._each(one)
        observations, rewards, terminated, truncated, infos = zip(*stepped)
        ended, cut = np.array(terminated, bool), np.array(truncated, bool)
        self._over = ended | cut
        return np.stack(observations), np.array(rewards), ended, cut, _joined(list(infos))

    def _each(self, do: Callable[[int], _Given]) -> list[_Given]:
        """On the threads. Ctrl-C is heard here: it is raised when all of them have ended the cycle under way."""
        if self._closed:
            raise RuntimeError("these environments are closed")
        asked: list[concurrent.futures.Future[_Given]] = []
        try:
            for index in range(self.num_envs):
                asked.append(self._pool.submit(do, index))
            return [one.result() for one in asked]
        except BaseException:
            self._end_threads()
            self._pool = _threads(self._workers)
            raise

    def _end_threads(self) -> None:
        """What runs on them ends with the cycle under way."""
        ended = threading.Thread(target=self._pool.shutdown, kwargs={"cancel_futures": True})
        ended.start()
        while ended.is_alive():
            for env in self.envs:
                if env.sim is not None:
                    env.sim._simulation.interrupt()
            ended.join(0.01)

    def close(self) -> None:
        """Gives all memory back, and ends the threads."""
        self._closed = True
        self._end_threads()
        for env in self.envs:
            env.close()

    def __enter__(self) -> "VectorEnv":
        return self

    def __exit__(self, *what: Any) -> None:
        self.close()


def _threads(count: int) -> concurrent.futures.ThreadPoolExecutor:
    """All of them are there: of one that is begun when Ctrl-C comes an executor may not know."""
    pool, begun = concurrent.futures.ThreadPoolExecutor(count), threading.Barrier(count)
    list(pool.map(lambda _: begun.wait(), range(count)))
    return pool


def _joined(infos: list[dict[str, Any]]) -> dict[str, Any]:
    return {name: np.array([info[name] for info in infos]) for name in infos[0]}


def _seen(sim: Simulation, what: str) -> _Seen:
    pattern, dot, name = what.partition(".") if what.startswith("site.") else what.rpartition(".")
    if not dot:
        raise ValueError(f"observe '{what}': write \"PATTERN.name\", as \"block-1/*.power\", or \"site.name\"")
    if pattern == "site":
        model, rows = "site", np.zeros(1, np.int64)
    else:
        ids = sim.devices(pattern)
        if not ids:
            raise KeyError(f"observe '{what}': no device matches '{pattern}'")
        models = {sim[one].model for one in ids}
        models = {one for one in models if name in sim.names(one)} or models
        if len(models) != 1:
            raise ValueError(f"observe '{what}': {', '.join(sorted(models))} have a '{name}': write one after the other")
        model = models.pop()
        places = {one: row for row, one in enumerate(sim.devices(model=model))}
        rows = np.array([places[one] for one in ids if one in places])
    column = sim.column(model, name)
    return _Seen(model, name, rows, column.dtype == np.uint8 and not sim.words(model, name))


def _done(sim: Simulation, what: str) -> _Done:
    device, _, name = what.rpartition(".")
    inputs = {one["name"]: one for one in sim.inputs}
    if name not in inputs:
        raise KeyError(f"act '{what}': the operator has no input '{name}'; there are: {', '.join(inputs) or 'none'}")
    found = inputs[name]
    if bool(device) != bool(found["each"]):
        raise ValueError(f"act '{what}': '{name}' is of each {found['each']}: write \"DEVICE.{name}\"" if found["each"]
                         else f"act '{what}': '{name}' is one for all: write \"{name}\"")
    if device and sim[device].model != found["each"]:
        raise ValueError(f"act '{what}': '{name}' is of each {found['each']}, and '{device}' is a {sim[device].model}")
    if found["kind"] == "limit":
        if found["low"] is None or found["high"] is None:
            raise ValueError(f"act '{what}': '{name}' has no range: give it one in the scenario's operator:")
        return _Done(name, device, "limit", found["unit"], [], found["low"], found["high"])
    words = found["words"]
    return _Done(name, device, found["kind"], "", words, 0.0, float(max(len(words), 2) - 1))
