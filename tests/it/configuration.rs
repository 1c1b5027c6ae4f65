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
        ("[digest]", ""),
        ("[outbound]", ""),
        ("[[provider]]", ""),
        (
            "[provider.endpoints]",
            "[[provider]]\nname='p'\ntenant='t'\nclient_id='c'\n",
        ),
        ("[calls]", ""),
        ("[dialling]", ""),
        ("[dialling.rules]", ""),
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

#[test]
fn every_key_of_an_issuer_is_documented_with_its_kind() {
    let uncommented = DOCUMENTED.replace("\n# ", "\n");
    for kind in ["jwt", "introspection", "wazo"] {
        let sections = uncommented.split("\n[[issuer]]\n").skip(1);
        let mut kinds = sections.filter(|body| body.contains(&format!("\nkind = \"{kind}\"\n")));
        let section = kinds.next().unwrap().split("\n[calls]").next().unwrap();
        let known = known_keys(&format!("[[issuer]]\nkind = '{kind}'\nno_such_key = 1\n"));
        assert!(!known.is_empty(), "{kind}");
        for key in known {
            let is_documented = section.contains(&format!("{key} = "))
                || section.contains(&format!("[issuer.{key}]"));
            assert!(
                is_documented,
                "config/callgate.toml says nothing of `{key}` of {kind}"
            );
        }
    }
}

#[test]
fn every_key_of_a_backend_is_documented_with_its_kind() {
    let uncommented = DOCUMENTED.replace("\n# ", "\n");
    let kalliope = ["", "[backend.click]", "[backend.numbers]", "[backend.hook]"];
    for (kind, tables) in [("kalliope", &kalliope)] {
        let sections = uncommented.split("\n[[backend]]\n").skip(1);
        let mut kinds = sections.filter(|body| body.contains(&format!("\nkind = \"{kind}\"\n")));
        let section = kinds.next().unwrap().split("\n[[").next().unwrap();
        for table in tables {
            let text =
                format!("[[backend]]\nname = 'b'\nkind = '{kind}'\n{table}\nno_such_key = 1\n");
            let faults = Config::parse(&with_least(&text)).unwrap().faults();
            let known = quoted(&faults[0].message);
            assert!(!known.is_empty(), "{kind} {table}");
            let body = section.split_once(table).unwrap().1;
            let body = body.split("\n[backend.").next().unwrap();
            for key in known {
                let is_documented = body.contains(&format!("\n{key} = "))
                    || section.contains(&format!("\n[backend.{key}]"));
                assert!(
                    is_documented,
                    "config/callgate.toml says nothing of `{key}` of {kind} {table}"
                );
            }
        }
    }
}

#[test]
fn the_examples_of_backends_have_no_fault() {
    let document = include_str!("../../docs/backends.md");
    let blocks = document.split("\n\n");
    let examples = blocks.filter(|block| block.starts_with("    [["));
    let text: String = examples.map(|block| format!("{block}\n")).collect();
    assert!(text.matches("[[backend]]").count() > 0);
    let text = text
        .replace("file:/etc/callgate/", "secret-of-")
        .replace(".secret\"", "-secret\"");
    let config = format!("{}\n{text}", documented());
    assert_eq!(Config::parse(&config).unwrap().faults(), []);
}

#[test]
fn the_examples_of_issuers_have_no_fault() {
    let document = include_str!("../../docs/issuers.md");
    let lines = document
        .lines()
        .map(|line| line.strip_prefix("    ").unwrap_or_default());
    let text = lines.collect::<Vec<_>>().join("\n");
    let examples: Vec<_> = text
        .split("\n\n")
        .map(str::trim)
        .filter(|block| block.starts_with("[[issuer]]"))
        .collect();
    assert!(examples.len() > 3);
    let config = format!("{}\n{}", documented(), examples.join("\n"));
    assert_eq!(Config::parse(&config).unwrap().faults(), []);
}

#[test]
fn what_is_wrong_with_an_issuer_is_told_with_its_key() {
    let good = "[[issuer]]\nname='idp'\nkind='jwt'\ntenant='acme'\nissuer='https://idp.example'\naudience=['gate']\n";
    let principal = "[issuer.principal]\npolicies=['call']\n";
    for (text, told) in [
        (good.replace("kind='jwt'\n", ""), "missing field `kind`"),
        (good.replace("'jwt'", "'jwts'"), "did you mean `jwt`?"),
        (
            good.replace("audience", "audiense"),
            "did you mean `audience`?",
        ),
        (good.replace("['gate']", "'gate'"), "(at audience)"),
        (
            format!("{good}[issuer.principal]\nuser={{ clam = 'x' }}\n"),
            "did you mean `claim`?",
        ),
        (format!("{good}leeway='x'\n"), "(at leeway)"),
    ] {
        let fault = Config::parse(&with_least(&text)).unwrap_err();
        assert!(fault.message.contains(told), "{fault}");
        assert!(fault.path.starts_with("issuer"), "{fault}");
    }
    let config = |text: &str| Config::parse(&with_least(text)).unwrap();
    let whole = format!("{good}{principal}");
    assert_eq!(config(&whole).faults(), []);
    let another = whole.replace("https://idp.example", "https://another.example");
    for (text, path) in [
        (good.to_owned(), "issuer.idp.principal.policies"),
        (whole.replace("['gate']", "[]"), "issuer.idp.audience"),
        (
            whole.replace("https://idp", "http://idp"),
            "issuer.idp.issuer",
        ),
        (
            whole.replace("https://idp.example", "https://calls.example"),
            "issuer.idp.issuer",
        ),
        (
            whole.replace("tenant='acme'", "tenant=''"),
            "issuer.idp.tenant",
        ),
        (whole.replace("'idp'", "'Id P'"), "issuer.Id P.name"),
        (
            whole.replace("[issuer.p", "algorithms=['HS256']\n[issuer.p"),
            "issuer.idp.algorithms",
        ),
        (
            whole.replace("[issuer.p", "algorithms=['none']\n[issuer.p"),
            "issuer.idp.algorithms",
        ),
        (
            whole.replace("[issuer.p", "typ=['JWT']\n[issuer.p"),
            "issuer.idp.require",
        ),
        (
            whole.replace("[issuer.p", "leeway='61s'\n[issuer.p"),
            "issuer.idp.leeway",
        ),
        (
            whole.replace("[issuer.p", "jwks_uri='http://x.example'\n[issuer.p"),
            "issuer.idp.jwks_uri",
        ),
        (
            format!("{whole}user={{ linked = 'nobody' }}\n"),
            "issuer.idp.principal.user",
        ),
        (format!("{whole}{another}"), "issuer.idp"),
        (
            format!("{whole}{}", whole.replace("'idp'", "'two'")),
            "issuer.two.issuer",
        ),
    ] {
        let faults: Vec<_> = config(&text)
            .faults()
            .into_iter()
            .map(|fault| fault.path)
            .collect();
        assert_eq!(faults, [path], "{text}");
    }
}

fn with_least(text: &str) -> String {
    let least = "operations.token = 'an-operator'\ntokens.key = '0123456789abcdef0123456789abcdef'\n\
                 server.public_origin = 'https://calls.example'\n";
    format!("{least}{text}")
}

/// The keys that the error names when one is unknown.
fn known_keys(text: &str) -> Vec<String> {
    let error = Config::parse(text).unwrap_err().to_string();
    quoted(&error)
}

/// What an error quotes that was expected.
fn quoted(error: &str) -> Vec<String> {
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
