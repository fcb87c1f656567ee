#!/bin/sh
# Stands in for perl while the crate openssl-src builds OpenSSL (OPENSSL_SRC_PERL, set by with.sh beside it), and leaves out what
# SQLCipher does not call. It calls AES-256-CBC, HMAC and PBKDF2 over SHA-1, SHA-256 and SHA-512, and RAND_bytes, all in
# libcrypto. TLS is rustls, with ring. The target and its compiler are openssl-src's business.
# docs/adr/0031-the-shipped-library-has-a-profile-and-an-openssl-of-its-own.md
set -eu

# Protocols, and what is only there for them.
protocols="no-tls no-dtls no-quic no-srp no-srtp no-psk no-nextprotoneg no-ktls no-ssl-trace no-cms no-cmp no-ct no-ocsp no-ts no-http no-rfc3779"
# Ciphers, modes of ciphers, hashes, codes and derivations.
ciphers="no-aria no-bf no-camellia no-cast no-chacha no-des no-idea no-rc2 no-rc4 no-seed no-sm4 no-ocb no-siv no-multiblock"
hashes="no-md4 no-mdc2 no-rmd160 no-sm3 no-whirlpool no-blake2 no-cmac no-poly1305 no-siphash no-scrypt"
# Keys of two parts: none. (RSA cannot be left out.)
asymmetric="no-dh no-dsa no-ec no-gost no-ml-dsa no-ml-kem no-slh-dsa no-lms"
# What surrounds them: loading of modules and files, sockets, terminals, texts of errors.
surroundings="no-apps no-docs no-engine no-dso no-module no-legacy no-autoload-config no-async no-sock no-ui-console no-stdio no-err no-thread-pool"
# One section for each function, so that the linker can leave out the rest.
sections="-ffunction-sections -fdata-sections -fno-asynchronous-unwind-tables -Os"

case "${1-}" in
*Configure)
    # The same stands in for perl while make writes assembly.
    # shellcheck disable=SC2086
    PERL="$(command -v "$0")" exec perl "$@" $protocols $ciphers $hashes $asymmetric $surroundings $sections
    ;;
*-avx512.pl)
    # AES-GCM, XTS and RSA for AVX-512, 0.7 MB that SQLCipher does not call: written as for an assembler that does not know it.
    [ "${2-}" != elf ] || export CC="echo GNU assembler version 2.20"
    exec perl "$@"
    ;;
*)
    exec perl "$@"
    ;;
esac
