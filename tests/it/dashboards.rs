//! The Grafana dashboard and the alert rules: they ask only for what the gateway shows.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;

use serde::Deserialize;
use serde_json::{Value, json};

use crate::support::House;

const DASHBOARD: &str = "helm/policyguard/dashboards/policyguard.json";
const ALERTS: &str = "helm/policyguard/alerts/policyguard.yaml";
const GUIDE: &str = "docs/how-to/monitoring.md";
/// What Prometheus itself adds to every series that it scrapes, and to buckets.
const ADDED: [&str; 3] = ["job", "instance", "le"];
/// Words of `PromQL` between operands, that are no figures.
const OPERATORS: [&str; 5] = ["and", "or", "unless", "bool", "offset"];
/// Words that are followed by a list of labels.
const LISTS: [&str; 4] = ["by", "without", "on", "ignoring"];

fn read(file: &str) -> String {
    fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join(file)).unwrap()
}

/// What a gateway shows: for each figure its labels, and for each label its values.
type Shown = BTreeMap<String, BTreeMap<String, BTreeSet<String>>>;

/// What a gateway shows after a call that is allowed and one that is denied.
async fn shown() -> Shown {
    let house = House::new().await;
    house.execute("list_services", json!({})).await;
    house
        .execute("restart_service", json!({ "service_name": "cache" }))
        .await;
    let reply = house.get("/metrics").await;
    let mut shown = Shown::new();
    for line in reply.body.as_str().unwrap().lines() {
        if line.starts_with('#') {
            continue;
        }
        let (series, _) = line.rsplit_once(' ').unwrap();
        let (name, labels) = series.split_once('{').unwrap_or((series, ""));
        let figure = shown.entry(name.to_owned()).or_default();
        for pair in labels
            .trim_end_matches('}')
            .split(',')
            .filter(|pair| !pair.is_empty())
        {
            let (label, value) = pair.split_once('=').unwrap();
            let values = figure.entry(label.to_owned()).or_default();
            values.insert(value.trim_matches('"').to_owned());
        }
    }
    shown
}

/// What an expression asks for.
#[derive(Debug, Default, PartialEq, Eq)]
struct Asked {
    figures: BTreeSet<String>,
    /// Figure, label, and the value (or pattern) that it is compared with.
    matchers: Vec<(String, String, String)>,
    /// The labels of `by (…)`.
    grouped: Option<BTreeSet<String>>,
}

impl Asked {
    /// Reads as much of `PromQL` as it takes to know the names.
    fn of(expression: &str) -> Self {
        let mut asked = Self::default();
        let mut rest = expression.trim_start();
        let mut last = String::new();
        while let Some(first) = rest.chars().next() {
            let word = rest.len()
                - rest
                    .trim_start_matches(|c: char| c.is_ascii_alphanumeric() || c == '_' || c == ':')
                    .len();
            if first.is_ascii_alphabetic() {
                let name = &rest[..word];
                rest = rest[word..].trim_start();
                if LISTS.contains(&name) {
                    let (list, behind) = rest[1..].split_once(')').unwrap();
                    let labels = list.split(',').map(|label| label.trim().to_owned());
                    asked.grouped.get_or_insert_default().extend(labels);
                    rest = behind;
                } else if !is_function(rest) && !OPERATORS.contains(&name) {
                    name.clone_into(&mut last);
                    asked.figures.insert(last.clone());
                }
            } else if first == '{' {
                let (list, behind) = rest[1..].split_once('}').unwrap();
                for matcher in list.split(',') {
                    let (label, value) = matcher.split_once('=').unwrap();
                    let label = label.trim().trim_end_matches('!').to_owned();
                    let value = value.trim_start_matches('~').trim_matches('"').to_owned();
                    asked.matchers.push((last.clone(), label, value));
                }
                rest = behind;
            } else if first == '[' {
                rest = rest.split_once(']').unwrap().1;
            } else {
                rest = &rest[word.max(1)..];
            }
            rest = rest.trim_start();
        }
        asked
    }

    /// Holds it against what is shown; `place` says where it stands.
    fn check(&self, shown: &Shown, place: &str) {
        assert!(!self.figures.is_empty(), "{place} asks for nothing");
        for figure in &self.figures {
            assert!(
                shown.contains_key(figure),
                "{place}: no figure is called `{figure}`"
            );
        }
        for (figure, label, value) in &self.matchers {
            if ADDED.contains(&label.as_str()) {
                continue;
            }
            let values = shown[figure].get(label);
            let values = values.unwrap_or_else(|| panic!("{place}: `{figure}` has no `{label}`"));
            for value in value.split('|') {
                assert!(
                    values.contains(value),
                    "{place}: `{label}` of `{figure}` is never `{value}`, but {values:?}"
                );
            }
        }
        for label in self.grouped.iter().flatten() {
            assert!(
                self.may_have(label, shown),
                "{place}: nothing there has the label `{label}`"
            );
        }
    }

    /// Whether a result of it may have this label.
    fn may_have(&self, label: &str, shown: &Shown) -> bool {
        let has = |figure: &String| shown[figure].contains_key(label);
        ADDED.contains(&label) || self.figures.iter().any(has)
    }

    /// Holds the labels that a text about its results names against those they have.
    fn check_text(&self, text: &str, prefix: &str, shown: &Shown) {
        for rest in text.split("{{").skip(1) {
            let words = rest.split("}}").next().unwrap();
            let Some(label) = words.trim().strip_prefix(prefix) else {
                continue;
            };
            let label = label.split([' ', '|']).next().unwrap();
            let kept = self.grouped.as_ref();
            assert!(
                kept.is_none_or(|kept| kept.contains(label)) && self.may_have(label, shown),
                "`{text}` names `{label}`, which is not there any more"
            );
        }
    }
}

/// Whether what stands before this is the name of a function: `rate(…)`, `sum by (…) (…)`.
fn is_function(rest: &str) -> bool {
    let next = rest.split([' ', '(']).next().unwrap();
    rest.starts_with('(') || LISTS.contains(&next)
}

#[test]
fn an_expression_is_read_as_what_it_asks_for() {
    let text = r#"histogram_quantile(0.9, sum by (le, job) (rate(a_bucket{x=~"1|2",y!="3"}[5m]))) > 3e2 and b == 1"#;
    let asked = Asked::of(text);
    let own = |text: &str| text.to_owned();
    assert_eq!(asked.figures, BTreeSet::from([own("a_bucket"), own("b")]));
    let matchers = [("x", "1|2"), ("y", "3")];
    let matchers = matchers.map(|(label, value)| (own("a_bucket"), own(label), own(value)));
    assert_eq!(asked.matchers, matchers);
    assert_eq!(asked.grouped, Some(BTreeSet::from([own("le"), own("job")])));
}

#[derive(Deserialize)]
struct Rules {
    groups: Vec<Group>,
}

#[derive(Deserialize)]
struct Group {
    rules: Vec<Rule>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Rule {
    alert: String,
    expr: String,
    #[serde(default, rename = "for")]
    _lasting: String,
    labels: BTreeMap<String, String>,
    annotations: BTreeMap<String, String>,
}

#[tokio::test]
async fn every_alert_asks_for_figures_that_are_shown() {
    let shown = shown().await;
    let rules: Rules = serde_yaml::from_str(&read(ALERTS)).unwrap();
    let rules: Vec<Rule> = rules
        .groups
        .into_iter()
        .flat_map(|group| group.rules)
        .collect();
    assert!(rules.len() >= 15, "the rules were not read");
    for rule in &rules {
        let asked = Asked::of(&rule.expr);
        asked.check(&shown, &rule.alert);
        for text in rule.annotations.values() {
            asked.check_text(text, "$labels.", &shown);
        }
    }
}

#[test]
fn every_alert_says_what_it_means_and_the_guide_what_to_do() {
    let guide = read(GUIDE);
    let rules: Rules = serde_yaml::from_str(&read(ALERTS)).unwrap();
    let mut names = BTreeSet::new();
    for rule in rules.groups.into_iter().flat_map(|group| group.rules) {
        let name = rule.alert;
        assert!(
            matches!(
                rule.labels["severity"].as_str(),
                "critical" | "warning" | "info"
            ),
            "{name}"
        );
        for part in ["summary", "description"] {
            assert!(rule.annotations[part].len() > 20, "{name} has no {part}");
        }
        let place = format!("{GUIDE}#{}", name.to_ascii_lowercase());
        assert_eq!(rule.annotations["runbook"], place);
        assert!(
            guide.contains(&format!("\n### {name}\n")),
            "{GUIDE} says nothing of {name}"
        );
        assert!(names.insert(name), "a name twice");
    }
    let told = guide.lines().filter_map(|line| line.strip_prefix("### "));
    for name in told.filter(|name| name.starts_with("Policyguard")) {
        assert!(names.contains(name), "there is no alert {name}");
    }
}

#[tokio::test]
async fn every_panel_asks_for_figures_that_are_shown_and_every_figure_has_one() {
    let shown = shown().await;
    let dashboard: Value = serde_json::from_str(&read(DASHBOARD)).unwrap();
    let list = |place: &str| {
        dashboard
            .pointer(place)
            .unwrap()
            .as_array()
            .unwrap()
            .clone()
    };
    let mut used = BTreeSet::new();
    let mut ids = BTreeSet::new();
    for panel in list("/panels") {
        let title = panel["title"].as_str().unwrap();
        assert!(ids.insert(panel["id"].as_u64().unwrap()), "{title}");
        let targets = panel["targets"].as_array().cloned().unwrap_or_default();
        assert_eq!(targets.is_empty(), panel["type"] == "row", "{title}");
        for target in targets {
            let asked = Asked::of(target["expr"].as_str().unwrap());
            asked.check(&shown, title);
            asked.check_text(target["legendFormat"].as_str().unwrap(), "", &shown);
            used.extend(asked.figures);
        }
    }
    for note in list("/annotations/list") {
        Asked::of(note["expr"].as_str().unwrap()).check(&shown, "an annotation");
    }
    for variable in list("/templating/list") {
        let Some(question) = variable["query"]["query"].as_str() else {
            continue;
        };
        let inner = question.strip_prefix("label_values(").unwrap();
        let (of, label) = inner.trim_end_matches(')').rsplit_once(',').unwrap();
        Asked::of(of).check(&shown, question);
        assert!(ADDED.contains(&label.trim()), "{question}");
    }
    let unseen: Vec<&String> = shown.keys().filter(|name| !used.contains(*name)).collect();
    assert!(unseen.is_empty(), "no panel shows {unseen:?}");
}
