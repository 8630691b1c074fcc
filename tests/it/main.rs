//! One binary for all integration tests: each module looks at the house from outside.
#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::string_slice,
    clippy::print_stdout,
    clippy::disallowed_methods,
    reason = "tests: a failure is a panic, and what is skipped or measured is printed"
)]

mod admin; // the listener for administrators
mod agents;
mod architecture; // floors, homes, sizes
mod audit; // the trail as it is written
mod audit_crash; // the trail after kill -9
mod audit_query; // the trail as it is read
mod audit_stream; // the trail as it is followed
mod audit_tamper; // the trail as it is forged
mod authzen; // questions of other gateways
mod audit_views; // the trail as people read it
mod backup;
mod callers; // who may do what
mod callers_with_keys; // who may do what with which credential
mod credentials; // who is who
mod cli; // tests/cases/cli: command → exit code, stdout, stderr
mod clients; // what clients are told to write
mod closed; // what breaks allows nothing
mod compliance; // what is counted, and what follows
mod connect; // what is done to the files of clients
mod configurations; // tests/cases/configurations.json: what is refused at start
mod dashboards; // what Grafana and Prometheus ask for
mod decisions; // tests/cases/decisions: request → effect, code, rule, reason
mod demo; // the first minute of a new user
mod docs;
mod doctor; // what documents say of tests and each other
mod explanations; // what is told about a decision
mod gate; // races of changes against calls
mod hook; // what a coding agent is answered
mod hostile; // what strangers send, at every door
mod http_endings; // how conversations end
mod http_limits; // the server under strangers
mod http_raw; // bytes that are hardly HTTP
mod incidents; // what somebody should look at
mod kill; // the binary is killed under load, and nothing acknowledged is lost
mod limits; // what one caller may ask, and floods of denials
mod loosening; // what two versions answer differently
mod mcp; // MCP over HTTP
mod mcp_sessions; // sessions of MCP
mod mcp_stdio; // MCP on standard input and output
mod mcp_vectors; // requests of the newest revision of MCP
mod metrics; // figures and events
mod naive; // the order of decisions, written plainly
mod openapi; // what the OpenAPI document promises
mod patterns; // hostile patterns, names and hours
mod policy_files; // what authors write and read
mod proofs; // what must not compile
mod proxies; // what proxies say of whom they speak for
mod properties; // what must hold for random policies and requests
mod readme; // the commands of the README
mod reference; // what is documented from code
mod rest; // the execution API
mod runtime_policies; // policies created, compared and rolled back while the gateway runs
mod seed; // input → expected from the systems before
mod governance_cases; // input → expected from the systems before
mod shown; // which tools a caller sees
mod size; // large policies
mod source; // the source tree as text
mod storage; // the ports of the store
mod support; // values and gateways to test with
mod tls; // what stands between callers and listeners
mod totp; // second factors of people
#[cfg(feature = "otel")]
mod traces; // what a collector is told
mod trail; // helpers of the trail's tests
