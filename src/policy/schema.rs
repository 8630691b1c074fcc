//! A tool's input schema, compiled with the snapshot, and its problems in words.
//!
//! Most schemas are an object of plain properties. Those are checked here, property by property, without copying
//! the arguments and without allocation; everything beyond goes to the schema library. A test holds both together.

use std::fmt;

use jsonschema::error::{TypeKind, ValidationErrorKind};
use jsonschema::{PatternOptions, ValidationError, Validator};
use serde_json::{Map, Value};

use crate::domain::Arguments;

use super::constraint::Report;
use super::plain_schema::{PlainSchema, kind_words};
use super::words::{Name, Shown};

/// Keywords at the root that say nothing about a value.
const SILENT: [&str; 6] = [
    "title",
    "description",
    "default",
    "examples",
    "$comment",
    "$schema",
];

/// A compiled input schema.
#[derive(Debug)]
pub(super) enum Schema {
    /// An object of properties that are checked one by one.
    Object(ObjectSchema),
    /// One that needs the library as a whole; it copies the arguments.
    Whole {
        /// The compiled schema.
        validator: Box<Validator>,
        /// Names that the root declares.
        names: Vec<String>,
    },
    /// One that can't be read: no arguments fit it.
    Broken,
}

/// The properties of an object.
#[derive(Debug)]
pub(super) struct ObjectSchema {
    properties: Vec<Property>,
    closed: bool,
}

#[derive(Debug)]
struct Property {
    name: String,
    required: bool,
    /// Whether `properties` declares it; `required` alone doesn't.
    declared: bool,
    check: PropertyCheck,
}

#[derive(Debug)]
enum PropertyCheck {
    Plain(PlainSchema),
    Library(Box<Validator>),
}

impl Schema {
    /// Compiles the schema. What can't be read becomes one that nothing fits.
    pub(super) fn compile(schema: &Value) -> Self {
        let Some(root) = schema.as_object() else {
            return Self::Broken;
        };
        if let Some(schema) = split(root) {
            return schema;
        }
        let names = properties(root).map(|(name, _)| name.clone()).collect();
        build(schema).map_or(Self::Broken, |validator| Self::Whole { validator, names })
    }

    /// What the schema fills in for parameters that are missing.
    pub(super) fn defaults(schema: &Value) -> impl Iterator<Item = (&String, &Value)> {
        let all = schema.as_object().map(properties).into_iter().flatten();
        all.filter_map(|(name, property)| Some((name, property.get("default")?)))
    }

    /// Tells every problem of the arguments.
    #[inline]
    pub(super) fn check(&self, arguments: &Arguments, report: Report<'_>) {
        match self {
            Self::Object(object) => object.check(arguments, report),
            Self::Whole { validator, .. } => {
                let value = Value::Object(arguments.0.clone());
                for error in validator.iter_errors(&value) {
                    describe("", &error, report);
                }
            }
            Self::Broken => report(format_args!("the tool's input schema can't be read")),
        }
    }

    /// Whether the schema declares a parameter of this name.
    pub(super) fn declares(&self, name: &str) -> bool {
        match self {
            Self::Object(object) => object
                .properties
                .iter()
                .any(|property| property.declared && property.name == name),
            Self::Whole { names, .. } => names.iter().any(|known| known == name),
            Self::Broken => false,
        }
    }
}

impl ObjectSchema {
    fn check(&self, arguments: &Arguments, report: Report<'_>) {
        let mut known = 0;
        for property in &self.properties {
            let name = property.name.as_str();
            let Some(value) = arguments.get(name) else {
                if property.required {
                    report(format_args!("{name}: is required"));
                }
                continue;
            };
            known += usize::from(property.declared);
            match &property.check {
                PropertyCheck::Plain(plain) => plain.check(name, value, report),
                PropertyCheck::Library(validator) => {
                    if !validator.is_valid(value) {
                        for error in validator.iter_errors(value) {
                            describe(name, &error, report);
                        }
                    }
                }
            }
        }
        if self.closed && known < arguments.0.len() {
            self.check_unknown(arguments, report);
        }
    }

    #[cold]
    fn check_unknown(&self, arguments: &Arguments, report: Report<'_>) {
        let declared = |name: &&str| {
            let mut all = self.properties.iter();
            all.any(|property| property.declared && property.name == **name)
        };
        let names = arguments.0.keys().map(String::as_str);
        for name in names.filter(|name| !declared(name)) {
            let known = Known(&self.properties);
            report(format_args!("{}: no such parameter; {known}", Name(name)));
        }
    }
}

struct Known<'a>(&'a [Property]);

impl fmt::Display for Known<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut names: Vec<&str> = self
            .0
            .iter()
            .filter(|p| p.declared)
            .map(|p| p.name.as_str())
            .collect();
        names.sort_unstable();
        match names.as_slice() {
            [] => f.write_str("the tool takes none"),
            [only] => write!(f, "{only} is known"),
            all => write!(f, "{} are known", all.join(", ")),
        }
    }
}

/// The schema taken apart into properties; `None` when it says more than that.
fn split(root: &Map<String, Value>) -> Option<Schema> {
    let known = ["type", "properties", "required", "additionalProperties"];
    let plain = |key: &String| known.contains(&key.as_str()) || SILENT.contains(&key.as_str());
    let is_object = root.get("type").is_none_or(|kind| kind == "object");
    let closed = match root.get("additionalProperties") {
        None | Some(Value::Bool(true)) => false,
        Some(Value::Bool(false)) => true,
        Some(_) => return None,
    };
    let well_formed = root.get("properties").is_none_or(Value::is_object);
    if !is_object || !well_formed || !root.keys().all(plain) || refers(root) {
        return None;
    }
    let required = match root.get("required") {
        None => Vec::new(),
        Some(list) => list
            .as_array()?
            .iter()
            .map(Value::as_str)
            .collect::<Option<Vec<_>>>()?,
    };
    let object = split_properties(root, &required, closed);
    Some(object.map_or(Schema::Broken, Schema::Object))
}

fn split_properties(
    root: &Map<String, Value>,
    required: &[&str],
    closed: bool,
) -> Option<ObjectSchema> {
    let mut all = Vec::new();
    for (name, schema) in properties(root) {
        let check = match PlainSchema::read(schema) {
            Some(plain) => PropertyCheck::Plain(plain),
            None => PropertyCheck::Library(build(&in_draft(schema, root.get("$schema")))?),
        };
        let required = required.contains(&name.as_str());
        all.push(Property {
            name: name.clone(),
            required,
            declared: true,
            check,
        });
    }
    for name in required
        .iter()
        .filter(|name| properties(root).all(|(known, _)| known != *name))
    {
        let check = PropertyCheck::Plain(PlainSchema::default());
        all.push(Property {
            name: (*name).to_owned(),
            required: true,
            declared: false,
            check,
        });
    }
    Some(ObjectSchema {
        properties: all,
        closed,
    })
}

fn properties(root: &Map<String, Value>) -> impl Iterator<Item = (&String, &Value)> {
    root.get("properties")
        .and_then(Value::as_object)
        .into_iter()
        .flatten()
}

/// A property's schema, read by the draft that its root names.
fn in_draft(schema: &Value, draft: Option<&Value>) -> Value {
    let mut schema = schema.clone();
    if let (Some(object), Some(draft)) = (schema.as_object_mut(), draft) {
        object.entry("$schema").or_insert_with(|| draft.clone());
    }
    schema
}

/// Whether anything in it refers to another place, so that it can't be taken apart.
fn refers(object: &Map<String, Value>) -> bool {
    object.iter().any(|(key, value)| {
        matches!(
            key.as_str(),
            "$ref" | "$dynamicRef" | "$recursiveRef" | "$id" | "id"
        ) && value.is_string()
            || refers_within(value)
    })
}

fn refers_within(value: &Value) -> bool {
    match value {
        Value::Object(object) => refers(object),
        Value::Array(items) => items.iter().any(refers_within),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => false,
    }
}

/// Compiles with linear-time patterns and without remote references.
fn build(schema: &Value) -> Option<Box<Validator>> {
    let options = jsonschema::options().with_pattern_options(PatternOptions::regex());
    options.build(schema).ok().map(Box::new)
}

/// Tells one error of the library in our words; what we have no words for names the keyword.
fn describe(name: &str, error: &ValidationError<'_>, report: Report<'_>) {
    let path = error.instance_path().to_string();
    let inner = path.trim_start_matches('/').replace('/', ".");
    let spot = match (name, inner.as_str()) {
        ("", "") => "arguments".to_owned(),
        ("", inner) => Name(inner).to_string(),
        (name, "") => name.to_owned(),
        (name, inner) => format!("{name}.{}", Name(inner)),
    };
    let shown = Shown(error.instance());
    #[expect(
        clippy::wildcard_enum_match_arm,
        reason = "the library's list grows, the keyword is shown then"
    )]
    match error.kind() {
        ValidationErrorKind::Type {
            kind: TypeKind::Single(kind),
        } => {
            report(format_args!("{spot}: {shown} is not {}", kind_words(*kind)));
        }
        ValidationErrorKind::Minimum { limit } => {
            report(format_args!("{spot}: {shown} is below the minimum {limit}"));
        }
        ValidationErrorKind::Maximum { limit } => {
            report(format_args!("{spot}: {shown} is above the maximum {limit}"));
        }
        ValidationErrorKind::Required { property } => {
            let missing = property.as_str().unwrap_or_default();
            let parent = if spot == "arguments" {
                String::new()
            } else {
                format!("{spot}.")
            };
            report(format_args!("{parent}{missing}: is required"));
        }
        ValidationErrorKind::AdditionalProperties { unexpected } => {
            for extra in unexpected {
                let parent = if spot == "arguments" {
                    String::new()
                } else {
                    format!("{spot}.")
                };
                report(format_args!("{parent}{}: no such parameter", Name(extra)));
            }
        }
        other => report(format_args!(
            "{spot}: does not fit the tool's schema ({})",
            other.keyword()
        )),
    }
}

#[cfg(test)]
#[path = "tests/schema.rs"]
mod tests;
