//! Two texts line by line: what went, what came. For messages; files of experiments are short.

/// Most lines that are compared one with another; longer texts are shown by their first
/// difference.
const MOST: usize = 2000;

/// The lines that differ, `-` before those of `old`, `+` before those of `new`, each with its line
/// number.
pub fn lines(old: &str, new: &str) -> String {
    let (old, new): (Vec<&str>, Vec<&str>) = (old.lines().collect(), new.lines().collect());
    let start = old.iter().zip(&new).take_while(|(a, b)| a == b).count();
    let most = old.len().min(new.len()) - start;
    let end = old.iter().rev().zip(new.iter().rev()).take(most).take_while(|(a, b)| a == b).count();
    let (old_part, new_part) = (part(&old, start, end), part(&new, start, end));
    let kept = if old_part.len().max(new_part.len()) > MOST {
        Vec::new()
    } else {
        common(old_part, new_part)
    };
    let mut text = String::new();
    let (mut from, mut to) = (0, 0);
    for (old_at, new_at) in kept.into_iter().chain([(old_part.len(), new_part.len())]) {
        for at in from..old_at {
            push(&mut text, '-', start + at, old_part.get(at));
        }
        for at in to..new_at {
            push(&mut text, '+', start + at, new_part.get(at));
        }
        (from, to) = (old_at + 1, new_at + 1);
    }
    text
}

fn part<'a, 'b>(lines: &'b [&'a str], start: usize, end: usize) -> &'b [&'a str] {
    lines.get(start..lines.len() - end).unwrap_or_default()
}

fn push(text: &mut String, sign: char, at: usize, line: Option<&&str>) {
    if let Some(line) = line {
        text.push_str(&format!("{sign} {:>4} | {line}\n", at + 1));
    }
}

/// The longest common subsequence, as pairs of places.
fn common(old: &[&str], new: &[&str]) -> Vec<(usize, usize)> {
    let width = new.len() + 1;
    let mut longest = vec![0_u32; (old.len() + 1) * width];
    let at = |i: usize, j: usize| i * width + j;
    for (i, a) in old.iter().enumerate().rev() {
        for (j, b) in new.iter().enumerate().rev() {
            let get = |index: usize| longest.get(index).copied().unwrap_or(0);
            let value = if a == b {
                get(at(i + 1, j + 1)) + 1
            } else {
                get(at(i + 1, j)).max(get(at(i, j + 1)))
            };
            if let Some(cell) = longest.get_mut(at(i, j)) {
                *cell = value;
            }
        }
    }
    let get = |index: usize| longest.get(index).copied().unwrap_or(0);
    let (mut i, mut j) = (0, 0);
    let mut pairs = Vec::new();
    while let (Some(a), Some(b)) = (old.get(i), new.get(j)) {
        if a == b {
            pairs.push((i, j));
            (i, j) = (i + 1, j + 1);
        } else if get(at(i + 1, j)) >= get(at(i, j + 1)) {
            i += 1;
        } else {
            j += 1;
        }
    }
    pairs
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_differs_is_shown_with_its_line() {
        let old = "a\nb\nc\nd\ne\n";
        assert_eq!(lines(old, "a\nb\nx\nd\ne\nf\n"), "-    3 | c\n+    3 | x\n+    6 | f\n");
        assert_eq!(lines(old, old), "");
        assert_eq!(lines("", "a"), "+    1 | a\n");
        assert_eq!(lines("a\na\n", "a\n"), "-    2 | a\n");
    }
}
