//! Who may read a file that holds a secret.

/// Permission bits that let anybody but the owner do anything.
const OTHERS: u32 = 0o077;
/// The same, but for the owner's group reading.
const OTHERS_THAN_THE_GROUP: u32 = 0o037;

/// Whether a file of these permissions, owner and group shows its secret to more than it should.
///
/// Its owner alone may read it. What root owns may be read by a group that is not root's own: so the system gives a
/// service a secret, as Kubernetes does with a mounted Secret and Debian with the group `ssl-cert`.
#[must_use]
pub const fn shows_secret(mode: u32, owner: u32, group: u32) -> bool {
    let forbidden = if owner == 0 && group != 0 {
        OTHERS_THAN_THE_GROUP
    } else {
        OTHERS
    };
    mode & forbidden != 0
}

#[cfg(test)]
mod tests {
    use super::shows_secret;

    #[test]
    fn a_secret_is_for_its_owner_and_from_root_for_a_group_too() {
        const SERVICE: u32 = 65532;
        const ROOT: u32 = 0;
        for (mode, owner, group, shows) in [
            (0o600, SERVICE, SERVICE, false),
            (0o400, SERVICE, SERVICE, false),
            (0o440, SERVICE, SERVICE, true),
            (0o604, SERVICE, SERVICE, true),
            (0o600, ROOT, SERVICE, false),
            (0o440, ROOT, SERVICE, false),
            (0o640, ROOT, SERVICE, false),
            (0o660, ROOT, SERVICE, true),
            (0o444, ROOT, SERVICE, true),
            (0o440, ROOT, ROOT, true),
            (0o600, ROOT, ROOT, false),
            (0o100_440, ROOT, SERVICE, false),
        ] {
            assert_eq!(
                shows_secret(mode, owner, group),
                shows,
                "{mode:o} of {owner}:{group}"
            );
        }
    }
}
