import Foundation
import XCTest

@testable import Satchel

/// Every scenario of the shared file.
final class ScenarioTests: XCTestCase {
    private struct Shared {
        let vocabulary: Int
        let scenarios: [[String: Any]]
    }

    private func shared() throws -> Shared {
        let here = URL(fileURLWithPath: #filePath)
        let file = here.deletingLastPathComponent().appendingPathComponent("../../../scenarios/scenarios.json")
        let read = try JSONSerialization.jsonObject(with: Data(contentsOf: file)) as? [String: Any]
        guard let vocabulary = read?["vocabulary"] as? Int, let all = read?["scenarios"] as? [[String: Any]]
        else { throw Failure("not a file of scenarios") }
        return Shared(vocabulary: vocabulary, scenarios: all)
    }

    func testWhatTheSharedFileSays() async throws {
        let shared = try shared()
        XCTAssertEqual(shared.vocabulary, 2, "this runner knows another vocabulary")
        var ran = Set<String>()
        for scenario in shared.scenarios {
            let name = scenario["name"] as? String ?? ""
            let world = Scenario()
            for (number, step) in (scenario["steps"] as? [[String: Any]] ?? []).enumerated() {
                do {
                    try await world.step(Step(step))
                } catch {
                    XCTFail("\(name), step \(number): \(step): \(error)")
                    break
                }
            }
            await world.close()
            ran.insert(name)
        }
        XCTAssertEqual(ran.count, shared.scenarios.count)
        XCTAssertGreaterThanOrEqual(ran.count, 24)
    }

    func testAnUnknownStepFails() async {
        do {
            try await Scenario().step(Step(["do": "conjure"]))
            XCTFail("it did not fail")
        } catch {
            XCTAssertTrue("\(error)".contains("no step is called conjure"))
        }
    }
}

/// What has a tablet for itself: cancellation, as Swift does it.
final class CancellationTests: XCTestCase {
    func testAStreamOfPatientsFollowsEditsAndEndsItsQuery() async throws {
        let world = Scenario()
        try await world.step(Step(["do": "relay", "practices": ["north": ["dr-a"]]]))
        try await world.step(Step(["do": "enrol", "device": "a", "organization": "north", "practitioner": "dr-a"]))
        let device = try world.device("a")
        let before = liveObjects()
        _ = try device.registerAnyway(new: NewPatient(family: "Silva"))
        for await patients in try device.patients() where patients.count == 1 { break }
        try await eventually("the query is let go") { liveObjects() == before }
        await world.close()
    }
}
