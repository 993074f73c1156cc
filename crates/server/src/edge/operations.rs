//! Which operation of the OpenAPI document a request is for.

use std::collections::HashMap;
use std::sync::{Arc, LazyLock};

use axum::extract::MatchedPath;
use axum::http::Method;

/// Operation ids by path pattern and method.
static OPERATIONS: LazyLock<HashMap<String, HashMap<String, Arc<str>>>> = LazyLock::new(|| {
    let document = serde_json::to_value(crate::api::openapi_document()).unwrap_or_default();
    let mut operations: HashMap<String, HashMap<String, Arc<str>>> = HashMap::new();
    for (path, methods) in document["paths"].as_object().into_iter().flatten() {
        for (method, operation) in methods.as_object().into_iter().flatten() {
            if let Some(id) = operation["operationId"].as_str() {
                operations.entry(path.clone()).or_default().insert(method.to_ascii_uppercase(), id.into());
            }
        }
    }
    operations
});

/// The id of the operation, when the document has it.
pub fn operation(method: &Method, path: Option<&MatchedPath>) -> Option<Arc<str>> {
    OPERATIONS.get(path?.as_str())?.get(method.as_str()).map(Arc::clone)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_operation_is_known_by_its_id() {
        assert!(OPERATIONS.len() > 20, "{}", OPERATIONS.len());
        assert!(OPERATIONS.values().flat_map(HashMap::values).any(|id| &**id == "consumeElevatedToken"));
        assert!(operation(&Method::GET, None).is_none());
    }
}
