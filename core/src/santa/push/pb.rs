//! The messages of push and of its commands (spec §4.2).

use alloc::string::String;
use alloc::vec::Vec;

use crate::santa::wire::schema::{message, words};

message! {
    /// What a message for a tag may say.
    ///
    /// ```
    /// use selvedge_core::santa::push::SyncRequest;
    ///
    /// assert_eq!(SyncRequest::default().max_jitter, None);
    /// ```
    SyncRequest {
        /// Syncs are spread over so many seconds.
        max_jitter: Option<u32> = 1 "max_jitter" | "maxJitter";
    }
}

message! {
    /// A command. What it asks for is kept as the bytes that came: they are signed.
    ///
    /// ```
    /// use selvedge_core::santa::push::CommandRequest;
    ///
    /// let request = CommandRequest { ping: Some(vec![]), ..CommandRequest::default() };
    /// assert!(request.hmac.is_empty());
    /// ```
    CommandRequest {
        /// Which command this is.
        uuid: String = 1 "uuid";
        /// When it was given, in seconds since the Unix epoch.
        issued_at: i64 = 2 "issued_at" | "issuedAt";
        /// Its signature.
        hmac: Vec<u8> = 3 "hmac";
        /// Whether the machine is there.
        ping: Option<Vec<u8>> = 10 "ping";
        /// End a process.
        kill: Option<Vec<u8>> = 11 "kill";
        /// Upload events.
        event_upload: Option<Vec<u8>> = 12 "event_upload" | "eventUpload";
        /// Upload a program.
        binary_upload: Option<Vec<u8>> = 13 "binary_upload" | "binaryUpload";
    }
}

message! {
    /// The answer to a command.
    ///
    /// ```
    /// use selvedge_core::santa::push::CommandResponse;
    ///
    /// assert_eq!(CommandResponse::default().error, None);
    /// ```
    CommandResponse {
        /// Why it was not done.
        error: Option<CommandError> = 1 "error";
        /// What came of a ping.
        ping: Option<Vec<u8>> = 2 "ping";
        /// What came of ending a process.
        kill: Option<Vec<u8>> = 3 "kill";
        /// What came of uploading events.
        event_upload: Option<Vec<u8>> = 4 "event_upload" | "eventUpload";
        /// What came of uploading a program.
        binary_upload: Option<Vec<u8>> = 5 "binary_upload" | "binaryUpload";
    }
}

words! {
    /// Why a command is not done.
    ///
    /// ```
    /// use selvedge_core::santa::push::CommandError;
    ///
    /// assert_eq!(CommandError::CommandDisabled.number(), 5);
    /// ```
    CommandError {
        /// It must not be believed: nothing in it, a wrong signature, too old, or seen before.
        InvalidData = 1 "ERROR_INVALID_DATA";
        /// It cannot be read.
        Deserialization = 2 "ERROR_DESERIALIZATION";
        /// Its id is no UUID.
        InvalidUuid = 3 "ERROR_INVALID_UUID";
        /// It asks for nothing that is known.
        UnknownRequestType = 4 "ERROR_UNKNOWN_REQUEST_TYPE";
        /// It is switched off here.
        CommandDisabled = 5 "ERROR_COMMAND_DISABLED";
    }
}
