"""What Python has for itself: asyncio's cancellation, listeners that fail, profiles under PINs."""

import asyncio
import socket
import tempfile
import unittest

import satchel

from relay import Relay

SECRET = bytes(range(32))


class OnATablet(unittest.TestCase):
    """With a relay and an enrolled profile under a PIN."""

    def setUp(self):
        self.relay = Relay()
        self.addCleanup(self.relay.close)
        self.relay.practice("north", ["dr-a"])
        folder = tempfile.TemporaryDirectory(prefix="satchel-tablet-")
        self.addCleanup(folder.cleanup)
        self.tablet = satchel.SatchelTablet.open(folder.name, None)
        asyncio.run(self.begin())
        self.addCleanup(lambda: asyncio.run(self.device.lock()))

    async def begin(self):
        self.device = await self.tablet.create("Dr A", "1793", SECRET, satchel.ProfileSettings())
        await self.device.enroll(self.relay.url, self.relay.code("north", "dr-a"), "a tablet")
        self.device.register_anyway(satchel.NewPatient(family="Silva"))

    def code(self, call) -> str:
        with self.assertRaises(satchel.SatchelError) as refused:
            asyncio.run(call)
        return refused.exception.code()

    def test_a_cancelled_sync_ends_and_the_next_one_works(self):
        async def cancelled():
            with socket.create_server(("127.0.0.1", 0)) as silent:
                self.device.set_relay_url(f"ws://127.0.0.1:{silent.getsockname()[1]}/sync")
                syncing = asyncio.ensure_future(self.device.sync(None))
                while self.device.status().connection != satchel.ConnectionState.CONNECTING:
                    await asyncio.sleep(0.01)
                syncing.cancel()
                with self.assertRaises(asyncio.CancelledError):
                    await syncing
            while self.device.status().connection != satchel.ConnectionState.OFFLINE:
                await asyncio.sleep(0.01)
            self.device.set_relay_url(self.relay.url)
            return await self.device.sync(None)

        self.assertEqual(asyncio.run(asyncio.wait_for(cancelled(), 30)).sent, 1)

    def test_a_locked_profile_tells_what_is_unsent_and_opens_by_its_pin_and_secret_only(self):
        profile = self.device.profile_id()
        asyncio.run(self.device.lock())
        shown = self.tablet.profiles()[0]
        self.assertEqual((shown.label, shown.enrolled, shown.unsent.changes), ("Dr A", True, 1))
        self.assertEqual(self.code(self.tablet.unlock(profile, "1794", SECRET)), "wrong-pin")
        self.assertEqual(self.code(self.tablet.unlock(profile, "1793", SECRET[::-1])), "wrong-secret")
        self.assertEqual(self.code(self.device.sync(None)), "locked")
        asyncio.run(self.device.unlock("1793", SECRET))
        self.assertFalse(self.device.is_locked())
        self.assertEqual(asyncio.run(self.device.sync(None)).sent, 1)


if __name__ == "__main__":
    unittest.main()
