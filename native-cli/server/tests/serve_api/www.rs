//! The page beside the API: files of one directory and nothing else.

use std::fs;
use std::path::Path;
use std::time::Duration;

use reqwest::{Method, StatusCode};
use selvedge_server::{Options, www};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use crate::client::{Reply, Running};

/// A directory `www` with a page, and a secret beside it.
fn site() -> tempfile::TempDir {
    let site = tempfile::tempdir().unwrap();
    let write = |path: &str, text: &str| {
        let path = site.path().join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    };
    write("secret.txt", "a secret");
    for (path, text) in [
        ("index.html", "<!doctype html><title>the page</title>"),
        ("style.css", "main {}"),
        ("page/main.js", "export {};"),
        ("selvedge/selvedge.wasm", "\0asm"),
        (".hidden", "a secret"),
        ("1.5/7/info/collections", "a shadow"),
        ("__heartbeat__", "a shadow"),
    ] {
        write(&format!("www/{path}"), text);
    }
    site
}

async fn serving(site: &Path, public_url: Option<&str>) -> Running {
    Running::with(Options {
        www: Some(www::find(Some(&site.join("www"))).unwrap()),
        public_url: public_url.map(Into::into),
        ..Options::default()
    })
    .await
}

async fn ask(running: &Running, method: Method, path: &str) -> Reply {
    let request = running
        .http
        .request(method, format!("{}{path}", running.url));
    Reply::read(request.send().await.unwrap()).await
}

async fn get(running: &Running, path: &str) -> Reply {
    ask(running, Method::GET, path).await
}

/// The answer to a path as it is, which no client of a library would send.
async fn raw(running: &Running, path: &str) -> String {
    let address = running.url.strip_prefix("http://").unwrap();
    let mut stream = TcpStream::connect(address).await.unwrap();
    let request = format!("GET {path} HTTP/1.1\r\nhost: {address}\r\nconnection: close\r\n\r\n");
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.unwrap();
    answer
}

#[tokio::test]
async fn files_have_their_types_and_the_page_its_policy() {
    let site = site();
    let running = serving(site.path(), None).await;
    for (path, kind) in [
        ("/", "text/html"),
        ("/index.html", "text/html"),
        ("/style.css", "text/css"),
        ("/page/main.js", "text/javascript"),
        ("/selvedge/selvedge.wasm", "application/wasm"),
    ] {
        let reply = get(&running, path).await;
        assert_eq!(reply.status, 200, "{path}");
        assert_eq!(reply.header("content-type"), kind, "{path}");
        assert_eq!(reply.header("x-content-type-options"), "nosniff");
        let policy = reply.header("content-security-policy");
        for part in [
            "default-src 'none'",
            "script-src 'self' 'wasm-unsafe-eval';",
            &format!("connect-src 'self' {};", running.url),
        ] {
            assert!(policy.contains(part), "{policy}");
        }
        assert!(!policy.contains("unsafe-inline"), "{policy}");
    }
}

#[tokio::test]
async fn a_file_is_asked_for_by_head_and_answered_once() {
    let site = site();
    let running = serving(site.path(), None).await;
    let head = ask(&running, Method::HEAD, "/style.css").await;
    assert_eq!((head.status, head.body.len()), (StatusCode::OK, 0));
    assert_eq!(head.header("content-length"), "7");
    let request = running.http.get(format!("{}/style.css", running.url));
    let again = request.header("if-modified-since", head.header("last-modified"));
    assert_eq!(again.send().await.unwrap().status(), 304);
    assert_eq!(ask(&running, Method::PUT, "/style.css").await.status, 405);
}

/// The answer to a request with these headers.
async fn asking(running: &Running, path: &str, headers: &[(&str, &str)]) -> Reply {
    let mut request = running.http.get(format!("{}{path}", running.url));
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    Reply::read(request.send().await.unwrap()).await
}

#[tokio::test]
async fn a_client_that_has_a_file_is_told_so_and_a_changed_file_is_sent() {
    let site = site();
    let running = serving(site.path(), None).await;
    let first = get(&running, "/page/main.js").await;
    let tag = first.header("etag").to_owned();
    assert!(tag.starts_with("W/\""), "{tag}");
    let again = asking(&running, "/page/main.js", &[("if-none-match", &tag)]).await;
    assert_eq!(
        (again.status, again.body.len()),
        (StatusCode::NOT_MODIFIED, 0)
    );
    assert_eq!(again.header("etag"), tag);
    assert_eq!(again.header("cache-control"), "no-cache");
    // The tag counts, not the time: a file that was put back from an archive may be older.
    let since = first.header("last-modified").to_owned();
    fs::write(site.path().join("www/page/main.js"), "export { changed };").unwrap();
    let headers = [("if-none-match", &*tag), ("if-modified-since", &*since)];
    let changed = asking(&running, "/page/main.js", &headers).await;
    assert_eq!(changed.status, StatusCode::OK);
    assert_eq!(changed.body, b"export { changed };");
    assert_ne!(changed.header("etag"), tag);
}

#[tokio::test]
async fn a_compressed_form_is_sent_to_those_who_take_it_while_it_is_of_the_file() {
    let site = site();
    let file = |name: &str| site.path().join("www/page").join(name);
    for (ending, text) in [("br", "with brotli"), ("gz", "with gzip")] {
        fs::write(file(&format!("main.js.{ending}")), text).unwrap();
    }
    let running = serving(site.path(), None).await;
    for (accepted, encoding, text) in [
        ("gzip, deflate, br", "br", "with brotli"),
        ("gzip", "gzip", "with gzip"),
        ("br;q=0, gzip;q=0.5", "gzip", "with gzip"),
        ("identity", "", "export {};"),
    ] {
        let reply = asking(&running, "/page/main.js", &[("accept-encoding", accepted)]).await;
        assert_eq!(reply.status, StatusCode::OK, "{accepted}");
        assert_eq!(reply.body, text.as_bytes(), "{accepted}");
        let sent = reply.headers.get("content-encoding");
        assert_eq!(sent.map_or("", |value| value.to_str().unwrap()), encoding);
        assert_eq!(reply.header("content-type"), "text/javascript");
        assert_eq!(reply.header("vary"), "accept-encoding");
        let tag = reply.header("etag").to_owned();
        let headers = [("accept-encoding", accepted), ("if-none-match", &*tag)];
        assert_eq!(
            asking(&running, "/page/main.js", &headers).await.status,
            304
        );
    }
    // A file that was changed since is sent as it is.
    let later = fs::metadata(file("main.js.br"))
        .unwrap()
        .modified()
        .unwrap()
        + Duration::from_secs(9);
    fs::write(file("main.js"), "export { changed };").unwrap();
    let changed = fs::File::options()
        .write(true)
        .open(file("main.js"))
        .unwrap();
    changed.set_modified(later).unwrap();
    let reply = asking(&running, "/page/main.js", &[("accept-encoding", "br")]).await;
    assert_eq!(reply.body, b"export { changed };");
}

#[tokio::test]
async fn directories_are_not_listed_and_nothing_outside_is_read() {
    let site = site();
    let running = serving(site.path(), None).await;
    for path in [
        "/page",
        "/page/",
        "/selvedge/",
        "/none.js",
        "/.hidden",
        "/page/none/",
    ] {
        assert_eq!(get(&running, path).await.status, 404, "{path}");
    }
    for path in [
        "/../secret.txt",
        "/page/../../secret.txt",
        "/%2e%2e/secret.txt",
        "/..%2fsecret.txt",
        "/page/%2e%2e%2f%2e%2e%2fsecret.txt",
        "/..%5csecret.txt",
        "//etc/passwd",
        "/%2fetc/passwd",
        "/%00",
        "/%ff",
        "/page%2f..%2f..%2fsecret.txt",
    ] {
        let answer = raw(&running, path).await;
        assert!(!answer.starts_with("HTTP/1.1 200"), "{path}: {answer}");
        assert!(!answer.contains("a secret"), "{path}: {answer}");
    }
}

#[tokio::test]
async fn the_page_shadows_no_path_of_the_api() {
    let site = site();
    let running = serving(site.path(), None).await;
    let user = running.user().await;
    assert_eq!(user.get("/info/collections").await.body, b"{}");
    let heartbeat = get(&running, "/__heartbeat__").await;
    assert_eq!(heartbeat.header("content-type"), "application/json");
    // Without a signature it is refused, and an unknown path is no file.
    assert_eq!(get(&running, "/1.5/7/info/collections").await.status, 401);
    assert_eq!(get(&running, "/1.5/7/info/none").await.status, 404);
}

#[tokio::test]
async fn without_being_asked_for_there_is_no_page() {
    let running = Running::start().await;
    assert_eq!(get(&running, "/").await.status, 404);
    assert_eq!(get(&running, "/index.html").await.status, 404);
}

#[tokio::test]
async fn behind_a_proxy_the_page_is_under_the_prefix() {
    let site = site();
    let running = serving(site.path(), Some("https://example.org/sync")).await;
    for path in ["/sync/", "/"] {
        let reply = get(&running, path).await;
        assert!(reply.text().contains("the page"), "{path}");
        let policy = reply.header("content-security-policy");
        assert!(
            policy.contains("connect-src 'self' https://example.org;"),
            "{policy}"
        );
    }
    let answer = raw(&running, "/sync").await;
    assert!(
        answer.starts_with("HTTP/1.1 308") && answer.contains("location: sync/"),
        "{answer}"
    );
}

#[tokio::test]
async fn the_page_may_talk_to_the_server_under_each_name_of_this_machine_and_no_other_page_may() {
    let site = site();
    let running = serving(site.path(), None).await;
    let port = running.url.rsplit(':').next().unwrap();
    for (origin, allowed) in [
        (format!("http://localhost:{port}"), true),
        (format!("http://127.0.0.1:{port}"), true),
        (format!("http://[::1]:{port}"), true),
        ("http://localhost:1".to_owned(), false),
        ("https://evil.example".to_owned(), false),
    ] {
        let request = running.http.get(format!("{}/__heartbeat__", running.url));
        let request = request.header("origin", &origin);
        let reply = Reply::read(request.send().await.unwrap()).await;
        let echoed = reply.headers.get("access-control-allow-origin");
        assert_eq!(echoed.is_some(), allowed, "{origin}");
        assert!(echoed.is_none_or(|echoed| *echoed == *origin));
    }
    let behind = serving(site.path(), Some("https://example.org:443/sync")).await;
    let request = behind.http.get(format!("{}/__heartbeat__", behind.url));
    let request = request.header("origin", "https://example.org");
    let reply = Reply::read(request.send().await.unwrap()).await;
    assert_eq!(
        reply.header("access-control-allow-origin"),
        "https://example.org"
    );
}
