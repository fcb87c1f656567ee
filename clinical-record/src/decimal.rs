//! JSON numbers as Automerge scalars and back, keeping every literal exactly: `1.50` stays `1.50`.
//!
//! FHIR decimals carry their precision in trailing zeros. An integer or a float is used only where it prints back as the
//! same text; any other literal is kept as ASCII bytes. FHIR JSON has no bytes, so bytes always mean "number literal".
//! (The JSON parser itself writes an exponent without sign with one: `1e3` is `1e+3` before it gets here.)

use automerge::ScalarValue;
use serde_json::{Number, Value};

/// The scalar that keeps this number's literal text.
pub(crate) fn encode_number(number: &Number) -> ScalarValue {
    let literal = number.as_str();
    if let Ok(int) = literal.parse::<i64>()
        && int.to_string() == literal
    {
        return ScalarValue::Int(int);
    }
    match literal.parse::<f64>() {
        Ok(float) if plain_float_text(float).as_deref() == Some(literal) => ScalarValue::F64(float),
        _ => ScalarValue::Bytes(literal.as_bytes().to_vec()),
    }
}

/// The float's text where it is plain digits. Exponents and negative zero are kept as literals instead: how exponents
/// are written is a formatter's choice, and Automerge takes -0.0 and 0.0 for the same value.
fn plain_float_text(float: f64) -> Option<String> {
    let text = Number::from_f64(float)?.to_string();
    (!text.contains(['e', 'E']) && text != "-0.0").then_some(text)
}

/// A float back as a number; null for one JSON cannot hold, which only a hostile writer can store.
pub(crate) fn decode_float(float: f64) -> Value {
    Number::from_f64(float).map_or(Value::Null, Value::Number)
}

/// A number literal back as a number; null for bytes that are none, which only a hostile writer can store.
pub(crate) fn decode_literal(bytes: &[u8]) -> Value {
    match serde_json::from_slice::<Value>(bytes) {
        Ok(number @ Value::Number(_)) => number,
        _ => Value::Null,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn scalar(literal: &str) -> ScalarValue {
        encode_number(&serde_json::from_str(literal).unwrap())
    }

    #[test]
    fn integers_and_exact_floats_take_the_compact_forms() {
        assert_eq!(scalar("-7"), ScalarValue::Int(-7));
        assert_eq!(scalar("1.0"), ScalarValue::F64(1.0));
        assert_eq!(scalar("0.3202898736241102"), ScalarValue::F64(0.320_289_873_624_110_2));
    }

    #[test]
    fn every_other_literal_is_kept_as_text() {
        for literal in
            ["1.50", "1e+3", "-0", "-0.0", "18446744073709551616", "0.10000000000000000001", "1e-7", "1e+400"]
        {
            assert_eq!(scalar(literal), ScalarValue::Bytes(literal.as_bytes().to_vec()), "{literal}");
            assert_eq!(decode_literal(literal.as_bytes()).to_string(), literal);
        }
    }

    #[test]
    fn bytes_that_are_no_number_read_as_null() {
        for bytes in [&b"abc"[..], b"", b"\"1\"", b"\xff", b"[1]"] {
            assert_eq!(decode_literal(bytes), Value::Null);
        }
    }
}
