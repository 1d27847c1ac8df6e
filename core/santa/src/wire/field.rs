//! What a field of a message can be: its form in protobuf and its form in JSON, side by side.

use prost::DecodeError;
use prost::bytes::{Buf, BufMut};
use prost::encoding::{DecodeContext, WireType};
use serde::{Deserializer, Serializer};

use super::place::Place;

/// A value that a field of a message can have.
///
/// A field without presence is absent when it has its default value; an `Option` is absent when it is `None`.
pub(crate) trait Field: Default {
    /// Whether the field is left out.
    fn is_absent(&self) -> bool;
    /// Appends it in protobuf's form.
    fn put(&self, tag: u32, buf: &mut impl BufMut);
    /// So many bytes are then appended.
    fn size(&self, tag: u32) -> usize;
    /// Takes it from protobuf's form, which may hold it more than once.
    fn take(
        &mut self,
        wire: WireType,
        buf: &mut impl Buf,
        context: DecodeContext,
    ) -> Result<(), DecodeError>;
    /// Writes it in JSON's form.
    fn write<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error>;
    /// Reads a value in JSON's form, which is not `null`, into the field. The result says whether the field was set.
    fn read<'de, D: Deserializer<'de>>(
        &mut self,
        place: Place,
        deserializer: D,
    ) -> Result<bool, D::Error>;
}

/// Protobuf's side of a type that prost knows.
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
