//! The floors of the house: which room may use which, where each foreign crate lives, and which rooms are pure.
//!
//! Adding a word to one of these tables is the most interesting part of a change: say why in its
//! description.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;

use crate::source::{Module, Source};

/// A room, its floor, and the rooms it may use.
struct Room(&'static str, u8, &'static [&'static str]);

/// Bottom to top: a room stands behind every room that it uses.
const ROOMS: &[Room] = &[
    Room("domain", 0, &[]),
    Room("wire", 0, &["domain"]),
    Room("policy", 1, &["domain"]),
    Room("guardrails", 1, &["domain"]),
    Room("cloud", 1, &["domain"]),
    Room("audit", 2, &["domain", "policy", "guardrails"]),
    // The claims of a token are strangers' JSON, which has one strict reader.
    Room("identity", 2, &["domain", "wire", "audit"]),
    Room("modes", 2, &["domain", "audit"]),
    Room("registry", 2, &["domain", "identity", "audit"]),
    Room("incidents", 2, &["domain", "audit"]),
    Room("policy_admin", 2, &["domain", "policy", "audit"]),
    Room(
        "decision_point",
        3,
        &[
            "domain",
            "policy",
            "audit",
            "registry",
            "modes",
            "policy_admin",
        ],
    ),
    Room(
        "tools",
        3,
        &["domain", "policy", "audit", "guardrails", "cloud"],
    ),
    Room(
        "governance",
        3,
        &[
            "domain",
            "wire",
            "policy",
            "guardrails",
            "cloud",
            "audit",
            "identity",
            "modes",
            "registry",
            "incidents",
            "policy_admin",
            "decision_point",
            "tools",
        ],
    ),
    Room(
        "pipeline",
        3,
        &[
            "domain",
            "policy",
            "guardrails",
            "audit",
            "identity",
            "registry",
            "decision_point",
            "tools",
        ],
    ),
    Room("clock", 4, &["domain"]),
    Room("telemetry", 4, &[]),
    // Ports belong to the rooms that need them; storage fulfils them.
    Room(
        "storage",
        4,
        &[
            "domain",
            "audit",
            "identity",
            "modes",
            "registry",
            "incidents",
            "policy_admin",
        ],
    ),
    Room(
        "transport",
        4,
        &["domain", "wire", "pipeline", "tools", "telemetry"],
    ),
    Room("outbound", 4, &["domain", "identity", "telemetry"]),
    Room("config", 4, BELOW),
    Room("app", 4, BELOW),
    Room("cli", 4, BELOW),
    Room("main", 4, &["cli"]),
];

/// Every room further down the table.
const BELOW: &[&str] = &["*"];

/// Rooms and files with values only: time, ids and keys arrive as arguments.
const PURE: &[&str] = &[
    "domain",
    "policy",
    "guardrails",
    "cloud",
    "audit/record",
    "audit/chain",
    "audit/compliance",
    "identity/totp/code",
];

/// What pure code does not name: a word, or the start of a path.
const IMPURE: &[&str] = &[
    "async",
    "await",
    "SystemTime",
    "Instant",
    "stdin",
    "stdout",
    "stderr",
    "std::fs",
    "TcpListener",
    "TcpStream",
    "ToSocketAddrs",
    "UdpSocket",
    "UnixStream",
    "std::env",
    "std::process",
    "std::thread",
    "std::sync::Mutex",
    "std::sync::RwLock",
    "std::sync::mpsc",
    "jiff::Timestamp::now",
    "jiff::Zoned::now",
    "arc_swap",
    "getrandom",
    "rand",
    "tokio",
    "tracing",
];

/// The rooms in which a foreign crate lives; its types do not cross into another.
const HOMES: &[(&str, &[&str])] = &[
    ("aho_corasick", &["policy", "guardrails", "storage"]),
    ("async_trait", &["transport"]),
    ("aws_lc_rs", &["identity/jwt", "identity/totp"]),
    ("axum", &["transport"]),
    ("base64", &["cli", "identity/jwt"]),
    ("clap", &["cli"]),
    ("clap_complete", &["cli"]),
    ("clap_mangen", &["cli"]),
    ("comfy_table", &["cli"]),
    ("crc32fast", &["identity/key_text"]),
    ("futures_core", &["transport"]),
    ("globset", &["domain/pattern"]),
    ("http_body_util", &["transport"]),
    ("hyper", &["transport"]),
    ("hyper_util", &["transport"]),
    ("jsonc_parser", &["cli"]),
    ("jsonschema", &["policy"]),
    ("mimalloc", &["main"]),
    ("notify_debouncer_full", &["policy_admin"]),
    ("opentelemetry", &["telemetry/traces"]),
    ("opentelemetry_proto", &["telemetry/traces"]),
    ("opentelemetry_sdk", &["telemetry/traces"]),
    (
        "percent_encoding",
        &["transport", "config/telemetry", "cli"],
    ),
    (
        "prometheus_client",
        &[
            "telemetry",
            "decision_point/metrics",
            "audit/metrics",
            "pipeline/metrics",
            "identity/metrics",
            "registry/metrics",
            "incidents/metrics",
            "transport/metrics",
        ],
    ),
    ("prost", &["telemetry/traces"]),
    ("qrcode", &["cli"]),
    ("regex", &["policy", "guardrails"]),
    ("reqwest", &["outbound"]),
    ("rmcp", &["transport"]),
    ("rusqlite", &["storage"]),
    ("rustix", &["cli", "storage/room"]),
    ("ryu_js", &["domain/canonical"]),
    ("serde_urlencoded", &["transport", "cli"]),
    ("serde_yaml", &["policy", "config", "cli"]),
    ("tokio_rustls", &["transport/serve/tls"]),
    ("toml_edit", &["cli"]),
    ("tower", &["transport"]),
    ("tracing_subscriber", &["telemetry"]),
    ("x509_parser", &["cli"]),
];

/// Crates that are words of the language here, not a technology with a room. What is impure among
/// them is kept out of pure rooms by [`IMPURE`].
const ANYWHERE: &[&str] = &[
    "arc_swap",
    "getrandom",
    "hmac",
    "jiff",
    "serde",
    "serde_json",
    "sha2",
    "subtle",
    "thiserror",
    "tokio",
    "tokio_util",
    "tracing",
];

/// The most lines of product code in a file; a longer one usually holds two nouns.
const MOST_LINES: usize = 350;

/// Files that wait to be split, with the lines they have now: they may shrink, not grow.
const LONGER: &[(&str, usize)] = &[];

fn position(room: &str) -> Option<usize> {
    ROOMS.iter().position(|known| known.0 == room)
}

/// The room of a file: `policy` of `policy/engine.rs`, `app` of `app.rs`.
fn room_of(file: &str) -> &str {
    file.split('/').next().unwrap().trim_end_matches(".rs")
}

/// Whether the file is this place or inside it: `domain/pattern` is `domain/pattern.rs` and `domain/pattern/…`.
fn within(file: &str, place: &str) -> bool {
    let rest = file.strip_prefix(place);
    rest.is_some_and(|rest| rest == ".rs" || rest.starts_with('/'))
}

fn may_use(room: &str, other: &str) -> bool {
    let Some(own) = position(room) else {
        return false;
    };
    let uses = ROOMS[own].2;
    room == other
        || uses.contains(&other)
        || (uses == BELOW && position(other).is_some_and(|theirs| theirs < own))
}

/// The room that a path of this file leads to, if it leads out of the file's own.
fn room_named<'a>(file: &str, path: &'a [String]) -> Option<&'a str> {
    let supers = path
        .iter()
        .take_while(|segment| *segment == "super")
        .count();
    let depth = file.split('/').count() - usize::from(file.ends_with("/mod.rs"));
    let named = match path.first()?.as_str() {
        "crate" | "policyguard" => path.get(1)?,
        "super" if supers >= depth => path
            .get(supers)
            .filter(|segment| position(segment).is_some())?,
        _ => return None,
    };
    Some(named)
}

/// Everything that a file of this place does against the tables.
fn violations(file: &str, text: &str) -> BTreeSet<String> {
    let source = Source::read(text);
    let room = room_of(file);
    let mut found = BTreeSet::new();
    if room == "lib" {
        return found;
    }
    if position(room).is_none() {
        found.insert(format!("{file}: '{room}' is not a room of the table"));
    }
    let homes: BTreeMap<&str, &[&str]> = HOMES.iter().copied().collect();
    for path in &source.paths {
        if let Some(other) = room_named(file, path)
            && !may_use(room, other)
        {
            found.insert(format!("{file}: '{room}' may not use '{other}'"));
        }
        if let Some(home) = homes.get(path[0].as_str())
            && !home.iter().any(|place| within(file, place))
        {
            let (name, home) = (&path[0], home.join("', '"));
            found.insert(format!("{file}: '{name}' lives in '{home}'"));
        }
    }
    if PURE.iter().any(|place| within(file, place)) {
        for impure in IMPURE {
            let starts = |path: &Vec<String>| {
                format!("{}::", path.join("::")).starts_with(&format!("{impure}::"))
            };
            let named = source.words.contains(*impure) || source.paths.iter().any(starts);
            if named {
                found.insert(format!(
                    "{file}: '{room}' is pure and may not use '{impure}'"
                ));
            }
        }
    }
    found
}

/// Every source file below `src` by its place there, in the order of the table, each room's files by name.
fn files() -> Vec<(String, String)> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut folders = vec![root.clone()];
    let mut files = Vec::new();
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                let place = path.strip_prefix(&root).unwrap().to_str().unwrap();
                files.push((place.replace('\\', "/"), fs::read_to_string(&path).unwrap()));
            }
        }
    }
    files.sort_by_key(|(place, _)| (position(room_of(place)), place.clone()));
    files
}

/// The files that a file's `mod` lines lead to, each with whether it is there for tests only.
fn children(file: &str, text: &str) -> Vec<(String, bool)> {
    let source = Source::read(text);
    let folder = file.rsplit_once('/').map_or("", |(folder, _)| folder);
    let root = matches!(file, "lib.rs" | "main.rs") || file.ends_with("/mod.rs");
    let own = if root {
        folder
    } else {
        file.trim_end_matches(".rs")
    };
    let join = |folder: &str, rest: &str| {
        format!("{folder}/{rest}")
            .trim_start_matches('/')
            .to_owned()
    };
    let places = |module: &Module| match &module.path {
        Some(path) => vec![join(folder, path)],
        None => vec![
            join(own, &format!("{}.rs", module.name)),
            join(own, &format!("{}/mod.rs", module.name)),
        ],
    };
    let product = source
        .modules
        .iter()
        .flat_map(places)
        .map(|place| (place, false));
    let tests = source
        .test_modules
        .iter()
        .flat_map(places)
        .map(|place| (place, true));
    product.chain(tests).collect()
}

/// What is compiled, by its place, with whether it is for tests only.
fn compiled() -> BTreeMap<String, bool> {
    let all: BTreeMap<String, String> = files().into_iter().collect();
    let mut found = BTreeMap::new();
    let mut waiting = vec![("lib.rs".to_owned(), false), ("main.rs".to_owned(), false)];
    while let Some((file, tests)) = waiting.pop() {
        if let Some(text) = all.get(&file) {
            let below = children(&file, text).into_iter();
            waiting.extend(below.map(|(child, only)| (child, only || tests)));
            found.insert(file, tests);
        }
    }
    found
}

/// The files that are compiled into the product.
fn product_files() -> Vec<(String, String)> {
    let compiled = compiled();
    let mut files = files();
    files.retain(|(file, _)| compiled.get(file) == Some(&false));
    files
}

#[test]
fn rooms_use_only_what_the_table_lists_for_them() {
    let found: Vec<String> = product_files()
        .iter()
        .flat_map(|(file, text)| violations(file, text))
        .collect();
    assert!(found.is_empty(), "\n{}\n", found.join("\n"));
}

#[test]
fn the_table_points_down() {
    for (at, Room(name, floor, uses)) in ROOMS.iter().enumerate() {
        assert!(
            at == 0 || ROOMS[at - 1].1 <= *floor,
            "'{name}' stands above a higher floor"
        );
        for other in uses.iter().filter(|other| **other != "*") {
            let theirs =
                position(other).unwrap_or_else(|| panic!("'{other}' of '{name}' is no room"));
            assert!(
                theirs < at,
                "'{name}' uses '{other}', which stands above it"
            );
        }
    }
}

#[test]
fn the_front_door_lists_the_rooms_bottom_to_top() {
    let all = files();
    let (_, text) = all.iter().find(|(file, _)| file == "lib.rs").unwrap();
    let rooms: Vec<String> = Source::read(text)
        .modules
        .into_iter()
        .map(|module| module.name)
        .collect();
    for room in &rooms {
        assert!(
            position(room).is_some(),
            "lib.rs: '{room}' is not a room of the table"
        );
    }
    let floors: Vec<u8> = rooms
        .iter()
        .map(|room| ROOMS[position(room).unwrap()].1)
        .collect();
    assert!(
        floors.is_sorted(),
        "lib.rs lists {rooms:?} on the floors {floors:?}"
    );
}

#[test]
fn every_file_is_part_of_the_house() {
    let compiled = compiled();
    for (file, _) in files() {
        assert!(
            compiled.contains_key(&file),
            "{file}: no `mod` line leads to it, so nothing compiles it"
        );
    }
}

#[test]
fn no_file_outgrows_its_noun() {
    let mut sizes: BTreeMap<String, (usize, usize)> = BTreeMap::new();
    let mut long = Vec::new();
    for (file, text) in product_files() {
        let lines = Source::read(&text).product_lines;
        let (files, total) = sizes.entry(room_of(&file).to_owned()).or_default();
        *files += 1;
        *total += lines;
        let waiting = LONGER.iter().find(|(name, _)| *name == file);
        let most = waiting.map_or(MOST_LINES, |(_, most)| *most);
        if lines > most {
            long.push(format!(
                "{file}: {lines} lines of product code, at most {most}"
            ));
        }
        if waiting.is_some() && lines <= MOST_LINES {
            long.push(format!("{file}: no longer too long; take it out of LONGER"));
        }
    }
    for Room(room, floor, _) in ROOMS {
        if let Some((files, lines)) = sizes.get(*room) {
            println!("floor {floor}  {room:<15} {files:>3} files {lines:>6} lines");
        }
    }
    assert!(long.is_empty(), "\n{}\n", long.join("\n"));
}

#[test]
fn every_dependency_has_a_home() {
    let manifest = include_str!("../../Cargo.toml");
    let (_, dependencies) = manifest.split_once("\n[dependencies]\n").unwrap();
    let known: BTreeSet<&str> = HOMES
        .iter()
        .map(|(name, _)| *name)
        .chain(ANYWHERE.iter().copied())
        .collect();
    let used: BTreeSet<String> = dependencies
        .lines()
        .take_while(|line| !line.starts_with('['))
        .filter_map(|line| line.split_once(" = "))
        .map(|(name, _)| name.replace('-', "_"))
        .collect();
    assert!(used.len() > 20, "the manifest was not read");
    for name in &used {
        assert!(
            known.contains(name.as_str()),
            "Cargo.toml: '{name}' has no home; name its room in HOMES"
        );
    }
    for name in known {
        assert!(
            used.contains(name),
            "'{name}' is in the tables but not in Cargo.toml"
        );
    }
}

/// Asserts what the checker says of a file with this text.
#[track_caller]
fn check(file: &str, text: &str, expected: &[&str]) {
    let found: Vec<String> = violations(file, text).into_iter().collect();
    assert_eq!(found, expected, "{text}");
}

#[test]
fn a_room_that_looks_up_is_named() {
    let upward = &["policy/engine.rs: 'policy' may not use 'audit'"];
    for text in [
        "use crate::audit::Recorder;",
        "use crate::{domain::Digest, audit::{Recorder, Chain}};",
        "use crate :: audit;",
        "fn f() -> crate::audit::Recorded<u8> { todo!() }",
        "use super::super::audit::Recorder;",
        "pub use crate::audit as trail;",
        "macro_rules! m { () => { $crate::audit::head() } }",
        "impl<T: crate::audit::Listener> X for T {}",
        "fn f() { let x = 'a'; let y: &'static str = \"\"; crate::audit::go() }",
        "#[cfg(test)] mod tests { use crate::cli::X; } fn f() { crate::audit::go() }",
    ] {
        check("policy/engine.rs", text, upward);
    }
}

#[test]
fn what_is_no_product_code_is_not_read() {
    for text in [
        "// use crate::audit::Recorder;\n/* crate::audit /* nested */ crate::audit::X */",
        "const A: &str = \"crate::audit::X\"; const B: &str = r#\"\"crate::audit::X\"#;",
        "const A: &[u8] = b\"crate::audit::X\\\"crate::audit::Y\"; const C: char = '\"';",
        "#[cfg(test)]\n#[path = \"x\"]\nmod tests { mod inner { use crate::audit::X; } }",
        "#[cfg(test)]\nuse crate::audit::{X, Y};\nuse crate::domain::Digest;",
        "#[cfg(test)]\nfn f(x: [u8; 3]) { crate::audit::x() }",
        "use super::rule::Rule; use super::super::domain::Digest; mod audit {} use audit::X;",
    ] {
        check("policy/engine.rs", text, &[]);
    }
}

#[test]
fn a_crate_outside_its_home_is_named() {
    check("policy/engine.rs", "use regex::Regex;", &[]);
    check(
        "cli/policy.rs",
        "fn f(x: regex::Regex) {}",
        &["cli/policy.rs: 'regex' lives in 'policy', 'guardrails'"],
    );
    check("domain/pattern.rs", "use globset::Glob;", &[]);
    check(
        "domain/id.rs",
        "use globset;",
        &["domain/id.rs: 'globset' lives in 'domain/pattern'"],
    );
    check(
        "tools/mod.rs",
        "use ::axum::Router;",
        &["tools/mod.rs: 'axum' lives in 'transport'"],
    );
    check(
        "tools/mod.rs",
        "fn f(x: T) { x.axum::<u8>(); self::axum::g() }",
        &[],
    );
}

#[test]
fn a_pure_room_that_reaches_out_is_named() {
    for (text, impure) in [
        ("async fn f() {}", "async"),
        ("use std::{collections::BTreeMap, fs};", "std::fs"),
        ("fn f() { std::fs::read(x) }", "std::fs"),
        ("use std::time::{Duration, SystemTime};", "SystemTime"),
        ("fn f() { rand::random() }", "rand"),
        ("#[tokio::main] fn f() {}", "tokio"),
        ("fn f() { jiff::Timestamp::now() }", "jiff::Timestamp::now"),
    ] {
        for file in ["cloud/state.rs", "audit/record.rs"] {
            let room = room_of(file);
            let expected = format!("{file}: '{room}' is pure and may not use '{impure}'");
            check(file, text, &[expected.as_str()]);
        }
        check("audit/writer.rs", text, &[]);
    }
    check(
        "domain/time.rs",
        "use std::time::Duration; fn f(i: jiff::Timestamp) {}",
        &[],
    );
}

#[test]
fn unknown_rooms_and_the_front_door_are_held_to_the_table() {
    check(
        "attic/mod.rs",
        "",
        &["attic/mod.rs: 'attic' is not a room of the table"],
    );
    check(
        "cloud/mod.rs",
        "use crate::attic::X;",
        &["cloud/mod.rs: 'cloud' may not use 'attic'"],
    );
    check("main.rs", "fn main() { policyguard::cli::run() }", &[]);
    check(
        "main.rs",
        "use policyguard::app::App;",
        &["main.rs: 'main' may not use 'app'"],
    );
    check(
        "app.rs",
        "use crate::storage::Store; use crate::transport;",
        &[],
    );
    check(
        "app.rs",
        "use crate::cli::Cli;",
        &["app.rs: 'app' may not use 'cli'"],
    );
}

#[test]
fn only_product_lines_are_counted() {
    let source = Source::read("fn a() {}\n\n#[cfg(test)]\nmod tests {\n    fn b() {}\n}\n");
    assert_eq!(source.product_lines, 2);
    let source = Source::read("mod a;\n#[cfg(test)]\nmod tests;\n");
    assert_eq!(source.product_lines, 1);
}

#[test]
fn module_lines_are_followed_to_their_files() {
    let text = "mod a; pub mod b;\n#[cfg(test)]\n#[path = \"tests/c.rs\"]\nmod tests;";
    let expected = [
        ("policy/a.rs", false),
        ("policy/a/mod.rs", false),
        ("policy/b.rs", false),
        ("policy/b/mod.rs", false),
        ("policy/tests/c.rs", true),
    ];
    let expected = expected.map(|(place, tests)| (place.to_owned(), tests));
    assert_eq!(children("policy/mod.rs", text), expected);
    assert_eq!(children("policy/c.rs", text)[0].0, "policy/c/a.rs");
    assert_eq!(children("policy/c.rs", text)[4].0, "policy/tests/c.rs");
    assert_eq!(children("lib.rs", text)[0].0, "a.rs");
}
