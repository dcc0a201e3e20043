//! Which objects of a report go to which destination.

use std::collections::BTreeSet;

use domain::{
    AeTitle, Choice, Delivery, DeliveryId, DeliveryState, DestinationName, ResultKind, Sop, StoredFile, StudyReport,
};
use forwarder::{DestinationConfig, Profile};

/// An object that was made of a report and written.
pub struct Made {
    /// Which kind.
    pub kind: ResultKind,
    /// Its name within the report.
    pub name: String,
    /// Its DICOM names.
    pub sop: Option<Sop>,
    /// Its file.
    pub file: StoredFile,
}

/// All destinations, with what each of them gets.
pub struct Routing(Vec<Route>);

struct Route {
    destination: DestinationName,
    /// Only studies of these; empty means every study.
    senders: Vec<AeTitle>,
    profile: Profile,
}

impl Routing {
    /// The routes to `destinations`.
    pub fn of(destinations: &[DestinationConfig]) -> Self {
        let route = |config: &DestinationConfig| Route {
            destination: config.name.clone(),
            senders: config.senders.clone(),
            profile: config.objects(),
        };
        Self(destinations.iter().map(route).collect())
    }

    /// The kinds that somebody gets of a study that came from `senders`.
    pub fn kinds(&self, senders: &BTreeSet<AeTitle>) -> Vec<ResultKind> {
        let wanted: BTreeSet<ResultKind> = self.of_study(senders).flat_map(|route| route.profile.kinds()).collect();
        ResultKind::ALL.into_iter().filter(|kind| wanted.contains(kind)).collect()
    }

    /// The deliveries of what was `made` of `report`, whose study came from `senders`. Of kinds that stand for each other, the
    /// first that was made is due, and those behind it stand by.
    pub fn deliveries(&self, report: &StudyReport, senders: &BTreeSet<AeTitle>, made: &[Made]) -> Vec<Delivery> {
        let was_made = |kind: ResultKind| made.iter().any(|object| object.kind == kind);
        let mut deliveries = Vec::new();
        for object in made {
            for route in self.of_study(senders) {
                if let Some((choice, state)) = route.place_of(object.kind, &was_made, report) {
                    deliveries.push(Delivery {
                        id: DeliveryId::of(&report.study, report.revision, &route.destination, &object.name),
                        destination: route.destination.clone(),
                        study: report.study.clone(),
                        revision: report.revision,
                        kind: object.kind,
                        choice,
                        sop: object.sop.clone(),
                        file: object.file.clone(),
                        attempts: 0,
                        last_error: None,
                        state,
                    });
                }
            }
        }
        deliveries
    }

    fn of_study(&self, senders: &BTreeSet<AeTitle>) -> impl Iterator<Item = &Route> {
        let is_for =
            |route: &&Route| route.senders.is_empty() || route.senders.iter().any(|sender| senders.contains(sender));
        self.0.iter().filter(is_for)
    }
}

impl Route {
    /// Where `kind` stands in the profile, and how its deliveries begin; `None` when the destination does not get it.
    fn place_of(
        &self,
        kind: ResultKind,
        was_made: &dyn Fn(ResultKind) -> bool,
        report: &StudyReport,
    ) -> Option<(Option<Choice>, DeliveryState)> {
        let due = DeliveryState::Due { at: report.last_received_at };
        let (entry, kinds) = (0..).zip(self.profile.entries()).find(|(_, kinds)| kinds.contains(&kind))?;
        if kinds.len() == 1 {
            return Some((None, due));
        }
        let rank = (0..).zip(kinds).find(|(_, found)| **found == kind)?.0;
        let is_first = kinds.iter().find(|kind| was_made(**kind)) == Some(&kind);
        Some((Some(Choice { entry, rank }), if is_first { due } else { DeliveryState::Standby }))
    }
}

#[cfg(test)]
mod tests {
    use contract::{Digest, Uid};
    use domain::{StudyKey, StudyPolicy, report_at_once};

    use super::*;

    fn title(text: &str) -> AeTitle {
        AeTitle::parse(text).unwrap()
    }

    fn routing(text: &str) -> Routing {
        Routing::of(&crate::config::parse(text).unwrap().destinations)
    }

    fn made(kind: ResultKind) -> Made {
        let file = StoredFile { name: format!("{}.dcm", kind.name()), len: 1, sha256: Digest::of(b"x") };
        Made { kind, name: kind.name().into(), sop: None, file }
    }

    /// What of `made` goes where, and how it begins.
    fn routed(routing: &Routing, sender: &str, kinds: &[ResultKind]) -> Vec<String> {
        let report = report_at_once(&StudyKey(Uid::derived(&["study"])), &[], &StudyPolicy::default());
        let made: Vec<Made> = kinds.iter().map(|kind| made(*kind)).collect();
        let deliveries = routing.deliveries(&report, &BTreeSet::from([title(sender)]), &made);
        let text = |delivery: &Delivery| {
            let state = if delivery.state == DeliveryState::Standby { "standby" } else { "due" };
            format!("{} {} {state}", delivery.destination, delivery.kind.name())
        };
        deliveries.iter().map(text).collect()
    }

    const PACS: &str = "[[destinations]]\nname = \"pacs\"\naddress = \"localhost:104\"\ncalled_ae = \"PACS\"\n";

    #[test]
    fn a_destination_gets_the_studies_of_its_senders() {
        let second = PACS.replace("\"pacs\"", "\"other\"");
        let routing = routing(&format!("{PACS}senders = [\"ROOM_1\", \"ROOM_2\"]\nobjects = [\"cad_sr\"]\n{second}"));
        let kinds = |sender: &str| routing.kinds(&BTreeSet::from([title("X"), title(sender)]));
        assert_eq!(kinds("ROOM_2"), [ResultKind::Summary, ResultKind::Heatmap, ResultKind::CadSr]);
        assert_eq!(kinds("ROOM_3"), [ResultKind::Summary, ResultKind::Heatmap], "nothing is made that nobody gets");
        let all = [ResultKind::Summary, ResultKind::CadSr];
        assert_eq!(routed(&routing, "ROOM_1", &all), ["other summary due", "pacs cad_sr due"]);
        assert_eq!(routed(&routing, "ROOM_3", &all), ["other summary due"]);
    }

    #[test]
    fn of_kinds_that_stand_for_each_other_the_first_that_was_made_is_due() {
        let routing =
            routing(&format!("{PACS}objects = [\"heatmap\", [\"cad_sr\", \"comprehensive_sr\", \"summary\"]]"));
        let all = [ResultKind::Summary, ResultKind::Heatmap, ResultKind::CadSr, ResultKind::ComprehensiveSr];
        let standing_by =
            ["pacs summary standby", "pacs heatmap due", "pacs cad_sr due", "pacs comprehensive_sr standby"];
        assert_eq!(routed(&routing, "X", &all), standing_by);
        // A study without an image of a known series has no structured report.
        assert_eq!(routed(&routing, "X", &all[..2]), ["pacs summary due", "pacs heatmap due"]);
    }
}
