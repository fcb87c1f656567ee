import Foundation

@testable import Satchel

/// Seconds until something that is awaited must have come.
private let patience = 20.0
private let all = Page(limit: 1000, offset: 0)

/// A step's members by name.
struct Step {
    private let json: [String: Any]

    init(_ json: [String: Any]) {
        self.json = json
    }

    func member(_ name: String) throws -> Any {
        guard let found = json[name] else { throw Failure("no \(name) in \(json)") }
        return found
    }

    func find<T>(_ name: String) -> T? { json[name] as? T }

    func get<T>(_ name: String) throws -> T {
        guard let found = try member(name) as? T else { throw Failure("\(name) is of another kind in \(json)") }
        return found
    }

    func text(_ name: String) throws -> String { try get(name) }
    func int(_ name: String) throws -> Int { try get(name) }
    func flag(_ name: String) -> Bool { find(name) ?? false }
    func expect() -> [String: Any] { find("expect") ?? [:] }
}

/// Keeps the newest rows of a live query.
final class Watcher: RowsListener, @unchecked Sendable {
    private let lock = NSLock()
    private var shown: [String]?
    private var over = false

    func onRows(rows: LiveRows) {
        guard case let .chart(rows) = rows else { return }
        lock.withLock { shown = rows.map(\.summary).sorted() }
    }

    func onEnd() { lock.withLock { over = true } }

    func shows(_ summaries: [String], ended: Bool) -> Bool { lock.withLock { shown == summaries && over == ended } }
}

private final class Deaf: SyncListener, @unchecked Sendable {
    func onNews(news: SyncNews) {}
}

/// Tries again until it holds.
func eventually(_ what: String, _ holds: () throws -> Bool) async throws {
    let end = Date().addingTimeInterval(patience)
    while try !holds() {
        if Date() > end { throw Failure("not within \(patience) s: \(what)") }
        try await Task.sleep(nanoseconds: 20_000_000)
    }
}

/// Executes the steps of mobile/scenarios/scenarios.json; what each step means is in the README beside that file.
final class Scenario {
    private let folder = FileManager.default.temporaryDirectory.appendingPathComponent("satchel-\(UUID().uuidString)")
    private var relay: Relay?
    private var devices: [String: SatchelDevice] = [:]
    private var sessions: [String: SyncSession] = [:]
    private var names: [String: Any] = [:]
    private lazy var tablets = Tablets(in: folder)

    func close() async {
        sessions = [:]
        names = [:]
        for device in devices.values { try? await device.lock() }
        devices = [:]
        relay = nil
        try? FileManager.default.removeItem(at: folder)
    }

    func step(_ step: Step) async throws {
        guard let code: String = step.find("fails") else {
            let result = try await perform(step)
            if let name: String = step.find("save") { names[name] = result }
            return
        }
        do {
            _ = try await perform(step)
        } catch let error as SatchelError {
            if error.code() != code { throw Failure("\(error.code()) in place of \(code): \(error)") }
            return try checkRefusal(step, error)
        }
        throw Failure("it did not fail with \(code)")
    }

    private func checkRefusal(_ step: Step, _ error: SatchelError) throws {
        guard let refusal: [String: Any] = step.find("refusal") else { return }
        guard case let .WrongPin(_, waitMs, remaining) = error else { throw Failure("\(error) says no more") }
        try same(refusal["waitMs"] as? Int, Int(waitMs))
        try same(refusal["remainingBeforeWipe"] as? Int, remaining.map(Int.init))
    }

    func device(_ name: String) throws -> SatchelDevice {
        guard let found = devices[name] else { throw Failure("no device is called \(name)") }
        return found
    }

    private func perform(_ step: Step) async throws -> Any? {
        switch try step.text("do") {
        case "relay":
            let started = try Relay()
            relay = started
            let practices: [String: [String]] = try step.get("practices")
            for (name, people) in practices { try started.practice(name, people) }
        case "stop_relay": relay?.stop()
        case "start_relay": try relay?.start()
        case "officer": try relay?.officer(step.text("organization"), step.text("practitioner"))
        case "admin":
            let arguments: [String] = try step.get("arguments")
            let told = try relay?.admin(arguments.map { try text($0) }, by: step.find("by"))
            if let member: String = step.find("member") { return try found(member, in: told) }
        case "refer": return try device(step).openByReferral(chart: chart(step), wish: Access.wish(step))
        case "break_glass": try Access.breakGlass(step, device(step), chart(step))
        case "await_sealed":
            let wanted = try (step.get("charts") as [String]).map { try text($0) }.sorted()
            try await eventually("sealed charts") { try device(step).sealedCharts().map(\.chart.patient).sorted() == wanted }
        case let verb where Tablets.steps.contains(verb): try await tablets.perform(step, &devices) { try text($0) }
        case let verb where Access.steps.contains(verb): try Access.perform(step, device(step))
        case "open": _ = try opened(step.text("device"))
        case "enrol": try await enrol(step)
        case "enrol_with_text":
            let text = try step.text("text").replacingOccurrences(of: "$relay", with: relay?.url ?? "")
            _ = try await device(step).enrollWithQr(text: text, deviceName: "tablet")
        case "expect_identity":
            let found = try device(step).identity()
            try same(step.text("practitioner"), found.practitioner)
            try same(step.text("organization"), found.organization)
        case "lock":
            try await device(step).lock()
            try same(true, device(step).isLocked())
        case "reopen":
            try await device(step).lock()
            devices[try step.text("device")] = nil
            _ = try opened(step.text("device"))
        case "register": return try register(step)
        case "register_many":
            for number in 0..<(try step.int("count")) {
                let family = "\(try step.text("family")) \(number)"
                _ = try device(step).registerAnyway(new: NewPatient(family: family, given: ["Ana"]))
            }
        case "sync", "sync_in_rounds", "start_session", "stop_session", "network": try await sync(step)
        case "watch":
            let watcher = Watcher()
            let question = try Question.section(chart: chart(step), section: section(step), page: all)
            return (watcher, try device(step).watch(question: question, listener: watcher))
        case "close_watch": try watched(step).1.end()
        case "expect_watch":
            let (watcher, wanted, ended) = (try watched(step).0, try step.get("summaries") as [String], step.flag("ended"))
            try await eventually("\(wanted)") { watcher.shows(wanted, ended: ended) }
        case "await_status":
            try await eventually("\(step.expect())") { (try? compare(step, status(step))) != nil }
        case "await_section":
            let wanted: [String] = try step.get("summaries")
            try await eventually("\(wanted)") { try summaries(step) == wanted }
        case let verb where verb.hasPrefix("expect_"): try expect(verb, step)
        case let verb: return try edit(verb, step)
        }
        return nil
    }

    /// The member that `path` names, `0.id`, as text.
    private func found(_ path: String, in told: Any?) throws -> String {
        var at = told
        for part in path.split(separator: ".") {
            at = (at as? [Any]).flatMap { list in Int(part).map { list[$0] } } ?? (at as? [String: Any])?[String(part)]
        }
        guard let at else { throw Failure("no \(path)") }
        return "\(at)"
    }

    private func enrol(_ step: Step) async throws {
        guard let relay else { throw Failure("no relay") }
        let name = try step.text("device")
        let device = try opened(name)
        let code = try relay.code(step.text("organization"), step.text("practitioner"))
        if step.find("by") == "qr" {
            _ = try await device.enrollWithQr(text: "satchel:enroll?relay=\(relay.url)&code=\(code)", deviceName: name)
        } else {
            _ = try await device.enroll(url: relay.url, code: code, deviceName: name)
        }
    }

    private func register(_ step: Step) throws -> Any? {
        let given = Step(try step.get("patient"))
        let new = NewPatient(
            family: given.find("family"), given: given.find("given") ?? [], birthDate: given.find("birthDate"),
            gender: given.find("gender"))
        if step.flag("anyway") { return try device(step).registerAnyway(new: new) }
        switch try device(step).register(new: new) {
        case let .begun(chart): return chart
        case let .known(alike):
            try same(step.int("known"), alike.count)
            return nil
        }
    }

    private func edit(_ verb: String, _ step: Step) throws -> Any? {
        let device = try device(step)
        switch verb {
        case "allergy":
            let new = NewAllergy(substance: .words(try step.text("substance")))
            return try device.recordAllergy(at: at(step), new: new).resources[0]
        case "medication":
            let dosage = Dosage(text: try step.text("dosage"))
            let new = NewMedication(medication: .words(try step.text("medication")), dosage: dosage)
            return try device.startMedication(at: at(step), new: new).resources[0]
        case "change_dose":
            let dosage = Dosage(text: try step.text("dosage"))
            _ = try device.changeDose(at: at(step), id: id(step), dosage: dosage, reason: step.text("reason"))
        case "vitals":
            let given: [[String: Any]] = try step.get("readings")
            let readings = try given.map(Step.init).map {
                VitalReading(loinc: try $0.text("loinc"), value: try $0.text("value"), unit: $0.find("unit"))
            }
            let done = try device.recordVitals(at: at(step), readings: readings)
            try same(step.find("warnings") ?? 0, done.warnings.count)
        case "note": return try device.writeNote(at: at(step), new: NewNote(text: step.text("text"))).resources[0]
        case "sign_note": _ = try device.signNote(at: at(step), id: id(step))
        case "splice_note":
            let (position, delete) = (UInt32(try step.int("position")), UInt32(try step.int("delete")))
            _ = try device.spliceNote(
                chart: chart(step), note: key(step), position: position, delete: delete, insert: step.text("insert"))
        case "set":
            let value = try JSONSerialization.data(withJSONObject: step.member("value"), options: .fragmentsAllowed)
            _ = try device.setElement(
                chart: chart(step), resource: key(step), path: step.text("path"), value: String(decoding: value, as: UTF8.self))
        case "retract":
            _ = try device.markEnteredInError(chart: chart(step), resource: key(step), reason: step.text("reason"))
        case "merge", "unmerge":
            let (surviving, replaced, reason) =
                (try chart(step, "surviving"), try chart(step, "replaced"), try step.text("reason"))
            _ = verb == "merge"
                ? try device.mergePatients(surviving: surviving, replaced: replaced, reason: reason)
                : try device.unmergePatients(surviving: surviving, replaced: replaced, reason: reason)
        case "settle_first":
            let conflict = try device.conflicts(chart: chart(step))[0]
            let value = conflict.values[try step.int("value")].value
            _ = try device.settleConflict(
                chart: chart(step), resource: conflict.resource, path: conflict.path, value: value, reason: step.text("reason"))
        case "import":
            let bundle = try text(step.text("bundle"))
            let done = try device.importBundle(bundle: Data(bundle.utf8), skipProblems: false)
            try compare(step, ["created": done.created, "changed": done.changed])
        case "export": return try export(step)
        default: throw Failure("no step is called \(verb)")
        }
        return nil
    }

    private func export(_ step: Step) throws -> String {
        let (device, chart) = (try device(step), try chart(step))
        let text =
            switch try step.text("form") {
            case "bundle": try device.exportChart(chart: chart)
            case "summary": try device.exportSummary(chart: chart)
            case "ndjson": try device.exportNdjson(chart: chart)
            case "provenance": try device.exportProvenance(chart: chart, only: nil)
            case "pdf": String(data: try device.printPdf(chart: chart), encoding: .isoLatin1) ?? ""
            case let form: throw Failure("no form is called \(form)")
            }
        if !text.contains(try step.text("has")) { throw Failure("not in what was exported") }
        return text
    }

    private func sync(_ step: Step) async throws {
        let name = try step.text("device")
        let time: Int? = step.find("timeMs")
        let bytes: Int? = step.find("bytes")
        let budget = SyncBudget(bytes: bytes.map(UInt64.init), timeMs: time.map(UInt64.init))
        switch try step.text("do") {
        case "sync":
            let done = try await device(step).sync(budget: budget)
            try compare(
                step,
                [
                    "received": done.received, "sent": done.sent, "notAccepted": done.notAccepted,
                    "withdrawn": done.withdrawn, "cutShort": done.cutShort,
                ])
        case "sync_in_rounds":
            var rounds = 1
            while try await device(step).sync(budget: budget).cutShort {
                rounds += 1
                if rounds > 100 { throw Failure("the rounds come to no end") }
            }
            if rounds <= (try step.int("moreThan")) { throw Failure("\(rounds) rounds") }
        case "start_session": sessions[name] = try await device(step).startSync(listener: Deaf(), network: network(step))
        case "stop_session":
            await sessions[name]?.stop()
            try same(false, sessions[name]?.isRunning())
            sessions[name] = nil
        default: sessions[name]?.setNetwork(network: try network(step))
        }
    }

    private func expect(_ verb: String, _ step: Step) throws {
        if verb == "expect_same" {
            let exported = try (step.get("devices") as [String]).map { name in
                try JSONSerialization.jsonObject(with: Data(device(name).exportChart(chart: chart(step)).utf8)) as? NSDictionary
            }
            return try same(1, Set(exported).count)
        }
        let device = try device(step)
        switch verb {
        case "expect_status": try compare(step, status(step))
        case "expect_patients":
            let search = PatientSearch(text: try step.text("text"))
            try same(step.int("count"), device.listPatients(search: search, page: all).count)
        case "expect_notes":
            try same(step.int("count"), device.searchNotes(text: step.text("text"), chart: nil, page: all).count)
        case "expect_person": try same(step.int("charts"), device.person(chart: chart(step)).charts.count)
        case "expect_section": try same(step.get("summaries") as [String], summaries(step))
        case "expect_element":
            let text = try device.resource(chart: chart(step), resource: key(step))
            var found: Any = try JSONSerialization.jsonObject(with: Data(text.utf8))
            for part in try step.text("pointer").split(separator: "/") {
                let next = (found as? [Any]).flatMap { list in Int(part).map { list[$0] } } ?? (found as? [String: Any])?[String(part)]
                guard let next else { throw Failure("no \(part)") }
                found = next
            }
            try same(step.member("value") as? NSObject, found as? NSObject)
        case "expect_vital":
            let loinc = try step.text("loinc")
            try same(step.text("shown"), device.latestVitals(chart: chart(step)).first { $0.code == loinc }?.shown)
        case "expect_medications":
            let rows = try device.medicationsNow(chart: chart(step))
            try same(step.get("medications") as [String], rows.map(\.medication).sorted())
            try same(true, rows.allSatisfy { $0.inConflict == step.flag("inConflict") })
        case "expect_conflicts":
            let (chart, count) = (try chart(step), try step.int("count"))
            try same(count, device.conflicts(chart: chart).count)
            try same(min(count, 1), device.inbox().filter { $0.chart == chart && !$0.conflicts.isEmpty }.count)
        case "expect_history":
            let entries = try device.history(chart: chart(step), only: key(step))
            let who = try step.text("practitioner")
            try same(step.get("reasons") as [String], entries.compactMap(\.message))
            try same(true, entries.allSatisfy { $0.signed && $0.practitioner == who })
        case "expect_diagnostics":
            let text = try device.diagnostics()
            let found = try JSONSerialization.jsonObject(with: Data(text.utf8)) as? [String: Any]
            try compare(step, found ?? [:])
            for words in try step.get("without") as [String] where text.contains(try self.text(words)) {
                throw Failure("patient content in the diagnostics")
            }
        default: throw Failure("no step is called \(verb)")
        }
    }

    private func status(_ step: Step) throws -> [String: Any] {
        let status = try device(step).status()
        let connection =
            switch status.connection {
            case .offline: "offline"
            case .connecting: "connecting"
            case .catchingUp: "catching-up"
            case .live: "live"
            case .refused: "refused"
            }
        return [
            "connection": connection, "upToDate": status.upToDate, "unsent": status.unsent, "held": status.held,
            "receiptsOwed": status.receiptsOwed, "patients": status.patients,
        ]
    }

    private func summaries(_ step: Step) throws -> [String] {
        try device(step).section(chart: chart(step), section: section(step), page: all).map(\.summary).sorted()
    }

    private func device(_ step: Step) throws -> SatchelDevice { try device(step.text("device")) }

    private func opened(_ name: String) throws -> SatchelDevice {
        if let found = devices[name] { return found }
        let device = try SatchelDevice.open(folder: folder.appendingPathComponent(name).path)
        devices[name] = device
        return device
    }

    private func watched(_ step: Step) throws -> (Watcher, LiveQuery) {
        guard let found = names[try step.text("watch")] as? (Watcher, LiveQuery) else { throw Failure("no such watch") }
        return found
    }

    private func chart(_ step: Step, _ member: String = "chart") throws -> ChartRef {
        if let given: [String: Any] = step.find(member) {
            return ChartRef(organization: try Step(given).text("organization"), patient: try Step(given).text("patient"))
        }
        guard let found = names[String(try step.text(member).dropFirst())] as? ChartRef else { throw Failure("no such chart") }
        return found
    }

    private func at(_ step: Step) throws -> Occasion { Occasion(chart: try chart(step)) }

    private func key(_ step: Step) throws -> String { try text(step.text("resource")) }

    private func id(_ step: Step) throws -> String { String(try key(step).split(separator: "/")[1]) }

    private func section(_ step: Step) throws -> ChartSection {
        switch try step.text("section") {
        case "allergies": .allergies
        case let other: throw Failure("no section is called \(other)")
        }
    }

    private func network(_ step: Step) throws -> Network {
        switch try step.text("network") {
        case "offline": .offline
        case "metered": .metered
        case "online": .online
        case let other: throw Failure("no network is called \(other)")
        }
    }

    /// The text; `$name` and `$name.member` stand for what was saved.
    private func text(_ given: String) throws -> String {
        guard given.hasPrefix("$") else { return given }
        let parts = given.dropFirst().split(separator: ".").map(String.init)
        switch (parts.count > 1 ? parts[1] : "", names[parts[0]]) {
        case ("device", _): return try device(parts[0]).identity().device
        case let ("patient", chart as ChartRef): return chart.patient
        case let ("", text as String): return text
        default: throw Failure("nothing is called \(given)")
        }
    }

    private func compare(_ step: Step, _ found: [String: Any]) throws {
        for (name, expected) in step.expect() {
            guard let value = found[name] else { throw Failure("nothing is called \(name)") }
            try same(expected as? NSObject, value as? NSObject)
        }
    }

    private func same<T: Equatable>(_ expected: T?, _ found: T?) throws {
        if expected != found { throw Failure("\(String(describing: found)) in place of \(String(describing: expected))") }
    }
}
