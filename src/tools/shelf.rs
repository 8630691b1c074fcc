//! What a backend offers beside tools, and by which of its tools each is read.

use serde_json::Value;

/// Resources and prompts of a backend, each in MCP's own words.
///
/// Reading one is a call of a tool like any other, decided and recorded: `reader` takes `{uri}` and answers
/// `{contents}`, `prompter` takes `{name, arguments}` and answers `{messages}`, `completer` takes `{ref, argument}` and
/// answers `{completion}`.
#[derive(Debug, Clone, Default)]
pub struct Shelf {
    /// Entries of `resources/list`.
    pub resources: Vec<Value>,
    /// Entries of `resources/templates/list`.
    pub templates: Vec<Value>,
    /// Entries of `prompts/list`.
    pub prompts: Vec<Value>,
    /// The beginnings of the addresses that `reader` reads: `test://`.
    pub schemes: Vec<&'static str>,
    /// The tool that reads a resource.
    pub reader: Option<&'static str>,
    /// The tool that fills in a prompt.
    pub prompter: Option<&'static str>,
    /// The tool that completes arguments.
    pub completer: Option<&'static str>,
    /// Whether its tools hand on lines of a log.
    pub logs: bool,
}
