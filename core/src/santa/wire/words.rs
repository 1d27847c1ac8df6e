//! The enumerations of the protocol, with the aliases of its earlier eras (spec §8).

use super::schema::words;

words! {
    /// How the agent treats what no rule speaks of.
    ///
    /// ```
    /// use selvedge_core::santa::wire::ClientMode;
    ///
    /// assert_eq!(ClientMode::from_name("LOCKDOWN"), Some(ClientMode::Lockdown));
    /// assert_eq!(ClientMode::from_name("lockdown"), None);
    /// ```
    ClientMode {
        /// It runs.
        Monitor = 1 "MONITOR";
        /// It does not run.
        Lockdown = 2 "LOCKDOWN";
        /// It does not run unless the user approves of it.
        Standalone = 3 "STANDALONE";
    }
}

words! {
    /// The kind of a sync, as it is written on the wire. What it means is [`Kind`](crate::santa::Kind).
    ///
    /// ```
    /// use selvedge_core::santa::wire::SyncType;
    ///
    /// assert_eq!(SyncType::from_name("clean_all"), Some(SyncType::CleanAll));
    /// assert_eq!(SyncType::CleanAll.as_str(), "CLEAN_ALL");
    /// ```
    SyncType {
        /// Rules are added to those that are there.
        Normal = 1 "NORMAL" | "normal";
        /// All rules but transitive ones are replaced.
        Clean = 2 "CLEAN" | "clean";
        /// All rules are replaced.
        CleanAll = 3 "CLEAN_ALL" | "clean_all";
        /// Only of version 2 of the protocol: taken as normal.
        CleanStandalone = 4 "CLEAN_STANDALONE";
        /// Only of version 2 of the protocol: taken as normal.
        CleanRules = 5 "CLEAN_RULES";
        /// Only of version 2 of the protocol: taken as normal.
        CleanFileAccessRules = 6 "CLEAN_FILE_ACCESS_RULES";
    }
}

words! {
    /// What takes the place of the actions of file access rules.
    ///
    /// ```
    /// use selvedge_core::santa::wire::FileAccessAction;
    ///
    /// assert_eq!(FileAccessAction::from_name("AuditOnly"), Some(FileAccessAction::AuditOnly));
    /// ```
    FileAccessAction {
        /// Nothing: the rules act as they are written.
        Unchanged = 1 "NONE" | "None";
        /// What would be denied is noted, and allowed.
        AuditOnly = 2 "AUDIT_ONLY" | "AuditOnly";
        /// The rules do nothing.
        Disable = 3 "DISABLE" | "Disable";
    }
}

words! {
    /// What a rule does.
    ///
    /// ```
    /// use selvedge_core::santa::wire::Policy;
    ///
    /// assert_eq!(Policy::from_name("WHITELIST"), Some(Policy::Allowlist));
    /// assert_eq!(Policy::from_name("ALLOWLIST_TRANSITIVE"), None);
    /// ```
    Policy {
        /// It may run.
        Allowlist = 1 "ALLOWLIST" | "WHITELIST";
        /// It may run, and so may what it builds.
        AllowlistCompiler = 2 "ALLOWLIST_COMPILER" | "WHITELIST_COMPILER";
        /// It may not run.
        Blocklist = 3 "BLOCKLIST" | "BLACKLIST";
        /// It may not run, and nobody is told.
        SilentBlocklist = 4 "SILENT_BLOCKLIST" | "SILENT_BLACKLIST";
        /// The rule is deleted.
        Remove = 5 "REMOVE";
        /// An expression decides.
        Cel = 6 "CEL";
        /// It may not run, and no window says so.
        SilentGuiBlocklist = 8 "SILENT_GUI_BLOCKLIST";
        /// It may not run, and nothing on a terminal says so.
        SilentTtyBlocklist = 9 "SILENT_TTY_BLOCKLIST";
    }
}

words! {
    /// What a rule's identifier names.
    ///
    /// ```
    /// use selvedge_core::santa::wire::RuleType;
    ///
    /// assert_eq!(RuleType::from_name("TEAMID"), Some(RuleType::TeamId));
    /// ```
    RuleType {
        /// A file, by its SHA-256.
        Binary = 1 "BINARY";
        /// A leaf certificate, by its SHA-256.
        Certificate = 2 "CERTIFICATE";
        /// A publisher, by its ten characters.
        TeamId = 3 "TEAMID";
        /// A program of a publisher.
        SigningId = 4 "SIGNINGID";
        /// A code directory, by its hash.
        CdHash = 5 "CDHASH";
    }
}

words! {
    /// What became of an execution.
    ///
    /// ```
    /// use selvedge_core::santa::wire::Decision;
    ///
    /// assert_eq!(Decision::BlockBinary.as_str(), "BLOCK_BINARY");
    /// ```
    Decision {
        /// Allowed: no rule, mode MONITOR.
        AllowUnknown = 1 "ALLOW_UNKNOWN";
        /// Allowed by a BINARY rule.
        AllowBinary = 2 "ALLOW_BINARY";
        /// Allowed by a CERTIFICATE rule.
        AllowCertificate = 3 "ALLOW_CERTIFICATE";
        /// Allowed by its path.
        AllowScope = 4 "ALLOW_SCOPE";
        /// Allowed by a TEAMID rule.
        AllowTeamId = 5 "ALLOW_TEAMID";
        /// Allowed by a SIGNINGID rule.
        AllowSigningId = 6 "ALLOW_SIGNINGID";
        /// Allowed by a CDHASH rule.
        AllowCdHash = 7 "ALLOW_CDHASH";
        /// Blocked: no rule, mode LOCKDOWN.
        BlockUnknown = 8 "BLOCK_UNKNOWN";
        /// Blocked by a BINARY rule.
        BlockBinary = 9 "BLOCK_BINARY";
        /// Blocked by a CERTIFICATE rule.
        BlockCertificate = 10 "BLOCK_CERTIFICATE";
        /// Blocked by its path.
        BlockScope = 11 "BLOCK_SCOPE";
        /// Blocked by a TEAMID rule.
        BlockTeamId = 12 "BLOCK_TEAMID";
        /// Blocked by a SIGNINGID rule.
        BlockSigningId = 13 "BLOCK_SIGNINGID";
        /// Blocked by a CDHASH rule.
        BlockCdHash = 14 "BLOCK_CDHASH";
        /// No execution: a member of a bundle that the server asked about.
        BundleBinary = 15 "BUNDLE_BINARY";
        /// Blocked: the file is not the one that was judged.
        BlockBinaryMismatch = 18 "BLOCK_BINARY_MISMATCH";
        /// Allowed: part of the system.
        AllowPlatform = 19 "ALLOW_PLATFORM";
    }
}

words! {
    /// What became of an access to a file.
    ///
    /// ```
    /// use selvedge_core::santa::wire::FileAccessDecision;
    ///
    /// assert_eq!(FileAccessDecision::Denied.number(), 1);
    /// ```
    FileAccessDecision {
        /// Denied.
        Denied = 1 "FILE_ACCESS_DECISION_DENIED";
        /// Denied, for the program's signature is invalid.
        DeniedInvalidSignature = 2 "FILE_ACCESS_DECISION_DENIED_INVALID_SIGNATURE";
        /// Allowed, and noted.
        AuditOnly = 3 "FILE_ACCESS_DECISION_AUDIT_ONLY";
    }
}

words! {
    /// How a program is signed.
    ///
    /// ```
    /// use selvedge_core::santa::wire::SigningStatus;
    ///
    /// assert_eq!(SigningStatus::AdHoc.as_str(), "SIGNING_STATUS_ADHOC");
    /// ```
    SigningStatus {
        /// Not at all.
        Unsigned = 1 "SIGNING_STATUS_UNSIGNED";
        /// Its signature does not hold.
        Invalid = 2 "SIGNING_STATUS_INVALID";
        /// Without a certificate.
        AdHoc = 3 "SIGNING_STATUS_ADHOC";
        /// By a developer, for trials.
        Development = 4 "SIGNING_STATUS_DEVELOPMENT";
        /// By a publisher.
        Production = 5 "SIGNING_STATUS_PRODUCTION";
    }
}
