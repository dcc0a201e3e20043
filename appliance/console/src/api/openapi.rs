//! The description of the machine interface: OpenAPI 3.1, made from the table that makes the paths.

use axum::http::header;
use axum::response::{IntoResponse as _, Response};
use serde_json::{Map, Value, json};

use super::{Answer, Operation, operations};
use crate::access::SESSION;
use crate::device::{DeliveryState, Level, ModelChange};

const SCHEMAS: &str = include_str!("schemas.json");

/// The document.
pub fn document() -> Response {
    ([(header::CONTENT_TYPE, "application/json")], value().to_string()).into_response()
}

fn value() -> Value {
    let mut paths = Map::new();
    for operation in operations() {
        let path = paths.entry(operation.path).or_insert_with(|| json!({}));
        path[operation.method] = described(&operation);
    }
    json!({
        "openapi": "3.1.0",
        "info": {
            "title": "Mamoru",
            "version": env!("CARGO_PKG_VERSION"),
            "description": "What a device shows and does, without who studies are of. Research use only, not a medical device.",
        },
        "servers": [{ "url": "/" }],
        "security": [{ "token": [] }, { "session": [] }],
        "paths": paths,
        "components": {
            "securitySchemes": {
                "token": { "type": "http", "scheme": "bearer", "description": "Made by a technician on the account page." },
                "session": {
                    "type": "apiKey", "in": "cookie", "name": SESSION,
                    "description": "Of a signed-in browser; for what acts, also the form's token as X-Form-Token.",
                },
            },
            // A test holds them to be JSON.
            "schemas": serde_json::from_str::<Value>(SCHEMAS).unwrap_or_default(),
        },
    })
}

fn described(operation: &Operation) -> Value {
    let id = format!("{} {}", operation.method, operation.path.trim_start_matches("/api/v1/"));
    let id: String = id.chars().map(|letter| if letter.is_ascii_alphanumeric() { letter } else { '_' }).collect();
    let in_path = operation.path.split('/').filter_map(|part| part.strip_prefix('{')?.strip_suffix('}'));
    let parameters: Vec<Value> = in_path
        .map(|name| json!({ "name": name, "in": "path", "required": true, "schema": parameter(name) }))
        .chain(operation.query.iter().map(|name| json!({ "name": name, "in": "query", "schema": parameter(name) })))
        .collect();
    let content = match operation.answer {
        Answer::Json(schema) => Some(("application/json", json!({ "$ref": format!("#/components/schemas/{schema}") }))),
        Answer::Png => Some(("image/png", json!({}))),
        Answer::Events => Some(("text/event-stream", json!({ "type": "string" }))),
        Answer::Nothing => None,
    };
    let good = match content {
        Some((kind, schema)) => json!({ "description": "Done.", "content": { kind: { "schema": schema } } }),
        None => json!({ "description": "Done." }),
    };
    let wrong = json!({
        "description": "Why not, and the next step.",
        "content": { "application/json": { "schema": { "$ref": "#/components/schemas/Error" } } },
    });
    let mut described = json!({
        "operationId": id,
        "summary": operation.summary,
        "parameters": parameters,
        "responses": { operation.status.to_string(): good, "default": wrong },
    });
    if operation.path == "/api/v1/models" && operation.method == "post" {
        let schema = json!({ "type": "string", "contentMediaType": "application/octet-stream" });
        described["requestBody"] =
            json!({ "required": true, "content": { "application/octet-stream": { "schema": schema } } });
    }
    described
}

fn parameter(name: &str) -> Value {
    match name {
        "skip" => json!({ "type": "integer", "minimum": 0 }),
        "take" => json!({ "type": "integer", "minimum": 1, "maximum": 1000 }),
        "state" => json!({ "type": "string", "enum": DeliveryState::ALL.map(DeliveryState::name) }),
        "level" => json!({ "type": "string", "enum": Level::ALL.map(Level::name) }),
        "change" => json!({ "type": "string", "enum": ModelChange::ALL.map(ModelChange::name) }),
        "containing" => json!({ "type": "string", "maxLength": 100 }),
        "destination" => json!({ "type": "string", "pattern": "^[a-z0-9_-]{1,32}$" }),
        _ => json!({ "type": "string", "pattern": "^[0-9a-f]{1,64}$" }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_document_names_only_schemas_that_it_has() {
        let document = value();
        let schemas = document["components"]["schemas"].as_object().unwrap();
        let text = document.to_string();
        let named: Vec<&str> =
            text.split("\"#/components/schemas/").skip(1).filter_map(|rest| rest.split('"').next()).collect();
        assert!(named.len() > 20);
        assert!(named.iter().all(|name| schemas.contains_key(*name)), "{named:?}");
        assert!(schemas.keys().all(|name| named.contains(&name.as_str())), "none is left over");
    }

    #[test]
    fn each_operation_has_a_name_of_its_own() {
        let ids: Vec<Value> = operations().map(|operation| described(&operation)["operationId"].clone()).collect();
        for (index, id) in ids.iter().enumerate() {
            assert!(!ids[..index].contains(id), "{id}");
        }
    }
}
