//! eventupload's messages (spec §2.3).

use alloc::string::String;
use alloc::vec::Vec;

use super::schema::message;
use super::words::{Decision, FileAccessDecision, SigningStatus};

message! {
    /// Events of one batch.
    ///
    /// ```
    /// use selvedge_core::santa::wire::EventUploadRequest;
    ///
    /// let request = EventUploadRequest { machine_id: "M".into(), ..EventUploadRequest::default() };
    /// assert_eq!(serde_json::to_string(&request)?, r#"{"machine_id":"M"}"#);
    /// # Ok::<(), serde_json::Error>(())
    /// ```
    EventUploadRequest {
        /// Executions.
        events: Vec<Event> = 1 "events";
        /// The machine's id, as in the URL.
        machine_id: String = 2 "machine_id";
        /// What the agent did by itself.
        audit_events: Vec<AuditEvent> = 3 "audit_events";
        /// Accesses to files.
        file_access_events: Vec<FileAccessEvent> = 4 "file_access_events";
    }
}

message! {
    /// What the server wants to know besides.
    ///
    /// ```
    /// use selvedge_core::santa::wire::EventUploadResponse;
    ///
    /// let response: EventUploadResponse = serde_json::from_str(r#"{"eventUploadBundleBinaries":["aa"]}"#)?;
    /// assert_eq!(response.event_upload_bundle_binaries, ["aa"]);
    /// # Ok::<(), serde_json::Error>(())
    /// ```
    EventUploadResponse {
        /// Hashes of bundles whose members it wants.
        event_upload_bundle_binaries: Vec<String> = 1 "event_upload_bundle_binaries" | "eventUploadBundleBinaries";
    }
}

message! {
    /// An execution.
    ///
    /// ```
    /// use selvedge_core::santa::wire::{Decision, Event};
    ///
    /// let event: Event = serde_json::from_str(r#"{"file_sha256":"ab","decision":"BLOCK_BINARY"}"#)?;
    /// assert_eq!(event.decision, Some(Decision::BlockBinary));
    /// # Ok::<(), serde_json::Error>(())
    /// ```
    Event {
        /// The file's SHA-256 in lower-case hex.
        file_sha256: String = 1 "file_sha256";
        /// The folder it lies in.
        file_path: String = 2 "file_path";
        /// Its name in there.
        file_name: String = 3 "file_name";
        /// Who ran it.
        executing_user: String = 4 "executing_user";
        /// When, in seconds since the Unix epoch, with a fraction.
        execution_time: f64 = 5 "execution_time";
        /// Who was logged in.
        logged_in_users: Vec<String> = 6 "logged_in_users" | "loggedin_users";
        /// Their sessions, as `user@place`.
        current_sessions: Vec<String> = 7 "current_sessions";
        /// What became of it.
        decision: Option<Decision> = 8 "decision";
        /// The id of the bundle it belongs to.
        file_bundle_id: String = 9 "file_bundle_id";
        /// The bundle's path.
        file_bundle_path: String = 10 "file_bundle_path";
        /// The main program's path within the bundle.
        file_bundle_executable_rel_path: String = 11 "file_bundle_executable_rel_path";
        /// The bundle's name.
        file_bundle_name: String = 12 "file_bundle_name";
        /// The bundle's version.
        file_bundle_version: String = 13 "file_bundle_version";
        /// The bundle's version, for people.
        file_bundle_version_string: String = 14 "file_bundle_version_string";
        /// The hash of all its members.
        file_bundle_hash: String = 15 "file_bundle_hash";
        /// So many milliseconds it took to hash them.
        file_bundle_hash_millis: u32 = 16 "file_bundle_hash_millis";
        /// So many members it has.
        file_bundle_binary_count: u32 = 17 "file_bundle_binary_count";
        /// The process.
        pid: i32 = 18 "pid";
        /// Its parent.
        ppid: i32 = 19 "ppid";
        /// The parent's name.
        parent_name: String = 20 "parent_name";
        /// The publisher's ten characters.
        team_id: String = 21 "team_id";
        /// The program, after its publisher or `platform`.
        signing_id: String = 22 "signing_id";
        /// The hash of its code directory.
        cdhash: String = 23 "cdhash";
        /// Where it was downloaded from.
        quarantine_data_url: String = 24 "quarantine_data_url";
        /// What led there.
        quarantine_referer_url: String = 25 "quarantine_referer_url";
        /// When, in seconds since the Unix epoch.
        quarantine_timestamp: u32 = 26 "quarantine_timestamp";
        /// By which program.
        quarantine_agent_bundle_id: String = 27 "quarantine_agent_bundle_id";
        /// The certificates it is signed with, the leaf first.
        signing_chain: Vec<Certificate> = 28 "signing_chain";
        /// What it claims for itself.
        entitlement_info: Option<EntitlementInfo> = 29 "entitlementInfo" | "entitlement_info";
        /// The flags of its signature.
        cs_flags: u32 = 30 "csFlags" | "cs_flags";
        /// How it is signed.
        signing_status: Option<SigningStatus> = 31 "signingStatus" | "signing_status";
        /// When it was signed, by a time server, in seconds since the Unix epoch.
        secure_signing_time: u32 = 32 "secureSigningTime" | "secure_signing_time";
        /// When it was signed, by its publisher's clock.
        signing_time: u32 = 33 "signingTime" | "signing_time";
        /// Whether a locally configured rule decided.
        static_rule: bool = 34 "static_rule";
    }
}

message! {
    /// A certificate of a signing chain.
    ///
    /// ```
    /// use selvedge_core::santa::wire::Certificate;
    ///
    /// let certificate = Certificate { cn: "Acme".into(), ..Certificate::default() };
    /// assert_eq!(serde_json::to_string(&certificate)?, r#"{"cn":"Acme"}"#);
    /// # Ok::<(), serde_json::Error>(())
    /// ```
    Certificate {
        /// Its SHA-256 in lower-case hex.
        sha256: String = 1 "sha256";
        /// Its common name.
        cn: String = 2 "cn";
        /// Its organisation.
        org: String = 3 "org";
        /// Its organisational unit.
        ou: String = 4 "ou";
        /// In seconds since the Unix epoch.
        valid_from: u32 = 5 "valid_from" | "validFrom";
        /// In seconds since the Unix epoch.
        valid_until: u32 = 6 "valid_until" | "validUntil";
    }
}

message! {
    /// What a program claims for itself.
    ///
    /// ```
    /// use selvedge_core::santa::wire::EntitlementInfo;
    ///
    /// let info = EntitlementInfo { entitlements_filtered: Some(false), ..EntitlementInfo::default() };
    /// assert_eq!(serde_json::to_string(&info)?, r#"{"entitlementsFiltered":false}"#);
    /// # Ok::<(), serde_json::Error>(())
    /// ```
    EntitlementInfo {
        /// Whether some were left out.
        entitlements_filtered: Option<bool> = 1 "entitlementsFiltered" | "entitlements_filtered";
        /// The claims.
        entitlements: Vec<Entitlement> = 2 "entitlements";
    }
}

message! {
    /// One claim.
    ///
    /// ```
    /// use selvedge_core::santa::wire::Entitlement;
    ///
    /// assert_eq!(Entitlement::default().key, None);
    /// ```
    Entitlement {
        /// Its name.
        key: Option<String> = 1 "key";
        /// Its value, as JSON.
        value: Option<String> = 2 "value";
    }
}

message! {
    /// An access to a file that a rule speaks of.
    ///
    /// ```
    /// use selvedge_core::santa::wire::FileAccessEvent;
    ///
    /// let event: FileAccessEvent = serde_json::from_str(r#"{"rule_name":"keys","target":"/etc/key"}"#)?;
    /// assert_eq!(event.target, "/etc/key");
    /// # Ok::<(), serde_json::Error>(())
    /// ```
    FileAccessEvent {
        /// The rules' version.
        rule_version: String = 1 "rule_version" | "ruleVersion";
        /// The rule's name.
        rule_name: String = 2 "rule_name" | "ruleName";
        /// The file.
        target: String = 3 "target";
        /// The process that opened it, then its ancestors.
        process_chain: Vec<Process> = 4 "process_chain" | "processChain";
        /// When, in seconds since the Unix epoch, with a fraction.
        access_time: f64 = 5 "access_time" | "accessTime";
        /// What became of it.
        decision: Option<FileAccessDecision> = 6 "decision";
    }
}

message! {
    /// A process that opened a file, or an ancestor of it.
    ///
    /// ```
    /// use selvedge_core::santa::wire::Process;
    ///
    /// assert_eq!(Process { pid: 1, ..Process::default() }.pid, 1);
    /// ```
    Process {
        /// Its program's whole path.
        file_path: String = 1 "file_path" | "filePath";
        /// The hash of its code directory.
        cdhash: String = 2 "cdhash";
        /// Its program's SHA-256 in lower-case hex.
        file_sha256: String = 3 "file_sha256" | "fileSha256";
        /// The program, after its publisher or `platform`.
        signing_id: String = 4 "signing_id" | "signingId";
        /// The publisher's ten characters.
        team_id: String = 5 "team_id" | "teamId";
        /// Its number.
        pid: i32 = 6 "pid";
        /// The certificates it is signed with, the leaf first.
        signing_chain: Vec<Certificate> = 7 "signing_chain" | "signingChain";
    }
}

message! {
    /// Something that the agent did by itself.
    ///
    /// ```
    /// use selvedge_core::santa::wire::AuditEvent;
    ///
    /// assert_eq!(AuditEvent::default().standalone_mode_rule_creation, None);
    /// ```
    AuditEvent {
        /// A user approved of a program.
        standalone_mode_rule_creation: Option<StandaloneModeRuleCreation> = 1
            "standalone_mode_rule_creation" | "standaloneModeRuleCreation";
    }
}

message! {
    /// A rule that a user's approval made.
    ///
    /// ```
    /// use selvedge_core::santa::wire::StandaloneModeRuleCreation;
    ///
    /// assert_eq!(StandaloneModeRuleCreation::default().timestamp, 0);
    /// ```
    StandaloneModeRuleCreation {
        /// Says of which type it is.
        decision: Option<Decision> = 1 "decision";
        /// Its identifier.
        identifier: String = 2 "identifier";
        /// When, in seconds since the Unix epoch.
        timestamp: u32 = 3 "timestamp";
    }
}
