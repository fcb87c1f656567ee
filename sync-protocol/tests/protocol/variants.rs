//! Names of an enum's variants on the wire, asked of serde, so that a new variant is noticed.

use serde::Deserialize;
use serde::de::value::Error;
use serde::de::{Deserializer, Error as _, Visitor};
use serde::forward_to_deserialize_any;

/// The variant names of the enum `T`, as on the wire and in the order of its declaration.
pub fn variants<'de, T: Deserialize<'de>>() -> Vec<&'static str> {
    let mut names = Vec::new();
    let refused = T::deserialize(Ask { names: &mut names });
    assert!(refused.is_err() && !names.is_empty(), "not an enum");
    names
}

/// A deserializer that notes what an enum asks for and then refuses.
struct Ask<'a> {
    names: &'a mut Vec<&'static str>,
}

impl<'de> Deserializer<'de> for Ask<'_> {
    type Error = Error;

    fn deserialize_enum<V: Visitor<'de>>(
        self,
        _name: &'static str,
        variants: &'static [&'static str],
        _visitor: V,
    ) -> Result<V::Value, Error> {
        self.names.extend_from_slice(variants);
        Err(Error::custom("only asked"))
    }

    fn deserialize_any<V: Visitor<'de>>(self, _visitor: V) -> Result<V::Value, Error> {
        Err(Error::custom("not an enum"))
    }

    forward_to_deserialize_any! {
        bool i8 i16 i32 i64 i128 u8 u16 u32 u64 u128 f32 f64 char str string bytes byte_buf option unit unit_struct
        newtype_struct seq tuple tuple_struct map struct identifier ignored_any
    }
}
