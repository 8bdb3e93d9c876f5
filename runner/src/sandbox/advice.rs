//! What would help on a machine that is below the floor.

use std::fs;

/// The settings of Linux that keep ordinary users from making namespaces: where each is, the value that does, and what
/// to do about it.
const SETTINGS: &[(&str, &str, &str)] = &[
    (
        "/proc/sys/kernel/apparmor_restrict_unprivileged_userns",
        "1",
        "run `sysctl kernel.apparmor_restrict_unprivileged_userns=0` as root, or give this program an AppArmor profile with `userns,`",
    ),
    ("/proc/sys/kernel/unprivileged_userns_clone", "0", "run `sysctl kernel.unprivileged_userns_clone=1` as root"),
    ("/proc/sys/user/max_user_namespaces", "0", "run `sysctl user.max_user_namespaces=15000` as root"),
];

/// Files that container engines leave in their containers.
const CONTAINER: &[&str] = &["/.dockerenv", "/run/.containerenv"];

/// One sentence: what is missing, and what would help.
pub fn advice(error: &dyn std::fmt::Display) -> String {
    let read = |path: &str| fs::read_to_string(path).ok();
    format!("programs can't be kept apart from this machine: {error}; {}", remedy(&read))
}

fn remedy(read: &dyn Fn(&str) -> Option<String>) -> &'static str {
    let setting = SETTINGS.iter().find(|(path, value, _)| read(path).is_some_and(|text| text.trim() == *value));
    if let Some((_, _, remedy)) = setting {
        return remedy;
    }
    if CONTAINER.iter().any(|path| read(path).is_some()) {
        return "start this container with `--security-opt seccomp=unconfined --security-opt systempaths=unconfined`, run Locus outside of it, or use a cluster";
    }
    "allow this user to make user namespaces"
}

#[cfg(test)]
mod tests {
    use super::remedy;

    #[test]
    fn the_one_setting_that_is_in_the_way_is_named() {
        let machine =
            |path: &'static str, text: &'static str| move |asked: &str| (asked == path).then(|| text.to_owned());
        for (path, text, word) in [
            ("/proc/sys/kernel/apparmor_restrict_unprivileged_userns", "1\n", "AppArmor"),
            ("/proc/sys/kernel/unprivileged_userns_clone", "0\n", "unprivileged_userns_clone=1"),
            ("/proc/sys/user/max_user_namespaces", "0\n", "max_user_namespaces=15000"),
            ("/.dockerenv", "", "--security-opt"),
            ("/proc/sys/user/max_user_namespaces", "1000\n", "allow this user"),
        ] {
            assert!(remedy(&machine(path, text)).contains(word), "{path}");
        }
    }
}
