//! Small things that several pages show. Nothing is said by colour alone: each state has a sign and a word.

use maud::{Markup, html};

use crate::device::{DeliveryState, Health, Laterality, StudyLine, StudyState, Verdict, View, Window};
use crate::sessions::Session;
use crate::{Role, text};

/// Whether actions are offered.
pub fn may_act(session: &Session) -> bool {
    session.role == Role::Technician
}

/// Said to viewers where a technician finds buttons.
pub fn only_technicians(session: &Session) -> Markup {
    html! { @if !may_act(session) { p.hint { "Only technicians can change something here." } } }
}

/// The session's token, in each form.
pub fn token(session: &Session) -> Markup {
    html! { input type="hidden" name="form" value=(session.csrf); }
}

/// A form that is one button.
pub fn button(session: &Session, action: &str, name: &str, about: &str) -> Markup {
    html! {
        form.inline method="post" action=(action) {
            (token(session))
            button { (name) span.unseen { " " (about) } }
        }
    }
}

/// A sign, a word and a colour.
pub fn badge(kind: &str, sign: &str, word: &str) -> Markup {
    html! { span.badge.(kind) { span aria-hidden="true" { (sign) } " " (word) } }
}

/// How a device or a part of it is.
pub fn health(health: Health) -> Markup {
    match health {
        Health::Good => badge("good", "✓", "Works"),
        Health::Attention => badge("attention", "!", "Needs attention"),
        Health::Failed => badge("bad", "✕", "Does not work"),
    }
}

/// How a check ended.
pub fn verdict(verdict: Verdict) -> Markup {
    match verdict {
        Verdict::Ok => badge("good", "✓", "OK"),
        Verdict::Attention => badge("attention", "!", "Attention"),
        Verdict::Failed => badge("bad", "✕", "Failed"),
    }
}

/// As what a study's report was given.
pub fn study_state(state: StudyState) -> Markup {
    match state {
        StudyState::Collecting => badge("calm", "…", "Collecting"),
        StudyState::Provisional => badge("calm", "◔", "Provisional"),
        StudyState::Final => badge("good", "✓", "Final"),
        StudyState::Revised => badge("good", "✓", "Revised"),
    }
}

/// A state of deliveries in a word.
pub const fn delivery_word(state: DeliveryState) -> &'static str {
    match state {
        DeliveryState::Waiting => "Waiting",
        DeliveryState::Committing => "Taken, not confirmed yet",
        DeliveryState::Delivered => "Delivered",
        DeliveryState::Parked => "Parked",
        DeliveryState::Standby => "Standing by",
        DeliveryState::Replaced => "Replaced",
    }
}

/// Where a delivery stands.
pub fn delivery_state(state: DeliveryState) -> Markup {
    let (kind, sign) = match state {
        DeliveryState::Waiting | DeliveryState::Committing => ("calm", "…"),
        DeliveryState::Delivered => ("good", "✓"),
        DeliveryState::Parked => ("bad", "✕"),
        DeliveryState::Standby | DeliveryState::Replaced => ("calm", "–"),
    };
    badge(kind, sign, delivery_word(state))
}

/// Which breast, in a word.
pub const fn laterality(laterality: Laterality) -> &'static str {
    match laterality {
        Laterality::Right => "Right",
        Laterality::Left => "Left",
    }
}

/// `Right CC`, or what is known of it.
pub fn view(view: &View) -> String {
    let side = view.laterality.map(laterality);
    match (side, view.position.as_deref()) {
        (Some(side), Some(position)) => format!("{side} {position}"),
        (Some(side), None) => format!("{side}, view unknown"),
        (None, Some(position)) => format!("{position}, side unknown"),
        (None, None) => "Side and view unknown".into(),
    }
}

/// `R CC`, for lists.
pub fn view_short(view: &View) -> String {
    let side = view.laterality.map_or("?", |side| &laterality(side)[..1]);
    format!("{side} {}", view.position.as_deref().unwrap_or("?"))
}

/// Studies, in lines.
pub fn study_table(studies: &[StudyLine], caption: &str) -> Markup {
    html! {
        table.stacked {
            caption.unseen { (caption) }
            thead { tr {
                th scope="col" { "Study" } th scope="col" { "State" } th scope="col" { "Views" }
                th scope="col" { "Images" } th scope="col" { "Last image" }
            } }
            tbody {
                @for study in studies {
                    tr {
                        th scope="row" data-label="Study" {
                            a href={ "/studies/" (study.id) } { (study.id.short()) }
                            @if study.synthetic { " " (badge("calm", "◇", "Synthetic")) }
                        }
                        td data-label="State" {
                            (study_state(study.state))
                            @if study.revision > 1 { " revision " (study.revision) }
                            @if study.deliveries_parked > 0 {
                                " " (badge("bad", "✕", &format!("{} parked", study.deliveries_parked)))
                            }
                        }
                        td data-label="Views" {
                            (study.views.iter().map(view_short).collect::<Vec<_>>().join(", "))
                            @if study.views.is_empty() { "none yet" }
                        }
                        td data-label="Images" { (images(study)) }
                        td data-label="Last image" { (text::time(study.last_received_at_ms)) }
                    }
                }
            }
        }
    }
}

/// `6 received, 4 scored, 1 excluded`.
pub fn images(study: &StudyLine) -> String {
    let mut parts = vec![format!("{} received", study.images_received), format!("{} scored", study.images_scored)];
    for (count, word) in [(study.images_excluded, "excluded"), (study.images_failed, "failed")] {
        if count > 0 {
            parts.push(format!("{count} {word}"));
        }
    }
    parts.join(", ")
}

/// Links to the parts of a list before and after; `address` ends in `?` or `&`.
pub fn pager(address: &str, window: Window, total: u64) -> Markup {
    let last = (window.skip as u64).saturating_add(window.take as u64).min(total);
    html! {
        @if total > 0 {
            nav.pager aria-label="Parts of the list" {
                p { (window.skip + 1) " to " (last) " of " (total) }
                @if window.skip > 0 {
                    a href={ (address) "skip=" (window.skip.saturating_sub(window.take)) } rel="prev" { "← Newer" }
                }
                @if last < total { a href={ (address) "skip=" (last) } rel="next" { "Older →" } }
            }
        }
    }
}
