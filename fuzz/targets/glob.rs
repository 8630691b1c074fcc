//! Patterns over names: what compiles matches as a plain matcher says, and no text brings the compiler down.
#![no_main]

use libfuzzer_sys::fuzz_target;
use policyguard::domain::Pattern;

/// The most words that the alternatives of a pattern are unfolded into here.
const MOST_WORDS: usize = 512;

fuzz_target!(|bytes: &[u8]| {
    let Ok(text) = std::str::from_utf8(bytes) else {
        return;
    };
    // The first line is the pattern, the second the name.
    let (pattern, name) = text.split_once('\n').unwrap_or((text, "list_services"));
    let Ok(compiled) = Pattern::parse(pattern) else {
        return;
    };
    assert_eq!(compiled.as_str(), pattern);
    let found = compiled.matches(name);
    // Names are printable ASCII wherever a pattern is asked.
    if !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_graphic()) {
        let name = name.to_ascii_lowercase();
        if let Some(words) = unfolded(pattern.as_bytes()) {
            let expected = words.iter().any(|word| fits(word, name.as_bytes()));
            assert_eq!(found, expected, "`{pattern}` on `{name}`");
        }
    }
});

/// One step of a pattern without alternatives.
#[derive(Clone)]
enum Step {
    Run,
    Any,
    Literal(u8),
    /// Which of all bytes it takes.
    Class(Box<[bool; 256]>),
}

/// The pattern as words without `{…}`; `None` when there are many.
fn unfolded(pattern: &[u8]) -> Option<Vec<Vec<Step>>> {
    let mut at = 0;
    let words = alternatives(pattern, &mut at, false)?;
    assert_eq!(at, pattern.len(), "braces do not pair in what compiled");
    Some(words)
}

fn alternatives(pattern: &[u8], at: &mut usize, inside: bool) -> Option<Vec<Vec<Step>>> {
    let mut all = Vec::new();
    let mut words: Vec<Vec<Step>> = vec![Vec::new()];
    while *at < pattern.len() {
        let byte = pattern[*at];
        *at += 1;
        let tails = match byte {
            b'}' if inside => {
                all.append(&mut words);
                return Some(all);
            }
            b',' if inside => {
                all.append(&mut words);
                words.push(Vec::new());
                continue;
            }
            b'{' => alternatives(pattern, at, true)?,
            b'[' => vec![vec![class(pattern, at)]],
            b'*' => vec![vec![Step::Run]],
            b'?' => vec![vec![Step::Any]],
            b'\\' => {
                *at += 1;
                vec![vec![Step::Literal(pattern[*at - 1].to_ascii_lowercase())]]
            }
            literal => vec![vec![Step::Literal(literal.to_ascii_lowercase())]],
        };
        if words.len() * tails.len() + all.len() > MOST_WORDS {
            return None;
        }
        words = words
            .iter()
            .flat_map(|word| tails.iter().map(move |tail| [&word[..], tail].concat()))
            .collect();
    }
    assert!(!inside, "a brace that stays open compiled");
    Some(words)
}

/// Reads `[…]` from behind its opening bracket: what stands there, a range, or all but that.
fn class(pattern: &[u8], at: &mut usize) -> Step {
    let negated = matches!(pattern[*at], b'!' | b'^');
    *at += usize::from(negated);
    let mut set = [false; 256];
    while pattern[*at] != b']' {
        let low = pattern[*at];
        *at += 1;
        let is_range = pattern[*at] == b'-' && pattern[*at + 1] != b']';
        let high = if is_range { pattern[*at + 1] } else { low };
        *at += if is_range { 2 } else { 0 };
        for one in low..=high {
            set[usize::from(one.to_ascii_lowercase())] = true;
            set[usize::from(one.to_ascii_uppercase())] = true;
        }
    }
    *at += 1;
    if negated {
        set = set.map(|held| !held);
    }
    Step::Class(Box::new(set))
}

/// Whether the word covers the whole name: the places that may have been reached, letter by letter.
fn fits(word: &[Step], name: &[u8]) -> bool {
    let mut reached = vec![false; word.len() + 1];
    reached[0] = true;
    pass_runs(word, &mut reached);
    for &letter in name {
        let mut next = vec![false; word.len() + 1];
        for (place, step) in word.iter().enumerate().filter(|(place, _)| reached[*place]) {
            match step {
                Step::Run => next[place] = true,
                Step::Any => next[place + 1] = true,
                Step::Literal(literal) if *literal == letter => next[place + 1] = true,
                Step::Class(set) if set[usize::from(letter)] => next[place + 1] = true,
                Step::Literal(_) | Step::Class(_) => {}
            }
        }
        pass_runs(word, &mut next);
        reached = next;
    }
    reached[word.len()]
}

/// A run may be empty.
fn pass_runs(word: &[Step], reached: &mut [bool]) {
    for (place, step) in word.iter().enumerate() {
        if reached[place] && matches!(step, Step::Run) {
            reached[place + 1] = true;
        }
    }
}
