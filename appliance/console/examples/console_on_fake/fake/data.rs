//! What the made-up device holds at first.

use console::{
    Band, Breast, Delivery, DeliveryState, Destination, Finding, Happening, Histogram, Id, Image, ImageState,
    Laterality, Level, LogLine, Measure, Model, ModelRole, Name, Patient, SelfTest, Source, Study, StudyLine,
    StudyState, Verdict, View,
};

use super::MARKER;

/// 2026-11-25 15:00 UTC.
const NOW_MS: u64 = 1_795_618_800_000;
const MINUTE_MS: u64 = 60_000;

/// Made of `bytes`; not for any other use.
pub fn id(bytes: &[u8]) -> Id {
    let step = |hash: u64, byte: &u8| (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3);
    let hash = bytes.iter().fold(0xcbf2_9ce4_8422_2325, step);
    parsed(Id::parse(&format!("{hash:016x}{:016x}", hash.rotate_left(29))))
}

#[allow(clippy::expect_used)]
fn parsed<T>(text: Option<T>) -> T {
    text.expect("the made-up device has sound names")
}

fn name(text: &str) -> Name {
    parsed(Name::parse(text))
}

fn view(laterality: Laterality, position: &str) -> View {
    View { laterality: Some(laterality), position: Some(position.into()) }
}

/// In all states, with one of each outcome.
pub fn studies() -> Vec<Study> {
    let states = [StudyState::Collecting, StudyState::Provisional, StudyState::Final, StudyState::Revised];
    let all = (0..24).map(|number| study(number, states[if number < 2 { number } else { 2 + number % 5 / 4 }]));
    all.collect()
}

/// One study; each number gives another one.
pub fn study(number: usize, state: StudyState) -> Study {
    let key = format!("study {number} {state:?}");
    let received_at_ms = NOW_MS - number as u64 * 17 * MINUTE_MS;
    let collecting = state == StudyState::Collecting;
    let images = images(&key, collecting, received_at_ms);
    let count = |wanted: ImageState| images.iter().filter(|image| image.state == wanted).count() as u32;
    let deliveries = if collecting { Vec::new() } else { deliveries(&key, number, received_at_ms) };
    let mut views: Vec<View> = Vec::new();
    for image in images.iter().filter(|image| image.view.laterality.is_some()) {
        if !views.contains(&image.view) {
            views.push(image.view.clone());
        }
    }
    let line = StudyLine {
        id: id(key.as_bytes()),
        state,
        revision: match state {
            StudyState::Collecting => 0,
            StudyState::Provisional | StudyState::Final => 1,
            StudyState::Revised => 2,
        },
        views,
        images_received: images.len() as u32,
        images_scored: count(ImageState::Scored),
        images_excluded: count(ImageState::Excluded),
        images_failed: count(ImageState::Failed),
        last_received_at_ms: received_at_ms,
        deliveries_parked: deliveries.iter().filter(|one| one.state == DeliveryState::Parked).count() as u32,
        synthetic: number == 5,
    };
    let breast =
        |laterality, score: f64| Breast { laterality, score, category: Some(category(score).into()), images: 2 };
    Study {
        line,
        model: (!collecting).then(|| "mammo-birads 1.4.2".into()),
        engine: (!collecting).then(|| "tract".into()),
        breasts: if collecting {
            vec![]
        } else {
            vec![breast(Laterality::Right, 0.12), breast(Laterality::Left, 0.81)]
        },
        views_missing: if collecting { vec![view(Laterality::Left, "MLO")] } else { vec![] },
        images,
        deliveries,
    }
}

fn category(score: f64) -> &'static str {
    if score >= 0.5 { "above the operating point" } else { "below the operating point" }
}

fn images(key: &str, collecting: bool, received_at_ms: u64) -> Vec<Image> {
    use Laterality::{Left, Right};
    let views = [(Right, "CC", 0.09), (Right, "MLO", 0.14), (Left, "CC", 0.77), (Left, "MLO", 0.85)];
    let scored = views.into_iter().enumerate().map(|(index, (laterality, position, score))| {
        let waits = collecting && index > 1;
        Image {
            id: id(format!("{key} {index}").as_bytes()),
            view: view(laterality, position),
            received_at_ms: received_at_ms - (4 - index as u64) * 4000,
            state: if waits { ImageState::Waiting } else { ImageState::Scored },
            score: (!waits).then_some(score),
            category: (!waits).then(|| category(score).into()),
            reason: None,
            notes: if index == 3 { vec!["Two images of this view; both are scored.".into()] } else { vec![] },
            has_picture: true,
            has_heat_map: !waits,
        }
    });
    let unscored = |number: u64, state, reason: &str, view| Image {
        id: id(format!("{key} {number}").as_bytes()),
        view,
        received_at_ms: received_at_ms - number,
        state,
        score: None,
        category: None,
        reason: Some(reason.into()),
        notes: vec![],
        has_picture: state == ImageState::Excluded,
        has_heat_map: false,
    };
    let mut images: Vec<Image> = scored.take(if collecting { 3 } else { 4 }).collect();
    if !collecting {
        let reason = "A spot compression view is not scored: the model was trained on full views.";
        images.push(unscored(10, ImageState::Excluded, reason, view(Left, "CC")));
        let reason = "The pixel data is damaged. Have the image sent again by the modality.";
        images.push(unscored(11, ImageState::Failed, reason, View { laterality: None, position: None }));
    }
    images
}

fn deliveries(key: &str, number: usize, received_at_ms: u64) -> Vec<Delivery> {
    let one = |object: &str, destination: &str, state: DeliveryState| {
        let failed = state == DeliveryState::Parked;
        let tried =
            |minutes: u64, what: &str| Happening { at_ms: received_at_ms + minutes * MINUTE_MS, what: what.into() };
        Delivery {
            id: id(format!("{key} {object} {destination}").as_bytes()),
            study: id(key.as_bytes()),
            revision: 1,
            object: object.into(),
            destination: name(destination),
            state,
            since_ms: received_at_ms + 3 * MINUTE_MS,
            next_at_ms: (state == DeliveryState::Waiting).then_some(received_at_ms + 9 * MINUTE_MS),
            attempts: if failed { 8 } else { 1 },
            error: failed.then(|| {
                "The destination refused it: status A700, out of resources. Free space there, then retry.".into()
            }),
            history: if failed {
                vec![
                    tried(1, "Queued."),
                    tried(2, "Refused: status A700."),
                    tried(3, "Put aside for a person after 8 tries."),
                ]
            } else {
                vec![tried(1, "Queued.")]
            },
        }
    };
    let parked = if number == 3 || number == 7 { DeliveryState::Parked } else { DeliveryState::Delivered };
    let waiting = if number == 1 { DeliveryState::Waiting } else { DeliveryState::Delivered };
    vec![
        one("CAD SR", "pacs", parked),
        one("heat map", "pacs", DeliveryState::Committing),
        one("JSON report", "folder", waiting),
    ]
}

/// With what must not be seen by strangers.
pub fn patient() -> Patient {
    Patient {
        name: Some(MARKER.into()),
        id: Some("PID-0815".into()),
        birth_date: Some("1961-02-03".into()),
        study_date: Some("2026-11-25".into()),
        accession: None,
    }
}

/// One that answers, one that does not, one that cannot.
pub fn destinations() -> Vec<Destination> {
    let one = |text: &str, kind: &str, address: &str, echo: bool| Destination {
        name: name(text),
        kind: kind.into(),
        address: address.into(),
        encrypted: text == "archive",
        waiting: 1,
        parked: if text == "pacs" { 2 } else { 0 },
        last_delivered_at_ms: (text != "archive").then_some(NOW_MS - 9 * MINUTE_MS),
        last_error: (text == "archive").then(|| "Nobody listens at its address.".into()),
        can_echo: echo,
        can_test_send: true,
    };
    vec![
        one("pacs", "DICOM", "PACS at 192.0.2.10:11112", true),
        one("archive", "STOW-RS", "https://archive.example/studies", true),
        one("folder", "folder", "results of the day", false),
    ]
}

/// One in each role.
pub fn models() -> Vec<Model> {
    let mut models = vec![
        model(&id(b"active"), ModelRole::Active, "1.4.2", Some(17)),
        model(&id(b"previous"), ModelRole::Previous, "1.4.1", Some(16)),
        model(&id(b"shadow"), ModelRole::Shadow, "1.5.0-rc1", Some(18)),
        model(&id(b"built in"), ModelRole::Installed, "1.0.0", None),
    ];
    models[2].notes.push("612 images scored beside the active one; scores differ by 0.03 on average.".into());
    models[3].notes.push("Built into the software.".into());
    models
}

/// One model.
pub fn model(id: &Id, role: ModelRole, version: &str, sequence: Option<u64>) -> Model {
    Model {
        id: id.clone(),
        role,
        name: "mammo-birads".into(),
        version: version.into(),
        label: "research use only".into(),
        sequence,
        key: sequence.map(|_| "9f86d081884c7d65".into()),
        self_test: if role == ModelRole::Installed { SelfTest::NotRun } else { SelfTest::Passed },
        notes: vec![],
    }
}

/// One of each verdict.
pub fn findings() -> Vec<Finding> {
    let one = |check: &str, verdict, found: &str, next: &str| Finding {
        check: check.into(),
        verdict,
        found: found.into(),
        next: next.into(),
    };
    vec![
        one("configuration", Verdict::Ok, "Read and sound.", ""),
        one("disk", Verdict::Ok, "412 GiB of 460 GiB are free.", ""),
        one("clock", Verdict::Attention, "Not synchronised for 3 days.", "Check that the time server can be reached."),
        one("engine", Verdict::Attention, "tract scores in place of nvidia.", "Look at the log for why, then restart."),
        one(
            "destination archive",
            Verdict::Failed,
            "Nobody listens at its address.",
            "Check that it runs, and the firewall.",
        ),
    ]
}

/// Of all levels.
pub fn log_lines() -> Vec<LogLine> {
    let levels = [Level::Info, Level::Warn, Level::Error, Level::Debug];
    let texts =
        ["image scored study#3fa9", "delivery put off destination=archive", "destination refused a result status=A700"];
    let line = |number: usize| LogLine {
        at_ms: NOW_MS - (200 - number as u64) * 1500,
        level: levels[[0, 0, 1, 0, 2, 0, 3][number % 7]],
        target: ["appliance::device", "forwarder", "scu"][number % 3].into(),
        text: format!("{} #{number}", texts[number % 3]),
    };
    (0..200).map(line).collect()
}

/// Of two sources.
pub fn histograms() -> Vec<Histogram> {
    let source = |software: &str| Source {
        manufacturer: "Example Imaging".into(),
        model: "Mammo 3000".into(),
        software: software.into(),
    };
    let one = |software: &str, measure, values: &[(&str, u64, u64)], attention: Option<&str>| Histogram {
        source: source(software),
        measure,
        spans: "30 days before, last 7 days".into(),
        bands: values
            .iter()
            .map(|(label, before, now)| Band { label: (*label).into(), before: *before, now: *now })
            .collect(),
        attention: attention.map(str::to_owned),
    };
    let scores = [
        ("0 to 0.2", 820, 190),
        ("0.2 to 0.4", 210, 61),
        ("0.4 to 0.6", 90, 22),
        ("0.6 to 0.8", 44, 12),
        ("0.8 to 1", 21, 6),
    ];
    let reasons = [("not a mammogram", 12, 2), ("spot compression", 40, 11), ("implant", 9, 30)];
    let why =
        "Exclusions rose from 3 % to 12 %. Look at the reasons, and ask whether the unit or its software was changed.";
    vec![
        one("2.1", Measure::Score, &scores, None),
        one("2.1", Measure::Exclusion, &reasons, Some(why)),
        one(
            "3.0",
            Measure::Intensity,
            &[("0 to 500", 0, 3), ("500 to 1000", 0, 71), ("above", 0, 9)],
            Some("New software version; compare its scores before trusting them."),
        ),
    ]
}

/// As the device would print it.
pub const SETTINGS: &str = "[receiver]\nlisten = \"0.0.0.0:11112\"\nae_title = \"MAMORU\"\n\n[[destination]]\nname = \"archive\"\n\
                            url = \"https://archive.example/studies\"\ntoken = \"(removed)\"\n";
