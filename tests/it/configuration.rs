//! `config/callgate.toml` documents every key, and is a configuration that works.

use callgate::config::Config;

const DOCUMENTED: &str = include_str!("../../config/callgate.toml");

/// The file, with secrets that are there.
fn documented() -> String {
    with_secrets(DOCUMENTED)
}

fn with_secrets(text: &str) -> String {
    text.replace("file:/etc/callgate/operator.token", "an-operator")
        .replace(
            "file:/etc/callgate/token.key",
            "0123456789abcdef0123456789abcdef",
        )
}

#[test]
fn the_documented_configuration_has_no_fault() {
    let config = Config::parse(&documented()).unwrap();
    assert_eq!(config.faults(), []);
}

#[test]
fn the_example_of_fronting_has_no_fault() {
    let folder = tempfile::tempdir().unwrap();
    for name in ["chain.pem", "key.pem"] {
        std::fs::write(folder.path().join(name), "").unwrap();
    }
    let example = with_secrets(include_str!("../../config/examples/fronting.toml"))
        .replace("/etc/callgate/tls", &folder.path().display().to_string());
    assert_eq!(Config::parse(&example).unwrap().faults(), []);
}

#[test]
fn every_key_is_documented_in_its_section() {
    for (section, least) in [
        ("", ""),
        ("[server]", ""),
        ("[server.tls]", ""),
        ("[operations]", ""),
        ("[store]", ""),
        ("[tokens]", ""),
        ("[cache]", ""),
        ("[oauth]", ""),
        ("[outbound]", ""),
        ("[[provider]]", ""),
        (
            "[provider.endpoints]",
            "[[provider]]\nname='p'\ntenant='t'\nclient_id='c'\n",
        ),
        ("[calls]", ""),
        ("[log]", ""),
        ("[[credential]]", ""),
        ("[[upstream]]", ""),
        ("[upstream.health]", "[[upstream]]\nname='u'\npeers=[]\n"),
        ("[[route]]", ""),
    ] {
        let known = known_keys(&format!("{least}{section}\nno_such_key = 1\n"));
        assert!(!known.is_empty(), "{section}");
        for key in known {
            assert!(
                documents(section, &key),
                "config/callgate.toml says nothing of `{key}` in {section}"
            );
        }
    }
}

/// The keys that the error names when one is unknown.
fn known_keys(text: &str) -> Vec<String> {
    let error = Config::parse(text).unwrap_err().to_string();
    let (_, expected) = error
        .split_once("expected ")
        .unwrap_or_else(|| panic!("{error}"));
    let quoted = expected
        .lines()
        .next()
        .unwrap()
        .split('`')
        .skip(1)
        .step_by(2);
    quoted.map(str::to_owned).collect()
}

/// Whether the section of the file has the key, commented out or not; or, for the root, whether there is a section of
/// that name.
fn documents(section: &str, key: &str) -> bool {
    if section.is_empty() {
        return [format!("[{key}]"), format!("[[{key}]]")]
            .iter()
            .any(|header| DOCUMENTED.contains(header));
    }
    let uncommented = DOCUMENTED.replace("\n# ", "\n");
    let (_, after) = uncommented
        .split_once(&format!("\n{section}\n"))
        .unwrap_or_else(|| panic!("no {section}"));
    let body = after.split("\n[").next().unwrap();
    let table = uncommented.contains(&format!("\n[{}.{key}]", section.trim_matches(['[', ']'])));
    body.lines()
        .any(|line| line.starts_with(&format!("{key} = ")))
        || table
}
