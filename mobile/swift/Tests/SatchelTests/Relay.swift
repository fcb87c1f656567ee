import Foundation

/// A relay as a process of its own, on a port that the system chooses.
final class Relay {
    private static let program = ProcessInfo.processInfo.environment["SATCHEL_BINARY"] ?? "satchel"
    private let folder: URL
    private var listen = "127.0.0.1:0"
    private var process: Process?

    init() throws {
        folder = FileManager.default.temporaryDirectory.appendingPathComponent("satchel-relay-\(UUID().uuidString)")
        try start()
    }

    deinit {
        stop()
        try? FileManager.default.removeItem(at: folder)
    }

    /// Address for devices.
    var url: String { "ws://\(listen)/sync" }

    /// Starts it; again at the address of the first time.
    func start() throws {
        if process != nil { return }
        let (started, output) = (Process(), Pipe())
        started.executableURL = URL(fileURLWithPath: Relay.program)
        started.arguments = ["relay", "--log", "warn", "--listen", listen, "--data", folder.path]
        started.standardOutput = output
        try started.run()
        var said = ""
        // Of the three lines that it says, all are read, so that it never writes into a closed pipe.
        while said.filter({ $0 == "\n" }).count < 3 {
            let part = output.fileHandleForReading.availableData
            if part.isEmpty { throw Failure("the relay did not start: \(said)") }
            said += String(decoding: part, as: UTF8.self)
        }
        guard let line = said.split(separator: "\n").first(where: { $0.contains("http://") }),
            let address = line.components(separatedBy: "http://").last
        else { throw Failure("the relay did not say where it is") }
        listen = address.trimmingCharacters(in: .whitespaces)
        process = started
    }

    /// Ends it as a crash would.
    func stop() {
        guard let running = process else { return }
        kill(running.processIdentifier, SIGKILL)
        running.waitUntilExit()
        process = nil
    }

    /// Runs `satchel admin` as the operator, or as an officer who is signed in; gives what it says.
    @discardableResult
    func admin(_ arguments: [String], by: String? = nil, typing typed: String = "") throws -> Any? {
        let (asked, input, output) = (Process(), Pipe(), Pipe())
        asked.executableURL = URL(fileURLWithPath: Relay.program)
        let key = by.map { ["--session", folder.appendingPathComponent("\($0).session").path] }
            ?? ["--token-file", folder.appendingPathComponent("admin.token").path]
        asked.arguments = ["admin"] + arguments + ["--relay", "http://\(listen)", "--json"] + key
        asked.standardInput = input
        asked.standardOutput = output
        try asked.run()
        input.fileHandleForWriting.write(Data(typed.utf8))
        try input.fileHandleForWriting.close()
        let said = output.fileHandleForReading.readDataToEndOfFile()
        asked.waitUntilExit()
        if asked.terminationStatus != 0 { throw Failure("satchel admin \(arguments)") }
        return try? JSONSerialization.jsonObject(with: said, options: .fragmentsAllowed)
    }

    /// A privacy officer who is signed in from now on.
    func officer(_ organization: String, _ practitioner: String) throws {
        try admin(["practitioner", "add", practitioner, practitioner])
        try admin(["role", "put", practitioner, organization, "privacy-officer"])
        guard let added = try admin(["account", "add", practitioner]) as? [String: Any], let once = added["password"] as? String
        else { throw Failure("no password") }
        try admin(["sign-in", practitioner], by: practitioner, typing: "\(once)\nchosen by the officer\n")
    }

    /// An organization with physicians.
    func practice(_ organization: String, _ practitioners: [String]) throws {
        try admin(["organization", "add", organization, organization])
        for practitioner in practitioners {
            try admin(["practitioner", "add", practitioner, practitioner])
            try admin(["role", "put", practitioner, organization, "physician"])
        }
    }

    /// A one-time code that enrols a device.
    func code(_ organization: String, _ practitioner: String) throws -> String {
        guard let said = try admin(["code", organization, practitioner]) as? [String: Any], let code = said["code"] as? String
        else { throw Failure("no code") }
        return code
    }
}

struct Failure: Error, CustomStringConvertible {
    let description: String

    init(_ description: String) {
        self.description = description
    }
}
