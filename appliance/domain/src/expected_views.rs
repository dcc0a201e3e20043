//! Which views a site takes of an examination.

use serde::{Deserialize, Serialize};
use thiserror::Error;

use crate::report::EXPECTED_VIEWS;
use crate::{Laterality, View};

/// The views that make an examination complete: all four of a screening examination unless a site says otherwise, for
/// instance one that only sees patients after mastectomy. Written as `["R CC", "R MLO", "L CC", "L MLO"]`; never empty.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "Vec<String>", into = "Vec<String>")]
pub struct ExpectedViews([bool; 4]);

/// A list that is no set of views.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[error("expected views are one or more of \"R CC\", \"R MLO\", \"L CC\" and \"L MLO\", each once")]
pub struct ExpectedViewsError;

impl ExpectedViews {
    /// The views, in the order in which reports name them.
    pub fn iter(self) -> impl Iterator<Item = (Laterality, View)> {
        EXPECTED_VIEWS.into_iter().zip(self.0).filter_map(|(view, is_expected)| is_expected.then_some(view))
    }

    /// Is this view expected?
    #[must_use]
    pub fn contains(self, view: (Laterality, View)) -> bool {
        self.iter().any(|expected| expected == view)
    }
}

impl Default for ExpectedViews {
    fn default() -> Self {
        Self([true; 4])
    }
}

impl TryFrom<Vec<String>> for ExpectedViews {
    type Error = ExpectedViewsError;

    fn try_from(texts: Vec<String>) -> Result<Self, ExpectedViewsError> {
        let mut found = [false; 4];
        for text in &texts {
            let place = EXPECTED_VIEWS.iter().position(|view| name(*view) == *text).ok_or(ExpectedViewsError)?;
            if std::mem::replace(&mut found[place], true) {
                return Err(ExpectedViewsError);
            }
        }
        if texts.is_empty() { Err(ExpectedViewsError) } else { Ok(Self(found)) }
    }
}

impl From<ExpectedViews> for Vec<String> {
    fn from(views: ExpectedViews) -> Self {
        views.iter().map(name).collect()
    }
}

fn name((side, view): (Laterality, View)) -> String {
    format!("{} {}", side.letter(), view.term())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(texts: &[&str]) -> Result<ExpectedViews, ExpectedViewsError> {
        ExpectedViews::try_from(texts.iter().map(|text| (*text).to_owned()).collect::<Vec<_>>())
    }

    #[test]
    fn views_are_written_as_reports_name_them() {
        for texts in [&[][..], &["R CC", "R CC"], &["CC"], &["R ML"], &["r cc"], &["R CC", "B MLO"]] {
            assert_eq!(parse(texts), Err(ExpectedViewsError), "{texts:?}");
        }
        let left = parse(&["L MLO", "L CC"]).unwrap();
        assert_eq!(Vec::<String>::from(left), ["L CC", "L MLO"]);
        assert!(left.contains((Laterality::Left, View::CranioCaudal)));
        assert!(!left.contains((Laterality::Right, View::CranioCaudal)));
        let all: Vec<_> = ExpectedViews::default().iter().collect();
        assert_eq!(all, EXPECTED_VIEWS);
    }
}
