//! CORS: a script of any origin may ask and read.

use reqwest::Method;

use crate::client::Running;

#[tokio::test]
async fn a_preflight_allows_what_clients_send() {
    let running = Running::start().await;
    for path in ["/1.5/1/storage/notes", "/1.0/sync/1.5", "/1.0/accounts"] {
        let request = running
            .http
            .request(Method::OPTIONS, format!("{}{path}", running.url));
        let reply = request
            .header("origin", "https://example.org")
            .header("access-control-request-method", "PUT")
            .header(
                "access-control-request-headers",
                "authorization,x-if-unmodified-since",
            )
            .header("access-control-request-private-network", "true");
        let reply = reply.send().await.unwrap();
        assert_eq!(reply.status(), 204, "{path}");
        let header = |name: &str| reply.headers()[name].to_str().unwrap().to_ascii_lowercase();
        assert_eq!(header("access-control-allow-origin"), "*");
        assert_eq!(header("access-control-allow-private-network"), "true");
        for method in ["get", "put", "post", "delete"] {
            assert!(header("access-control-allow-methods").contains(method));
        }
        for name in [
            "authorization",
            "content-type",
            "x-keyid",
            "x-if-modified-since",
            "x-if-unmodified-since",
            "x-weave-total-records",
        ] {
            assert!(
                header("access-control-allow-headers").contains(name),
                "{name}"
            );
        }
    }
}

#[tokio::test]
async fn replies_and_refusals_can_be_read_by_scripts() {
    let running = Running::start().await;
    let user = running.user().await;
    for reply in [
        user.get("/info/collections").await,
        user.get("/storage/notes/none").await,
    ] {
        assert_eq!(reply.header("access-control-allow-origin"), "*");
        let exposed = reply
            .header("access-control-expose-headers")
            .to_ascii_lowercase();
        for name in [
            "x-last-modified",
            "x-weave-timestamp",
            "x-weave-next-offset",
            "x-weave-records",
            "x-weave-backoff",
            "retry-after",
            "x-timestamp",
        ] {
            assert!(exposed.contains(name), "{name}");
        }
    }
}
