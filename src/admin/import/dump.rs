//! The tables `user` and `client` of a dump of the database of 2012: the `COPY` blocks that `pg_dump` writes.

use crate::secret::Secret;
use std::collections::BTreeMap;
use std::str::Lines;

#[derive(Debug, Default)]
pub(super) struct Dump {
    pub(super) users: Vec<OldUser>,
    pub(super) clients: Vec<OldClient>,
}

#[derive(Debug)]
pub(super) struct OldUser {
    pub(super) username: String,
    pub(super) password: Option<Secret>,
}

#[derive(Debug)]
pub(super) struct OldClient {
    pub(super) id: String,
    pub(super) secret: Option<Secret>,
    pub(super) redirect_uri: String,
}

/// It names the table and never what stands in it: that may be a password.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum DumpError {
    #[error(
        "there is neither a table `user` nor a table `client` in it: write it with `pg_dump --data-only`"
    )]
    Nothing,
    #[error("the table `{0}` has no end: the file was cut")]
    Cut(String),
    #[error("row {row} of the table `{table}` does not have the columns of its head")]
    Row { table: String, row: usize },
    #[error("the table `{table}` has no column `{column}`")]
    Column { table: String, column: &'static str },
}

/// A row: values by column, without those that are NULL.
type Row<'h> = BTreeMap<&'h str, String>;

/// Reads a whole dump. Tables besides the two are passed over: their codes, tokens and calls are of no use here.
pub(super) fn parse(text: &str) -> Result<Dump, DumpError> {
    let mut dump = Dump::default();
    let (mut lines, mut found) = (text.lines(), false);
    while let Some(line) = lines.next() {
        let Some((table, columns)) = head(line) else {
            continue;
        };
        let rows = rows(&mut lines, &table, &columns)?;
        match table.as_str() {
            "user" => dump.users = users(rows)?,
            "client" => dump.clients = clients(rows)?,
            _ => continue,
        }
        found = true;
    }
    if found {
        return Ok(dump);
    }
    Err(DumpError::Nothing)
}

/// `COPY public."user" (username, password) FROM stdin;`
fn head(line: &str) -> Option<(String, Vec<&str>)> {
    let rest = line.strip_prefix("COPY ")?.strip_suffix(") FROM stdin;")?;
    let (table, columns) = rest.split_once(" (")?;
    let table = table.rsplit('.').next().unwrap_or(table);
    let columns = columns.split(", ").map(|column| column.trim_matches('"'));
    Some((table.trim_matches('"').to_owned(), columns.collect()))
}

fn rows<'h>(
    lines: &mut Lines<'_>,
    table: &str,
    columns: &[&'h str],
) -> Result<Vec<Row<'h>>, DumpError> {
    let mut rows = Vec::new();
    for line in lines {
        if line == "\\." {
            return Ok(rows);
        }
        let values: Vec<_> = line.split('\t').collect();
        if values.len() != columns.len() {
            let (table, row) = (table.to_owned(), rows.len() + 1);
            return Err(DumpError::Row { table, row });
        }
        let pairs = columns.iter().zip(values);
        let known = pairs.filter_map(|(column, value)| Some((*column, unescaped(value)?)));
        rows.push(known.collect());
    }
    Err(DumpError::Cut(table.to_owned()))
}

/// A value, or `None` for NULL. Those of char(n) are filled up with blanks.
fn unescaped(value: &str) -> Option<String> {
    if value == "\\N" {
        return None;
    }
    let (mut text, mut letters) = (String::new(), value.chars());
    while let Some(letter) = letters.next() {
        text.push(match letter {
            '\\' => match letters.next()? {
                'b' => '\u{8}',
                'f' => '\u{c}',
                'n' => '\n',
                'r' => '\r',
                't' => '\t',
                'v' => '\u{b}',
                other => other,
            },
            other => other,
        });
    }
    Some(text.trim_end_matches(' ').to_owned())
}

fn users(rows: Vec<Row<'_>>) -> Result<Vec<OldUser>, DumpError> {
    let user = |mut row: Row<'_>| {
        Ok(OldUser {
            username: take(&mut row, "user", "username")?,
            password: secret(&mut row, "password"),
        })
    };
    rows.into_iter().map(user).collect()
}

fn clients(rows: Vec<Row<'_>>) -> Result<Vec<OldClient>, DumpError> {
    let client = |mut row: Row<'_>| {
        Ok(OldClient {
            id: take(&mut row, "client", "client_id")?,
            secret: secret(&mut row, "secret"),
            redirect_uri: take(&mut row, "client", "redirect_uri")?,
        })
    };
    rows.into_iter().map(client).collect()
}

fn take(row: &mut Row<'_>, table: &str, column: &'static str) -> Result<String, DumpError> {
    row.remove(column).ok_or_else(|| DumpError::Column {
        table: table.to_owned(),
        column,
    })
}

fn secret(row: &mut Row<'_>, column: &str) -> Option<Secret> {
    let text = row.remove(column).filter(|text| !text.is_empty())?;
    Some(Secret::new(text))
}

#[cfg(test)]
mod tests {
    use super::*;

    const DUMP: &str = "--\n-- PostgreSQL database dump\n--\n\nSET client_encoding = 'UTF8';\n\n\
        COPY public.\"grant\" (id, user_id, client_id, token, code, refresh) FROM stdin;\n\
        1\ttestuser            \t123456              \tf053ad0f4e9b23f     \t\\N\t1795318771\n\\.\n\n\
        COPY public.client (client_id, secret, redirect_uri) FROM stdin;\n\
        123456              \ts3cret              \thttp://localhost:8888/test   \n\\.\n\n\
        COPY \"user\" (username, password) FROM stdin;\n\
        testuser            \ttestpassword        \n\
        a\\\\b                 \tt\\tab             \n\
        nobody              \t\\N\n\\.\n\n";

    fn told(secret: Option<&Secret>) -> Option<&str> {
        secret.map(Secret::expose)
    }

    #[test]
    fn users_and_clients_are_read_without_the_blanks_that_fill_them_up() {
        let dump = parse(DUMP).unwrap();
        let users: Vec<_> = dump
            .users
            .iter()
            .map(|user| (user.username.as_str(), told(user.password.as_ref())))
            .collect();
        let expected = [
            ("testuser", Some("testpassword")),
            ("a\\b", Some("t\tab")),
            ("nobody", None),
        ];
        assert_eq!(users, expected);
        let [client] = dump.clients.as_slice() else {
            panic!("{:?}", dump.clients);
        };
        assert_eq!(client.id, "123456");
        assert_eq!(told(client.secret.as_ref()), Some("s3cret"));
        assert_eq!(client.redirect_uri, "http://localhost:8888/test");
    }

    #[test]
    fn what_is_no_dump_is_refused_and_nothing_of_it_told() {
        let head = "COPY \"user\" (username, password) FROM stdin;\n";
        for (text, error) in [
            (String::new(), DumpError::Nothing),
            (
                "username,password\nann,hunter2\n".to_owned(),
                DumpError::Nothing,
            ),
            (
                format!("{head}ann\thunter2\n"),
                DumpError::Cut("user".to_owned()),
            ),
            (
                format!("{head}ann\thunter2\tmore\n\\.\n"),
                DumpError::Row {
                    table: "user".to_owned(),
                    row: 1,
                },
            ),
            (
                "COPY \"user\" (name, password) FROM stdin;\nann\thunter2\n\\.\n".to_owned(),
                DumpError::Column {
                    table: "user".to_owned(),
                    column: "username",
                },
            ),
        ] {
            let refused = parse(&text).unwrap_err();
            assert_eq!(refused, error);
            assert!(!refused.to_string().contains("hunter2"), "{refused}");
        }
    }

    #[test]
    fn a_dump_without_users_or_without_clients_is_one() {
        let dump = parse("COPY \"user\" (username, password) FROM stdin;\n\\.\n").unwrap();
        assert!(dump.users.is_empty() && dump.clients.is_empty());
    }
}
