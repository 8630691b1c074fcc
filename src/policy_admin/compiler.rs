//! What every version of the policy is compiled for: the catalogue, and the gateway's own folders.

use std::path::Path;
use std::sync::Arc;

use crate::domain::{Pattern, ToolFacts};
use crate::policy::{Bundle, Engine};

/// Makes engines of bundles.
#[derive(Debug, Clone)]
pub struct Compiler {
    tools: Arc<[ToolFacts]>,
    folders: Arc<[Pattern]>,
}

impl Compiler {
    /// A compiler for these tools, which protects these folders whatever a policy says.
    #[must_use]
    pub fn new(tools: Vec<ToolFacts>, folders: &[&Path]) -> Self {
        let folders = folders.iter().flat_map(|folder| guard(folder)).collect();
        Self {
            tools: tools.into(),
            folders,
        }
    }

    /// The tools.
    #[must_use]
    pub fn tools(&self) -> &[ToolFacts] {
        &self.tools
    }

    /// The engine of this version.
    #[must_use]
    pub fn engine(&self, bundle: &Arc<Bundle>, version: u64) -> Engine {
        Engine::compile_guarding(Arc::clone(bundle), &self.tools, version, &self.folders)
    }
}

/// The patterns of a folder and of all below it, by its absolute path.
///
/// A path with characters that no pattern can hold protects nothing here: the folder's permissions still do.
fn guard(folder: &Path) -> Vec<Pattern> {
    let absolute = folder.canonicalize().unwrap_or_else(|_| folder.to_owned());
    let text = absolute.to_string_lossy();
    let escaped: String = text
        .chars()
        .flat_map(|c| {
            if "*?[]{}\\".contains(c) {
                vec!['\\', c]
            } else {
                vec![c]
            }
        })
        .collect();
    [escaped.clone(), format!("{escaped}/*")]
        .iter()
        .filter_map(|pattern| Pattern::parse(pattern).ok())
        .collect()
}
