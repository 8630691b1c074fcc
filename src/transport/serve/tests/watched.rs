use std::time::Duration;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _, duplex};

use super::*;

const SOON: Duration = Duration::from_millis(5);
const NEVER: Duration = Duration::from_hours(1);

#[tokio::test]
async fn a_head_that_dawdles_is_cut_off_and_a_pause_between_requests_is_not() {
    let deadlines = Deadlines {
        head: SOON,
        idle: NEVER,
        rest: NEVER,
    };
    let (mut peer, stream) = duplex(64);
    let mut watched = Watched::new(stream, Watch::new(), deadlines);
    let mut buffer = [0; 64];
    let pause = tokio::time::timeout(SOON * 10, watched.read(&mut buffer));
    assert!(
        pause.await.is_err(),
        "nothing was sent, and nothing was due"
    );
    peer.write_all(b"GET").await.unwrap();
    assert_eq!(watched.read(&mut buffer).await.unwrap(), 3);
    let cut = watched.read(&mut buffer).await.unwrap_err();
    assert_eq!(cut.kind(), io::ErrorKind::TimedOut);
}

#[tokio::test]
async fn a_request_that_is_answered_has_no_deadline_and_the_pause_after_it_has() {
    let deadlines = Deadlines {
        head: SOON,
        idle: SOON,
        rest: NEVER,
    };
    let (mut peer, stream) = duplex(64);
    let watch = Watch::new();
    let mut watched = Watched::new(stream, watch.clone(), deadlines);
    let mut buffer = [0; 64];
    peer.write_all(b"GET").await.unwrap();
    assert_eq!(watched.read(&mut buffer).await.unwrap(), 3);
    assert_eq!(watch.handed_on(), b"GET");
    let working = tokio::time::timeout(SOON * 10, watched.read(&mut buffer));
    assert!(
        working.await.is_err(),
        "the answer takes as long as it takes"
    );
    watch.answered();
    let cut = watched.read(&mut buffer).await.unwrap_err();
    assert_eq!(cut.kind(), io::ErrorKind::TimedOut);
}

#[tokio::test]
async fn whoever_takes_nothing_of_an_answer_is_cut_off() {
    let deadlines = Deadlines {
        head: NEVER,
        idle: SOON,
        rest: NEVER,
    };
    let (_peer, stream) = duplex(4);
    let mut watched = Watched::new(stream, Watch::new(), deadlines);
    let cut = watched.write_all(b"more than fits").await.unwrap_err();
    assert_eq!(cut.kind(), io::ErrorKind::TimedOut);
}
#[tokio::test]
async fn what_is_still_sent_after_the_last_answer_is_passed_over_within_bounds() {
    let deadlines = Deadlines {
        head: NEVER,
        idle: NEVER,
        rest: SOON,
    };
    // Nothing is on its way: closing waits for nothing.
    let (_peer, stream) = duplex(64);
    Watched::new(stream, Watch::new(), deadlines)
        .shutdown()
        .await
        .unwrap();
    // It is sent to its end, though nobody reads it and there is room for a little only.
    let (mut peer, stream) = duplex(64);
    let patient = Deadlines {
        rest: NEVER,
        ..deadlines
    };
    let watch = Watch::new();
    watch.left_unread();
    let mut watched = Watched::new(stream, watch.clone(), patient);
    let sent = tokio::spawn(async move {
        peer.write_all(&[b'x'; 10_000]).await.unwrap();
        peer.shutdown().await.unwrap();
        let mut heard = Vec::new();
        peer.read_to_end(&mut heard).await.unwrap();
        heard
    });
    watched.write_all(b"no").await.unwrap();
    watched.shutdown().await.unwrap();
    drop(watched);
    assert_eq!(sent.await.unwrap(), b"no");
    // Whoever sends on for ever, or says nothing for ever, is cut off.
    let (mut peer, stream) = duplex(1024 * 1024);
    let mut watched = Watched::new(stream, watch.clone(), patient);
    let endless = tokio::spawn(async move {
        let (piece, mut sent) = (vec![b'x'; 65_536], 0);
        while let Ok(bytes) = peer.write(&piece).await {
            sent += bytes;
        }
        sent
    });
    watched.shutdown().await.unwrap();
    drop(watched);
    assert!((MOST_REST..2 * MOST_REST).contains(&endless.await.unwrap()));
    let (_peer, stream) = duplex(64);
    let mut watched = Watched::new(stream, watch, deadlines);
    watched.shutdown().await.unwrap();
}

#[tokio::test]
async fn the_reader_of_a_stream_that_hangs_up_is_noticed_and_what_it_asks_next_is_not_lost() {
    let deadlines = Deadlines {
        head: NEVER,
        idle: NEVER,
        rest: NEVER,
    };
    let (mut peer, stream) = duplex(64);
    let watch = Watch::new();
    let mut watched = Watched::new(stream, watch.clone(), deadlines);
    watch.streams();
    watched.flush().await.unwrap();
    peer.write_all(b"GET").await.unwrap();
    watched.flush().await.unwrap();
    watched.flush().await.unwrap();
    watch.answered();
    let mut buffer = [0; 3];
    watched.read_exact(&mut buffer).await.unwrap();
    assert_eq!(&buffer, b"GET");
    assert_eq!(watch.handed_on(), b"GET");
    // While it is answered otherwise, nobody looks.
    drop(peer);
    watched.flush().await.unwrap();
    watch.streams();
    let gone = watched.flush().await.unwrap_err();
    assert_eq!(gone.kind(), io::ErrorKind::ConnectionAborted);
}
