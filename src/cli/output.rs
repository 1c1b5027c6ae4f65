//! What commands write: aligned text for people, JSON for programs.

use super::Result;
use serde::Serialize;
use serde_json::Value;
use std::fmt::Write as _;
use std::io::Write as _;

#[derive(Debug, Clone, Copy)]
pub(super) struct Output {
    pub(super) json: bool,
}

impl Output {
    /// A list: in text these columns of it.
    pub(super) fn list(self, items: &[impl Serialize], columns: &[&str]) -> Result {
        let items = json(&items)?;
        if self.json {
            say(serde_json::json!({ "items": items }));
            return Ok(());
        }
        let rows = items.as_array().map(Vec::as_slice).unwrap_or_default();
        print(&table(rows, columns));
        Ok(())
    }

    /// One thing: in text a line for each of its fields.
    pub(super) fn one(self, item: &impl Serialize) -> Result {
        let item = json(item)?;
        if self.json {
            say(item);
        } else {
            print(&fields(&item));
        }
        Ok(())
    }

    /// What happened, in a sentence; in JSON the fields of `item`.
    pub(super) fn done(self, sentence: &str, item: &impl Serialize) -> Result {
        if self.json {
            return self.one(item);
        }
        say(sentence);
        Ok(())
    }

    /// A sentence for people, which programs need not read.
    pub(super) fn note(self, sentence: &str) {
        if !self.json {
            say(format_args!("\n{sentence}"));
        }
    }
}

fn json(item: &impl Serialize) -> Result<Value> {
    Ok(serde_json::to_value(item)?)
}

/// Prints a line to standard output.
pub(super) fn say(line: impl std::fmt::Display) {
    print(&format!("{line}\n"));
}

/// Prints a text to standard output. Whoever reads it may have read enough.
pub(super) fn print(text: &str) {
    let mut out = std::io::stdout().lock();
    out.write_all(text.as_bytes()).unwrap_or_default();
    out.flush().unwrap_or_default();
}

/// Prints why a command failed to standard error.
#[expect(clippy::print_stderr, reason = "it is where failures are told")]
pub(super) fn complain(failure: &dyn std::fmt::Display) {
    eprintln!("callgate: {failure}");
}

fn table(rows: &[Value], columns: &[&str]) -> String {
    let mut cells: Vec<Vec<String>> = vec![columns.iter().map(|c| c.to_uppercase()).collect()];
    cells.extend(rows.iter().map(|row| {
        let cells = columns.iter().map(|column| plain(row.get(column)));
        cells.collect()
    }));
    aligned(&cells)
}

fn fields(item: &Value) -> String {
    let fields = item.as_object().into_iter().flatten();
    let rows = fields.map(|(name, value)| vec![name.clone(), plain(Some(value))]);
    aligned(&rows.collect::<Vec<_>>())
}

/// Columns as wide as their widest cell, in characters; two blanks between.
fn aligned(rows: &[Vec<String>]) -> String {
    let mut widths = Vec::<usize>::new();
    for row in rows {
        widths.resize(widths.len().max(row.len()), 0);
        for (width, cell) in widths.iter_mut().zip(row) {
            *width = (*width).max(cell.chars().count());
        }
    }
    let mut text = String::new();
    for row in rows {
        let mut line = String::new();
        for (cell, width) in row.iter().zip(&widths) {
            // Writing to a String cannot fail.
            write!(line, "{cell:width$}  ").unwrap_or_default();
        }
        text.push_str(line.trim_end());
        text.push('\n');
    }
    text
}

fn plain(value: Option<&Value>) -> String {
    match value {
        None | Some(Value::Null) => "-".to_owned(),
        Some(Value::String(text)) => text.clone(),
        Some(Value::Bool(true)) => "yes".to_owned(),
        Some(Value::Bool(false)) => "no".to_owned(),
        Some(Value::Array(items)) if items.is_empty() => "-".to_owned(),
        Some(Value::Array(items)) => joined(items.iter().map(|item| plain(Some(item)))),
        Some(Value::Object(fields)) if fields.is_empty() => "-".to_owned(),
        Some(Value::Object(fields)) => joined(
            fields
                .iter()
                .filter(|(_, value)| !value.is_null())
                .map(|(k, v)| format!("{k}={}", enclosed(v))),
        ),
        Some(number) => number.to_string(),
    }
}

/// What is in an object within another one belongs together.
fn enclosed(value: &Value) -> String {
    let text = plain(Some(value));
    if value.is_object() {
        format!("({text})")
    } else {
        text
    }
}

fn joined(items: impl Iterator<Item = String>) -> String {
    items.collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn columns_are_aligned_by_characters() {
        let rows = [
            json!({"name": "Jos\u{e9}", "limit": 2}),
            json!({"name": "Ann", "limit": null}),
        ];
        assert_eq!(
            table(&rows, &["name", "limit"]),
            "NAME  LIMIT\nJos\u{e9}  2\nAnn   -\n"
        );
    }

    #[test]
    fn every_kind_of_field_is_readable() {
        let item = json!({"a": [], "bb": ["x", "y"], "c": {"store": {"line": "100", "device": null}}, "d": true});
        assert_eq!(
            fields(&item),
            "a   -\nbb  x y\nc   store=(line=100)\nd   yes\n"
        );
    }
}
