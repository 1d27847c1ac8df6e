use alloc::string::{String, ToString};
use alloc::vec::Vec;
use core::cell::RefCell;

use serde_json::Value;

use super::*;
#[cfg(target_arch = "wasm32")]
use wasm_bindgen_test::wasm_bindgen_test as test;

fn vectors() -> Value {
    serde_json::from_str(include_str!("../../../../tests/vectors/jpake.json")).unwrap()
}

/// Gives prepared numbers of 32 bytes, in order.
struct Prepared(RefCell<Vec<[u8; 32]>>);

impl Prepared {
    fn of(private: &Value) -> Self {
        let numbers = ["rA", "r2", "r1", "x2", "x1"];
        Self(RefCell::new(
            numbers.iter().map(|name| number(&private[name])).collect(),
        ))
    }
}

impl Random for Prepared {
    fn fill(&self, bytes: &mut [u8]) -> Result<(), RandomError> {
        bytes.copy_from_slice(&self.0.borrow_mut().pop().ok_or(RandomError)?);
        Ok(())
    }
}

struct Constant(u8);

impl Random for Constant {
    fn fill(&self, bytes: &mut [u8]) -> Result<(), RandomError> {
        bytes.fill(self.0);
        Ok(())
    }
}

fn number(hex: &Value) -> [u8; 32] {
    let digits = alloc::format!("{:0>64}", hex.as_str().unwrap());
    const_hex::decode(digits).unwrap().try_into().unwrap()
}

fn secret(text: &Value) -> [u8; 8] {
    text.as_str().unwrap().as_bytes().try_into().unwrap()
}

struct Run {
    receiver: Second,
    sender: Second,
    messages: (Round1, Round1, Round2, Round2),
}

/// A run with the vectors' private numbers.
fn run(transcript: &Value, receiver_secret: &Value, sender_secret: &Value) -> Run {
    let ours = Prepared::of(&transcript["receiver_private"]);
    let theirs = Prepared::of(&transcript["sender_private"]);
    let (receiver, receiver1) =
        First::make(Role::Receiver, &secret(receiver_secret), &ours).unwrap();
    let (sender, sender1) = First::make(Role::Sender, &secret(sender_secret), &theirs).unwrap();
    let (receiver, receiver2) = receiver.answer(&sender1, &ours).unwrap();
    let (sender, sender2) = sender.answer(&receiver1, &theirs).unwrap();
    Run {
        receiver,
        sender,
        messages: (receiver1, sender1, receiver2, sender2),
    }
}

fn transcript_run() -> Run {
    let transcript = &vectors()["transcript"];
    run(transcript, &transcript["secret"], &transcript["secret"])
}

fn json(message: &impl serde::Serialize) -> Value {
    serde_json::to_value(message).unwrap()
}

#[test]
fn the_group_is_the_vectors() {
    let group = &vectors()["group"];
    assert_eq!(
        group::to_hex(&Group::new().generator()),
        group["g"].as_str().unwrap()
    );
    // p and q cannot be read from messages: the largest numbers below them can.
    for (name, parse) in [
        (
            "p",
            (|hex| group::element(hex).map(|_| ())) as fn(&str) -> Result<(), JpakeError>,
        ),
        ("q", |hex| group::exponent(hex).map(|_| ())),
    ] {
        let limit = group[name].as_str().unwrap();
        assert_eq!(parse(limit), Err(JpakeError::Malformed), "{name}");
        let mut below = const_hex::decode(limit).unwrap();
        *below.last_mut().unwrap() -= 1;
        assert_eq!(parse(&const_hex::encode(below)), Ok(()), "{name}");
    }
}

#[test]
fn a_documented_key_gives_the_documented_bundle() {
    for case in vectors()["key_derivation"].as_array().unwrap() {
        let shared = group::element(case["k"].as_str().unwrap()).unwrap();
        assert_eq!(bundle(&shared), expected_bundle(case));
    }
}

fn expected_bundle(case: &Value) -> KeyBundle {
    let text = |name: &str| String::from(case[name].as_str().unwrap());
    KeyBundle::from_b64_pair(&text("encryption_key_b64"), &text("hmac_key_b64")).unwrap()
}

#[test]
fn a_proof_hashes_as_documented() {
    let case = &vectors()["transcript"]["zkp_hash_example"];
    let element = |name: &str| group::element(case[name].as_str().unwrap()).unwrap();
    let base = Group::new().generator();
    let hash = proof::challenge(&base, &element("gr"), &element("gx"), Role::Receiver);
    assert_eq!(const_hex::encode(hash), case["h"].as_str().unwrap());
}

#[test]
fn the_transcript_is_reproduced_message_by_message() {
    let vectors = vectors();
    let transcript = &vectors["transcript"];
    let run = transcript_run();
    let (receiver1, sender1, receiver2, sender2) = &run.messages;
    let ours = [
        json(receiver1),
        json(sender1),
        json(receiver2),
        json(sender2),
    ];
    for (ours, documented) in ours.iter().zip(transcript["messages"].as_array().unwrap()) {
        assert_eq!(*ours, documented["payload"], "{}", documented["type"]);
    }
    let shared = run.receiver.shared(sender2).unwrap();
    assert_eq!(
        group::to_hex(&shared),
        transcript["shared_k"].as_str().unwrap()
    );
    let key = expected_bundle(transcript);
    assert_eq!(run.receiver.key(sender2).unwrap(), key);
    assert_eq!(run.sender.key(receiver2).unwrap(), key);
}

#[test]
fn a_wrong_secret_gives_the_documented_two_different_keys() {
    let vectors = vectors();
    let case = &vectors["negative"][0];
    let run = run(
        &vectors["transcript"],
        &case["receiver_secret"],
        &case["sender_secret"],
    );
    let (_, _, receiver2, sender2) = &run.messages;
    let receiver_k = run.receiver.shared(sender2).unwrap();
    let sender_k = run.sender.shared(receiver2).unwrap();
    assert_eq!(
        group::to_hex(&receiver_k),
        case["receiver_k"].as_str().unwrap()
    );
    assert_eq!(group::to_hex(&sender_k), case["sender_k"].as_str().unwrap());
}

/// The first message of the transcript's sender, and what the receiver says when it was altered.
fn refused(alter: impl FnOnce(&mut Round1)) -> Option<JpakeError> {
    let transcript = &vectors()["transcript"];
    let random = Prepared::of(&transcript["receiver_private"]);
    let own = secret(&transcript["secret"]);
    let (receiver, _) = First::make(Role::Receiver, &own, &random).unwrap();
    let mut message: Round1 =
        serde_json::from_value(transcript["messages"][1]["payload"].clone()).unwrap();
    alter(&mut message);
    receiver.answer(&message, &random).err()
}

#[test]
fn an_altered_first_message_is_refused() {
    use JpakeError::{Malformed, OutsideGroup, WrongProof, WrongSigner};
    let p_minus_1 = || {
        let mut bytes = const_hex::decode(vectors()["group"]["p"].as_str().unwrap()).unwrap();
        *bytes.last_mut().unwrap() -= 1;
        const_hex::encode(bytes)
    };
    let changed = |hex: &mut String| {
        let last = hex.pop().unwrap();
        hex.push(if last == '0' { '1' } else { '0' });
    };
    assert_eq!(refused(|_| {}), None);
    for number in ["00", "01"] {
        assert_eq!(refused(|sent| sent.gx1 = number.into()), Some(OutsideGroup));
        assert_eq!(refused(|sent| sent.gx2 = number.into()), Some(OutsideGroup));
    }
    assert_eq!(refused(|sent| sent.gx1 = p_minus_1()), Some(OutsideGroup));
    // 2 is no power of the generator.
    assert_eq!(refused(|sent| sent.gx2 = "02".into()), Some(OutsideGroup));
    assert_eq!(
        refused(|sent| sent.zkp_x1.id = "receiver".into()),
        Some(WrongSigner)
    );
    assert_eq!(
        refused(|sent| changed(&mut sent.zkp_x1.b)),
        Some(WrongProof)
    );
    assert_eq!(
        refused(|sent| changed(&mut sent.zkp_x2.gr)),
        Some(WrongProof)
    );
    assert_eq!(
        refused(|sent| core::mem::swap(&mut sent.gx1, &mut sent.gx2)),
        Some(WrongProof)
    );
    for text in ["", "0", "zz", "0x02", "-1", "é"] {
        let expected = if text.is_empty() {
            OutsideGroup
        } else {
            Malformed
        };
        assert_eq!(
            refused(|sent| sent.gx1 = text.into()),
            Some(expected),
            "{text}"
        );
    }
    assert_eq!(refused(|sent| sent.gx1 = "ff".repeat(385)), Some(Malformed));
    assert_eq!(
        refused(|sent| sent.zkp_x1.b = "ff".repeat(32)),
        Some(Malformed)
    );
}

#[test]
fn an_altered_second_message_is_refused() {
    let run = transcript_run();
    let (_, _, receiver2, sender2) = run.messages;
    assert_eq!(
        run.receiver.key(&receiver2).unwrap_err(),
        JpakeError::WrongSigner
    );
    let mut altered = sender2;
    altered.a = receiver2.a.clone();
    assert_eq!(
        transcript_run().receiver.key(&altered).unwrap_err(),
        JpakeError::WrongProof
    );
    altered.a = "01".into();
    assert_eq!(
        transcript_run().receiver.key(&altered).unwrap_err(),
        JpakeError::OutsideGroup
    );
}

#[test]
fn random_bytes_that_never_give_a_number_end_with_an_error() {
    for constant in [0x00, 0xff] {
        let made = First::make(Role::Sender, b"23456789", &Constant(constant));
        assert_eq!(made.err(), Some(RandomError), "{constant}");
    }
}

#[test]
fn the_last_two_messages_of_the_transcript_open_with_its_key() {
    let transcript = &vectors()["transcript"];
    let key = expected_bundle(transcript);
    let payload = |index: usize| transcript["messages"][index]["payload"].to_string();
    assert!(is_confirmed(&key, &payload(4)));
    assert!(!is_confirmed(
        &KeyBundle::new([1; 32], [2; 32]),
        &payload(4)
    ));
    assert!(
        !is_confirmed(&key, &payload(5)),
        "another text under the same key"
    );
    let credentials = crate::crypto::payload::decrypt(&key, &payload(5)).unwrap();
    assert_eq!(
        credentials[..],
        *transcript["credentials_json"].as_str().unwrap().as_bytes()
    );
}
