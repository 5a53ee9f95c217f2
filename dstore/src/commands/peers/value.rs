use data_encoding::{BASE64, HEXLOWER};
use peerstore::MetadataValue;
use peerstore::interop::ImportedValue;
use serde_json::{Value, json};

/// A value of metadata: its type, and the value for people and for programs.
pub(super) struct Shown {
    pub(super) kind: &'static str,
    pub(super) text: String,
    pub(super) json: Value,
}

impl Shown {
    pub(super) fn of(value: &MetadataValue) -> Self {
        let shown = |kind, text, json| Self { kind, text, json };
        match ImportedValue::of(value) {
            ImportedValue::Bytes(bytes) => match str::from_utf8(&bytes) {
                Ok(text) => shown("bytes", quoted(text), json!(BASE64.encode(&bytes))),
                Err(_) => shown("bytes", hex(&bytes), json!(BASE64.encode(&bytes))),
            },
            ImportedValue::Text(text) => shown("text", quoted(&text), json!(text)),
            ImportedValue::Bool(truth) => shown("bool", truth.to_string(), json!(truth)),
            ImportedValue::Int(number) => shown("int", number.to_string(), json!(number)),
            ImportedValue::Uint(number) => shown("int", number.to_string(), json!(number)),
            ImportedValue::Float(number) => shown("float", number.to_string(), float(number)),
            _ => {
                let bytes = value.as_bytes();
                shown("cbor", hex(bytes), json!(BASE64.encode(bytes)))
            }
        }
    }
}

/// A number, or text for what JSON has no number for.
fn float(number: f64) -> Value {
    match number {
        f64::INFINITY => json!("Infinity"),
        f64::NEG_INFINITY => json!("-Infinity"),
        number if number.is_nan() => json!("NaN"),
        number => json!(number),
    }
}

fn quoted(text: &str) -> String {
    format!("{text:?}")
}

fn hex(bytes: &[u8]) -> String {
    format!("0x{}", HEXLOWER.encode(bytes))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_that_json_does_not_have_is_text() {
        for (number, shown) in [
            (1.5, json!(1.5)),
            (f64::NAN, json!("NaN")),
            (f64::INFINITY, json!("Infinity")),
            (f64::NEG_INFINITY, json!("-Infinity")),
        ] {
            let value = ImportedValue::Float(number).to_metadata().unwrap();
            assert_eq!(Shown::of(&value).json, shown);
        }
    }
}
