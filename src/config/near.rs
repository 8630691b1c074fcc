//! Names that were probably meant.

/// `, did you mean …?` where one of the known names is near, or says the same of another section; else where
/// all of them are listed.
pub(super) fn suggestion<'a>(
    name: &str,
    mut known: impl Iterator<Item = &'a str> + Clone,
) -> String {
    let near = known
        .clone()
        .map(|known| (distance(name, known), known))
        .min()
        .filter(|(distance, _)| *distance <= 2)
        .map(|(_, known)| known);
    let leaf = |name: &'a str| name.rsplit_once('.').map(|(_, leaf)| leaf);
    let own = name.rsplit('.').next();
    let elsewhere = || known.find(|known| leaf(known) == own);
    near.or_else(elsewhere).map_or_else(
        || "; `policyguard config show` lists the settings".to_owned(),
        |known| format!(", did you mean `{known}`?"),
    )
}

/// Edits between two names.
fn distance(a: &str, b: &str) -> usize {
    let mut row: Vec<usize> = (0..=b.chars().count()).collect();
    for (i, x) in a.chars().enumerate() {
        let mut last = i;
        let mut next = vec![i + 1];
        for (y, above) in b.chars().zip(row.iter().skip(1).copied()) {
            let left = next.last().copied().unwrap_or(0);
            next.push((last + usize::from(x != y)).min(above + 1).min(left + 1));
            last = above;
        }
        row = next;
    }
    row.last().copied().unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_suggested_only_where_it_was_probably_meant() {
        let known = ["server.host", "server.port", "limits.body"];
        let suggested = |name| suggestion(name, known.into_iter());
        assert_eq!(suggested("server.prot"), ", did you mean `server.port`?");
        assert_eq!(suggested("server.body"), ", did you mean `limits.body`?");
        assert_eq!(suggested("body"), ", did you mean `limits.body`?");
        assert_eq!(suggested("server.cost"), ", did you mean `server.host`?");
        assert!(suggested("storage.url").starts_with("; `policyguard config show`"));
    }
}
