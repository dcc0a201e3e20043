//! The client against peers of all kinds: picky, small, silent, broken.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs)]

use std::io::{Cursor, Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::thread::JoinHandle;
use std::time::Duration;

use contract::{Uid, transfer_syntax as syntax};
use dataset::testing::DataSetWriter;
use dataset::{ScanLimits, inspect, scan};
use dicom_ul::association::server::{ServerAssociation, ServerAssociationOptions};
use dicom_ul::pdu::{PDataValue, PDataValueType, Pdu};
use dimse::{Request, Status};
use domain::AeTitle;
use scu::{Association, Object, Peer, ScuError, Timeouts};
use tokio::runtime::Runtime;

const CAPTURE: &str = "1.2.840.10008.5.1.4.1.1.7";
const NAME: &str = "Müller^Zoë";
const PATIENT: Timeouts = Timeouts { connect_ms: 10_000, send_ms: 10_000, response_ms: 10_000 };
const HURRIED: Timeouts = Timeouts { connect_ms: 200, send_ms: 10_000, response_ms: 200 };

/// An explicit little-endian object with a name in UTF-8 and `pixels` bytes of pixel data.
fn object(folder: &Path, class: &str, pixels: u16) -> Object {
    let path = folder.join(format!("{class}.dcm"));
    let file = DataSetWriter::part_10()
        .text(8, 5, "CS", "ISO_IR 192")
        .uids(class, "1.2.3.4", "1.2.3")
        .text(0x10, 0x10, "PN", NAME)
        .grey(pixels / 2, 2, 8, 8)
        .element(0x7FE0, 0x10, "OW", &vec![7; usize::from(pixels)]);
    std::fs::write(&path, file.bytes).unwrap();
    Object::open(&path).unwrap()
}

/// A server for one connection.
struct Server {
    peer: Peer,
    thread: JoinHandle<Vec<u8>>,
}

impl Server {
    /// Serves one connection by `serve`, which returns what it received.
    fn new(serve: impl FnOnce(TcpStream) -> Vec<u8> + Send + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let title = |text| AeTitle::parse(text).unwrap();
        let address = listener.local_addr().unwrap().to_string();
        let peer = Peer::plain(address, title("PACS"), title("MAMORU"));
        let thread = std::thread::spawn(move || {
            let (stream, _) = listener.accept().unwrap();
            stream.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
            serve(stream)
        });
        Self { peer, thread }
    }

    /// One that takes `syntax` of the capture class and PDUs of `pdu_bytes_max`, and answers with `status`.
    fn storing(syntax: &'static str, pdu_bytes_max: u32, status: Status) -> Self {
        Self::new(move |stream| {
            let options = ServerAssociationOptions::new().accept_any().ae_title("PACS").max_pdu_length(pdu_bytes_max);
            let options = options.with_abstract_syntax(dimse::sop_class::VERIFICATION).with_abstract_syntax(CAPTURE);
            let options = options.with_transfer_syntax(syntax::IMPLICIT_LE).with_transfer_syntax(syntax);
            serve_stores(options.establish(stream).unwrap(), status)
        })
    }

    fn received(self) -> Vec<u8> {
        self.thread.join().unwrap()
    }
}

/// Answers requests until the release, and returns the bytes of all data sets.
fn serve_stores(mut association: ServerAssociation<TcpStream>, status: Status) -> Vec<u8> {
    let (mut command, mut data) = (Vec::new(), Vec::new());
    loop {
        let values = match association.receive() {
            Ok(Pdu::PData { data }) => data,
            Ok(Pdu::ReleaseRQ) => {
                association.send(&Pdu::ReleaseRP).unwrap();
                return data;
            }
            _ => return data,
        };
        for value in values {
            match value.value_type {
                PDataValueType::Command => command.extend(&value.data),
                PDataValueType::Data => data.extend(&value.data),
            }
            if !value.is_last {
                continue;
            }
            let answer = match Request::parse(&command).unwrap() {
                Request::Echo { message_id } => dimse::echo_response(message_id, status),
                Request::Store(request) if value.value_type == PDataValueType::Data => request.response(status),
                _ => continue,
            };
            command.clear();
            let value = PDataValue {
                presentation_context_id: value.presentation_context_id,
                value_type: PDataValueType::Command,
                is_last: true,
                data: answer,
            };
            association.send(&Pdu::PData { data: vec![value] }).unwrap();
        }
    }
}

async fn store(peer: &Peer, object: &Object, timeouts: Timeouts) -> Result<Status, ScuError> {
    let mut association = Association::request(peer, std::slice::from_ref(object), timeouts).await?;
    let status = association.store(object).await?;
    association.release().await?;
    Ok(status)
}

fn run<T>(work: impl Future<Output = T>) -> T {
    Runtime::new().unwrap().block_on(work)
}

fn data_set_of(object: &Object) -> Vec<u8> {
    std::fs::read(&object.path).unwrap()[object.dataset_offset as usize..].to_vec()
}

#[test]
fn an_object_arrives_as_it_is_in_pdus_of_the_peer_s_size() {
    let folder = tempfile::tempdir().unwrap();
    let object = object(folder.path(), CAPTURE, 60_000);
    for pdu_bytes_max in [1_024, 16_384, 131_072] {
        let server = Server::storing(syntax::EXPLICIT_LE, pdu_bytes_max, Status::SUCCESS);
        assert_eq!(run(store(&server.peer, &object, PATIENT)).unwrap(), Status::SUCCESS);
        assert_eq!(server.received(), data_set_of(&object), "PDUs of {pdu_bytes_max}");
    }
}

#[test]
fn a_peer_that_speaks_only_implicit_gets_a_converted_object() {
    let folder = tempfile::tempdir().unwrap();
    let object = object(folder.path(), CAPTURE, 500);
    let server = Server::storing(syntax::IMPLICIT_LE, 16_384, Status::SUCCESS);
    assert_eq!(run(store(&server.peer, &object, PATIENT)).unwrap(), Status::SUCCESS);
    let received = server.received();
    let implicit = Uid::parse(syntax::IMPLICIT_LE).unwrap();
    let found = scan(&mut Cursor::new(&received), &implicit, &ScanLimits::default()).unwrap();
    assert_eq!(found.sop_instance, object.sop_instance);
    let file = [DataSetWriter::file_meta(syntax::IMPLICIT_LE).bytes, received].concat();
    let header = inspect(&mut Cursor::new(&file)).unwrap();
    assert_eq!(header.patient_study.patient_name.as_deref(), Some(NAME));
    assert!(file.ends_with(&[7; 500]));
}

#[test]
fn statuses_come_back_and_echo_works() {
    let folder = tempfile::tempdir().unwrap();
    let object = object(folder.path(), CAPTURE, 500);
    let server = Server::storing(syntax::EXPLICIT_LE, 16_384, Status::OUT_OF_RESOURCES);
    let echoed = run(async {
        let objects = std::slice::from_ref(&object);
        let mut association = Association::request(&server.peer, objects, PATIENT).await.unwrap();
        let statuses = (association.store(&object).await.unwrap(), association.echo().await.unwrap());
        association.release().await.unwrap();
        statuses
    });
    assert_eq!(echoed, (Status::OUT_OF_RESOURCES, Status::OUT_OF_RESOURCES));
}

#[test]
fn what_the_peer_does_not_take_leaves_the_association_usable() {
    let folder = tempfile::tempdir().unwrap();
    let (taken, other) = (object(folder.path(), CAPTURE, 500), object(folder.path(), "1.2.840.10008.5.1.4.1.1.2", 500));
    let server = Server::storing(syntax::EXPLICIT_LE, 16_384, Status::SUCCESS);
    run(async {
        let objects = [taken.clone(), other.clone()];
        let mut association = Association::request(&server.peer, &objects, PATIENT).await.unwrap();
        let refused = association.store(&other).await.unwrap_err();
        assert!(matches!(refused, ScuError::NotAccepted) && refused.is_of_object());
        assert_eq!(association.store(&taken).await.unwrap(), Status::SUCCESS);
        association.release().await.unwrap();
    });
    assert_eq!(server.received(), data_set_of(&taken));
}

#[test]
fn broken_and_silent_peers_are_told_apart() {
    type Serve = fn(TcpStream) -> Vec<u8>;
    let folder = tempfile::tempdir().unwrap();
    let object = object(folder.path(), CAPTURE, 60_000);
    let reject: Serve = |mut stream| {
        let mut request = [0; 4096];
        let _ = stream.read(&mut request).unwrap();
        stream.write_all(&[3, 0, 0, 0, 0, 4, 0, 1, 1, 7]).unwrap();
        Vec::new()
    };
    let garbage: Serve = |mut stream| {
        stream.write_all(b"HTTP/1.1 400 Bad Request\r\n\r\n").unwrap();
        Vec::new()
    };
    let silent: Serve = |mut stream| {
        // Until the client has had enough.
        let mut rest = Vec::new();
        let _ = stream.read_to_end(&mut rest);
        Vec::new()
    };
    let aborting: Serve = |stream| {
        let options = ServerAssociationOptions::new().accept_any().with_abstract_syntax(CAPTURE);
        let mut association = options.with_transfer_syntax(syntax::EXPLICIT_LE).establish(stream).unwrap();
        let _ = association.receive().unwrap();
        association.abort().unwrap();
        Vec::new()
    };
    let failure = |serve, timeouts| run(store(&Server::new(serve).peer, &object, timeouts)).unwrap_err();
    let rejected = failure(reject, PATIENT);
    assert!(
        matches!(rejected, ScuError::Rejected("it does not know our AE title" | "it has another AE title")),
        "{rejected}"
    );
    assert!(matches!(failure(garbage, PATIENT), ScuError::Protocol(_) | ScuError::Ended(_)));
    assert!(matches!(failure(silent, HURRIED), ScuError::Timeout(_)));
    let aborted = failure(aborting, PATIENT);
    assert!(matches!(aborted, ScuError::Ended(_)) && !aborted.is_of_object(), "{aborted}");
}

#[test]
fn files_that_are_no_objects_are_named_without_their_contents() {
    let folder = tempfile::tempdir().unwrap();
    let path: PathBuf = folder.path().join("notes.txt");
    std::fs::write(&path, format!("{NAME} {}", "x".repeat(200))).unwrap();
    for path in [path, folder.path().join("missing")] {
        let error = Object::open(&path).unwrap_err();
        assert!(error.is_of_object());
        assert!(error.to_string().contains(path.to_str().unwrap()) && !error.to_string().contains("Müller"), "{error}");
    }
}

#[test]
fn more_kinds_than_one_association_can_name_are_an_error() {
    let folder = tempfile::tempdir().unwrap();
    let example = object(folder.path(), CAPTURE, 500);
    let kind = |number: u32| Object { sop_class: Uid::parse(&format!("1.2.{number}")).unwrap(), ..example.clone() };
    let objects: Vec<Object> = (0..70).map(kind).collect();
    let peer = Peer::parse("PACS@127.0.0.1:104", AeTitle::parse("MAMORU").unwrap()).unwrap();
    let refused = run(Association::request(&peer, &objects, PATIENT)).unwrap_err();
    assert!(matches!(refused, ScuError::TooManyContexts));
}
