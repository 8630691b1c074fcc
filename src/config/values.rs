//! The values as texts, read into their types; what does not fit becomes a problem.

use std::ops::RangeInclusive;
use std::time::Duration;

use super::{Resolved, ValueOrigin};

/// What was set, and what is wrong with it.
pub(super) struct Values<'a> {
    pub(super) resolved: &'a [Resolved],
    pub(super) problems: &'a mut Vec<String>,
}

impl<'a> Values<'a> {
    /// The value as it was written.
    pub(super) fn text(&self, key: &str) -> &'a str {
        self.setting(key)
            .map_or("", |setting| setting.value.as_str())
    }

    /// Whether somebody set it.
    pub(super) fn is_set(&self, key: &str) -> bool {
        self.setting(key)
            .is_some_and(|setting| setting.origin != ValueOrigin::Default)
    }

    /// The items of a list.
    pub(super) fn list(&self, key: &str) -> impl Iterator<Item = &'a str> + use<'a> {
        let items = self.text(key).split(',').map(str::trim);
        items.filter(|item| !item.is_empty())
    }

    /// The items of a list, for as long as the configuration.
    pub(super) fn texts(&self, key: &str) -> Vec<String> {
        self.list(key).map(str::to_owned).collect()
    }

    /// The number; the first of the range stands in for one that does not fit.
    pub(super) fn number(&mut self, key: &str, range: RangeInclusive<usize>, unit: &str) -> usize {
        let text = self.text(key);
        // `+5` is a number for Rust, but nobody writes it on purpose.
        let digits = text.bytes().all(|byte| byte.is_ascii_digit());
        let number = text.parse().ok();
        let number = number.filter(|number| digits && range.contains(number));
        number.unwrap_or_else(|| {
            let (from, to) = range.clone().into_inner();
            self.wrong(key, &format!("{unit} from {from} to {to}"));
            from
        })
    }

    /// The length of time; the longest stands in for one that does not fit.
    pub(super) fn duration(&mut self, key: &str, longest: Duration) -> Duration {
        let length = duration(self.text(key)).filter(|length| *length <= longest);
        length.unwrap_or_else(|| {
            self.wrong(key, "a time from 1s to 24h, as `90s`, `10m`, `1h`");
            longest
        })
    }

    /// The value of the word that is set, of which the first stands in for one that nobody knows.
    pub(super) fn word<T: Copy>(&mut self, key: &str, wanted: &str, words: &[(&str, T); 2]) -> T {
        let set = self.text(key);
        let known = words.iter().find(|(word, _)| *word == set);
        let [(_, first), _] = words;
        known.map_or_else(
            || {
                self.wrong(key, wanted);
                *first
            },
            |(_, value)| *value,
        )
    }

    /// Notes that the value is not what is wanted.
    pub(super) fn wrong(&mut self, key: &str, wanted: &str) {
        self.wrong_part(key, self.text(key), wanted);
    }

    /// Notes that a part of the value is not what is wanted.
    pub(super) fn wrong_part(&mut self, key: &str, part: &str, wanted: &str) {
        let origin = self.origin(key);
        let problem = format!("`{key}` must be {wanted}, not `{part}` ({origin})");
        self.problems.push(problem);
    }

    /// Where the value comes from, for people.
    pub(super) fn origin(&self, key: &str) -> String {
        self.setting(key)
            .map_or_else(String::new, |setting| setting.origin.to_string())
    }

    fn setting(&self, key: &str) -> Option<&'a Resolved> {
        self.resolved.iter().find(|setting| setting.key == key)
    }
}

/// The time of `90s`, `10m`, `1h` or, in seconds, `90`; none is no time.
fn duration(text: &str) -> Option<Duration> {
    let digits = text.trim_end_matches(|c: char| c.is_ascii_alphabetic());
    let seconds = match text.strip_prefix(digits)? {
        "" | "s" => 1,
        "m" => 60,
        "h" => 3600,
        _ => return None,
    };
    let number = digits.bytes().all(|byte| byte.is_ascii_digit());
    let count: u64 = digits.parse().ok().filter(|count| number && *count > 0)?;
    count.checked_mul(seconds).map(Duration::from_secs)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_have_a_unit_or_are_seconds() {
        for (text, seconds) in [("90", 90), ("90s", 90), ("10m", 600), ("24h", 86_400)] {
            assert_eq!(duration(text), Some(Duration::from_secs(seconds)), "{text}");
        }
        for bad in [
            "",
            "0",
            "0m",
            "m",
            "-1s",
            "+1s",
            "1d",
            "1.5h",
            "10 m",
            "99999999999999999999h",
        ] {
            assert_eq!(duration(bad), None, "{bad}");
        }
    }
}
