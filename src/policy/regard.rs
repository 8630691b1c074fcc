//! What of a request counts: all of it where a call is decided, the name alone where lists of tools are made.

use super::condition::Truth;
use super::plan::EntryKind;

/// What of a request's arguments counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Regard {
    /// All of it: a call is decided.
    Arguments,
    /// Nothing: what is asked is what a call of the name gets at the worst.
    AtWorst,
    /// Nothing: what is asked is what a call of the name could get with the arguments and at the hour that suit it best.
    AtBest,
    /// Nothing: what is asked is what a call of the name could get with some arguments, at some time, with every
    /// approval and every override that there may be.
    Ever,
}

impl Regard {
    /// Whether a call is decided: its arguments count, and somebody reads the words of the answer.
    #[inline]
    pub(super) const fn is_call(self) -> bool {
        matches!(self, Self::Arguments)
    }

    /// Whether arguments and hour are those that suit the caller best.
    #[inline]
    pub(super) const fn suits_caller(self) -> bool {
        matches!(self, Self::AtBest | Self::Ever)
    }

    /// Whether there is an override for whatever one may lift.
    #[inline]
    pub(super) const fn lifts(self) -> bool {
        matches!(self, Self::Ever)
    }
}

/// Whether it fires for the arguments that suit the caller best: those that meet every demand of allows and
/// escape everything else.
pub(super) const fn fires_at_best(kind: EntryKind, truth: Truth) -> bool {
    match (kind, truth) {
        (EntryKind::Require, _) | (_, Truth::False) => false,
        (EntryKind::Allow, Truth::True | Truth::Undecidable) => true,
        (EntryKind::Deny | EntryKind::Approval, truth) => matches!(truth, Truth::True),
    }
}

/// Whether it fires in some case, and if it denies, in every case.
///
/// An approval may be given, so a rule that asks for one is as good as an allow: it too keeps a deny below it from
/// deciding.
pub(super) const fn fires_ever(kind: EntryKind, truth: Truth) -> bool {
    match (kind, truth) {
        (EntryKind::Require, _) | (_, Truth::False) => false,
        (EntryKind::Allow | EntryKind::Approval, Truth::True | Truth::Undecidable) => true,
        (EntryKind::Deny, truth) => matches!(truth, Truth::True),
    }
}
