//! A device that edits until it is killed.

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    system_tests::process::edit_until_killed(&arguments);
}
