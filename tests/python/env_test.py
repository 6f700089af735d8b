"""Environments: what an agent sees and does is what the simulation shows and people do."""
import subprocess
import sys
import textwrap
import unittest

import looptwin
import numpy as np
from common import InFolder, TANKS

HOW = dict(observe=["main/tank-*.level", "site.lowest", "main/tank-1.status"], act=["lowest", "main/tank-3.care"],
           reward=lambda sim: -float(len(sim.column("tank", "level")[sim.column("tank", "level") < 1])), every="5 min",
           duration="30 min")


class Stepping(InFolder):
    def test_spaces_are_those_of_the_scenario(self):
        with looptwin.Env("tanks.yaml", **HOW) as env:
            self.assertEqual(env.observation_space.shape, (12,))
            self.assertEqual(env.action_space.low.tolist(), [0, 0])
            self.assertEqual(env.action_space.high.tolist(), [3, 1])
            observation, info = env.reset(seed=3)
            self.assertTrue(env.observation_space.contains(observation))
            self.assertEqual((observation.dtype, info), (np.float32, {"time": 0.0, "seed": 3}))
            for _ in range(20):
                self.assertIn(env.action_space.sample(), env.action_space)
            self.assertFalse(env.action_space.contains(np.array([4, 0])))

    def test_a_step_is_what_a_person_would_do(self):
        with looptwin.Env("tanks.yaml", **HOW) as env, looptwin.Simulation(TANKS, seed=3, duration="30 min") as sim:
            env.reset(seed=3)
            observation, reward, terminated, truncated, info = env.step([2.5, 0.2])
            sim.set(lowest="2.5 m")
            sim["main/tank-3"].set(care="0.2 m")
            sim.advance("5 min")
            np.testing.assert_array_equal(observation[:10], sim.column("tank", "level").astype(np.float32))
            self.assertEqual(observation[10], np.float32(2.5))
            self.assertEqual((reward, terminated, truncated, info["time"]), (0, False, False, 300))
            self.assertEqual(env.sim.fingerprint, sim.fingerprint)

    def test_feeds_are_observed_and_steps_take_time(self):
        weather = TANKS + "feeds: {sky: {signals: {air: {unit: degC, every: 10 min, values: [10, 30, 20]}}}}\n"
        with looptwin.Env(weather, observe=["site.sky.air", "site.lowest"], act=["lowest"], reward=lambda sim: 0,
                          every="10 min", duration="20 min") as env:
            env.reset()
            observation = env.step([2])[0]
            self.assertEqual(observation.tolist(), [env.sim["site"]["sky.air"], 2])
            self.assertGreater(observation[0], 10)
        for every in (0, "0 s", -1):
            with self.assertRaisesRegex(ValueError, "a step must take time"):
                looptwin.Env("tanks.yaml", **{**HOW, "every": every})
        with looptwin.Env("tanks.yaml", **HOW) as env, self.assertRaisesRegex(TypeError, "whole number"):
            env.reset(seed=1.5)

    def test_the_example_of_its_documentation_runs(self):
        code = textwrap.dedent(looptwin.Env.__doc__.split("\n\n")[1])
        names = {"looptwin": looptwin}
        exec(compile(code, "Env", "exec"), names)  # noqa: S102
        self.assertEqual(names["info"]["time"], 60)
        names["env"].close()

    def test_an_episode_ends_with_the_scenario_or_where_it_is_said(self):
        with looptwin.Env("tanks.yaml", **HOW) as env:
            env.reset()
            ends = [env.step(env.action_space.low)[3] for _ in range(6)]
            self.assertEqual(ends, [False] * 5 + [True])
        with looptwin.Env("tanks.yaml", **HOW, terminated=lambda sim: sim.time >= 600) as env:
            env.reset()
            self.assertEqual([env.step(env.action_space.low)[2] for _ in range(2)], [False, True])

    def test_the_same_seed_is_the_same_episode_and_none_is_the_next(self):
        with looptwin.Env(TANKS.replace("resolution: 0.01}", "resolution: 0.01, noise: 0.05}", 1), **HOW) as env:
            def course(**how):
                env.reset(**how)
                return [env.step([1, 0])[0] for _ in range(3)], env.sim.time

            first, again = course(seed=5), course(seed=5)
            np.testing.assert_array_equal(first[0], again[0])
            env.reset()
            self.assertEqual(env.step([1, 0])[4]["seed"], 6)
            other = course(options={"set": {"models.tank.parameters.demand.default": "2 L/s"}})
            self.assertTrue((other[0][2][:10] < first[0][2][:10]).all())

    def test_what_makes_no_sense_is_refused_before_anything_runs(self):
        for change, said in (({"observe": ["level"]}, "PATTERN.name"), ({"observe": ["main/tonk-*.level"]}, "no device"),
                             ({"observe": ["main/tank-*.levle"]}, "levle"), ({"act": ["lowst"]}, "lowest"),
                             ({"act": ["care"]}, "DEVICE.care"), ({"act": ["main.lowest"]}, "one for all"),
                             ({"act": ["main.care"]}, "is a main")):
            with self.subTest(change=change), self.assertRaises((ValueError, KeyError)) as caught:
                looptwin.Env("tanks.yaml", **{**HOW, **change})
            self.assertIn(said, str(caught.exception))
        with looptwin.Env("tanks.yaml", **HOW) as env:
            with self.assertRaisesRegex(RuntimeError, "reset"):
                env.step([0, 0])
            env.reset()
            with self.assertRaisesRegex(ValueError, "shape"):
                env.step([0])
            with self.assertRaisesRegex(ValueError, "nan"):
                env.step([float("nan"), 0])
            with self.assertRaisesRegex(ValueError, "options has 'sett': write {\"set\""):
                env.reset(options={"sett": {"seed": 3}})
        with looptwin.Env("tanks.yaml", **{**HOW, "reward": lambda sim: None}) as env:
            env.reset()
            with self.assertRaisesRegex(TypeError, "reward gave None: let it give a number"):
                env.step([0, 0])
        with looptwin.VectorEnv("tanks.yaml", 2, **HOW) as many:
            many.reset()
            for actions in ("x", 3, None, [[0, 0]]):
                with self.assertRaisesRegex(ValueError, "write one for each of 2 environments"):
                    many.step(actions)
        with self.assertRaisesRegex(RuntimeError, "these environments are closed"):
            many.step([[0, 0], [0, 0]])

    def test_a_single_switch_is_discrete(self):
        switch = TANKS.replace("operator:\n", "operator:\n  save: {kind: selector, enum: [never, ahead, always], "
                               "default: never}\n")
        with looptwin.Env(switch, **{**HOW, "act": ["save"], "observe": ["site.save"]}) as env:
            self.assertEqual(env.action_space.n, 3)
            env.reset()
            self.assertEqual(env.step(2)[0].tolist(), [2])
            self.assertEqual(env.sim["site"].save, "always")


class Together(InFolder):
    def test_environments_side_by_side_are_each_what_they_are_alone(self):
        with looptwin.VectorEnv("tanks.yaml", 3, **HOW) as many, looptwin.Env("tanks.yaml", **HOW) as one:
            observations, infos = many.reset(seed=[4, 9, 2])
            self.assertEqual(observations.shape, (3, 12))
            self.assertEqual(infos["seed"].tolist(), [4, 9, 2])
            actions = np.array([[0, 0], [1, 0.5], [2, 1]], np.float32)
            for _ in range(2):
                observations, rewards, terminated, truncated, infos = many.step(actions)
            one.reset(seed=9)
            for _ in range(2):
                alone = one.step(actions[1])
            np.testing.assert_array_equal(observations[1], alone[0])
            self.assertEqual((rewards[1], rewards.shape), (alone[1], (3,)))

    def test_ctrl_c_ends_all_of_them_with_their_cycles(self):
        code = ("import looptwin, os, signal, threading\n"
                "with looptwin.VectorEnv('tanks.yaml', 2, observe=['main/tank-1.level'], act=['lowest'],\n"
                "                        reward=lambda sim: 0.0, every='20000 d', duration='40000 d') as many:\n"
                "    many.reset()\n"
                "    def interrupt():\n"
                "        while many.envs[0].sim.time == 0:\n"
                "            pass\n"
                "        os.kill(os.getpid(), signal.SIGINT)\n"
                "    threading.Thread(target=interrupt, daemon=True).start()\n"
                "    try:\n"
                "        many.step([[1], [1]])\n"
                "    except KeyboardInterrupt:\n"
                "        print('heard', [0 < env.sim.time < 20000 * 86400 for env in many.envs][0])\n")
        told = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=300)
        self.assertEqual((told.returncode, told.stdout), (0, "heard True\n"), told.stderr)

    def test_one_that_has_ended_begins_anew_at_the_next_step(self):
        with looptwin.VectorEnv("tanks.yaml", 2, **HOW) as many:
            many.reset(seed=1)
            actions = np.zeros((2, 2))
            for _ in range(6):
                _, _, _, truncated, infos = many.step(actions)
            self.assertEqual((truncated.tolist(), infos["time"].tolist()), ([True, True], [1800, 1800]))
            _, rewards, _, truncated, infos = many.step(actions)
            self.assertEqual((truncated.tolist(), infos["time"].tolist(), rewards.tolist()),
                             ([False, False], [0, 0], [0, 0]))
            self.assertEqual(infos["seed"].tolist(), [3, 4])

    def test_nothing_of_gymnasium_is_needed(self):
        code = ("import sys; sys.modules['gymnasium'] = None\n"
                "import looptwin\n"
                "env = looptwin.Env('tanks.yaml', observe=['main/tank-1.level'], act=['lowest'], reward=lambda sim: 1)\n"
                "env.reset()\n"
                "print(type(env.action_space).__module__, env.step([1])[1])\n")
        told = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=120)
        self.assertEqual(told.stdout, "looptwin.env 1.0\n", told.stderr)


if __name__ == "__main__":
    unittest.main()
