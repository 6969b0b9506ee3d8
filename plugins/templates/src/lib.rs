//! The projects that `sigmalab plugins new` writes: a sampler in Rust or in C that builds offline,
//! with the SDK or the header beside it. It knows nothing of folders: it gives names and contents.

/// The sampler in the documentation compiles.
#[cfg(doctest)]
#[doc = include_str!("../../../docs/plugins.md")]
struct Documentation;

/// The language of a new sampler.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Language {
    /// Rust, with the SDK.
    Rust,
    /// C, with the header.
    C,
}

/// A file of a new project.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct File {
    /// Path within the project, with `/` between its parts.
    pub path: &'static str,
    pub contents: String,
}

/// Why a project cannot have that name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BadName;

impl std::fmt::Display for BadName {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("a sampler's name is a letter and then letters, digits and `-`, all lower case, at most 40 of them")
    }
}

impl std::error::Error for BadName {}

/// The sampler's id in the templates, before the project's name: `example.NAME`.
pub const NAMESPACE: &str = "example";

/// The files of a new project.
///
/// # Errors
/// Where `name` is not `[a-z][a-z0-9-]*` of at most 40 characters, or a word that Cargo does not
/// take as the name of a package.
pub fn project(language: Language, name: &str) -> Result<Vec<File>, BadName> {
    check(name)?;
    let ident = name.replace('-', "_");
    let fill = |(path, template): &(&'static str, &str)| File {
        path,
        contents: template.replace("{{name}}", name).replace("{{ident}}", &ident),
    };
    let plain =
        |(path, contents): &(&'static str, &str)| File { path, contents: (*contents).to_owned() };
    Ok(match language {
        Language::Rust => RUST.iter().map(fill).chain(SDK.iter().map(plain)).collect(),
        Language::C => C.iter().map(fill).chain(HEADER.iter().map(plain)).collect(),
    })
}

/// The name of the library that the project builds, without `lib` and its ending.
///
/// # Errors
/// As [`project`].
pub fn library_name(name: &str) -> Result<String, BadName> {
    check(name)?;
    Ok(name.replace('-', "_"))
}

fn check(name: &str) -> Result<(), BadName> {
    let letters = |c: char| c.is_ascii_lowercase();
    let inside = |c: char| letters(c) || c.is_ascii_digit() || c == '-';
    let good = name.starts_with(letters) && name.chars().all(inside) && name.len() <= 40;
    let reserved = RESERVED.contains(&name);
    if good && !reserved { Ok(()) } else { Err(BadName) }
}

/// Names that Cargo or Rust keeps, and the SDK's own.
const RESERVED: &[&str] = &[
    "abstract",
    "alloc",
    "as",
    "async",
    "await",
    "become",
    "box",
    "break",
    "build",
    "const",
    "continue",
    "core",
    "crate",
    "deps",
    "do",
    "dyn",
    "else",
    "enum",
    "examples",
    "extern",
    "false",
    "final",
    "fn",
    "for",
    "gen",
    "if",
    "impl",
    "in",
    "incremental",
    "let",
    "loop",
    "macro",
    "match",
    "mod",
    "move",
    "mut",
    "override",
    "priv",
    "proc-macro",
    "pub",
    "ref",
    "return",
    "self",
    "sigmalab-sampler-sdk",
    "static",
    "std",
    "struct",
    "super",
    "test",
    "trait",
    "true",
    "try",
    "type",
    "typeof",
    "unsafe",
    "unsized",
    "use",
    "virtual",
    "where",
    "while",
    "yield",
];

const RUST: &[(&str, &str)] = &[
    ("Cargo.toml", include_str!("../rust/Cargo.toml.tmpl")),
    ("README.md", include_str!("../rust/README.md.tmpl")),
    (".gitignore", include_str!("../rust/gitignore.tmpl")),
    ("src/lib.rs", include_str!("../rust/src/lib.rs.tmpl")),
];

const C: &[(&str, &str)] = &[
    ("README.md", include_str!("../c/README.md.tmpl")),
    (".gitignore", include_str!("../c/gitignore.tmpl")),
    ("build.sh", include_str!("../c/build.sh.tmpl")),
    ("sampler.c", include_str!("../c/sampler.c.tmpl")),
];

const HEADER: &[(&str, &str)] =
    &[("sigmalab_sampler.h", include_str!("../../sdk/include/sigmalab_sampler.h"))];

/// A file of the SDK by its path in it.
macro_rules! sdk {
    ($($path:literal),* $(,)?) => {
        &[$((concat!("sdk/", $path), include_str!(concat!("../../sdk/", $path)))),*]
    };
}

const SDK: &[(&str, &str)] = sdk![
    "Cargo.toml",
    "include/sigmalab_sampler.h",
    "src/abi.rs",
    "src/error.rs",
    "src/export.rs",
    "src/host.rs",
    "src/info.rs",
    "src/lib.rs",
    "src/multistep.rs",
    "src/step.rs",
    "src/sum.rs",
    "src/testing/assertions.rs",
    "src/testing/flow.rs",
    "src/testing/grid.rs",
    "src/testing/host.rs",
    "src/testing/mod.rs",
    "src/time.rs",
];
