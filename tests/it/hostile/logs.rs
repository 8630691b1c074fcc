//! A log that nobody can write.

use std::io::{BufRead as _, BufReader};
use std::process::{Command, Stdio};

use serde_json::json;

use super::doors::Running;
use crate::support::console::BINARY;
use crate::support::http::Http;
use crate::support::shipped;

#[test]
fn a_log_that_cannot_be_written_costs_no_answer() {
    let dir = tempfile::tempdir().unwrap();
    let child = Command::new(BINARY)
        .args(["serve", "--port", "0", "--log-level", "trace", "--data-dir"])
        .arg(dir.path().join("data"))
        .arg("--policies")
        .arg(shipped("default.yaml"))
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn();
    let mut child = Running(child.unwrap());
    let mut lines = BufReader::new(child.0.stderr.take().unwrap()).lines();
    let last = |line: &String| line.contains("do not expose this port");
    let banner: Vec<String> = (&mut lines)
        .map(Result::unwrap)
        .take_while(|line| !last(line))
        .collect();
    let banner = banner.concat();
    let (_, port) = banner.split_once("http://127.0.0.1:").unwrap();
    let port = port.split_once(' ').unwrap().0.parse().unwrap();
    // Whoever read the log is gone; every line from now on fails, as it does on a full disk.
    drop(lines);
    let mut http = Http::connect(port).unwrap();
    for body in [
        json!({ "tool_name": "list_services" }),
        json!({ "tool_name": "delete_database" }),
        json!({ "tool_nam": "list_services" }),
    ] {
        let answer = http.post("/tools/execute", "unheard", &body).unwrap();
        assert!(answer.status == 200 || answer.status == 422, "{answer:?}");
    }
    assert_eq!(http.get("/readyz").unwrap().status, 200);
}
