//! Against mosquitto.

use std::fs;
use std::process::Command;

use secure_transport::RequestorFiles;

use super::mosquitto::{Broker, Subscriber, find, is_here};
use super::{Results, config, topic, turn};
use crate::certificates::{Authority, secret};

const OPEN: &str = "allow_anonymous true";
const STATUS: &str = "site/mammography/box-7/status";

#[test]
fn results_arrive_in_order_and_the_box_says_whether_it_is_there() {
    if !is_here() {
        return;
    }
    let broker = Broker::start(None, OPEN);
    let results = Results::default();
    let mut publisher = results.publisher(&config(broker.port));
    assert_eq!(turn(&mut publisher).trouble, None);
    let subscriber = Subscriber::start(broker.port, &[]);
    assert_eq!(subscriber.line(), format!("1 1 {STATUS} online"), "kept for those who come later");
    for number in 0..100 {
        results.add(["2.25.1", "2.25.2"][number % 2], &format!("{{\"revision\":{number}}}"));
    }
    let sent: u32 = (0..2).map(|_| turn(&mut publisher).sent).sum();
    assert_eq!((sent, results.waiting().sent.len()), (100, 100));
    for number in 0..100 {
        let topic = topic(["2.25.1", "2.25.2"][number % 2]);
        assert_eq!(subscriber.line(), format!("1 0 {topic} {{\"revision\":{number}}}"));
    }
    // A box that goes without a word, and one that says goodbye.
    drop(publisher);
    assert_eq!(subscriber.line(), format!("1 0 {STATUS} offline"));
    let mut publisher = results.publisher(&config(broker.port));
    turn(&mut publisher);
    assert_eq!(subscriber.line(), format!("1 0 {STATUS} online"));
    publisher.end();
    assert_eq!(subscriber.line(), format!("1 0 {STATUS} offline"));
    drop(subscriber);
    let late = Subscriber::start(broker.port, &[]);
    assert_eq!(late.line(), format!("1 1 {STATUS} offline"));
}

#[test]
fn a_broker_that_was_away_gets_all_of_it_in_order() {
    if !is_here() {
        return;
    }
    let broker = Broker::start(None, OPEN);
    let (port, results) = (broker.port, Results::default());
    let mut publisher = results.publisher(&config(port));
    results.add("2.25.1", "{\"revision\":1}");
    assert_eq!(turn(&mut publisher).sent, 1);
    drop(broker);
    for number in 2..5 {
        results.add("2.25.1", &format!("{{\"revision\":{number}}}"));
    }
    for _ in 0..3 {
        assert!(turn(&mut publisher).trouble.is_some());
    }
    assert_eq!(results.waiting().sent.len(), 1);
    let broker = Broker::start(Some(port), OPEN);
    // Somebody else says hello first, so that it is known when the subscriber listens.
    let mut other = config(port);
    other.box_name = "box-8".into();
    let mut other = Results::default().publisher(&other);
    turn(&mut other);
    let subscriber = Subscriber::start(port, &[]);
    assert_eq!(subscriber.line(), "1 1 site/mammography/box-8/status online");
    assert_eq!((turn(&mut publisher).sent, results.waiting().sent.as_slice()), (3, &[0, 1, 2, 3][..]));
    assert_eq!(subscriber.line(), format!("1 0 {STATUS} online"));
    for number in 2..5 {
        assert_eq!(subscriber.line(), format!("1 0 {} {{\"revision\":{number}}}", topic("2.25.1")));
    }
    drop(broker);
}

#[test]
fn both_sides_show_certificates() {
    if !is_here() {
        return;
    }
    let authority = Authority::new();
    let ((certificate, key), (ours, our_key)) = (authority.pair("127.0.0.1"), authority.pair("box-7"));
    let lines = format!(
        "{OPEN}\ncafile {}\ncertfile {}\nkeyfile {}\nrequire_certificate true",
        authority.file().display(),
        certificate.display(),
        key.display()
    );
    let broker = Broker::start(None, &lines);
    let files = RequestorFiles { ca: authority.file(), certificate: Some(ours), key: Some(our_key), server_name: None };
    let good = fleet::mqtt::MqttConfig { tls: Some(files.clone()), ..config(broker.port) };
    let results = Results::default();
    results.add("2.25.1", "{}");
    let stranger = Authority::new();
    let (certificate, key) = stranger.pair("box-7");
    for (files, words) in [
        (RequestorFiles { certificate: None, key: None, ..files.clone() }, "certificate"),
        (RequestorFiles { certificate: Some(certificate), key: Some(key), ..files.clone() }, "refused TLS"),
        (RequestorFiles { ca: stranger.file(), ..files.clone() }, "signed by nobody who is trusted here"),
        (RequestorFiles { server_name: Some("broker.example".into()), ..files.clone() }, "another name"),
        (RequestorFiles { ca: "missing".into(), ..files }, "missing"),
    ] {
        let bad = fleet::mqtt::MqttConfig { tls: Some(files), ..good.clone() };
        let trouble = turn(&mut results.publisher(&bad)).trouble.unwrap();
        assert!(trouble.contains(words) || trouble.contains("connection"), "{words}: {trouble}");
    }
    let plain = turn(&mut results.publisher(&config(broker.port))).trouble.unwrap();
    assert!(plain.contains("with or without TLS") || plain.contains("connection"), "{plain}");
    assert_eq!(turn(&mut results.publisher(&good)).sent, 1);
}

#[test]
fn the_password_is_the_brokers() {
    if !is_here() {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let (passwords, file) = (folder.path().join("passwords"), folder.path().join("password"));
    fs::write(&passwords, "").unwrap();
    let made = Command::new(find("mosquitto_passwd").unwrap()).arg("-b").arg(&passwords).args(["u", "secret"]).status();
    assert!(made.unwrap().success());
    let broker = Broker::start(None, &format!("allow_anonymous false\npassword_file {}", passwords.display()));
    let results = Results::default();
    results.add("2.25.1", "{}");
    let mut with = config(broker.port);
    (with.user, with.password_file) = (Some("u".into()), Some(file.clone()));
    for (password, mode_is_wrong, words) in
        [("other-secret", false, "`user` and `password_file`"), ("secret", true, "must be 0600"), ("secret", false, "")]
    {
        secret(&file, password);
        if mode_is_wrong {
            fs::set_permissions(&file, std::os::unix::fs::PermissionsExt::from_mode(0o644)).unwrap();
        }
        match turn(&mut results.publisher(&with)).trouble {
            Some(trouble) => assert!(!words.is_empty() && trouble.contains(words), "{trouble}"),
            None => assert!(words.is_empty()),
        }
    }
    assert_eq!(results.waiting().sent, [0]);
    let anonymous = turn(&mut results.publisher(&config(broker.port))).trouble.unwrap();
    assert!(anonymous.contains("`user`"), "{anonymous}");
}

#[test]
fn what_the_brokers_access_list_throws_away_does_not_count_as_sent() {
    if !is_here() {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let list = folder.path().join("access");
    fs::write(&list, format!("topic write {STATUS}\n")).unwrap();
    let lines = format!("{OPEN}\nacl_file {}", list.display());
    let broker = Broker::start(None, &lines);
    let results = Results::default();
    results.add("2.25.1", "{}");
    let mut publisher = results.publisher(&config(broker.port));
    for _ in 0..2 {
        let trouble = turn(&mut publisher).trouble.unwrap();
        assert!(trouble.contains("access list"), "{trouble}");
    }
    assert_eq!(results.waiting().sent.len(), 0);
    let port = broker.port;
    drop(broker);
    fs::write(&list, "topic write site/mammography/box-7/#\n").unwrap();
    let _broker = Broker::start(Some(port), &lines);
    let _ = turn(&mut publisher);
    let _ = turn(&mut publisher);
    assert_eq!(results.waiting().sent, [0]);
}
