//! Are those who sent a study's images still at it?

use crate::UnixMillis;

/// What the receiver knows of the associations that are open with the application entities that sent a study's images.
/// Default: nothing is open.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Senders {
    /// An association is open on which the last image was of this study.
    pub is_open: bool,
    /// One more image is coming in on such an association.
    pub is_receiving: bool,
    /// The oldest association of theirs without an image so far: its study is not known yet.
    pub unknown_since: Option<UnixMillis>,
    /// The oldest image that is coming in from them and whose study is not known yet.
    pub receiving_unknown_since: Option<UnixMillis>,
    /// When the last association on which this study came was closed.
    pub closed_at: Option<UnixMillis>,
}

impl Senders {
    /// May more of the study come at once, so that a settling time that ends at `due` is not over? An association whose
    /// study is not known counts only when it was opened before: otherwise one that sends many studies, each on an
    /// association of its own, would hold them all.
    #[must_use]
    pub fn may_send_more(&self, due: UnixMillis) -> bool {
        self.is_open || self.unknown_since.is_some_and(|since| since < due) || self.are_sending(due)
    }

    /// Is an image coming in that may be of the study? Counted as in [`Senders::may_send_more`].
    #[must_use]
    pub fn are_sending(&self, due: UnixMillis) -> bool {
        self.is_receiving || self.receiving_unknown_since.is_some_and(|since| since < due)
    }
}
