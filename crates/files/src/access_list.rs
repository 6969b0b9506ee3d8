//! Access lists beyond a file's mode, as Linux keeps them: whether there is one. It reads none.

use std::path::Path;

/// The attribute that holds it, acl(5).
pub const ATTRIBUTE: &str = "system.posix_acl_access";

/// Whether the file at `path`, or the one a link there leads to, has an access list.
pub fn has_one(path: &Path) -> bool {
    rustix::fs::getxattr_query(path, ATTRIBUTE).is_ok_and(|length| length > 0)
}
