//! The types of message fields: their protobuf form and their JSON form.

use prost::DecodeError;
use prost::bytes::{Buf, BufMut};
use prost::encoding::{DecodeContext, WireType};
use serde::{Deserializer, Serializer};

use super::place::Place;

/// A value that a field of a message can have.
///
/// A field without presence is absent when it has its default value; an `Option` is absent when it is `None`.
pub(crate) trait Field: Default {
    /// Whether the field is omitted.
    fn is_absent(&self) -> bool;
    /// Appends it in protobuf form.
    fn put(&self, tag: u32, buf: &mut impl BufMut);
    /// The number of bytes that `put` appends.
    fn size(&self, tag: u32) -> usize;
    /// Reads it from protobuf form, which may contain it more than once.
    fn take(
        &mut self,
        wire: WireType,
        buf: &mut impl Buf,
        context: DecodeContext,
    ) -> Result<(), DecodeError>;
    /// Writes it in JSON form.
    fn write<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error>;
    /// Reads a JSON value other than `null` into the field. Returns whether the field was set.
    fn read<'de, D: Deserializer<'de>>(
        &mut self,
        place: Place,
        deserializer: D,
    ) -> Result<bool, D::Error>;
}

/// The protobuf implementation of a type that prost supports.
macro_rules! by_prost {
    ($kind:ident) => {
        fn put(&self, tag: u32, buf: &mut impl ::prost::bytes::BufMut) {
            ::prost::encoding::$kind::encode(tag, self, buf);
        }

        fn size(&self, tag: u32) -> usize {
            ::prost::encoding::$kind::encoded_len(tag, self)
        }

        fn take(
            &mut self,
            wire: ::prost::encoding::WireType,
            buf: &mut impl ::prost::bytes::Buf,
            context: ::prost::encoding::DecodeContext,
        ) -> Result<(), ::prost::DecodeError> {
            ::prost::encoding::$kind::merge(wire, self, buf, context)
        }
    };
}
pub(crate) use by_prost;
