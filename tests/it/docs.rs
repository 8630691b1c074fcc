//! What documents say about the code.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// The names of all functions in Rust files below a folder.
fn functions(folder: &Path, found: &mut BTreeSet<String>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            functions(&path, found);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            let text = fs::read_to_string(&path).unwrap();
            let names = text
                .lines()
                .map(|line| line.trim_start().trim_start_matches("async "))
                .filter_map(|line| line.strip_prefix("fn "));
            found.extend(names.filter_map(|rest| rest.split(['(', '<']).next().map(str::to_owned)));
        }
    }
}

/// The tests that the last column of the table under this head names, each of which must be there.
fn named_tests(document: &str, head: &str) {
    let text = fs::read_to_string(root().join(document)).unwrap();
    assert!(text.lines().count() <= 200, "{document} is to stay short");
    let (_, table) = text.split_once(head).unwrap();
    let mut known = BTreeSet::new();
    functions(&root().join("src"), &mut known);
    functions(&root().join("tests"), &mut known);
    let named: Vec<&str> = table
        .lines()
        .take_while(|line| line.is_empty() || line.starts_with('|'))
        .filter_map(|line| line.rsplit('|').nth(1))
        .flat_map(|cell| cell.split('`').skip(1).step_by(2))
        .collect();
    assert!(named.len() > 10, "the table was not read");
    for name in named {
        assert!(
            known.contains(name),
            "{document} names the test `{name}`, which is not there"
        );
    }
}

#[test]
fn every_test_that_the_architecture_names_is_there() {
    named_tests("docs/architecture.md", "| what holds | held by |");
}

#[test]
fn every_test_that_the_security_model_names_is_there() {
    let head = "| threat | what stands against it | held by |";
    named_tests("docs/explanation/security-model.md", head);
}

#[test]
fn links_between_documents_lead_somewhere() {
    let mut documents: Vec<_> = ["README.md", "CHANGELOG.md", "SECURITY.md"]
        .map(|name| root().join(name))
        .to_vec();
    for folder in [
        "docs",
        "docs/decisions",
        "docs/explanation",
        "docs/how-to",
        "docs/reference",
        "docs/tutorial",
    ] {
        for entry in fs::read_dir(root().join(folder)).unwrap() {
            documents.push(entry.unwrap().path());
        }
    }
    documents.retain(|path| path.extension().is_some_and(|extension| extension == "md"));
    assert!(documents.len() > 5, "the documents were not found");
    for document in documents {
        let text = fs::read_to_string(&document).unwrap();
        for rest in text.split("](").skip(1) {
            let target = rest.split([')', '#']).next().unwrap();
            let elsewhere = target.is_empty() || target.contains("://");
            let place = document.parent().unwrap().join(target);
            assert!(
                elsewhere || place.exists(),
                "{}: `{target}` leads nowhere",
                document.display()
            );
        }
    }
}
