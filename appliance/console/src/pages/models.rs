use maud::{Markup, html};

use super::parts::{self, badge};
use crate::device::{Model, ModelChange, ModelRole, Models, SelfTest};
use crate::jobs::Work;
use crate::sessions::Session;

/// A change of a model, as a button says it.
pub const fn change_text(change: ModelChange) -> &'static str {
    match change {
        ModelChange::Activate => "Activate",
        ModelChange::Confirm => "Confirm",
        ModelChange::RollBack => "Roll back",
        ModelChange::Remove => "Remove",
        ModelChange::Shadow => "Run as shadow",
    }
}

/// The models, and the work on them.
pub fn models(models: &Models, work: Option<&Work>, session: &Session) -> Markup {
    html! {
        section id="work" data-live aria-live="polite" aria-label="Work on models" {
            @if let Some(work) = work { (under_way(work)) }
            @if let Some(last) = &models.last { p { "Last change: " (last) } }
        }
        (parts::only_technicians(session))
        section id="slots" data-live aria-labelledby="slots-title" {
            h2 id="slots-title" { "On the device" }
            ul.cards { @for model in &models.models { li { (card(model, session)) } } }
        }
        @if parts::may_act(session) && models.can_install { (upload(session)) }
    }
}

fn under_way(work: &Work) -> Markup {
    html! {
        @match &work.outcome {
            Some(outcome) => {
                p { (work.title) " (" (work.who) "): "
                    (if outcome.good { badge("good", "✓", "done") } else { badge("bad", "✕", "failed") }) " " (outcome.sentence) }
            }
            None => {
                p { (badge("calm", "…", "Under way")) " " (work.title) " (" (work.who) "): " (work.progress.step) }
                @if work.progress.total > 0 {
                    progress aria-label=(work.title) value=(work.progress.done) max=(work.progress.total) {}
                } @else {
                    progress aria-label=(work.title) {}
                }
                p.hint { "This part of the page renews itself. Without scripts: " a href="/models" { "look again" } "." }
            }
        }
    }
}

fn role(role: ModelRole) -> Markup {
    match role {
        ModelRole::Active => badge("good", "✓", "Active"),
        ModelRole::OnTrial => badge("attention", "!", "On trial"),
        ModelRole::Previous => badge("calm", "↶", "Previous"),
        ModelRole::Shadow => badge("calm", "◐", "Shadow"),
        ModelRole::Installed => badge("calm", "–", "Installed"),
    }
}

/// What is offered; the device has the last word.
fn changes(role: ModelRole, sequence: Option<u64>) -> Vec<ModelChange> {
    match role {
        ModelRole::Active if sequence.is_some() => vec![ModelChange::RollBack],
        ModelRole::Active => vec![],
        ModelRole::OnTrial => vec![ModelChange::Confirm, ModelChange::RollBack],
        ModelRole::Previous => vec![ModelChange::Remove],
        ModelRole::Shadow => vec![ModelChange::Activate, ModelChange::Remove],
        ModelRole::Installed if sequence.is_some() => {
            vec![ModelChange::Activate, ModelChange::Shadow, ModelChange::Remove]
        }
        ModelRole::Installed => vec![],
    }
}

fn card(model: &Model, session: &Session) -> Markup {
    let about = format!("{} {}", model.name, model.version);
    html! {
        h3 { (about) " " (role(model.role)) }
        dl.pairs {
            dt { "Id" } dd { (model.id.short()) }
            dt { "Label" } dd { (model.label) }
            dt { "Sequence" } dd { @if let Some(sequence) = model.sequence { (sequence) } @else { "built into the software" } }
            dt { "Signed by" } dd { (model.key.as_deref().unwrap_or("built into the software")) }
            dt { "Self-test" } dd { (self_test(&model.self_test)) }
        }
        @for note in &model.notes { p { (note) } }
        @if parts::may_act(session) {
            div.actions {
                @for change in changes(model.role, model.sequence) {
                    @let action = format!("/models/{}/{}", model.id, change.name());
                    @if change == ModelChange::Remove {
                        details { summary { "Remove" span.unseen { " " (about) } } (parts::button(session, &action, "Remove for good", &about)) }
                    } @else {
                        (parts::button(session, &action, change_text(change), &about))
                    }
                }
            }
        }
    }
}

fn self_test(test: &SelfTest) -> Markup {
    match test {
        SelfTest::NotRun => badge("calm", "–", "not run here yet"),
        SelfTest::Passed => badge("good", "✓", "passed"),
        SelfTest::Failed(why) => html! { (badge("bad", "✕", "failed")) " " (why) },
    }
}

fn upload(session: &Session) -> Markup {
    html! {
        section aria-labelledby="install-title" {
            h2 id="install-title" { "Install a model" }
            p { "The bundle is checked: signature, every file, and whether it fits this device. Nothing runs with it until it is activated." }
            form.narrow id="upload" method="post" action="/models/install" enctype="multipart/form-data" {
                (parts::token(session))
                p { label for="bundle" { "Bundle (.mbundle)" } input id="bundle" name="bundle" type="file" required; }
                p { button.main { "Install" } }
                p id="upload-state" role="status" {}
            }
        }
    }
}
