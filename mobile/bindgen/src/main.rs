//! UniFFI's generator, of the same version as the bindings: `uniffi-bindgen generate --language kotlin …`. Of its own crate, so
//! that what it needs is not linked into an app.

fn main() {
    uniffi::uniffi_bindgen_main();
}
