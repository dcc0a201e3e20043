//! Good bundles that are not for this device, or not any more.

use bundle::SoftwareVersion;
use bundle::verify::Device;
use contract::{CONTRACT_VERSION, ContractVersion, Digest};

use super::{Attack, attack};
use crate::world::{Parts, device, root, take};

fn for_device(name: &str, code: &'static str, change: fn(&mut Device)) -> Attack {
    let mut device = device();
    change(&mut device);
    Attack { device, ..attack(name, Parts::good().bytes(), code) }
}

fn version(text: &str) -> SoftwareVersion {
    SoftwareVersion::parse(text).unwrap()
}

pub fn attacks() -> Vec<Attack> {
    let mut denied = attack("bundle that failed here before", Parts::good().bytes(), "B403");
    denied.device.denied.insert(Digest::of(&Parts::good().manifest));
    let later = ContractVersion { major: CONTRACT_VERSION.major, minor: CONTRACT_VERSION.minor + 1 };
    let later = Parts::good().saying(|manifest| manifest.contract = later);
    let ends = Parts::good().saying(|manifest| manifest.software_max = Some(version("0.1.9")));
    let mut ended = attack("software beyond the last", ends.bytes(), "B407");
    ended.device.software = version("0.2.0");
    vec![
        denied,
        ended,
        for_device("downgrade", "B401", |device| device.sequence_floor = 18),
        for_device("downgrade by far", "B401", |device| device.sequence_floor = u64::MAX),
        attack("fast forward", Parts::good().saying(|manifest| manifest.sequence = 1_011).bytes(), "B402"),
        for_device("other contract", "B404", |device| device.contract.major += 1),
        attack("later minor of the contract", later.bytes(), "B404"),
        for_device("other engine", "B405", |device| device.engines = vec!["tract2".into()]),
        for_device("no engine on the device", "B405", |device| device.engines.clear()),
        for_device("software before the first", "B406", |device| device.software = version("0.0.9")),
    ]
}

#[test]
fn limits_are_where_they_are_said_to_be() {
    let at = |sequence| {
        let parts = Parts::good().saying(|manifest| manifest.sequence = sequence);
        take(&parts.bytes(), &root(1), &device()).map(|_| ()).map_err(|refusal| refusal.code())
    };
    assert_eq!([9, 10, 1_010, 1_011].map(at), [Err("B401"), Ok(()), Ok(()), Err("B402")]);
    let ends = Parts::good().saying(|manifest| manifest.software_max = Some(version("0.1.0")));
    assert!(take(&ends.bytes(), &root(1), &device()).is_ok());
}
