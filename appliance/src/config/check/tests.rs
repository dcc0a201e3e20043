use super::*;
use crate::config::{DEFAULT_TOML, EngineName, NvidiaConfig, PrecisionName, WhenLost};

#[test]
fn the_commented_default_is_the_default() {
    assert_eq!(parse(DEFAULT_TOML), Ok(Config::default()));
    assert_eq!(parse(""), Ok(Config::default()));
}

#[test]
fn settings_written_as_a_table_are_read_the_same() {
    let web = "[[destinations]]\nname = 'web'\nstow = { url = 'https://pacs', ca_file = 'ca.pem' }";
    for text in ["", "state_dir = 'a'\n[engine]\nname = 'cpu'\nthreads = 2", web] {
        let config = parse(text).unwrap();
        assert_eq!(parse(&toml::to_string(&config.to_table()).unwrap()), Ok(config), "{text}");
    }
}

#[test]
fn the_commented_default_names_every_key() {
    let mut default: Table = DEFAULT_TOML.parse().unwrap();
    default.remove("destinations");
    let config = Config::default();
    let sections = [
        ("receiver", Table::try_from(&config.receiver).unwrap()),
        ("decoding", Table::try_from(&config.decoding).unwrap()),
        ("eligibility", Table::try_from(config.eligibility).unwrap()),
        ("assembly", Table::try_from(config.assembly).unwrap()),
        ("engine", Table::try_from(&config.engine).unwrap()),
        ("updates", Table::try_from(config.updates).unwrap()),
        ("console", Table::try_from(&config.console).unwrap()),
        ("results", Table::try_from(config.results).unwrap()),
        ("retention", Table::try_from(config.retention).unwrap()),
    ];
    for (name, section) in sections {
        let documented = default.remove(name).unwrap();
        let documented: Vec<_> = documented.as_table().unwrap().keys().cloned().collect();
        assert_eq!(documented, section.keys().cloned().collect::<Vec<_>>(), "[{name}]");
    }
    assert_eq!(default.keys().collect::<Vec<_>>(), ["log", "model", "state_dir"]);
    let nvidia = DEFAULT_TOML.parse::<Table>().unwrap()["engine"]["nvidia"].as_table().unwrap().clone();
    assert_eq!(nvidia, Table::try_from(&config.engine.nvidia).unwrap(), "[engine.nvidia]");
    for key in ["shim_folder", "cache_folder"] {
        assert!(DEFAULT_TOML.contains(&format!("# {key} = ")), "{key} is not explained");
    }
    for key in known_keys().unwrap().keys() {
        assert!(DEFAULT_TOML.contains(&format!("# {key} = ")), "{key} is not explained");
    }
}

#[test]
fn keys_without_a_default_are_read_and_every_section_refuses_what_it_does_not_know() {
    let config = parse("[assembly]\naggregation = \"max\"").unwrap();
    assert_eq!(config.assembly.aggregation, Some(domain::Aggregation::Max));
    let wrong = parse("[assembly]\naggregation = \"median\"").unwrap_err();
    assert!(wrong.0[0].starts_with("assembly.aggregation: unknown variant"), "{wrong}");
    for section in
        ["receiver", "decoding", "eligibility", "assembly", "engine", "updates", "console", "results", "retention"]
    {
        let errors = parse(&format!("[{section}]\ncolour = 1")).unwrap_err();
        assert_eq!(errors.0, [format!("{section}.colour: unknown key")]);
    }
}

#[test]
fn the_engine_and_the_one_section_inside_it_are_read() {
    let text = "[engine]\nname = \"nvidia\"\nwhen_lost = \"cpu\"\n[engine.nvidia]\nprecision = \"single\"\n\
                cache_folder = \"plans\"";
    let engine = parse(text).unwrap().engine;
    assert_eq!((engine.name, engine.when_lost), (EngineName::Nvidia, WhenLost::Cpu));
    let expected = NvidiaConfig {
        precision: PrecisionName::Single,
        cache_folder: Some("plans".into()),
        ..NvidiaConfig::default()
    };
    assert_eq!(engine.nvidia, expected);
    let old = parse("[engine]\nname = \"tract\"").unwrap();
    assert_eq!(old.engine.name, EngineName::Cpu, "the word of earlier versions");
    let wrong = "[engine]\nname = \"gpu\"\nwhen_lost = \"never\"\n[engine.nvidia]\ncolour = 1\ndevice = -1\n\
                 workspace_bytes = 0\nanswer_wait_ms = 0";
    let errors = parse(wrong).unwrap_err().0;
    let expected = [
        "engine.nvidia.colour: unknown key",
        "engine.nvidia.device: ",
        "engine.name: unknown variant `gpu`",
        "engine.when_lost: unknown variant",
        "engine.nvidia.workspace_bytes: must not be 0",
        "engine.nvidia.answer_wait_ms: must not be 0",
    ];
    for start in expected {
        assert!(errors.iter().any(|error| error.starts_with(start)), "{start:?} is not in {errors:#?}");
    }
    assert_eq!(errors.len(), expected.len(), "{errors:#?}");
    let errors = parse("[engine]\nnvidia = 1").unwrap_err().0;
    assert_eq!(errors, ["engine.nvidia: must be a section, [engine.nvidia]"]);
}

#[test]
fn all_errors_are_reported_at_once() {
    let text = r#"
        colour = "blue"
        log = "loud"
        model = 7
        [receiver]
        listen = "nowhere"
        associations_max = -1
        pdu_bytes_max = 16
        volume = 11
        [eligibility]
        implants = "perhaps"
        [assembly]
        quiet_ms = "long"
        expected_views = ["R CC", "R CC"]
        [results]
        finding_code = "cancer"
        operating_point = "sensitivity 90"
        [retention]
        hours = 72
        images_hours = 9
        results_hours = 8
        [[destinations]]
        name = "PACS!"
        address = "pacs:104"
        [[destinations]]
        name = "pacs"
        address = "pacs"
        called_ae = "PACS"
        [[destinations]]
        name = "pacs"
        folder = "a"
        called_ae = "PACS"
    "#;
    let errors = parse(text).unwrap_err().0;
    let expected = [
        "colour: unknown key",
        "log: ",
        "model: ",
        "receiver.listen: ",
        "receiver.associations_max: ",
        "receiver.pdu_bytes_max: must be at least 4096",
        "receiver.volume: unknown key",
        "eligibility.implants: ",
        "assembly.quiet_ms: ",
        "assembly.expected_views: expected views are",
        "results.finding_code: ",
        "results.operating_point: an operating point is",
        "retention.hours: unknown key",
        "retention.results_hours: must not be less than images_hours",
        "destination PACS!.name: ",
        "destination pacs: `address` must be HOST:PORT",
        "destination pacs: give either",
        "destination pacs: the name is used twice",
    ];
    for start in expected {
        assert!(errors.iter().any(|error| error.starts_with(start)), "{start:?} is not in {errors:#?}");
    }
    assert_eq!(errors.len(), expected.len(), "{errors:#?}");
}

#[test]
fn tls_of_the_receiver_is_read_and_explained() {
    let start = DEFAULT_TOML.find("# [receiver.tls]").unwrap();
    let end = start + DEFAULT_TOML[start..].find("\n\n").unwrap();
    // The section as it is when its keys are uncommented: those are the lines of the form "key = value".
    let is_key =
        |line: &&str| line.starts_with('[') || line.split_once(" = ").is_some_and(|(key, _)| !key.contains(' '));
    let lines: Vec<&str> = DEFAULT_TOML[start..end].lines().map(|line| &line[2..]).filter(is_key).collect();
    let config = parse(&lines.join("\n")).unwrap();
    let tls = Table::try_from(config.receiver.tls.unwrap()).unwrap();
    assert_eq!(tls.keys().count(), lines.len() - 1, "every key is there");
    let off = parse(&format!("[receiver]\nlisten = \"off\"\n{}", lines.join("\n")));
    assert_eq!(off.unwrap().receiver.listen, receiver::Listen::Off);
    assert!(parse("[receiver]\nlisten = \"off\"").unwrap_err().0[0].starts_with("receiver.listen: is off"));
    let errors = parse("[receiver.tls]\ncertificate = \"a\"\nkey = \"b\"").unwrap_err().0;
    assert!(errors.len() == 1 && errors[0].starts_with("receiver.tls.client_ca: "), "{errors:?}");
    let errors = parse("[receiver.tls]\ncertificate = \"a\"\ncolour = \"b\"").unwrap_err().0;
    assert!(errors.len() == 1 && errors[0].starts_with("receiver.tls: "), "{errors:?}");
}

#[test]
fn what_is_no_toml_says_where() {
    let errors = parse("[receiver\nlisten = 1").unwrap_err();
    assert!(errors.to_string().contains("line 1"), "{errors}");
}
