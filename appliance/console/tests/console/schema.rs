//! Holds JSON to those parts of JSON Schema that the description uses; others are a fault.

use serde_json::Value;

pub fn check(root: &Value, schema: &Value, value: &Value, place: &str) -> Result<(), String> {
    let fault = |what: &str| Err(format!("{place}: {what}: {value} against {schema}"));
    let rules = schema.as_object().expect("a schema is an object");
    for (name, rule) in rules {
        match name.as_str() {
            "$ref" => {
                let path = rule.as_str().unwrap().trim_start_matches('#');
                check(root, root.pointer(path).expect("a schema of this name"), value, place)?;
            }
            "anyOf" => {
                let any = rule.as_array().unwrap().iter().any(|one| check(root, one, value, place).is_ok());
                if !any {
                    return fault("anyOf");
                }
            }
            "type" => {
                let names = rule.as_array().cloned().unwrap_or_else(|| vec![rule.clone()]);
                if !names.iter().any(|name| is(name.as_str().unwrap(), value)) {
                    return fault("type");
                }
            }
            "enum" if !rule.as_array().unwrap().contains(value) => return fault("enum"),
            "minimum" if value.as_f64().is_some_and(|number| number < rule.as_f64().unwrap()) => {
                return fault("minimum");
            }
            "maximum" if value.as_f64().is_some_and(|number| number > rule.as_f64().unwrap()) => {
                return fault("maximum");
            }
            "items" => {
                for (index, item) in value.as_array().into_iter().flatten().enumerate() {
                    check(root, rule, item, &format!("{place}[{index}]"))?;
                }
            }
            "required" => {
                let missing = rule.as_array().unwrap().iter().any(|name| value.get(name.as_str().unwrap()).is_none());
                if value.is_object() && missing {
                    return fault("required");
                }
            }
            "additionalProperties" => {
                let known = rules["properties"].as_object().unwrap();
                if value.as_object().is_some_and(|object| !object.keys().all(|name| known.contains_key(name))) {
                    return fault("a property too many");
                }
            }
            "properties" => {
                for (name, rule) in rule.as_object().unwrap() {
                    if let Some(item) = value.get(name) {
                        check(root, rule, item, &format!("{place}.{name}"))?;
                    }
                }
            }
            "enum" | "minimum" | "maximum" | "pattern" | "description" => {}
            other => panic!("{other} is not known here"),
        }
    }
    Ok(())
}

fn is(name: &str, value: &Value) -> bool {
    match name {
        "string" => value.is_string(),
        "integer" => value.is_u64() || value.is_i64(),
        "number" => value.is_number(),
        "boolean" => value.is_boolean(),
        "null" => value.is_null(),
        "array" => value.is_array(),
        "object" => value.is_object(),
        other => panic!("{other} is no type"),
    }
}

#[test]
fn what_is_against_a_schema_is_found() {
    let schema: Value = serde_json::from_str(
        r#"{"type":"object","additionalProperties":false,"required":["a"],"properties":{"a":{"type":"integer","minimum":1},
            "b":{"type":["string","null"]},"c":{"type":"array","items":{"type":"string","enum":["x"]}}}}"#,
    )
    .unwrap();
    let holds = |text: &str| check(&schema, &schema, &serde_json::from_str(text).unwrap(), "it").is_ok();
    assert!(holds(r#"{"a":1,"b":null,"c":["x"]}"#));
    for bad in
        ["[]", "{}", r#"{"a":0}"#, r#"{"a":"1"}"#, r#"{"a":1,"b":1}"#, r#"{"a":1,"c":["y"]}"#, r#"{"a":1,"d":1}"#]
    {
        assert!(!holds(bad), "{bad}");
    }
}
