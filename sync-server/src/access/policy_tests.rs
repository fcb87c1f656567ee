//! Policy files: what is refused, and where it says the mistake is.

use super::*;

fn file(text: &str) -> PolicyFile {
    PolicyFile { name: "north.cedar".into(), text: text.into() }
}

/// Line, column and reason that a clinic's file is refused with.
fn refused(text: &str) -> (usize, usize, String) {
    let error = Policies::load(&[file(text)]).unwrap_err();
    assert_eq!(error.file, "north.cedar");
    assert!(error.to_string().starts_with(&format!("north.cedar:{}:{}: ", error.line, error.column)), "{error}");
    (error.line, error.column, error.reason)
}

#[test]
fn the_built_in_policy_fits_the_schema_and_names_nobody() {
    let policies = Policies::built_in();
    assert!(policies.count() > 10 && policies.named.is_empty());
    assert_eq!(policies.files(), ["default.cedar"]);
}

#[test]
fn a_syntax_error_is_refused_with_its_line_and_column() {
    let (line, column, _) = refused("// ours\n@id(\"a\")\npermit (principal, action, ressource);\n");
    assert_eq!((line, column), (3, 28));
}

#[test]
fn a_misspelt_name_is_refused_where_it_stands() {
    let text = "@id(\"a\")\nforbid (principal, action == Action::\"read\", resource)\nwhen { resource.compartment == Compartment::\"cores\" };";
    let (line, _, reason) = refused(text);
    assert!(line == 3 && reason.contains("cores"), "{line}: {reason}");
    let text = "@id(\"a\")\nforbid (principal, action == Action::\"raed\", resource);";
    let (line, _, reason) = refused(text);
    assert!(line == 2 && reason.contains("raed"), "{line}: {reason}");
    let text = "@id(\"a\")\nforbid (principal, action == Action::\"read\", resource)\nwhen {\n context.glas };";
    let (line, _, reason) = refused(text);
    assert!(line == 4 && reason.contains("glas"), "{line}: {reason}");
}

#[test]
fn an_optional_fact_must_be_asked_for_before_it_is_used() {
    let text =
        "@id(\"a\")\npermit (principal, action == Action::\"read\", resource)\nwhen { context.affiliation.this };";
    assert_eq!(refused(text).0, 3);
}

#[test]
fn a_policy_without_id_or_with_one_that_is_taken_is_refused() {
    let good = "@id(\"a\")\npermit (principal, action == Action::\"read\", resource);\n";
    let (line, _, reason) = refused(&format!("{good}\npermit (principal, action == Action::\"read\", resource);"));
    assert!(line >= 3 && reason.contains("@id"), "{line}: {reason}");
    let (line, _, reason) = refused(&format!("{good}\n\n{}", good.replace("permit", "forbid")));
    assert!(line == 5 && reason.contains("@id(\"a\")"), "{line}: {reason}");
    let taken = good.replace("\"a\"", "\"role-at-home\"");
    assert!(refused(&taken).2.contains("role-at-home"));
}

#[test]
fn templates_and_single_documents_are_refused() {
    let template = "@id(\"a\")\npermit (principal == ?principal, action == Action::\"read\", resource);";
    assert!(refused(template).2.contains("template"));
    let single = "@id(\"a\")\npermit (principal, action == Action::\"read\", resource == Document::\"1\");";
    assert!(refused(single).2.contains("one document"));
}

#[test]
fn break_glass_needs_hours_within_bounds() {
    let glass =
        |hours: &str| format!("@id(\"a\"){hours}\npermit (principal, action == Action::\"break-glass\", resource);");
    for wrong in ["", " @hours(\"0\")", " @hours(\"73\")", " @hours(\"four\")"] {
        assert!(refused(&glass(wrong)).2.contains("@hours"), "{wrong}");
    }
    assert!(Policies::load(&[file(&glass(" @hours(\"2\")"))]).is_ok());
}

#[test]
fn a_policy_that_can_never_apply_is_refused() {
    let text = "@id(\"a\")\nforbid (principal, action == Action::\"read\", resource is Chart);";
    assert_eq!(refused(text).0, 1, "where the policy begins");
}

#[test]
fn a_file_named_default_takes_the_place_of_the_built_in_one() {
    let text = "@id(\"a\")\nforbid (principal == Practitioner::\"dr-x\", action, resource);".to_owned();
    let replaced = Policies::load(&[PolicyFile { name: "default.cedar".into(), text: text.clone() }]).unwrap();
    assert_eq!((replaced.count(), replaced.files()), (1, &["default.cedar".to_owned()][..]));
    let beside = Policies::load(&[file(&text)]).unwrap();
    assert_eq!(beside.count(), Policies::built_in().count() + 1);
    assert_eq!(beside.named, BTreeSet::from([(Named::Practitioner, "dr-x".to_owned())]));
    let hashes = [replaced.hash(), beside.hash(), Policies::built_in().hash()];
    assert_eq!(BTreeSet::from(hashes).len(), 3);
}

#[test]
fn only_cedar_files_of_the_folder_are_read() {
    let folder = tempfile::tempdir().unwrap();
    assert_eq!(PolicyFile::read_folder(&folder.path().join("policies")).unwrap(), []);
    for name in ["b.cedar", "a.cedar", "notes.txt", "c.cedar~"] {
        std::fs::write(folder.path().join(name), "").unwrap();
    }
    let names: Vec<_> = PolicyFile::read_folder(folder.path()).unwrap().into_iter().map(|file| file.name).collect();
    assert_eq!(names, ["a.cedar", "b.cedar"]);
}
