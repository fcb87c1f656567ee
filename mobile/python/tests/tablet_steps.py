"""Steps of the shared scenarios on tablets that several people share: profiles under PINs."""

import asyncio
import json
import pathlib

import satchel

SECRET = bytes(range(1, 33))
"""What stands for the platform's secret."""


class TabletSteps:
    """Mixed into a scenario, which has `folder`, `devices` and `compare`."""

    def __init__(self):
        # Tablets by name; of each profile that was made, by its device's name, the tablet and the profile's id.
        self.tablets, self.profiles = {}, {}

    def tablet_folder(self, tablet) -> pathlib.Path:
        return pathlib.Path(self.folder.name) / f"tablet-{tablet}"

    def tablet(self, tablet):
        if tablet not in self.tablets:
            self.tablets[tablet] = satchel.SatchelTablet.open(str(self.tablet_folder(tablet)), None)
        return self.tablets[tablet]

    def do_create_profile(self, tablet, device, label, pin, wipeAfter=None):
        settings = satchel.ProfileSettings(wipe_after_wrong_pins=wipeAfter)
        made = asyncio.run(self.tablet(tablet).create(label, pin, SECRET, settings))
        self.devices[device] = made
        self.profiles[device] = (tablet, made.profile_id())

    def do_unlock(self, device, pin, otherSecret=False):
        secret = SECRET[::-1] if otherSecret else SECRET
        if device in self.devices:
            return asyncio.run(self.devices[device].unlock(pin, secret))
        tablet, profile = self.profiles[device]
        self.devices[device] = asyncio.run(self.tablet(tablet).unlock(profile, pin, secret))

    def do_change_pin(self, device, pin, new):
        tablet, profile = self.profiles[device]
        asyncio.run(self.tablet(tablet).change_pin(profile, pin, new, SECRET))

    def do_remove_profile(self, device, pin=None):
        tablet, profile = self.profiles[device]
        if pin is None:
            self.tablet(tablet).remove_wiped(profile)
        else:
            asyncio.run(self.tablet(tablet).remove(profile, pin, SECRET))

    def do_restart_tablet(self, tablet):
        for device, (of, _) in self.profiles.items():
            if of == tablet and device in self.devices:
                asyncio.run(self.devices.pop(device).lock())
        del self.tablets[tablet]

    def do_let_time_pass(self, device, ms):
        tablet, profile = self.profiles[device]
        path = self.tablet_folder(tablet) / profile / "profile.attempts"
        attempts = json.loads(path.read_text())
        path.write_text(json.dumps(attempts | {"at": attempts["at"] - ms}))

    def do_expect_tablet(self, tablet, profiles, without=()):
        shown = self.tablet(tablet).profiles()
        assert sorted(one.label for one in shown) == sorted(profiles), [one.label for one in shown]
        for one in shown:
            unsent = {name: getattr(one.unsent, name, None) for name in ("changes", "drafts", "held")}
            found = {"enrolled": one.enrolled, "wiped": one.wiped, "wrongPins": one.wrong_pins, **unsent}
            self.compare(found | {"lockedOut": one.locked_out_until is not None}, profiles[one.label])
        told = "".join(str(one) for one in shown)
        assert all(label in told for label in profiles), "what a tablet shows is not looked at"
        for words in without:
            assert words not in told, "patient content in what a tablet shows"

    def do_expect_unreadable(self, tablet, words):
        files = [path for path in self.tablet_folder(tablet).rglob("*") if path.is_file()]
        assert files, "nothing is there to be read"
        for path in files:
            found = [one for one in words if one.encode() in path.read_bytes()]
            assert not found, f"{found} in {path.name}"
