//! What globs have in common: whether one covers another, and whether two meet.

use crate::domain::Pattern;

/// The most alternatives that `{a,b}` may unfold into before we say that we do not know.
const MAX_ALTERNATIVES: usize = 256;
/// The most sets of states that a comparison may visit before we say that we do not know.
const MAX_STATES: usize = 20_000;

/// A set of ASCII characters, lower case standing for both cases.
type CharSet = u128;

/// One step of a glob without braces.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Step {
    /// Any run of characters.
    Run,
    /// One character of the set.
    One(CharSet),
}

/// Every character; capitals are left out, as they are the same as small letters.
const ANY: CharSet = !(0x3ff_ffff << b'A');

/// Whether some name fits both patterns; true when it is too costly to know.
#[must_use]
pub(super) fn overlap(a: &Pattern, b: &Pattern) -> bool {
    let (Some(a), Some(b)) = (unfold(a.as_str()), unfold(b.as_str())) else {
        return true;
    };
    a.iter().any(|a| b.iter().any(|b| meet(a, b)))
}

/// Whether every name that fits `inner` fits `outer` too; false when it is too costly to know.
#[must_use]
pub(super) fn covers(outer: &Pattern, inner: &Pattern) -> bool {
    if outer.is_any() || outer.as_str().eq_ignore_ascii_case(inner.as_str()) {
        return true;
    }
    if let Some(name) = inner.exact() {
        return outer.matches(name);
    }
    // One name that fits the inner pattern alone settles most questions, which are answered with no.
    if !outer.matches(&witness(inner)) {
        return false;
    }
    let (Some(outer), Some(inner)) = (unfold(outer.as_str()), unfold(inner.as_str())) else {
        return false;
    };
    inner.iter().all(|inner| covered(&outer, inner))
}

/// A word that fits the pattern and hardly anything that does not cover it: runs and holes are filled with
/// characters that no pattern names.
#[must_use]
pub(super) fn witness(pattern: &Pattern) -> String {
    filled(pattern, '\u{1}')
}

/// A name that fits the pattern, as an example of those that do.
#[must_use]
pub(super) fn sample(pattern: &Pattern) -> String {
    filled(pattern, 'q')
}

/// A word that fits the pattern: runs and holes are filled with this character.
fn filled(pattern: &Pattern, stranger: char) -> String {
    if let Some(name) = pattern.exact() {
        return name.to_owned();
    }
    let steps = unfold(pattern.as_str()).and_then(|all| all.into_iter().next());
    let fill = |step: Step| match step {
        Step::Run => stranger,
        Step::One(set) if set & bit(stranger) != 0 => stranger,
        Step::One(set) => u8::try_from(set.trailing_zeros()).map_or(stranger, char::from),
    };
    // Where alternatives are too many to unfold, a word that only wildcards match: nothing is claimed of it.
    steps.map_or(stranger.to_string(), |steps| {
        steps.into_iter().map(fill).collect()
    })
}

/// Whether the two sequences have a word in common: a walk over pairs of positions.
fn meet(a: &[Step], b: &[Step]) -> bool {
    let mut seen = vec![false; (a.len() + 1) * (b.len() + 1)];
    let mut open = vec![(0_usize, 0_usize)];
    while let Some((i, j)) = open.pop() {
        let Some(mark) = seen.get_mut(i * (b.len() + 1) + j) else {
            continue;
        };
        if std::mem::replace(mark, true) {
            continue;
        }
        match (a.get(i), b.get(j)) {
            (None, None) => return true,
            // A run ends here, or takes one more character (or the empty step) of the other side.
            (Some(Step::Run), Some(_)) | (Some(_), Some(Step::Run)) => {
                open.extend([(i + 1, j), (i, j + 1)]);
            }
            (Some(Step::Run), None) => open.push((i + 1, j)),
            (None, Some(Step::Run)) => open.push((i, j + 1)),
            (Some(Step::One(x)), Some(Step::One(y))) if x & y != 0 => open.push((i + 1, j + 1)),
            (Some(Step::One(_)), Some(Step::One(_)) | None) | (None, Some(Step::One(_))) => {}
        }
    }
    false
}

/// Where the outer alternatives may stand after the same word: one sorted list of (alternative, position).
type States = Vec<(usize, usize)>;

/// Whether every word of `inner` is a word of one of `outer`: a walk over (position of inner, states of outer).
fn covered(outer: &[Vec<Step>], inner: &[Step]) -> bool {
    let classes = classes(outer, inner);
    let mut seen = std::collections::HashSet::new();
    let start: States = (0..outer.len()).map(|index| (index, 0)).collect();
    let mut open = vec![(0_usize, close(outer, start))];
    while let Some((position, states)) = open.pop() {
        if !seen.insert((position, states.clone())) {
            continue;
        }
        if seen.len() > MAX_STATES {
            return false;
        }
        let step = inner.get(position);
        let accepted = states
            .iter()
            .any(|&(index, at)| outer.get(index).is_some_and(|steps| at == steps.len()));
        match step {
            None if accepted => {}
            None => return false,
            Some(Step::Run) => {
                open.push((position + 1, states.clone()));
                open.extend(
                    classes
                        .iter()
                        .map(|&class| (position, after(outer, &states, class))),
                );
            }
            Some(Step::One(set)) => {
                let wanted = classes.iter().filter(|&&class| class & set != 0);
                open.extend(wanted.map(|&class| (position + 1, after(outer, &states, class))));
            }
        }
    }
    true
}

/// Sets of characters that none of the steps tells apart, each as one of its characters.
fn classes(outer: &[Vec<Step>], inner: &[Step]) -> Vec<CharSet> {
    let mut sets: Vec<CharSet> = vec![ANY];
    for step in outer.iter().flatten().chain(inner) {
        let Step::One(set) = step else { continue };
        sets = sets
            .iter()
            .flat_map(|have| [have & set, have & !set])
            .filter(|&part| part != 0)
            .collect();
    }
    sets
}

/// The states after one character.
fn after(outer: &[Vec<Step>], states: &States, class: CharSet) -> States {
    let mut next = States::new();
    for &(index, at) in states {
        match outer.get(index).and_then(|steps| steps.get(at)) {
            Some(Step::Run) => next.push((index, at)),
            Some(Step::One(set)) if set & class != 0 => next.push((index, at + 1)),
            Some(Step::One(_)) | None => {}
        }
    }
    close(outer, next)
}

/// The states with those that a run reaches by being empty.
fn close(outer: &[Vec<Step>], mut states: States) -> States {
    let mut index = 0;
    while let Some(&(which, at)) = states.get(index) {
        if outer.get(which).and_then(|steps| steps.get(at)) == Some(&Step::Run) {
            states.push((which, at + 1));
        }
        index += 1;
    }
    states.sort_unstable();
    states.dedup();
    states
}

/// The pattern as sequences without braces; `None` when there would be too many.
fn unfold(text: &str) -> Option<Vec<Vec<Step>>> {
    let chars: Vec<char> = text.chars().collect();
    let mut at = 0;
    let all = alternatives(&chars, &mut at, false)?;
    (at == chars.len()).then_some(all)
}

/// Reads alternatives up to the closing brace (inside) or the end (outside).
fn alternatives(chars: &[char], at: &mut usize, inside: bool) -> Option<Vec<Vec<Step>>> {
    let mut all: Vec<Vec<Step>> = Vec::new();
    let mut current: Vec<Vec<Step>> = vec![Vec::new()];
    while let Some(&c) = chars.get(*at) {
        *at += 1;
        let tails: Vec<Vec<Step>> = match c {
            '}' if inside => {
                all.append(&mut current);
                return Some(all);
            }
            ',' if inside => {
                all.append(&mut current);
                current = vec![Vec::new()];
                continue;
            }
            '{' => alternatives(chars, at, true)?,
            '[' => vec![vec![Step::One(class(chars, at)?)]],
            '*' => vec![vec![Step::Run]],
            '?' => vec![vec![Step::One(ANY)]],
            '\\' => {
                let literal = chars.get(*at).copied()?;
                *at += 1;
                vec![vec![Step::One(bit(literal))]]
            }
            c => vec![vec![Step::One(bit(c))]],
        };
        if current.len() * tails.len() + all.len() > MAX_ALTERNATIVES {
            return None;
        }
        let join = |head: &Vec<Step>| {
            tails
                .iter()
                .map(move |tail| [head.as_slice(), tail.as_slice()].concat())
                .collect::<Vec<_>>()
        };
        current = current.iter().flat_map(join).collect();
    }
    all.append(&mut current);
    (!inside).then_some(all)
}

/// Reads `[…]` from behind its opening bracket.
fn class(chars: &[char], at: &mut usize) -> Option<CharSet> {
    let negated = matches!(chars.get(*at), Some('!' | '^'));
    *at += usize::from(negated);
    let mut set: CharSet = 0;
    let mut last: Option<char> = None;
    loop {
        let c = *chars.get(*at)?;
        *at += 1;
        match (c, last, chars.get(*at)) {
            (']', ..) => break,
            ('-', Some(low), Some(&high)) if high != ']' => {
                *at += 1;
                set |= (low..=high).map(bit).fold(0, |all, one| all | one);
                last = None;
            }
            _ => {
                set |= bit(c);
                last = Some(c);
            }
        }
    }
    Some(if negated { ANY & !set } else { set })
}

/// The character as a set; both cases are one, as patterns do not tell them apart.
fn bit(c: char) -> CharSet {
    1_u128
        .checked_shl(u32::from(c.to_ascii_lowercase()))
        .unwrap_or(0)
}

#[cfg(test)]
#[path = "tests/glob.rs"]
mod tests;
