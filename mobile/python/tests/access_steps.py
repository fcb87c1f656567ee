"""Steps of the shared scenarios on access: referrals, emergencies, work that others do not have."""

import json

import satchel


def outcomes(rows) -> list[str]:
    """What became of each, as the scenarios write it."""
    return [type(row.outcome).__name__.rpartition(".")[2].lower() for row in rows]


class AccessSteps:
    """Mixed into a scenario, which has `devices` and `until`."""

    def do_refer(self, device, chart, to, compartments, hours, mayWrite=False):
        kind, name = to.split("/")
        person = satchel.ReferredTo.PERSON(name) if kind == "Practitioner" else satchel.ReferredTo.COLLEAGUES(name)
        compartments = [satchel.Compartment[one.upper().replace("-", "_")] for one in compartments]
        wish = satchel.ReferralWish(
            to=person, compartments=compartments, may_write=mayWrite, for_ms=hours * 3_600_000
        )
        return self.devices[device].open_by_referral(chart, wish)

    def do_expect_referrals(self, device, states):
        found = outcomes(self.devices[device].referrals())
        assert found == states, found

    def do_await_sealed(self, **given):
        self.until(lambda: self.do_expect_sealed(**given))

    def do_expect_sealed(self, device, charts):
        found = [row.chart.patient for row in self.devices[device].sealed_charts()]
        assert sorted(found) == sorted(charts), f"{len(found)} charts lie sealed"

    def do_break_glass(self, device, chart, purpose, reason, sealed=None):
        if sealed is None:
            self.devices[device].request_break_glass(chart, purpose, reason)
            return
        opened = self.devices[device].break_glass_offline(chart, purpose, reason)
        assert opened == sealed, f"{opened} documents"

    def do_expect_emergencies(self, device, states):
        found = outcomes(self.devices[device].emergencies())
        assert found == states, found

    def do_expect_own_work(self, device, states, has=None):
        work = self.devices[device].own_work()
        found = sorted(one.state.name.lower() for one in work)
        assert found == states, found
        if has is not None:
            assert any(has in self.devices[device].export_own_work(one) for one in work)

    def do_send_held_again(self, device, count):
        queued = self.devices[device].send_held_again()
        assert queued == count, queued

    def do_expect_drafts(self, device, reasons, has=None):
        drafts = [json.loads(one) for one in self.devices[device].drafts()]
        assert [one["reason"] for one in drafts] == reasons, [one["reason"] for one in drafts]
        if has is not None:
            assert has in self.devices[device].export_draft(drafts[0]["number"])

    def draft(self, device) -> int:
        """The number of the oldest draft."""
        return json.loads(self.devices[device].drafts()[0])["number"]

    def do_apply_draft(self, device, overwrite=False):
        self.devices[device].apply_draft(self.draft(device), overwrite)

    def do_discard_draft(self, device):
        self.devices[device].discard_draft(self.draft(device))
