//! A graceful stop.

use std::time::Duration;

use contract::transfer_syntax::EXPLICIT_LE;
use dimse::Status;
use system_tests::{Device, Instance, Mammogram, Oracle, RawPeer, Settings, excluded_exam, send};

use crate::{SETTLED_WITHIN, assert_kept};

/// "Within seconds", on a shared machine.
const STOPPED_WITHIN: Duration = Duration::from_secs(20);

#[test]
fn sigterm_lets_a_transfer_finish_and_loses_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let mut device = Device::started(folder.path(), Settings::new(folder.path()));
    let images = excluded_exam(folder.path(), 30);
    let mut oracle = Oracle::default();
    oracle.hear_all(&images, &send(device.address(), &images));
    let mammogram = Mammogram::new("sent while stopping");
    let mut peer = RawPeer::associate(device.address(), &mammogram, EXPLICIT_LE);
    let bytes = mammogram.sound();
    peer.command(&mammogram);
    peer.data(&bytes[..bytes.len() / 2], false);
    system_tests::until("the transfer has begun", Duration::from_secs(20), || {
        let incoming = std::fs::read_dir(device.settings().state.join("spool/incoming")).unwrap();
        (incoming.count() == 1).then_some(())
    });
    device.terminate();
    system_tests::until("the device stops listening", STOPPED_WITHIN, || {
        std::net::TcpStream::connect(device.address()).is_err().then_some(())
    });
    peer.data(&bytes[bytes.len() / 2..], true);
    assert_eq!(peer.response(), Some(Status::SUCCESS), "the transfer in the middle is finished");
    let status = device.wait();
    assert_eq!(status.code(), Some(0));
    let sent = Instance {
        key: domain::InstanceKey(mammogram.instance.clone()),
        study: domain::StudyKey(Mammogram::study()),
        file: Default::default(),
    };
    oracle.hear(&sent, system_tests::Answer::Acknowledged);
    device.start();
    device.settle(SETTLED_WITHIN);
    assert_kept(&oracle, &device, None);
}

#[test]
fn a_peer_that_stalls_does_not_hold_up_a_stop() {
    let folder = tempfile::tempdir().unwrap();
    let mut device = Device::started(folder.path(), Settings::new(folder.path()));
    let images = excluded_exam(folder.path(), 31);
    let mut oracle = Oracle::default();
    oracle.hear_all(&images, &send(device.address(), &images));
    let mammogram = Mammogram::new("never finished");
    let mut peer = RawPeer::associate(device.address(), &mammogram, EXPLICIT_LE);
    peer.command(&mammogram);
    peer.data(&mammogram.head.bytes, false);
    let (status, time) = device.stop();
    assert_eq!((status.code(), peer.response()), (Some(0), None));
    assert!(time < STOPPED_WITHIN, "the stop took {time:?}");
    device.start();
    device.settle(SETTLED_WITHIN);
    assert_kept(&oracle, &device, None);
}
