//! The part of a condition that one AND decides: trust, action type and mode as a 64-bit word.

use crate::domain::{ActionRequest, ActionType, ModeName};

use super::rule::Condition;

/// The first of five bits for action types, behind four for trust.
const ACTIONS_AT: u32 = 4;
/// The first of the bits for modes.
const MODES_AT: u32 = 9;
/// So many modes have a bit of their own; further ones share [`FAR_MODE`] and are told apart by a leaf.
pub(super) const NEAR_MODES: usize = 54;
/// The bit of modes beyond the first 54, and of a mode that the bundle doesn't know.
const FAR_MODE: u64 = 1 << 63;
/// Every bit of a mode.
const ALL_MODES: u64 = !((1 << MODES_AT) - 1);
/// The bit of action types that only policies know.
const OTHER_ACTION: u64 = 1 << (ACTIONS_AT + 4);
/// Every bit of an action type.
const ALL_ACTIONS: u64 = 0b1_1111 << ACTIONS_AT;

/// Bits of which a rule admits some and a request has one in each group.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Mask(u64);

impl Mask {
    /// What the condition admits. `modes` is the bundle's list, in the order of the bits.
    pub(super) fn of_rule(condition: &Condition, modes: &[ModeName]) -> Self {
        Self(u64::from(condition.trust.bits()) | actions(condition) | mode_bits(condition, modes))
    }

    /// What the request has. `mode` is its place in the bundle's list.
    #[inline]
    pub(super) fn of_request(request: &ActionRequest, mode: Option<usize>) -> Self {
        let trust = 1_u64 << (request.principal.trust as u8 - 1);
        let action = match &request.action {
            ActionType::ToolCall => 1 << ACTIONS_AT,
            ActionType::ResourceAccess => 1 << (ACTIONS_AT + 1),
            ActionType::DataRead => 1 << (ACTIONS_AT + 2),
            ActionType::DataWrite => 1 << (ACTIONS_AT + 3),
            ActionType::Other(_) => OTHER_ACTION,
        };
        Self(trust | action | mode_bit(mode))
    }

    /// The trust levels that it admits, one bit each, low first.
    pub(super) const fn trust(self) -> u8 {
        (self.0 & 0b1111) as u8
    }

    /// Whether a rule with this mask may fire for a request with that one.
    #[inline]
    pub(super) const fn admits(self, request: Self) -> bool {
        self.0 & request.0 == request.0
    }
}

#[inline]
fn mode_bit(mode: Option<usize>) -> u64 {
    match mode {
        Some(place) if place < NEAR_MODES => 1 << (MODES_AT as usize + place),
        Some(_) | None => FAR_MODE,
    }
}

fn actions(condition: &Condition) -> u64 {
    let Some(patterns) = &condition.action_types else {
        return ALL_ACTIONS;
    };
    let known = [
        ActionType::ToolCall,
        ActionType::ResourceAccess,
        ActionType::DataRead,
        ActionType::DataWrite,
    ];
    let fits = |action: &ActionType| patterns.iter().any(|p| p.matches(action.as_str()));
    let bits = known.iter().enumerate().filter(|(_, action)| fits(action));
    // Names that only policies know are told apart by a leaf.
    bits.fold(OTHER_ACTION, |bits, (place, _)| {
        bits | 1 << (ACTIONS_AT as usize + place)
    })
}

fn mode_bits(condition: &Condition, modes: &[ModeName]) -> u64 {
    let Some(wanted) = &condition.modes else {
        return ALL_MODES;
    };
    let place = |mode: &ModeName| modes.iter().position(|known| known == mode);
    wanted
        .iter()
        .fold(0, |bits, mode| bits | mode_bit(place(mode)))
}
