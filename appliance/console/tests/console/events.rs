//! Server-sent events.

use std::io::{ErrorKind, Read as _, Write as _};
use std::time::Duration;

use crate::client::{Running, Tls, start, start_with};

struct Stream(Tls, String);

impl Stream {
    fn open(running: &Running, session: &str) -> Self {
        let mut stream = running.connect();
        stream
            .write_all(
                format!("GET /api/v1/events HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n{session}\r\n")
                    .as_bytes(),
            )
            .unwrap();
        Self(stream, String::new())
    }

    /// Reads until `text` has come after what was read before; `false` at the end.
    fn comes(&mut self, text: &str) -> bool {
        let mut block = [0; 4096];
        loop {
            if let Some(at) = self.1.find(text) {
                self.1.drain(..at + text.len());
                return true;
            }
            match self.0.read(&mut block) {
                Ok(0) | Err(_) => return false,
                Ok(count) => self.1.push_str(&String::from_utf8_lossy(&block[..count])),
            }
        }
    }

    /// Whether it ends, and not only falls silent.
    fn ends(&mut self) -> bool {
        let mut block = [0; 4096];
        loop {
            match self.0.read(&mut block) {
                Ok(0) => return true,
                Ok(_) => {}
                Err(error) => return !matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut),
            }
        }
    }
}

#[test]
fn changes_of_overview_studies_and_work_are_told() {
    let running = start();
    let (session, _) = running.sign_in("bob");
    let mut stream = Stream::open(&running, &session);
    assert!(stream.comes("content-type: text/event-stream"));
    for name in ["overview", "studies", "work"] {
        assert!(stream.comes(&format!("event: {name}\ndata: ")), "{name}");
    }
    running.device.arrive();
    assert!(stream.comes("event: studies\ndata: ") && stream.comes("\"total\":25"));
    running.device.say("The disk is full.");
    assert!(stream.comes("event: overview\ndata: ") && stream.comes("The disk is full."));
    let technician = running.sign_in("ann");
    let page = running.get("/models", &technician.0).text();
    let model = crate::client::between(&page, "action=\"/models/", "/").to_owned();
    running.act(&format!("/models/{model}/roll-back"), &technician, "");
    assert!(stream.comes("event: work\ndata: ") && stream.comes("Roll back"));
}

#[test]
fn a_silent_stream_has_a_heartbeat_and_ends_with_its_session() {
    let running = start_with(|settings| settings.limits.heartbeat = Duration::from_millis(50));
    let (session, csrf) = running.sign_in("bob");
    let mut stream = Stream::open(&running, &session);
    assert!(stream.comes(": heartbeat\n\n") && stream.comes(": heartbeat\n\n"));
    assert_eq!(running.form("/sign-out", &session, &format!("form={csrf}")).status, 303);
    assert!(stream.ends());
}

#[test]
fn open_streams_are_limited_and_their_places_come_back() {
    let running = start_with(|settings| settings.limits.streams_max = 2);
    let (session, _) = running.sign_in("bob");
    let mut streams = [Stream::open(&running, &session), Stream::open(&running, &session)];
    assert!(streams.iter_mut().all(|stream| stream.comes("event: overview")));
    let third = running.get("/api/v1/events", &session);
    assert!(third.status == 503 && third.text().contains("Too many live views"), "{}", third.text());
    drop(streams);
    running.until(|| Stream::open(&running, &session).comes("event: overview"));
}

#[test]
fn streams_end_when_the_console_stops() {
    let mut running = start_with(|settings| settings.limits.stop_wait = Duration::from_secs(60));
    let (session, _) = running.sign_in("bob");
    let mut stream = Stream::open(&running, &session);
    assert!(stream.comes("event: overview"));
    running.stop();
    assert!(stream.ends());
}

#[test]
fn a_page_that_looks_by_itself_takes_no_notice_away() {
    let running = start();
    let technician = running.sign_in("ann");
    let done = running.form("/destinations/pacs/echo", &technician.0, &format!("form={}", technician.1));
    assert_eq!(done.status, 303);
    let live = running.get("/destinations", &format!("{}X-Mamoru-Live: 1\r\n", technician.0)).text();
    assert!(!live.contains("It answered the C-ECHO"));
    assert!(running.get("/destinations", &technician.0).text().contains("It answered the C-ECHO"));
}
