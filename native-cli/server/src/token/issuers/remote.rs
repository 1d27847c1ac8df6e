//! Issuers over the network: their addresses, their keys, and their answers about tokens.

use std::collections::HashMap;
use std::sync::{Arc, Mutex as StdMutex, PoisonError};
use std::time::{Duration, Instant};

use selvedge_core::http::{Body, Fetch, Method, Request};
use selvedge_host::NativeFetch;
use serde::Deserialize;
use sha2::{Digest, Sha256};
use tokio::sync::{Mutex, Semaphore};

use super::holder::{Holder, OLDSYNC};
use super::jwks::{self, PublicKey};
use super::jwt::{ClaimError, Unverified};
use crate::model::SecretHash;
use crate::storage::wall_clock;
use crate::token::error::TokenError;

/// How long published keys are used before they are read again.
const KEYS_LIFE: Duration = Duration::from_secs(3600);
/// Minimum time between two requests for keys or addresses, so that tokens with invented keys cause no traffic.
const REFETCH_PAUSE: Duration = Duration::from_secs(30);
/// Maximum time of one request to an issuer.
const TIMEOUT: Duration = Duration::from_secs(10);
/// Maximum size of an issuer's answer.
const MAX_ANSWER: usize = 64 * 1024;
/// Maximum number of concurrent `/v1/verify` requests.
const MAX_CONCURRENT: usize = 8;
/// How long an issuer's answer about a token is remembered: a token that it revokes works at most this much longer here.
const VERIFIED_LIFE: Duration = Duration::from_secs(60);
/// Maximum number of remembered answers.
const MAX_VERIFIED: usize = 4096;

/// All issuers whose tokens are accepted.
#[derive(Debug, Default)]
pub(crate) struct Issuers {
    all: Vec<Issuer>,
    audience: Option<String>,
}

#[derive(Debug)]
struct Issuer {
    /// Its URL, without a slash at its end.
    url: String,
    fetch: NativeFetch,
    keys: Mutex<Keys>,
    verifying: Semaphore,
    verified: StdMutex<HashMap<SecretHash, (Instant, Option<Holder>)>>,
}

/// What was read from an issuer.
#[derive(Debug, Default)]
struct Keys {
    addresses: Option<Addresses>,
    keys: Arc<Vec<PublicKey>>,
    fetched: Option<Instant>,
    tried: Option<Instant>,
}

/// Where an issuer answers.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Addresses {
    jwks: String,
    verify: String,
    profile: Option<String>,
}

#[derive(Deserialize)]
struct OpenId {
    jwks_uri: String,
}

#[derive(Deserialize)]
struct FxaConfiguration {
    oauth_server_base_url: String,
    #[serde(default)]
    profile_server_base_url: Option<String>,
}

#[derive(Deserialize)]
struct VerifyAnswer {
    user: String,
    scope: Vec<String>,
    #[serde(default)]
    generation: Option<u64>,
    #[serde(default)]
    email: Option<String>,
}

#[derive(Deserialize)]
struct EmailAnswer {
    email: String,
}

/// What to do about the keys before a token is verified.
#[derive(Debug, PartialEq, Eq)]
enum KeyUse {
    /// The cached keys are good.
    Cached,
    /// They must be read from the issuer.
    Fetch,
}

/// Decides by the age of the keys, by the time since the last request, and by whether the token names a key that is not
/// among them.
fn key_use(age: Option<Duration>, since_try: Option<Duration>, is_unknown_key: bool) -> KeyUse {
    let is_wanted = age.is_none_or(|age| age >= KEYS_LIFE) || is_unknown_key;
    let is_allowed = since_try.is_none_or(|since| since >= REFETCH_PAUSE);
    if is_wanted && is_allowed {
        KeyUse::Fetch
    } else {
        KeyUse::Cached
    }
}

impl Issuers {
    /// The issuers at these URLs.
    pub(crate) fn new(urls: &[String], audience: Option<String>) -> Self {
        let issuer = |url: &String| Issuer {
            url: url.trim_end_matches('/').to_owned(),
            fetch: NativeFetch::new(),
            keys: Mutex::default(),
            verifying: Semaphore::new(MAX_CONCURRENT),
            verified: StdMutex::default(),
        };
        Self {
            all: urls.iter().map(issuer).collect(),
            audience,
        }
    }

    /// The holder of a token.
    ///
    /// # Errors
    /// When no issuer accepts it, or the issuer cannot be reached.
    pub(crate) async fn holder(&self, token: &str) -> Result<Holder, TokenError> {
        if let Some(jwt) = Unverified::parse(token) {
            let claimed = jwt.issuer.as_deref().unwrap_or_default();
            let claimed = claimed.trim_end_matches('/');
            let issuer = self.all.iter().find(|issuer| issuer.url == claimed);
            let issuer = issuer.ok_or(TokenError::InvalidCredentials)?;
            return issuer.verify_jwt(&jwt, self.audience.as_deref()).await;
        }
        // Only a text of the form of an issuer's token is sent to the issuers.
        let is_opaque = token.len() == 64 && token.bytes().all(|byte| byte.is_ascii_hexdigit());
        if !is_opaque {
            return Err(TokenError::InvalidCredentials);
        }
        let mut result = TokenError::InvalidCredentials;
        for issuer in &self.all {
            match issuer.ask(token).await {
                Ok(Some(holder)) => return Ok(holder),
                Ok(None) => {}
                Err(error) => result = error,
            }
        }
        Err(result)
    }

    /// The address of a token's holder, from the issuer's profile server. None if the issuer does not tell it for this
    /// token: Mozilla's does not for a token with the storage's scope alone.
    pub(crate) async fn email(&self, holder: &Holder, token: &str) -> Option<String> {
        let issuer = self.all.iter().find(|one| one.url == holder.issuer)?;
        issuer.email(token).await
    }
}

impl Issuer {
    async fn verify_jwt(
        &self,
        jwt: &Unverified<'_>,
        audience: Option<&str>,
    ) -> Result<Holder, TokenError> {
        let keys = self.keys(jwt.key_id.as_deref()).await?;
        let claims = jwt.verify(&keys).ok_or(TokenError::InvalidCredentials)?;
        match claims.check(&self.url, audience, wall_clock::seconds()) {
            Ok(()) => {}
            Err(ClaimError::Audience) => {
                let (url, audience) = (&self.url, claims.audience());
                eprintln!(
                    "selvedge serve: a token of {url} was refused: its audience is {audience:?}"
                );
                return Err(TokenError::InvalidCredentials);
            }
            Err(_) => return Err(TokenError::InvalidCredentials),
        }
        log::debug!(
            "a token of {} has the audience {:?}",
            self.url,
            claims.audience()
        );
        Ok(Holder {
            issuer: self.url.clone(),
            subject: claims.sub,
            generation: claims.generation,
            email: claims.email,
        })
    }

    /// The issuer's keys. Concurrent requests wait for one fetch.
    async fn keys(&self, wanted: Option<&str>) -> Result<Arc<Vec<PublicKey>>, TokenError> {
        let mut kept = self.keys.lock().await;
        let is_unknown =
            wanted.is_some_and(|id| !kept.keys.iter().any(|key| key.id.as_deref() == Some(id)));
        let age = kept.fetched.map(|at| at.elapsed());
        if key_use(age, kept.tried.map(|at| at.elapsed()), is_unknown) == KeyUse::Fetch {
            kept.tried = Some(Instant::now());
            match self.fetch_keys(&mut kept).await {
                Some(keys) => {
                    kept.keys = Arc::new(keys);
                    kept.fetched = Some(Instant::now());
                }
                None => eprintln!("selvedge serve: the keys of {} cannot be read", self.url),
            }
        }
        if kept.fetched.is_none() {
            return Err(TokenError::Unavailable);
        }
        Ok(Arc::clone(&kept.keys))
    }

    async fn fetch_keys(&self, kept: &mut Keys) -> Option<Vec<PublicKey>> {
        let addresses = self.addresses(kept).await?;
        let (status, body) = self.get(&addresses.jwks, None).await?;
        (status == 200).then_some(())?;
        jwks::parse(&body)
    }

    /// Where the issuer answers; read once.
    async fn addresses(&self, kept: &mut Keys) -> Option<Addresses> {
        if let Some(addresses) = &kept.addresses {
            return Some(addresses.clone());
        }
        let well_known = |name| format!("{}/.well-known/{name}", self.url);
        let fxa = self
            .get(&well_known("fxa-client-configuration"), None)
            .await;
        let fxa: Option<FxaConfiguration> = fxa
            .filter(|(status, _)| *status == 200)
            .and_then(|(_, body)| serde_json::from_slice(&body).ok());
        let openid = self.get(&well_known("openid-configuration"), None).await;
        let openid: Option<OpenId> = openid
            .filter(|(status, _)| *status == 200)
            .and_then(|(_, body)| serde_json::from_slice(&body).ok());
        let oauth = match &fxa {
            Some(fxa) => with_version(&fxa.oauth_server_base_url),
            None => openid.is_some().then(|| with_version(&self.url))?,
        };
        let addresses = Addresses {
            jwks: openid.map_or_else(|| format!("{oauth}/jwks"), |openid| openid.jwks_uri),
            verify: format!("{oauth}/verify"),
            profile: fxa
                .and_then(|fxa| fxa.profile_server_base_url)
                .map(|url| with_version(&url)),
        };
        kept.addresses = Some(addresses.clone());
        Some(addresses)
    }

    /// The addresses, at most one attempt in each pause.
    async fn known_addresses(&self) -> Option<Addresses> {
        let mut kept = self.keys.lock().await;
        if kept.addresses.is_none()
            && key_use(None, kept.tried.map(|at| at.elapsed()), false) == KeyUse::Cached
        {
            return None;
        }
        if kept.addresses.is_none() {
            kept.tried = Some(Instant::now());
        }
        self.addresses(&mut kept).await
    }

    /// Asks the issuer about a token that only it can read.
    async fn ask(&self, token: &str) -> Result<Option<Holder>, TokenError> {
        let hash: SecretHash = Sha256::digest(token.as_bytes()).into();
        let kept = self.lock().get(&hash).cloned();
        if let Some((at, holder)) = kept
            && at.elapsed() < VERIFIED_LIFE
        {
            return Ok(holder);
        }
        let Ok(_permit) = self.verifying.try_acquire() else {
            return Err(TokenError::Unavailable);
        };
        let addresses = self.known_addresses().await;
        let addresses = addresses.ok_or(TokenError::Unavailable)?;
        let mut request = Request::new(Method::Post, addresses.verify);
        request.add_header("content-type", "application/json");
        request.body = serde_json::json!({ "token": token })
            .to_string()
            .into_bytes();
        let (status, body) = self.send(request).await.ok_or(TokenError::Unavailable)?;
        let holder = match status {
            200 => serde_json::from_slice::<VerifyAnswer>(&body)
                .ok()
                .filter(|answer| answer.scope.iter().any(|one| one == OLDSYNC))
                .filter(|answer| (1..=256).contains(&answer.user.len()))
                .map(|answer| Holder {
                    issuer: self.url.clone(),
                    subject: answer.user,
                    generation: answer.generation,
                    email: answer.email,
                }),
            400 | 401 => None,
            _ => return Err(TokenError::Unavailable),
        };
        let mut verified = self.lock();
        if verified.len() >= MAX_VERIFIED {
            verified.clear();
        }
        verified.insert(hash, (Instant::now(), holder.clone()));
        Ok(holder)
    }

    async fn email(&self, token: &str) -> Option<String> {
        let profile = self.known_addresses().await?.profile?;
        let (status, body) = self.get(&format!("{profile}/email"), Some(token)).await?;
        (status == 200).then_some(())?;
        let answer: EmailAnswer = serde_json::from_slice(&body).ok()?;
        Some(answer.email)
    }

    async fn get(&self, url: &str, token: Option<&str>) -> Option<(u16, Vec<u8>)> {
        let mut request = Request::new(Method::Get, url);
        request.add_header("accept", "application/json");
        if let Some(token) = token {
            request.add_header("authorization", format!("Bearer {token}"));
        }
        self.send(request).await
    }

    /// Status and body of an answer; None when there is none in time or it is too long.
    async fn send(&self, request: Request) -> Option<(u16, Vec<u8>)> {
        let exchange = async {
            let mut answer = self.fetch.fetch(request).await.ok()?;
            let mut body = Vec::new();
            while let Some(chunk) = answer.body.chunk().await.ok()? {
                body.extend_from_slice(&chunk);
                (body.len() <= MAX_ANSWER).then_some(())?;
            }
            Some((answer.status, body))
        };
        tokio::time::timeout(TIMEOUT, exchange).await.ok().flatten()
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, HashMap<SecretHash, (Instant, Option<Holder>)>> {
        self.verified.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A base URL with `/v1` at its end.
fn with_version(url: &str) -> String {
    let url = url.trim_end_matches('/');
    if url.ends_with("/v1") {
        url.to_owned()
    } else {
        format!("{url}/v1")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_are_read_when_they_are_old_or_unknown_but_not_in_each_request() {
        let seconds = |seconds| Some(Duration::from_secs(seconds));
        for (age, since_try, is_unknown, expected) in [
            (None, None, false, KeyUse::Fetch),
            (None, seconds(1), false, KeyUse::Cached),
            (None, seconds(30), false, KeyUse::Fetch),
            (seconds(60), seconds(60), false, KeyUse::Cached),
            (seconds(60), seconds(60), true, KeyUse::Fetch),
            (seconds(60), seconds(5), true, KeyUse::Cached),
            (seconds(3600), seconds(3600), false, KeyUse::Fetch),
            (seconds(3600), seconds(5), true, KeyUse::Cached),
        ] {
            assert_eq!(
                key_use(age, since_try, is_unknown),
                expected,
                "{age:?} {since_try:?} {is_unknown}"
            );
        }
    }

    #[test]
    fn a_base_url_gets_its_version_once() {
        for url in [
            "https://a.example",
            "https://a.example/",
            "https://a.example/v1",
        ] {
            assert_eq!(with_version(url), "https://a.example/v1");
        }
    }
}
