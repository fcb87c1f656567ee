"""Executes the steps of mobile/scenarios/scenarios.json; what each step means is in the README beside that file."""

import asyncio
import json
import pathlib
import tempfile
import threading
import time

import satchel

from access_steps import AccessSteps
from relay import Relay
from tablet_steps import TabletSteps

PATIENCE = 20
"""Seconds until something that is awaited must have come."""

ALL = satchel.Page(limit=1000)

NOT_GIVEN = ("do", "fails", "refusal", "save")
"""Members that are not for the step itself."""


class Watcher(satchel.RowsListener):
    """Keeps the newest rows of a live query."""

    def __init__(self):
        self.changed = threading.Condition()
        self.rows = None
        self.ended = False

    def on_rows(self, rows):
        with self.changed:
            self.rows = rows.rows
            self.changed.notify_all()

    def on_end(self):
        with self.changed:
            self.ended = True
            self.changed.notify_all()


class News(satchel.SyncListener):
    """Keeps what a session told."""

    def __init__(self):
        self.all = []

    def on_news(self, news):
        self.all.append(news)


def camel(name: str) -> str:
    first, *rest = name.split("_")
    return first + "".join(part.title() for part in rest)


def plain(value):
    """A value as the scenarios write it: enums in kebab case."""
    return value.name.lower().replace("_", "-") if hasattr(value, "name") and hasattr(value, "value") else value


def fields(record) -> dict:
    """A record with the names that the scenarios use."""
    return {camel(name): plain(value) for name, value in vars(record).items()}


def concept(text: str):
    return satchel.Concept(text=text)


class Scenario(TabletSteps, AccessSteps):
    """One scenario while it runs: its relay, devices and names."""

    def __init__(self):
        super().__init__()
        self.folder = tempfile.TemporaryDirectory(prefix="satchel-devices-")
        self.relay = None
        self.devices, self.sessions, self.watches, self.names = {}, {}, {}, {}

    def close(self):
        self.sessions.clear()
        self.watches.clear()
        for device in self.devices.values():
            asyncio.run(device.lock())
        if self.relay:
            self.relay.close()
        self.folder.cleanup()

    def run(self, steps: list[dict]):
        for number, step in enumerate(steps):
            try:
                self.step(step)
            except Exception as problem:
                problem.add_note(f"in step {number}: {json.dumps(step, ensure_ascii=False)}")
                raise

    def step(self, step: dict):
        verb = getattr(self, "do_" + step["do"], None)
        if verb is None:
            raise NotImplementedError(f"no step is called {step['do']}")
        given = {key: self.named(value) for key, value in step.items() if key not in NOT_GIVEN}
        if "fails" not in step:
            result = verb(**given)
            if "save" in step:
                self.names[step["save"]] = result
            return
        try:
            verb(**given)
        except satchel.SatchelError as error:
            assert error.code() == step["fails"], f"{error.code()} in place of {step['fails']}: {error}"
            self.compare(fields(error), step.get("refusal", {}))
        else:
            raise AssertionError(f"it did not fail with {step['fails']}")

    def named(self, value):
        """The value, with `$name` and `$name.member` replaced by what was saved."""
        if isinstance(value, dict):
            return {key: self.named(one) for key, one in value.items()}
        if isinstance(value, list):
            return [self.named(one) for one in value]
        if not isinstance(value, str) or "$" not in value:
            return value
        if value.startswith("satchel:"):
            return value.replace("$relay", self.relay.url)
        name, _, member = value[1:].partition(".")
        if member == "device":
            return self.devices[name].identity().device
        found = self.names[name]
        return getattr(found, member) if member else found

    def chart(self, chart):
        return satchel.ChartRef(**chart) if isinstance(chart, dict) else chart

    def at(self, chart):
        return satchel.Occasion(chart=self.chart(chart))

    # Relay

    def do_relay(self, practices):
        self.relay = Relay()
        for organization, practitioners in practices.items():
            self.relay.practice(organization, practitioners)

    def do_stop_relay(self):
        self.relay.stop()

    def do_start_relay(self):
        self.relay.start()

    def do_officer(self, organization, practitioner):
        self.relay.officer(organization, practitioner)

    def do_admin(self, arguments, member=None, by=None):
        told = self.relay.admin(*arguments, by=by)
        for part in member.split(".") if member else []:
            told = told[int(part) if isinstance(told, list) else part]
        return str(told)

    # Devices

    def do_open(self, device):
        if device not in self.devices:
            folder = pathlib.Path(self.folder.name) / device
            self.devices[device] = satchel.SatchelDevice.open(str(folder), None)
        return self.devices[device]

    def do_enrol(self, device, organization, practitioner, by="code"):
        opened, code = self.do_open(device), self.relay.code(organization, practitioner)
        if by == "qr":
            text = f"satchel:enroll?relay={self.relay.url}&code={code}"
            asyncio.run(opened.enroll_with_qr(text, device))
        else:
            asyncio.run(opened.enroll(self.relay.url, code, device))

    def do_enrol_with_text(self, device, text):
        asyncio.run(self.devices[device].enroll_with_qr(text, device))

    def do_expect_identity(self, device, practitioner, organization):
        identity = self.devices[device].identity()
        assert (identity.practitioner, identity.organization) == (practitioner, organization)

    def do_lock(self, device):
        asyncio.run(self.devices[device].lock())
        assert self.devices[device].is_locked()

    def do_reopen(self, device):
        asyncio.run(self.devices.pop(device).lock())
        self.do_open(device)

    # Edits

    def do_register(self, device, patient, anyway=False, known=None):
        given = {"birth_date" if key == "birthDate" else key: value for key, value in patient.items()}
        new = satchel.NewPatient(**given)
        if anyway:
            return self.devices[device].register_anyway(new)
        registered = self.devices[device].register(new)
        if known is not None:
            assert len(registered.alike) == known, registered
            return None
        return registered.chart

    def do_register_many(self, device, family, count):
        for number in range(count):
            new = satchel.NewPatient(family=f"{family} {number}", given=["Ana"])
            self.devices[device].register_anyway(new)

    def do_allergy(self, device, chart, substance):
        new = satchel.NewAllergy(substance=concept(substance))
        return self.devices[device].record_allergy(self.at(chart), new).resources[0]

    def do_medication(self, device, chart, medication, dosage):
        new = satchel.NewMedication(medication=concept(medication), dosage=satchel.Dosage(text=dosage))
        return self.devices[device].start_medication(self.at(chart), new).resources[0]

    def do_change_dose(self, device, chart, resource, dosage, reason):
        order = resource.split("/")[1]
        self.devices[device].change_dose(self.at(chart), order, satchel.Dosage(text=dosage), reason)

    def do_vitals(self, device, chart, readings, warnings=0):
        readings = [satchel.VitalReading(**reading) for reading in readings]
        done = self.devices[device].record_vitals(self.at(chart), readings)
        assert len(done.warnings) == warnings, done.warnings

    def do_note(self, device, chart, text):
        return self.devices[device].write_note(self.at(chart), satchel.NewNote(text=text)).resources[0]

    def do_splice_note(self, device, chart, resource, position, delete, insert):
        self.devices[device].splice_note(self.chart(chart), resource, position, delete, insert)

    def do_set(self, device, chart, resource, path, value):
        self.devices[device].set_element(self.chart(chart), resource, path, json.dumps(value))

    def do_sign_note(self, device, chart, resource):
        self.devices[device].sign_note(self.at(chart), resource.split("/")[1])

    def do_retract(self, device, chart, resource, reason):
        self.devices[device].mark_entered_in_error(self.chart(chart), resource, reason)

    def do_merge(self, device, surviving, replaced, reason):
        self.devices[device].merge_patients(surviving, replaced, reason)

    def do_unmerge(self, device, surviving, replaced, reason):
        self.devices[device].unmerge_patients(surviving, replaced, reason)

    def do_settle_first(self, device, chart, value, reason):
        conflict = self.devices[device].conflicts(chart)[0]
        chosen = conflict.values[value].value
        self.devices[device].settle_conflict(chart, conflict.resource, conflict.path, chosen, reason)

    def do_import(self, device, bundle, expect=None):
        done = self.devices[device].import_bundle(bundle.encode(), False)
        self.compare(fields(done), expect or {})

    # Sync

    def do_sync(self, device, bytes=None, timeMs=None, expect=None):
        done = asyncio.run(self.devices[device].sync(satchel.SyncBudget(bytes=bytes, time_ms=timeMs)))
        self.compare(fields(done), expect or {})

    def do_sync_in_rounds(self, device, bytes, moreThan):
        rounds, cut_short = 0, True
        while cut_short:
            budget = satchel.SyncBudget(bytes=bytes)
            cut_short = asyncio.run(self.devices[device].sync(budget)).cut_short
            rounds += 1
            assert rounds < 100, "the rounds come to no end"
        assert rounds > moreThan, f"{rounds} rounds"

    def do_start_session(self, device, network):
        network = satchel.Network[network.upper()]
        self.sessions[device] = asyncio.run(self.devices[device].start_sync(News(), network))

    def do_stop_session(self, device):
        session = self.sessions.pop(device)
        asyncio.run(session.stop())
        assert not session.is_running()

    def do_network(self, device, network):
        self.sessions[device].set_network(satchel.Network[network.upper()])

    # Live queries

    def do_watch(self, device, chart, section):
        watcher = Watcher()
        section = satchel.ChartSection[section.upper()]
        question = satchel.Question.SECTION(chart=chart, section=section, page=ALL)
        return watcher, self.devices[device].watch(question, watcher)

    def do_close_watch(self, watch):
        self.names[watch][1].end()

    def do_expect_watch(self, watch, summaries, ended=False):
        watcher = self.names[watch][0]
        with watcher.changed:
            fits = lambda: watcher.rows is not None and watcher.ended == ended and (
                sorted(row.summary for row in watcher.rows) == summaries
            )
            assert watcher.changed.wait_for(fits, PATIENCE), f"{watcher.rows}, ended: {watcher.ended}"

    # Expectations

    def compare(self, found: dict, expect: dict):
        for name, value in expect.items():
            assert found[name] == value, f"{name} is {found[name]} in place of {value}"

    def until(self, check):
        """Tries again until it holds."""
        end = time.monotonic() + PATIENCE
        while True:
            try:
                return check()
            except AssertionError:
                if time.monotonic() > end:
                    raise
                time.sleep(0.05)

    def do_expect_status(self, device, expect):
        self.compare(fields(self.devices[device].status()), expect)

    def do_await_status(self, device, expect):
        self.until(lambda: self.do_expect_status(device, expect))

    def do_expect_patients(self, device, text, count):
        found = self.devices[device].list_patients(satchel.PatientSearch(text=text), ALL)
        assert len(found) == count, f"{len(found)} patients"

    def do_expect_person(self, device, chart, charts):
        assert len(self.devices[device].person(chart).charts) == charts

    def do_expect_section(self, device, chart, section, summaries):
        rows = self.devices[device].section(self.chart(chart), satchel.ChartSection[section.upper()], ALL)
        assert sorted(row.summary for row in rows) == summaries, [row.summary for row in rows]

    def do_await_section(self, **given):
        self.until(lambda: self.do_expect_section(**given))

    def do_expect_element(self, device, chart, resource, pointer, value):
        found = json.loads(self.devices[device].resource(self.chart(chart), resource))
        for part in pointer.split("/")[1:]:
            found = found[int(part) if isinstance(found, list) else part]
        assert found == value, found

    def do_expect_vital(self, device, chart, loinc, shown):
        rows = {row.code: row.shown for row in self.devices[device].latest_vitals(chart)}
        assert rows.get(loinc) == shown, rows

    def do_expect_notes(self, device, text, count):
        assert len(self.devices[device].search_notes(text, None, ALL)) == count

    def do_expect_medications(self, device, chart, medications, inConflict=False):
        rows = self.devices[device].medications_now(chart)
        assert sorted(row.medication for row in rows) == medications, rows
        assert all(row.in_conflict == inConflict for row in rows)

    def do_expect_conflicts(self, device, chart, count):
        assert len(self.devices[device].conflicts(chart)) == count
        inbox = [one for one in self.devices[device].inbox() if one.chart == chart and one.conflicts]
        assert len(inbox) == min(count, 1)

    def do_expect_same(self, devices, chart):
        charts = [json.loads(self.devices[device].export_chart(chart)) for device in devices]
        assert all(one == charts[0] for one in charts), "the devices show different charts"

    def do_export(self, device, chart, form, has):
        device = self.devices[device]
        export = {
            "bundle": lambda: device.export_chart(chart),
            "summary": lambda: device.export_summary(chart),
            "ndjson": lambda: device.export_ndjson(chart),
            "provenance": lambda: device.export_provenance(chart, None),
            "pdf": lambda: device.print_pdf(chart).decode("latin-1"),
        }[form]()
        assert has in export
        return export

    def do_expect_history(self, device, chart, resource, reasons, practitioner):
        entries = self.devices[device].history(chart, resource)
        assert [entry.message for entry in entries if entry.message] == reasons, [entry.message for entry in entries]
        assert all(entry.signed and entry.practitioner == practitioner for entry in entries)

    def do_expect_diagnostics(self, device, expect, without):
        text = self.devices[device].diagnostics()
        self.compare(json.loads(text), expect)
        for words in without:
            assert words not in text, "patient content in the diagnostics"
