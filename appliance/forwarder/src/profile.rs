//! Which result objects a destination gets.

use std::fmt;

use domain::ResultKind;
use serde::de::value::StrDeserializer;
use serde::de::{Error as _, SeqAccess, Visitor};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// Which result objects a destination gets: a list of entries, each one kind, or several kinds of which the destination gets
/// the first that there is and that it accepts. No entry is empty, and no kind stands twice.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Profile(Vec<Entry>);

/// One entry of a [`Profile`], the preferred kind first.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Entry(Vec<ResultKind>);

impl Profile {
    /// A profile of single kinds.
    #[must_use]
    pub fn of(kinds: &[ResultKind]) -> Self {
        Self(kinds.iter().map(|kind| Entry(vec![*kind])).collect())
    }

    /// All kinds in it.
    pub fn kinds(&self) -> impl Iterator<Item = ResultKind> {
        self.0.iter().flat_map(|entry| entry.0.iter().copied())
    }

    /// The kinds of each entry, the preferred one first.
    pub fn entries(&self) -> impl Iterator<Item = &[ResultKind]> {
        self.0.iter().map(|entry| entry.0.as_slice())
    }
}

impl<'de> Deserialize<'de> for Profile {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let profile = Self(Vec::deserialize(deserializer)?);
        let kinds: Vec<ResultKind> = profile.kinds().collect();
        let twice = kinds.iter().enumerate().find(|(place, kind)| kinds[..*place].contains(kind));
        match twice {
            Some((_, kind)) => Err(D::Error::custom(format!("`{}` stands there twice", kind.name()))),
            None => Ok(profile),
        }
    }
}

impl Serialize for Entry {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self.0.as_slice() {
            [kind] => kind.serialize(serializer),
            kinds => kinds.serialize(serializer),
        }
    }
}

impl<'de> Deserialize<'de> for Entry {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(EntryVisitor)
    }
}

struct EntryVisitor;

impl<'de> Visitor<'de> for EntryVisitor {
    type Value = Entry;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("a kind of object, or a list of kinds of which the first that is accepted is sent")
    }

    fn visit_str<E: serde::de::Error>(self, text: &str) -> Result<Entry, E> {
        ResultKind::deserialize(StrDeserializer::new(text)).map(|kind| Entry(vec![kind]))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut sequence: A) -> Result<Entry, A::Error> {
        let mut kinds = Vec::new();
        while let Some(kind) = sequence.next_element()? {
            kinds.push(kind);
        }
        if kinds.is_empty() { Err(A::Error::custom("a list of kinds is empty")) } else { Ok(Entry(kinds)) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> Result<Profile, serde_json::Error> {
        serde_json::from_str(text)
    }

    #[test]
    fn kinds_and_choices_come_back() {
        for text in [r#"[]"#, r#"["summary"]"#, r#"[["cad_sr","comprehensive_sr","summary"],"heatmap"]"#] {
            assert_eq!(serde_json::to_string(&parse(text).unwrap()).unwrap(), text);
        }
        let profile = parse(r#"[["cad_sr", "summary"], "heatmap"]"#).unwrap();
        let entries: Vec<&[ResultKind]> = profile.entries().collect();
        assert_eq!(entries, [&[ResultKind::CadSr, ResultKind::Summary][..], &[ResultKind::Heatmap]]);
        assert_eq!(profile.kinds().count(), 3);
    }

    #[test]
    fn what_is_no_profile_says_why() {
        for (text, why) in [
            (r#"["cad-sr"]"#, "unknown variant `cad-sr`, expected one of `json`"),
            (r#"[["summary", "page"]]"#, "unknown variant `page`"),
            (r#"[[]]"#, "a list of kinds is empty"),
            (r#"[["cad_sr", "summary"], "summary"]"#, "`summary` stands there twice"),
            (r#"[7]"#, "a kind of object, or a list of kinds"),
        ] {
            let error = parse(text).unwrap_err().to_string();
            assert!(error.contains(why), "{text}: {error}");
        }
    }
}
