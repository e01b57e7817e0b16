//! Whose a process is, by the path of its cgroup.
//!
//! kubelet makes a cgroup for each pod, whose name has the pod's UID in one of two spellings (kubernetes/kubernetes,
//! pkg/kubelet/cm: `cgroupfs` and `systemd` drivers), and the runtime makes those of the containers within. A static pod has
//! the hash of its file in the place of a UID.

/// The UID of the pod that a process with this `/proc/<pid>/cgroup` belongs to, if it belongs to one.
///
/// ```text
/// cgroupfs  /kubepods/burstable/pod<uid>/<container>
/// systemd   /kubepods.slice/kubepods-burstable.slice/kubepods-burstable-pod<uid with _>.slice/cri-containerd-<container>.scope
/// ```
///
/// Version 2 of cgroups has one line, version 1 one for each controller. The pod's is looked for from the left, so that a
/// pod cannot be somebody else by making a cgroup of its own. What comes before kubelet's own root (`--cgroup-root`, nodes
/// that are containers, cgroup namespaces: `/../..`) does not matter.
pub(crate) fn uid(text: &str) -> Option<String> {
    text.lines().find_map(|line| {
        // <hierarchy>:<controllers>:<path>
        let path = line.splitn(3, ':').nth(2)?;
        in_path(path)
    })
}

fn in_path(path: &str) -> Option<String> {
    let mut parts = path.split('/').skip_while(|part| !is_root(part));
    parts.next()?;
    // Below it lie classes of quality of service, and pods.
    for part in parts {
        let slice = part.strip_suffix(".slice");
        let name = match slice {
            // Every name has those of all above it before its own.
            Some(slice) => {
                slice.rsplit_once("-pod").map(|(above, uid)| (is_class(above), uid.replace('_', "-")))
            }
            None => part.strip_prefix("pod").map(|uid| (true, uid.to_owned())),
        };
        if let Some((true, uid)) = name
            && is_uid(&uid)
        {
            return Some(uid);
        }
        let class = slice.map_or_else(|| matches!(part, "burstable" | "besteffort" | "guaranteed"), is_class);
        if !class {
            return None;
        }
    }
    None
}

/// Whether kubelet's pods lie below: `kubepods` or `kubepods.slice`, also with what `--cgroup-root` puts before it.
fn is_root(part: &str) -> bool {
    let name = part.strip_suffix(".slice").unwrap_or(part);
    name == "kubepods" || (part.len() != name.len() && name.ends_with("-kubepods"))
}

/// Whether a slice is a class: `kubepods`, `kubepods-burstable`, `kubepods-besteffort`.
fn is_class(slice: &str) -> bool {
    let name =
        slice.strip_suffix("-burstable").or_else(|| slice.strip_suffix("-besteffort")).unwrap_or(slice);
    name == "kubepods" || name.ends_with("-kubepods")
}

/// A UID, or the hash of a static pod's file.
fn is_uid(text: &str) -> bool {
    let hexadecimal = |c: char| c.is_ascii_hexdigit();
    match text.len() {
        36 => {
            let groups: Vec<&str> = text.split('-').collect();
            groups.iter().map(|group| group.len()).eq([8, 4, 4, 4, 12])
                && groups.iter().all(|group| group.chars().all(hexadecimal))
        }
        32 => text.chars().all(hexadecimal),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const UID: &str = "0f3cd2e6-7a1b-4c5d-9e8f-001122334455";
    const SPELT: &str = "0f3cd2e6_7a1b_4c5d_9e8f_001122334455";
    const HASH: &str = "a1b2c3d4e5f60718293a4b5c6d7e8f90";

    #[test]
    fn every_driver_and_runtime_has_its_spelling() {
        let systemd = format!("/kubepods.slice/kubepods-burstable.slice/kubepods-burstable-pod{SPELT}.slice");
        for path in [
            format!("/kubepods/burstable/pod{UID}/0123456789abcdef"),
            format!("/kubepods/besteffort/pod{UID}/crio-0123"),
            format!("/kubepods/pod{UID}/0123"),
            format!("{systemd}/cri-containerd-0123.scope"),
            format!("{systemd}/crio-0123.scope/container"),
            format!("{systemd}/docker-0123.scope"),
            systemd.clone(),
            format!("/kubepods.slice/kubepods-pod{SPELT}.slice/cri-containerd-0123.scope"),
            format!(
                "/system.slice/docker-ab.scope/kubelet.slice/kubelet-kubepods.slice/kubelet-kubepods-besteffort.slice/kubelet-kubepods-besteffort-pod{SPELT}.slice/cri-containerd-0.scope"
            ),
            format!("/../../../kubepods.slice/kubepods-pod{SPELT}.slice/cri-containerd-0123.scope/init"),
        ] {
            assert_eq!(uid(&format!("0::{path}\n")).as_deref(), Some(UID), "{path}");
        }
    }

    #[test]
    fn the_first_version_of_cgroups_has_a_line_for_each_controller() {
        let text = format!(
            "12:pids:/kubepods/burstable/pod{UID}/01\n11:cpu,cpuacct:/kubepods/burstable/pod{UID}/01\n1:name=systemd:/\n"
        );
        assert_eq!(uid(&text).as_deref(), Some(UID));
    }

    #[test]
    fn a_static_pod_is_known_by_the_hash_of_its_file() {
        let text = format!(
            "0::/kubepods.slice/kubepods-burstable.slice/kubepods-burstable-pod{HASH}.slice/cri-containerd-0.scope\n"
        );
        assert_eq!(uid(&text).as_deref(), Some(HASH));
    }

    #[test]
    fn what_is_no_pods_is_nobodys_and_no_pod_can_be_another() {
        let other = "11111111-2222-3333-4444-555555555555";
        for path in [
            "/".to_owned(),
            "/system.slice/kubelet.service".to_owned(),
            "/user.slice/user-0.slice/session-1.scope".to_owned(),
            format!("/system.slice/pod{UID}"),
            format!("/kubepods/burstable/pod{UID}x/01"),
            format!("/kubepods/burstable/podjunk/pod{UID}"),
            format!("/kubepods.slice/other-pod{SPELT}.slice/x"),
            "/kubepods.slice/kubepods-burstable.slice".to_owned(),
        ] {
            assert_eq!(uid(&format!("0::{path}\n")), None, "{path}");
        }
        let nested = format!("0::/kubepods/burstable/pod{UID}/01/kubepods/pod{other}/02\n");
        assert_eq!(uid(&nested).as_deref(), Some(UID));
    }
}
