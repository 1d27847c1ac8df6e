//! What `cargo xtask messages` writes a message or an enumeration of the schema in, and what it means in Rust: both forms
//! of the wire.

/// A message: each field with its type, its number in protobuf, its name in JSON, and other spellings that are read.
macro_rules! message {
    (
        $(#[$doc:meta])*
        $name:ident {
            $( $(#[$field_doc:meta])* $field:ident: $type:ty = $tag:literal $json:literal $(| $alias:literal)*; )*
        }
    ) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Default, PartialEq)]
        pub struct $name {
            $( $(#[$field_doc])* pub $field: $type, )*
        }

        impl $name {
            /// Every field's spellings in JSON, the one that is written first, and its number in protobuf.
            const NAMES: &'static [(&'static [&'static str], u32)] = &[$( (&[$json, $($alias),*], $tag), )*];
        }

        impl ::prost::Message for $name {
            fn encode_raw(&self, buf: &mut impl ::prost::bytes::BufMut) {
                let _ = &buf;
                $( if !$crate::santa::wire::field::Field::is_absent(&self.$field) {
                    $crate::santa::wire::field::Field::put(&self.$field, $tag, buf);
                } )*
            }

            fn merge_field(
                &mut self,
                tag: u32,
                wire: ::prost::encoding::WireType,
                buf: &mut impl ::prost::bytes::Buf,
                context: ::prost::encoding::DecodeContext,
            ) -> Result<(), ::prost::DecodeError> {
                match tag {
                    $( $tag => $crate::santa::wire::field::Field::take(&mut self.$field, wire, buf, context), )*
                    _ => ::prost::encoding::skip_field(wire, tag, buf, context),
                }
            }

            fn encoded_len(&self) -> usize {
                0 $( + if $crate::santa::wire::field::Field::is_absent(&self.$field) { 0 } else {
                    $crate::santa::wire::field::Field::size(&self.$field, $tag)
                } )*
            }

            fn clear(&mut self) {
                *self = Self::default();
            }
        }

        impl ::serde::Serialize for $name {
            fn serialize<S: ::serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                #[allow(unused_imports, reason = "a message may have no fields")]
                use ::serde::ser::SerializeMap;
                #[allow(unused_mut, reason = "a message may have no fields")]
                let mut map = serializer.serialize_map(None)?;
                $( if !$crate::santa::wire::field::Field::is_absent(&self.$field) {
                    map.serialize_entry($json, &$crate::santa::wire::json::AsJson(&self.$field))?;
                } )*
                map.end()
            }
        }

        impl<'de> ::serde::Deserialize<'de> for $name {
            fn deserialize<D: ::serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                struct Fields;
                impl<'de> ::serde::de::Visitor<'de> for Fields {
                    type Value = $name;

                    fn expecting(&self, f: &mut ::core::fmt::Formatter<'_>) -> ::core::fmt::Result {
                        f.write_str("an object")
                    }

                    fn visit_map<A: ::serde::de::MapAccess<'de>>(self, mut map: A) -> Result<$name, A::Error> {
                        #[allow(unused_mut, reason = "a message may have no fields")]
                        let mut message = $name::default();
                        // Of two spellings of one field the later one counts.
                        while let Some(tag) = map.next_key_seed($crate::santa::wire::json::Names($name::NAMES))? {
                            match tag {
                                $( $tag => {
                                    message.$field =
                                        map.next_value_seed($crate::santa::wire::json::Nullable::new())?;
                                } )*
                                _ => {
                                    map.next_value::<::serde::de::IgnoredAny>()?;
                                }
                            }
                        }
                        Ok(message)
                    }
                }
                deserializer.deserialize_map(Fields)
            }
        }

        impl $crate::santa::wire::field::Field for $name {
            $crate::santa::wire::field::by_prost!(message);

            fn is_absent(&self) -> bool {
                ::prost::Message::encoded_len(self) == 0
            }

            fn write<S: ::serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                ::serde::Serialize::serialize(self, serializer)
            }

            fn read<'de, D: ::serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                ::serde::Deserialize::deserialize(deserializer)
            }
        }
    };
}
pub(in crate::santa) use message;

/// An enumeration: each value with its number and its name, and other names that are read. The number 0 and whatever is
/// unknown are no value: a field that holds them is absent.
macro_rules! words {
    (
        $(#[$doc:meta])*
        $name:ident {
            $( $(#[$value_doc:meta])* $value:ident = $number:literal $word:literal $(| $alias:literal)*; )*
        }
    ) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum $name {
            $( $(#[$value_doc])* $value, )*
        }

        impl $name {
            /// Every value.
            pub const ALL: &'static [Self] = &[$( Self::$value, )*];

            /// Its name on the wire.
            #[must_use]
            pub const fn as_str(self) -> &'static str {
                match self { $( Self::$value => $word, )* }
            }

            /// Its number in protobuf.
            #[must_use]
            pub const fn number(self) -> i32 {
                match self { $( Self::$value => $number, )* }
            }

            /// The value of a name, aliases included. Case counts.
            #[must_use]
            pub fn from_name(name: &str) -> Option<Self> {
                match name {
                    $( $word $(| $alias)* => Some(Self::$value), )*
                    _ => None,
                }
            }

            /// The value of a number.
            #[must_use]
            pub const fn from_number(number: i32) -> Option<Self> {
                match number {
                    $( $number => Some(Self::$value), )*
                    _ => None,
                }
            }
        }

        impl ::core::fmt::Display for $name {
            fn fmt(&self, f: &mut ::core::fmt::Formatter<'_>) -> ::core::fmt::Result {
                f.write_str(self.as_str())
            }
        }

        impl ::serde::Serialize for $name {
            fn serialize<S: ::serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.serialize_str(self.as_str())
            }
        }

        /// Its name; another one is an error. (In a message, it is an absent field.)
        impl<'de> ::serde::Deserialize<'de> for $name {
            fn deserialize<D: ::serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                let name = <::alloc::string::String as ::serde::Deserialize>::deserialize(deserializer)?;
                Self::from_name(&name).ok_or_else(|| ::serde::de::Error::custom("no such name"))
            }
        }

        impl $crate::santa::wire::field::Field for Option<$name> {
            fn is_absent(&self) -> bool {
                self.is_none()
            }

            fn put(&self, tag: u32, buf: &mut impl ::prost::bytes::BufMut) {
                if let Some(value) = self {
                    ::prost::encoding::int32::encode(tag, &value.number(), buf);
                }
            }

            fn size(&self, tag: u32) -> usize {
                self.map_or(0, |value| ::prost::encoding::int32::encoded_len(tag, &value.number()))
            }

            fn take(
                &mut self,
                wire: ::prost::encoding::WireType,
                buf: &mut impl ::prost::bytes::Buf,
                context: ::prost::encoding::DecodeContext,
            ) -> Result<(), ::prost::DecodeError> {
                let mut number = 0;
                ::prost::encoding::int32::merge(wire, &mut number, buf, context)?;
                *self = $name::from_number(number);
                Ok(())
            }

            fn write<S: ::serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                ::serde::Serialize::serialize(self, serializer)
            }

            fn read<'de, D: ::serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                deserializer.deserialize_any($crate::santa::wire::json::WordVisitor {
                    by_name: $name::from_name,
                    by_number: $name::from_number,
                })
            }
        }
    };
}
pub(in crate::santa) use words;
