//! The macros with which `cargo xtask messages` writes a message or an enumeration of the schema; they implement both
//! wire forms.

/// Whether a word was passed to a macro.
macro_rules! is_given {
    () => {
        false
    };
    ($word:ident) => {
        true
    };
}
pub(crate) use is_given;

/// A message: each field with its type, its protobuf number, `optional` if an enumeration has presence, its JSON name,
/// and other accepted spellings. After the message's name, `oneof` specifies that at most one field is set.
macro_rules! message {
    (
        $(#[$doc:meta])*
        $name:ident $($one_of:ident)? {
            $(
                $(#[$field_doc:meta])*
                $field:ident: $type:ty = $tag:literal $($optional:ident)? $json:literal $(| $alias:literal)*;
            )*
        }
    ) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Default, PartialEq)]
        pub struct $name {
            $( $(#[$field_doc])* pub $field: $type, )*
        }

        impl $name {
            /// Whether at most one field is set.
            #[allow(dead_code, reason = "a message may have no fields")]
            const IS_ONE_OF: bool = $crate::wire::schema::is_given!($($one_of)?);

            /// The protobuf number of the field with a JSON name; 0 for an unknown name.
            fn tag(name: &str) -> u32 {
                match name {
                    $( $json $(| $alias)* => $tag, )*
                    _ => 0,
                }
            }

            /// Clears every field except one.
            #[allow(dead_code, reason = "a message may have no fields")]
            fn keep_only(&mut self, tag: u32) {
                let _ = tag;
                $( if tag != $tag {
                    self.$field = ::core::default::Default::default();
                } )*
            }
        }

        impl ::prost::Message for $name {
            fn encode_raw(&self, buf: &mut impl ::prost::bytes::BufMut) {
                let _ = &buf;
                $( if !$crate::wire::field::Field::is_absent(&self.$field) {
                    $crate::wire::field::Field::put(&self.$field, $tag, buf);
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
                    $( $tag => {
                        if Self::IS_ONE_OF {
                            self.keep_only($tag);
                        }
                        $crate::wire::field::Field::take(&mut self.$field, wire, buf, context)
                    } )*
                    _ => ::prost::encoding::skip_field(wire, tag, buf, context),
                }
            }

            fn encoded_len(&self) -> usize {
                0 $( + if $crate::wire::field::Field::is_absent(&self.$field) { 0 } else {
                    $crate::wire::field::Field::size(&self.$field, $tag)
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
                $( if !$crate::wire::field::Field::is_absent(&self.$field) {
                    map.serialize_entry($json, &$crate::wire::json::AsJson(&self.$field))?;
                } )*
                map.end()
            }
        }

        impl<'de> ::serde::Deserialize<'de> for $name {
            fn deserialize<D: ::serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                $crate::wire::json::message(deserializer)
            }
        }

        impl $crate::wire::field::Field for $name {
            $crate::wire::field::by_prost!(message);

            fn is_absent(&self) -> bool {
                ::prost::Message::encoded_len(self) == 0
            }

            fn write<S: ::serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                ::serde::Serialize::serialize(self, serializer)
            }

            fn read<'de, D: ::serde::Deserializer<'de>>(
                &mut self,
                place: $crate::wire::place::Place,
                deserializer: D,
            ) -> Result<bool, D::Error> {
                struct Fields<'a>(&'a mut $name);
                impl<'de> ::serde::de::Visitor<'de> for Fields<'_> {
                    type Value = ();

                    fn expecting(&self, f: &mut ::core::fmt::Formatter<'_>) -> ::core::fmt::Result {
                        f.write_str("an object")
                    }

                    fn visit_map<A: ::serde::de::MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
                        let _ = &self.0;
                        // For each field, whether this object has not set it yet.
                        $( let mut $field = true; )*
                        #[allow(unused_mut, reason = "a message may have no fields")]
                        let mut is_taken = false;
                        let _ = is_taken;
                        while let Some(tag) = map.next_key_seed($crate::wire::json::Names($name::tag))? {
                            match tag {
                                $( $tag => {
                                    let is_set = map.next_value_seed($crate::wire::json::Nullable {
                                        field: &mut self.0.$field,
                                        place: $crate::wire::place::Place {
                                            is_first: $field,
                                            is_optional: $crate::wire::schema::is_given!($($optional)?),
                                        },
                                        is_taken,
                                    })?;
                                    $field &= !is_set;
                                    if $name::IS_ONE_OF && is_set {
                                        is_taken = true;
                                        self.0.keep_only($tag);
                                    }
                                } )*
                                _ => {
                                    map.next_value::<::serde::de::IgnoredAny>()?;
                                }
                            }
                        }
                        Ok(())
                    }
                }
                if place.is_first {
                    *self = Self::default();
                }
                deserializer.deserialize_map(Fields(self))?;
                Ok(true)
            }
        }
    };
}
pub(crate) use message;

/// An enumeration: each value with its number and its name, and other accepted names. Other numbers, including 0, are
/// not values, and a field with one is absent, unless `_ =>` specifies a value for them. Unknown names are not values.
macro_rules! enums {
    (
        $(#[$doc:meta])*
        $name:ident {
            $( $(#[$value_doc:meta])* $value:ident = $number:literal $word:literal $(| $alias:literal)*; )*
            $( _ => $(#[$other_doc:meta])* $other:ident = $zero:literal $other_word:literal; )?
        }
    ) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum $name {
            $( $(#[$value_doc])* $value, )*
            $( $(#[$other_doc])* $other, )?
        }

        impl $name {
            /// Every value with its own number.
            pub const ALL: &'static [Self] = &[$( Self::$value, )*];

            /// Its name on the wire.
            #[must_use]
            pub const fn as_str(self) -> &'static str {
                match self {
                    $( Self::$value => $word, )*
                    $( Self::$other => $other_word, )?
                }
            }

            /// Its protobuf number.
            #[must_use]
            pub const fn number(self) -> i32 {
                match self {
                    $( Self::$value => $number, )*
                    $( Self::$other => $zero, )?
                }
            }

            /// The value with a name, including aliases; case-sensitive.
            #[must_use]
            pub fn from_name(name: &str) -> Option<Self> {
                match name {
                    $( $word $(| $alias)* => Some(Self::$value), )*
                    $( $other_word => Some(Self::$other), )?
                    _ => None,
                }
            }

            /// The value with a number.
            #[must_use]
            pub const fn from_number(number: i32) -> Option<Self> {
                match number {
                    $( $number => Some(Self::$value), )*
                    $( _ => Some(Self::$other), )?
                    #[allow(unreachable_patterns, reason = "a value may stand for all other numbers")]
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

        /// The value with a name; an unknown name is an error. (In a message, it is an absent field.)
        impl<'de> ::serde::Deserialize<'de> for $name {
            fn deserialize<D: ::serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                let name = <::alloc::string::String as ::serde::Deserialize>::deserialize(deserializer)?;
                Self::from_name(&name).ok_or_else(|| ::serde::de::Error::custom("unknown name"))
            }
        }

        impl $crate::wire::field::Field for Option<$name> {
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

            fn read<'de, D: ::serde::Deserializer<'de>>(
                &mut self,
                place: $crate::wire::place::Place,
                deserializer: D,
            ) -> Result<bool, D::Error> {
                let read = deserializer.deserialize_any($crate::wire::json::WordVisitor {
                    by_name: $name::from_name,
                    by_number: $name::from_number,
                })?;
                if read.is_none() && place.is_optional {
                    return Ok(false);
                }
                *self = read.flatten();
                Ok(true)
            }
        }
    };
}
pub(crate) use enums;
