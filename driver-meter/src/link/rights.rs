//! What gives a user the right to open a device file.

use std::fs;
use std::path::Path;

/// The line that lets this user open the device file at `path`.
pub(crate) fn mend(path: &Path) -> String {
    mend_as(path, path)
}

/// The same, calling the file by another path.
pub(crate) fn mend_as(path: &Path, shown: &Path) -> String {
    match group_with_access(path) {
        Some(group) => format!("sudo usermod -aG {group} $USER, then log in again"),
        None => {
            format!("sudo chmod a+rw {}, or a udev rule that gives it to the group dialout", shown.display())
        }
    }
}

/// The group that may read and write `path`, unless that is root's.
#[cfg(unix)]
pub(crate) fn group_with_access(path: &Path) -> Option<String> {
    use std::os::unix::fs::MetadataExt;
    let metadata = fs::metadata(path).ok()?;
    let may = metadata.mode() & 0o060 == 0o060;
    if !may || metadata.gid() == 0 {
        None
    } else {
        group_name(metadata.gid(), &fs::read_to_string("/etc/group").ok()?)
    }
}

/// Groups are a matter of Unix.
#[cfg(not(unix))]
pub(crate) fn group_with_access(_path: &Path) -> Option<String> {
    None
}

/// The name of a group in the text of `/etc/group`.
#[cfg(unix)]
fn group_name(id: u32, groups: &str) -> Option<String> {
    let id = id.to_string();
    groups.lines().find_map(|line| {
        let mut fields = line.split(':');
        let name = fields.next()?;
        (fields.nth(1) == Some(&*id)).then(|| name.to_owned())
    })
}

/// The udev rule that lets the users of `plugdev` open a USB device, and what makes it hold at once.
pub(crate) fn usb_rule(vendor: u16, product: u16) -> String {
    format!(
        "echo 'SUBSYSTEM==\"usb\", ATTR{{idVendor}}==\"{vendor:04x}\", ATTR{{idProduct}}==\"{product:04x}\", \
         MODE=\"0660\", GROUP=\"plugdev\", TAG+=\"uaccess\"' | sudo tee /etc/udev/rules.d/70-wattproof.rules \
         && sudo udevadm control --reload && sudo udevadm trigger"
    )
}

#[cfg(all(test, unix))]
mod tests {
    use super::*;

    #[test]
    fn a_group_is_named_by_its_number() {
        let groups = "root:x:0:\ndialout:x:20:ada,bob\nplugdev:x:46:\n";
        assert_eq!(group_name(20, groups).as_deref(), Some("dialout"));
        assert_eq!(group_name(21, groups), None);
        assert_eq!(group_name(20, "dialout\n::\n"), None);
    }

    #[test]
    fn a_usb_rule_names_the_device() {
        let rule = usb_rule(0x0b21, 0x25);
        assert!(rule.contains("ATTR{idVendor}==\"0b21\", ATTR{idProduct}==\"0025\""), "{rule}");
    }
}
