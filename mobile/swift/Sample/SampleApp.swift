import BackgroundTasks
import Satchel
import SwiftUI

/// A ward's tablet: choose a profile, type a PIN, search patients, sync in the background. Sources only: add them to an app target that
/// depends on the package; list `org.satchel.sample.sync` under `BGTaskSchedulerPermittedIdentifiers` in its Info.plist.
@main
struct SampleApp: App {
    @StateObject private var session = Session()

    var body: some Scene {
        WindowGroup {
            if let device = session.device { PatientsView(device: device) } else { UnlockView(session: session) }
        }
        .backgroundTask(.appRefresh(BackgroundSync.identifier)) {
            BackgroundSync.schedule()
            await BackgroundSync.round(session.device)
        }
    }
}

enum BackgroundSync {
    static let identifier = "org.satchel.sample.sync"

    static func schedule() {
        let request = BGAppRefreshTaskRequest(identifier: identifier)
        request.earliestBeginDate = Date(timeIntervalSinceNow: 15 * 60)
        try? BGTaskScheduler.shared.submit(request)
    }

    /// The system cancels the task when its time is over, which ends the round; what was stored counts.
    static func round(_ device: SatchelDevice?) async {
        guard let device, !device.isLocked() else { return }
        _ = try? await device.sync(budget: SyncBudget(bytes: 4 << 20, timeMs: 25_000))
    }
}

@MainActor
final class Session: ObservableObject {
    @Published private(set) var device: SatchelDevice?
    @Published private(set) var told = ""
    private let tablet: SatchelTablet?

    init() {
        let folder = URL.applicationSupportDirectory.appending(path: "profiles")
        tablet = try? SatchelTablet.open(folder: folder.path)
    }

    var profiles: [ProfileShown] { (try? tablet?.profiles()) ?? [] }

    func unlock(_ profile: ProfileShown, pin: String) async {
        do {
            let opened = try await tablet?.unlock(id: profile.id, pin: pin, secret: KeychainSecret.get())
            try await device?.lock()
            device = opened
            BackgroundSync.schedule()
        } catch let SatchelError.WrongPin(_, waitMs, _) {
            told = "Wrong PIN; wait \(waitMs / 1000) s"
        } catch {
            told = "\(error)"
        }
    }
}

struct UnlockView: View {
    @ObservedObject var session: Session
    @State private var pin = ""

    var body: some View {
        List {
            SecureField("PIN", text: $pin)
            Text(session.told)
            ForEach(session.profiles, id: \.id) { profile in
                Button("\(profile.label) (\(profile.unsent?.changes ?? 0) unsent)") {
                    Task {
                        await session.unlock(profile, pin: pin)
                        pin = ""
                    }
                }
            }
        }
    }
}

struct PatientsView: View {
    let device: SatchelDevice
    @State private var typed = ""
    @State private var rows: [PatientRow] = []

    var body: some View {
        NavigationStack {
            List(rows, id: \.patient) { Text($0.name) }
        }
        .searchable(text: $typed)
        .task(id: typed) {
            guard let patients = try? device.patients(PatientSearch(text: typed)) else { return }
            for await shown in patients { rows = shown }
        }
        .task {
            // Connected for as long as the screen is there.
            guard let (news, session) = try? await device.syncing() else { return }
            for await _ in news {}
            await session.stop()
        }
    }
}
