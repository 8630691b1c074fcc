//! Names that were probably meant.

/// `, did you mean …?` where one of the known names is near.
pub(super) fn suggestion<'a>(name: &str, known: impl Iterator<Item = &'a str>) -> String {
    let near = known
        .map(|known| (distance(name, known), known))
        .min()
        .filter(|(distance, _)| *distance <= 3);
    near.map_or_else(String::new, |(_, known)| {
        format!(", did you mean `{known}`?")
    })
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
