"""A relay as a process of its own, on a port that the system chooses, and its administration by the `satchel` command."""

import json
import os
import pathlib
import shutil
import subprocess
import tempfile


def program() -> str:
    """Path of the built `satchel` command, from the variable SATCHEL_BINARY."""
    return os.environ["SATCHEL_BINARY"]


class Relay:
    """Killed, and its folder removed, when it is closed."""

    def __init__(self):
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="satchel-relay-"))
        self._listen = "127.0.0.1:0"
        self._child = None
        self.start()

    def start(self):
        """Starts it; again at the address of the first time."""
        if self._child:
            return
        command = [program(), "relay", "--log", "warn", "--listen", self._listen, "--data", str(self.folder)]
        self._child = subprocess.Popen(command, stdout=subprocess.PIPE, stdin=subprocess.DEVNULL, text=True)
        # Of the three lines that it says, all are read, so that it never writes into a closed pipe.
        lines = [self._child.stdout.readline() for _ in range(3)]
        if "http://" not in lines[1]:
            raise RuntimeError(f"the relay did not start: {lines}")
        self._listen = lines[1].split("http://")[1].strip()

    def stop(self):
        """Ends it as a crash would."""
        if self._child:
            self._child.kill()
            self._child.wait()
            self._child.stdout.close()
            self._child = None

    def close(self):
        self.stop()
        shutil.rmtree(self.folder, ignore_errors=True)

    @property
    def url(self) -> str:
        """For devices."""
        return f"ws://{self._listen}/sync"

    def admin(self, *arguments: str, by: str | None = None, typed: str = ""):
        """Runs `satchel admin` as the operator, or as an officer who is signed in; gives what it says, read from JSON."""
        key = ["--session", str(self.folder / f"{by}.session")] if by else ["--token-file", str(self.folder / "admin.token")]
        reach = ["--relay", f"http://{self._listen}", *key, "--json"]
        done = subprocess.run([program(), "admin", *arguments, *reach], capture_output=True, text=True, input=typed)
        if done.returncode != 0:
            raise RuntimeError(f"satchel admin {arguments}: {done.stderr}")
        return json.loads(done.stdout) if done.stdout.strip() else None

    def practice(self, organization: str, practitioners: list[str]):
        """An organization with physicians."""
        self.admin("organization", "add", organization, organization)
        for practitioner in practitioners:
            self.admin("practitioner", "add", practitioner, practitioner)
            self.admin("role", "put", practitioner, organization, "physician")

    def officer(self, organization: str, practitioner: str):
        """A privacy officer who is signed in from now on."""
        self.admin("practitioner", "add", practitioner, practitioner)
        self.admin("role", "put", practitioner, organization, "privacy-officer")
        once = self.admin("account", "add", practitioner)["password"]
        self.admin("sign-in", practitioner, by=practitioner, typed=f"{once}\nchosen by the officer\n")

    def code(self, organization: str, practitioner: str) -> str:
        """A one-time code that enrols a device."""
        return self.admin("code", organization, practitioner)["code"]
