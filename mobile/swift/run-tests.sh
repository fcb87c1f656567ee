#!/usr/bin/env bash
# Runs the tests of the package: run-tests.sh FOLDER, where `cargo xtask mobile swift` has written to FOLDER.
# `cargo xtask test swift` does both.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")"
native=$1

cp "$native/Satchel.swift" Sources/Satchel/Generated.swift
cp "$native/SatchelFFI.h" Sources/SatchelFFI/SatchelFFI.h
cp "$native"/*.modulemap Sources/SatchelFFI/module.modulemap

SATCHEL_NATIVE=$native swift test
