"""Every scenario of the shared file, a test each."""

import json
import pathlib
import unittest

from scenario import Scenario

FILE = pathlib.Path(__file__).parents[2] / "scenarios" / "scenarios.json"
VOCABULARY = 2


class Scenarios(unittest.TestCase):
    ran: set[str] = set()

    def run_one(self, scenario: dict):
        world = Scenario()
        self.addCleanup(world.close)
        world.run(scenario["steps"])
        self.ran.add(scenario["name"])

    def test_an_unknown_step_fails(self):
        world = Scenario()
        self.addCleanup(world.close)
        with self.assertRaises(NotImplementedError):
            world.run([{"do": "conjure"}])

    def test_zz_every_scenario_ran(self):
        # Alphabetically the last of this class.
        self.assertEqual(self.ran, {scenario["name"] for scenario in SHARED["scenarios"]})


SHARED = json.loads(FILE.read_text(encoding="utf-8"))
assert SHARED["vocabulary"] == VOCABULARY, "this runner knows another vocabulary"
for one in SHARED["scenarios"]:
    setattr(Scenarios, f"test_{one['name']}", lambda self, one=one: self.run_one(one))

if __name__ == "__main__":
    unittest.main()
