//! Which of the hosts in the documents this machine is.

use crate::input::Complaint;
use bookend_plan::Inventory;

/// What is known of this machine.
#[derive(Clone, Debug, Default)]
pub struct Here {
    /// `namespace/name` or `name` of its `Host`, if somebody said so.
    pub host: Option<String>,
    /// What it is called otherwise.
    pub hostname: String,
}

/// A host by namespace and name.
pub type HostName<'i> = (&'i str, &'i str);

impl Here {
    /// This machine. `host` is its `Host` by `namespace/name` or `name`; otherwise its own name tells.
    #[must_use]
    pub fn new(host: Option<String>) -> Self {
        // A machine without a name is the one that is named on the command line, or none.
        let hostname = std::fs::read_to_string("/proc/sys/kernel/hostname").unwrap_or_default();
        Self { host, hostname: hostname.trim().to_owned() }
    }

    /// The host of the inventory that this machine is, and what is probably not meant. Other hosts are peers.
    ///
    /// # Errors
    /// If it could be several.
    pub fn find<'i>(
        &self,
        inventory: &'i Inventory,
    ) -> Result<(Option<HostName<'i>>, Option<Complaint>), Vec<Complaint>> {
        let names = || inventory.hosts().map(|host| (host.identity.namespace.as_str(), host.name.as_str()));
        let Some(named) = &self.host else {
            // A machine may be called by its whole name or by the first part of it.
            let short = self.hostname.split('.').next().unwrap_or_default();
            let own =
                |(_, name): &HostName<'i>| !name.is_empty() && (*name == self.hostname || *name == short);
            let found: Vec<HostName<'i>> = names().filter(own).collect();
            return match found.as_slice() {
                [one] => Ok((Some(*one), None)),
                [] if names().next().is_none() => Ok((None, None)),
                [] => Ok((None, Some(self.none(&self.hostname, names().count())))),
                [first, ..] => Err(vec![self.several(first)]),
            };
        };
        let wanted = |(namespace, name): &HostName<'i>| match named.split_once('/') {
            Some(whole) => whole == (*namespace, *name),
            None => name == named,
        };
        let found: Vec<HostName<'i>> = names().filter(wanted).collect();
        match found.as_slice() {
            [one] => Ok((Some(*one), None)),
            [] => Ok((None, Some(self.none(named, names().count())))),
            [first, ..] => Err(vec![self.several(first)]),
        }
    }

    fn none(&self, name: &str, others: usize) -> Complaint {
        let cure = match (&self.host, others) {
            (_, 0) => "there is no `Host` in the documents",
            (None, _) => "say which `Host` it is with --host, or ignore this if it is none of them",
            (Some(_), _) => "no `Host` in the documents has this name",
        };
        Complaint::warning(format!(
            "none of this machine's own interfaces is policed: it is taken for `{name}`, and {cure}"
        ))
    }

    fn several(&self, (namespace, name): &HostName<'_>) -> Complaint {
        Complaint::plain(format!(
            "there are several hosts `{name}`; say which one this machine is: `--host {namespace}/{name}`"
        ))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use bookend_lang::{Source, compile};

    fn inventory(hosts: &[(&str, &str)]) -> Inventory {
        let documents: String = hosts
            .iter()
            .zip(1..)
            .map(|((namespace, name), n)| {
                format!(
                    "apiVersion: bookend.dev/v1alpha1\nkind: Host\nmetadata: {{ name: {name}, namespace: {namespace} }}\n\
                     spec: {{ interfaces: [{{ name: eth0, addresses: [192.0.2.{n}] }}] }}\n---\n"
                )
            })
            .collect();
        if hosts.is_empty() {
            return Inventory::default();
        }
        compile(&[Source::new("hosts", documents.as_bytes())]).unwrap().inventory
    }

    fn found(host: Option<&str>, hostname: &str, hosts: &[(&str, &str)]) -> (Option<String>, Option<String>) {
        let here = Here { host: host.map(str::to_owned), hostname: hostname.to_owned() };
        let inventory = inventory(hosts);
        match here.find(&inventory) {
            Ok((name, warning)) => {
                (name.map(|(namespace, name)| format!("{namespace}/{name}")), warning.map(|w| w.message))
            }
            Err(complaints) => (None, complaints.into_iter().next().map(|complaint| complaint.message)),
        }
    }

    #[test]
    fn a_machine_is_the_host_of_its_name() {
        let hosts = [("a", "db1"), ("a", "db2")];
        assert_eq!(found(None, "db2", &hosts), (Some("a/db2".to_owned()), None));
        assert_eq!(found(None, "db2.example.com", &hosts), (Some("a/db2".to_owned()), None));
        let (name, warning) = found(None, "web", &hosts);
        assert_eq!(name, None);
        assert!(warning.unwrap().contains("taken for `web`"));
        assert_eq!(found(None, "db1", &[]), (None, None));
    }

    #[test]
    fn somebody_may_say_which_host_it_is() {
        let hosts = [("a", "db1"), ("b", "db1")];
        assert_eq!(found(Some("b/db1"), "x", &hosts), (Some("b/db1".to_owned()), None));
        let (_, several) = found(Some("db1"), "x", &hosts);
        assert!(several.unwrap().contains("--host a/db1"));
        let (_, several) = found(None, "db1", &hosts);
        assert!(several.unwrap().contains("several hosts"));
        let (name, warning) = found(Some("c/db1"), "x", &hosts);
        assert_eq!(name, None);
        assert!(warning.unwrap().contains("no `Host` in the documents has this name"));
    }
}
