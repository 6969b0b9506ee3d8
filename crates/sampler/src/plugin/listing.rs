//! The list of plugins: those that can be used, and a line for every file that cannot. Here it is
//! decided whose id counts.

use super::file::{FileHash, PluginFile};
use crate::SamplerInfo;
use crate::registry::built_in;
use serde::Serialize;
use std::collections::BTreeMap;
use std::fmt;
use std::path::PathBuf;

/// A plugin that can be used.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Plugin {
    /// What it says of itself.
    pub info: SamplerInfo,
    pub file: PluginFile,
}

/// A file that cannot be used, or a folder that cannot be read.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Problem {
    pub path: PathBuf,
    /// The id of the sampler in it, where that was found out.
    pub id: Option<String>,
    /// Why, in one line that follows the file's name.
    pub problem: String,
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "`{}`: {}", self.path.display(), self.problem)
    }
}

/// Every file that was looked into.
#[derive(Debug, Clone, PartialEq, Default, Serialize)]
pub struct Listing {
    /// Plugins that can be used, by id.
    pub plugins: Vec<Plugin>,
    /// Files that cannot, in the order they were found.
    pub problems: Vec<Problem>,
    /// How many files were not looked into, because that would have started a process.
    pub pending: usize,
}

/// A file and what is in it.
pub(super) struct Found {
    pub(super) path: PathBuf,
    pub(super) result: Result<(SamplerInfo, FileHash), String>,
}

impl Listing {
    /// Sorts out what was found. A built-in sampler wins over a plugin of its id; of two
    /// different plugins of one id neither is used, because nobody could tell which one a recipe
    /// means. A second copy of the same file is left out, and so is a plugin that is what is built
    /// in.
    pub(super) fn of(found: Vec<Found>) -> Self {
        let mut listing = Listing::default();
        let mut by_id: BTreeMap<String, Vec<Plugin>> = BTreeMap::new();
        for Found { path, result } in found {
            match result {
                Ok((info, hash)) => {
                    let same_id = by_id.entry(info.id.to_string()).or_default();
                    if !same_id.iter().any(|plugin| plugin.file.hash == hash) {
                        same_id.push(Plugin { info, file: PluginFile { path, hash } });
                    }
                }
                Err(problem) => listing.problems.push(Problem { path, id: None, problem }),
            }
        }
        for (id, plugins) in by_id {
            if let Some(info) = built_in(&id) {
                // The shipped ones built as plugins are what is built in already.
                let others: Vec<Plugin> =
                    plugins.into_iter().filter(|plugin| plugin.info != *info).collect();
                let problem = format!("its id `{id}` is that of the built-in sampler, which wins");
                listing.refuse(&id, &others, |_| problem.clone());
            } else if plugins.len() > 1 {
                listing.refuse(&id, &plugins, |plugin| {
                    let others: Vec<_> = plugins
                        .iter()
                        .filter(|other| other.file.path != plugin.file.path)
                        .map(|other| format!("`{}`", other.file.path.display()))
                        .collect();
                    format!(
                        "its id `{id}` is also that of {}: none of them is used; remove or rename \
                         what is not meant",
                        others.join(", ")
                    )
                });
            } else {
                listing.plugins.extend(plugins);
            }
        }
        listing
    }

    fn refuse(&mut self, id: &str, plugins: &[Plugin], problem: impl Fn(&Plugin) -> String) {
        self.problems.extend(plugins.iter().map(|plugin| Problem {
            path: plugin.file.path.clone(),
            id: Some(id.to_owned()),
            problem: problem(plugin),
        }));
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::{Euler, Sampler as _};

    fn found(path: &str, id: &str, contents: &str) -> Found {
        let info = SamplerInfo { id: id.to_owned().into(), ..Euler.info().clone() };
        let hash = serde_json::from_str(&format!("\"{contents}\"")).unwrap();
        Found { path: path.into(), result: Ok((info, hash)) }
    }

    #[test]
    fn of_two_plugins_with_one_id_neither_is_used_and_each_has_a_line() {
        let listing = Listing::of(vec![
            found("a.so", "x", "1"),
            found("b.so", "y", "2"),
            found("c.so", "x", "3"),
        ]);
        assert_eq!(listing.plugins.len(), 1);
        assert_eq!(listing.plugins[0].info.id, "y");
        let lines: Vec<_> = listing.problems.iter().map(ToString::to_string).collect();
        assert_eq!(lines.len(), 2);
        assert!(lines[0].starts_with("`a.so`: its id `x` is also that of `c.so`:"), "{lines:?}");
        assert!(lines[1].starts_with("`c.so`: its id `x` is also that of `a.so`:"), "{lines:?}");
    }

    #[test]
    fn a_copy_of_the_same_file_harms_nobody() {
        let listing = Listing::of(vec![found("a.so", "x", "1"), found("copy/a.so", "x", "1")]);
        assert_eq!((listing.plugins.len(), listing.problems.len()), (1, 0));
        assert_eq!(listing.plugins[0].file.path, PathBuf::from("a.so"));
    }

    #[test]
    fn built_in_samplers_win() {
        let listing = Listing::of(vec![found("a.so", "heun", "1"), found("b.so", "euler", "2")]);
        assert!(listing.plugins.is_empty());
        assert_eq!(listing.problems.len(), 1, "a plugin that is the built-in one is no problem");
        assert!(listing.problems[0].to_string().contains("`heun` is that of the built-in"));
    }
}
