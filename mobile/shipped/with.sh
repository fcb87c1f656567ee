#!/bin/sh
# Runs a build of the library that apps ship: `mobile/shipped/with.sh cargo build --profile shipped --package mobile`.
# The profile is in Cargo.toml; here is what goes into the C libraries, which cargo's profiles do not say.
set -eu
# An OpenSSL of what SQLCipher calls.
OPENSSL_SRC_PERL="$(cd "$(dirname "$0")" && pwd)/perl.sh"
# SQLite without the search and the geometry that nothing here uses. (FTS5 stays.)
LIBSQLITE3_FLAGS="-USQLITE_ENABLE_FTS3 -USQLITE_ENABLE_FTS3_PARENTHESIS -USQLITE_ENABLE_RTREE"
export OPENSSL_SRC_PERL LIBSQLITE3_FLAGS
exec "$@"
