//! Which people of other issuers get an account on first sight.

use super::holder::Holder;

/// The people that the operator admits by name.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct AllowList {
    emails: Vec<String>,
    subjects: Vec<String>,
}

impl AllowList {
    /// From the operator's texts.
    pub(crate) fn new(emails: &[String], subjects: &[String]) -> Self {
        let lower = |texts: &[String]| {
            texts
                .iter()
                .map(|text| text.trim().to_lowercase())
                .filter(|text| !text.is_empty())
                .collect()
        };
        Self {
            emails: lower(emails),
            subjects: lower(subjects),
        }
    }

    /// Whether addresses matter, so that the issuer is to be asked for one.
    pub(crate) fn has_emails(&self) -> bool {
        !self.emails.is_empty()
    }

    /// Whether a person is on the list.
    pub(crate) fn admits(&self, holder: &Holder) -> bool {
        let is_named = |names: &[String], name: &str| names.contains(&name.to_lowercase());
        is_named(&self.subjects, &holder.subject)
            || holder
                .email
                .as_deref()
                .is_some_and(|email| is_named(&self.emails, email))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_person_is_admitted_by_id_or_address() {
        let list = AllowList::new(
            &["Alice@Example.org".to_owned(), " ".to_owned()],
            &["ABCD".to_owned()],
        );
        for (subject, email, admitted) in [
            ("abcd", None, true),
            ("abce", None, false),
            ("abce", Some("alice@example.org"), true),
            ("abce", Some("bob@example.org"), false),
            ("", Some(""), false),
        ] {
            let holder = Holder {
                issuer: String::new(),
                subject: subject.to_owned(),
                generation: None,
                email: email.map(str::to_owned),
            };
            assert_eq!(list.admits(&holder), admitted, "{subject} {email:?}");
        }
    }
}
