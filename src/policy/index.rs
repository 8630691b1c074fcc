//! Finds the rules that may match a name, without looking at the others.
//!
//! Exact names by hash, literal starts and ends by hash per length, literals inside by Aho-Corasick. One big
//! `GlobSet` would be slower by orders of magnitude from 3,000 patterns on.

use std::collections::{BTreeSet, HashMap};
use std::hash::{BuildHasherDefault, Hasher};

use aho_corasick::AhoCorasick;

use crate::domain::Pattern;

use super::bundle::NamePatterns;
use super::mask::Mask;

/// One rule as the search sees it: its mask, and where to go on when the mask admits the request.
#[derive(Debug, Clone, Copy)]
pub(super) struct Head {
    /// The cheap part of the condition.
    pub(super) mask: Mask,
    /// The place in the order of decision; the lowest that fires decides.
    pub(super) rank: u32,
    /// Whether the mask decides alone.
    pub(super) plain: bool,
    /// Whether the name must still be matched against the rule's patterns.
    pub(super) verify: bool,
}

/// Heads by what their patterns say of the name.
#[derive(Debug, Default)]
pub(super) struct NameIndex {
    exact: Lists,
    prefixes: ByLength,
    suffixes: ByLength,
    inner: Option<AhoCorasick>,
    inner_lists: Vec<Vec<Head>>,
    loose: Vec<Head>,
}

type Lists = HashMap<Box<[u8]>, Vec<Head>, BuildHasherDefault<FastHasher>>;

#[derive(Debug, Default)]
struct ByLength {
    lengths: Vec<usize>,
    lists: Lists,
}

impl ByLength {
    fn new(lists: Lists) -> Self {
        let lengths: BTreeSet<usize> = lists.keys().map(|key| key.len()).collect();
        Self {
            lengths: lengths.into_iter().collect(),
            lists,
        }
    }
}

impl NameIndex {
    /// Files every head under what its patterns have in common with the names they match.
    ///
    /// The heads come in the order of their ranks, and every list keeps it.
    pub(super) fn build<'a>(heads: impl Iterator<Item = (Head, &'a NamePatterns)>) -> Self {
        let mut filing = Filing::default();
        for (head, patterns) in heads {
            let excludes = !patterns.exclude.is_empty();
            for entry in &patterns.include {
                // Without exclusion `*` needs no index: the rule stands among those for any name.
                if excludes || !entry.pattern.is_any() {
                    filing.file(&entry.pattern, head, excludes);
                }
            }
        }
        filing.finish()
    }

    /// Shows every list that may hold a head for the name, which is given in lower case.
    #[inline]
    pub(super) fn visit(&self, name: &[u8], mut see: impl FnMut(&[Head])) {
        if let Some(list) = self.exact.get(name) {
            see(list);
        }
        for &length in &self.prefixes.lengths {
            let Some(start) = name.get(..length) else {
                break; // lengths ascend
            };
            if let Some(list) = self.prefixes.lists.get(start) {
                see(list);
            }
        }
        for &length in &self.suffixes.lengths {
            let Some(end) = name
                .len()
                .checked_sub(length)
                .and_then(|from| name.get(from..))
            else {
                break;
            };
            if let Some(list) = self.suffixes.lists.get(end) {
                see(list);
            }
        }
        if let Some(inner) = &self.inner {
            for found in inner.find_overlapping_iter(name) {
                if let Some(list) = self.inner_lists.get(found.pattern().as_usize()) {
                    see(list);
                }
            }
        }
        if !self.loose.is_empty() {
            see(&self.loose);
        }
    }
}

#[derive(Default)]
struct Filing {
    exact: Lists,
    prefixes: Lists,
    suffixes: Lists,
    inner: HashMap<Box<[u8]>, Vec<Head>>,
    loose: Vec<Head>,
}

impl Filing {
    fn file(&mut self, pattern: &Pattern, head: Head, verify: bool) {
        let key = |part: &str| part.as_bytes().into();
        let head = Head {
            verify: head.verify || verify,
            ..head
        };
        let list = if let Some(name) = pattern.exact() {
            self.exact.entry(key(name)).or_default()
        } else if let Some(start) = pattern.prefix() {
            self.prefixes.entry(key(start)).or_default()
        } else if let Some(end) = pattern.suffix() {
            self.suffixes.entry(key(end)).or_default()
        } else if let Some(part) = pattern.inner() {
            self.inner.entry(key(part)).or_default()
        } else {
            let head = Head {
                verify: verify || !pattern.is_any(),
                ..head
            };
            let literal = longest_literal(pattern.as_str());
            let list = if literal.is_empty() {
                &mut self.loose
            } else {
                self.inner.entry(literal.into_bytes().into()).or_default()
            };
            list.push(head);
            return;
        };
        list.push(head);
    }

    fn finish(self) -> NameIndex {
        let (literals, mut inner_lists): (Vec<_>, Vec<_>) = self.inner.into_iter().unzip();
        let inner = (!literals.is_empty()).then(|| AhoCorasick::new(&literals));
        let (inner, loose) = match inner {
            None => (None, self.loose),
            Some(Ok(automaton)) => (Some(automaton), self.loose),
            // Too large for an automaton: then each of them is matched by itself.
            Some(Err(_)) => (
                None,
                unindexed(self.loose, std::mem::take(&mut inner_lists)),
            ),
        };
        NameIndex {
            exact: self.exact,
            prefixes: ByLength::new(self.prefixes),
            suffixes: ByLength::new(self.suffixes),
            inner,
            inner_lists,
            loose,
        }
    }
}

fn unindexed(loose: Vec<Head>, lists: Vec<Vec<Head>>) -> Vec<Head> {
    let others = lists.into_iter().flatten().map(|head| Head {
        verify: true,
        ..head
    });
    let mut all: Vec<Head> = loose.into_iter().chain(others).collect();
    all.sort_by_key(|head| head.rank);
    all
}

/// The longest run of plain characters that every name holds which the glob matches, in lower case.
fn longest_literal(glob: &str) -> String {
    let mut best = String::new();
    let mut run = String::new();
    let mut depth = 0_usize;
    let mut rest = glob.chars();
    while let Some(c) = rest.next() {
        let plain = match c {
            '{' => {
                depth += 1;
                None
            }
            '}' => {
                depth = depth.saturating_sub(1);
                None
            }
            '[' => {
                skip_class(&mut rest);
                None
            }
            '*' | '?' => None,
            '\\' => rest.next(),
            c => Some(c),
        };
        match plain.filter(|_| depth == 0) {
            Some(c) => run.push(c.to_ascii_lowercase()),
            None => run.clear(),
        }
        if run.len() > best.len() {
            best.clone_from(&run);
        }
    }
    best
}

/// Goes behind the `]` of a class. Patterns are checked, so the class is closed and not empty.
fn skip_class(rest: &mut std::str::Chars<'_>) {
    rest.find(|&c| c == ']');
}

/// A quick hash for names. The tables are filled by policy and catalogue alone, so nobody can choose collisions.
#[derive(Debug, Default, Clone, Copy)]
pub(super) struct FastHasher(u64);

impl FastHasher {
    #[inline]
    const fn mix(&mut self, word: u64) {
        self.0 = (self.0.rotate_left(5) ^ word).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    }
}

impl Hasher for FastHasher {
    #[inline]
    fn write(&mut self, bytes: &[u8]) {
        // Most names are 8 to 16 bytes: two words that overlap.
        if let (Some(first), Some(last), 8..=16) =
            (bytes.first_chunk(), bytes.last_chunk(), bytes.len())
        {
            self.mix(u64::from_le_bytes(*first));
            self.mix(u64::from_le_bytes(*last));
            return;
        }
        let (words, rest) = bytes.as_chunks::<8>();
        for word in words {
            self.mix(u64::from_le_bytes(*word));
        }
        let mut last = [0; 8];
        for (to, from) in last.iter_mut().zip(rest) {
            *to = *from;
        }
        self.mix(u64::from_le_bytes(last));
    }

    #[inline]
    fn write_u8(&mut self, byte: u8) {
        self.mix(u64::from(byte));
    }

    #[inline]
    fn write_usize(&mut self, word: usize) {
        self.mix(word as u64);
    }

    #[inline]
    fn finish(&self) -> u64 {
        // The table takes its bucket from the low bits and its tag from the high ones.
        self.0 ^ (self.0 >> 29)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_longest_literal_is_in_every_name_that_matches() {
        for (glob, literal) in [
            ("a*prod*b", "prod"),
            ("{dev,prod}_Delete?", "_delete"),
            ("[a-z]x[!yz]tail", "tail"),
            ("a\\*b*", "a*b"),
            ("?[ab]{c,d}", ""),
        ] {
            assert_eq!(longest_literal(glob), literal, "{glob}");
        }
    }
}
