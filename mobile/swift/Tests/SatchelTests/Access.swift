import Foundation

@testable import Satchel

/// Steps on referrals, emergencies, and work that others do not have, which only ask a device.
enum Access {
    static let steps: Set<String> = [
        "expect_referrals", "expect_emergencies", "expect_own_work", "send_held_again", "expect_drafts", "apply_draft",
        "discard_draft",
    ]

    static func wish(_ step: Step) throws -> ReferralWish {
        let to = try step.text("to").split(separator: "/").map(String.init)
        let names: [String] = try step.get("compartments")
        return ReferralWish(
            to: to[0] == "Practitioner" ? .person(practitioner: to[1]) : .colleagues(organization: to[1]),
            compartments: try names.map(compartment), mayWrite: step.flag("mayWrite"),
            forMs: UInt64(try step.int("hours")) * 3_600_000)
    }

    static func breakGlass(_ step: Step, _ device: SatchelDevice, _ chart: ChartRef) throws {
        let (purpose, reason) = (try step.text("purpose"), try step.text("reason"))
        guard let sealed: Int = step.find("sealed") else {
            _ = try device.requestBreakGlass(chart: chart, purpose: purpose, reason: reason)
            return
        }
        let opened = try device.breakGlassOffline(chart: chart, purpose: purpose, reason: reason)
        if opened != UInt64(sealed) { throw Failure("\(opened) documents opened") }
    }

    static func perform(_ step: Step, _ device: SatchelDevice) throws {
        switch try step.text("do") {
        case "expect_referrals": try same(step, "states", try device.referrals().map { state($0.outcome) })
        case "expect_emergencies": try same(step, "states", try device.emergencies().map { state($0.outcome) })
        case "expect_own_work":
            let work = try device.ownWork()
            try same(step, "states", work.map { "\($0.state)" }.sorted())
            if let has: String = step.find("has"), try !work.contains(where: { try device.exportOwnWork(change: $0).contains(has) }) {
                throw Failure("no \(has) in own work")
            }
        case "send_held_again":
            let queued = try device.sendHeldAgain()
            if queued != UInt64(try step.int("count")) { throw Failure("\(queued) are sent again") }
        case "expect_drafts":
            try same(step, "reasons", try drafts(device).map { $0["reason"] as? String ?? "" })
            if let has: String = step.find("has"), try !device.exportDraft(number: oldest(device)).contains(has) {
                throw Failure("no \(has) in the draft")
            }
        case "apply_draft": _ = try device.applyDraft(number: oldest(device), overwrite: step.flag("overwrite"))
        default: try device.discardDraft(number: oldest(device))
        }
    }

    private static func drafts(_ device: SatchelDevice) throws -> [[String: Any]] {
        try device.drafts().map { try JSONSerialization.jsonObject(with: Data($0.utf8)) as? [String: Any] ?? [:] }
    }

    private static func oldest(_ device: SatchelDevice) throws -> UInt64 {
        guard let number = try drafts(device).first?["number"] as? Int else { throw Failure("no draft") }
        return UInt64(number)
    }

    private static func same(_ step: Step, _ member: String, _ found: [String]) throws {
        let expected: [String] = try step.get(member)
        if expected != found { throw Failure("\(found) in place of \(expected)") }
    }

    private static func compartment(_ name: String) throws -> Compartment {
        switch name {
        case "patient-index": .patientIndex
        case "core": .core
        case "sensitive": .sensitive
        default: throw Failure("no compartment is called \(name)")
        }
    }

    private static func state(_ outcome: ReferralOutcome) -> String {
        switch outcome {
        case .waiting: "waiting"
        case .opened: "opened"
        case .refused: "refused"
        }
    }

    private static func state(_ outcome: EmergencyOutcome) -> String {
        switch outcome {
        case .waiting: "waiting"
        case .open: "open"
        case .refused: "refused"
        case .lapsed: "lapsed"
        case .over: "over"
        }
    }
}
