#!/usr/bin/env bash
# Makes build/Satchel.xcframework for iOS and its simulator. Needs a Mac with Xcode, and once:
#   rustup target add aarch64-apple-ios aarch64-apple-ios-sim
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")"
root=$(cd ../.. && pwd)
target=${CARGO_TARGET_DIR:-$root/target}

(cd "$root" && cargo xtask mobile swift)
for platform in aarch64-apple-ios aarch64-apple-ios-sim; do
    (cd "$root" && mobile/shipped/with.sh cargo rustc --profile shipped --package mobile --lib --crate-type staticlib --target "$platform")
done

headers=build/headers
rm -rf build && mkdir -p "$headers"
cp "$target/mobile/swift/SatchelFFI.h" "$headers/"
cp "$target"/mobile/swift/*.modulemap "$headers/module.modulemap"
cp "$target/mobile/swift/Satchel.swift" Sources/Satchel/Generated.swift

xcodebuild -create-xcframework \
    -library "$target/aarch64-apple-ios/shipped/libmobile.a" -headers "$headers" \
    -library "$target/aarch64-apple-ios-sim/shipped/libmobile.a" -headers "$headers" \
    -output build/Satchel.xcframework
