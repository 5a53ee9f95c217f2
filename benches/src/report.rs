use std::fs;
use std::io::{ErrorKind, Write};
use std::path::Path;

use serde_json::{Value, json};

use crate::{Comparison, Goal, Result};

/// A comparison of the suite and what came of it.
#[derive(Clone, Debug)]
pub struct Row {
    /// Its name.
    pub name: String,
    /// What was measured.
    pub comparison: Comparison,
    /// What the ratio is to reach.
    pub goal: Option<Goal>,
}

impl Row {
    /// Whether the goal is missed; `false` without one.
    pub fn is_miss(&self) -> bool {
        self.goal.is_some_and(|goal| !goal.is_met(self.comparison.ratio.median))
    }

    fn to_json(&self) -> Value {
        let Comparison { left, right, ratio } = self.comparison;
        json!({
            "name": self.name,
            "ratio": rounded(ratio.median),
            "goal": self.goal.map(Goal::limit),
            "direction": self.goal.map(Goal::direction),
            "quartiles": [rounded(ratio.low), rounded(ratio.high)],
            "left_ns": left.median.round(),
            "right_ns": right.median.round(),
        })
    }
}

/// A line of the table; without a row, the line that names the columns.
pub fn line(row: Option<&Row>) -> String {
    let Some(row) = row else {
        return columns(["name", "ours ns", "raw ns", "ratio", "quartiles", "goal", "ok"]);
    };
    let Comparison { left, right, ratio } = row.comparison;
    let goal = row.goal.map(|goal| goal.to_string()).unwrap_or_default();
    let ok = match row.goal {
        None => "",
        Some(_) if row.is_miss() => "MISSED",
        Some(_) => "ok",
    };
    columns([
        &row.name,
        &format!("{:.0}", left.median),
        &format!("{:.0}", right.median),
        &format!("{:.3}", ratio.median),
        &format!("{:.2}–{:.2}", ratio.low, ratio.high),
        &goal,
        ok,
    ])
}

fn columns(cells: [&str; 7]) -> String {
    let [name, left, right, ratio, quartiles, goal, ok] = cells;
    let line =
        format!("{name:<34} {left:>9} {right:>9} {ratio:>7}  {quartiles:<11} {goal:<7} {ok}");
    line.trim_end().to_owned()
}

/// Puts rows into a file of ratios: each takes the place of the one of its name, what others wrote
/// there stays.
///
/// # Errors
/// If the file cannot be written, or is there and is not an array.
pub fn write_json(path: &Path, rows: &[Row]) -> Result<()> {
    let old = match fs::read_to_string(path) {
        Ok(text) => serde_json::from_str(&text)
            .map_err(|error| format!("{} is not a file of ratios: {error}", path.display()))?,
        Err(error) if error.kind() == ErrorKind::NotFound => Vec::new(),
        Err(error) => return Err(format!("reading {}: {error}", path.display()).into()),
    };
    let merged = merge(old, rows.iter().map(Row::to_json));
    let text = serde_json::to_string_pretty(&merged)?;

    // Whole or not at all: the file may hold what others measured.
    let dir = path.parent().unwrap_or(Path::new("."));
    fs::create_dir_all(dir)?;
    let mut file = tempfile::NamedTempFile::new_in(dir)?;
    file.write_all(text.as_bytes())?;
    file.write_all(b"\n")?;
    file.persist(path)?;
    Ok(())
}

/// The old entries, with new ones in the place of those of the same name, and the rest behind.
pub fn merge(mut entries: Vec<Value>, new: impl IntoIterator<Item = Value>) -> Vec<Value> {
    for entry in new {
        match entries.iter_mut().find(|old| old.get("name") == entry.get("name")) {
            Some(old) => *old = entry,
            None => entries.push(entry),
        }
    }
    entries
}

fn rounded(ratio: f64) -> f64 {
    (ratio * 1000.0).round() / 1000.0
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Spread;

    fn row(name: &str, ratio: f64, goal: Goal) -> Row {
        let spread = |median| Spread { low: median, median, high: median };
        let comparison =
            Comparison { left: spread(ratio * 100.0), right: spread(100.0), ratio: spread(ratio) };
        Row { name: name.into(), comparison, goal: Some(goal) }
    }

    #[test]
    fn a_merge_replaces_its_own_names_and_keeps_the_others() {
        let old = vec![json!({"name": "a", "ratio": 1}), json!({"name": "other", "ratio": 7})];
        let new = [json!({"name": "b", "ratio": 2}), json!({"name": "a", "ratio": 3})];
        let expected = [
            json!({"name": "a", "ratio": 3}),
            json!({"name": "other", "ratio": 7}),
            json!({"name": "b", "ratio": 2}),
        ];
        assert_eq!(merge(old, new), expected);
    }

    #[test]
    fn a_file_of_ratios_grows_from_run_to_run() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("new").join("ratios.json");
        write_json(&path, &[row("a", 1.2, Goal::AtMost(1.25))]).unwrap();
        write_json(&path, &[row("b", 16.0, Goal::AtLeast(10.0))]).unwrap();
        let entries: Vec<Value> =
            serde_json::from_str(&fs::read_to_string(&path).unwrap()).unwrap();
        let told = |entry: &Value| {
            ["name", "ratio", "goal", "direction"].map(|field| entry[field].clone())
        };
        let expected = [
            [json!("a"), json!(1.2), json!(1.25), json!("at_most")],
            [json!("b"), json!(16.0), json!(10.0), json!("at_least")],
        ];
        assert_eq!(entries.iter().map(told).collect::<Vec<_>>(), expected);
    }

    #[test]
    fn a_file_that_is_no_file_of_ratios_is_left_alone() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("ratios.json");
        fs::write(&path, "mine").unwrap();
        assert!(write_json(&path, &[row("a", 1.2, Goal::AtMost(1.25))]).is_err());
        assert_eq!(fs::read_to_string(&path).unwrap(), "mine");
    }

    #[test]
    fn a_miss_is_told_in_either_direction() {
        assert!(line(Some(&row("a", 1.26, Goal::AtMost(1.25)))).ends_with("MISSED"));
        assert!(line(Some(&row("a", 9.9, Goal::AtLeast(10.0)))).ends_with("MISSED"));
        assert!(line(Some(&row("a", 1.25, Goal::AtMost(1.25)))).ends_with("ok"));
    }
}
