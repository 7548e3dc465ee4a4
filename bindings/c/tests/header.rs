//! `include/tlsmith.h` is what cbindgen makes of this crate.
//!
//! `make header` writes it; without `TLSMITH_WRITE_HEADER` it is compared.

use std::fs;
use std::path::Path;

/// Where a group of functions begins, and what it is about.
const GROUPS: [(&str, &str); 16] = [
    ("tlsmith_version(", "The library"),
    ("tlsmith_ctx_new(", "Context: what connections share"),
    ("tlsmith_ctx_set_ciphers(", "Context: protocol and sessions"),
    ("tlsmith_ctx_set_verify(", "Context: callbacks and key logs"),
    (
        "tlsmith_ctx_verify(",
        "Context: verification without a connection",
    ),
    ("tlsmith_conn_new(", "Connection: start and end"),
    ("tlsmith_conn_set_ctx(", "Connection: settings of its own"),
    (
        "tlsmith_ctx_set_session_callback(",
        "Session: what a client resumes",
    ),
    ("tlsmith_connect_fd(", "Connection: over what you have"),
    ("tlsmith_ctx_set_hello(", "Connection: the ClientHello"),
    ("tlsmith_handshake(", "Connection: data"),
    ("tlsmith_write_early(", "Connection: early data"),
    ("tlsmith_conn_version(", "Connection: what was agreed"),
    ("tlsmith_cert_subject(", "Certificate: one, borrowed"),
    ("tlsmith_gen_ca(", "Identity: certificates and keys"),
    ("tlsmith_gen_csr(", "Requests and revocation"),
];

fn generate() -> String {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    let config = cbindgen::Config::from_file(here.join("../../cbindgen.toml")).unwrap();
    let bindings = cbindgen::generate_with_config(here, config).unwrap();
    let mut header = Vec::new();
    bindings.write(&mut header);
    with_groups(&String::from_utf8(header).unwrap())
}

/// Adds the headings, and takes away the empty comment lines that cbindgen
/// leaves where an annotation stood.
fn with_groups(header: &str) -> String {
    let lines: Vec<_> = header.lines().collect();
    let mut out: Vec<String> = Vec::new();
    for (index, line) in lines.iter().enumerate() {
        let next = lines.get(index + 1).copied().unwrap_or_default();
        if line.trim() == "///" && !next.starts_with("///") {
            continue;
        }
        out.push((*line).to_owned());
        let group = GROUPS.iter().find(|(function, _)| {
            line.contains(function) && !line.starts_with("///") && !line.starts_with(" *")
        });
        if let Some((_, title)) = group {
            let is_doc =
                |line: &String| line.starts_with("///") || line.starts_with("TLSMITH_NODISCARD");
            let before = out.len() - 1;
            let doc = out[..before]
                .iter()
                .rev()
                .take_while(|line| is_doc(line))
                .count();
            let heading = format!("/* ---- {title} {:-<1$} */\n", "", 68 - title.len());
            out.insert(before - doc, heading);
        }
    }
    out.join("\n") + "\n"
}

#[test]
fn the_header_is_fresh() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../include/tlsmith.h");
    let header = generate();
    if std::env::var_os("TLSMITH_WRITE_HEADER").is_some() {
        fs::write(path, header).unwrap();
        return;
    }
    let committed = fs::read_to_string(path).unwrap_or_default();
    assert!(
        committed == header,
        "include/tlsmith.h is out of date: run 'make header'"
    );
}

#[test]
fn the_header_has_the_version_of_the_crate() {
    let header = generate();
    let version: Vec<u32> = env!("CARGO_PKG_VERSION")
        .split('.')
        .map(|part| part.parse().unwrap())
        .collect();
    let number = version[0] << 16 | version[1] << 8 | version[2];
    for line in [
        format!("#define TLSMITH_VERSION_MAJOR {}", version[0]),
        format!("#define TLSMITH_VERSION_MINOR {}", version[1]),
        format!("#define TLSMITH_VERSION_PATCH {}", version[2]),
        format!("#define TLSMITH_VERSION {number:#08x}"),
    ] {
        assert!(header.contains(&line), "{line}");
    }
}

#[test]
fn every_group_of_functions_has_its_heading() {
    let header = generate();
    for (_, title) in GROUPS {
        assert!(header.contains(&format!("/* ---- {title} ")), "{title}");
    }
}

#[test]
fn the_header_has_every_kind_of_key() {
    let header = generate();
    for kind in tlsmith::KeyType::ALL {
        assert!(header.contains(&format!("\"{kind}\"")), "{kind}");
    }
}

#[test]
fn the_header_declares_functions_of_tlsmith_only() {
    let header = generate();
    // One of the system's, declared again, is an error in C++ and on other systems.
    let foreign: Vec<_> = header
        .lines()
        .filter(|line| line.starts_with("extern ") && *line != "extern \"C\" {")
        .collect();
    assert!(foreign.is_empty(), "{foreign:?}");
}
