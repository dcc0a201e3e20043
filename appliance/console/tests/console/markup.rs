//! A reader of pages that is strict: what is open is closed, and what a page must have is looked for.

/// One element, in the order of the page.
#[derive(Debug, Clone)]
pub struct Element {
    pub name: String,
    pub attributes: Vec<(String, String)>,
    /// The text in it.
    pub text: String,
}

impl Element {
    pub fn get(&self, name: &str) -> Option<&str> {
        self.attributes.iter().find(|(one, _)| one == name).map(|(_, value)| value.as_str())
    }
}

const VOID: [&str; 5] = ["meta", "link", "input", "img", "br"];

/// All elements; panics when a page is not well formed.
pub fn elements(page: &str) -> Vec<Element> {
    let mut rest = page.strip_prefix("<!DOCTYPE html>").expect("a doctype");
    let (mut all, mut open): (Vec<Element>, Vec<usize>) = (Vec::new(), Vec::new());
    while let Some(at) = rest.find('<') {
        let text = &rest[..at];
        assert!(!text.contains('>'), "a stray > in {text}");
        open.iter().for_each(|index| all[*index].text.push_str(text));
        let end = rest[at..].find('>').expect("a closed tag") + at;
        let tag = &rest[at + 1..end];
        rest = &rest[end + 1..];
        if let Some(name) = tag.strip_prefix('/') {
            let index = open.pop().expect("something open");
            assert_eq!(all[index].name, name, "closed in order");
            continue;
        }
        let (name, attributes) = tag.split_once(' ').unwrap_or((tag, ""));
        all.push(Element { name: name.into(), attributes: parsed(attributes), text: String::new() });
        if !VOID.contains(&name) {
            open.push(all.len() - 1);
        }
    }
    assert!(open.is_empty(), "all is closed");
    all
}

fn parsed(mut text: &str) -> Vec<(String, String)> {
    let mut attributes = Vec::new();
    while !text.trim().is_empty() {
        text = text.trim_start();
        let name_end = text.find([' ', '=']).unwrap_or(text.len());
        let name = text[..name_end].to_owned();
        text = &text[name_end..];
        let value = if let Some(quoted) = text.strip_prefix("=\"") {
            let (value, after) = quoted.split_once('"').expect("a closed quote");
            text = after;
            value.to_owned()
        } else {
            assert!(!text.starts_with('='), "values are quoted");
            String::new()
        };
        attributes.push((name, value));
    }
    attributes
}

/// What each page must have, whatever it shows.
pub fn check(path: &str, page: &str, signed_in: bool) {
    let all = elements(page);
    let count = |name: &str| all.iter().filter(|one| one.name == name).count();
    let with = |name: &str, attribute: &str, value: &str| {
        all.iter().any(|one| one.name == name && one.get(attribute) == Some(value))
    };
    assert!(page.contains("Research use only, not a medical device"), "{path}");
    assert!(with("html", "lang", "en"), "{path}: a language");
    for name in ["h1", "main", "header", "title"] {
        assert_eq!(count(name), 1, "{path}: one {name}");
    }
    let skips = all.iter().find(|one| one.name == "a").and_then(|one| one.get("href")) == Some("#content");
    assert!(skips && with("main", "id", "content"), "{path}: the first link skips to the content");
    if signed_in {
        assert!(with("nav", "aria-label", "Pages") && with("a", "aria-current", "page"), "{path}: a menu");
    }
    let ids: Vec<&str> = all.iter().filter_map(|one| one.get("id")).collect();
    for (index, id) in ids.iter().enumerate() {
        assert!(!ids[..index].contains(id), "{path}: two of {id}");
    }
    for one in &all {
        let about = format!("{path}: {one:?}");
        assert!(one.attributes.iter().all(|(name, _)| name != "style" && !name.starts_with("on")), "{about}: inline");
        match one.name.as_str() {
            "input" | "select" if one.get("type") != Some("hidden") => {
                let id = one.get("id").unwrap_or_else(|| panic!("{about}: an id"));
                assert!(with("label", "for", id), "{about}: a label");
            }
            "th" => assert!(one.get("scope").is_some(), "{about}: a scope"),
            "img" => assert!(one.get("alt").is_some_and(|alt| !alt.is_empty()), "{about}: a text instead"),
            "button" | "a" | "summary" | "h1" | "h2" | "h3" | "caption" => {
                assert!(!one.text.trim().is_empty(), "{about}: a text")
            }
            "script" => assert!(one.get("src") == Some("/live.js") && one.text.is_empty(), "{about}: inline"),
            "form" if one.get("method") == Some("post") => assert!(one.get("action").is_some(), "{about}"),
            _ => {}
        }
        for name in ["aria-labelledby", "aria-describedby"] {
            if let Some(id) = one.get(name) {
                assert!(ids.contains(&id), "{about}: {id} is there");
            }
        }
        if one.get("data-live").is_some() {
            assert!(one.get("id").is_some(), "{about}: an id");
        }
    }
    let levels: Vec<u8> = all.iter().filter_map(|one| one.name.strip_prefix('h')?.parse().ok()).collect();
    for pair in levels.windows(2) {
        assert!(pair[1] <= pair[0] + 1, "{path}: no level of headings is left out: {levels:?}");
    }
    let tables = all.iter().filter(|one| one.name == "table").count();
    assert_eq!(tables, count("caption"), "{path}: each table has a caption");
}

#[test]
fn faults_of_pages_are_found() {
    let good = "<!DOCTYPE html><html lang=\"en\"><head><title>a</title></head><body><a class=\"skip\" href=\"#content\">s</a>\
                <header>Research use only, not a medical device</header><main id=\"content\"><h1>a</h1>MORE</main></body></html>";
    check("good", &good.replace("MORE", ""), false);
    for bad in [
        "<input id=\"a\">",
        "<p style=\"color: red\">a</p>",
        "<button onclick=\"a()\">a</button>",
        "<h1>b</h1>",
        "<h3>b</h3>",
        "<table><tr><th>a</th></tr></table>",
        "<img src=\"a\">",
        "<button></button>",
        "<script>a()</script>",
        "<p>",
        "<p id=\"content\">a</p>",
        "<section aria-labelledby=\"nobody\"></section>",
    ] {
        let page = good.replace("MORE", bad);
        assert!(std::panic::catch_unwind(|| check("bad", &page, false)).is_err(), "{bad}");
    }
}
