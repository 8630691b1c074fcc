//! Values that tools answer, asked on this same road by principal `gateway`.

use std::pin::Pin;
use std::sync::Weak;

use serde_json::{Map, Value};

use crate::audit::{Caller, Door};
use crate::decision_point::ValueSource;
use crate::identity::Credentials;

use super::{Body, Call, Pipeline};

/// The road, as the decision point sees it when it needs a list of valid values.
pub struct RoadValues(pub Weak<Pipeline>);

impl ValueSource for RoadValues {
    fn ask<'a>(
        &'a self,
        tool: &'a str,
    ) -> Pin<Box<dyn Future<Output = Option<Vec<String>>> + Send + 'a>> {
        Box::pin(async move {
            let pipeline = self.0.upgrade()?;
            let call = Call {
                credentials: Credentials::Internal,
                ..Call::tool(Caller::at(Door::Internal), tool, Map::new())
            };
            match pipeline.handle(call).await.ok()?.body {
                Body::Done(result) => listed(&result),
                Body::Failed { .. }
                | Body::Mendable { .. }
                | Body::Refused
                | Body::Shadow { .. } => None,
            }
        })
    }
}

/// The values in an answer: its first array, of texts or of objects with a `name` or an `id`.
fn listed(result: &Value) -> Option<Vec<String>> {
    let array = match result {
        Value::Array(items) => Some(items),
        Value::Object(map) => map.values().find_map(Value::as_array),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => None,
    }?;
    let text = |item: &Value| {
        let named = item.get("name").or_else(|| item.get("id")).unwrap_or(item);
        named.as_str().map(str::to_owned)
    };
    array.iter().map(text).collect()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn values_are_read_from_the_first_array_or_not_at_all() {
        let services = json!({"services": [{"name": "cache", "health": "healthy"}, {"name": "database"}], "count": 2});
        assert_eq!(
            listed(&services),
            Some(vec!["cache".to_owned(), "database".to_owned()])
        );
        assert_eq!(
            listed(&json!(["a", "b"])),
            Some(vec!["a".to_owned(), "b".to_owned()])
        );
        assert_eq!(listed(&json!({"services": [{"health": "healthy"}]})), None);
        assert_eq!(listed(&json!({"count": 2})), None);
    }
}
