//! Every tool of every backend under one name space.

use std::collections::HashMap;
use std::sync::Arc;

use super::{Shelf, ToolBackend, ToolDefinition};
use crate::domain::{ToolFacts, check_run_name};

/// Why backends do not make a catalogue.
#[derive(Debug, thiserror::Error)]
pub enum CatalogError {
    /// A name that no caller could write.
    #[error("the tool `{0}` cannot be catalogued: a tool name is 1 to 64 of A-Z a-z 0-9 _ -")]
    Name(String),
    /// Two tools of one name.
    #[error("the tool `{0}` is offered by two backends: rename one of them")]
    Twice(String),
}

/// The tools there are, and who answers each.
pub struct Catalog {
    definitions: Vec<ToolDefinition>,
    backends: HashMap<Arc<str>, Arc<dyn ToolBackend>>,
    shelves: Vec<Shelf>,
}

impl Catalog {
    /// The catalogue of these backends' tools, in their order.
    ///
    /// # Errors
    /// When a tool has an impossible name, or two have the same.
    pub fn new(offers: &[Arc<dyn ToolBackend>]) -> Result<Self, CatalogError> {
        let mut definitions = Vec::new();
        let mut backends: HashMap<Arc<str>, Arc<dyn ToolBackend>> = HashMap::new();
        for backend in offers {
            for definition in backend.definitions() {
                let name = Arc::clone(&definition.facts.name);
                check_run_name(&name).map_err(|_| CatalogError::Name(name.to_string()))?;
                if backends
                    .insert(Arc::clone(&name), Arc::clone(backend))
                    .is_some()
                {
                    return Err(CatalogError::Twice(name.to_string()));
                }
                definitions.push(definition);
            }
        }
        let shelves = offers.iter().map(|backend| backend.shelf()).collect();
        Ok(Self {
            definitions,
            backends,
            shelves,
        })
    }

    /// The tools, in the order in which the backends offer them.
    #[must_use]
    pub fn definitions(&self) -> &[ToolDefinition] {
        &self.definitions
    }

    /// What the backends offer beside tools, in their order.
    #[must_use]
    pub fn shelves(&self) -> &[Shelf] {
        &self.shelves
    }

    /// The tool of this exact name.
    #[must_use]
    pub fn definition(&self, tool: &str) -> Option<&ToolDefinition> {
        self.definitions
            .iter()
            .find(|definition| &*definition.facts.name == tool)
    }

    /// The tools as the rules see them.
    #[must_use]
    pub fn facts(&self) -> Vec<ToolFacts> {
        self.definitions
            .iter()
            .map(|definition| definition.facts.clone())
            .collect()
    }

    /// Who answers the tool of this exact name.
    #[must_use]
    pub fn backend(&self, tool: &str) -> Option<&Arc<dyn ToolBackend>> {
        self.backends.get(tool)
    }
}
