//! What is looked for in content. Pure: text in, findings out.

pub mod secrets; // credentials in names and texts

#[cfg(test)]
mod tests;
