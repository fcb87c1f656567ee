import Foundation

@testable import Satchel

/// The tablets of a scenario, and the profiles that were made on them.
final class Tablets {
    /// Steps on tablets that several people share.
    static let steps: Set<String> = [
        "create_profile", "unlock", "change_pin", "remove_profile", "restart_tablet", "let_time_pass", "expect_tablet",
        "expect_unreadable",
    ]
    /// What stands for the platform's secret.
    private static let secret = Data((1...32).map { UInt8($0) })

    private let folder: URL
    private var opened: [String: SatchelTablet] = [:]
    /// By its device's name, the tablet and the profile's id.
    private var profiles: [String: (tablet: String, id: String)] = [:]

    init(in folder: URL) {
        self.folder = folder
    }

    /// `text`: what a value stands for. The devices that it opens or closes are put into `devices`, or taken out.
    func perform(_ step: Step, _ devices: inout [String: SatchelDevice], _ text: (String) throws -> String) async throws {
        switch try step.text("do") {
        case "create_profile":
            let wipeAfter: Int? = step.find("wipeAfter")
            let made = try await tablet(step.text("tablet")).create(
                label: step.text("label"), pin: step.text("pin"), secret: Tablets.secret,
                settings: ProfileSettings(wipeAfterWrongPins: wipeAfter.map(UInt32.init)))
            guard let id = made.profileId() else { throw Failure("a profile without an id") }
            devices[try step.text("device")] = made
            profiles[try step.text("device")] = (try step.text("tablet"), id)
        case "unlock": try await unlock(step, &devices)
        case "restart_tablet":
            let name = try step.text("tablet")
            for (device, profile) in profiles where profile.tablet == name {
                try await devices.removeValue(forKey: device)?.lock()
            }
            opened[name] = nil
        case "expect_tablet": try expect(step, text)
        case "expect_unreadable":
            let words: [String] = try (step.get("words") as [String]).map(text)
            try expectUnreadable(place(step.text("tablet")), words)
        default: try await ofProfile(step)
        }
    }

    private func place(_ tablet: String) -> URL { folder.appendingPathComponent("tablet-\(tablet)") }

    private func tablet(_ name: String) throws -> SatchelTablet {
        if let found = opened[name] { return found }
        let tablet = try SatchelTablet.open(folder: place(name).path)
        opened[name] = tablet
        return tablet
    }

    private func profile(_ step: Step) throws -> (tablet: String, id: String) {
        guard let found = profiles[try step.text("device")] else { throw Failure("no such profile") }
        return found
    }

    private func unlock(_ step: Step, _ devices: inout [String: SatchelDevice]) async throws {
        let (name, pin) = (try step.text("device"), try step.text("pin"))
        let secret = step.flag("otherSecret") ? Data(Tablets.secret.reversed()) : Tablets.secret
        if let device = devices[name] { return try await device.unlock(pin: pin, secret: secret) }
        let profile = try profile(step)
        devices[name] = try await tablet(profile.tablet).unlock(id: profile.id, pin: pin, secret: secret)
    }

    private func ofProfile(_ step: Step) async throws {
        let profile = try profile(step)
        let tablet = try tablet(profile.tablet)
        switch try step.text("do") {
        case "change_pin":
            try await tablet.changePin(
                id: profile.id, old: step.text("pin"), new: step.text("new"), secret: Tablets.secret)
        case "remove_profile":
            guard let pin: String = step.find("pin") else { return try tablet.removeWiped(id: profile.id) }
            try await tablet.remove(id: profile.id, pin: pin, secret: Tablets.secret)
        default:
            let file = place(profile.tablet).appendingPathComponent("\(profile.id)/profile.attempts")
            let read = try JSONSerialization.jsonObject(with: Data(contentsOf: file)) as? [String: Any]
            guard var attempts = read, let at = attempts["at"] as? Int else { throw Failure("no count of wrong PINs") }
            attempts["at"] = at - (try step.int("ms"))
            try JSONSerialization.data(withJSONObject: attempts).write(to: file)
        }
    }

    private func expect(_ step: Step, _ text: (String) throws -> String) throws {
        let shown = try tablet(step.text("tablet")).profiles()
        let expected: [String: [String: Any]] = try step.get("profiles")
        if Set(shown.map(\.label)) != Set(expected.keys) { throw Failure("profiles \(shown.map(\.label))") }
        for one in shown {
            let found: [String: Any] = [
                "enrolled": one.enrolled, "wiped": one.wiped, "wrongPins": one.wrongPins,
                "lockedOut": one.lockedOutUntil != nil, "changes": one.unsent?.changes as Any,
                "drafts": one.unsent?.drafts as Any, "held": one.unsent?.held as Any,
            ]
            for (name, value) in expected[one.label] ?? [:] where value as? NSObject != found[name] as? NSObject {
                throw Failure("\(name) of \(one.label) is \(String(describing: found[name])) in place of \(value)")
            }
        }
        for words in (step.find("without") ?? [String]()) where "\(shown)".contains(try text(words)) {
            throw Failure("patient content in what a tablet shows")
        }
    }

    private func expectUnreadable(_ folder: URL, _ words: [String]) throws {
        var files = 0
        for case let file as URL in FileManager.default.enumerator(at: folder, includingPropertiesForKeys: nil) ?? .init() {
            guard let bytes = try? Data(contentsOf: file) else { continue }
            files += 1
            for word in words where bytes.range(of: Data(word.utf8)) != nil { throw Failure("\(word) in \(file.path)") }
        }
        if files == 0 { throw Failure("nothing is there to be read") }
    }
}
