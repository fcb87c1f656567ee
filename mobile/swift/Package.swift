// swift-tools-version: 6.0
import Foundation
import PackageDescription

// On Linux, and for tests: the library and the generated code that `cargo xtask mobile swift` has put into SATCHEL_NATIVE.
// On Apple's systems: the framework that xcframework.sh has made. Generated code is copied to Sources/ by both scripts.
let native = ProcessInfo.processInfo.environment["SATCHEL_NATIVE"]

let ffi: Target = native == nil
    ? .binaryTarget(name: "SatchelFFI", path: "build/Satchel.xcframework")
    : .systemLibrary(name: "SatchelFFI", path: "Sources/SatchelFFI")

let package = Package(
    name: "Satchel",
    platforms: [.iOS(.v16), .macOS(.v13)],
    products: [.library(name: "Satchel", targets: ["Satchel"])],
    targets: [
        ffi,
        .target(
            name: "Satchel",
            dependencies: ["SatchelFFI"],
            // What UniFFI generates is written for Swift 5's rules of concurrency.
            swiftSettings: [.swiftLanguageMode(.v5)],
            linkerSettings: native.map { [.unsafeFlags(["-L\($0)", "-lsatchel", "-Xlinker", "-rpath", "-Xlinker", $0])] } ?? []
        ),
        .testTarget(name: "SatchelTests", dependencies: ["Satchel"], swiftSettings: [.swiftLanguageMode(.v5)]),
    ]
)
