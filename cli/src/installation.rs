//! The options that say what an installation is like.

use anyhow::{Context, anyhow};
use bookend_lang::{Source, objects};
use bookend_objects::install::{Cni, DEFINITIONS, Image, Installation, Istio, NAMESPACE, Unpinned};
use serde_json::{Map, Value, json};

use crate::exit::Stopped;

/// What an installation is like.
#[derive(Clone, Debug, clap::Args)]
#[command(next_help_heading = "Installation")]
pub(crate) struct Options {
    /// The enforcer's image, by digest, as `bookend package enforcer` prints it
    #[arg(long, value_name = "IMAGE")]
    pub(crate) enforcer_image: Option<String>,

    /// The filter's image, by digest, as `bookend package filter` prints it; without it proxies get no filter
    #[arg(long, value_name = "IMAGE")]
    filter_image: Option<String>,

    /// Take images by tag, too: what a tag means today it need not mean tomorrow
    #[arg(long)]
    allow_tags: bool,

    /// A Secret of the type `kubernetes.io/dockerconfigjson` with credentials for the images, in the namespace
    #[arg(long, value_name = "SECRET")]
    pull_secret: Option<String>,

    /// Only tell what would be dropped or refused: enforcers drop nothing, and every policy is in audit mode
    #[arg(long)]
    pub(crate) audit: bool,

    /// The namespace of everything that is in one
    #[arg(long, value_name = "NAMESPACE", default_value = NAMESPACE)]
    pub(crate) namespace: String,

    /// The name of the installation, which everything is labelled with
    #[arg(long, value_name = "NAME", default_value = "bookend")]
    pub(crate) name: String,

    /// How filters get into Istio's proxies
    #[arg(long, value_enum, default_value_t)]
    istio: Mesh,

    /// Only nodes with this label get an enforcer; may be given more than once
    #[arg(long, value_name = "KEY=VALUE")]
    node_selector: Vec<String>,

    /// Tell of one in so many allowed new connections: 1 all, 0 none
    #[arg(long, value_name = "NUMBER", default_value_t = 0)]
    sample: u32,

    /// How many nodes may be without a running enforcer while enforcers are replaced: a number, or a share such as `10%`
    #[arg(long, value_name = "NUMBER", default_value = "10%")]
    max_unavailable: String,

    /// How many pods the controller has
    #[arg(long, value_name = "NUMBER", default_value_t = 2)]
    replicas: u32,

    /// Install no CNI plugin: pods then may start before their interface is policed
    #[arg(long, conflicts_with_all = ["cni_bin_dir", "cni_conf_dir"])]
    no_cni: bool,

    /// Where the nodes' container runtime looks for CNI plugins
    #[arg(long, value_name = "DIR", default_value = "/opt/cni/bin")]
    cni_bin_dir: String,

    /// Where it looks for their configuration
    #[arg(long, value_name = "DIR", default_value = "/etc/cni/net.d")]
    cni_conf_dir: String,

    /// Let enforcers ask their nodes' proxies which policies they have, for which they get CAP_SYS_ADMIN and CAP_SYS_PTRACE
    #[arg(long, requires = "filter_image")]
    ask_proxies: bool,

    /// The API server's address for enforcers, where nothing makes it reachable before they run: without kube-proxy
    #[arg(long, value_name = "HOST:PORT")]
    api_server: Option<String>,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, clap::ValueEnum)]
enum Mesh {
    /// By what the cluster has: WasmPlugin, or else TrafficExtension, or else EnvoyFilter.
    #[default]
    Auto,
    /// By WasmPlugin.
    Wasmplugin,
    /// By TrafficExtension, which came with Istio 1.30.
    Trafficextension,
    /// By EnvoyFilter alone, for meshes that forbid the others.
    Envoyfilter,
    /// Not at all.
    None,
}

impl Options {
    /// The installation, if an image says what to install.
    ///
    /// # Errors
    /// When an option makes no sense.
    pub(crate) fn installation(&self) -> anyhow::Result<Option<Installation>> {
        let Some(image) = &self.enforcer_image else {
            let needless = self.filter_image.is_some();
            let message = "`--filter-image` is for an installation, which needs `--enforcer-image`, too";
            return if needless { Err(Stopped::usage(message)) } else { Ok(None) };
        };
        for (option, image) in
            [("--enforcer-image", Some(image)), ("--filter-image", self.filter_image.as_ref())]
        {
            image.map_or(Ok(()), |image| self.check_image(option, image))?;
        }
        let mut installation = Installation::new(definitions()?, image, self.filter_image.clone());
        installation.name.clone_from(&self.name);
        installation.namespace.clone_from(&self.namespace);
        installation.pull_secret.clone_from(&self.pull_secret);
        installation.audit = self.audit;
        installation.istio = match (self.istio, &self.filter_image) {
            (Mesh::None, _) | (Mesh::Auto, None) => Istio::None,
            (_, None) => {
                let message =
                    "`--istio` says how filters get into proxies; name the filter with `--filter-image`";
                return Err(Stopped::usage(message));
            }
            (Mesh::Auto, _) => Istio::Auto,
            (Mesh::Wasmplugin, _) => Istio::WasmPlugin,
            (Mesh::Trafficextension, _) => Istio::TrafficExtension,
            (Mesh::Envoyfilter, _) => Istio::EnvoyFilter,
        };
        if self.api_server.as_deref().is_some_and(|server| !server.contains(':')) {
            return Err(Stopped::usage("`--api-server` is an address and a port, such as `192.0.2.1:6443`"));
        }
        installation.api_server.clone_from(&self.api_server);
        installation.controller.replicas = json!(self.replicas);
        let enforcer = &mut installation.enforcer;
        enforcer.node_selector.extend(labels(&self.node_selector)?);
        enforcer.sample = self.sample;
        enforcer.ask_proxies = self.ask_proxies;
        enforcer.max_unavailable = self
            .max_unavailable
            .parse::<u32>()
            .map_or_else(|_| json!(self.max_unavailable), |number| json!(number));
        let cni = Cni { programs: self.cni_bin_dir.clone(), configurations: self.cni_conf_dir.clone() };
        enforcer.cni = (!self.no_cni).then_some(cni);
        Ok(Some(installation))
    }

    fn check_image(&self, option: &str, image: &str) -> anyhow::Result<()> {
        let read = if self.allow_tags { Image::read(image) } else { Image::pinned(image) };
        let image = image.escape_debug();
        match read {
            Ok(_) => Ok(()),
            Err(Unpinned::Malformed) => {
                Err(anyhow!("`{option} {image}` is no reference to an image; `bookend package` prints one"))
            }
            Err(Unpinned::NoDigest) => Err(anyhow!(
                "`{option} {image}` has no digest, so that nobody knows what it is tomorrow; write what `bookend package` printed \
                 (`…@sha256:…`), or say `--allow-tags`"
            )),
        }
    }
}

fn labels(given: &[String]) -> anyhow::Result<Map<String, Value>> {
    given
        .iter()
        .map(|label| {
            let (key, value) = label.split_once('=').filter(|(key, _)| !key.is_empty()).ok_or_else(|| {
                Stopped::usage(format!("`--node-selector {label}` is no label; write `key=value`"))
            })?;
            Ok((key.to_owned(), json!(value)))
        })
        .collect()
}

/// The definitions of Bookend's kinds.
///
/// # Errors
/// Never with those that this program was built with.
pub(crate) fn definitions() -> anyhow::Result<Vec<Value>> {
    let sources: Vec<_> = DEFINITIONS.iter().map(|(name, text)| Source::new(*name, *text)).collect();
    let read = objects(&sources).context("the definitions make no sense")?;
    Ok(read.into_iter().map(|object| object.value).collect())
}
