//! Groups that hold one user and nobody else, which many systems make for each: files are then
//! writable by their group as a matter of course, and nobody else can write to them. Reads the
//! system's two tables; a group that is not in them is taken for one of several.

use sigmalab_files::shared_folder::read_plain;
use std::path::Path;

/// Most bytes of a table.
const LIMIT: u64 = 16 << 20;

/// The groups of the system with one member.
#[derive(Debug, Clone, Default)]
pub(super) struct PrivateGroups {
    tables: std::sync::OnceLock<Tables>,
}

#[derive(Debug, Clone, Default)]
struct Tables {
    passwd: String,
    group: String,
}

impl PrivateGroups {
    /// Whether nobody but the user is in the group.
    pub(super) fn is_private(&self, group: u32, user: u32) -> bool {
        self.tables.get_or_init(Tables::of_the_system).is_private(group, user)
    }
}

impl Tables {
    fn of_the_system() -> Self {
        let read = |path: &str| {
            let bytes = read_plain(Path::new(path), LIMIT).unwrap_or_default();
            String::from_utf8_lossy(&bytes).into_owned()
        };
        Tables { passwd: read("/etc/passwd"), group: read("/etc/group") }
    }

    fn is_private(&self, group: u32, user: u32) -> bool {
        // passwd(5): name, password, uid, gid. group(5): name, password, gid, members.
        let users: Vec<Vec<&str>> = rows(&self.passwd).collect();
        let number = |row: &[&str], place: usize| row.get(place)?.parse::<u32>().ok();
        let Some(own) = users.iter().find(|row| number(row, 2) == Some(user)) else {
            return false;
        };
        let name = own.first().copied().unwrap_or_default();
        let others = users.iter().filter(|row| number(row, 2) != Some(user));
        let is_others = others.into_iter().any(|row| number(row, 3) == Some(group));
        let groups: Vec<Vec<&str>> =
            rows(&self.group).filter(|row| number(row, 2) == Some(group)).collect();
        let holds_him_alone = groups.iter().all(|row| {
            let members = row.get(3).copied().unwrap_or_default();
            row.first() == Some(&name)
                && members.split(',').all(|member| member.is_empty() || member == name)
        });
        !groups.is_empty() && !is_others && holds_him_alone
    }
}

fn rows(table: &str) -> impl Iterator<Item = Vec<&str>> {
    let lines = table.lines().filter(|line| !line.starts_with('#'));
    lines.map(|line| line.trim().split(':').collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_group_is_private_where_it_has_its_users_name_and_nobody_else() {
        let tables = Tables {
            passwd: "root:x:0:0::/root:/bin/sh\nada:x:1000:1000::/h:/bin/sh\n\
                     bob:x:1001:1001::/h:/bin/sh\neve:x:1002:1001::/h:/bin/sh\n"
                .to_owned(),
            group: "root:x:0:\nada:x:1000:ada\nbob:x:1001:\nstaff:x:50:ada\nx:x:7:\n".to_owned(),
        };
        assert!(tables.is_private(0, 0) && tables.is_private(1000, 1000));
        // eve is in bob's; staff is several people's; 8 and 9 are not known.
        for (group, user) in [(1001, 1001), (50, 1000), (1000, 1001), (8, 1000), (1000, 9)] {
            assert!(!tables.is_private(group, user), "{group} {user}");
        }
        let shared = Tables { group: "ada:x:1000:eve\n".to_owned(), ..tables };
        assert!(!shared.is_private(1000, 1000));
    }
}
