//! Key sets from a server and from files, as they come and as they do not.

use std::io::{Read as _, Write as _};
use std::net::TcpListener;

use super::*;

/// The address of a server that gives one answer and counts nothing.
fn serve(answer: Vec<u8>) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = listener.local_addr().expect("an address");
    std::thread::spawn(move || {
        let (mut stream, _) = listener.accept().expect("a caller");
        let mut request = [0; 4_096];
        let _ = stream.read(&mut request);
        let _ = stream.write_all(&answer);
    });
    format!("http://{address}/keys")
}

fn ok(body: &str) -> Vec<u8> {
    let length = body.len();
    format!("HTTP/1.1 200 OK\r\ncontent-length: {length}\r\nconnection: close\r\n\r\n{body}")
        .into_bytes()
}

fn fetch(place: &KeyPlace) -> Result<String, String> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .expect("a runtime");
    let text = runtime.block_on(KeySets.fetch(place));
    text.map_err(|fault| fault.to_string())
}

#[track_caller]
fn refused(place: &KeyPlace, part: &str) {
    let fault = fetch(place).expect_err(part);
    assert!(fault.contains(part), "{fault}");
}

#[test]
fn a_set_on_loopback_is_fetched() {
    let place = KeyPlace::Url(serve(ok("{\"keys\":[]}")));
    assert_eq!(fetch(&place).as_deref(), Ok("{\"keys\":[]}"));
}

#[test]
fn only_what_configuration_names_is_asked() {
    let target = serve(ok("{\"keys\":[]}"));
    let moved = format!("HTTP/1.1 302 Found\r\nlocation: {target}\r\ncontent-length: 0\r\n\r\n");
    refused(&KeyPlace::Url(serve(moved.into_bytes())), "302");
    refused(
        &KeyPlace::Url(serve(
            b"HTTP/1.1 404 Not Found\r\ncontent-length: 0\r\n\r\n".to_vec(),
        )),
        "404",
    );
}

#[test]
fn an_address_at_which_anybody_could_answer_is_refused() {
    for good in [
        "https://issuer.test/keys",
        "http://127.0.0.1:8080/keys",
        "http://[::1]/keys",
        "http://localhost/keys",
    ] {
        assert_eq!(check_key_address(good), Ok(()), "{good}");
    }
    for bad in [
        "http://issuer.test/keys",
        "http://127.0.0.1.issuer.test/keys",
        "http://localhost.test/keys",
        "http://10.0.0.1/keys",
        "ftp://issuer.test/keys",
        "file:///etc/passwd",
        "issuer.test/keys",
        "",
    ] {
        assert!(check_key_address(bad).is_err(), "{bad}");
        assert!(fetch(&KeyPlace::Url(bad.to_owned())).is_err(), "{bad}");
    }
}

#[test]
fn a_set_longer_than_a_mebibyte_is_not_read_to_its_end() {
    let long = " ".repeat(MAX_LENGTH + 1);
    refused(&KeyPlace::Url(serve(ok(&long))), "longer than 1048576");
    let chunked = format!(
        "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n{:x}\r\n{long}\r\n0\r\n\r\n",
        long.len()
    );
    refused(
        &KeyPlace::Url(serve(chunked.into_bytes())),
        "longer than 1048576",
    );

    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("keys.json");
    std::fs::write(&path, &long).expect("written");
    refused(&KeyPlace::File(path.clone()), "longer than 1048576");
    std::fs::write(&path, " ".repeat(MAX_LENGTH)).expect("written");
    assert!(fetch(&KeyPlace::File(path)).is_ok());
}

#[test]
fn what_is_no_file_of_text_is_not_read() {
    let folder = tempfile::tempdir().expect("a folder");
    refused(&KeyPlace::File(folder.path().to_owned()), "not a file");
    refused(&KeyPlace::File(folder.path().join("none")), "No such file");
    let path = folder.path().join("keys.json");
    std::fs::write(&path, b"\xff").expect("written");
    refused(&KeyPlace::File(path), "not UTF-8");
}

#[test]
fn a_server_that_does_not_answer_is_given_up() {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = listener.local_addr().expect("an address");
    let started = std::time::Instant::now();
    refused(
        &KeyPlace::Url(format!("http://{address}/keys")),
        "not within 5s",
    );
    assert!(started.elapsed() < Duration::from_secs(10));
}
