//! The messages against a second implementation, which uses only their schema in `core/santa/proto`.

use alloc::collections::BTreeSet;
use alloc::string::{String, ToString};
use alloc::vec::Vec;
use core::fmt::Debug;

use proptest::prelude::*;
use prost::Message;
use prost_reflect::{
    DescriptorPool, DynamicMessage, FieldDescriptor, Kind, MessageDescriptor, ReflectMessage as _,
    SerializeOptions, Value,
};
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::push::{CommandRequest, CommandResponse, SyncRequest};
use crate::wire::{
    AuditEvent, Certificate, Entitlement, EntitlementInfo, Event, EventUploadRequest,
    EventUploadResponse, FileAccessEvent, MediaPolicy, PostflightRequest, PostflightResponse,
    PreflightRequest, PreflightResponse, Process, Remount, RuleDownloadRequest,
    RuleDownloadResponse, RuleMessage, StandaloneModeRuleCreation,
};

/// A check of one message type, called with a message of the other implementation.
type Check = fn(&DynamicMessage);

macro_rules! types {
    ($check:ident: $($name:ident)*) => {
        [$( (stringify!($name), $check::<$name> as Check) ),*]
    };
}

/// A check for every message type, by the type's name.
macro_rules! every_type {
    ($check:ident) => {
        types!($check: AuditEvent Certificate CommandRequest CommandResponse Entitlement EntitlementInfo Event
            EventUploadRequest EventUploadResponse FileAccessEvent MediaPolicy PostflightRequest PostflightResponse
            PreflightRequest PreflightResponse Process Remount RuleDownloadRequest RuleDownloadResponse RuleMessage
            StandaloneModeRuleCreation SyncRequest)
    };
}

fn schema() -> DescriptorPool {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/proto");
    let files = [
        "event.proto",
        "postflight.proto",
        "preflight.proto",
        "push.proto",
        "rule.proto",
    ];
    let mut compiler = protox::Compiler::new([folder]).expect("the schema exists");
    compiler.open_files(files).expect("the schema compiles");
    compiler.descriptor_pool()
}

fn descriptor(pool: &DescriptorPool, name: &str) -> MessageDescriptor {
    let name = alloc::format!("selvedge.santa.{name}");
    pool.get_message_by_name(&name)
        .expect("the schema has the message")
}

/// The source of a message's random content: bytes, followed by zeros when they run out, so that every message ends.
struct Source<'a>(&'a [u8]);

impl Source<'_> {
    fn byte(&mut self) -> u8 {
        let (first, rest) = self.0.split_first().unwrap_or((&0, &[]));
        self.0 = rest;
        *first
    }

    fn below(&mut self, limit: usize) -> usize {
        usize::from(self.byte()) % limit
    }

    fn bytes<const N: usize>(&mut self) -> [u8; N] {
        core::array::from_fn(|_| self.byte())
    }

    fn text(&mut self) -> String {
        const TEXTS: [&str; 5] = ["", "/usr/bin", "null", "\"\\\n\u{0}", "Zürich 🦊"];
        match self.below(TEXTS.len() + 1) {
            place if place < TEXTS.len() => TEXTS[place].into(),
            _ => u32::from_be_bytes(self.bytes()).to_string(),
        }
    }

    fn value(&mut self, kind: &Kind) -> Value {
        match kind {
            Kind::String => Value::String(self.text()),
            Kind::Bytes => Value::Bytes(self.text().into_bytes().into()),
            Kind::Bool => Value::Bool(self.byte() > 127),
            Kind::Uint32 => Value::U32(u32::from_be_bytes(self.bytes())),
            Kind::Int32 => Value::I32(i32::from_be_bytes(self.bytes())),
            Kind::Int64 => Value::I64(i64::from_be_bytes(self.bytes())),
            Kind::Double => {
                let number = f64::from_be_bytes(self.bytes());
                // Numbers without a JSON form are never sent; there is one zero only.
                Value::F64(if number.is_normal() { number } else { 0.25 })
            }
            Kind::Enum(words) => {
                let numbers: Vec<i32> = words.values().map(|value| value.number()).collect();
                Value::EnumNumber(numbers[self.below(numbers.len())])
            }
            Kind::Message(message) => Value::Message(self.message(message)),
            other => panic!("the schema has no {other:?}"),
        }
    }

    fn field(&mut self, field: &FieldDescriptor) -> Value {
        if field.is_list() {
            let length = self.below(4);
            Value::List((0..length).map(|_| self.value(&field.kind())).collect())
        } else {
            self.value(&field.kind())
        }
    }

    fn message(&mut self, descriptor: &MessageDescriptor) -> DynamicMessage {
        let mut message = DynamicMessage::new(descriptor.clone());
        for field in descriptor.fields() {
            if self.byte() < 100 {
                continue;
            }
            let value = self.field(&field);
            // The number 0 of an enumeration is not a value, and neither is a zero of a field without presence.
            if field.supports_presence() || !value.is_default_for_field(&field) {
                message.set_field(&field, value);
            }
        }
        message
    }
}

/// Each implementation reads the other one's output, in both forms, with the same content.
fn agree<M>(theirs: &DynamicMessage)
where
    M: Message + Default + Serialize + DeserializeOwned + PartialEq + Debug,
{
    let descriptor = theirs.descriptor();
    let ours = M::decode(theirs.encode_to_vec().as_slice()).expect("their bytes are read");
    let bytes = ours.encode_to_vec();
    let again = DynamicMessage::decode(descriptor.clone(), bytes.as_slice());
    assert_eq!(&again.expect("our bytes are read"), theirs);
    assert_eq!(bytes.len(), ours.encoded_len());

    let json = serde_json::to_value(theirs).expect("they write JSON");
    assert_eq!(serde_json::to_value(&ours).expect("we write JSON"), json);
    assert_eq!(
        serde_json::from_value::<M>(json).expect("their JSON is read"),
        ours
    );
    for options in [
        SerializeOptions::new().use_proto_field_name(true),
        SerializeOptions::new().use_enum_numbers(true),
        SerializeOptions::new().stringify_64_bit_integers(false),
    ] {
        let json = theirs.serialize_with_options(serde_json::value::Serializer, &options);
        let json = json.expect("they write JSON");
        assert_eq!(
            serde_json::from_value::<M>(json).expect("their JSON is read"),
            ours
        );
    }
}

/// A field is read with each name that the schema lists.
fn accepts_every_spelling<M>(full: &DynamicMessage)
where
    M: Message + Default + DeserializeOwned + PartialEq + Debug,
{
    for field in full.descriptor().fields() {
        let mut only = DynamicMessage::new(full.descriptor());
        // A message contains at most one member of a oneof.
        let value = if full.has_field(&field) {
            full.get_field(&field).into_owned()
        } else {
            Source(&[0b1010_0011; 1 << 10]).field(&field)
        };
        only.set_field(&field, value);
        let json = serde_json::to_value(&only).expect("they write JSON");
        let written = [(
            field.json_name().to_string(),
            json[field.json_name()].clone(),
        )];
        let expected = read::<M>(written.clone());
        assert_ne!(expected, M::default(), "{} has a value", field.full_name());
        for name in further_names(&field) {
            let [(_, value)] = written.clone();
            assert_eq!(read::<M>([(name.clone(), value)]), expected, "{name}");
        }
    }
}

fn read<M: DeserializeOwned>(entries: [(String, serde_json::Value); 1]) -> M {
    let object = serde_json::Value::Object(entries.into_iter().collect());
    serde_json::from_value(object).expect("the field is read")
}

/// The names in the schema's option `also_read`, the schema's own name, and that name in camel case.
fn further_names(field: &FieldDescriptor) -> Vec<String> {
    let mut words = field.name().split('_');
    let mut camel = words.next().unwrap_or_default().to_string();
    for word in words {
        camel += &word[..1].to_uppercase();
        camel += &word[1..];
    }
    let mut names = Vec::from([field.name().to_string(), camel]);
    for (extension, value) in field.options().extensions() {
        if extension.name() == "also_read" {
            let values = value.as_list().expect("the option is a list");
            names.extend(
                values
                    .iter()
                    .filter_map(|name| name.as_str().map(String::from)),
            );
        }
    }
    names
}

#[test]
fn every_message_of_the_schema_is_compared() {
    let pool = schema();
    let all = pool
        .all_messages()
        .filter(|message| message.package_name() == "selvedge.santa");
    let all: BTreeSet<String> = all.map(|message| message.name().to_string()).collect();
    let compared = every_type!(agree).map(|(name, _)| name.to_string());
    assert_eq!(BTreeSet::from(compared), all);
}

#[test]
fn a_field_is_read_with_each_name_that_the_schema_lists() {
    let pool = schema();
    // These bytes omit no field, and give no default value.
    let bytes = [0b1010_0011; 1 << 16];
    for (name, check) in every_type!(accepts_every_spelling) {
        check(&Source(&bytes).message(&descriptor(&pool, name)));
    }
}

#[test]
fn both_implementations_read_the_output_of_the_other() {
    let pool = schema();
    let bytes = proptest::collection::vec(any::<u8>(), 0..600);
    proptest!(ProptestConfig::with_cases(100), |(bytes in bytes)| {
        for (name, check) in every_type!(agree) {
            check(&Source(&bytes).message(&descriptor(&pool, name)));
        }
    });
}
