//! The broker's client.

mod brokers;
mod mosquitto;
mod peer;
mod scripted;

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard};

use fleet::Stop;
use fleet::mqtt::{Document, MqttConfig, PatientData, Publisher, Source, Turn, study_digest};

fn config(port: u16) -> MqttConfig {
    MqttConfig {
        address: format!("127.0.0.1:{port}"),
        tls: None,
        user: None,
        password_file: None,
        prefix: "site/mammography".into(),
        box_name: "box-7".into(),
        patient_data: false,
        document_bytes_max: 100_000,
        silence_ms_max: 20_000,
        keep_alive_s: 60,
    }
}

/// What waits to be sent, as it is after a restart.
#[derive(Default)]
struct Waiting {
    documents: VecDeque<Document>,
    sent: Vec<u64>,
    parked: Vec<(u64, String)>,
    wanted: Option<PatientData>,
    /// How often that something was sent is not remembered.
    forgets: u32,
    /// Handed out, and neither sent nor parked.
    in_memory: Option<u64>,
}

#[derive(Clone, Default)]
struct Results(Arc<Mutex<Waiting>>);

impl Results {
    fn waiting(&self) -> MutexGuard<'_, Waiting> {
        self.0.lock().unwrap()
    }

    /// Another result of a study.
    fn add(&self, study: &str, json: &str) -> u64 {
        let mut waiting = self.waiting();
        let key = (waiting.documents.len() + waiting.sent.len() + waiting.parked.len()) as u64;
        let json = json.as_bytes().to_vec();
        waiting.documents.push_back(Document { key, study: study_digest(study), json });
        key
    }

    fn publisher(&self, config: &MqttConfig) -> Publisher<Self> {
        Publisher::new(config.clone(), self.clone(), Stop::default()).unwrap()
    }

    fn done(&self, key: u64) -> MutexGuard<'_, Waiting> {
        let mut waiting = self.waiting();
        assert_eq!(waiting.documents.pop_front().map(|document| document.key), Some(key), "in order");
        waiting.in_memory = None;
        waiting
    }
}

impl Source for Results {
    fn next(&mut self, patient_data: PatientData) -> Result<Option<Document>, String> {
        let mut waiting = self.waiting();
        waiting.wanted = Some(patient_data);
        let next = waiting.documents.front().cloned();
        let key = next.as_ref().map(|document| document.key);
        assert!(waiting.in_memory.is_none() || waiting.in_memory == key, "more than one in memory");
        waiting.in_memory = key;
        Ok(next)
    }

    fn sent(&mut self, key: u64) -> Result<(), String> {
        let mut waiting = self.waiting();
        if waiting.forgets > 0 {
            waiting.forgets -= 1;
            return Err("the disk is full".into());
        }
        drop(waiting);
        self.done(key).sent.push(key);
        Ok(())
    }

    fn park(&mut self, key: u64, why: &str) -> Result<(), String> {
        self.done(key).parked.push((key, why.to_owned()));
        Ok(())
    }
}

/// One turn, in whose words there is nothing of the peer or of a secret.
fn turn(publisher: &mut Publisher<Results>) -> Turn {
    let turn = publisher.turn();
    assert!(!turn.trouble.as_ref().is_some_and(|words| words.contains("secret")), "{turn:?}");
    turn
}

/// The topic of a study's results.
fn topic(study: &str) -> String {
    format!("site/mammography/box-7/results/{}", study_digest(study))
}
