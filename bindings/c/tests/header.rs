//! Generates `include/tlsmith.h` with cbindgen.
//!
//! `make header` writes the file.  Without `TLSMITH_WRITE_HEADER` the tests compare it.

use std::fs;
use std::path::Path;

/// The first function of each group, and the group's heading.
const GROUPS: [(&str, &str); 16] = [
    ("tlsmith_version(", "The library"),
    ("tlsmith_ctx_new(", "Context: trust and identity"),
    ("tlsmith_ctx_set_ciphers(", "Context: protocol and sessions"),
    ("tlsmith_ctx_set_verify(", "Context: callbacks and key logs"),
    (
        "tlsmith_ctx_verify(",
        "Context: verification without a connection",
    ),
    ("tlsmith_conn_new(", "Connection: start and end"),
    ("tlsmith_conn_set_ctx(", "Connection: individual settings"),
    (
        "tlsmith_ctx_set_session_callback(",
        "Session: resumption by a client",
    ),
    ("tlsmith_connect_fd(", "Connection: transports"),
    ("tlsmith_ctx_set_hello(", "Connection: the ClientHello"),
    ("tlsmith_handshake(", "Connection: handshake and data"),
    ("tlsmith_write_early(", "Connection: early data"),
    ("tlsmith_conn_version(", "Connection: parameters and peer"),
    ("tlsmith_cert_subject(", "Certificate (borrowed handle)"),
    ("tlsmith_gen_ca(", "Identity: certificates and keys"),
    ("tlsmith_gen_csr(", "Requests and revocation"),
];

fn generate() -> String {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    let config = cbindgen::Config::from_file(here.join("../../cbindgen.toml")).unwrap();
    let bindings = cbindgen::generate_with_config(here, config).unwrap();
    let mut header = Vec::new();
    bindings.write(&mut header);
    let header = with_packed_arguments(&String::from_utf8(header).unwrap());
    let header = in_extern_c(&with_groups(&header));
    with_short_comments(&header)
}

/// The longest line of a declaration.
const LONGEST: usize = 100;

/// Packs as many arguments on a line as fit: cbindgen writes one a line.
fn with_packed_arguments(header: &str) -> String {
    let is_code = |line: &str| !line.is_empty() && !line.starts_with(['/', '#', ' ', '}', '*']);
    let begins = |line: &str| {
        is_code(line)
            && (line.contains('(') || line == "TLSMITH_NODISCARD")
            && line != "extern \"C\" {"
    };
    let mut out: Vec<String> = Vec::new();
    let mut lines = header.lines();
    while let Some(line) = lines.next() {
        if !begins(line) {
            out.push(line.to_owned());
            continue;
        }
        let mut declaration = line.to_owned();
        while !declaration.ends_with(';') {
            declaration = format!("{declaration} {}", lines.next().unwrap().trim());
        }
        out.extend(packed(&declaration));
    }
    out.join("\n") + "\n"
}

fn packed(declaration: &str) -> Vec<String> {
    let mut lines = vec![String::new()];
    // An annotation such as TLSMITH_READS(1, 2) stays together.
    let parts = declaration.split_inclusive(") ").flat_map(|part| {
        let is_annotation = part.starts_with("TLSMITH_") && !part.contains(" *");
        let separator = if is_annotation { ") " } else { ", " };
        part.split_inclusive(separator)
    });
    for part in parts {
        let line = lines.last_mut().unwrap();
        if line.len() + part.trim_end().len() > LONGEST {
            *line = line.trim_end().to_owned();
            lines.push(format!("    {part}"));
        } else {
            line.push_str(part);
        }
    }
    lines
}

/// The longest line with a declaration and its comment.
const LONGEST_SHORT: usize = 100;

/// Moves the comment of a member, a constant or a handle behind it, if the comment is one line and
/// both fit on one.
fn with_short_comments(header: &str) -> String {
    let is_comment = |line: &str| line.trim_start().starts_with("/// ");
    let has_comment = |line: &str| line.contains("  ///< ");
    let mut out: Vec<String> = Vec::new();
    for line in header.lines() {
        let is_member = line.starts_with("  ") && line.ends_with([',', ';']) && !is_comment(line);
        let is_handle = line.starts_with("typedef struct ") && line.ends_with(';');
        let is_short = is_member || is_handle || line.starts_with("#define TLSMITH_");
        let comment = out.last().filter(|last| is_short && is_comment(last));
        let before = out.len().checked_sub(2).map_or("", |index| &out[index]);
        let short = comment
            .filter(|_| !is_comment(before))
            .map(|comment| format!("{line}  ///< {}", &comment.trim_start()["/// ".len()..]))
            .filter(|short| short.len() <= LONGEST_SHORT);
        let Some(short) = short else {
            out.push(line.to_owned());
            continue;
        };
        out.pop();
        if let [.., above, blank] = &out[..]
            && blank.is_empty()
            && has_comment(above)
        {
            out.pop();
        }
        out.push(short);
    }
    out.join("\n") + "\n"
}

const EXTERN_C: &str = "#ifdef __cplusplus\nextern \"C\" {\n#endif // __cplusplus\n\n";

/// Opens `extern "C"` before the first type: in C++ callback types have a language linkage, too.
/// cbindgen opens it only before the first function.
fn in_extern_c(header: &str) -> String {
    let (before, after) = header.split_once(EXTERN_C).unwrap();
    let types = before.find("///").unwrap();
    [&before[..types], EXTERN_C, &before[types..], after].concat()
}

/// Adds the headings.  Removes second blank lines, and the empty comment lines that annotations
/// leave behind.
fn with_groups(header: &str) -> String {
    let lines: Vec<_> = header.lines().collect();
    let mut out: Vec<String> = Vec::new();
    for (index, line) in lines.iter().enumerate() {
        let next = lines.get(index + 1).copied().unwrap_or_default();
        let is_blank = |line: &str| line.is_empty();
        if (line.trim() == "///" && !next.starts_with("///")) || (is_blank(line) && is_blank(next))
        {
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
fn committed_header_is_up_to_date() {
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
fn header_version_is_the_crate_version() {
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
fn extern_c_contains_every_declaration() {
    let header = generate();
    let (before, inside) = header.split_once(EXTERN_C).unwrap();
    assert!(!before.contains("typedef") && !before.contains(");"));
    assert!(inside.contains("} tlsmith_status;"));
    assert!(!inside.contains("extern \"C\" {"));
    let (_, after) = inside.split_once("}  // extern \"C\"").unwrap();
    assert!(!after.contains("tlsmith_"), "{after}");
}

#[test]
fn header_has_the_protocol_version_numbers() {
    let header = generate();
    for (name, version) in [
        ("TLSMITH_TLS1_2", tlsmith::Version::Tls12),
        ("TLSMITH_TLS1_3", tlsmith::Version::Tls13),
    ] {
        let line = format!("#define {name} {:#06x}\n", version.wire());
        assert!(header.contains(&line), "{line}");
    }
}

#[test]
fn every_function_group_has_a_heading() {
    let header = generate();
    for (_, title) in GROUPS {
        assert!(header.contains(&format!("/* ---- {title} ")), "{title}");
    }
}

#[test]
fn header_lists_every_key_type() {
    let header = generate();
    for kind in tlsmith::KeyType::ALL {
        assert!(header.contains(&format!("\"{kind}\"")), "{kind}");
    }
}

#[test]
fn header_declares_only_tlsmith_functions() {
    let header = generate();
    // Declaring a system function again is an error in C++ and on other systems.
    let foreign: Vec<_> = header
        .lines()
        .filter(|line| line.starts_with("extern ") && *line != "extern \"C\" {")
        .collect();
    assert!(foreign.is_empty(), "{foreign:?}");
}
