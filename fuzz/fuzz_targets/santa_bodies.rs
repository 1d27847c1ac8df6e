//! Any body of a Santa server, with any compression: nothing may panic, and every decoded message must survive encoding
//! and decoding.
#![no_main]

use libfuzzer_sys::fuzz_target;
use selvedge_santa::wire::{
    EventUploadRequest, Form, PreflightRequest, PreflightResponse, RuleDownloadResponse,
};
use selvedge_santa::{Change, Encoding, Kind, Plan, Settings};

const LIMIT: usize = 1 << 20;

macro_rules! round {
    ($message:ty, $form:expr, $body:expr) => {{
        let read = $form.read::<$message>($body);
        if let Ok(message) = &read {
            let again = Form::Protobuf.read::<$message>(&Form::Protobuf.write(message));
            assert_eq!(
                again.map(|again| Form::Protobuf.write(&again)),
                Ok(Form::Protobuf.write(message))
            );
        }
        read
    }};
}

fuzz_target!(|input: (u8, &[u8])| {
    let (choice, body) = input;
    let header = [None, Some("deflate"), Some("gzip"), Some("br")][usize::from(choice >> 1) % 4];
    let Ok(body) = Encoding::unpack(header, body.to_vec(), LIMIT) else {
        return;
    };
    assert!(body.len() <= LIMIT);
    let form = if choice & 1 == 0 {
        Form::Json
    } else {
        Form::Protobuf
    };
    if let Ok(response) = round!(PreflightResponse, form, &body) {
        Settings::default().take(&response);
        let plan = Plan::decide(Kind::CleanAll, response);
        assert!(plan.batch_size > 0 && plan.timing.rule_deadline >= 600);
    }
    if let Ok(page) = round!(RuleDownloadResponse, form, &body) {
        for rule in &page.rules {
            let _any = Change::read(rule);
        }
    }
    let _any = round!(PreflightRequest, form, &body);
    let _any = round!(EventUploadRequest, form, &body);
});
